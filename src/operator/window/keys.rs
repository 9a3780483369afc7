//! The keys of a window: looked up once per batch.
//!
//! Why: a key may be forgotten and come back within one batch, so a slot stays taken until the batch is done; which
//! of the slots are then still in use is the window's to say.

use crate::event::{Batch, Column, RowView, Type};
use crate::expr::{Program, RowFrame};
use crate::operator::aggregate::Columns;
use crate::operator::counter;
use crate::state::{KeyIndex, Slot, StateHolder, Visitor};
use std::collections::HashSet;

/// Key expressions and the slots of the keys in use.
pub(crate) struct Keys {
    programs: Vec<Program>,
    index: KeyIndex,
    /// Slot of each row of the batch.
    pub(crate) slots: Vec<Slot>,
    /// New slots and the rows that brought them.
    pub(crate) fresh: Vec<(Slot, u32)>,
    /// Empty between batches.
    loose: Vec<Slot>,
    /// Which of the key columns say where a key stands.
    pub(crate) routing: Vec<usize>,
    pub(crate) faults: u64,
}

impl Keys {
    pub(crate) fn new(programs: Vec<Program>, types: &[Type]) -> Self {
        Keys {
            programs,
            index: KeyIndex::new(types),
            slots: Vec::new(),
            fresh: Vec::new(),
            loose: Vec::new(),
            routing: Vec::new(),
            faults: 0,
        }
    }

    /// Looks the rows of a batch up; returns the number of slots to make room for.
    pub(crate) fn look_up(&mut self, batch: &Batch) -> usize {
        self.slots.clear();
        self.fresh.clear();
        let frame = batch.frame();
        let mut columns = Columns::new();
        for program in &mut self.programs {
            columns.push(program.eval(&frame, &mut self.faults));
        }
        self.index
            .slots_of(&columns, batch.len(), &mut self.slots, &mut self.fresh);
        self.index.slots()
    }

    /// The slot of the key of one row, where there is one expression.
    #[inline]
    pub(crate) fn look_up_one(&mut self, row: RowView<'_>) -> Slot {
        let [program] = self.programs.as_mut_slice() else {
            unreachable!("rows come one by one where a key is one column")
        };
        let frame = RowFrame::of(row);
        let key = program.value(&frame, &mut self.faults);
        self.index.slot_of(&[key])
    }

    /// How many keys there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Takes back the last of the new keys that the rows at hand brought, as many as are beyond a bound; returns them.
    #[cold]
    pub(crate) fn refuse(&mut self, keys_max: usize) -> HashSet<Slot> {
        let excess = self.index.len().saturating_sub(keys_max);
        let first = self.fresh.len().saturating_sub(excess);
        let gone = self.fresh[first..].iter().map(|(slot, _)| *slot);
        let gone: HashSet<Slot> = gone.collect();
        gone.iter().for_each(|slot| self.index.remove(*slot));
        gone
    }

    /// Takes a new key back.
    #[cold]
    pub(crate) fn take_back(&mut self, slot: Slot) {
        self.index.remove(slot);
    }

    /// One more than the greatest slot ever given.
    #[inline]
    pub(crate) fn slots_max(&self) -> usize {
        self.index.slots()
    }

    /// A slot may no longer be in use.
    #[inline]
    pub(crate) fn release(&mut self, slot: Slot) {
        self.loose.push(slot);
    }

    /// The new slots of the batch may not be in use.
    pub(crate) fn release_fresh(&mut self) {
        self.loose.extend(self.fresh.iter().map(|(slot, _)| *slot));
    }

    /// Forgets the released keys that are not in use. Called when no row of a batch is left.
    pub(crate) fn forget(&mut self, in_use: impl Fn(Slot) -> bool) {
        if self.loose.is_empty() {
            return;
        }
        self.loose.sort_unstable();
        self.loose.dedup();
        for slot in self.loose.drain(..).filter(|s| !in_use(*s)) {
            self.index.remove(slot);
        }
    }

    /// Whether all slots below `slots` that are in use hold a key.
    pub(crate) fn hold(&self, slots: usize, in_use: impl Fn(Slot) -> bool) -> bool {
        let mut held = vec![false; self.index.slots()];
        self.index
            .held_slots()
            .for_each(|slot| held[slot as usize] = true);
        let is_held = |slot: Slot| held.get(slot as usize).copied().unwrap_or(false);
        (0..slots as Slot).all(|slot| !in_use(slot) || is_held(slot))
    }

    /// Forgets the keys of key groups that are not kept; returns their slots.
    pub(crate) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) -> Vec<Slot> {
        self.index.remove_not_kept(&self.routing, keep)
    }

    /// From here on keys are found by that of a partition.
    pub(crate) fn find_by_partition(&mut self) {
        if let [position] = self.routing[..] {
            self.index.find_by(position);
        }
    }

    /// Whether they are.
    pub(crate) fn finds_by_partition(&self) -> bool {
        self.index.finds_by_one()
    }

    /// Forgets what has these keys of a partition; appends the slots.
    pub(crate) fn remove_known(&mut self, keys: &Column, gone: &mut Vec<Slot>) {
        self.index.remove_known(keys, gone);
    }
}

impl StateHolder for Keys {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        debug_assert!(self.loose.is_empty(), "keys are let go of within a batch");
        self.index.state(visitor);
        counter(visitor, &mut self.faults);
    }
}
