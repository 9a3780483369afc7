//! The producer's side: rows into the lanes of the workers, or straight through an inline app.
//!
//! How: every row or batch is first written into a batch of the input's own, where types are checked; from there it
//! goes to the worker of each component that reads its stream. Sending allocates nothing in steady state.

use super::config::Backpressure;
use super::lane::{Full, Producer, lane};
use super::packet::{ALL_COMPONENTS, Packet};
use super::row::{Row, RowWriter};
use super::shared::{Inline, Sent, Shared, Target, To};
use super::worker::is_worker_of;
use crate::error::{RowError, RuntimeError, SendError, TrySendError};
use crate::event::{Batch, Column, Data, Schema, Timestamp};
use crate::state::{encode_key, key_group, worker_of};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Rows of one stream in columns, to be sent at once.
///
/// Shape: one timestamp and one value per attribute for every row.
#[derive(Clone, Debug)]
pub struct ColumnBatch {
    batch: Batch,
}

impl ColumnBatch {
    /// An empty batch of a schema.
    pub fn new(schema: &Schema) -> Self {
        ColumnBatch {
            batch: Batch::new(schema),
        }
    }

    /// Appends a row. On an error nothing is appended.
    pub fn push(&mut self, at: Timestamp, row: impl Row) -> Result<(), RowError> {
        RowWriter::write(&mut self.batch.columns, &row)?;
        self.batch.at.push(at);
        Ok(())
    }

    /// Replaces the rows by whole columns.
    ///
    /// Errors: a column has another length than `at` or another type than its attribute, or holds a number that is
    /// not finite.
    pub fn set(&mut self, at: Vec<Timestamp>, columns: Vec<Column>) -> Result<(), RowError> {
        if columns.len() != self.batch.columns.len() {
            return Err(RowError::Width {
                expected: self.batch.columns.len(),
                found: columns.len(),
            });
        }
        for (attribute, (new, old)) in columns.iter().zip(&self.batch.columns).enumerate() {
            if new.type_of() != old.type_of() {
                return Err(RowError::Mismatch {
                    attribute,
                    expected: old.type_of(),
                    found: new.type_of(),
                });
            }
            if new.len() != at.len() {
                return Err(RowError::Width {
                    expected: at.len(),
                    found: new.len(),
                });
            }
            if !new.is_finite() {
                return Err(RowError::NotFinite { attribute });
            }
        }
        self.batch = Batch {
            at,
            columns,
            ..Batch::default()
        };
        // −0.0 becomes 0.0, as everywhere at the door.
        for column in &mut self.batch.columns {
            match column.parts_mut().0 {
                Data::Float(v) => v.iter_mut().for_each(|x| *x += 0.0),
                Data::Double(v) => v.iter_mut().for_each(|x| *x += 0.0),
                _ => {}
            }
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Removes all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.batch.clear();
    }
}

/// One producer: rows of all streams in one order.
///
/// Opening a second input gives another order; between two inputs nothing is promised. Dropping it ends its hold on
/// the clock.
pub struct Input {
    door: Door,
    /// The largest timestamp sent, less the lateness.
    clock: Option<Timestamp>,
    rows: u64,
    /// By stream: rows on their way in.
    scratch: Vec<Batch>,
}

impl Input {
    /// Errors: [`RuntimeError::InsideCallback`], [`RuntimeError::Stuck`].
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self, RuntimeError> {
        Ok(Input {
            door: Door::open(shared)?,
            clock: None,
            rows: 0,
            scratch: shared.likes.clone(),
        })
    }

    fn stream(&self, name: &str) -> Result<usize, SendError> {
        let stream = self.door.shared.plan.entry(name);
        stream.ok_or_else(|| SendError::UnknownStream(name.to_string()))
    }

    /// Sends a row. Its time is the input's clock in event time, the wall clock else.
    ///
    /// Errors: [`SendError`]; nothing was sent then. Waits for room where [`Backpressure::Block`] is set, except
    /// inside a callback. Cost: the row is copied once; no allocation but for strings over 23 bytes.
    pub fn send(&mut self, stream: &str, row: impl Row) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_row(stream, None, &row, true)
    }

    /// Sends a row with its time. In processing time the time is ignored: rows carry the wall clock.
    pub fn send_at(&mut self, stream: &str, at: Timestamp, row: impl Row) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_row(stream, Some(at), &row, true)
    }

    /// Sends a row if there is room now; gives it back with the reason else.
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

    /// Sends whole columns as one send. The batch keeps its rows.
    pub fn send_columns(
        &mut self,
        stream: &str,
        columns: &mut ColumnBatch,
    ) -> Result<(), SendError> {
        let stream = self.stream(stream)?;
        self.send_columns_to(stream, columns)
    }

    /// Moves the input's clock on without a row, in event time. Going back is ignored.
    pub fn advance_clock(&mut self, to: Timestamp) -> Result<(), SendError> {
        self.door.shared.check()?;
        if !Timestamp::RANGE.contains(&to) {
            return Err(SendError::TimeOutOfRange(to));
        }
        if self.clock.is_some_and(|c| c >= to) || !self.door.shared.event_time {
            return Ok(());
        }
        self.door.advance_clock(to)?;
        self.clock = Some(to);
        Ok(())
    }

    /// The input's clock: the largest time sent or told, less the lateness.
    pub fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    #[inline]
    fn send_row<R: Row + ?Sized>(
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
        self.door.shared.check()?;
        let mut clock = self.clock;
        let batch = &mut self.scratch[stream];
        // What a panic or an error may have left is no part of this send.
        batch.clear();
        for (at, row) in rows {
            write(
                &self.door.shared,
                stream,
                at,
                &row,
                &mut clock,
                self.rows,
                batch,
            )?;
        }
        self.door.dispatch(stream, batch, wait)?;
        self.rows += batch.len() as u64;
        self.clock = clock;
        Ok(())
    }

    pub(crate) fn send_columns_to(
        &mut self,
        stream: usize,
        columns: &mut ColumnBatch,
    ) -> Result<(), SendError> {
        let shared = &self.door.shared;
        shared.check()?;
        let batch = &mut columns.batch;
        let like = &shared.likes[stream];
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
            let stream = shared.plan.streams[stream].name.to_string();
            return Err(SendError::Row { stream, error });
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
        let clock = tell_times(shared, self.clock, self.rows, batch);
        self.door.dispatch(stream, batch, true)?;
        self.rows += columns.batch.len() as u64;
        self.clock = clock;
        Ok(())
    }
}

/// Appends a row with its time and clock.
#[inline]
fn write<R: Row>(
    shared: &Shared,
    stream: usize,
    at: Option<Timestamp>,
    row: &R,
    clock: &mut Option<Timestamp>,
    rows: u64,
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
        batch.causes.push(rows + batch.at.len() as u64);
    }
    batch.at.push(at);
    Ok(())
}

/// Fills in clock and cause of the rows of a batch; answers the clock after them.
fn tell_times(
    shared: &Shared,
    clock: Option<Timestamp>,
    rows: u64,
    batch: &mut Batch,
) -> Option<Timestamp> {
    batch.clock.clear();
    batch.causes.clear();
    if batch.tracks_cause {
        batch
            .causes
            .extend((0..batch.at.len() as u64).map(|i| rows + i));
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

/// Where rows leave the producer: the lanes to the workers, or the inline app.
struct Door {
    shared: Arc<Shared>,
    id: u64,
    /// One lane per worker; none for an inline app.
    lanes: Vec<Producer<Packet>>,
    /// By worker: rows on their way to it.
    picked: Vec<Vec<u32>>,
    key: Vec<u8>,
}

impl Door {
    fn open(shared: &Arc<Shared>) -> Result<Self, RuntimeError> {
        let id = shared.next_input();
        let mut lanes = Vec::new();
        if shared.inline.is_some() {
            shared.with_all(|_, core| core.open_input(id, None))?;
        } else {
            let mut consumers = Vec::new();
            for waker in &shared.wakers {
                // Two at least: a row and the clock behind it find room in an empty lane.
                let batches = shared.config.lane_batches_max.max(2);
                let (producer, consumer) = lane(batches, waker.clone());
                lanes.push(producer);
                consumers.push(Some(consumer));
            }
            shared.with_all(|worker, core| core.open_input(id, consumers[worker].take()))?;
        }
        Ok(Door {
            id,
            picked: vec![Vec::new(); lanes.len()],
            key: Vec::new(),
            lanes,
            shared: Arc::clone(shared),
        })
    }

    /// Gives rows to the components that read their stream.
    #[inline]
    fn dispatch(&mut self, stream: usize, batch: &mut Batch, wait: bool) -> Result<(), SendError> {
        match &self.shared.inline {
            Some(inline) => run_inline(&self.shared, inline, self.id, stream, batch),
            None => self.dispatch_to_lanes(stream, batch, wait),
        }
    }

    fn dispatch_to_lanes(
        &mut self,
        stream: usize,
        batch: &Batch,
        wait: bool,
    ) -> Result<(), SendError> {
        let shared = Arc::clone(&self.shared);
        let wait =
            wait && shared.config.backpressure == Backpressure::Block && !is_worker_of(&shared);
        // Per target a packet for every `batch_rows_max` rows, and one more for the clock.
        let rows = batch.len() * shared.targets[stream].len();
        let packets = rows.div_ceil(shared.config.batch_rows_max) + usize::from(batch.tracks_clock);
        if !wait && self.lanes.iter().any(|l| !l.has_room(packets)) {
            if shared.config.backpressure == Backpressure::DropNewest {
                shared
                    .dropped
                    .fetch_add(batch.len() as u64, Ordering::Relaxed);
                return Ok(());
            }
            return Err(SendError::Full);
        }
        let targets = &shared.targets[stream];
        for target in targets {
            match &target.to {
                To::Worker(worker) => self.append(*worker, stream, target, batch, None)?,
                To::Key(columns) => self.spread(stream, target, columns, batch)?,
            }
        }
        // One worker that got all rows for all its components knows the clock by them.
        let told = match targets.as_slice() {
            [
                Target {
                    component: ALL_COMPONENTS,
                    to: To::Worker(worker),
                },
            ] => *worker,
            _ => usize::MAX,
        };
        match batch.clock.last() {
            Some(clock) if batch.tracks_clock && shared.event_time => self.tell_clock(*clock, told),
            _ => Ok(()),
        }
    }

    fn advance_clock(&mut self, to: Timestamp) -> Result<(), SendError> {
        if let Some(inline) = &self.shared.inline {
            let (id, mut full) = (self.id, false);
            let entered = self.shared.enter_inline(inline, |core| {
                full = core.is_blocked();
                if !full {
                    core.input_clock(id, to);
                }
            })?;
            if full {
                return Err(SendError::Full);
            }
            if !entered {
                return self.shared.send_later(inline, id, Sent::Clock(to));
            }
            return Ok(());
        }
        if is_worker_of(&self.shared) && self.lanes.iter().any(|l| !l.has_room(1)) {
            return Err(SendError::Full);
        }
        self.tell_clock(to, usize::MAX)
    }

    /// Spreads rows over the workers that own their keys.
    fn spread(
        &mut self,
        stream: usize,
        target: &Target,
        columns: &[usize],
        batch: &Batch,
    ) -> Result<(), SendError> {
        let workers = self.lanes.len();
        let mut picked = std::mem::take(&mut self.picked);
        for row in 0..batch.len() {
            self.key.clear();
            for column in columns {
                encode_key(&[&batch.columns[*column]], row, &mut self.key);
            }
            picked[worker_of(key_group(&self.key), workers)].push(row as u32);
        }
        let mut sent = Ok(());
        for (worker, rows) in picked.iter_mut().enumerate() {
            if !rows.is_empty() && sent.is_ok() {
                sent = self.append(worker, stream, target, batch, Some(rows));
            }
            rows.clear();
        }
        self.picked = picked;
        sent
    }

    /// Appends rows to the packets of a worker, waiting for room.
    fn append(
        &mut self,
        worker: usize,
        stream: usize,
        target: &Target,
        batch: &Batch,
        rows: Option<&[u32]>,
    ) -> Result<(), SendError> {
        let rows_max = self.shared.config.batch_rows_max;
        let total = rows.map_or(batch.len(), <[u32]>::len);
        let mut next = 0;
        while next < total {
            let append = |packet: &mut Packet| {
                let end = total.min(next + rows_max.saturating_sub(packet.rows()).max(1));
                packet.append(
                    stream,
                    target.component,
                    batch,
                    rows,
                    next..end,
                    end == total,
                );
                next = end;
                packet.rows() >= rows_max
            };
            if let Err(Full(())) = self.lanes[worker].append(Packet::default, append) {
                self.wait_for_room(worker)?;
            }
        }
        // A worker that stopped meanwhile may not have seen the rows; one that stops from now on will.
        if self.shared.is_stopped() {
            return Err(SendError::Stopped);
        }
        Ok(())
    }

    fn wait_for_room(&self, worker: usize) -> Result<(), SendError> {
        let mut rounds = 0u32;
        while !self.lanes[worker].has_room(1) {
            self.shared.check()?;
            rounds += 1;
            if rounds < 64 {
                std::hint::spin_loop()
            } else {
                std::thread::yield_now()
            }
        }
        Ok(())
    }

    /// Tells all workers but one, which knows, that the clock moved on.
    fn tell_clock(&mut self, to: Timestamp, knows: usize) -> Result<(), SendError> {
        for worker in (0..self.lanes.len()).filter(|w| *w != knows) {
            let advance = |packet: &mut Packet| {
                packet.advance(to);
                false
            };
            while self.lanes[worker].append(Packet::default, advance).is_err() {
                self.wait_for_room(worker)?;
            }
        }
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // An app that is poisoned or stopped has no clock to hold back.
        if let Some(inline) = &self.shared.inline
            && self.shared.check().is_ok()
            && let Ok(false) = self
                .shared
                .enter_inline(inline, |core| core.close_input(self.id))
        {
            let _ = self.shared.send_later(inline, self.id, Sent::Close);
        }
    }
}

/// Runs rows through an inline app.
#[inline]
fn run_inline(
    shared: &Shared,
    inline: &Inline,
    id: u64,
    stream: usize,
    batch: &mut Batch,
) -> Result<(), SendError> {
    let rows_max = shared.config.batch_rows_max;
    let mut full = false;
    let whole = &mut *batch;
    let entered = shared.enter_inline(inline, |core| {
        full = core.is_blocked();
        if !full {
            core.send(id, stream, whole, rows_max);
        }
    })?;
    if !entered {
        return shared.send_later(inline, id, Sent::Rows(stream, batch.clone()));
    }
    if full { Err(SendError::Full) } else { Ok(()) }
}

/// An [`Input`] narrowed to one stream.
pub struct InputHandler {
    input: Input,
    stream: usize,
}

impl InputHandler {
    pub(crate) fn new(input: Input, stream: usize) -> Self {
        InputHandler { input, stream }
    }

    /// Sends a row; see [`Input::send`].
    #[inline]
    pub fn send(&mut self, row: impl Row) -> Result<(), SendError> {
        self.input.send_row(self.stream, None, &row, true)
    }

    /// Sends a row with its time; see [`Input::send_at`].
    #[inline]
    pub fn send_at(&mut self, at: Timestamp, row: impl Row) -> Result<(), SendError> {
        self.input.send_row(self.stream, Some(at), &row, true)
    }

    /// Sends a row if there is room now; gives it back with the reason else.
    pub fn try_send<R: Row>(
        &mut self,
        at: Option<Timestamp>,
        row: R,
    ) -> Result<(), TrySendError<R>> {
        let sent = self.input.send_row(self.stream, at, &row, false);
        sent.map_err(|reason| TrySendError { row, reason })
    }

    /// Sends whole columns; see [`Input::send_columns`].
    pub fn send_columns(&mut self, columns: &mut ColumnBatch) -> Result<(), SendError> {
        self.input.send_columns_to(self.stream, columns)
    }

    /// Moves the clock on; see [`Input::advance_clock`].
    pub fn advance_clock(&mut self, to: Timestamp) -> Result<(), SendError> {
        self.input.advance_clock(to)
    }
}
