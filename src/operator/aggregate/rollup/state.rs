//! What of an aggregation survives: the groups, and by granularity the panes with their accumulators.

use super::Rollup;
use crate::operator::counter;
use crate::state::{Malformed, Slot, StateHolder, Visitor};

impl StateHolder for Rollup {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.register(&mut self.clock);
        counter(visitor, &mut self.full);
        counter(visitor, &mut self.purged);
        counter(visitor, &mut self.faults);
        self.keys.state(visitor);
        visitor.container("key columns", &mut self.key_columns);
        if visitor.is_loading() {
            if self.key_columns.len() > self.keys.slots() {
                visitor.fail(Malformed::new("an aggregation has groups without a key"));
            }
            self.key_columns.ensure(self.keys.slots());
        }
        let is_group = |group: Slot| self.keys.holds(group);
        for (place, level) in self.levels.iter_mut().enumerate() {
            visitor.part("granularity", place);
            level.visit(visitor, &self.shape.zone, &is_group);
        }
        visitor.part("", 0);
        if visitor.is_loading()
            && let Err(why) = self.count_again()
        {
            visitor.fail(why);
        }
    }
}

impl Rollup {
    /// Counts what was loaded.
    fn count_again(&mut self) -> Result<(), Malformed> {
        self.uses.clear();
        self.uses.resize(self.keys.slots(), 0);
        self.held = 0;
        for level in &self.levels {
            for slot in level.groups.index.held_slots() {
                self.held += 1;
                let uses = self.uses.get_mut(level.group(slot) as usize);
                *uses.ok_or_else(|| Malformed::new("a pane has a group that is unknown"))? += 1;
            }
        }
        let unused = |group: Slot| self.uses[group as usize] == 0;
        if self.keys.held_slots().any(unused) {
            return Err(Malformed::new("an aggregation has a group without a pane"));
        }
        self.find_due();
        Ok(())
    }

    /// Forgets all groups whose key, by these positions among the keys, is not kept.
    pub(super) fn keep_keys(&mut self, positions: &[usize], keep: &dyn Fn(&[u8]) -> bool) {
        let mut is_gone = vec![false; self.keys.slots()];
        for group in self.keys.not_kept(positions, keep) {
            is_gone[group as usize] = true;
        }
        for level in &mut self.levels {
            self.held -= level.forget(|group| is_gone[group as usize]);
        }
        for group in (0..is_gone.len()).filter(|group| is_gone[*group]) {
            self.uses[group] = 0;
            self.forget_key(group as Slot);
        }
        self.find_due();
    }
}
