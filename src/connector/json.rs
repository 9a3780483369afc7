//! JSON lines: events in, rows out.
//!
//! In: `{"stream":"S","at":1000,"row":["IBM",700.0,100]}` (the row may be an object by attribute name, `at` may be
//! absent), `{"clock":5000}` and `{"batch":[{…},{…}]}`. Out: `{"stream":"Out","at":1000,"row":[…]}`, and
//! `"sign":"-"` before `row` when the row leaves.
//!
//! A line is split into pieces of its own text first and each piece is read by the type of its attribute, so
//! numbers are decoded from their digits and not from a parser's `f64`. What is skipped is skipped without
//! recursion: nesting is bounded by the length of the line only.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::number;
use crate::event::{Attribute, Schema, Timestamp, Type, Value};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

mod encode;
pub use encode::RowEncoder;
pub(super) use encode::{millis, put};

/// One line of an events file.
#[derive(Clone, Debug, PartialEq)]
pub enum EventLine<'a> {
    /// A row of a stream.
    Row(EventRow<'a>),
    /// The event-time clock moves to this time.
    Clock(Timestamp),
    /// Rows that are sent together.
    Batch(Vec<EventRow<'a>>),
}

/// A row whose values are not read yet: its stream is known first, and with it the types.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow<'a> {
    /// Name of the stream.
    pub stream: Cow<'a, str>,
    /// Time of the row; `None` takes the clock of the input.
    pub at: Option<Timestamp>,
    /// The values, as text.
    pub row: RowText<'a>,
}

/// The text of a row: a JSON array, or an object by attribute name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowText<'a>(&'a str);

/// All keys that an event may have; which of them go together is checked afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pieces<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    at: Option<&'a RawValue>,
    #[serde(borrow)]
    row: Option<&'a RawValue>,
    #[serde(borrow)]
    clock: Option<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<Vec<&'a RawValue>>,
}

/// Reads one line of an events file, without its values.
pub fn decode_line(line: &[u8]) -> Result<EventLine<'_>, BadRow> {
    let pieces = Pieces::read(text(line)?, "a line")?;
    if let Some(rows) = pieces.batch {
        if pieces
            .stream
            .or(pieces.at)
            .or(pieces.row)
            .or(pieces.clock)
            .is_some()
        {
            return shape("'batch' stands alone on its line");
        }
        let rows = rows.into_iter().map(|row| {
            let pieces = Pieces::read(row.get(), "an event of a batch")?;
            match (pieces.batch, pieces.clock) {
                (None, None) => pieces_to_row(pieces.stream, pieces.at, pieces.row),
                _ => shape("a batch holds rows only"),
            }
        });
        return rows.collect::<Result<_, _>>().map(EventLine::Batch);
    }
    match pieces.clock {
        None => pieces_to_row(pieces.stream, pieces.at, pieces.row).map(EventLine::Row),
        Some(clock) if pieces.stream.or(pieces.at).or(pieces.row).is_none() => {
            time("clock", clock).map(EventLine::Clock)
        }
        Some(_) => shape("'clock' stands alone on its line"),
    }
}

/// A line as text.
fn text(line: &[u8]) -> Result<&str, BadRow> {
    std::str::from_utf8(line).map_err(|e| BadRow::Utf8 {
        position: e.valid_up_to() + 1,
    })
}

fn shape<T>(message: &str) -> Result<T, BadRow> {
    Err(BadRow::Shape(message.into()))
}

impl<'a> Pieces<'a> {
    fn read(text: &'a str, what: &str) -> Result<Self, BadRow> {
        // serde would take an array for a struct, too
        match text.trim_ascii_start().as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map_err(|e| syntax(&e, text)),
            Some(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                Err(BadRow::Shape(format!(
                    "{what} is {}, expected an object",
                    kind(text.trim_ascii_start())
                )))
            }
            _ => match serde_json::from_str::<IgnoredAny>(text) {
                Err(e) => Err(syntax(&e, text)),
                Ok(_) => shape("nothing on the line"),
            },
        }
    }
}

fn pieces_to_row<'a>(
    stream: Option<&'a RawValue>,
    at: Option<&'a RawValue>,
    row: Option<&'a RawValue>,
) -> Result<EventRow<'a>, BadRow> {
    let Some(stream) = stream else {
        return shape(
            "no 'stream'; an event is {\"stream\":…,\"at\":…,\"row\":…}, {\"clock\":…} or {\"batch\":[…]}",
        );
    };
    let Some(row) = row else {
        return shape("no 'row'");
    };
    let stream = match stream.get().as_bytes().first() {
        Some(b'"') => unescape(stream.get()).map_err(|e| BadRow::Shape(format!("stream: {e}")))?,
        _ => {
            let found = kind(stream.get());
            return shape(&format!("'stream' is {found}, expected a string"));
        }
    };
    let row = match row.get().as_bytes().first() {
        Some(b'[' | b'{') => RowText(row.get()),
        _ => {
            let found = kind(row.get());
            return shape(&format!("'row' is {found}, expected an array or an object"));
        }
    };
    let at = at.map(|at| time("at", at)).transpose()?;
    Ok(EventRow { stream, at, row })
}

/// Reads a time in milliseconds.
fn time(key: &str, raw: &RawValue) -> Result<Timestamp, BadRow> {
    let text = raw.get();
    let time = match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => number::time(text),
        _ => Err(Misfit::Kind {
            found: kind(text),
            text: excerpt(text),
            expected: "milliseconds as a number",
        }),
    };
    time.map_err(|misfit| BadRow::Time {
        key: key.into(),
        misfit,
    })
}

/// What a JSON text begins as.
fn kind(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The characters of a JSON string that is known to be well formed but for its escapes.
fn unescape(text: &str) -> Result<Cow<'_, str>, Misfit> {
    match text.get(1..text.len().saturating_sub(1)) {
        Some(inside) if !inside.contains('\\') => Ok(Cow::Borrowed(inside)),
        _ => serde_json::from_str(text)
            .map(Cow::Owned)
            .map_err(|e| Misfit::Escape(message(&e))),
    }
}

/// The parser's message without its place.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].into(),
        None => text,
    }
}

/// A parser's error, with a word for what JSON does not have.
fn syntax(error: &serde_json::Error, text: &str) -> BadRow {
    let column = error.column().max(1);
    let near = text.get(column - 1..).unwrap_or("").trim_start_matches('-');
    let known = ["NaN", "Infinity", "None", "undefined", "'"];
    let message = match known.iter().find(|word| near.starts_with(**word)) {
        Some(word) => format!("{word} is not JSON"),
        None => message(error),
    };
    BadRow::Syntax { message, column }
}

/// Reads the values of rows; keeps its memory from row to row.
#[derive(Debug, Default)]
pub struct RowDecoder {
    values: Vec<Value>,
    given: Vec<bool>,
    at: Option<Timestamp>,
    /// Whether an object may hold its time under the key `at`.
    takes_at: bool,
}

impl RowDecoder {
    /// The values of a row, one per attribute and each NULL or of the attribute's type.
    pub fn decode(&mut self, row: RowText<'_>, schema: &Schema) -> Result<&[Value], BadRow> {
        self.read(row, schema).map(|()| self.values.as_slice())
    }

    /// Reads a row into `self.values`, and its time into `self.at` if the row may have one.
    fn read(&mut self, row: RowText<'_>, schema: &Schema) -> Result<(), BadRow> {
        let mut fault = None;
        self.at = None;
        let seed = Row {
            decoder: self,
            schema,
            fault: &mut fault,
        };
        let mut json = serde_json::Deserializer::from_str(row.0);
        let read = seed.deserialize(&mut json);
        match (fault, read) {
            (Some(fault), _) => Err(fault),
            (None, Err(e)) => Err(syntax(&e, row.0)),
            (None, Ok(())) => Ok(()),
        }
    }

    /// The values of the last row that was decoded well.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The time and the values of a line in a file of one stream's rows.
    ///
    /// The line is an array, an object by attribute name (with `at`, where that is no attribute), or an event
    /// `{"at":…,"row":…}` with or without the name of the stream.
    pub fn decode_of(
        &mut self,
        line: &[u8],
        stream: &str,
        schema: &Schema,
    ) -> Result<(Option<Timestamp>, &[Value]), BadRow> {
        let line = text(line)?.trim_ascii();
        serde_json::from_str::<IgnoredAny>(line).map_err(|e| syntax(&e, line))?;
        match line.as_bytes().first() {
            Some(b'[') => Ok((None, self.decode(RowText(line), schema)?)),
            Some(b'{') => match serde_json::from_str::<Pieces<'_>>(line) {
                Ok(p) if p.row.is_some() && schema.position("row").is_none() => {
                    if p.clock.is_some() || p.batch.is_some() {
                        return shape("a file of one stream holds rows only");
                    }
                    self.decode_event(&p, stream, schema)
                }
                _ => {
                    self.takes_at = schema.position("at").is_none();
                    let read = self.read(RowText(line), schema);
                    self.takes_at = false;
                    read.map(|()| (self.at, self.values.as_slice()))
                }
            },
            _ => shape(&format!("{}, expected an array or an object", kind(line))),
        }
    }

    fn decode_event(
        &mut self,
        pieces: &Pieces<'_>,
        stream: &str,
        schema: &Schema,
    ) -> Result<(Option<Timestamp>, &[Value]), BadRow> {
        if let Some(name) = pieces.stream {
            let name = unescape(name.get()).map_err(|e| BadRow::Shape(format!("stream: {e}")))?;
            if !name.eq_ignore_ascii_case(stream) {
                return Err(BadRow::unknown_stream(&name, [stream]));
            }
        }
        let at = pieces.at.map(|at| time("at", at)).transpose()?;
        let Some(row) = pieces.row else {
            return shape("no 'row'");
        };
        Ok((at, self.decode(RowText(row.get()), schema)?))
    }
}

/// Reads one row; a fault is left aside, as serde's errors are texts.
struct Row<'r> {
    decoder: &'r mut RowDecoder,
    schema: &'r Schema,
    fault: &'r mut Option<BadRow>,
}

impl Row<'_> {
    fn fail<E: Error>(&mut self, fault: BadRow) -> E {
        *self.fault = Some(fault);
        E::custom("bad row")
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.decoder.values.clear();
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        for attribute in self.schema.attributes() {
            let Some(raw) = seq.next_element::<&RawValue>()? else {
                let found = self.decoder.values.len();
                return Err(self.fail(BadRow::count(found, self.schema)));
            };
            match value(raw.get(), attribute) {
                Ok(value) => self.decoder.values.push(value),
                Err(fault) => return Err(self.fail(fault)),
            }
        }
        let mut found = self.schema.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            found += 1;
        }
        if found > self.schema.len() {
            return Err(self.fail(BadRow::count(found, self.schema)));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let attributes = self.schema.attributes();
        self.decoder.values.resize(attributes.len(), Value::Null);
        self.decoder.given.clear();
        self.decoder.given.resize(attributes.len(), false);
        while let Some(key) = map.next_key::<&RawValue>()? {
            let name = match unescape(key.get()) {
                Ok(name) => name,
                Err(misfit) => return Err(self.fail(BadRow::Shape(format!("key: {misfit}")))),
            };
            let Some(i) = self.schema.position(&name) else {
                if self.decoder.takes_at && name == "at" {
                    match time("at", map.next_value::<&RawValue>()?) {
                        Ok(at) => self.decoder.at = Some(at),
                        Err(fault) => return Err(self.fail(fault)),
                    }
                    continue;
                }
                return Err(self.fail(BadRow::unknown_attribute(&name, self.schema)));
            };
            if std::mem::replace(&mut self.decoder.given[i], true) {
                return Err(self.fail(BadRow::DuplicateAttribute(attributes[i].name.clone())));
            }
            match value(map.next_value::<&RawValue>()?.get(), &attributes[i]) {
                Ok(value) => self.decoder.values[i] = value,
                Err(fault) => return Err(self.fail(fault)),
            }
        }
        match self.decoder.given.iter().position(|given| !given) {
            Some(i) => Err(self.fail(BadRow::MissingAttribute(attributes[i].name.clone()))),
            None => Ok(()),
        }
    }
}

/// Reads one JSON value as a value of an attribute.
fn value(text: &str, attribute: &Attribute) -> Result<Value, BadRow> {
    let value = match (text.as_bytes().first(), attribute.ty) {
        (Some(b'n'), _) => Ok(Value::Null),
        (Some(b'"'), Type::String) => unescape(text).map(|s| Value::from(&*s)),
        (Some(b't'), Type::Bool) => Ok(Value::Bool(true)),
        (Some(b'f'), Type::Bool) => Ok(Value::Bool(false)),
        (Some(b'-' | b'0'..=b'9'), ty) if ty.is_numeric() => number::number(text, ty),
        (_, ty) => Err(Misfit::Kind {
            found: kind(text),
            text: excerpt(text),
            expected: number::expected(ty),
        }),
    };
    value.map_err(|misfit| BadRow::value(attribute, misfit))
}

#[cfg(test)]
mod tests;
