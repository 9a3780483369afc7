//! Rows that travel together: what flows between operators.
//!
//! A batch of one row is the idle case and is cheap; a batch of hundreds is the loaded case and is worked on by
//! column. Where a batch begins and ends never changes a result (law L1): rows carry all that operators may depend
//! on.

use super::column::Column;
use super::schema::Schema;
use super::time::Timestamp;
use super::value::Value;

/// Whether a row enters (`+`) or leaves (`−`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(i8)]
pub enum Sign {
    /// A current row: it enters.
    #[default]
    Plus = 1,
    /// An expired row: it leaves, and aggregates retract it.
    Minus = -1,
}

/// Rows in columns.
///
/// Shape: `at`, every column, and `clock`, `signs` and `causes` where they are not empty, have one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Timestamp of each row.
    pub(crate) at: Vec<Timestamp>,
    /// The app's clock when each row is processed: timers due at or before it fire before the row. Never decreases.
    /// Empty unless `tracks_clock`.
    pub(crate) clock: Vec<Timestamp>,
    /// Sign of each row; empty when all are `+`.
    pub(crate) signs: Vec<Sign>,
    /// Number of the input row that caused each row. Empty unless `tracks_cause`.
    pub(crate) causes: Vec<u64>,
    /// Whether anything in the plan needs the clock of rows.
    pub(crate) tracks_clock: bool,
    /// Whether anything in the plan needs the cause of rows.
    pub(crate) tracks_cause: bool,
    /// One column per attribute.
    pub(crate) columns: Vec<Column>,
}

impl Batch {
    /// An empty batch of a schema.
    pub fn new(schema: &Schema) -> Self {
        Batch {
            columns: schema
                .attributes()
                .iter()
                .map(|a| Column::new(a.ty))
                .collect(),
            ..Batch::default()
        }
    }

    /// An empty batch that holds what another does: its columns, and clock and cause where it tracks them.
    pub(crate) fn like(other: &Batch) -> Self {
        Batch {
            tracks_clock: other.tracks_clock,
            tracks_cause: other.tracks_cause,
            columns: other
                .columns
                .iter()
                .map(|c| Column::new(c.type_of()))
                .collect(),
            ..Batch::default()
        }
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether it has no rows.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// Timestamp of each row.
    #[inline]
    pub fn at(&self) -> &[Timestamp] {
        &self.at
    }

    /// Sign of a row.
    #[inline]
    pub fn sign(&self, row: usize) -> Sign {
        if self.signs.is_empty() {
            Sign::Plus
        } else {
            self.signs[row]
        }
    }

    /// Signs of the rows; empty when all are `+`.
    #[inline]
    pub fn signs(&self) -> &[Sign] {
        &self.signs
    }

    /// The columns, one per attribute.
    #[inline]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The value at a row and attribute.
    pub fn value(&self, row: usize, attribute: usize) -> Value {
        self.columns[attribute].value(row)
    }

    /// The values of a row. Allocates.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.columns.iter().map(|c| c.value(row)).collect()
    }

    /// Removes all rows; keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.at.clear();
        self.clock.clear();
        self.signs.clear();
        self.causes.clear();
        for c in &mut self.columns {
            c.clear();
        }
    }
}
