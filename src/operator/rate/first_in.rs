//! `FIRST EVERY t`: a row lets no other of its key out for that time.

use super::ByKey;
use super::ticks::first_where;
use crate::event::{Batch, Column, RowSet, RowView, Timestamp};
use crate::operator::{Kind, Moment, Operator, Out};
use crate::state::{Cells, Malformed, Slot, StateHolder, Visitor};
use std::collections::VecDeque;

/// Passes a row of a key, then none until a time has passed on the app's clock. A key whose time is over is forgotten
/// when the next rows come.
pub(crate) struct FirstIn {
    keys: ByKey,
    span_us: i64,
    /// By key, when the next row may pass, in microseconds.
    until: Cells<Option<i64>>,
    /// The keys that let a row out and their times, the oldest first: an index. One that went is still in it.
    order: VecDeque<(i64, Slot)>,
    rows: Vec<u32>,
}

impl FirstIn {
    /// One row of each key in `span_us`, at least 1.
    pub(crate) fn new(keys: ByKey, span_us: i64) -> Self {
        assert!(span_us > 0, "a time passes");
        FirstIn {
            keys,
            span_us,
            until: Cells::default(),
            order: VecDeque::new(),
            rows: Vec::new(),
        }
    }

    /// Forgets the keys whose time is over.
    fn forget(&mut self, now: Timestamp) {
        while let Some((until, slot)) = self.order.front().copied()
            && until <= now.0
        {
            // A key that let another row out since stands further behind once more.
            if *self.until.get(slot) == Some(until) {
                self.keys.index.remove(slot);
                self.until.reset(slot);
            }
            self.order.pop_front();
        }
    }

    /// Drops what is no longer there from the order.
    fn compact(&mut self) {
        let of = &self.until;
        self.order
            .retain(|(until, slot)| *of.get(*slot) == Some(*until));
    }

    /// Leaves the rows that pass in `rows`.
    fn choose(&mut self, batch: &Batch) {
        let slots = self.keys.look_up(batch);
        self.until.ensure(slots);
        for row in 0..batch.len() {
            if self.passes(self.keys.slots[row], Moment::of(batch, row).now()) {
                self.rows.push(row as u32);
            }
        }
    }

    /// The same where all rows count together: those in between are not looked at.
    fn choose_of_one(&mut self, batch: &Batch) {
        let slot = self.keys.index.slot_of(&[]);
        self.until.ensure(self.keys.index.slots());
        let now = |row| Moment::of(batch, row).now();
        let mut row = 0;
        loop {
            if let Some(until) = *self.until.get(slot) {
                row = first_where(row..batch.len(), |row| now(row).0 >= until);
            }
            if row == batch.len() {
                return;
            }
            if self.passes(slot, now(row)) {
                self.rows.push(row as u32);
            }
        }
    }

    /// Whether a row passes.
    #[inline]
    fn passes(&mut self, slot: Slot, now: Timestamp) -> bool {
        if self.until.get(slot).is_some_and(|until| now.0 < until) {
            return false;
        }
        let until = now.plus(self.span_us).0;
        *self.until.get_mut(slot) = Some(until);
        self.order.push_back((until, slot));
        true
    }
}

impl StateHolder for FirstIn {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        visitor.container("until", &mut self.until);
        if visitor.is_loading() {
            self.until.ensure(self.keys.index.slots());
            let held = self.keys.index.held_slots();
            let known = held.filter_map(|slot| Some(((*self.until.get(slot))?, slot)));
            let mut order: Vec<(i64, Slot)> = known.collect();
            order.sort_unstable();
            self.order = order.into();
            if self.until.len() > self.keys.index.slots() {
                visitor.fail(Malformed::new(
                    "a row was let out of a key that is not there",
                ));
            }
        }
    }
}

impl Operator for FirstIn {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        if batch.is_empty() {
            return;
        }
        self.rows.clear();
        self.forget(Moment::of(batch, 0).now());
        match self.keys.is_one() {
            true => self.choose_of_one(batch),
            false => self.choose(batch),
        }
        if !self.rows.is_empty() {
            let mut to = out.batch();
            to.append(batch, &RowSet::Picked(&self.rows));
            out.emit(Kind::Rows, to);
        }
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, _out: &mut Out) -> bool {
        let now = Moment::of(row.batch, row.row).now();
        self.forget(now);
        let slot = self.keys.slot_of(row);
        self.until.ensure(self.keys.index.slots());
        if self.passes(slot, now) {
            to.push_view(row);
        }
        true
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for slot in self.keys.keep_keys(keep) {
            self.until.reset(slot);
        }
        self.compact();
    }

    fn quiet_after(&self) -> Option<i64> {
        self.keys.finds_by_partition().then_some(0)
    }

    fn find_by_partition(&mut self) {
        self.keys.find_by_partition();
    }

    fn forget_keys(&mut self, keys: &Column) {
        for slot in self.keys.remove_known(keys) {
            self.until.reset(slot);
        }
        if self.order.len() > 2 * self.keys.index.len() + 64 {
            self.compact();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Scalar, Type};

    #[test]
    fn keys_that_went_do_not_pile_up() {
        let mut keys = ByKey::new(vec![0], &[Type::Long]);
        keys.routing = vec![0];
        let mut first = FirstIn::new(keys, 1_000_000_000);
        let mut out = Out::default();
        for key in 0..10_000 {
            let mut column = Column::new(Type::Long);
            column.push_scalar(Scalar::Long(key));
            let batch = Batch {
                at: vec![Timestamp(key)],
                clock: vec![Timestamp(key)],
                columns: vec![column],
                tracks_clock: true,
                ..Batch::default()
            };
            first.rows(Kind::Rows, &batch, &mut out);
            first.forget_keys(&batch.columns[0]);
            assert!(first.order.len() <= 65, "{} keys", first.order.len());
        }
        assert_eq!(out.ready.len(), 10_000);
    }
}
