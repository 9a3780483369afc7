//! Entries with stable numbers in reused memory.

/// Number of an entry.
pub(crate) type Entry = u32;

/// A vector with a free list: an entry keeps its number until it is removed.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<Entry>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Number of entries held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Stores a value and answers its number.
    pub(crate) fn insert(&mut self, value: T) -> Entry {
        match self.free.pop() {
            Some(entry) => {
                self.entries[entry as usize] = Some(value);
                entry
            }
            None => {
                self.entries.push(Some(value));
                (self.entries.len() - 1) as Entry
            }
        }
    }

    /// Takes a value out; its number may be given to another. Panics when the entry is not held.
    pub(crate) fn remove(&mut self, entry: Entry) -> T {
        let value = self.entries[entry as usize]
            .take()
            .expect("an entry that is removed is held");
        self.free.push(entry);
        value
    }

    /// The value, if the entry is held.
    pub(crate) fn find(&self, entry: Entry) -> Option<&T> {
        self.entries.get(entry as usize)?.as_ref()
    }

    /// The value. Panics when the entry is not held.
    pub(crate) fn get(&self, entry: Entry) -> &T {
        self.entries[entry as usize]
            .as_ref()
            .expect("an entry that is read is held")
    }

    /// The value, to be written. Panics when the entry is not held.
    pub(crate) fn get_mut(&mut self, entry: Entry) -> &mut T {
        self.entries[entry as usize]
            .as_mut()
            .expect("an entry that is written is held")
    }
}
impl<T: Send> super::StateHolder for Slab<T> {
    fn state(&mut self, _visitor: &mut dyn super::Visitor) {}
}
