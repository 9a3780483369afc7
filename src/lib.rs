//! Embeddable stream processing: SQL apps on pinned worker threads, without an async runtime.

pub mod connector;
pub mod event;
pub use event::{Batch, Column, Data, Schema, Sign, Str, Timestamp, Type, Value};

mod error;
pub use error::{
    BuildError, NameTaken, Poison, Problem, RowError, RuntimeError, SendError, TrySendError,
};

mod expr;
pub use expr::{Functions, ScalarFunction};

mod operator;
pub use operator::aggregate::AggregateFunction;

mod plan;

mod runtime;
pub use runtime::app::{EventFluxAppRuntime, Metrics, StreamInfo};
pub use runtime::barrier::{
    EnterGuard, LOCK_WAIT, LockError, LockGuard, LockOutcome, ThreadBarrier,
};
pub use runtime::config::{Backpressure, RuntimeConfig, Workers};
pub use runtime::input::{ColumnBatch, Input, InputHandler};
pub use runtime::manager::EventFluxManager;
pub use runtime::output::Subscription;
pub use runtime::row::{Field, Row, RowWriter};
pub use runtime::wait::WaitStrategy;

mod sql;

mod state;

mod sync;

/// The README's program is compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
