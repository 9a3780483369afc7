//! Due times that repeat.

use crate::event::Timestamp;

/// A periodic timer: fires at `next`, then every `period_us`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeriodicTimer {
    /// Next firing; `None` until the timer starts.
    pub(crate) next: Option<Timestamp>,
    period_us: i64,
}

impl PeriodicTimer {
    /// A timer that has not started. `period_us` is at least 1.
    pub(crate) fn every(period_us: i64) -> Self {
        assert!(period_us > 0, "a period is positive");
        PeriodicTimer {
            next: None,
            period_us,
        }
    }

    /// Starts at a time: the first firing is one period later.
    pub(crate) fn start(&mut self, at: Timestamp) {
        self.next = Some(at.plus(self.period_us));
    }

    /// Starts on a grid through `origin`: fires at the first point of the grid after `at`.
    pub(crate) fn start_aligned(&mut self, at: Timestamp, origin: i64) {
        let steps = at.0.saturating_sub(origin).div_euclid(self.period_us);
        self.next = Some(
            Timestamp(origin.saturating_add(steps.saturating_mul(self.period_us)))
                .plus(self.period_us),
        );
    }

    /// The firing before one of them.
    pub(crate) fn before(&self, due: Timestamp) -> Timestamp {
        due.plus(-self.period_us)
    }

    /// The next firing due at or before `now`, and moves on by one period.
    pub(crate) fn fire(&mut self, now: Timestamp) -> Option<Timestamp> {
        let due = self.next.filter(|d| *d <= now)?;
        self.next = Some(due.plus(self.period_us));
        Some(due)
    }

    /// Moves on to the first firing after `now` without firing: for a window that holds nothing.
    pub(crate) fn forward(&mut self, now: Timestamp) {
        if let Some(next) = self.next.filter(|d| *d <= now) {
            self.start_aligned(now, next.0);
        }
    }
}
