//! Rows out as JSON lines, from columns into a buffer that the caller keeps.
//!
//! The stream's name is escaped once; a row costs no allocation.

use crate::connector::plain_values::end_of_plain;
use crate::event::{Batch, Column, Data, OutputNumber, Schema, Sign, Timestamp};

/// Writes the rows of one stream as JSON lines.
#[derive(Clone, Debug)]
pub struct RowEncoder {
    /// `{"stream":"Out","at":`
    head: Vec<u8>,
}

impl RowEncoder {
    /// An encoder of a stream's rows.
    pub fn new(stream: &str) -> Self {
        let mut head = b"{\"stream\":".to_vec();
        put(&mut head, stream);
        head.extend_from_slice(b",\"at\":");
        RowEncoder { head }
    }

    /// Appends one line per row of the batch.
    pub fn encode(&self, batch: &Batch, out: &mut Vec<u8>) {
        for row in 0..batch.len() {
            line(&self.head, batch, row, out);
        }
    }

    /// Appends the line of one row, with its number in front of the rest.
    pub(in crate::connector) fn encode_numbered(
        &self,
        batch: &Batch,
        row: usize,
        number: OutputNumber,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(GROUP);
        put(out, &number.group);
        out.extend_from_slice(NUMBER);
        put(out, &number.number);
        out.push(b',');
        line(&self.head[1..], batch, row, out);
    }
}

/// What a line with a number begins with.
pub(in crate::connector) const GROUP: &[u8] = b"{\"group\":";
/// What stands between a group and a number.
pub(in crate::connector) const NUMBER: &[u8] = b",\"number\":";

/// Appends the line of one row behind what it begins with.
#[inline]
fn line(head: &[u8], batch: &Batch, row: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(head);
    millis(out, batch.at()[row]);
    out.extend_from_slice(match batch.sign(row) {
        Sign::Plus => b",\"row\":[",
        Sign::Minus => b",\"sign\":\"-\",\"row\":[",
    });
    for (i, column) in batch.columns().iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        cell(out, column, row);
    }
    out.extend_from_slice(b"]}\n");
}

/// Writes the rows of one stream as objects with the names of its columns, a line each.
#[derive(Clone, Debug)]
pub struct ObjectEncoder {
    /// `"stream":"Out",`, where that is told.
    stream: Vec<u8>,
    /// `"at":`, where the time is told.
    at: Vec<u8>,
    /// `"sign":"-",`
    sign: Vec<u8>,
    /// `"name":` of each column.
    names: Vec<Vec<u8>>,
}

impl ObjectEncoder {
    /// An encoder of rows of this schema. `stream`: its name, where objects tell it; `times`: they tell when each row
    /// came to be. A column that has the name of one of these keeps it, and theirs begins with `_`.
    pub fn new(schema: &Schema, stream: Option<&str>, times: bool) -> Self {
        let key = |name: &str| {
            let mut text = Vec::new();
            put(&mut text, name);
            text.push(b':');
            text
        };
        let own = |name: &str| {
            let mut name = name.to_string();
            while schema.position(&name).is_some() {
                name.insert(0, '_');
            }
            key(&name)
        };
        let mut head = Vec::new();
        if let Some(stream) = stream {
            head = own("stream");
            put(&mut head, stream);
            head.push(b',');
        }
        ObjectEncoder {
            stream: head,
            at: if times { own("at") } else { Vec::new() },
            sign: [own("sign").as_slice(), b"\"-\","].concat(),
            names: schema.attributes().iter().map(|a| key(&a.name)).collect(),
        }
    }

    /// Appends one line per row of the batch.
    pub fn encode(&self, batch: &Batch, out: &mut Vec<u8>) {
        for (row, at) in batch.at().iter().enumerate() {
            out.push(b'{');
            out.extend_from_slice(&self.stream);
            if !self.at.is_empty() {
                out.extend_from_slice(&self.at);
                millis(out, *at);
                out.push(b',');
            }
            if batch.sign(row) == Sign::Minus {
                out.extend_from_slice(&self.sign);
            }
            for (name, column) in self.names.iter().zip(batch.columns()) {
                out.extend_from_slice(name);
                cell(out, column, row);
                out.push(b',');
            }
            if out.last() == Some(&b',') {
                out.pop();
            }
            out.extend_from_slice(b"}\n");
        }
    }
}

/// Appends one value as JSON.
fn cell(out: &mut Vec<u8>, column: &Column, row: usize) {
    if column.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match column.data() {
        Data::Bool(v) => out.extend_from_slice(if v[row] { b"true" } else { b"false" }),
        Data::Int(v) => put(out, &v[row]),
        Data::Long(v) => put(out, &v[row]),
        Data::Float(v) => put(out, &v[row]),
        Data::Double(v) => put(out, &v[row]),
        Data::String(v) => text(out, v[row].as_str()),
    }
}

/// Appends a text as JSON.
fn text(out: &mut Vec<u8>, text: &str) {
    if end_of_plain(text.as_bytes(), 0).is_some() {
        return put(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Appends a scalar as JSON. Floating point is the shortest text that reads back as the same value of its own width.
pub(in crate::connector) fn put<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("a vector takes every scalar");
}

/// Appends a time in milliseconds, with decimals only where there are some.
pub(in crate::connector) fn millis(out: &mut Vec<u8>, at: Timestamp) {
    let us = at.0.unsigned_abs();
    if at.0 < 0 {
        out.push(b'-');
    }
    put(out, &(us / 1000));
    let rest = us % 1000;
    if rest > 0 {
        let digits = [b'.', digit(rest / 100), digit(rest / 10), digit(rest)];
        let end = digits.iter().rposition(|d| *d != b'0').map_or(0, |i| i + 1);
        out.extend_from_slice(&digits[..end]);
    }
}

fn digit(n: u64) -> u8 {
    b'0' + (n % 10) as u8
}
