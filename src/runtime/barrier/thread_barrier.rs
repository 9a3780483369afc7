//! The barrier around processing: threads enter before they touch worker state; a locker waits until all have left.
//!
//! Why: a consistent cut and a restore need one moment at which no row is half processed, and nothing else may cost
//! the hot path a lock.
//! How: a worker announces itself in a word of its own (`gate`), once per step; what a thread holds is noted in the
//! thread (`presence`), so that entering again costs a count and a lock from inside is refused.
//! Cost: entering and leaving is one atomic swap, one load of a shared line and one store, for any number of workers.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::gate::{Gate, Word};
use super::muster::Muster;
use super::presence::{self, By, Refusal};
use crate::sync::Arc;

/// How long [`ThreadBarrier::lock`] waits: longer than any step, shorter than the patience of a health check.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Admits threads that process rows, and stops them all at a step border.
///
/// Entering is re-entrant: a thread that is inside enters again at once, also while another thread waits for the
/// lock. Locking is re-entrant for the owner. A thread that ends leaves what it entered and unlocks what it locked.
///
/// ```
/// let barrier = eventflux::ThreadBarrier::new();
/// barrier.enter();
/// // process
/// barrier.exit();
///
/// barrier.lock();
/// // nobody is inside
/// barrier.unlock();
/// ```
pub struct ThreadBarrier {
    gate: Arc<Gate>,
}

/// What came of [`ThreadBarrier::lock`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockOutcome {
    /// The caller owns the barrier until it unlocks.
    Locked,
    /// Threads stayed inside for too long. The barrier is open again.
    Stuck {
        /// Workers that were inside.
        workers: Vec<u16>,
        /// How long the caller waited.
        waited: Duration,
    },
    /// The calling thread is itself inside, so waiting would never end.
    InsideCallback,
}

/// Why the barrier was not locked. It is open again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Threads stayed inside for too long, or another thread kept the lock.
    #[error(
        "barrier not locked after {waited:?}: inside are workers {workers:?} and {external} other threads{}",
        if *.locked { ", and another thread owns the lock" } else { "" }
    )]
    Stuck {
        /// Workers that were inside.
        workers: Vec<u16>,
        /// Threads inside that are no workers.
        external: usize,
        /// Whether another thread owned the lock all the while.
        locked: bool,
        /// How long the caller waited.
        waited: Duration,
    },
    /// The calling thread is itself inside, so waiting would never end.
    #[error("barrier locked from inside a callback; lock it from a thread that is not processing")]
    InsideCallback,
}

impl LockError {
    /// The workers that were inside, and for how many milliseconds they were waited for; `None` for a caller that was
    /// itself inside.
    pub(crate) fn stuck(self) -> Option<(Vec<usize>, u64)> {
        match self {
            LockError::Stuck {
                workers, waited, ..
            } => Some((
                workers.into_iter().map(usize::from).collect(),
                u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            )),
            LockError::InsideCallback => None,
        }
    }
}

impl ThreadBarrier {
    /// An open barrier with nobody inside.
    pub fn new() -> Self {
        ThreadBarrier {
            gate: Arc::new(Gate::new()),
        }
    }

    /// Enters, waiting while the barrier is locked. Each call is undone by one [`ThreadBarrier::exit`].
    pub fn enter(&self) {
        presence::enter_external(&self.gate, By::Call);
    }

    /// Leaves. Without a call of `enter` before it on this thread it does nothing and is counted.
    pub fn exit(&self) {
        presence::exit(&self.gate, By::Call);
    }

    /// Enters until the guard is dropped, also by a panic.
    pub fn enter_guard(&self) -> EnterGuard<'_> {
        presence::enter_external(&self.gate, By::Guard);
        EnterGuard {
            gate: &self.gate,
            word: None,
            of_this_thread: PhantomData,
        }
    }

    /// Stops entries and waits, at most [`LOCK_WAIT`], until nobody is inside.
    ///
    /// Only after [`LockOutcome::Locked`] is it undone by [`ThreadBarrier::unlock`].
    pub fn lock(&self) -> LockOutcome {
        match self.lock_by(By::Call, LOCK_WAIT, &|| false) {
            Ok(()) => LockOutcome::Locked,
            Err(LockError::Stuck {
                workers, waited, ..
            }) => LockOutcome::Stuck { workers, waited },
            Err(LockError::InsideCallback) => LockOutcome::InsideCallback,
        }
    }

    /// Opens the barrier. Without a lock of this thread's it does nothing and is counted.
    pub fn unlock(&self) {
        presence::unlock(&self.gate, By::Call);
    }

    /// Locks until the guard is dropped, waiting at most `wait_max`.
    ///
    /// Errors: [`LockError`]; the barrier is open again.
    pub fn lock_for(&self, wait_max: Duration) -> Result<LockGuard<'_>, LockError> {
        self.lock_unless(wait_max, &|| false)
    }

    /// As [`ThreadBarrier::lock_for`], giving up as soon as the closure says so.
    pub(crate) fn lock_unless(
        &self,
        wait_max: Duration,
        give_up: &dyn Fn() -> bool,
    ) -> Result<LockGuard<'_>, LockError> {
        self.lock_by(By::Guard, wait_max, give_up)?;
        Ok(self.lock_guard())
    }

    /// Whether this thread owns the lock.
    pub(crate) fn is_locked_here(&self) -> bool {
        presence::owns_lock(&self.gate)
    }

    /// Threads inside now; each counts once, however often it entered.
    ///
    /// For people and metrics: a thread that a locked barrier is turning away is counted for that moment.
    pub fn get_active_threads(&self) -> usize {
        self.gate.active_threads()
    }

    /// Whether the barrier is locked or a locker waits for those inside.
    pub fn is_locked(&self) -> bool {
        self.gate.is_closed()
    }

    /// Calls of `exit` and `unlock` that had nothing to undo.
    pub fn stray_calls(&self) -> u64 {
        self.gate.stray_calls()
    }

    /// A slot for a worker thread; `worker` is the number that [`LockError::Stuck`] names.
    pub(crate) fn worker_slot(&self, worker: u16) -> WorkerSlot {
        WorkerSlot {
            gate: Arc::clone(&self.gate),
            word: self.gate.add_word(worker),
            not_shared: PhantomData,
        }
    }

    /// Calls to `workers` workers that enter this barrier.
    pub(crate) fn muster<O, A>(&self, workers: usize) -> Muster<O, A> {
        Muster::new(&self.gate, workers)
    }

    /// Locks, giving up after a number of looks: a deadline for loom, which has no clock.
    #[cfg(eventflux_loom)]
    pub(crate) fn lock_within(&self, looks: usize) -> Option<LockGuard<'_>> {
        let mut left = looks;
        let give_up = || {
            left = left.saturating_sub(1);
            left == 0
        };
        presence::lock(&self.gate, By::Guard, give_up).ok()?;
        Some(self.lock_guard())
    }

    fn lock_by(
        &self,
        by: By,
        wait_max: Duration,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), LockError> {
        let start = Instant::now();
        // Loom has no clock: its models wait for as long as it takes.
        let give_up = || give_up() || (!cfg!(eventflux_loom) && start.elapsed() >= wait_max);
        presence::lock(&self.gate, by, give_up).map_err(|refusal| match refusal {
            Refusal::Inside => LockError::InsideCallback,
            Refusal::GivenUp(occupants) => LockError::Stuck {
                workers: occupants.workers,
                external: occupants.external,
                locked: occupants.locked,
                waited: start.elapsed(),
            },
        })
    }

    fn lock_guard(&self) -> LockGuard<'_> {
        LockGuard {
            gate: &self.gate,
            of_this_thread: PhantomData,
        }
    }
}

impl Default for ThreadBarrier {
    fn default() -> Self {
        ThreadBarrier::new()
    }
}

impl std::fmt::Debug for ThreadBarrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadBarrier")
            .field("locked", &self.is_locked())
            .field("active_threads", &self.get_active_threads())
            .finish()
    }
}

/// A worker's own place to enter at. It moves between threads but is used by one at a time.
pub(crate) struct WorkerSlot {
    gate: Arc<Gate>,
    word: Arc<Word>,
    // Sharing it would let two threads find the word taken by the other, which panics.
    not_shared: PhantomData<std::cell::Cell<()>>,
}

impl WorkerSlot {
    /// Enters until the guard is dropped, waiting while the barrier is locked.
    ///
    /// Panics: if the slot's last user never left and the slot then moved to this thread.
    #[inline]
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        presence::enter_word(&self.gate, &self.word);
        EnterGuard {
            gate: &self.gate,
            word: Some(&self.word),
            of_this_thread: PhantomData,
        }
    }

    /// The slot's identity, for the state that belongs to it.
    pub(super) fn key(&self) -> SlotKey {
        SlotKey {
            gate: Arc::clone(&self.gate),
            word: Arc::clone(&self.word),
        }
    }
}

impl Drop for WorkerSlot {
    fn drop(&mut self) {
        self.gate.remove_word(&self.word);
    }
}

/// The thread is inside while this lives. It stays on its thread.
///
/// ```compile_fail,E0277
/// let barrier = eventflux::ThreadBarrier::new();
/// let guard = barrier.enter_guard();
/// std::thread::scope(|s| {
///     s.spawn(move || drop(guard));
/// });
/// ```
#[must_use = "the thread leaves when the guard is dropped"]
pub struct EnterGuard<'a> {
    gate: &'a Arc<Gate>,
    word: Option<&'a Arc<Word>>,
    of_this_thread: PhantomData<*const ()>,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard")
            .field("inside", &self.word.is_some())
            .finish_non_exhaustive()
    }
}

impl Drop for EnterGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.word {
            Some(word) => presence::exit_word(self.gate, word),
            None => presence::exit(self.gate, By::Guard),
        }
    }
}

/// The thread owns the barrier while this lives. It stays on its thread.
///
/// ```compile_fail,E0277
/// let barrier = eventflux::ThreadBarrier::new();
/// let guard = barrier.lock_for(eventflux::LOCK_WAIT).unwrap();
/// std::thread::scope(|s| {
///     s.spawn(move || drop(guard));
/// });
/// ```
#[must_use = "the barrier opens when the guard is dropped"]
pub struct LockGuard<'a> {
    gate: &'a Arc<Gate>,
    of_this_thread: PhantomData<*const ()>,
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        presence::unlock(self.gate, By::Guard);
    }
}

impl std::fmt::Debug for LockGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LockGuard")
    }
}

/// Which slot of which barrier.
pub(super) struct SlotKey {
    gate: Arc<Gate>,
    word: Arc<Word>,
}

impl SlotKey {
    /// Whether the guard is of this slot and the current thread is announced there.
    ///
    /// If so it stays true while the guard lives (P2, P3), and is true of no other thread (P1).
    #[inline]
    pub(super) fn is_entered_by(&self, guard: &EnterGuard<'_>) -> bool {
        guard.word.is_some_and(|word| Arc::ptr_eq(word, &self.word))
            && presence::is_in(&self.gate, &self.word)
    }

    /// Whether the guard is of this barrier and the current thread owns the lock.
    ///
    /// If so it stays true while the guard lives (P3), is true of no other thread (P4), and no other thread is
    /// inside.
    pub(super) fn is_locked_by(&self, guard: &LockGuard<'_>) -> bool {
        Arc::ptr_eq(guard.gate, &self.gate) && presence::owns_lock(&self.gate)
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests;
