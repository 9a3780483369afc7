//! Time, clock and cause of rows on their way in.

use super::row::{Row, RowWriter};
use super::shared::Shared;
use crate::error::SendError;
use crate::event::{Batch, Timestamp};

/// Appends a row with its time and clock. `cause`: that of the first row of the send.
#[inline]
pub(crate) fn write<R: Row>(
    shared: &Shared,
    stream: usize,
    at: Option<Timestamp>,
    row: &R,
    clock: &mut Option<Timestamp>,
    cause: u64,
    batch: &mut Batch,
) -> Result<(), SendError> {
    let at = match at.or(*clock) {
        Some(at) => at,
        None if shared.event_time => return Err(SendError::NoTime),
        None => Timestamp::default(),
    };
    if shared.event_time && !Timestamp::RANGE.contains(&at) {
        return Err(SendError::TimeOutOfRange(at));
    }
    if let Err(error) = RowWriter::write(&mut batch.columns, row) {
        let stream = shared.plan.streams[stream].name.to_string();
        return Err(SendError::Row { stream, error });
    }
    if shared.event_time {
        let own = at.plus(-shared.plan.lateness_us);
        *clock = Some(clock.map_or(own, |c| c.max(own)));
    }
    if batch.tracks_clock {
        batch.clock.push(clock.unwrap_or(at));
    }
    if batch.tracks_cause {
        let before = batch.at.len() as u64;
        batch.causes.push(cause.wrapping_add(before));
    }
    batch.at.push(at);
    Ok(())
}

/// Fills in clock and cause of the rows of a batch; answers the clock after them. `cause`: that of the first.
pub(crate) fn tell_times(
    shared: &Shared,
    clock: Option<Timestamp>,
    cause: u64,
    batch: &mut Batch,
) -> Option<Timestamp> {
    batch.clock.clear();
    batch.causes.clear();
    if batch.tracks_cause {
        batch
            .causes
            .extend((0..batch.at.len() as u64).map(|i| cause.wrapping_add(i)));
    }
    if !shared.event_time {
        if batch.tracks_clock {
            batch.clock.extend_from_slice(&batch.at);
        }
        return clock;
    }
    let lateness = shared.plan.lateness_us;
    let mut latest = clock.unwrap_or(Timestamp::MIN);
    if batch.tracks_clock {
        batch.clock.extend(batch.at.iter().map(|at| {
            latest = latest.max(at.plus(-lateness));
            latest
        }));
    } else {
        latest = batch
            .at
            .iter()
            .fold(latest, |l, at| l.max(at.plus(-lateness)));
    }
    if batch.is_empty() {
        clock
    } else {
        Some(latest)
    }
}
