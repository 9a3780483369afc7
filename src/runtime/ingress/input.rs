//! The producer's side: rows into the lanes of the workers, or straight through an inline app.
//!
//! How: every row or batch is first written into a batch of the input's own, where types are checked; from there it
//! goes to the worker of each component that reads its stream. Sending allocates nothing in steady state.

use super::arrival::{Pace, tell_times, write};
use super::dispatch::{Dispatch, Sending};
use super::row::Row;
use crate::error::{RowError, RuntimeError, SendError, TrySendError};
use crate::event::{Batch, Column, ColumnBatch, Timestamp};
use crate::runtime::config::Backpressure;
use crate::runtime::lane::stamp::{Applied, Stamp};
use crate::runtime::position::named::{Mark, Start};
use crate::runtime::shared::Shared;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// One producer: rows of all streams in one order.
///
/// Opening a second input gives another order; between two inputs nothing is promised. Dropping it ends its hold on
/// the clock.
///
/// A named input ([`EventFluxAppRuntime::open_input`](crate::EventFluxAppRuntime::open_input)) numbers its rows from 1
/// and goes on with these numbers when it is opened again. Once the app was restored to an earlier state, the next
/// send of a named input returns [`SendError::Rewound`] and takes nothing; the source goes back to that row, and
/// sending goes on. Rows that parts of the app have processed before are dropped there, and only there.
#[must_use = "dropping it closes it"]
pub struct Input {
    dispatch: Dispatch,
    /// The last row that was taken, and the largest timestamp sent, less the lateness.
    at: Applied,
    /// Up to this row the app may have processed some before a restore.
    replay_to: u64,
    /// Restores that it knows of.
    rewinds: u32,
    /// Added to the number of a row to make its cause: rows of two named inputs have different causes.
    cause: u64,
    /// By stream: rows on their way in.
    scratch: Vec<Batch>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name())
            .field("position", &self.position())
            .field("clock", &self.clock())
            .finish_non_exhaustive()
    }
}

impl Input {
    /// Errors: [`RuntimeError::InsideCallback`], [`RuntimeError::Stuck`].
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self, RuntimeError> {
        let rewinds = shared.rewinds();
        Ok(Self::new(
            Dispatch::open(shared)?,
            Start::default(),
            rewinds,
        ))
    }

    /// Errors: as `open`, and [`RuntimeError::InputOpen`], [`RuntimeError::InputDrops`].
    pub(crate) fn open_named(shared: &Arc<Shared>, name: &str) -> Result<Self, RuntimeError> {
        if shared.config.backpressure == Backpressure::DropNewest {
            return Err(RuntimeError::InputDrops(name.to_string()));
        }
        let (dispatch, start, rewinds) = Dispatch::open_named(shared, name)?;
        Ok(Self::new(dispatch, start, rewinds))
    }

    /// The app that it feeds.
    pub(crate) fn shared(&self) -> &Shared {
        &self.dispatch.shared
    }

    fn new(dispatch: Dispatch, start: Start, rewinds: u32) -> Self {
        let named = dispatch.named.as_deref();
        let cause = named.map_or(0, |named| xxh3_64(named.name.as_bytes()));
        Input {
            scratch: dispatch.shared.templates.clone(),
            dispatch,
            at: start.at,
            replay_to: start.replay_to,
            rewinds,
            cause,
        }
    }

    /// Sends rows of this stream alone: its clock stays behind their times as the stream says.
    pub(crate) fn of_stream(mut self, stream: usize) -> Self {
        self.dispatch.lateness_us = self.dispatch.shared.plan.lateness_of(stream);
        self
    }

    fn stream(&self, name: &str) -> Result<usize, SendError> {
        let stream = self.dispatch.shared.plan.entry(name);
        stream.ok_or_else(|| SendError::UnknownStream(name.to_string()))
    }

    /// Holds the app's clock back from now on, until this input has sent its first row or told a clock, or ends.
    ///
    /// Without it an input counts once it has spoken: what another one sends before moves the app's clock on, and then
    /// the first rows of this one may be late. Inputs that are read side by side are all opened and made to hold before
    /// any of them sends; sources that the app names in `WITH` do that by themselves. `idle.timeout` ends the hold.
    /// When the last of the inputs that held has ended, the app's clock is the largest of theirs. In processing time,
    /// and for an input that has spoken, it has no effect. Cost: stops the workers between two steps.
    pub fn hold_clock(&mut self) -> Result<(), RuntimeError> {
        self.dispatch.hold_clock()
    }

    /// Sends a row. In event time its time is that of the attribute for which the stream has a WATERMARK, otherwise
    /// the input's clock; in processing time that of the machine.
    ///
    /// Errors: [`SendError`]; nothing was sent then. Waits for room where [`Backpressure::Block`] is set, except
    /// inside a callback. Cost: the row is copied once; no allocation but for strings over 23 bytes.
    pub fn send(&mut self, stream: &str, row: impl Row) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_row(stream, None, &row, true)
    }

    /// Sends a row with its time.
    ///
    /// Errors: as `send`, and [`SendError::MachineClock`] in processing time, where rows carry the time at which they
    /// are processed.
    pub fn send_at(&mut self, stream: &str, at: Timestamp, row: impl Row) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_row(stream, Some(at), &row, true)
    }

    /// Sends a row if there is room now; otherwise gives it back with the reason.
    pub fn try_send<R: Row>(
        &mut self,
        stream: &str,
        at: Option<Timestamp>,
        row: R,
    ) -> Result<(), TrySendError<R>> {
        let stream = self.stream(stream);
        let sent = stream.and_then(|stream| self.send_row(stream, at, &row, false));
        sent.map_err(|reason| TrySendError { row, reason })
    }

    /// Sends rows as one send: one batch for the `batch` window.
    ///
    /// Errors: as `send`. A row that does not fit refuses the whole send.
    pub fn send_batch<R: Row>(
        &mut self,
        stream: &str,
        rows: impl IntoIterator<Item = (Option<Timestamp>, R)>,
    ) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_rows(stream, rows, true)
    }

    /// Sends whole columns as one send. The batch keeps its rows. In processing time its times are not used: its rows
    /// carry the time at which they are processed, and `unused_times` of the app's metrics counts them.
    ///
    /// Strings may be codes of a [`Dictionary`](crate::Dictionary): the app answers what it answers to their texts,
    /// with less work where it groups by them or passes them on.
    pub fn send_columns(
        &mut self,
        stream: &str,
        columns: &mut ColumnBatch,
    ) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_columns_to(stream, columns, false)
    }

    /// Sends rows in columns, each as a send of its own: what [`Input::send_columns`] makes one batch for the `batch`
    /// window is as many here.
    ///
    /// Errors: as [`Input::send`]; nothing was sent then.
    pub fn send_each(&mut self, stream: &str, rows: &mut ColumnBatch) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_columns_to(stream, rows, true)
    }

    /// Moves the input's clock on without a row. Going back is ignored.
    ///
    /// Errors: as `send`, and [`SendError::MachineClock`] in processing time.
    pub fn advance_clock(&mut self, to: Timestamp) -> Result<(), SendError> {
        self.check()?;
        if !self.dispatch.shared.event_time {
            return Err(SendError::MachineClock);
        }
        if !Timestamp::RANGE.contains(&to) {
            return Err(SendError::TimeOutOfRange(to));
        }
        if self.at.clock.is_some_and(|c| c >= to) {
            return Ok(());
        }
        let last = Applied {
            clock: Some(to),
            ..self.at
        };
        let stamp = Stamp {
            rewinds: self.rewinds,
            before: self.at,
            last,
        };
        self.dispatch.advance_clock(to, stamp)?;
        self.at = last;
        Ok(())
    }

    /// The input's clock: the largest time sent or told, less the lateness.
    pub fn clock(&self) -> Option<Timestamp> {
        self.at.clock
    }

    /// The name it was opened by.
    pub fn name(&self) -> Option<&str> {
        self.dispatch.named.as_deref().map(|named| &*named.name)
    }

    /// Number of the last row taken, 0 for none. After a restore it is right from the next send on.
    pub fn position(&self) -> u64 {
        self.at.number
    }

    /// Sends row number `n`, with its time where it has one. A row that was taken before is left out: `Ok(false)`.
    ///
    /// So a source may begin anywhere at or before the next number, and send again whatever it is not sure of.
    /// Errors: as `send`, and [`SendError::Gap`] when `n` is not the next number; nothing was sent then.
    pub fn send_numbered(
        &mut self,
        n: u64,
        stream: &str,
        at: Option<Timestamp>,
        row: impl Row,
    ) -> Result<bool, SendError> {
        let stream = self.stream(stream)?;
        self.check()?;
        let expected = self.at.number + 1;
        match n.cmp(&expected) {
            std::cmp::Ordering::Less => return Ok(false),
            std::cmp::Ordering::Greater => return Err(SendError::Gap { expected, found: n }),
            std::cmp::Ordering::Equal => {}
        }
        self.send_row(stream, at, &row, true)?;
        Ok(true)
    }

    /// The source has other rows than those that came behind the position that was restored: the next one is new to all
    /// parts of the app, also to those that had processed more than others. Returns the number of the row before it.
    pub fn begin_anew(&mut self) -> u64 {
        self.at.number = self.at.number.max(self.replay_to);
        self.at.number
    }

    /// Remembers that the source stood at `token` (an offset in a file, say) when it had sent the rows so far.
    ///
    /// A checkpoint keeps the newest mark at or before its position, so that the source finds the place from which to
    /// read again. Of many marks every second one is forgotten, the newest never. Without a name, and after a restore
    /// until the next send, nothing is remembered. Cost: a lock that only a checkpoint shares, and a copy of `token`.
    pub fn mark(&mut self, token: &str) {
        if let Some(named) = &self.dispatch.named {
            named.mark(self.rewinds, self.at.number, token);
        }
    }

    /// The newest mark at or before [`Input::position`]: from there its source reads on when the input was opened, or
    /// rewound by a restore. The row behind it has the number after the mark's; `send_numbered` leaves out those that
    /// were taken already. `None` where nothing was marked: the source begins at its beginning, with row 1.
    pub fn last_mark(&self) -> Option<Mark> {
        self.dispatch.named.as_ref()?.mark_at(self.at.number)
    }

    /// Ends the input: its source has nothing more to say. Unlike dropping it, that also ends the hold on the clock
    /// which an input has after a restore until it says more.
    pub fn finish(mut self) -> Result<(), SendError> {
        self.check()?;
        let Some(to) = self.at.clock.filter(|_| self.dispatch.shared.event_time) else {
            return Ok(());
        };
        let stamp = Stamp {
            rewinds: self.rewinds,
            before: self.at,
            last: self.at,
        };
        self.dispatch.advance_clock(to, stamp)
    }

    /// Whether rows are taken now, and from where this input counts.
    #[inline]
    fn check(&mut self) -> Result<(), SendError> {
        let rewinds = self.dispatch.shared.check()?;
        if rewinds == self.rewinds {
            return Ok(());
        }
        self.rewind(rewinds)
    }

    #[cold]
    fn rewind(&mut self, rewinds: u32) -> Result<(), SendError> {
        self.rewinds = rewinds;
        let Some(named) = &self.dispatch.named else {
            return Ok(());
        };
        let start = named.rewound();
        (self.at, self.replay_to) = (start.at, start.replay_to);
        Err(SendError::Rewound {
            resume_at: self.at.number + 1,
        })
    }

    /// A send that ends with this clock after this many rows.
    #[inline]
    fn sending(&self, stream: usize, rows: usize, clock: Option<Timestamp>, wait: bool) -> Sending {
        let named = self.dispatch.named.is_some();
        let mut stamp = Stamp::default();
        if named {
            let number = self.at.number + rows as u64;
            stamp = Stamp {
                rewinds: self.rewinds,
                before: self.at,
                last: Applied { number, clock },
            };
        }
        Sending {
            stream,
            stamp,
            numbered: named && self.at.number < self.replay_to,
            each: false,
            wait,
        }
    }

    #[inline]
    fn next_cause(&self) -> u64 {
        self.cause.wrapping_add(self.at.number + 1)
    }

    /// The send has gone out.
    #[inline]
    fn sent(&mut self, rows: usize, pace: Pace) {
        self.at.number += rows as u64;
        self.at.clock = pace.clock;
        if pace.ahead > 0 {
            let counted = &self.dispatch.shared.ahead_rows;
            counted.fetch_add(pace.ahead, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn send_row<R: Row + ?Sized>(
        &mut self,
        stream: usize,
        at: Option<Timestamp>,
        row: &R,
        wait: bool,
    ) -> Result<(), SendError> {
        self.send_rows(stream, std::iter::once((at, row)), wait)
    }

    #[inline]
    fn send_rows<R: Row>(
        &mut self,
        stream: usize,
        rows: impl IntoIterator<Item = (Option<Timestamp>, R)>,
        wait: bool,
    ) -> Result<(), SendError> {
        self.check()?;
        let (mut pace, cause) = (self.dispatch.pace(self.at.clock), self.next_cause());
        let batch = &mut self.scratch[stream];
        // What a panic or an error may have left is no part of this send.
        batch.clear();
        for (at, row) in rows {
            let shared = &self.dispatch.shared;
            write(shared, stream, at, &row, &mut pace, cause, batch)?;
        }
        let rows = batch.len();
        if rows == 1 && self.dispatch.is_plain() {
            self.dispatch.send_row(stream, batch)?;
        } else {
            let sending = self.sending(stream, rows, pace.clock, wait);
            self.dispatch.send(&sending, &mut self.scratch[stream])?;
        }
        self.sent(rows, pace);
        Ok(())
    }

    pub(crate) fn send_columns_to(
        &mut self,
        stream: usize,
        columns: &mut ColumnBatch,
        each: bool,
    ) -> Result<(), SendError> {
        self.check()?;
        let shared = &self.dispatch.shared;
        let timed = columns.timed;
        if !timed && shared.event_time {
            let clock = self.at.clock.ok_or(SendError::NoTime)?;
            columns.batch.at.fill(clock);
        }
        let batch = &mut columns.batch;
        let like = &shared.templates[stream];
        let types = |b: &Batch| {
            b.columns
                .iter()
                .map(Column::type_of)
                .collect::<smallvec::SmallVec<[_; 16]>>()
        };
        if types(batch) != types(like) {
            let error = RowError::Width {
                expected: like.columns.len(),
                found: batch.columns.len(),
            };
            let stream = &shared.plan.streams[stream];
            return Err(error.in_stream(&stream.name, &stream.schema));
        }
        (batch.tracks_clock, batch.tracks_cause) = (like.tracks_clock, like.tracks_cause);
        // Without a branch per row; the row is looked for when there is one.
        let out_of_range = |bad: bool, at: &Timestamp| bad | !Timestamp::RANGE.contains(at);
        if shared.event_time
            && batch.at.iter().fold(false, out_of_range)
            && let Some(at) = batch.at.iter().find(|at| !Timestamp::RANGE.contains(at))
        {
            return Err(SendError::TimeOutOfRange(*at));
        }
        let mut pace = self.dispatch.pace(self.at.clock);
        tell_times(shared, &mut pace, self.next_cause(), batch);
        let rows = batch.len();
        let sending = Sending {
            each,
            ..self.sending(stream, rows, pace.clock, true)
        };
        self.dispatch.send(&sending, &mut columns.batch)?;
        if timed && !self.dispatch.shared.event_time {
            self.dispatch.shared.times_unused(rows);
        }
        self.sent(rows, pace);
        Ok(())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.dispatch.close();
        if let Some(named) = &self.dispatch.named {
            let (at, replay_to) = (self.at, self.replay_to);
            named.close(self.rewinds, Start { at, replay_to });
        }
    }
}
