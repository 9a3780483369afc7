//! Timers that repeat from the start of the app on.

use crate::event::{Batch, Timestamp};
use crate::operator::newer_counter;
use crate::state::{StateHolder, Visitor};
use std::ops::Range;

/// Firings of one periodic timer in one step of the clock, no row between them; of more, the first are left out and
/// counted. A clock that jumps by a year would fire a timer of a millisecond for hours.
pub(crate) const TIMER_CATCH_UP_MAX: u64 = 10_000;

/// A timer that fires every `period_us` from the start of the app on, while something is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    period_us: i64,
    /// The first clock of the app.
    start: Option<Timestamp>,
    next: Option<Timestamp>,
    /// Firings that were left out.
    skipped: u64,
}

impl Ticks {
    /// A timer that has not begun. `period_us` is at least 1.
    pub(crate) fn every(period_us: i64) -> Self {
        assert!(period_us > 0, "a period is positive");
        Ticks {
            period_us,
            start: None,
            next: None,
            skipped: 0,
        }
    }

    /// How often it fires.
    pub(crate) fn period_us(&self) -> i64 {
        self.period_us
    }

    /// The app has this clock now: from the first time on the timer knows when it fires.
    pub(crate) fn begin(&mut self, now: Timestamp, holds: bool) {
        if self.start.is_none() && now > Timestamp::MIN {
            self.start = Some(now);
            if holds {
                self.arm(now);
            }
        }
    }

    /// Something is held from this clock on.
    #[inline]
    pub(crate) fn arm(&mut self, clock: Timestamp) {
        if self.next.is_none()
            && let Some(start) = self.start
        {
            let passed = clock.0.saturating_sub(start.0).max(0) / self.period_us;
            let before = start
                .0
                .saturating_add(passed.saturating_mul(self.period_us));
            self.next = Some(Timestamp(before).plus(self.period_us));
        }
    }

    /// Nothing is held any more.
    pub(crate) fn disarm(&mut self) {
        self.next = None;
    }

    /// When it fires next.
    #[inline]
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.next
    }

    /// The firing that is due at or before `now`; the timer goes on to the next one.
    pub(crate) fn fire(&mut self, now: Timestamp) -> Option<Timestamp> {
        let due = self.next.filter(|due| *due <= now)?;
        // At the end of time there is no next one.
        let next = due.plus(self.period_us);
        self.next = (next > due).then_some(next);
        Some(due)
    }

    /// The clock is about to reach `now`: leaves the first firings out where there would be too many.
    pub(crate) fn skip(&mut self, now: Timestamp) {
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return;
        };
        let firings = now.0.saturating_sub(next.0) / self.period_us + 1;
        let over = firings.saturating_sub(TIMER_CATCH_UP_MAX as i64);
        if over > 0 {
            self.skipped = self.skipped.saturating_add(over as u64);
            self.next = Some(next.plus(over.saturating_mul(self.period_us)));
        }
    }

    /// Firings that were left out so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Of some rows that come when something is or will be held, those before the next firing.
    #[inline]
    pub(super) fn before(&mut self, batch: &Batch, rows: Range<usize>) -> Range<usize> {
        self.arm(batch.clock_of(rows.start));
        let Some(next) = self.next else { return rows };
        rows.start..first_where(rows, |row| batch.clock_of(row) >= next)
    }
}

/// The first of some rows, in the order of their clock, from which on something holds; their end where it never does.
///
/// Cost: O(log n) of how far it is.
#[inline]
pub(super) fn first_where(rows: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (rows.start, 1);
    // It holds for none before `low`.
    while low + step <= rows.end && !holds(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = rows.end.min(low + step - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low
}

impl StateHolder for Ticks {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.register(&mut self.start);
        visitor.register(&mut self.next);
        newer_counter(visitor, &mut self.skipped);
    }
}

/// An operator that holds what goes out when a timer fires.
pub(crate) trait Firings {
    /// Its timer.
    fn ticks(&mut self) -> &mut Ticks;

    /// Fires what is due at or before `now`, in order.
    fn fire_all(&mut self, now: Timestamp, mut fire: impl FnMut(&mut Self, Timestamp))
    where
        Self: Sized,
    {
        self.ticks().skip(now);
        while let Some(due) = self.ticks().fire(now) {
            fire(self, due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_some_rows() {
        for (start, end) in (0..40).flat_map(|start| (start..40).map(move |end| (start, end))) {
            for first in 0..45 {
                let found = first_where(start..end, |row| {
                    assert!(
                        (start..end).contains(&row),
                        "row {row} is none of {start}..{end}"
                    );
                    row >= first
                });
                assert_eq!(found, first.clamp(start, end), "{start}..{end}, {first}");
            }
        }
    }
}
