//! What the operators of a graph have in common.

use super::table::Tables;

/// Handed to operators with their rows.
#[derive(Debug, Default)]
pub(crate) struct Common {
    /// The tables that they read and write.
    pub(crate) tables: Tables,
    /// Rows that had to wait for their time so far, in all buffers in front of joins: of rows of one time the one that
    /// came first goes first, whatever its stream.
    pub(crate) arrivals: u64,
}
