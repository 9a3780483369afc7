//! Numbers and durations, exactly or not at all.

use super::ast::{ExprKind, Name, Span};
use super::parser::{Parsed, similar};
use crate::error::Fault;
use crate::event::Value;

/// Units and their microseconds; each also without its final S.
const UNITS: &[(&str, i64)] = &[
    ("MICROSECONDS", 1),
    ("MILLISECONDS", 1_000),
    ("SECONDS", 1_000_000),
    ("MINUTES", 60_000_000),
    ("HOURS", 3_600_000_000),
    ("DAYS", 86_400_000_000),
    ("WEEKS", 604_800_000_000),
];

/// What others write for a unit, and what to write here; `None`: it has no fixed length.
const FOREIGN_UNITS: &[(&str, Option<&str>)] = &[
    ("US", Some("MICROSECONDS")),
    ("MICROS", Some("MICROSECONDS")),
    ("MS", Some("MILLISECONDS")),
    ("MSEC", Some("MILLISECONDS")),
    ("MILLIS", Some("MILLISECONDS")),
    ("MILLISEC", Some("MILLISECONDS")),
    ("S", Some("SECONDS")),
    ("SEC", Some("SECONDS")),
    ("SECS", Some("SECONDS")),
    ("MIN", Some("MINUTES")),
    ("MINS", Some("MINUTES")),
    ("H", Some("HOURS")),
    ("HR", Some("HOURS")),
    ("HRS", Some("HOURS")),
    ("MONTH", None),
    ("MONTHS", None),
    ("YEAR", None),
    ("YEARS", None),
];

/// Digits behind the point of a duration: more cannot be exact in microseconds.
const FRACTION_DIGITS_MAX: usize = 12;

/// Microseconds of a unit of time.
pub(super) fn unit_us(word: &str) -> Option<i64> {
    let plural = |name: &str| name.eq_ignore_ascii_case(word);
    let singular = |name: &str| {
        name.strip_suffix('S')
            .is_some_and(|n| n.eq_ignore_ascii_case(word))
    };
    let unit = UNITS.iter().find(|(n, _)| plural(n) || singular(n))?;
    Some(unit.1)
}

/// The unit of time that a word means, as it is written here, and its microseconds.
pub(super) fn meant_unit(word: &str) -> Option<(&'static str, i64)> {
    let foreign = |(name, _): &&(&str, _)| name.eq_ignore_ascii_case(word);
    let known = FOREIGN_UNITS
        .iter()
        .find(foreign)
        .and_then(|(_, unit)| *unit);
    let us = unit_us(known.unwrap_or(word))?;
    UNITS.iter().copied().find(|(_, unit)| *unit == us)
}

/// The fault for a word behind a number that seems to be meant as a unit of time.
pub(super) fn wrong_unit(word: &str, span: Span) -> Option<Fault> {
    let fault = Fault::new(span, format!("unknown unit of time '{word}'"));
    let foreign = |(name, _): &&(&str, _)| name.eq_ignore_ascii_case(word);
    match FOREIGN_UNITS.iter().find(foreign) {
        Some((_, Some(unit))) => return Some(fault.help(format!("write {unit}"))),
        Some((_, None)) => return Some(fault.help("it has no fixed length: write it in DAYS")),
        None => {}
    }
    let fault = similar(fault, word, UNITS.iter().map(|(n, _)| *n));
    fault.remedy.is_some().then_some(fault)
}

/// A number as written, without sign: digits alone are a LONG, all else a DOUBLE.
pub(super) fn number(digits: &str, negative: bool, span: Span) -> Parsed<ExprKind> {
    let sign = if negative { "-" } else { "" };
    let text = format!("{sign}{digits}");
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse::<i64>() {
            Ok(v) => Ok(ExprKind::Literal(Value::Long(v))),
            Err(_) => {
                let fault = Fault::new(span, "the number does not fit into a LONG");
                Err(fault.help(format!("the range is {} to {}", i64::MIN, i64::MAX)))
            }
        };
    }
    match text.parse::<f64>() {
        // adding zero makes -0.0 a 0.0
        Ok(v) if v.is_finite() => Ok(ExprKind::Literal(Value::Double(v + 0.0))),
        Ok(_) => Err(Fault::new(span, "the number does not fit into a DOUBLE")),
        Err(_) => Err(Fault::new(span, "this is not a number")),
    }
}

/// Microseconds of a number as written and its unit, if it is a whole number of them that fits.
pub(super) fn duration(digits: &str, unit_us: i64, span: Span) -> Parsed<i64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let bad = |message: &str, remedy: &str| Err(Fault::new(span, message).help(remedy));
    if !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
        || (whole.is_empty() && fraction.is_empty())
    {
        return bad("this is not a duration", "write digits, as in 1.5 SECONDS");
    }
    if fraction.len() > FRACTION_DIGITS_MAX {
        return bad("the duration is finer than a microsecond", "round it");
    }
    let whole = match whole.trim_start_matches('0') {
        "" => Some(0),
        digits => digits.parse::<i64>().ok(),
    };
    let unit = i128::from(unit_us);
    let divisor = 10_i128.pow(fraction.len() as u32);
    let part = fraction.parse::<i128>().unwrap_or(0) * unit;
    if part % divisor != 0 {
        return bad("the duration is finer than a microsecond", "round it");
    }
    let us = whole.map(|w| i128::from(w) * unit + part / divisor);
    match us.and_then(|us| i64::try_from(us).ok()) {
        Some(us) => Ok(us),
        None => bad("the duration is too long", "292,000 years are the limit"),
    }
}

/// The duration in a string such as `'5 SECONDS'`.
pub(crate) fn duration_text(text: &Name) -> Parsed<i64> {
    let trimmed = text.text.trim();
    let split = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(split);
    let unit = unit.trim();
    if let Some(us) = unit_us(unit) {
        return duration(digits, us, text.span);
    }
    if !unit.is_empty()
        && let Some(fault) = wrong_unit(unit, text.span)
    {
        return Err(fault);
    }
    let fault = Fault::new(text.span, "this is not a duration");
    Err(fault.help("write a number and a unit, as in '5 SECONDS'"))
}
