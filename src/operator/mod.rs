//! Operators: rows in, rows out. Each is owned by one worker and never sees a store, a thread, a clock or a lock.

pub(crate) mod aggregate;
pub(crate) mod by_constant;
mod claims;
mod common;
pub(crate) mod distinct;
pub(crate) mod filter;
pub(crate) mod join;
pub(crate) mod keep;
pub(crate) mod member;
pub(crate) mod number;
pub(crate) mod over;
pub(crate) mod partition;
pub(crate) mod pattern;
mod placed;
pub(crate) mod projection;
mod range;
pub(crate) mod rate;
mod retired;
pub(crate) mod select;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod trigger;
pub(crate) mod window;
mod words;
pub(crate) mod write;

use by_constant::Picked;
pub(crate) use claims::Claims;
pub(crate) use common::Common;
pub(crate) use range::{RangeEnd, RangeIndex, RangePlan};
pub(crate) use retired::Retired;
pub(crate) use words::{COUNT_MAX, counter, newer_counter, words_cell};

use crate::event::{Batch, Column, Mark, RowSet, RowView, Sign, Timestamp};
use crate::state::{Malformed, Register, RegisterReader, StateHolder};
use std::sync::Arc;

/// How the rows of a batch belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rows that merely travel together; where the batch ends has no meaning.
    Rows,
    /// One flush of a batch window: first the rows that expire, then the current ones. Rows that a query makes of it
    /// carry this time.
    Flush(Timestamp),
    /// As `Rows`, of what follows from rows that leave: CURRENT shows none of it.
    Leaving,
}

/// An input of an operator: most have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) u8);

/// What an operator tells about itself, summed over an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Rows that came behind the clock and were dropped by a time window.
    pub(crate) late_rows: u64,
    /// Values that became NULL by overflow, division by zero or a failed conversion.
    pub(crate) value_faults: u64,
    /// Rows forgotten or refused because a limit was reached.
    pub(crate) limit_rows: u64,
    /// Rows that a table refused: its key was NULL, or another row had it; or an aggregation, as they had no time.
    pub(crate) refused_rows: u64,
    /// Rows without a key of their partition.
    pub(crate) unmatched_rows: u64,
    /// Keys of partitions that were forgotten as they had been idle.
    pub(crate) purged_keys: u64,
    /// Groups of periods of aggregations that were dropped when their time was over.
    pub(crate) purged_groups: u64,
}

/// One unit of computation.
///
/// Rows of a batch carry the clock at which each is processed; an operator with timers fires those that are due at or
/// before it first, so that batch borders never matter.
///
/// What it keeps between calls it lists as a [`StateHolder`]: rows and keys in containers, the rest in registers,
/// its counters too.
pub(crate) trait Operator: Send + StateHolder {
    /// Processes rows.
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out);

    /// Processes rows that come by a port, with what its graph has in common: for whoever has several ports, or uses
    /// that.
    fn rows_at(
        &mut self,
        _port: Port,
        _common: &mut Common,
        kind: Kind,
        batch: &Batch,
        out: &mut Out,
    ) {
        self.rows(kind, batch, out);
    }

    /// Processes rows that merely travel, of which its own condition lets none through, and none counts a fault there,
    /// but some of `among`: for whoever [`Operator::takes_some`]. What comes of it is what comes of all rows.
    fn rows_among(
        &mut self,
        port: Port,
        common: &mut Common,
        batch: &Batch,
        _among: Picked<'_>,
        out: &mut Out,
    ) {
        self.rows_at(port, common, Kind::Rows, batch, out);
    }

    /// Whether rows that its own condition does not let through matter to it by nothing but their clock.
    fn takes_some(&self) -> bool {
        false
    }

    /// Where it only hands rows on that come in their time: whether it does so now, as nothing waits in it.
    fn hands_on(&self) -> Option<bool> {
        None
    }

    /// Until when a clock without rows changes nothing here, before that time; none where each may.
    fn rests_until(&self) -> Option<Timestamp> {
        None
    }

    /// All rows of one cause, and all timers of one instant, have been given to the operators before it.
    fn instant_end(&mut self, _common: &mut Common, _out: &mut Out) {}

    /// As [`Operator::clock`], where rows of several streams meet: rows that wait for this very time do not go on.
    fn timers(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.clock(now, cause, out);
    }

    /// The turn of the first row that waits for its time: the instant, and how many rows came before.
    fn next_waiting(&self) -> Option<(Timestamp, u64)> {
        None
    }

    /// Lets the row go on whose turn is [`Operator::next_waiting`].
    fn release_next(&mut self, _out: &mut Out) {}

    /// Processes one row, which merely travels: appends the rows that follow from it to `to`, and whatever comes of it
    /// is what [`Operator::rows`] makes of a batch of one. Returns false where it has no way for single rows, for all
    /// of a batch or for none: then nothing was done, and `rows` is to be called.
    fn row(&mut self, _row: RowView<'_>, _to: &mut Batch, _out: &mut Out) -> bool {
        false
    }

    /// As [`Operator::row`], with what its graph has in common.
    fn row_at(
        &mut self,
        _port: Port,
        _common: &mut Common,
        row: RowView<'_>,
        to: &mut Batch,
        out: &mut Out,
    ) -> bool {
        self.row(row, to, out)
    }

    /// The clock reached `now` after all rows so far: fires the timers due at or before it, in order.
    fn clock(&mut self, _now: Timestamp, _cause: u64, _out: &mut Out) {}

    /// The clock is about to reach `now`, one timer after the other: of those that follow from each other without a row
    /// an operator drops what is beyond its bound.
    fn skip(&mut self, _now: Timestamp) {}

    /// The app has its first clock, `now`: an operator that begins with the app begins then, unless it has begun
    /// before. Called before anything else of that clock.
    fn begin(&mut self, _now: Timestamp) {}

    /// All rows of one send have been processed.
    fn send_end(&mut self, _out: &mut Out) {}

    /// Closes what is open once, in due order, as if its time had come (`--flush`).
    fn close(&mut self, _out: &mut Out) {}

    /// Whether rows would come of that.
    fn is_open(&mut self) -> bool {
        false
    }

    /// When its next timer is due.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// What a named window holds in front of it, if it keeps that.
    fn held(&self) -> Option<&table::Table> {
        None
    }

    /// What an aggregation holds, if it is one that it fills: whoever takes it out to read it puts it back at once.
    fn rollup(&mut self) -> Option<&mut Option<Box<aggregate::Rollup>>> {
        None
    }

    /// Adds its counters.
    fn count(&self, _into: &mut Counters) {}

    /// Tells what happens to its runs, where it is a pattern.
    fn trace(&mut self, _sink: &Arc<dyn pattern::TraceSink>) {}

    /// Its component is spread over workers by these columns, in this order: positions among its key columns, or
    /// among the columns it keeps where it has no key.
    fn routed_by(&mut self, _positions: Vec<usize>) {}

    /// Forgets all keys, and rows held, that are not kept: `keep` is asked with the key by which the operator is
    /// routed, as bytes. After a restore those of other workers are forgotten, in a partition those that were idle.
    fn keep_keys(&mut self, _keep: &dyn Fn(&[u8]) -> bool) {}

    /// In a partition: how long after the last row of a key, by clock or time, something may come of that key without
    /// another row of it, or stand where [`Operator::forget_keys`] does not find it. `None` where there is no such
    /// bound.
    fn quiet_after(&self) -> Option<i64> {
        None
    }

    /// In a partition that forgets single keys: finds by the key of the partition whatever it has of it.
    fn find_by_partition(&mut self) {}

    /// Forgets some keys of its partition, none of which comes twice, at a cost that does not grow with the others:
    /// their time to be quiet is over.
    fn forget_keys(&mut self, _keys: &Column) {}
}

/// Where an operator puts its rows, with spent batches to reuse.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "batches are handed on, not stored in place")]
pub(crate) struct Out {
    /// Batches emitted and not yet delivered, in order.
    pub(crate) ready: Vec<(Kind, Box<Batch>)>,
    /// The batch at hand goes on as it came.
    through: bool,
    /// Rows that came too late, where somebody wants them.
    late: Option<Box<Batch>>,
    /// Causes of the rows that came too late.
    refused: Vec<u64>,
    /// Boxed, so that a batch changes hands by a pointer.
    spare: Vec<Box<Batch>>,
    like: Batch,
}

impl Out {
    /// An output whose batches have columns like these.
    pub(crate) fn new(like: Batch) -> Self {
        Out {
            ready: Vec::new(),
            through: false,
            late: None,
            refused: Vec::new(),
            spare: Vec::new(),
            like,
        }
    }

    /// With a place for rows that come too late; `like`: a batch of the operator's input.
    pub(crate) fn keeping_late(self, like: &Batch) -> Self {
        Out {
            late: Some(Box::new(Batch::like(like))),
            ..self
        }
    }

    /// A row of the operator's input came too late.
    #[cold]
    pub(crate) fn refuse(&mut self, batch: &Batch, row: usize) {
        self.refused.push(batch.cause_of(row));
        if let Some(late) = &mut self.late {
            late.append(batch, &RowSet::Range(row..row + 1));
        }
    }

    /// Whether rows came too late, or were written aside.
    #[inline]
    pub(crate) fn has_late(&self) -> bool {
        !self.refused.is_empty() || self.late.as_ref().is_some_and(|late| !late.is_empty())
    }

    /// Where rows go that are written beside others: an operator has such a place, or one for rows that come too late.
    pub(crate) fn aside(&mut self) -> Option<&mut Batch> {
        self.late.as_deref_mut()
    }

    /// Takes the causes of the rows that came too late.
    pub(crate) fn take_refused(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.refused)
    }

    /// Takes the rows out that came too late, where somebody wants them; [`Out::put_late_back`] follows.
    pub(crate) fn take_late(&mut self) -> Option<Box<Batch>> {
        self.late.take()
    }

    /// Gives the batch of rows that came too late back for reuse.
    pub(crate) fn put_late_back(&mut self, mut late: Box<Batch>) {
        late.clear();
        self.late = Some(late);
    }

    /// An empty batch to fill.
    #[inline]
    pub(crate) fn batch(&mut self) -> Box<Batch> {
        self.spare
            .pop()
            .unwrap_or_else(|| Box::new(Batch::like(&self.like)))
    }

    /// Passes a batch on. A batch of no rows is passed on only as a flush.
    #[inline]
    pub(crate) fn emit(&mut self, kind: Kind, batch: Box<Batch>) {
        if batch.is_empty() && kind == Kind::Rows {
            self.spare.push(batch);
        } else {
            self.ready.push((kind, batch));
        }
    }

    /// Passes on the rows so far, and goes on with an empty batch.
    #[inline]
    pub(crate) fn pass(&mut self, to: &mut Box<Batch>) {
        if !to.is_empty() {
            let rows = std::mem::replace(to, self.batch());
            self.emit(Kind::Rows, rows);
        }
    }

    /// Passes on all rows that the operator was given, without a copy: whoever comes next gets the very batch.
    #[inline]
    pub(crate) fn pass_through(&mut self) {
        self.through = true;
    }

    /// Whether the rows at hand go on as they came; asked once by whoever gave them.
    #[inline]
    pub(crate) fn take_through(&mut self) -> bool {
        std::mem::take(&mut self.through)
    }

    /// Takes a delivered batch back for reuse.
    #[inline]
    pub(crate) fn recycle(&mut self, mut batch: Box<Batch>) {
        batch.clear();
        self.spare.push(batch);
    }
}

/// The circumstances in which a row is emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moment {
    /// Timestamp the emitted row gets.
    pub(crate) at: Timestamp,
    /// Timers that are due at or before this fire before the row.
    pub(crate) clock: Timestamp,
    /// Input row that caused it.
    pub(crate) cause: u64,
    /// How it came to be.
    pub(crate) mark: Mark,
}

impl Moment {
    /// The moment of a row of a batch.
    #[inline]
    pub(crate) fn of(batch: &Batch, row: usize) -> Self {
        Moment {
            at: batch.at[row],
            clock: batch.clock_of(row),
            cause: batch.cause_of(row),
            mark: batch.mark(row),
        }
    }

    /// The moment of a timer: readers process its rows before their own timers of the same time.
    #[inline]
    pub(crate) fn timer(due: Timestamp, cause: u64) -> Self {
        Moment {
            at: due,
            clock: due.plus(-1),
            cause,
            mark: Mark::Timer,
        }
    }

    /// The moment of a window that closes: its results belong to the instant before its end.
    #[inline]
    pub(crate) fn close(end: Timestamp, cause: u64) -> Self {
        Moment {
            mark: Mark::Close,
            ..Moment::timer(end, cause)
        }
    }

    /// The app's clock at the row.
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.plus(i64::from(self.mark.is_timer()))
    }

    /// What is due at or before this leaves a window before the row enters: its clock, or its time where it is the
    /// result of a window that closed, so that rows exactly as old as the window is long leave before it.
    #[inline]
    pub(crate) fn reach(&self) -> Timestamp {
        match self.mark {
            Mark::Close => self.clock.max(self.at),
            _ => self.clock,
        }
    }

    /// Whether the row comes behind the clock, or too far ahead, for whoever takes rows in the order of time.
    #[inline]
    pub(crate) fn is_late(&self) -> bool {
        self.instant() < self.clock || self.mark == Mark::Ahead
    }

    /// The instant to which the row belongs.
    #[inline]
    pub(crate) fn instant(&self) -> Timestamp {
        instant(self.at, self.mark)
    }
}

/// The instant to which a row belongs: the one before its time for results of windows that closed then.
#[inline]
pub(crate) fn instant(at: Timestamp, mark: Mark) -> Timestamp {
    at.plus(-i64::from(mark == Mark::Close))
}

impl Register for Moment {
    fn put(&self, out: &mut Vec<u8>) {
        self.at.put(out);
        self.clock.put(out);
        self.cause.put(out);
    }

    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        self.at.get(from)?;
        self.clock.get(from)?;
        self.cause.get(from)
    }
}

impl Batch {
    /// Timers that are due at or before this time fire before a row: its clock, or the instant before where a timer
    /// emitted the row. Where the plan tracks no clock, its timestamp.
    #[inline]
    pub(crate) fn clock_of(&self, row: usize) -> Timestamp {
        if self.clock.is_empty() {
            self.at[row]
        } else {
            self.clock[row].plus(-i64::from(self.mark(row).is_timer()))
        }
    }

    /// The number of the input row that caused a row; 0 where the plan does not track it.
    #[inline]
    pub(crate) fn cause_of(&self, row: usize) -> u64 {
        if self.causes.is_empty() {
            0
        } else {
            self.causes[row]
        }
    }

    /// The instant to which a row belongs.
    #[inline]
    pub(crate) fn instant(&self, row: usize) -> Timestamp {
        instant(self.at[row], self.mark(row))
    }

    /// Appends the circumstances of a row whose values are appended beside.
    #[inline]
    pub(crate) fn push_moment(&mut self, moment: Moment, sign: Sign) {
        self.push_sign(sign);
        self.push_mark(moment.mark);
        self.at.push(moment.at);
        if self.tracks_clock {
            self.clock.push(moment.now());
        }
        if self.tracks_cause {
            self.causes.push(moment.cause);
        }
    }

    /// [`Batch::push_moment`] for some rows that have it in common.
    pub(crate) fn push_moments(&mut self, moment: Moment, sign: Sign, rows: usize) {
        let len = self.at.len() + rows;
        if rows == 0 {
            return;
        }
        self.push_moment(moment, sign);
        if !self.signs.is_empty() {
            self.signs.resize(len, sign);
        }
        if !self.marks.is_empty() {
            self.marks.resize(len, moment.mark);
        }
        self.at.resize(len, moment.at);
        if self.tracks_clock {
            self.clock.resize(len, moment.now());
        }
        if self.tracks_cause {
            self.causes.resize(len, moment.cause);
        }
    }

    /// Appends row `row` of a batch with its own circumstances and columns `keep[0], keep[1], …`.
    #[inline]
    pub(crate) fn push_row(
        &mut self,
        from: &Batch,
        keep: &[usize],
        row: usize,
        moment: Moment,
        sign: Sign,
    ) {
        self.push_moment(moment, sign);
        for (to, k) in self.columns.iter_mut().zip(keep) {
            to.push_from(&from.columns[*k], row);
        }
    }
}
