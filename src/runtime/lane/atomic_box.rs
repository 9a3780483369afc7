//! An atomic box: a place for one `Box<T>` that any thread may fill or empty.
//!
//! Why: handing over a batch is handing over a pointer; neither side waits for the other.
//! How: one `AtomicPtr`, null when empty. Each change of hands is one atomic operation on it.
//!
//! Invariants:
//! * I1: a non-null pointer in `ptr` came from `Box::into_raw`, and the place alone owns that box.
//! * I2: every pointer that leaves `ptr` leaves it by an atomic read-modify-write that puts another value in its
//!   place (or by `Drop`, which has the place to itself), so exactly one caller receives it, and with it the box.
//! * I3: putting a pointer in is at least `Release`, taking one out at least `Acquire`, so the contents written
//!   before the former are visible after the latter.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr;

use crate::sync::{AtomicPtr, Ordering};

/// A place for one box, shared between threads.
pub(crate) struct AtomicBox<T> {
    ptr: AtomicPtr<T>,
    owns: PhantomData<Box<T>>,
}

// SAFETY: a shared place hands out boxes and never references into them (I2), so sharing it moves values of `T`
// between threads and does nothing else; the move is ordered by I3. `Send` needs no word: the compiler derives it
// from `owns`.
unsafe impl<T: Send> Sync for AtomicBox<T> {}

impl<T> AtomicBox<T> {
    /// An empty place.
    pub(crate) fn new() -> Self {
        AtomicBox {
            ptr: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// Puts a box or nothing in and returns what was there.
    ///
    /// `SeqCst`: a later `SeqCst` load of the same thread is not overtaken (see `park`).
    #[inline]
    pub(crate) fn swap(&self, value: Option<Box<T>>) -> Option<Box<T>> {
        let new = value.map_or(ptr::null_mut(), Box::into_raw);
        Self::own(self.ptr.swap(new, Ordering::SeqCst))
    }

    /// Takes the box out.
    ///
    /// Acquire: pairs with the `SeqCst` of `swap` and `put_if_empty`.
    #[inline]
    pub(crate) fn take(&self) -> Option<Box<T>> {
        Self::own(self.ptr.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Puts a box in unless one is there, and then gives the new one back. `SeqCst` as `swap`.
    #[inline]
    pub(crate) fn put_if_empty(&self, value: Box<T>) -> Result<(), Box<T>> {
        if !self.is_empty() {
            return Err(value);
        }
        let new = Box::into_raw(value);
        match self
            .ptr
            .compare_exchange(ptr::null_mut(), new, Ordering::SeqCst, Ordering::Relaxed)
        {
            Ok(_) => Ok(()),
            // SAFETY: I1; the exchange failed, so `new` from the line above never entered the place and is still ours.
            Err(_) => Err(unsafe { Box::from_raw(new) }),
        }
    }

    /// Whether no box is there now. One relaxed load: the cache line stays shared while a thread polls.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ptr.load(Ordering::Relaxed).is_null()
    }

    /// The box of a pointer that has just left `ptr`.
    #[inline]
    fn own(left: *mut T) -> Option<Box<T>> {
        if left.is_null() {
            return None;
        }
        // SAFETY: I1 and I2; both callers got `left` from a read-modify-write that replaced it.
        Some(unsafe { Box::from_raw(left) })
    }
}

impl<T> Drop for AtomicBox<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;
    use crate::sync::{Arc, AtomicUsize, thread};

    /// Counts how many of its kind are alive.
    struct Alive(Arc<AtomicUsize>);

    impl Alive {
        fn new(count: &Arc<AtomicUsize>) -> Box<Self> {
            count.fetch_add(1, Ordering::Relaxed);
            Box::new(Alive(Arc::clone(count)))
        }
    }

    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn place_gives_back_what_was_put() {
        let place = AtomicBox::new();
        assert!(place.is_empty());
        assert!(place.take().is_none());
        assert!(place.put_if_empty(Box::new(1)).is_ok());
        assert_eq!(place.put_if_empty(Box::new(2)), Err(Box::new(2)));
        assert!(!place.is_empty());
        assert_eq!(place.swap(Some(Box::new(3))), Some(Box::new(1)));
        assert_eq!(place.swap(None), Some(Box::new(3)));
        assert!(place.is_empty());
    }

    #[test]
    fn place_frees_what_is_left() {
        let count = Arc::new(AtomicUsize::new(0));
        let place = AtomicBox::new();
        drop(place.swap(Some(Alive::new(&count))));
        drop(place.swap(Some(Alive::new(&count))));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(place);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn place_under_stress_gives_each_box_to_one_taker() {
        let rounds = if cfg!(miri) { 200 } else { 50_000 };
        let place = Arc::new(AtomicBox::new());
        let done = Arc::new(AtomicUsize::new(0));
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let place = Arc::clone(&place);
                let done = Arc::clone(&done);
                thread::spawn(move || {
                    let mut sum = 0;
                    loop {
                        let last = done.load(Ordering::Acquire) == 1;
                        match place.take() {
                            Some(value) => sum += *value,
                            None if last => return sum,
                            None => thread::yield_now(),
                        }
                    }
                })
            })
            .collect();
        for i in 1..=rounds {
            let mut next: Box<usize> = Box::new(i);
            while let Err(back) = place.put_if_empty(next) {
                next = back;
                thread::yield_now();
            }
        }
        done.store(1, Ordering::Release);
        let sum: usize = takers.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(sum, rounds * (rounds + 1) / 2);
    }
}
