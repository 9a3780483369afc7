//! Instants of event and processing time.

use std::fmt;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Before every row: the clock of an app that has seen nothing.
    pub const MIN: Timestamp = Timestamp(i64::MIN);

    /// The first and the last time that a row or a clock may have: 9.2e15 ms from the epoch. Behind them is room for
    /// the longest window, so that sums of times do not overflow.
    pub const RANGE: std::ops::RangeInclusive<Timestamp> =
        Timestamp(-9_200_000_000_000_000_000)..=Timestamp(9_200_000_000_000_000_000);

    /// From milliseconds since the epoch; saturates at the ends of the range.
    pub fn from_millis(ms: i64) -> Self {
        Timestamp(ms.saturating_mul(1000))
    }

    /// Milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Later by `us` microseconds, saturating.
    pub fn plus(self, us: i64) -> Self {
        Timestamp(self.0.saturating_add(us))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}ms", self.millis(), self.0.rem_euclid(1000))
    }
}
