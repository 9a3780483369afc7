//! Which key's timer is next, where each key of a window has one of its own.
//!
//! How: a heap with an entry per key. A timer that moves on leaves its entry where it is: when that comes up, it is
//! put back at the time that then holds. An entry that no longer counts is dropped when it comes up, or with all
//! others like it when they are the most. The times are the keys' own state; this is an index of them.
//! Cost: O(log n) per timer that begins or comes up, of n keys.

use crate::event::Timestamp;
use crate::state::Slot;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Entries that are never looked through for those that no longer count.
const ENTRIES_MIN: usize = 64;

/// A key's timer: in the order of times, then of the numbers of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyTimer {
    pub(super) due: Timestamp,
    /// Which of the keys that came it is.
    pub(super) number: u64,
    pub(super) key: Slot,
}

/// Keys by when their timers are due.
#[derive(Debug, Default)]
pub(super) struct DueQueue {
    entries: BinaryHeap<Reverse<KeyTimer>>,
    /// By key, the time and number of the entry that counts.
    listed: Vec<Option<(Timestamp, u64)>>,
    /// Keys with such an entry.
    keys: usize,
}

impl DueQueue {
    /// Lists the timer of a key, unless it is listed at that time or before.
    #[inline]
    pub(super) fn list(&mut self, entry: KeyTimer) {
        let place = entry.key as usize;
        if self.listed.len() <= place {
            self.listed.resize(place + 1, None);
        }
        let before = self.listed[place];
        if before.is_none_or(|(due, number)| entry.due < due || number != entry.number) {
            self.keys += usize::from(before.is_none());
            self.listed[place] = Some((entry.due, entry.number));
            self.entries.push(Reverse(entry));
        }
    }

    /// Whether an entry may be due.
    #[inline]
    pub(super) fn reaches(&self, now: Timestamp) -> bool {
        self.entries.peek().is_some_and(|first| first.0.due <= now)
    }

    /// The first entry, if any.
    #[inline]
    pub(super) fn first(&self) -> Option<KeyTimer> {
        self.entries.peek().map(|first| first.0)
    }

    /// Whether an entry counts.
    #[inline]
    pub(super) fn counts(&self, entry: KeyTimer) -> bool {
        self.listed[entry.key as usize] == Some((entry.due, entry.number))
    }

    /// Takes the first entry out.
    pub(super) fn drop_first(&mut self) {
        if let Some(Reverse(entry)) = self.entries.pop()
            && self.counts(entry)
        {
            self.forget(entry.key);
        }
    }

    /// A key has no timer any more.
    pub(super) fn forget(&mut self, key: Slot) {
        let listed = self.listed.get_mut(key as usize).and_then(Option::take);
        self.keys -= usize::from(listed.is_some());
    }

    /// Drops the entries that no longer count, where these are the most.
    pub(super) fn tidy(&mut self) {
        if self.entries.len() > 2 * self.keys + ENTRIES_MIN {
            let listed = &self.listed;
            let counts = |e: &KeyTimer| listed[e.key as usize] == Some((e.due, e.number));
            self.entries.retain(|entry| counts(&entry.0));
        }
    }

    /// Forgets all timers.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.listed.clear();
        self.keys = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_no_longer_count_do_not_pile_up() {
        let mut dues = DueQueue::default();
        for number in 1..10_000u64 {
            let key = (number % 10) as Slot;
            dues.forget(key);
            let due = Timestamp(1_000_000 - number as i64);
            dues.list(KeyTimer { due, number, key });
            dues.tidy();
            assert!(dues.entries.len() <= 2 * 10 + ENTRIES_MIN + 1);
            let first = dues.first().filter(|entry| dues.counts(*entry));
            assert_eq!(first.map(|entry| entry.number), Some(number));
        }
    }
}
