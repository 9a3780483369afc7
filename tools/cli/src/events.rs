//! Events from files and standard input, in one order.
//!
//! Every file has a cursor that holds its next event decoded. The event with the smallest time is taken, ties in
//! the order of the command line; an event without a time stands at the time of the one before it in its file, so
//! files without times are read one after the other.

use crate::args::StreamFile;
use crate::failure::Failure;
use eventflux::connector::csv::{CsvRow, CsvRows};
use eventflux::connector::json::{EventLine, EventRow, RowDecoder, decode_line};
use eventflux::connector::{BadRow, Format, Lines};
use eventflux::event::{Schema, Timestamp, Value};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The streams of an app, by position.
pub struct Streams(Vec<(String, Schema)>);

impl Streams {
    /// These streams.
    pub fn new(streams: impl IntoIterator<Item = (String, Schema)>) -> Self {
        Streams(streams.into_iter().collect())
    }

    /// Position of a stream; names are compared without regard to ASCII case.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(n, _)| n == name).or_else(|| {
            self.0
                .iter()
                .position(|(n, _)| n.eq_ignore_ascii_case(name))
        })
    }

    /// Name of the stream at a position.
    pub fn name(&self, stream: usize) -> &str {
        &self.0[stream].0
    }

    /// Attributes of the stream at a position.
    pub fn schema(&self, stream: usize) -> &Schema {
        &self.0[stream].1
    }

    /// All names, separated by commas.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(n, _)| n.as_str()).collect();
        names.join(", ")
    }

    /// All names, by position.
    pub fn to_names(&self) -> Vec<String> {
        self.0.iter().map(|(n, _)| n.clone()).collect()
    }

    fn require(&self, name: &str) -> Result<usize, BadRow> {
        let known = || self.0.iter().map(|(n, _)| n.as_str());
        self.find(name)
            .ok_or_else(|| BadRow::unknown_stream(name, known()))
    }
}

/// Rows of one stream that follow each other in a batch line.
pub type BatchRows = (usize, Vec<(Option<Timestamp>, Vec<Value>)>);

/// One event, with the streams by position.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// A row.
    Row {
        /// Its stream.
        stream: usize,
        /// Its time.
        at: Option<Timestamp>,
        /// Its values.
        row: &'a [Value],
    },
    /// Rows that are sent together.
    Batch(&'a [BatchRows]),
    /// The clock moves.
    Clock(Timestamp),
    /// A line that is no event.
    Bad(&'a BadRow),
}

/// An event and where it stands.
#[derive(Debug, PartialEq)]
pub struct Placed<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Line, counted from 1.
    pub line: u64,
    /// The event.
    pub event: Event<'a>,
}

/// The events of all files.
pub struct Events {
    streams: Streams,
    cursors: Vec<Cursor>,
    /// The cursor whose event was given out last and moves on next.
    given: Option<usize>,
    /// Bytes of all files, where all are files.
    bytes: Option<u64>,
}

impl Events {
    /// No events yet.
    pub fn new(streams: Streams) -> Self {
        Events {
            streams,
            cursors: Vec::new(),
            given: None,
            bytes: Some(0),
        }
    }

    /// The streams.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Adds a file of events of any streams.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Failure> {
        let reader = self.open(path)?;
        self.add_events(&path.display().to_string(), reader)
    }

    /// Adds events of any streams from a reader whose end is not known.
    pub fn add_reader(&mut self, name: &str, reader: Box<dyn Read>) -> Result<(), Failure> {
        self.bytes = None;
        self.add_events(name, reader)
    }

    /// Adds a file of rows of one stream.
    pub fn add_rows(&mut self, input: &StreamFile) -> Result<(), Failure> {
        let name = input.path.display().to_string();
        let Some(stream) = self.streams.find(&input.stream) else {
            return Err(Failure::usage(format!(
                "--input {}: unknown stream; known: {}",
                input.stream,
                self.streams.names()
            )));
        };
        let reader = self.open(&input.path)?;
        let text = match Format::of(&input.path) {
            Format::Json => Text::Rows(Lines::new(reader), stream),
            Format::Csv => {
                let rows = CsvRows::new(reader, self.streams.schema(stream), None);
                let rows = rows.map_err(|e| Failure::run(format!("{name}: {e}")))?;
                Text::Csv(Box::new(rows), stream)
            }
        };
        self.add(name, text)
    }

    fn open(&mut self, path: &Path) -> Result<BufReader<Box<dyn Read>>, Failure> {
        let failure = |e: io::Error| Failure::run(format!("{}: {e}", path.display()));
        let file = File::open(path).map_err(failure)?;
        let about = file.metadata().map_err(failure)?;
        self.bytes = match self.bytes {
            Some(bytes) if about.is_file() => Some(bytes + about.len()),
            _ => None,
        };
        Ok(buffered(Box::new(file)))
    }

    fn add_events(&mut self, name: &str, reader: impl Read + 'static) -> Result<(), Failure> {
        let reader = buffered(Box::new(reader));
        self.add(name.into(), Text::Events(Lines::new(reader)))
    }

    fn add(&mut self, file: String, text: Text) -> Result<(), Failure> {
        self.cursors.push(Cursor {
            file,
            text,
            decoder: RowDecoder::default(),
            batch: Vec::new(),
            held: Held::Nothing,
            line: 0,
            time: Timestamp::MIN,
        });
        Ok(())
    }

    /// Bytes of all files, if they have an end.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.cursors.iter().map(Cursor::bytes_read).sum()
    }

    /// The next event; `None` at the end of all files.
    pub fn next_event(&mut self) -> Result<Option<Placed<'_>>, Failure> {
        match self.given.take() {
            Some(given) => self.cursors[given].advance(&self.streams)?,
            // the first one: nothing was given out, or the end was reached
            None => {
                for cursor in &mut self.cursors {
                    if matches!(cursor.held, Held::Nothing) {
                        cursor.advance(&self.streams)?;
                    }
                }
            }
        }
        let open = self.cursors.iter().enumerate();
        let open = open.filter(|(_, c)| !matches!(c.held, Held::End));
        let Some((next, _)) = open.min_by_key(|(_, c)| c.time) else {
            return Ok(None);
        };
        self.given = Some(next);
        Ok(Some(self.cursors[next].placed()))
    }
}

fn buffered(reader: Box<dyn Read>) -> BufReader<Box<dyn Read>> {
    BufReader::with_capacity(64 << 10, reader)
}

type Reader = BufReader<Box<dyn Read>>;

/// The text of a file.
enum Text {
    /// Events of any streams.
    Events(Lines<Reader>),
    /// JSON rows of one stream.
    Rows(Lines<Reader>, usize),
    /// CSV rows of one stream.
    Csv(Box<CsvRows<Reader>>, usize),
}

/// What a cursor holds; values are in its decoder, batches in its `batch`.
enum Held {
    Nothing,
    Row(usize, Option<Timestamp>),
    Batch,
    Clock(Timestamp),
    Bad(BadRow),
    End,
}

/// A file and its next event.
struct Cursor {
    file: String,
    text: Text,
    decoder: RowDecoder,
    batch: Vec<BatchRows>,
    held: Held,
    line: u64,
    /// Where the held event stands among those of other files.
    time: Timestamp,
}

impl Cursor {
    fn bytes_read(&self) -> u64 {
        match &self.text {
            Text::Events(lines) | Text::Rows(lines, _) => lines.bytes_read(),
            Text::Csv(rows, _) => rows.bytes_read(),
        }
    }

    /// Reads the next event.
    fn advance(&mut self, streams: &Streams) -> Result<(), Failure> {
        let read = self.read(streams);
        self.held = read.map_err(|e| Failure::run(format!("{}: {e}", self.file)))?;
        let time = match &self.held {
            Held::Row(_, at) => *at,
            Held::Clock(at) => Some(*at),
            Held::Batch => self
                .batch
                .iter()
                .flat_map(|(_, rows)| rows)
                .find_map(|r| r.0),
            Held::Nothing | Held::Bad(_) | Held::End => None,
        };
        self.time = time.unwrap_or(self.time);
        Ok(())
    }

    fn read(&mut self, streams: &Streams) -> io::Result<Held> {
        match &mut self.text {
            Text::Csv(rows, stream) => Ok(match rows.next_row()? {
                None => Held::End,
                Some(CsvRow { line, row }) => {
                    self.line = line;
                    row.map_or_else(Held::Bad, |(at, _)| Held::Row(*stream, at))
                }
            }),
            Text::Rows(lines, stream) => {
                let Some(line) = lines.next_line()? else {
                    return Ok(Held::End);
                };
                self.line = line.number;
                let bytes = line
                    .bytes
                    .map_err(|bytes_max| BadRow::TooLong { bytes_max });
                let (name, schema) = (streams.name(*stream), streams.schema(*stream));
                let row = bytes.and_then(|b| self.decoder.decode_of(b, name, schema));
                Ok(row.map_or_else(Held::Bad, |(at, _)| Held::Row(*stream, at)))
            }
            Text::Events(lines) => {
                let Some(line) = lines.next_line()? else {
                    return Ok(Held::End);
                };
                self.line = line.number;
                let held = line
                    .bytes
                    .map_err(|bytes_max| BadRow::TooLong { bytes_max })
                    .and_then(decode_line)
                    .and_then(|line| hold(line, streams, &mut self.decoder, &mut self.batch));
                Ok(held.unwrap_or_else(Held::Bad))
            }
        }
    }

    fn placed(&self) -> Placed<'_> {
        let event = match &self.held {
            Held::Row(stream, at) => Event::Row {
                stream: *stream,
                at: *at,
                row: match &self.text {
                    Text::Csv(rows, _) => rows.values(),
                    Text::Events(_) | Text::Rows(..) => self.decoder.values(),
                },
            },
            Held::Batch | Held::Nothing | Held::End => Event::Batch(&self.batch),
            Held::Clock(at) => Event::Clock(*at),
            Held::Bad(fault) => Event::Bad(fault),
        };
        Placed {
            file: &self.file,
            line: self.line,
            event,
        }
    }
}

/// Reads the values of a line into the decoder or the batch.
fn hold(
    line: EventLine<'_>,
    streams: &Streams,
    decoder: &mut RowDecoder,
    batch: &mut Vec<BatchRows>,
) -> Result<Held, BadRow> {
    let mut decode = |event: &EventRow<'_>| {
        let stream = streams.require(&event.stream)?;
        decoder
            .decode(event.row, streams.schema(stream))
            .map(|row| (stream, row.to_vec()))
    };
    match line {
        EventLine::Clock(at) => Ok(Held::Clock(at)),
        EventLine::Row(event) => {
            let stream = streams.require(&event.stream)?;
            decoder.decode(event.row, streams.schema(stream))?;
            Ok(Held::Row(stream, event.at))
        }
        EventLine::Batch(events) => {
            batch.clear();
            for event in &events {
                let (stream, row) = decode(event)?;
                match batch.last_mut() {
                    Some((last, rows)) if *last == stream => rows.push((event.at, row)),
                    _ => batch.push((stream, vec![(event.at, row)])),
                }
            }
            Ok(Held::Batch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux::event::Type;

    fn streams() -> Streams {
        let schema = || Schema::new([("n", Type::Int)]);
        Streams::new([("A".into(), schema()), ("B".into(), schema())])
    }

    fn all(events: &mut Events) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(Placed { file, line, event }) = events.next_event().expect("readable") {
            let text = match event {
                Event::Row { stream, at, row } => {
                    format!("{stream} {:?} {}", at.map(|at| at.millis()), row[0])
                }
                Event::Batch(batch) => {
                    let runs = batch.iter().map(|(s, rows)| format!("{s}×{}", rows.len()));
                    format!("batch {}", runs.collect::<Vec<_>>().join(" "))
                }
                Event::Clock(at) => format!("clock {}", at.millis()),
                Event::Bad(fault) => format!("bad {fault}"),
            };
            out.push(format!("{file}:{line} {text}"));
        }
        out
    }

    fn text(events: &mut Events, name: &str, text: &'static str) {
        let added = events.add_reader(name, Box::new(text.as_bytes()));
        added.expect("added");
    }

    #[test]
    fn events_of_one_file_keep_their_order() {
        let mut events = Events::new(streams());
        text(
            &mut events,
            "e",
            "{\"stream\":\"A\",\"at\":5,\"row\":[1]}\n\n{\"stream\":\"b\",\"at\":3,\"row\":{\"n\":2}}\n{\"clock\":9}\n\
             {\"stream\":\"C\",\"row\":[1]}\nx\n{\"stream\":\"A\",\"row\":[1.5]}\n\
             {\"batch\":[{\"stream\":\"A\",\"row\":[1]},{\"stream\":\"A\",\"row\":[2]},\
             {\"stream\":\"B\",\"row\":[3]}]}\n\
             {\"batch\":[{\"stream\":\"A\",\"row\":[1]},{\"stream\":\"A\",\"row\":[true]}]}\n{\"batch\":[]}",
        );
        assert_eq!(
            all(&mut events),
            [
                "e:1 0 Some(5) 1",
                "e:3 1 Some(3) 2",
                "e:4 clock 9",
                "e:5 bad unknown stream 'C'; known: A, B",
                "e:6 bad expected value, column 1",
                "e:7 bad attribute 'n' INT: 1.5 is not an integer",
                "e:8 batch 0×2 1×1",
                "e:9 bad attribute 'n' INT: found a boolean true, expected an integer",
                "e:10 batch ",
            ]
        );
        assert_eq!(all(&mut events), Vec::<String>::new());
    }

    #[test]
    fn files_are_merged_by_time_and_else_follow_each_other() {
        let mut events = Events::new(streams());
        text(
            &mut events,
            "a",
            "{\"stream\":\"A\",\"at\":1,\"row\":[1]}\n{\"stream\":\"A\",\"at\":4,\"row\":[2]}\n\
             {\"stream\":\"A\",\"row\":[3]}",
        );
        text(
            &mut events,
            "b",
            "{\"stream\":\"B\",\"at\":1,\"row\":[4]}\n{\"clock\":2}\n?\n{\"stream\":\"B\",\"at\":5,\"row\":[5]}",
        );
        text(
            &mut events,
            "c",
            "{\"stream\":\"A\",\"row\":[6]}\n{\"stream\":\"A\",\"row\":[7]}",
        );
        assert_eq!(
            all(&mut events),
            [
                "c:1 0 None 6",
                "c:2 0 None 7",
                "a:1 0 Some(1) 1",
                "b:1 1 Some(1) 4",
                "b:2 clock 2",
                "b:3 bad expected value, column 1",
                "a:2 0 Some(4) 2",
                "a:3 0 None 3",
                "b:4 1 Some(5) 5",
            ]
        );
    }
}
