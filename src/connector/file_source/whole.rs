//! Files that are read from their beginning to their end: what is compressed, and the files of a pattern, one after
//! the other in the order of their names.
//!
//! A position is a place in the text of one file, with the name of the file where there are several. To go on there a
//! compressed file is taken apart again up to that place. The files of a pattern are those that are there when the
//! source begins, or begins again: of files that come later those count whose names stand behind that of the position.

use super::place::Place;
use super::{FileSource, POSITION_ROWS};
use crate::connector::csv::CsvColumns;
use crate::connector::identity::{FileIdentity, Likeness};
use crate::connector::packing::{Packing, named_files};
use crate::connector::stream_rows::{Begin, Rest, StreamRows};
use crate::connector::text::Format;
use crate::connector::traits::{ConnectorError, RowSink, StopSignal};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// One of the files.
struct Whole<'s> {
    source: &'s FileSource,
    path: &'s Path,
    packing: Packing,
    /// Positions say which file it is.
    several: bool,
    /// What is added to it is read by a later run.
    last: bool,
}

impl FileSource {
    /// Reads a compressed file, or the files of a pattern.
    pub(super) fn read_whole(
        &self,
        from: Option<Place>,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
    ) -> Result<(), ConnectorError> {
        let files = named_files(&self.path).map_err(|e| self.fails(e))?;
        let several = files.len() > 1 || files.first() != Some(&self.path);
        let (files, mut from) = match from {
            Some(place) if several => self.behind(files, place, rows)?,
            from => (files, from),
        };
        let count = files.len();
        for (number, path) in files.iter().enumerate() {
            let whole = Whole {
                source: self,
                path,
                packing: self.packing.unwrap_or_else(|| Packing::of(path)),
                several,
                last: number + 1 == count,
            };
            if !whole.read(from.take(), rows, stop)? {
                break;
            }
        }
        Ok(())
    }

    /// The files from that of a position on, and the position if its file is among them.
    fn behind(
        &self,
        files: Vec<PathBuf>,
        place: Place,
        rows: &mut dyn RowSink,
    ) -> Result<(Vec<PathBuf>, Option<Place>), ConnectorError> {
        let Some(name) = place.name.as_ref().map(PathBuf::from) else {
            let told = "the revision holds a place in one file, and 'path' is a pattern now";
            let told = format!("{}: {told}", self.path.display());
            return Err(ConnectorError::Other(told));
        };
        let there = files.contains(&name);
        let files = files.into_iter().filter(|file| *file >= name).collect();
        if there {
            return Ok((files, Some(place)));
        }
        let told = format!(
            "{} is not there any more, which was read up to line {}",
            name.display(),
            place.line
        );
        if !self.begin {
            let remedy = "'replaced'='begin' goes on with the files behind it";
            return Err(ConnectorError::Other(format!("{told}; {remedy}")));
        }
        rows.begun_anew(&format!("{told}: going on with the files behind it"));
        Ok((files, None))
    }
}

impl Whole<'_> {
    /// Reads it; `false` when somebody asked to stop.
    fn read(
        &self,
        from: Option<Place>,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
    ) -> Result<bool, ConnectorError> {
        let file = File::open(self.path).map_err(|e| self.fails(e))?;
        let identity = FileIdentity::of(&file, u64::MAX).map_err(|e| self.fails(e))?;
        let begin = self.begin(&file, from, rows)?;
        let reader = self.opened(begin.offset).map_err(|e| self.fails(e))?;
        let schema = rows.schema().clone();
        let of = (self.source.stream.as_str(), &schema);
        let mut reader = StreamRows::new(reader, of, &self.source.text, begin);
        let mut untold = 0;
        let tell = |reader: &StreamRows<_>, rows: &mut dyn RowSink| {
            let place = Place {
                line: reader.lines(),
                within: identity.map(|identity| (reader.bytes_read(), identity)),
                name: self.several.then(|| self.path.display().to_string()),
            };
            rows.position(&place.to_string());
        };
        tell(&reader, rows);
        while let Some(row) = reader.next_row().map_err(|e| self.unreadable(e))? {
            self.source.send_of(self.path, row, &mut reader, rows)?;
            untold += 1;
            let stopped = stop.is_stopped();
            if untold >= POSITION_ROWS || stopped {
                tell(&reader, rows);
                untold = 0;
            }
            if stopped {
                return Ok(false);
            }
        }
        let again = self.last && self.packing == Packing::None && rows.keeps_positions();
        match reader.rest(again).map_err(|e| self.unreadable(e))? {
            Rest::Nothing => {}
            Rest::Row(row) => self.source.send_of(self.path, row, &mut reader, rows)?,
            Rest::Left(line) => rows.notice(&format!(
                "{}:{line} has no line end: it is left for the next run",
                self.path.display()
            )),
        }
        tell(&reader, rows);
        Ok(true)
    }

    /// Where to begin, once it is seen that the file is the one that was read.
    fn begin(
        &self,
        file: &File,
        from: Option<Place>,
        rows: &mut dyn RowSink,
    ) -> Result<Begin, ConnectorError> {
        let Some(Place { line, within, .. }) = from else {
            return Ok(Begin::default());
        };
        let Some((offset, identity)) = within else {
            let told = format!(
                "{}: the revision does not say which file it was",
                self.path.display()
            );
            return Err(ConnectorError::Other(told));
        };
        let likeness = identity.compare(file).map_err(|e| self.fails(e))?;
        let is_there = match likeness {
            Likeness::Other => false,
            _ => self.reaches(offset).map_err(|e| self.fails(e))?,
        };
        if !is_there {
            let why = match likeness {
                Likeness::Other => "is not the file that was",
                _ => "was written anew after it was",
            };
            let told = format!("{} {why} read up to line {line}", self.path.display());
            if !self.source.begin {
                let remedy = "'replaced'='begin' reads it from its beginning";
                return Err(ConnectorError::Other(format!("{told}; {remedy}")));
            }
            rows.begun_anew(&format!("{told}: begun anew"));
            return Ok(Begin::default());
        }
        let mut columns = None;
        if self.source.text.format == Format::Csv && offset > 0 {
            // The header is at the beginning, the place behind it.
            let reader = self.opened(0).map_err(|e| self.fails(e))?;
            let read = CsvColumns::read(reader, rows.schema(), &self.source.text);
            columns = read.map_err(|e| self.unreadable(e))?;
        }
        Ok(Begin {
            offset,
            line,
            columns,
        })
    }

    /// Whether the text of the file has so many bytes.
    fn reaches(&self, offset: u64) -> io::Result<bool> {
        let mut text = self.packing.open(self.path)?.take(offset);
        Ok(io::copy(&mut text, &mut io::sink())? == offset)
    }

    /// The text of the file from a byte on.
    fn opened(&self, offset: u64) -> io::Result<BufReader<Box<dyn Read + Send>>> {
        let mut text = self.packing.open(self.path)?;
        io::copy(&mut (&mut text).take(offset), &mut io::sink())?;
        Ok(BufReader::new(text))
    }

    fn fails(&self, e: io::Error) -> ConnectorError {
        ConnectorError::io(self.path.display(), e)
    }

    fn unreadable(&self, e: crate::connector::csv::CsvError) -> ConnectorError {
        self.source.unreadable_of(self.path, e)
    }
}
