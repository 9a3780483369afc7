//! Entries with stable numbers in reused memory.

use super::cell::Cell;
use super::{Cells, StateHolder, Visitor};

/// Number of an entry.
pub(crate) type EntryId = u32;

/// A vector with a free list: an entry keeps its number until it is removed.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Cells<Option<T>>,
    /// The absent ones.
    free: Vec<EntryId>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            entries: Cells::default(),
            free: Vec::new(),
        }
    }
}

impl<T: Clone> Slab<T> {
    /// Number of entries held.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// One more than the greatest number ever given.
    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Stores a value and answers its number.
    pub(crate) fn insert(&mut self, value: T) -> EntryId {
        match self.free.pop() {
            Some(entry) => {
                *self.entries.get_mut(entry) = Some(value);
                entry
            }
            None => self.entries.push(Some(value)),
        }
    }

    /// Takes a value out; its number may be given to another. Panics when the entry is not held.
    pub(crate) fn remove(&mut self, entry: EntryId) -> T {
        let value = self.entries.get_mut(entry).take();
        self.free.push(entry);
        value.expect("an entry that is removed is held")
    }

    /// The value, if the entry is held.
    pub(crate) fn find(&self, entry: EntryId) -> Option<&T> {
        self.entries.find(entry)?.as_ref()
    }

    /// The value. Panics when the entry is not held.
    #[inline]
    pub(crate) fn get(&self, entry: EntryId) -> &T {
        self.entries
            .get(entry)
            .as_ref()
            .expect("an entry that is read is held")
    }

    /// The value, to be written: it counts as written. Panics when the entry is not held.
    #[inline]
    pub(crate) fn get_mut(&mut self, entry: EntryId) -> &mut T {
        self.entries
            .get_mut(entry)
            .as_mut()
            .expect("an entry that is written is held")
    }

    /// The entries held, by number.
    #[cfg(test)]
    pub(crate) fn held(&self) -> impl Iterator<Item = (EntryId, &T)> {
        let entries = 0..self.entries.len() as EntryId;
        entries.filter_map(|entry| Some((entry, self.find(entry)?)))
    }

    /// Forgets all entries; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.free.clear();
    }
}

impl<T: Cell> StateHolder for Slab<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("entries", &mut self.entries);
        if visitor.is_loading() {
            let entries = &self.entries;
            let absent = |entry: &EntryId| entries.get(*entry).is_none();
            self.free = (0..entries.len() as EntryId).rev().filter(absent).collect();
        }
    }
}
