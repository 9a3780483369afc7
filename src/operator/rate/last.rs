//! `LAST EVERY n EVENTS` of each key, and `LAST EVERY t`: the last row waits.

use super::latest::Latest;
use super::{ByKey, Firings, Pace, RATE_LIMIT_ROWS_MAX, Ticks};
use crate::event::{Batch, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{Slot, StateHolder, Visitor};
use std::ops::Range;

/// Holds the last row of each key until rows of all keys together are enough, or until it is time. Rows go out in the
/// order in which their keys came since the last time.
pub(crate) struct Last {
    latest: Latest,
    pace: Pace,
    /// Rows that came since the last time.
    count: u64,
    /// By slot, the row of the batch at hand that is the last of its key.
    last: Vec<u32>,
    touched: Vec<Slot>,
}

/// No row of the batch.
const NONE: u32 = u32::MAX;

impl Last {
    /// Of rows with columns of these types.
    pub(crate) fn new(keys: ByKey, pace: Pace, types: &[Type]) -> Self {
        Last::bounded(keys, pace, types, RATE_LIMIT_ROWS_MAX)
    }

    /// With another bound on the keys.
    pub(super) fn bounded(keys: ByKey, pace: Pace, types: &[Type], keys_max: usize) -> Self {
        Last {
            latest: Latest::new(keys, types, keys_max),
            pace,
            count: 0,
            last: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Notes the last row of each key among some rows of the batch at hand, which was looked up.
    fn note(&mut self, mut rows: Range<usize>) {
        if self.latest.keys.is_one() {
            // The only key that there is has the last of them.
            rows.start = rows.end.saturating_sub(1).max(rows.start);
        }
        for row in rows {
            let Some(slot) = self.latest.slot(row) else {
                continue;
            };
            let slot = slot as usize;
            if slot >= self.last.len() {
                self.last.resize(slot + 1, NONE);
            }
            if self.last[slot] == NONE {
                self.touched.push(slot as Slot);
            }
            self.last[slot] = row as u32;
        }
    }

    /// Lets the row of each key out: the one noted of the batch at hand, otherwise the one held.
    fn let_out(&mut self, moment: Moment, batch: Option<&Batch>, to: &mut Batch) {
        let last = &mut self.last;
        self.latest.let_out(moment, to, |slot| {
            let row = std::mem::replace(last.get_mut(slot as usize)?, NONE);
            batch.filter(|_| row != NONE).map(|b| (b, row as usize))
        });
        self.touched.clear();
    }

    /// The batch at hand goes: what was noted of it is held.
    fn hold(&mut self, batch: &Batch) {
        for slot in self.touched.drain(..) {
            let row = std::mem::replace(&mut self.last[slot as usize], NONE);
            self.latest.set(slot, batch, row as usize);
        }
        self.latest.forget();
    }

    fn rows_by_count(&mut self, n: u64, batch: &Batch, to: &mut Batch) {
        let mut first = 0;
        while first < batch.len() {
            let missing = n.saturating_sub(self.count).max(1);
            let rows = (batch.len() - first) as u64;
            let end = first + missing.min(rows) as usize;
            self.note(first..end);
            self.count += (end - first) as u64;
            if self.count >= n {
                self.let_out(Moment::of(batch, end - 1), Some(batch), to);
                self.count = 0;
            }
            first = end;
        }
    }

    fn rows_by_time(&mut self, batch: &Batch, to: &mut Batch) {
        let mut first = 0;
        while first < batch.len() {
            let clock = batch.clock_of(first);
            self.fire(clock, batch.cause_of(first), Some(batch), to);
            let rows = self.ticks().before(batch, first..batch.len());
            first = rows.end;
            self.note(rows);
        }
    }

    fn fire(&mut self, now: Timestamp, cause: u64, batch: Option<&Batch>, to: &mut Batch) {
        self.fire_all(now, |last, due| {
            last.let_out(Moment::timer(due, cause), batch, to);
            last.ticks().disarm();
        });
    }
}

impl Firings for Last {
    fn ticks(&mut self) -> &mut Ticks {
        self.pace.ticks()
    }
}

impl StateHolder for Last {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.latest.state(visitor);
        counter(visitor, &mut self.count);
        self.pace.state(visitor);
    }
}

impl Operator for Last {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        self.latest.look_up(batch);
        match self.pace {
            Pace::Rows(n) => self.rows_by_count(n, batch, &mut to),
            Pace::Time(_) => self.rows_by_time(batch, &mut to),
        }
        self.hold(batch);
        out.emit(Kind::Rows, to);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|due| due <= now) {
            let mut to = out.batch();
            self.fire(now, cause, None, &mut to);
            self.latest.forget();
            out.emit(Kind::Rows, to);
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.pace.begin(now, !self.latest.is_empty());
    }

    fn due(&self) -> Option<Timestamp> {
        self.pace.due()
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.latest.refused;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.latest.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.latest.keep_keys(keep);
    }

    /// By count, rows of other keys let its row out.
    fn quiet_after(&self) -> Option<i64> {
        match &self.pace {
            Pace::Time(ticks) => Some(ticks.period_us()),
            Pace::Rows(_) => None,
        }
    }
}
