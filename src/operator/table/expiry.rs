//! How long the rows of a table live: until the clock reaches the time of their last write and a while more.
//!
//! How: a heap of due times, with one entry for most rows. A write that puts the end of a row off leaves its entry
//! where it is; when its turn comes it is put back at the time that holds then. So a write costs no more than a
//! compare, and a due time may be one at which nothing ends.
//! Cost: 8 bytes of state per slot, 24 beside it; O(log n) per row and `ttl`.

use crate::event::Timestamp;
use crate::state::{Cells, Malformed, Slot};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No entry in the queue.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// When rows end.
#[derive(Debug)]
pub(super) struct Expiry {
    ttl_us: i64,
    /// When each row was last written, by slot.
    pub(super) written: Cells<Timestamp>,
    /// An index: at the latest at this time the row in this slot is to be looked at.
    queue: BinaryHeap<Reverse<(Timestamp, Slot)>>,
    /// The entry of each slot that counts.
    queued: Vec<Timestamp>,
}

impl Expiry {
    pub(super) fn new(ttl_us: i64) -> Self {
        Expiry {
            ttl_us,
            written: Cells::default(),
            queue: BinaryHeap::new(),
            queued: Vec::new(),
        }
    }

    /// Whether a row's time is over when the clock stands here.
    #[inline]
    pub(super) fn is_over(&self, slot: Slot, clock: Timestamp) -> bool {
        self.end(slot) <= clock
    }

    /// Whether no row that is written when the clock is at `from` or later ends before it is past `to`.
    pub(super) fn outlasts(&self, from: Timestamp, to: Timestamp) -> bool {
        from.plus(self.ttl_us) > to
    }

    /// A row was written that was not there.
    pub(super) fn begin(&mut self, slot: Slot, at: Timestamp) {
        self.written.ensure(slot as usize + 1);
        *self.written.get_mut(slot) = at;
        self.enter(slot);
    }

    /// A row was written again. One that comes out of order does not shorten its life.
    pub(super) fn renew(&mut self, slot: Slot, at: Timestamp) {
        if *self.written.get(slot) < at {
            *self.written.get_mut(slot) = at;
        }
    }

    /// When it must be asked next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.queue.peek().map(|entry| entry.0.0)
    }

    /// A row whose time is over, if there is one; `is_held` says which slots hold a row.
    pub(super) fn next_over(
        &mut self,
        now: Timestamp,
        is_held: impl Fn(Slot) -> bool,
    ) -> Option<Slot> {
        while self.due().is_some_and(|due| due <= now) {
            let Reverse((due, slot)) = self.queue.pop()?;
            if self.queued[slot as usize] != due {
                continue;
            }
            self.queued[slot as usize] = NEVER;
            match is_held(slot) {
                true if self.is_over(slot, now) => return Some(slot),
                true => self.enter(slot),
                false => {}
            }
        }
        None
    }

    /// Makes the index of these rows, after checking what was loaded.
    pub(super) fn rebuild(&mut self, held: &[Slot], slots: usize) -> Result<(), Malformed> {
        self.queue.clear();
        self.queued.clear();
        if self.written.len() != slots {
            return Err(Malformed::new("a table has other times than rows"));
        }
        for slot in held {
            if !Timestamp::RANGE.contains(self.written.get(*slot)) {
                return Err(Malformed::new("a row was written at no time"));
            }
            self.enter(*slot);
        }
        Ok(())
    }

    /// When a row ends that nobody writes again.
    pub(super) fn end(&self, slot: Slot) -> Timestamp {
        self.written.get(slot).plus(self.ttl_us)
    }

    /// Sees to it that a row is looked at when its time is over.
    fn enter(&mut self, slot: Slot) {
        let (end, place) = (self.end(slot), slot as usize);
        if self.queued.len() <= place {
            self.queued.resize(place + 1, NEVER);
        }
        if end < self.queued[place] {
            self.queued[place] = end;
            self.queue.push(Reverse((end, slot)));
        }
    }
}
