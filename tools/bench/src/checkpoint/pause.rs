//! How long do rows wait for a cut?
//!
//! Sketch: in front of its next step the worker shifts a version in each container and copies positions: some hundred
//! lines that its own caches hold, a few microseconds whatever the size of the state. That is the pause; rows go on
//! until it begins. The floor is what the host takes from any thread: a loop that only looks at the clock on the
//! worker's core shows it, in the same run.

use super::meter::{Epoch, median};
use super::rig::{ROWS, Rig, Store, start};
use crate::cores::pin;
use crate::engine;
use crate::figures::short;
use crate::harness::{Conditions, Size, Tally, same, word3};
use crate::lanes::{on, two_cores};
use crate::record::{Curve, Measure, Record, Unit, new_histogram};
use core_affinity::CoreId;
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, Workers};
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the middle pause may be.
const P50_MAX: f64 = 8_000.0;
/// What the p99 may be above that of an idle loop.
const P99_ABOVE_IDLE: f64 = 20_000.0;
/// What the middle pause may be as a multiple of that at 10 k groups changed: flat.
const FLAT: f64 = 1.5;
/// One set for all checkpoints: else the rows sent between the wish for a cut and the cut would change more groups.
const SETS: usize = 1;

/// `checkpoint-pause-10k`: 10 k of 1 M groups change per checkpoint.
pub fn pause_10k(c: &Conditions) -> Result<Record, String> {
    pause(c, "checkpoint-pause-10k", c.keys(1_000_000), 100)
}

/// `checkpoint-pause-100k`.
pub fn pause_100k(c: &Conditions) -> Result<Record, String> {
    pause(c, "checkpoint-pause-100k", c.keys(1_000_000), 10)
}

/// `checkpoint-pause-1m`: all groups change.
pub fn pause_1m(c: &Conditions) -> Result<Record, String> {
    pause(c, "checkpoint-pause-1m", c.keys(1_000_000), 1)
}

/// `checkpoint-pause-10x`: 100 k of 10 M groups, in quick runs of 2 M.
pub fn pause_10x(c: &Conditions) -> Result<Record, String> {
    let (groups, step) = match c.size {
        Size::Full => (10_000_000, 100),
        Size::Quick => (2_000_000, 20),
        Size::Tiny => (4000, 20),
    };
    pause(c, "checkpoint-pause-10x", groups, step)
}

/// Pauses while every `step`-th group changes per checkpoint, beside those at every hundredth, by turns on one app.
fn pause(
    c: &Conditions,
    question: &'static str,
    groups: usize,
    step: usize,
) -> Result<Record, String> {
    let cores = two_cores()?;
    let checkpoints = match c.size {
        Size::Full => 50,
        Size::Quick => 15,
        Size::Tiny => 3,
    };
    let store: Store = Arc::new(MemoryStore::new());
    let worker = Workers::Cores(vec![cores.1.id]);
    let mut rig = Rig::new(worker, Some(&store), CheckpointConfig::default(), groups)?;
    rig.persist()?;
    let few_step = (groups / 10_000).max(4).max(step);
    rig.add_sets(groups / few_step, SETS)?;
    let few = 0..rig.sets();
    rig.add_sets(groups / step, SETS)?;
    let many = few.end..rig.sets();
    let (mut ours, mut small, mut idle, mut all) = (vec![], vec![], vec![], vec![]);
    for pass in c.passes() {
        let epochs = on(cores.0, || rig.flow(many.clone(), checkpoints))?;
        let beside = on(cores.0, || rig.flow(few.clone(), checkpoints))?;
        let gaps = idle_gaps(cores.1, c.size);
        if pass > 0 {
            ours.push(histogram(&epochs, |e| e.pause));
            small.push(histogram(&beside, |e| e.pause));
            idle.push(gaps);
            all.extend(epochs);
        }
    }
    rig.end()?.check(&store)?;
    let curves = vec![
        Curve::of("pause", &ours),
        Curve::of("pause, 10 k changed", &small),
        Curve::of("idle loop", &idle),
    ];
    record(question, groups / step, &all, curves)
}

fn record(
    question: &'static str,
    dirty: usize,
    all: &[Epoch],
    curves: Vec<Curve>,
) -> Result<Record, String> {
    let [ours, small, idle] = [0, 1, 2].map(|i| curves[i].percentiles);
    let figures = (ours[0], small[0]);
    let baseline_is = "pause with fewest groups changed, same state";
    let mut record = Record::new(question, Unit::Latency, dirty, baseline_is, figures)
        .within("p50", Measure::Nanos, ours[0].median, P50_MAX)
        .within(
            "p99",
            Measure::Nanos,
            ours[2].median,
            idle[2].median + P99_ABOVE_IDLE,
        );
    let flat = record.ratio();
    record = record.within("flat", Measure::Times, flat, FLAT);
    record.curves = curves;
    let us = |of: fn(&Epoch) -> f64| short(median(all, of) / 1000.0);
    Ok(record.with_note(format!(
        "medians in µs: pause {}, until all workers had cut {}; drain {}, until durable {}; \
         {} slots in deltas; batches of {ROWS} rows without a pause between them",
        us(|e| e.pause),
        us(|e| e.align),
        us(|e| e.drain),
        us(|e| e.total),
        median(all, |e| e.dirty)
    )))
}

fn histogram(epochs: &[Epoch], of: impl Fn(&Epoch) -> f64) -> Histogram<u64> {
    let mut histogram = new_histogram();
    for epoch in epochs {
        histogram.saturating_record((of(epoch) as u64).max(1));
    }
    histogram
}

/// Times between two looks at the clock of a thread that does nothing else.
fn idle_gaps(core: CoreId, size: Size) -> Histogram<u64> {
    let time = match size {
        Size::Full => Duration::from_millis(500),
        Size::Quick => Duration::from_millis(100),
        Size::Tiny => Duration::from_millis(1),
    };
    on(core, || {
        let mut histogram = new_histogram();
        let begun = Instant::now();
        let mut last = begun;
        while last - begun < time {
            let now = Instant::now();
            histogram.saturating_record(((now - last).as_nanos() as u64).max(1));
            last = now;
        }
        histogram
    })
}

/// `checkpoint-latency-inline`: how long a `send` takes while a checkpoint is under way, and else.
///
/// Sketch: the checkpoint thread encodes in slices of 20 µs under the lock that the sender needs; a send that comes in
/// a slice waits for its end.
pub fn inline(c: &Conditions) -> Result<Record, String> {
    let (groups, checkpoints, sends) = match c.size {
        Size::Full => (1_000_000, 20, 100_000),
        Size::Quick => (1_000_000, 6, 50_000),
        Size::Tiny => (1000, 2, 1000),
    };
    let store: Store = Arc::new(MemoryStore::new());
    let engine = start(Workers::Inline, Some(&store), CheckpointConfig::default())?;
    let mut sender = Sender {
        engine,
        rows_of: vec![0; groups],
        next: 0,
        expected: Tally::default(),
        rows: 0,
    };
    let core = two_cores()?.1;
    let [mut during, mut outside] = [Vec::new(), Vec::new()];
    for pass in c.passes() {
        let [mut inside, mut beside] = [new_histogram(), new_histogram()];
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                pin(core);
                (0..checkpoints).try_for_each(|_| sender.pass(sends, &mut inside, &mut beside))
            });
            thread.join().expect("the sender does not panic")
        })?;
        if pass > 0 {
            during.push(inside);
            outside.push(beside);
        }
    }
    same(sender.engine.news(), sender.expected)?;
    let events = sender.rows as usize;
    sender.engine.runtime().shutdown().map_err(engine::text)?;
    let curves = vec![
        Curve::of("during a checkpoint", &during),
        Curve::of("outside", &outside),
    ];
    let (a, b) = (curves[0].percentiles, curves[1].percentiles);
    let question = "checkpoint-latency-inline";
    let record = Record::new(
        question,
        Unit::Latency,
        events,
        "sends outside a checkpoint",
        (a[0], b[0]),
    );
    let mut record = record
        .within("p99.9 during", Measure::Nanos, a[3].median, 30_000.0)
        .within("p99.9 outside", Measure::Nanos, b[3].median, 500.0);
    record.curves = curves;
    Ok(record.with_note("two clock reads are part of every figure; keys of 1 M groups at random"))
}

/// Sends rows one by one and knows what has to come out.
struct Sender {
    engine: engine::Engine,
    rows_of: Vec<u32>,
    next: u64,
    expected: Tally,
    rows: u64,
}

impl Sender {
    /// So many sends outside, then as many as come while a checkpoint is under way.
    fn pass(
        &mut self,
        sends: usize,
        inside: &mut Histogram<u64>,
        outside: &mut Histogram<u64>,
    ) -> Result<(), String> {
        let runtime = self.engine.runtime();
        let mut input = runtime.input_handler("S").map_err(engine::text)?;
        let groups = self.rows_of.len() as u64;
        let mut handle = None;
        for number in 0u64.. {
            self.next = self
                .next
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = (self.next >> 33) % groups;
            let begun = Instant::now();
            input
                .send((0i64, key as i64, 1.0f64, 1i64))
                .map_err(engine::text)?;
            let ns = (begun.elapsed().as_nanos() as u64).max(1);
            self.rows_of[key as usize] += 1;
            let n = u64::from(self.rows_of[key as usize]);
            self.expected.add(word3(key, (n as f64).to_bits(), n));
            self.rows += 1;
            match &handle {
                None => outside.saturating_record(ns),
                Some(_) => inside.saturating_record(ns),
            }
            if number == sends as u64 {
                handle = Some(runtime.persist_async().map_err(engine::text)?);
            }
            if let Some(outcome) = handle.as_ref().and_then(eventflux::PersistHandle::poll) {
                return outcome.map(drop).map_err(engine::text);
            }
        }
        Ok(())
    }
}
