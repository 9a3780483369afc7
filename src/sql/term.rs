//! One term of a pattern: `[name =] S[filter] [count]` or `NOT S[filter] [FOR t]`; and a reference to one of its rows.

use super::ast::{Count, Expr, ExprKind, Name, Nth, Source, Span, Term};
use super::limits::{PATTERN_COUNT_MAX, PATTERN_INDEX_MAX, PATTERN_TERMS_MAX};
use super::parser::{Parsed, Parser, reserved};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

/// Words that name nothing in a pattern unless quoted, beside those that never do.
const PATTERN_WORDS: &[&str] = &["EVERY", "FOR", "WITHIN"];

/// How counts are written.
const COUNTS: &str = "write {2}, {2,5}, {2,}, {,5}, +, * or ?";

/// How one of the rows of a term is written.
const INDEXES: &str = "write e[0].x, e[last].x or e[last-1].x";

/// Whether a count begins with this sign.
pub(super) fn is_count(kind: &Kind) -> bool {
    matches!(kind, Kind::LBrace | Kind::Plus | Kind::Mul) || is_question(kind)
}

fn is_question(kind: &Kind) -> bool {
    *kind == Kind::Question || matches!(kind, Kind::Placeholder(sign) if sign == "?")
}

impl Parser<'_> {
    /// One term; its stream, name and filters become one more source.
    pub(super) fn term(&mut self, terms: &mut Vec<Source>) -> Parsed<Term> {
        let start = self.span();
        if terms.len() == PATTERN_TERMS_MAX {
            let most = format!("a pattern has at most {PATTERN_TERMS_MAX} terms");
            let fault = Fault::new(start, format!("{most} (PATTERN_TERMS_MAX)"));
            return Err(fault.help("insert the matches of a part into a stream and read that"));
        }
        let absent = self.eat("NOT").then_some(start);
        if let Some(fault) = self.no_term(absent.is_some()) {
            return Err(fault);
        }
        let mut source = Source {
            alias: self.term_name(absent.is_some())?,
            stream: self.stream_name("the name of a stream")?,
            filters: Vec::new(),
            window: None,
            unidirectional: None,
            reach: None,
            whole: false,
        };
        while self.is_sign(0, &Kind::LBracket) {
            source.filters.push(self.filter()?);
        }
        let count = self.term_count(absent.is_some())?;
        let silence = match absent.is_some() && self.is("FOR") {
            true => Some(self.silence()?),
            false => None,
        };
        if let Some(fault) = self.behind_term(count.is_some(), absent.is_some(), &source) {
            return Err(fault);
        }
        terms.push(source);
        Ok(Term {
            source: terms.len() - 1,
            absent,
            silence,
            count,
            span: start.to(self.last_span()),
        })
    }

    /// What stands where a term is expected and is none.
    fn no_term(&self, absent: bool) -> Option<Fault> {
        let span = self.span();
        if absent && (self.is_sign(0, &Kind::LParen) || self.is("NOT")) {
            return Some(unsupported::NOT_GROUP.at(span));
        }
        if self.is_any(&["PATTERN", "SEQUENCE"]) && self.is_sign(1, &Kind::LParen) {
            return Some(unsupported::PATTERN_INSIDE.at(span));
        }
        if self.is("EVERY") && absent {
            return Some(unsupported::EVERY_ABSENT.at(span));
        }
        let fault = self.unexpected("the name of a stream");
        if self.is_any(PATTERN_WORDS) {
            let word = self.source(span);
            let remedy = format!("write \"{word}\" in double quotes if it is meant as a name");
            return Some(fault.help(remedy));
        }
        match self.kind() {
            // an inner or a fault stream
            Kind::Word(_) | Kind::Sharp | Kind::ExclamationMark => None,
            _ if fault.remedy.is_some() => Some(fault),
            _ => Some(fault.help("write terms such as e1=A -> e2=B[x > e1.x]")),
        }
    }

    /// `name =`.
    fn term_name(&mut self, absent: bool) -> Parsed<Option<Name>> {
        let doubled = self.is_sign(1, &Kind::DoubleEq);
        if !doubled && !self.is_sign(1, &Kind::Eq) {
            return Ok(None);
        }
        let name = self.name("the name of a term")?;
        let span = self.span();
        self.advance();
        if absent || self.is("NOT") {
            return Err(unsupported::NOT_NAME.at(name.span));
        }
        if doubled {
            let fault = Fault::new(span, "a term is named by one '='");
            return Err(fault.help(format!("write {}=", self.source(name.span))));
        }
        if self.is_sign(0, &Kind::LParen) {
            return Err(unsupported::GROUP_NAME.at(name.span));
        }
        match self.no_term(false) {
            Some(fault) => Err(fault),
            None => Ok(Some(name)),
        }
    }

    /// `FOR t`.
    fn silence(&mut self) -> Parsed<(i64, Span)> {
        match self.time_bound("FOR")? {
            (0, span) => {
                let fault = Fault::new(span, "no row can be missing for no time");
                Err(fault.help("write a time longer than 0, as in FOR 5 SECONDS"))
            }
            silence => Ok(silence),
        }
    }

    /// What stands behind a term and belongs elsewhere, if it has a name of its own.
    fn behind_term(&self, counted: bool, absent: bool, source: &Source) -> Option<Fault> {
        let span = self.span();
        let no = match self.kind() {
            Kind::LBracket => &unsupported::LATE_FILTER,
            Kind::Lt => return Some(self.angled_count()),
            kind if is_count(kind) => match absent {
                true => &unsupported::NOT_COUNT,
                false => &unsupported::TWO_COUNTS,
            },
            _ if self.is("WINDOW") || self.is_sign(0, &Kind::Sharp) => &unsupported::TERM_WINDOW,
            _ if self.is("UNIDIRECTIONAL") || self.is("JOIN") => &unsupported::TERM_JOIN,
            _ if self.is("FOR") => match absent {
                true => &unsupported::TWO_SILENCES,
                false => &unsupported::FOR_PRESENT,
            },
            _ => return self.late_name(counted, source),
        };
        Some(no.at(span))
    }

    /// A name behind a term, with AS or without: it stands in front.
    fn late_name(&self, counted: bool, source: &Source) -> Option<Fault> {
        let at = usize::from(self.is("AS"));
        let taken =
            |w: &&str| reserved(w) || PATTERN_WORDS.iter().any(|p| p.eq_ignore_ascii_case(w));
        let word = self.word(at).filter(|w| !taken(w))?;
        let ends = [Kind::Arrow, Kind::Comma, Kind::RParen];
        let ended = ends.iter().any(|sign| self.is_sign(at + 1, sign));
        if at == 0 && (counted || source.alias.is_some() || !ended) {
            return None;
        }
        let stream = self.source(source.stream.span);
        let fault = Fault::new(self.span(), "the name of a term stands in front of it");
        Some(fault.help(format!("write {word}={stream}")))
    }

    /// `<2:5>`, as others write counts.
    fn angled_count(&self) -> Fault {
        let bound = |at: usize| match &self.token(at).kind {
            Kind::Number(digits, false) => (digits.as_str(), at + 1),
            _ => ("", at),
        };
        let (min, at) = bound(1);
        let colon = self.is_sign(at, &Kind::Colon);
        let (max, end) = bound(at + usize::from(colon));
        let fault = Fault::new(self.span(), "a count stands in braces");
        if !self.is_sign(end, &Kind::Gt) || (min.is_empty() && max.is_empty()) {
            return fault.help(COUNTS);
        }
        let comma = if colon { "," } else { "" };
        fault.help(format!("write {{{min}{comma}{max}}}"))
    }

    /// `{n}`, `{n,m}`, `{n,}`, `{,m}`, `+`, `*`, `?`, if one of them stands next.
    fn term_count(&mut self, absent: bool) -> Parsed<Option<Count>> {
        let span = self.span();
        let (min, max) = match self.kind() {
            _ if absent => return Ok(None),
            Kind::LBrace => return self.braces().map(Some),
            Kind::Plus => (1, None),
            Kind::Mul => (0, None),
            kind if is_question(kind) => (0, Some(1)),
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(Count { min, max, span }))
    }

    /// A count in braces.
    fn braces(&mut self) -> Parsed<Count> {
        let start = self.expect_sign(&Kind::LBrace)?;
        let min = self.count_bound()?;
        let max = match self.eat_sign(&Kind::Comma) {
            true => self.count_bound()?,
            false => min,
        };
        if min.is_none() && max.is_none() {
            return Err(self.unexpected("a number of rows").help(COUNTS));
        }
        if !self.eat_sign(&Kind::RBrace) {
            let expected = if self.last_is(&Kind::Comma) {
                "a number or '}'"
            } else {
                "'}'"
            };
            return Err(self.unexpected(expected).help(COUNTS));
        }
        let span = start.to(self.last_span());
        let min = min.unwrap_or(0);
        match max {
            Some(0) => {
                let fault = Fault::new(span, "the count takes no row");
                Err(fault.help("remove the term, or write {0,1} for one that may be missing"))
            }
            Some(max) if max < min => {
                let fault = Fault::new(span, "the count takes more rows at least than at most");
                Err(fault.help(format!("write {{{max},{min}}}")))
            }
            max => Ok(Count { min, max, span }),
        }
    }

    /// A bound of a count, if it is written.
    fn count_bound(&mut self) -> Parsed<Option<u32>> {
        if !matches!(self.kind(), Kind::Number(..)) {
            return Ok(None);
        }
        let most = format!("a count is at most {PATTERN_COUNT_MAX} (PATTERN_COUNT_MAX)");
        let remedy = "write {2,} for as many as come";
        self.bounded(PATTERN_COUNT_MAX, &most, remedy, COUNTS)
            .map(Some)
    }

    /// A whole number up to a limit: what to say of one that is larger, and of one that is not whole.
    fn bounded(&mut self, max: u32, most: &str, fewer: &str, forms: &str) -> Parsed<u32> {
        let span = self.span();
        let digits = match self.kind() {
            Kind::Number(digits, false) if digits.bytes().all(|b| b.is_ascii_digit()) => digits,
            _ => return Err(self.unexpected("a whole number").help(forms)),
        };
        match digits.parse::<u32>().ok().filter(|n| *n <= max) {
            Some(n) => {
                self.advance();
                Ok(n)
            }
            None => Err(Fault::new(span, most).help(fewer)),
        }
    }

    /// What follows the name of a term in `e[0].x`, `e[last].x`, `e[last-1].x`.
    pub(super) fn nth(&mut self, term: Name) -> Parsed<Expr> {
        self.expect_sign(&Kind::LBracket)?;
        let nth = if !self.eat("LAST") {
            Nth::First(self.index()?)
        } else if self.eat_sign(&Kind::Minus) {
            Nth::Last(self.index()?)
        } else {
            Nth::Last(0)
        };
        if !self.eat_sign(&Kind::RBracket) {
            return Err(self.unexpected("']'").help(INDEXES));
        }
        if !self.eat_sign(&Kind::Period) {
            return Err(unsupported::INDEXED.at(term.span.to(self.last_span())));
        }
        let name = self.any_name("the name of an attribute")?;
        let span = term.span.to(name.span);
        if self.is_sign(0, &Kind::Period) {
            let fault = Fault::new(self.span(), "a name has at most one dot");
            return Err(fault.help("write e[0].x"));
        }
        self.leaf(ExprKind::Nth { term, nth, name }, span)
    }

    fn index(&mut self) -> Parsed<u32> {
        if !matches!(self.kind(), Kind::Number(..)) {
            let first = !self.last_is(&Kind::Minus);
            let expected = if first {
                "a number or LAST"
            } else {
                "a number"
            };
            return Err(self.unexpected(expected).help(INDEXES));
        }
        let most = format!("an index is at most {PATTERN_INDEX_MAX} (PATTERN_INDEX_MAX)");
        let fewer = "count from the other end, as in e[last].x, or aggregate, as in avg(e.x)";
        self.bounded(PATTERN_INDEX_MAX, &most, fewer, INDEXES)
    }
}
