//! SELECT DISTINCT: the first of equal rows.
//!
//! Per flush behind a batch window; over the rows held behind a sliding window, where a row leaves with its last
//! copy; else over the last [`DISTINCT_ROWS_MAX`] different rows.

use super::aggregate::Columns;
use super::{Counters, Kind, Operator, Out};
use crate::event::{Batch, Column, Sign, Type};
use crate::sql::ast::Events;
use crate::state::{Cells, KeyIndex, Slot};
use std::collections::VecDeque;

/// Different rows remembered without a window: 1 M keys of 50 bytes are 100 MB, a bound that an embedder notices in
/// time.
const DISTINCT_ROWS_MAX: usize = 1_000_000;

/// Which rows count as seen.
pub(crate) enum Memory {
    /// Those of the same flush and sign; of rows that pass as they come, those since the last flush.
    Flush,
    /// Those in the sliding window: copies per row.
    Window(Cells<u32>),
    /// The last different ones, oldest first.
    Recent(VecDeque<Slot>),
}

/// Passes the first of equal rows.
pub(crate) struct Distinct {
    index: KeyIndex,
    memory: Memory,
    events: Events,
    rows: Vec<u32>,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    forgotten: u64,
}

impl Distinct {
    /// Over rows of these types; passes the signs that `events` takes.
    pub(crate) fn new(types: &[Type], memory: Memory, events: Events) -> Self {
        Distinct {
            index: KeyIndex::new(types),
            memory,
            events,
            rows: Vec::new(),
            slots: Vec::new(),
            fresh: Vec::new(),
            forgotten: 0,
        }
    }

    /// Leaves in `rows` the rows that pass.
    fn choose(&mut self, batch: &Batch) {
        self.rows.clear();
        self.slots.clear();
        self.fresh.clear();
        let columns = batch.columns.iter().collect::<Columns<'_>>();
        self.index
            .slots_of(&columns, batch.len(), &mut self.slots, &mut self.fresh);
        match &mut self.memory {
            Memory::Flush => self.rows.extend(self.fresh.iter().map(|(_, row)| *row)),
            Memory::Window(copies) => {
                copies.ensure(self.index.slots());
                for (row, slot) in self.slots.iter().enumerate() {
                    let count = copies.get_mut(*slot);
                    let sign = batch.sign(row);
                    let before = *count;
                    *count = if sign == Sign::Plus {
                        before + 1
                    } else {
                        before.saturating_sub(1)
                    };
                    if before.min(*count) == 0 && before != *count && self.events.takes(sign) {
                        self.rows.push(row as u32);
                    }
                }
            }
            Memory::Recent(order) => {
                self.rows.extend(self.fresh.iter().map(|(_, row)| *row));
                order.extend(self.fresh.iter().map(|(slot, _)| *slot));
                while order.len() > DISTINCT_ROWS_MAX {
                    let oldest = order.pop_front().expect("the list is not empty");
                    self.index.remove(oldest);
                    self.forgotten += 1;
                }
            }
        }
    }

    /// Forgets rows of which no copy is left.
    fn forget(&mut self) {
        let Memory::Window(copies) = &self.memory else {
            return;
        };
        self.slots.sort_unstable();
        self.slots.dedup();
        for slot in self.slots.iter().filter(|s| *copies.get(**s) == 0) {
            self.index.remove(*slot);
        }
    }
}

/// Keeps, of the rows of a batch at these positions, the first of those that agree in `columns` and sign.
pub(crate) fn keep_first(
    index: &mut KeyIndex,
    batch: &Batch,
    columns: &[Column],
    rows: &mut Vec<u32>,
) {
    let columns = columns.iter().collect::<Columns<'_>>();
    let (mut slots, mut fresh) = (Vec::new(), Vec::new());
    index.slots_of(&columns, batch.len(), &mut slots, &mut fresh);
    let mut seen = vec![[false; 2]; index.slots()];
    rows.retain(|row| {
        let sign = usize::from(batch.sign(*row as usize) == Sign::Minus);
        !std::mem::replace(&mut seen[slots[*row as usize] as usize][sign], true)
    });
}

impl Operator for Distinct {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        match kind {
            Kind::Flush(_) => {
                self.index.clear();
                self.rows.clear();
                self.rows.extend(0..batch.len() as u32);
                keep_first(&mut self.index, batch, &batch.columns, &mut self.rows);
                self.index.clear();
            }
            Kind::Rows => self.choose(batch),
        }
        let mut to = out.batch();
        to.extend_moments(batch, Some(&self.rows));
        if !batch.signs.is_empty() {
            to.signs
                .extend(self.rows.iter().map(|r| batch.signs[*r as usize]));
        }
        for (column, from) in to.columns.iter_mut().zip(&batch.columns) {
            column.extend_rows(from, &self.rows);
        }
        out.emit(kind, to);
        self.forget();
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.forgotten;
    }
}
