//! Partitions: the door in front of their queries, and their keys where these are kept.
//!
//! The queries themselves are the same operators as elsewhere, with one more key.

mod door;
mod keys;

pub(crate) use door::{Door, DoorKey};
pub(crate) use keys::{KeptKeys, Partitions, as_bytes};

/// Keys of a partition on a worker: where they are kept, unless the text says otherwise, and of each window that holds
/// rows for each key apart. Rows of another one are dropped and counted.
pub(crate) const PARTITION_KEYS_MAX: usize = 10_000_000;
