//! JSON lines: events in, rows out.
//!
//! In: `{"stream":"S","at":1000,"row":["IBM",700.0,100]}` (the row may be an object by attribute name; `at` may be
//! absent, and is a number of milliseconds or an instant in ISO 8601), `{"clock":5000}` and `{"batch":[{…},{…}]}`.
//! Out: `{"stream":"Out","at":1000,"row":[…]}`, and `"sign":"-"` before `row` when the row leaves.
//!
//! A line is split into pieces of its own text first and each piece is read by the type of its attribute, so
//! numbers are decoded from their digits and not from a parser's `f64`. What is skipped is skipped without
//! recursion: nesting is bounded by the length of the line only.
//!
//! Of an object, what is missing is NULL, and keys that are no attributes are counted and left out; a strict decoder
//! refuses both. The keys around a row are ours, and are always checked.

use super::bad_row::{BadRow, Misfit, excerpt};
use super::text::Text;
use super::time::TimeText;
use super::{number, time};
use crate::event::{Attribute, Schema, Timestamp, Type, Value};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

mod encode;
mod plain_rows;
pub(super) use encode::{GROUP, NUMBER, millis, put};
pub use encode::{ObjectEncoder, RowEncoder};
pub use plain_rows::{KnownStream, ReadRows};

/// One line of an events file.
#[derive(Clone, Debug, PartialEq)]
pub enum EventLine<'a> {
    /// A row of a stream.
    Row(EventRow<'a>),
    /// The event-time clock moves to this time.
    Clock(Timestamp),
    /// Rows that are sent together, and those that are none.
    Batch(Vec<Result<EventRow<'a>, BadRow>>),
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

/// Reads one line of an events file, without its values; times that are numbers are milliseconds.
pub fn decode_line(line: &[u8]) -> Result<EventLine<'_>, BadRow> {
    decode_line_in(line, &TimeText::default())
}

/// Reads one line of an events file, without its values; times stand in it as `times` says.
pub fn decode_line_in<'a>(line: &'a [u8], times: &TimeText) -> Result<EventLine<'a>, BadRow> {
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
                (None, None) => pieces_to_row(pieces.stream, pieces.at, pieces.row, times),
                _ => shape("a batch holds rows only"),
            }
        });
        return Ok(EventLine::Batch(rows.collect()));
    }
    match pieces.clock {
        None => pieces_to_row(pieces.stream, pieces.at, pieces.row, times).map(EventLine::Row),
        Some(clock) if pieces.stream.or(pieces.at).or(pieces.row).is_none() => {
            let time = read_time("clock", clock.get(), times)?;
            time.map_or_else(|| shape("'clock' is null"), |at| Ok(EventLine::Clock(at)))
        }
        Some(_) => shape("'clock' stands alone on its line"),
    }
}

/// Whether a text is one whole array or object: nothing can come behind it that belongs to it.
pub fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
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
    times: &TimeText,
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
    let at = at.map_or(Ok(None), |at| read_time("at", at.get(), times))?;
    Ok(EventRow { stream, at, row })
}

/// Reads a time: a number, or an instant as a string; null is none.
fn read_time(key: &str, text: &str, times: &TimeText) -> Result<Option<Timestamp>, BadRow> {
    let string = match text.as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b'"') => Some(unescape(text).map_err(|misfit| time::bad(key, misfit))?),
        _ => None,
    };
    let read = time::json(text, string.as_deref(), kind(text), times);
    read.map(Some).map_err(|misfit| time::bad(key, misfit))
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
#[derive(Debug)]
pub struct RowDecoder {
    values: Vec<Value>,
    given: Vec<bool>,
    lenient: bool,
    times: TimeText,
    /// What is said to hold the time.
    time: Option<String>,
    at: Option<Timestamp>,
    /// The row may hold its time itself: the keys that are no attributes, and the attribute.
    takes: Takes,
    further: u64,
    /// Of rows that are read into columns.
    keys: plain_rows::Keys,
}

/// Where in a row its time may stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Takes {
    /// Under a key that is no attribute.
    key: bool,
    attribute: Option<usize>,
}

impl Default for RowDecoder {
    fn default() -> Self {
        RowDecoder::new(&Text::new(super::Format::Json))
    }
}

impl RowDecoder {
    /// A decoder of JSON of which this holds.
    pub fn new(text: &Text) -> Self {
        RowDecoder {
            values: Vec::new(),
            given: Vec::new(),
            lenient: text.lenient,
            times: text.times.clone(),
            time: text.time.clone(),
            at: None,
            takes: Takes::default(),
            further: 0,
            keys: plain_rows::Keys::default(),
        }
    }

    /// How times stand in it.
    pub fn times(&self) -> &TimeText {
        &self.times
    }

    /// The values of a row, one per attribute and each NULL or of the attribute's type.
    pub fn decode(&mut self, row: RowText<'_>, schema: &Schema) -> Result<&[Value], BadRow> {
        self.read(row, schema).map(|()| self.values.as_slice())
    }

    /// The time and the values of an event. Where it has no time, an attribute may hold it that was said to.
    pub fn decode_event(
        &mut self,
        event: &EventRow<'_>,
        schema: &Schema,
    ) -> Result<(Option<Timestamp>, &[Value]), BadRow> {
        self.decode_event_by(event, schema, None)
    }

    /// As [`RowDecoder::decode_event`]; where nothing was said this attribute holds the time.
    pub fn decode_event_by(
        &mut self,
        event: &EventRow<'_>,
        schema: &Schema,
        own: Option<usize>,
    ) -> Result<(Option<Timestamp>, &[Value]), BadRow> {
        self.takes.attribute = match &self.time {
            _ if event.at.is_some() => None,
            Some(name) => schema.position(name),
            None => own,
        };
        let read = self.read(event.row, schema);
        self.takes = Takes::default();
        read.map(|()| (event.at.or(self.at), self.values.as_slice()))
    }

    /// Keys that were no attributes and were left out, since this was asked last.
    pub fn take_further(&mut self) -> u64 {
        std::mem::take(&mut self.further)
    }

    /// Reads a row into `self.values`, and its time into `self.at` if the row may have one.
    fn read(&mut self, row: RowText<'_>, schema: &Schema) -> Result<(), BadRow> {
        let mut fault = None;
        self.at = None;
        let seed = RowSeed {
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

    /// Whether a key is one under which a row's time may stand.
    fn is_time(&self, name: &str) -> bool {
        match &self.time {
            Some(time) => name.eq_ignore_ascii_case(time),
            // of two, `at` holds the time
            None => name == "at" || (name == "timestamp" && self.at.is_none()),
        }
    }

    /// The values of the last row that was decoded well.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The time and the values of a line in a file of one stream's rows.
    ///
    /// The line is an array, an object by attribute name, or an event `{"at":…,"row":…}` with or without the name of
    /// the stream. The time of an array or object is what stands under the name that was said, otherwise under `at`,
    /// then under `timestamp`; that may be an attribute, too: where nothing was said, a LONG.
    pub fn decode_of(
        &mut self,
        line: &[u8],
        stream: &str,
        schema: &Schema,
    ) -> Result<(Option<Timestamp>, &[Value]), BadRow> {
        let line = text(line)?.trim_ascii();
        serde_json::from_str::<IgnoredAny>(line).map_err(|e| syntax(&e, line))?;
        match line.as_bytes().first() {
            Some(b'[') => self.decode_bare(line, schema),
            Some(b'{') => match serde_json::from_str::<Pieces<'_>>(line) {
                Ok(p) if p.row.is_some() && schema.position("row").is_none() => {
                    if p.clock.is_some() || p.batch.is_some() {
                        return shape("a file of one stream holds rows only");
                    }
                    self.decode_pieces(&p, stream, schema)
                }
                _ => self.decode_bare(line, schema),
            },
            _ => shape(&format!("{}, expected an array or an object", kind(line))),
        }
    }

    /// Reads an array or an object that may hold its time itself.
    fn decode_bare(
        &mut self,
        line: &str,
        schema: &Schema,
    ) -> Result<(Option<Timestamp>, &[Value]), BadRow> {
        let attribute = time::attribute(schema, self.time.as_deref());
        self.takes = Takes {
            key: self.time.is_none() || attribute.is_none(),
            attribute,
        };
        let read = self.read(RowText(line), schema);
        self.takes = Takes::default();
        read.map(|()| (self.at, self.values.as_slice()))
    }

    fn decode_pieces(
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
        let at = pieces
            .at
            .map_or(Ok(None), |at| read_time("at", at.get(), &self.times))?;
        let Some(row) = pieces.row else {
            return shape("no 'row'");
        };
        let event = EventRow {
            stream: Cow::Borrowed(stream),
            at,
            row: RowText(row.get()),
        };
        self.decode_event(&event, schema)
    }

    /// Whether a key has told the time: of a key `at` and an attribute `timestamp` the key holds it.
    #[inline]
    fn is_told(&self) -> bool {
        self.time.is_none() && self.at.is_some()
    }

    /// Reads the value of an attribute, and the row's time where that attribute holds it.
    fn value(&mut self, i: usize, text: &str, attribute: &Attribute) -> Result<Value, BadRow> {
        if self.takes.attribute != Some(i) || self.is_told() {
            return value(text, attribute);
        }
        self.at = read_time(&attribute.name, text, &self.times)?;
        match (self.at, attribute.ty, text.as_bytes().first()) {
            // An instant as a LONG is its milliseconds.
            (Some(at), Type::Long, Some(b'"')) => Ok(Value::Long(at.0.div_euclid(1000))),
            _ => value(text, attribute),
        }
    }
}

/// Reads one row; a fault is left aside, as serde's errors are texts.
struct RowSeed<'r> {
    decoder: &'r mut RowDecoder,
    schema: &'r Schema,
    fault: &'r mut Option<BadRow>,
}

impl RowSeed<'_> {
    fn fail<E: Error>(&mut self, fault: BadRow) -> E {
        *self.fault = Some(fault);
        E::custom("bad row")
    }

    /// A key that is no attribute: the row's time, or one too many.
    fn other<E: Error>(&mut self, name: &str, text: &str) -> Result<(), E> {
        let decoder = &mut *self.decoder;
        if decoder.takes.key && decoder.is_time(name) {
            match read_time(name, text, &decoder.times) {
                Ok(at) => decoder.at = at.or(decoder.at),
                Err(fault) => return Err(self.fail(fault)),
            }
        } else if decoder.lenient {
            decoder.further += 1;
        } else {
            return Err(self.fail(BadRow::unknown_attribute(name, self.schema)));
        }
        Ok(())
    }

    /// All keys were read: an attribute without one is NULL. `further`: keys that were no attributes before this row.
    fn missing<E: Error>(&mut self, further: u64) -> Result<(), E> {
        let RowDecoder { given, lenient, .. } = &*self.decoder;
        let none = !given.contains(&true);
        let missing = given.iter().position(|given| !given);
        match missing {
            Some(i) if !lenient => {
                let name = self.schema.attributes()[i].name.clone();
                Err(self.fail(BadRow::MissingAttribute(name)))
            }
            // Nothing fits: a row of another stream.
            Some(_) if none && self.decoder.further > further => {
                self.decoder.further = further;
                Err(self.fail(BadRow::no_attribute(self.schema)))
            }
            _ => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.decoder.values.clear();
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        for (i, attribute) in self.schema.attributes().iter().enumerate() {
            let Some(raw) = seq.next_element::<&RawValue>()? else {
                let found = self.decoder.values.len();
                return Err(self.fail(BadRow::count(found, self.schema)));
            };
            match self.decoder.value(i, raw.get(), attribute) {
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
        let further = self.decoder.further;
        while let Some(key) = map.next_key::<&RawValue>()? {
            let name = match unescape(key.get()) {
                Ok(name) => name,
                Err(misfit) => return Err(self.fail(BadRow::Shape(format!("key: {misfit}")))),
            };
            let Some(i) = self.schema.position(&name) else {
                self.other(&name, map.next_value::<&RawValue>()?.get())?;
                continue;
            };
            if std::mem::replace(&mut self.decoder.given[i], true) {
                return Err(self.fail(BadRow::DuplicateAttribute(attributes[i].name.clone())));
            }
            let raw = map.next_value::<&RawValue>()?;
            match self.decoder.value(i, raw.get(), &attributes[i]) {
                Ok(value) => self.decoder.values[i] = value,
                Err(fault) => return Err(self.fail(fault)),
            }
        }
        self.missing(further)
    }
}

/// Reads one JSON value as a value of an attribute.
fn value(text: &str, attribute: &Attribute) -> Result<Value, BadRow> {
    let value = match (text.as_bytes().first(), attribute.ty) {
        (Some(b'n'), _) => Ok(Value::Null),
        (Some(b'"'), Type::String) => unescape(text).map(|s| Value::from(&*s)),
        // What is no scalar is its text, which functions of JSON read.
        (Some(b'{' | b'['), Type::String) => Ok(Value::from(text)),
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
