//! Times in text: instants in ISO 8601, or numbers in a unit.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::number;
use super::text::TimeUnit;
use crate::event::{Schema, Timestamp, Type, parse_instant};

/// What can stand where a time is expected, for messages.
fn expected(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Seconds => "seconds as a number, or ISO 8601, as 2024-02-29T10:30:00Z",
        TimeUnit::Millis => "milliseconds as a number, or ISO 8601, as 2024-02-29T10:30:00Z",
        TimeUnit::Micros => "microseconds as a number, or ISO 8601, as 2024-02-29T10:30:00Z",
        TimeUnit::Nanos => "nanoseconds as a number, or ISO 8601, as 2024-02-29T10:30:00Z",
    }
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
        (Some(string), _) => parse_instant(string.trim()).ok_or_else(misfit),
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
    parse_instant(trimmed).ok_or_else(|| Misfit::Kind {
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
    // Most are integers, and of those the digits alone say so.
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return true;
    }
    text.bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

/// The attribute that holds the time, too: the one that was said to, otherwise a LONG named `at`, otherwise one named
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

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_decimal() {
        let long = "9".repeat(400);
        for text in [
            "0", "-1", "+1", "007", "1.5", "-.5", "1.", "1e3", "2E-7", &long,
        ] {
            assert!(is_number(text), "{text}");
            assert!(text.parse::<f64>().is_ok(), "{text}");
        }
        for text in [
            "", "+", "-", "--1", "+-1", "1-", ".", "e", "1e", "nan", "inf", "0x1", "1 ", "1_0",
        ] {
            assert!(!is_number(text), "{text}");
        }
    }
}
