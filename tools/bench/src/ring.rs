//! A ring between two threads, written by hand: what a lane is compared with.
//!
//! Four words per slot, so a slot is 32 bytes. All words are atomics with relaxed order, which on this machine are
//! plain moves; `head` and `tail` publish them. One thread pushes, one pops.

use std::sync::atomic::{AtomicU64, Ordering};

/// A row of the ring.
pub type RingRow = [u64; 4];

/// Keeps what it holds on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU64);

/// A ring of slots; its number is a power of two.
pub struct Ring {
    slots: Box<[[AtomicU64; 4]]>,
    /// Slots pushed since the start.
    tail: Line,
    /// Slots popped since the start.
    head: Line,
}

impl Ring {
    /// A ring of `slots` slots, rounded up to a power of two.
    pub fn new(slots: usize) -> Ring {
        Ring {
            slots: (0..slots.next_power_of_two())
                .map(|_| Default::default())
                .collect(),
            tail: Line::default(),
            head: Line::default(),
        }
    }

    /// The end that pushes; one at a time.
    pub fn pusher(&self) -> Pusher<'_> {
        Pusher {
            ring: self,
            tail: self.tail.0.load(Ordering::Acquire),
            head: self.head.0.load(Ordering::Acquire),
        }
    }

    /// The end that pops; one at a time.
    pub fn popper(&self) -> Popper<'_> {
        Popper {
            ring: self,
            head: self.head.0.load(Ordering::Acquire),
            tail: 0,
        }
    }

    fn slot(&self, number: u64) -> &[AtomicU64; 4] {
        &self.slots[number as usize & (self.slots.len() - 1)]
    }
}

/// The end that pushes.
pub struct Pusher<'a> {
    ring: &'a Ring,
    tail: u64,
    /// `head` as it was seen last.
    head: u64,
}

impl Pusher<'_> {
    /// Writes a slot that the other end does not see yet; waits while the ring is full.
    #[inline]
    pub fn write(&mut self, slot: RingRow) {
        while self.tail - self.head == self.ring.slots.len() as u64 {
            self.publish();
            std::hint::spin_loop();
            self.head = self.ring.head.0.load(Ordering::Acquire);
        }
        for (to, word) in self.ring.slot(self.tail).iter().zip(slot) {
            to.store(word, Ordering::Relaxed);
        }
        self.tail += 1;
    }

    /// Shows the other end all that was written.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.tail.0.store(self.tail, Ordering::Release);
    }
}

/// The end that pops.
pub struct Popper<'a> {
    ring: &'a Ring,
    head: u64,
    tail: u64,
}

impl Popper<'_> {
    /// Takes every slot that is there, then gives their room back; answers their number.
    #[inline]
    pub fn pop_all(&mut self, mut each: impl FnMut(RingRow)) -> u64 {
        self.tail = self.ring.tail.0.load(Ordering::Acquire);
        let number = self.tail - self.head;
        while self.head < self.tail {
            let slot = self.ring.slot(self.head);
            each(std::array::from_fn(|i| slot[i].load(Ordering::Relaxed)));
            self.head += 1;
        }
        if number > 0 {
            self.ring.head.0.store(self.head, Ordering::Release);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_popped_once_and_in_order() {
        const ROWS: u64 = 10_000;
        let ring = Ring::new(64);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut pusher = ring.pusher();
                for i in 0..ROWS {
                    pusher.write([i, i + 1, i + 2, i + 3]);
                    if i % 7 == 0 || i + 1 == ROWS {
                        pusher.publish();
                    }
                }
            });
            let mut popper = ring.popper();
            let mut next = 0;
            while next < ROWS {
                popper.pop_all(|slot| {
                    assert_eq!(slot, [next, next + 1, next + 2, next + 3]);
                    next += 1;
                });
                std::thread::yield_now();
            }
        });
    }
}
