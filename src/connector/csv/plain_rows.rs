//! Rows of CSV straight into columns, as far as they are plain: no cell begins with a quote, and all of them fit.
//!
//! The line at which that ends is left to the reader of single rows.

use super::{Cells, CsvRows, Place};
use crate::connector::lines::{LINE_BYTES_MAX, TOGETHER_BYTES};
use crate::connector::plain_values::{Ends, Plain, push_text};
use crate::connector::stream_rows::Together;
use crate::event::{Column, ColumnBatch, Timestamp, Type};
use std::io::{self, BufRead};

// What is at hand holds no line that is too long.
const _: () = assert!(TOGETHER_BYTES <= LINE_BYTES_MAX);

impl<R: BufRead> CsvRows<R> {
    /// Reads the rows that follow and are at hand into columns, so far at most, as long as they are plain and all of
    /// them have a time or none has. Returns the line of the first; `None` where the next row is one for
    /// [`CsvRows::next_row`].
    pub fn next_rows(
        &mut self,
        rows: &mut ColumnBatch,
        together: Together,
    ) -> io::Result<Option<u64>> {
        rows.clear();
        let Some(columns) = &self.columns else {
            return Ok(None);
        };
        if !parts_plainly(self.text.delimiter) {
            return Ok(None);
        }
        let given = |i: &usize| {
            columns
                .places
                .iter()
                .any(|place| place.attribute() == Some(*i))
        };
        let absent: Vec<usize> = (0..self.schema.len()).filter(|i| !given(i)).collect();
        let before = self.records.lines();
        let text = self.records.at_hand()?;
        let reading = PlainCells {
            cells: Cells {
                schema: &self.schema,
                text: &self.text,
            },
            places: &columns.places,
            ends: Ends::new([self.text.delimiter, b'\n']),
            all: text,
            bytes: text.as_bytes(),
        };
        let (mut at, mut lines, mut first) = (0, 0, None);
        while rows.len() < together.rows_max && at < text.len() {
            at = match reading.blank(at) {
                Some(behind) => behind,
                None => {
                    let Some(behind) = reading.row((at, together.until), &absent, rows) else {
                        break;
                    };
                    first = first.or(Some(before + lines + 1));
                    behind
                }
            };
            lines += 1;
        }
        self.records.take(at, lines);
        self.further += columns.further * rows.len() as u64;
        Ok(first)
    }
}

/// Whether nothing that a plain number has is the delimiter.
fn parts_plainly(delimiter: u8) -> bool {
    !delimiter.is_ascii_alphanumeric() && !matches!(delimiter, b'.' | b'-' | b'\r' | b'\n' | 0x80..)
}

impl Place {
    /// The attribute whose values stand there.
    fn attribute(self) -> Option<usize> {
        match self {
            Place::Attribute(i) | Place::Both(i) => Some(i),
            Place::At | Place::Sign | Place::Further => None,
        }
    }
}

/// What ends a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Cell,
    Line,
}

/// Reads whole lines, cell by cell; no byte of a plain row is looked for twice.
struct PlainCells<'r> {
    cells: Cells<'r>,
    places: &'r [Place],
    /// What a cell ends at.
    ends: Ends,
    /// The lines, each with its end.
    all: &'r str,
    bytes: &'r [u8],
}

impl PlainCells<'_> {
    /// Where the line behind an empty one begins that begins here.
    #[inline]
    fn blank(&self, at: usize) -> Option<usize> {
        (self.end_at(at) == Some((End::Line, at))).then(|| self.behind_line(at))
    }

    /// Appends the line that begins at a place as a row; returns where the next one begins, `None` and nothing
    /// appended where it is not plain, or later than that time.
    #[inline]
    fn row(
        &self,
        (at, until): (usize, Timestamp),
        absent: &[usize],
        rows: &mut ColumnBatch,
    ) -> Option<usize> {
        let before = rows.len();
        let columns = &mut rows.batch.columns;
        let read = self.read(at, columns);
        let read = read.filter(|(time, _)| {
            time.is_none_or(|time| time <= until) && (before == 0 || time.is_some() == rows.timed)
        });
        let Some((time, behind)) = read else {
            columns
                .iter_mut()
                .for_each(|column| column.truncate(before));
            return None;
        };
        absent.iter().for_each(|i| columns[*i].push_null());
        rows.timed = time.is_some();
        rows.batch.at.push(time.unwrap_or_default());
        Some(behind)
    }

    /// Appends the cells to their columns; returns the time of the row, and where the next line begins.
    #[inline]
    fn read(&self, begin: usize, columns: &mut [Column]) -> Option<(Option<Timestamp>, usize)> {
        let (mut at, mut time) = (begin, None);
        let last = self.places.len().checked_sub(1)?;
        for (n, place) in self.places.iter().enumerate() {
            let end = match *place {
                Place::Attribute(i) => self.value(at, i, &mut columns[i])?,
                Place::Both(i) => {
                    let (both, end) = self.both(at, i, &mut columns[i])?;
                    time = both;
                    end
                }
                Place::At => {
                    let (said, end) = self.time(at)?;
                    time = said;
                    end
                }
                Place::Sign | Place::Further => {
                    let (cell, end) = self.cell(at)?;
                    if *place == Place::Sign && !cell.is_empty() {
                        return None;
                    }
                    end
                }
            };
            at = match self.end_at(end)?.0 {
                End::Cell if n < last => end + 1,
                End::Line if n == last => self.behind_line(end),
                _ => return None,
            };
        }
        Some((time, at))
    }

    /// What ends at a place, if anything does; a carriage return in front of a line end belongs to it.
    #[inline]
    fn end_at(&self, at: usize) -> Option<(End, usize)> {
        match *self.bytes.get(at)? {
            b if b == self.cells.text.delimiter => Some((End::Cell, at)),
            b'\n' => Some((End::Line, at)),
            b'\r' if self.bytes.get(at + 1) == Some(&b'\n') => Some((End::Line, at)),
            _ => None,
        }
    }

    /// Where the next line begins, behind a line that ends at a place.
    #[inline]
    fn behind_line(&self, end: usize) -> usize {
        end + 1 + usize::from(self.bytes[end] == b'\r')
    }

    /// The cell that begins at a place, and where it ends; `None` where it begins with a quote.
    #[inline]
    fn cell(&self, at: usize) -> Option<(&str, usize)> {
        let quote = self.cells.text.quote;
        if quote.is_some() && self.bytes.get(at) == quote.as_ref() {
            return None;
        }
        let mut end = self.ends.seek(self.bytes, at)?;
        if self.bytes[end] == b'\n' && end > at && self.bytes[end - 1] == b'\r' {
            end -= 1;
        }
        Some((self.all.get(at..end)?, end))
    }

    /// The plain number that is the cell which begins at a place.
    #[inline(always)]
    fn number(&self, at: usize) -> Option<Plain> {
        let number = Plain::read(self.bytes.get(at..)?)?;
        self.end_at(at + number.len).map(|_| number)
    }

    /// Appends the cell that begins at a place as a value of an attribute; returns where it ends.
    #[inline]
    fn value(&self, at: usize, i: usize, column: &mut Column) -> Option<usize> {
        let is_text = column.type_of() == Type::String;
        if !is_text
            && let Some(number) = self.number(at)
            && number.push(column)
        {
            return Some(at + number.len);
        }
        let (cell, end) = self.cell(at)?;
        let pushed = match (cell.is_empty(), is_text) {
            (true, _) => {
                column.push_null();
                true
            }
            (_, true) => push_text(column, cell),
            _ => column.push(&self.cells.value(i, cell, false).ok()?),
        };
        pushed.then_some(end)
    }

    /// The time in the cell that begins at a place, none where that is empty, and where it ends.
    #[inline]
    fn time(&self, at: usize) -> Option<(Option<Timestamp>, usize)> {
        if let Some(number) = self.number(at)
            && let Some(time) = number.time(&self.cells.text.times)
        {
            return Some((Some(time), at + number.len));
        }
        match self.cell(at)? {
            ("", end) => Some((None, end)),
            (cell, end) => Some((Some(self.cells.time(cell).ok()?), end)),
        }
    }

    /// Appends the value of an attribute that is the time, too; returns the time, and where the cell ends.
    #[inline]
    fn both(&self, at: usize, i: usize, column: &mut Column) -> Option<(Option<Timestamp>, usize)> {
        if let Some(number) = self.number(at)
            && let Some(time) = number.time(&self.cells.text.times)
            && number.push(column)
        {
            return Some((Some(time), at + number.len));
        }
        let (cell, end) = self.cell(at)?;
        let (time, value) = self.cells.both(i, cell, false).ok()?;
        column.push(&value).then_some((time, end))
    }
}
