//! Rows that are held, in the order of a column that a condition compares with rows that come: rows of one side of a
//! join, and runs of a pattern by what they keep.
//!
//! Why: where a key has many rows of which few are met, looking at each costs more than all else.
//! How: a key that has many rows gets an ordered index of them, which it keeps until few are left. It is asked for each
//! row that comes, and gives up where too many are in the range. What it gives stands in the order in which the rows
//! were put in, and the condition is asked of it as it is asked of all rows of the key, so that nothing comes out
//! differently.

use crate::event::{Batch, Column, Scalar, Type};
use crate::expr::{Frame, Program};
use crate::state::{Chains, Ordered, Slot};
use std::ops::Bound;

/// Rows that a key has when they are put in order: at some 30 rows of which half a one is met both ways take as long.
/// Tests of few rows are to go this way as well.
const ROWS_MIN: usize = if cfg!(debug_assertions) { 3 } else { 64 };
/// Rows that a key has when their order is dropped.
const ROWS_LEFT: usize = ROWS_MIN / 3;
/// Of so many rows of a key one may be in the range: a row that is found costs several times one that is looked at, and
/// what is found in vain is lost.
const ONE_OF: usize = if cfg!(debug_assertions) { 1 } else { 8 };

/// An end of a range.
pub(crate) struct RangeEnd {
    /// Over the rows that come.
    pub(crate) value: Program,
    pub(crate) ty: Type,
    /// The end is in the range.
    pub(crate) is_included: bool,
}

/// A range of values of a column, given by the rows that come.
pub(crate) struct RangePlan {
    /// Which of the kept columns.
    pub(crate) column: usize,
    /// In the order of this type they stand; those of the column and the ends widen to it, or it to them.
    pub(crate) ty: Type,
    /// The lower and the upper one.
    pub(crate) ends: [Option<RangeEnd>; 2],
    /// Rows that have NULL in the column are to be looked at too.
    pub(crate) counts_nulls: bool,
}

/// Rows that have an order.
pub(crate) struct RangeIndex {
    plan: RangePlan,
    rows: Ordered,
    /// By the slot of a key, whether its rows have an order.
    has_order: Vec<bool>,
    /// How many keys have one.
    keys: usize,
    /// The ends for each of the rows at hand.
    ends: [Column; 2],
}

impl RangeIndex {
    /// No rows yet. `None` where the type has no order.
    pub(crate) fn new(plan: RangePlan) -> Option<Self> {
        Some(RangeIndex {
            rows: Ordered::new(plan.ty)?,
            has_order: Vec::new(),
            keys: 0,
            ends: [0, 1].map(|end: usize| {
                let end = plan.ends[end].as_ref();
                Column::new(end.map_or(plan.ty, |end| end.ty))
            }),
            plan,
        })
    }

    /// A row was pushed behind those of its key.
    #[inline]
    pub(crate) fn pushed(&mut self, key: Slot, row: Slot, chains: &Chains, columns: &[Column]) {
        let column = &columns[self.plan.column];
        if self.has_order(key) {
            self.rows.insert(key, row, column.scalar(row as usize));
        } else if chains.count(key) >= ROWS_MIN {
            self.put_in_order(key, chains, column);
        }
    }

    #[cold]
    fn put_in_order(&mut self, key: Slot, chains: &Chains, column: &Column) {
        if self.has_order.len() <= key as usize {
            self.has_order.resize(key as usize + 1, false);
        }
        self.has_order[key as usize] = true;
        self.keys += 1;
        for row in chains.rows(key) {
            self.rows.insert(key, row, column.scalar(row as usize));
        }
    }

    /// A row leaves, after which its key has so many.
    #[inline]
    pub(crate) fn removed(&mut self, key: Slot, row: Slot, left: usize) {
        if !self.has_order(key) {
            return;
        }
        self.rows.remove(row);
        if left <= ROWS_LEFT {
            self.rows.remove_all(key);
            self.has_order[key as usize] = false;
            self.keys -= 1;
        }
    }

    #[inline]
    fn has_order(&self, key: Slot) -> bool {
        self.has_order.get(key as usize).is_some_and(|has| *has)
    }

    /// Evaluates the ends for rows that come. An error in one is counted where the condition is asked.
    pub(crate) fn ask(&mut self, batch: &Batch, rows: &[u32]) {
        if self.keys == 0 {
            return;
        }
        let frame = Frame {
            rows: (rows.len() < batch.len()).then_some(rows),
            len: rows.len(),
            ..batch.frame()
        };
        for (end, column) in self.plan.ends.iter_mut().zip(&mut self.ends) {
            if let Some(end) = end {
                column.clear();
                end.value.eval_into(&frame, &mut 0, column);
            }
        }
    }

    /// Appends the rows of a key that the row at this place of those asked for may meet, in the order in which they
    /// came; false, and none, where all rows of the key are to be looked at.
    #[inline]
    pub(crate) fn find(
        &self,
        key: Slot,
        place: usize,
        chains: &Chains,
        out: &mut Vec<Slot>,
    ) -> bool {
        if !self.has_order(key) {
            return false;
        }
        let count = chains.count(key);
        let nulls = self.plan.counts_nulls && self.rows.count(key) < count;
        let [low, high] = [0, 1].map(|end| self.end(end, place));
        match (low, high) {
            // The condition is asked with this NULL, which may come of an error that is to be counted.
            (None, _) | (_, None) => false,
            _ if nulls => false,
            (Some(low), Some(high)) => {
                let most = count / ONE_OF;
                self.rows.in_arrival(key, (low, high), most, out)
            }
        }
    }

    /// An end for a row; `None` where it is NULL.
    #[inline]
    fn end(&self, end: usize, place: usize) -> Option<Bound<Scalar<'_>>> {
        let Some(of) = &self.plan.ends[end] else {
            return Some(Bound::Unbounded);
        };
        match (self.ends[end].scalar(place), of.is_included) {
            (Scalar::Null, _) => None,
            (value, true) => Some(Bound::Included(value)),
            (value, false) => Some(Bound::Excluded(value)),
        }
    }

    /// Forgets all rows; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.has_order.clear();
        self.keys = 0;
    }
}
