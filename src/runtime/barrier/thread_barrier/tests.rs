//! The barrier's contract: re-entrance, deadlines, stray calls, threads that end or panic.

use super::*;
use crate::sync::{AtomicUsize, Ordering, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};

const WAIT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(1);

#[test]
fn the_calls_of_the_specification() {
    let barrier = Arc::new(ThreadBarrier::new());
    barrier.enter();
    assert_eq!(barrier.get_active_threads(), 1);
    barrier.exit();
    assert_eq!(barrier.get_active_threads(), 0);
    barrier.lock();
    assert!(barrier.is_locked());
    barrier.unlock();
    assert!(!barrier.is_locked());
    assert_eq!(barrier.stray_calls(), 0);
}

#[test]
fn entering_twice_counts_once() {
    let barrier = ThreadBarrier::new();
    let slot = barrier.worker_slot(0);
    barrier.enter();
    barrier.enter();
    let guard = slot.enter();
    assert_eq!(barrier.get_active_threads(), 1);
    barrier.exit();
    barrier.exit();
    // The guard is still alive, so the thread is inside, and its first announcement stays.
    assert_eq!(barrier.get_active_threads(), 1);
    drop(guard);
    assert_eq!(barrier.get_active_threads(), 0);
}

#[test]
fn a_step_and_plain_calls_overlap_in_any_order() {
    let (barrier, other) = (ThreadBarrier::new(), ThreadBarrier::new());
    let (slot, second, strange) = (
        barrier.worker_slot(0),
        barrier.worker_slot(1),
        other.worker_slot(0),
    );
    let first = slot.enter();
    let again = slot.enter();
    let elsewhere = strange.enter();
    barrier.enter();
    drop(first);
    let nested = second.enter();
    drop(again);
    assert_eq!(barrier.get_active_threads(), 1);
    assert_eq!(barrier.lock(), LockOutcome::InsideCallback);
    barrier.exit();
    assert_eq!(barrier.get_active_threads(), 1);
    drop(nested);
    assert_eq!(barrier.get_active_threads(), 0);
    assert!(barrier.lock_for(WAIT).is_ok());
    assert_eq!(other.get_active_threads(), 1);
    drop(elsewhere);
    assert!(other.lock_for(WAIT).is_ok());
    assert_eq!(barrier.stray_calls() + other.stray_calls(), 0);
}

#[test]
fn a_nested_entry_does_not_wait_for_a_waiting_locker() {
    let barrier = Arc::new(ThreadBarrier::new());
    barrier.enter();
    let locker = {
        let barrier = Arc::clone(&barrier);
        thread::spawn(move || barrier.lock_for(WAIT).is_ok())
    };
    while !barrier.is_locked() {
        thread::yield_now();
    }
    barrier.enter();
    barrier.exit();
    barrier.exit();
    assert!(locker.join().unwrap());
}

#[test]
fn a_lock_from_inside_is_refused() {
    let barrier = ThreadBarrier::new();
    let slot = barrier.worker_slot(0);
    let guard = slot.enter();
    assert_eq!(barrier.lock(), LockOutcome::InsideCallback);
    assert!(matches!(
        barrier.lock_for(WAIT),
        Err(LockError::InsideCallback)
    ));
    drop(guard);
    assert_eq!(barrier.lock(), LockOutcome::Locked);
}

#[test]
fn a_stuck_lock_names_the_worker_and_opens_again() {
    let barrier = Arc::new(ThreadBarrier::new());
    let slot = barrier.worker_slot(7);
    let _guard = slot.enter();
    let other = Arc::clone(&barrier);
    let outcome = thread::spawn(move || other.lock_for(SHORT).map(drop))
        .join()
        .unwrap();
    let Err(LockError::Stuck {
        workers,
        external: 0,
        locked: false,
        waited,
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(workers, [7]);
    assert!(waited >= SHORT);
    assert!(!barrier.is_locked());
    let other = Arc::clone(&barrier);
    thread::spawn(move || drop(other.enter_guard()))
        .join()
        .unwrap();
}

#[test]
fn a_second_locker_waits_for_the_first() {
    let barrier = Arc::new(ThreadBarrier::new());
    let lock = barrier.lock_for(WAIT).unwrap();
    let other = Arc::clone(&barrier);
    let refused = thread::spawn(move || other.lock_for(SHORT).map(drop))
        .join()
        .unwrap();
    assert!(matches!(
        refused,
        Err(LockError::Stuck { locked: true, .. })
    ));
    assert!(barrier.is_locked());
    drop(lock);
    let other = Arc::clone(&barrier);
    thread::spawn(move || other.lock_for(WAIT).map(drop))
        .join()
        .unwrap()
        .unwrap();
}

#[test]
fn the_owner_locks_again_and_enters() {
    let barrier = ThreadBarrier::new();
    assert_eq!(barrier.lock(), LockOutcome::Locked);
    let lock = barrier.lock_for(WAIT).unwrap();
    barrier.enter();
    assert_eq!(barrier.lock(), LockOutcome::Locked);
    barrier.exit();
    barrier.unlock();
    barrier.unlock();
    assert!(barrier.is_locked());
    barrier.unlock();
    assert!(barrier.is_locked());
    assert_eq!(barrier.stray_calls(), 1);
    drop(lock);
    assert!(!barrier.is_locked());
}

#[test]
fn calls_with_nothing_to_undo_are_counted() {
    let barrier = Arc::new(ThreadBarrier::new());
    barrier.unlock();
    barrier.exit();
    assert_eq!(barrier.stray_calls(), 2);
    barrier.lock();
    let other = Arc::clone(&barrier);
    thread::spawn(move || other.unlock()).join().unwrap();
    assert!(barrier.is_locked());
    assert_eq!(barrier.stray_calls(), 3);
    barrier.unlock();
}

#[test]
fn a_thread_that_ends_releases_what_it_held() {
    let barrier = Arc::new(ThreadBarrier::new());
    let other = Arc::clone(&barrier);
    thread::spawn(move || other.lock()).join().unwrap();
    barrier.enter();
    barrier.exit();
    let other = Arc::clone(&barrier);
    thread::spawn(move || other.enter()).join().unwrap();
    assert!(barrier.lock_for(WAIT).is_ok());
}

#[test]
fn a_panic_inside_leaves() {
    let barrier = ThreadBarrier::new();
    let slot = barrier.worker_slot(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _guard = slot.enter();
        panic!("inside");
    }));
    assert!(panicked.is_err());
    assert_eq!(barrier.get_active_threads(), 0);
    assert!(barrier.lock_for(WAIT).is_ok());
}

#[test]
fn one_thread_uses_several_barriers() {
    let barriers: Vec<_> = (0..3).map(|_| ThreadBarrier::new()).collect();
    let guards: Vec<_> = barriers.iter().map(ThreadBarrier::enter_guard).collect();
    assert!(barriers.iter().all(|b| b.get_active_threads() == 1));
    drop(guards);
    assert!(barriers.iter().all(|b| b.lock_for(WAIT).is_ok()));
    for worker in 0..100 {
        let barrier = ThreadBarrier::new();
        drop(barrier.worker_slot(worker).enter());
    }
}

#[test]
fn nobody_is_inside_a_locked_barrier_under_stress() {
    let rounds = if cfg!(miri) { 20 } else { 10_000 };
    let barrier = Arc::new(ThreadBarrier::new());
    let inside = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..3)
        .map(|i| {
            let (barrier, inside) = (Arc::clone(&barrier), Arc::clone(&inside));
            thread::spawn(move || {
                // One of the three is no worker.
                let slot = (i > 0).then(|| barrier.worker_slot(i));
                for _ in 0..rounds {
                    let _guard = match &slot {
                        Some(slot) => slot.enter(),
                        None => barrier.enter_guard(),
                    };
                    inside.fetch_add(1, Ordering::Relaxed);
                    inside.fetch_sub(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..rounds / 10 {
        let _lock = barrier.lock_for(WAIT).unwrap();
        assert_eq!(inside.load(Ordering::Relaxed), 0);
    }
    for worker in workers {
        worker.join().unwrap();
    }
}
