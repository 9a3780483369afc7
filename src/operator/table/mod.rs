//! Tables: rows that queries write and that other queries look up.
//!
//! `rows.rs` is the table itself, with its keys (`index.rs`) and how long rows live (`expiry.rs`); `shape.rs` says, for
//! a plan, by which key rows can be reached. `write.rs` applies the rows of a query to a table, `look_up.rs` finds the
//! rows of a table that fulfil a condition together with rows of a stream: for joins, for `IN`, and for the writes.
//! `copied.rs` is what somebody takes of a table who asks it from outside.
//! A row of a batch sees what the rows before it have written: the batch is walked in order wherever that matters.

mod copied;
mod expiry;
mod index;
mod load;
mod look_up;
mod rows;
mod shape;
mod tables;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use copied::Copied;
pub(crate) use look_up::{Lookup, Pairs};
pub(crate) use rows::{Refused, TABLE_ROWS_MAX, Table};
pub(crate) use shape::{Access, Shape};
pub(crate) use tables::Tables;
pub(crate) use write::{Action, TableWrite};
