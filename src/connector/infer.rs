//! Columns of a text that nobody has declared, found out from its first rows.
//!
//! The types are the narrowest that hold all values of the sample; a value behind it that does not fit makes its row a
//! bad one, and is counted. What looks like a number and begins with a zero is a text: a postal code is no number.

use super::bad_row::BadRow;
use super::csv::{CsvError, Records};
use super::lines::LINE_BYTES_MAX;
use super::plain::LineDecoder;
use super::text::{Format, Text, TextOptions};
use super::time;
use crate::event::{Schema, Type};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

mod looks;

/// So many rows are looked at,
pub const SAMPLE_ROWS: usize = 20_480;
/// or so many bytes, if these are fewer rows.
pub const SAMPLE_BYTES: usize = 4 << 20;

/// The beginning of a text.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// What was read.
    pub bytes: Vec<u8>,
    /// Nothing is behind it.
    pub whole: bool,
}

/// What a text holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// Its columns.
    pub schema: Schema,
    /// How its rows stand in it.
    pub text: Text,
    /// Every row of the sample has a time.
    pub is_timed: bool,
    /// Nothing said which format it is: it looks like this one.
    pub guessed: bool,
}

impl Sample {
    /// Reads the beginning of a text, as much of it as is looked at.
    pub fn read(reader: &mut dyn Read) -> io::Result<Self> {
        let mut sample = Sample::default();
        let (mut rows, mut filled) = (0, 0);
        while rows <= SAMPLE_ROWS && filled < SAMPLE_BYTES {
            sample.bytes.resize(filled + (64 << 10), 0);
            match reader.read(&mut sample.bytes[filled..]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(0) => {
                    sample.whole = true;
                    break;
                }
                Ok(read) => {
                    let fresh = &sample.bytes[filled..filled + read];
                    rows += fresh.iter().filter(|b| **b == b'\n').count();
                    filled += read;
                }
            }
        }
        sample.bytes.truncate(filled);
        Ok(sample)
    }

    /// What the text holds. `path`: its name, which may say its format; otherwise it looks like JSON, or like CSV with
    /// a header, or its lines are rows of one STRING, `line`.
    ///
    /// Errors: what stands there has no columns.
    pub fn infer(&self, options: &TextOptions, path: &Path) -> Result<Inferred, CsvError> {
        let said = options.said_format(path);
        let format = said.unwrap_or_else(|| looks::like(&self.bytes, self.whole));
        let text = options.text_of(format, path);
        let mut text = text.map_err(|(_, why)| shape(why))?;
        let by_name = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("tsv"));
        if format == Format::Csv && !options.has_delimiter() && !by_name {
            text.delimiter = self.delimiter(&text);
        }
        let mut columns = Columns {
            list: Vec::new(),
            text: &text,
            rows: 0,
            timed: 0,
        };
        match format {
            Format::Json => self.json(&mut columns)?,
            Format::Csv => self.csv(&mut columns)?,
            Format::Text => self.lines(&mut columns),
        }
        let is_timed = columns.is_timed();
        let schema = columns.schema()?;
        Ok(Inferred {
            schema,
            text,
            is_timed,
            guessed: said.is_none(),
        })
    }

    /// A plain text has one column; its rows have a time where one is found in each.
    fn lines(&self, columns: &mut Columns<'_>) {
        columns.add("line");
        let mut decoder = LineDecoder::new(columns.text);
        let lines = self.bytes.split(|b| *b == b'\n').take(SAMPLE_ROWS);
        for line in lines.filter(|line| !line.is_empty()) {
            columns.rows += 1;
            columns.timed += usize::from(matches!(decoder.decode(line), Ok(Some(_))));
        }
    }

    /// What parts the cells of the first row, in the second as well: of several that which makes most of them.
    fn delimiter(&self, text: &Text) -> u8 {
        let cells = |delimiter: u8| {
            let mut rows = Records::new(
                &*self.bytes,
                (delimiter, text.quote),
                LINE_BYTES_MAX,
                (0, 0),
            );
            let mut next = || {
                let read = rows.next_record().unwrap_or(false) || rows.take_unfinished();
                read.then(|| rows.len())
            };
            let (first, second) = (next(), next());
            let alike = second.is_none_or(|second| Some(second) == first);
            (alike, first.unwrap_or(0))
        };
        let all = [b'|', b'\t', b';', b','];
        all.into_iter().max_by_key(|d| cells(*d)).unwrap_or(b',')
    }

    fn csv(&self, columns: &mut Columns<'_>) -> Result<(), CsvError> {
        let text = columns.text;
        let cells = (text.delimiter, text.quote);
        let mut rows = Records::new(&*self.bytes, cells, LINE_BYTES_MAX, (0, 0));
        let mut named = !text.header;
        loop {
            let read = rows.next_record()? || (self.whole && rows.take_unfinished());
            if !read || columns.rows == SAMPLE_ROWS {
                return Ok(());
            }
            let cells = rows.cells().map(|(cell, _)| String::from_utf8_lossy(cell));
            if !named {
                for name in cells {
                    columns.add(name.trim_start_matches('\u{feff}').trim());
                }
                named = true;
                continue;
            }
            // Of a row with another number of cells nobody knows which is which.
            let fits = rows.len() == columns.list.len();
            if columns.list.is_empty() {
                (0..rows.len()).for_each(|_| columns.add_unnamed());
            } else if !fits {
                continue;
            }
            columns.rows += 1;
            for (place, cell) in cells.enumerate() {
                columns.list[place].cell(&cell, text);
            }
        }
    }

    fn json(&self, columns: &mut Columns<'_>) -> Result<(), CsvError> {
        let mut lines: Vec<&[u8]> = self.bytes.split(|b| *b == b'\n').collect();
        if !self.whole {
            lines.pop();
        }
        for line in lines {
            let line = line
                .strip_prefix(b"\xEF\xBB\xBF")
                .unwrap_or(line)
                .trim_ascii();
            if columns.rows == SAMPLE_ROWS {
                break;
            }
            let Ok(row) = serde_json::from_slice::<JsonRow<'_>>(line) else {
                continue;
            };
            columns.rows += 1;
            row.look(columns)?;
        }
        Ok(())
    }
}

/// Whether a line is an object or a list of JSON.
fn json_line(line: &[u8]) -> bool {
    serde_json::from_slice::<JsonRow<'_>>(line).is_ok()
}

fn shape(why: impl Into<String>) -> CsvError {
    CsvError::Header(BadRow::Shape(why.into()))
}

/// What the values of a column have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    /// All are NULL.
    Nothing,
    Bool,
    Long,
    Double,
    Text,
}

struct InferredColumn {
    name: String,
    guess: Guess,
    /// How many values are times.
    times: usize,
    /// How many are something.
    values: usize,
}

impl InferredColumn {
    fn take(&mut self, guess: Guess) {
        self.values += 1;
        self.guess = match (self.guess, guess) {
            (Guess::Nothing, new) => new,
            (known, new) if known == new => known,
            (Guess::Long | Guess::Double, Guess::Long | Guess::Double) => Guess::Double,
            _ => Guess::Text,
        };
    }

    fn cell(&mut self, cell: &str, text: &Text) {
        if cell.is_empty() {
            return;
        }
        self.times += usize::from(time::cell(cell, &text.times).is_ok());
        let word = cell.trim();
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        self.take(match () {
            () if is("true") || is("false") => Guess::Bool,
            () if !time::is_number(word) || is_code(word) => Guess::Text,
            () if word.parse::<i64>().is_ok() => Guess::Long,
            () => Guess::Double,
        });
    }

    fn json(&mut self, raw: &str, text: &Text) {
        let string = serde_json::from_str::<String>(raw).ok();
        self.times += usize::from(time::json(raw, string.as_deref(), "", &text.times).is_ok());
        self.take(match raw.as_bytes().first() {
            Some(b'n') | None => return,
            Some(b't' | b'f') => Guess::Bool,
            Some(b'-' | b'0'..=b'9') if raw.parse::<i64>().is_ok() => Guess::Long,
            Some(b'-' | b'0'..=b'9') => Guess::Double,
            Some(_) => Guess::Text,
        });
    }
}

/// Whether digits are the name of something: a zero before others counts nothing.
fn is_code(number: &str) -> bool {
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number).as_bytes();
    matches!(digits, [b'0', second, ..] if second.is_ascii_digit())
}

struct Columns<'t> {
    list: Vec<InferredColumn>,
    text: &'t Text,
    rows: usize,
    /// Rows of a plain text that have a time.
    timed: usize,
}

impl Columns<'_> {
    fn add(&mut self, name: &str) {
        self.list.push(InferredColumn {
            name: name.to_string(),
            guess: Guess::Nothing,
            times: 0,
            values: 0,
        });
    }

    fn add_unnamed(&mut self) {
        self.add(&format!("column{}", self.list.len() + 1));
    }

    /// The column of the time: the one that was said to be, otherwise `at`, otherwise `timestamp`, if its values are
    /// times.
    fn time(&self) -> Option<usize> {
        let find = |name: &str| {
            let is = |c: &InferredColumn| c.name.eq_ignore_ascii_case(name);
            let is_time = |c: &InferredColumn| c.values > 0 && c.times == c.values;
            self.list.iter().position(|c| is(c) && is_time(c))
        };
        // Of those that are not said to be the time only a LONG is.
        let whole = |place: &usize| self.list[*place].guess != Guess::Double;
        match &self.text.time {
            Some(name) => find(name),
            None => find("at")
                .filter(whole)
                .or_else(|| find("timestamp").filter(whole)),
        }
    }

    fn is_timed(&self) -> bool {
        if self.text.format == Format::Text {
            return self.timed > 0 && self.timed == self.rows;
        }
        let time = self.time().map(|place| &self.list[place]);
        time.is_some_and(|column| column.times == self.rows)
    }

    fn schema(self) -> Result<Schema, CsvError> {
        let time = self.time();
        let said = self.text.time.is_some();
        if self.list.is_empty() {
            return Err(shape("nothing in it says what its columns are"));
        }
        let attributes = self.list.iter().enumerate().map(|(place, column)| {
            // An instant as a LONG is its milliseconds: only so it is the time without being said to be.
            let instants = column.guess == Guess::Text && !said && time == Some(place);
            let ty = match column.guess {
                _ if instants => Type::Long,
                Guess::Bool => Type::Bool,
                Guess::Long => Type::Long,
                Guess::Double => Type::Double,
                Guess::Nothing | Guess::Text => Type::String,
            };
            (column.name.as_str(), ty)
        });
        Ok(Schema::new(attributes))
    }
}

/// An object or a list of JSON, in the order of its text.
struct JsonRow<'a>(Vec<(Option<String>, &'a RawValue)>);

impl JsonRow<'_> {
    fn look(&self, columns: &mut Columns<'_>) -> Result<(), CsvError> {
        let has = |key: &str| self.0.iter().any(|(k, _)| k.as_deref() == Some(key));
        if has("stream") && has("row") || has("batch") && self.0.len() == 1 {
            return Err(shape(
                "these are events of streams, which an app reads: eventflux run APP.sql --events FILE",
            ));
        }
        for (place, (key, raw)) in self.0.iter().enumerate() {
            let found = match key {
                Some(key) => columns
                    .list
                    .iter()
                    .position(|c| c.name.eq_ignore_ascii_case(key)),
                None => Some(place).filter(|place| *place < columns.list.len()),
            };
            let place = found.unwrap_or(columns.list.len());
            match (found, key) {
                (Some(_), _) => {}
                (None, Some(key)) => columns.add(key),
                (None, None) => columns.add_unnamed(),
            }
            let text = columns.text;
            columns.list[place].json(raw.get(), text);
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonRow<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pieces;
        impl<'de> Visitor<'de> for Pieces {
            type Value = Vec<(Option<String>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    found.push((Some(key), value));
                }
                Ok(found)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(value) = seq.next_element::<&RawValue>()? {
                    found.push((None, value));
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Pieces).map(JsonRow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(text: &str, options: &[(&str, &str)]) -> Result<(String, u8, bool), String> {
        infer_named("-", text, options)
    }

    fn infer_named(
        name: &str,
        text: &str,
        options: &[(&str, &str)],
    ) -> Result<(String, u8, bool), String> {
        let mut known = TextOptions::default();
        for (key, value) in options {
            known.set(key, value).expect("an option");
        }
        let sample = Sample::read(&mut text.as_bytes()).expect("memory");
        let found = sample
            .infer(&known, Path::new(name))
            .map_err(|e| e.to_string())?;
        let columns = found.schema.attributes().iter();
        let columns: Vec<String> = columns
            .map(|a| format!("{} {}", a.name, a.ty.name()))
            .collect();
        Ok((columns.join(", "), found.text.delimiter, found.is_timed))
    }

    #[test]
    fn columns_are_as_narrow_as_their_values() {
        for (text, columns, delimiter, timed) in [
            (
                "a,b,c,d,e,f\n1,1.5,true,007,x,\n-2,3,FALSE,12,,\n",
                "a LONG, b DOUBLE, c BOOL, d STRING, e STRING, f STRING",
                b',',
                false,
            ),
            ("a;b\n1,5;2\n", "a STRING, b LONG", b';', false),
            ("a\tb\n1\t2", "a LONG, b LONG", b'\t', false),
            ("a|b,c\n1|2\n", "a LONG, b,c LONG", b'|', false),
            ("\u{feff}at,v\n5,1\n6,2\n", "at LONG, v LONG", b',', true),
            ("at,v\n5,1\n,2\n", "at LONG, v LONG", b',', false),
            (
                "timestamp\n2024-02-29T10:30:00Z\n",
                "timestamp LONG",
                b',',
                true,
            ),
            ("at\n0.5\n", "at DOUBLE", b',', false),
            (
                "timestamp,x\nnever,1\n",
                "timestamp STRING, x LONG",
                b',',
                false,
            ),
            ("v\n99999999999999999999\n", "v DOUBLE", b',', false),
            ("v,w\ntrue,1\n1,1\n", "v STRING, w LONG", b',', false),
            (
                "{\"a\":1,\"b\":\"x\"}\nno json\n{\"b\":null,\"c\":2.5,\"a\":2,\"d\":{\"x\":[1]}}\n",
                "a LONG, b STRING, c DOUBLE, d STRING",
                b',',
                false,
            ),
            (
                "[1,\"x\"]\n[2.5,null,true]",
                "column1 DOUBLE, column2 STRING, column3 BOOL",
                b',',
                false,
            ),
            (
                "{\"at\":\"2024-02-29\",\"v\":1}",
                "at LONG, v LONG",
                b',',
                true,
            ),
        ] {
            let expected = (columns.to_string(), delimiter, timed);
            assert_eq!(infer(text, &[]), Ok(expected), "{text}");
        }
        let tabs = infer_named("a.tsv", "a,b\tc\n1\t2\n", &[]);
        assert_eq!(tabs, Ok(("a,b LONG, c LONG".into(), b'\t', false)));
        let said = [
            ("header", "false"),
            ("timestamp", "column2"),
            ("delimiter", ";"),
        ];
        let found = infer("1;2024-02-29\n2;2024-03-01\n", &said);
        assert_eq!(
            found,
            Ok(("column1 LONG, column2 STRING".into(), b';', true))
        );
    }

    #[test]
    fn what_has_no_columns_is_said() {
        for text in ["", "\n\n"] {
            let told = infer(text, &[]).expect_err(text);
            assert!(told.contains("nothing in it says"), "{told}");
        }
        let events = "{\"stream\":\"S\",\"at\":1,\"row\":[1]}";
        let told = infer(events, &[]).expect_err("events");
        assert!(told.contains("eventflux run APP.sql --events"), "{told}");
    }

    #[test]
    fn no_more_than_the_bound_is_looked_at() {
        let row = "1\n";
        let mut text = format!("v\n{}", row.repeat(SAMPLE_ROWS));
        text += "never\n";
        assert_eq!(infer(&text, &[]).expect("rows").0, "v LONG");
        let long = format!("v\n{}\n{}", "x".repeat(SAMPLE_BYTES), row.repeat(3));
        let sample = Sample::read(&mut long.as_bytes()).expect("memory");
        assert!(!sample.whole && sample.bytes.len() < SAMPLE_BYTES + (64 << 10) + 1);
    }
}
