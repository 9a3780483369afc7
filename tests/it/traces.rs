//! What `trace_pattern` tells of the runs of a pattern.

use crate::app::Setup;
use eventflux::{EventFluxAppRuntime, EventFluxManager, Input, RunChange, RuntimeError, Timestamp};
use std::sync::{Arc, Mutex};

const STREAMS: &str =
    "@app:playback CREATE STREAM A (k INT, v INT); CREATE STREAM B (k INT, v INT);
    CREATE STREAM C (k INT, v INT);";

/// A row: stream, milliseconds, and its values. Of stream `-` the clock alone.
type Row = (&'static str, i64, (i32, i32));

fn build(app: &str, setup: Setup) -> EventFluxAppRuntime {
    let built = EventFluxManager::new().create_with(app, setup.config());
    built.unwrap_or_else(|e| panic!("{e}"))
}

/// Lines of a trace of query `q`.
fn traced(runtime: &EventFluxAppRuntime) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&lines);
    let tell = move |step: &eventflux::RunStep| {
        let line = step.to_string();
        to.lock().expect("no callback panics").push(line);
    };
    runtime.trace_pattern("q", tell).expect("it has a pattern");
    lines
}

fn send(input: &mut Input, rows: &[Row]) {
    for (stream, ms, row) in rows {
        let at = Timestamp::from_millis(*ms);
        match *stream {
            "-" => input.advance_clock(at).expect("event time"),
            stream => input.send_at(stream, at, *row).expect("it fits"),
        }
    }
}

fn shown(lines: &Mutex<Vec<String>>) -> Vec<String> {
    let lines = lines.lock().expect("no callback panics").clone();
    let without_name = |l: &String| l.strip_prefix("q ").map(str::to_string);
    lines.iter().filter_map(without_name).collect()
}

/// Patterns, rows, and what is told.
const TOLD: &[(&str, &[Row], &[&str])] = &[
    (
        "PATTERN (EVERY a = A -> b = B[b.k = a.k]{2,} -> C[k = a.k]) WITHIN 5 SECONDS",
        &[
            ("A", 1000, (7, 1)),
            ("B", 1100, (8, 1)),
            ("B", 1200, (7, 1)),
            ("B", 1300, (7, 1)),
            ("C", 1400, (7, 1)),
            ("A", 2000, (9, 1)),
            ("-", 9000, (0, 0)),
        ],
        &[
            "run 1 at 1000 ms: begins; waits for a = A",
            "run 2 at 1000 ms: begins with a row of a = A; waits for b = B [a.k = 7]",
            "run 2 at 1200 ms: takes a row of b = B; waits for b = B [a.k = 7]",
            "run 2 at 1300 ms: takes row 2 of b = B; waits for b = B, C [a.k = 7]",
            "run 2 at 1400 ms: takes a row of C [a.k = 7]",
            "run 2 at 1400 ms: matches [a.k = 7]",
            "run 3 at 2000 ms: begins with a row of a = A; waits for b = B [a.k = 9]",
            "run 3 at 7000 ms: ends: WITHIN 5 s is over [a.k = 9]",
        ],
    ),
    (
        "PATTERN (EVERY (a = A -> NOT B[k = a.k] FOR 2 SECONDS))",
        &[
            ("A", 1000, (7, 1)),
            ("B", 1100, (7, 1)),
            ("A", 1200, (8, 1)),
            ("-", 9000, (0, 0)),
        ],
        &[
            "run 1 at 1000 ms: begins; waits for a = A",
            "run 1 at 1000 ms: takes a row of a = A; waits for NOT B FOR 2 s [a.k = 7]",
            "run 1 at 1100 ms: ends: a row breaks NOT B FOR 2 s [a.k = 7]",
            "run 2 at 1100 ms: begins; waits for a = A",
            "run 2 at 1200 ms: takes a row of a = A; waits for NOT B FOR 2 s [a.k = 8]",
            "run 2 at 3200 ms: silence has lasted: NOT B FOR 2 s [a.k = 8]",
            "run 2 at 3200 ms: has completed a = A -> NOT B FOR 2 s, EVERY begins anew [a.k = 8]",
            "run 3 at 3200 ms: begins; waits for a = A",
            "run 2 at 3200 ms: matches [a.k = 8]",
        ],
    ),
    (
        "PATTERN (NOT B FOR 1 SECOND -> a = A AND (c = C OR NOT B FOR 1 SECOND))",
        &[
            ("C", 1000, (1, 1)),
            ("B", 1500, (1, 1)),
            ("A", 3000, (7, 1)),
            ("B", 3100, (7, 1)),
            ("C", 3200, (7, 1)),
        ],
        &[
            "run 1 at 1000 ms: begins; waits for NOT B FOR 1 s",
            "run 1 at 1500 ms: a row breaks NOT B FOR 1 s, silence begins anew; waits for NOT B FOR 1 s",
            "run 1 at 2500 ms: silence has lasted: NOT B FOR 1 s; waits for a = A, c = C, NOT B FOR 1 s",
            "run 1 at 3000 ms: takes a row of a = A; waits for c = C, NOT B FOR 1 s [a.k = 7]",
            "run 1 at 3100 ms: a row breaks NOT B FOR 1 s, another side is left; waits for c = C [a.k = 7]",
            "run 1 at 3200 ms: takes a row of c = C [a.k = 7]",
            "run 1 at 3200 ms: matches [a.k = 7]",
        ],
    ),
    (
        "SEQUENCE (EVERY a = A, b = B+, C)",
        &[
            ("A", 1000, (7, 1)),
            ("A", 1100, (8, 1)),
            ("B", 1200, (1, 1)),
            ("A", 1300, (9, 1)),
        ],
        &[
            "run 1 at 1000 ms: begins; waits for a = A",
            "run 2 at 1000 ms: begins with a row of a = A; waits for b = B [a.k = 7]",
            "run 3 at 1100 ms: begins with a row of a = A; waits for b = B [a.k = 8]",
            "run 2 at 1100 ms: ends: the sequence does not take this row [a.k = 7]",
            "run 3 at 1200 ms: takes a row of b = B; waits for b = B, C [a.k = 8]",
            "run 4 at 1300 ms: begins with a row of a = A; waits for b = B [a.k = 9]",
            "run 3 at 1300 ms: ends: the sequence does not take this row [a.k = 8]",
        ],
    ),
    (
        "PATTERN (EVERY a = A -> B[v > a.v]) AFTER MATCH SKIP PAST LAST ROW",
        &[
            ("A", 1000, (7, 1)),
            ("A", 1100, (7, 5)),
            ("B", 1200, (1, 2)),
        ],
        &[
            "run 1 at 1000 ms: begins; waits for a = A",
            "run 2 at 1000 ms: begins with a row of a = A; waits for B [a.k = 7, a.v = 1]",
            "run 3 at 1100 ms: begins with a row of a = A; waits for B [a.k = 7, a.v = 5]",
            "run 2 at 1200 ms: takes a row of B [a.k = 7, a.v = 1]",
            "run 2 at 1200 ms: matches [a.k = 7, a.v = 1]",
            "run 3 at 1200 ms: ends: a match skips past it [a.k = 7, a.v = 5]",
        ],
    ),
];

#[test]
fn each_step_of_a_run_is_told() {
    for (pattern, rows, told) in TOLD {
        let app = format!("{STREAMS} @info(name='q') INSERT INTO Out SELECT a.k FROM {pattern};");
        for rows_singly_max in [0, 2] {
            let setup = Setup {
                rows_singly_max,
                ..Setup::INLINE
            };
            let runtime = build(&app, setup);
            let lines = traced(&runtime);
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            send(&mut input, rows);
            assert_eq!(shown(&lines), *told, "{pattern}");
        }
    }
}

#[test]
fn runs_are_told_on_worker_threads() {
    let (pattern, rows, told) = TOLD[0];
    let app = format!("{STREAMS} @info(name='q') INSERT INTO Out SELECT a.k FROM {pattern};");
    let setup = Setup {
        workers: 2,
        ..Setup::INLINE
    };
    let runtime = build(&app, setup);
    let lines = traced(&runtime);
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    send(&mut input, rows);
    drop(input);
    runtime.shutdown().expect("nothing panicked");
    // Each worker has a run of its own that waits in front; the numbers follow from who is first.
    let without_number = |line: &str| line.split_once(" at ").map(|(_, what)| what.to_string());
    let keyed = |lines: &[String]| {
        let of_a_key = lines.iter().filter(|l| l.contains('['));
        let mut keyed: Vec<String> = of_a_key.filter_map(|l| without_number(l)).collect();
        keyed.sort_unstable();
        keyed
    };
    let told: Vec<String> = told.iter().map(|l| l.to_string()).collect();
    assert_eq!(keyed(&shown(&lines)), keyed(&told));
}

#[test]
fn a_trace_stays_after_a_restore() {
    let (pattern, rows, _) = TOLD[0];
    let app = format!("{STREAMS} @info(name='q') INSERT INTO Out SELECT a.k FROM {pattern};");
    let first = build(&app, Setup::INLINE);
    first.start().expect("started");
    let mut input = first.input().expect("running");
    send(&mut input, &rows[..4]);
    let snapshot = first.snapshot().expect("it has state");
    let second = build(&app, Setup::INLINE);
    let lines = traced(&second);
    second.restore(&snapshot).expect("of this app");
    second.start().expect("started");
    let mut input = second.input().expect("running");
    send(&mut input, &rows[4..5]);
    let told = [
        "run 1 at 1400 ms: takes a row of C [a.k = 7]",
        "run 1 at 1400 ms: matches [a.k = 7]",
    ];
    assert_eq!(shown(&lines), told);
}

#[test]
fn queries_without_a_pattern_have_no_trace() {
    let app = format!(
        "{STREAMS} INSERT INTO Plain SELECT k FROM A;
        @info(name='fraud') INSERT INTO Out SELECT a.k FROM PATTERN (EVERY a = A -> B);"
    );
    let runtime = build(&app, Setup::INLINE);
    let refused = |query: &str| {
        let traced = runtime.trace_pattern(query, |_| {});
        let error = traced.expect_err("it has no pattern");
        assert!(matches!(error, RuntimeError::NoPattern { .. }));
        error.to_string()
    };
    for (query, told) in [
        (
            "frau",
            "no query 'frau' with a pattern; did you mean 'fraud'?",
        ),
        ("query 1", "no query 'query 1' with a pattern; known: fraud"),
    ] {
        assert_eq!(refused(query), told);
    }
    let begun = Arc::new(Mutex::new(0));
    let to = Arc::clone(&begun);
    let count = move |step: &eventflux::RunStep| {
        let begins = matches!(step.change, RunChange::Begun { .. });
        *to.lock().expect("no callback panics") += usize::from(begins);
    };
    runtime
        .trace_pattern("FRAUD", |_| {})
        .expect("whatever its case");
    runtime
        .trace_pattern("fraud", count)
        .expect("it has a pattern");
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    send(&mut input, &[("A", 1, (1, 1))]);
    assert_eq!(*begun.lock().expect("no callback panics"), 2);
}
