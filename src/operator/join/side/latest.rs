//! A side of which only the latest row of each key stays: that of an ASOF join.
//!
//! Why: nearly every row that comes replaces another, so that putting it beside that one and taking that one out would
//! be most of the work.
//! How: a row is written over the one before it of its key, in its slot. Columns that are the key itself stay as they
//! are. A row whose key has a NULL meets nothing, and is not held.
//! Cost: the key is looked up once, and the values are written once; nothing else is touched.

use super::{HeldRow, NONE, Side};
use crate::event::{Batch, Column, RowView, Scalar, Timestamp};
use crate::expr::Program;
use crate::operator::join::Leaving;
use crate::operator::placed::Placed;
use crate::state::{Malformed, Slot};

/// What is known of the rows at hand.
#[derive(Default)]
pub(super) struct Latest {
    /// By kept column: it is a column of the key, so that all rows of a key have one value.
    is_key: Vec<bool>,
    /// The rows of a batch; none without a key.
    placed: Placed,
}

impl Latest {
    /// `kept_keys`: the key, over `columns` kept columns.
    pub(super) fn new(columns: usize, kept_keys: &[Program]) -> Self {
        let is_key = |column| kept_keys.iter().any(|k| k.as_column() == Some(column));
        Latest {
            is_key: (0..columns).map(is_key).collect(),
            ..Latest::default()
        }
    }
}

impl Side {
    /// Holds rows of a batch, with keys that are evaluated for them, each in the place of the one before of its key.
    /// Appends the slot of each, and [`NONE`] where it is not held.
    pub(super) fn put_latest(
        &mut self,
        (batch, rows): (&Batch, &[u32]),
        keys: &[&Column],
        to: &mut Vec<Slot>,
    ) {
        let mut placed = std::mem::take(&mut self.latest.placed);
        placed.clear();
        let first = to.len();
        self.by_key.slots_of(keys, rows.len(), to);
        for (slot, row) in to[first..].iter_mut().zip(rows) {
            let key = *slot;
            if key == NONE {
                self.came += 1;
                continue;
            }
            let (own, is_new) = self.put_moment(key, batch.at[*row as usize]);
            *slot = own;
            placed.push(*row, own, is_new);
        }
        self.grow();
        let columns = self.columns.writing(placed.slots.iter().copied());
        let columns = columns.iter_mut().zip(&self.plan.keep);
        for ((column, k), is_key) in columns.zip(&self.latest.is_key) {
            placed.write(column, &batch.columns[*k], *is_key);
        }
        self.latest.placed = placed;
    }

    /// As [`Side::put_latest`], of one row, with its key.
    pub(super) fn put_latest_one(&mut self, view: RowView<'_>, key: &[Scalar<'_>]) {
        let RowView { batch, row } = view;
        let key = self.by_key.slot_of_scalars(key);
        if key == NONE {
            self.came += 1;
            return;
        }
        let (slot, _) = self.put_moment(key, batch.at[row]);
        self.grow();
        let columns = self.columns.writing(std::iter::once(slot));
        for (column, k) in columns.iter_mut().zip(&self.plan.keep) {
            column.set_from(slot as usize, &batch.columns[*k], row);
        }
    }

    /// Gives the time of a row that came to the slot of its key, and a slot to a key that has none; answers which, and
    /// whether it is new.
    #[inline]
    fn put_moment(&mut self, key: Slot, at: Timestamp) -> (Slot, bool) {
        let found = self.by_key.last(key);
        let slot = match found {
            Some(slot) => {
                self.came += 1;
                let number = self.came;
                *self.held.get_mut(slot) = HeldRow { at, number };
                slot
            }
            None => {
                let slot = self.take_slot(at);
                self.by_key.push(key, slot);
                slot
            }
        };
        if self.plan.is_bounded {
            self.ages.push_back((slot, self.came));
        }
        (slot, found.is_none())
    }

    /// The latest row of a key, if it has one.
    #[inline]
    pub(in crate::operator::join) fn latest(&self, key: Slot) -> Option<Slot> {
        self.by_key.last(key)
    }

    /// Checks that rows that were loaded, whose keys are at hand, have a key each of their own.
    pub(super) fn check_latest(&self) -> Result<(), Malformed> {
        let is_latest = |key: &Slot| self.by_key.count(*key) == 1;
        match self.plan.leaving == Leaving::Replaced && !self.slots.iter().all(is_latest) {
            true => Err(Malformed::new("a side of a join holds two rows of one key")),
            false => Ok(()),
        }
    }
}
