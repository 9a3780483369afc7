//! `PATTERN (…)` and `SEQUENCE (…)`: the tree in which terms stand, and the clauses behind the parentheses.
//!
//! A `(` opens a chain wherever it stands. One that turns out to hold nothing but terms joined by AND and OR is no
//! group, but puts these together.

use super::ast::{Logical, Name, Pattern, Source, Span, Step, Unit};
use super::join::JOIN_WORDS;
use super::limits::NESTING_LEVELS_MAX;
use super::parser::{Parsed, Parser};
use super::term::is_count;
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;

/// The clauses behind the parentheses, in the order in which they stand: each by its first word.
pub(super) const PATTERN_CLAUSES: &[&str] = &["WITHIN", "EMIT", "AFTER", "WITH"];

/// What may stand behind AFTER MATCH.
const SKIPS: &str = "write SKIP PAST LAST ROW or SKIP TO NEXT ROW";

impl Parser<'_> {
    /// Whether a pattern or sequence stands next; else these words name a stream.
    pub(super) fn at_pattern(&self) -> bool {
        self.is_any(&["PATTERN", "SEQUENCE"]) && self.is_sign(1, &Kind::LParen)
    }

    /// Whether what stands next seems to be a pattern that lacks PATTERN or its parentheses.
    pub(super) fn at_bare_pattern(&self) -> bool {
        let ahead = usize::from(self.is_any(&["PATTERN", "SEQUENCE"]));
        let opens = self.is_sign(ahead + 1, &Kind::LParen);
        let named = self.word(ahead).is_some() && self.is_sign(ahead + 1, &Kind::Eq);
        let term = self.is_sign(ahead + 2, &Kind::Eq) || self.is_sign(ahead + 2, &Kind::Arrow);
        let every = self.is_word(ahead, "EVERY") && (opens || term);
        named || every || self.is_word(ahead, "NOT")
    }

    /// The whole pattern, with its terms as sources.
    pub(super) fn pattern_source(&mut self) -> Parsed<(Vec<Source>, Pattern)> {
        let start = self.span();
        let is_sequence = self.is("SEQUENCE");
        self.advance();
        let mut terms = Vec::new();
        let chain = self.chain(&mut terms)?;
        let within = self.step_within()?;
        let timeout = match self.is("EMIT") {
            true => Some(self.timeout(within.is_some())?),
            false => None,
        };
        let skip_past = match self.is("AFTER") {
            true => self.skip(&chain)?,
            false => None,
        };
        let span = start.to(self.last_span());
        let options = match self.is("WITH") {
            true => self.some_options()?,
            false => Vec::new(),
        };
        let pattern = Pattern {
            is_sequence,
            chain,
            within,
            timeout,
            skip_past,
            options,
            span,
        };
        match self.behind_pattern(&pattern) {
            Some(fault) => Err(fault),
            None => Ok((terms, pattern)),
        }
    }

    /// `(step -> step, …)`.
    fn chain(&mut self, terms: &mut Vec<Source>) -> Parsed<Vec<Step>> {
        if self.depth == NESTING_LEVELS_MAX {
            let message = format!("the pattern nests deeper than {NESTING_LEVELS_MAX} levels");
            let fault = Fault::new(self.span(), message);
            return Err(fault.help("insert the matches of a part into a stream and read that"));
        }
        self.expect_sign(&Kind::LParen)?;
        self.depth += 1;
        let chain = self.steps(terms);
        self.depth -= 1;
        chain
    }

    /// Steps up to the `)`.
    fn steps(&mut self, terms: &mut Vec<Source>) -> Parsed<Vec<Step>> {
        let mut steps = vec![self.step(terms)?];
        while self.eat_sign(&Kind::Arrow) || self.eat_sign(&Kind::Comma) {
            steps.push(self.step(terms)?);
        }
        if self.eat_sign(&Kind::RParen) {
            return Ok(steps);
        }
        let within = steps.last().and_then(|s| s.within);
        Err(self.no_link(within.map(|(_, span)| span)))
    }

    /// `[EVERY] unit [WITHIN t]`.
    fn step(&mut self, terms: &mut Vec<Source>) -> Parsed<Step> {
        let start = self.span();
        let every = self.eat("EVERY").then_some(start);
        if every.is_some() && self.is("EVERY") {
            let fault = Fault::new(self.span(), "EVERY is given twice");
            return Err(fault.help("remove one of them"));
        }
        let unit = self.unit(terms)?;
        let within = self.step_within()?;
        let span = start.to(self.last_span());
        Ok(Step {
            every,
            unit,
            within,
            span,
        })
    }

    /// `[WITHIN t]`.
    fn step_within(&mut self) -> Parsed<Option<(i64, Span)>> {
        match self.is("WITHIN") {
            true => self.time_bound("WITHIN").map(Some),
            false => Ok(None),
        }
    }

    /// A group, or terms joined by AND and OR.
    fn unit(&mut self, terms: &mut Vec<Source>) -> Parsed<Unit> {
        let start = self.span();
        match self.part(terms)? {
            Unit::Logical(first) => self.any_of(first, terms).map(Unit::Logical),
            Unit::Group(_) if self.is_any(&["AND", "OR"]) => {
                Err(unsupported::GROUP_SIDE.at(start.to(self.last_span())))
            }
            group => Ok(group),
        }
    }

    /// The first side, and what OR joins with it.
    fn any_of(&mut self, first: Logical, terms: &mut Vec<Source>) -> Parsed<Logical> {
        let mut sides = vec![self.all_of(first, terms)?];
        while self.eat("OR") {
            let first = self.side(terms)?;
            sides.push(self.all_of(first, terms)?);
        }
        Ok(one_or(sides, Logical::Or))
    }

    /// The first side, and what AND joins with it.
    fn all_of(&mut self, first: Logical, terms: &mut Vec<Source>) -> Parsed<Logical> {
        let mut sides = vec![first];
        while self.eat("AND") {
            sides.push(self.side(terms)?);
        }
        Ok(one_or(sides, Logical::And))
    }

    /// What stands behind AND or OR.
    fn side(&mut self, terms: &mut Vec<Source>) -> Parsed<Logical> {
        let start = self.span();
        if self.is("EVERY") {
            return Err(unsupported::EVERY_SIDE.at(start));
        }
        match self.part(terms)? {
            Unit::Logical(side) => Ok(side),
            Unit::Group(_) => Err(unsupported::GROUP_SIDE.at(start.to(self.last_span()))),
        }
    }

    /// A term, or what stands in parentheses.
    fn part(&mut self, terms: &mut Vec<Source>) -> Parsed<Unit> {
        if !self.is_sign(0, &Kind::LParen) {
            return self.term(terms).map(|t| Unit::Logical(Logical::Term(t)));
        }
        if self.is_word(1, "SELECT") {
            return Err(unsupported::SUBQUERY.at(self.token(1).span));
        }
        let mut chain = self.chain(terms)?;
        let span = self.span();
        if is_count(self.kind()) || self.is_sign(0, &Kind::Lt) {
            return Err(unsupported::GROUP_COUNT.at(span));
        }
        if self.is_sign(0, &Kind::LBracket) {
            return Err(unsupported::GROUP_FILTER.at(span));
        }
        let alone = |s: &Step| s.every.is_none() && s.within.is_none();
        match chain.pop() {
            Some(only) if chain.is_empty() && alone(&only) => Ok(only.unit),
            last => {
                chain.extend(last);
                Ok(Unit::Group(chain))
            }
        }
    }

    /// What stands behind a step is no separator. `within`: where its WITHIN stands.
    fn no_link(&self, within: Option<Span>) -> Fault {
        let span = self.span();
        match self.kind() {
            Kind::StringConcat | Kind::Pipe => return self.unexpected("OR").help("write OR"),
            Kind::Overlap | Kind::Ampersand => return self.unexpected("AND").help("write AND"),
            Kind::RArrow | Kind::LongArrow => return self.unexpected("'->'").help("write ->"),
            _ => {}
        }
        match within {
            Some(within) if self.is_any(&["AND", "OR"]) => {
                return unsupported::WITHIN_SIDE.at(within);
            }
            Some(_) if self.is("WITHIN") => {
                let fault = Fault::new(span, "WITHIN is given twice");
                return fault.help("remove one of them");
            }
            _ => {}
        }
        if self.is_any(&["EMIT", "AFTER", "WITH"]) {
            let word = self.source(span).to_ascii_uppercase();
            let message = format!("{word} stands behind the parentheses of the pattern");
            return Fault::new(span, message).help("move it behind the last ')'");
        }
        let fault = self.unexpected(match within {
            Some(_) => "'->', ',' or ')'",
            None => "'->', ',', AND, OR, WITHIN or ')'",
        });
        match fault.remedy {
            Some(_) => fault,
            None => fault.help("write -> in front of what must come next"),
        }
    }

    /// `EMIT TIMEOUT INTO name`.
    fn timeout(&mut self, bounded: bool) -> Parsed<Name> {
        let start = self.expect("EMIT")?;
        if !self.eat("TIMEOUT") {
            return Err(self.unexpected("TIMEOUT").help("write EMIT TIMEOUT INTO X"));
        }
        self.expect("INTO")?;
        let name = self.stream_name("the stream to insert timeouts into")?;
        if bounded {
            return Ok(name);
        }
        let span = start.to(self.last_span());
        let fault = Fault::new(span, "nothing times out where no WITHIN bounds the whole");
        Err(fault.help("write WITHIN 5 SECONDS behind the parentheses, before EMIT TIMEOUT"))
    }

    /// `AFTER MATCH SKIP PAST LAST ROW`, with its place; `AFTER MATCH SKIP TO NEXT ROW`, which is what EVERY does.
    fn skip(&mut self, chain: &[Step]) -> Parsed<Option<Span>> {
        let start = self.span();
        for word in ["AFTER", "MATCH", "SKIP"] {
            if !self.eat(word) {
                return Err(self.unexpected(word).help(SKIPS));
            }
        }
        let words = |words: [&str; 3]| (0..3).all(|i| self.is_word(i, words[i]));
        let past = words(["PAST", "LAST", "ROW"]);
        if !past && !words(["TO", "NEXT", "ROW"]) {
            let to = self.is("TO") && matches!(self.token(1).kind, Kind::Word(_));
            if to {
                let span = start.to(self.token(1).span);
                let fault = Fault::new(span, "this way of going on is not supported");
                return Err(fault.help(SKIPS));
            }
            return Err(self.unexpected("PAST LAST ROW or TO NEXT ROW").help(SKIPS));
        }
        (0..3).for_each(|_| self.advance());
        let span = start.to(self.last_span());
        if chain.iter().any(has_every) {
            return Ok(past.then_some(span));
        }
        let fault = Fault::new(
            span,
            "without EVERY the pattern matches once, and does not go on",
        );
        Err(fault.help("write EVERY in front of the first term, or remove AFTER MATCH"))
    }

    /// What stands behind the last clause of a pattern and cannot stand there.
    fn behind_pattern(&self, pattern: &Pattern) -> Option<Fault> {
        let span = self.span();
        if let Some(word) = PATTERN_CLAUSES.iter().find(|c| self.is(c)) {
            let twice = match *word {
                "WITHIN" => pattern.within.is_some(),
                "EMIT" => pattern.timeout.is_some(),
                "AFTER" => pattern.options.is_empty() || pattern.skip_past.is_some(),
                _ => true,
            };
            return Some(match twice {
                true => {
                    let fault = Fault::new(span, format!("{word} is given twice"));
                    fault.help("remove one of them")
                }
                false => {
                    let order = "WITHIN, EMIT TIMEOUT, AFTER MATCH and WITH stand in this order";
                    Fault::new(span, order).help("move it in front of the clause before")
                }
            });
        }
        let no = match self.kind() {
            Kind::LBracket => &unsupported::PATTERN_FILTER,
            Kind::Comma => &unsupported::PATTERN_JOIN,
            Kind::Arrow => &unsupported::BARE_PATTERN,
            kind if is_count(kind) => &unsupported::GROUP_COUNT,
            _ if self.is("WINDOW") || self.is_sign(0, &Kind::Sharp) => &unsupported::PATTERN_WINDOW,
            _ if self.is("AS") => &unsupported::PATTERN_ALIAS,
            _ if self.is("UNIDIRECTIONAL") || self.is_any(JOIN_WORDS) => &unsupported::PATTERN_JOIN,
            _ if self.is_any(&["AND", "OR"]) => &unsupported::BARE_PATTERN,
            _ => return None,
        };
        Some(no.at(span))
    }
}

/// The only side, or all of them joined.
fn one_or(mut sides: Vec<Logical>, joined: fn(Vec<Logical>) -> Logical) -> Logical {
    match sides.pop() {
        Some(only) if sides.is_empty() => only,
        last => {
            sides.extend(last);
            joined(sides)
        }
    }
}

/// Whether something in the step comes again and again.
fn has_every(step: &Step) -> bool {
    let inside = match &step.unit {
        Unit::Group(chain) => chain.iter().any(has_every),
        Unit::Logical(_) => false,
    };
    step.every.is_some() || inside
}
