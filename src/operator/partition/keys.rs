//! The keys of a partition, where these are kept: to bound their number, and to forget those that have been idle.
//!
//! How: a key is renewed by its rows. When keys go is decided on a grid of times, so that of a row only counts at which
//! time of the grid its key may go, and most rows find their key renewed. At such a time it is known how many keys go,
//! and from then on they are gone; but they are taken out of the index, and forgotten by the operators of the
//! partition, a few in each step of the worker, so that no step is held up by all of them. A row of one that is gone
//! and still there takes it out first, so it finds nothing, as if all had gone at once.
//! Cost: a look-up per row, two while keys are on their way out; 16 bytes of state per key beside the key itself.

use super::PARTITION_KEYS_MAX;
use crate::event::{Batch, Column, Timestamp, Type};
use crate::operator::{Counters, counter};
use crate::state::{Cells, KeyIndex, Malformed, Slot, StateHolder, Visitor, encode_key, key_group};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// Not before anything.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// Keys that a step takes out at least: some microseconds. With assertions one, so that tests have more to do with keys
/// on their way out.
const KEYS_AT_ONCE: usize = if cfg!(debug_assertions) { 1 } else { 32 };

/// Of so many rows of a step one more key is taken out: a larger step takes more, in proportion.
const ROWS_PER_KEY: usize = 8;

/// Slots that are looked at for each key that may be taken out: most keys stay.
const SLOTS_PER_KEY: usize = 32;

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
    /// The latest time at which keys went: those seen last so long before it are gone.
    decided: Timestamp,
    /// How many of the others go at which time: an index.
    times: BTreeMap<Timestamp, usize>,
    /// Keys that are gone and still here.
    pending: usize,
    /// Keys that came since some were taken out, while others are on their way.
    came: usize,
    /// The slot that is looked at next for keys that are gone.
    next: Slot,
    /// Keys that were taken out and that operators still have.
    gone: Column,
    /// Operators forget single keys; otherwise all at once when they go.
    singly: bool,
    /// What rows of the times of the range, its end included, renew a key to.
    renews: (Range<Timestamp>, Timestamp),
    /// Keys that were taken out.
    purged: u64,
    /// Rows of keys beyond the bound.
    refused: u64,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    admitted: Vec<u32>,
}

impl KeptKeys {
    pub(crate) fn new(ty: Type, purge_us: Option<(i64, i64)>, keys_max: usize) -> Self {
        KeptKeys {
            index: KeyIndex::new(&[ty]),
            seen: Cells::default(),
            purge_us,
            keys_max,
            decided: Timestamp::MIN,
            times: BTreeMap::new(),
            pending: 0,
            came: 0,
            next: 0,
            gone: Column::new(ty),
            singly: false,
            renews: (NEVER..NEVER, NEVER),
            purged: 0,
            refused: 0,
            slots: Vec::new(),
            fresh: Vec::new(),
            admitted: Vec::new(),
        }
    }

    /// Keys are taken out a few at a time: operators can forget them so, and do nothing of a key that is gone without
    /// a row of it. `quiet_us`: how long after the last row of a key that begins to hold.
    pub(crate) fn forget_singly(&mut self, quiet_us: i64) {
        self.singly = self.idle_us().is_some_and(|idle| quiet_us <= idle);
    }

    /// All rows of a batch come, with these keys. False where there would be too many keys; then no row has come.
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
        if self.pending > 0 {
            self.come_back(keys, rows);
        }
        self.slots.clear();
        self.fresh.clear();
        self.index
            .slots_of(&[keys], rows, &mut self.slots, &mut self.fresh);
        self.seen.ensure(self.index.slots());
        for (slot, _) in &self.fresh {
            *self.seen.get_mut(*slot) = Timestamp::MIN;
        }
        if self.pending > 0 {
            self.came += self.fresh.len();
        }
        let keys = self.index.len() - self.pending;
        let excess = keys.saturating_sub(self.keys_max);
        excess.min(self.fresh.len())
    }

    /// Takes those out of the keys of so many rows that are gone: they begin anew.
    #[cold]
    fn come_back(&mut self, keys: &Column, rows: usize) {
        if self.index.len() + rows > PARTITION_KEYS_MAX {
            // What is gone must not count to bounds.
            return self.take_all_out();
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        self.index.find(&[keys], rows, &mut slots);
        for slot in &slots {
            if self.is_gone(*slot) {
                self.take_out(*slot);
            }
        }
        self.slots = slots;
    }

    #[inline]
    fn renew(&mut self, slot: Slot, batch: &Batch, row: usize) {
        // A row that waits for its time is not idle until then.
        let now = batch.at[row].max(batch.clock_of(row));
        if now <= self.renews.0.start || now > self.renews.0.end {
            self.renews = renewal(now, self.purge_us);
        }
        let (seen, to) = (*self.seen.get(slot), self.renews.1);
        if seen < to {
            self.renew_to(slot, seen, to);
        }
    }

    fn renew_to(&mut self, slot: Slot, seen: Timestamp, to: Timestamp) {
        *self.seen.get_mut(slot) = to;
        let Some(purge) = self.purge_us else { return };
        *self.times.entry(goes_at(to, purge)).or_default() += 1;
        if seen == Timestamp::MIN {
            return;
        }
        let before = goes_at(seen, purge);
        if let Some(keys) = self.times.get_mut(&before) {
            *keys -= 1;
            if *keys == 0 {
                self.times.remove(&before);
            }
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

    /// When keys go next.
    #[inline]
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.times.first_key_value().map(|(time, _)| *time)
    }

    /// How long a key that is seen now is kept at least.
    pub(crate) fn idle_us(&self) -> Option<i64> {
        self.purge_us.map(|(idle, _)| idle)
    }

    /// The clock reaches `now`, a time of the grid: from here on the keys are gone that have been idle.
    pub(crate) fn decide(&mut self, now: Timestamp) {
        while let Some(first) = self.times.first_entry().filter(|e| *e.key() <= now) {
            self.pending += first.remove();
        }
        self.decided = now;
        if !self.singly {
            self.take_all_out();
        }
    }

    /// Whether keys are gone and still here.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Takes keys out that are gone, as many as a step of so many rows may.
    pub(crate) fn take_some_out(&mut self, rows: usize) {
        if !self.singly {
            // Keys of a revision of another plan.
            return self.take_all_out();
        }
        let keys = KEYS_AT_ONCE.max(rows / ROWS_PER_KEY);
        // Beside these as many as came, so that those on their way out do not pile up.
        let keys = keys + self.came;
        self.take_out_of(keys.saturating_mul(SLOTS_PER_KEY), keys);
    }

    /// Takes all keys out that are gone.
    pub(crate) fn take_all_out(&mut self) {
        self.take_out_of(usize::MAX, usize::MAX);
        debug_assert_eq!(self.pending, 0, "keys that are gone are found");
    }

    /// Looks at so many slots, and takes up to `keys` keys out.
    fn take_out_of(&mut self, slots: usize, keys: usize) {
        self.came = 0;
        let all = self.index.slots();
        let mut left = keys.min(self.pending);
        for _ in 0..slots.min(all) {
            if left == 0 {
                return;
            }
            let slot = self.next;
            self.next = match slot as usize + 1 < all {
                true => slot + 1,
                false => 0,
            };
            if self.is_gone(slot) {
                self.take_out(slot);
                left -= 1;
            }
        }
    }

    /// Whether the key of a slot is gone and still here; no where there is none.
    #[inline]
    fn is_gone(&self, slot: Slot) -> bool {
        let Some((idle, _)) = self.purge_us else {
            return false;
        };
        let seen = self.seen.find(slot).copied();
        seen.is_some_and(|seen| seen.plus(idle) <= self.decided) && self.index.holds(slot)
    }

    fn take_out(&mut self, slot: Slot) {
        self.index.push_key(slot, &mut self.gone);
        self.index.remove(slot);
        self.seen.reset(slot);
        self.pending -= 1;
        self.purged += 1;
    }

    /// Keys were taken out, and operators have not forgotten them yet.
    #[inline]
    pub(crate) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Takes these keys, and whether operators forget single keys; [`KeptKeys::put_back`] follows.
    pub(crate) fn take_gone(&mut self) -> (Column, bool) {
        let empty = Column::new(self.gone.type_of());
        (std::mem::replace(&mut self.gone, empty), self.singly)
    }

    /// Operators have forgotten these keys.
    pub(crate) fn put_back(&mut self, mut gone: Column) {
        gone.clear();
        self.gone = gone;
    }

    /// Forgets keys of key groups that are not kept.
    pub(crate) fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        let keep = |key: &[u8]| keep(key_group(key));
        for slot in self.index.remove_not_kept(&[0], &keep) {
            self.seen.reset(slot);
        }
        self.rebuild();
    }

    pub(crate) fn count(&self, into: &mut Counters) {
        into.purged_keys += self.purged + self.pending as u64;
        into.limit_rows += self.refused;
    }

    /// Counts the keys by when they go.
    fn rebuild(&mut self) {
        (self.pending, self.next, self.came) = (0, 0, 0);
        self.times.clear();
        let Some(purge) = self.purge_us else { return };
        for slot in self.index.held_slots() {
            let seen = *self.seen.get(slot);
            match seen.plus(purge.0) <= self.decided {
                true => self.pending += 1,
                false => *self.times.entry(goes_at(seen, purge)).or_default() += 1,
            }
        }
    }
}

/// Keys of a column, as bytes.
pub(crate) fn as_bytes(keys: &Column) -> Gone {
    let bytes = |row| {
        let mut key = Vec::new();
        encode_key(&[keys], row, &mut key);
        key
    };
    (0..keys.len()).map(bytes).collect()
}

/// When a key goes that was seen last at a time.
fn goes_at(seen: Timestamp, (idle, grid): (i64, i64)) -> Timestamp {
    grid_after(seen.plus(idle), grid)
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
        visitor.newer_register(&mut self.decided);
        if visitor.is_loading() {
            let is_known = |slot: Slot| {
                let seen = self.seen.find(slot);
                seen.is_some_and(|seen| Timestamp::RANGE.contains(seen))
            };
            let are_known = self.index.held_slots().all(is_known);
            if !are_known {
                return visitor.fail(Malformed::new("a key was seen at no time"));
            }
            self.rebuild();
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

    /// When keys go next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(KeptKeys::due).min()
    }

    /// Whether keys are gone and still there.
    pub(crate) fn are_pending(&self) -> bool {
        self.0.iter().any(KeptKeys::is_pending)
    }

    /// Whether operators have keys to forget.
    #[inline]
    pub(crate) fn have_gone(&self) -> bool {
        self.0.iter().any(KeptKeys::has_gone)
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

    /// The rows of some keys, all at one time.
    fn rows(keys: std::ops::Range<i64>, at: i64) -> (Column, Batch) {
        let mut column = Column::new(Type::Long);
        let mut batch = Batch::default();
        for key in keys {
            column.push_scalar(crate::event::Scalar::Long(key));
            batch.at.push(Timestamp(at));
        }
        (column, batch)
    }

    fn purged(keys: &KeptKeys) -> u64 {
        let mut counters = Counters::default();
        keys.count(&mut counters);
        counters.purged_keys
    }

    #[test]
    fn keys_that_are_gone_are_taken_out_a_few_at_a_time() {
        let mut kept = KeptKeys::new(Type::Long, Some((100, 50)), 1000);
        kept.forget_singly(100);
        let (keys, batch) = rows(0..1000, 10);
        assert!(kept.see_all(&keys, &batch));
        let (keys, batch) = rows(0..10, 60);
        assert!(kept.see_all(&keys, &batch));
        assert_eq!(kept.due(), Some(Timestamp(150)));
        kept.decide(Timestamp(150));
        assert_eq!(kept.due(), Some(Timestamp(200)));
        assert_eq!((purged(&kept), kept.index.len()), (990, 1000));
        // One that comes back begins anew; others may come, as if all were out.
        let (keys, batch) = rows(5..15, 160);
        assert!(kept.see_all(&keys, &batch));
        assert_eq!(kept.take_gone().0.len(), 5);
        let (keys, batch) = rows(2000..2985, 160);
        assert!(kept.see_all(&keys, &batch));
        assert_eq!(purged(&kept), 990);
        let (keys, batch) = rows(3000..3001, 160);
        assert!(!kept.see_all(&keys, &batch), "there are a thousand");
        // As many as came, then a few in each step, or more in a large one.
        let mut out = Vec::new();
        while kept.is_pending() {
            kept.take_some_out(if out.len() < 3 { 1 } else { 80 * ROWS_PER_KEY });
            let (gone, singly) = kept.take_gone();
            assert!(singly);
            out.push(gone.len());
        }
        assert_eq!(out, [985]);
        assert_eq!((purged(&kept), kept.index.len()), (990, 1000));
        kept.decide(Timestamp(200));
        kept.decide(Timestamp(300));
        assert_eq!((purged(&kept), kept.due()), (1990, None));
        while kept.is_pending() {
            kept.take_some_out(if out.len() < 4 { 1 } else { 80 * ROWS_PER_KEY });
            out.push(kept.take_gone().0.len());
        }
        assert_eq!(out[1..5], [KEYS_AT_ONCE, KEYS_AT_ONCE, KEYS_AT_ONCE, 80]);
        assert_eq!((out.iter().sum::<usize>(), kept.index.len()), (1985, 0));
    }

    #[test]
    fn keys_that_came_before_others_went_hurry_nobody() {
        let mut kept = KeptKeys::new(Type::Long, Some((100, 50)), 1000);
        kept.forget_singly(100);
        let (keys, batch) = rows(0..1000, 10);
        assert!(kept.see_all(&keys, &batch));
        kept.decide(Timestamp(150));
        kept.take_some_out(1);
        assert_eq!(kept.take_gone().0.len(), KEYS_AT_ONCE);
    }

    #[test]
    fn all_go_at_once_where_operators_hold_them_for_longer() {
        let mut kept = KeptKeys::new(Type::Long, Some((100, 50)), 1000);
        kept.forget_singly(101);
        let (keys, batch) = rows(0..1000, 10);
        assert!(kept.see_all(&keys, &batch));
        kept.decide(Timestamp(150));
        let (gone, singly) = kept.take_gone();
        assert!(!singly && !kept.is_pending());
        assert_eq!(gone.len(), 1000);
    }
}
