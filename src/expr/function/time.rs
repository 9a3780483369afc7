//! Functions of time. Instants are LONG milliseconds since 1970, calendars are UTC.

use super::{Args, Call, Entry, Kernel, Null, Param, Rule};
use crate::error::Fault;
use crate::event::Type;
use crate::expr::typed::{Op, Typed};
use Param::{Integer, Text};
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        names: &["uuid"],
        signature: "uuid() → STRING",
        about: "A version-8 UUID; replay gives the same.",
        rule: Rule::Special(|c| nothing(c, Op::Uuid, Type::String)),
    },
    Entry {
        names: &["now"],
        signature: "now() → LONG",
        about: "The app's clock at the row, in milliseconds.",
        rule: Rule::Special(|c| nothing(c, Op::Clock, Type::Long)),
    },
    Entry {
        names: &["currentTimeMillis"],
        signature: "currentTimeMillis() → LONG",
        about: "The app's clock at the row, in milliseconds; as now().",
        rule: Rule::Special(|c| nothing(c, Op::Clock, Type::Long)),
    },
    Entry {
        names: &["eventTimestamp"],
        signature: "eventTimestamp() → LONG",
        about: "The row's timestamp in milliseconds.",
        rule: Rule::Special(|c| nothing(c, Op::EventTime, Type::Long)),
    },
    Entry {
        names: &["formatDate"],
        signature: "formatDate(ms LONG, pattern STRING) → STRING",
        about: "The instant as text in UTC, by a strftime pattern such as '%Y-%m-%d %H:%M:%S'.",
        rule: Rule::Special(|c| {
            c.count(2, 2)?;
            check_pattern(&c, format_sample)?;
            c.strict(
                &[Integer, Text],
                2,
                Kernel::Text(|a, to| format(a.long(0), a.text(1), to)),
            )
        }),
    },
    Entry {
        names: &["parseDate"],
        signature: "parseDate(text STRING, pattern STRING) → LONG",
        about: "The instant that a text names by a strftime pattern, in UTC unless the text has an offset; midnight without a time.",
        rule: Rule::Special(|c| {
            c.count(2, 2)?;
            check_pattern(&c, parse_sample)?;
            c.strict(
                &[Text, Text],
                2,
                Kernel::Long(|a| parse(a.text(0), a.text(1))),
            )
        }),
    },
    Entry {
        names: &["dateAdd"],
        signature: "dateAdd(ms LONG, count INT, 'unit') → LONG",
        about: "The instant later by so many units; the day is cut to the length of the month.",
        rule: Rule::Special(|c| {
            c.count(3, 3)?;
            check_unit(&c, 2)?;
            c.strict(&[Integer, Integer, Text], 3, Kernel::Long(date_add))
        }),
    },
    Entry {
        names: &["dateDiff"],
        signature: "dateDiff(ms1 LONG, ms2 LONG, 'unit') → LONG",
        about: "Whole units from ms2 to ms1: positive when ms1 is later.",
        rule: Rule::Special(|c| {
            c.count(3, 3)?;
            check_unit(&c, 2)?;
            c.strict(&[Integer, Integer, Text], 3, Kernel::Long(date_diff))
        }),
    },
    Entry {
        names: &["extract"],
        signature: "extract('unit', ms LONG) → INT",
        about: "One field of the instant in UTC; week is the ISO week, millisecond that of the second.",
        rule: Rule::Special(|c| {
            c.count(2, 2)?;
            check_unit(&c, 0)?;
            c.strict(&[Text, Integer], 2, Kernel::Int(extract))
        }),
    },
];

/// A function without arguments.
fn nothing(call: Call, op: Op, ty: Type) -> Result<Typed, Fault> {
    call.count(0, 0)?;
    Ok(Typed::op(op, Vec::new(), ty, call.span))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

const UNITS: [(&str, Unit); 8] = [
    ("year", Unit::Year),
    ("month", Unit::Month),
    ("week", Unit::Week),
    ("day", Unit::Day),
    ("hour", Unit::Hour),
    ("minute", Unit::Minute),
    ("second", Unit::Second),
    ("millisecond", Unit::Millisecond),
];

impl Unit {
    /// By its name, singular or plural.
    fn of(name: &str) -> Option<Unit> {
        let singular = match name.as_bytes().last() {
            Some(b's' | b'S') => &name[..name.len() - 1],
            _ => name,
        };
        let found = UNITS.iter().find(|(n, _)| n.eq_ignore_ascii_case(singular));
        found.map(|(_, unit)| *unit)
    }

    /// Its length, unless the calendar decides.
    fn millis(self) -> Option<i64> {
        Some(match self {
            Unit::Year | Unit::Month => return None,
            Unit::Week => 604_800_000,
            Unit::Day => 86_400_000,
            Unit::Hour => 3_600_000,
            Unit::Minute => 60_000,
            Unit::Second => 1000,
            Unit::Millisecond => 1,
        })
    }
}

fn check_unit(call: &Call, i: usize) -> Result<(), Fault> {
    match call.literal(i) {
        Some(name) if Unit::of(&name).is_none() => {
            let known = UNITS.iter().map(|(n, _)| *n);
            let fault = Fault::new(call.args[i].span, format!("unknown unit '{name}'"));
            Err(fault.nearest(&name, known))
        }
        _ => Ok(()),
    }
}

fn check_pattern(call: &Call, sample: fn(&str) -> Result<(), String>) -> Result<(), Fault> {
    let Some(pattern) = call.literal(1) else {
        return Ok(());
    };
    sample(&pattern).map_err(|why| {
        let message = format!("pattern '{pattern}' of {}: {why}", call.name());
        call.fault(call.args[1].span, message)
    })
}

fn format_sample(pattern: &str) -> Result<(), String> {
    let time = BrokenDownTime::from(Timestamp::UNIX_EPOCH);
    time.format(pattern, &mut String::new())
        .map_err(|e| e.to_string())
}

/// What a pattern writes it must also read.
fn parse_sample(pattern: &str) -> Result<(), String> {
    let time = BrokenDownTime::from(Timestamp::UNIX_EPOCH);
    let mut text = String::new();
    time.format(pattern, &mut text).map_err(|e| e.to_string())?;
    let time = BrokenDownTime::parse(pattern, &text).map_err(|e| e.to_string())?;
    instant(&time)
        .map(|_| ())
        .ok_or_else(|| "it names no date".to_string())
}

fn civil(ms: i64) -> Result<DateTime, Null> {
    let time = Timestamp::from_millisecond(ms).map_err(|_| Null::Fault)?;
    Ok(TimeZone::UTC.to_datetime(time))
}

fn millis(time: DateTime) -> Option<i64> {
    let time = TimeZone::UTC.to_timestamp(time).ok()?;
    Some(time.as_microsecond().div_euclid(1000))
}

fn format(ms: i64, pattern: &str, to: &mut String) -> Result<(), Null> {
    let time = Timestamp::from_millisecond(ms).map_err(|_| Null::Fault)?;
    let time = BrokenDownTime::from(time);
    time.format(pattern, to).map_err(|_| Null::Fault)
}

/// The instant, if the fields name one: with an offset, without (UTC), or a date alone (midnight).
fn instant(time: &BrokenDownTime) -> Option<i64> {
    if let Ok(t) = time.to_timestamp() {
        return Some(t.as_microsecond().div_euclid(1000));
    }
    if time.offset().is_some() {
        return None;
    }
    match time.to_datetime() {
        Ok(t) => millis(t),
        Err(_) if time.hour().is_none() => millis(
            time.to_date()
                .ok()?
                .to_datetime(jiff::civil::Time::midnight()),
        ),
        Err(_) => None,
    }
}

fn parse(text: &str, pattern: &str) -> Result<i64, Null> {
    let time = BrokenDownTime::parse(pattern, text).map_err(|_| Null::Fault)?;
    instant(&time).ok_or(Null::Fault)
}

fn date_add(a: &Args<'_>) -> Result<i64, Null> {
    let (ms, count) = (a.long(0), a.long(1));
    let unit = Unit::of(a.text(2)).ok_or(Null::Fault)?;
    if let Some(length) = unit.millis() {
        let shift = count.checked_mul(length).ok_or(Null::Fault)?;
        return ms.checked_add(shift).ok_or(Null::Fault);
    }
    let span = match unit {
        Unit::Year => Span::new().try_years(count),
        _ => Span::new().try_months(count),
    };
    let span = span.map_err(|_| Null::Fault)?;
    let moved = civil(ms)?.checked_add(span).map_err(|_| Null::Fault)?;
    millis(moved).ok_or(Null::Fault)
}

fn date_diff(a: &Args<'_>) -> Result<i64, Null> {
    let (later, earlier) = (a.long(0), a.long(1));
    let unit = Unit::of(a.text(2)).ok_or(Null::Fault)?;
    if let Some(length) = unit.millis() {
        let diff = later.checked_sub(earlier).ok_or(Null::Fault)?;
        return Ok(diff / length);
    }
    let span = civil(earlier)?
        .until((jiff::Unit::Month, civil(later)?))
        .map_err(|_| Null::Fault)?;
    let months = i64::from(span.get_months());
    Ok(if unit == Unit::Year {
        months / 12
    } else {
        months
    })
}

fn extract(a: &Args<'_>) -> Result<i32, Null> {
    let unit = Unit::of(a.text(0)).ok_or(Null::Fault)?;
    let t = civil(a.long(1))?;
    Ok(match unit {
        Unit::Year => i32::from(t.year()),
        Unit::Month => i32::from(t.month()),
        Unit::Week => i32::from(t.date().iso_week_date().week()),
        Unit::Day => i32::from(t.day()),
        Unit::Hour => i32::from(t.hour()),
        Unit::Minute => i32::from(t.minute()),
        Unit::Second => i32::from(t.second()),
        Unit::Millisecond => i32::from(t.millisecond()),
    })
}
