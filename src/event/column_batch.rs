//! Whole columns: the way in for rows that come by the thousand.

use super::batch::Batch;
use super::schema::Schema;

/// Rows of one stream in columns, to be sent at once.
///
/// Shape: one timestamp and one value per attribute for every row.
#[derive(Clone, Debug)]
pub struct ColumnBatch {
    pub(crate) batch: Batch,
    /// Its rows have times of their own; otherwise each takes that of the input's clock.
    pub(crate) timed: bool,
}

impl ColumnBatch {
    /// An empty batch of a schema.
    pub fn new(schema: &Schema) -> Self {
        ColumnBatch {
            batch: Batch::new(schema),
            timed: true,
        }
    }

    /// Its rows; those that are not timed have no time that counts.
    pub fn rows(&self) -> &Batch {
        &self.batch
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether its rows have times of their own, as those have that a program appends. What was read without any takes
    /// that of the input's clock.
    pub fn is_timed(&self) -> bool {
        self.timed
    }

    /// Its rows take the time of the input's clock, whatever theirs are.
    pub fn forget_times(&mut self) {
        self.timed = false;
    }

    /// Removes all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.batch.clear();
        self.timed = true;
    }
}
