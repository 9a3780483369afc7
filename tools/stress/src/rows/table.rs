//! CSV against the crate `csv`, which finds the cells, and a reading of our own of what they hold.
//!
//! That crate tells neither `""` from nothing nor half a record from a whole one, and knows line ends of one kind at a
//! time. So the two ways to write an empty text count as one; a last row that we say ends inside of quotes is not
//! compared, nor a text with a carriage return that ends no line. They must not panic, as all else.

use super::naive::{self, Judged};
use eventflux::connector::csv::CsvRows;
use eventflux::connector::{BadRow, Format, Text, Together};
use eventflux::{ColumnBatch, Schema, Type, Value};

/// A row as it is compared: time and values, or nothing where it is bad.
pub type Row = Option<(Judged<Option<i64>>, Vec<Value>)>;

/// What the engine reads, and whether a quote is open at the end.
pub fn engine(bytes: &[u8], schema: &Schema) -> Result<(Vec<Row>, bool), String> {
    let mut rows = CsvRows::new(bytes, schema, &Text::new(Format::Csv));
    let (mut found, mut columns) = (Vec::new(), ColumnBatch::new(schema));
    loop {
        let plain = rows.next_rows(&mut columns, Together::rows(256));
        if plain.map_err(|e| e.to_string())?.is_some() {
            let rows = columns.rows();
            for (row, at) in rows.at().iter().enumerate() {
                let at = columns.is_timed().then_some(*at);
                found.push(read(Some((at, &rows.row(row)))));
            }
            continue;
        }
        match rows.next_row().map_err(|e| e.to_string())? {
            Some(row) => found.push(read(row.row.ok())),
            None => break,
        }
    }
    let last = rows.take_unfinished().map_err(|e| e.to_string())?;
    let last = last.map(|row| row.row);
    let open = last == Some(Err(BadRow::OpenQuote));
    found.extend(last.map(|row| read(row.ok())));
    Ok((found, open))
}

fn read(row: Option<(Option<eventflux::Timestamp>, &[Value])>) -> Row {
    row.map(|(at, values)| (Judged::Is(at.map(|at| at.0)), values.to_vec()))
}

/// Whether the other reader can say what the rows are.
pub fn is_comparable(bytes: &[u8]) -> bool {
    let returns = bytes.iter().filter(|b| **b == b'\r').count();
    let ends = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
    let newlines = bytes.iter().filter(|b| **b == b'\n').count();
    returns == 0 || (returns == ends && ends == newlines)
}

/// What the page says of the rows below a header that names these columns; `None` is the time.
pub fn oracle(bytes: &[u8], columns: &[Option<usize>], schema: &Schema) -> Vec<Row> {
    let terminator = match bytes.contains(&b'\r') {
        true => csv::Terminator::CRLF,
        false => csv::Terminator::Any(b'\n'),
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .terminator(terminator)
        .from_reader(bytes);
    let records = reader.byte_records();
    let record = |record: csv::Result<csv::ByteRecord>| {
        let record = record.ok()?;
        let cells: Option<Vec<&str>> = record.iter().map(|c| str::from_utf8(c).ok()).collect();
        row(&cells?, columns, schema)
    };
    records.map(record).collect()
}

fn row(cells: &[&str], columns: &[Option<usize>], schema: &Schema) -> Row {
    if cells.len() != columns.len() {
        return None;
    }
    let mut at = Judged::Is(None);
    let mut values = vec![Value::Null; schema.len()];
    for (cell, column) in cells.iter().zip(columns) {
        match column {
            None if cell.is_empty() => {}
            None => {
                at = match time(cell.trim()) {
                    Judged::Is(us) => Judged::Is(Some(us)),
                    Judged::None => return None,
                    Judged::Open => Judged::Open,
                }
            }
            Some(place) => match value(cell, schema.attributes()[*place].ty) {
                Judged::Is(value) => values[*place] = value,
                Judged::None | Judged::Open => return None,
            },
        }
    }
    Some((at, values))
}

fn time(cell: &str) -> Judged<i64> {
    match is_number(cell) {
        true => naive::millis(cell),
        false => naive::instant(cell),
    }
}

fn value(cell: &str, ty: Type) -> Judged<Value> {
    let trimmed = cell.trim();
    match ty {
        _ if cell.is_empty() => Judged::Is(Value::Null),
        Type::String => Judged::Is(Value::from(cell)),
        Type::Bool if trimmed.eq_ignore_ascii_case("true") => Judged::Is(Value::Bool(true)),
        Type::Bool if trimmed.eq_ignore_ascii_case("false") => Judged::Is(Value::Bool(false)),
        _ if is_number(trimmed) => naive::number(trimmed, ty),
        _ => Judged::None,
    }
}

/// Whether a cell is a decimal number: a sign, digits with a point among them or at an end, an exponent.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let right = digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0;
    let signed = |e: &str| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        digits(e) && !e.is_empty()
    };
    right && exponent.is_none_or(signed)
}

/// Empty texts of a row as NULL: the other reader does not tell them apart.
pub fn without_empty_texts(mut row: Row) -> Row {
    for value in row.iter_mut().flat_map(|(_, values)| values) {
        if matches!(value, Value::String(text) if text.as_str().is_empty()) {
            *value = Value::Null;
        }
    }
    row
}
