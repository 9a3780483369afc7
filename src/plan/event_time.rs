//! The time that a stream declares for its rows: by WATERMARK, or as options of its source.

use super::StreamPlan;
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::sql::ast::{Span, StreamDef};
use crate::sql::duration_text;

/// What a stream says about the time of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnTime {
    /// The attribute that holds it, for rows that bring none beside it.
    pub(crate) attribute: Option<usize>,
    /// How late rows may be; otherwise as the app says.
    pub(crate) lateness_us: Option<i64>,
    /// Where that stands.
    pub(crate) span: Span,
}

impl OwnTime {
    /// What a declaration says.
    pub(super) fn new(def: &StreamDef, schema: &Schema, faults: &mut Vec<Fault>) -> Self {
        let mut own = OwnTime::default();
        if let Some((key, value)) = def.lateness() {
            own.span = key.span.to(value.span);
            match duration_text(value) {
                Ok(us) => own.lateness_us = Some(us),
                Err(fault) => faults.push(fault),
            }
        }
        let Some(watermark) = &def.watermark else {
            return own;
        };
        if own.lateness_us.is_some() {
            let fault = Fault::new(own.span, "'lateness' and WATERMARK say the same");
            faults.push(fault.help("remove one of them"));
        }
        own.span = watermark.span;
        own.lateness_us = Some(watermark.lateness_us);
        let column = &watermark.column;
        if let Some((key, value)) = def.option("timestamp")
            && !value.text.eq_ignore_ascii_case(&column.text)
        {
            let message = format!(
                "'timestamp' is '{}', and WATERMARK is for {}",
                value.text, column.text
            );
            let fault = Fault::new(key.span.to(value.span), message);
            faults.push(fault.help("leave 'timestamp' out"));
        }
        let Some(place) = schema.position(&column.text) else {
            let message = format!(
                "unknown attribute '{}' of stream {}",
                column.text, def.name.text
            );
            let known = schema.attributes().iter().map(|a| &*a.name);
            faults.push(Fault::new(column.span, message).nearest(&column.text, known));
            return own;
        };
        own.attribute = Some(place);
        let ty = schema.attributes()[place].ty;
        if !matches!(ty, Type::Long | Type::String) {
            let message = format!("the time is {}, which is {ty}", column.text);
            let fault = Fault::new(column.span, message);
            let remedy =
                "declare it LONG, milliseconds since 1970, or STRING, as 2024-02-29T10:30:00Z";
            faults.push(fault.help(remedy));
        }
        own
    }
}

/// Refuses what a stream says about the time of rows that queries make.
pub(super) fn check(streams: &[StreamPlan], faults: &mut Vec<Fault>) {
    for stream in streams {
        let declares = stream.time != OwnTime::default();
        if declares && !stream.writers.is_empty() {
            let message = format!(
                "queries write {}: its rows have the times of the rows that they come from",
                stream.name
            );
            let remedy =
                "say it of the streams that rows come in by, or take a window of externalTime";
            faults.push(Fault::new(stream.time.span, message).help(remedy));
        }
    }
}

/// The lateness of an input that may send rows of all streams: the largest of those that rows come in by, so that none
/// of them is late before its own is over.
pub(super) fn of_all(streams: &[StreamPlan], otherwise_us: i64) -> i64 {
    let comes_in = |s: &&StreamPlan| s.declared && s.writers.is_empty();
    let of_each = streams.iter().filter(comes_in);
    let lateness = of_each.map(|s| s.time.lateness_us.unwrap_or(otherwise_us));
    lateness.max().unwrap_or(otherwise_us)
}
