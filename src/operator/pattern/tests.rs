//! The bound on open runs, and state that was damaged on its way.

use super::*;
use crate::operator::testing::Revisions;

/// `EVERY a=A -> b=B WITHIN 10 ms`, where a run keeps a number of A.
fn pattern(runs_max: usize) -> Pattern {
    let element = |term: usize| Element {
        min: 1,
        max: 1,
        logic: None,
        terms: term..term + 1,
    };
    let term = |element: usize| Term {
        element,
        absent: false,
        silence_us: None,
        own: None,
        keys: Vec::new(),
        residual: None,
        range: None,
    };
    let shape = Shape {
        elements: vec![element(0), element(1)],
        every: Vec::new(),
        keeps_start: true,
        within: vec![(0..2, 10_000)],
        is_sequence: false,
        skips_past: false,
    };
    let kept = Keep {
        term: 0,
        origin: Origin::Column(0),
        nth: crate::sql::ast::Nth::First(0),
        ty: Type::Long,
        is_sure: true,
    };
    let options = PatternOptions {
        shape,
        terms: vec![term(0), term(1)],
        ports: vec![vec![0], vec![1]],
        keeps: vec![kept],
        totals: Vec::new(),
        key_types: vec![Vec::new(), Vec::new()],
        apart_by: Vec::new(),
        routing: Vec::new(),
        timeout: None,
    };
    Pattern {
        runs_max,
        ..Pattern::new(options)
    }
}

/// No match.
const NONE: [i64; 0] = [];

/// Rows with these times in milliseconds, and their times as values.
fn rows(times: &[i64]) -> Batch {
    let mut batch = Batch {
        tracks_clock: true,
        columns: vec![Column::new(Type::Long)],
        ..Batch::default()
    };
    for ms in times {
        let at = Timestamp::from_millis(*ms);
        batch.at.push(at);
        batch.clock.push(at);
        batch.columns[0].push_scalar(crate::event::Scalar::Long(*ms));
    }
    batch
}

/// Sends rows; answers the kept values of the matches.
fn send(pattern: &mut Pattern, port: u8, times: &[i64]) -> Vec<i64> {
    let mut out = Out::new(Batch {
        tracks_clock: true,
        columns: vec![Column::new(Type::Long)],
        ..Batch::default()
    });
    let mut common = Common::default();
    pattern.rows_at(Port(port), &mut common, Kind::Rows, &rows(times), &mut out);
    let matches = out.ready.iter().flat_map(|(_, batch)| {
        let column = &batch.columns[0];
        (0..batch.len()).map(|row| match column.scalar(row) {
            crate::event::Scalar::Long(ms) => ms,
            other => panic!("a number is kept, not {other:?}"),
        })
    });
    matches.collect()
}

fn refused(pattern: &Pattern) -> u64 {
    let mut counters = Counters::default();
    pattern.count(&mut counters);
    counters.limit_rows
}

#[test]
fn runs_beyond_the_bound_are_not_begun_and_counted() {
    // The one that stands in front of all is a run.
    let mut pattern = pattern(4);
    assert_eq!(send(&mut pattern, 0, &[1, 2, 3, 4, 5]), NONE);
    assert_eq!(refused(&pattern), 2);
    assert_eq!(send(&mut pattern, 1, &[6]), [1, 2, 3]);
    // What matched has made room, and so has what WITHIN has ended.
    assert_eq!(send(&mut pattern, 0, &[7, 8, 9, 10]), NONE);
    assert_eq!(refused(&pattern), 3);
    assert_eq!(send(&mut pattern, 0, &[30, 31, 32]), NONE);
    assert_eq!(refused(&pattern), 3);
    assert_eq!(send(&mut pattern, 1, &[33]), [30, 31, 32]);
}

#[test]
fn a_clock_that_jumps_does_not_make_rows_without_end() {
    let silence = Term {
        element: 0,
        absent: true,
        silence_us: Some(1_000),
        own: None,
        keys: Vec::new(),
        residual: None,
        range: None,
    };
    let shape = Shape {
        elements: vec![Element {
            min: 1,
            max: 1,
            logic: Some(Logic::Silent(0)),
            terms: 0..1,
        }],
        every: std::iter::once(0..1).collect(),
        keeps_start: false,
        within: Vec::new(),
        is_sequence: false,
        skips_past: false,
    };
    let mut pattern = Pattern::new(PatternOptions {
        shape,
        terms: vec![silence],
        ports: vec![vec![0]],
        keeps: Vec::new(),
        totals: Vec::new(),
        key_types: vec![Vec::new()],
        apart_by: Vec::new(),
        routing: Vec::new(),
        timeout: None,
    });
    let mut out = Out::new(Batch {
        tracks_clock: true,
        ..Batch::default()
    });
    let mut rows = |ms: i64| {
        pattern.clock(Timestamp::from_millis(ms), 0, &mut out);
        let at: Vec<Timestamp> = out.ready.iter().flat_map(|(_, b)| b.at.clone()).collect();
        out.ready.clear();
        (at.len(), at.last().copied(), refused(&pattern))
    };
    let ms = |ms: i64| Some(Timestamp::from_millis(ms));
    assert_eq!(rows(0), (0, None, 0));
    assert_eq!(rows(50_000), (50_000, ms(50_000), 0));
    // The last of them come out, each at its time; the others are counted.
    assert_eq!(rows(1_050_000), (100_001, ms(1_050_000), 899_999));
    assert_eq!(rows(1_050_002), (2, ms(1_050_002), 899_999));
    assert_eq!(rows(Timestamp::RANGE.end().millis()).0, 100_001);
}

#[test]
fn damaged_state_is_an_error_or_another_state() {
    let mut whole = pattern(100);
    let mut revisions = Revisions::default();
    revisions.track(&mut whole);
    send(&mut whole, 0, &[1, 2, 3]);
    send(&mut whole, 1, &[4]);
    send(&mut whole, 0, &[5, 6]);
    revisions.cut(&mut whole);
    while !revisions.drain(&mut whole, 64) {}
    let mut loaded = pattern(100);
    revisions.load(&mut loaded).expect("nothing is damaged");
    assert_eq!(send(&mut loaded, 1, &[7]), [5, 6]);
    for seed in 0..2_000 {
        let mut damaged = pattern(100);
        if revisions.damaged(seed).load(&mut damaged).is_ok() {
            send(&mut damaged, 0, &[7]);
            send(&mut damaged, 1, &[8, 40]);
        }
    }
}
