//! The rows of one stream in a text: JSON lines, CSV or plain lines, read alike.

use super::bad_row::BadRow;
use super::csv::{CsvColumns, CsvError, CsvRows};
use super::json::{KnownStream, RowDecoder};
use super::lines::{LastLine, Line, Lines};
use super::plain::LineDecoder;
use super::text::{Format, Text};
use crate::event::{ColumnBatch, Schema, Timestamp, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};

/// A row of a text, whose values the reader holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRow {
    /// The line where it begins, counted from 1.
    pub line: u64,
    /// Its time, or why it is none.
    pub row: Result<Option<Timestamp>, BadRow>,
}

/// What is behind the last line end of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// A row that is whole.
    Row(TextRow),
    /// Perhaps half of a row, on this line; it is left.
    Left(u64),
}

/// How far rows are read into columns, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Together {
    /// So many rows at most.
    pub rows_max: usize,
    /// The first row with a later time is one for the reader of single rows, as rows of others may stand before it. A
    /// row without a time stands where the one before it does.
    pub until: Timestamp,
}

impl Together {
    /// So many rows at most, whatever their times.
    pub fn rows(rows_max: usize) -> Self {
        let until = Timestamp(i64::MAX);
        Together { rows_max, until }
    }
}

/// Where a reader begins in a text.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// Bytes before.
    pub offset: u64,
    /// Lines before.
    pub line: u64,
    /// The columns of CSV, where the header is before.
    pub columns: Option<CsvColumns>,
}

impl Begin {
    /// Sets a file to a place in it: bytes and lines before. `schema`: of its rows, where they are of one stream.
    ///
    /// Errors: the file cannot be read, or its header does not fit the stream.
    pub fn in_file(
        mut file: &File,
        (offset, line): (u64, u64),
        schema: Option<&Schema>,
        text: &Text,
    ) -> Result<Self, CsvError> {
        let mut columns = None;
        if let (Some(schema), Format::Csv, 1..) = (schema, text.format, offset) {
            // The header is at the beginning, the place behind it.
            file.rewind()?;
            columns = CsvColumns::read(BufReader::new(file), schema, text)?;
        }
        file.seek(SeekFrom::Start(offset))?;
        Ok(Begin {
            offset,
            line,
            columns,
        })
    }
}

/// Reads the rows of one stream.
#[derive(Debug)]
pub struct StreamRows<R> {
    kind: Kind<R>,
    /// The stream, and its attributes.
    of: KnownStream,
}

#[derive(Debug)]
enum Kind<R> {
    Json(Lines<R>, Box<RowDecoder>),
    Csv(Box<CsvRows<R>>),
    Plain(Lines<R>, LineDecoder),
}

impl<R: BufRead> StreamRows<R> {
    /// Reads from a reader that stands where `begin` says.
    pub fn new(reader: R, (stream, schema): (&str, &Schema), text: &Text, begin: Begin) -> Self {
        let Begin {
            offset,
            line,
            columns,
        } = begin;
        let kind = match text.format {
            Format::Json => {
                let decoder = Box::new(RowDecoder::new(text));
                Kind::Json(Lines::resumed(reader, offset, line), decoder)
            }
            Format::Csv => {
                let rows = CsvRows::resumed(reader, schema, text, columns, (offset, line));
                Kind::Csv(Box::new(rows))
            }
            Format::Text => {
                let lines = Lines::resumed(reader, offset, line).plain();
                Kind::Plain(lines, LineDecoder::new(text))
            }
        };
        StreamRows {
            kind,
            of: (stream.to_string(), schema.clone(), None),
        }
    }

    /// The next row; `None` when the reader has no more, for now.
    pub fn next_row(&mut self) -> Result<Option<TextRow>, CsvError> {
        match &mut self.kind {
            Kind::Json(lines, decoder) => {
                let line = lines.next_line()?;
                Ok(line.map(|line| decode(line, decoder, &self.of)))
            }
            Kind::Plain(lines, decoder) => {
                let line = lines.next_line()?;
                Ok(line.map(|line| row(line, |bytes| decoder.decode(bytes))))
            }
            Kind::Csv(rows) => {
                let row = rows.next_row()?;
                Ok(row.map(|row| TextRow {
                    line: row.line,
                    row: row.row.map(|(at, _)| at),
                }))
            }
        }
    }

    /// Reads the rows that follow and are at hand into columns, so far at most, as long as they are plain and all of
    /// them have a time or none has. Returns the line of the first; `None` where the next row is one for
    /// [`StreamRows::next_row`].
    pub fn next_rows(
        &mut self,
        rows: &mut ColumnBatch,
        together: Together,
    ) -> io::Result<Option<u64>> {
        match &mut self.kind {
            Kind::Json(lines, decoder) => decoder.next_rows_of(lines, &self.of, rows, together),
            Kind::Csv(csv) => csv.next_rows(rows, together),
            Kind::Plain(..) => Ok(None),
        }
    }

    /// Takes what is behind the last line end. `again`: another run will read on from here, so what may be half of a
    /// row is left to it; otherwise it counts, as a row or as a bad one.
    ///
    /// Of JSON see [`Lines::last_line`]; otherwise nobody knows without a line end whether a row is whole.
    pub fn rest(&mut self, again: bool) -> Result<Rest, CsvError> {
        match &mut self.kind {
            Kind::Json(lines, decoder) => Ok(match lines.last_line(again) {
                LastLine::Nothing => Rest::Nothing,
                LastLine::Whole(line) => Rest::Row(decode(line, decoder, &self.of)),
                LastLine::Left(line) => Rest::Left(line),
            }),
            Kind::Plain(lines, decoder) => Ok(match lines.last_line(again) {
                LastLine::Nothing => Rest::Nothing,
                LastLine::Whole(line) => Rest::Row(row(line, |bytes| decoder.decode(bytes))),
                LastLine::Left(line) => Rest::Left(line),
            }),
            Kind::Csv(rows) => match rows.unfinished() {
                Some(line) if again => Ok(Rest::Left(line)),
                _ => {
                    let row = rows.take_unfinished()?;
                    Ok(row.map_or(Rest::Nothing, |row| {
                        Rest::Row(TextRow {
                            line: row.line,
                            row: row.row.map(|(at, _)| at),
                        })
                    }))
                }
            },
        }
    }

    /// The values of the last row that was read well.
    pub fn values(&self) -> &[Value] {
        match &self.kind {
            Kind::Json(_, decoder) => decoder.values(),
            Kind::Plain(_, decoder) => decoder.values(),
            Kind::Csv(rows) => rows.values(),
        }
    }

    /// Keys and cells that were no attributes and were left out, since this was asked last.
    pub fn take_further(&mut self) -> u64 {
        match &mut self.kind {
            Kind::Json(_, decoder) => decoder.take_further(),
            Kind::Csv(rows) => rows.take_further(),
            Kind::Plain(..) => 0,
        }
    }

    /// The byte where the next row begins.
    pub fn bytes_read(&self) -> u64 {
        match &self.kind {
            Kind::Json(lines, _) | Kind::Plain(lines, _) => lines.bytes_read(),
            Kind::Csv(rows) => rows.bytes_read(),
        }
    }

    /// Lines before that byte.
    pub fn lines(&self) -> u64 {
        match &self.kind {
            Kind::Json(lines, _) | Kind::Plain(lines, _) => lines.number(),
            Kind::Csv(rows) => rows.lines(),
        }
    }
}

fn decode(line: Line<'_>, decoder: &mut RowDecoder, (stream, schema, _): &KnownStream) -> TextRow {
    row(line, |bytes| {
        decoder.decode_of(bytes, stream, schema).map(|(at, _)| at)
    })
}

fn row(line: Line<'_>, decode: impl FnOnce(&[u8]) -> Result<Option<Timestamp>, BadRow>) -> TextRow {
    let row = match line.bytes {
        Ok(bytes) => decode(bytes),
        Err(bytes_max) => Err(BadRow::TooLong { bytes_max }),
    };
    TextRow {
        line: line.number,
        row,
    }
}

#[cfg(test)]
mod tests;
