//! One key of a table: from the values of some columns to rows.
//!
//! The rows of a key stand in the order in which they came to it. That is the order of their arrival in the table until
//! a row gets the key of others that arrived later: from then on whoever reads puts them in order.

use super::rows::Refused;
use crate::event::{Column, Scalar, Type};
use crate::state::{Cells, Chains, Slot};
use smallvec::SmallVec;

/// The values of a key.
pub(super) type Key<'a> = SmallVec<[Scalar<'a>; 4]>;

/// Rows by the values of some columns.
#[derive(Debug)]
pub(super) struct Index {
    /// Columns of the table.
    pub(super) columns: Vec<usize>,
    pub(super) chains: Chains,
    /// Whether the rows of every key stand in the order of their arrival.
    pub(super) is_ordered: bool,
}

impl Index {
    /// No rows; `types` are those of all columns of the table.
    pub(super) fn new(columns: &[usize], types: &[Type]) -> Self {
        let types: Vec<Type> = columns.iter().map(|column| types[*column]).collect();
        Index {
            columns: columns.to_vec(),
            chains: Chains::new(&types),
            is_ordered: true,
        }
    }

    /// Whether its key depends on any of these columns.
    pub(super) fn reads(&self, columns: &[usize]) -> bool {
        self.columns.iter().any(|column| columns.contains(column))
    }

    /// The key of a row of columns like the table's.
    pub(super) fn key_in<'a>(&self, columns: &'a [Column], row: usize) -> Key<'a> {
        let value = |column: &usize| columns[*column].scalar(row);
        self.columns.iter().map(value).collect()
    }

    /// Appends the slot of the key of each row, of columns like the table's; new keys are made.
    pub(super) fn slots_of(&mut self, from: &[Column], rows: usize, out: &mut Vec<Slot>) {
        let columns: SmallVec<[&Column; 4]> = self.columns.iter().map(|c| &from[*c]).collect();
        self.chains.slots_of(&columns, rows, out);
    }

    /// The slot of a row's key, which is made where it is new.
    #[inline]
    pub(super) fn slot_of(&mut self, from: &[Column], row: usize) -> Slot {
        let key = self.key_in(from, row);
        self.chains.slot_of_scalars(&key)
    }

    /// Gives rows the keys that they have when columns `set[i]` are `values[i]`; no two rows may have one key then.
    /// Where that fails all rows keep the keys they had. `old`: room for these.
    pub(super) fn rename(
        &mut self,
        slots: &[Slot],
        columns: &[Column],
        set: &[usize],
        values: &[Column],
        old: &mut Vec<Slot>,
    ) -> Result<(), Refused> {
        let chains = &mut self.chains;
        old.clear();
        old.extend(slots.iter().filter_map(|slot| chains.unlink(*slot)));
        debug_assert_eq!(old.len(), slots.len(), "every row has a primary key");
        let mut refused = None;
        for (row, slot) in slots.iter().enumerate() {
            let value = |column: &usize| match set.iter().rposition(|c| c == column) {
                Some(place) => values[place].scalar(row),
                None => columns[*column].scalar(*slot as usize),
            };
            let key: Key<'_> = self.columns.iter().map(value).collect();
            let key = chains.slot_of_scalars(&key);
            if key == Slot::MAX || chains.count(key) > 0 {
                refused = Some(match key {
                    Slot::MAX => Refused::Null,
                    _ => Refused::Duplicate,
                });
                break;
            }
            chains.push(key, *slot);
        }
        let Some(why) = refused else {
            old.iter().for_each(|key| chains.release(*key));
            return Ok(());
        };
        let new: SmallVec<[Option<Slot>; 4]> = slots.iter().map(|s| chains.unlink(*s)).collect();
        for (key, slot) in old.iter().zip(slots) {
            chains.push(*key, *slot);
        }
        new.iter().flatten().for_each(|key| chains.release(*key));
        Err(why)
    }

    /// Puts a row of the table to those of its key, at the end; `row`: where its values stand in `from`.
    pub(super) fn place(&mut self, from: &[Column], row: usize, slot: Slot, numbers: &Cells<u64>) {
        let key = self.slot_of(from, row);
        if self.chains.key_of(slot).unwrap_or(Slot::MAX) == key {
            return;
        }
        self.chains.remove(slot);
        if let Some(last) = self.chains.last(key)
            && numbers.get(last) > numbers.get(slot)
        {
            self.is_ordered = false;
        }
        self.chains.push(key, slot);
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.chains.clear();
        self.is_ordered = true;
    }
}
