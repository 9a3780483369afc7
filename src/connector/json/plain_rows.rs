//! Rows of JSON lines straight into columns, as far as they are plain: texts without escapes, no value in a value.
//!
//! A line is looked at once, from its beginning to its end. The keys of a row are expected in the order of the row
//! before it, so that they are compared and not looked for. The line at which that ends, and every one that is wrong,
//! is left to the reader of single lines.

use super::{RowDecoder, Takes, read_time, value};
use crate::connector::lines::Lines;
use crate::connector::number;
use crate::connector::plain_values::{Plain, end_of_plain, push_text};
use crate::connector::stream_rows::Together;
use crate::connector::time;
use crate::event::{Attribute, Column, ColumnBatch, Schema, Timestamp, Type};
use memchr::memchr;
use std::io::{self, BufRead};

/// The keys of the last row, in their order, of one stream at a time.
#[derive(Debug, Default)]
pub(super) struct Keys {
    stream: usize,
    list: Vec<Key>,
}

/// A key of a row.
#[derive(Debug)]
struct Key {
    /// With its quotes.
    text: Vec<u8>,
    /// Its first eight bytes, and ones where these are.
    begin: u64,
    mask: u64,
    /// None for another key.
    attribute: Option<usize>,
}

impl Key {
    fn new(text: &[u8], attribute: Option<usize>) -> Self {
        let mut begin = [0; 8];
        let short = text.len().min(8);
        begin[..short].copy_from_slice(&text[..short]);
        Key {
            text: text.to_vec(),
            begin: u64::from_le_bytes(begin),
            mask: u64::MAX >> (64 - 8 * short),
            attribute,
        }
    }

    /// Whether a text begins with it.
    #[inline]
    fn begins(&self, text: &[u8]) -> bool {
        let Some(eight) = text.first_chunk() else {
            return text.starts_with(&self.text);
        };
        let same = (u64::from_le_bytes(*eight) ^ self.begin) & self.mask == 0;
        same && (self.text.len() <= 8 || text.starts_with(&self.text))
    }
}

/// A stream: its name, its attributes, and which of these holds the time where an event has none.
pub type KnownStream = (String, Schema, Option<usize>);

/// The rows that a line of a file of one stream, or of events, is one of.
#[derive(Clone, Copy)]
struct Known<'a> {
    streams: &'a [KnownStream],
    /// All rows are of this stream, and need not say so; where their time may stand, and whether one may be an event.
    only: Option<(usize, Takes, bool)>,
}

/// Rows that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRows {
    /// The stream of all of them.
    pub stream: usize,
    /// The line of the first, counted from 1.
    pub line: u64,
}

impl RowDecoder {
    /// Reads the events that follow and are at hand into the columns of their stream, so far at most, as long as they
    /// are plain rows of one stream, and all of them have a time or none has. `None` where the next line is one for
    /// [`decode_line_in`](super::decode_line_in).
    pub fn next_events<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        streams: &[KnownStream],
        columns: &mut [ColumnBatch],
        together: Together,
    ) -> io::Result<Option<ReadRows>> {
        let known = Known {
            streams,
            only: None,
        };
        self.plain_lines(lines, known, columns, together)
    }

    /// The same of a file of one stream, as [`RowDecoder::decode_of`] reads it. Returns the line of the first row.
    pub fn next_rows_of<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        stream: &KnownStream,
        rows: &mut ColumnBatch,
        together: Together,
    ) -> io::Result<Option<u64>> {
        let attribute = time::attribute(&stream.1, self.time.as_deref());
        let takes = Takes {
            key: self.time.is_none() || attribute.is_none(),
            attribute,
        };
        let known = Known {
            streams: std::slice::from_ref(stream),
            only: Some((0, takes, stream.1.position("row").is_none())),
        };
        let read = self.plain_lines(lines, known, std::slice::from_mut(rows), together)?;
        Ok(read.map(|read| read.line))
    }

    fn plain_lines<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        known: Known<'_>,
        columns: &mut [ColumnBatch],
        together: Together,
    ) -> io::Result<Option<ReadRows>> {
        let (before, bytes_max) = (lines.number(), lines.bytes_max());
        let text = lines.at_hand()?;
        let (mut at, mut passed) = (0, 0);
        let (mut read, mut rows): (Option<ReadRows>, usize) = (None, 0);
        while rows < together.rows_max && at < text.len() {
            let scan = Scan {
                all: text,
                text: text.as_bytes(),
                at,
                line_max: at + bytes_max,
            };
            at = match scan.behind_blank() {
                Some(behind) => behind,
                None => {
                    let stream = read.map(|read| read.stream);
                    let columns = (&mut *columns, together.until);
                    let Some((stream, behind)) = self.plain_line(scan, known, columns, stream)
                    else {
                        break;
                    };
                    let line = before + passed + 1;
                    read = read.or(Some(ReadRows { stream, line }));
                    rows += 1;
                    behind
                }
            };
            passed += 1;
        }
        lines.take(at, passed);
        Ok(read)
    }

    /// Appends the row of a line, and returns its stream and where the next line begins; `None`, and nothing appended,
    /// where it is not plain, not of the stream, or too late.
    fn plain_line(
        &mut self,
        mut scan: Scan<'_>,
        known: Known<'_>,
        (columns, until): (&mut [ColumnBatch], Timestamp),
        stream: Option<usize>,
    ) -> Option<(usize, usize)> {
        let further = self.further;
        let mut row = PlainRow {
            known,
            columns,
            // Of a stream of which there is no row yet the columns may be those of rows before.
            began: stream,
            stream: stream.or(known.only.map(|(stream, ..)| stream)),
            at: None,
        };
        let read = row.line(self, &mut scan);
        let at = read.filter(|_| scan.ends_line());
        let stream = row.stream?;
        let rows = &mut columns[stream];
        let before = rows.len();
        let fits = |at: &Option<Timestamp>| {
            at.is_none_or(|at| at <= until) && (before == 0 || at.is_some() == rows.timed)
        };
        let Some(at) = at.filter(fits) else {
            let columns = rows.batch.columns.iter_mut();
            columns.for_each(|column| column.truncate(before));
            self.further = further;
            return None;
        };
        rows.timed = at.is_some();
        rows.batch.at.push(at.unwrap_or_default());
        Some((stream, scan.at))
    }
}

/// A row on its way from a line into its columns.
struct PlainRow<'r> {
    known: Known<'r>,
    columns: &'r mut [ColumnBatch],
    /// The stream of the rows before it.
    began: Option<usize>,
    stream: Option<usize>,
    /// What the event says.
    at: Option<Timestamp>,
}

impl PlainRow<'_> {
    /// Reads a line; returns the time of its row.
    fn line(&mut self, decoder: &mut RowDecoder, scan: &mut Scan<'_>) -> Option<Option<Timestamp>> {
        scan.space();
        let Some((stream, takes, may_be_event)) = self.known.only else {
            return self.event(decoder, scan);
        };
        if may_be_event {
            let begin = scan.at;
            let is_event = scan.eat(b'{') && scan.is_key(b"\"stream\"");
            scan.at = begin;
            if is_event {
                return self.event(decoder, scan);
            }
        }
        self.begin(stream)?;
        self.row(decoder, scan, takes)
    }

    /// Rows of this stream follow.
    fn begin(&mut self, stream: usize) -> Option<usize> {
        match self.began {
            Some(began) if began != stream => return None,
            Some(_) => {}
            None => self.columns[stream].clear(),
        }
        self.stream = Some(stream);
        Some(stream)
    }

    /// `{"stream":"S","at":1000,"row":[…]}`
    fn event(
        &mut self,
        decoder: &mut RowDecoder,
        scan: &mut Scan<'_>,
    ) -> Option<Option<Timestamp>> {
        if !scan.eat(b'{') {
            return None;
        }
        let (mut stream, mut time) = (None, None);
        let mut at = None;
        loop {
            scan.space();
            if stream.is_none() && scan.is_key(b"\"stream\"") {
                scan.colon()?;
                stream = Some(self.find(scan.plain_text()?)?);
                self.begin(stream?)?;
            } else if at.is_none() && scan.is_key(b"\"at\"") {
                scan.colon()?;
                at = Some(scan.time("at", decoder)?);
                self.at = at?;
            } else if time.is_none() && scan.is_key(b"\"row\"") {
                scan.colon()?;
                // Where the event has no time an attribute may hold it, and the event is not read to its end yet.
                let own = self.known.streams[stream?].2;
                if self.at.is_none() && (decoder.time.is_some() || own.is_some()) {
                    return None;
                }
                if !matches!(scan.peek(), Some(b'[' | b'{')) {
                    return None;
                }
                self.row(decoder, scan, Takes::default())?;
                time = Some(());
            } else {
                return None;
            }
            scan.space();
            match scan.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        time.map(|()| self.at)
    }

    /// The number of a stream.
    fn find(&self, name: &str) -> Option<usize> {
        let streams = self.known.streams;
        let is_last = |stream: &usize| streams[*stream].0 == name;
        let last = self.began.filter(is_last);
        let exact = || streams.iter().position(|(own, ..)| own == name);
        let alike = || {
            streams
                .iter()
                .position(|(own, ..)| own.eq_ignore_ascii_case(name))
        };
        last.or_else(exact).or_else(alike)
    }

    /// Reads an array or an object into the columns; returns the time that it holds itself.
    fn row(
        &mut self,
        decoder: &mut RowDecoder,
        scan: &mut Scan<'_>,
        takes: Takes,
    ) -> Option<Option<Timestamp>> {
        let stream = self.stream?;
        let schema = &self.known.streams[stream].1;
        let rows = self.columns[stream].len();
        let columns = &mut self.columns[stream].batch.columns;
        decoder.at = None;
        decoder.takes = takes;
        let read = match scan.next() {
            Some(b'[') => array(decoder, scan, schema.attributes(), columns),
            Some(b'{') => object(decoder, scan, (stream, schema), columns, rows),
            _ => None,
        };
        decoder.takes = Takes::default();
        read.map(|()| decoder.at)
    }
}

/// The values of an array, behind its bracket.
fn array(
    decoder: &mut RowDecoder,
    scan: &mut Scan<'_>,
    attributes: &[Attribute],
    columns: &mut [Column],
) -> Option<()> {
    for (i, (attribute, column)) in attributes.iter().zip(columns).enumerate() {
        scan.space();
        if i > 0 {
            scan.expect(b',')?;
            scan.space();
        }
        scan.value(decoder, i, attribute, column)?;
    }
    scan.space();
    scan.expect(b']')
}

/// The values of an object, behind its bracket. `rows`: how many there are already.
fn object(
    decoder: &mut RowDecoder,
    scan: &mut Scan<'_>,
    (stream, schema): (usize, &Schema),
    columns: &mut [Column],
    rows: usize,
) -> Option<()> {
    let attributes = schema.attributes();
    let mut keys = std::mem::take(&mut decoder.keys);
    if keys.stream != stream {
        keys.list.clear();
        keys.stream = stream;
    }
    let mut given = 0;
    let mut read = || {
        for place in 0.. {
            scan.space();
            let attribute = keys.attribute(place, scan, schema)?;
            scan.colon()?;
            match attribute {
                // A key that stands there twice is a fault.
                Some(i) if columns[i].len() != rows => return None,
                Some(i) => {
                    scan.value(decoder, i, &attributes[i], &mut columns[i])?;
                    given += 1;
                }
                None => other(decoder, scan, keys.name(place))?,
            }
            scan.space();
            match scan.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        Some(())
    };
    let read = read();
    decoder.keys = keys;
    read?;
    if given == 0 {
        return None;
    }
    if given < attributes.len() {
        let missing = columns.iter_mut().filter(|column| column.len() == rows);
        missing.for_each(Column::push_null);
        return decoder.lenient.then_some(());
    }
    Some(())
}

/// The value of a key that is no attribute: the row's time, or one to leave out.
fn other(decoder: &mut RowDecoder, scan: &mut Scan<'_>, name: &str) -> Option<()> {
    // Perhaps an event.
    if name == "row" {
        return None;
    }
    if decoder.takes.key && decoder.is_time(name) {
        let at = scan.time(name, decoder)?;
        decoder.at = at.or(decoder.at);
        return Some(());
    }
    scan.scalar()?;
    decoder.further += 1;
    decoder.lenient.then_some(())
}

impl Keys {
    /// The attribute of the key that follows, which is the `place`th of its row.
    fn attribute(
        &mut self,
        place: usize,
        scan: &mut Scan<'_>,
        schema: &Schema,
    ) -> Option<Option<usize>> {
        if let Some(key) = self.list.get(place)
            && key.begins(&scan.text[scan.at..])
        {
            scan.at += key.text.len();
            return Some(key.attribute);
        }
        let begin = scan.at;
        let attribute = schema.position(scan.plain_text()?);
        self.list.truncate(place);
        let key = Key::new(&scan.text[begin..scan.at], attribute);
        self.list.push(key);
        Some(attribute)
    }

    /// The name of a key that was read.
    fn name(&self, place: usize) -> &str {
        let key = &self.list[place].text;
        std::str::from_utf8(&key[1..key.len() - 1]).unwrap_or_default()
    }
}

/// Lines, each with its end, and where they are read. No value goes beyond its line: what ends one is no byte of it.
struct Scan<'a> {
    all: &'a str,
    text: &'a [u8],
    at: usize,
    /// Where the line that is read has to end, at the latest.
    line_max: usize,
}

impl<'a> Scan<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    #[inline]
    fn colon(&mut self) -> Option<()> {
        self.space();
        self.expect(b':')?;
        self.space();
        Some(())
    }

    /// Takes the end of the line, if nothing is left of it.
    fn ends_line(&mut self) -> bool {
        self.space();
        self.at <= self.line_max && self.eat(b'\n')
    }

    /// Where the line behind a blank one begins that begins here.
    #[inline]
    fn behind_blank(&self) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        if rest.first()? > &b' ' {
            return None;
        }
        let end = self.at + memchr(b'\n', rest)?;
        let is_blank = self.text[self.at..end].trim_ascii().is_empty();
        (is_blank && end <= self.line_max).then_some(end + 1)
    }

    /// Takes this key, with its quotes, if it stands there.
    #[inline]
    fn is_key(&mut self, key: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(key);
        self.at += if found { key.len() } else { 0 };
        found
    }

    /// A word.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.is_key(word).then_some(())
    }

    /// The characters of a text without escapes.
    #[inline]
    fn plain_text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let begin = self.at;
        let end = end_of_plain(self.text, begin)?;
        self.at = end;
        self.expect(b'"')?;
        self.all.get(begin..end)
    }

    /// A text with its quotes; escapes are looked past and not at.
    fn whole_text(&mut self) -> Option<&'a str> {
        let begin = self.at;
        self.expect(b'"')?;
        loop {
            self.at = end_of_plain(self.text, self.at)?;
            match self.next()? {
                b'"' => break,
                b'\\' if self.next()? != b'\n' => {}
                _ => return None,
            }
        }
        self.all.get(begin..self.at)
    }

    /// A number, with an exponent where it has one.
    #[inline(always)]
    fn number(&mut self) -> Option<(Plain, bool)> {
        let text = &self.text[self.at..];
        let number = Plain::read(text).filter(|number| number.is_json(text))?;
        self.at += number.len;
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            let digits = self.text[self.at..]
                .iter()
                .take_while(|b| b.is_ascii_digit());
            let digits = digits.count();
            self.at += digits;
            return (digits > 0).then_some((number, false));
        }
        Some((number, true))
    }

    /// What is neither an array nor an object, and has no escapes.
    fn scalar(&mut self) -> Option<&'a str> {
        let begin = self.at;
        match self.peek()? {
            b'"' => _ = self.plain_text()?,
            b'n' => self.word(b"null")?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            _ => _ = self.number()?,
        }
        self.all.get(begin..self.at)
    }

    /// A time under a key; none for null.
    #[inline]
    fn time(&mut self, key: &str, decoder: &RowDecoder) -> Option<Option<Timestamp>> {
        let begin = self.at;
        if let Some((number, true)) = self.number()
            && let Some(at) = number.time(&decoder.times)
        {
            return Some(Some(at));
        }
        self.at = begin;
        read_time(key, self.scalar()?, &decoder.times).ok()
    }

    /// Appends the value of an attribute to its column, and keeps the row's time where that attribute holds it.
    #[inline]
    fn value(
        &mut self,
        decoder: &mut RowDecoder,
        i: usize,
        attribute: &Attribute,
        column: &mut Column,
    ) -> Option<()> {
        if decoder.takes.attribute == Some(i) {
            let begin = self.at;
            if let Some((number, true)) = self.number()
                && let Some(at) = number.time(&decoder.times)
                && number.push(column)
            {
                if !decoder.is_told() {
                    decoder.at = Some(at);
                }
                return Some(());
            }
            self.at = begin;
            let text = self.scalar()?;
            let value = decoder.value(i, text, attribute).ok()?;
            return column.push(&value).then_some(());
        }
        let begin = self.at;
        match self.peek()? {
            b'"' if attribute.ty == Type::String => {
                if let Some(text) = self.plain_text() {
                    return push_text(column, text).then_some(());
                }
                self.at = begin;
                let value = value(self.whole_text()?, attribute).ok()?;
                column.push(&value).then_some(())
            }
            b'-' | b'0'..=b'9' => {
                let (number, is_plain) = self.number()?;
                if is_plain && number.push(column) {
                    return Some(());
                }
                let text = self.all.get(begin..self.at)?;
                let value = number::number(text, attribute.ty).ok()?;
                column.push(&value).then_some(())
            }
            b'n' => {
                self.word(b"null")?;
                column.push_null();
                Some(())
            }
            _ => {
                let value = value(self.scalar()?, attribute).ok()?;
                column.push(&value).then_some(())
            }
        }
    }
}
