//! Reads patterns: chains of terms, and what expressions may say of these.

use super::expr::{Scope, TermScope};
use super::reader::Reader;
use super::token::Token;
use crate::app::pattern::{Logical, Nth, Pattern, Step, Term, Unit, What};
use crate::app::{Aggregate, Call, Query, Source};
use crate::expr::{Expr, Kind};
use eventflux::event::Type;

impl Reader {
    /// `PATTERN (…) …` or `SEQUENCE (…) …`, if one stands here, and what names mean behind it.
    pub fn pattern(&mut self, query: &mut Query) -> Option<Scope> {
        let sequence = self.eat("SEQUENCE");
        if !sequence && !self.eat("PATTERN") {
            return None;
        }
        let mut pattern = Pattern {
            sequence,
            chain: Vec::new(),
            terms: Vec::new(),
            within: None,
            skip_past: false,
        };
        let mut scope = Scope::default();
        self.expect("(");
        pattern.chain = self.chain(&mut pattern.terms, &mut scope);
        self.expect(")");
        pattern.within = self.within();
        if self.eat("AFTER") {
            for word in ["MATCH", "SKIP"] {
                self.expect(word);
            }
            pattern.skip_past = self.eat("PAST");
            let words: &[&str] = match pattern.skip_past {
                true => &["LAST", "ROW"],
                false => &["TO", "NEXT", "ROW"],
            };
            words.iter().for_each(|word| self.expect(word));
        }
        scope.own = None;
        query.pattern = Some(pattern);
        Some(scope)
    }

    fn within(&mut self) -> Option<i64> {
        self.eat("WITHIN").then(|| self.span())
    }

    fn chain(&mut self, terms: &mut Vec<Term>, scope: &mut Scope) -> Vec<Step> {
        let mut chain = Vec::new();
        loop {
            let every = self.eat("EVERY");
            let unit = if self.begins_group() {
                self.expect("(");
                let chain = self.chain(terms, scope);
                self.expect(")");
                Unit::Group(chain)
            } else {
                Unit::Logical(self.any_of(terms, scope))
            };
            let within = self.within();
            chain.push(Step {
                every,
                unit,
                within,
            });
            if !self.eat("->") && !self.eat(",") {
                return chain;
            }
        }
    }

    /// Whether a parenthesis stands here that holds a chain.
    fn begins_group(&self) -> bool {
        if !self.sees("(") {
            return false;
        }
        let (mut parentheses, mut inside) = (0, 0);
        for place in 0.. {
            match self.ahead(place) {
                Token::Sign("(") => parentheses += 1,
                Token::Sign(")") => parentheses -= 1,
                Token::Sign("[" | "{") => inside += 1,
                Token::Sign("]" | "}") => inside -= 1,
                Token::Sign("->" | ",") if inside == 0 => return true,
                Token::Word(word) if inside == 0 && word.eq_ignore_ascii_case("EVERY") => {
                    return true;
                }
                _ => {}
            }
            if parentheses == 0 {
                return false;
            }
        }
        false
    }

    fn any_of(&mut self, terms: &mut Vec<Term>, scope: &mut Scope) -> Logical {
        let mut sides = vec![self.all_terms(terms, scope)];
        while self.eat("OR") {
            sides.push(self.all_terms(terms, scope));
        }
        match sides.len() {
            1 => sides.remove(0),
            _ => Logical::Or(sides),
        }
    }

    fn all_terms(&mut self, terms: &mut Vec<Term>, scope: &mut Scope) -> Logical {
        let mut sides = vec![self.basic(terms, scope)];
        while self.eat("AND") {
            sides.push(self.basic(terms, scope));
        }
        match sides.len() {
            1 => sides.remove(0),
            _ => Logical::And(sides),
        }
    }

    fn basic(&mut self, terms: &mut Vec<Term>, scope: &mut Scope) -> Logical {
        if self.eat("(") {
            let inner = self.any_of(terms, scope);
            self.expect(")");
            return inner;
        }
        let absent = self.eat("NOT");
        let named = matches!(self.ahead(1), Token::Sign("="));
        let alias = named.then(|| self.word());
        if named {
            self.expect("=");
        }
        let stream = self.stream();
        let first = scope.columns.len();
        let name = alias.clone().unwrap_or_default();
        let attributes = self.app.streams[stream].attributes.iter();
        let attributes: Vec<(String, Type)> = attributes.map(|a| (a.name.clone(), a.ty)).collect();
        let columns = attributes.iter();
        let columns = columns.map(|(attribute, ty)| (name.clone(), attribute.clone(), *ty));
        scope.columns.extend(columns);
        scope.own = Some(first..scope.columns.len());
        scope.terms.push(TermScope {
            name,
            first,
            attributes,
            counted: false,
        });
        let mut source = Source {
            alias,
            ..Source::of(stream)
        };
        if self.eat("[") {
            source.filter = Some(self.expr(scope));
            self.expect("]");
        }
        let what = match absent {
            true if self.eat("FOR") => What::NotFor(self.span()),
            true => What::Not,
            false => self.count(),
        };
        let term = scope.terms.last_mut().expect("it was just put there");
        term.counted = what.is_counted();
        terms.push(Term { source, what });
        Logical::Term(terms.len() - 1)
    }

    fn count(&mut self) -> What {
        match () {
            () if self.eat("+") => What::Counted(1, None),
            () if self.eat("*") => What::Counted(0, None),
            () if self.eat("?") => What::Counted(0, Some(1)),
            () if self.eat("{") => {
                let min = if self.sees(",") { 0 } else { self.whole() };
                let max = match self.eat(",") {
                    false => Some(min),
                    true => (!self.sees("}")).then(|| self.whole()),
                };
                self.expect("}");
                What::Counted(min, max)
            }
            () => What::Once,
        }
    }

    /// `[0].x` and its like, behind the name of a term.
    pub fn nth(&mut self, name: &str, scope: &Scope) -> Expr {
        let nth = match self.eat("last") {
            false => Nth::First(self.whole()),
            true if self.eat("-") => Nth::Last(self.whole()),
            true => Nth::Last(0),
        };
        self.expect("]");
        self.expect(".");
        let attribute = self.word();
        let term = scope.term(name).expect("a term");
        let attributes = &scope.terms[term].attributes;
        let place = attributes.iter().position(|(n, _)| *n == attribute);
        let place = place.unwrap_or_else(|| panic!("{name} has no {attribute}"));
        Expr::new(attributes[place].1, Kind::Nth(term, place, nth))
    }
}

/// An aggregate over a counted term, if its argument speaks of one.
pub fn over(aggregate: Aggregate, arg: &Option<Expr>, scope: &Scope) -> Option<Kind> {
    let mut arg = arg.clone()?;
    let of = |t: &TermScope| t.first..t.first + t.attributes.len();
    let speaks = |t: &TermScope| {
        t.counted && arg.any(&|k| matches!(k, Kind::Column(c) if of(t).contains(c)))
    };
    let term = scope.terms.iter().position(speaks)?;
    shift(&mut arg, scope.terms[term].first);
    let arg = Some(arg);
    Some(Kind::Over(term, Box::new(Call { aggregate, arg })))
}

fn shift(expr: &mut Expr, first: usize) {
    match &mut expr.kind {
        Kind::Column(c) => *c -= first,
        Kind::Binary(_, a, b) => {
            shift(a, first);
            shift(b, first);
        }
        Kind::Minus(a) => shift(a, first),
        _ => {}
    }
}
