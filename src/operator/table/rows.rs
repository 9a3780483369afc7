//! The rows of a table.
//!
//! Why: rows stay until somebody deletes them, are reached by their keys, and are shown in the order of their arrival,
//! also after they were updated.
//! How: a row has a slot as long as it lives. By slot stand its values, in columns, and the number of its arrival: this
//! is its state. Free slots, the order of arrival and the keys (`index.rs`) are indexes, which are made again when a
//! table is loaded (`load.rs`). A change that would break a key is refused before anything is written.
//! Cost: a row takes its values, 8 bytes of state, 12 for the order and 24 to 48 per key, with 24 more where rows share
//! keys or were given other ones; insert, update and delete are O(1) per row and key. Free slots are used again, and
//! never given back.

use super::expiry::Expiry;
use super::index::Index;
use super::shape::{Access, Shape};
use crate::event::{Batch, Column, Timestamp, Type};
use crate::operator::counter;
use crate::operator::placed::Placed;
use crate::state::{Cells, Chains, Slot, SlotColumns, StateHolder, Visitor};

/// Rows of one table: with keys and two columns of numbers they take 8 GB, which an embedder notices in time.
pub(crate) const TABLE_ROWS_MAX: usize = 100_000_000;

/// Why a row is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Another row has its primary key.
    Duplicate,
    /// A column of its primary key is NULL.
    Null,
    /// The table has [`TABLE_ROWS_MAX`] rows.
    Full,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// The values of its rows.
    pub(super) rows: SlotColumns,
    /// The number of a row's arrival, which begins with 1; 0 where a slot has no row.
    pub(super) numbers: Cells<u64>,
    /// Rows that have arrived so far.
    pub(super) came: u64,
    pub(super) expiry: Option<Expiry>,
    pub(super) has_primary: bool,
    /// The primary key, if there is one, and the secondary ones.
    pub(super) indexes: Vec<Index>,
    /// All rows in the order of their arrival.
    pub(super) order: Chains,
    /// Slots without a row.
    pub(super) free: Vec<Slot>,
    pub(super) rows_max: usize,
    has_texts: bool,
    /// Of one call: keys that rows have or had, and where the rows are written.
    keys: Vec<Slot>,
    placed: Placed,
}

impl Table {
    /// No rows.
    pub(crate) fn new(shape: &Shape) -> Self {
        Table {
            rows: SlotColumns::new(&shape.types),
            numbers: Cells::default(),
            came: 0,
            expiry: shape.ttl_us.map(Expiry::new),
            has_primary: shape.primary.is_some(),
            indexes: shape
                .keys()
                .map(|key| Index::new(key, &shape.types))
                .collect(),
            order: Chains::new(&[]),
            free: Vec::new(),
            rows_max: TABLE_ROWS_MAX,
            has_texts: shape.types.contains(&Type::String),
            keys: Vec::new(),
            placed: Placed::default(),
        }
    }

    /// With another bound on its rows.
    #[cfg(test)]
    pub(super) fn bounded(self, rows_max: usize) -> Self {
        Table { rows_max, ..self }
    }

    /// Number of rows.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.order.count(0)
    }

    /// Rows that have come into it, whatever became of them.
    pub(crate) fn came(&self) -> u64 {
        self.came
    }

    /// Its columns, by slot. Slots without a row hold anything.
    #[inline]
    pub(crate) fn columns(&self) -> &[Column] {
        self.rows.columns()
    }

    /// Its rows in the order of their arrival.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.order.rows(0)
    }

    /// The number of a row's arrival: which of two rows came first.
    #[inline]
    pub(crate) fn number(&self, slot: Slot) -> u64 {
        *self.numbers.get(slot)
    }

    /// The key of an access; none where it looks at every row.
    #[inline]
    pub(super) fn index(&self, access: Access) -> Option<&Index> {
        match access {
            Access::Scan => None,
            Access::Key(number) => Some(&self.indexes[number]),
        }
    }

    /// Inserts row `row` of some columns, like those of the table, at this time. One whose primary key is there
    /// replaces the row that has it, which keeps its place, or is refused.
    pub(crate) fn put(
        &mut self,
        from: &[Column],
        row: usize,
        replaces: bool,
        at: Timestamp,
    ) -> Result<Slot, Refused> {
        let key = self.has_primary.then(|| self.indexes[0].slot_of(from, row));
        let slot = self.place_of(key, replaces, at).inspect_err(|_| {
            if let Some(key) = key {
                self.indexes[0].chains.release(key);
            }
        })?;
        self.rows.ensure(self.numbers.len());
        let columns = self.rows.writing(std::iter::once(slot));
        for (to, from) in columns.iter_mut().zip(from) {
            to.set_from(slot as usize, from, row);
        }
        for index in &mut self.indexes[usize::from(self.has_primary)..] {
            index.place(from, row, slot, &self.numbers);
        }
        Ok(slot)
    }

    /// [`Table::put`] of the rows of a batch, one after the other. `refuse` hears of every row that is refused.
    ///
    /// Nothing of the table may end while the rows come: [`Table::lasts`].
    pub(crate) fn put_all(
        &mut self,
        batch: &Batch,
        replaces: bool,
        mut refuse: impl FnMut(Refused),
    ) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        if self.has_primary {
            self.indexes[0].slots_of(&batch.columns, batch.len(), &mut keys);
        }
        let mut placed = std::mem::take(&mut self.placed);
        self.place_all(batch, &keys, replaces, &mut refuse, &mut placed);
        if self.len() >= self.rows_max && self.has_primary {
            // Keys of rows that found no room.
            keys.iter()
                .for_each(|key| self.indexes[0].chains.release(*key));
        }
        self.keys = keys;
        self.write_placed(batch, &placed);
        self.placed = placed;
    }

    /// Finds out where the rows of a batch are written, whose primary keys, if there are any, have these slots.
    fn place_all(
        &mut self,
        batch: &Batch,
        keys: &[Slot],
        replaces: bool,
        refuse: &mut impl FnMut(Refused),
        placed: &mut Placed,
    ) {
        placed.clear();
        for row in 0..batch.len() {
            let came = self.came;
            let key = keys.get(row).copied();
            match self.place_of(key, replaces, written_at(batch, row)) {
                Ok(slot) => {
                    placed.push(row as u32, slot, self.came > came);
                }
                Err(why) => refuse(why),
            }
        }
    }

    /// Writes the values of rows that were placed. A row that replaces another has its key.
    fn write_placed(&mut self, batch: &Batch, placed: &Placed) {
        let slots = placed.slots.as_slice();
        let key: &[usize] = match self.has_primary {
            true => &self.indexes[0].columns,
            false => &[],
        };
        self.rows.ensure(self.numbers.len());
        let columns = self.rows.writing(slots.iter().copied());
        for (column, (to, from)) in columns.iter_mut().zip(&batch.columns).enumerate() {
            placed.write(to, from, key.contains(&column));
        }
        for index in &mut self.indexes[usize::from(self.has_primary)..] {
            for (row, slot) in placed.rows.iter().zip(slots) {
                index.place(&batch.columns, *row as usize, *slot, &self.numbers);
            }
        }
    }

    /// Where a row is written whose primary key, if there is one, has this slot.
    #[inline]
    fn place_of(
        &mut self,
        key: Option<Slot>,
        replaces: bool,
        at: Timestamp,
    ) -> Result<Slot, Refused> {
        if let Some(key) = key {
            if key == Slot::MAX {
                return Err(Refused::Null);
            }
            if let Some(slot) = self.indexes[0].chains.first(key) {
                if !replaces {
                    return Err(Refused::Duplicate);
                }
                if let Some(expiry) = &mut self.expiry {
                    expiry.renew(slot, at);
                }
                return Ok(slot);
            }
        }
        match self.len() < self.rows_max {
            true => Ok(self.take_slot(key, at)),
            false => Err(Refused::Full),
        }
    }

    /// Whether nothing ends while the rows of a batch come.
    pub(crate) fn lasts(&self, batch: &Batch) -> bool {
        let (Some(expiry), Some(last)) = (&self.expiry, batch.len().checked_sub(1)) else {
            return true;
        };
        let last = batch.clock_of(last);
        expiry.due().is_none_or(|due| due > last) && expiry.outlasts(batch.clock_of(0), last)
    }

    /// Gives columns `set[i]` of these rows the values `values[i]`, row by row in the same order, at the times `at(0)`,
    /// `at(1)`, and so on. Their keys are checked as they are when all is written; if one is refused, nothing is.
    ///
    /// A row stands here once, or the last of its values counts where no column of the primary key is set.
    pub(crate) fn update(
        &mut self,
        slots: &[Slot],
        set: &[usize],
        values: &[Column],
        at: impl Fn(usize) -> Timestamp,
    ) -> Result<(), Refused> {
        if self.sets_primary(set) {
            let columns = self.rows.columns();
            self.indexes[0].rename(slots, columns, set, values, &mut self.keys)?;
        }
        let to = self.rows.writing(slots.iter().copied());
        for (column, from) in set.iter().zip(values) {
            to[*column].scatter(slots, from, None);
        }
        for index in &mut self.indexes[usize::from(self.has_primary)..] {
            if index.reads(set) {
                for slot in slots {
                    index.place(self.rows.columns(), *slot as usize, *slot, &self.numbers);
                }
            }
        }
        if let Some(expiry) = &mut self.expiry {
            let times = slots.iter().enumerate();
            times.for_each(|(row, slot)| expiry.renew(*slot, at(row)));
        }
        Ok(())
    }

    /// Whether a column of the primary key is among these.
    pub(super) fn sets_primary(&self, set: &[usize]) -> bool {
        self.has_primary && self.indexes[0].reads(set)
    }

    /// Deletes all rows.
    pub(crate) fn clear(&mut self) {
        while let Some(slot) = self.order.first(0) {
            self.remove(slot);
        }
    }

    /// Deletes a row.
    pub(crate) fn remove(&mut self, slot: Slot) {
        debug_assert!(self.number(slot) > 0, "there is such a row");
        self.numbers.reset(slot);
        self.order.remove(slot);
        for index in &mut self.indexes {
            index.chains.remove(slot);
        }
        if self.has_texts {
            let columns = self.rows.writing(std::iter::once(slot));
            columns.iter_mut().for_each(|c| c.forget(slot as usize));
        }
        self.free.push(slot);
    }

    /// When rows may end next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.expiry.as_ref().and_then(Expiry::due)
    }

    /// The clock has reached `now`: deletes the rows whose time is over.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some(expiry) = &mut self.expiry
            && let Some(slot) = expiry.next_over(now, |slot| *self.numbers.get(slot) > 0)
        {
            self.remove(slot);
        }
    }

    /// Whether a row's time is over when a row of a batch comes.
    #[inline]
    pub(super) fn is_over(&self, slot: Slot, batch: &Batch, row: usize) -> bool {
        match &self.expiry {
            None => false,
            Some(expiry) => expiry.is_over(slot, batch.clock_of(row)),
        }
    }

    /// A slot for a new row, of which all but the values is written.
    #[inline]
    fn take_slot(&mut self, key: Option<Slot>, at: Timestamp) -> Slot {
        self.came += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.numbers.get_mut(slot) = self.came;
                slot
            }
            None => self.numbers.push(self.came),
        };
        let order = self.order.slot_of_scalars(&[]);
        self.order.push(order, slot);
        if let Some(key) = key {
            self.indexes[0].chains.push(key, slot);
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.begin(slot, at);
        }
        slot
    }
}

/// When a row is written: at its own time, but not before the clock.
#[inline]
pub(super) fn written_at(batch: &Batch, row: usize) -> Timestamp {
    batch.at[row].max(batch.clock_of(row))
}

impl StateHolder for Table {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.came);
        visitor.container("rows", &mut self.rows);
        visitor.container("numbers of rows", &mut self.numbers);
        if let Some(expiry) = &mut self.expiry {
            visitor.container("times of rows", &mut expiry.written);
        }
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}
