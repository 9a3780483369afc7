//! Rows that travel together: what flows between operators.
//!
//! A batch of one row is the idle case and is cheap; a batch of hundreds is the loaded case and is worked on by
//! column. Where a batch begins and ends never changes a result (law L1): rows carry all that operators may depend
//! on.

use super::column::Column;
use super::from_row::{FieldError, FromRow, RowReader};
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

/// How a row came to be, as far as operators with time must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Mark {
    /// It was sent, or follows from a row that was.
    #[default]
    Plain = 0,
    /// A timer emitted it: readers process it before their own timers of the same time.
    Timer = 1,
    /// As `Timer`, and it is the result of a window that closed at its time: it belongs to the instant before.
    Close = 2,
    /// It is further ahead of its input than the app allows: operators with time refuse it.
    Ahead = 3,
}

/// Rows in columns.
///
/// Shape: `at`, every column, and `clock`, `signs`, `marks` and `causes` where they are not empty, have one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Timestamp of each row.
    pub(crate) at: Vec<Timestamp>,
    /// The app's clock when each row is processed: timers due at or before it fire before the row, those due before it
    /// where a timer emitted the row. Never decreases.
    /// Empty unless `tracks_clock`.
    pub(crate) clock: Vec<Timestamp>,
    /// Sign of each row; empty when all are `+`.
    pub(crate) signs: Vec<Sign>,
    /// Mark of each row; empty when all are plain.
    pub(crate) marks: Vec<Mark>,
    /// Number of the input row that caused each row. Empty unless `tracks_cause`.
    pub(crate) causes: Vec<u64>,
    /// Whether anything in the plan needs the clock of rows.
    pub(crate) tracks_clock: bool,
    /// Whether anything in the plan needs the cause of rows.
    pub(crate) tracks_cause: bool,
    /// One column per attribute.
    pub(crate) columns: Vec<Column>,
    /// Swaps: directly before each of the last rows, so many, a row leaves, of which `leaving` has the values. Only
    /// between a window and an aggregate that was planned to take it so.
    pub(crate) swaps: usize,
    /// The columns of rows that leave, where there are any.
    pub(crate) leaving: Vec<Column>,
}

impl Mark {
    /// Whether a timer emitted the row, at the time that its clock says.
    #[inline]
    pub(crate) fn is_timer(self) -> bool {
        matches!(self, Mark::Timer | Mark::Close)
    }
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

    /// Mark of a row.
    #[inline]
    pub(crate) fn mark(&self, row: usize) -> Mark {
        if self.marks.is_empty() {
            Mark::Plain
        } else {
            self.marks[row]
        }
    }

    /// Appends a mark; the vector stays empty while all are plain. Called before `at` grows.
    #[inline]
    pub(crate) fn push_mark(&mut self, mark: Mark) {
        if !self.marks.is_empty() {
            self.marks.push(mark);
        } else if mark != Mark::Plain {
            self.marks.resize(self.at.len(), Mark::Plain);
            self.marks.push(mark);
        }
    }

    /// Appends a sign; the vector stays empty while all are `+`. Called before `at` grows.
    #[inline]
    pub(crate) fn push_sign(&mut self, sign: Sign) {
        if !self.signs.is_empty() {
            self.signs.push(sign);
        } else if sign == Sign::Minus {
            self.signs.resize(self.at.len(), Sign::Plus);
            self.signs.push(Sign::Minus);
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

    /// The rows as values of the program, such as tuples or a type that [`row!`](crate::row) makes.
    ///
    /// Errors, of each row: a column has another type, a value is NULL that is not wanted as an `Option`, or the rows
    /// have another number of columns. Cost: none but that of the fields; a `String` is allocated, a
    /// [`Str`](crate::Str) seldom.
    pub fn typed<R: FromRow>(&self) -> impl ExactSizeIterator<Item = Result<R, FieldError>> + '_ {
        (0..self.len()).map(|row| RowReader::read(&self.columns, row))
    }

    /// A copy of some of the rows, next to each other, for who shows them. Panics beyond the last one.
    pub fn part(&self, rows: std::ops::Range<usize>) -> Batch {
        let column = |from: &Column| {
            let mut to = Column::new(from.type_of());
            to.extend_range(from, rows.clone());
            to
        };
        Batch {
            columns: self.columns.iter().map(column).collect(),
            at: self.at[rows.clone()].to_vec(),
            signs: match self.signs.is_empty() {
                true => Vec::new(),
                false => self.signs[rows].to_vec(),
            },
            ..Batch::default()
        }
    }

    /// Removes all rows; keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.at.clear();
        self.clock.clear();
        self.signs.clear();
        self.marks.clear();
        self.causes.clear();
        for c in &mut self.columns {
            c.clear();
        }
        if self.swaps > 0 {
            self.swaps = 0;
            self.leaving.iter_mut().for_each(Column::clear);
        }
    }
}
