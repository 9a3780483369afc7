//! Checkpoints of a running app: when they are taken, how they reach a store, how an app goes on from one. `service`
//! owns the checkpoint thread and decides when; below it, `claim` makes the app's state one's own, `epoch` is one
//! checkpoint from its cut to its commit, and `restore` goes back to a revision. `head` is what is known of the last
//! one; `retire` deletes what is no longer needed; `schema` says whose state it is; `read` and `build` make an app's
//! state of a revision; `blob` is a state in one piece. The room names what the app shares and what workers own, which
//! it sees only under the barrier; neither names it.

mod blob;
mod build;
mod error;
mod head;
mod metrics;
mod read;
mod retire;
mod schema;
mod service;

pub(crate) use blob::{restore, snapshot};
pub use error::CheckpointError;
pub use metrics::{CheckpointMetrics, PhaseTimes};
pub use service::restore::{RestoreOptions, RestoreReport};
pub use service::{CheckpointEvent, PersistHandle, SnapshotService};
