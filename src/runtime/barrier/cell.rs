//! Worker state behind the barrier: the worker reaches it while inside, the owner of the lock while nobody is.
//!
//! Why: a cut and a restore change the state of all workers from one thread; a lock around each state would cost the
//! hot path a second atomic operation for a conflict that the barrier already excludes.
//! How: access needs a guard of the barrier. The cell checks that the guard belongs to its slot or its barrier and
//! that the current thread still holds what the guard stands for.
//!
//! Invariants (P1–P4 are those of `barrier::presence`):
//! * I1: a thread touches the value only inside `with_entered` or `with_locked`, after the check of its guard, and
//!   the guard outlives the access because it is borrowed.
//! * I2: two threads that pass the check at a time do not exist. Entered and entered: the word of the slot is
//!   announced by one thread (P1). Locked and locked: one owner (P4). Entered and locked: the lock was given when no
//!   other thread was announced, and none is admitted before it is given back (P4, Dekker in `gate`); each stays so
//!   while its guard lives (P2, P3).
//! * I3: one thread never makes a second reference: `busy` is set while the first lives, and only whoever passed the
//!   check reads or writes it.
//! * I4: what one accessor wrote is visible to the next: leaving and opening are `Release`, locking and entering
//!   `Acquire` (`gate`).
#![allow(unsafe_code)]

use super::{EnterGuard, LockGuard, SlotKey, WorkerSlot};
use crate::sync::{AtomicBool, Ordering, UnsafeCell};

/// The state of one worker.
pub(crate) struct BarrierCell<T> {
    slot: SlotKey,
    /// Atomic for the compiler's sake only; see I3.
    busy: AtomicBool,
    /// The worker panicked in the middle of its work: written inside, read by the owner of the lock.
    torn: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: I2 and I4: at any time one thread reaches the value, by exclusive reference, so sharing the cell moves the
// value between threads and never shares it: `T: Send` is enough. The other fields are `Sync` themselves.
unsafe impl<T: Send> Sync for BarrierCell<T> {}

/// Clears `busy` when the access ends, also by a panic.
struct Access<'a>(&'a AtomicBool);

impl Drop for Access<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Says so when the worker's use ends by a panic; otherwise it is forgotten.
struct Torn<'a>(&'a AtomicBool);

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<T> BarrierCell<T> {
    /// The state that belongs to a worker's slot.
    pub(crate) fn new(slot: &WorkerSlot, value: T) -> Self {
        BarrierCell {
            slot: slot.key(),
            busy: AtomicBool::new(false),
            torn: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Works on the state as the worker whose slot it belongs to.
    ///
    /// Panics: if the guard is of another slot, or inside another access to this cell.
    #[inline]
    pub(crate) fn with_entered<R>(&self, guard: &EnterGuard<'_>, f: impl FnOnce(&mut T) -> R) -> R {
        assert!(
            self.slot.is_entered_by(guard),
            "worker state used with a guard of another slot"
        );
        self.access(|value| {
            let torn = Torn(&self.torn);
            let result = f(value);
            std::mem::forget(torn);
            result
        })
    }

    /// Whether a panic of the worker left the state half changed. Asked by the owner of the lock.
    pub(crate) fn is_torn(&self, guard: &LockGuard<'_>) -> bool {
        // Relaxed: the barrier orders it after the worker's last use (I4).
        self.slot.is_locked_by(guard) && self.torn.load(Ordering::Relaxed)
    }

    /// Works on the state as the owner of the barrier's lock.
    ///
    /// Panics: if the guard is of another barrier, or inside another access to this cell.
    pub(crate) fn with_locked<R>(&self, guard: &LockGuard<'_>, f: impl FnOnce(&mut T) -> R) -> R {
        assert!(
            self.slot.is_locked_by(guard),
            "worker state used with a lock of another barrier"
        );
        self.access(f)
    }

    /// Called with a guard checked and borrowed for the whole call (I1).
    #[inline]
    fn access<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Relaxed: only this thread is here (I2); the barrier orders it after the last one (I4).
        assert!(
            !self.busy.load(Ordering::Relaxed),
            "worker state used inside its own use"
        );
        self.busy.store(true, Ordering::Relaxed);
        let _access = Access(&self.busy);
        self.value.with_mut(|value| {
            // SAFETY: I1, I2: no other thread is here; I3: this thread has no other reference; I4 orders the rest.
            f(unsafe { &mut *value })
        })
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;
    use crate::runtime::barrier::ThreadBarrier;
    use crate::sync::{Arc, thread};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    const WAIT: Duration = Duration::from_secs(60);

    fn panics(f: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(f)).is_err()
    }

    #[test]
    fn worker_and_owner_reach_the_state() {
        let barrier = ThreadBarrier::new();
        let slot = barrier.worker_slot(0);
        let cell = BarrierCell::new(&slot, 1);
        let guard = slot.enter();
        cell.with_entered(&guard, |n| *n += 1);
        drop(guard);
        let lock = barrier.lock_for(WAIT).unwrap();
        assert_eq!(cell.with_locked(&lock, |n| *n), 2);
        // The owner may enter its own barrier.
        let guard = slot.enter();
        cell.with_entered(&guard, |n| *n += 1);
        drop(lock);
        assert_eq!(cell.with_entered(&guard, |n| *n), 3);
    }

    #[test]
    fn foreign_guards_are_refused() {
        let (barrier, other) = (ThreadBarrier::new(), ThreadBarrier::new());
        let (slot, second, strange) = (
            barrier.worker_slot(0),
            barrier.worker_slot(1),
            other.worker_slot(0),
        );
        let cell = BarrierCell::new(&slot, 1);
        assert!(panics(|| cell.with_entered(&second.enter(), |_| ())));
        assert!(panics(|| cell.with_entered(&strange.enter(), |_| ())));
        assert!(panics(|| cell.with_entered(&barrier.enter_guard(), |_| ())));
        let lock = other.lock_for(WAIT).unwrap();
        assert!(panics(|| cell.with_locked(&lock, |_| ())));
        cell.with_entered(&slot.enter(), |n| assert_eq!(*n, 1));
    }

    #[test]
    fn a_use_inside_a_use_panics_and_the_cell_stays_usable() {
        let barrier = ThreadBarrier::new();
        let slot = barrier.worker_slot(0);
        let cell = BarrierCell::new(&slot, 1);
        let guard = slot.enter();
        assert!(panics(|| cell.with_entered(&guard, |_| {
            cell.with_entered(&slot.enter(), |_| ());
        })));
        cell.with_entered(&guard, |n| *n = 5);
        assert_eq!(cell.with_entered(&guard, |n| *n), 5);
        drop(guard);
        // Whoever owns the lock is told of it.
        let lock = barrier.lock_for(WAIT).unwrap();
        assert!(cell.is_torn(&lock) && !BarrierCell::new(&slot, 1).is_torn(&lock));
    }

    #[test]
    fn plain_calls_do_not_take_a_guard_away() {
        let barrier = ThreadBarrier::new();
        let slot = barrier.worker_slot(0);
        let cell = BarrierCell::new(&slot, 1);
        let guard = slot.enter();
        barrier.exit();
        cell.with_entered(&guard, |_| ());
        drop(guard);
        let lock = barrier.lock_for(WAIT).unwrap();
        barrier.unlock();
        assert!(barrier.is_locked());
        cell.with_locked(&lock, |_| ());
        assert_eq!(barrier.stray_calls(), 2);
    }

    #[test]
    fn a_slot_that_never_left_is_refused_elsewhere() {
        let barrier = ThreadBarrier::new();
        let slot = barrier.worker_slot(0);
        std::mem::forget(slot.enter());
        let refused = thread::spawn(move || panics(|| drop(slot.enter()))).join();
        assert!(refused.unwrap());
        assert_eq!(barrier.get_active_threads(), 1);
    }

    #[test]
    fn cell_under_stress_is_never_shared() {
        let rounds = if cfg!(miri) { 30 } else { 20_000 };
        let barrier = Arc::new(ThreadBarrier::new());
        let slots: Vec<_> = (0..2).map(|i| barrier.worker_slot(i)).collect();
        let cells: Arc<Vec<_>> =
            Arc::new(slots.iter().map(|s| BarrierCell::new(s, (0, 0))).collect());
        let workers: Vec<_> = slots
            .into_iter()
            .enumerate()
            .map(|(i, slot)| {
                let cells = Arc::clone(&cells);
                thread::spawn(move || {
                    for _ in 0..rounds {
                        let guard = slot.enter();
                        cells[i].with_entered(&guard, |(a, b)| {
                            *a += 1;
                            *b += 1;
                        });
                    }
                })
            })
            .collect();
        for _ in 0..rounds / 10 {
            let lock = barrier.lock_for(WAIT).unwrap();
            for cell in cells.iter() {
                cell.with_locked(&lock, |(a, b)| assert_eq!(a, b));
            }
        }
        for worker in workers {
            worker.join().unwrap();
        }
        let lock = barrier.lock_for(WAIT).unwrap();
        for cell in cells.iter() {
            assert_eq!(cell.with_locked(&lock, |v| *v), (rounds, rounds));
        }
    }
}
