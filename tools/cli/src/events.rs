//! Events from files and standard input, in one order.
//!
//! Every file has a cursor that holds its next event decoded. The event with the smallest time is taken, ties in
//! the order of the command line; an event without a time stands at the time of the one before it in its file, so
//! files without times are read one after the other.
//!
//! A token says where all files stand before the event at hand, so that a later run goes on with that event: per file
//! the byte and line behind what was taken, and the time by which its next event is placed.

use crate::args::StreamFile;
use crate::failure::Failure;
use eventflux::connector::csv::{CsvRow, CsvRows};
use eventflux::connector::json::{EventLine, EventRow, RowDecoder, decode_line};
use eventflux::connector::{BadRow, Format, Lines};
use eventflux::event::{Schema, Timestamp, Value};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
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
    /// Where an earlier run stopped, for the files in their order; none when everything is read from its beginning.
    places: Option<Vec<Place>>,
}

/// Where a file stands before an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Bytes before it.
    offset: u64,
    /// Lines before it.
    line: u64,
    /// Where the event before it stands among those of other files.
    time: Timestamp,
}

impl Place {
    const START: Place = Place {
        offset: 0,
        line: 0,
        time: Timestamp::MIN,
    };

    fn read(text: &str) -> Option<Self> {
        let (offset, rest) = text.split_once(':')?;
        let (line, time) = rest.split_once(':')?;
        Some(Place {
            offset: offset.parse().ok()?,
            line: line.parse().ok()?,
            time: Timestamp(time.parse().ok()?),
        })
    }
}

impl Events {
    /// No events yet.
    pub fn new(streams: Streams) -> Self {
        Events {
            streams,
            cursors: Vec::new(),
            given: None,
            bytes: Some(0),
            places: None,
        }
    }

    /// Files that are added go on where a token of an earlier run says.
    pub fn resume(&mut self, token: &str) -> Result<(), Failure> {
        let places: Option<Vec<Place>> = token.split(' ').map(Place::read).collect();
        self.places = Some(places.ok_or_else(|| {
            let message = format!(
                "'{token}' is no place in files of events: another program wrote the revision"
            );
            Failure::run(message)
        })?);
        Ok(())
    }

    /// Whether all files are there that a token names, and no others.
    pub fn check_resumed(&self) -> Result<(), Failure> {
        match &self.places {
            Some(places) if places.len() != self.cursors.len() => Err(Failure::run(format!(
                "the revision was taken of {} files of events, not of {}: give the same ones",
                places.len(),
                self.cursors.len()
            ))),
            _ => Ok(()),
        }
    }

    /// Where all files stand before the event at hand; at their ends when there is none.
    pub fn token(&self) -> String {
        let places = self.cursors.iter().map(|c| {
            let Place { offset, line, time } = c.before;
            format!("{offset}:{line}:{}", time.0)
        });
        places.collect::<Vec<_>>().join(" ")
    }

    /// The streams.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Adds a file of events of any streams.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Failure> {
        let (reader, place) = self.open(path, true)?;
        let lines = Lines::resumed(reader, place.offset, place.line);
        self.add(path.display().to_string(), Text::Events(lines), place);
        Ok(())
    }

    /// Adds events of any streams from a reader whose end is not known.
    pub fn add_reader(&mut self, name: &str, reader: Box<dyn Read>) {
        self.bytes = None;
        let lines = Lines::new(buffered(reader));
        self.add(name.into(), Text::Events(lines), Place::START);
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
        let format = Format::of(&input.path);
        let (reader, place) = self.open(&input.path, format == Format::Json)?;
        let text = match format {
            Format::Json => Text::Rows(Lines::resumed(reader, place.offset, place.line), stream),
            Format::Csv => {
                let rows = CsvRows::new(reader, self.streams.schema(stream), None);
                let mut rows = rows.map_err(|e| Failure::run(format!("{name}: {e}")))?;
                pass(&mut rows, &name, place)?;
                Text::Csv(Box::new(rows), stream)
            }
        };
        self.add(name, text, place);
        Ok(())
    }

    /// Opens the next file; with `seek` where an earlier run stopped.
    fn open(&mut self, path: &Path, seek: bool) -> Result<(Reader, Place), Failure> {
        let failure = |e: io::Error| Failure::run(format!("{}: {e}", path.display()));
        let mut file = File::open(path).map_err(failure)?;
        let about = file.metadata().map_err(failure)?;
        self.bytes = match self.bytes {
            Some(bytes) if about.is_file() => Some(bytes + about.len()),
            _ => None,
        };
        let places = self.places.as_ref();
        let place = places.and_then(|p| p.get(self.cursors.len()).copied());
        let place = place.unwrap_or(Place::START);
        // As above: the end of a file of CSV may be told as one byte more.
        if about.len() + u64::from(!seek) < place.offset {
            return Err(Failure::run(format!(
                "{} has {} bytes, and was read up to byte {} before: it is not the file of that run",
                path.display(),
                about.len(),
                place.offset
            )));
        }
        if seek && place.offset > 0 {
            file.seek(SeekFrom::Start(place.offset)).map_err(failure)?;
        }
        Ok((buffered(Box::new(file)), place))
    }

    fn add(&mut self, file: String, text: Text, place: Place) {
        self.cursors.push(Cursor {
            file,
            text,
            decoder: RowDecoder::default(),
            batch: Vec::new(),
            held: Held::Nothing,
            line: 0,
            time: place.time,
            before: place,
        });
    }

    /// Bytes of all files, if they have an end.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.cursors.iter().map(Cursor::bytes_read).sum()
    }

    /// Goes to the next event; `false` at the end of all files.
    pub fn advance(&mut self) -> Result<bool, Failure> {
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
        self.given = open.min_by_key(|(_, c)| c.time).map(|(next, _)| next);
        Ok(self.given.is_some())
    }

    /// The event at hand.
    pub fn event(&self) -> Option<Placed<'_>> {
        self.given.map(|given| self.cursors[given].placed())
    }
}

/// Reads past the rows that an earlier run took.
fn pass(rows: &mut CsvRows<Reader>, name: &str, to: Place) -> Result<(), Failure> {
    let failure = |e: io::Error| Failure::run(format!("{name}: {e}"));
    while rows.bytes_read() < to.offset && rows.next_row().map_err(failure)?.is_some() {}
    // A last row without a line end is read as if it had one.
    let behind = rows.bytes_read().checked_sub(to.offset);
    if to.offset == 0 || matches!(behind, Some(0 | 1)) {
        return Ok(());
    }
    Err(Failure::run(format!(
        "{name} has no row at byte {}, up to which it was read before: it is not the file of that run",
        to.offset
    )))
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
    /// Where the file stands before the held event.
    before: Place,
}

impl Cursor {
    /// Where the file stands behind the held event.
    fn place(&self) -> Place {
        let line = match &self.text {
            Text::Events(lines) | Text::Rows(lines, _) => lines.number(),
            Text::Csv(..) => self.line,
        };
        Place {
            offset: self.bytes_read(),
            line,
            time: self.time,
        }
    }

    fn bytes_read(&self) -> u64 {
        match &self.text {
            Text::Events(lines) | Text::Rows(lines, _) => lines.bytes_read(),
            Text::Csv(rows, _) => rows.bytes_read(),
        }
    }

    /// Reads the next event.
    fn advance(&mut self, streams: &Streams) -> Result<(), Failure> {
        if !matches!(self.held, Held::Nothing) {
            self.before = self.place();
        }
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
        while events.advance().expect("readable") {
            let Placed { file, line, event } = events.event().expect("at hand");
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
        events.add_reader(name, Box::new(text.as_bytes()));
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

    #[test]
    fn a_token_of_any_event_leads_to_that_event() {
        let folder = std::env::temp_dir().join(format!("eventflux-events-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let json = put(
            "a.jsonl",
            "{\"stream\":\"A\",\"at\":1,\"row\":[1]}\n\n?\n{\"clock\":4}\n{\"stream\":\"B\",\"row\":[2]}\n\
             {\"stream\":\"A\",\"at\":9,\"row\":[3]}",
        );
        let csv = put("b.csv", "at,n\n2,4\n4,x\n,5\n8,6\n");
        let open = |token: Option<&str>| {
            let mut events = Events::new(streams());
            token.map(|t| events.resume(t)).transpose()?;
            events.add_file(&json)?;
            let (stream, path) = ("B".to_string(), csv.clone());
            events.add_rows(&StreamFile { stream, path })?;
            events.check_resumed().map(|()| events)
        };
        let whole = all(&mut open(None).expect("readable"));
        assert_eq!(whole.len(), 9);
        let mut events = open(None).expect("readable");
        for from in 0..=whole.len() {
            assert_eq!(events.advance().expect("readable"), from < whole.len());
            let token = events.token();
            let rest = all(&mut open(Some(&token)).expect("readable"));
            assert_eq!(rest, whole[from..], "{token}");
        }
        for (token, why) in [
            ("9:1:0", "of 1 files of events, not of 2"),
            ("900:1:0 0:0:0", "was read up to byte 900"),
            ("0:0:0 7:1:0", "no row at byte 7"),
            ("x", "is no place"),
        ] {
            let failure = open(Some(token)).err().expect(token).to_string();
            assert!(failure.contains(why), "{failure}");
        }
        std::fs::remove_dir_all(&folder).expect("it was made");
    }
}
