//! What an app is told before it runs: on which threads and with which queues (`runtime`), how often and how its state
//! is kept (`checkpoint`), which barrier it shares with the application (`context`), and on which cores of the machine
//! threads may run (`cores`). Every room may ask for it; it knows the barrier and the ways of waiting, and nothing that
//! runs.

pub(crate) mod checkpoint;
pub(crate) mod context;
pub(crate) mod cores;
pub(crate) mod runtime;

pub use checkpoint::{CheckpointConfig, FailurePolicy};
pub use context::EventFluxAppContext;
pub use runtime::{Backpressure, RuntimeConfig, Workers};
