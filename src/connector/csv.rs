//! CSV: rows in by column name or place, rows out.
//!
//! In: columns in any order, one per attribute, as the header names them; a column `at` or `timestamp`, or the one that
//! is said to, is the time of the row, as a number or an instant in ISO 8601. It may be an attribute, too. A cell with
//! nothing in it is NULL, `""` the empty text. Out: `at`, `sign` (`-` for rows that leave) and the attributes.
//!
//! A last row without a line end may be half of one: it is kept back, and taken only when it is said to be whole.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::lines::LINE_BYTES_MAX;
use super::text::Text;
use super::{number, time};
use crate::event::{Batch, Column, Data, Schema, Sign, Timestamp, Type, Value};
pub(super) use record::Records;
use std::io::{self, BufRead};
use std::sync::Arc;

mod plain_rows;
mod record;

/// What a column of the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    At,
    Sign,
    Attribute(usize),
    /// An attribute that is the time, too.
    Both(usize),
    /// No attribute, and left out.
    Further,
}

/// A row of a CSV file.
#[derive(Debug, PartialEq)]
pub struct CsvRow<'a> {
    /// The line where it begins, counted from 1.
    pub line: u64,
    /// Its time, if the file has a time column, and its values.
    pub row: Result<(Option<Timestamp>, &'a [Value]), BadRow>,
}

/// Why a CSV file cannot be read at all, or no further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The header does not fit the stream.
    #[error("header: {0}")]
    Header(BadRow),
    /// A quote that is opened swallows the rest of the file.
    #[error("the quote that line {0} opens is not closed, more than {LINE_BYTES_MAX} bytes later")]
    OpenQuote(u64),
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the columns of a file are.
#[derive(Clone, Debug)]
pub struct CsvColumns {
    places: Arc<[Place]>,
    /// Columns that are left out.
    further: u64,
}

impl CsvColumns {
    /// Reads the header at the beginning of a file; `None` where it is not complete yet, or there is none by `text`.
    pub fn read(
        reader: impl BufRead,
        schema: &Schema,
        text: &Text,
    ) -> Result<Option<Self>, CsvError> {
        let mut rows = CsvRows::new(reader, schema, text);
        rows.read_header()?;
        Ok(rows.columns)
    }

    fn new(places: Vec<Place>) -> Self {
        let further = places.iter().filter(|p| **p == Place::Further).count();
        CsvColumns {
            further: further as u64,
            places: places.into(),
        }
    }
}

/// Reads the rows of one stream from CSV.
#[derive(Debug)]
pub struct CsvRows<R> {
    records: Records<R>,
    text: Text,
    /// Known once the header was read.
    columns: Option<CsvColumns>,
    schema: Schema,
    /// An attribute that no column has is NULL from the first row to the last: nothing writes its value.
    values: Vec<Value>,
    further: u64,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads a file from its beginning.
    pub fn new(reader: R, schema: &Schema, text: &Text) -> Self {
        CsvRows::resumed(reader, schema, text, None, (0, 0))
    }

    /// Goes on with a reader that stands at byte `bytes_read`, behind line `line`; the columns are those of its header.
    pub fn resumed(
        reader: R,
        schema: &Schema,
        text: &Text,
        columns: Option<CsvColumns>,
        (bytes_read, line): (u64, u64),
    ) -> Self {
        let cells = (text.delimiter, text.quote);
        CsvRows {
            records: Records::new(reader, cells, LINE_BYTES_MAX, (bytes_read, line)),
            text: text.clone(),
            columns,
            schema: schema.clone(),
            values: vec![Value::Null; schema.len()],
            further: 0,
        }
    }

    /// The next row; `None` when the reader has no more, for now: a later call reads on, and a last row without a line
    /// end is kept back until then.
    pub fn next_row(&mut self) -> Result<Option<CsvRow<'_>>, CsvError> {
        if self.columns.is_none() && !self.read_header()? {
            return Ok(None);
        }
        match self.records.next_record()? {
            true => Ok(Some(self.row())),
            false if self.records.is_open() && self.records.is_long() => {
                Err(CsvError::OpenQuote(self.records.lines() + 1))
            }
            false => Ok(None),
        }
    }

    /// The line of a last row that has no end yet.
    pub fn unfinished(&self) -> Option<u64> {
        let unfinished = self.records.is_unfinished();
        unfinished.then_some(self.records.lines() + 1)
    }

    /// The last row without a line end, taken as it is: the file is said to be whole, and has a header.
    pub fn take_unfinished(&mut self) -> Result<Option<CsvRow<'_>>, CsvError> {
        if self.columns.is_none() && self.text.header {
            self.records.take_unfinished();
            self.columns = Some(self.header()?);
            return Ok(None);
        }
        Ok(self.records.take_unfinished().then(|| self.row()))
    }

    /// The values of the last row that was read well.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Cells of columns that are no attributes and were left out, since this was asked last.
    pub fn take_further(&mut self) -> u64 {
        std::mem::take(&mut self.further)
    }

    /// The byte where the next row begins.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// Lines of the rows that have ended.
    pub fn lines(&self) -> u64 {
        self.records.lines()
    }

    /// Learns the columns; `false` while the header is not complete.
    fn read_header(&mut self) -> Result<bool, CsvError> {
        if !self.text.header {
            let places = places_without_header(&self.schema, self.text.time.as_deref());
            let places = places.map_err(CsvError::Header)?;
            self.columns = Some(CsvColumns::new(places));
        } else if self.records.next_record()? {
            self.columns = Some(self.header()?);
        }
        Ok(self.columns.is_some())
    }

    fn header(&self) -> Result<CsvColumns, CsvError> {
        let places = match self.records.is_long() {
            true => Err(BadRow::TooLong {
                bytes_max: LINE_BYTES_MAX,
            }),
            false => places(&self.records, &self.schema, &self.text),
        };
        let places = places.map_err(CsvError::Header)?;
        Ok(CsvColumns::new(places))
    }

    /// The record at hand as a row.
    fn row(&mut self) -> CsvRow<'_> {
        let line = self.records.line();
        let row = match self.fill() {
            Ok(at) => Ok((at, self.values.as_slice())),
            Err(fault) => Err(fault),
        };
        CsvRow { line, row }
    }

    /// Reads the record into the values.
    fn fill(&mut self) -> Result<Option<Timestamp>, BadRow> {
        let Some(columns) = &self.columns else {
            return Err(BadRow::Shape("no header".into()));
        };
        if self.records.is_long() {
            let bytes_max = LINE_BYTES_MAX;
            return Err(BadRow::TooLong { bytes_max });
        }
        if self.records.is_open() {
            return Err(BadRow::OpenQuote);
        }
        let (cells, known) = (self.records.len(), columns.places.len());
        if cells != known {
            let message = format!("{cells} cells for {known} columns");
            return Err(BadRow::Shape(message));
        }
        let mut at = None;
        let read = Cells {
            schema: &self.schema,
            text: &self.text,
        };
        for (place, (bytes, quoted)) in columns.places.iter().zip(self.records.cells()) {
            let text = utf8(bytes)?;
            match *place {
                Place::At if text.is_empty() => {}
                Place::At => at = Some(read.time(text)?),
                Place::Sign if text.is_empty() => {}
                Place::Sign => {
                    let message = "a row with a sign left its stream, it cannot be sent";
                    return Err(BadRow::Shape(message.into()));
                }
                Place::Further => {}
                Place::Attribute(i) => self.values[i] = read.value(i, text, quoted)?,
                Place::Both(i) => (at, self.values[i]) = read.both(i, text, quoted)?,
            }
        }
        self.further += columns.further;
        Ok(at)
    }
}

/// Reads cells by what is said of them.
#[derive(Clone, Copy)]
struct Cells<'r> {
    schema: &'r Schema,
    text: &'r Text,
}

impl Cells<'_> {
    /// The value of an attribute that is the time, too, and the time.
    fn both(
        &self,
        i: usize,
        text: &str,
        quoted: bool,
    ) -> Result<(Option<Timestamp>, Value), BadRow> {
        let at = match text.is_empty() {
            true => None,
            false => Some(self.time(text)?),
        };
        let value = match (at, self.schema.attributes()[i].ty) {
            // An instant as a LONG is its milliseconds.
            (Some(at), Type::Long)
                if self.text.times.has_pattern() || !time::is_number(text.trim()) =>
            {
                Value::Long(at.0.div_euclid(1000))
            }
            _ => self.value(i, text, quoted)?,
        };
        Ok((at, value))
    }

    fn value(&self, i: usize, text: &str, quoted: bool) -> Result<Value, BadRow> {
        let attribute = &self.schema.attributes()[i];
        parse(text, quoted, attribute.ty).map_err(|misfit| BadRow::value(attribute, misfit))
    }

    fn time(&self, text: &str) -> Result<Timestamp, BadRow> {
        let key = self.text.time.as_deref().unwrap_or("at");
        time::cell(text, &self.text.times).map_err(|misfit| time::bad(key, misfit))
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, BadRow> {
    std::str::from_utf8(bytes).map_err(|e| BadRow::Utf8 {
        position: e.valid_up_to() + 1,
    })
}

/// What each column of the header is.
fn places<R: BufRead>(
    header: &Records<R>,
    schema: &Schema,
    text: &Text,
) -> Result<Vec<Place>, BadRow> {
    let mut names = Vec::with_capacity(header.len());
    for (i, (cell, _)) in header.cells().enumerate() {
        let name = utf8(cell)?;
        let name = if i == 0 {
            name.trim_start_matches('\u{feff}')
        } else {
            name
        };
        names.push(name.trim());
    }
    let at = time_column(&names, schema, text.time.as_deref())?;
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
            Some(a) if at == Some(i) => Place::Both(a),
            Some(a) => Place::Attribute(a),
            None if at == Some(i) => Place::At,
            None if name.eq_ignore_ascii_case("sign") => Place::Sign,
            None if text.lenient => Place::Further,
            None => return Err(BadRow::unknown_attribute(name, schema)),
        });
    }
    match given.iter().position(|given| !given) {
        Some(_) if text.lenient && given.contains(&true) => Ok(places),
        Some(_) if text.lenient => Err(BadRow::no_attribute(schema)),
        Some(a) => {
            let name = schema.attributes()[a].name.clone();
            Err(BadRow::MissingAttribute(name))
        }
        None => Ok(places),
    }
}

/// The column of the time: the one that was said to be, otherwise `at`, otherwise `timestamp`; an attribute of this
/// name only where it is a LONG.
fn time_column(
    names: &[&str],
    schema: &Schema,
    said: Option<&str>,
) -> Result<Option<usize>, BadRow> {
    let find = |wanted: &str| names.iter().position(|n| n.eq_ignore_ascii_case(wanted));
    if let Some(wanted) = said {
        let missing = || BadRow::Shape(format!("no time column '{}'", excerpt(wanted)));
        return find(wanted).map(Some).ok_or_else(missing);
    }
    let both = time::attribute(schema, None);
    let fits = |i: &usize| match schema.position(names[*i]) {
        Some(attribute) => both == Some(attribute),
        None => true,
    };
    Ok(find("at")
        .filter(fits)
        .or_else(|| find("timestamp").filter(fits)))
}

/// The columns of a file without a header: the attributes in their order, one of which may be the time, too. A number
/// as the name of the time column is the place of one that is no attribute, counted from 1.
fn places_without_header(schema: &Schema, said: Option<&str>) -> Result<Vec<Place>, BadRow> {
    let mut places: Vec<Place> = (0..schema.len()).map(Place::Attribute).collect();
    let Some(wanted) = said else {
        if let Some(i) = time::attribute(schema, None) {
            places[i] = Place::Both(i);
        }
        return Ok(places);
    };
    match (schema.position(wanted), wanted.parse::<usize>()) {
        (Some(i), _) => places[i] = Place::Both(i),
        (None, Ok(n)) if (1..=places.len() + 1).contains(&n) => places.insert(n - 1, Place::At),
        _ => {
            let message = format!(
                "no time column '{}': without a header it is an attribute, or the number of a column",
                excerpt(wanted)
            );
            return Err(BadRow::Shape(message));
        }
    }
    Ok(places)
}

/// Reads a cell as a value of a type. Nothing is NULL, and so are quotes with nothing in them, but for a text.
fn parse(text: &str, quoted: bool, ty: Type) -> Result<Value, Misfit> {
    if text.is_empty() && (ty != Type::String || !quoted) {
        return Ok(Value::Null);
    }
    let trimmed = text.trim();
    match ty {
        Type::String => Ok(Value::from(text)),
        Type::Bool if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Type::Bool if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        _ if ty.is_numeric() && time::is_number(trimmed) => number::number(trimmed, ty),
        _ => Err(Misfit::Kind {
            found: "text",
            text: excerpt(text),
            expected: number::expected(ty),
        }),
    }
}

/// Writes the rows of one stream as CSV.
#[derive(Clone, Debug)]
pub struct CsvEncoder {
    header: Vec<u8>,
    /// Whether time and sign are told.
    times: bool,
    delimiter: u8,
    quote: Option<u8>,
}

impl CsvEncoder {
    /// An encoder of rows of this schema, as its text is said to be: delimiter, quote, header.
    ///
    /// Without quotes a text that holds the delimiter or a line end is written as it is; NULL and the empty text are
    /// the same.
    pub fn new(schema: &Schema, text: &Text) -> Self {
        CsvEncoder::told(schema, text, true)
    }

    /// An encoder of the columns alone, without time and sign.
    pub fn of_columns(schema: &Schema, text: &Text) -> Self {
        CsvEncoder::told(schema, text, false)
    }

    fn told(schema: &Schema, text: &Text, times: bool) -> Self {
        let mut encoder = CsvEncoder {
            header: Vec::new(),
            times,
            delimiter: text.delimiter,
            quote: text.quote,
        };
        if text.header {
            encoder.header = encoder.names(schema);
        }
        encoder
    }

    fn names(&self, schema: &Schema) -> Vec<u8> {
        let mut header = Vec::new();
        for own in ["at", "sign"].into_iter().filter(|_| self.times) {
            let mut name = own.to_string();
            while schema.position(&name).is_some() {
                name.insert(0, '_');
            }
            header.extend_from_slice(name.as_bytes());
            header.push(self.delimiter);
        }
        for attribute in schema.attributes() {
            self.quote(&mut header, &attribute.name);
            header.push(self.delimiter);
        }
        header.pop();
        header.push(b'\n');
        header
    }

    /// Appends the header.
    pub fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header);
    }

    /// Appends one line per row of the batch.
    pub fn encode(&self, batch: &Batch, out: &mut Vec<u8>) {
        for (row, at) in batch.at().iter().enumerate() {
            if self.times {
                super::json::millis(out, *at);
                out.push(self.delimiter);
                if batch.sign(row) == Sign::Minus {
                    out.push(b'-');
                }
            }
            for (i, column) in batch.columns().iter().enumerate() {
                if self.times || i > 0 {
                    out.push(self.delimiter);
                }
                self.cell(out, column, row);
            }
            out.push(b'\n');
        }
    }

    /// Appends one value.
    fn cell(&self, out: &mut Vec<u8>, column: &Column, row: usize) {
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
            Data::String(v) => self.quote(out, v[row].as_str()),
        }
    }

    /// Appends a text, quoted where it must be.
    fn quote(&self, out: &mut Vec<u8>, text: &str) {
        let special = |b: u8| {
            b == self.delimiter || Some(b) == self.quote || matches!(b, b'"' | b'\n' | b'\r')
        };
        let plain =
            !text.is_empty() && text.trim().len() == text.len() && !text.bytes().any(special);
        let Some(quote) = self.quote.filter(|_| !plain) else {
            return out.extend_from_slice(text.as_bytes());
        };
        out.push(quote);
        for byte in text.bytes() {
            if byte == quote {
                out.push(quote);
            }
            out.push(byte);
        }
        out.push(quote);
    }
}

#[cfg(test)]
mod tests;
