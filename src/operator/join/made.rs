//! What the rows of the triggering side made, to be retracted as it was made.
//!
//! Why: where only one side triggers, the other one, or a table, may have changed when a row leaves.
//! How: the joined rows stand in slots, in a chain for each row that made them.

use crate::event::{Column, Scalar, Timestamp, Type};
use crate::operator::{counter, words_cell};
use crate::state::{Cells, Chains, Malformed, Slot, SlotColumns, StateHolder, Visitor};

/// A joined row, beside its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MadeRow {
    at: Timestamp,
    /// How many joined rows came before it.
    number: u64,
    /// The number of the row that made it.
    by: u64,
}

words_cell!(
    MadeRow,
    "joined row",
    3,
    |r| [r.at.0 as u64, r.number, r.by],
    |w| Some(MadeRow {
        at: Timestamp(w[0] as i64),
        number: w[1],
        by: w[2],
    })
);

/// Joined rows by the number of the row that made them.
pub(super) struct Made {
    columns: SlotColumns,
    rows: Cells<Option<MadeRow>>,
    came: u64,
    by: Chains,
    free: Vec<Slot>,
}

impl Made {
    /// Nothing yet; joined rows have columns of these types.
    pub(super) fn new(types: &[Type]) -> Self {
        Made {
            columns: SlotColumns::new(types),
            rows: Cells::default(),
            came: 0,
            by: Chains::new(&[Type::Long]),
            free: Vec::new(),
        }
    }

    /// Holds row `row` of these columns, which the row of number `by` made.
    pub(super) fn push(&mut self, by: u64, at: Timestamp, from: &[Column], row: usize) {
        let slot = self.free.pop().unwrap_or_else(|| self.rows.push(None));
        self.columns.ensure(self.rows.len());
        self.came += 1;
        let number = self.came;
        *self.rows.get_mut(slot) = Some(MadeRow { at, number, by });
        let columns = self.columns.writing(std::iter::once(slot));
        for (column, from) in columns.iter_mut().zip(from) {
            column.set_from(slot as usize, from, row);
        }
        let key = self.by.slot_of_scalars(&[Scalar::Long(by as i64)]);
        self.by.push(key, slot);
    }

    /// Takes out what a row made, in its order: appends values and times.
    pub(super) fn take(&mut self, by: u64, to: &mut [Column], times: &mut Vec<Timestamp>) {
        let key = self.by.find_scalars(&[Scalar::Long(by as i64)]);
        let mut next = key.and_then(|key| self.by.first(key));
        while let Some(slot) = next {
            next = self.by.next(slot);
            for (to, from) in to.iter_mut().zip(self.columns.columns()) {
                to.push_from(from, slot as usize);
            }
            times.extend(self.rows.get(slot).map(|row| row.at));
            self.by.remove(slot);
            self.rows.reset(slot);
            self.free.push(slot);
        }
    }

    /// Forgets what rows made that are not held.
    pub(super) fn keep(&mut self, is_held: &dyn Fn(u64) -> bool) {
        for slot in 0..self.rows.len() as Slot {
            if self.rows.get(slot).is_some_and(|row| !is_held(row.by)) {
                self.rows.reset(slot);
            }
        }
        self.rebuild().expect("joined rows that were held are held");
    }

    fn rebuild(&mut self) -> Result<(), Malformed> {
        self.by.clear();
        self.free.clear();
        if self.columns.len() < self.rows.len() {
            return Err(Malformed::new("joined rows lack values"));
        }
        let mut held: Vec<(u64, Slot, u64)> = Vec::new();
        for slot in 0..self.rows.len() as Slot {
            match self.rows.get(slot) {
                None => self.free.push(slot),
                Some(row) if row.number > self.came => {
                    return Err(Malformed::new("a joined row was never made"));
                }
                Some(row) => held.push((row.number, slot, row.by)),
            }
        }
        held.sort_unstable();
        for (_, slot, by) in held {
            let key = self.by.slot_of_scalars(&[Scalar::Long(by as i64)]);
            self.by.push(key, slot);
        }
        Ok(())
    }
}

impl StateHolder for Made {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("values of joined rows", &mut self.columns);
        visitor.container("joined rows", &mut self.rows);
        counter(visitor, &mut self.came);
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}
