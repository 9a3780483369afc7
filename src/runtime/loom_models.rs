//! Models of the lock-free parts, run by loom over their interleavings.
//!
//! `RUSTFLAGS="--cfg eventflux_loom" cargo test --lib --release loom`. What travels is a `loom::cell::Cell`, so that
//! loom also reports an access that nothing orders.

use loom::cell::Cell;

use super::barrier::ThreadBarrier;
use crate::event::Timestamp;
use crate::runtime::barrier::WorkerSlot;
use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::barrier::muster::Muster;
use crate::runtime::lane::atomic_box::AtomicBox;
use crate::runtime::lane::park::parker;
use crate::runtime::lane::ring::{Consumer, Producer, lane};
use crate::runtime::lane::stamp::Applied;
use crate::runtime::position::published::Published;
use crate::sync::{Arc, AtomicUsize, Ordering, thread};

/// Runs a model with at most `preemptions` unforced switches per execution.
fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

fn cell(value: usize) -> Box<Cell<usize>> {
    Box::new(Cell::new(value))
}

#[test]
fn loom_slot_gives_a_box_to_one_taker() {
    model(3, || {
        let slot = Arc::new(AtomicBox::new());
        let taker = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.take().map_or(0, |v: Box<Cell<usize>>| v.replace(0)))
        };
        let second = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.take().map_or(0, |v| v.replace(0)))
        };
        let mut sum = 0;
        assert!(slot.put_if_empty(cell(1)).is_ok());
        if let Some(back) = slot.swap(Some(cell(2))) {
            sum += back.get();
        }
        if let Err(refused) = slot.put_if_empty(cell(4)) {
            sum += refused.get();
        }
        sum += taker.join().unwrap() + second.join().unwrap();
        sum += slot.take().map_or(0, |v| v.get());
        sum += slot.take().map_or(0, |v| v.get());
        assert_eq!(sum, 7);
    });
}

type Rows = Vec<Box<Cell<usize>>>;

fn append(producer: &mut Producer<Rows>, value: usize, rows_max: usize) -> bool {
    let appended = producer.append(Vec::new, |rows| {
        rows.push(cell(value));
        rows.len() >= rows_max
    });
    appended.is_ok()
}

/// Pops until the lane is finished and checks the order; parks when there is nothing.
fn read_all(mut consumer: Consumer<Rows>, mut parker: crate::runtime::lane::park::Parker) -> usize {
    let mut expected = 0;
    loop {
        let closed = consumer.is_closed();
        match consumer.pop() {
            Some(mut shipment) => {
                for row in shipment.drain(..) {
                    assert_eq!(row.get(), expected);
                    expected += 1;
                }
                consumer.recycle(shipment);
            }
            None if closed => return expected,
            None => parker.park_unless(None, || !consumer.is_empty() || consumer.is_closed()),
        }
    }
}

/// Three rows in shipments of at most `rows_max`; the worker sleeps whenever it may.
fn lane_model(capacity: usize, rows_max: usize, preemptions: usize) {
    model(preemptions, move || {
        let (parker, waker) = parker();
        let (mut producer, consumer) = lane(capacity, waker);
        let worker = thread::spawn(move || read_all(consumer, parker));
        for value in 0..3 {
            while !append(&mut producer, value, rows_max) {
                thread::yield_now();
            }
        }
        drop(producer);
        assert_eq!(worker.join().unwrap(), 3);
    });
}

#[test]
fn loom_lane_keeps_order_in_one_growing_packet() {
    lane_model(1, 8, 3);
}

#[test]
fn loom_lane_keeps_order_when_every_row_closes_its_packet() {
    lane_model(1, 1, 2);
}

#[test]
fn loom_lane_keeps_order_when_packets_close_between() {
    lane_model(2, 2, 3);
}

#[test]
fn loom_lane_full_loses_nothing() {
    model(2, || {
        let (_parker, waker) = parker();
        let (mut producer, mut consumer) = lane::<Rows>(1, waker);
        let worker = thread::spawn(move || {
            let rows = consumer.pop().map_or(0, |shipment| shipment.len());
            (rows, consumer)
        });
        let sent = (0..3)
            .filter(|value| append(&mut producer, *value, 1))
            .count();
        let (mut rows, mut consumer) = worker.join().unwrap();
        while let Some(shipment) = consumer.pop() {
            rows += shipment.len();
        }
        assert_eq!(rows, sent);
        assert!(sent >= 2);
    });
}

#[test]
fn loom_park_loses_no_wake_up_of_two_producers() {
    model(3, || {
        let (mut parker, waker) = parker();
        let count = Arc::new(AtomicUsize::new(0));
        let producers: Vec<_> = (0..2)
            .map(|_| {
                let (waker, count) = (waker.clone(), Arc::clone(&count));
                thread::spawn(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    waker.wake();
                })
            })
            .collect();
        while count.load(Ordering::Relaxed) < 2 {
            parker.park_unless(None, || count.load(Ordering::Relaxed) == 2);
        }
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn loom_barrier_worker_and_locker_exclude_each_other() {
    model(3, || {
        let barrier = Arc::new(ThreadBarrier::new());
        let slot = barrier.worker_slot(0);
        let state = Arc::new(BarrierCell::new(&slot, 0));
        let worker = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                for _ in 0..2 {
                    let guard = slot.enter();
                    state.with_entered(&guard, |n| *n += 1);
                }
            })
        };
        let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
        state.with_locked(&lock, |n| *n += 1);
        drop(lock);
        worker.join().unwrap();
        let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
        assert_eq!(state.with_locked(&lock, |n| *n), 3);
    });
}

#[test]
fn loom_barrier_two_workers_and_a_locker() {
    model(2, || {
        let barrier = Arc::new(ThreadBarrier::new());
        let slots = [barrier.worker_slot(0), barrier.worker_slot(1)];
        let states = Arc::new([
            BarrierCell::new(&slots[0], 0),
            BarrierCell::new(&slots[1], 0),
        ]);
        let workers: Vec<_> = slots
            .into_iter()
            .enumerate()
            .map(|(i, slot)| {
                let states = Arc::clone(&states);
                thread::spawn(move || {
                    let guard = slot.enter();
                    states[i].with_entered(&guard, |n| *n += 1);
                })
            })
            .collect();
        let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
        for state in states.iter() {
            state.with_locked(&lock, |n| *n += 1);
        }
        drop(lock);
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

#[test]
fn loom_barrier_plain_calls_nested_entry_and_two_lockers() {
    model(2, || {
        let barrier = Arc::new(ThreadBarrier::new());
        let shared = Arc::new(AtomicUsize::new(0));
        let caller = {
            let (barrier, shared) = (Arc::clone(&barrier), Arc::clone(&shared));
            thread::spawn(move || {
                barrier.enter();
                barrier.enter();
                add_one(&shared);
                barrier.exit();
                barrier.exit();
            })
        };
        let locker = {
            let (barrier, shared) = (Arc::clone(&barrier), Arc::clone(&shared));
            thread::spawn(move || {
                barrier.lock();
                add_one(&shared);
                barrier.unlock();
            })
        };
        barrier.lock();
        add_one(&shared);
        barrier.unlock();
        caller.join().unwrap();
        locker.join().unwrap();
        assert_eq!(shared.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn loom_barrier_slot_entry_nested_in_a_plain_one() {
    model(3, || {
        let barrier = Arc::new(ThreadBarrier::new());
        let slot = barrier.worker_slot(0);
        let state = Arc::new(BarrierCell::new(&slot, 0));
        let caller = {
            let (barrier, state) = (Arc::clone(&barrier), Arc::clone(&state));
            thread::spawn(move || {
                barrier.enter();
                let guard = slot.enter();
                barrier.exit();
                state.with_entered(&guard, |n| *n += 1);
            })
        };
        let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
        state.with_locked(&lock, |n| *n += 1);
        drop(lock);
        caller.join().unwrap();
    });
}

#[test]
fn loom_barrier_a_guard_dropped_early_and_a_thread_that_ends_release() {
    // A panic drops the guards in this order. Loom runs its threads on one thread of the system and takes an
    // unwinding one for the panic of all, so the panic itself is tested on std and under Miri
    // (`a_panic_inside_leaves`).
    model(3, || {
        let barrier = Arc::new(ThreadBarrier::new());
        let slot = barrier.worker_slot(0);
        let state = Arc::new(BarrierCell::new(&slot, 0));
        let worker = {
            let (barrier, state) = (Arc::clone(&barrier), Arc::clone(&state));
            thread::spawn(move || {
                let failed = (|| -> Result<(), ()> {
                    let guard = slot.enter();
                    state.with_entered(&guard, |n| {
                        *n += 1;
                        Err(())
                    })
                })();
                assert!(failed.is_err());
                // Ends as the owner.
                barrier.lock();
            })
        };
        let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
        state.with_locked(&lock, |n| *n += 1);
        drop(lock);
        worker.join().unwrap();
        barrier.enter();
        barrier.exit();
    });
}

#[test]
fn loom_barrier_a_lock_given_up_leaves_it_open() {
    model(3, || {
        let barrier = Arc::new(ThreadBarrier::new());
        let slot = barrier.worker_slot(0);
        let state = Arc::new(BarrierCell::new(&slot, 0));
        let worker = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                for _ in 0..2 {
                    let guard = slot.enter();
                    state.with_entered(&guard, |n| *n += 1);
                }
            })
        };
        let mut expected = 2;
        if let Some(lock) = barrier.lock_within(1) {
            state.with_locked(&lock, |n| *n += 1);
            expected += 1;
        }
        worker.join().unwrap();
        let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
        assert_eq!(state.with_locked(&lock, |n| *n), expected);
    });
}

/// Looks after a call as a worker does, in a step that adds one.
fn muster_step(
    (worker, slot): (usize, &WorkerSlot),
    (muster, states): (&Muster<usize, usize>, &[BarrierCell<usize>; 2]),
) {
    let guard = slot.enter();
    states[worker].with_entered(&guard, |n| {
        if muster.is_called(worker) {
            muster.answer(worker, &guard, |order| order + *n);
        }
        *n += 1;
    });
}

/// Answers for those who have not, as the owner of the lock, and changes all states.
fn muster_as_owner(
    barrier: &ThreadBarrier,
    (muster, states): (&Muster<usize, usize>, &[BarrierCell<usize>; 2]),
    add: usize,
) {
    let lock = barrier.lock_for(crate::LOCK_WAIT).unwrap();
    muster.answer_for_all(&lock, |worker, order| {
        Some(states[worker].with_locked(&lock, |n| order + *n))
    });
    for state in states {
        state.with_locked(&lock, |n| *n += add);
    }
}

type Mustered = (
    Arc<ThreadBarrier>,
    Arc<(Muster<usize, usize>, [BarrierCell<usize>; 2])>,
);

fn mustered() -> (Mustered, [WorkerSlot; 2]) {
    let barrier = Arc::new(ThreadBarrier::new());
    let slots = [barrier.worker_slot(0), barrier.worker_slot(1)];
    let states = [
        BarrierCell::new(&slots[0], 0),
        BarrierCell::new(&slots[1], 0),
    ];
    let muster = barrier.muster(2);
    ((barrier, Arc::new((muster, states))), slots)
}

#[test]
fn loom_muster_two_workers_answer_in_steps_of_their_own() {
    model(2, || {
        let ((barrier, shared), slots) = mustered();
        let workers: Vec<_> = slots
            .into_iter()
            .enumerate()
            .map(|(worker, slot)| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || muster_step((worker, &slot), (&shared.0, &shared.1)))
            })
            .collect();
        assert!(shared.0.call(|_| 10));
        for worker in workers {
            worker.join().unwrap();
        }
        // A worker that had gone by before is answered for.
        muster_as_owner(&barrier, (&shared.0, &shared.1), 0);
        assert!(!shared.0.is_waited_for());
        let answers = shared.0.answers();
        assert!(answers.len() == 2 && answers.iter().all(|n| *n == 10 || *n == 11));
    });
}

/// The second worker sleeps: others answer for it.
#[test]
fn loom_muster_owners_come_before_a_call_or_behind_it() {
    model(2, || {
        let ((barrier, shared), [slot, _sleeps]) = mustered();
        let worker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || muster_step((0, &slot), (&shared.0, &shared.1)))
        };
        let owner = {
            let (barrier, shared) = (Arc::clone(&barrier), Arc::clone(&shared));
            thread::spawn(move || muster_as_owner(&barrier, (&shared.0, &shared.1), 100))
        };
        while !shared.0.call(|_| 0) {
            thread::yield_now();
        }
        worker.join().unwrap();
        owner.join().unwrap();
        muster_as_owner(&barrier, (&shared.0, &shared.1), 0);
        assert!(!shared.0.is_waited_for());
        let answers = shared.0.answers();
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0] >= 100, answers[1] >= 100, "{answers:?}");
    });
}

/// What was answered before the caller loses its patience is answered, and the next call finds nothing of this one.
#[test]
fn loom_muster_orders_are_answered_or_taken_back() {
    model(3, || {
        let ((_barrier, shared), [slot, other]) = mustered();
        assert!(shared.0.call(|_| 10));
        let worker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for _ in 0..2 {
                    muster_step((0, &slot), (&shared.0, &shared.1));
                }
                slot
            })
        };
        let dismissed = shared.0.dismiss();
        while shared.0.is_waited_for() {
            thread::yield_now();
        }
        let answered = shared.0.answers().len();
        assert_eq!(answered + dismissed.len(), 2);
        assert!(shared.0.call(|_| 20));
        let slot = worker.join().unwrap();
        muster_step((0, &slot), (&shared.0, &shared.1));
        muster_step((1, &other), (&shared.0, &shared.1));
        assert!(!shared.0.is_waited_for());
        let answers = shared.0.answers();
        assert!(answers.len() == 2 && answers.iter().all(|n| *n >= 20));
    });
}

#[test]
fn loom_muster_wakes_a_worker_that_sleeps() {
    model(3, || {
        let ((_barrier, shared), [slot, _absent]) = mustered();
        let (mut parker, waker) = parker();
        let worker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while !shared.0.is_called(0) {
                    parker.park_unless(None, || shared.0.is_called(0));
                }
                muster_step((0, &slot), (&shared.0, &shared.1));
            })
        };
        assert!(shared.0.call(|_| 10));
        waker.wake();
        worker.join().unwrap();
        assert_eq!(shared.0.answers(), [10]);
    });
}

/// Adds one in two steps without order of its own: an update is lost if the barrier orders nothing.
fn add_one(shared: &AtomicUsize) {
    let before = shared.load(Ordering::Relaxed);
    shared.store(before + 1, Ordering::Relaxed);
}

fn sent(number: u64) -> Applied {
    Applied {
        number,
        clock: Some(Timestamp(10 * number as i64)),
    }
}

#[test]
fn loom_published_gives_number_and_clock_of_one_write() {
    model(3, || {
        let published = Arc::new(Published::new());
        let writer = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                published.write(0, sent(1));
                published.write(1, sent(2));
            })
        };
        for rewinds in 0..2 {
            if let Some(read) = published.read(rewinds)
                && read != Applied::default()
            {
                assert_eq!(read, sent(u64::from(rewinds) + 1));
            }
        }
        writer.join().unwrap();
        assert_eq!(published.read(1), Some(sent(2)));
    });
}

/// What a cut relies on: with the number a reader sees that the lane has the row, unless the worker took it.
#[test]
fn loom_published_comes_behind_what_was_sent() {
    model(3, || {
        let published = Arc::new(Published::new());
        let (parker, waker) = parker();
        let (mut producer, mut consumer) = lane(2, waker);
        let sender = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                for value in 0..2 {
                    assert!(append(&mut producer, value, 8));
                    published.write(0, sent(value as u64 + 1));
                }
                producer
            })
        };
        let mut taken = 0;
        for _ in 0..2 {
            let read = published.read(0);
            if consumer.is_drained() {
                let number = read.map_or(0, |r| r.number);
                assert!(number <= taken, "row {number} is not in the lane");
            } else if let Some(mut shipment) = consumer.pop() {
                taken += shipment.drain(..).count() as u64;
                consumer.recycle(shipment);
            }
        }
        drop((sender.join().unwrap(), parker));
    });
}
