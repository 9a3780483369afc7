//! Instants in the calendar: the date and time of day that a zone shows at an instant, and the instant behind one.
//!
//! Why not jiff's own instants: they end a day before the year 9999 does, so that the last day would have none. Its
//! civil times reach the end, so an instant here is a count of microseconds, and only rules and calendar are jiff's.

use super::period::Period;
use super::{Timestamp, iso};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

const EPOCH: DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// A time zone: UTC, a fixed offset, or one of the IANA database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    pub(crate) const UTC: Zone = Zone(TimeZone::UTC);

    /// `Europe/Berlin`, `UTC`, `Z`, `+02:00`; names are compared without regard to ASCII case.
    pub(crate) fn of(name: &str) -> Option<Zone> {
        if let Some(offset) = iso::offset(name) {
            return Some(Zone(TimeZone::fixed(offset)));
        }
        // it keeps the zones that it has read, as reading one takes longer than a row may
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        // Etc/Unknown is a word of jiff for no zone
        (!zone.is_unknown()).then_some(Zone(zone))
    }

    /// The name, unless it is UTC or an offset.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.iana_name().filter(|name| *name != "UTC")
    }

    /// How far its clocks are ahead of UTC.
    pub(crate) fn offset(&self, at: Timestamp) -> Offset {
        self.0.to_offset(jiff_instant(at))
    }

    /// What of a period around an instant has the offset of that instant: it begins or ends early where the clocks are
    /// put on or back in it.
    pub(crate) fn between_changes(&self, mut period: Period, at: Timestamp) -> Period {
        let offset = self.offset(at);
        if self.offset(period.start) != offset {
            let behind = jiff_instant(at.plus(1));
            let last = self.0.preceding(behind).next();
            let last = last.map(|change| Timestamp(change.timestamp().as_microsecond()));
            period.start = last.map_or(period.start, |last| last.max(period.start));
        }
        if self.offset(period.end.plus(-1)) != offset {
            let next = self.0.following(jiff_instant(at)).next();
            let next = next.map(|change| Timestamp(change.timestamp().as_microsecond()));
            period.end = next.map_or(period.end, |next| next.min(period.end));
        }
        period
    }

    /// Writes what its time is called, such as `CEST`.
    pub(crate) fn abbreviation(&self, at: Timestamp, to: &mut String) {
        to.push_str(self.0.to_offset_info(jiff_instant(at)).abbreviation());
    }

    /// What its clocks show; `None` outside of the calendar.
    pub(crate) fn local(&self, at: Timestamp) -> Option<DateTime> {
        let ahead = i64::from(self.offset(at).seconds());
        let shifted = at.0.checked_add(ahead * 1_000_000)?;
        let local = EPOCH.checked_add(SignedDuration::from_micros(shifted));
        local.ok().filter(|local| in_calendar(*local))
    }

    /// The instant at which its clocks show this, rounded down to a microsecond.
    ///
    /// What they show twice is the first of both; what they skip is as late as if they had not been put forward.
    pub(crate) fn instant(&self, local: DateTime) -> Timestamp {
        self.instant_near(local, None)
    }

    /// As [`instant`](Self::instant), but of what the clocks show twice that with this offset, if it is one of both.
    pub(crate) fn instant_near(&self, local: DateTime, near: Option<Offset>) -> Timestamp {
        let offset = match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { after, .. } if near == Some(after) => after,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        at_offset(local, offset)
    }
}

/// Whether a date is in the years 1 to 9999, which are all that texts can name. Those of jiff begin at −9999.
pub(crate) fn in_calendar(local: DateTime) -> bool {
    local.year() >= 1
}

/// The instant at which clocks that are ahead of UTC by an offset show this.
pub(crate) fn at_offset(local: DateTime, offset: Offset) -> Timestamp {
    let nanos = local.duration_since(EPOCH).as_nanos();
    // the civil years are within a tenth of what an i64 of microseconds holds
    let us = i64::try_from(nanos.div_euclid(1000)).unwrap_or(i64::MAX);
    Timestamp(us).plus(-i64::from(offset.seconds()) * 1_000_000)
}

/// The nearest instant of jiff. Zones do not change their offset behind the last one.
fn jiff_instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or(if at.0 < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_zones() {
        for (zone, at, shown) in [
            ("UTC", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00"),
            (
                "utc",
                "9999-12-31T23:59:59.999999Z",
                "9999-12-31T23:59:59.999999",
            ),
            ("UTC", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
            ("+02:00", "2024-07-01T10:00:00Z", "2024-07-01T12:00:00"),
            ("-0330", "1969-12-31T23:59:59.5Z", "1969-12-31T20:29:59.5"),
            (
                "Europe/Berlin",
                "2024-07-01T10:00:00Z",
                "2024-07-01T12:00:00",
            ),
            (
                "europe/berlin",
                "2024-01-01T10:00:00Z",
                "2024-01-01T11:00:00",
            ),
            (
                "Asia/Kathmandu",
                "2024-01-01T00:00:00Z",
                "2024-01-01T05:45:00",
            ),
            (
                "America/New_York",
                "9999-12-31T23:59:59Z",
                "9999-12-31T18:59:59",
            ),
            // put forward, and put back: the same clock twice
            (
                "Europe/Berlin",
                "2024-03-31T00:59:59Z",
                "2024-03-31T01:59:59",
            ),
            (
                "Europe/Berlin",
                "2024-03-31T01:00:00Z",
                "2024-03-31T03:00:00",
            ),
            (
                "Europe/Berlin",
                "2024-10-27T00:30:00Z",
                "2024-10-27T02:30:00",
            ),
            (
                "Europe/Berlin",
                "2024-10-27T01:30:00Z",
                "2024-10-27T02:30:00",
            ),
        ] {
            let instant = iso::parse_instant(at).expect(at);
            let local = Zone::of(zone).expect(zone).local(instant);
            assert_eq!(local, Some(shown.parse().expect(shown)), "{at} in {zone}");
        }
        let far = iso::parse_instant("9999-12-31T23:30:00Z").expect("an instant");
        assert_eq!(Zone::of("+01:00").expect("a zone").local(far), None);
        let first = iso::parse_instant("0001-01-01").expect("an instant");
        assert_eq!(Zone::UTC.local(first.plus(-1)), None);
        assert_eq!(Zone::of("-01:00").expect("a zone").local(first), None);
        for wrong in ["Europe/Berlim", "", "+25:00", "2:00", "CEST", "Etc/Unknown"] {
            assert_eq!(Zone::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_of_clocks() {
        for (zone, shown, at) in [
            (
                "Europe/Berlin",
                "2024-07-01T12:00:00",
                "2024-07-01T10:00:00Z",
            ),
            (
                "Europe/Berlin",
                "9999-12-31T23:59:59",
                "9999-12-31T22:59:59Z",
            ),
            // shown never: an hour later
            (
                "Europe/Berlin",
                "2024-03-31T02:30:00",
                "2024-03-31T01:30:00Z",
            ),
            // shown twice: the first
            (
                "Europe/Berlin",
                "2024-10-27T02:30:00",
                "2024-10-27T00:30:00Z",
            ),
            (
                "Australia/Lord_Howe",
                "2024-04-07T01:45:00",
                "2024-04-06T14:45:00Z",
            ),
            (
                "UTC",
                "1969-12-31T23:59:59.9999999",
                "1969-12-31T23:59:59.999999Z",
            ),
        ] {
            let local = shown.parse().expect(shown);
            let instant = Zone::of(zone).expect(zone).instant(local);
            assert_eq!(Some(instant), iso::parse_instant(at), "{shown} in {zone}");
        }
    }
}
