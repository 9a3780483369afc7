//! Rows of CSV straight into columns, as far as they are plain: no cell begins with a quote, and all of them fit.
//!
//! The line at which that ends is left to the reader of single rows.

use super::{Cells, CsvRows, Place};
use crate::connector::lines::LINE_BYTES_MAX;
use crate::connector::plain_values::{Plain, push_text};
use crate::event::{Column, ColumnBatch, Timestamp, Type};
use memchr::memchr;
use std::io::{self, BufRead};

/// Up to here a cell is looked through byte by byte: most end before a search for their end would have begun.
const CELL_SHORT: usize = 16;

impl<R: BufRead> CsvRows<R> {
    /// Reads the rows that follow and are at hand into columns, at most so many, as long as they are plain and all of
    /// them have a time or none has. Returns the line of the first; `None` where the next row is one for
    /// [`CsvRows::next_row`].
    pub fn next_rows(
        &mut self,
        rows: &mut ColumnBatch,
        rows_max: usize,
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
        let reading = PlainCells {
            cells: Cells {
                schema: &self.schema,
                text: &self.text,
            },
            places: &columns.places,
        };
        let before = self.records.lines();
        let text = self.records.at_hand()?;
        let (mut at, mut lines, mut first) = (0, 0, None);
        while rows.len() < rows_max
            && let Some(len) = memchr(b'\n', &text.as_bytes()[at..])
        {
            if len >= LINE_BYTES_MAX {
                break;
            }
            let line = &text[at..at + len];
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.is_empty() {
                if !reading.row(line, &absent, rows) {
                    break;
                }
                first = first.or(Some(before + lines + 1));
            }
            at += len + 1;
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

/// Reads lines, cell by cell.
struct PlainCells<'r> {
    cells: Cells<'r>,
    places: &'r [Place],
}

impl PlainCells<'_> {
    /// Appends a line as a row; `false`, and nothing appended, where it is not plain.
    #[inline]
    fn row(&self, line: &str, absent: &[usize], rows: &mut ColumnBatch) -> bool {
        let before = rows.len();
        let columns = &mut rows.batch.columns;
        let read = self.read(line, columns);
        let at = read.filter(|at| before == 0 || at.is_some() == rows.timed);
        let Some(at) = at else {
            columns
                .iter_mut()
                .for_each(|column| column.truncate(before));
            return false;
        };
        absent.iter().for_each(|i| columns[*i].push_null());
        rows.timed = at.is_some();
        rows.batch.at.push(at.unwrap_or_default());
        true
    }

    /// Appends the cells to their columns; returns the time of the row.
    #[inline]
    fn read(&self, line: &str, columns: &mut [Column]) -> Option<Option<Timestamp>> {
        let (mut rest, mut time) = (line, None);
        let last = self.places.len().checked_sub(1)?;
        for (n, place) in self.places.iter().enumerate() {
            let len = match *place {
                Place::Attribute(i) => self.value(rest, i, &mut columns[i])?,
                Place::At if let Some((at, len)) = self.plain_time(rest) => {
                    time = Some(at);
                    len
                }
                place => {
                    let len = self.end(rest);
                    let (cell, quote) = (&rest[..len], self.cells.text.quote);
                    if quote.is_some_and(|quote| cell.as_bytes().first() == Some(&quote)) {
                        return None;
                    }
                    match place {
                        Place::At if cell.is_empty() => {}
                        Place::At => time = Some(self.cells.time(cell).ok()?),
                        Place::Sign if !cell.is_empty() => return None,
                        Place::Both(i) => time = self.both(cell, i, &mut columns[i])?,
                        _ => {}
                    }
                    len
                }
            };
            match (rest.len() > len, n < last) {
                (true, true) => rest = &rest[len + 1..],
                (false, false) => {}
                _ => return None,
            }
        }
        Some(time)
    }

    /// Where the cell ends with which a text begins.
    #[inline]
    fn end(&self, text: &str) -> usize {
        let text = text.as_bytes();
        let delimiter = self.cells.text.delimiter;
        let short = &text[..text.len().min(CELL_SHORT)];
        if let Some(end) = short.iter().position(|b| *b == delimiter) {
            return end;
        }
        let behind = &text[short.len()..];
        short.len() + memchr(delimiter, behind).unwrap_or(behind.len())
    }

    /// Appends the cell with which a text begins as a value of an attribute; returns where it ends.
    #[inline]
    fn value(&self, cells: &str, i: usize, column: &mut Column) -> Option<usize> {
        let text = cells.as_bytes();
        let &Cells { text: said, .. } = &self.cells;
        let first = text.first().copied().filter(|b| *b != said.delimiter);
        let Some(first) = first else {
            column.push_null();
            return Some(0);
        };
        if said.quote == Some(first) {
            return None;
        }
        let is_text = column.type_of() == Type::String;
        if !is_text
            && let Some(number) = Plain::read(text)
            && text.get(number.len).is_none_or(|b| *b == said.delimiter)
            && number.push(column)
        {
            return Some(number.len);
        }
        let end = self.end(cells);
        let cell = &cells[..end];
        let pushed = match is_text {
            true => push_text(column, cell),
            false => column.push(&self.cells.value(i, cell, false).ok()?),
        };
        pushed.then_some(end)
    }

    /// The time in the cell with which a text begins, and where that ends.
    #[inline]
    fn plain_time(&self, text: &str) -> Option<(Timestamp, usize)> {
        let text = text.as_bytes();
        let number = Plain::read(text)?;
        let ends = text
            .get(number.len)
            .is_none_or(|b| *b == self.cells.text.delimiter);
        let time = number.time(&self.cells.text.times).filter(|_| ends)?;
        Some((time, number.len))
    }

    /// Appends the value of an attribute that is the time, too; returns the time.
    fn both(&self, cell: &str, i: usize, column: &mut Column) -> Option<Option<Timestamp>> {
        let plain = Plain::read(cell.as_bytes()).filter(|number| number.len == cell.len());
        if let Some(number) = plain
            && let Some(time) = number.time(&self.cells.text.times)
            && number.push(column)
        {
            return Some(Some(time));
        }
        let (time, value) = self.cells.both(i, cell, false).ok()?;
        column.push(&value).then_some(time)
    }
}
