//! Records of CSV: cells, their quotes, and where a record ends.
//!
//! A cell in quotes may hold delimiters and line ends; a quote in it stands twice. What no parser of a library tells:
//! whether an empty cell was quoted, where a record that is too long ends, and that the last one has no line end yet.

use crate::connector::lines::Window;
use std::io::{self, BufRead, ErrorKind};

/// Where in a record the reader stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the first byte of a cell.
    #[default]
    Begin,
    /// In a cell without quotes, or behind the closing one.
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: it closes the cell, or the next one makes it a character.
    Quote,
}

/// Reads records, each of at most so many bytes.
#[derive(Debug)]
pub(in crate::connector) struct Records<R> {
    reader: R,
    delimiter: u8,
    quote: Option<u8>,
    bytes_max: u64,
    /// The cells of the record at hand, one behind the other.
    text: Vec<u8>,
    /// Where each cell ends, and whether it was quoted.
    ends: Vec<(usize, bool)>,
    quoted: bool,
    state: State,
    /// A carriage return was read that may be part of a line end.
    returned: bool,
    /// Bytes of the record at hand, and lines that end inside of it.
    size: u64,
    inside: u64,
    /// The record at hand has its end, or is taken without.
    ended: bool,
    /// Lines that have ended, and their bytes.
    lines: u64,
    bytes_read: u64,
    first_line: u64,
    window: Window,
}

impl<R: BufRead> Records<R> {
    /// Records of a reader that stands at byte `bytes_read`, behind line `lines`.
    pub(in crate::connector) fn new(
        reader: R,
        (delimiter, quote): (u8, Option<u8>),
        bytes_max: usize,
        (bytes_read, lines): (u64, u64),
    ) -> Self {
        Records {
            reader,
            delimiter,
            quote,
            bytes_max: bytes_max as u64,
            text: Vec::new(),
            ends: Vec::new(),
            quoted: false,
            state: State::Begin,
            returned: false,
            size: 0,
            inside: 0,
            ended: true,
            lines,
            bytes_read,
            first_line: lines,
            window: Window::default(),
        }
    }

    /// Where the next record begins.
    pub(in crate::connector) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Lines of the records that have ended.
    pub(in crate::connector) fn lines(&self) -> u64 {
        self.lines
    }

    /// The line where the last record began, counted from 1.
    pub(in crate::connector) fn line(&self) -> u64 {
        self.first_line
    }

    /// Cells of the record at hand.
    pub(in crate::connector) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells of the record at hand, and whether each was quoted.
    pub(in crate::connector) fn cells(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut begin = 0;
        self.ends.iter().map(move |(end, quoted)| {
            let cell = &self.text[begin..*end];
            begin = *end;
            (cell, *quoted)
        })
    }

    /// Whether the record at hand is longer than the bound.
    pub(in crate::connector) fn is_long(&self) -> bool {
        self.size > self.bytes_max
    }

    /// Whether the record at hand ends inside of quotes.
    pub(in crate::connector) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// Whether the last record has no line end yet.
    pub(in crate::connector) fn is_unfinished(&self) -> bool {
        !self.ended && !self.is_blank()
    }

    fn is_blank(&self) -> bool {
        let empty = self.text.is_empty() && !self.is_long();
        empty && self.ends.len() <= usize::from(self.ended) && !self.quoted
    }

    /// Goes to the next record that is no empty line; `false` when the reader has no more, for now.
    pub(in crate::connector) fn next_record(&mut self) -> io::Result<bool> {
        while self.fill()? {
            if !self.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whole lines that are at hand; none where the reader stands within a record. Waits only where nothing is at hand.
    pub(in crate::connector) fn at_hand(&mut self) -> io::Result<&str> {
        match self.ended {
            true => self.window.lines(&mut self.reader),
            false => Ok(""),
        }
    }

    /// Takes lines that were at hand.
    pub(in crate::connector) fn take(&mut self, bytes: usize, lines: u64) {
        self.reader.consume(bytes);
        self.window.take(bytes);
        self.bytes_read += bytes as u64;
        self.lines += lines;
    }

    /// Takes the last record without a line end as it is.
    pub(in crate::connector) fn take_unfinished(&mut self) -> bool {
        let unfinished = self.is_unfinished();
        if unfinished {
            self.end_record();
        }
        unfinished
    }

    /// Reads a record; `false` when the reader ends before it does.
    fn fill(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.ended) {
            self.text.clear();
            self.ends.clear();
            self.quoted = false;
            self.state = State::Begin;
            self.returned = false;
            (self.size, self.inside) = (0, 0);
        }
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok(false);
            }
            let mut cells = Cells {
                text: &mut self.text,
                ends: &mut self.ends,
                quoted: self.quoted,
                state: self.state,
                returned: self.returned,
                inside: self.inside,
                left: self.bytes_max.saturating_sub(self.size),
                delimiter: self.delimiter,
                quote: self.quote,
            };
            let (read, ended) = cells.read(buffer);
            (self.quoted, self.state) = (cells.quoted, cells.state);
            (self.returned, self.inside) = (cells.returned, cells.inside);
            self.reader.consume(read);
            self.size += read as u64;
            if ended {
                self.end_record();
                return Ok(true);
            }
        }
    }

    fn end_record(&mut self) {
        self.ended = true;
        self.ends.push((self.text.len(), self.quoted));
        self.first_line = self.lines + 1;
        self.lines += 1 + self.inside;
        self.bytes_read += self.size;
    }
}

/// The part of the reader's work that is done a byte at a time.
struct Cells<'r> {
    text: &'r mut Vec<u8>,
    ends: &'r mut Vec<(usize, bool)>,
    quoted: bool,
    state: State,
    returned: bool,
    inside: u64,
    /// Bytes until the record is too long: the rest of it is read past.
    left: u64,
    delimiter: u8,
    quote: Option<u8>,
}

impl Cells<'_> {
    /// Reads up to the end of the record; returns the bytes read and whether the end is there.
    fn read(&mut self, buffer: &[u8]) -> (usize, bool) {
        let mut read = 0;
        while read < buffer.len() {
            let run = self.run(&buffer[read..]);
            if run > 0 {
                self.text.extend_from_slice(&buffer[read..read + run]);
                read += run;
            } else {
                read += 1;
                if self.byte(buffer[read - 1]) {
                    return (read, true);
                }
            }
            if read as u64 > self.left {
                // Too long: nothing of it is kept.
                self.text.clear();
                self.ends.clear();
            }
        }
        (read, false)
    }

    /// How many bytes are characters of the cell at hand and nothing else.
    #[inline]
    fn run(&self, bytes: &[u8]) -> usize {
        let (delimiter, quote) = (self.delimiter, self.quote);
        let end = match self.state {
            State::Plain if !self.returned => bytes
                .iter()
                .position(|b| *b == delimiter || matches!(b, b'\n' | b'\r')),
            State::Quoted => bytes.iter().position(|b| Some(*b) == quote || *b == b'\n'),
            _ => Some(0),
        };
        end.unwrap_or(bytes.len())
    }

    /// Takes a byte; whether it ends the record.
    #[inline]
    fn byte(&mut self, byte: u8) -> bool {
        if self.state == State::Quoted {
            match self.quote == Some(byte) {
                true => self.state = State::Quote,
                false => {
                    self.inside += u64::from(byte == b'\n');
                    self.text.push(byte);
                }
            }
            return false;
        }
        let is_quote = self.quote == Some(byte);
        if is_quote && self.state == State::Quote {
            self.text.push(byte);
            self.state = State::Quoted;
            return false;
        }
        let returned = std::mem::take(&mut self.returned);
        if byte == b'\n' {
            return true;
        }
        if returned {
            self.text.push(b'\r');
            self.state = State::Plain;
        }
        match byte {
            b'\r' => self.returned = true,
            _ if byte == self.delimiter => {
                self.ends.push((self.text.len(), self.quoted));
                self.quoted = false;
                self.state = State::Begin;
                return false;
            }
            _ if is_quote && self.state == State::Begin => {
                self.quoted = true;
                self.state = State::Quoted;
                return false;
            }
            _ => self.text.push(byte),
        }
        self.state = State::Plain;
        false
    }
}
