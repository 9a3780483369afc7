//! Frames one by one, restored after every row, captured while rows come, and damaged.

use super::*;
use crate::expr::{ColumnRef, Layout, Typed};
use crate::operator::aggregate::{Aggregate, Rows as Coming};
use crate::operator::window::testing::{Feed, check, column};
use crate::sql::ast::Span;

/// A key, a value, and what gives the results their type.
const TYPES: [Type; 3] = [Type::String, Type::Int, Type::Long];

/// Rows of key and value; the results of each have these types.
fn check_over(
    lines: &[&str],
    want: &[&str],
    results: &[Type],
    keys_max: usize,
    frames: impl Fn() -> Vec<FrameOptions>,
) -> Counters {
    let is_row = |line: &&str| {
        line.split_once(' ')
            .is_some_and(|(at, _)| at.parse::<i64>().is_ok())
    };
    let line = |line: &&str| match is_row(line) {
        true => format!("{line} 0"),
        false => line.to_string(),
    };
    let lines: Vec<String> = lines.iter().map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut keep = vec![0, 1];
    keep.extend(
        results
            .iter()
            .map(|ty| if *ty == Type::Int { 1 } else { 2 }),
    );
    let feed = Feed {
        types: &TYPES,
        keep: &keep,
        lines: &lines,
    };
    check(&feed, want, || {
        Box::new(over(frames(), results).bounded(keys_max))
    })
}

fn aggregate(aggregate: Aggregate, reach: Reach, result: usize) -> AggregateOptions {
    let counts = matches!(aggregate, Aggregate::Count);
    let call = AggregateCall {
        args: if counts { Vec::new() } else { vec![Type::Int] },
        result: match &aggregate {
            Aggregate::Max | Aggregate::First => Type::Int,
            _ => Type::Long,
        },
        aggregate,
        rows: match reach {
            Reach::Start => Coming::Forever,
            _ => Coming::InOrder,
        },
    };
    AggregateOptions {
        args: if counts { Vec::new() } else { vec![0] },
        call,
        result,
    }
}

fn frame(reach: Reach, aggregates: Vec<AggregateOptions>) -> FrameOptions {
    FrameOptions {
        reach,
        keys: vec![column(0, Type::String)],
        key_types: vec![Type::String],
        reads: vec![column(1, Type::Int)],
        read_types: vec![Type::Int],
        aggregates,
        lags: Vec::new(),
        defaults: Vec::new(),
        routing: Vec::new(),
    }
}

/// Shows the key, the value and the results.
fn over(frames: Vec<FrameOptions>, results: &[Type]) -> Over {
    let layout = Layout::default().all(0, TYPES.len());
    let input = |column| ColumnRef::Input { source: 0, column };
    let outputs = [(input(0), TYPES[0]), (input(1), TYPES[1])].into_iter();
    let results_of = results.iter().enumerate();
    let outputs = outputs.chain(results_of.map(|(place, ty)| (ColumnRef::Over(place), *ty)));
    let outputs = outputs.map(|(c, ty)| Typed::column(c, ty, Span::default()).compile(&layout));
    let projection = Projection::new(outputs.collect(), None, Vec::new(), None, None, None);
    let input = InputColumns {
        like: Batch {
            columns: TYPES.iter().map(|ty| Column::new(*ty)).collect(),
            tracks_clock: true,
            tracks_cause: true,
            ..Batch::default()
        },
        carried: vec![0, 1],
        routing: vec![0],
    };
    Over::new(frames, results, input, projection)
}

const MANY: usize = usize::MAX;

#[test]
fn a_frame_of_rows_lets_the_oldest_leave() {
    let lines = [
        "1000 a 1",
        "1000 b 5",
        "1000 a 2",
        "1000 a NULL",
        "1001 a 2",
        "1002 a 7",
        "1000 a 9",
        "1003 b 5",
    ];
    let want = [
        "+ 1000 a 1 1 1 1 1",
        "+ 1000 b 5 5 1 5 1",
        "+ 1000 a 2 3 2 2 2",
        "+ 1000 a NULL 3 3 2 2",
        "+ 1001 a 2 4 3 2 1",
        "+ 1002 a 7 9 3 7 2",
        "+ 1003 b 5 10 2 5 1",
    ];
    let reach = Reach::Rows(3);
    let results = [Type::Long, Type::Long, Type::Int, Type::Long];
    let count = check_over(&lines, &want, &results, MANY, || {
        let calls = [
            Aggregate::Sum,
            Aggregate::Count,
            Aggregate::Max,
            Aggregate::DistinctCount,
        ];
        let calls = calls.into_iter().enumerate();
        vec![frame(
            reach,
            calls
                .map(|(place, call)| aggregate(call, reach, place))
                .collect(),
        )]
    });
    assert_eq!(count.late_rows, 1, "a row behind the clock");
}

#[test]
fn lag_and_all_rows_since_the_start() {
    let lines = [
        "1 a 1", "1 a 2", "1 b 3", "2 a 4", "2 a NULL", "3 a 5", "3 a 6",
    ];
    let want = [
        "+ 1 a 1 NULL 1 1",
        "+ 1 a 2 NULL 3 2",
        "+ 1 b 3 NULL 3 1",
        "+ 2 a 4 1 7 3",
        "+ 2 a NULL 2 7 4",
        "+ 3 a 5 4 12 5",
        "+ 3 a 6 NULL 18 6",
    ];
    check_over(
        &lines,
        &want,
        &[Type::Int, Type::Long, Type::Long],
        MANY,
        || {
            let mut lag = frame(Reach::Before(2), Vec::new());
            lag.lags.push(Lag {
                read: 0,
                rows: 2,
                result: 0,
            });
            lag.defaults.push(None);
            let start = Reach::Start;
            let all = vec![
                aggregate(Aggregate::Sum, start, 1),
                aggregate(Aggregate::Count, start, 2),
            ];
            vec![lag, frame(start, all)]
        },
    );
}

#[test]
fn rows_of_a_range_wait_for_those_of_their_time() {
    let lines = [
        "0 a 1", "5 a 2", "5 b 100", "5 a 3", "15 a 4", "16 a 5", "clock 16", "16 b 6", "40 a 7",
        "39 a 8", "close", "clock 90", "91 a 1", "clock 92",
    ];
    let want = [
        "+ 0 a 1 1 1 NULL",
        "+ 5 a 2 6 3 1",
        "+ 5 b 100 100 1 NULL",
        "+ 5 a 3 6 3 2",
        "+ 15 a 4 9 3 3",
        "+ 16 a 5 9 2 4",
        "+ 16 b 6 6 1 100",
        "+ 40 a 7 7 1 5",
        "+ 91 a 1 1 1 7",
    ];
    let reach = Reach::Time(10_000);
    let count = check_over(
        &lines,
        &want,
        &[Type::Long, Type::Long, Type::Int],
        MANY,
        || {
            let calls = vec![
                aggregate(Aggregate::Sum, reach, 0),
                aggregate(Aggregate::Count, reach, 1),
            ];
            let mut lag = frame(Reach::Before(1), Vec::new());
            lag.lags.push(Lag {
                read: 0,
                rows: 1,
                result: 2,
            });
            lag.defaults.push(None);
            vec![frame(reach, calls), lag]
        },
    );
    assert_eq!(count.late_rows, 1);
}

#[test]
fn the_key_that_came_first_is_forgotten_where_there_are_too_many() {
    let lines = [
        "1 a 1", "1 b 2", "2 a 3", "2 c 4", "3 b 5", "3 a 6", "3 c 7", "4 a 8",
    ];
    let want = [
        "+ 1 a 1 1 1",
        "+ 1 b 2 2 1",
        "+ 2 a 3 4 2",
        "+ 2 c 4 4 1",
        "+ 3 b 5 7 2",
        "+ 3 a 6 6 1",
        "+ 3 c 7 11 2",
        "+ 4 a 8 14 2",
    ];
    let (rows, start) = (Reach::Rows(5), Reach::Start);
    let count = check_over(&lines, &want, &[Type::Long, Type::Long], 2, || {
        vec![
            frame(rows, vec![aggregate(Aggregate::Sum, rows, 0)]),
            frame(start, vec![aggregate(Aggregate::Count, start, 1)]),
        ]
    });
    assert_eq!(count.limit_rows, 4, "a and b of two frames");
}

#[test]
fn a_key_whose_rows_are_gone_is_forgotten() {
    let reach = Reach::Time(1_000);
    let mut over = over(
        vec![frame(reach, vec![aggregate(Aggregate::Sum, reach, 0)])],
        &[Type::Long],
    );
    let like = Batch {
        columns: [Type::String, Type::Int, Type::Long]
            .map(Column::new)
            .to_vec(),
        ..Batch::default()
    };
    let mut out = Out::new(like);
    for n in 0..10_000i64 {
        let mut batch = Batch {
            tracks_clock: true,
            columns: TYPES.map(Column::new).to_vec(),
            ..Batch::default()
        };
        batch.at.push(Timestamp(n * 100));
        batch.clock.push(Timestamp(n * 100));
        batch.columns[0].push(&format!("key {n}").as_str().into());
        batch.columns[1].push(&crate::event::Value::Int(1));
        batch.columns[2].push(&crate::event::Value::Long(0));
        over.rows(Kind::Rows, &batch, &mut out);
        for (_, batch) in std::mem::take(&mut out.ready) {
            assert_eq!(batch.value(0, 2), crate::event::Value::Long(1));
            out.recycle(batch);
        }
        assert!(over.by_time[0].keys_held() <= 12);
    }
    over.clock(Timestamp(i64::MAX), 0, &mut out);
    assert_eq!(over.by_time[0].keys_held(), 0);
}
