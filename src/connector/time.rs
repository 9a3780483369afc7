//! Times in text: instants in ISO 8601 or in a pattern, or numbers in a unit.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::number;
use crate::event::{ParsePattern, Schema, Timestamp, Type, Zone, parse_instant};
use regex::{Regex, RegexBuilder};
use std::fmt;
use std::sync::Arc;

/// What a regular expression that finds times may take.
const FINDER_BYTES_MAX: usize = 1 << 20;

/// The unit of times that are numbers, counted from 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    #[default]
    Millis,
    /// Millionths of a second.
    Micros,
    /// Thousandths of a microsecond, cut to a microsecond.
    Nanos,
}

/// How times stand in a text: numbers in a unit, and texts in ISO 8601 or in a pattern of strftime.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeText {
    /// Of numbers.
    pub unit: TimeUnit,
    /// Of texts; none is ISO 8601.
    pattern: Option<TimePattern>,
}

/// A pattern of strftime.
#[derive(Clone)]
struct TimePattern {
    written: Arc<str>,
    read: Arc<ParsePattern>,
}

impl PartialEq for TimePattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Debug for TimePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl TimeText {
    /// Numbers in a unit, and texts in ISO 8601.
    pub fn in_unit(unit: TimeUnit) -> Self {
        TimeText {
            unit,
            pattern: None,
        }
    }

    /// Takes texts in a pattern from now on; `false` where no time can be read by it.
    pub(super) fn set_pattern(&mut self, pattern: &str) -> bool {
        if ParsePattern::check(pattern).is_err() {
            return false;
        }
        self.pattern = Some(TimePattern {
            written: pattern.into(),
            read: Arc::new(ParsePattern::new(pattern)),
        });
        true
    }

    /// Whether texts are in a pattern.
    pub fn has_pattern(&self) -> bool {
        self.pattern.is_some()
    }

    /// The instant that a text names, in UTC unless it says otherwise.
    fn instant(&self, text: &str) -> Option<Timestamp> {
        match &self.pattern {
            Some(pattern) => {
                let at = pattern.read.read(text.trim(), &Zone::UTC);
                at.filter(|at| Timestamp::RANGE.contains(at))
            }
            None => parse_instant(text.trim()),
        }
    }

    /// What can stand where a time is expected, for messages.
    fn expected(&self) -> &'static str {
        match self.pattern {
            Some(_) => "a time in the pattern that is given for it",
            None => expected(self.unit),
        }
    }
}

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
    times: &TimeText,
) -> Result<Timestamp, Misfit> {
    let misfit = || Misfit::Kind {
        found,
        text: excerpt(text),
        expected: times.expected(),
    };
    match (string, text.as_bytes().first()) {
        (Some(string), _) => times.instant(string).ok_or_else(misfit),
        (None, Some(b'-' | b'0'..=b'9')) => number::time(text, times.unit),
        _ => Err(misfit()),
    }
}

/// A time in a cell of CSV or in a line: what is in the pattern, otherwise a number, or an instant.
pub(super) fn cell(text: &str, times: &TimeText) -> Result<Timestamp, Misfit> {
    let trimmed = text.trim();
    if !times.has_pattern() && is_number(trimmed) {
        return number::time(trimmed, times.unit);
    }
    times.instant(trimmed).ok_or_else(|| Misfit::Kind {
        found: "text",
        text: excerpt(text),
        expected: times.expected(),
    })
}

/// A time that does not fit, under the name of its column or key.
pub(super) fn bad(key: &str, misfit: Misfit) -> BadRow {
    BadRow::Time {
        key: excerpt(key),
        misfit,
    }
}

/// A regular expression whose first group, or all of it, is the time of a line.
#[derive(Clone, Debug)]
pub struct TimeFinder(Regex);

impl PartialEq for TimeFinder {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl TimeFinder {
    /// `None` where the text is no regular expression, or one of more than [`FINDER_BYTES_MAX`].
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let built = RegexBuilder::new(pattern)
            .size_limit(FINDER_BYTES_MAX)
            .dfa_size_limit(FINDER_BYTES_MAX)
            .build();
        built.ok().map(TimeFinder)
    }

    /// What it finds first in a line.
    pub(super) fn find<'l>(&self, line: &'l str) -> Option<&'l str> {
        if self.0.captures_len() == 1 {
            return self.0.find(line).map(|found| found.as_str());
        }
        let found = self.0.captures(line)?;
        found.get(1).map(|group| group.as_str())
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
