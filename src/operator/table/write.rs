//! INSERT, UPDATE, DELETE and UPSERT of a table.
//!
//! How: the rows of a query are applied one after the other, each to what those before it have left; all of a row is
//! computed from the table as it was before the row. Rows are applied whatever their sign: the query has chosen them.
//! A batch is applied as a whole where that gives the same: inserts, and upserts by the primary key alone, as such rows
//! see each other by their key only (`Table::put_all`); deletes; updates of columns on which nothing depends that rows
//! are found by. All of its keys are then looked up at once, which for a large table is most of the cost.
//! A row that would break a key, or finds no room, changes nothing and is counted.

use super::look_up::{Beside, Lookup, Pairs};
use super::rows::{Refused, Table, written_at};
use crate::event::{Batch, Column, RowView, Type};
use crate::expr::{Program, RowFrame};
use crate::operator::{Counters, counter};
use crate::state::{Slot, StateHolder, Visitor};
use std::ops::Range;

/// What a row does to a table.
pub(crate) enum Action {
    /// It is inserted.
    Insert,
    /// Rows that are found get new values: of these columns, from the row and behind it the row of the table.
    Update(Lookup, Vec<(usize, Program)>),
    /// Rows that are found are deleted.
    Delete(Lookup),
    /// Rows that are found become this row; where none is, it is inserted.
    Upsert(Lookup),
}

/// Applies rows to a table.
pub(crate) struct TableWrite {
    action: Action,
    /// Columns that are set.
    set: Vec<usize>,
    /// What the values to be set read of the table.
    beside: Beside,
    /// New values of the rows found.
    values: Vec<Column>,
    /// The rows of the query and the rows found.
    pairs: Pairs,
    /// By slot, when it was last written in this batch.
    turns: Vec<u32>,
    turn: u32,
    refused: u64,
    full: u64,
    faults: u64,
}

impl TableWrite {
    /// Writes a table whose columns have these types; rows of the query have `width` columns. An insert and an upsert
    /// take rows of the table's columns.
    pub(crate) fn new(action: Action, width: usize, types: &[Type]) -> Self {
        let (set, beside) = match &action {
            Action::Update(_, set) => (
                set.iter().map(|(column, _)| *column).collect(),
                Beside::new(set.iter().map(|(_, value)| value), width, types),
            ),
            _ => ((0..types.len()).collect(), Beside::new([], width, types)),
        };
        let set: Vec<usize> = set;
        TableWrite {
            values: set
                .iter()
                .map(|column| Column::new(types[*column]))
                .collect(),
            action,
            set,
            beside,
            pairs: Pairs::default(),
            turns: Vec::new(),
            turn: 0,
            refused: 0,
            full: 0,
            faults: 0,
        }
    }

    /// Applies the rows of a batch in order.
    pub(crate) fn apply(&mut self, batch: &Batch, table: &mut Table) {
        if batch.is_empty() {
            return;
        }
        table.expire(batch.clock_of(0));
        let replaces = match &self.action {
            _ if !table.lasts(batch) => None,
            Action::Insert => Some(false),
            Action::Upsert(lookup) if lookup.is_own_key(table) => Some(true),
            Action::Delete(_) => return self.change_all(batch, table),
            Action::Update(lookup, _)
                if !table.sets_primary(&self.set) && !lookup.reads(table, &self.set) =>
            {
                return self.change_all(batch, table);
            }
            _ => None,
        };
        if let Some(replaces) = replaces {
            let (refused, full) = (&mut self.refused, &mut self.full);
            return table.put_all(batch, replaces, |why| count(why, refused, full));
        }
        for row in 0..batch.len() {
            self.row(RowView { batch, row }, table);
        }
    }

    /// Applies one row.
    pub(crate) fn row(&mut self, view: RowView<'_>, table: &mut Table) {
        let RowView { batch, row } = view;
        table.expire(batch.clock_of(row));
        let at = written_at(batch, row);
        let (found, replaces) = match &mut self.action {
            Action::Insert => (0, false),
            Action::Upsert(lookup) if lookup.is_own_key(table) => (0, true),
            Action::Update(lookup, _) | Action::Delete(lookup) | Action::Upsert(lookup) => {
                self.pairs.clear();
                let Pairs { rows, slots } = &mut self.pairs;
                lookup.candidates_of(view, table, slots);
                rows.resize(slots.len(), row as u32);
                (slots.len(), false)
            }
        };
        let done = match &self.action {
            Action::Insert | Action::Upsert(_) if found == 0 => {
                table.put(&batch.columns, row, replaces, at).map(drop)
            }
            _ => self.change(batch, 0..found, table),
        };
        if let Err(why) = done {
            count(why, &mut self.refused, &mut self.full);
        }
    }

    /// Deletes or updates what the rows of a batch find, which does not depend on each other.
    fn change_all(&mut self, batch: &Batch, table: &mut Table) {
        let repeats_matter = self.beside.reads(&self.set);
        let mut row = 0;
        while row < batch.len() {
            let (Action::Update(lookup, _) | Action::Delete(lookup)) = &mut self.action else {
                return;
            };
            self.pairs.clear();
            row = lookup.candidates_from(batch, row, table, &mut self.pairs);
            let (mut first, pairs) = (0, self.pairs.slots.len());
            while first < pairs {
                let end = match repeats_matter {
                    true => self.first_repeat(first, table),
                    false => pairs,
                };
                // Neither a delete nor such an update can be refused.
                if let Err(why) = self.change(batch, first..end, table) {
                    count(why, &mut self.refused, &mut self.full);
                }
                first = end;
            }
        }
    }

    /// The first pair whose row of the table stands between it and pair `first` already, or the end.
    fn first_repeat(&mut self, first: usize, table: &Table) -> usize {
        if self.turn == u32::MAX {
            self.turns.clear();
            self.turn = 0;
        }
        self.turn += 1;
        let slots = table.columns().first().map_or(0, Column::len);
        self.turns.resize(slots.max(self.turns.len()), 0);
        let mut rest = self.pairs.slots[first..].iter();
        let is_repeat = |slot: &Slot| {
            std::mem::replace(&mut self.turns[*slot as usize], self.turn) == self.turn
        };
        rest.position(is_repeat)
            .map_or(self.pairs.slots.len(), |place| first + place)
    }

    /// Deletes or updates what some pairs have found.
    fn change(
        &mut self,
        batch: &Batch,
        pairs: Range<usize>,
        table: &mut Table,
    ) -> Result<(), Refused> {
        let rows = &self.pairs.rows[pairs.clone()];
        let slots = &self.pairs.slots[pairs];
        self.values.iter_mut().for_each(Column::clear);
        match &mut self.action {
            Action::Delete(_) => {
                for slot in slots {
                    // Another row of the batch may have found it, too.
                    if table.number(*slot) > 0 {
                        table.remove(*slot);
                    }
                }
                return Ok(());
            }
            Action::Update(_, set) => {
                self.beside.gather(table, slots);
                let (results, faults) = (&self.beside.columns, &mut self.faults);
                for ((_, program), to) in set.iter_mut().zip(&mut self.values) {
                    if let [row] = rows {
                        let row = *row as usize;
                        let view = RowView { batch, row };
                        program.value_into(&RowFrame { view, results }, faults, to);
                    } else {
                        program.eval_into(&self.beside.frame(batch, rows), faults, to);
                    }
                }
            }
            Action::Insert | Action::Upsert(_) => {
                for (to, from) in self.values.iter_mut().zip(&batch.columns) {
                    to.extend_rows(from, rows);
                }
            }
        }
        let at = |place: usize| written_at(batch, rows[place] as usize);
        table.update(slots, &self.set, &self.values, at)
    }

    /// Rows that were not applied, as they would have broken a key.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Adds its counters, but for [`TableWrite::refused`].
    pub(crate) fn count(&self, into: &mut Counters) {
        into.limit_rows += self.full;
        into.value_faults += self.faults;
        if let Action::Update(lookup, _) | Action::Delete(lookup) | Action::Upsert(lookup) =
            &self.action
        {
            into.value_faults += lookup.faults();
        }
    }
}

fn count(why: Refused, refused: &mut u64, full: &mut u64) {
    match why {
        Refused::Duplicate | Refused::Null => *refused += 1,
        Refused::Full => *full += 1,
    }
}

impl StateHolder for TableWrite {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for count in [&mut self.refused, &mut self.full, &mut self.faults] {
            counter(visitor, count);
        }
        if let Action::Update(lookup, _) | Action::Delete(lookup) | Action::Upsert(lookup) =
            &mut self.action
        {
            lookup.state(visitor);
        }
    }
}
