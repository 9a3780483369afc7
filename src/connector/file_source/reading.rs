//! One file while it is read: to its end, or for as long as it grows and keeps its name.

use super::place::Place;
use super::{End, FOLLOW_STEP, FileSource, POSITION_ROWS};
use crate::connector::identity::{FileIdentity, Likeness};
use crate::connector::stream_rows::{Rest, StreamRows};
use crate::connector::traits::{ConnectorError, RowSink, StopSignal};
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::time::Instant;

/// What has become of a file that is followed.
enum Seen {
    Same,
    Moved,
    Cut,
}

/// A file that lost its name: who writes it may not have heard yet.
#[derive(Clone, Copy)]
pub(super) struct Moved {
    /// Its length when it was seen last.
    length: u64,
    /// Since when it has that length.
    since: Instant,
}

/// A file that is being read.
pub(super) struct Reading<'f> {
    pub(super) source: &'f FileSource,
    pub(super) file: &'f File,
    pub(super) reader: StreamRows<BufReader<&'f File>>,
    pub(super) identity: Option<FileIdentity>,
    /// It was opened by the source's name.
    pub(super) named: bool,
    /// Set once another file has that name.
    pub(super) moved: Option<Moved>,
    /// Rows since the last position.
    pub(super) untold: u64,
}

impl Reading<'_> {
    pub(super) fn run(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
    ) -> Result<End, ConnectorError> {
        loop {
            let row = self.reader.next_row();
            let Some(row) = row.map_err(|e| self.source.unreadable(e))? else {
                match self.at_end(rows, stop)? {
                    Some(end) => return Ok(end),
                    None => continue,
                }
            };
            self.source.send(row, &mut self.reader, rows)?;
            self.untold += 1;
            let stopped = stop.is_stopped();
            if self.untold >= POSITION_ROWS || stopped {
                self.position(rows)?;
            }
            if stopped {
                return Ok(End::Done);
            }
        }
    }

    /// The file has no more, for now or at all.
    fn at_end(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
    ) -> Result<Option<End>, ConnectorError> {
        if !self.named || !self.source.follow || self.is_left()? {
            return self.end(rows).map(Some);
        }
        if self.untold > 0 {
            self.position(rows)?;
        }
        if stop.wait(FOLLOW_STEP) {
            return Ok(Some(End::Done));
        }
        if self.moved.is_some() {
            return Ok(None);
        }
        match self.look()? {
            Seen::Same => Ok(None),
            Seen::Moved => {
                self.moved = Some(Moved {
                    length: self.length()?,
                    since: Instant::now(),
                });
                Ok(None)
            }
            Seen::Cut => {
                rows.begun_anew(&format!(
                    "{} was cut or written anew behind line {}: begun anew",
                    self.source.path.display(),
                    self.reader.lines()
                ));
                Ok(Some(End::Next))
            }
        }
    }

    /// Whether the file was renamed and has not grown for so long that nobody writes it any more. All of it is read.
    fn is_left(&mut self) -> Result<bool, ConnectorError> {
        let Some(moved) = self.moved else {
            return Ok(false);
        };
        let length = self.length()?;
        if length != moved.length {
            let since = Instant::now();
            self.moved = Some(Moved { length, since });
            return Ok(false);
        }
        Ok(moved.since.elapsed() >= self.source.moved_quiet)
    }

    fn length(&self) -> Result<u64, ConnectorError> {
        let about = self.file.metadata();
        Ok(about.map_err(|e| self.source.fails(e))?.len())
    }

    /// Takes what is behind the last line end, and ends.
    fn end(&mut self, rows: &mut dyn RowSink) -> Result<End, ConnectorError> {
        let again = self.named && self.moved.is_none() && rows.keeps_positions();
        let rest = self.reader.rest(again);
        match rest.map_err(|e| self.source.unreadable(e))? {
            Rest::Nothing => {}
            Rest::Row(row) => self.source.send(row, &mut self.reader, rows)?,
            Rest::Left(line) => rows.notice(&format!(
                "{} has no line end: it is left for the next run",
                self.source.place(line)
            )),
        }
        self.position(rows)?;
        if self.moved.is_some() {
            rows.notice(&format!(
                "{} is another file now, and is begun; the one before was read to line {}",
                self.source.path.display(),
                self.reader.lines()
            ));
        }
        Ok(match self.named && self.moved.is_none() {
            true => End::Done,
            false => End::Next,
        })
    }

    /// Tells where the file stands.
    pub(super) fn position(&mut self, rows: &mut dyn RowSink) -> Result<(), ConnectorError> {
        let read = self.reader.bytes_read();
        if let Some(known) = self.identity {
            let grown = known.grown(self.file, read);
            self.identity = Some(grown.map_err(|e| self.source.fails(e))?);
        }
        let place = Place {
            line: self.reader.lines(),
            within: self.identity.map(|identity| (read, identity)),
            name: None,
        };
        rows.position(&place.to_string());
        self.untold = 0;
        Ok(())
    }

    /// Whether the file still is the one of the source's name, and holds what was read.
    fn look(&self) -> Result<Seen, ConnectorError> {
        let fails = |e| self.source.fails(e);
        let named = match std::fs::metadata(&self.source.path) {
            // Between the renaming of one and the making of the next.
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Seen::Same),
            named => named.map_err(fails)?,
        };
        let Some(identity) = self.identity else {
            return Ok(Seen::Same);
        };
        if !identity.is_at(&named) {
            return Ok(Seen::Moved);
        }
        let other = identity.compare(self.file).map_err(fails)? == Likeness::Other;
        Ok(match other || named.len() < self.reader.bytes_read() {
            true => Seen::Cut,
            false => Seen::Same,
        })
    }
}
