//! What stands behind FROM or USING: sources and how they are joined, or a pattern.
//!
//! Joins are read from the left: each one joins all that stands before it with one more source.

use super::ast::{Expr, ExprKind, Join, JoinKind, Pattern, Source, Span};
use super::limits::JOINS_MAX;
use super::parser::{Parsed, Parser, reserved};
use super::token::Kind;
use super::unsupported;
use crate::error::Fault;
use crate::event::Value;

/// Words with which a join begins, those of other dialects included.
pub(super) const JOIN_WORDS: &[&str] = &[
    "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "ASOF", "NATURAL", "SEMI", "ANTI",
    "LATERAL",
];

/// What an ASOF join is, for those who write another one.
const ASOF_FORMS: &str =
    "write ASOF JOIN or ASOF LEFT JOIN: each row of the left side looks for one of the right";

/// What a query reads.
pub(super) struct Reading {
    /// In the order of the text, at least one.
    pub(super) sources: Vec<Source>,
    /// How each source but the first is joined with those before it.
    pub(super) joins: Vec<Join>,
    /// The pattern whose terms the sources are.
    pub(super) pattern: Option<Pattern>,
}

/// The words of a join.
#[derive(Clone, Copy)]
struct Words {
    kind: JoinKind,
    /// Whether they are CROSS JOIN, which has no condition.
    cross: bool,
    span: Span,
}

impl Parser<'_> {
    /// One source, several that are joined, or a pattern.
    pub(super) fn sources(&mut self) -> Parsed<Reading> {
        if self.at_pattern() {
            let (sources, pattern) = self.pattern_source()?;
            return Ok(Reading {
                sources,
                joins: Vec::new(),
                pattern: Some(pattern),
            });
        }
        let mut sources = vec![self.source_clause()?];
        let mut joins = Vec::new();
        while let Some(words) = self.join_words()? {
            if joins.len() == JOINS_MAX {
                let message = format!("a FROM has at most {JOINS_MAX} joins (JOINS_MAX)");
                let fault = Fault::new(words.span, message);
                return Err(fault.help("insert what is joined so far into a stream and join that"));
            }
            let mut source = self.source_clause()?;
            check_trigger(&sources, &source, words.kind)?;
            joins.push(self.join(words, &mut source)?);
            sources.push(source);
        }
        if self.is_sign(0, &Kind::Comma) {
            return Err(unsupported::COMMA_JOIN.at(self.span()));
        }
        match sources[0].unidirectional {
            Some(span) if joins.is_empty() => Err(self.no_join(span)),
            _ if self.is_sign(0, &Kind::Arrow) => Err(unsupported::BARE_PATTERN.at(self.span())),
            _ => Ok(Reading {
                sources,
                joins,
                pattern: None,
            }),
        }
    }

    /// `[INNER] JOIN`, `LEFT [OUTER] JOIN` and their like, if they stand next.
    fn join_words(&mut self) -> Parsed<Option<Words>> {
        let span = self.span();
        let word = self.word(0).map(str::to_ascii_uppercase);
        let (kind, outer) = match word.as_deref() {
            Some("JOIN" | "INNER" | "CROSS") => (JoinKind::Inner, false),
            Some("LEFT") => (JoinKind::Left, true),
            Some("RIGHT") => (JoinKind::Right, true),
            Some("FULL") => (JoinKind::Full, true),
            Some("ASOF") => return self.asof_words().map(Some),
            Some("NATURAL") => return Err(unsupported::NATURAL.at(span)),
            Some("SEMI") => return Err(unsupported::SEMI.at(span)),
            Some("ANTI") => return Err(unsupported::ANTI.at(span)),
            Some("LATERAL") => return Err(unsupported::LATERAL.at(span)),
            Some("OUTER") => {
                let fault = Fault::new(span, "an outer join says of which side it keeps all rows");
                return Err(fault.help("write LEFT, RIGHT or FULL OUTER JOIN"));
            }
            _ => return Ok(None),
        };
        let cross = self.is("CROSS");
        if !self.is("JOIN") {
            self.advance();
        }
        let fault = match () {
            () if self.is("SEMI") => Some(unsupported::SEMI.at(self.span())),
            () if self.is("ANTI") => Some(unsupported::ANTI.at(self.span())),
            () if self.is("ASOF") => Some(self.unexpected("JOIN").help(ASOF_FORMS)),
            () => None,
        };
        if let Some(fault) = fault {
            return Err(fault);
        }
        if outer && !self.eat("OUTER") && !self.is("JOIN") {
            return Err(self.unexpected("OUTER or JOIN"));
        }
        let span = span.to(self.expect("JOIN")?);
        Ok(Some(Words { kind, cross, span }))
    }

    /// `ASOF [LEFT [OUTER]] JOIN`.
    fn asof_words(&mut self) -> Parsed<Words> {
        let start = self.expect("ASOF")?;
        let kind = match self.eat("LEFT") {
            true => JoinKind::AsofLeft,
            false => JoinKind::Asof,
        };
        if kind == JoinKind::AsofLeft {
            self.eat("OUTER");
        }
        match self.eat("JOIN") {
            true => Ok(Words {
                kind,
                cross: false,
                span: start.to(self.last_span()),
            }),
            false if self.is_any(JOIN_WORDS) => Err(self.unexpected("JOIN").help(ASOF_FORMS)),
            false => Err(self.unexpected("LEFT or JOIN")),
        }
    }

    /// What stands behind the right side: `ON condition [WITHIN t]`, nothing for CROSS JOIN. `source`: that side; where
    /// it is an aggregation, what of it is read may stand there, too.
    fn join(&mut self, words: Words, source: &mut Source) -> Parsed<Join> {
        let Words { kind, cross, span } = words;
        let on = if cross && !self.is("USING") {
            let kind = ExprKind::Literal(Value::Bool(true));
            Expr { kind, span }
        } else if self.eat("ON") {
            self.expression()?
        } else {
            return Err(self.no_condition(kind));
        };
        if !matches!(kind, JoinKind::Asof | JoinKind::AsofLeft) && self.at_reach() {
            self.reach(source)?;
        }
        let within = match self.is("WITHIN") {
            true => Some(self.within(kind)?),
            false => None,
        };
        Ok(Join {
            kind,
            on,
            within,
            span: span.to(self.last_span()),
        })
    }

    /// `WITHIN t`, which ASOF joins have.
    fn within(&mut self, kind: JoinKind) -> Parsed<(i64, Span)> {
        let start = self.span();
        if !matches!(kind, JoinKind::Asof | JoinKind::AsofLeft) {
            let fault = Fault::new(start, "WITHIN belongs to ASOF JOIN");
            let remedy = "write ON … AND b.at BETWEEN a.at - 5 SECONDS AND a.at";
            return Err(fault.help(remedy));
        }
        self.time_bound("WITHIN")
    }

    /// The join has no ON where it stands.
    fn no_condition(&self, kind: JoinKind) -> Fault {
        if self.is("USING") {
            return unsupported::USING.at(self.span());
        }
        if self.is("WITHIN") {
            let fault = Fault::new(self.span(), "WITHIN stands behind the condition");
            return fault.help("write ON a.x = b.x WITHIN 5 SECONDS");
        }
        let fault = match self.is_any(JOIN_WORDS) {
            true => self.unexpected("ON"),
            false => self.alias_missing("ON"),
        };
        match (&fault.remedy, kind) {
            (Some(_), _) => fault,
            (None, JoinKind::Inner) => {
                fault.help("write ON a.x = b.x, or CROSS JOIN for all pairs")
            }
            (None, _) => fault.help("write ON a.x = b.x"),
        }
    }

    /// UNIDIRECTIONAL stands behind a stream that is not joined.
    fn no_join(&self, span: Span) -> Fault {
        let misspelled = self.unexpected("JOIN");
        if self.word(0).is_some_and(|w| !reserved(w)) && misspelled.remedy.is_some() {
            return misspelled;
        }
        let fault = Fault::new(span, "UNIDIRECTIONAL belongs to a join");
        fault.help("remove it, or join the stream with another")
    }
}

/// Refuses a right side by which no row would trigger the join.
fn check_trigger(left: &[Source], right: &Source, kind: JoinKind) -> Parsed<()> {
    let Some(span) = right.unidirectional else {
        return Ok(());
    };
    if matches!(kind, JoinKind::Asof | JoinKind::AsofLeft) {
        let fault = Fault::new(span, "the left side alone triggers an ASOF join");
        return Err(fault.help("remove UNIDIRECTIONAL"));
    }
    if left.iter().any(|s| s.unidirectional.is_some()) {
        let fault = Fault::new(span, "UNIDIRECTIONAL stands on both sides of the join");
        return Err(fault.help("remove one of them: it names the only side that triggers"));
    }
    Ok(())
}
