//! Patterns beside the same automaton written by hand.
//!
//! Rows are pairs of numbers, of two or three streams by turns, in the order of time; ten rows come in a millisecond.

mod case;
mod hand;
mod many;
mod memory;
mod pairs;
mod partition;
mod sized;

pub use many::hundred;
pub use memory::memory;
pub use pairs::{collecting, pair, send_pair, silence};
pub use partition::in_partition;
pub use sized::growth;
