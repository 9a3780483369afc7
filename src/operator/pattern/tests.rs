//! The bound on open runs, and state that was damaged on its way.

use super::*;
use crate::operator::testing::Revisions;

/// `EVERY a=A -> b=B WITHIN 10 ms`, where a run keeps a number of A.
fn pattern(runs_max: usize) -> Pattern {
    pattern_of(refusing(runs_max), true, None)
}

fn refusing(max: usize) -> RunsBound {
    RunsBound {
        max,
        ..RunsBound::default()
    }
}

/// The same with or without EVERY, in a partition or not.
fn pattern_of(bound: RunsBound, every: bool, partition: Option<PartitionBy>) -> Pattern {
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
        bound,
    };
    Pattern::new(options)
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
    pattern_of(refusing(runs_max), every, Some(by))
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
fn the_oldest_goes_where_that_is_asked_for_also_after_a_restore() {
    let pattern = |every: bool| {
        let bound = RunsBound {
            max: 4,
            when_full: WhenFull::DropOldest,
        };
        pattern_of(bound, every, None)
    };
    let mut whole = pattern(true);
    let mut revisions = Revisions::default();
    revisions.track(&mut whole);
    assert_eq!(send(&mut whole, 0, &[1, 2, 3, 4, 5]), NONE);
    assert_eq!(refused(&whole), 2);
    revisions.cut(&mut whole);
    while !revisions.drain(&mut whole, 64) {}
    let mut loaded = pattern(true);
    revisions.load(&mut loaded).expect("nothing is damaged");
    for mut pattern in [whole, loaded] {
        assert_eq!(send(&mut pattern, 0, &[6]), NONE);
        assert_eq!(send(&mut pattern, 1, &[7]), [4, 5, 6]);
        // WITHIN has ended these.
        assert_eq!(send(&mut pattern, 0, &[8, 9, 30, 31]), NONE);
        assert_eq!(send(&mut pattern, 1, &[32]), [30, 31]);
        assert_eq!(refused(&pattern), 3);
    }
}

#[test]
#[should_panic(expected = "more than 2 runs are open (runs.max)")]
fn a_run_too_many_stops_the_app_where_that_is_asked_for() {
    let bound = RunsBound {
        max: 2,
        when_full: WhenFull::Stop,
    };
    send(&mut pattern_of(bound, true, None), 0, &[1, 2]);
}

/// `EVERY NOT S FOR 1 MILLISECONDS`.
fn silences(partition: Option<PartitionBy>) -> Pattern {
    chain_of(&[Some(1)], &[(0, 1)], partition)
}

/// Elements in a row: NOT S FOR so many milliseconds, or `S*`. EVERY stands on these ranges.
fn chain_of(
    silences: &[Option<i64>],
    every: &[(usize, usize)],
    partition: Option<PartitionBy>,
) -> Pattern {
    let term = |(element, ms): (usize, &Option<i64>)| Term {
        element,
        absent: ms.is_some(),
        silence_us: ms.map(|ms| ms * 1_000),
        own: None,
        keys: Vec::new(),
        residual: None,
        range: None,
    };
    let element = |(place, ms): (usize, &Option<i64>)| Element {
        min: u32::from(ms.is_some()),
        max: if ms.is_some() { 1 } else { u32::MAX },
        logic: ms.map(|_| Logic::Silent(place)),
        terms: place..place + 1,
    };
    let shape = Shape {
        elements: silences.iter().enumerate().map(element).collect(),
        every: every.iter().map(|(start, end)| *start..*end).collect(),
        keeps_start: false,
        within: Vec::new(),
        is_sequence: false,
        skips_past: false,
    };
    Pattern::new(PatternOptions {
        shape,
        terms: silences.iter().enumerate().map(term).collect(),
        ports: vec![(0..silences.len()).collect()],
        keeps: Vec::new(),
        totals: Vec::new(),
        key_types: vec![Vec::new(); silences.len()],
        apart_by: Vec::new(),
        routing: Vec::new(),
        timeout: None,
        partition,
        bound: RunsBound::default(),
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

/// How many rows come out when the clock goes there, in milliseconds, and when the last one does.
fn jump(pattern: &mut Pattern, ms: i64) -> (usize, Option<i64>) {
    let mut out = Out::new(Batch {
        tracks_clock: true,
        ..Batch::default()
    });
    pattern.clock(Timestamp::from_millis(ms), 0, &mut out);
    let at: Vec<Timestamp> = out.ready.iter().flat_map(|(_, b)| b.at.clone()).collect();
    assert!(at.is_sorted());
    (at.len(), at.last().map(|at| at.millis()))
}

#[test]
fn a_silence_before_what_may_be_empty_is_bounded() {
    // EVERY (NOT S FOR 1 MILLISECONDS -> S*)
    let mut pattern = chain_of(&[Some(1), None], &[(0, 2)], None);
    assert_eq!(jump(&mut pattern, 0), (0, None));
    assert_eq!(jump(&mut pattern, 1_050_000), (100_001, Some(1_050_000)));
    assert_eq!(refused(&pattern), 949_999);
    // EVERY NOT S FOR 1 MILLISECONDS -> NOT S FOR 20 MILLISECONDS: the last ones wait still.
    let mut pattern = chain_of(&[Some(1), Some(20)], &[(0, 1)], None);
    assert_eq!(jump(&mut pattern, 0), (0, None));
    assert_eq!(jump(&mut pattern, 1_050_000), (99_981, Some(1_050_000)));
    assert_eq!(jump(&mut pattern, 1_050_020), (20, Some(1_050_020)));
    assert_eq!(refused(&pattern), 949_999);
}

#[test]
fn silences_that_begin_others_without_end_are_bounded_together() {
    // Each millisecond there is one more that goes on for itself.
    let mut pattern = chain_of(&[Some(1), Some(1)], &[(0, 1), (1, 2)], None);
    assert_eq!(jump(&mut pattern, 0), (0, None));
    assert_eq!(jump(&mut pattern, 5), (1 + 2 + 3 + 4, Some(5)));
    let (rows, last) = jump(&mut pattern, 100_005);
    assert!((90_000..100_100).contains(&rows), "{rows} rows");
    assert!(last < Some(84_000), "the last at {last:?}");
    assert!(refused(&pattern) > 99_000);
    // All that there were go on behind the step.
    let (loops, last) = jump(&mut pattern, 100_006);
    assert!(loops > 400 && last == Some(100_006), "{loops}");
    assert_eq!(jump(&mut pattern, 100_007), (loops + 1, Some(100_007)));
}

#[test]
fn many_silences_have_more_in_all_and_less_each() {
    // As many as there have been milliseconds.
    let mut pattern = chain_of(&[Some(1), Some(1)], &[(0, 1), (1, 2)], None);
    for ms in 0..=1_200 {
        jump(&mut pattern, ms);
    }
    assert_eq!(refused(&pattern), 0);
    let (rows, last) = jump(&mut pattern, 2_200);
    let most = 1_201 * (SILENCES_EACH_MAX + 3);
    assert!(rows > SILENCES_MAX && rows < most, "{rows} rows");
    assert!(last > Some(2_180), "the last at {last:?}");
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
    // All three have a silence each millisecond, of which the last ones come out.
    let jump = Timestamp::from_millis(3 + SILENCES_MAX as i64 + 1_000);
    let mut out = Out::new(Batch {
        tracks_clock: true,
        columns: vec![Column::new(Type::Long)],
        ..Batch::default()
    });
    pattern.clock(jump, 0, &mut out);
    let at: Vec<Timestamp> = out.ready.iter().flat_map(|(_, b)| b.at.clone()).collect();
    assert!(at.is_sorted() && at.len() >= 3 * SILENCES_MAX);
    // Three came out before the jump.
    let all: i64 = (1..=3).map(|ms| jump.millis() - ms - 1).sum();
    assert_eq!(at.len() as u64 + refused(&pattern), all as u64);
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
