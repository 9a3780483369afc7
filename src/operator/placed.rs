//! Rows of a batch that are written to slots, some of them over others of their keys.
//!
//! A row that replaces another has its key, so columns of the key are written for those alone that replace none.

use crate::event::Column;
use crate::state::Slot;

/// Where the rows of one batch are written.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// Those that are written, and their slots.
    pub(crate) rows: Vec<u32>,
    pub(crate) slots: Vec<Slot>,
    /// Those of them that replace no other.
    new_rows: Vec<u32>,
    new_slots: Vec<Slot>,
}

impl Placed {
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.slots.clear();
        self.new_rows.clear();
        self.new_slots.clear();
    }

    /// The next row is written to a slot, over another one unless it is new.
    #[inline]
    pub(crate) fn push(&mut self, row: u32, slot: Slot, is_new: bool) {
        self.rows.push(row);
        self.slots.push(slot);
        if is_new {
            self.new_rows.push(row);
            self.new_slots.push(slot);
        }
    }

    /// Writes the values of a column; `is_key`: it is one of the key.
    pub(crate) fn write(&self, to: &mut Column, from: &Column, is_key: bool) {
        if is_key {
            return to.scatter(&self.new_slots, from, Some(&self.new_rows));
        }
        let some = self.rows.len() < from.len();
        to.scatter(&self.slots, from, some.then_some(&self.rows));
    }
}
