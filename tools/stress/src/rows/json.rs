//! JSON lines against a reading of our own: serde_json says what is JSON, the rules of docs/language.md say the rest.

use super::naive::{self, Judged};
use eventflux::connector::json::{EventLine, EventRow, KnownStream, RowDecoder, decode_line};
use eventflux::connector::{Format, Lines, Text, Together};
use eventflux::{ColumnBatch, Schema, Type, Value};
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A row as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub stream: String,
    /// In microseconds; none where the row has no time.
    pub at: Judged<Option<i64>>,
    pub values: Vec<Value>,
}

/// A line as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Bad,
    Clock(Judged<i64>),
    /// One row, or those of a batch, where each may be bad.
    Rows(Vec<Option<Row>>),
}

/// What the engine reads: into columns where the line is plain, otherwise by itself.
pub fn engine(line: &[u8], schema: &Schema, lenient: bool) -> Line {
    let said = Text {
        lenient,
        ..Text::new(Format::Json)
    };
    let stream = match decode_line(line) {
        Ok(EventLine::Row(row)) => row.stream.to_string(),
        _ => "S".to_string(),
    };
    let in_columns = in_columns(line, (stream, schema.clone(), None), &said);
    in_columns.unwrap_or_else(|| singly(line, schema, &said))
}

fn in_columns(line: &[u8], stream: KnownStream, said: &Text) -> Option<Line> {
    if line.contains(&b'\n') {
        return None;
    }
    // The first line of a text may begin with a mark, and is read by itself.
    let text = [b"{}\n", line, b"\n"].concat();
    let mut lines = Lines::new(text.as_slice());
    lines.next_line().ok()??;
    let mut columns = [ColumnBatch::new(&stream.1)];
    let streams = [stream];
    let mut decoder = RowDecoder::new(said);
    let read = decoder.next_events(&mut lines, &streams, &mut columns, Together::rows(1));
    let _ = read.ok()??;
    let [columns] = &columns;
    let at = columns.is_timed().then(|| columns.rows().at()[0].0);
    Some(Line::Rows(vec![Some(Row {
        stream: streams[0].0.clone(),
        at: Judged::Is(at),
        values: columns.rows().row(0),
    })]))
}

fn singly(line: &[u8], schema: &Schema, said: &Text) -> Line {
    let mut decoder = RowDecoder::new(said);
    let mut row = |row: &EventRow<'_>| {
        let stream = row.stream.to_string();
        let (at, values) = decoder.decode_event(row, schema).ok()?;
        Some(Row {
            stream,
            at: Judged::Is(at.map(|at| at.0)),
            values: values.to_vec(),
        })
    };
    match decode_line(line) {
        Err(_) => Line::Bad,
        Ok(EventLine::Clock(at)) => Line::Clock(Judged::Is(at.0)),
        Ok(EventLine::Row(one)) => match row(&one) {
            Some(row) => Line::Rows(vec![Some(row)]),
            None => Line::Bad,
        },
        Ok(EventLine::Batch(rows)) => {
            let rows = rows.iter().map(|one| one.as_ref().ok().and_then(&mut row));
            Line::Rows(rows.collect())
        }
    }
}

/// What the page says.
pub fn oracle(line: &[u8], schema: &Schema, lenient: bool) -> Line {
    let Ok(text) = std::str::from_utf8(line) else {
        return Line::Bad;
    };
    let Some(pairs) = object(text) else {
        return Line::Bad;
    };
    let get = |name: &str| value_of(&pairs, name);
    if !known(&pairs, &["stream", "at", "row", "clock", "batch"]) {
        return Line::Bad;
    }
    let row_keys = get("stream").or(get("at")).or(get("row")).is_some();
    match (get("batch"), get("clock")) {
        (Some(batch), None) if !row_keys => match list(batch) {
            Some(rows) => Line::Rows(rows.iter().map(|r| in_batch(r, schema, lenient)).collect()),
            None => Line::Bad,
        },
        (None, Some(clock)) if !row_keys => match time(clock) {
            Judged::None | Judged::Is(None) => Line::Bad,
            Judged::Is(Some(at)) => Line::Clock(Judged::Is(at)),
            Judged::Open => Line::Clock(Judged::Open),
        },
        (None, None) => match row(&pairs, schema, lenient) {
            Some(row) => Line::Rows(vec![Some(row)]),
            None => Line::Bad,
        },
        _ => Line::Bad,
    }
}

fn in_batch(text: &str, schema: &Schema, lenient: bool) -> Option<Row> {
    let pairs = object(text)?;
    let known = known(&pairs, &["stream", "at", "row"])
        || (known(&pairs, &["stream", "at", "row", "clock", "batch"])
            && value_of(&pairs, "clock").is_none()
            && value_of(&pairs, "batch").is_none());
    known.then(|| row(&pairs, schema, lenient)).flatten()
}

type Pairs = Vec<(String, Box<RawValue>)>;

/// The text under a key; null is as good as nothing.
fn value_of<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map(|(_, v)| v.get()).filter(|v| *v != "null")
}

/// Whether all keys are of these, and none stands twice.
fn known(pairs: &Pairs, names: &[&str]) -> bool {
    let once = |name: &str| pairs.iter().filter(|(key, _)| key == name).count() < 2;
    pairs
        .iter()
        .all(|(key, _)| names.contains(&key.as_str()) && once(key))
}

/// The pairs of a JSON object.
fn object(text: &str) -> Option<Pairs> {
    struct All;
    impl<'de> Visitor<'de> for All {
        type Value = Pairs;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
            let mut pairs = Pairs::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let pairs = json.deserialize_map(All).ok()?;
    json.end().ok()?;
    Some(pairs)
}

fn list(text: &str) -> Option<Vec<String>> {
    let items: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
    Some(items.iter().map(|i| i.get().to_string()).collect())
}

fn row(pairs: &Pairs, schema: &Schema, lenient: bool) -> Option<Row> {
    let stream = serde_json::from_str(value_of(pairs, "stream")?).ok()?;
    let values = values(value_of(pairs, "row")?, schema, lenient)?;
    let at = value_of(pairs, "at").map_or(Judged::Is(None), time);
    (at != Judged::None).then_some(Row { stream, at, values })
}

/// A time: a number of milliseconds or an instant; null is none.
fn time(text: &str) -> Judged<Option<i64>> {
    let judged = match text.as_bytes().first() {
        Some(b'n') => return Judged::Is(None),
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(string) => naive::instant(&string),
            Err(_) => Judged::None,
        },
        Some(b'-' | b'0'..=b'9') => naive::millis(text),
        _ => Judged::None,
    };
    match judged {
        Judged::Is(at) => Judged::Is(Some(at)),
        Judged::None => Judged::None,
        Judged::Open => Judged::Open,
    }
}

fn values(text: &str, schema: &Schema, lenient: bool) -> Option<Vec<Value>> {
    let attributes = schema.attributes();
    if text.starts_with('[') {
        let items = list(text)?;
        let right = items.len() == attributes.len();
        let values = items.iter().zip(attributes).map(|(i, a)| value(i, a.ty));
        return right.then(|| values.collect()).flatten();
    }
    let pairs = object(text)?;
    let mut values = vec![None; attributes.len()];
    let (mut given, mut further) = (0, 0);
    for (key, text) in &pairs {
        let place = attributes
            .iter()
            .position(|a| a.name.eq_ignore_ascii_case(key));
        match place {
            Some(place) if values[place].is_none() => {
                values[place] = Some(value(text.get(), attributes[place].ty)?);
                given += 1;
            }
            Some(_) => return None,
            None => further += 1,
        }
    }
    let right = match lenient {
        true => given > 0 || further == 0,
        false => given == attributes.len() && further == 0,
    };
    let values = values.into_iter().map(|v| v.unwrap_or(Value::Null));
    right.then(|| values.collect())
}

fn value(text: &str, ty: Type) -> Option<Value> {
    let judged = match (text.as_bytes().first()?, ty) {
        (b'n', _) => Judged::Is(Value::Null),
        (b'"', Type::String) => {
            let string = serde_json::from_str::<String>(text);
            string.map_or(Judged::None, |s| Judged::Is(Value::from(s)))
        }
        // An object or a list is its text.
        (b'[' | b'{', Type::String) => Judged::Is(Value::from(text)),
        (b't' | b'f', Type::Bool) => Judged::Is(Value::Bool(text == "true")),
        (b'-' | b'0'..=b'9', _) => naive::number(text, ty),
        _ => Judged::None,
    };
    match judged {
        Judged::Is(value) => Some(value),
        Judged::None | Judged::Open => None,
    }
}
