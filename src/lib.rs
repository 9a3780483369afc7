//! Embeddable stream processing: SQL apps on pinned worker threads, without an async runtime.

pub mod event;

mod error;
pub use error::{BuildError, Problem};

mod sql;

mod state;
