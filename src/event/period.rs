//! Periods of the calendar: the second, minute, hour, day, week, month and year in which an instant lies, by the clocks
//! of a zone.
//!
//! How: whatever clocks do, the periods of one granularity follow each other without gap or overlap, and one of a finer
//! granularity lies in one of each coarser (a week in no month). Days and what is longer begin when the clocks first
//! show midnight of their first date, or first pass it where they skip it; so a day may have 23 or 25 hours. Hours and
//! minutes begin where the clocks show a full one, and where the clocks are put on or back in between, a new one
//! begins.

use super::Timestamp;
use super::instant::Zone;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{Span, ToSpan};
use std::fmt;

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Granularity {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days from midnight to midnight.
    Day,
    /// Weeks from Monday on.
    Week,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

/// By granularity, the words for it: the first one is how it is told.
#[rustfmt::skip]
const WORDS: [(Granularity, &[&str]); 7] = [
    (Granularity::Second, &["SECONDS", "SECOND", "SECS", "SEC"]),
    (Granularity::Minute, &["MINUTES", "MINUTE", "MINS", "MIN"]),
    (Granularity::Hour, &["HOURS", "HOUR"]),
    (Granularity::Day, &["DAYS", "DAY"]),
    (Granularity::Week, &["WEEKS", "WEEK"]),
    (Granularity::Month, &["MONTHS", "MONTH"]),
    (Granularity::Year, &["YEARS", "YEAR"]),
];

impl Granularity {
    /// From the finest to the coarsest.
    pub fn all() -> impl Iterator<Item = Granularity> {
        WORDS.into_iter().map(|(granularity, _)| granularity)
    }

    /// The granularity of a word, without regard to case.
    pub(crate) fn named(word: &str) -> Option<Granularity> {
        let is = |own: &&str| own.eq_ignore_ascii_case(word.trim());
        let found = WORDS.iter().find(|(_, words)| words.iter().any(is));
        found.map(|(granularity, _)| *granularity)
    }

    /// The word for it, in capitals.
    pub(crate) fn word(self) -> &'static str {
        WORDS[self as usize].1[0]
    }

    /// Whether each of its periods lies in one of a coarser granularity.
    pub(crate) fn divides(self, coarser: Granularity) -> bool {
        self < coarser && self != Granularity::Week
    }

    /// How long it is in microseconds where that is always the same, but for what clocks do.
    fn fixed_us(self) -> Option<i64> {
        match self {
            Granularity::Second => Some(1_000_000),
            Granularity::Minute => Some(60_000_000),
            Granularity::Hour => Some(3_600_000_000),
            _ => None,
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A time between two instants, the second one not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Period {
    /// No instant lies in it.
    pub(crate) const NONE: Period = Period {
        start: Timestamp(i64::MAX),
        end: Timestamp(i64::MIN),
    };

    /// All instants lie in it.
    pub(crate) const ALL: Period = Period {
        start: Timestamp::MIN,
        end: Timestamp(i64::MAX),
    };

    #[inline]
    pub(crate) fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// The first and the last instant that lie in a period by [`period`]: what the calendar of years 1 to 9999 shows in
/// every zone.
pub(crate) const CALENDAR: std::ops::RangeInclusive<Timestamp> =
    Timestamp(-62_135_500_000_000_000)..=Timestamp(253_402_100_000_000_000);

/// The instants whose periods begin and end in [`CALENDAR`]: the years 2 to 9998.
pub(crate) const DATED: std::ops::RangeInclusive<Timestamp> =
    Timestamp(-62_103_800_000_000_000)..=Timestamp(253_370_600_000_000_000);

/// The period of an instant, which must be in [`CALENDAR`].
pub(crate) fn period(granularity: Granularity, zone: &Zone, at: Timestamp) -> Period {
    debug_assert!(CALENDAR.contains(&at), "outside of the calendar");
    match granularity.fixed_us() {
        Some(us) => fixed(us, zone, at),
        None => of_dates(granularity, zone, at),
    }
}

fn fixed(us: i64, zone: &Zone, at: Timestamp) -> Period {
    let offset = i64::from(zone.offset(at).seconds()) * 1_000_000;
    let start = at.plus(-(at.0 + offset).rem_euclid(us));
    let grid = Period {
        start,
        end: start.plus(us),
    };
    zone.between_changes(grid, at)
}

fn of_dates(granularity: Granularity, zone: &Zone, at: Timestamp) -> Period {
    let local = zone.local(at).map_or(Date::MIN, DateTime::date);
    let mut first = first_date(granularity, local);
    let begin = |date: Date| zone.instant(date.to_datetime(Time::midnight()));
    // Clocks that are put back over midnight show a date again that is over, and such as skip it begin the next one.
    while at < begin(first) {
        first = first.saturating_sub(length(granularity));
    }
    loop {
        let next = first.saturating_add(length(granularity));
        let (start, end) = (begin(first), begin(next));
        if at < end || next == first {
            return Period { start, end };
        }
        first = next;
    }
}

/// The first date of the period of a date.
fn first_date(granularity: Granularity, date: Date) -> Date {
    match granularity {
        Granularity::Year => date.first_of_year(),
        Granularity::Month => date.first_of_month(),
        Granularity::Week => {
            let passed = date.weekday().since(Weekday::Monday);
            date.saturating_sub(i64::from(passed).days())
        }
        _ => date,
    }
}

fn length(granularity: Granularity) -> Span {
    match granularity {
        Granularity::Year => 1.year(),
        Granularity::Month => 1.month(),
        Granularity::Week => 1.week(),
        _ => 1.day(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::parse_instant;

    fn instant(text: &str) -> Timestamp {
        parse_instant(text).expect(text)
    }

    #[test]
    fn periods_by_the_clocks_of_zones() {
        use Granularity::*;
        #[rustfmt::skip]
        let cases = [
            (Second, "Europe/Berlin", "2024-03-31T00:59:59.5Z", "2024-03-31T00:59:59Z", 1),
            (Minute, "UTC", "1969-12-31T23:59:59.9Z", "1969-12-31T23:59:00Z", 60),
            (Hour, "Asia/Kolkata", "2024-01-01T00:10:00Z", "2023-12-31T23:30:00Z", 3600),
            // Days of 23 and 25 hours, and the hour that is shown twice.
            (Day, "Europe/Berlin", "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z", 23 * 3600),
            (Day, "Europe/Berlin", "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z", 25 * 3600),
            (Hour, "Europe/Berlin", "2024-10-27T00:30:00Z", "2024-10-27T00:00:00Z", 3600),
            (Hour, "Europe/Berlin", "2024-10-27T01:30:00Z", "2024-10-27T01:00:00Z", 3600),
            // Half an hour back in the middle of one: 02:00 becomes 01:30.
            (Hour, "Australia/Lord_Howe", "2024-04-06T14:45:00Z", "2024-04-06T14:00:00Z", 3600),
            (Hour, "Australia/Lord_Howe", "2024-04-06T15:15:00Z", "2024-04-06T15:00:00Z", 1800),
            // Midnight is skipped, and shown twice.
            (Day, "America/Santiago", "2024-09-08T12:00:00Z", "2024-09-08T04:00:00Z", 23 * 3600),
            (Day, "America/Santiago", "2024-04-06T12:00:00Z", "2024-04-06T03:00:00Z", 25 * 3600),
            (Day, "Asia/Beirut", "2024-03-31T12:00:00Z", "2024-03-30T22:00:00Z", 23 * 3600),
            // A minute past midnight the clocks showed the day before again.
            (Day, "America/St_Johns", "2010-11-07T02:45:00Z", "2010-11-07T02:30:00Z", 25 * 3600),
            // A date that no clock showed.
            (Day, "Pacific/Apia", "2011-12-30T09:59:00Z", "2011-12-29T10:00:00Z", 24 * 3600),
            (Day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", 24 * 3600),
            (Week, "UTC", "2024-01-07T23:59:59Z", "2024-01-01T00:00:00Z", 7 * 86400),
            (Month, "UTC", "2024-02-29T00:00:00Z", "2024-02-01T00:00:00Z", 29 * 86400),
            (Month, "Europe/Berlin", "2024-03-01T00:00:00Z", "2024-02-29T23:00:00Z", 31 * 86400 - 3600),
            (Year, "UTC", "2024-12-31T23:59:59.999999Z", "2024-01-01T00:00:00Z", 366 * 86400),
            (Year, "Europe/Berlin", "2023-12-31T23:00:00Z", "2023-12-31T23:00:00Z", 366 * 86400),
        ];
        for (granularity, name, at, start, seconds) in cases {
            let zone = Zone::of(name).expect(name);
            let found = period(granularity, &zone, instant(at));
            let start = instant(start);
            let end = start.plus(seconds * 1_000_000);
            assert_eq!(
                found,
                Period { start, end },
                "{granularity} of {at} in {name}"
            );
        }
    }

    /// Walks from period to period and looks each end up.
    #[test]
    fn periods_have_neither_gaps_nor_overlaps_and_lie_in_coarser_ones() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "America/Santiago",
            "America/St_Johns",
            "Pacific/Apia",
            "Asia/Kathmandu",
            "Africa/Monrovia",
        ] {
            let zone = Zone::of(name).expect(name);
            for granularity in Granularity::all().filter(|g| *g > Granularity::Minute) {
                let mut at = instant("2009-12-31T22:45:00Z");
                for _ in 0..20_000 {
                    let own = period(granularity, &zone, at);
                    assert!(own.contains(at), "{name} {granularity} {at:?} {own:?}");
                    let last = period(granularity, &zone, own.end.plus(-1));
                    assert_eq!(own, last, "{name} {granularity} {at:?}");
                    let first = period(granularity, &zone, own.start);
                    assert_eq!(own, first, "{name} {granularity} {at:?}");
                    for coarser in Granularity::all().filter(|c| granularity.divides(*c)) {
                        let around = period(coarser, &zone, own.start);
                        assert!(
                            around.contains(own.end.plus(-1)),
                            "{name} {granularity} {at:?}"
                        );
                    }
                    at = own.end;
                    if at > instant("2012-02-01T00:00:00Z") {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_calendar_have_periods() {
        for name in ["UTC", "+25:59", "-25:59", "Pacific/Apia"] {
            let Some(zone) = Zone::of(name) else { continue };
            for granularity in Granularity::all() {
                for at in [*CALENDAR.start(), *CALENDAR.end()] {
                    let own = period(granularity, &zone, at);
                    assert!(own.contains(at), "{name} {granularity} {at:?} {own:?}");
                }
                for at in [*DATED.start(), *DATED.end()] {
                    let own = period(granularity, &zone, at);
                    let ends = [own.start, own.end];
                    assert!(
                        ends.iter().all(|end| CALENDAR.contains(end)),
                        "{name} {granularity}"
                    );
                }
            }
        }
    }

    #[test]
    fn words() {
        assert_eq!(Granularity::named(" days"), Some(Granularity::Day));
        assert_eq!(Granularity::named("sec"), Some(Granularity::Second));
        assert_eq!(Granularity::named("decade"), None);
        for granularity in Granularity::all() {
            assert_eq!(Granularity::named(granularity.word()), Some(granularity));
        }
    }
}
