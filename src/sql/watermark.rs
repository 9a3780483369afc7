//! `WATERMARK FOR ts AS ts - 5 SECONDS` in CREATE STREAM: which attribute is the time of a row, and how late it may be.

use super::ast::{App, Name, Span, Statement, StreamDef, Watermark};
use super::literal;
use super::parser::{Parsed, Parser};
use super::token::Kind;
use crate::error::Fault;

const REMEDY: &str = "write WATERMARK FOR ts AS ts - 5 SECONDS, or AS ts where no row is late";

impl Parser<'_> {
    /// Whether the clause begins here; otherwise the word is the name of an attribute.
    pub(super) fn at_watermark(&self) -> bool {
        self.is("WATERMARK") && self.is_word(1, "FOR")
    }

    /// From its first word to its end.
    pub(super) fn watermark(&mut self) -> Parsed<Watermark> {
        let start = self.expect("WATERMARK")?;
        self.expect("FOR")?;
        let column = self.any_name("the attribute that is the time of a row")?;
        self.expect("AS")?;
        let span = self.span();
        let same = self
            .word(0)
            .is_some_and(|word| word.eq_ignore_ascii_case(&column.text));
        let quoted = self.source(span) == format!("\"{}\"", column.text);
        if !(same || quoted) {
            return Err(other(span));
        }
        self.advance();
        let mut lateness_us = 0;
        if self.eat_sign(&Kind::Minus) {
            lateness_us = self.lateness()?;
        } else if !(self.is_sign(0, &Kind::Comma) || self.is_sign(0, &Kind::RParen)) {
            return Err(other(span.to(self.span())));
        }
        Ok(Watermark {
            column,
            lateness_us,
            span: start.to(self.last_span()),
        })
    }

    /// `5 SECONDS`, or as others write it: `INTERVAL '5' SECOND`, `INTERVAL '5 SECONDS'`.
    fn lateness(&mut self) -> Parsed<i64> {
        let start = self.span();
        let foreign = self.eat("INTERVAL");
        let amount = match self.kind() {
            Kind::SingleQuotedString(text) if foreign => text.clone(),
            Kind::Number(digits, false) => digits.clone(),
            _ => return Err(other(start)),
        };
        self.advance();
        let mut text = amount;
        if let Some(unit) = self.word(0) {
            text = format!("{text} {unit}");
            self.advance();
        }
        let span = start.to(self.last_span());
        literal::duration_text(&Name { text, span })
    }
}

fn other(span: Span) -> Fault {
    Fault::new(
        span,
        "a watermark is the attribute of the time, less a time span",
    )
    .help(REMEDY)
}

/// An app with a stream that says how late its rows may be runs in event time.
pub(super) fn settle(app: &mut App, faults: &mut Vec<Fault>) {
    let declared = app.statements.iter().find_map(|statement| match statement {
        Statement::Stream(def) => declared(def),
        _ => None,
    });
    match declared {
        Some(span) if app.processing => {
            let fault = Fault::new(span, "the app has two times");
            faults.push(fault.help("remove @app:processing, or what says how late rows may be"));
        }
        Some(_) => app.playback = true,
        None => {}
    }
}

/// Where a stream says it.
fn declared(def: &StreamDef) -> Option<Span> {
    let clause = def.watermark.as_ref().map(|w| w.span);
    clause.or_else(|| def.lateness().map(|(key, value)| key.span.to(value.span)))
}
