//! `LAST EVERY n EVENTS` of groups in a partition: the last row of each group waits until rows of its key are enough.
//!
//! How: the groups of all keys stand in one index, and by the number of a key its groups stand in a chain in the order
//! in which they came since the last time. Rows go out with the time of the row that was the last one missing.
//! Cost: two look-ups and a copy of each row.

use super::latest::Latest;
use super::{ByKey, RATE_LIMIT_ROWS_MAX};
use crate::event::{Batch, Column, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out};
use crate::state::{Cells, Chains, Malformed, Slot, StateHolder, Visitor};

/// Holds the last row of each group of a key until there were `n` rows of the key.
pub(crate) struct LastOfGroups {
    keys: ByKey,
    n: u64,
    /// By key, the rows that came since the last time. A key of which none came is forgotten.
    counts: Cells<u64>,
    /// The rows of groups, the first of whose keys is the key.
    latest: Latest,
    /// The groups of each key, by its slot: an index.
    groups: Chains,
    full: Vec<Slot>,
}

impl LastOfGroups {
    /// Of rows with columns of these types. `groups`: the keys of groups, the first of which is that of the partition,
    /// `key`.
    pub(crate) fn new(key: ByKey, groups: ByKey, n: u64, types: &[Type]) -> Self {
        LastOfGroups {
            keys: key,
            n: n.max(1),
            counts: Cells::default(),
            latest: Latest::new(groups, types, RATE_LIMIT_ROWS_MAX),
            groups: Chains::by_number(),
            full: Vec::new(),
        }
    }

    /// A row of the batch that was looked up comes.
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Batch) {
        let key = self.keys.slots[row];
        if let Some(group) = self.latest.slot(row) {
            self.stand(key, group);
            self.latest.set(group, batch, row);
        }
        let count = self.counts.get_mut(key);
        *count = count.saturating_add(1);
        if *count >= self.n {
            *count = 0;
            while let Some(group) = self.groups.first(key) {
                self.groups.remove(group);
                self.latest.let_one_out(group, Moment::of(batch, row), to);
            }
            self.full.push(key);
        }
    }

    /// A group stands among those of its key.
    fn stand(&mut self, key: Slot, group: Slot) {
        if self.groups.key_of(group).is_none() {
            self.groups.ensure_keys(key as usize + 1);
            self.groups.push(key, group);
        }
    }

    /// Forgets keys of which no row counts.
    fn forget_full(&mut self) {
        self.full.sort_unstable();
        self.full.dedup();
        for key in self.full.drain(..).filter(|k| *self.counts.get(*k) == 0) {
            self.keys.index.remove(key);
        }
    }

    /// Puts the groups that are held beside those of their key, in order.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        self.groups.clear();
        let column = self.latest.keys.columns()[0];
        for group in self.latest.in_order() {
            let key = self.latest.value(group, column);
            let key = self.keys.index.find_scalars(&[key]);
            let key = key.ok_or_else(|| Malformed::new("a group has no key"))?;
            self.stand(key, group);
        }
        Ok(())
    }
}

impl StateHolder for LastOfGroups {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        visitor.container("counts", &mut self.counts);
        visitor.part("groups", 0);
        self.latest.state(visitor);
        visitor.part("", 0);
        if visitor.is_loading() {
            self.counts.ensure(self.keys.index.slots());
            if let Err(why) = self.rebuild() {
                visitor.fail(why);
            }
        }
    }
}

impl Operator for LastOfGroups {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        let keys = self.keys.look_up(batch);
        self.counts.ensure(keys);
        self.latest.look_up(batch);
        for row in 0..batch.len() {
            self.take(batch, row, &mut to);
        }
        self.latest.forget();
        self.forget_full();
        out.emit(Kind::Rows, to);
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.latest.refused;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.latest.keys.routing.clone_from(&positions);
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for key in self.keys.keep_keys(keep) {
            self.counts.reset(key);
        }
        self.latest.keep_keys(keep);
        self.rebuild().expect("a group that is kept has a key");
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }

    fn forget_keys(&mut self, keys: &Column) {
        for key in self.keys.remove_known(keys) {
            self.counts.reset(key);
            while let Some(group) = self.groups.first(key) {
                self.groups.remove(group);
                self.latest.let_go(group);
            }
        }
        self.latest.forget();
    }
}
