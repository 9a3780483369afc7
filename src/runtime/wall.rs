//! The machine's clock, read cheaply where nothing depends on its last digits.
//!
//! Why: a single send through an inline app takes little more than reading the clock does. How: the system counts ticks
//! of its timer beside the clock, and hands out the last one for a fraction of the price. While the tick is the same,
//! the time read last is less than a tick old.

use crate::event::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of one worker.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    /// The tick before the last reading.
    tick: Option<i64>,
    last: Timestamp,
}

impl WallClock {
    /// The time.
    pub(crate) fn now(&mut self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let us = since.unwrap_or_default().as_micros();
        self.last = Timestamp(i64::try_from(us).unwrap_or(i64::MAX));
        self.last
    }

    /// The time, or that of less than a tick ago: 1 to 10 ms, as the system is built. Without ticks, the time.
    #[inline]
    pub(crate) fn recent(&mut self) -> Timestamp {
        let tick = tick();
        if tick.is_some() && tick == self.tick {
            return self.last;
        }
        self.tick = tick;
        self.now()
    }
}

/// The time of the last tick, from some beginning.
#[cfg(all(target_os = "linux", not(miri)))]
#[inline]
fn tick() -> Option<i64> {
    use nix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).ok()?;
    Some(
        time.tv_sec()
            .wrapping_mul(1_000_000_000)
            .wrapping_add(time.tv_nsec()),
    )
}

#[cfg(not(all(target_os = "linux", not(miri))))]
#[inline]
fn tick() -> Option<i64> {
    None
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_recent_time_is_one_that_was_read_and_moves_on() {
        let mut clock = WallClock::default();
        let first = clock.recent();
        assert!(first > Timestamp::default());
        let mut other = WallClock::default();
        loop {
            let (recent, now) = (clock.recent(), other.now());
            assert!(recent <= now, "{recent:?} {now:?}");
            if recent > first {
                break;
            }
            std::hint::spin_loop();
        }
    }
}
