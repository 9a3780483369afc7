//! Why a checkpoint or a restore did not happen.

use crate::error::{Poison, RuntimeError};
use crate::runtime::barrier::LockError;
use crate::store::{Revision, StoreError};
use std::time::Duration;

/// A checkpoint or restore failed; nothing of it took effect.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The app has no store.
    #[error(
        "the app has no store: give the manager one with set_persistence_store before the app is created"
    )]
    NoStore,
    /// Called from a callback, which runs inside a worker's step.
    #[error("called from a callback; call it from another thread")]
    InsideCallback,
    /// The app has shut down.
    #[error("the app has shut down")]
    Stopped,
    /// The app is poisoned by a panic; its state is not used again.
    #[error("{0}")]
    Poisoned(Poison),
    /// Workers did not leave their step in time.
    #[error(
        "workers {workers:?} did not finish a step within {waited_ms} ms; a callback may be blocked"
    )]
    Stuck {
        /// Numbers of the workers.
        workers: Vec<usize>,
        /// How long they were waited for.
        waited_ms: u64,
    },
    /// The state was not encoded or stored in time.
    #[error(
        "epoch {epoch} was not complete within {waited_ms} ms: the store or the workers are too slow for it"
    )]
    Timeout {
        /// The epoch, which is given up.
        epoch: u64,
        /// How long it took so far.
        waited_ms: u64,
    },
    /// The store forgets an app's state soon after its last checkpoint.
    #[error(
        "the store keeps state for {} and checkpoints are {} apart: a time to live of at least ten intervals is needed; \
         choose a longer time to live or a shorter interval",
        seconds(.time_to_live),
        seconds(.interval)
    )]
    ShortLived {
        /// How long the store keeps it.
        time_to_live: Duration,
        /// Time between two checkpoints.
        interval: Duration,
    },
    /// A thread that holds the barrier asked for a restore.
    #[error("epoch {epoch} was given up for a restore by a thread that holds the barrier")]
    Interrupted {
        /// The epoch, which is given up.
        epoch: u64,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An output could not tell, keep or go back to its position.
    #[error("output '{name}': {reason}")]
    Output {
        /// Name of the output.
        name: String,
        /// What it says.
        reason: String,
    },
    /// A revision, or the bytes of one, that cannot be used.
    #[error("revision {revision} cannot be restored: {reason}")]
    Damaged {
        /// The revision.
        revision: Revision,
        /// What is wrong with it.
        reason: String,
    },
    /// The app has no revision.
    #[error("no revision of app '{app}' in {store}")]
    Nothing {
        /// Name of the app.
        app: String,
        /// The store, without secrets.
        store: String,
    },
    /// The app has revisions, but none that can be restored.
    #[error("no revision of app '{app}' can be restored:{}", listed(.skipped))]
    NoneUsable {
        /// Name of the app.
        app: String,
        /// What was tried, newest first, and why it was not used.
        skipped: Vec<(Revision, String)>,
    },
    /// Another process has written the state between a restore and the claim that was to follow it.
    #[error(
        "the newest revision was {} when this app was restored and is {} now that it is claimed: restore again",
        shown(.restored), shown(.newest)
    )]
    Overtaken {
        /// What was the newest then; `None` where there was none.
        restored: Option<Revision>,
        /// What is the newest now.
        newest: Option<Revision>,
    },
    /// The revision is of another app text.
    #[error("revision {revision} does not fit the app:\n{diff}")]
    Incompatible {
        /// The revision.
        revision: Revision,
        /// What differs, one line each, and what to do.
        diff: String,
    },
}

fn listed(skipped: &[(Revision, String)]) -> String {
    let line = |(revision, why): &(Revision, String)| format!("\n  {revision}: {why}");
    skipped.iter().map(line).collect()
}

fn shown(revision: &Option<Revision>) -> String {
    revision.map_or_else(|| "none".to_string(), |r| r.to_string())
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

impl CheckpointError {
    /// A short word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            CheckpointError::NoStore => "no-store",
            CheckpointError::InsideCallback => "inside-callback",
            CheckpointError::Stopped => "stopped",
            CheckpointError::Poisoned(_) => "poisoned",
            CheckpointError::Stuck { .. } => "stuck",
            CheckpointError::Timeout { .. } => "timeout",
            CheckpointError::ShortLived { .. } => "short-lived",
            CheckpointError::Interrupted { .. } => "interrupted",
            CheckpointError::Store(error) => error.reason(),
            CheckpointError::Output { .. } => "output",
            CheckpointError::Damaged { .. } => "damaged",
            CheckpointError::Nothing { .. } => "nothing",
            CheckpointError::NoneUsable { .. } => "none-usable",
            CheckpointError::Overtaken { .. } => "overtaken",
            CheckpointError::Incompatible { .. } => "incompatible",
        }
    }
}

impl From<LockError> for CheckpointError {
    fn from(error: LockError) -> Self {
        match error.stuck() {
            Some((workers, waited_ms)) => CheckpointError::Stuck { workers, waited_ms },
            None => CheckpointError::InsideCallback,
        }
    }
}

impl From<CheckpointError> for RuntimeError {
    fn from(error: CheckpointError) -> Self {
        RuntimeError::Checkpoint(Box::new(error))
    }
}
