//! The place of a row among those that leave an app.

/// The place of a row among those of its stream and key group.
///
/// The numbers of a group have no gaps, and a row that comes out again after a restore has the number that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutputNumber {
    /// The key group, below 128; 0 where one worker writes the whole stream.
    pub group: u16,
    /// Counted from 1.
    pub number: u64,
}
