//! The only places where operators keep anything.
//!
//! * [`RowLog`]: rows appended at the tail and expired at the head, one ring per key in shared columns.
//! * [`KeyIndex`] with [`Cells`]: the keyed map: key → slot, and one value per slot.
//! * [`Slab`]: entries with a stable number, and on it [`Multiset`], sorted values per slot.
//!
//! A container owns its memory and is owned by one operator on one worker, so nothing here locks. Indexes (hash
//! tables, orders) can be rebuilt from the contents; only contents are state.

mod cells;
mod key_bytes;
mod key_index;
mod multiset;
mod row_log;
mod slab;

pub(crate) use cells::Cells;
pub(crate) use key_bytes::{encode_key, key_group, worker_of};
pub(crate) use key_index::{KeyIndex, Slot};
pub(crate) use multiset::Multiset;
pub(crate) use row_log::{LogId, RowLog};
pub(crate) use slab::Slab;
