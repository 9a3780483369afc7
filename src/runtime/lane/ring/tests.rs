//! The lane against what a plain queue would do, in one thread and in two.

use super::*;
use crate::runtime::lane::park::{Parker, parker};
use crate::runtime::lane::wait::{Idle, WaitStrategy};
use crate::sync::thread;

fn test_lane(capacity: usize) -> (Parker, Producer<Vec<u32>>, Consumer<Vec<u32>>) {
    let (parker, waker) = parker();
    let (producer, consumer) = lane(capacity, waker);
    (parker, producer, consumer)
}

/// Appends one number; shipments are complete with `rows_max` numbers.
fn append(producer: &mut Producer<Vec<u32>>, value: u32, rows_max: usize) -> Result<(), Full<()>> {
    producer.append(Vec::new, |rows| {
        rows.push(value);
        rows.len() >= rows_max
    })
}

fn drain(consumer: &mut Consumer<Vec<u32>>) -> Vec<Vec<u32>> {
    std::iter::from_fn(|| {
        let mut shipment = consumer.pop()?;
        let rows = std::mem::take(&mut **shipment);
        consumer.recycle(shipment);
        Some(rows)
    })
    .collect()
}

#[test]
fn a_lone_row_is_there_at_once() {
    let (_parker, mut producer, mut consumer) = test_lane(2);
    assert!(consumer.is_empty());
    append(&mut producer, 1, 10).unwrap();
    assert!(!consumer.is_empty());
    assert_eq!(drain(&mut consumer), [[1]]);
    assert!(consumer.is_empty());
}

#[test]
fn rows_gather_while_nobody_looks_and_full_loses_nothing() {
    let (_parker, mut producer, mut consumer) = test_lane(2);
    let mut sent = 0;
    while append(&mut producer, sent, 3).is_ok() {
        sent += 1;
    }
    // Two closed shipments and a complete open one.
    assert_eq!(sent, 9);
    assert!(!producer.has_room(1));
    let first = consumer.pop().unwrap();
    assert_eq!(**first, [0, 1, 2]);
    assert!(producer.has_room(1));
    append(&mut producer, sent, 3).unwrap();
    assert_eq!(
        drain(&mut consumer),
        [vec![3, 4, 5], vec![6, 7, 8], vec![9]]
    );
}

#[test]
fn shipments_are_used_again() {
    let (_parker, mut producer, mut consumer) = test_lane(2);
    let mut made = 0;
    for value in 0..100 {
        let count = &mut made;
        producer
            .append(
                || {
                    *count += 1;
                    Vec::new()
                },
                |rows| {
                    rows.push(value);
                    true
                },
            )
            .unwrap();
        assert_eq!(drain(&mut consumer), [[value]]);
    }
    assert_eq!(made, 1);
}

#[test]
fn a_panic_while_appending_keeps_the_rows_before() {
    let (_parker, mut producer, mut consumer) = test_lane(2);
    append(&mut producer, 1, 10).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        producer.append(Vec::new, |_| panic!("append"))
    }));
    assert!(panicked.is_err());
    append(&mut producer, 2, 10).unwrap();
    assert_eq!(drain(&mut consumer), [[1], [2]]);
}

#[test]
fn the_worker_sees_the_producer_go() {
    let (_parker, mut producer, mut consumer) = test_lane(2);
    append(&mut producer, 1, 10).unwrap();
    assert!(!consumer.is_closed());
    drop(producer);
    assert!(consumer.is_closed() && !consumer.is_finished());
    assert_eq!(drain(&mut consumer), [[1]]);
    assert!(consumer.is_finished());
}

#[test]
fn what_is_left_is_freed() {
    let (_parker, mut producer, mut consumer) = test_lane(2);
    for value in 0..5 {
        append(&mut producer, value, 1).ok();
    }
    let shipment = consumer.pop().unwrap();
    consumer.recycle(shipment);
    drop(consumer);
    drop(producer);
}

#[test]
fn order_holds_under_stress() {
    let rows: u32 = if cfg!(miri) { 300 } else { 200_000 };
    for (capacity, rows_max) in [(1, 1), (2, 3), (4, 64)] {
        let (parker, mut producer, mut consumer) = test_lane(capacity);
        let worker = thread::spawn(move || {
            let mut idle = Idle::new(WaitStrategy::SpinThenPark, parker);
            let mut expected = 0;
            loop {
                let closed = consumer.is_closed();
                match consumer.pop() {
                    Some(mut shipment) => {
                        idle.reset();
                        assert!(shipment.len() <= rows_max.max(2));
                        for value in shipment.drain(..) {
                            assert_eq!(value, expected);
                            expected += 1;
                        }
                        consumer.recycle(shipment);
                    }
                    None if closed => return expected,
                    None => idle.wait(None, || !consumer.is_empty() || consumer.is_closed()),
                }
            }
        });
        let mut value = 0;
        while value < rows {
            let sent = append(&mut producer, value, rows_max).is_ok().then_some(1);
            match sent {
                Some(count) => value += count,
                None => thread::yield_now(),
            }
        }
        drop(producer);
        assert_eq!(worker.join().unwrap(), value);
    }
}
