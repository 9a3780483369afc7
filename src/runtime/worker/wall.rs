//! The clock of an app in processing time: the machine's, but it never goes back, nor stands still for long.
//!
//! Why: people and time services set a machine's clock. Windows must neither see a time twice, nor wait for an hour
//! that the clock was set back while the app runs. How: with every tick of the system's timer the machine's clock is
//! compared with the monotonic one. What it went back by is added from then on, until it is made up for: when the
//! clock is set on again, or the machine has slept.
//!
//! Reading must be cheap, as a single send through an inline app takes little more than reading the clock does: the
//! system counts ticks beside its clocks, and hands out the last one for a fraction of the price. While the tick is the
//! same, the time read last is less than a tick old, and good enough where nothing depends on its last digits.

use crate::event::Timestamp;
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a clock is behind by less than this is no step: clocks are corrected all the time, and reading them takes time.
pub(crate) const CLOCK_BACK_MIN: Duration = Duration::from_millis(100);

/// A restored clock that is ahead of the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockBack {
    /// By how much.
    pub ahead: Duration,
    /// The app's clock stands still until the machine's has made up for it; otherwise it goes on from where it stands.
    pub waits: bool,
}

impl fmt::Display for ClockBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ahead.as_secs_f64();
        write!(f, "its clock is {seconds:.1} s ahead of the machine's, ")?;
        match self.waits {
            true => f.write_str(
                "which was set back: time stands still until that is made up for \
                 (@app:processing(clock.back='follow') goes on at once)",
            ),
            false => f.write_str("which was set back: time goes on from there"),
        }
    }
}

/// The machine's clock.
pub(crate) fn machine_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let us = since.unwrap_or_default().as_micros();
    Timestamp(i64::try_from(us).unwrap_or(i64::MAX))
}

/// How far a clock is ahead of another.
pub(crate) fn ahead_of(clock: Timestamp, other: Timestamp) -> Duration {
    let us = i128::from(clock.0) - i128::from(other.0);
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

/// The machine's clock, read between two moments.
#[derive(Clone, Copy, Debug)]
struct Reading {
    before: Instant,
    time: Timestamp,
    after: Instant,
}

impl Reading {
    fn take() -> Self {
        Reading {
            before: Instant::now(),
            time: machine_clock(),
            after: Instant::now(),
        }
    }
}

/// The clock of one worker.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    /// The tick before the last comparison.
    tick: Option<i64>,
    /// The time told last.
    last: Timestamp,
    /// The last comparison, with the time of this clock.
    compared: Option<Reading>,
    /// What the machine's clock went back by, and has not made up for.
    back: Duration,
    /// How often it was found to have gone back.
    steps: u64,
}

impl WallClock {
    /// The time.
    pub(crate) fn now(&mut self) -> Timestamp {
        self.read(tick())
    }

    /// The time, or that of less than a tick ago: 1 to 10 ms, as the system is built. Without ticks, the time.
    #[inline]
    pub(crate) fn recent(&mut self) -> Timestamp {
        let tick = tick();
        if tick.is_some() && tick == self.tick {
            return self.last;
        }
        self.read(tick)
    }

    /// How often the machine's clock was found to have gone back, while the app ran or behind a restored clock.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The app goes on from a clock of a checkpoint. `follow`: so does this one where it is behind.
    pub(crate) fn resume(&mut self, from: Timestamp, follow: bool) {
        let ahead = ahead_of(from, self.now());
        if ahead > CLOCK_BACK_MIN {
            self.steps += 1;
        }
        if follow {
            self.back += ahead;
            self.compared = None;
        }
    }

    fn read(&mut self, tick: Option<i64>) -> Timestamp {
        let time = match tick.is_some() && tick == self.tick {
            true => self.shifted(machine_clock()),
            false => self.compare(Reading::take()),
        };
        self.tick = tick;
        self.last = self.last.max(time);
        self.last
    }

    /// The time of this clock for one of the machine's.
    fn shifted(&self, machine: Timestamp) -> Timestamp {
        machine.plus(i64::try_from(self.back.as_micros()).unwrap_or(i64::MAX))
    }

    /// Compares the clock with the monotonic one.
    fn compare(&mut self, machine: Reading) -> Timestamp {
        let mut time = self.shifted(machine.time);
        if let Some(last) = self.compared {
            let least = later(last.time, last.after, machine.before);
            let most = later(last.time, last.before, machine.after);
            let back = ahead_of(least, time);
            if back > CLOCK_BACK_MIN {
                self.steps += 1;
                self.back += back;
            } else {
                self.back = self.back.saturating_sub(ahead_of(time, most));
            }
            time = self.shifted(machine.time);
        }
        self.compared = Some(Reading { time, ..machine });
        time
    }
}

/// A time of one moment, at another.
fn later(time: Timestamp, from: Instant, to: Instant) -> Timestamp {
    let since = to.saturating_duration_since(from).as_micros();
    time.plus(i64::try_from(since).unwrap_or(i64::MAX))
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
        loop {
            let (recent, now) = (clock.recent(), machine_clock());
            assert!(recent <= now, "{recent:?} {now:?}");
            if recent > first {
                break;
            }
            std::hint::spin_loop();
        }
        assert_eq!(clock.steps(), 0);
    }

    /// Milliseconds of the monotonic clock, what the machine's clock tells then, and what the app's tells, with the
    /// steps that were counted.
    const STEPS: &[(u64, i64, i64, u64)] = &[
        (0, 5_000, 5_000, 0),
        (10, 5_010, 5_010, 0),
        // Set back by little: the clock stands until that is made up for.
        (20, 4_960, 5_010, 0),
        (90, 5_030, 5_030, 0),
        // By more than an hour: it goes on.
        (100, -4_000_000, 5_040, 1),
        (110, -3_999_990, 5_050, 1),
        // Set on, but not as far: the machine's is still behind.
        (120, 4_000, 5_060, 1),
        // Set back again.
        (130, 3_000, 5_070, 2),
        // Made up for: the two are one again, also over a sleep of the machine.
        (150, 6_000, 6_000, 2),
        (151, 9_000, 9_000, 2),
        (155, 9_004, 9_004, 2),
    ];

    /// The time after a comparison, and the steps so far.
    fn told(clock: &mut WallClock, reading: Reading) -> (i64, u64) {
        let time = clock.compare(reading);
        clock.last = clock.last.max(time);
        (clock.last.millis(), clock.steps())
    }

    #[test]
    fn the_clock_neither_goes_back_nor_waits() {
        let begun = Instant::now();
        let mut clock = WallClock::default();
        for (ms, machine, expected, steps) in STEPS {
            let moment = begun + Duration::from_millis(*ms);
            let reading = Reading {
                before: moment,
                time: Timestamp::from_millis(*machine),
                after: moment,
            };
            let told = told(&mut clock, reading);
            assert_eq!(told, (*expected, *steps), "at {ms} ms");
        }
    }

    #[test]
    fn what_is_read_late_is_no_step() {
        let begun = Instant::now();
        let mut clock = WallClock::default();
        // The thread was stopped for a second before it read the machine's clock, then behind it.
        for (before, machine, after) in [(0, 1_000, 0), (10, 2_010, 1_010), (1_020, 2_020, 2_020)] {
            let of = |ms| begun + Duration::from_millis(ms);
            let reading = Reading {
                before: of(before),
                time: Timestamp::from_millis(machine),
                after: of(after),
            };
            assert_eq!(told(&mut clock, reading), (machine, 0));
            assert_eq!(clock.back, Duration::ZERO);
        }
    }

    #[test]
    fn a_restored_clock_that_is_ahead_counts_and_is_followed_if_asked() {
        for (ahead, follow, steps) in [
            (3_600_000, false, 1),
            (3_600_000, true, 1),
            (50, true, 0),
            (-3_600_000, true, 0),
        ] {
            let mut clock = WallClock::default();
            let from = clock.now().plus(ahead * 1_000);
            clock.resume(from, follow);
            assert_eq!(clock.steps(), steps, "{ahead} {follow}");
            let goes_on = follow && ahead > 0;
            assert_eq!(
                clock.now() >= from,
                goes_on || ahead < 0,
                "{ahead} {follow}"
            );
            // The machine's clock is where it was: no further step.
            clock.tick = None;
            clock.now();
            assert_eq!(clock.steps(), steps, "{ahead} {follow}");
        }
    }
}
