//! Rows out of order give what the same rows in order give.
//!
//! How: random rows go into an app of one or two queries, in the order of their times and displaced within the app's
//! lateness, through one input or split over two. Windows that know time must give the same rows, with their times
//! and signs, in the same order: inline and on 1, 2 and 4 workers (on more than one in order per key), in batches of
//! 1, 7 and 256 rows, and with a checkpoint, a crash and a restore in the middle. No row is late. `FROM` and `COUNT`
//! in the environment choose other seeds.

use eventflux::store::MemoryStore;
use eventflux::{
    Batch, EventFluxAppRuntime, EventFluxManager, Input, PositionedOutput, RuntimeConfig, Sign,
    Timestamp, Value, Workers,
};
use eventflux_kit::{Random, from_env};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

/// Windows that know time, by what they take; all over `k STRING, i INT, d DOUBLE`.
const WINDOWS: [&str; 18] = [
    "'time', 5 SECONDS",
    "'timeLength', 5 SECONDS, 3",
    "'session', 3 SECONDS",
    "'session', 3 SECONDS, k",
    "'delay', 4 SECONDS",
    "'timeBatch', 5 SECONDS",
    "'timeBatch', 5 SECONDS, 2 SECONDS",
    "'timeBatch', 5 SECONDS, true",
    "'timeBatch', 5 SECONDS, 0, true",
    "'cron', '*/4 * * * * *'",
    "'tumbling', 5 SECONDS",
    "'tumbling', 7 SECONDS, 3 SECONDS",
    "'hop', 6 SECONDS, 2 SECONDS",
    "'hop', 7 SECONDS, 3 SECONDS",
    "'hop', 2 SECONDS, 5 SECONDS",
    "'sessionBatch', 3 SECONDS",
    "'sessionBatch', 3 SECONDS, k",
    "'sessionBatch', 1 MILLISECONDS, k",
];

/// Aggregates of an INT, a DOUBLE, and of either that give a DOUBLE.
const OF_INT: [&str; 8] = [
    "count()",
    "sum(i)",
    "min(i)",
    "max(i)",
    "first(i)",
    "last(i)",
    "count(DISTINCT i)",
    "count(i)",
];
const OF_DOUBLE: [&str; 12] = [
    "sum(d)",
    "avg(d)",
    "min(d)",
    "max(d)",
    "first(d)",
    "last(d)",
    "stdDev(d)",
    "stddev_samp(d)",
    "variance(d)",
    "var_samp(i)",
    "median(d)",
    "percentile(d, 0.9)",
];

/// A query with a window that reads `source` and writes `target`.
fn query(r: &mut Random, window: &str, source: &str, target: &str) -> String {
    let events = r.pick(&["", "ALL EVENTS", "EXPIRED EVENTS"]);
    let delays = window.contains("delay");
    let events = if delays { "" } else { events };
    let select = match (r.below(5), target) {
        (0, _) => "k, i, d".to_string(),
        (_, "Out") => {
            let all = OF_INT.iter().chain(&OF_DOUBLE).enumerate();
            let all: Vec<String> = all.map(|(n, call)| format!("{call} AS a{n}")).collect();
            format!("k, {}", all.join(", "))
        }
        _ => format!("k, {} AS i, {} AS d", r.pick(&OF_INT), r.pick(&OF_DOUBLE)),
    };
    let group = match select.contains('(') {
        true => *r.pick(&["", "GROUP BY k", "GROUP BY k"]),
        false => "",
    };
    format!(
        "INSERT {events} INTO {target} SELECT {select} FROM {source} WINDOW({window}) {group};\n"
    )
}

/// The text behind its first annotation: a query with one window, or two behind each other.
fn queries(r: &mut Random, window: &str) -> String {
    let mut text = "CREATE STREAM S (k STRING, i INT, d DOUBLE);\n".to_string();
    if r.below(3) > 0 {
        return text + &query(r, window, "S", "Out");
    }
    let behind = r.pick(&WINDOWS[..]);
    text += &query(r, window, "S", "Mid");
    text + &query(r, behind, "Mid", "Out")
}

#[derive(Clone, Debug)]
struct Row {
    at: i64,
    values: Vec<Value>,
    /// Which of the inputs sends it.
    input: usize,
}

const SECOND: i64 = 1_000_000;

/// Rows in the order of their times, some of one time. The two inputs share no time: between workers it is open which
/// of two rows of one time comes first.
///
/// `exact`: sums of the DOUBLEs are the same in any order.
fn rows(r: &mut Random, exact: bool) -> Vec<Row> {
    let mut now = 0;
    let row = |_| {
        now += *r.pick(&[0, 0, SECOND, 300_000, 2_500_000, 4_000_000, 17]);
        let input = r.below(2) as usize;
        let k = r.pick(&[None, Some("a"), Some("b"), Some("c"), Some("d")]);
        let i = (r.below(8) > 0).then_some(r.below(9));
        let d = match exact {
            true => *r.pick(&[0.25, -1.5, 3.25, 64.0]),
            false => *r.pick(&[0.1, 0.7, 1e16, -1e16, 3.25, 1e-9]),
        };
        let d = (r.below(9) > 0).then_some(d * (1 + r.below(3)) as f64);
        Row {
            at: now * 2 + input as i64,
            values: vec![(*k).into(), i.into(), d.into()],
            input,
        }
    };
    (0..60).map(row).collect()
}

/// The rows so that none comes when the largest time before it is more than `lateness` ahead.
fn displaced(r: &mut Random, rows: &[Row], lateness: i64) -> Vec<Row> {
    let mut moved: Vec<(i64, Row)> = rows
        .iter()
        .map(|row| {
            let later = r.below(lateness as u64 + 1) as i64;
            (
                row.at + if r.below(3) == 0 { 0 } else { later },
                row.clone(),
            )
        })
        .collect();
    moved.sort_by_key(|(turn, _)| *turn);
    moved.into_iter().map(|(_, row)| row).collect()
}

/// What the streams showed, by name. A restore takes it back to where a checkpoint found it.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<String, Vec<Emitted>>>);

#[derive(Clone, Debug)]
struct Emitted {
    at: i64,
    sign: Sign,
    values: Vec<Value>,
}

impl PositionedOutput for Seen {
    fn position(&self) -> Result<Vec<u8>, String> {
        let seen = self.0.lock().expect("no callback panics");
        Ok(seen
            .values()
            .flat_map(|rows| (rows.len() as u64).to_le_bytes())
            .collect())
    }

    fn sync(&self) -> Result<(), String> {
        Ok(())
    }

    fn rewind(&self, position: Option<&[u8]>) -> Result<(), String> {
        let counts = position.ok_or("the revision does not know the output")?;
        let mut seen = self.0.lock().expect("no callback panics");
        for (rows, count) in seen.values_mut().zip(counts.chunks_exact(8)) {
            let count = u64::from_le_bytes(count.try_into().expect("eight bytes"));
            rows.truncate(count as usize);
        }
        Ok(())
    }
}

/// How rows are sent and processed.
#[derive(Clone, Copy, Debug)]
struct Way {
    inputs: usize,
    workers: usize,
    batch_rows_max: usize,
    /// A checkpoint and a crash before this row.
    crash: Option<usize>,
}

fn begin(app: &str, way: Way, store: &MemoryStore, seen: &Arc<Seen>) -> EventFluxAppRuntime {
    let workers = match way.workers {
        0 => Workers::Inline,
        n => Workers::Pinned(n),
    };
    let config = RuntimeConfig::default()
        .workers(workers)
        .batch_rows_max(way.batch_rows_max);
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(store.clone()));
    let runtime = manager.create_with(app, config);
    let runtime = runtime.unwrap_or_else(|e| panic!("{e}\n{app}"));
    for stream in runtime.streams().iter().filter(|s| s.written) {
        let (name, to) = (stream.name.to_string(), Arc::clone(seen));
        to.0.lock().unwrap().entry(name.clone()).or_default();
        let callback = move |batch: &Batch| {
            let mut seen = to.0.lock().expect("no callback panics");
            let rows = (0..batch.len()).map(|row| Emitted {
                at: batch.at()[row].0,
                sign: batch.sign(row),
                values: batch.row(row),
            });
            seen.entry(name.clone()).or_default().extend(rows);
        };
        runtime.add_callback(&stream.name, callback).unwrap();
    }
    let service = runtime.snapshot_service().expect("the app has a name");
    service.add_output("seen", Arc::clone(seen) as Arc<_>);
    runtime
}

/// Opens the inputs, which tell a clock before all rows: so none of them runs ahead of another.
fn open(runtime: &EventFluxAppRuntime, inputs: usize) -> Vec<Input> {
    let one = |number| {
        let mut input = runtime.open_input(&format!("input{number}")).unwrap();
        input.advance_clock(Timestamp(-100 * SECOND)).unwrap();
        input
    };
    (0..inputs).map(one).collect()
}

/// Sends rows, each by its input, without those that inputs have sent before.
fn send(inputs: &mut [Input], rows: &[Row], before: &[u64; 2]) {
    let mut sent = [0; 2];
    for row in rows {
        let number = row.input % inputs.len();
        sent[number] += 1;
        if sent[number] > before[number] {
            let at = Timestamp(row.at);
            let sent = inputs[number].send_at("S", at, &row.values);
            sent.expect("the app runs");
        }
    }
}

/// An app that goes on where the last checkpoint found it, and how many rows each input had sent.
fn resume(
    app: &str,
    way: Way,
    store: &MemoryStore,
    seen: &Arc<Seen>,
) -> (EventFluxAppRuntime, [u64; 2]) {
    let runtime = begin(app, way, store, seen);
    let report = runtime.restore_last_revision().unwrap();
    runtime.start().unwrap();
    let applied = |number: usize| {
        let name = format!("input{number}");
        let point = report.inputs.iter().find(|point| *point.name == *name);
        point.map_or(0, |point| point.next - 1)
    };
    (runtime, [applied(0), applied(1)])
}

fn run(app: &str, rows: &[Row], end: i64, way: Way) -> BTreeMap<String, Vec<Emitted>> {
    let (store, seen) = (MemoryStore::new(), Arc::new(Seen::default()));
    let mut runtime = begin(app, Way { workers: 0, ..way }, &store, &seen);
    runtime.start().unwrap();
    let mut inputs = open(&runtime, way.inputs);
    if way.workers > 0 {
        // A worker may take rows of one input before it hears of the other: a checkpoint knows the clocks of both.
        runtime.persist().unwrap();
        drop(inputs);
        runtime.shutdown().unwrap();
        (runtime, _) = resume(app, way, &store, &seen);
        inputs = open(&runtime, way.inputs);
    }
    let crash = way.crash.unwrap_or(rows.len());
    send(&mut inputs, &rows[..crash], &[0, 0]);
    if way.crash.is_some() {
        runtime.persist().unwrap();
        drop(inputs);
        runtime.shutdown().unwrap();
        let workers = [1, 0, 4, 2, 1][way.workers];
        let sent;
        (runtime, sent) = resume(app, Way { workers, ..way }, &store, &seen);
        inputs = open(&runtime, way.inputs);
        send(&mut inputs, rows, &sent);
    }
    for input in &mut inputs {
        input.advance_clock(Timestamp(end)).unwrap();
    }
    drop(inputs);
    runtime.shutdown().unwrap();
    let late = runtime.metrics().unwrap().late_rows;
    assert_eq!(late, 0, "a row is late: {way:?}\n{app}");
    std::mem::take(&mut *seen.0.lock().unwrap())
}

/// Numbers that two right ways to compute may give: two units in the last place apart.
fn near(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => (a - b).abs() <= 4.5e-16 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

fn same(a: &Emitted, b: &Emitted) -> bool {
    let near = || a.values.iter().zip(&b.values).all(|(a, b)| near(a, b));
    a.at == b.at && a.sign == b.sign && near()
}

/// Whether rows are the same; on several workers in order per key, which is the first value.
fn equal(want: &[Emitted], got: &[Emitted], ordered: bool) -> bool {
    if want.len() != got.len() {
        return false;
    }
    let by_key = |rows: &[Emitted]| {
        let mut rows = rows.to_vec();
        rows.sort_by(|a, b| a.values[0].order(&b.values[0]));
        rows
    };
    match ordered {
        true => want.iter().zip(got).all(|(a, b)| same(a, b)),
        false => {
            let (want, got) = (by_key(want), by_key(got));
            want.iter().zip(&got).all(|(a, b)| same(a, b))
        }
    }
}

/// One a line.
fn shown(rows: &[impl Debug]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    lines.join("\n")
}

fn check(seed: u64, window: &str, exact: bool) {
    let mut r = Random::new(seed);
    let lateness = SECOND * (1 + r.below(30) as i64);
    let queries = queries(&mut r, window);
    let rows = rows(&mut r, exact);
    let moved = displaced(&mut r, &rows, lateness);
    let end = rows.last().map_or(0, |row| row.at) + 100 * SECOND;
    let app = |lateness| format!("@app:name('order') @app:playback{lateness} {queries}");
    let late = app(format!("(lateness='{lateness} MICROSECONDS')"));
    let mut way = Way {
        inputs: 1,
        workers: 0,
        batch_rows_max: 1,
        crash: None,
    };
    let mut in_order = moved.clone();
    in_order.sort_by_key(|row| row.at);
    let want = run(&app(String::new()), &in_order, end, way);
    let judge = |app: &str, rows: &[Row], way: Way| {
        let got = run(app, rows, end, way);
        // A restart takes no worker and one to each other, so that one thread emits all the way.
        let ordered = way.workers <= 1;
        for (stream, want) in &want {
            assert!(
                equal(want, &got[stream], ordered),
                "seed {seed}, {stream}, {way:?}:\n{app}{}\ngives\n{}\nnot\n{}",
                shown(rows),
                shown(&got[stream]),
                shown(want)
            );
        }
    };
    judge(&late, &in_order, way);
    for workers in [0, 1, 2, 4] {
        for batch_rows_max in [1, 7, 256] {
            way = Way {
                inputs: 1 + r.below(2) as usize,
                workers,
                batch_rows_max,
                crash: (r.below(2) == 0).then(|| 1 + r.below(rows.len() as u64 - 1) as usize),
            };
            judge(&late, &moved, way);
        }
    }
}

/// Checks each window with so many seeds. `exact`: see [`rows`].
fn check_windows(windows: impl Fn(&str) -> bool, exact: bool) {
    let from = from_env("FROM", 1);
    for seed in from..from + from_env("COUNT", 2) {
        for (i, window) in WINDOWS.iter().enumerate().filter(|(_, w)| windows(w)) {
            check(seed * 1000 + i as u64, window, exact);
        }
    }
}

/// Whether rows enter the aggregates of a window as they come.
fn is_grid(window: &str) -> bool {
    window.contains("tumbling") || window.contains("hop")
}

#[test]
fn displaced_rows_give_what_rows_in_order_give() {
    check_windows(|_| true, true);
}

#[test]
fn sums_of_doubles_over_displaced_rows_are_those_in_order() {
    check_windows(|window| !is_grid(window), false);
}

#[test]
fn sums_of_doubles_in_grids_do_not_depend_on_the_order_of_rows() {
    check_windows(is_grid, false);
}
