//! `ALL EVERY n EVENTS` and `ALL EVERY t`: rows wait, and go out together.

use super::{ByKey, Firings, Pace, RATE_LIMIT_ROWS_MAX, Ticks};
use crate::event::{Batch, Column, RowSet, Scalar, Sign, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter};
use crate::sql::ast::Events;
use crate::state::{Cells, LogId, Malformed, RowLog, Slot, StateHolder, Visitor};
use std::ops::Range;

/// Holds the rows of each key until there are enough, or until it is time; they go out as they came, at the time of
/// what lets them out. By time, those of all keys go out together.
pub(crate) struct All {
    keys: ByKey,
    pace: Pace,
    log: RowLog,
    /// By key, the rows that it holds.
    logs: Cells<Option<LogId>>,
    /// Columns of a row held: all that come, and whether the row leaves, where some do and some do not.
    keep: Vec<usize>,
    /// Which rows come.
    events: Events,
    held: u64,
    rows_max: usize,
    /// Rows that went out before their time.
    early: u64,
    /// Rows with their signs as a column.
    signed: Batch,
}

impl All {
    /// Of rows with columns of these types, and of these signs.
    pub(crate) fn new(keys: ByKey, pace: Pace, types: &[Type], events: Events) -> Self {
        let sign = (events == Events::All).then_some(Type::Bool);
        let types: Vec<Type> = types.iter().copied().chain(sign).collect();
        All {
            keys,
            pace,
            log: RowLog::new(&types),
            logs: Cells::default(),
            keep: (0..types.len()).collect(),
            events,
            held: 0,
            rows_max: RATE_LIMIT_ROWS_MAX,
            early: 0,
            signed: Batch {
                columns: types.iter().map(|t| Column::new(*t)).collect(),
                ..Batch::default()
            },
        }
    }

    /// With another bound on the rows held.
    #[cfg(test)]
    pub(super) fn bounded(self, rows_max: usize) -> Self {
        All { rows_max, ..self }
    }

    /// The log of a key.
    fn log_of(&mut self, slot: Slot) -> LogId {
        self.logs.ensure(slot as usize + 1);
        match *self.logs.get(slot) {
            Some(id) => id,
            None => {
                let id = self.log.open();
                *self.logs.get_mut(slot) = Some(id);
                id
            }
        }
    }

    /// Holds rows of a batch.
    fn hold(&mut self, id: LogId, batch: &Batch, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        self.held += rows.len() as u64;
        if self.events != Events::All {
            return self.log.push_rows(id, batch, &self.keep, rows);
        }
        self.signed.clear();
        self.signed.append(batch, &RowSet::Range(rows.clone()));
        if let Some(leaves) = self.signed.columns.last_mut() {
            for row in rows.clone() {
                leaves.push_scalar(Scalar::Bool(batch.sign(row) == Sign::Minus));
            }
        }
        self.log
            .push_rows(id, &self.signed, &self.keep, 0..rows.len());
    }

    /// Lets the rows of a log out.
    fn let_out(&mut self, id: LogId, moment: Moment, to: &mut Batch) {
        let rows = self.log.range(id);
        for seq in rows.clone() {
            let leaves = match self.events {
                Events::Current => false,
                Events::Expired => true,
                Events::All => {
                    let leaves = self.log.columns().last();
                    let index = self.log.index(id, seq);
                    leaves.is_some_and(|l| l.scalar(index) == Scalar::Bool(true))
                }
            };
            to.push_moment(moment, if leaves { Sign::Minus } else { Sign::Plus });
        }
        self.log.read_rows(id, rows.clone(), &mut to.columns);
        let count = rows.end - rows.start;
        self.log.pop(id, count as usize);
        self.held = self.held.saturating_sub(count);
    }

    /// Lets all rows out that are held.
    fn let_all_out(&mut self, moment: Moment, to: &mut Batch) {
        for slot in 0..self.logs.len() as Slot {
            if let Some(id) = *self.logs.get(slot) {
                self.let_out(id, moment, to);
            }
        }
        self.held = 0;
    }

    /// Holds rows of one key, and lets them out as soon as there are `n`.
    fn count(&mut self, slot: Slot, n: u64, batch: &Batch, mut rows: Range<usize>, to: &mut Batch) {
        let id = self.log_of(slot);
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let held = self.log.len(id);
        if held > 0 {
            let missing = n.saturating_sub(held).max(1);
            if rows.len() < missing {
                return self.hold(id, batch, rows);
            }
            let full = rows.start + missing;
            self.let_out(id, Moment::of(batch, full - 1), to);
            pass(batch, rows.start..full, missing, to);
            rows.start = full;
        }
        let full = rows.start + rows.len() / n * n;
        pass(batch, rows.start..full, n, to);
        self.hold(id, batch, full..rows.end);
    }

    /// Holds rows of a batch until the next firing, those of each key by themselves.
    fn wait(&mut self, batch: &Batch, mut rows: Range<usize>, to: &mut Batch) {
        while !rows.is_empty() {
            let room = (self.rows_max as u64).saturating_sub(self.held);
            if room == 0 {
                self.early += self.held;
                self.let_all_out(Moment::of(batch, rows.start), to);
                continue;
            }
            let end = rows.start + rows.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            self.hold_each(batch, rows.start..end);
            rows.start = end;
        }
    }

    fn hold_each(&mut self, batch: &Batch, rows: Range<usize>) {
        if self.keys.is_one() {
            let slot = self.keys.index.slot_of(&[]);
            let id = self.log_of(slot);
            return self.hold(id, batch, rows);
        }
        for row in rows {
            let id = self.log_of(self.keys.slots[row]);
            self.hold(id, batch, row..row + 1);
        }
    }

    fn fire(&mut self, now: Timestamp, cause: u64, to: &mut Batch) {
        self.fire_all(now, |all, due| {
            all.let_all_out(Moment::timer(due, cause), to);
            all.ticks().disarm();
        });
    }

    fn rows_by_time(&mut self, batch: &Batch, to: &mut Batch) {
        let mut first = 0;
        while first < batch.len() {
            let clock = batch.clock_of(first);
            self.fire(clock, batch.cause_of(first), to);
            let rows = self.ticks().before(batch, first..batch.len());
            first = rows.end;
            self.wait(batch, rows, to);
        }
    }

    fn rows_by_count(&mut self, n: u64, batch: &Batch, to: &mut Batch) {
        if self.keys.is_one() {
            let slot = self.keys.index.slot_of(&[]);
            return self.count(slot, n, batch, 0..batch.len(), to);
        }
        for row in 0..batch.len() {
            if self.held >= self.rows_max as u64 {
                self.early += self.held;
                self.let_all_out(Moment::of(batch, row), to);
            }
            self.count(self.keys.slots[row], n, batch, row..row + 1, to);
        }
    }
}

/// Passes rows that need not be held, at the times of the last of every `n` of them.
fn pass(batch: &Batch, rows: Range<usize>, n: usize, to: &mut Batch) {
    let plain = batch.signs.is_empty() && batch.marks.is_empty();
    let plain = plain && to.signs.is_empty() && to.marks.is_empty();
    for first in rows.clone().step_by(n) {
        let last = first + n - 1;
        if !plain {
            let moment = Moment::of(batch, last);
            (first..=last).for_each(|row| to.push_moment(moment, batch.sign(row)));
            continue;
        }
        to.at.resize(to.at.len() + n, batch.at[last]);
        if to.tracks_clock {
            to.clock.resize(to.clock.len() + n, batch.clock[last]);
        }
        if to.tracks_cause {
            to.causes.resize(to.causes.len() + n, batch.causes[last]);
        }
    }
    for (to, from) in to.columns.iter_mut().zip(&batch.columns) {
        to.extend_range(from, rows.clone());
    }
}

impl Firings for All {
    fn ticks(&mut self) -> &mut Ticks {
        self.pace.ticks()
    }
}

impl StateHolder for All {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.log.state(visitor);
        visitor.container("logs", &mut self.logs);
        counter(visitor, &mut self.held);
        counter(visitor, &mut self.early);
        self.pace.state(visitor);
        if visitor.is_loading() {
            let ids = (0..self.logs.len() as Slot).filter_map(|slot| *self.logs.get(slot));
            if !ids.into_iter().all(|id| self.log.holds(id)) {
                visitor.fail(Malformed::new("a key has no log"));
            }
        }
    }
}

impl Operator for All {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        if !self.keys.is_one() {
            self.keys.look_up(batch);
        }
        match self.pace {
            Pace::Rows(n) => self.rows_by_count(n, batch, &mut to),
            Pace::Time(_) => self.rows_by_time(batch, &mut to),
        }
        out.emit(Kind::Rows, to);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|due| due <= now) {
            let mut to = out.batch();
            self.fire(now, cause, &mut to);
            out.emit(Kind::Rows, to);
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.pace.begin(now, self.held > 0);
    }

    fn due(&self) -> Option<Timestamp> {
        self.pace.due()
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.early;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        if self.keys.is_one() {
            return;
        }
        for slot in self.keys.keep_keys(keep) {
            if let Some(id) = self.logs.find(slot).copied().flatten() {
                self.held = self.held.saturating_sub(self.log.len(id) as u64);
                self.log.close(id);
                self.logs.reset(slot);
            }
        }
    }
}
