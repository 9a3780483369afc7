//! Sorted values with counts, one set per slot: exact ends, distinct count and ranks under any retraction.
//!
//! How: a treap per slot, all nodes in one slab, so that sets that grow and shrink allocate nothing in steady state.
//! The priority of a node is a hash of its number, so the shape does not depend on the order of values. The hash is
//! salted at random, so that no order of values makes a tree deep on purpose; the salt is stored with the trees.
//! A node is written only when it changes: what a search passes is not.
//! Cost: O(log n) expected per change, O(log n) for the ends.
//! Source: Seidel and Aragon, "Randomized Search Trees", Algorithmica 1996.

mod load;
mod queue;

use super::slab::{EntryId, Slab};
use super::{Cells, Slot};
use std::cmp::Ordering;
use std::hash::BuildHasher;

const NONE: EntryId = EntryId::MAX;

#[derive(Clone, Debug, Default)]
struct Node<K> {
    key: K,
    /// How often the slot holds it.
    count: u64,
    left: EntryId,
    right: EntryId,
}

#[derive(Clone, Copy, Debug)]
struct Root {
    node: EntryId,
    distinct: u32,
}

impl Default for Root {
    fn default() -> Self {
        Root {
            node: NONE,
            distinct: 0,
        }
    }
}

/// A sorted multiset of values for every slot.
#[derive(Debug)]
pub(crate) struct Multiset<K> {
    roots: Cells<Root>,
    nodes: Slab<Node<K>>,
    /// Never that of queues.
    salt: u64,
    /// Where the sets are queues, or are to be.
    beats: Option<Ordering>,
}

impl<K> Default for Multiset<K> {
    fn default() -> Self {
        Multiset {
            roots: Cells::default(),
            nodes: Slab::default(),
            salt: foldhash::fast::RandomState::default().hash_one(0) | 1,
            beats: None,
        }
    }
}

impl<K: Ord + Clone> Multiset<K> {
    /// Makes room for slots below `slots`.
    pub(crate) fn ensure(&mut self, slots: usize) {
        self.roots.ensure(slots);
    }

    /// Number of different values of a slot.
    pub(crate) fn distinct(&self, slot: Slot) -> u32 {
        self.roots.get(slot).distinct
    }

    /// Smallest value of a slot.
    pub(crate) fn first(&self, slot: Slot) -> Option<&K> {
        self.end(slot, |n| n.left)
    }

    /// Greatest value of a slot.
    pub(crate) fn last(&self, slot: Slot) -> Option<&K> {
        self.end(slot, |n| n.right)
    }

    fn end(&self, slot: Slot, next: impl Fn(&Node<K>) -> EntryId) -> Option<&K> {
        let mut at = self.roots.get(slot).node;
        let mut found = None;
        while at != NONE {
            let node = self.nodes.get(at);
            found = Some(&node.key);
            at = next(node);
        }
        found
    }

    /// Shows all values of a slot, in no order, and how often the slot holds each.
    pub(crate) fn each(&self, slot: Slot, mut show: impl FnMut(&K, u64)) {
        let mut stack = vec![self.roots.get(slot).node];
        while let Some(at) = stack.pop() {
            if at != NONE {
                let node = self.nodes.get(at);
                show(&node.key, node.count);
                stack.extend([node.left, node.right]);
            }
        }
    }

    /// Adds a value to a slot.
    #[inline]
    pub(crate) fn add(&mut self, slot: Slot, key: &K) {
        self.add_many(slot, key, 1);
    }

    /// Adds a value to a slot `count` times.
    pub(crate) fn add_many(&mut self, slot: Slot, key: &K, count: u64) {
        let found = self.search(slot, key).0;
        if found != NONE {
            let node = self.nodes.get_mut(found);
            node.count = node.count.saturating_add(count);
            return;
        }
        let fresh = self.nodes.insert(Node {
            key: key.clone(),
            count,
            left: NONE,
            right: NONE,
        });
        let root = self.roots.get(slot).node;
        let node = self.insert(root, fresh);
        let root = self.roots.get_mut(slot);
        root.node = node;
        root.distinct += 1;
    }

    /// Takes one of a value away from a slot; false when the slot does not hold it.
    pub(crate) fn retract(&mut self, slot: Slot, key: &K) -> bool {
        self.retract_many(slot, key, 1) == 1
    }

    /// Takes up to `count` of a value away from a slot; returns how many.
    pub(crate) fn retract_many(&mut self, slot: Slot, key: &K, count: u64) -> u64 {
        let (at, parent) = self.search(slot, key);
        if at == NONE {
            return 0;
        }
        let node = self.nodes.get(at);
        let held = node.count;
        if held > count {
            self.nodes.get_mut(at).count -= count;
            return count;
        }
        let (left, right) = (node.left, node.right);
        let merged = self.merge(left, right);
        self.replace(slot, parent, at, merged);
        self.nodes.remove(at);
        self.roots.get_mut(slot).distinct -= 1;
        held
    }

    /// The node of a value and the node above it.
    fn search(&self, slot: Slot, key: &K) -> (EntryId, EntryId) {
        let (mut at, mut parent) = (self.roots.get(slot).node, NONE);
        while at != NONE {
            let node = self.nodes.get(at);
            let next = match key.cmp(&node.key) {
                Ordering::Less => node.left,
                Ordering::Greater => node.right,
                Ordering::Equal => break,
            };
            parent = at;
            at = next;
        }
        (at, parent)
    }

    /// Forgets the values of a slot.
    pub(crate) fn reset(&mut self, slot: Slot) {
        let mut at = std::mem::take(self.roots.get_mut(slot)).node;
        // Unlinks leaf by leaf: rotates left children up until there is none, so no stack is needed.
        while at != NONE {
            let left = self.nodes.get(at).left;
            if left == NONE {
                at = self.nodes.remove(at).right;
            } else {
                let left_right = std::mem::replace(&mut self.nodes.get_mut(left).right, at);
                self.nodes.get_mut(at).left = left_right;
                at = left;
            }
        }
    }

    /// Forgets all values of all slots.
    pub(crate) fn clear(&mut self) {
        self.roots.clear();
        self.nodes.clear();
    }

    /// Adds all values of slot `from` to slot `to`.
    pub(crate) fn absorb(&mut self, to: Slot, from: &Multiset<K>, from_slot: Slot) {
        from.each(from_slot, |key, count| self.add_many(to, key, count));
    }

    /// Number of slots.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.roots.len()
    }

    /// The values of a slot with their counts.
    #[cfg(test)]
    pub(super) fn values(&self, slot: Slot) -> std::collections::BTreeMap<K, u64> {
        let mut values = std::collections::BTreeMap::new();
        self.each(slot, |key, count| {
            values.insert(key.clone(), count);
        });
        values
    }

    fn replace(&mut self, slot: Slot, parent: EntryId, old: EntryId, new: EntryId) {
        if parent == NONE {
            self.roots.get_mut(slot).node = new;
        } else {
            let node = self.nodes.get_mut(parent);
            if node.left == old {
                node.left = new;
            } else {
                node.right = new;
            }
        }
    }

    fn set_left(&mut self, at: EntryId, to: EntryId) {
        if self.nodes.get(at).left != to {
            self.nodes.get_mut(at).left = to;
        }
    }

    fn set_right(&mut self, at: EntryId, to: EntryId) {
        if self.nodes.get(at).right != to {
            self.nodes.get_mut(at).right = to;
        }
    }

    /// Inserts a single node below `at`; returns the new root. Recursion depth is the height: O(log n) expected.
    fn insert(&mut self, at: EntryId, fresh: EntryId) -> EntryId {
        if at == NONE {
            return fresh;
        }
        if self.priority(fresh) > self.priority(at) {
            let key = self.nodes.get(fresh).key.clone();
            let (left, right) = self.split(at, &key);
            let node = self.nodes.get_mut(fresh);
            (node.left, node.right) = (left, right);
            return fresh;
        }
        let node = self.nodes.get(at);
        let (left, right) = (node.left, node.right);
        if self.nodes.get(fresh).key < node.key {
            let left = self.insert(left, fresh);
            self.set_left(at, left);
        } else {
            let right = self.insert(right, fresh);
            self.set_right(at, right);
        }
        at
    }

    fn split(&mut self, at: EntryId, key: &K) -> (EntryId, EntryId) {
        if at == NONE {
            return (NONE, NONE);
        }
        let node = self.nodes.get(at);
        let (left, right) = (node.left, node.right);
        if node.key < *key {
            let (low, high) = self.split(right, key);
            self.set_right(at, low);
            (at, high)
        } else {
            let (low, high) = self.split(left, key);
            self.set_left(at, high);
            (low, at)
        }
    }

    fn merge(&mut self, left: EntryId, right: EntryId) -> EntryId {
        if left == NONE {
            return right;
        }
        if right == NONE {
            return left;
        }
        if self.priority(left) > self.priority(right) {
            let inner = self.nodes.get(left).right;
            let inner = self.merge(inner, right);
            self.set_right(left, inner);
            left
        } else {
            let inner = self.nodes.get(right).left;
            let inner = self.merge(left, inner);
            self.set_left(right, inner);
            right
        }
    }
}

impl<K> Multiset<K> {
    /// A hash of the entry number (the finaliser of SplitMix64): distinct for distinct entries.
    #[inline]
    fn priority(&self, entry: EntryId) -> u64 {
        let mut x = (u64::from(entry) ^ self.salt).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn ends_and_counts_follow_a_sorted_map() {
        let mut seed = 3u64;
        let mut set = Multiset::<i64>::default();
        let mut model = vec![BTreeMap::<i64, u64>::new(); 5];
        set.ensure(5);
        for step in 0..40_000 {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let (slot, key) = ((seed >> 40) as usize % 5, (seed >> 33) as i64 % 60);
            if (seed >> 20) % 5 < 2 + u64::from(step % 2000 < 1000) {
                set.add(slot as Slot, &key);
                *model[slot].entry(key).or_insert(0) += 1;
            } else {
                let held = model[slot].get_mut(&key);
                assert_eq!(set.retract(slot as Slot, &key), held.is_some());
                if let Some(count) = held {
                    *count -= 1;
                    if *count == 0 {
                        model[slot].remove(&key);
                    }
                }
            }
            if step % 7000 == 6999 {
                set.reset(slot as Slot);
                model[slot].clear();
            }
            let m = &model[slot];
            assert_eq!(set.first(slot as Slot), m.keys().next());
            assert_eq!(set.last(slot as Slot), m.keys().next_back());
            assert_eq!(set.distinct(slot as Slot) as usize, m.len());
        }
        assert_eq!(
            set.nodes.len(),
            model.iter().map(BTreeMap::len).sum::<usize>()
        );
    }
}
