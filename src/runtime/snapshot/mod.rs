//! Checkpoints of a running app: when they are taken, how they reach a store, how an app goes on from one.
//!
//! `service` owns the checkpoint thread and decides when; `claim` makes the app's state one's own; `epoch` is one
//! checkpoint from its cut to its commit; `head` is what is known of the last one; `retire` deletes what is no longer
//! needed; `schema` says whose state it is; `restore` builds an app's state from a revision.

mod app;
mod build;
mod claim;
mod config;
mod epoch;
mod error;
mod head;
mod metrics;
mod output;
mod prometheus;
mod read;
mod restore;
mod retire;
mod schema;
mod service;

pub use config::{CheckpointConfig, FailurePolicy};
pub use error::CheckpointError;
pub use metrics::{CheckpointMetrics, PhaseTimes};
pub use output::PositionedOutput;
pub use restore::{RestoreOptions, RestoreReport};
pub use service::{CheckpointEvent, PersistHandle, SnapshotService};
