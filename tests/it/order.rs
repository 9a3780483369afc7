//! The order of rows across streams, and the cores of workers.

use eventflux::event::{Timestamp, Value};
use eventflux::{Batch, ColumnBatch, EventFluxManager, RuntimeConfig, Workers};
use eventflux_kit::{Collected, Random};
use std::sync::{Arc, Mutex};

/// Queries that share nothing but the clock.
const APP: &str = "@app:playback
    CREATE STREAM S (v INT); CREATE STREAM T (v INT); CREATE STREAM U (v INT);
    INSERT ALL EVENTS INTO A SELECT v FROM S WINDOW('time', 7 MILLISECONDS);
    INSERT INTO B SELECT v, count() AS n FROM T WINDOW('tumbling', 5 MILLISECONDS);
    INSERT INTO C SELECT v FROM S WHERE v % 3 = 0;
    INSERT INTO D SELECT v, count() AS n FROM T WINDOW('timeBatch', 4 MILLISECONDS);
    INSERT EXPIRED INTO E SELECT v FROM U WINDOW('delay', 3 MILLISECONDS);";

/// What is done with an input.
#[derive(Clone, Debug)]
enum Step {
    Row(&'static str, i64),
    Rows(&'static str, Vec<i64>),
    Clock(i64),
}

fn steps(seed: u64) -> Vec<Step> {
    let mut draw = Random::named(seed, "order");
    let mut at = 0;
    let mut steps = Vec::new();
    for _ in 0..600 {
        at += draw.below(4) as i64;
        let stream = ["S", "T", "U"][draw.below(3)];
        steps.push(match draw.below(8) {
            0 => Step::Clock(at),
            1 => Step::Rows(
                stream,
                (0..draw.below(40)).map(|i| at + i as i64 / 4).collect(),
            ),
            _ => Step::Row(stream, at),
        });
        if let Some(Step::Rows(_, rows)) = steps.last() {
            at = rows.last().copied().unwrap_or(at);
        }
    }
    steps
}

fn run(steps: &[Step], workers: Workers, rows_max: usize) -> Vec<String> {
    let config = RuntimeConfig::default()
        .workers(workers)
        .batch_rows_max(rows_max)
        .ordered_outputs(true);
    let runtime = EventFluxManager::new().create_with(APP, config);
    let runtime = runtime.unwrap_or_else(|e| panic!("{e}"));
    let rows = Collected::default();
    for stream in ["A", "B", "C", "D", "E"] {
        let to = rows.clone();
        let add = move |batch: &Batch| {
            for row in 0..batch.len() {
                let values: Vec<String> = batch.row(row).iter().map(Value::to_string).collect();
                let (at, sign) = (batch.at()[row], batch.sign(row));
                to.push(format!("{stream} {at:?} {sign:?} {}", values.join(" ")));
            }
        };
        runtime.add_callback(stream, add).expect("a stream");
    }
    runtime.start().expect("started");
    let mut input = runtime.input().expect("running");
    let ms = Timestamp::from_millis;
    for (step, v) in steps.iter().zip(0..) {
        let sent = match step {
            Step::Row(stream, at) => input.send_at(stream, ms(*at), (v,)),
            Step::Clock(at) => input.advance_clock(ms(*at)),
            Step::Rows(stream, rows) => {
                let schema = runtime.schema(stream).expect("a stream");
                let mut columns = ColumnBatch::new(&schema);
                for at in rows {
                    columns.push(ms(*at), (v,)).expect("it fits");
                }
                input.send_columns(stream, &mut columns)
            }
        };
        sent.expect("taken");
    }
    runtime.shutdown().expect("nothing panicked");
    rows.take()
}

#[test]
fn one_worker_writes_what_the_callers_thread_writes() {
    for seed in 1..=12 {
        let steps = steps(seed);
        let want = run(&steps, Workers::Inline, 256);
        assert!(want.len() > 500, "seed {seed}: {} rows", want.len());
        for (workers, rows_max) in [
            (Workers::Inline, 1),
            (Workers::Pinned(1), 256),
            (Workers::Pinned(1), 7),
            (Workers::Pinned(1), 1),
        ] {
            let found = run(&steps, workers.clone(), rows_max);
            let place = want.iter().zip(&found).position(|(a, b)| a != b);
            assert!(
                found == want,
                "seed {seed}, {workers:?}, batches of {rows_max}: {} rows for {}, first at {place:?}",
                found.len(),
                want.len()
            );
        }
    }
}

/// The cores that this thread may run on, as the system writes them.
#[cfg(target_os = "linux")]
fn allowed() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("a thread");
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.expect("a line").trim().to_string()
}

#[cfg(target_os = "linux")]
#[test]
fn workers_spread_over_the_cores_whoever_starts_the_app() {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let workers = cores.len().min(4);
    let run = move |pin: Option<core_affinity::CoreId>| {
        if let Some(core) = pin {
            assert!(core_affinity::set_for_current(core));
        }
        let app = "@app:playback CREATE STREAM S (k INT); INSERT INTO Out SELECT k, count() AS n FROM S GROUP BY k;";
        let config = RuntimeConfig::default().workers(Workers::Pinned(workers));
        let runtime = EventFluxManager::new().create_with(app, config);
        let runtime = runtime.unwrap_or_else(|e| panic!("{e}"));
        let places = Arc::new(Mutex::new(std::collections::BTreeMap::new()));
        let to = Arc::clone(&places);
        let place = move |worker| {
            let to = Arc::clone(&to);
            move |_: &Batch| drop(to.lock().expect("no panic").insert(worker, allowed()))
        };
        runtime
            .add_callback_per_worker("Out", place)
            .expect("a stream");
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        for k in 0..256 {
            input
                .send_at("S", Timestamp(k), (k as i32,))
                .expect("taken");
        }
        runtime.shutdown().expect("nothing panicked");
        places.lock().expect("no panic").clone()
    };
    let free = std::thread::spawn(move || run(None))
        .join()
        .expect("no panic");
    assert_eq!(free.len(), workers);
    for core in cores {
        let pinned = std::thread::spawn(move || run(Some(core))).join();
        assert_eq!(pinned.expect("no panic"), free, "started on {core:?}");
    }
}
