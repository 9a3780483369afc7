//! Times in text: instants in ISO 8601, or numbers in a unit.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::text::TimeUnit;
use super::{date, number};
use crate::event::{Schema, Timestamp, Type};

/// What can stand where a time is expected, for messages.
fn expected(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Seconds => "seconds as a number, or an ISO 8601 time",
        TimeUnit::Millis => "milliseconds as a number, or an ISO 8601 time",
        TimeUnit::Micros => "microseconds as a number, or an ISO 8601 time",
        TimeUnit::Nanos => "nanoseconds as a number, or an ISO 8601 time",
    }
}

/// An instant in ISO 8601; without an offset it is UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    date::date_time(text.trim())
}

/// A time in JSON: a number, or an instant as a string. `string`: its characters, where it is one.
pub(super) fn json(
    text: &str,
    string: Option<&str>,
    found: &'static str,
    unit: TimeUnit,
) -> Result<Timestamp, Misfit> {
    let misfit = || Misfit::Kind {
        found,
        text: excerpt(text),
        expected: expected(unit),
    };
    match (string, text.as_bytes().first()) {
        (Some(string), _) => instant(string).ok_or_else(misfit),
        (None, Some(b'-' | b'0'..=b'9')) => number::time(text, unit),
        _ => Err(misfit()),
    }
}

/// A time in a cell of CSV: a number, or an instant.
pub(super) fn cell(text: &str, unit: TimeUnit) -> Result<Timestamp, Misfit> {
    let trimmed = text.trim();
    if is_number(trimmed) {
        return number::time(trimmed, unit);
    }
    instant(trimmed).ok_or_else(|| Misfit::Kind {
        found: "text",
        text: excerpt(text),
        expected: expected(unit),
    })
}

/// A time that does not fit, under the name of its column or key.
pub(super) fn bad(key: &str, misfit: Misfit) -> BadRow {
    BadRow::Time {
        key: excerpt(key),
        misfit,
    }
}

/// Whether the text is a decimal number: Rust reads words like `nan` and `inf` as numbers, too.
pub(super) fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

/// The attribute that holds the time, too: the one that was said to, else a LONG named `at`, else one named
/// `timestamp`.
pub(super) fn attribute(schema: &Schema, said: Option<&str>) -> Option<usize> {
    let long = |i: &usize| schema.attributes()[*i].ty == Type::Long;
    let named = |name: &str| schema.position(name);
    match said {
        Some(name) => named(name),
        None => named("at")
            .filter(long)
            .or_else(|| named("timestamp").filter(long)),
    }
}
