//! The parts of the command line that `tools/compare` shares: the bench, and how it writes.

#![deny(clippy::disallowed_macros)]

pub mod bench;
pub mod console;
