//! Embeddable stream processing: SQL apps on pinned worker threads, without an async runtime.

pub mod event;

mod error;
pub use error::{BuildError, Problem};

mod expr;
pub use expr::{Functions, ScalarFunction};

mod sql;

mod state;
