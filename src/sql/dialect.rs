//! Annotations that apps of Siddhi and EventFlux carry and that are written otherwise here: each with what to write
//! instead, made of what it says itself.

use super::ast::{Name, Span};
use super::literal::meant_unit;
use super::parser::Parser;
use super::token::Kind;
use crate::error::Fault;

/// An annotation in small letters, and its remedy. In that `{key}` is the value of an option, `{*}` what stands without
/// a key, with commas between; `{key|other}` is `other` where the annotation does not say it.
#[rustfmt::skip]
const ANNOTATIONS: &[(&str, &str)] = &[
    // the app
    ("app", "write @app:name('{name|…}')"),
    ("app:statistics", "remove it: rows are counted without it; read runtime.metrics(), or write them by run --metrics FILE"),
    ("app:async", "remove it: RuntimeConfig::workers(…) or run --workers N says how many threads work"),
    ("app:enforceorder", "remove it: rows keep their order per key; one worker, or none, keeps that of all"),
    ("app:trigger", "write CREATE TRIGGER t AT EVERY 5 SECONDS"),
    ("app:version", "remove it: a checkpoint knows the queries it belongs to; run --evolve lets them change"),
    ("app:qlversion", "remove it: there is one version of the language"),
    ("app:transportchannelcreationenabled", "remove it: a sink makes what it writes to"),
    ("version", "remove it: a checkpoint knows the queries it belongs to; run --evolve lets them change"),
    ("plan:name", "write @app:name('{*|…}')"),
    ("plan:description", "write @app:description('{*|…}')"),
    ("plan:playback", "write @app:playback"),
    ("plan:async", "remove it: RuntimeConfig::workers(…) or run --workers N says how many threads work"),
    ("plan:statistics", "remove it: rows are counted without it; read runtime.metrics(), or write them by run --metrics FILE"),
    ("plan:trace", "remove it: run --trace-pattern NAME tells what a pattern does"),
    ("plan:enforceorder", "remove it: rows keep their order per key; one worker, or none, keeps that of all"),
    ("import", "remove it: a program sends rows to any stream by its name"),
    ("export", "remove it: a program reads any stream by its name, with add_callback or subscribe"),
    // streams
    ("async", "remove it: RuntimeConfig::workers(…) or run --workers N says how many threads work, and lane_batches_max(…) how much waits"),
    ("config", "remove it: RuntimeConfig in the program or options of run say how the app runs"),
    ("source", "write WITH ('type'='source', 'extension'='{type|file}', …) behind the attributes of the stream"),
    ("sink", "write WITH ('type'='sink', 'extension'='{type|file}', …) behind the attributes of the stream"),
    ("map", "write 'format'='{type|json}' in the WITH (…) of the stream"),
    ("attributes", "write WITH (…) of the stream alone: a JSON row has its attributes by their names, or as a list in their order"),
    ("payload", "select what is to be written, into a stream with a sink: a row is written as JSON or CSV"),
    ("distribution", "write one stream with a sink per destination, and a query into each"),
    ("destination", "write one stream with a sink per destination, and a query into each"),
    ("onerror", "write 'on.error'='log' or 'stop' in the WITH (…) of a source or sink; a value that cannot be computed is NULL, and counted"),
    // tables
    ("store", "remove it: a table is kept in memory and in checkpoints; WITH ('type'='table', 'file'='…') fills it at the start"),
    ("from", "remove it: a table is kept in memory and in checkpoints; WITH ('type'='table', 'file'='…') fills it at the start"),
    ("primarykey", "write PRIMARY KEY ({*|id}) behind the attributes, in the parentheses of CREATE TABLE"),
    ("index", "write WITH ('index'='{*|a}') behind the attributes of CREATE TABLE"),
    ("indexby", "write WITH ('index'='{*|a}') behind the attributes of CREATE TABLE"),
    ("cache", "remove it: all rows of a table are in memory; WITH ('ttl'='{retention.period|1 HOUR}') lets them end"),
    // aggregations, partitions and queries
    ("purge", "write PARTITION WITH (…) WITH ('purge.idle'='{idle.period|1 HOUR}') BEGIN"),
    ("retentionperiod", "write WITH ('retention.seconds'='{@sec|1 HOUR}', …) behind CREATE AGGREGATION A"),
    ("persistedaggregation", "remove it: an aggregation is in the checkpoints of the app"),
    ("partitionbyid", "remove it: an aggregation is spread over workers by its groups"),
    ("buffersize", "remove it: a row that comes late goes into the period of its time while that is kept"),
    ("ignoreeventsolderthanbuffer", "remove it: a row that comes late goes into the period of its time while that is kept"),
    ("dist", "remove it: rows are spread over workers by their keys; RuntimeConfig::workers(…) or run --workers N says how many"),
    ("distribute", "remove it: rows are spread over workers by their keys; RuntimeConfig::workers(…) or run --workers N says how many"),
    ("synchronized", "remove it: queries that are connected work one after the other on a row"),
    ("query", "write @info(name='{name|…}')"),
    ("script", "register the function in the program, by register_function of the manager"),
];

const CLOCK: &str = "remove it: rows move the clock, and so do advance_clock of an input and a line {\"clock\":5000}";

/// Options that other dialects have of `@app:playback` and `@info`, and what to do without them.
const OPTIONS: &[(&str, &str)] = &[
    ("idle.time", CLOCK),
    ("increment", CLOCK),
    ("enable", "remove it: the annotation alone says so"),
    ("dialect", "remove it: there is one language"),
    (
        "description",
        "write -- and the description, or @app:description('…') at the start of the text",
    ),
];

/// Characters of a value that a remedy shows.
const SHOWN_CHARS: usize = 60;

/// What to write instead of an option of an annotation, if other dialects have it.
pub(super) fn foreign_option(key: &str) -> Option<&'static str> {
    let same = |(known, _): &&(&str, _)| known.eq_ignore_ascii_case(key);
    OPTIONS.iter().find(same).map(|(_, remedy)| *remedy)
}

/// What stands in the parentheses of an annotation: values, and their keys where they have any. Those of annotations in
/// it have an `@` in front.
struct Given(Vec<(String, String)>);

impl Given {
    /// The value of a key; of `*` those without one.
    fn value(&self, key: &str) -> Option<String> {
        let wanted = if key == "*" { "" } else { key };
        let found = self
            .0
            .iter()
            .filter(|(k, _)| k.eq_ignore_ascii_case(wanted));
        let values: Vec<&str> = found.map(|(_, value)| value.as_str()).collect();
        let shown = match values.as_slice() {
            [value] => in_our_unit(value),
            several => several.join(", "),
        };
        let short = shown.chars().count() <= SHOWN_CHARS && !shown.contains(char::is_control);
        (!values.is_empty() && short).then(|| shown.replace('\'', "''"))
    }

    /// A remedy with what the annotation says.
    fn fill(&self, remedy: &str) -> String {
        let mut filled = String::new();
        let mut rest = remedy;
        while let Some((before, behind)) = rest.split_once('{') {
            let (place, behind) = behind.split_once('}').unwrap_or((behind, ""));
            let (key, otherwise) = place.split_once('|').unwrap_or((place, ""));
            filled.push_str(before);
            filled.push_str(&self.value(key).unwrap_or_else(|| otherwise.to_string()));
            rest = behind;
        }
        filled + rest
    }
}

/// A duration in the unit that it has here; any other text as it is.
fn in_our_unit(value: &str) -> String {
    match value.trim().split_once(' ') {
        Some((number, unit)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            meant_unit(unit.trim())
                .map_or(value.to_string(), |(unit, _)| format!("{number} {unit}"))
        }
        _ => value.to_string(),
    }
}

impl Parser<'_> {
    /// What is said of an annotation that other dialects have, if they do. What stands behind its name comes next.
    pub(super) fn foreign_annotation(&self, name: &Name, span: Span) -> Option<Fault> {
        let name = &name.text;
        let wanted = match name.eq_ignore_ascii_case("purge") && self.is_of_aggregation() {
            true => "retentionperiod",
            false => name,
        };
        let same = |(known, _): &&(&str, _)| known.eq_ignore_ascii_case(wanted);
        let (_, remedy) = ANNOTATIONS.iter().find(same)?;
        let fault = Fault::new(span, format!("there is no annotation @{name}"));
        Some(fault.help(self.given().fill(remedy)))
    }

    /// Whether what stands in the parentheses that come next is about periods of an aggregation.
    fn is_of_aggregation(&self) -> bool {
        let end = self.closing().unwrap_or(0);
        (0..end).any(|ahead| self.is_word(ahead, "RETENTIONPERIOD"))
            || self.is_word(end + 2, "AGGREGATION")
    }

    /// The values in the parentheses that come next.
    fn given(&self) -> Given {
        let mut given = Vec::new();
        let mut key = String::new();
        let mut depth = 0_usize;
        let Some(end) = self.closing() else {
            return Given(given);
        };
        for ahead in 0..end {
            let token = self.token(ahead);
            match &token.kind {
                Kind::LParen => {
                    depth += 1;
                    key = "@".repeat((depth - 1).min(2));
                }
                Kind::RParen => depth -= 1,
                Kind::Comma => key = "@".repeat((depth - 1).min(2)),
                Kind::SingleQuotedString(text) => given.push((key.clone(), text.clone())),
                Kind::Word(w) if w.quote_style.is_some() => {
                    given.push((key.clone(), w.value.clone()));
                }
                Kind::Word(w) => key.push_str(&w.value),
                Kind::Period => key.push('.'),
                _ => {}
            }
        }
        Given(given)
    }

    /// How far ahead the sign stands that closes the parenthesis that comes next, if both are there.
    fn closing(&self) -> Option<usize> {
        if !self.is_sign(0, &Kind::LParen) {
            return None;
        }
        let mut depth = 0_usize;
        let mut ahead = 0;
        loop {
            match &self.token(ahead).kind {
                Kind::LParen => depth += 1,
                Kind::RParen if depth == 1 => return Some(ahead),
                Kind::RParen => depth -= 1,
                // its end is missing
                Kind::SemiColon | Kind::EOF => return None,
                _ => {}
            }
            ahead += 1;
        }
    }

    /// Goes from the `@` of an annotation at `place` to what follows it; whether its end was found.
    pub(super) fn skip_annotation(&mut self, place: usize) -> bool {
        self.go_back(place);
        self.advance();
        let named = |parser: &Self| matches!(parser.kind(), Kind::Word(_));
        if !named(self) {
            return false;
        }
        self.advance();
        if self.eat_sign(&Kind::Colon) && named(self) {
            self.advance();
        }
        if !self.is_sign(0, &Kind::LParen) {
            return true;
        }
        let Some(end) = self.closing() else {
            return false;
        };
        (0..=end).for_each(|_| self.advance());
        true
    }
}
