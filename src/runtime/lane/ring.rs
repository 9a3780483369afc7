//! The lane from one producer to one worker: shipments in order, handed over as soon as the worker looks.
//!
//! Why: no row waits for a later one, and a busy worker gets rows in big shipments (natural batching).
//! How: three places made of atomic boxes, each written by one side and emptied by the other.
//!
//! ```text
//!               open slot: the shipment that is growing; put back after every row, taken by the worker at any time
//!   producer ─▶ closed ring: complete shipments, oldest first                                   ─▶ worker
//!            ◀─ return ring: emptied shipments, used again                                       ◀─
//! ```
//!
//! A ring slot is its own full/empty flag, so the sides share no counter: each keeps its index to itself. A shipment
//! gets the next sequence number when it becomes the open one. The worker delivers in that
//! order: it prefers the ring, then takes the open shipment; if the producer closed shipments and opened another one
//! between those two looks, the taken shipment is too early and waits in `early` until the ring, which then holds what
//! is missing (a closed shipment enters the ring before its successor enters the open slot), is read up to it.
//! Cost: a row is two swaps on a line that the worker takes only when it has nothing else to do. Nothing is allocated
//! once as many shipments exist as the lane ever held at a time. Full is an answer, never a wait.

use std::ops::{Deref, DerefMut};

use crossbeam::utils::CachePadded;

use super::atomic_box::AtomicBox;
use super::park::Waker;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering};

/// What travels: a value with its place in the order of the lane.
#[derive(Debug)]
pub(crate) struct Sequenced<T> {
    seq: u64,
    value: T,
}

impl<T> Sequenced<T> {
    /// A shipment that is not on its way yet.
    pub(crate) fn new(value: T) -> Box<Self> {
        Box::new(Sequenced { seq: 0, value })
    }
}

impl<T> Deref for Sequenced<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Sequenced<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// The lane has no room; what was to be sent comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full<R>(pub(crate) R);

/// A bounded queue of boxes: one side pushes, the other pops, each with an index of its own.
struct Ring<T> {
    // One cache line per slot: the slot being filled and the slot being emptied do not disturb each other.
    slots: Box<[CachePadded<AtomicBox<T>>]>,
}

impl<T> Ring<T> {
    fn new(capacity: usize) -> Self {
        let slots = (0..capacity.max(1).next_power_of_two())
            .map(|_| CachePadded::new(AtomicBox::new()))
            .collect();
        Ring { slots }
    }

    #[inline]
    fn at(&self, index: usize) -> &AtomicBox<T> {
        // The length is a power of two, so the mask keeps the index inside.
        &self.slots[index & (self.slots.len() - 1)]
    }

    /// Pushes at the pushing side's index.
    #[inline]
    fn push(&self, tail: &mut usize, value: Box<T>) -> Result<(), Box<T>> {
        self.at(*tail).put_if_empty(value)?;
        *tail = tail.wrapping_add(1);
        Ok(())
    }

    /// Pops at the popping side's index.
    #[inline]
    fn pop(&self, head: &mut usize) -> Option<Box<T>> {
        let slot = self.at(*head);
        if slot.is_empty() {
            return None;
        }
        let value = slot.take()?;
        *head = head.wrapping_add(1);
        Some(value)
    }
}

struct Shared<T> {
    open: CachePadded<AtomicBox<Sequenced<T>>>,
    closed: Ring<Sequenced<T>>,
    returned: Ring<Sequenced<T>>,
    producer_gone: CachePadded<AtomicBool>,
    /// Shipments that the producer has begun. On a line of its own: only a cut reads it.
    opened: CachePadded<AtomicU64>,
}

/// The sending side. Dropping it ends the lane; what was sent is still delivered.
pub(crate) struct Producer<T> {
    shared: Arc<Shared<T>>,
    waker: Waker,
    closed_tail: usize,
    returned_head: usize,
    next_seq: u64,
    /// The open slot may hold a shipment. False: it is empty for certain, as only this side fills it.
    maybe_open: bool,
    /// The open shipment takes no more rows and goes to the ring when there is room.
    complete: bool,
}

/// The worker's side. Once it is dropped the lane only fills up.
pub(crate) struct Consumer<T> {
    shared: Arc<Shared<T>>,
    closed_head: usize,
    returned_tail: usize,
    next_seq: u64,
    /// Taken from the open slot before its predecessors were read.
    early: Option<Box<Sequenced<T>>>,
}

/// A lane for `capacity` closed shipments (rounded up to a power of two) and one open one, to the worker of `waker`.
pub(crate) fn lane<T>(capacity: usize, waker: Waker) -> (Producer<T>, Consumer<T>) {
    let closed = Ring::new(capacity);
    // Beside the closed shipments: the open one, the early one, and one on each side in use.
    let returned = Ring::new(closed.slots.len() + 4);
    let shared = Arc::new(Shared {
        open: CachePadded::new(AtomicBox::new()),
        closed,
        returned,
        producer_gone: CachePadded::new(AtomicBool::new(false)),
        opened: CachePadded::new(AtomicU64::new(0)),
    });
    let producer = Producer {
        shared: Arc::clone(&shared),
        waker,
        closed_tail: 0,
        returned_head: 0,
        next_seq: 0,
        maybe_open: false,
        complete: false,
    };
    let consumer = Consumer {
        shared,
        closed_head: 0,
        returned_tail: 0,
        next_seq: 0,
        early: None,
    };
    (producer, consumer)
}

/// Puts the open shipment back when it goes, also when the closure that appends panics: accepted rows are not lost.
struct PutBack<'a, T> {
    open: &'a AtomicBox<Sequenced<T>>,
    waker: &'a Waker,
    shipment: Option<Box<Sequenced<T>>>,
}

impl<T> Drop for PutBack<'_, T> {
    fn drop(&mut self) {
        let before = self.open.swap(self.shipment.take());
        debug_assert!(before.is_none(), "only the producer fills the open slot");
        // Also after a panic: a worker that looked while the shipment was out of its slot may sleep now.
        self.waker.wake();
    }
}

impl<T> Producer<T> {
    /// Appends to the open shipment through `append`, which returns whether the shipment is complete now.
    ///
    /// A new open shipment is a recycled one or made by `make`. When there is no room `append` is not called.
    /// If `append` panics the shipment stays in the lane as `append` left it.
    #[inline]
    pub(crate) fn append(
        &mut self,
        make: impl FnOnce() -> T,
        append: impl FnOnce(&mut T) -> bool,
    ) -> Result<(), Full<()>> {
        let mut open = self.take_open();
        if self.complete && open.is_some() {
            open = match self.close(open) {
                Ok(()) => None,
                Err(Full(back)) => {
                    self.put_open(back);
                    return Err(Full(()));
                }
            };
        }
        let shipment = match open {
            Some(shipment) => shipment,
            None => self.open_next(make),
        };
        self.maybe_open = true;
        // Complete if `append` does not return: the shipment that it left takes no more rows.
        self.complete = true;
        let mut put_back = PutBack {
            open: &self.shared.open,
            waker: &self.waker,
            shipment: Some(shipment),
        };
        if let Some(shipment) = put_back.shipment.as_mut() {
            self.complete = append(&mut shipment.value);
        }
        drop(put_back);
        Ok(())
    }

    /// A shipment that came back emptied, to be filled again.
    #[inline]
    fn recycled(&mut self) -> Option<Box<Sequenced<T>>> {
        self.shared.returned.pop(&mut self.returned_head)
    }

    /// Whether the ring of closed shipments takes `shipments` more, at least 1: what a producer that got [`Full`] waits
    /// for.
    #[inline]
    pub(crate) fn has_room(&self, shipments: usize) -> bool {
        let closed = &self.shared.closed;
        // The worker empties slots in order: when the last one is empty, all before it are.
        let last = self.closed_tail.wrapping_add(shipments.max(1) - 1);
        shipments <= closed.slots.len() && closed.at(last).is_empty()
    }

    #[inline]
    fn take_open(&mut self) -> Option<Box<Sequenced<T>>> {
        if !self.maybe_open {
            return None;
        }
        self.maybe_open = false;
        self.shared.open.take()
    }

    #[inline]
    fn put_open(&mut self, shipment: Option<Box<Sequenced<T>>>) {
        self.maybe_open = true;
        drop(PutBack {
            open: &self.shared.open,
            waker: &self.waker,
            shipment,
        });
    }

    /// Moves an open shipment, if there is one, to the ring.
    #[inline]
    fn close(
        &mut self,
        open: Option<Box<Sequenced<T>>>,
    ) -> Result<(), Full<Option<Box<Sequenced<T>>>>> {
        let Some(shipment) = open else { return Ok(()) };
        self.shared
            .closed
            .push(&mut self.closed_tail, shipment)
            .map_err(|shipment| Full(Some(shipment)))?;
        self.waker.wake();
        Ok(())
    }

    #[inline]
    fn open_next(&mut self, make: impl FnOnce() -> T) -> Box<Sequenced<T>> {
        let mut shipment = match self.recycled() {
            Some(shipment) => shipment,
            None => Sequenced::new(make()),
        };
        shipment.seq = self.next_seq;
        self.next_seq += 1;
        // Relaxed: who relies on it has acquired something that this thread stored later (see `is_drained`).
        self.shared.opened.store(self.next_seq, Ordering::Relaxed);
        shipment
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // SeqCst swap: Release pairs with the Acquire in `Consumer::is_closed`; a read-modify-write for `wake`.
        self.shared.producer_gone.swap(true, Ordering::SeqCst);
        self.waker.wake();
    }
}

impl<T> Consumer<T> {
    /// The next shipment in the order of sending.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Box<Sequenced<T>>> {
        let due = self.next_seq;
        let shipment = match self.early.take_if(|early| early.seq == due) {
            Some(shipment) => shipment,
            None => self.pop_shared()?,
        };
        debug_assert_eq!(shipment.seq, due, "shipments are delivered in order");
        self.next_seq = shipment.seq + 1;
        Some(shipment)
    }

    #[inline]
    fn pop_shared(&mut self) -> Option<Box<Sequenced<T>>> {
        if let Some(shipment) = self.shared.closed.pop(&mut self.closed_head) {
            return Some(shipment);
        }
        if self.early.is_some() || self.shared.open.is_empty() {
            return None;
        }
        let shipment = self.shared.open.take()?;
        if shipment.seq == self.next_seq {
            return Some(shipment);
        }
        // Its predecessors entered the ring before it entered the slot, and the take acquired that.
        self.early = Some(shipment);
        self.shared.closed.pop(&mut self.closed_head)
    }

    /// Gives an emptied shipment back for reuse; frees it if the producer has enough.
    #[inline]
    pub(crate) fn recycle(&mut self, shipment: Box<Sequenced<T>>) {
        // What does not fit is freed here: the ring holds all shipments of the lane, so it was a foreign one.
        drop(self.shared.returned.push(&mut self.returned_tail, shipment));
    }

    /// Whether nothing is to be delivered now. Loads only.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.early.is_none()
            && self.shared.closed.at(self.closed_head).is_empty()
            && self.shared.open.is_empty()
    }

    /// Whether every shipment that the producer has begun was taken. Unlike [`Consumer::is_empty`] it is not deceived
    /// by a shipment that is out of its slot while the producer appends to it. What the producer sent before a store
    /// that the caller has acquired is counted.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        self.shared.opened.load(Ordering::Relaxed) == self.next_seq
    }

    /// Whether the producer is gone. If so, what [`Consumer::pop`] still gives is the rest.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the swap in `Producer::drop`, so all that was sent is visible to the next `pop`.
        self.shared.producer_gone.load(Ordering::Acquire)
    }

    /// Whether the producer is gone and all that it sent was delivered.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_closed() && self.is_empty()
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests;
