//! CSV with a header: rows in by column name, rows out.
//!
//! In: columns in any order, one per attribute; a column `at` or `timestamp` that is no attribute is the time of
//! the row, in milliseconds or as `2014-04-01 00:00:00` (UTC). An empty cell is NULL. Out: `at`, `sign` (`-` for
//! rows that leave) and the attributes; an empty string is written as `""`, NULL as nothing.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::lines::LINE_BYTES_MAX;
use super::{date, number};
use crate::event::{Batch, Column, Data, Schema, Sign, Timestamp, Type, Value};
use std::io::{self, Chain, Read};

/// What a column of the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    At,
    Sign,
    Attribute(usize),
}

/// A row of a CSV file.
#[derive(Debug, PartialEq)]
pub struct CsvRow<'a> {
    /// The line where it begins, counted from 1; the header is line 1.
    pub line: u64,
    /// Its time, if the file has a time column, and its values.
    pub row: Result<(Option<Timestamp>, &'a [Value]), BadRow>,
}

/// Why a CSV file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The header does not fit the stream.
    #[error("header: {0}")]
    Header(BadRow),
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the rows of one stream from CSV with a header.
#[derive(Debug)]
pub struct CsvRows<R> {
    /// Its line ends are `\n` alone, so that lines can be counted; a last one is added where the file has none.
    reader: csv::Reader<Chain<Bounded<R>, &'static [u8]>>,
    record: csv::ByteRecord,
    places: Vec<Place>,
    schema: Schema,
    values: Vec<Value>,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header. `time` names the time column; without it that is `at`, else `timestamp`, if there is one.
    pub fn new(reader: R, schema: &Schema, time: Option<&str>) -> Result<Self, CsvError> {
        let reader = Bounded {
            reader,
            left: LINE_BYTES_MAX,
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(reader.chain(&b"\n"[..]));
        let header = match reader.byte_headers() {
            Ok(header) => header.clone(),
            Err(e) => return Err(io::Error::from(e).into()),
        };
        let places = places(&header, schema, time).map_err(CsvError::Header)?;
        Ok(CsvRows {
            reader,
            record: csv::ByteRecord::new(),
            places,
            schema: schema.clone(),
            values: vec![Value::Null; schema.len()],
        })
    }

    /// The next row; `None` at the end. An error of the reader, or a row beyond its bound, ends the file.
    pub fn next_row(&mut self) -> io::Result<Option<CsvRow<'_>>> {
        loop {
            self.reader.get_mut().get_mut().0.left = LINE_BYTES_MAX;
            if !self.reader.read_byte_record(&mut self.record)? {
                return Ok(None);
            }
            if self.record.as_slice() != b"\r" {
                break;
            }
        }
        let inside = self.record.as_slice().iter().filter(|b| **b == b'\n');
        let after = self.reader.position().line();
        let line = after.saturating_sub(1 + inside.count() as u64);
        let row = match self.fill() {
            Ok(at) => Ok((at, self.values.as_slice())),
            Err(fault) => Err(fault),
        };
        Ok(Some(CsvRow { line, row }))
    }

    /// The values of the last row that was read well.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The byte where the next row begins.
    pub fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    /// Reads the record into the values.
    fn fill(&mut self) -> Result<Option<Timestamp>, BadRow> {
        if self.record.len() != self.places.len() {
            return Err(BadRow::Shape(format!(
                "{} cells for {} columns",
                self.record.len(),
                self.places.len()
            )));
        }
        let mut at = None;
        let count = self.places.len();
        for (i, (place, bytes)) in self.places.iter().zip(self.record.iter()).enumerate() {
            let text = utf8(bytes)?;
            let text = match text.strip_suffix('\r') {
                Some(text) if i + 1 == count => text,
                _ => text,
            };
            match *place {
                Place::At if text.is_empty() => {}
                Place::At => at = Some(time(text)?),
                Place::Sign if text.is_empty() => {}
                Place::Sign => {
                    return Err(BadRow::Shape(
                        "a row with a sign left its stream, it cannot be sent".into(),
                    ));
                }
                Place::Attribute(i) => {
                    let attribute = &self.schema.attributes()[i];
                    self.values[i] = parse(text, attribute.ty)
                        .map_err(|misfit| BadRow::value(attribute, misfit))?;
                }
            }
        }
        Ok(at)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, BadRow> {
    std::str::from_utf8(bytes).map_err(|e| BadRow::Utf8 {
        position: e.valid_up_to() + 1,
    })
}

/// What each column of the header is.
fn places(
    header: &csv::ByteRecord,
    schema: &Schema,
    time: Option<&str>,
) -> Result<Vec<Place>, BadRow> {
    let mut names = Vec::with_capacity(header.len());
    for (i, cell) in header.iter().enumerate() {
        let name = utf8(cell)?;
        let name = if i == 0 {
            name.trim_start_matches('\u{feff}')
        } else {
            name
        };
        names.push(name.trim());
    }
    let is_time = |name: &str, wanted: &str| {
        name.eq_ignore_ascii_case(wanted) && (time.is_some() || schema.position(name).is_none())
    };
    let at = match time {
        Some(wanted) => match names.iter().position(|n| is_time(n, wanted)) {
            Some(i) => Some(i),
            None => {
                return Err(BadRow::Shape(format!(
                    "no time column '{}'",
                    excerpt(wanted)
                )));
            }
        },
        None => ["at", "timestamp"]
            .iter()
            .find_map(|wanted| names.iter().position(|n| is_time(n, wanted))),
    };
    let mut given = vec![false; schema.len()];
    let mut places = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let attribute = schema.position(name);
        if let Some(a) = attribute
            && std::mem::replace(&mut given[a], true)
        {
            let name = schema.attributes()[a].name.clone();
            return Err(BadRow::DuplicateAttribute(name));
        }
        places.push(match attribute {
            Some(a) => Place::Attribute(a),
            None if at == Some(i) => Place::At,
            None if name.eq_ignore_ascii_case("sign") => Place::Sign,
            None => return Err(BadRow::unknown_attribute(name, schema)),
        });
    }
    match given.iter().position(|given| !given) {
        Some(a) => Err(BadRow::MissingAttribute(
            schema.attributes()[a].name.clone(),
        )),
        None => Ok(places),
    }
}

/// Reads a cell as a value of a type.
fn parse(text: &str, ty: Type) -> Result<Value, Misfit> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let trimmed = text.trim();
    match ty {
        Type::String => Ok(Value::from(text)),
        Type::Bool if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Type::Bool if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        _ if ty.is_numeric() && is_number(trimmed) => number::number(trimmed, ty),
        _ => Err(Misfit::Kind {
            found: "text",
            text: excerpt(text),
            expected: number::expected(ty),
        }),
    }
}

/// Whether the text is a decimal number: Rust reads words like `nan` and `inf` as numbers, too.
fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

/// Reads a time: milliseconds, or a date with a time of day in UTC.
fn time(text: &str) -> Result<Timestamp, BadRow> {
    let trimmed = text.trim();
    let time = if is_number(trimmed) {
        number::time(trimmed)
    } else {
        date::date_time(trimmed).ok_or_else(|| Misfit::Kind {
            found: "text",
            text: excerpt(text),
            expected: "milliseconds or YYYY-MM-DD hh:mm:ss",
        })
    };
    time.map_err(|misfit| BadRow::Time {
        key: "at".into(),
        misfit,
    })
}

/// A reader that fails when one row takes more bytes than its bound: an open quote would take the whole file.
#[derive(Debug)]
struct Bounded<R> {
    reader: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!(
                "a row is longer than {LINE_BYTES_MAX} bytes (an open quote?)"
            )));
        }
        let read = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

/// Writes the rows of one stream as CSV.
#[derive(Clone, Debug)]
pub struct CsvEncoder {
    header: Vec<u8>,
}

impl CsvEncoder {
    /// An encoder of rows of this schema.
    pub fn new(schema: &Schema) -> Self {
        let mut header = Vec::new();
        for own in ["at", "sign"] {
            let mut name = own.to_string();
            while schema.position(&name).is_some() {
                name.insert(0, '_');
            }
            header.extend_from_slice(name.as_bytes());
            header.push(b',');
        }
        for attribute in schema.attributes() {
            quote(&mut header, &attribute.name);
            header.push(b',');
        }
        header.pop();
        header.push(b'\n');
        CsvEncoder { header }
    }

    /// Appends the header.
    pub fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header);
    }

    /// Appends one line per row of the batch.
    pub fn encode(&self, batch: &Batch, out: &mut Vec<u8>) {
        for (row, at) in batch.at().iter().enumerate() {
            super::json::millis(out, *at);
            out.extend_from_slice(match batch.sign(row) {
                Sign::Plus => b",",
                Sign::Minus => b",-",
            });
            for column in batch.columns() {
                out.push(b',');
                cell(out, column, row);
            }
            out.push(b'\n');
        }
    }
}

/// Appends one value.
fn cell(out: &mut Vec<u8>, column: &Column, row: usize) {
    use super::json::put;
    if column.is_null(row) {
        return;
    }
    match column.data() {
        Data::Bool(v) => put(out, &v[row]),
        Data::Int(v) => put(out, &v[row]),
        Data::Long(v) => put(out, &v[row]),
        Data::Float(v) => put(out, &v[row]),
        Data::Double(v) => put(out, &v[row]),
        Data::String(v) => quote(out, v[row].as_str()),
    }
}

/// Appends a text, quoted where it must be.
fn quote(out: &mut Vec<u8>, text: &str) {
    let plain = !text.is_empty()
        && text.trim().len() == text.len()
        && !text.contains([',', '"', '\n', '\r']);
    if plain {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
