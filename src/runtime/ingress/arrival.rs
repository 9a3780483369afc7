//! Time, clock and cause of rows on their way in.

use super::row::{Row, RowWriter};
use crate::error::SendError;
use crate::event::{Batch, Mark, Timestamp};
use crate::plan::Plan;
use crate::runtime::shared::Shared;

/// The clock of an input while rows of one send pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) clock: Option<Timestamp>,
    /// How far the clock stays behind the largest time.
    lateness_us: i64,
    /// Rows of the send that were further ahead of the clock than the app allows.
    pub(crate) ahead: u64,
}

impl Pace {
    /// At the beginning of a send.
    pub(crate) fn new(clock: Option<Timestamp>, lateness_us: i64) -> Self {
        Pace {
            clock,
            lateness_us,
            ahead: 0,
        }
    }

    /// A row has this time: moves the clock on, unless the row is too far ahead of the input's largest time; the first
    /// row sets it. Returns the clock, and whether the row is ahead of it.
    #[inline]
    pub(crate) fn row(&mut self, plan: &Plan, at: Timestamp) -> (Timestamp, Mark) {
        let own = at.plus(-self.lateness_us);
        let (clock, mark) = match (self.clock, plan.ahead_max_us) {
            (Some(clock), Some(ahead)) if own > clock.plus(ahead) => {
                self.ahead += 1;
                (clock, Mark::Ahead)
            }
            (clock, _) => (clock.map_or(own, |c| c.max(own)), Mark::Plain),
        };
        self.clock = Some(clock);
        (clock, mark)
    }
}

/// Appends a row with its time and clock. `cause`: that of the first row of the send.
#[inline]
pub(crate) fn write<R: Row + ?Sized>(
    shared: &Shared,
    stream: usize,
    at: Option<Timestamp>,
    row: &R,
    pace: &mut Pace,
    cause: u64,
    batch: &mut Batch,
) -> Result<(), SendError> {
    if at.is_some() && !shared.event_time {
        return Err(SendError::MachineClock);
    }
    if let Err(error) = RowWriter::write(&mut batch.columns, row) {
        let stream = &shared.plan.streams[stream];
        return Err(error.in_stream(&stream.name, &stream.schema));
    }
    // What an error leaves in the columns is no part of the next send.
    let at = match at {
        None if shared.event_time => {
            let own = shared.plan.own_time(stream, &batch.columns, batch.at.len());
            own.or(pace.clock).ok_or(SendError::NoTime)?
        }
        at => at.or(pace.clock).unwrap_or_default(),
    };
    if shared.event_time && !Timestamp::RANGE.contains(&at) {
        return Err(SendError::TimeOutOfRange(at));
    }
    let (clock, mark) = match shared.event_time {
        true => pace.row(&shared.plan, at),
        false => (at, Mark::Plain),
    };
    batch.push_mark(mark);
    if batch.tracks_clock {
        batch.clock.push(clock);
    }
    if batch.tracks_cause {
        let before = batch.at.len() as u64;
        batch.causes.push(cause.wrapping_add(before));
    }
    batch.at.push(at);
    Ok(())
}

/// Fills in clock and cause of the rows of a batch. `cause`: that of the first.
pub(crate) fn tell_times(shared: &Shared, pace: &mut Pace, cause: u64, batch: &mut Batch) {
    batch.clock.clear();
    batch.causes.clear();
    batch.marks.clear();
    if batch.tracks_cause {
        batch
            .causes
            .extend((0..batch.at.len() as u64).map(|i| cause.wrapping_add(i)));
    }
    if !shared.event_time {
        if batch.tracks_clock {
            batch.clock.extend_from_slice(&batch.at);
        }
        return;
    }
    let plan = &shared.plan;
    if plan.ahead_max_us.is_some() {
        tell_times_near(plan, pace, batch);
    } else if batch.tracks_clock {
        let clocks = batch.at.iter().map(|at| pace.row(plan, *at).0);
        batch.clock.extend(clocks);
    } else if let Some(latest) = batch.at.iter().max() {
        pace.row(plan, *latest);
    }
}

/// As [`tell_times`] in event time, and marks the rows that are too far ahead.
fn tell_times_near(plan: &Plan, pace: &mut Pace, batch: &mut Batch) {
    for row in 0..batch.at.len() {
        let (clock, mark) = pace.row(plan, batch.at[row]);
        if batch.tracks_clock {
            batch.clock.push(clock);
        }
        if mark == Mark::Ahead {
            batch.marks.resize(batch.at.len(), Mark::Plain);
            batch.marks[row] = mark;
        }
    }
}
