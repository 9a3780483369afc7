//! Whole columns: the way in for rows that come by the thousand.

use super::row::{Row, RowWriter};
use crate::error::RowError;
use crate::event::{Batch, Column, Data, Schema, Timestamp};

/// Rows of one stream in columns, to be sent at once.
///
/// Shape: one timestamp and one value per attribute for every row.
#[derive(Clone, Debug)]
pub struct ColumnBatch {
    pub(crate) batch: Batch,
}

impl ColumnBatch {
    /// An empty batch of a schema.
    pub fn new(schema: &Schema) -> Self {
        ColumnBatch {
            batch: Batch::new(schema),
        }
    }

    /// Appends a row. On an error nothing is appended.
    pub fn push(&mut self, at: Timestamp, row: impl Row) -> Result<(), RowError> {
        RowWriter::write(&mut self.batch.columns, &row)?;
        self.batch.at.push(at);
        Ok(())
    }

    /// Replaces the rows by whole columns.
    ///
    /// Errors: a column has another length than `at` or another type than its attribute, or holds a number that is
    /// not finite.
    pub fn set(&mut self, at: Vec<Timestamp>, columns: Vec<Column>) -> Result<(), RowError> {
        if columns.len() != self.batch.columns.len() {
            return Err(RowError::Width {
                expected: self.batch.columns.len(),
                found: columns.len(),
            });
        }
        for (attribute, (new, old)) in columns.iter().zip(&self.batch.columns).enumerate() {
            if new.type_of() != old.type_of() {
                return Err(RowError::Mismatch {
                    attribute,
                    expected: old.type_of(),
                    found: new.type_of(),
                });
            }
            if new.len() != at.len() {
                return Err(RowError::Width {
                    expected: at.len(),
                    found: new.len(),
                });
            }
            if !new.is_finite() {
                return Err(RowError::NotFinite { attribute });
            }
        }
        self.batch = Batch {
            at,
            columns,
            ..Batch::default()
        };
        // −0.0 becomes 0.0, as in every row that comes in.
        for column in &mut self.batch.columns {
            match column.parts_mut().0 {
                Data::Float(v) => v.iter_mut().for_each(|x| *x += 0.0),
                Data::Double(v) => v.iter_mut().for_each(|x| *x += 0.0),
                _ => {}
            }
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Removes all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.batch.clear();
    }
}
