//! A call to all workers that each answers between two steps of its own, and is counted in.
//!
//! Why: a cut needs of every worker a moment between two of its steps, not one moment for all of them, as nothing is in
//! flight between workers. So none stands until the last has come, and each works on state that its own core holds.
//! How: the caller lays an order in each worker's place and raises the number of the call. A worker that is inside
//! compares that number with the last one that it answered, which is two loads; where they differ it takes its order,
//! carries it out and is counted. Whoever gets the lock first does so for the workers that have not: what it changes is
//! changed behind the call on all workers.
//!
//! Rules:
//! * M1: an order is carried out once, by the thread in the worker's slot or the owner of the lock, which exclude each
//!   other (`gate`); `seen` is written by these alone.
//! * M2: a call begins while nobody owns the lock or is getting it, under the mutex that the lock is taken under. So an
//!   owner sees all of a call or nothing of it, and a worker that answers before the number is raised has none to fear.
//! * M3: `missing` is set before the first order is laid down. What was answered is visible to who sees the last one
//!   counted (`Release`, `Acquire`).
//! * M4: an order that was taken back is answered by nobody: the place is emptied once, under its mutex.

use crossbeam::utils::CachePadded;

use super::gate::Gate;
use super::{EnterGuard, LockGuard};
use crate::sync::{self, Arc, AtomicU64, AtomicUsize, Mutex, Ordering};

/// What one worker is asked, and what it has answered.
struct Place<O, A> {
    /// The last call that was looked after here.
    seen: AtomicU64,
    order: Mutex<Option<O>>,
    answer: Mutex<Option<A>>,
}

/// Orders to all workers of a barrier, and their answers.
pub(crate) struct Muster<O, A> {
    gate: Arc<Gate>,
    /// Number of the last call. Loaded in every step, written by calls only.
    call: CachePadded<AtomicU64>,
    /// Workers that have neither answered it nor been dismissed.
    missing: CachePadded<AtomicUsize>,
    places: Box<[CachePadded<Place<O, A>>]>,
}

impl<O, A> Muster<O, A> {
    /// For so many workers that enter the barrier of the gate.
    pub(super) fn new(gate: &Arc<Gate>, workers: usize) -> Self {
        let place = |_| {
            CachePadded::new(Place {
                seen: AtomicU64::new(0),
                order: Mutex::new(None),
                answer: Mutex::new(None),
            })
        };
        Muster {
            gate: Arc::clone(gate),
            call: CachePadded::new(AtomicU64::new(0)),
            missing: CachePadded::new(AtomicUsize::new(0)),
            places: (0..workers).map(place).collect(),
        }
    }

    /// Calls all workers; `order` makes the order of each. Returns false, and calls nobody, while a thread owns the
    /// barrier's lock. One thread calls, and no more before the last call was answered or dismissed.
    pub(crate) fn call(&self, mut order: impl FnMut(usize) -> O) -> bool {
        self.gate.unless_held(|| {
            self.missing.store(self.places.len(), Ordering::Relaxed);
            for (worker, place) in self.places.iter().enumerate() {
                // The old answer goes first: a worker that is behind may answer as soon as the order is there.
                *sync::lock(&place.answer) = None;
                *sync::lock(&place.order) = Some(order(worker));
            }
            // SeqCst: a worker that is about to sleep sees it, or whoever wakes workers sees that this one sleeps.
            self.call.fetch_add(1, Ordering::SeqCst);
        })
    }

    /// Whether a worker has a call to look after.
    #[inline]
    pub(crate) fn is_called(&self, worker: usize) -> bool {
        self.call.load(Ordering::Acquire) != self.places[worker].seen.load(Ordering::Relaxed)
    }

    /// Answers for the worker in whose slot this thread is.
    #[cold]
    pub(crate) fn answer(&self, worker: usize, _inside: &EnterGuard<'_>, f: impl FnOnce(O) -> A) {
        self.take_part(worker, |order| Some(f(order)));
    }

    /// Answers for all workers that have not, as the owner of the lock. Where `f` has no answer, none is counted.
    pub(crate) fn answer_for_all(
        &self,
        _owner: &LockGuard<'_>,
        mut f: impl FnMut(usize, O) -> Option<A>,
    ) {
        for worker in 0..self.places.len() {
            if self.is_called(worker) {
                self.take_part(worker, |order| f(worker, order));
            }
        }
    }

    fn take_part(&self, worker: usize, f: impl FnOnce(O) -> Option<A>) {
        let place = &self.places[worker];
        let call = self.call.load(Ordering::Acquire);
        // Relaxed: only who may be here writes it (M1).
        place.seen.store(call, Ordering::Relaxed);
        let order = sync::lock(&place.order).take();
        if let Some(answer) = order.and_then(f) {
            *sync::lock(&place.answer) = Some(answer);
            // Release: pairs with the look at whether anybody is missing.
            self.missing.fetch_sub(1, Ordering::Release);
        }
    }

    /// Whether some worker has neither answered nor been dismissed.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.missing.load(Ordering::Acquire) > 0
    }

    /// Takes back the orders that nobody has begun; returns whose they were. The others are answered soon.
    pub(crate) fn dismiss(&self) -> Vec<usize> {
        let is_taken_back = |worker: &usize| {
            let order = sync::lock(&self.places[*worker].order).take();
            if order.is_some() {
                self.missing.fetch_sub(1, Ordering::Relaxed);
            }
            order.is_some()
        };
        (0..self.places.len()).filter(is_taken_back).collect()
    }

    /// The answers of those who gave one, by worker.
    pub(crate) fn answers(&self) -> Vec<A> {
        let places = self.places.iter();
        places
            .filter_map(|place| sync::lock(&place.answer).take())
            .collect()
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests;
