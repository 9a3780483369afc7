//! Rows of a table that are copied while its worker stands still, to be looked at when it goes on.
//!
//! Why: whoever asks a table sees one moment of it, and holds the worker no longer than the copy takes.
//! How: rows that were found by a key are copied one by one. Otherwise the columns that are read are copied whole, as
//! they stand in memory, with the numbers of the rows where they do not stand in order; which of them are rows, and in
//! which order, is found out afterwards.
//! Cost: 8 bytes per slot and those of the columns read, at the speed of memory; texts are cloned one by one.

use super::rows::Table;
use super::shape::Access;
use crate::event::{Batch, Column, Scalar, Timestamp};
use crate::state::Slot;

/// A table with this share of free slots, or more, is copied row by row.
const SPARSE: usize = 8;

/// Rows of a table.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// The columns that are read, in their order.
    columns: Vec<Column>,
    /// By slot, the number of the row's arrival; none where every row stands in its place.
    numbers: Vec<u64>,
    /// By slot, when a row ends; none where none does.
    ends: Vec<Timestamp>,
    rows: usize,
}

impl Table {
    /// Copies these columns of all rows.
    pub(crate) fn copy(&self, columns: &[usize], clock: Timestamp) -> Copied {
        let slots = self.numbers.len();
        if self.len() * SPARSE < slots {
            let rows: Vec<Slot> = self.slots().collect();
            return self.copy_rows(columns, &rows, clock);
        }
        let copy = |column: &usize| {
            let from = &self.columns()[*column];
            let mut to = Column::new(from.type_of());
            to.extend_range(from, 0..slots);
            to
        };
        let all = 0..slots as Slot;
        let in_place = self.free.is_empty() && self.came == slots as u64;
        let numbers = all.clone().map(|slot| self.number(slot));
        let expiry = self.expiry.iter();
        let ends = expiry.flat_map(|expiry| all.clone().map(|slot| expiry.end(slot)));
        Copied {
            columns: columns.iter().map(copy).collect(),
            numbers: match in_place {
                true => Vec::new(),
                false => numbers.collect(),
            },
            ends: ends.collect(),
            rows: slots,
        }
    }

    /// Appends these columns of all rows to those of a batch, if the rows stand in memory as they arrived and none
    /// ends; returns how many they are.
    pub(crate) fn append_all(&self, columns: &[usize], to: &mut Batch) -> Option<usize> {
        let slots = self.numbers.len();
        let in_place = self.free.is_empty() && self.came == slots as u64;
        if !in_place || self.expiry.is_some() {
            return None;
        }
        for column in columns {
            to.columns[*column].extend_range(&self.columns()[*column], 0..slots);
        }
        Some(slots)
    }

    /// Appends these columns of some rows to those of a batch.
    pub(crate) fn append_rows(&self, columns: &[usize], rows: &[Slot], to: &mut Batch) {
        for column in columns {
            to.columns[*column].extend_rows(&self.columns()[*column], rows);
        }
    }

    /// Copies these columns of some rows, in their order, but of those that are over.
    fn copy_rows(&self, columns: &[usize], rows: &[Slot], clock: Timestamp) -> Copied {
        let lasts = |slot: &Slot| match &self.expiry {
            Some(expiry) => !expiry.is_over(*slot, clock),
            None => true,
        };
        let rows: Vec<Slot> = rows.iter().copied().filter(lasts).collect();
        let copy = |column: &usize| {
            let from = &self.columns()[*column];
            let mut to = Column::new(from.type_of());
            to.extend_rows(from, &rows);
            to
        };
        Copied {
            columns: columns.iter().map(copy).collect(),
            numbers: Vec::new(),
            ends: Vec::new(),
            rows: rows.len(),
        }
    }

    /// The row that came first.
    pub(crate) fn oldest(&self) -> Option<Slot> {
        self.order.first(0)
    }

    /// The first row by one of its keys.
    pub(crate) fn first_by(&self, access: Access, key: &[Scalar<'_>]) -> Option<Slot> {
        let chains = &self.index(access)?.chains;
        chains.first(chains.find_scalars(key)?)
    }
}

impl Copied {
    /// Appends the rows to a batch, of which the columns that were read stand where they stood; returns how many those
    /// are. `clock`: rows that end by then are none.
    pub(crate) fn append_to(self, read: &[usize], clock: Timestamp, to: &mut Batch) -> usize {
        let rows = self.chosen(clock);
        for (column, place) in self.columns.into_iter().zip(read) {
            let to = &mut to.columns[*place];
            match &rows {
                None if to.is_empty() => *to = column,
                None => to.extend_range(&column, 0..column.len()),
                Some(rows) => to.extend_rows(&column, rows),
            }
        }
        rows.map_or(self.rows, |rows| rows.len())
    }

    /// The places of the rows in the order of their arrival; none where all stand so.
    fn chosen(&self, clock: Timestamp) -> Option<Vec<u32>> {
        if self.numbers.is_empty() && self.ends.is_empty() {
            return None;
        }
        let number = |slot: &u32| self.numbers.get(*slot as usize).copied();
        let lasts = |slot: &u32| self.ends.get(*slot as usize).is_none_or(|end| *end > clock);
        let is_row = |slot: &u32| number(slot) != Some(0) && lasts(slot);
        let mut rows: Vec<u32> = (0..self.rows as u32).filter(is_row).collect();
        if !rows.is_sorted_by_key(number) {
            rows.sort_unstable_by_key(number);
        }
        Some(rows)
    }
}
