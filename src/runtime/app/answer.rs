//! The answer to a question: rows with the names and types of their columns.

use crate::event::{Batch, Column, FieldError, FromRow, Schema, Value};

/// Rows of a table or a named window, as one moment of the app had them. They are the caller's own: nothing of the
/// app waits for them, or changes them.
#[derive(Clone, Debug)]
pub struct QueryResult {
    pub(super) schema: Schema,
    pub(super) rows: Batch,
    pub(super) value_faults: u64,
}

impl QueryResult {
    /// Names and types of the columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The columns, one per attribute of the schema, all of one length.
    pub fn columns(&self) -> &[Column] {
        &self.rows.columns
    }

    /// The rows as one batch, for who writes batches.
    pub fn batch(&self) -> &Batch {
        &self.rows
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The value at a row and column. Panics beyond them.
    pub fn value(&self, row: usize, column: usize) -> Value {
        self.rows.value(row, column)
    }

    /// The rows in order. Allocates one vector each; [`QueryResult::columns`] allocates nothing.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Vec<Value>> + '_ {
        (0..self.len()).map(|row| self.rows.row(row))
    }

    /// The rows as values of the program, such as tuples.
    ///
    /// Errors: a column has another type, a value is NULL that is not wanted as an `Option`, or the rows have another
    /// number of columns.
    pub fn typed<R: FromRow>(&self) -> Result<Vec<R>, FieldError> {
        self.rows.typed().collect()
    }

    /// Values that became NULL by overflow, division by zero or a failed conversion while this was answered.
    pub fn value_faults(&self) -> u64 {
        self.value_faults
    }
}
