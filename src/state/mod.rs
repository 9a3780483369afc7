//! The only places where operators keep anything, and what it takes to have state survive.
//!
//! A [`StateHolder`] lists its containers and registers; whoever lists them takes part in checkpoints. Operators of the
//! user ([`RowHandler`](crate::RowHandler)) keep [`Cells`], one value per slot, of any type that is a [`Cell`].
//!
//! Inside: `RowLog`, rows appended at the tail and expired at the head, one ring per key in shared columns; `KeyIndex`
//! with [`Cells`], the keyed map: key → slot, and one value per slot; `Chains`, from key to rows, and `Ordered`, from
//! key and range of a value to rows, indexes; `Slab`, entries with a stable number, and on it `Multiset`, sorted values
//! per slot, or a queue of those that may become the extreme.
//!
//! A container owns its memory and is owned by one operator on one worker, so nothing here locks. Indexes (hash
//! tables, orders) can be rebuilt from the contents; only contents are state.

mod bits;
mod cell;
mod cells;
mod chains;
mod columns;
mod holder;
mod key_bytes;
mod key_index;
mod key_slots;
mod marks;
mod multiset;
mod ordered;
mod reader;
mod row_log;
mod rows;
mod section;
mod slab;
#[cfg(test)]
mod tests;
mod visit;

pub(crate) use bits::Bits;
pub use cell::Cell;
pub use cells::Cells;
pub(crate) use chains::{ChainRows, Chains};
pub(crate) use columns::SlotColumns;
pub(crate) use holder::Newer;
pub use holder::{Container, Register, RegisterReader, StateHolder, Visitor};
pub(crate) use key_bytes::{KEY_GROUPS, each_key_group, encode_key, key_group};
pub(crate) use key_index::KeyIndex;
pub use key_index::Slot;
pub(crate) use multiset::Multiset;
pub(crate) use ordered::Ordered;
pub(crate) use row_log::{LogId, RowLog};
pub use section::{Malformed, Path};
pub(crate) use section::{Section, SectionKind, Slots, divide, sections};
pub(crate) use slab::Slab;
pub(crate) use visit::{
    Capturing, ContainerCut, Cut, CutRecord, Describe, Drain, Load, Rebase, Settle, Stored,
    StoredContainer, Track, Untrack,
};
