//! What happens where more runs would be open than may be.
//!
//! Why the oldest goes behind a row and not before it: a row may begin many runs, and which ones it may still advance
//! is known only then. So for the time of one row there may be twice as many.
//! Which is the oldest: the one that has waited longest where it stands. A run that has taken no row is none: all
//! others begin from it. The order is made of what is stored of runs, so it is the same after a restore.

use super::due::DueList;
use super::trace::TraceStep;
use super::{PATTERN_RUNS_MAX, Pattern};
use crate::event::Timestamp;
use crate::state::Slot;

/// What happens to a run that would be one too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It is not begun.
    #[default]
    Refuse,
    /// The one that has waited longest goes for it.
    DropOldest,
    /// The app stops.
    Stop,
}

/// How many runs may be open on a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunsBound {
    pub(crate) max: usize,
    pub(crate) when_full: WhenFull,
}

impl Default for RunsBound {
    fn default() -> Self {
        RunsBound {
            max: PATTERN_RUNS_MAX,
            when_full: WhenFull::Refuse,
        }
    }
}

impl RunsBound {
    /// How many there may be for the time of one row.
    #[inline]
    pub(super) fn slots_max(self) -> usize {
        match self.when_full {
            WhenFull::DropOldest => self.max * 2,
            WhenFull::Refuse | WhenFull::Stop => self.max,
        }
    }

    /// There would be one too many of these.
    #[cold]
    pub(super) fn exceed(self, what: &str) {
        if self.when_full == WhenFull::Stop {
            panic!(
                "more than {} {what} (runs.max), and 'runs.full' is 'stop'",
                self.max
            );
        }
    }
}

impl Pattern {
    /// A run has come to where it waits, or has taken a row there.
    #[inline]
    pub(super) fn note_age(&mut self, run: Slot) {
        let Some(ages) = &mut self.ages else { return };
        let held = self.runs.get(run);
        let came = Timestamp(held.reached as i64);
        if held.has_rows() && ages.due_of(run) != Some(came) {
            ages.remove(run);
            ages.insert(run, came, None);
        }
    }

    /// Drops the oldest runs where a row or timer has begun too many.
    #[inline]
    pub(super) fn drop_oldest(&mut self, now: Timestamp) {
        if self.ages.is_some() {
            let open = self.runs.len() - self.free.len();
            self.drop_so_many(open.saturating_sub(self.bound.max), now);
        }
    }

    fn drop_so_many(&mut self, count: usize, now: Timestamp) {
        for _ in 0..count {
            let Some((_, run)) = self.ages.as_ref().and_then(DueList::first) else {
                return;
            };
            self.turn_to(run);
            self.refused += 1;
            self.trace(run, now, TraceStep::Dropped);
            // What begins with its rows goes with it; EVERY at the beginning of all begins anew.
            self.end_early(run, 0, now);
        }
    }
}
