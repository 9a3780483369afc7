//! From a key to the rows that have it, in the order in which they came.
//!
//! Why: both sides of a join and the indexes of a table ask for all rows of a key, and rows leave anywhere in between.
//! How: a [`KeyIndex`] gives each key a slot; by it stand the first and the last row and how many there are, and by row
//! the row before and after it and its key: a doubly linked list per key in two arrays. NULL equals nothing, so that a
//! key of which a column is NULL has no slot and its rows stand in no chain. Nothing of it is state: whoever owns the
//! rows pushes them again when they are loaded.
//! As long as each row is the only one of its key and stands in the key's slot, as rows of a primary key do where none
//! gets another key, a bit per key says all that: no list is made, and none is waited for in memory.
//! Cost: 12 bytes per key and per row beside the index of keys, or a bit; every change of a row is O(1) and touches its
//! neighbours, but for the first one that needs lists, which makes those of all rows. Allocates only then, and where
//! there are more keys or rows than ever before.

use super::bits::Bits;
use super::{KeyIndex, Slot};
use crate::event::{Column, Scalar, Type};

/// No row, no key.
const NONE: Slot = Slot::MAX;

/// The rows of a key.
#[derive(Clone, Copy, Debug)]
struct Chain {
    first: Slot,
    last: Slot,
    count: u32,
}

const EMPTY: Chain = Chain {
    first: NONE,
    last: NONE,
    count: 0,
};

/// A row's neighbours, and its key.
#[derive(Clone, Copy, Debug)]
struct Link {
    previous: Slot,
    next: Slot,
    key: Slot,
}

const UNLINKED: Link = Link {
    previous: NONE,
    next: NONE,
    key: NONE,
};

/// The rows of a key, in order.
#[derive(Clone, Debug)]
pub(crate) struct ChainRows<'a> {
    links: &'a [Link],
    next: Slot,
    last: Slot,
}

impl Iterator for ChainRows<'_> {
    type Item = Slot;

    #[inline]
    fn next(&mut self) -> Option<Slot> {
        let row = self.next;
        if row == NONE {
            return None;
        }
        // The link of the last row is not read: for keys of one row that would be another cache line to wait for.
        self.next = match row == self.last {
            true => NONE,
            false => self.links[row as usize].next,
        };
        Some(row)
    }
}

/// Rows by key.
#[derive(Debug)]
pub(crate) struct Chains {
    keys: KeyIndex,
    /// Which keys have a row, where no lists are made.
    alone: Bits,
    /// Lists are made, and `alone` says nothing.
    pub(super) is_linked: bool,
    /// By the slot of a key.
    chains: Vec<Chain>,
    /// By the slot of a row.
    links: Vec<Link>,
    /// NULL is a key like any other.
    takes_nulls: bool,
    /// Keys are numbers that the owner gives, not looked up.
    by_number: bool,
    /// Keys that one call has made; not needed.
    fresh: Vec<(Slot, u32)>,
}

impl Chains {
    /// No rows; keys have columns of these types. Without columns all rows have one key.
    pub(crate) fn new(types: &[Type]) -> Self {
        Chains {
            keys: KeyIndex::new(types),
            alone: Bits::default(),
            is_linked: false,
            chains: Vec::new(),
            links: Vec::new(),
            takes_nulls: false,
            by_number: false,
            fresh: Vec::new(),
        }
    }

    /// As [`Chains::new`]; NULL is a key like any other.
    pub(crate) fn taking_nulls(types: &[Type]) -> Self {
        Chains {
            takes_nulls: true,
            ..Chains::new(types)
        }
    }

    /// As [`Chains::new`], where whoever owns the rows has given each key a number, the slot of the key here.
    pub(crate) fn by_number() -> Self {
        Chains {
            by_number: true,
            ..Chains::new(&[])
        }
    }

    /// Makes room for keys below `keys`, where these are numbers.
    #[inline]
    pub(crate) fn ensure_keys(&mut self, keys: usize) {
        debug_assert!(self.by_number, "other keys are made by slots_of");
        self.grow_to(keys);
    }

    /// Number of keys, also of those that have no row yet.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Appends the slot of the key of each of the `rows` rows, and [`Slot::MAX`] where a column of it is NULL. New keys
    /// are made: each is then given a row ([`Chains::push`]) or given back ([`Chains::release`]).
    pub(crate) fn slots_of(&mut self, columns: &[&Column], rows: usize, out: &mut Vec<Slot>) {
        let start = out.len();
        if self.takes_nulls || columns.iter().all(|column| column.valid().is_empty()) {
            self.fresh.clear();
            self.keys.slots_of(columns, rows, out, &mut self.fresh);
        } else {
            out.reserve(rows);
            let mut key = smallvec::SmallVec::<[Scalar<'_>; 4]>::new();
            for row in 0..rows {
                key.clear();
                key.extend(columns.iter().map(|column| column.scalar(row)));
                let slot = match key.contains(&Scalar::Null) {
                    true => NONE,
                    false => self.keys.slot_of(&key),
                };
                out.push(slot);
            }
        }
        debug_assert_eq!(out.len(), start + rows, "one slot per row");
        self.grow();
    }

    /// The slot of one key, which is made where it is new, as [`Chains::slots_of`] does.
    #[inline]
    pub(crate) fn slot_of_scalars(&mut self, key: &[Scalar<'_>]) -> Slot {
        if !self.takes_nulls && key.iter().any(|part| matches!(part, Scalar::Null)) {
            return NONE;
        }
        let slot = self.keys.slot_of(key);
        self.grow();
        slot
    }

    /// Appends the slot of the key of each of the `rows` rows, and [`Slot::MAX`] where a column of it is NULL or no row
    /// has it.
    #[inline]
    pub(crate) fn find(&self, columns: &[&Column], rows: usize, out: &mut Vec<Slot>) {
        // A key of which a column is NULL was never made.
        self.keys.find(columns, rows, out);
    }

    /// The slot of one key, if it is known.
    #[inline]
    pub(crate) fn find_scalars(&self, key: &[Scalar<'_>]) -> Option<Slot> {
        self.keys.find_scalars(key)
    }

    /// Appends a row to those of its key. A row of no key (`Slot::MAX`) stands in no chain.
    #[inline]
    pub(crate) fn push(&mut self, key: Slot, row: Slot) {
        debug_assert_eq!(self.key_of(row), None, "a row stands in one chain");
        if self.is_linked {
            return self.link(key, row);
        }
        match key {
            NONE => {}
            _ if key == row && self.alone.lacks(key) => self.alone.set(key),
            _ => self.link_all(key, row),
        }
    }

    /// Makes the lists of all rows, and appends one.
    #[cold]
    fn link_all(&mut self, key: Slot, row: Slot) {
        let keys = self.alone.len();
        self.is_linked = true;
        self.chains.clear();
        self.links.clear();
        self.chains.resize(keys, EMPTY);
        self.links.resize(keys, UNLINKED);
        for alone in (0..keys as Slot).filter(|key| self.alone.has(*key)) {
            self.chains[alone as usize] = Chain {
                first: alone,
                last: alone,
                count: 1,
            };
            self.links[alone as usize].key = alone;
        }
        self.alone.clear();
        self.link(key, row);
    }

    #[inline]
    fn link(&mut self, key: Slot, row: Slot) {
        if self.links.len() <= row as usize {
            self.links.resize(row as usize + 1, UNLINKED);
        }
        let Some(chain) = self.chains.get_mut(key as usize) else {
            debug_assert_eq!(key, NONE, "keys are made by slots_of");
            return;
        };
        let previous = std::mem::replace(&mut chain.last, row);
        chain.count += 1;
        match previous {
            NONE => chain.first = row,
            previous => self.links[previous as usize].next = row,
        }
        self.links[row as usize] = Link {
            previous,
            next: NONE,
            key,
        };
    }

    /// Takes a row out; its key is forgotten when it was the last one. Nothing where it stands in no chain.
    #[inline]
    pub(crate) fn remove(&mut self, row: Slot) {
        if let Some(key) = self.unlink(row)
            && self.count(key) == 0
            && !self.by_number
        {
            self.keys.remove(key);
        }
    }

    /// Takes a row out and keeps its key, which is returned, to be given another row or back ([`Chains::release`]).
    #[inline]
    pub(crate) fn unlink(&mut self, row: Slot) -> Option<Slot> {
        if !self.is_linked {
            let key = self.key_of(row)?;
            self.alone.unset(key);
            return Some(key);
        }
        let link = std::mem::replace(self.links.get_mut(row as usize)?, UNLINKED);
        let chain = self.chains.get_mut(link.key as usize)?;
        chain.count -= 1;
        match link.previous {
            NONE => chain.first = link.next,
            previous => self.links[previous as usize].next = link.next,
        }
        match link.next {
            NONE => chain.last = link.previous,
            next => self.links[next as usize].previous = link.previous,
        }
        Some(link.key)
    }

    /// Forgets a key if it has no row; nothing where it is forgotten already.
    pub(crate) fn release(&mut self, key: Slot) {
        if self.count(key) == 0 && self.keys.holds(key) {
            self.keys.remove(key);
        }
    }

    /// The first row of a key.
    #[inline]
    pub(crate) fn first(&self, key: Slot) -> Option<Slot> {
        if !self.is_linked {
            return self.alone.has(key).then_some(key);
        }
        let chain = self.chains.get(key as usize)?;
        (chain.first != NONE).then_some(chain.first)
    }

    /// The last row of a key.
    #[inline]
    pub(crate) fn last(&self, key: Slot) -> Option<Slot> {
        if !self.is_linked {
            return self.alone.has(key).then_some(key);
        }
        let chain = self.chains.get(key as usize)?;
        (chain.last != NONE).then_some(chain.last)
    }

    /// The rows of a key in the order in which they were pushed.
    #[inline]
    pub(crate) fn rows(&self, key: Slot) -> ChainRows<'_> {
        if !self.is_linked {
            let next = self.first(key).unwrap_or(NONE);
            let (links, last) = (&[][..], next);
            return ChainRows { links, next, last };
        }
        let chain = self.chains.get(key as usize).copied().unwrap_or(EMPTY);
        ChainRows {
            links: &self.links,
            next: chain.first,
            last: chain.last,
        }
    }

    /// The row of the same key that came after this one.
    #[inline]
    pub(crate) fn next(&self, row: Slot) -> Option<Slot> {
        let next = self.links.get(row as usize)?.next;
        (next != NONE).then_some(next)
    }

    /// The key of a row, if it stands in a chain.
    #[inline]
    pub(crate) fn key_of(&self, row: Slot) -> Option<Slot> {
        if !self.is_linked {
            return self.alone.has(row).then_some(row);
        }
        let key = self.links.get(row as usize)?.key;
        (key != NONE).then_some(key)
    }

    /// Number of rows of a key.
    #[inline]
    pub(crate) fn count(&self, key: Slot) -> usize {
        if !self.is_linked {
            return usize::from(self.alone.has(key));
        }
        let chain = self.chains.get(key as usize);
        chain.map_or(0, |chain| chain.count as usize)
    }

    /// Forgets all rows and keys; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.alone.clear();
        self.is_linked = false;
        self.chains.clear();
        self.links.clear();
    }

    /// A chain for every key.
    #[inline]
    fn grow(&mut self) {
        self.grow_to(self.keys.slots());
    }

    #[inline]
    fn grow_to(&mut self, keys: usize) {
        if !self.is_linked {
            self.alone.grow(keys);
        } else if self.chains.len() < keys {
            self.chains.resize(keys, EMPTY);
        }
    }
}
