//! Arithmetic with instants: adding, counting, cutting and taking apart, in the calendar of a zone.
//!
//! Hours and what is shorter are lengths of time. Days and what is longer are steps of the calendar, which in a zone
//! may be an hour shorter or longer.

use super::{Args, Null};
use crate::event::{Timestamp, Zone, in_calendar, parse_instant};
use jiff::civil::{DateTime, Time};
use jiff::{Span, Unit as JiffUnit};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

pub(super) const UNITS: [(&str, Unit); 8] = [
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
    pub(super) fn of(name: &str) -> Option<Unit> {
        let singular = match name.as_bytes().last() {
            Some(b's' | b'S') => &name[..name.len() - 1],
            _ => name,
        };
        let found = UNITS.iter().find(|(n, _)| n.eq_ignore_ascii_case(singular));
        found.map(|(_, unit)| *unit)
    }

    /// Its length, unless the calendar decides. Days of UTC have one length.
    fn millis(self, zone: &Zone) -> Option<i64> {
        let of_calendar = *zone != Zone::UTC;
        Some(match self {
            Unit::Year | Unit::Month => return None,
            Unit::Week | Unit::Day if of_calendar => return None,
            Unit::Week => 604_800_000,
            Unit::Day => 86_400_000,
            Unit::Hour => 3_600_000,
            Unit::Minute => 60_000,
            Unit::Second => 1000,
            Unit::Millisecond => 1,
        })
    }
}

fn unit(name: &str) -> Result<Unit, Null> {
    Unit::of(name).ok_or(Null::Fault)
}

fn local(ms: i64, zone: &Zone) -> Result<DateTime, Null> {
    let at = ms.checked_mul(1000).map(Timestamp);
    at.and_then(|at| zone.local(at)).ok_or(Null::Fault)
}

pub(super) fn add(a: &Args<'_>, zone: &Zone) -> Result<i64, Null> {
    let (ms, count, unit) = (a.long(0), a.long(1), unit(a.text(2))?);
    if let Some(length) = unit.millis(zone) {
        let shift = count.checked_mul(length).ok_or(Null::Fault)?;
        let moved = ms.checked_add(shift).ok_or(Null::Fault)?;
        return local(moved, zone).map(|_| moved);
    }
    let moved = step(local(ms, zone)?, unit, count)?;
    // an hour that comes twice stays the second of both where it was
    let offset = zone.offset(Timestamp::from_millis(ms));
    Ok(zone.instant_near(moved, Some(offset)).millis())
}

/// Later by so many units, if that is in the calendar.
fn step(from: DateTime, unit: Unit, count: i64) -> Result<DateTime, Null> {
    let span = match unit {
        Unit::Year => Span::new().try_years(count),
        Unit::Month => Span::new().try_months(count),
        Unit::Week => Span::new().try_weeks(count),
        _ => Span::new().try_days(count),
    };
    let span = span.map_err(|_| Null::Fault)?;
    let moved = from.checked_add(span).map_err(|_| Null::Fault)?;
    in_calendar(moved).then_some(moved).ok_or(Null::Fault)
}

/// The most units that [`add`] can add to the earlier of both without passing the later, with the sign of the order.
pub(super) fn diff(a: &Args<'_>, zone: &Zone) -> Result<i64, Null> {
    let (ms1, ms2, unit) = (a.long(0), a.long(1), unit(a.text(2))?);
    if let Some(length) = unit.millis(zone) {
        let diff = ms1.checked_sub(ms2).ok_or(Null::Fault)?;
        return Ok(diff / length);
    }
    let (from, to) = (local(ms1.min(ms2), zone)?, local(ms1.max(ms2), zone)?);
    let until = |unit: JiffUnit| from.until((unit, to)).map_err(|_| Null::Fault);
    let mut whole = match unit {
        Unit::Year => i64::from(until(JiffUnit::Month)?.get_months() / 12),
        Unit::Month => i64::from(until(JiffUnit::Month)?.get_months()),
        Unit::Week => i64::from(until(JiffUnit::Day)?.get_days() / 7),
        _ => i64::from(until(JiffUnit::Day)?.get_days()),
    };
    // jiff does not count a step whose day is cut to the length of the month; adding takes it
    while step(from, unit, whole + 1).is_ok_and(|next| next <= to) {
        whole += 1;
    }
    Ok(if ms1 < ms2 { -whole } else { whole })
}

pub(super) fn extract(a: &Args<'_>, zone: &Zone) -> Result<i32, Null> {
    let (unit, t) = (unit(a.text(0))?, local(a.long(1), zone)?);
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

/// The beginning of the unit. What is shorter than a day is cut on the clock that shows the instant, so that of an hour
/// that comes twice each has its own beginning.
pub(super) fn trunc(a: &Args<'_>, zone: &Zone) -> Result<i64, Null> {
    let (unit, ms) = (unit(a.text(0))?, a.long(1));
    let time = local(ms, zone)?;
    let date = time.date();
    let first = match unit {
        Unit::Year => date.first_of_year(),
        Unit::Month => date.first_of_month(),
        Unit::Week => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(Span::new().days(back))
                .map_err(|_| Null::Fault)?
        }
        Unit::Day => date,
        _ => {
            let length = unit.millis(&Zone::UTC).ok_or(Null::Fault)?;
            let ahead = i64::from(zone.offset(Timestamp::from_millis(ms)).seconds()) * 1000;
            return Ok((ms + ahead).div_euclid(length) * length - ahead);
        }
    };
    Ok(zone.instant(first.to_datetime(Time::midnight())).millis())
}

/// CAST of a text to TIMESTAMP: milliseconds, or ISO 8601.
pub(super) fn read(a: &Args<'_>, _: &Zone) -> Result<i64, Null> {
    let text = a.text(0).trim();
    match text.parse() {
        Ok(ms) => Ok(ms),
        Err(_) => parse_instant(text)
            .map(Timestamp::millis)
            .ok_or(Null::Fault),
    }
}
