//! Partitions: the door in front of their queries, and their keys where these are kept.
//!
//! The queries themselves are the same operators as elsewhere, with one more key.

mod door;
mod keys;

pub(crate) use door::{Door, DoorKey};
pub(crate) use keys::{KeptKeys, Partitions};
