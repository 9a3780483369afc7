//! Embeddable stream processing: SQL apps on pinned worker threads, without an async runtime.

pub mod connector;
pub mod event;

mod error;
pub use error::{BuildError, Problem};

mod expr;
pub use expr::{Functions, ScalarFunction};

mod operator;
pub use operator::aggregate::AggregateFunction;

mod runtime;
pub use runtime::barrier::{
    EnterGuard, LOCK_WAIT, LockError, LockGuard, LockOutcome, ThreadBarrier,
};
pub use runtime::wait::WaitStrategy;

mod sql;

mod state;

mod sync;
