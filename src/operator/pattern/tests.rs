//! The bound on open runs, and state that was damaged on its way.

use super::*;
use crate::operator::testing::Revisions;

/// `EVERY a=A -> b=B WITHIN 10 ms`, where a run keeps a number of A.
fn pattern(runs_max: usize) -> Pattern {
    pattern_of(runs_max, true, None)
}

/// The same with or without EVERY, in a partition or not.
fn pattern_of(runs_max: usize, every: bool, partition: Option<PartitionBy>) -> Pattern {
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
        keeps_start: every,
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
        partition,
    };
    Pattern {
        runs_max,
        ..Pattern::new(options)
    }
}

/// No match.
const NONE: [i64; 0] = [];

/// Rows with these times in milliseconds, which are their values; then comes the key of a partition, the last digit.
fn rows(times: &[i64]) -> Batch {
    let mut batch = Batch {
        tracks_clock: true,
        columns: vec![Column::new(Type::Long), Column::new(Type::Long)],
        ..Batch::default()
    };
    for ms in times {
        let at = Timestamp::from_millis(*ms);
        batch.at.push(at);
        batch.clock.push(at);
        batch.columns[0].push_scalar(crate::event::Scalar::Long(*ms));
        batch.columns[1].push_scalar(crate::event::Scalar::Long(*ms % 10));
    }
    batch
}

/// In a partition by the last digit of the time.
fn by_digit(runs_max: usize, every: bool) -> Pattern {
    let by = PartitionBy {
        columns: vec![1, 1],
        ty: Type::Long,
    };
    pattern_of(runs_max, every, Some(by))
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

/// `EVERY NOT S FOR 1 MILLISECONDS`.
fn silences(partition: Option<PartitionBy>) -> Pattern {
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
    Pattern::new(PatternOptions {
        shape,
        terms: vec![silence],
        ports: vec![vec![0]],
        keeps: Vec::new(),
        totals: Vec::new(),
        key_types: vec![Vec::new()],
        apart_by: Vec::new(),
        routing: Vec::new(),
        timeout: None,
        partition,
    })
}

#[test]
fn a_clock_that_jumps_does_not_make_rows_without_end() {
    let mut pattern = silences(None);
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
fn the_bound_is_one_for_all_keys_and_bounds_the_keys() {
    let mut pattern = by_digit(3, true);
    // Two of each key: what stands in front, and what has begun. The last key does not begin.
    assert_eq!(send(&mut pattern, 0, &[0, 1, 2]), NONE);
    assert_eq!((refused(&pattern), pattern.runs.len()), (2, 3));
    assert_eq!(send(&mut pattern, 1, &[2, 10]), [0]);
    assert_eq!(refused(&pattern), 3);
    // It begins when there is room; now the row of another key finds none.
    assert_eq!(send(&mut pattern, 0, &[12, 20]), NONE);
    assert_eq!(refused(&pattern), 5);
    let mut once = by_digit(2, false);
    assert_eq!(send(&mut once, 0, &[0]), NONE);
    assert_eq!(send(&mut once, 1, &[0]), [0]);
    assert_eq!(send(&mut once, 0, &[1]), NONE);
    assert_eq!(send(&mut once, 1, &[1]), [1]);
    // These keys have matched; that costs a place each, without a run.
    assert_eq!(send(&mut once, 0, &[2, 10, 11]), NONE);
    assert_eq!(refused(&once), 1);
}

#[test]
fn a_key_that_is_forgotten_begins_anew_and_leaves_nothing() {
    let mut pattern = by_digit(100, false);
    for round in 0..50 {
        let first = round * 100;
        assert_eq!(send(&mut pattern, 0, &[first, first + 1]), NONE);
        assert_eq!(send(&mut pattern, 1, &[first + 10, first + 20]), [first]);
        // One has matched, the other has been ended by WITHIN.
        assert_eq!(send(&mut pattern, 0, &[first + 30, first + 31]), NONE);
        assert_eq!(send(&mut pattern, 1, &[first + 30, first + 31]), NONE);
        assert_eq!(send(&mut pattern, 0, &[first + 32]), NONE);
        pattern.keep_keys(&|_| false);
        let open = (0..pattern.runs.len() as Slot).filter(|run| pattern.runs.get(*run).is_open());
        assert_eq!((open.count(), pattern.due()), (0, None));
        assert!(pattern.runs.len() <= 3, "{} runs", pattern.runs.len());
        assert_eq!(send(&mut pattern, 1, &[first + 33, first + 42]), NONE);
        pattern.keep_keys(&|_| false);
    }
    assert_eq!(refused(&pattern), 0);
}

#[test]
fn a_trace_knows_the_key_also_of_a_run_that_has_taken_nothing() {
    struct Keys(std::sync::Mutex<Vec<String>>);
    impl TraceSink for Keys {
        fn number(&self) -> u64 {
            1
        }
        fn tell(&self, traced: &Traced<'_>) {
            let key = traced.kept.last().map(|column| column.value(traced.slot));
            let line = format!("{:?} {:?}", traced.step, key);
            self.0.lock().expect("nobody panics").push(line);
        }
    }
    let sink = Arc::new(Keys(Default::default()));
    let mut pattern = by_digit(100, true);
    let told: Arc<dyn TraceSink> = Arc::clone(&sink) as _;
    Operator::trace(&mut pattern, &told);
    send(&mut pattern, 0, &[7]);
    send(&mut pattern, 1, &[17]);
    let key = "Some(Long(7))";
    let lines = sink.0.lock().expect("nobody panics");
    let want = [
        format!("Begun {{ with: None }} {key}"),
        format!("Begun {{ with: Some(0) }} {key}"),
        format!("Took {{ term: 1, count: 1 }} {key}"),
        format!("Matched {key}"),
    ];
    assert_eq!(*lines, want);
}

#[test]
fn a_jump_of_the_clock_leaves_the_silences_of_many_keys_in_order() {
    let mut pattern = silences(Some(PartitionBy {
        columns: vec![1],
        ty: Type::Long,
    }));
    send(&mut pattern, 0, &[1, 2, 3]);
    // All three have a silence each millisecond, of which the last ones are due.
    let jump = Timestamp::from_millis(3 + SILENCES_MAX as i64 + 1_000);
    pattern.skip_silences(jump);
    let first = pattern.due().expect("silence is waited for");
    assert!(first.millis() > 1_000 && refused(&pattern) >= 3 * 999);
    let mut out = Out::new(Batch {
        tracks_clock: true,
        columns: vec![Column::new(Type::Long)],
        ..Batch::default()
    });
    pattern.clock(jump, 0, &mut out);
    let at: Vec<Timestamp> = out.ready.iter().flat_map(|(_, b)| b.at.clone()).collect();
    assert!(at.is_sorted() && at.len() >= 3 * SILENCES_MAX);
    assert_eq!(at.last(), Some(&jump));
}

#[test]
fn damaged_state_is_an_error_or_another_state() {
    check_damage(pattern);
    check_damage(|runs_max| by_digit(runs_max, true));
}

/// Every run of these rows begins with a key of its own where there are keys.
fn check_damage(pattern: impl Fn(usize) -> Pattern) {
    let is_divided = pattern(1).partition.is_some();
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
    match is_divided {
        true => assert_eq!(send(&mut loaded, 1, &[7, 11, 15, 16]), [1, 5, 6]),
        false => assert_eq!(send(&mut loaded, 1, &[7]), [5, 6]),
    }
    for seed in 0..2_000 {
        let mut damaged = pattern(100);
        if revisions.damaged(seed).load(&mut damaged).is_ok() {
            send(&mut damaged, 0, &[7]);
            send(&mut damaged, 1, &[8, 40]);
        }
    }
}
