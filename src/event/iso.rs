//! Instants of ISO 8601 text.
//!
//! A date is `2024-02-29`, `2024-W09-4` or `2024-060`; then may come `T` or a blank, a time of day `10`, `10:30`,
//! `10:30:05` with up to nine decimals behind `.` or `,`, and `Z`, `+02`, `+02:00` or a zone `[Europe/Berlin]`. Hyphens
//! and colons may be left out. Without offset and zone it is UTC. What is finer than a microsecond is rounded down.

use super::Timestamp;
use super::instant::{Zone, at_offset};
use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::tz::Offset;

/// The instant that a text names: ISO 8601, as the head of this file says. Nothing else may stand around it.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    parse_instant_in(text, &Zone::UTC)
}

/// As [`parse_instant`]; without offset and zone it is by the clocks of this zone.
pub(crate) fn parse_instant_in(text: &str, own: &Zone) -> Option<Timestamp> {
    let mut text = Cursor(text.as_bytes());
    let date = text.date()?;
    if text.0.is_empty() {
        return Some(own.instant(date.to_datetime(Time::midnight())));
    }
    if !text.eat(b"Tt ") {
        return None;
    }
    let local = text.time_on(date)?;
    let blank = text.eat(b" ");
    let zulu = text.eat(b"Zz");
    let offset = match zulu {
        true => Some(Offset::UTC),
        false if matches!(text.0.first(), Some(b'+' | b'-')) => Some(text.offset()?),
        false if blank => return None,
        false => None,
    };
    let zone = text.zone()?;
    if !text.0.is_empty() {
        return None;
    }
    let Some(offset) = offset else {
        return Some(zone.as_ref().unwrap_or(own).instant(local));
    };
    let at = at_offset(local, offset);
    // `Z` says nothing of the clocks in the zone, an offset does
    let fits = zulu || zone.is_none_or(|zone| zone.offset(at) == offset);
    fits.then_some(at)
}

/// `Z`, `+02`, `+0200` or `+02:00`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let mut text = Cursor(text.as_bytes());
    let offset = match text.eat(b"Zz") {
        true => Offset::UTC,
        false => text.offset()?,
    };
    text.0.is_empty().then_some(offset)
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Passes one of these signs, if it stands next.
    fn eat(&mut self, signs: &[u8]) -> bool {
        match self.0 {
            [first, rest @ ..] if signs.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// How many digits stand next.
    fn run(&self) -> usize {
        self.0.iter().take_while(|b| b.is_ascii_digit()).count()
    }

    /// A number of exactly so many digits; up to 4 fit every use but the fraction's.
    fn digits(&mut self, count: usize) -> Option<i16> {
        let (number, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        number.iter().try_fold(0, |value: i16, b| {
            b.is_ascii_digit().then(|| value * 10 + i16::from(b - b'0'))
        })
    }

    fn pair(&mut self) -> Option<i8> {
        self.digits(2).and_then(|n| i8::try_from(n).ok())
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.digits(4).filter(|year| *year >= 1)?;
        let extended = self.eat(b"-");
        if self.eat(b"Ww") {
            let week = self.pair()?;
            if self.eat(b"-") != extended {
                return None;
            }
            let day = i8::try_from(self.digits(1)?).ok()?;
            let weekday = Weekday::from_monday_one_offset(day).ok()?;
            return ISOWeekDate::new(year, week, weekday).ok().map(Date::from);
        }
        if self.run() == 3 {
            let day = self.digits(3)?;
            let first = Date::new(year, 1, 1).ok()?;
            return first.with().day_of_year(day).build().ok();
        }
        let month = self.pair()?;
        if self.eat(b"-") != extended {
            return None;
        }
        Date::new(year, month, self.pair()?).ok()
    }

    /// A time of day on a date. 24:00 is the midnight behind it, second 60 is read as 59.
    fn time_on(&mut self, date: Date) -> Option<DateTime> {
        let hour = self.pair()?;
        let extended = self.eat(b":");
        let (mut minute, mut second, mut nanos) = (0, 0, 0);
        if extended || self.run() > 0 {
            minute = self.pair()?;
            let more = if extended {
                self.eat(b":")
            } else {
                self.run() > 0
            };
            if more {
                second = self.pair()?;
                if self.eat(b".,") {
                    nanos = self.nanos()?;
                }
            }
        }
        if hour == 24 {
            let midnight = (minute, second, nanos) == (0, 0, 0);
            let next = date.tomorrow().ok().filter(|_| midnight)?;
            return Some(next.to_datetime(Time::midnight()));
        }
        let second = if second == 60 { 59 } else { second };
        let time = Time::new(hour, minute, second, nanos).ok()?;
        Some(date.to_datetime(time))
    }

    /// One to nine decimals.
    fn nanos(&mut self) -> Option<i32> {
        let count = self.run();
        if !(1..=9).contains(&count) {
            return None;
        }
        let (decimals, rest) = self.0.split_at(count);
        self.0 = rest;
        let zeros = std::iter::repeat_n(&b'0', 9 - count);
        let digits = decimals.iter().chain(zeros);
        Some(digits.fold(0, |value, b| value * 10 + i32::from(b - b'0')))
    }

    fn offset(&mut self) -> Option<Offset> {
        let east = self.eat(b"+");
        if !east && !self.eat(b"-") {
            return None;
        }
        let hours = i32::from(self.digits(2)?);
        let minutes = match self.eat(b":") || self.run() > 0 {
            true => i32::from(self.digits(2)?),
            false => 0,
        };
        if hours > 23 || minutes > 59 {
            return None;
        }
        let seconds = hours * 3600 + minutes * 60;
        Offset::from_seconds(if east { seconds } else { -seconds }).ok()
    }

    /// `[Europe/Berlin]`, or nothing.
    fn zone(&mut self) -> Option<Option<Zone>> {
        if !self.eat(b"[") {
            return Some(None);
        }
        let end = self.0.iter().position(|b| *b == b']')?;
        let name = std::str::from_utf8(&self.0[..end]).ok()?;
        let zone = Zone::of(name)?;
        self.0 = &self.0[end + 1..];
        Some(Some(zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_their_instants() {
        for (text, us) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T01", 3_600_000_000),
            ("1970-01-01T01:30", 5_400_000_000),
            ("1970-01-01T0130", 5_400_000_000),
            ("19700101T013000", 5_400_000_000),
            ("19700101", 0),
            ("1970-001", 0),
            ("1970001T00Z", 0),
            ("1970-W01-4", 0),
            ("1970W014T00:00", 0),
            ("2024-366", 1_735_603_200_000_000),
            ("2020-W53-7", 1_609_632_000_000_000),
            // offsets
            ("2017-12-03T11:59:41+02", 1_512_295_181_000_000),
            ("2017-12-03T11:59:41+0200", 1_512_295_181_000_000),
            ("2017-12-03T11:59:41+02:00", 1_512_295_181_000_000),
            ("2017-12-03 11:59:41 +02:00", 1_512_295_181_000_000),
            ("2017-12-03T09:59:41Z", 1_512_295_181_000_000),
            ("20171203T115941+0200", 1_512_295_181_000_000),
            ("1970-01-01T00:00-00:30", 1_800_000_000),
            // zones
            ("2024-07-01T12:00[Europe/Berlin]", 1_719_828_000_000_000),
            (
                "2024-07-01T12:00+02:00[Europe/Berlin]",
                1_719_828_000_000_000,
            ),
            ("2024-07-01T10:00Z[Europe/Berlin]", 1_719_828_000_000_000),
            (
                "2024-10-27T02:30+01:00[Europe/Berlin]",
                1_729_992_600_000_000,
            ),
            ("2024-10-27T02:30[Europe/Berlin]", 1_729_989_000_000_000),
            ("2024-03-31T02:30[Europe/Berlin]", 1_711_848_600_000_000),
            // decimals: rounded down to a microsecond, also before 1970
            ("1970-01-01T00:00:00.5", 500_000),
            ("1970-01-01T00:00:00,5Z", 500_000),
            ("1970-01-01T00:00:00.123456789Z", 123_456),
            ("1970-01-01T00:00:00.000000999Z", 0),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("1969-12-31T23:59:59.000000001Z", -1_000_000),
            // the ends of days, and of the calendar
            ("1969-12-31T24:00", 0),
            ("1969-12-31T24:00:00.000Z", 0),
            ("1969-12-31T23:59:60Z", -1_000_000),
            ("2016-12-31T23:59:60.5Z", 1_483_228_799_500_000),
            ("0001-01-01", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("9999-12-31T23:59:59-12:00", 253_402_343_999_000_000),
        ] {
            assert_eq!(parse_instant(text), Some(Timestamp(us)), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "0000-12-31",
            "00001231",
            "0000-W01-1",
            "1970",
            "1970-01",
            "70-01-01",
            "1970-1-1",
            "1970-0101",
            "197001-01",
            "1970-13-01",
            "1970-02-29",
            "1970-00-00",
            "1970-366",
            "1970-000",
            "1970-W54-1",
            "1970-W01-8",
            "1970-W014",
            "1970-01-01T",
            "1970-01-01T1",
            "1970-01-01T24:01",
            "1970-01-01T25:00",
            "1970-01-01T00:60",
            "1970-01-01T00:00:61",
            "1970-01-01T00:00:00.",
            "1970-01-01T00:00:00.0000000001",
            "1970-01-01T00:00.5",
            "1970-01-01T00:00:00 ",
            "1970-01-01T00:00:00+",
            "1970-01-01T00:00:00+2",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+02:60",
            "1970-01-01T00:00:00+02:00Z",
            "1970-01-01T00:00:00Zx",
            "1970-01-01Z",
            "1970-01-01_00:00",
            "9999-12-31T24:00",
            "+1970-01-01",
            "2024-07-01T12:00+01:00[Europe/Berlin]",
            "2024-07-01T12:00[Europe/Berlim]",
            "2024-07-01T12:00[Europe/Berlin",
            "١٩٧٠-01-01",
            "1970-01-01T00:00:0é",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }
}
