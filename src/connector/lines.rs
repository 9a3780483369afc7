//! Lines of a reader, each at most so many bytes.
//!
//! A file without line ends must not become one allocation of the file's size: what is beyond the bound is read past
//! and reported as one bad line.

use std::io::{self, BufRead, Read};

/// One line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1, blank lines included.
    pub number: u64,
    /// Without the line end; `Err` holds the bound that the line exceeds.
    pub bytes: Result<&'a [u8], usize>,
}

/// Reads lines of bounded length. Blank lines and a byte order mark are skipped; `\r\n` ends a line as `\n` does.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    bytes_read: u64,
    bytes_max: usize,
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
            number: 0,
            bytes_read: 0,
            bytes_max,
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

    /// Bytes consumed so far: where the next line begins.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Number of the last line read.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let Some(fits) = self.fill()? else {
                return Ok(None);
            };
            if !fits {
                return Ok(Some(Line {
                    number: self.number,
                    bytes: Err(self.bytes_max),
                }));
            }
            let marked = self.number == 1 && self.line.starts_with(b"\xEF\xBB\xBF");
            let start = if marked { 3 } else { 0 };
            if !self.line[start..].trim_ascii().is_empty() {
                return Ok(Some(Line {
                    number: self.number,
                    bytes: Ok(&self.line[start..]),
                }));
            }
        }
    }

    /// Reads one line into `self.line`; `None` at the end, `Some(false)` when it is too long.
    fn fill(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        let room = self.bytes_max as u64 + 2;
        let read = (&mut self.reader)
            .take(room)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes_read += read as u64;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        } else if read as u64 == room {
            self.bytes_read += self.reader.skip_until(b'\n')? as u64;
        }
        Ok(Some(self.line.len() <= self.bytes_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], bytes_max: usize, buffer: usize) -> Vec<(u64, Result<Vec<u8>, usize>)> {
        let mut lines = Lines::bounded(io::BufReader::with_capacity(buffer, bytes), bytes_max);
        let mut out = Vec::new();
        while let Some(line) = lines.next_line().expect("memory") {
            out.push((line.number, line.bytes.map(<[u8]>::to_vec)));
        }
        assert_eq!(lines.bytes_read(), bytes.len() as u64);
        out
    }

    #[test]
    fn lines_are_numbered_trimmed_and_bounded() {
        let text = b"\xEF\xBB\xBFone\r\n\n  \ntwo\n12345678\n123456789\nlast";
        for buffer in [1, 3, 64] {
            let lines = all(text, 8, buffer);
            assert_eq!(
                lines,
                vec![
                    (1, Ok(b"one".to_vec())),
                    (4, Ok(b"two".to_vec())),
                    (5, Ok(b"12345678".to_vec())),
                    (6, Err(8)),
                    (7, Ok(b"last".to_vec())),
                ]
            );
        }
        assert_eq!(all(b"", 8, 4), vec![]);
    }
}
