//! How an idle worker sleeps and who wakes it.
//!
//! Why: a worker reads many lanes, so the sleep belongs to the worker and every lane to it carries its waker.
//! How: announce, look again, sleep (Dekker). The worker stores `sleeping`, passes a `SeqCst` fence and looks at its
//! lanes once more; a producer publishes by a `SeqCst` read-modify-write and then loads `sleeping`. In the total
//! order of `SeqCst` operations one of the two comes first: either the worker's second look finds what was published,
//! or the producer's load finds `sleeping`. The published swap is itself the producer's barrier, so with the worker
//! awake a producer pays one load of a line that nobody writes, and no fence: store of `sleeping` < worker's fence <
//! producer's swap < producer's load, if the worker's look missed the swap (C++20 atomics.order 4.1 and 4.3).
//! Cost: the wake-up of a sleeping worker is a lock and a notification (microseconds), paid by one producer per
//! sleep.

use std::time::Duration;

use crossbeam::utils::CachePadded;

use crate::sync::{self, Arc, AtomicBool, Condvar, Mutex, Ordering};

struct Bed {
    /// Set by the worker before it sleeps, cleared by who wakes it.
    sleeping: CachePadded<AtomicBool>,
    /// A wake-up that was not consumed yet. Only its owner and a waking producer lock it, never an awake worker's.
    token: Mutex<bool>,
    woken: Condvar,
}

/// The worker's end: one per worker.
pub(crate) struct Parker {
    bed: Arc<Bed>,
}

/// The other end, one clone in every lane to the worker.
#[derive(Clone)]
pub(crate) struct Waker {
    bed: Arc<Bed>,
}

/// The two ends of one worker's sleep.
pub(crate) fn parker() -> (Parker, Waker) {
    let bed = Arc::new(Bed {
        sleeping: CachePadded::new(AtomicBool::new(false)),
        token: Mutex::new(false),
        woken: Condvar::new(),
    });
    let waker = Waker {
        bed: Arc::clone(&bed),
    };
    (Parker { bed }, waker)
}

impl Parker {
    /// Sleeps until woken or until `timeout` is over, unless `ready` is true when asked after the announcement.
    ///
    /// May return early. `ready` must look at everything for which a producer would wake this worker.
    pub(crate) fn park_unless(&mut self, timeout: Option<Duration>, ready: impl FnOnce() -> bool) {
        // SeqCst: first half of the worker's side of the protocol above. Swaps here and below, not stores: loom gives
        // plain stores and another thread's swap no common order, and then reports wake-ups lost that are not.
        self.bed.sleeping.swap(true, Ordering::SeqCst);
        sync::fence(Ordering::SeqCst);
        if ready() {
            // A producer may have seen the flag already; its token ends the next sleep early.
            self.bed.sleeping.swap(false, Ordering::AcqRel);
            return;
        }
        let mut token = sync::lock(&self.bed.token);
        match timeout {
            Some(timeout) => {
                if !*token {
                    // A spurious end is allowed: the caller looks and comes back.
                    token = sync::wait_for(&self.bed.woken, token, timeout);
                }
            }
            None => {
                while !*token {
                    token = sync::wait(&self.bed.woken, token);
                }
            }
        }
        *token = false;
        self.bed.sleeping.swap(false, Ordering::AcqRel);
    }
}

impl Waker {
    /// Wakes the worker if it sleeps. The caller has just published by a `SeqCst` read-modify-write.
    #[inline]
    pub(crate) fn wake(&self) {
        sync::after_seq_cst_rmw();
        // SeqCst: the producer's side of the protocol above.
        if self.bed.sleeping.load(Ordering::SeqCst) {
            self.wake_sleeper();
        }
    }

    #[cold]
    fn wake_sleeper(&self) {
        // The swap picks one of several producers; the others' rows are found by the same awakening.
        if self.bed.sleeping.swap(false, Ordering::AcqRel) {
            *sync::lock(&self.bed.token) = true;
            self.bed.woken.notify_one();
        }
    }
}
