//! What do rows pay for checkpoints that run beside them?
//!
//! Sketch: 100 k changed groups of some 30 bytes are encoded by the worker in slices: 100 k · 40 ns = 4 ms of every
//! second. The mark of a slot is one byte beside the slot's own line: below a nanosecond per update. What a second
//! core compresses and stores is not the worker's time, unless the system puts that thread on the worker's core.

use super::rig::{Rig, Store, start};
use crate::data::{BATCH_ROWS, each_key, trades};
use crate::engine::{self, Engine};
use crate::figures::short;
use crate::harness::{Conditions, Pass, Size, Spread, Tally, by_turns, timed};
use crate::lanes::{distance, on, two_cores};
use crate::record::{Measure, Record, Unit};
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, ColumnBatch, Workers};
use std::sync::Arc;
use std::time::Duration;

/// Events of a pass of the version check.
const EVENTS: usize = 4_000_000;

/// `checkpoint-throughput-100k`: 100 k of 1 M groups change per checkpoint.
pub fn throughput_100k(c: &Conditions) -> Result<Record, String> {
    throughput(c, "checkpoint-throughput-100k", 10).map(|r| r.within_ratio(1.02))
}

/// `checkpoint-throughput-1m`: all of them do.
pub fn throughput_1m(c: &Conditions) -> Result<Record, String> {
    throughput(c, "checkpoint-throughput-1m", 1).map(|r| r.within_ratio(1.05))
}

fn throughput(c: &Conditions, question: &'static str, step: usize) -> Result<Record, String> {
    let (interval, rows) = match c.size {
        Size::Full => (Duration::from_secs(1), 80_000_000),
        Size::Quick => (Duration::from_millis(250), 20_000_000),
        Size::Tiny => (Duration::from_millis(5), 20_000),
    };
    let groups = c.keys(1_000_000);
    let pair = Pair::new(groups, step, interval)?;
    let mut distances = Vec::new();
    let cores = two_cores()?;
    let (figures, checkpoints) = pair.run(c, rows, || distances.push(distance(c, cores)))?;
    let about = format!(
        "{:.1} checkpoints per pass, one each {interval:?}; {} of {groups} groups change between two{}",
        checkpoints,
        groups / step,
        match c.size {
            Size::Full => "",
            _ => "; the interval is shorter than the second of full runs, so the share is greater",
        }
    );
    let mut record = Record::new(
        question,
        Unit::Event,
        rows as usize,
        "the same without a store",
        figures,
    );
    record.ping_pong = Some(Spread::of(distances));
    Ok(record.with_note(about))
}

/// The same rows through an app with checkpoints and one without.
pub struct Pair {
    store: Store,
    ours: Rig,
    plain: Rig,
}

impl Pair {
    /// Both apps run on the last core, one at a time.
    pub fn new(groups: usize, step: usize, interval: Duration) -> Result<Pair, String> {
        let worker = || Ok::<_, String>(Workers::Cores(vec![two_cores()?.1.id]));
        let store: Store = Arc::new(MemoryStore::new());
        let config = CheckpointConfig::default().interval(interval);
        let mut ours = Rig::new(worker()?, Some(&store), config, groups)?;
        let mut plain = Rig::new(worker()?, None, CheckpointConfig::default(), groups)?;
        for rig in [&mut ours, &mut plain] {
            rig.add_sets(groups / step, 4)?;
        }
        ours.persist()?;
        Ok(Pair { store, ours, plain })
    }

    /// Times per row of both, and checkpoints per pass.
    pub fn run(
        self,
        c: &Conditions,
        rows: u64,
        mut beside: impl FnMut(),
    ) -> Result<((Spread, Spread), f64), String> {
        let Pair {
            store,
            mut ours,
            mut plain,
        } = self;
        for rig in [&mut ours, &mut plain] {
            rig.engine.news();
        }
        let here = two_cores()?.0;
        let turn = rows / 4;
        let (mut checkpoints, mut passes) = (0, 0);
        let figures = by_turns(
            c,
            rows as usize,
            || {
                beside();
                let before = ours.metrics()?.committed;
                let pass = pass(&mut ours, here, rows, turn)?;
                checkpoints += ours.metrics()?.committed - before;
                passes += 1;
                // what is still to be written is not the other side's
                ours.persist()?;
                Ok(pass)
            },
            || pass(&mut plain, here, rows, turn),
        )?;
        plain.runtime().shutdown().map_err(engine::text)?;
        ours.end()?.check(&store)?;
        Ok((figures, checkpoints as f64 / f64::from(passes)))
    }
}

/// Sends so many rows from a core and waits until they are out.
pub fn pass(
    rig: &mut Rig,
    core: core_affinity::CoreId,
    rows: u64,
    turn: u64,
) -> Result<Pass, String> {
    let mut pass = on(core, || {
        timed(|| {
            rig.send(rows, turn)?;
            rig.settled()?;
            Ok::<_, String>(Tally::default())
        })
    })?;
    pass.tally = rig.engine.news();
    Ok(pass)
}

/// `checkpoint-version-check`: what an update pays to be tracked, where no checkpoint is ever taken.
pub fn version_check(c: &Conditions) -> Result<Record, String> {
    let few = tracked_and_not(c, 1000)?;
    let many = tracked_and_not(c, c.keys(1_000_000))?;
    let extra = |(ours, plain): (Spread, Spread)| ours.median - plain.median;
    let record = Record::new(
        "checkpoint-version-check",
        Unit::Event,
        c.events(EVENTS),
        "the same without a store",
        few,
    );
    Ok(record
        .within("extra at 1 k", Measure::Nanos, extra(few), 1.0)
        .within("extra at 1 M", Measure::Nanos, extra(many), 1.0)
        .with_note(format!(
            "figures are of 1,000 keys; 1,000,000 keys: {} ns with, {} ns without a store, per event",
            short(many.0.median),
            short(many.1.median)
        )))
}

fn tracked_and_not(c: &Conditions, keys: usize) -> Result<(Spread, Spread), String> {
    let store: Store = Arc::new(MemoryStore::new());
    let mut ours = start(Workers::Inline, Some(&store), CheckpointConfig::default())?;
    let mut plain = start(Workers::Inline, None, CheckpointConfig::default())?;
    let trades = trades(c.events(EVENTS), keys);
    debug_assert!(trades.len().is_multiple_of(BATCH_ROWS));
    let first = each_key(keys);
    for engine in [&mut ours, &mut plain] {
        let mut batches = engine.columns(&first)?;
        send(engine, &mut batches)?;
    }
    let (mut a, mut b) = (ours.columns(&trades)?, plain.columns(&trades)?);
    let figures = by_turns(
        c,
        trades.len(),
        || timed(|| send(&mut ours, &mut a)),
        || timed(|| send(&mut plain, &mut b)),
    )?;
    ours.runtime().shutdown().map_err(engine::text)?;
    Ok(figures)
}

fn send(engine: &mut Engine, batches: &mut [ColumnBatch]) -> Result<Tally, String> {
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    for batch in batches {
        input.send_columns(batch).map_err(engine::text)?;
    }
    drop(input);
    Ok(engine.news())
}
