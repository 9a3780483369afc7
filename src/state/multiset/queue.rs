//! The same containers as a queue per slot, where the value that came first always leaves first and only one end of the
//! order is asked for.
//!
//! How: a value that comes drives out those before it that it beats, as none of them can be the extreme again; what is
//! left goes down from the extreme at the front, and a value that leaves is the front or was driven out. The nodes of a
//! slot are a ring: `left` leads to the one that came next, from the last to the first; `right` leads back; the root is
//! the last. Sets that were stored as trees stay trees until they are empty, as they do not tell what came first.
//! Cost: O(1) amortised per value, whatever the number of values. Memory: at most the values, with random ones their
//! logarithm.
//! Source: the monotonic queue; "SlickDeque", Shein et al., EDBT 2018, for what has no inverse.

use super::{Multiset, NONE, Node, Root};
use crate::state::slab::EntryId;
use crate::state::{Malformed, Slot};
use std::cmp::Ordering;

/// The salt of sets that are queues.
pub(super) const QUEUE: u64 = 0;

impl<K: Ord + Clone> Multiset<K> {
    /// Sets that are queues; `beats` is how a value compares with those that it drives out.
    pub(crate) fn queue(beats: Ordering) -> Self {
        Multiset {
            salt: QUEUE,
            beats: Some(beats),
            ..Multiset::default()
        }
    }

    #[inline]
    fn is_queue(&self) -> bool {
        self.salt == QUEUE
    }

    /// The extreme of a slot.
    pub(crate) fn extreme(&self, slot: Slot) -> Option<&K> {
        if !self.is_queue() {
            return match self.beats {
                Some(Ordering::Greater) => self.last(slot),
                _ => self.first(slot),
            };
        }
        let last = self.roots.get(slot).node;
        let first = (last != NONE).then(|| self.nodes.get(last).left)?;
        Some(&self.nodes.get(first).key)
    }

    /// A value comes to a slot `count` times.
    pub(crate) fn come(&mut self, slot: Slot, key: &K, count: u64) {
        if !self.is_queue() {
            if self.nodes.len() > 0 {
                return self.add_many(slot, key, count);
            }
            self.salt = QUEUE;
        }
        let beats = self.beats.unwrap_or(Ordering::Greater);
        let mut root = *self.roots.get(slot);
        while root.node != NONE {
            let last = self.nodes.get(root.node);
            match key.cmp(&last.key) {
                Ordering::Equal => {
                    let last = self.nodes.get_mut(root.node);
                    last.count = last.count.saturating_add(count);
                    *self.roots.get_mut(slot) = root;
                    return;
                }
                order if order == beats => root = self.unlink(root, root.node),
                _ => break,
            }
        }
        let fresh = self.nodes.insert(Node {
            key: key.clone(),
            count,
            left: NONE,
            right: NONE,
        });
        let (first, last) = match root.node {
            NONE => (fresh, fresh),
            last => (self.nodes.get(last).left, last),
        };
        let node = self.nodes.get_mut(fresh);
        (node.left, node.right) = (first, last);
        self.nodes.get_mut(last).left = fresh;
        self.nodes.get_mut(first).right = fresh;
        *self.roots.get_mut(slot) = Root {
            node: fresh,
            distinct: root.distinct + 1,
        };
    }

    /// The value that came first leaves a slot.
    pub(crate) fn leave(&mut self, slot: Slot, key: &K) {
        if !self.is_queue() {
            self.retract(slot, key);
            return;
        }
        let root = *self.roots.get(slot);
        if root.node == NONE {
            return;
        }
        let first = self.nodes.get(root.node).left;
        let node = self.nodes.get(first);
        if node.key != *key {
            return;
        }
        if node.count > 1 {
            self.nodes.get_mut(first).count -= 1;
            return;
        }
        let root = self.unlink(root, first);
        *self.roots.get_mut(slot) = root;
    }

    /// Takes a node out of a ring; returns the root of what is left.
    fn unlink(&mut self, root: Root, at: EntryId) -> Root {
        let Node { left, right, .. } = self.nodes.remove(at);
        if left == at {
            return Root::default();
        }
        self.nodes.get_mut(left).right = right;
        self.nodes.get_mut(right).left = left;
        Root {
            node: if root.node == at { right } else { root.node },
            distinct: root.distinct.saturating_sub(1),
        }
    }

    /// Forgets the values of a slot.
    pub(crate) fn reset_queue(&mut self, slot: Slot) {
        if !self.is_queue() {
            return self.reset(slot);
        }
        let mut root = std::mem::take(self.roots.get_mut(slot));
        while root.node != NONE {
            root = self.unlink(root, root.node);
        }
    }

    /// Adds all values of a slot of other sets to slot `to`, behind those that it has.
    pub(crate) fn absorb_queue(&mut self, to: Slot, from: &Multiset<K>, from_slot: Slot) {
        if !from.is_queue() {
            if self.nodes.len() == 0 {
                self.salt = from.salt;
            }
            return from.each(from_slot, |key, count| self.come(to, key, count));
        }
        let last = from.roots.get(from_slot).node;
        let mut at = last;
        while at != NONE {
            at = from.nodes.get(at).left;
            let node = from.nodes.get(at);
            self.come(to, &node.key, node.count);
            if at == last {
                break;
            }
        }
    }

    /// Every root leads to a ring that goes down from its first value, and every node is in one.
    pub(super) fn check_queues(&self) -> Result<(), Malformed> {
        let beats = self
            .beats
            .ok_or_else(|| Malformed::new("sets are stored as queues that are none"))?;
        let fault = |slot: usize| Malformed::new(format!("the queue of slot {slot} is broken"));
        let mut reached = vec![false; self.nodes.entries()];
        let mut total = 0;
        for slot in 0..self.roots.len() {
            let Root {
                node: last,
                distinct,
            } = *self.roots.get(slot as Slot);
            let (mut at, mut count) = (last, 0usize);
            while at != NONE {
                let before = self.nodes.find(at).ok_or_else(|| fault(slot))?;
                let next = self.nodes.find(before.left).ok_or_else(|| fault(slot))?;
                let falls = at == last || before.key.cmp(&next.key) == beats;
                let is_new = !std::mem::replace(&mut reached[before.left as usize], true);
                if next.right != at || next.count == 0 || !falls || !is_new {
                    return Err(fault(slot));
                }
                count += 1;
                at = before.left;
                if at == last {
                    break;
                }
            }
            if count != distinct as usize {
                return Err(fault(slot));
            }
            total += count;
        }
        match total == self.nodes.len() {
            true => Ok(()),
            false => Err(Malformed::new("values are stored that are in no queue")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::{INSTANCE, NODE, capture};
    use crate::state::{Load, StateHolder, Track};
    use eventflux_kit::Random;
    use std::collections::VecDeque;

    fn restore(from: &mut Multiset<i64>, to: &mut Multiset<i64>) -> Result<(), Malformed> {
        from.state(&mut Track { committed: false });
        let committed = capture(from);
        let stored = committed.stored()?;
        let mut load = Load::new(INSTANCE, NODE, &stored);
        to.state(&mut load);
        load.end()
    }

    /// Windows of several slots against the extreme of the rows themselves, stored and restored on the way.
    fn check(seed: u64, beats: Ordering) {
        let mut random = Random::new(seed);
        let mut queue = Multiset::<i64>::queue(beats);
        let mut rows: [VecDeque<i64>; 3] = Default::default();
        queue.ensure(rows.len());
        for step in 0..3000 {
            let slot = random.below(rows.len());
            match random.below(20) {
                0 if step % 9 == 0 => {
                    queue.reset_queue(slot as Slot);
                    rows[slot].clear();
                }
                1 if step % 7 == 0 => {
                    let mut other = Multiset::queue(beats);
                    restore(&mut queue, &mut other).expect("what was stored is sound");
                    queue = other;
                }
                2 if step % 5 == 0 => {
                    let mut other = Multiset::queue(beats);
                    other.ensure(rows.len());
                    (0..3).for_each(|slot| other.absorb_queue(slot, &queue, slot));
                    queue = other;
                }
                way if way < 12 - step / 500 => {
                    let value = random.below(30i64);
                    rows[slot].push_back(value);
                    queue.come(slot as Slot, &value, 1);
                }
                _ => {
                    if let Some(value) = rows[slot].pop_front() {
                        queue.leave(slot as Slot, &value);
                    }
                }
            }
            let want = match beats {
                Ordering::Greater => rows[slot].iter().max(),
                _ => rows[slot].iter().min(),
            };
            assert_eq!(
                queue.extreme(slot as Slot),
                want,
                "seed {seed}, step {step}"
            );
            assert_eq!(queue.check_queues(), Ok(()), "seed {seed}, step {step}");
        }
    }

    #[test]
    fn the_front_is_the_extreme_of_what_is_there() {
        for seed in 1..20 {
            check(seed, Ordering::Greater);
            check(seed, Ordering::Less);
        }
    }

    #[test]
    fn sets_that_were_stored_as_trees_go_on_as_trees_until_they_are_empty() {
        let mut tree = Multiset::<i64>::default();
        tree.ensure(1);
        [5, 9, 5, 7].iter().for_each(|value| tree.add(0, value));
        let mut sets = Multiset::queue(Ordering::Greater);
        restore(&mut tree, &mut sets).expect("trees are restored");
        sets.come(0, &6, 1);
        for (leaves, left) in [
            (5, Some(9)),
            (9, Some(7)),
            (5, Some(7)),
            (7, Some(6)),
            (6, None),
        ] {
            sets.leave(0, &leaves);
            assert_eq!(sets.extreme(0).copied(), left, "{leaves} has left");
        }
        assert!(!sets.is_queue());
        sets.come(0, &3, 1);
        assert!(sets.is_queue());
        assert_eq!(sets.extreme(0), Some(&3));
        let refused = restore(&mut sets, &mut Multiset::default());
        assert!(refused.is_err(), "a queue is no tree");
    }
}
