//! `FIRST EVERY n EVENTS` and `LAST EVERY n EVENTS` where nothing is held: one row of every n of a key.

use super::ByKey;
use crate::event::{Batch, Column, RowSet, RowView};
use crate::operator::{Kind, Operator, Out};
use crate::state::{Cells, Slot, StateHolder, Visitor};

/// Passes one row of every `n` of each key.
pub(crate) struct Nth {
    keys: ByKey,
    n: u64,
    /// How many rows come before it among the n.
    place: u64,
    /// By key, the rows of the n that came. A key of which none came is forgotten.
    counts: Cells<u64>,
    rows: Vec<u32>,
    full: Vec<Slot>,
}

impl Nth {
    /// The first of every `n` rows, which are at least one.
    pub(crate) fn first(keys: ByKey, n: u64) -> Self {
        Nth {
            keys,
            n: n.max(1),
            place: 0,
            counts: Cells::default(),
            rows: Vec::new(),
            full: Vec::new(),
        }
    }

    /// The last of every `n` rows.
    pub(crate) fn last(keys: ByKey, n: u64) -> Self {
        let nth = Nth::first(keys, n);
        Nth {
            place: nth.n - 1,
            ..nth
        }
    }

    /// Leaves in `rows` those of a batch that pass, where all count together.
    fn choose_of_all(&mut self, len: usize) {
        let slot = self.keys.index.slot_of(&[]);
        self.counts.ensure(self.keys.index.slots());
        let count = self.counts.get_mut(slot);
        let first = (self.place + self.n - *count % self.n) % self.n;
        let step = usize::try_from(self.n).unwrap_or(usize::MAX);
        if first < len as u64 {
            let passing = (first as usize..len).step_by(step);
            self.rows.extend(passing.map(|row| row as u32));
        }
        *count = (*count % self.n + len as u64 % self.n) % self.n;
    }

    /// Leaves in `rows` those of a batch that pass, each key by itself.
    fn choose_by_key(&mut self, batch: &Batch) {
        let slots = self.keys.look_up(batch);
        self.counts.ensure(slots);
        let counts = self.counts.writing(&self.keys.slots, None);
        for (row, slot) in self.keys.slots.iter().enumerate() {
            let count = &mut counts[*slot as usize];
            if *count == self.place {
                self.rows.push(row as u32);
            }
            *count = count.wrapping_add(1);
            if *count >= self.n {
                *count = 0;
                self.full.push(*slot);
            }
        }
        self.forget_full();
    }

    /// Forgets keys of which no row counts.
    fn forget_full(&mut self) {
        if self.full.is_empty() {
            return;
        }
        self.full.sort_unstable();
        self.full.dedup();
        for slot in self.full.drain(..).filter(|s| *self.counts.get(*s) == 0) {
            self.keys.index.remove(slot);
        }
    }
}

impl StateHolder for Nth {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        visitor.container("counts", &mut self.counts);
        if visitor.is_loading() {
            self.counts.ensure(self.keys.index.slots());
        }
    }
}

impl Operator for Nth {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        self.rows.clear();
        match self.keys.is_one() {
            true => self.choose_of_all(batch.len()),
            false => self.choose_by_key(batch),
        }
        if !self.rows.is_empty() {
            let mut to = out.batch();
            to.append(batch, &RowSet::Picked(&self.rows));
            out.emit(Kind::Rows, to);
        }
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, _out: &mut Out) -> bool {
        let slot = self.keys.slot_of(row);
        self.counts.ensure(self.keys.index.slots());
        let count = self.counts.get_mut(slot);
        let passes = *count == self.place;
        *count = count.wrapping_add(1);
        if *count >= self.n {
            *count = 0;
            if !self.keys.is_one() {
                self.keys.index.remove(slot);
            }
        }
        if passes {
            to.push_view(row);
        }
        true
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for slot in self.keys.keep_keys(keep) {
            self.counts.reset(slot);
        }
    }

    fn quiet_after(&self) -> Option<i64> {
        self.keys.finds_by_partition().then_some(0)
    }

    fn find_by_partition(&mut self) {
        self.keys.find_by_partition();
    }

    fn forget_keys(&mut self, keys: &Column) {
        for slot in self.keys.remove_known(keys) {
            self.counts.reset(slot);
        }
    }
}
