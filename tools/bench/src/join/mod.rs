//! Joins and tables beside the same work written by hand.
//!
//! Rows of both streams are pairs of numbers; batches of one stream and the other take turns, in the order of time.

pub(crate) mod feed;
pub mod hand;
mod memory;
mod range;
mod sized;
mod table;
mod timed;

pub use memory::memory;
pub use range::range;
pub use sized::{growth, length_1k};
pub use table::{lookup, send_lookup, upsert};
pub use timed::{asof, interval};
