//! Reads expressions: names become columns, and each part gets its type.

use super::pattern;
use super::reader::Reader;
use super::token::Token;
use crate::app::{Aggregate, Call};
use crate::expr::{Expr, Function, Kind, Op};
use crate::oracle::cast;
use eventflux::event::{Type, Value};
use std::ops::Range;

/// What names may mean.
#[derive(Default)]
pub struct Scope {
    /// Name before the dot, attribute and type of each column.
    pub columns: Vec<(String, String, Type)>,
    pub sources: Vec<String>,
    pub outputs: Vec<(String, Type)>,
    pub calls: Vec<Call>,
    /// The columns that names without a dot speak of, where not of all.
    pub own: Option<Range<usize>>,
    /// The terms of a pattern.
    pub terms: Vec<TermScope>,
}

/// A term of a pattern.
pub struct TermScope {
    pub name: String,
    pub first: usize,
    pub attributes: Vec<(String, Type)>,
    pub counted: bool,
}

impl Scope {
    /// The number of the term of this name.
    pub fn term(&self, name: &str) -> Option<usize> {
        let is_it = |t: &TermScope| t.name.eq_ignore_ascii_case(name);
        self.terms.iter().position(is_it)
    }
}

const COMPARISONS: [(&str, Op); 6] = [
    ("=", Op::Eq),
    ("<>", Op::NotEq),
    ("<=", Op::LessEq),
    (">=", Op::GreaterEq),
    ("<", Op::Less),
    (">", Op::Greater),
];

fn boxed(op: Op, a: Expr, b: Expr) -> Expr {
    Expr::boolean(Kind::Binary(op, Box::new(a), Box::new(b)))
}

/// A literal takes the type of the number beside it.
fn arithmetic(op: Op, a: Expr, b: Expr) -> Expr {
    let literal = |e: &Expr| matches!(e.kind, Kind::Literal(_));
    let ty = match () {
        () if op == Op::Div => Type::Double,
        () if literal(&b) && b.ty == Type::Long => a.ty,
        () if literal(&a) && a.ty == Type::Long => b.ty,
        () if a.ty.widens_to(b.ty) => b.ty,
        () => a.ty,
    };
    Expr::new(ty, Kind::Binary(op, Box::new(a), Box::new(b)))
}

impl Reader {
    pub fn expr(&mut self, scope: &mut Scope) -> Expr {
        let mut left = self.all_of(scope);
        while self.eat("OR") {
            left = boxed(Op::Or, left, self.all_of(scope));
        }
        left
    }

    fn all_of(&mut self, scope: &mut Scope) -> Expr {
        let mut left = self.condition(scope);
        while self.eat("AND") {
            left = boxed(Op::And, left, self.condition(scope));
        }
        left
    }

    fn condition(&mut self, scope: &mut Scope) -> Expr {
        if self.eat("NOT") {
            return Expr::boolean(Kind::Not(Box::new(self.condition(scope))));
        }
        if let (Token::Word(name), true) = (self.ahead(0), is_word(self.ahead(1), "IS"))
            && let Some(term) = scope.term(name)
        {
            self.next();
            self.expect("IS");
            let negated = self.eat("NOT");
            self.expect("NULL");
            return Expr::boolean(Kind::NoRow(term, negated));
        }
        let left = self.sum(scope);
        if self.eat("IS") {
            let negated = self.eat("NOT");
            self.expect("NULL");
            return Expr::boolean(Kind::IsNull(Box::new(left), negated));
        }
        let negated = self.eat("NOT");
        if self.eat("IN") {
            let table = self.stream();
            return Expr::boolean(Kind::InTable(Box::new(left), table, negated));
        }
        if self.eat("BETWEEN") {
            let low = self.sum(scope);
            self.expect("AND");
            let (low, high) = (Box::new(low), Box::new(self.sum(scope)));
            return Expr::boolean(Kind::Between(Box::new(left), low, high, negated));
        }
        match COMPARISONS.iter().find(|(sign, _)| self.eat(sign)) {
            Some((_, op)) => boxed(*op, left, self.sum(scope)),
            None => left,
        }
    }

    fn sum(&mut self, scope: &mut Scope) -> Expr {
        let mut left = self.product(scope);
        loop {
            left = match () {
                () if self.eat("+") => arithmetic(Op::Add, left, self.product(scope)),
                () if self.eat("-") => arithmetic(Op::Sub, left, self.product(scope)),
                () => return left,
            };
        }
    }

    fn product(&mut self, scope: &mut Scope) -> Expr {
        let mut left = self.part(scope);
        loop {
            left = match () {
                () if self.eat("*") => arithmetic(Op::Mul, left, self.part(scope)),
                () if self.eat("/") => arithmetic(Op::Div, left, self.part(scope)),
                () => return left,
            };
        }
    }

    fn part(&mut self, scope: &mut Scope) -> Expr {
        if self.eat("(") {
            let inner = self.expr(scope);
            self.expect(")");
            return inner;
        }
        if self.eat("-") {
            let inner = self.part(scope);
            return Expr::new(inner.ty, Kind::Minus(Box::new(inner)));
        }
        let word = match self.next() {
            Token::Text(text) => return literal(Value::from(text.as_str())),
            Token::Word(word) => word,
            Token::Sign(sign) => panic!("'{sign}' begins no expression"),
        };
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return match word.contains('.') {
                true => literal(Value::Double(word.parse().expect("a number"))),
                false => {
                    let number: i64 = word.parse().expect("a number");
                    let us = self.unit().map(|us| number * us / 1000);
                    literal(Value::Long(us.unwrap_or(number)))
                }
            };
        }
        match word.to_ascii_uppercase().as_str() {
            "TRUE" => literal(Value::Bool(true)),
            "FALSE" => literal(Value::Bool(false)),
            "NULL" => Expr::new(Type::String, Kind::Literal(Value::Null)),
            _ if self.eat("(") => self.call(&word, scope),
            _ if self.eat("[") => self.nth(&word, scope),
            _ if self.eat(".") => {
                let name = self.word();
                self.column(Some(&word), &name, scope)
            }
            _ => self.column(None, &word, scope),
        }
    }

    fn column(&self, before: Option<&str>, name: &str, scope: &Scope) -> Expr {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let output = scope.outputs.iter().position(|(n, _)| same(n, name));
        if let (Some(place), None) = (output, before) {
            return Expr::new(scope.outputs[place].1, Kind::Output(place));
        }
        let is_it = |place: &usize| {
            let (of, n, _) = &scope.columns[*place];
            before.is_none_or(|b| same(of, b)) && same(n, name)
        };
        let own = scope.own.clone().filter(|_| before.is_none());
        let mut places = own.unwrap_or(0..scope.columns.len());
        if let Some(place) = places.find(is_it) {
            return Expr::new(scope.columns[place].2, Kind::Column(place));
        }
        let before = before.unwrap_or_else(|| panic!("{name} is no attribute"));
        let table = self.number(before);
        let attributes = &self.app.streams[table].attributes;
        let place = attributes.iter().position(|a| same(&a.name, name));
        let place = place.unwrap_or_else(|| panic!("{before}.{name} is no attribute"));
        Expr::new(attributes[place].ty, Kind::TableColumn(table, place))
    }

    fn call(&mut self, name: &str, scope: &mut Scope) -> Expr {
        if name.eq_ignore_ascii_case("eventTimestamp") {
            let of = self.word();
            self.expect(")");
            let same = |s: &String| s.eq_ignore_ascii_case(&of);
            let source = scope.sources.iter().position(same).expect("a source");
            return Expr::new(Type::Long, Kind::TimeOf(source));
        }
        if name.eq_ignore_ascii_case("coalesce") {
            let args = vec![self.expr(scope), {
                self.expect(",");
                self.expr(scope)
            }];
            self.expect(")");
            return Expr::new(args[0].ty, Kind::Call(Function::Coalesce, args));
        }
        let arg = (!self.eat(")")).then(|| {
            let arg = self.expr(scope);
            self.expect(")");
            arg
        });
        let of = arg.as_ref().map_or(Type::Long, |a| a.ty);
        let (aggregate, ty) = match (name.to_ascii_lowercase().as_str(), &arg) {
            ("count", None) => (Aggregate::Count, Type::Long),
            ("count", Some(_)) => (Aggregate::CountOf, Type::Long),
            ("sum", _) if of.is_integer() => (Aggregate::Sum, Type::Long),
            ("sum", _) => (Aggregate::Sum, Type::Double),
            ("min", _) => (Aggregate::Min, of),
            ("max", _) => (Aggregate::Max, of),
            ("avg", _) => (Aggregate::Avg, Type::Double),
            _ => panic!("no case calls {name}"),
        };
        if let Some(kind) = pattern::over(aggregate, &arg, scope) {
            return Expr::new(ty, kind);
        }
        scope.calls.push(Call { aggregate, arg });
        Expr::new(ty, Kind::Aggregate(scope.calls.len() - 1))
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.eq_ignore_ascii_case(word))
}

fn literal(value: Value) -> Expr {
    let ty = value.type_of().expect("a literal with a type");
    Expr::new(ty, Kind::Literal(cast(value, ty)))
}
