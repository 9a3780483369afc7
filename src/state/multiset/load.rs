//! Sorted values in a checkpoint: their encoding, and what is checked when they are read.

use super::queue::QUEUE;
use super::{Multiset, NONE, Node, Root};
use crate::state::cell::Cell;
use crate::state::slab::EntryId;
use crate::state::{Malformed, StateHolder, Visitor};

/// Higher trees are refused. 4 G nodes under a random salt are less than 120 high.
const HEIGHT_MAX: usize = 256;

impl Cell for Root {
    const WORDS: usize = 2;
    fn layout() -> String {
        "root".to_string()
    }
    #[inline]
    fn word(&self, k: usize) -> u64 {
        u64::from(if k == 0 { self.node } else { self.distinct })
    }
    fn read(words: &[u64], _bytes: &[u8]) -> Option<Self> {
        Some(Root {
            node: u32::try_from(words[0]).ok()?,
            distinct: u32::try_from(words[1]).ok()?,
        })
    }
}

impl<K: Cell> Cell for Node<K> {
    const WORDS: usize = 2 + K::WORDS;
    const BYTES: bool = K::BYTES;
    fn layout() -> String {
        format!("node {}", K::layout())
    }
    #[inline]
    fn word(&self, k: usize) -> u64 {
        match k {
            0 => self.count,
            1 => u64::from(self.left) << 32 | u64::from(self.right),
            k => self.key.word(k - 2),
        }
    }
    fn bytes(&self, out: &mut Vec<u8>) {
        self.key.bytes(out);
    }
    fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
        Some(Node {
            key: K::read(&words[2..], bytes)?,
            count: words[0],
            left: (words[1] >> 32) as u32,
            right: words[1] as u32,
        })
    }
}

impl<K: Cell + Ord> StateHolder for Multiset<K> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.register(&mut self.salt);
        visitor.container("roots", &mut self.roots);
        self.nodes.state(visitor);
        if visitor.is_loading()
            && let Err(fault) = match self.salt {
                QUEUE => self.check_queues(),
                _ => self.check(),
            }
        {
            visitor.fail(fault);
        }
    }
}

impl<K: Ord + Clone> Multiset<K> {
    /// Every root leads to a tree, and every node is in one.
    fn check(&self) -> Result<(), Malformed> {
        let mut reached = vec![false; self.nodes.entries()];
        let mut total = 0;
        for slot in 0..self.roots.len() {
            let root = self.roots.get(slot as u32);
            let count = self.check_tree(root.node, &mut reached)?;
            if count != root.distinct as usize {
                return Err(Malformed::new(format!(
                    "slot {slot} has {count} values and says {}",
                    root.distinct
                )));
            }
            total += count;
        }
        if total != self.nodes.len() {
            return Err(Malformed::new(format!(
                "{} values stored, {total} in a tree",
                self.nodes.len()
            )));
        }
        Ok(())
    }

    /// Walks a tree in the order of its keys; returns how many it has.
    fn check_tree(&self, root: EntryId, reached: &mut [bool]) -> Result<usize, Malformed> {
        let (mut count, mut last) = (0, None::<&K>);
        // Nodes whose left side is being walked, with their depth.
        let mut above: Vec<(EntryId, usize)> = Vec::new();
        let (mut at, mut depth) = (root, 0);
        loop {
            while at != NONE {
                let node = self.check_node(at, depth, reached)?;
                above.push((at, depth));
                (at, depth) = (node.left, depth + 1);
            }
            let Some((next, next_depth)) = above.pop() else {
                return Ok(count);
            };
            let node = self.nodes.get(next);
            if last.is_some_and(|last| *last >= node.key) {
                return Err(Malformed::new(format!("node {next} is out of order")));
            }
            last = Some(&node.key);
            count += 1;
            (at, depth) = (node.right, next_depth + 1);
        }
    }

    /// The node at a depth, reached for the first time.
    fn check_node(
        &self,
        at: EntryId,
        depth: usize,
        reached: &mut [bool],
    ) -> Result<&Node<K>, Malformed> {
        let fault = |why: &str| Malformed::new(format!("node {at} {why}"));
        let node = self.nodes.find(at).ok_or_else(|| fault("is not held"))?;
        if std::mem::replace(&mut reached[at as usize], true) {
            return Err(fault("is reached twice"));
        }
        if node.count == 0 {
            return Err(fault("counts 0 values"));
        }
        if depth > HEIGHT_MAX {
            return Err(fault("is too deep"));
        }
        let below = [node.left, node.right].into_iter();
        for below in below.filter(|below| *below != NONE) {
            if self.priority(below) >= self.priority(at) {
                return Err(fault("has a child of higher priority"));
            }
        }
        Ok(node)
    }
}
