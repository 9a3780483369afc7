//! A file that only grows, with the number of each row in its line.
//!
//! How: rows collect in a buffer and are written in pieces; a checkpoint has them written and made durable before it is
//! committed. When the file is opened, its lines are read for the last number of each key group. A last line without
//! an end was being written when the process died: it is cut off, and its row comes again.

use super::ConnectorError;
use super::file_output::sync_folder;
use super::json::{GROUP, NUMBER, RowEncoder};
use super::numbered_sink::NumberedSink;
use crate::event::{Batch, OutputNumber};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 64 << 10;
/// A line's group and number end before this byte.
const PREFIX_BYTES_MAX: u64 = 64;

/// A file of JSON lines for rows that cannot be taken back, because somebody else may have read them.
///
/// A line is that of [`RowEncoder`] with a group and a number in front:
/// `{"group":0,"number":17,"stream":"Volume","at":1700,"row":["ACME",5]}`. Rows are in the file when the next
/// checkpoint is committed, or when 64 KiB of them have come. Where the file may be cut back after a crash,
/// [`FileOutput`](super::FileOutput) needs no numbers.
///
/// Errors: a line that is none of these, when it is opened. Cost: opening reads the whole file once.
#[derive(Debug)]
pub struct NumberedFile {
    path: PathBuf,
    open: Option<(File, RowEncoder)>,
    text: Vec<u8>,
    /// The folder knows the file.
    listed: bool,
}

impl NumberedFile {
    /// A file that is made when the app starts, if it is not there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        NumberedFile {
            path: path.into(),
            open: None,
            text: Vec::new(),
            listed: false,
        }
    }

    fn fails(&self, e: io::Error) -> ConnectorError {
        ConnectorError::io(self.path.display(), e)
    }

    fn opened(&mut self, stream: &str) -> io::Result<BTreeMap<u16, u64>> {
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true).read(true);
        let file = options.open(&self.path)?;
        let (last, whole) = last_numbers(&file)?;
        file.set_len(whole)?;
        self.open = Some((file, RowEncoder::new(stream)));
        Ok(last)
    }

    fn write(&mut self) -> io::Result<()> {
        let Some((file, _)) = &mut self.open else {
            return Ok(());
        };
        let done = file.write_all(&self.text);
        self.text.clear();
        done
    }

    fn synced(&mut self) -> io::Result<()> {
        self.write()?;
        let Some((file, _)) = &self.open else {
            return Ok(());
        };
        file.sync_data()?;
        if !self.listed {
            sync_folder(&self.path)?;
            self.listed = true;
        }
        Ok(())
    }
}

/// The last number of each group, and the length of all whole lines.
fn last_numbers(file: &File) -> io::Result<(BTreeMap<u16, u64>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut last, mut whole, mut prefix) = (BTreeMap::new(), 0, Vec::new());
    for line in 1u64.. {
        prefix.clear();
        let mut bytes = reader.by_ref().take(PREFIX_BYTES_MAX);
        let mut length = bytes.read_until(b'\n', &mut prefix)? as u64;
        let mut ended = prefix.ends_with(b"\n");
        if !ended && length == PREFIX_BYTES_MAX {
            let (rest, end) = skip_line(&mut reader)?;
            (length, ended) = (length + rest, end);
        }
        if !ended {
            break;
        }
        let Some(number) = number_of(&prefix) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {line} has no number: the file holds other rows; move it away"),
            ));
        };
        last.insert(number.group, number.number);
        whole += length;
    }
    Ok((last, whole))
}

/// Reads up to the end of a line; returns how much that was, and whether there was an end.
fn skip_line(reader: &mut impl BufRead) -> io::Result<(u64, bool)> {
    let mut skipped = 0;
    loop {
        let bytes = reader.fill_buf()?;
        let end = bytes.iter().position(|b| *b == b'\n');
        let length = end.map_or(bytes.len(), |end| end + 1);
        reader.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok((skipped, end.is_some()));
        }
    }
}

/// The number with which a line begins.
fn number_of(line: &[u8]) -> Option<OutputNumber> {
    let (group, rest) = digits(line.strip_prefix(GROUP)?)?;
    let (number, rest) = digits(rest.strip_prefix(NUMBER)?)?;
    (rest.first() == Some(&b',')).then_some(())?;
    let group = u16::try_from(group).ok()?;
    Some(OutputNumber { group, number })
}

fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|b| !b.is_ascii_digit())?;
    let (number, rest) = text.split_at(end);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

impl NumberedSink for NumberedFile {
    fn open(&mut self, stream: &str) -> Result<Vec<OutputNumber>, ConnectorError> {
        let last = self.opened(stream).map_err(|e| self.fails(e))?;
        let number = |(group, number)| OutputNumber { group, number };
        Ok(last.into_iter().map(number).collect())
    }

    fn rows(&mut self, batch: &Batch, new: &[(usize, OutputNumber)]) -> Result<(), ConnectorError> {
        if let Some((_, encoder)) = &self.open {
            for (row, number) in new {
                encoder.encode_numbered(batch, *row, *number, &mut self.text);
            }
        }
        match self.text.len() >= WRITE_BYTES {
            true => self.write().map_err(|e| self.fails(e)),
            false => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), ConnectorError> {
        self.synced().map_err(|e| self.fails(e))
    }
}
