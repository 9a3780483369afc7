//! The bound on the open runs of a pattern, what is done there, and how it is told.

use crate::app::Setup;
use eventflux::{EventFluxManager, RunChange, Timestamp, Value};
use std::sync::{Arc, Mutex};

/// A pattern with these options.
fn app(options: &str) -> String {
    format!(
        "@app:playback CREATE STREAM A (v INT); CREATE STREAM B (v INT);\n\
         @info(name='told') INSERT INTO Out SELECT a.v AS v FROM PATTERN (EVERY a=A -> b=B) WITHIN 1 SECOND {options};"
    )
}

/// What five rows of A and one of B make of it: the matches, what was counted, how many runs were refused and dropped,
/// and what a send answered that failed.
fn run(options: &str) -> (Vec<Value>, u64, (usize, usize), Option<String>) {
    let app = app(options);
    let runtime = EventFluxManager::new().create_with(&app, Setup::INLINE.config());
    let runtime = runtime.unwrap_or_else(|e| panic!("{app}\n{e}"));
    let out = runtime.subscribe("Out").expect("a stream");
    let changes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&changes);
    let told = runtime.trace_pattern("told", move |step| {
        seen.lock()
            .expect("nobody panics")
            .push(step.change.clone());
    });
    told.expect("a pattern");
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    let rows = (1..=5).map(|v| ("A", v)).chain([("B", 6)]);
    let mut answer = None;
    for (stream, v) in rows {
        let at = Timestamp::from_millis(i64::from(v));
        if let Err(error) = input.send_at(stream, at, (v,)) {
            answer = answer.or(Some(error.to_string()));
        }
    }
    drop(input);
    let counted = runtime.metrics().map_or(0, |m| m.limit_rows);
    let batches = std::iter::from_fn(|| out.try_recv());
    let rows = batches.flat_map(|b| {
        (0..b.len())
            .map(|r| b.row(r)[0].clone())
            .collect::<Vec<_>>()
    });
    let rows = rows.collect();
    let changes = changes.lock().expect("nobody panics");
    let of = |change: &RunChange| changes.iter().filter(|c| *c == change).count();
    let ends = (of(&RunChange::Refused), of(&RunChange::Dropped));
    (rows, counted, ends, answer)
}

#[test]
fn a_run_too_many_is_refused_or_drops_the_oldest_or_stops_the_app() {
    let values = |all: [i32; 3]| all.map(Value::Int).to_vec();
    let refused = (values([1, 2, 3]), 2, (2, 0), None);
    assert_eq!(run("WITH ('runs.max'='4')"), refused);
    assert_eq!(run("WITH ('runs.max'='4', 'runs.full'='refuse')"), refused);
    let (rows, counted, ends, answer) = run("WITH ('RUNS.FULL'='Drop Oldest', 'runs.max'='4')");
    assert_eq!(
        (rows, counted, ends, answer),
        (values([3, 4, 5]), 2, (0, 2), None)
    );
    let (rows, _, _, answer) = run("WITH ('runs.max'='4', 'runs.full'='stop')");
    let answer = answer.expect("it stops");
    assert!(rows.is_empty() && answer.contains("told"), "{answer}");
    assert!(
        answer.contains("more than 4 runs are open (runs.max)"),
        "{answer}"
    );
}

#[test]
fn the_bound_is_explained() {
    for (options, line) in [
        (
            "",
            "at most 10000000 open runs on a worker (PATTERN_RUNS_MAX); one more is refused and counted",
        ),
        (
            "WITH ('runs.max'='9')",
            "at most 9 open runs on a worker (runs.max); one more is refused and counted",
        ),
        (
            "WITH ('runs.full'='drop oldest')",
            "at most 10000000 open runs on a worker (PATTERN_RUNS_MAX); for one more that which has waited longest is \
             dropped and counted",
        ),
        (
            "WITH ('runs.max'='2', 'runs.full'='stop')",
            "at most 2 open runs on a worker (runs.max); one more stops the app",
        ),
    ] {
        let runtime = EventFluxManager::new().create_with(&app(options), Setup::INLINE.config());
        let text = runtime.expect("the app is right").explain();
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn wrong_options_are_told_with_their_place() {
    for (options, message, remedy) in [
        (
            "WITH ('runs.max'='1')",
            "a whole number from 2 to 10000000",
            "'runs.max'='100000'",
        ),
        (
            "WITH ('runs.max'='many')",
            "a whole number from 2 to 10000000",
            "'runs.max'='100000'",
        ),
        (
            "WITH ('runs.full'='drop')",
            "'drop' is nothing",
            "'drop oldest' or 'stop'",
        ),
        (
            "WITH ('runs.most'='3')",
            "unknown option 'runs.most' of a pattern",
            "runs.max",
        ),
        (
            "WITH ('runs.max'='3', 'runs.max'='4')",
            "'runs.max' is given twice",
            "remove one",
        ),
        (
            "WITH ('runs.max'='3') WITH ('runs.full'='stop')",
            "WITH is given twice",
            "remove one",
        ),
        (
            "WITH ('runs.max'='3') AFTER MATCH SKIP PAST LAST ROW",
            "stand in this order",
            "in front",
        ),
    ] {
        let built = EventFluxManager::new().create_with(&app(options), Setup::INLINE.config());
        let error = built.map(drop).expect_err(options).to_string();
        assert!(
            error.contains(message) && error.contains(remedy),
            "{options}\n{error}"
        );
        assert!(error.contains("line 2, column"), "{error}");
    }
}
