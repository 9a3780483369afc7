//! Faults that were found, each with the smallest app that shows it.
//!
//! How: `check` runs an app over lines of input inline, on one and on two workers, in hand-over batches of 1, 7 and
//! 256 rows, and wants the same rows each time.

use eventflux::{
    AggregateFunction, Batch, Column, ColumnBatch, Data, EventFluxAppRuntime, EventFluxManager,
    Input, RuntimeConfig, RuntimeError, Schema, SendError, Sign, Timestamp, Type, Value, Workers,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes in.
enum Line {
    /// A row of a stream at a millisecond.
    Row(&'static str, i64, Vec<Value>),
    /// Rows of a stream sent at once.
    Batch(&'static str, Vec<(i64, Vec<Value>)>),
    /// The clock of the input, in milliseconds.
    Clock(i64),
}
use Line::{Clock, Row};

macro_rules! row {
    ($stream:literal, $at:expr $(, $value:expr)*) => { Row($stream, $at, vec![$(Value::from($value)),*]) };
}

fn values(batch: &Batch, row: usize) -> String {
    let sign = if batch.sign(row) == Sign::Minus {
        "-"
    } else {
        "+"
    };
    let values: Vec<String> = (0..batch.columns().len())
        .map(|c| batch.value(row, c).to_string())
        .collect();
    format!("{sign}{} {}", batch.at()[row].millis(), values.join(" "))
}

fn feed(input: &mut Input, line: &Line) {
    let at = |ms: i64| Timestamp::from_millis(ms);
    match line {
        Row(stream, ms, row) => input.send_at(stream, at(*ms), row),
        Line::Batch(stream, rows) => {
            input.send_batch(stream, rows.iter().map(|(ms, r)| (Some(at(*ms)), r)))
        }
        Clock(ms) => input.advance_clock(at(*ms)),
    }
    .expect("the line is taken");
}

fn start(app: &str, workers: &Workers, rows_max: usize) -> EventFluxAppRuntime {
    let config = RuntimeConfig::default()
        .workers(workers.clone())
        .batch_rows_max(rows_max)
        .event_time(true);
    EventFluxManager::new()
        .create_with(app, config)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Rows of stream `Out`, in order of their times where several workers emit.
fn run(app: &str, lines: &[Line], workers: &Workers, rows_max: usize) -> Vec<String> {
    let runtime = start(app, workers, rows_max);
    let out = runtime.subscribe("Out").expect("Out is a stream");
    runtime.start().expect("threads start");
    let mut input = runtime.input().expect("the app runs");
    for line in lines {
        feed(&mut input, line);
    }
    drop(input);
    runtime.shutdown().expect("nothing panicked");
    let mut rows = Vec::new();
    while let Some(batch) = out.recv() {
        rows.extend((0..batch.len()).map(|r| values(&batch, r)));
    }
    rows
}

fn check(app: &str, lines: &[Line], want: &[&str]) {
    for workers in [Workers::Inline, Workers::Pinned(1), Workers::Pinned(2)] {
        for rows_max in [1, 7, 256] {
            let mut found = run(app, lines, &workers, rows_max);
            let mut want: Vec<String> = want.iter().map(|w| w.to_string()).collect();
            if workers == Workers::Pinned(2) {
                found.sort();
                want.sort();
            }
            assert_eq!(found, want, "{workers:?}, batches of {rows_max}");
        }
    }
}

#[test]
fn late_rows_are_late_on_every_way_through_the_engine() {
    let rows = |ms: &[i64]| {
        Line::Batch(
            "S",
            ms.iter()
                .map(|ms| (*ms, vec![(*ms as i32).into()]))
                .collect(),
        )
    };
    let lines = [
        rows(&[0, 3000, 500, 3500, 100, 6000, 10, 6100, 20]),
        Clock(60_000),
    ];
    let window = "WINDOW('time', 1 SECOND)";
    let want = [
        "+0 0",
        "+3000 3000",
        "+3500 3500",
        "+6000 6000",
        "+6100 6100",
    ];
    check(
        &format!("CREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S {window};"),
        &lines,
        &want,
    );
    // through a chain, through two writers of one stream, and beside a window that asks for sends
    let app = format!(
        "CREATE STREAM S (v INT); INSERT INTO Mid SELECT v FROM S; INSERT INTO Out SELECT v FROM Mid {window};"
    );
    check(&app, &lines, &want);
    let app = format!("CREATE STREAM S (v INT); CREATE STREAM T (v INT); INSERT INTO Mid SELECT v FROM S; INSERT INTO Mid SELECT v FROM T;
        INSERT INTO Out SELECT v FROM Mid {window};");
    check(&app, &lines, &want);
    let app = format!(
        "CREATE STREAM S (v INT); INSERT INTO Mid SELECT v FROM S {window};
        INSERT INTO Out SELECT v FROM Mid WINDOW('batch');"
    );
    let want = [
        "+6100 0",
        "+6100 3000",
        "+6100 3500",
        "+6100 6000",
        "+6100 6100",
    ];
    check(&app, &lines, &want);
}

#[test]
fn rows_of_another_stream_fire_the_timers_of_the_only_timed_component() {
    let app = "CREATE STREAM S (v INT); CREATE STREAM T (v INT);
        INSERT INTO Other SELECT v FROM S;
        INSERT EXPIRED INTO Out SELECT v FROM T WINDOW('time', 1 SECOND);";
    check(app, &[row!("T", 0, 1), row!("S", 5000, 2)], &["-1000 1"]);
}

#[test]
fn rows_of_a_stream_that_nobody_reads_move_the_clock() {
    let app = "CREATE STREAM S (v INT); CREATE STREAM T (v INT);
        INSERT EXPIRED INTO Out SELECT v FROM T WINDOW('time', 1 SECOND);";
    check(app, &[row!("T", 0, 1), row!("S", 5000, 2)], &["-1000 1"]);
}

#[test]
fn components_on_one_worker_get_their_rows_before_the_clock() {
    let app = "CREATE STREAM S (v INT);
        INSERT INTO A SELECT count() AS n FROM S WINDOW('tumbling', 15 MILLISECONDS);
        INSERT INTO B SELECT count() AS n FROM S WINDOW('tumbling', 15 MILLISECONDS);
        INSERT INTO Out SELECT count() AS n FROM S WINDOW('tumbling', 15 MILLISECONDS);";
    let lines = [
        row!("S", 0, 1),
        Line::Batch("S", vec![(10, vec![2.into()]), (20, vec![3.into()])]),
        Clock(100),
    ];
    check(app, &lines, &["+15 2", "+30 1"]);
}

#[test]
fn forever_remembers_a_group_that_was_empty() {
    let app = "CREATE STREAM S (k STRING, v INT);
        INSERT INTO Out SELECT k, minForever(v) AS m FROM S WINDOW('length', 1) GROUP BY k;";
    let lines = [Line::Batch(
        "S",
        vec![
            (0, vec!["a".into(), 5.into()]),
            (0, vec!["b".into(), 1.into()]),
            (0, vec!["a".into(), 7.into()]),
        ],
    )];
    check(app, &lines, &["+0 a 5", "+0 b 1", "+0 a 5"]);
}

#[test]
fn distinct_over_streamed_batches_does_not_see_hand_over_borders() {
    let app = "CREATE STREAM S (v INT);
        INSERT INTO Out SELECT DISTINCT v FROM S WINDOW('lengthBatch', 3, stream_current);";
    let lines = [Line::Batch(
        "S",
        [1, 1, 2, 1, 1]
            .iter()
            .map(|v| (0, vec![(*v).into()]))
            .collect(),
    )];
    check(app, &lines, &["+0 1", "+0 2", "+0 1"]);
}

#[test]
fn distinct_comes_before_limit_and_keeps_signs_apart() {
    let app = "CREATE STREAM S (v INT);
        INSERT INTO Out SELECT DISTINCT v FROM S WINDOW('lengthBatch', 3) LIMIT 2;";
    let rows = |v: &[i32]| Line::Batch("S", v.iter().map(|v| (0, vec![(*v).into()])).collect());
    check(app, &[rows(&[1, 1, 2])], &["+0 1", "+0 2"]);
    let app = "CREATE STREAM S (v INT);
        INSERT ALL EVENTS INTO Out SELECT DISTINCT v FROM S WINDOW('lengthBatch', 2);";
    check(
        app,
        &[rows(&[1, 1, 1, 2])],
        &["+0 1", "-0 1", "+0 1", "+0 2"],
    );
}

#[test]
fn times_near_the_ends_of_the_range() {
    let (min, max) = (-9_200_000_000_000_000i64, 9_200_000_000_000_000i64);
    for window in [
        "'tumbling', 10 SECONDS",
        "'hop', 10 SECONDS, 2 SECONDS",
        "'time', 10 SECONDS",
        "'timeBatch', 10 SECONDS",
        "'timeLength', 10 SECONDS, 3",
        "'session', 10 SECONDS",
        "'sessionBatch', 10 SECONDS",
        "'delay', 10 SECONDS",
        "'cron', '* * * * * *'",
        "'tumbling', 10 SECONDS, -3 SECONDS",
        "'timeBatch', 10 SECONDS, 3",
        "'tumbling', 250000 DAYS",
        "'hop', 250000 DAYS, 250 DAYS",
    ] {
        for select in ["v", "count() AS n"] {
            for events in ["", "ALL EVENTS"] {
                let app = format!(
                    "CREATE STREAM S (v INT); INSERT {events} INTO Out SELECT {select} FROM S WINDOW({window});"
                );
                let lines = [
                    row!("S", min, 1),
                    row!("S", min + 1000, 2),
                    row!("S", 0, 3),
                    row!("S", max - 5, 4),
                    Clock(max),
                ];
                let runtime = start(&app, &Workers::Inline, 256);
                runtime.start().expect("started");
                let mut input = runtime.input().expect("running");
                lines.iter().for_each(|line| feed(&mut input, line));
                drop(input);
                runtime.shutdown().expect("nothing panicked");
            }
        }
    }
}

const COPY: &str = "CREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S;";

fn all_workers() -> [Workers; 3] {
    [Workers::Inline, Workers::Pinned(1), Workers::Pinned(2)]
}

/// Fails instead of hanging.
fn within_seconds<R: Send + 'static>(what: &str, f: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(f()));
    wait.recv_timeout(std::time::Duration::from_secs(20))
        .unwrap_or_else(|_| panic!("{what} hangs or panics"))
}

#[test]
fn a_row_that_is_too_wide_leaves_nothing_in_a_column_batch() {
    let schema = Schema::new([("v", Type::Int)]);
    let mut rows = ColumnBatch::new(&schema);
    assert!(rows.push(Timestamp(0), (1, 2)).is_err());
    rows.push(Timestamp(0), (3,)).expect("the row fits");
    let runtime = start(COPY, &Workers::Inline, 256);
    let out = runtime.subscribe("Out").expect("a stream");
    runtime.start().expect("started");
    runtime
        .input()
        .expect("running")
        .send_columns("S", &mut rows)
        .expect("taken");
    let batch = out.try_recv().expect("a batch");
    assert_eq!((batch.len(), batch.value(0, 0)), (1, Value::Int(3)));
}

#[test]
fn negative_zero_in_columns_is_zero() {
    let schema = Schema::new([("v", Type::Double)]);
    let mut rows = ColumnBatch::new(&schema);
    let data = Column::from_data(Data::Double(vec![-0.0, 0.0]));
    rows.set(vec![Timestamp(0); 2], vec![data])
        .expect("columns fit");
    let app =
        "CREATE STREAM S (v DOUBLE); INSERT INTO Out SELECT v, count() AS n FROM S GROUP BY v;";
    let runtime = start(app, &Workers::Inline, 256);
    let out = runtime.subscribe("Out").expect("a stream");
    runtime.start().expect("started");
    runtime
        .input()
        .expect("running")
        .send_columns("S", &mut rows)
        .expect("taken");
    let batch = out.try_recv().expect("a batch");
    assert_eq!(
        (values(&batch, 0), values(&batch, 1)),
        ("+0 0.0 1".into(), "+0 0.0 2".into())
    );
}

#[test]
fn shutdown_from_a_callback_is_refused() {
    for workers in all_workers() {
        within_seconds("shutdown from a callback", move || {
            let runtime = Arc::new(start(COPY, &workers, 256));
            let answer = Arc::new(Mutex::new(None));
            let (own, told) = (Arc::downgrade(&runtime), Arc::clone(&answer));
            let callback =
                move |_: &Batch| *told.lock().unwrap() = own.upgrade().map(|r| r.shutdown());
            runtime.add_callback("Out", callback).expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            input.send_at("S", Timestamp(0), (1,)).expect("taken");
            drop(input);
            runtime.shutdown().expect("nothing panicked");
            let answer = answer.lock().unwrap().take();
            assert!(
                matches!(answer, Some(Err(RuntimeError::InsideCallback))),
                "{answer:?}"
            );
        });
    }
}

#[test]
fn a_callback_may_own_an_input_of_its_app() {
    for workers in all_workers() {
        within_seconds("an input in a callback", move || {
            let app = "CREATE STREAM S (v INT); CREATE STREAM T (v INT);
                INSERT INTO Mid SELECT v FROM S; INSERT INTO Out SELECT v FROM T;";
            let runtime = start(app, &workers, 256);
            let out = runtime.subscribe("Out").expect("a stream");
            let mut own = runtime.input().expect("open");
            // A send that races with the stop may answer Stopped: the app stops after it.
            let (sent, wait) = std::sync::mpsc::channel();
            let callback = move |batch: &Batch| {
                let Value::Int(v) = batch.value(0, 0) else {
                    panic!("an INT")
                };
                own.send_at("T", batch.at()[0], (v + 1,)).expect("taken");
                sent.send(()).expect("the test waits");
            };
            let mut callback = Some(callback);
            let callback = Mutex::new(callback.take().unwrap());
            runtime
                .add_callback("Mid", move |b: &Batch| (callback.lock().unwrap())(b))
                .expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            input.send_at("S", Timestamp(0), (1,)).expect("taken");
            let batch = out.recv_timeout(Duration::from_secs(10)).expect("a row");
            assert_eq!(values(&batch, 0), "+0 2");
            wait.recv_timeout(Duration::from_secs(10)).expect("sent");
            drop(input);
            runtime.shutdown().expect("nothing panicked");
            runtime.shutdown().expect("nothing panicked");
        });
    }
}

#[test]
fn a_subscription_that_ends_does_not_disturb_the_others() {
    let runtime = start(COPY, &Workers::Inline, 256);
    let (gone, out) = (
        runtime.subscribe("Out").expect("a stream"),
        runtime.subscribe("Out").expect("a stream"),
    );
    runtime.start().expect("started");
    drop(gone);
    runtime
        .input()
        .expect("running")
        .send_at("S", Timestamp(0), (1,))
        .expect("taken");
    assert_eq!(out.try_recv().map(|b| b.len()), Some(1));
    assert_eq!(out.try_recv().map(|b| b.len()), None);
}

#[test]
fn timers_of_an_inline_app_fire_without_further_rows() {
    let app = "CREATE STREAM S (v INT);
        INSERT EXPIRED INTO Out SELECT v FROM S WINDOW('time', 30 MILLISECONDS);";
    for workers in all_workers() {
        let config = RuntimeConfig::default().workers(workers.clone());
        let runtime = EventFluxManager::new()
            .create_with(app, config)
            .expect("an app");
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        for _ in 0..3 {
            input.send("S", (1,)).expect("taken");
            assert!(
                out.recv_timeout(Duration::from_secs(5)).is_some(),
                "{workers:?}"
            );
        }
    }
}

#[test]
fn a_callback_on_a_worker_never_waits_for_its_own_lane() {
    within_seconds("a callback that sends much", || {
        let app = "CREATE STREAM S (v INT); CREATE STREAM T (v INT);
            INSERT INTO Mid SELECT v FROM S; INSERT INTO Out SELECT v FROM T;";
        let config = RuntimeConfig::default()
            .workers(Workers::Pinned(1))
            .batch_rows_max(4)
            .lane_batches_max(2)
            .event_time(true);
        let runtime = EventFluxManager::new()
            .create_with(app, config)
            .expect("an app");
        let own = Mutex::new(runtime.input().expect("open"));
        let (told, answers) = std::sync::mpsc::channel();
        runtime
            .add_callback("Mid", move |_: &Batch| {
                let rows = (0..1000).map(|v| (Some(Timestamp(0)), (v,)));
                told.send(own.lock().unwrap().send_batch("T", rows))
                    .unwrap();
            })
            .expect("a stream");
        runtime.start().expect("started");
        runtime
            .input()
            .expect("running")
            .send_at("S", Timestamp(0), (1,))
            .expect("taken");
        assert_eq!(answers.recv().unwrap(), Err(SendError::Full));
        runtime.shutdown().expect("nothing panicked");
    });
}

#[test]
fn shutdown_does_not_wait_for_a_reader_and_loses_nothing() {
    for workers in all_workers() {
        within_seconds("shutdown with a full subscription", move || {
            let runtime = start(COPY, &workers, 1);
            let out = runtime.subscribe("Out").expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            let mut sent = 0;
            while sent < 1050 && input.try_send("S", Some(Timestamp(0)), (sent,)).is_ok() {
                sent += 1;
            }
            drop(input);
            runtime.shutdown().expect("nothing panicked");
            let mut seen = Vec::new();
            while let Some(batch) = out.recv() {
                seen.extend((0..batch.len()).map(|r| batch.value(r, 0)));
            }
            assert!(
                seen == (0..sent).map(Value::Int).collect::<Vec<_>>(),
                "{workers:?}: {} of {sent}",
                seen.len()
            );
        });
    }
}

#[test]
fn only_declared_streams_take_rows() {
    let runtime = start(COPY, &Workers::Inline, 256);
    runtime.start().expect("started");
    let sent = runtime
        .input()
        .expect("running")
        .send_at("Out", Timestamp(0), (1,));
    assert_eq!(sent, Err(SendError::UnknownStream("Out".into())));
    assert!(runtime.input_handler("Out").is_err());
}

#[test]
fn a_callback_may_move_the_clock() {
    for workers in all_workers() {
        within_seconds("a clock moved in a callback", move || {
            let app = "CREATE STREAM S (v INT); CREATE STREAM T (v INT);
                INSERT INTO Mid SELECT v FROM S;
                INSERT EXPIRED INTO Out SELECT v FROM T WINDOW('time', 1 SECOND);";
            let runtime = start(app, &workers, 256);
            let out = runtime.subscribe("Out").expect("a stream");
            let own = Mutex::new(runtime.input().expect("open"));
            runtime
                .add_callback("Mid", move |_: &Batch| {
                    let mut own = own.lock().unwrap();
                    own.send_at("T", Timestamp(0), (7,)).expect("taken");
                    own.advance_clock(Timestamp::from_millis(5000))
                        .expect("taken");
                })
                .expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            input.send_at("S", Timestamp(0), (1,)).expect("taken");
            drop(input);
            let batch = out.recv_timeout(Duration::from_secs(10)).expect("a row");
            assert_eq!(values(&batch, 0), "-1000 7");
        });
    }
}

#[test]
fn the_clock_of_a_second_input_does_not_turn_time_back() {
    let app = "CREATE STREAM S (v INT);
        INSERT ALL EVENTS INTO Out SELECT v FROM S WINDOW('time', 1 SECOND);";
    let runtime = start(app, &Workers::Inline, 256);
    let out = runtime.subscribe("Out").expect("a stream");
    runtime.start().expect("started");
    let (mut first, mut second) = (
        runtime.input().expect("open"),
        runtime.input().expect("open"),
    );
    first
        .send_at("S", Timestamp::from_millis(0), (1,))
        .expect("taken");
    first
        .advance_clock(Timestamp::from_millis(5000))
        .expect("taken");
    second
        .send_at("S", Timestamp::from_millis(100), (2,))
        .expect("taken");
    drop((first, second));
    let rows: Vec<_> = std::iter::from_fn(|| out.try_recv())
        .flat_map(|b| (0..b.len()).map(|r| values(&b, r)).collect::<Vec<_>>())
        .collect();
    assert_eq!(rows, ["+0 1", "-1000 1"]);
    assert_eq!(runtime.metrics().expect("running").late_rows, 1);
}

#[test]
fn an_idle_input_leaves_the_minimum() {
    for workers in all_workers() {
        let app = "@app:playback(idle.timeout='30 MILLISECONDS') CREATE STREAM S (v INT);
            INSERT EXPIRED INTO Out SELECT v FROM S WINDOW('time', 1 SECOND);";
        let runtime = start(app, &workers, 256);
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        let (mut idle, mut busy) = (
            runtime.input().expect("open"),
            runtime.input().expect("open"),
        );
        idle.send_at("S", Timestamp::from_millis(0), (1,))
            .expect("taken");
        let mut at = 5000;
        let batch = loop {
            busy.advance_clock(Timestamp::from_millis(at))
                .expect("taken");
            at += 1;
            if let Some(batch) = out.recv_timeout(Duration::from_millis(1)) {
                break batch;
            }
            assert!(
                at < 15_000,
                "{workers:?}: the idle input holds the clock back"
            );
        };
        assert_eq!(values(&batch, 0), "-1000 1");
    }
}

#[test]
fn two_shutdowns_at_once_lose_nothing() {
    within_seconds("two shutdowns", || {
        let runtime = Arc::new(start(COPY, &Workers::Pinned(2), 1));
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        runtime
            .add_callback("Out", move |_: &Batch| {
                std::thread::yield_now();
                count.fetch_add(1, Ordering::SeqCst);
            })
            .expect("a stream");
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        (0..20_000).for_each(|v| input.send_at("S", Timestamp(0), (v,)).expect("taken"));
        let other = Arc::clone(&runtime);
        let thread = std::thread::spawn(move || other.shutdown());
        runtime.shutdown().expect("nothing panicked");
        assert_eq!(seen.load(Ordering::SeqCst), 20_000);
        thread.join().unwrap().expect("nothing panicked");
    });
}

#[test]
fn a_panic_in_a_callback_poisons_and_nothing_hangs() {
    for workers in all_workers() {
        within_seconds("a poisoned app", move || {
            let runtime = start(COPY, &workers, 1);
            runtime
                .add_callback("Out", |_: &Batch| panic!("boom"))
                .expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            let error = loop {
                if let Err(error) = input.send_at("S", Timestamp(0), (1,)) {
                    break error;
                }
            };
            assert!(
                matches!(&error, SendError::Poisoned(p) if p.message == "boom" && p.query == "query 1"),
                "{error:?}"
            );
            let told = error.to_string();
            assert!(told.contains("a callback of stream Out panicked"), "{told}");
            let is_inline = matches!(workers, Workers::Inline);
            assert_eq!(told.contains(" on worker 0: boom"), !is_inline, "{told}");
            assert!(matches!(runtime.shutdown(), Err(RuntimeError::Poisoned(_))));
            assert!(matches!(runtime.shutdown(), Err(RuntimeError::Poisoned(_))));
        });
    }
}

/// Sums, but forgets half of what leaves: its state tells whether a group started anew.
struct Leaky;
impl AggregateFunction for Leaky {
    fn result(&self, _: &[Type]) -> Result<Type, String> {
        Ok(Type::Long)
    }
    fn empty(&self) -> Vec<Value> {
        vec![Value::Long(0)]
    }
    fn add(&self, state: &mut [Value], _: &[Value]) {
        if let Value::Long(n) = &mut state[0] {
            *n += 2;
        }
    }
    fn retract(&self, state: &mut [Value], _: &[Value]) {
        if let Value::Long(n) = &mut state[0] {
            *n -= 1;
        }
    }
    fn merge(&self, _: &mut [Value], _: &[Value]) {}
    fn value(&self, state: &[Value]) -> Value {
        state[0].clone()
    }
}

#[test]
fn a_group_that_empties_starts_anew_also_within_a_batch() {
    let mut manager = EventFluxManager::new();
    manager
        .register_aggregate("leaky", Leaky)
        .expect("a new name");
    let app =
        "CREATE STREAM S (v INT); INSERT INTO Out SELECT leaky(v) AS n FROM S WINDOW('length', 1);";
    for rows_max in [1, 256] {
        let config = RuntimeConfig::default()
            .workers(Workers::Inline)
            .event_time(true)
            .batch_rows_max(rows_max);
        let runtime = manager.create_with(app, config).expect("an app");
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        feed(
            &mut runtime.input().expect("running"),
            &Line::Batch("S", vec![(0, vec![1.into()]); 3]),
        );
        let rows: Vec<_> = std::iter::from_fn(|| out.try_recv())
            .flat_map(|b| (0..b.len()).map(|r| values(&b, r)).collect::<Vec<_>>())
            .collect();
        assert_eq!(rows, ["+0 2", "+0 2", "+0 2"], "batches of {rows_max}");
    }
}

#[test]
fn panes_have_a_limit_and_long_chains_are_refused() {
    let refused = |app: &str, what: &str| {
        let error = EventFluxManager::new()
            .create_with(app, RuntimeConfig::default().workers(Workers::Inline))
            .expect_err("refused");
        assert!(
            error.to_string().contains(what),
            "{}",
            error.problems()[0].message
        );
    };
    refused(
        "CREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S WINDOW('hop', 1 HOUR, 1 MICROSECOND);",
        "PANES_MAX",
    );
    refused(
        "CREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S WINDOW('time', 9000000000000000);",
        "DURATION_MAX",
    );
    let mut chain = "CREATE STREAM S0 (v INT);".to_string();
    (0..5_000).for_each(|i| chain += &format!("INSERT INTO S{} SELECT v FROM S{i};", i + 1));
    refused(&chain, "CHAIN_MAX");
}

#[test]
fn the_longest_chain_that_is_allowed_runs() {
    let mut chain = "CREATE STREAM S (v INT); INSERT INTO M0 SELECT v FROM S;".to_string();
    (0..98).for_each(|i| {
        chain += &format!(
            "INSERT INTO M{} SELECT v FROM M{i}[v > 0] WINDOW('length', 2);",
            i + 1
        )
    });
    chain += "INSERT INTO Out SELECT v FROM M98;";
    check(&chain, &[row!("S", 0, 1)], &["+0 1"]);
}

#[test]
fn times_beyond_the_range_are_refused() {
    let runtime = start(COPY, &Workers::Inline, 256);
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    for at in [Timestamp::MIN, Timestamp(i64::MAX)] {
        assert_eq!(
            input.send_at("S", at, (1,)),
            Err(SendError::TimeOutOfRange(at))
        );
        assert_eq!(input.advance_clock(at), Err(SendError::TimeOutOfRange(at)));
        let mut rows = ColumnBatch::new(&Schema::new([("v", Type::Int)]));
        rows.push(at, (1,)).expect("the row fits");
        assert_eq!(
            input.send_columns("S", &mut rows),
            Err(SendError::TimeOutOfRange(at))
        );
    }
}

#[test]
fn thousands_of_streams() {
    let app: String = (0..5_000)
        .map(|i| format!("CREATE STREAM S{i} (v INT); INSERT INTO T{i} SELECT v FROM S{i};"))
        .collect();
    let runtime = start(&app, &Workers::Inline, 256);
    let out = runtime.subscribe("T4999").expect("a stream");
    runtime.start().expect("started");
    runtime
        .input()
        .expect("running")
        .send_at("S4999", Timestamp(0), (1,))
        .expect("taken");
    assert!(out.try_recv().is_some());
}

#[test]
fn a_fault_far_to_the_right_is_shown() {
    let app = " ".repeat(100_000) + "nonsense";
    let error = EventFluxManager::new()
        .create_with(&app, RuntimeConfig::default())
        .expect_err("refused");
    assert!(error.to_string().contains("column 100001"));
}

#[test]
fn a_name_inside_an_aggregate_is_the_attribute() {
    let app = "CREATE STREAM S (v INT);
        INSERT INTO Out SELECT max(v) AS v FROM S HAVING sum(v) > 3 AND v < 5;";
    let lines = [row!("S", 0, 2), row!("S", 0, 2), row!("S", 0, 9)];
    check(app, &lines, &["+0 2"]);
}

#[test]
fn aligned_batches_end_at_the_same_time_on_all_workers() {
    let app = "@app:playback(lateness='3 MILLISECONDS') CREATE STREAM S (k INT);
        INSERT INTO Out SELECT k, count() AS n FROM S WINDOW('timeBatch', 5 MILLISECONDS, 0) GROUP BY k;";
    let mut lines = vec![Clock(1)];
    lines.extend((0..8).map(|k| row!("S", 1, k)));
    lines.extend((8..16).map(|k| row!("S", 6, k)));
    lines.push(Clock(100));
    // a row is in the batch of its time, whatever the clock was when it came
    let end = |k: i32| if k < 8 { 5 } else { 10 };
    let want: Vec<String> = (0..16).map(|k| format!("+{} {k} 1", end(k))).collect();
    check(
        app,
        &lines,
        &want.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn copies_of_rows_for_several_components_do_not_run_ahead() {
    let app = "CREATE STREAM S (v INT);
        INSERT INTO A SELECT v FROM S WINDOW('session', 3 MILLISECONDS, v);
        INSERT INTO Out SELECT count() AS n FROM S WINDOW('tumbling', 5 MILLISECONDS);";
    let lines: Vec<Line> = (0..60).map(|at| row!("S", at, (at % 5) as i32)).collect();
    let want: Vec<String> = (1..12).map(|i| format!("+{} 5", 5 * i)).collect();
    check(
        app,
        &lines,
        &want.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}
