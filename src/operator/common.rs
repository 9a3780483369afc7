//! What the operators of a graph have in common.

use super::aggregate::Rollup;
use super::partition::Partitions;
use super::table::Tables;

/// Handed to operators with their rows.
#[derive(Default)]
pub(crate) struct Common {
    /// The tables that they read and write.
    pub(crate) tables: Tables,
    /// The keys of their partitions, where these are kept.
    pub(crate) partitions: Partitions,
    /// By place of its table, what an aggregation holds, for the time in which an operator reads it.
    pub(crate) rollups: Vec<Option<Box<Rollup>>>,
    /// Rows that had to wait for their time so far, in all buffers in front of joins: of rows of one time the one that
    /// came first goes first, whatever its stream.
    pub(crate) arrivals: u64,
}
