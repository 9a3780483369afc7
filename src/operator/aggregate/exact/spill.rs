//! Where sums are kept that do not fit the slots of their groups.

use crate::operator::aggregate::fold::Beside;
use crate::state::{Cell, Malformed, Slab, StateHolder, Visitor};

/// Some sums by number.
pub(crate) struct Spilled<T> {
    sums: Slab<T>,
}

impl<T> Default for Spilled<T> {
    fn default() -> Self {
        Spilled {
            sums: Slab::default(),
        }
    }
}

impl<T: Cell> Spilled<T> {
    pub(super) fn insert(&mut self, sum: T) -> u32 {
        self.sums.insert(sum)
    }

    pub(super) fn get(&self, entry: u32) -> &T {
        self.sums.get(entry)
    }

    pub(super) fn get_mut(&mut self, entry: u32) -> &mut T {
        self.sums.get_mut(entry)
    }

    pub(super) fn set(&mut self, entry: u32, sum: T) {
        *self.sums.get_mut(entry) = sum;
    }

    pub(super) fn remove(&mut self, entry: u32) {
        self.sums.remove(entry);
    }

    /// Every sum belongs to one group, and these are their numbers.
    pub(super) fn check(&self, entries: impl Iterator<Item = u32>) -> Result<(), Malformed> {
        let mut entries: Vec<u32> = entries.collect();
        let count = entries.len();
        entries.sort_unstable();
        entries.dedup();
        let held = |entry: &u32| self.sums.find(*entry).is_some();
        if entries.len() == count && count == self.sums.len() && entries.iter().all(held) {
            Ok(())
        } else {
            Err(Malformed::new("a group has no sum, or a sum has no group"))
        }
    }
}

impl<T: Cell> StateHolder for Spilled<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.sums.state(visitor);
    }
}

impl<T: Cell> Beside for Spilled<T> {
    fn clear(&mut self) {
        self.sums.clear();
    }
}
