//! Clocks of inputs, of sources and of the machine: what moves the app's time, and what does not.

use eventflux::checkpoint::{read_blob, write_blob};
use eventflux::event::{Timestamp, Value};
use eventflux::store::MemoryStore;
use eventflux::{
    Batch, CheckpointConfig, ColumnBatch, EventFluxAppRuntime, EventFluxManager, Input,
    RuntimeConfig, SendError, Workers,
};
use eventflux_kit::Collected;
use eventflux_testbed::{HANG, Scratch, until};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn build(app: &str, workers: &Workers) -> EventFluxAppRuntime {
    let config = RuntimeConfig::default().workers(workers.clone());
    let built = EventFluxManager::new().create_with(app, config);
    built.unwrap_or_else(|e| panic!("{e}"))
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn texts(batch: &Batch) -> Vec<String> {
    let row = |row| {
        let values: Vec<String> = batch.row(row).iter().map(Value::to_string).collect();
        values.join(" ")
    };
    (0..batch.len()).map(row).collect()
}

/// The rows of a stream, as they come.
fn collect(runtime: &EventFluxAppRuntime, stream: &str) -> Collected<String> {
    let rows = Collected::default();
    let to = rows.clone();
    let more = move |batch: &Batch| to.extend(texts(batch));
    runtime.add_callback(stream, more).expect("a stream");
    rows
}

const ROWS: i64 = 60_000;
const KEYS: i64 = 5;

/// Rows of a file with this many milliseconds between two, and per window of a second and key how many there are; but
/// for windows that end after `until`.
fn file(step: i64, until: i64) -> (String, BTreeMap<(i64, i64), i64>) {
    let (mut text, mut windows) = ("at,k\n".to_string(), BTreeMap::new());
    for row in 0..ROWS {
        let (at, key) = (row * step, row % KEYS);
        text += &format!("{at},{key}\n");
        let start = at - at % 1_000;
        if start + 1_000 <= until {
            *windows.entry((start, key)).or_default() += 1;
        }
    }
    (text, windows)
}

fn shown(windows: BTreeMap<(i64, i64), i64>) -> Vec<String> {
    let mut rows: Vec<String> = windows
        .into_iter()
        .map(|((start, key), n)| format!("{start} {key} {n}"))
        .collect();
    rows.sort();
    rows
}

#[test]
fn two_sources_give_one_answer_whichever_begins_first() {
    let folder = Scratch::new().expect("a folder");
    // The clock ends at the last row of all, whichever file was read to its end first.
    let until = (ROWS - 1) * 2;
    let ((fast, of_a), (slow, of_b)) = (file(1, until), file(2, until));
    let (a, b) = (folder.file("a.csv", &fast), folder.file("b.csv", &slow));
    let source = |name: &str, path: &str| {
        format!(
            "CREATE STREAM {name} (k INT) WITH ('type'='source', 'extension'='file', 'path'='{path}');\n"
        )
    };
    let window = "WINDOW('tumbling', 1 SECOND) GROUP BY k";
    let select = "SELECT window_start() AS t, k, count() AS n";
    // The file with fewer rows a second stands first, then second: its thread starts first, then last.
    for (place, workers) in [
        Workers::Inline,
        Workers::Pinned(1),
        Workers::Pinned(2),
        Workers::Pinned(4),
        Workers::Inline,
        Workers::Pinned(2),
        Workers::Pinned(4),
    ]
    .into_iter()
    .enumerate()
    {
        let mut sources = [source("A", &a), source("B", &b)];
        sources.rotate_left(place % 2);
        let app = format!(
            "@app:playback {}
             INSERT INTO M SELECT k FROM A; INSERT INTO M SELECT k FROM B;
             INSERT INTO Both {select} FROM M {window};
             CREATE STREAM Single (k INT);",
            sources.concat(),
        );
        let apart = format!(
            "@app:playback {}
             INSERT INTO OfA {select} FROM A {window}; INSERT INTO OfB {select} FROM B {window};",
            sources.concat(),
        );
        let mut both = of_a.clone();
        for (window, n) in &of_b {
            *both.entry(*window).or_default() += n;
        }
        let all = [
            (&app, vec![("Both", both)]),
            (&apart, vec![("OfA", of_a.clone()), ("OfB", of_b.clone())]),
        ];
        // Half of the runs each: with every window on one worker, and by key.
        let (app, want) = &all[place / 2 % 2];
        let runtime = build(app, &workers);
        let found: Vec<_> = want.iter().map(|(s, _)| collect(&runtime, s)).collect();
        runtime.start().expect("started");
        eventflux_testbed::until(HANG, "the ends of the sources", || !runtime.is_fed());
        runtime.shutdown().expect("it ends well");
        for ((stream, want), found) in want.iter().zip(found) {
            let mut found = found.take();
            found.sort();
            assert!(
                found == shown(want.clone()),
                "{workers:?}, run {place}: {stream}"
            );
        }
        assert_eq!(runtime.metrics().expect("stopped").late_rows, 0);
    }
}

const COUNT: &str = "CREATE STREAM S (v INT);
    INSERT INTO Out SELECT window_start() AS t, count() AS n FROM S WINDOW('tumbling', 1 SECOND);";

fn workers() -> [Workers; 4] {
    [
        Workers::Inline,
        Workers::Pinned(1),
        Workers::Pinned(2),
        Workers::Pinned(4),
    ]
}

/// Sends a row at each of these seconds, and half a second later.
fn seconds(input: &mut Input, seconds: impl IntoIterator<Item = i64>) {
    for second in seconds {
        for at in [1_000 * second, 1_000 * second + 500] {
            let sent = input.send_at("S", ms(at), (1,));
            sent.expect("taken");
        }
    }
}

#[test]
fn an_input_is_waited_for_if_it_holds_or_has_spoken() {
    for workers in workers() {
        for holds in [true, false] {
            let runtime = build(&format!("@app:playback {COUNT}"), &workers);
            let out = collect(&runtime, "Out");
            runtime.start().expect("started");
            let mut inputs = [(); 2].map(|()| runtime.input().expect("running"));
            if holds {
                for input in &mut inputs {
                    input.hold_clock().expect("open");
                }
            }
            let [mut first, mut second] = inputs;
            seconds(&mut first, 0..20);
            wait(&runtime, 40);
            let closed = out.len();
            assert_eq!(closed, if holds { 0 } else { 19 }, "{workers:?}");
            seconds(&mut second, 0..20);
            drop((first, second));
            runtime.flush().expect("nothing panicked");
            let late_rows = runtime.metrics().expect("running").late_rows;
            assert_eq!(late_rows == 0, holds, "{workers:?}: {late_rows} late");
            if holds {
                let want: Vec<String> = (0..20).map(|s| format!("{} 4", s * 1_000)).collect();
                assert_eq!(out.rows(), want, "{workers:?}");
            }
        }
    }
}

/// Waits until so many rows have entered.
fn wait(runtime: &EventFluxAppRuntime, rows: u64) {
    until(HANG, &format!("{rows} rows"), || {
        runtime.metrics().expect("running").rows_in >= rows
    });
}

#[test]
fn the_hold_of_an_input_outlives_a_checkpoint() {
    // Before the checkpoint the second input has sent nothing, or up to its fifth second.
    for workers in workers() {
        for sent in [0, 5] {
            let mut manager = EventFluxManager::new();
            manager.set_persistence_store(Arc::new(MemoryStore::new()));
            let app = format!("@app:name('held') @app:playback {COUNT}");
            let config = RuntimeConfig::default()
                .workers(workers.clone())
                .checkpoints(CheckpointConfig::default());
            let start = || {
                let built = manager.create_with(&app, config.clone());
                built.unwrap_or_else(|e| panic!("{e}"))
            };
            let open = |runtime: &EventFluxAppRuntime| {
                ["a", "b"].map(|name| {
                    let mut input = runtime.open_input(name).expect("not open");
                    input.hold_clock().expect("open");
                    input
                })
            };
            let runtime = start();
            let before = collect(&runtime, "Out");
            runtime.start().expect("started");
            let [mut first, mut second] = open(&runtime);
            seconds(&mut first, 0..10);
            seconds(&mut second, 0..sent);
            wait(&runtime, 2 * (10 + sent as u64));
            runtime.persist().expect("a store in memory");
            runtime.shutdown().expect("nothing panicked");
            drop((first, second));
            let runtime = start();
            let after = collect(&runtime, "Out");
            runtime.restore_last_revision().expect("a revision");
            runtime.start().expect("started");
            let [mut first, mut second] = open(&runtime);
            seconds(&mut first, 10..20);
            wait(&runtime, 20);
            seconds(&mut second, sent..20);
            first.finish().expect("running");
            second.finish().expect("running");
            runtime.flush().expect("nothing panicked");
            let found = [before, after].map(|rows| rows.rows());
            let want: Vec<String> = (0..20).map(|s| format!("{} 4", s * 1_000)).collect();
            assert_eq!(found.concat(), want, "{workers:?}, {sent} s before");
            assert_eq!(runtime.metrics().expect("running").late_rows, 0);
        }
    }
}

#[test]
fn a_silent_input_that_holds_is_waited_for_up_to_the_timeout() {
    for workers in workers() {
        let app = format!("@app:playback(idle.timeout='10 MILLISECONDS') {COUNT}");
        let runtime = build(&app, &workers);
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        let [mut first, mut silent] = [(); 2].map(|()| runtime.input().expect("running"));
        silent.hold_clock().expect("open");
        seconds(&mut first, [0, 1]);
        // Both are idle then: the clock goes as far as the one that spoke.
        let batch = out.recv_timeout(HANG).expect("the first window closes");
        assert_eq!(texts(&batch), ["0 2"], "{workers:?}");
        // The only input that spoke is idle: the clock stands, and goes on with its next row.
        seconds(&mut first, [2]);
        let batch = out.recv_timeout(HANG).expect("the second window closes");
        assert_eq!(texts(&batch), ["1000 2"], "{workers:?}");
        drop(silent);
    }
}

/// The machine's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_micros()).expect("before 9999")
}

#[test]
fn rows_of_processing_time_carry_when_they_are_processed() {
    let plain = "CREATE STREAM S (v INT); INSERT INTO Out SELECT v, eventTimestamp() AS t FROM S;";
    let timed = "CREATE STREAM S (v INT);
        INSERT INTO Out SELECT v, eventTimestamp() AS t FROM S WINDOW('time', 1 HOUR);";
    for workers in workers() {
        for app in [plain, timed] {
            let runtime = build(app, &workers);
            let out = runtime.subscribe("Out").expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            // Without a window nothing depends on the last digits: the time may be that of the last tick.
            let spared = if app == plain { 1_000_000 } else { 0 };
            let (begun, mut last, mut moved) = (now(), 0, 0);
            while moved < 5 {
                assert!(now() - begun < HANG.as_micros() as i64, "the clock stands");
                let sent = now();
                input.send("S", (1,)).expect("taken");
                let batch = out.recv_timeout(HANG).expect("a row");
                let (at, seen) = (batch.at()[0], now());
                moved += i32::from(at.0 > last);
                last = at.0;
                assert!(
                    (sent - spared..=seen).contains(&at.0),
                    "{workers:?}: {sent} {at:?} {seen}"
                );
                assert_eq!(batch.value(0, 1), Value::Long(at.millis()));
            }
        }
    }
}

const HOUR_US: i64 = 3_600_000_000;

/// State of an app, as if it had been taken when the machine's clock was ahead by an hour.
fn taken_ahead(app: &str) -> (Vec<u8>, i64) {
    let runtime = build(app, &Workers::Inline);
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    input.send("S", (1,)).expect("taken");
    let snapshot = runtime.snapshot().expect("it runs");
    let (mut manifest, chunks) = read_blob(&snapshot).expect("it is sound");
    for instance in &mut manifest.instances {
        instance.now_us += HOUR_US;
    }
    let clock = manifest.instances[0].now_us;
    let chunks = chunks.into_iter().map(|(record, b)| (record, b.to_vec()));
    let mut ahead = Vec::new();
    write_blob(&manifest, chunks, &mut ahead).expect("a Vec takes it");
    (ahead, clock)
}

#[test]
fn a_clock_that_went_back_over_a_restart_obeys_the_rule() {
    for (rule, waits) in [
        ("", true),
        ("@app:processing(clock.back='wait')", true),
        ("@app:processing(clock.back='follow')", false),
    ] {
        let app = format!(
            "@app:name('back') {rule} CREATE STREAM S (v INT);
            INSERT INTO Plain SELECT v, now() AS t FROM S;
            INSERT INTO Short SELECT count() AS n FROM S WINDOW('tumbling', 5 MILLISECONDS);
            INSERT INTO Long SELECT count() AS n FROM S WINDOW('tumbling', 30 MINUTES);"
        );
        let (snapshot, clock) = taken_ahead(&app);
        for workers in workers() {
            let runtime = build(&app, &workers);
            let plain = runtime.subscribe("Plain").expect("a stream");
            let short = runtime.subscribe("Short").expect("a stream");
            let long = runtime.subscribe("Long").expect("a stream");
            let report = runtime.restore(&snapshot).expect("it is sound");
            let back = report.clock_back.expect("the clock went back");
            assert_eq!(back.waits, waits);
            let nearly = Duration::from_secs(3_590)..=Duration::from_secs(3_600);
            assert!(nearly.contains(&back.ahead), "{back}");
            assert!(back.to_string().contains("machine's"), "{back}");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            let mut at = Vec::new();
            while at.len() < 5 {
                let before = now();
                while now() - before < 20_000 {
                    std::thread::yield_now();
                }
                input.send("S", (2,)).expect("taken");
                at.push(plain.recv_timeout(HANG).expect("a row").at()[0].0);
            }
            // The window of before is long over by the restored clock.
            let first = long.recv_timeout(HANG).expect("the restored window");
            assert_eq!(texts(&first), ["1"]);
            // Of a row that was sent here.
            let closed = || short.recv_timeout(HANG).expect("a window").at()[0].0 >= clock;
            match waits {
                true => assert_eq!(at, [clock; 5], "{workers:?}"),
                false => {
                    assert!(at.is_sorted_by(|a, b| a < b) && at[0] >= clock, "{at:?}");
                    while !closed() {}
                }
            }
            let metrics = runtime.metrics().expect("it runs");
            assert_eq!(metrics.clock_back, 1, "{workers:?}");
            assert!(nearly.contains(&metrics.clock_ahead), "{metrics:?}");
            runtime.shutdown().expect("nothing panicked");
            while let Some(batch) = short.try_recv() {
                assert!(!waits || batch.at()[0].0 < clock, "{workers:?}");
            }
        }
    }
}

#[test]
fn a_time_that_the_app_does_not_use_is_an_error_or_counted() {
    for workers in workers() {
        let app = "@app:name('x') CREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S;";
        let runtime = build(app, &workers);
        let rows = collect(&runtime, "Out");
        runtime.start().expect("started");
        let mut input = runtime.open_input("named").expect("running");
        let refused = Err(SendError::MachineClock);
        assert_eq!(input.send_at("S", ms(1), (1,)), refused);
        assert_eq!(
            input.send_batch("S", [(None, (1,)), (Some(ms(1)), (2,))]),
            refused
        );
        let tried = input.try_send("S", Some(ms(1)), (1,));
        assert_eq!(tried.map_err(|e| e.reason), refused);
        assert_eq!(input.advance_clock(ms(1)), refused);
        assert_eq!(runtime.advance_clock(ms(1)), refused);
        let numbered = input.send_numbered(1, "S", Some(ms(1)), (1,));
        assert_eq!(numbered, Err(SendError::MachineClock));
        let text = SendError::MachineClock.to_string();
        assert!(text.contains("@app:playback"), "{text}");
        let mut columns = ColumnBatch::new(&runtime.schema("S").expect("a stream"));
        columns.push(ms(1), (3,)).expect("it fits");
        columns.push(ms(2), (4,)).expect("it fits");
        input.send_columns("S", &mut columns).expect("taken");
        assert_eq!(input.send_numbered(3, "S", None, (5,)), Ok(true));
        runtime.shutdown().expect("nothing panicked");
        assert_eq!(rows.rows(), ["3", "4", "5"]);
        let metrics = runtime.metrics().expect("stopped");
        assert_eq!((metrics.unused_times, metrics.ahead_rows), (2, 0));
    }
}

/// Sends rows at these milliseconds by each of the doors.
type Door = fn(&mut Input, &EventFluxAppRuntime, &[i64]);

const DOORS: [(&str, Door); 4] = [
    ("send_at", |input, _, rows| {
        for at in rows {
            input.send_at("S", ms(*at), (1,)).expect("taken");
        }
    }),
    ("send_batch", |input, _, rows| {
        let rows = rows.iter().map(|at| (Some(ms(*at)), (1,)));
        input.send_batch("S", rows).expect("taken");
    }),
    ("send_columns", |input, runtime, rows| {
        let mut columns = ColumnBatch::new(&runtime.schema("S").expect("a stream"));
        for at in rows {
            columns.push(ms(*at), (1,)).expect("it fits");
        }
        input.send_columns("S", &mut columns).expect("taken");
    }),
    ("send_numbered", |input, _, rows| {
        for (at, n) in rows.iter().zip(1..) {
            let sent = input.send_numbered(n, "S", Some(ms(*at)), (1,));
            assert_eq!(sent, Ok(true));
        }
    }),
];

#[test]
fn a_row_too_far_ahead_moves_no_clock_and_is_counted() {
    const HOUR: i64 = 3_600_000;
    // The third is beyond the hour by a millisecond; the fourth is an hour ahead of the second and may.
    let rows = [
        0,
        1_000,
        HOUR + 1_001,
        HOUR + 1_000,
        2 * HOUR + 1_000,
        9 * HOUR,
    ];
    let untimed = "CREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S;";
    for (lateness, clock) in [("", 2 * HOUR + 1_000), ("lateness='1 SECOND', ", 2 * HOUR)] {
        for text in [COUNT, untimed] {
            let app = format!("@app:playback({lateness}ahead.max='1 HOUR') {text}");
            for workers in workers() {
                for (door, send) in DOORS {
                    let runtime = build(&app, &workers);
                    runtime.start().expect("started");
                    let mut input = runtime.open_input("x").expect("running");
                    send(&mut input, &runtime, &rows);
                    let place = format!("{door}, {workers:?}, {app}");
                    assert_eq!(input.clock(), Some(ms(clock)), "{place}");
                    // A clock that is told counts in full.
                    input.advance_clock(ms(9 * HOUR)).expect("taken");
                    input.send_at("S", ms(10 * HOUR), (1,)).expect("taken");
                    runtime.shutdown().expect("nothing panicked");
                    let metrics = runtime.metrics().expect("stopped");
                    assert_eq!(metrics.ahead_rows, 2, "{place}");
                }
            }
        }
    }
}

#[test]
fn rows_too_far_ahead_in_a_file_are_counted() {
    let folder = Scratch::new().expect("a folder");
    let path = folder.file("a.csv", "at,v\n0,1\n86400000,2\n1000,3\n3000,4\n");
    let app = format!(
        "@app:playback(ahead.max='1 HOUR')
         CREATE STREAM S (v INT) WITH ('type'='source', 'extension'='file', 'path'='{path}');
         INSERT INTO Out SELECT window_start() AS t, count() AS n FROM S WINDOW('tumbling', 1 SECOND);"
    );
    for workers in workers() {
        let runtime = build(&app, &workers);
        let rows = collect(&runtime, "Out");
        runtime.start().expect("started");
        until(HANG, "the ends of the sources", || !runtime.is_fed());
        runtime.shutdown().expect("nothing panicked");
        let metrics = runtime.metrics().expect("stopped");
        assert_eq!((metrics.ahead_rows, metrics.late_rows), (1, 1));
        assert_eq!(rows.rows(), ["0 1", "1000 1"]);
    }
}

#[test]
fn late_rows_are_told_by_query() {
    let app = "@app:playback CREATE STREAM S (v INT);
        @info(name='by second') INSERT INTO A SELECT count() AS n FROM S WINDOW('tumbling', 1 SECOND);
        @info(name='all') INSERT INTO B SELECT v FROM S;
        @info(name='by minute') INSERT INTO C SELECT v, count() AS n FROM S WINDOW('tumbling', 1 MINUTE) GROUP BY v;";
    for workers in workers() {
        let runtime = build(app, &workers);
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        for at in [0, 120_000, 5, 6] {
            input.send_at("S", ms(at), (1,)).expect("taken");
        }
        runtime.shutdown().expect("nothing panicked");
        let metrics = runtime.metrics().expect("stopped");
        let want = ["by second", "by minute"].map(|query| (query.to_string(), 2));
        assert_eq!(metrics.late_by_query, want, "{workers:?}");
        // once, though two queries drop each; workers count for themselves
        let late_rows = if matches!(workers, Workers::Inline) {
            2..=2
        } else {
            2..=4
        };
        assert!(late_rows.contains(&metrics.late_rows), "{workers:?}");
        let text = metrics.prometheus("x");
        let line = "eventflux_late_rows_of_query_total{app=\"x\",query=\"by minute\"} 2";
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn silence_and_triggers_begin_with_the_first_clock_where_inputs_hold_it() {
    let app = "@app:playback CREATE STREAM S (v INT); CREATE STREAM R (v INT);
        CREATE TRIGGER Once AT START;
        CREATE TRIGGER Tick AT EVERY 2 SECONDS;
        INSERT INTO Quiet SELECT 1 AS n FROM PATTERN (NOT R FOR 5 SECONDS);
        INSERT INTO Shown SELECT v FROM S OUTPUT LAST EVERY 3 SECONDS;";
    for workers in workers() {
        let runtime = build(app, &workers);
        let streams = ["Once", "Tick", "Quiet", "Shown"];
        let [once, tick, quiet, shown] = streams.map(|s| collect(&runtime, s));
        runtime.start().expect("started");
        let mut inputs = [(); 2].map(|()| runtime.input().expect("running"));
        for input in &mut inputs {
            input.hold_clock().expect("open");
        }
        let [mut first, mut second] = inputs;
        first.send_at("S", ms(10_000), (1,)).expect("taken");
        second.send_at("S", ms(12_000), (2,)).expect("taken");
        first.send_at("S", ms(16_000), (3,)).expect("taken");
        second.send_at("S", ms(16_000), (4,)).expect("taken");
        runtime.flush().expect("nothing panicked");
        assert_eq!(once.rows(), ["10000"], "{workers:?}");
        assert_eq!(tick.rows(), ["12000", "14000", "16000"], "{workers:?}");
        assert_eq!(quiet.rows(), ["1"], "{workers:?}");
        assert_eq!(shown.len(), 1, "{workers:?}: {:?}", shown.rows());
    }
}
