//! Calls: each worker answers once, owners of the lock see all of a call or nothing, and orders can be taken back.

use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::barrier::muster::Muster;
use crate::runtime::barrier::{LOCK_WAIT, Patience, ThreadBarrier, WorkerSlot};
use crate::sync::{Arc, AtomicBool, Ordering, thread};

const WORKERS: usize = 3;

/// Workers that count their steps, with what owners of the lock have added to all of them.
struct App {
    barrier: ThreadBarrier,
    muster: Muster<u64, Seen>,
    cells: Vec<BarrierCell<(u64, u64)>>,
    ended: AtomicBool,
}

/// Order, steps, and what owners had added.
type Seen = (u64, u64, u64);

fn app() -> (Arc<App>, Vec<WorkerSlot>) {
    let barrier = ThreadBarrier::new();
    let slots: Vec<WorkerSlot> = (0..WORKERS)
        .map(|w| barrier.worker_slot(w as u16))
        .collect();
    let app = App {
        muster: barrier.muster(WORKERS),
        cells: slots
            .iter()
            .map(|slot| BarrierCell::new(slot, (0, 0)))
            .collect(),
        barrier,
        ended: AtomicBool::new(false),
    };
    (Arc::new(app), slots)
}

impl App {
    fn step(&self, worker: usize, slot: &WorkerSlot) {
        let guard = slot.enter();
        self.cells[worker].with_entered(&guard, |(steps, added)| {
            if self.muster.is_called(worker) {
                self.muster
                    .answer(worker, &guard, |order| (order, *steps, *added));
            }
            *steps += 1;
        });
    }

    /// Adds one to every worker as the owner of the lock.
    fn add_to_all(&self) {
        let lock = self
            .barrier
            .lock_for(LOCK_WAIT)
            .expect("nobody stays inside");
        self.muster.answer_for_all(&lock, |worker, order| {
            self.cells[worker].with_locked(&lock, |(steps, added)| Some((order, *steps, *added)))
        });
        for cell in &self.cells {
            cell.with_locked(&lock, |(_, added)| *added += 1);
        }
    }

    /// One call, and all answers.
    fn call(&self, order: u64) -> Vec<Seen> {
        let mut patience = Patience::default();
        while !self.muster.call(|_| order) {
            patience.wait();
        }
        while self.muster.is_waited_for() {
            patience.wait();
        }
        self.muster.answers()
    }
}

#[test]
fn every_worker_answers_every_call_once_and_owners_come_before_or_behind() {
    let (app, slots) = app();
    let workers: Vec<_> = slots
        .into_iter()
        .enumerate()
        .map(|(worker, slot)| {
            let app = Arc::clone(&app);
            thread::spawn(move || {
                while !app.ended.load(Ordering::Relaxed) {
                    app.step(worker, &slot);
                    thread::yield_now();
                }
            })
        })
        .collect();
    let owner = {
        let app = Arc::clone(&app);
        thread::spawn(move || {
            while !app.ended.load(Ordering::Relaxed) {
                app.add_to_all();
                thread::yield_now();
            }
        })
    };
    let calls = if cfg!(miri) { 20 } else { 300 };
    let mut last = (0, 0);
    for order in 1..=calls {
        let seen = app.call(order);
        assert_eq!(seen.len(), WORKERS);
        assert!(seen.iter().all(|(answered, ..)| *answered == order));
        let added = seen[0].2;
        assert!(seen.iter().all(|(.., a)| *a == added), "{seen:?}");
        let steps: u64 = seen.iter().map(|(_, steps, _)| steps).sum();
        assert!(
            added >= last.0 && steps >= last.1,
            "{seen:?} behind {last:?}"
        );
        last = (added, steps);
    }
    app.ended.store(true, Ordering::Relaxed);
    for thread in workers.into_iter().chain([owner]) {
        thread.join().unwrap();
    }
}

#[test]
fn orders_that_were_taken_back_are_answered_by_nobody() {
    let (app, slots) = app();
    assert!(app.muster.call(|_| 1));
    app.step(1, &slots[1]);
    assert!(app.muster.is_waited_for());
    assert_eq!(app.muster.dismiss(), [0, 2]);
    assert!(!app.muster.is_waited_for());
    assert_eq!(app.muster.answers(), [(1, 0, 0)]);
    (0..WORKERS).for_each(|worker| app.step(worker, &slots[worker]));
    assert!(app.muster.answers().is_empty());
    // The next call is answered by all of them.
    assert!(app.muster.call(|_| 2));
    (0..WORKERS).for_each(|worker| app.step(worker, &slots[worker]));
    assert_eq!(app.muster.answers(), [(2, 1, 0), (2, 2, 0), (2, 1, 0)]);
}

#[test]
fn nobody_is_called_while_a_thread_owns_the_lock() {
    let (app, _slots) = app();
    let lock = app.barrier.lock_for(LOCK_WAIT).unwrap();
    assert!(!app.muster.call(|_| 1));
    assert!(!app.muster.is_waited_for() && !app.muster.is_called(0));
    drop(lock);
    assert!(app.muster.call(|_| 2));
    // Who locks now answers for all of them first.
    app.add_to_all();
    assert!(!app.muster.is_waited_for());
    assert_eq!(app.muster.answers(), [(2, 0, 0); WORKERS]);
}
