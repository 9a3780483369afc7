//! What goes out of rate limits, row by row and in batches, captured and loaded after every line.

use super::*;
use crate::event::{Timestamp, Type};
use crate::operator::window::testing::{Feed, check};
use crate::operator::{Counters, Operator};
use crate::sql::ast::Events;

const TYPES: [Type; 2] = [Type::String, Type::Int];
const LINES: [&str; 11] = [
    "0 a 1",
    "3 b 2",
    "5 a 3",
    "10 a 4",
    "12 NULL 5",
    "13 b 6",
    "14 b 7",
    "clock 25",
    "31 a 8",
    "32 a 9",
    "clock 60",
];

fn one() -> ByKey {
    ByKey::new(Vec::new(), &[])
}

fn by_key() -> ByKey {
    ByKey::new(vec![0], &TYPES[..1])
}

/// A timer that began at 0.
fn ticks(period_ms: i64) -> Ticks {
    let mut ticks = Ticks::every(1_000 * period_ms);
    ticks.begin(Timestamp(0), false);
    ticks
}

fn limits(want: &[&str], make: impl Fn() -> Box<dyn Operator>) -> Counters {
    let feed = Feed {
        types: &TYPES,
        keep: &[0, 1],
        lines: &LINES,
    };
    check(&feed, want, make)
}

#[test]
fn one_of_every_n() {
    let want = ["+ 0 a 1", "+ 10 a 4", "+ 14 b 7"];
    limits(&want, || Box::new(Nth::first(one(), 3)));
    let want = ["+ 5 a 3", "+ 13 b 6", "+ 32 a 9"];
    limits(&want, || Box::new(Nth::last(one(), 3)));
    let want = [
        "+ 0 a 1",
        "+ 3 b 2",
        "+ 10 a 4",
        "+ 12 NULL 5",
        "+ 14 b 7",
        "+ 32 a 9",
    ];
    limits(&want, || Box::new(Nth::first(by_key(), 2)));
}

#[test]
fn the_first_in_a_time() {
    let want = ["+ 0 a 1", "+ 10 a 4", "+ 31 a 8"];
    limits(&want, || Box::new(FirstIn::new(one(), 10_000)));
    let want = [
        "+ 0 a 1",
        "+ 3 b 2",
        "+ 10 a 4",
        "+ 12 NULL 5",
        "+ 13 b 6",
        "+ 31 a 8",
    ];
    limits(&want, || Box::new(FirstIn::new(by_key(), 10_000)));
}

#[test]
fn all_wait_for_each_other() {
    let events = Events::Current;
    let want = [
        "+ 10 a 1",
        "+ 10 b 2",
        "+ 10 a 3",
        "+ 10 a 4",
        "+ 31 NULL 5",
        "+ 31 b 6",
        "+ 31 b 7",
        "+ 31 a 8",
    ];
    let by_count = || Box::new(All::new(one(), Pace::Rows(4), &TYPES, events)) as Box<dyn Operator>;
    limits(&want, by_count);
    let want = [
        "+ 10 a 1",
        "+ 10 b 2",
        "+ 10 a 3",
        "+ 20 a 4",
        "+ 20 NULL 5",
        "+ 20 b 6",
        "+ 20 b 7",
        "+ 40 a 8",
        "+ 40 a 9",
    ];
    limits(&want, || {
        Box::new(All::new(one(), Pace::Time(ticks(10)), &TYPES, events))
    });
    let want = [
        "+ 5 a 1", "+ 5 a 3", "+ 13 b 2", "+ 13 b 6", "+ 31 a 4", "+ 31 a 8",
    ];
    limits(&want, || {
        Box::new(All::new(by_key(), Pace::Rows(2), &TYPES, events))
    });
}

#[test]
fn rows_that_find_no_room_push_out_what_is_held() {
    let want = [
        "+ 5 a 1",
        "+ 5 b 2",
        "+ 10 a 3",
        "+ 13 a 4",
        "+ 13 NULL 5",
        "+ 20 b 6",
        "+ 20 b 7",
        "+ 40 a 8",
        "+ 40 a 9",
    ];
    let count = limits(&want, || {
        let pace = Pace::Time(ticks(10));
        Box::new(All::new(one(), pace, &TYPES, Events::Current).bounded(2))
    });
    assert_eq!(count.limit_rows, 4);
}

#[test]
fn the_last_of_each_key() {
    let want = [
        "+ 10 a 4",
        "+ 10 b 2",
        "+ 31 NULL 5",
        "+ 31 b 7",
        "+ 31 a 8",
    ];
    limits(&want, || {
        Box::new(Last::new(by_key(), Pace::Rows(4), &TYPES))
    });
    let want = [
        "+ 10 a 3",
        "+ 10 b 2",
        "+ 20 a 4",
        "+ 20 NULL 5",
        "+ 20 b 7",
        "+ 40 a 9",
    ];
    limits(&want, || {
        Box::new(Last::new(by_key(), Pace::Time(ticks(10)), &TYPES))
    });
    let want = ["+ 10 a 3", "+ 20 a 4", "+ 40 a 9"];
    let count = limits(&want, || {
        Box::new(Last::bounded(by_key(), Pace::Time(ticks(10)), &TYPES, 1))
    });
    assert_eq!(count.limit_rows, 4);
}

#[test]
fn a_snapshot_shows_the_last_row_again_and_again() {
    let columns = || SnapshotColumns {
        types: TYPES.to_vec(),
        aggregates: vec![false; 2],
        having: None,
    };
    let make = |keys: ByKey| {
        Box::new(Snapshot::new(
            Shows::Last,
            Turnover::Never,
            keys,
            ticks(20),
            columns(),
        ))
    };
    let want = ["+ 20 b 7", "+ 40 a 9", "+ 60 a 9"];
    limits(&want, || make(one()));
    let want = [
        "+ 20 a 4",
        "+ 20 b 7",
        "+ 20 NULL 5",
        "+ 40 a 9",
        "+ 40 b 7",
        "+ 40 NULL 5",
        "+ 60 a 9",
        "+ 60 b 7",
        "+ 60 NULL 5",
    ];
    limits(&want, || make(by_key()));
    let want = [
        "+ 20 a 1",
        "+ 20 b 2",
        "+ 20 a 3",
        "+ 20 a 4",
        "+ 20 NULL 5",
        "+ 20 b 6",
        "+ 20 b 7",
        "+ 40 a 1",
        "+ 40 b 2",
        "+ 40 a 3",
        "+ 40 a 4",
        "+ 40 NULL 5",
        "+ 40 b 6",
        "+ 40 b 7",
        "+ 40 a 8",
        "+ 40 a 9",
        "+ 60 a 1",
        "+ 60 b 2",
        "+ 60 a 3",
        "+ 60 a 4",
        "+ 60 NULL 5",
        "+ 60 b 6",
        "+ 60 b 7",
        "+ 60 a 8",
        "+ 60 a 9",
    ];
    limits(&want, || {
        Box::new(Snapshot::new(
            Shows::Rows,
            Turnover::Singly,
            one(),
            ticks(20),
            columns(),
        ))
    });
}

#[test]
fn a_timer_that_would_fire_for_hours_leaves_the_first_times_out() {
    let mut ticks = ticks(1);
    ticks.arm(Timestamp(0));
    let now = Timestamp::from_millis(25_000);
    ticks.skip(now);
    assert_eq!(ticks.skipped(), 15_000);
    let fired = std::iter::from_fn(|| ticks.fire(now)).collect::<Vec<_>>();
    assert_eq!(fired.len() as u64, TIMER_CATCH_UP_MAX);
    assert_eq!(fired.last(), Some(&now));
}
