//! Lines of a reader, each at most so many bytes.
//!
//! A file without line ends must not become one allocation of the file's size: what is beyond the bound is read past
//! and reported as one bad line. A last line without an end may be half of one: it is kept back until its end comes,
//! or until the reader is said to have no more.

use super::json::is_json;
use std::io::{self, BufRead, ErrorKind, Read};

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1, blank lines included.
    pub number: u64,
    /// Without the line end; `Err` holds the bound that the line exceeds.
    pub bytes: Result<&'a [u8], usize>,
}

/// What is behind the last line end.
#[derive(Debug, PartialEq, Eq)]
pub enum LastLine<'a> {
    /// Nothing, or blanks.
    Nothing,
    /// A line that is whole, or is said to be.
    Whole(Line<'a>),
    /// Perhaps half of a line, of this number; it is left.
    Left(u64),
}

/// Reads lines of bounded length. A byte order mark is skipped, and so are blank lines unless the text is plain;
/// `\r\n` ends a line as `\n` does.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// Bytes of the line at hand, more than `line` holds where it is too long.
    size: u64,
    /// The line at hand has its end, or is taken without.
    ended: bool,
    number: u64,
    bytes_read: u64,
    bytes_max: usize,
    /// Blank lines are lines, and none is seen to be whole without its end.
    plain: bool,
    window: Window,
}

/// The longest line that a reader takes unless told otherwise: 1 MiB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

impl<R: BufRead> Lines<R> {
    /// Lines of at most [`LINE_BYTES_MAX`] bytes.
    pub fn new(reader: R) -> Self {
        Lines::bounded(reader, LINE_BYTES_MAX)
    }

    /// Lines of at most `bytes_max` bytes.
    pub fn bounded(reader: R, bytes_max: usize) -> Self {
        Lines {
            reader,
            line: Vec::new(),
            size: 0,
            ended: true,
            number: 0,
            bytes_read: 0,
            bytes_max,
            plain: false,
            window: Window::default(),
        }
    }

    /// The lines of a plain text: every one counts, blank or not.
    pub fn plain(self) -> Self {
        Lines {
            plain: true,
            ..self
        }
    }

    /// Goes on with a reader that stands at byte `bytes_read`, behind line `number`.
    pub fn resumed(reader: R, bytes_read: u64, number: u64) -> Self {
        Lines {
            number,
            bytes_read,
            ..Lines::new(reader)
        }
    }

    /// Where the next line begins: the bytes of all lines that have ended.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Number of the last line read.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line that counts; `None` when the reader has no more, for now: a later call reads on, and a last
    /// line without an end is kept back until then.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        while self.fill()? {
            if let Some(start) = self.start() {
                return Ok(Some(self.taken(start)));
            }
        }
        Ok(None)
    }

    /// The longest line that is taken.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Whole lines that are at hand, as they stand in the text and without a mark in front; none where the reader
    /// stands within a line. Waits only where nothing is at hand.
    pub(super) fn at_hand(&mut self) -> io::Result<&str> {
        match self.ended && self.number > 0 {
            true => self.window.lines(&mut self.reader),
            false => Ok(""),
        }
    }

    /// Takes lines that were at hand.
    pub(super) fn take(&mut self, bytes: usize, lines: u64) {
        self.reader.consume(bytes);
        self.window.take(bytes);
        self.bytes_read += bytes as u64;
        self.number += lines;
    }

    /// Takes what is behind the last line end. `again`: another run will read on from here, so what may be half of a
    /// line is left to it; otherwise it counts as a line.
    ///
    /// A line of JSON is whole when its brackets are closed; of a plain text nobody knows.
    pub fn last_line(&mut self, again: bool) -> LastLine<'_> {
        match self.unfinished() {
            Some(line) if again && (self.plain || !is_json(self.unfinished_text())) => {
                LastLine::Left(line)
            }
            _ => self
                .take_unfinished()
                .map_or(LastLine::Nothing, LastLine::Whole),
        }
    }

    /// The number of a last line that has no end yet, unless it is blank so far.
    fn unfinished(&self) -> Option<u64> {
        let unfinished = !self.ended && self.start().is_some();
        unfinished.then_some(self.number + 1)
    }

    /// The text of a last line that has no end yet.
    fn unfinished_text(&self) -> &[u8] {
        self.unfinished()
            .and_then(|_| self.start())
            .map_or(&[], |start| &self.line[start..])
    }

    /// The last line without an end, taken as it is.
    fn take_unfinished(&mut self) -> Option<Line<'_>> {
        self.unfinished()?;
        self.end();
        let start = self.start()?;
        Some(self.taken(start))
    }

    fn taken(&self, start: usize) -> Line<'_> {
        let fits = self.size <= self.bytes_max as u64;
        Line {
            number: self.number,
            bytes: match fits {
                true => Ok(&self.line[start..]),
                false => Err(self.bytes_max),
            },
        }
    }

    /// Where the text of the line at hand begins; `None` for one that does not count.
    fn start(&self) -> Option<usize> {
        let first = self.number == u64::from(self.ended);
        let marked = first && self.line.starts_with(b"\xEF\xBB\xBF");
        let start = if marked { 3 } else { 0 };
        let blank = match self.plain {
            true => !self.ended && self.line.len() == start,
            false => self.line[start..].trim_ascii().is_empty(),
        };
        (!blank || self.size > self.bytes_max as u64).then_some(start)
    }

    /// The line at hand has come to its end.
    fn end(&mut self) {
        self.ended = true;
        self.number += 1;
        self.bytes_read += self.size;
        for end in [b'\n', b'\r'] {
            if self.size == self.line.len() as u64 && self.line.last() == Some(&end) {
                self.line.pop();
                self.size -= 1;
            }
        }
    }

    /// Reads a line into `self.line`; `false` when the reader ends before the line does.
    fn fill(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.ended) {
            self.line.clear();
            self.size = 0;
        }
        let room = (self.bytes_max as u64 + 2).saturating_sub(self.size);
        let read = (&mut self.reader)
            .take(room)
            .read_until(b'\n', &mut self.line)? as u64;
        self.size += read;
        let ended = match read < room || self.line.last() == Some(&b'\n') {
            true => read > 0 && self.line.last() == Some(&b'\n'),
            false => self.pass()?,
        };
        if ended {
            self.end();
        }
        Ok(ended)
    }

    /// Reads past the rest of a line that is too long; whether its end is there.
    fn pass(&mut self) -> io::Result<bool> {
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let end = buffer.iter().position(|b| *b == b'\n');
            let read = end.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(read);
            self.size += read as u64;
            if end.is_some() || read == 0 {
                return Ok(end.is_some());
            }
        }
    }
}

/// Bytes of lines that are looked at together: some hundred rows, whose text is checked at once.
pub(super) const TOGETHER_BYTES: usize = 16 << 10;

/// The fewest of them, unless so few are at hand.
const TOGETHER_BYTES_MIN: usize = 1 << 10;

/// How much is looked at together: little more than was taken the last time, as all of it is checked, and what is not
/// taken is checked again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window(usize);

impl Default for Window {
    fn default() -> Self {
        Window(TOGETHER_BYTES)
    }
}

impl Window {
    /// Whole lines that a reader has at hand, as far as they are UTF-8.
    pub(super) fn lines<R: BufRead>(self, reader: &mut R) -> io::Result<&str> {
        whole_lines(reader, self.0)
    }

    /// So much was taken; where that is nothing a line may be longer.
    pub(super) fn take(&mut self, bytes: usize) {
        let next = match bytes {
            0 => 2 * self.0,
            _ => bytes + bytes / 8,
        };
        self.0 = next.clamp(TOGETHER_BYTES_MIN, TOGETHER_BYTES);
    }
}

fn whole_lines<R: BufRead>(reader: &mut R, bytes_max: usize) -> io::Result<&str> {
    let buffer = match reader.fill_buf() {
        Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(""),
        buffer => buffer?,
    };
    let buffer = &buffer[..buffer.len().min(bytes_max)];
    let ended = |bytes: &[u8]| memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
    let lines = &buffer[..ended(buffer)];
    match std::str::from_utf8(lines) {
        Ok(text) => Ok(text),
        Err(e) => {
            let lines = &lines[..ended(&lines[..e.valid_up_to()])];
            Ok(std::str::from_utf8(lines).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::parts::Parts;

    type Found = Vec<(u64, Result<Vec<u8>, usize>)>;

    fn all(bytes: &[u8], bytes_max: usize, buffer: usize) -> (Found, Option<u64>) {
        let mut lines = Lines::bounded(io::BufReader::with_capacity(buffer, bytes), bytes_max);
        let mut out = Vec::new();
        while let Some(line) = lines.next_line().expect("memory") {
            out.push((line.number, line.bytes.map(<[u8]>::to_vec)));
        }
        let unfinished = lines.unfinished();
        if let Some(line) = lines.take_unfinished() {
            out.push((line.number, line.bytes.map(<[u8]>::to_vec)));
            assert_eq!(lines.bytes_read(), bytes.len() as u64);
        }
        assert_eq!((lines.unfinished(), lines.take_unfinished()), (None, None));
        (out, unfinished)
    }

    #[test]
    fn lines_are_numbered_trimmed_and_bounded() {
        let text = b"\xEF\xBB\xBFone\r\n\n  \ntwo\n12345678\n123456789\nlast";
        for buffer in [1, 3, 64] {
            let lines = all(text, 8, buffer);
            let expected = vec![
                (1, Ok(b"one".to_vec())),
                (4, Ok(b"two".to_vec())),
                (5, Ok(b"12345678".to_vec())),
                (6, Err(8)),
                (7, Ok(b"last".to_vec())),
            ];
            assert_eq!(lines, (expected, Some(7)));
            let long = all(b"1234567890123\r\n  ", 8, buffer);
            assert_eq!(long, (vec![(1, Err(8))], None));
            let open = all(b"12345678901", 8, buffer);
            assert_eq!(open, (vec![(1, Err(8))], Some(1)));
        }
        assert_eq!(all(b"", 8, 4), (vec![], None));
    }

    #[test]
    fn what_is_looked_at_follows_what_is_taken() {
        let text = [
            b"1234567\n".repeat(300),
            vec![b'x'; 3_000],
            b"\n2\n".to_vec(),
        ]
        .concat();
        let mut reader = &text[..];
        let mut window = Window::default();
        let at_hand = window.lines(&mut reader).map(str::len);
        assert_eq!(at_hand.expect("memory"), text.len());
        let mut look = |taken: usize| {
            reader.consume(taken);
            window.take(taken);
            window.lines(&mut reader).map(str::len).expect("memory")
        };
        assert_eq!(look(1_600), 800);
        // A line that is longer is seen as soon as the window has grown.
        assert_eq!(look(800), 0);
        assert_eq!((look(0), look(0)), (0, 3_003));
        assert_eq!((look(3_001), look(2)), (2, 0));
        for _ in 0..9 {
            window.take(0);
        }
        assert_eq!(window.0, TOGETHER_BYTES);
    }

    #[test]
    fn every_line_of_a_plain_text_counts() {
        let all = |text: &[u8]| {
            let mut lines = Lines::bounded(io::BufReader::new(text), 8).plain();
            let mut out = Vec::new();
            while let Some(line) = lines.next_line().expect("memory") {
                out.push(line.bytes.map(|b| String::from_utf8_lossy(b).into_owned()));
            }
            let left = matches!(lines.last_line(true), LastLine::Left(_));
            if let LastLine::Whole(line) = lines.last_line(false) {
                out.push(line.bytes.map(|b| String::from_utf8_lossy(b).into_owned()));
            }
            let (read, number) = (lines.bytes_read(), lines.number());
            assert_eq!((read, number), (text.len() as u64, out.len() as u64));
            (out, left)
        };
        let lines = |lines: &[&str]| lines.iter().map(|l| Ok(l.to_string())).collect::<Vec<_>>();
        assert_eq!(all(b""), (lines(&[]), false));
        assert_eq!(all(b"\n"), (lines(&[""]), false));
        assert_eq!(
            all(b"\xEF\xBB\xBFa\r\n \n\n[1]"),
            (lines(&["a", " ", "", "[1]"]), true)
        );
        assert_eq!(all(b"\r\n\t"), (lines(&["", "\t"]), true));
        assert_eq!(all(b"123456789\n\n").0[1], Ok(String::new()));
    }

    #[test]
    fn a_line_that_grows_is_one_line_wherever_it_is_cut() {
        let text = b"one\r\n\ntwo\nthree and much more\r\n4\n";
        for cut in 0..=text.len() {
            let parts = Parts(vec![text[..cut].to_vec(), text[cut..].to_vec()]);
            let mut lines = Lines::bounded(io::BufReader::with_capacity(3, parts), 8);
            let (mut out, mut ends) = (Vec::new(), 0);
            while ends < 3 {
                match lines.next_line().expect("memory") {
                    Some(line) => out.push((line.number, line.bytes.map(<[u8]>::to_vec))),
                    None => ends += 1,
                }
            }
            let expected = [
                (1, Ok(b"one".to_vec())),
                (3, Ok(b"two".to_vec())),
                (4, Err(8)),
                (5, Ok(b"4".to_vec())),
            ];
            assert_eq!(out, expected, "cut at {cut}");
            assert_eq!(lines.bytes_read(), text.len() as u64);
        }
    }
}
