//! One file while it is read: to its end, or for as long as it grows and keeps its name.

use super::place::Place;
use super::{End, FOLLOW_STEP, FileSource, POSITION_ROWS};
use crate::connector::identity::{FileIdentity, Likeness};
use crate::connector::stream_rows::{Rest, StreamRows};
use crate::connector::traits::{ConnectorError, RowSink, StopSignal};
use std::fs::File;
use std::io::{BufReader, ErrorKind};

/// What has become of a file that is followed.
enum Seen {
    Same,
    Moved,
    Cut,
}

/// A file that is being read.
pub(super) struct Reading<'f> {
    pub(super) source: &'f FileSource,
    pub(super) file: &'f File,
    pub(super) reader: StreamRows<BufReader<&'f File>>,
    pub(super) identity: Option<FileIdentity>,
    /// It was opened by the source's name.
    pub(super) named: bool,
    /// Another file has that name now.
    pub(super) moved: bool,
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
        if !self.named || !self.source.follow || self.moved {
            return self.end(rows).map(Some);
        }
        if self.untold > 0 {
            self.position(rows)?;
        }
        if stop.wait(FOLLOW_STEP) {
            return Ok(Some(End::Done));
        }
        match self.look()? {
            Seen::Same => Ok(None),
            Seen::Moved => {
                // Who wrote it may not have heard yet.
                self.moved = true;
                stop.wait(FOLLOW_STEP);
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

    /// Takes what is behind the last line end, and ends.
    fn end(&mut self, rows: &mut dyn RowSink) -> Result<End, ConnectorError> {
        let again = self.named && !self.moved && rows.keeps_positions();
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
        if self.moved {
            rows.notice(&format!(
                "{} is another file now, and is begun; the one before was read to line {}",
                self.source.path.display(),
                self.reader.lines()
            ));
        }
        Ok(match self.named && !self.moved {
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
