//! How many rows each group has, where rows leave, and which groups have none.
//!
//! Why: a group without rows must go, otherwise every key that ever came would be held. But where keys come and go,
//! taking a key out of the index and putting it in again costs more than its sums do. So a group without rows is set
//! back, as if it were new, and stays for rows of its key, until there are more of them than of others.
//! Cost: a count per row; a group without rows goes in O(log n) of those that go with it.

use super::Groups;
use crate::state::{Cells, Slot, Visitor};

/// So many groups without rows stay in any case: 64 KB with a sum each.
const IDLE_GROUPS: usize = 1024;

/// The rows of groups.
#[derive(Default)]
pub(super) struct Sizes {
    rows: Cells<i64>,
    /// Groups that had no rows when they were listed, some of them more than once.
    idle: Vec<Slot>,
    emptied: Vec<Slot>,
}

impl Sizes {
    /// Rows of these groups have come.
    pub(super) fn enter(&mut self, slots: &[Slot], groups: &Groups) {
        self.rows.ensure(groups.index.slots());
        let rows = self.rows.writing(slots, None);
        for slot in slots {
            let size = &mut rows[*slot as usize];
            // Wrapping: a size that was loaded may be any number.
            *size = size.wrapping_add(1);
        }
    }

    /// Rows of these groups have come or left, as the change of each says; groups without rows begin anew.
    pub(super) fn change(
        &mut self,
        slots: &[Slot],
        change: impl Fn(usize) -> i64,
        groups: &mut Groups,
    ) {
        self.rows.ensure(groups.index.slots());
        let rows = self.rows.writing(slots, None);
        for (row, slot) in slots.iter().enumerate() {
            let size = &mut rows[*slot as usize];
            *size = size.wrapping_add(change(row));
            if *size <= 0 {
                self.emptied.push(*slot);
            }
        }
        if !self.emptied.is_empty() {
            self.settle(groups);
        }
    }

    /// Sets those back that have no rows at the end.
    fn settle(&mut self, groups: &mut Groups) {
        for slot in self.emptied.drain(..) {
            let size = *self.rows.get(slot);
            if size > 0 {
                continue;
            }
            if size < 0 {
                self.rows.reset(slot);
            }
            groups.reset(slot);
            self.idle.push(slot);
        }
        if self.idle.len() > self.idle_max(groups) {
            self.sweep(groups);
        }
    }

    /// So many groups without rows may stay.
    fn idle_max(&self, groups: &Groups) -> usize {
        let others = groups.index.len().saturating_sub(self.idle.len());
        others.max(IDLE_GROUPS)
    }

    /// Forgets the groups without rows, if they are many and not merely listed often.
    #[cold]
    fn sweep(&mut self, groups: &mut Groups) {
        self.idle.sort_unstable();
        self.idle.dedup();
        let rows = &self.rows;
        let is_idle = |slot: &Slot| groups.index.holds(*slot) && *rows.get(*slot) <= 0;
        self.idle.retain(is_idle);
        if self.idle.len() > self.idle_max(groups) / 2 {
            self.idle.drain(..).for_each(|slot| groups.remove(slot));
        }
    }

    /// A group was forgotten.
    pub(super) fn reset(&mut self, slot: Slot, groups: &Groups) {
        self.rows.ensure(groups.index.slots());
        self.rows.reset(slot);
    }

    /// All groups were forgotten.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.idle.clear();
    }

    /// Lists its state; `groups` were loaded before.
    pub(super) fn visit(&mut self, visitor: &mut dyn Visitor, groups: &Groups) {
        visitor.container("rows in groups", &mut self.rows);
        if visitor.is_loading() {
            self.rows.ensure(groups.index.slots());
            let all = 0..groups.index.slots() as Slot;
            let is_idle = |slot: &Slot| groups.index.holds(*slot) && *self.rows.get(*slot) <= 0;
            self.idle = all.filter(is_idle).collect();
        }
    }
}
