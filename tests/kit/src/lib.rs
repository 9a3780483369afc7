//! What tests share: random numbers that tell their seed when a test fails, and rows that came out of an app.
//!
//! It knows nothing of the engine, so that the engine's own unit tests can use it.

mod random;
mod seen;

pub use random::{Random, Whole, from_env, mix};
pub use seen::{Collected, Seen, SeenRows, assert_dense};
