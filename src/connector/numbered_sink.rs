//! Sinks that only grow: rows that they have are not delivered again.

use super::ConnectorError;
use crate::event::{Batch, OutputNumber};

/// Takes the rows of one stream, each with a number, and can say which numbers it has.
///
/// A file that somebody else reads while it grows, a topic, a table without a way back: after a crash the app begins
/// at its last checkpoint, and rows that were delivered after it come out again. They have the numbers that they had,
/// so they are left out before they reach the sink. What a sink has to do for it: store the number with the row, and
/// find the last number of each key group when it is opened. [`NumberedFile`](super::NumberedFile) is one.
///
/// In a table with columns `grp` and `number`, `open` is `SELECT grp, max(number) … GROUP BY grp`, `rows` inserts in a
/// transaction, and `sync` commits it.
pub trait NumberedSink: Send {
    /// Opens what rows of the stream go to; returns the last number that it has of each key group.
    ///
    /// Called once, when no other process has the app's state, so that none writes here.
    fn open(&mut self, stream: &str) -> Result<Vec<OutputNumber>, ConnectorError>;

    /// Takes rows that it has not had: `new` tells the place of each in the batch, and its number.
    ///
    /// An error ends the app, and checkpoints fail from then on: no row is lost, they come again in the next run.
    fn rows(&mut self, batch: &Batch, new: &[(usize, OutputNumber)]) -> Result<(), ConnectorError>;

    /// Makes what it has taken durable, with the numbers. Called before a checkpoint is committed, and when the app
    /// shuts down; rows of the stream wait meanwhile.
    fn sync(&mut self) -> Result<(), ConnectorError>;
}
