//! How far an input has been sent: written by its one sender after every send, read at a cut by each worker, or by
//! whoever holds the barrier.
//!
//! Why: a worker that gets no row of an input would hold its position back for ever. A worker that has taken every
//! shipment begun in its lane has applied all that was published before it looked: rows enter the lane before they are
//! published.
//! How: a sequence lock of three atomics. The sequence is odd while the sender writes; a reader that meets it answers
//! nothing instead of waiting, and the position is then what the shipments said, which is behind but right.

use crate::event::Timestamp;
use crate::runtime::lane::stamp::Applied;
use crate::sync::{AtomicU64, Ordering, fence};

/// Stands for an input without a clock: it lies outside [`Timestamp::RANGE`].
const NO_CLOCK: u64 = Timestamp::MIN.0 as u64;

/// The last row that was sent to all who want it.
#[derive(Debug)]
pub(crate) struct Published {
    /// Restores that the sender knew of in the upper half; in the lower a count that is odd during a write.
    sequence: AtomicU64,
    number: AtomicU64,
    clock: AtomicU64,
}

impl Published {
    pub(crate) fn new() -> Self {
        Published {
            sequence: AtomicU64::new(0),
            number: AtomicU64::new(0),
            clock: AtomicU64::new(NO_CLOCK),
        }
    }

    /// Only the one sender of the input calls it. Three stores and a compiler fence on x86.
    #[inline]
    pub(crate) fn write(&self, rewinds: u32, at: Applied) {
        let count = (self.sequence.load(Ordering::Relaxed) as u32).wrapping_add(1);
        let sequence = |count: u32| (u64::from(rewinds) << 32) | u64::from(count);
        self.sequence.store(sequence(count), Ordering::Relaxed);
        // Release: the odd sequence is visible before the values.
        fence(Ordering::Release);
        self.number.store(at.number, Ordering::Relaxed);
        let clock = at.clock.map_or(NO_CLOCK, |c| c.0 as u64);
        self.clock.store(clock, Ordering::Relaxed);
        // Release: who reads the even sequence sees the values, and in the lanes what was sent before.
        let even = sequence(count.wrapping_add(1));
        self.sequence.store(even, Ordering::Release);
    }

    /// What was written last by a sender that knew of this many restores; `None` also while it writes.
    pub(crate) fn read(&self, rewinds: u32) -> Option<Applied> {
        let before = self.sequence.load(Ordering::Acquire);
        if before >> 32 != u64::from(rewinds) || before % 2 == 1 {
            return None;
        }
        let number = self.number.load(Ordering::Relaxed);
        let clock = self.clock.load(Ordering::Relaxed);
        // Acquire: values of a later write come with its odd sequence.
        fence(Ordering::Acquire);
        if self.sequence.load(Ordering::Relaxed) != before {
            return None;
        }
        let clock = (clock != NO_CLOCK).then_some(Timestamp(clock as i64));
        Some(Applied { number, clock })
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_a_sender_of_its_time_wrote() {
        let published = Published::new();
        assert_eq!(published.read(0), Some(Applied::default()));
        let at = |number, clock: Option<i64>| Applied {
            number,
            clock: clock.map(Timestamp),
        };
        published.write(0, at(7, Some(-5)));
        assert_eq!(published.read(0), Some(at(7, Some(-5))));
        assert_eq!(published.read(1), None);
        published.write(1, at(3, None));
        assert_eq!(
            (published.read(0), published.read(1)),
            (None, Some(at(3, None)))
        );
    }
}
