//! An app with groups, a store, and rows that change a known number of groups per checkpoint.
//!
//! Group number i has the key i · P mod groups, so that keys are distinct and do not come in their order. A set holds
//! every n-th group, so its rows touch every part of the state; sending a set again changes the same groups again.
//! All rows of a group have its own price, a whole number, so that sums are exact and do not compress like one value:
//! a group's sum is its price times the number of its rows, which the rig knows.

use super::meter::{Epoch, Meter};
use crate::data::Trade;
use crate::engine::{self, Engine};
use crate::harness::{Tally, same, word3};
use crate::progress;
use eventflux::store::PersistenceStore;
use eventflux::{
    CheckpointConfig, CheckpointMetrics, ColumnBatch, EventFluxAppRuntime, EventFluxManager,
    InputHandler, RuntimeConfig, Workers,
};
use std::sync::Arc;

/// Name of the app.
pub const NAME: &str = "bench";
/// A row per event; the text that all questions of this folder run.
pub const APP: &str = "@app:name('bench')\n\
    CREATE STREAM S (ts LONG, key LONG, price DOUBLE, vol LONG);\n\
    INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S GROUP BY key;";
/// Rows of a batch: what the engine makes of them by default.
pub const ROWS: usize = 256;
/// A prime above all numbers of groups.
const PRIME: u64 = 2_654_435_761;
/// Groups that are looked at after a restore, at most.
const PROOFS_MAX: usize = 1_000_000;

/// A shorter pause was not measured: stopping a thread takes a cache line there and back.
const PAUSE_LEAST: f64 = 50.0;

/// Where state is kept.
pub type Store = Arc<dyn PersistenceStore>;

/// Builds an app of the engine's own size of batches.
pub fn build(
    app: &str,
    workers: Workers,
    store: Option<&Store>,
    config: CheckpointConfig,
) -> Result<EventFluxAppRuntime, String> {
    let mut manager = EventFluxManager::new();
    if let Some(store) = store {
        manager.set_persistence_store(Arc::clone(store));
    }
    let config = RuntimeConfig::default()
        .workers(workers)
        .batch_rows_max(ROWS)
        .checkpoints(config);
    manager.create_with(app, config).map_err(engine::text)
}

/// Starts the app of all questions. The calling thread must not be pinned when there are workers.
pub fn start(
    workers: Workers,
    store: Option<&Store>,
    config: CheckpointConfig,
) -> Result<Engine, String> {
    let threads = engine::threads(&workers);
    let runtime = build(APP, workers, store, config)?;
    Engine::of(runtime, threads, engine::long_double_long)
}

/// Rows of some of the groups.
struct Set {
    first: usize,
    step: usize,
    rows: usize,
    batches: Vec<ColumnBatch>,
    /// How often each batch was sent.
    times: Vec<u32>,
    next: usize,
}

impl Set {
    /// Number of the group of a row; rows do not follow the order of groups.
    fn group(&self, row: usize) -> usize {
        self.first + self.step * scattered(row, self.rows)
    }

    /// Sends the next batch; the first follows the last.
    fn send_next(&mut self, input: &mut InputHandler) -> Result<u64, String> {
        let batch = &mut self.batches[self.next];
        let rows = batch_rows(self.rows, self.next);
        input.send_columns(batch).map_err(engine::text)?;
        self.times[self.next] += 1;
        self.next = (self.next + 1) % self.batches.len();
        Ok(rows)
    }
}

fn batch_rows(rows: usize, batch: usize) -> u64 {
    (rows - batch * ROWS).min(ROWS) as u64
}

/// A number below `n` for each number below `n`.
fn scattered(i: usize, n: usize) -> usize {
    (i as u64 * PRIME % n as u64) as usize
}

/// The price of all rows of a key.
fn price(key: i64) -> f64 {
    (1 + key as u64 * PRIME % 999_983) as f64
}

/// An app and its rows.
pub struct Rig {
    pub engine: Engine,
    groups: usize,
    sets: Vec<Set>,
    /// Rows sent so far.
    sent: u64,
    meter: Meter,
}

impl Rig {
    /// Starts the app and makes all groups, by a row each.
    pub fn new(
        workers: Workers,
        store: Option<&Store>,
        config: CheckpointConfig,
        groups: usize,
    ) -> Result<Rig, String> {
        Rig::of(start(workers, store, config)?, groups)
    }

    /// As [`Rig::new`], of an app that runs and does something more.
    pub fn of(engine: Engine, groups: usize) -> Result<Rig, String> {
        let mut rig = Rig {
            engine,
            groups,
            sets: Vec::new(),
            sent: 0,
            meter: Meter::default(),
        };
        let mut input = rig.input()?;
        let keys: Vec<i64> = (0..groups).map(|i| scattered(i, groups) as i64).collect();
        for keys in keys.chunks(64 * ROWS) {
            for mut batch in batches(&rig.engine, keys)? {
                input.send_columns(&mut batch).map_err(engine::text)?;
            }
        }
        rig.sent = groups as u64;
        rig.settled()?;
        Ok(rig)
    }

    /// Makes `sets` sets, each of an equal share of all groups near `dirty`; answers how many rows a set has.
    pub fn add_sets(&mut self, dirty: usize, sets: usize) -> Result<usize, String> {
        let step = (self.groups / dirty).max(1);
        let rows = self.groups / step;
        for first in 0..sets.min(step) {
            let mut set = Set {
                first,
                step,
                rows,
                batches: Vec::new(),
                times: Vec::new(),
                next: 0,
            };
            let key = |row| scattered(set.group(row), self.groups) as i64;
            let keys: Vec<i64> = (0..rows).map(key).collect();
            set.batches = batches(&self.engine, &keys)?;
            set.times = vec![0; set.batches.len()];
            self.sets.push(set);
        }
        Ok(rows)
    }

    /// How many sets there are.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    pub fn runtime(&self) -> &EventFluxAppRuntime {
        self.engine.runtime()
    }

    fn input(&self) -> Result<InputHandler, String> {
        self.runtime().input_handler("S").map_err(engine::text)
    }

    /// Waits until all rows are out.
    pub fn settled(&mut self) -> Result<(), String> {
        self.engine.wait_for(self.sent)
    }

    /// Sends this many rows at least, sets in turn, each of them for `turn` rows.
    pub fn send(&mut self, rows: u64, turn: u64) -> Result<u64, String> {
        let mut input = self.input()?;
        let (mut sent, mut set) = (0, 0);
        while sent < rows {
            let end = sent + turn;
            while sent < end.min(rows) {
                sent += self.sets[set].send_next(&mut input)?;
            }
            set = (set + 1) % self.sets.len();
        }
        self.sent += sent;
        Ok(sent)
    }

    /// Sends a set once and waits until it is processed.
    pub fn send_set(&mut self, set: usize) -> Result<(), String> {
        let mut input = self.input()?;
        for _ in 0..self.sets[set].batches.len() {
            self.sent += self.sets[set].send_next(&mut input)?;
        }
        drop(input);
        self.settled()
    }

    /// Takes checkpoints while rows flow without a pause: each when all rows of a set were sent since the one before.
    /// Sets are those of `range`, in turn. Answers the figures of each.
    pub fn flow(
        &mut self,
        range: std::ops::Range<usize>,
        checkpoints: usize,
    ) -> Result<Vec<Epoch>, String> {
        let mut input = self.input()?;
        let mut epochs = Vec::with_capacity(checkpoints);
        let mut set = range.start;
        self.meter.news(&self.metrics()?);
        for number in 0..=checkpoints {
            progress::step("checkpoint of a pass", number, checkpoints + 1);
            // the first one only clears what was changed before
            let mut least = self.sets[set].batches.len();
            while least > 0 {
                self.sent += self.sets[set].send_next(&mut input)?;
                least -= 1;
            }
            let handle = self.runtime().persist_async().map_err(engine::text)?;
            set = if set + 1 < range.end {
                set + 1
            } else {
                range.start
            };
            let outcome = loop {
                if let Some(outcome) = handle.poll() {
                    break outcome;
                }
                self.sent += self.sets[set].send_next(&mut input)?;
            };
            outcome.map_err(engine::text)?;
            let epoch = self.meter.news(&self.metrics()?);
            if epoch.pause < PAUSE_LEAST {
                return Err(format!("the metrics tell of a pause of {} ns", epoch.pause));
            }
            epochs.push(epoch);
        }
        drop(input);
        self.settled()?;
        epochs.remove(0);
        Ok(epochs)
    }

    /// Takes a checkpoint of everything sent; answers its figures.
    pub fn persist(&mut self) -> Result<Epoch, String> {
        self.settled()?;
        self.meter.news(&self.metrics()?);
        self.runtime().persist().map_err(engine::text)?;
        Ok(self.meter.news(&self.metrics()?))
    }

    pub fn metrics(&self) -> Result<CheckpointMetrics, String> {
        self.runtime().checkpoint_metrics().map_err(engine::text)
    }

    /// How many rows each group has had, by its number.
    fn rows_of_groups(&self) -> Vec<u32> {
        let mut rows_of = vec![1; self.groups];
        for set in &self.sets {
            for row in 0..set.rows {
                rows_of[set.group(row)] += set.times[row / ROWS];
            }
        }
        rows_of
    }

    /// Takes a last checkpoint, ends the app, and answers what a restored one has to show.
    pub fn end(mut self) -> Result<Proof, String> {
        self.persist()?;
        self.shut()
    }

    /// Ends the app after a checkpoint.
    pub fn shut(self) -> Result<Proof, String> {
        let proof = Proof {
            rows_of: self.rows_of_groups(),
        };
        self.runtime().shutdown().map_err(engine::text)?;
        Ok(proof)
    }
}

/// What a restored app has to show.
pub struct Proof {
    rows_of: Vec<u32>,
}

impl Proof {
    /// Restores an app on the calling thread and compares.
    pub fn check(&self, store: &Store) -> Result<(), String> {
        let mut engine = start(Workers::Inline, Some(store), CheckpointConfig::default())?;
        let restored = engine.runtime().restore_last_revision();
        restored.map_err(engine::text)?;
        self.check_engine(&mut engine)?;
        engine.runtime().shutdown().map_err(engine::text)
    }

    /// Sends a row of every group, or of every n-th, and compares what comes out.
    pub fn check_engine(&self, engine: &mut Engine) -> Result<(), String> {
        let groups = self.rows_of.len();
        let mut expected = Tally::default();
        let mut keys = Vec::new();
        for group in (0..groups).step_by(groups.div_ceil(PROOFS_MAX)) {
            let key = scattered(group, groups) as i64;
            let rows = u64::from(self.rows_of[group]) + 1;
            let total = rows as f64 * price(key);
            expected.add(word3(key as u64, total.to_bits(), rows));
            keys.push(key);
        }
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        for keys in keys.chunks(64 * ROWS) {
            for mut batch in batches(engine, keys)? {
                input.send_columns(&mut batch).map_err(engine::text)?;
            }
        }
        drop(input);
        engine.wait_for(engine.expect_more(keys.len() as u64))?;
        same(engine.news(), expected).map_err(|e| format!("after a restore {e}"))
    }
}

/// A row of each key, in batches.
fn batches(engine: &Engine, keys: &[i64]) -> Result<Vec<ColumnBatch>, String> {
    let mut all = Vec::with_capacity(keys.len().div_ceil(ROWS));
    for keys in keys.chunks(ROWS) {
        let trades = keys.iter().map(|key| Trade {
            ts: 0,
            key: *key,
            price: price(*key),
            vol: 1,
        });
        all.extend(engine.columns(&trades.collect::<Vec<_>>())?);
    }
    Ok(all)
}
