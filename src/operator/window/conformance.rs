//! The conformance cases of `length`, `lengthBatch`, `time`, `timeBatch` and `timeLength`, by value. Those of the
//! other windows stand in their files.

use super::testing::{Feed, check};
use super::{Length, LengthBatch, Start, Time, TimeBatch};
use crate::event::Type;
use crate::operator::Operator;

const TYPES: [Type; 3] = [Type::String, Type::Float, Type::Int];

const SIX: [&str; 6] = [
    "1000000 IBM 700 1",
    "1000100 WSO2 60.5 2",
    "1000200 IBM 700 3",
    "1000300 WSO2 60.5 4",
    "1000400 IBM 700 5",
    "1000500 WSO2 60.5 6",
];

fn run(
    lines: &[&str],
    keep: &[usize],
    want: &[&str],
    make: impl Fn(Vec<usize>, &[Type]) -> Box<dyn Operator>,
) {
    let types: Vec<Type> = keep.iter().map(|k| TYPES[*k]).collect();
    check(
        &Feed {
            types: &TYPES,
            keep,
            lines,
        },
        want,
        || make(keep.to_vec(), &types),
    );
}

#[test]
fn length_expired_only() {
    let want = [
        "+ 1000000 1",
        "+ 1000100 2",
        "+ 1000200 3",
        "+ 1000300 4",
        "- 1000400 1",
        "+ 1000400 5",
        "- 1000500 2",
        "+ 1000500 6",
    ];
    run(&SIX, &[2], &want, |keep, types| {
        Box::new(Length::new(4, keep, types))
    });
}

#[test]
fn where_filters_after_window() {
    let want = [
        "+ 1000000 1 700.0",
        "+ 1000100 2 60.5",
        "- 1000200 1 700.0",
        "+ 1000200 3 700.0",
        "- 1000300 2 60.5",
        "+ 1000300 4 60.5",
        "- 1000400 3 700.0",
        "+ 1000400 5 700.0",
        "- 1000500 4 60.5",
        "+ 1000500 6 60.5",
    ];
    run(&SIX, &[2, 1], &want, |keep, types| {
        Box::new(Length::new(2, keep, types))
    });
}

#[test]
fn length_batch_expired_only() {
    let want = [
        "[1000100] + 1000000 1, + 1000100 2",
        "[1000300] - 1000000 1, - 1000100 2, + 1000200 3, + 1000300 4",
        "[1000500] - 1000200 3, - 1000300 4, + 1000400 5, + 1000500 6",
    ];
    run(&SIX, &[2], &want, |keep, types| {
        Box::new(LengthBatch::new(2, false, keep, types))
    });
}

#[test]
fn time_expired_chained() {
    let lines = ["1000000 id1 0 1", "1000005 id2 0 2", "clock 1002000"];
    let want = [
        "+ 1000000 id1",
        "+ 1000005 id2",
        "- 1000030 id1",
        "- 1000035 id2",
    ];
    run(&lines, &[0], &want, |keep, types| {
        Box::new(Time::new(30_000, usize::MAX, keep, types))
    });
}

#[test]
fn time_batch_rows_without_aggregate() {
    let lines = [
        "1000000 IBM 700 1",
        "1001100 WSO2 60.5 2",
        "1001110 IBM 700 3",
        "1001120 WSO2 60.5 4",
        "1002220 IBM 700 5",
        "1002230 WSO2 60.5 6",
        "clock 1003005",
        "clock 1004300",
    ];
    let want = [
        "[1001000] + 1000000 1",
        "[1002000] - 1000000 1, + 1001100 2, + 1001110 3, + 1001120 4",
        "[1003000] - 1001100 2, - 1001110 3, - 1001120 4, + 1002220 5, + 1002230 6",
        "[1004000] - 1002220 5, - 1002230 6",
    ];
    run(&lines, &[2], &want, |keep, types| {
        Box::new(TimeBatch::new(
            1_000_000,
            Start::FirstRow,
            false,
            keep,
            types,
        ))
    });
}

#[test]
fn time_length_length_first() {
    let lines = [
        "1000000 id1 10 0",
        "1000500 id2 20 0",
        "1001000 id3 30 0",
        "1001500 id4 40 0",
        "1002000 id5 50 0",
        "1002500 id6 60 0",
        "1003000 id7 70 0",
        "1003500 id8 80 0",
        "clock 1005500",
    ];
    let want = [
        "+ 1000000 id1",
        "+ 1000500 id2",
        "+ 1001000 id3",
        "+ 1001500 id4",
        "- 1002000 id1",
        "+ 1002000 id5",
        "- 1002500 id2",
        "+ 1002500 id6",
        "- 1003000 id3",
        "+ 1003000 id7",
        "- 1003500 id4",
        "+ 1003500 id8",
    ];
    run(&lines, &[0], &want, |keep, types| {
        Box::new(Time::new(10_000_000, 4, keep, types))
    });
}
