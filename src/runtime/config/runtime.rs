//! How an app runs: workers, waiting, hand-over, back-pressure.

use super::checkpoint::CheckpointConfig;
use super::context::EventFluxAppContext;
use super::cores::parallelism;
use crate::runtime::lane::wait::WaitStrategy;
use std::sync::Arc;

/// One worker per key group: more would have no key to own.
const WORKERS_MAX: usize = 128;

/// 65,536 batches of 256 rows are a gigabyte per lane: more is a mistake.
const LANE_BATCHES_MAX: usize = 1 << 16;

/// Who runs the operators of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workers {
    /// The caller's thread, inside `send`: no threads, least latency, one sender at a time.
    Inline,
    /// This many worker threads on cores of the engine's choice; at least 1.
    Pinned(usize),
    /// One worker thread on each of these cores.
    Cores(Vec<usize>),
}

/// What `send` does when a lane is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Backpressure {
    /// Waits for room.
    #[default]
    Block,
    /// Drops the row and counts it.
    DropNewest,
    /// Returns [`SendError::Full`](crate::SendError::Full).
    Error,
}

/// How an app runs. Starts from [`Default`]: one worker per core but one, spin then park, batches of 256.
#[derive(Clone, Debug)]
#[must_use = "each method returns the changed value"]
pub struct RuntimeConfig {
    pub(crate) workers: Workers,
    pub(crate) wait: WaitStrategy,
    pub(crate) batch_rows_max: usize,
    pub(crate) rows_singly_max: usize,
    pub(crate) lane_batches_max: usize,
    pub(crate) backpressure: Backpressure,
    pub(crate) event_time: Option<bool>,
    pub(crate) ordered_outputs: bool,
    /// `None` where the caller did not say: then the manager does.
    pub(crate) checkpoints: Option<CheckpointConfig>,
    /// `None`: one of its own for every app.
    pub(crate) context: Option<Arc<EventFluxAppContext>>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        let cores = parallelism();
        RuntimeConfig {
            workers: Workers::Pinned(cores.saturating_sub(1).max(1)),
            wait: WaitStrategy::default(),
            // 256 rows × 64 B = 16 KiB: half of L1d, so that the input and output of one operator both fit.
            batch_rows_max: 256,
            // A full window lets a row out for each that enters, and three rows are as fast by columns.
            rows_singly_max: 2,
            // 64 × 256 rows: some 0.2 ms of work at 100 M rows/s, and a megabyte of memory per lane.
            lane_batches_max: 64,
            backpressure: Backpressure::default(),
            event_time: None,
            ordered_outputs: false,
            checkpoints: None,
            context: None,
        }
    }
}

impl RuntimeConfig {
    /// Who runs the operators.
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// How an idle worker waits.
    pub fn wait(mut self, wait: WaitStrategy) -> Self {
        self.wait = wait;
        self
    }

    /// Rows that are handed to operators at once, at most; at least 1. Changes speed, never a result.
    pub fn batch_rows_max(mut self, rows: usize) -> Self {
        self.batch_rows_max = rows.max(1);
        self
    }

    /// Rows that are handed together to operators one by one, at most; more of them are worked on by column. With 0 all
    /// are. Changes speed, never a result.
    pub fn rows_singly_max(mut self, rows: usize) -> Self {
        self.rows_singly_max = rows;
        self
    }

    /// Batches that wait in a lane before it is full; rounded up to a power of two.
    pub fn lane_batches_max(mut self, batches: usize) -> Self {
        self.lane_batches_max = batches.clamp(1, LANE_BATCHES_MAX);
        self
    }

    /// What `send` does when a lane is full.
    pub fn backpressure(mut self, backpressure: Backpressure) -> Self {
        self.backpressure = backpressure;
        self
    }

    /// Event time or processing time, whatever the app says by `@app:playback`.
    pub fn event_time(mut self, event_time: bool) -> Self {
        self.event_time = Some(event_time);
        self
    }

    /// Fixes the order of outputs across streams by processing row by row over all queries. Slower.
    pub fn ordered_outputs(mut self, ordered: bool) -> Self {
        self.ordered_outputs = ordered;
        self
    }

    /// When checkpoints are taken and how they are kept, whatever
    /// [`EventFluxManager::set_distributed_config`](crate::EventFluxManager::set_distributed_config) says; without a
    /// store of the manager it has no effect.
    pub fn checkpoints(mut self, checkpoints: CheckpointConfig) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Runs the app with this context: its workers enter the barrier that was set there.
    pub fn context(mut self, context: impl Into<Arc<EventFluxAppContext>>) -> Self {
        self.context = Some(context.into());
        self
    }

    pub(crate) fn worker_count(&self) -> usize {
        match &self.workers {
            Workers::Inline => 1,
            Workers::Pinned(count) => (*count).clamp(1, WORKERS_MAX),
            Workers::Cores(cores) => cores.len().clamp(1, WORKERS_MAX),
        }
    }
}
