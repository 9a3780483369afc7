//! SELECT DISTINCT: the first of equal rows.
//!
//! Per flush behind a batch window; over the rows held behind a sliding window, where a row leaves with its last
//! copy; else over the last [`DISTINCT_ROWS_MAX`] different rows.

use super::aggregate::Columns;
use super::{Counters, Kind, Operator, Out};
use crate::event::{Batch, Sign, Type};
use crate::sql::ast::Events;
use crate::state::{Cells, KeyIndex, Slot};
use std::collections::VecDeque;

/// Different rows remembered without a window: 1 M keys of 50 bytes are 100 MB, a bound that an embedder notices in
/// time.
const DISTINCT_ROWS_MAX: usize = 1_000_000;

/// Which rows count as seen.
pub(crate) enum Memory {
    /// Those of the same flush.
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
    /// OFFSET and LIMIT of each flush count different rows.
    limits: (usize, usize),
    rows: Vec<u32>,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    forgotten: u64,
}

impl Distinct {
    /// Over rows of these types; passes the signs that `events` takes, and of each flush those between OFFSET and
    /// LIMIT.
    pub(crate) fn new(
        types: &[Type],
        memory: Memory,
        events: Events,
        offset: Option<u64>,
        limit: Option<u64>,
    ) -> Self {
        let rows = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Distinct {
            index: KeyIndex::new(types),
            memory,
            events,
            limits: (offset.map_or(0, rows), limit.map_or(usize::MAX, rows)),
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
        if matches!(self.memory, Memory::Flush) {
            self.index.clear();
        }
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

impl Operator for Distinct {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        self.choose(batch);
        if matches!(kind, Kind::Flush(_)) {
            let (offset, limit) = self.limits;
            self.rows.drain(..offset.min(self.rows.len()));
            self.rows.truncate(limit);
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
