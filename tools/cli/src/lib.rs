//! The part of the command line that `tools/compare` shares: the bench.

pub mod bench;
