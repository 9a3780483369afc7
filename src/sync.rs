//! Atomics, locks and threads: those of std, or loom's under `--cfg eventflux_loom`.
//!
//! Why: loom tries the interleavings of the lock-free parts only if they touch memory through its own types. This is
//! the one file of the crate that names `std::sync::atomic`; what is built on it is listed in `runtime`.

#[cfg(not(eventflux_loom))]
mod imp {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;

    /// `std::cell::UnsafeCell` with loom's closure access.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// A cell with a value.
        pub(crate) fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        /// Passes a pointer to the value; the caller proves that nobody else uses it meanwhile.
        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// See the other build's.
    #[inline(always)]
    pub(crate) fn after_seq_cst_rmw() {}
}

#[cfg(eventflux_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread;

    /// Stands between a `SeqCst` read-modify-write and a `SeqCst` load that must not be overtaken by it.
    ///
    /// In C++20 (atomics.order, 4.1–4.3) and on every target both accesses being `SeqCst` is enough, and on x86 the
    /// `lock`ed instruction is the full barrier. Loom weakens `SeqCst` accesses to `AcqRel` and gives only fences a
    /// total order, so under loom this is a fence; in the other build it is nothing.
    pub(crate) fn after_seq_cst_rmw() {
        fence(Ordering::SeqCst);
    }
}

pub(crate) use imp::*;

use std::sync::PoisonError;
use std::sync::atomic::AtomicU64 as Counter;
use std::time::Duration;

// Of std in both builds: it orders nothing, so loom need not see it, and loom has no statics.
static LAST_ID: Counter = Counter::new(0);

/// A number that this process has not given before and that is not 0.
pub(crate) fn next_id() -> u64 {
    LAST_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
}

/// Locks; what a panicking thread left behind is used as it is (each use here keeps its value whole at all times).
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification; as [`lock`] about panics.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification at most `timeout`; may end early.
pub(crate) fn wait_for<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> MutexGuard<'a, T> {
    match condvar.wait_timeout(guard, timeout) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}
