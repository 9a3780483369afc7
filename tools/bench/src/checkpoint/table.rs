//! A table of a million rows, or a million open runs, beside the groups: cuts with them, and questions while rows flow.
//!
//! Sketch: a cut shifts a version in each container, whatever it holds, and these have some containers more. A
//! question by key stops the worker while one row is copied: a hundred of 10 µs each are a thousandth of a second.

use super::meter::{Epoch, median};
use super::rig::{APP, ROWS, Rig, Store, build};
use super::throughput::pass;
use crate::cores::pin;
use crate::engine::{self, Engine};
use crate::figures::short;
use crate::harness::{Conditions, Size, Spread, by_turns};
use crate::lanes::{on, two_cores};
use crate::record::{Curve, Measure, Record, Unit, new_histogram};
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, PreparedQuery, Workers};
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Every row of a group is one of the table.
const TABLE: &str = "\nCREATE TABLE T (key LONG PRIMARY KEY, total DOUBLE, n LONG);\n\
    UPSERT INTO T SELECT key, total, n FROM Out ON T.key = Out.key;";
/// Every group begins a run with its first row, and none ever ends.
const RUNS: &str = "\nINSERT INTO Never SELECT a.key AS key \
    FROM PATTERN (EVERY a=Out[n = 1] -> b=Out[key = a.key AND n < 0]);";
/// What the middle pause may be as a multiple of that of the groups alone.
const FLAT: f64 = 1.1;
/// From one question to the next.
const PAUSE: Duration = Duration::from_millis(10);

/// An app with a million groups, and as many rows of a table, on a worker.
fn rig(c: &Conditions, table: &str, store: Option<&Store>) -> Result<Rig, String> {
    let workers = Workers::Cores(vec![two_cores()?.1.id]);
    let threads = engine::threads(&workers);
    let app = format!("{APP}{table}");
    let runtime = build(&app, workers, store, CheckpointConfig::default())?;
    let engine = Engine::of(runtime, threads, engine::long_double_long)?;
    Rig::of(engine, c.keys(1_000_000))
}

/// `checkpoint-pause-table`: 10 k of 1 M rows of a table change per checkpoint, and 10 k groups; beside the groups
/// alone.
pub fn pause_table(c: &Conditions) -> Result<Record, String> {
    pause_beside(c, "checkpoint-pause-table", ("with a table", TABLE))
}

/// `checkpoint-pause-runs`: 10 k of 1 M groups change per checkpoint, beside 1 M open runs of a pattern; beside the
/// groups alone.
pub fn pause_runs(c: &Conditions) -> Result<Record, String> {
    pause_beside(c, "checkpoint-pause-runs", ("with open runs", RUNS))
}

/// The pause of cuts where an app has more than its groups.
fn pause_beside(
    c: &Conditions,
    name: &'static str,
    (with, more): (&'static str, &str),
) -> Result<Record, String> {
    let checkpoints = match c.size {
        Size::Full => 50,
        Size::Quick => 15,
        Size::Tiny => 3,
    };
    let dirty = (c.keys(1_000_000) / 100).max(1);
    let mut rigs = Vec::new();
    for more in [more, ""] {
        let store: Store = Arc::new(MemoryStore::new());
        let mut rig = rig(c, more, Some(&store))?;
        rig.persist()?;
        rig.add_sets(dirty, 1)?;
        rigs.push(rig);
    }
    let mut pauses = [Vec::new(), Vec::new()];
    let mut all: [Vec<Epoch>; 2] = [Vec::new(), Vec::new()];
    for repetition in c.passes() {
        for (number, rig) in rigs.iter_mut().enumerate() {
            let epochs = on(two_cores()?.0, || rig.flow(0..1, checkpoints))?;
            if repetition > 0 {
                pauses[number].push(histogram(epochs.iter().map(|e| e.pause as u64)));
                all[number].extend(epochs);
            }
        }
    }
    for rig in rigs {
        rig.shut()?;
    }
    let curves = [with, "groups alone"].into_iter().zip(&pauses);
    let curves: Vec<Curve> = curves.map(|(name, of)| Curve::of(name, of)).collect();
    let figures = (curves[0].percentiles[0], curves[1].percentiles[0]);
    let baseline_is = "pause of the groups alone";
    let mut record = Record::new(name, Unit::Latency, dirty, baseline_is, figures);
    let ratio = record.ratio();
    record = record.within("flat", Measure::Times, ratio, FLAT);
    record.curves = curves;
    let us = |of: fn(&Epoch) -> f64, which: usize| short(median(&all[which], of) / 1000.0);
    Ok(record.with_note(format!(
        "medians in µs, {with} / groups alone: pause {}/{}, until the worker had cut {}/{}; batches of {ROWS} rows \
         without a pause between them",
        us(|e| e.pause, 0),
        us(|e| e.pause, 1),
        us(|e| e.align, 0),
        us(|e| e.align, 1)
    )))
}

fn histogram(times: impl Iterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = new_histogram();
    times.for_each(|ns| histogram.saturating_record(ns.max(1)));
    histogram
}

/// `query-beside`: rows that flow while a table of a million rows is asked a hundred times a second by key, beside the
/// same rows unasked.
pub fn query_beside(c: &Conditions) -> Result<Record, String> {
    let rows = match c.size {
        Size::Full => 8_000_000,
        Size::Quick => 2_000_000,
        Size::Tiny => 4_000,
    };
    let mut rigs = [rig(c, TABLE, None)?, rig(c, TABLE, None)?];
    for rig in &mut rigs {
        rig.add_sets(c.keys(1_000_000), 1)?;
        rig.engine.news();
    }
    let [asked, plain] = &mut rigs;
    let text = "SELECT total, n FROM T WHERE key = ?";
    let mut question = asked.runtime().prepare(text).map_err(engine::text)?;
    let here = two_cores()?.0;
    let mut times = new_histogram();
    let figures = by_turns(
        c,
        rows as usize,
        || {
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    pin(here);
                    ask(&mut question, &over, &mut times, c.keys(1_000_000))
                });
                let pass = pass(asked, here, rows, rows);
                over.store(true, Ordering::Relaxed);
                thread.join().expect("who asks does not panic")?;
                pass
            })
        },
        || pass(plain, here, rows, rows),
    )?;
    for rig in rigs {
        rig.shut()?;
    }
    let baseline = "the same unasked";
    let record = Record::new(
        "query-beside",
        Unit::Event,
        rows as usize,
        baseline,
        figures,
    );
    Ok(record.within_ratio(1.01).with_note(format!(
        "{} answers, p50 {} µs, p99 {} µs, on the core of the producer",
        times.len(),
        short(times.value_at_quantile(0.5) as f64 / 1000.0),
        short(times.value_at_quantile(0.99) as f64 / 1000.0)
    )))
}

/// Asks for one key after another until it is over.
fn ask(
    question: &mut PreparedQuery,
    over: &AtomicBool,
    times: &mut Histogram<u64>,
    keys: usize,
) -> Result<(), String> {
    let mut key = 0;
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = question.query((key,)).map_err(engine::text)?;
        times.saturating_record(start.elapsed().as_nanos() as u64);
        if answer.len() != 1 {
            return Err(format!("{} rows of key {key}", answer.len()));
        }
        key = (key + 7919) % keys as i64;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// `query-by-key`: one row of a table of a million, asked on the thread that runs the app; beside a hash map.
pub fn query_by_key(c: &Conditions) -> Result<Record, String> {
    let keys = c.keys(1_000_000);
    let runtime = build(
        &format!("{APP}{TABLE}"),
        Workers::Inline,
        None,
        CheckpointConfig::default(),
    )?;
    let engine = Engine::of(runtime, 1, engine::long_double_long)?;
    let rig = Rig::of(engine, keys)?;
    let text = "SELECT total, n FROM T WHERE key = ?";
    let mut question = rig.runtime().prepare(text).map_err(engine::text)?;
    let map: crate::hand::Map<i64, (f64, i64)> =
        (0..keys as i64).map(|key| (key, (key as f64, 1))).collect();
    let asked = c.events(200_000);
    let (mut ours, mut hand) = (Vec::new(), Vec::new());
    for repetition in c.passes() {
        let key = |i: usize| (i as i64 * 7919) % keys as i64;
        let [mut a, mut b] = [new_histogram(), new_histogram()];
        for i in 0..asked {
            let start = Instant::now();
            let answer = question.query((key(i),)).map_err(engine::text)?;
            let ns = start.elapsed().as_nanos() as u64;
            a.saturating_record(ns.max(1));
            if answer.len() != 1 {
                return Err(format!("{} rows of key {}", answer.len(), key(i)));
            }
        }
        for i in 0..asked {
            let start = Instant::now();
            std::hint::black_box(map.get(&key(i)));
            b.saturating_record((start.elapsed().as_nanos() as u64).max(1));
        }
        if repetition > 0 {
            ours.push(a);
            hand.push(b);
        }
    }
    rig.shut()?;
    let curves = vec![Curve::of("question", &ours), Curve::of("hash map", &hand)];
    let figures: (Spread, Spread) = (curves[0].percentiles[0], curves[1].percentiles[0]);
    let baseline = "hand look-up, hashbrown";
    let mut record = Record::new("query-by-key", Unit::Latency, asked, baseline, figures).within(
        "p50",
        Measure::Nanos,
        figures.0.median,
        5_000.0,
    );
    record.curves = curves;
    Ok(record.with_note("two clock reads are part of every figure"))
}
