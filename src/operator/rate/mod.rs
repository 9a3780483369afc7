//! `OUTPUT …`: which rows of a query go out, and when.
//!
//! Each stands behind the projection of its query and before whatever writes. What it gets are the columns that the
//! query writes, and behind these the keys by which it counts, which go no further. It emits at once what needs not be
//! held ([`Nth`], [`FirstIn`]); what waits for a count or a time ([`All`], [`Last`]) goes out with the time of the row
//! or the timer that lets it out; a [`Snapshot`] shows again and again what is there.
//! Cost: by count, a batch is taken by ranges of rows, or by one look-up of its keys; by time one comparison per batch
//! while no timer is due in it.

mod all;
mod by_key;
mod first_in;
mod last;
mod last_of_groups;
mod latest;
mod nth;
mod snapshot;
mod ticks;
mod turnover;

pub(crate) use all::All;
pub(crate) use by_key::ByKey;
pub(crate) use first_in::FirstIn;
pub(crate) use last::Last;
pub(crate) use last_of_groups::LastOfGroups;
pub(crate) use nth::Nth;
pub(crate) use snapshot::{Shows, Snapshot, SnapshotColumns};
pub(crate) use ticks::{Firings, TIMER_CATCH_UP_MAX, Ticks};
pub(crate) use turnover::{Lasts, Turnover};

use crate::event::Timestamp;
use crate::state::{StateHolder, Visitor};

/// Rows, or groups, that one rate limit may hold: `ALL EVERY 1 HOUR` holds an hour. All that are held go out when there
/// is one more; a group more, or a row more of a snapshot, is left out. Both are counted.
pub(crate) const RATE_LIMIT_ROWS_MAX: usize = 10_000_000;

/// After how much the rows go out that are held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many rows, at least one.
    Rows(u64),
    /// A time.
    Time(Ticks),
}

impl Pace {
    /// Its timer. Panics where rows are counted.
    fn ticks(&mut self) -> &mut Ticks {
        match self {
            Pace::Time(ticks) => ticks,
            Pace::Rows(_) => unreachable!("rows that are counted wait for no time"),
        }
    }

    /// As [`Ticks::begin`], where it has a timer.
    fn begin(&mut self, now: Timestamp, holds: bool) {
        if let Pace::Time(ticks) = self {
            ticks.begin(now, holds);
        }
    }

    /// When its timer fires next, where it has one.
    fn due(&self) -> Option<Timestamp> {
        match self {
            Pace::Time(ticks) => ticks.due(),
            Pace::Rows(_) => None,
        }
    }
}

impl StateHolder for Pace {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        if let Pace::Time(ticks) = self {
            ticks.state(visitor);
        }
    }
}

#[cfg(test)]
mod tests;
