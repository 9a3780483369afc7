//! Outputs whose position is part of the checkpoint.

/// An output that can go back to where it stood: a file that can be truncated, a table with transactions.
///
/// With it a restored app leaves the same output as one that never stopped: what was written after the last
/// checkpoint is taken back, and written again.
pub trait PositionedOutput: Send + Sync {
    /// Where the output stands now. Called with all workers stopped between two steps: it must be quick, and count
    /// everything that callbacks have given it.
    ///
    /// Errors: why the position is unknown; the checkpoint fails.
    fn position(&self) -> Result<Vec<u8>, String>;

    /// Makes everything up to the last position durable. Called before the checkpoint is committed, while rows go on.
    fn sync(&self) -> Result<(), String>;

    /// Goes back to a position of a restored revision; `None` when that revision knows no output of this name.
    /// Called with all workers stopped.
    fn rewind(&self, position: Option<&[u8]>) -> Result<(), String>;
}
