//! Events from files and standard input, in one order.
//!
//! Every file has a cursor that holds its next event decoded. The event with the smallest time is taken, ties in
//! the order of the command line; an event without a time stands at the time of the one before it in its file, so
//! files without times are read one after the other.
//!
//! Rows that follow each other in one file, with none of another file between them, may be taken together, in columns.
//! They are read so once some have followed: where files take turns little is read in vain.
//!
//! Where all files stand before the event at hand is told to checkpoints, so that a later run goes on with that event:
//! per file the byte and line behind what was taken, and the time by which its next event is placed. A last line
//! without an end may be half of one, and is left to that later run unless it is seen to be whole.

use crate::failure::Failure;
use crate::places::{self, Place, State};
use crate::signal;
use eventflux::connector::csv::CsvError;
use eventflux::connector::json::{EventLine, EventRow, RowDecoder, decode_line_in};
use eventflux::connector::{
    BadRow, Begin, FileIdentity, LastLine, Line, Lines, Rest, StreamRows, Text, TextRow, Together,
};
use eventflux::event::{ColumnBatch, Schema, Timestamp, Value};
use std::fs::File;
use std::io::{self, BufReader, Read};

/// Rows that are read together at most: so many travel through an app together.
const COLUMN_ROWS: usize = 256;
/// So many events of one of several files follow each other before rows of it are read together: where files take turns
/// a row that is later than theirs would be decoded twice, again and again.
const FOLLOWED_MIN: usize = 16;

/// The streams of an app, by position: name, attributes, and which of them is declared to be the time.
pub struct Streams(Vec<(String, Schema, Option<usize>)>);

impl Streams {
    /// These streams.
    pub fn new(streams: impl IntoIterator<Item = (String, Schema, Option<usize>)>) -> Self {
        Streams(streams.into_iter().collect())
    }

    /// Position of a stream; names are compared without regard to ASCII case.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.0
            .iter()
            .position(|s| s.0 == name)
            .or_else(|| self.0.iter().position(|s| s.0.eq_ignore_ascii_case(name)))
    }

    /// Name of the stream at a position.
    pub fn name(&self, stream: usize) -> &str {
        &self.0[stream].0
    }

    /// Attributes of the stream at a position.
    pub fn schema(&self, stream: usize) -> &Schema {
        &self.0[stream].1
    }

    /// The attribute of the stream at a position that is declared to be the time.
    pub fn time(&self, stream: usize) -> Option<usize> {
        self.0[stream].2
    }

    /// All names, separated by commas.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|s| s.0.as_str()).collect();
        names.join(", ")
    }

    /// All names, by position.
    pub fn to_names(&self) -> Vec<String> {
        self.0.iter().map(|s| s.0.clone()).collect()
    }

    /// Columns for the rows of each.
    fn columns(&self) -> Vec<ColumnBatch> {
        let schemas = self.0.iter().map(|(_, schema, _)| schema);
        schemas.map(ColumnBatch::new).collect()
    }

    fn require(&self, name: &str) -> Result<usize, BadRow> {
        let known = || self.0.iter().map(|s| s.0.as_str());
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
    /// Rows that are sent together, and why others of the line are none.
    Batch(&'a [BatchRows], &'a [BadRow]),
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

/// Rows of one stream that follow each other in a file, in columns.
pub struct PlacedRows<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Line of the first, counted from 1.
    pub line: u64,
    /// Their stream.
    pub stream: usize,
    /// The rows.
    pub rows: &'a mut ColumnBatch,
}

/// A file or a pipe, opened.
pub struct OpenedInput {
    /// Its name, for messages.
    pub name: String,
    /// The stream of its rows; none for events of any streams.
    pub stream: Option<usize>,
    /// How they stand in it.
    pub text: Text,
    /// What is read, from where `begin` says.
    pub reader: Box<dyn Read>,
    /// The same file, where it is one: to tell which.
    pub file: Option<File>,
    /// It is compressed, and places are in its text.
    pub packed: bool,
    /// Where it is read from.
    pub begin: Begin,
    /// Where the event before that stands among those of other files.
    pub time: Timestamp,
}

/// The events of all files.
pub struct Events {
    streams: Streams,
    cursors: Vec<Cursor>,
    /// The cursor whose event was given out last and moves on next.
    given: Option<usize>,
    /// Events before it that this cursor gave, too, one behind the other.
    followed: usize,
    /// A later run goes on where this one ends.
    again: bool,
}

impl Events {
    /// No events yet. `again`: a later run goes on where this one ends.
    pub fn new(streams: Streams, again: bool) -> Self {
        Events {
            streams,
            cursors: Vec::new(),
            given: None,
            followed: 0,
            again,
        }
    }

    /// Appends to a token where all files stand before the event at hand; at their ends when there is none.
    pub fn write_places(&mut self, token: &mut String) -> Result<(), Failure> {
        let mut cursors = self.cursors.iter_mut();
        cursors.try_for_each(|cursor| cursor.write_place(token))
    }

    /// The streams.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Adds a file or a pipe.
    pub fn add(&mut self, source: OpenedInput) -> Result<(), Failure> {
        let OpenedInput {
            name,
            stream,
            text,
            reader,
            file,
            packed,
            begin,
            time,
        } = source;
        let failure = |e: io::Error| Failure::run(format!("{name}: {e}"));
        let identity = match &file {
            Some(file) if packed => FileIdentity::of(file, u64::MAX).map_err(failure)?,
            Some(file) => FileIdentity::of(file, begin.offset).map_err(failure)?,
            None => None,
        };
        let reader = BufReader::with_capacity(64 << 10, reader);
        let (offset, line) = (begin.offset, begin.line);
        let of = stream.map_or("", |s| self.streams.name(s));
        let names = places::names(of, &name);
        let body = match stream {
            None => Body::Events(Lines::resumed(reader, offset, line), RowDecoder::new(&text)),
            Some(stream) => {
                let of = (of, self.streams.schema(stream));
                Body::Rows(StreamRows::new(reader, of, &text, begin), stream)
            }
        };
        self.cursors.push(Cursor {
            name,
            names,
            body,
            // What is compressed is whole.
            again: self.again && file.is_some() && !packed,
            file,
            packed,
            cut: false,
            identity,
            batch: Vec::new(),
            faults: Vec::new(),
            columns: self.streams.columns(),
            held: Held::Nothing,
            line: 0,
            left: None,
            time,
            before: Place { offset, line, time },
        });
        Ok(())
    }

    /// Goes to the rows of one file that follow and are at hand, where they are plain and no event of another file
    /// stands between them; otherwise the next event is one for [`Events::advance`].
    pub fn advance_rows(&mut self) -> Result<Option<PlacedRows<'_>>, Failure> {
        let Some(next) = self.next_with_rows() else {
            return Ok(None);
        };
        let until = self.until(next);
        let (cursor, streams) = (&mut self.cursors[next], &self.streams);
        let read = cursor.next_rows(streams, until);
        let read = read.map_err(|e| Failure::run(format!("{}: {e}", cursor.name)))?;
        let Some(stream) = read else {
            return Ok(None);
        };
        self.given = Some(next);
        Ok(Some(PlacedRows {
            file: &cursor.name,
            line: cursor.line,
            stream,
            rows: &mut cursor.columns[stream],
        }))
    }

    /// The cursor that moves on next, where it may give out more than one row.
    fn next_with_rows(&self) -> Option<usize> {
        match (self.cursors.as_slice(), self.given) {
            ([_], Some(_)) => Some(0),
            ([cursor], None) => matches!(cursor.held, Held::Nothing).then_some(0),
            (_, given) => given.filter(|_| self.followed >= FOLLOWED_MIN),
        }
    }

    /// Up to which time rows of a cursor stand before what all others hold.
    fn until(&self, next: usize) -> Timestamp {
        let others = self.cursors.iter().enumerate();
        let others = others.filter(|(n, c)| *n != next && !matches!(c.held, Held::End));
        // At the same time the file that was named first comes first.
        let until = others.map(|(n, c)| match n < next {
            true => Timestamp(c.time.0.saturating_sub(1)),
            false => c.time,
        });
        until.min().unwrap_or(Timestamp(i64::MAX))
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.cursors.iter().map(Cursor::bytes_read).sum()
    }

    /// Keys and cells that were no attributes and were left out, since this was asked last.
    pub fn take_further(&mut self) -> u64 {
        self.cursors.iter_mut().map(Cursor::take_further).sum()
    }

    /// The last lines that were left to a later run.
    pub fn left(&self) -> impl Iterator<Item = (&str, u64)> {
        let left = self
            .cursors
            .iter()
            .map(|c| Some((c.name.as_str(), c.left?)));
        left.flatten()
    }

    /// Goes to the next event; `false` at the end of all files.
    pub fn advance(&mut self) -> Result<bool, Failure> {
        let before = self.given.take();
        match before {
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
        self.followed = match self.given == before {
            true => self.followed + 1,
            false => 0,
        };
        Ok(self.given.is_some())
    }

    /// The event at hand.
    pub fn event(&self) -> Option<Placed<'_>> {
        self.given.map(|given| self.cursors[given].placed())
    }
}

type Reader = BufReader<Box<dyn Read>>;

/// What a file holds.
enum Body {
    /// Events of any streams.
    Events(Lines<Reader>, RowDecoder),
    /// Rows of one stream.
    Rows(StreamRows<Reader>, usize),
}

/// What a cursor holds; values are in its body, batches in its `batch`.
enum Held {
    Nothing,
    /// Rows that were given out in columns.
    Rows,
    Row(usize, Option<Timestamp>),
    Batch,
    Clock(Timestamp),
    Bad(BadRow),
    End,
}

/// A file and its next event.
struct Cursor {
    name: String,
    /// Its stream and its name, as tokens have them.
    names: String,
    body: Body,
    /// A later run goes on where this one ends.
    again: bool,
    file: Option<File>,
    packed: bool,
    /// A signal has ended the reading in the middle.
    cut: bool,
    identity: Option<FileIdentity>,
    batch: Vec<BatchRows>,
    /// Rows of the batch line that are none.
    faults: Vec<BadRow>,
    /// By stream: rows that were read together.
    columns: Vec<ColumnBatch>,
    held: Held,
    line: u64,
    /// The last line, which has no end yet and was left.
    left: Option<u64>,
    /// Where the held event stands among those of other files.
    time: Timestamp,
    /// Where the file stands before the held event.
    before: Place,
}

impl Cursor {
    /// Where the file stands behind the held event.
    fn place(&self) -> Place {
        let (offset, line) = match &self.body {
            Body::Events(lines, _) => (lines.bytes_read(), lines.number()),
            Body::Rows(rows, _) => (rows.bytes_read(), rows.lines()),
        };
        Place {
            offset,
            line,
            time: self.time,
        }
    }

    fn write_place(&mut self, token: &mut String) -> Result<(), Failure> {
        if let (Some(known), Some(file), false) = (self.identity, &self.file, self.packed) {
            let grown = known.grown(file, self.before.offset);
            let grown = grown.map_err(|e| Failure::run(format!("{}: {e}", self.name)))?;
            self.identity = Some(grown);
        }
        let ended = matches!(self.held, Held::End) && self.left.is_none() && !self.cut;
        let state = State::of_run(ended);
        places::write_file(token, self.before, state, self.identity, &self.names);
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.place().offset
    }

    fn take_further(&mut self) -> u64 {
        match &mut self.body {
            Body::Events(_, decoder) => decoder.take_further(),
            Body::Rows(rows, _) => rows.take_further(),
        }
    }

    /// Reads the rows that follow and are at hand, up to a time, into the columns of their stream.
    fn next_rows(&mut self, streams: &Streams, until: Timestamp) -> io::Result<Option<usize>> {
        let together = Together {
            rows_max: COLUMN_ROWS,
            until,
        };
        let columns = &mut self.columns;
        let read = match &mut self.body {
            Body::Rows(rows, stream) => {
                let first = rows.next_rows(&mut columns[*stream], together)?;
                first.map(|line| (*stream, line))
            }
            Body::Events(lines, decoder) => {
                let read = decoder.next_events(lines, &streams.0, columns, together)?;
                read.map(|read| (read.stream, read.line))
            }
        };
        Ok(read.map(|(stream, line)| {
            (self.held, self.line) = (Held::Rows, line);
            let rows = &self.columns[stream];
            if let (true, Some(last)) = (rows.is_timed(), rows.rows().at().last()) {
                self.time = *last;
            }
            stream
        }))
    }

    /// Reads the next event.
    fn advance(&mut self, streams: &Streams) -> Result<(), Failure> {
        if !matches!(self.held, Held::Nothing) {
            self.before = self.place();
        }
        let read = self.read(streams);
        self.held = read.map_err(|e| Failure::run(format!("{}: {e}", self.name)))?;
        if matches!(self.held, Held::End) {
            // A header and blank lines are no events, and are read all the same.
            self.before = self.place();
        }
        let time = match &self.held {
            Held::Row(_, at) => *at,
            Held::Clock(at) => Some(*at),
            Held::Batch => self
                .batch
                .iter()
                .flat_map(|(_, rows)| rows)
                .find_map(|r| r.0),
            Held::Nothing | Held::Rows | Held::Bad(_) | Held::End => None,
        };
        self.time = time.unwrap_or(self.time);
        Ok(())
    }

    fn read(&mut self, streams: &Streams) -> Result<Held, CsvError> {
        let waits = self.file.is_none() || self.packed;
        match &mut self.body {
            Body::Rows(rows, stream) => {
                let row = match rows.next_row()? {
                    Some(row) => Some(row),
                    None if is_cut(waits) => {
                        self.cut = true;
                        None
                    }
                    None => match rows.rest(self.again)? {
                        Rest::Row(row) => Some(row),
                        Rest::Left(line) => {
                            self.left = Some(line);
                            None
                        }
                        Rest::Nothing => None,
                    },
                };
                let Some(TextRow { line, row }) = row else {
                    return Ok(Held::End);
                };
                self.line = line;
                Ok(row.map_or_else(Held::Bad, |at| Held::Row(*stream, at)))
            }
            Body::Events(lines, decoder) => {
                let line = match lines.next_line()? {
                    Some(line) => line,
                    None if is_cut(waits) => {
                        self.cut = true;
                        return Ok(Held::End);
                    }
                    None => match lines.last_line(self.again) {
                        LastLine::Whole(line) => line,
                        LastLine::Left(line) => {
                            self.left = Some(line);
                            return Ok(Held::End);
                        }
                        LastLine::Nothing => return Ok(Held::End),
                    },
                };
                self.line = line.number;
                let held = hold(line, streams, decoder, &mut self.batch, &mut self.faults);
                Ok(held.unwrap_or_else(Held::Bad))
            }
        }
    }

    fn placed(&self) -> Placed<'_> {
        let event = match &self.held {
            Held::Row(stream, at) => Event::Row {
                stream: *stream,
                at: *at,
                row: match &self.body {
                    Body::Rows(rows, _) => rows.values(),
                    Body::Events(_, decoder) => decoder.values(),
                },
            },
            Held::Batch | Held::Rows | Held::Nothing | Held::End => {
                Event::Batch(&self.batch, &self.faults)
            }
            Held::Clock(at) => Event::Clock(*at),
            Held::Bad(fault) => Event::Bad(fault),
        };
        Placed {
            file: &self.name,
            line: self.line,
            event,
        }
    }
}

/// Whether what was read need not be all: a signal ends the wait for standard input, a pipe, a device or what is
/// compressed in the middle of a line, too, and half a line is no bad one.
fn is_cut(waits: bool) -> bool {
    waits && signal::is_asked()
}

/// Reads the values of a line into the decoder or the batch.
fn hold(
    line: Line<'_>,
    streams: &Streams,
    decoder: &mut RowDecoder,
    batch: &mut Vec<BatchRows>,
    faults: &mut Vec<BadRow>,
) -> Result<Held, BadRow> {
    let bytes = line.bytes;
    let bytes = bytes.map_err(|bytes_max| BadRow::TooLong { bytes_max })?;
    match decode_line_in(bytes, decoder.times())? {
        EventLine::Clock(at) => Ok(Held::Clock(at)),
        EventLine::Row(event) => {
            let (stream, at) = decode(&event, streams, decoder)?;
            Ok(Held::Row(stream, at))
        }
        EventLine::Batch(events) => {
            batch.clear();
            faults.clear();
            for (n, event) in events.into_iter().enumerate() {
                let read = event.and_then(|event| decode(&event, streams, decoder));
                let (stream, at) = match read {
                    Ok(read) => read,
                    Err(fault) => {
                        faults.push(fault.in_batch(n + 1));
                        continue;
                    }
                };
                let row = decoder.values().to_vec();
                match batch.last_mut() {
                    Some((last, rows)) if *last == stream => rows.push((at, row)),
                    _ => batch.push((stream, vec![(at, row)])),
                }
            }
            Ok(Held::Batch)
        }
    }
}

/// The stream and the time of an event; its values are in the decoder.
fn decode(
    event: &EventRow<'_>,
    streams: &Streams,
    decoder: &mut RowDecoder,
) -> Result<(usize, Option<Timestamp>), BadRow> {
    let stream = streams.require(&event.stream)?;
    let (schema, time) = (streams.schema(stream), streams.time(stream));
    let (at, _) = decoder.decode_event_by(event, schema, time)?;
    Ok((stream, at))
}

#[cfg(test)]
mod tests;
