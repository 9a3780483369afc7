//! The barrier: whoever holds it owns the state of all workers. `thread_barrier` opens with the essay on why that is
//! right; `gate` is the word that workers and owners race for, `presence` what a thread knows of its own stays inside,
//! and `cell` the state of a worker, reachable only with a guard of the barrier. `muster` asks something of all
//! workers without stopping them: each does it between two steps of its own and is counted. No type of the engine is
//! named here: atomics and locks of `crate::sync` are all that the room needs, so that loom can try it by itself.

pub(crate) mod cell;
mod gate;
pub(crate) mod muster;
mod presence;
mod thread_barrier;

pub(crate) use gate::Patience;
use thread_barrier::SlotKey;
pub(crate) use thread_barrier::WorkerSlot;
pub use thread_barrier::{EnterGuard, LOCK_WAIT, LockError, LockGuard, LockOutcome, ThreadBarrier};
