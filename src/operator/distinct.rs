//! SELECT DISTINCT: the first of equal rows.
//!
//! Per flush behind a batch window; over the rows held behind a sliding window, where a row leaves with its last
//! copy; otherwise over the last [`DISTINCT_ROWS_MAX`] different rows.

use super::aggregate::Columns;
use super::{Counters, Kind, Operator, Out, counter};
use crate::event::{Batch, Column, RowSet, Sign, Type};
use crate::sql::ast::Events;
use crate::state::{Cells, KeyIndex, Slot, StateHolder, Visitor};
use std::collections::VecDeque;

/// Different rows remembered without a window: 1 M keys of 50 bytes are 100 MB, a bound that an embedder notices in
/// time.
const DISTINCT_ROWS_MAX: usize = 1_000_000;

/// Which rows count as seen.
pub(crate) enum Memory {
    /// Those of the same flush and sign: nothing between two flushes.
    Flush,
    /// The same, and of rows that pass as they come those since the last flush.
    SinceFlush,
    /// Those in the sliding window: copies per row.
    Window(Cells<u32>),
    /// The last different ones.
    Recent(Recent),
}

/// Slots in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Oldest first: an index, by `numbers`.
    order: VecDeque<Slot>,
    /// How many came before, by slot.
    numbers: Cells<u64>,
    came: u64,
}

impl Recent {
    fn push(&mut self, slot: Slot) {
        self.order.push_back(slot);
        self.numbers.ensure(slot as usize + 1);
        *self.numbers.get_mut(slot) = self.came;
        self.came += 1;
    }

    fn rebuild(&mut self, index: &KeyIndex) {
        self.numbers.ensure(index.slots());
        let mut slots: Vec<Slot> = index.held_slots().collect();
        slots.sort_by_key(|slot| *self.numbers.get(*slot));
        self.order = slots.into();
    }
}

/// Passes the first of equal rows.
pub(crate) struct Distinct {
    index: KeyIndex,
    /// The columns by which rows are equal; those behind them say nothing.
    width: usize,
    memory: Memory,
    events: Events,
    rows: Vec<u32>,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    forgotten: u64,
    /// Which of the columns say where a row stands.
    routing: Vec<usize>,
}

impl Distinct {
    /// Over rows whose first columns have these types; passes the signs that `events` takes.
    pub(crate) fn new(types: &[Type], memory: Memory, events: Events) -> Self {
        Distinct {
            index: KeyIndex::new(types),
            width: types.len(),
            memory,
            events,
            rows: Vec::new(),
            slots: Vec::new(),
            fresh: Vec::new(),
            forgotten: 0,
            routing: Vec::new(),
        }
    }

    /// Leaves in `rows` the rows that pass.
    fn choose(&mut self, batch: &Batch) {
        self.rows.clear();
        self.slots.clear();
        self.fresh.clear();
        let columns = batch.columns[..self.width].iter().collect::<Columns<'_>>();
        self.index
            .slots_of(&columns, batch.len(), &mut self.slots, &mut self.fresh);
        match &mut self.memory {
            Memory::Flush | Memory::SinceFlush => {
                self.rows.extend(self.fresh.iter().map(|(_, row)| *row))
            }
            Memory::Window(copies) => {
                copies.ensure(self.index.slots());
                for (row, slot) in self.slots.iter().enumerate() {
                    let count = copies.get_mut(*slot);
                    let sign = batch.sign(row);
                    let before = *count;
                    *count = if sign == Sign::Plus {
                        before.saturating_add(1)
                    } else {
                        before.saturating_sub(1)
                    };
                    if before.min(*count) == 0 && before != *count && self.events.takes(sign) {
                        self.rows.push(row as u32);
                    }
                }
            }
            Memory::Recent(recent) => {
                self.rows.extend(self.fresh.iter().map(|(_, row)| *row));
                self.fresh.iter().for_each(|(slot, _)| recent.push(*slot));
                while recent.order.len() > DISTINCT_ROWS_MAX {
                    let oldest = recent.order.pop_front().expect("the list is not empty");
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

impl StateHolder for Distinct {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.forgotten);
        if matches!(self.memory, Memory::Flush) {
            return;
        }
        self.index.state(visitor);
        match &mut self.memory {
            Memory::Flush | Memory::SinceFlush => {}
            Memory::Window(copies) => {
                visitor.container("copies", copies);
                if visitor.is_loading() {
                    copies.ensure(self.index.slots());
                }
            }
            Memory::Recent(recent) => {
                counter(visitor, &mut recent.came);
                visitor.container("numbers", &mut recent.numbers);
                if visitor.is_loading() {
                    recent.rebuild(&self.index);
                }
            }
        }
    }
}

impl Operator for Distinct {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        match kind {
            Kind::Flush(_) => {
                self.index.clear();
                self.rows.clear();
                self.rows.extend(0..batch.len() as u32);
                let columns = &batch.columns[..self.width];
                keep_first(&mut self.index, batch, columns, &mut self.rows);
                self.index.clear();
            }
            Kind::Rows => self.choose(batch),
            // They count as seen, and CURRENT shows none of them.
            Kind::Leaving => {
                self.choose(batch);
                if self.events == Events::Current {
                    self.rows.clear();
                }
            }
        }
        let mut to = out.batch();
        to.append(batch, &RowSet::Picked(&self.rows));
        out.emit(kind, to);
        self.forget();
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.forgotten;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let gone = self.index.remove_not_kept(&self.routing, keep);
        match &mut self.memory {
            Memory::Window(copies) => gone.into_iter().for_each(|slot| copies.reset(slot)),
            Memory::Recent(recent) => recent.order.retain(|slot| self.index.holds(*slot)),
            Memory::Flush | Memory::SinceFlush => {}
        }
    }

    /// Without a window the number of rows is bounded, and those of a key that is gone must not count.
    fn quiet_after(&self) -> Option<i64> {
        let is_bounded = matches!(self.memory, Memory::Recent(_));
        (!is_bounded && self.index.finds_by_one()).then_some(0)
    }

    fn find_by_partition(&mut self) {
        if let [position] = self.routing[..] {
            self.index.find_by(position);
        }
    }

    fn forget_keys(&mut self, keys: &Column) {
        let mut gone = std::mem::take(&mut self.slots);
        gone.clear();
        self.index.remove_known(keys, &mut gone);
        if let Memory::Window(copies) = &mut self.memory {
            gone.iter().for_each(|slot| copies.reset(*slot));
        }
        self.slots = gone;
    }
}
