//! The keys of a partition, where these are kept: to bound their number, and to forget those that have been idle.
//!
//! How: a key is renewed by its rows. Whether keys have been idle for long enough is looked at on a grid of times, so
//! that many are forgotten together; then the graph lets all operators of the partition forget them. So of a row only
//! counts at which time of the grid its key may go, and most rows find their key renewed.
//! Cost: a look-up per row; 16 bytes of state per key beside the key itself; a look at all keys when the first of them
//! may be idle.

use crate::event::{Batch, Column, Timestamp, Type};
use crate::operator::{Counters, counter};
use crate::state::{Cells, KeyIndex, Malformed, Slot, StateHolder, Visitor, key_group};
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::ops::Range;

/// Not before anything.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// Keys as bytes, to be forgotten.
pub(crate) type Gone = HashSet<Vec<u8>, RandomState>;

/// The kept keys of one partition.
#[derive(Debug)]
pub(crate) struct KeptKeys {
    index: KeyIndex,
    /// When each key was seen last, by slot; as late as makes no difference to when it is forgotten.
    seen: Cells<Timestamp>,
    /// After how long a key is forgotten, and the width of the grid; none where no key is forgotten.
    purge_us: Option<(i64, i64)>,
    keys_max: usize,
    /// The first time at which a key may have been idle: an index.
    next: Timestamp,
    /// What rows of the times of the range, its end included, renew a key to.
    renews: (Range<Timestamp>, Timestamp),
    /// Keys that were forgotten.
    purged: u64,
    /// Rows of keys beyond the bound.
    refused: u64,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    admitted: Vec<u32>,
    /// The keys that are looked at.
    held: Vec<Slot>,
}

impl KeptKeys {
    pub(crate) fn new(ty: Type, purge_us: Option<(i64, i64)>, keys_max: usize) -> Self {
        KeptKeys {
            index: KeyIndex::new(&[ty]),
            seen: Cells::default(),
            purge_us,
            keys_max,
            next: NEVER,
            renews: (NEVER..NEVER, NEVER),
            purged: 0,
            refused: 0,
            slots: Vec::new(),
            fresh: Vec::new(),
            admitted: Vec::new(),
            held: Vec::new(),
        }
    }

    /// All rows of a batch come, with these keys. False where there would be too many keys; then nothing has changed.
    pub(super) fn see_all(&mut self, keys: &Column, batch: &Batch) -> bool {
        if self.look_up(keys, batch.len()) > 0 {
            self.fresh
                .iter()
                .for_each(|(slot, _)| self.index.remove(*slot));
            return false;
        }
        for row in 0..batch.len() {
            self.renew(self.slots[row], batch, row);
        }
        true
    }

    /// Rows of these keys come: `keys[i]` is that of row `rows[i]`. Returns which of them, by place, go on, where not
    /// all do as there would be too many keys; `counts`: the others are counted.
    pub(super) fn see(
        &mut self,
        keys: &Column,
        batch: &Batch,
        rows: &[u32],
        counts: bool,
    ) -> Option<&[u32]> {
        let excess = self.look_up(keys, rows.len());
        if excess > 0 {
            self.see_some(excess, batch, rows);
            let refused = rows.len() - self.admitted.len();
            self.refused += u64::from(counts) * refused as u64;
            return Some(&self.admitted);
        }
        for (place, row) in rows.iter().enumerate() {
            self.renew(self.slots[place], batch, *row as usize);
        }
        None
    }

    /// Looks the keys of so many rows up; returns how many of the new ones are too many.
    fn look_up(&mut self, keys: &Column, rows: usize) -> usize {
        self.slots.clear();
        self.fresh.clear();
        self.index
            .slots_of(&[keys], rows, &mut self.slots, &mut self.fresh);
        self.seen.ensure(self.index.slots());
        for (slot, _) in &self.fresh {
            *self.seen.get_mut(*slot) = Timestamp::MIN;
        }
        let excess = self.index.len().saturating_sub(self.keys_max);
        excess.min(self.fresh.len())
    }

    #[inline]
    fn renew(&mut self, slot: Slot, batch: &Batch, row: usize) {
        // A row that waits for its time is not idle until then.
        let now = batch.at[row].max(batch.clock_of(row));
        if now <= self.renews.0.start || now > self.renews.0.end {
            self.renews = renewal(now, self.purge_us);
        }
        let (seen, to) = (*self.seen.get(slot), self.renews.1);
        if seen >= to {
            return;
        }
        *self.seen.get_mut(slot) = to;
        if seen == Timestamp::MIN
            && let Some((idle, _)) = self.purge_us
        {
            self.next = self.next.min(to.plus(idle));
        }
    }

    /// As [`KeptKeys::see`], where the last of the new keys are too many.
    #[cold]
    fn see_some(&mut self, excess: usize, batch: &Batch, rows: &[u32]) {
        let first = self.fresh.len() - excess;
        let gone: HashSet<Slot> = self.fresh[first..].iter().map(|(slot, _)| *slot).collect();
        self.admitted.clear();
        for (place, row) in rows.iter().enumerate() {
            if !gone.contains(&self.slots[place]) {
                self.admitted.push(place as u32);
                self.renew(self.slots[place], batch, *row as usize);
            }
        }
        gone.iter().for_each(|slot| self.index.remove(*slot));
    }

    /// When keys are looked at next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        (self.next != NEVER).then_some(self.next)
    }

    /// How long a key that is seen now is kept at least.
    pub(crate) fn idle_us(&self) -> Option<i64> {
        self.purge_us.map(|(idle, _)| idle)
    }

    /// Forgets the keys that have been idle when the clock reaches `now`. Returns them, as bytes.
    pub(crate) fn purge(&mut self, now: Timestamp) -> Gone {
        let mut gone = Gone::default();
        let Some((idle, grid)) = self.purge_us else {
            return gone;
        };
        let mut first = NEVER;
        self.held.clear();
        self.held.extend(self.index.held_slots());
        for slot in self.held.drain(..) {
            let end = self.seen.get(slot).plus(idle);
            if end > now {
                first = first.min(end);
                continue;
            }
            gone.extend(self.index.key_of(slot, &[0]));
            self.index.remove(slot);
            self.seen.reset(slot);
        }
        self.purged += gone.len() as u64;
        self.next = match first {
            NEVER => NEVER,
            first => grid_after(first, grid),
        };
        gone
    }

    /// Forgets keys of key groups that are not kept.
    pub(crate) fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        let keep = |key: &[u8]| keep(key_group(key));
        for slot in self.index.remove_not_kept(&[0], &keep) {
            self.seen.reset(slot);
        }
    }

    pub(crate) fn count(&self, into: &mut Counters) {
        into.purged_keys += self.purged;
        into.limit_rows += self.refused;
    }
}

/// To what a row of a time renews its key, and the rows of which other times do so too: behind the first, up to the
/// second.
///
/// Where keys are forgotten that is the latest time of a row whose key goes together with this one's.
fn renewal(now: Timestamp, purge_us: Option<(i64, i64)>) -> (Range<Timestamp>, Timestamp) {
    match purge_us {
        Some((idle, grid)) => {
            let to = grid_after(now.plus(idle), grid).plus(-idle);
            let to = to.min(*Timestamp::RANGE.end());
            (to.plus(-grid)..to, to)
        }
        None => (Timestamp::MIN..NEVER, Timestamp::default()),
    }
}

/// The first time of a grid at `time` or after it.
fn grid_after(time: Timestamp, grid: i64) -> Timestamp {
    let behind = time.0.rem_euclid(grid);
    match behind {
        0 => time,
        _ => time.plus(grid - behind),
    }
}

impl StateHolder for KeptKeys {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.index.state(visitor);
        visitor.container("seen", &mut self.seen);
        counter(visitor, &mut self.purged);
        counter(visitor, &mut self.refused);
        if visitor.is_loading() {
            self.next = NEVER;
            let held: Vec<Slot> = self.index.held_slots().collect();
            let is_known = |slot: &Slot| {
                let seen = self.seen.find(*slot);
                seen.is_some_and(|seen| Timestamp::RANGE.contains(seen))
            };
            if !held.iter().all(is_known) {
                return visitor.fail(Malformed::new("a key was seen at no time"));
            }
            let first = held.iter().map(|slot| *self.seen.get(*slot)).min();
            if let (Some(first), Some((idle, grid))) = (first, self.purge_us) {
                self.next = grid_after(first.plus(idle), grid);
            }
        }
    }
}

/// The partitions of one graph whose keys are kept.
#[derive(Debug, Default)]
pub(crate) struct Partitions(pub(crate) Vec<KeptKeys>);

impl Partitions {
    /// The keys of one.
    #[inline]
    pub(super) fn kept(&mut self, place: usize) -> &mut KeptKeys {
        &mut self.0[place]
    }

    /// When keys are looked at next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(KeptKeys::due).min()
    }

    /// How long a key that is seen now is kept at least.
    pub(crate) fn idle_us(&self) -> Option<i64> {
        self.0.iter().filter_map(KeptKeys::idle_us).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_go_together_renew_to_one_time() {
        let purge = Some((100, 30));
        let due = |now: i64| grid_after(Timestamp(now + 100), 30);
        for now in -200..200 {
            let (range, to) = renewal(Timestamp(now), purge);
            assert!(
                range.start.0 < now && now <= range.end.0,
                "{now} in {range:?}"
            );
            assert!(to.0 >= now, "{now} is renewed to {to:?}");
            assert_eq!(to.plus(100), due(now));
            for other in range.start.0 + 1..=range.end.0 {
                assert_eq!(due(other), due(now), "{other} and {now}");
            }
        }
        let last = *Timestamp::RANGE.end();
        assert_eq!(renewal(last, purge).1, last);
    }
}
