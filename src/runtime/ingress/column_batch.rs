//! Rows and columns of a program into whole columns, with the checks that rows which come in one by one have.

use super::row::{Row, RowWriter};
use crate::error::RowError;
use crate::event::{Batch, Column, ColumnBatch, Data, Timestamp, Type};

impl ColumnBatch {
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
        self.timed = true;
        self.batch = Batch {
            at,
            columns,
            ..Batch::default()
        };
        // −0.0 becomes 0.0, as in every row that comes in.
        let columns = self.batch.columns.iter_mut();
        for column in columns.filter(|c| matches!(c.type_of(), Type::Float | Type::Double)) {
            match column.parts_mut().0 {
                Data::Float(v) => v.iter_mut().for_each(|x| *x += 0.0),
                Data::Double(v) => v.iter_mut().for_each(|x| *x += 0.0),
                _ => {}
            }
        }
        Ok(())
    }
}
