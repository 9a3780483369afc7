//! Rows from a file: once to its end, or for as long as it grows.
//!
//! A file is told by what it is, not by its name: one that was renamed and replaced is read to its end and then the new
//! one; one that was cut or replaced in place is begun anew, if that is allowed, and told.

use super::csv::CsvError;
use super::identity::{FileIdentity, Likeness};
use super::options::{Key, OptionError, Options};
use super::packing::{Packing, is_pattern, text_name};
use super::pipe::Pipe;
use super::stream_rows::{Begin, Rest, StreamRows, TextRow};
use super::text::{Text, TextOptions};
use super::traits::{ConnectorError, RowSink, Source, StopSignal};
use crate::event::Schema;
use place::Place;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod place;
mod reading;
mod whole;
pub use place::seek_line;
use reading::Reading;

/// Rows after which a source says where it is.
const POSITION_ROWS: u64 = 256;
/// Time between two looks at a file that is followed.
const FOLLOW_STEP: Duration = Duration::from_millis(50);
/// For so long a file that is followed and was renamed has not grown before the one of its name is begun: who rotates
/// logs renames first and tells the writer afterwards.
const MOVED_QUIET: Duration = Duration::from_secs(5);

/// Reads a file from its beginning, or from where it stopped.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    text: Text,
    stream: String,
    follow: bool,
    /// How files are compressed; otherwise as their names say.
    packing: Option<Packing>,
    /// A file that is another one than before is begun anew.
    begin: bool,
    /// [`MOVED_QUIET`].
    moved_quiet: Duration,
}

/// An open file and where it is read from.
struct Opened {
    file: File,
    begin: Begin,
    /// It is the one that has the source's name.
    named: bool,
}

/// How the reading of one file ended.
enum End {
    /// Somebody asked to stop, or all is read.
    Done,
    /// The file of the source's name is another one now, or was cut: it is read from its beginning.
    Next,
}

impl FileSource {
    /// What it takes.
    pub fn keys() -> Vec<Key> {
        let own = [
            Key {
                name: "path",
                about: "the file, or a pattern: 'logs/*.csv.gz' reads all that fit, in the order of their names",
            },
            Key {
                name: "compression",
                about: "'gzip', 'zstd' or 'none'; by the end of the name, .gz or .zst, when not given",
            },
            Key {
                name: "follow",
                about: "'true' waits for what is added to the file; 'false' when not given",
            },
            Key {
                name: "replaced",
                about: "of a file that is not the one that was read before: 'stop' (when not given), or 'begin'",
            },
        ];
        [&own, TextOptions::READ].concat()
    }

    /// A source of these options; the file is opened when it runs.
    pub fn new(stream: &str, schema: &Schema, options: &Options) -> Result<Self, OptionError> {
        let path = PathBuf::from(options.require("path")?);
        let text = TextOptions::from(options, TextOptions::READ)?;
        let (packing, of_text) = packing(options, &path)?;
        let follow = options.one_of("follow", &["false", "true"])? == "true";
        let unsuited = match () {
            () if !follow => None,
            () if packing.unwrap_or(Packing::of(&path)) != Packing::None => {
                Some("a compressed file cannot be followed; leave 'follow' out")
            }
            () if is_pattern(&path) => Some(
                "the files of a pattern cannot be followed; name one file, or leave 'follow' out and run again",
            ),
            () => None,
        };
        if let Some(why) = unsuited {
            return Err(OptionError::Unsuited {
                key: options.written("follow"),
                why: why.to_string(),
            });
        }
        Ok(FileSource {
            text: text.of_stream(&of_text, (stream, schema), options)?,
            follow,
            packing,
            begin: options.one_of("replaced", &["stop", "begin"])? == "begin",
            stream: stream.into(),
            path,
            moved_quiet: MOVED_QUIET,
        })
    }

    /// How the file of its name is compressed.
    fn packed(&self) -> Packing {
        self.packing.unwrap_or_else(|| Packing::of(&self.path))
    }

    /// Opens what is read first.
    fn open(&self, from: Option<Place>, rows: &mut dyn RowSink) -> Result<Opened, ConnectorError> {
        let Some(Place { line, within, .. }) = from else {
            return self.at(self.open_named()?, (0, 0), true, rows);
        };
        let name = self.path.display();
        let Some((offset, identity)) = within else {
            let told = "the revision does not say which file it was; it is taken for the same";
            rows.notice(&format!("{name}: {told}"));
            return self.behind_line(line, rows);
        };
        let file = self.open_named();
        let mut likeness = Likeness::Other;
        if let Ok(file) = &file {
            likeness = identity.compare(file).map_err(|e| self.fails(e))?;
            let same = likeness != Likeness::Other;
            let begins = same.then(|| seek_line(file, offset)).transpose();
            if let Some(begins) = begins.map_err(|e| self.fails(e))?.flatten() {
                let file = file.try_clone().map_err(|e| self.fails(e))?;
                return self.at(file, (begins, line), true, rows);
            }
        }
        if let Some((renamed, file, begins)) = self.renamed(&identity, offset) {
            let renamed = renamed.display();
            rows.notice(&format!(
                "{name} is {renamed} now: it is read to its end first"
            ));
            // Followed, it is as if it had been renamed while it was read.
            return self.at(file, (begins, line), self.follow, rows);
        }
        let file = file?;
        let why = match likeness {
            Likeness::Other => "is not the file that was",
            Likeness::Same | Likeness::Copy => "was cut or written anew after it was",
        };
        let told = format!("{name} {why} read up to line {line}, byte {offset}");
        if !self.begin {
            let remedy = "'replaced'='begin' reads it from its beginning";
            return Err(ConnectorError::Other(format!("{told}; {remedy}")));
        }
        rows.begun_anew(&format!("{told}: begun anew"));
        self.at(file, (0, 0), true, rows)
    }

    fn open_named(&self) -> Result<File, ConnectorError> {
        File::open(&self.path).map_err(|e| self.fails(e))
    }

    /// The file that took the place of another one; none where there is no such file, or somebody asked to stop.
    fn open_next(
        &self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
    ) -> Result<Option<File>, ConnectorError> {
        loop {
            match File::open(&self.path) {
                Err(e) if e.kind() == ErrorKind::NotFound && !self.follow => {
                    let told = "has no successor under its name";
                    rows.notice(&format!("{} {told}", self.path.display()));
                    return Ok(None);
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    if stop.wait(FOLLOW_STEP) {
                        return Ok(None);
                    }
                }
                opened => return opened.map(Some).map_err(|e| self.fails(e)),
            }
        }
    }

    /// The file that was read up to `offset`, under another name in the same folder: logs are renamed when they are
    /// full.
    fn renamed(&self, identity: &FileIdentity, offset: u64) -> Option<(PathBuf, File, u64)> {
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        let files = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
        for path in files.flatten().map(|entry| entry.path()) {
            let there = std::fs::metadata(&path).is_ok_and(|a| a.is_file() && identity.is_at(&a));
            let file = there.then(|| File::open(&path).ok()).flatten();
            let Some(file) = file else { continue };
            if identity.compare(&file).ok() == Some(Likeness::Same)
                && let Ok(Some(begins)) = seek_line(&file, offset)
            {
                return Some((path, file, begins));
            }
        }
        None
    }

    /// A file that is read from a byte, behind a line.
    fn at(
        &self,
        file: File,
        place: (u64, u64),
        named: bool,
        rows: &dyn RowSink,
    ) -> Result<Opened, ConnectorError> {
        let begin = Begin::in_file(&file, place, Some(rows.schema()), &self.text);
        Ok(Opened {
            begin: begin.map_err(|e| self.unreadable(e))?,
            file,
            named,
        })
    }

    /// The file of the source's name, behind a line.
    fn behind_line(&self, after: u64, rows: &dyn RowSink) -> Result<Opened, ConnectorError> {
        let file = self.open_named()?;
        let stream = (self.stream.as_str(), rows.schema());
        let mut passed =
            StreamRows::new(BufReader::new(&file), stream, &self.text, Begin::default());
        self.pass(&mut passed, after)?;
        let place = (passed.bytes_read(), passed.lines());
        self.at(file, place, true, rows)
    }

    /// Reads past the rows up to a line.
    fn pass<R: BufRead>(
        &self,
        reader: &mut StreamRows<R>,
        after: u64,
    ) -> Result<(), ConnectorError> {
        while reader.lines() < after {
            let row = reader.next_row().map_err(|e| self.unreadable(e))?;
            if row.is_none() && reader.lines() < after {
                let rest = reader.rest(false).map_err(|e| self.unreadable(e))?;
                if reader.lines() >= after && rest != Rest::Nothing {
                    break;
                }
                return Err(ConnectorError::Other(format!(
                    "{} ends at line {}, and was read up to line {after} before: it is not the file of that run",
                    self.path.display(),
                    reader.lines()
                )));
            }
        }
        Ok(())
    }

    /// Reads a pipe or a device, which has no places but the lines that came: they must come again.
    fn read_pipe(
        &self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        after: u64,
    ) -> Result<(), ConnectorError> {
        let (path, packing, asked) = (self.path.clone(), self.packed(), stop.clone());
        let pipe = Pipe::new(move || packing.open(&path), move || !asked.is_stopped());
        let pipe = BufReader::new(pipe.map_err(|e| self.fails(e))?);
        let schema = rows.schema().clone();
        let mut reader =
            StreamRows::new(pipe, (&self.stream, &schema), &self.text, Begin::default());
        self.pass(&mut reader, after)?;
        let mut sent = 0;
        while let Some(row) = reader.next_row().map_err(|e| self.unreadable(e))? {
            self.send(row, &mut reader, rows)?;
            sent += 1;
            if sent % POSITION_ROWS == 0 {
                rows.position(&reader.lines().to_string());
            }
            if stop.is_stopped() {
                return Ok(());
            }
        }
        if !stop.is_stopped()
            && let Rest::Row(row) = reader.rest(false).map_err(|e| self.unreadable(e))?
        {
            self.send(row, &mut reader, rows)?;
        }
        rows.position(&reader.lines().to_string());
        Ok(())
    }

    /// Reads one file.
    fn read(
        &self,
        opened: Opened,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
    ) -> Result<End, ConnectorError> {
        let Opened { file, begin, named } = opened;
        let (schema, offset) = (rows.schema().clone(), begin.offset);
        let reader = BufReader::new(&file);
        let mut reading = Reading {
            source: self,
            file: &file,
            reader: StreamRows::new(reader, (&self.stream, &schema), &self.text, begin),
            identity: FileIdentity::of(&file, offset).map_err(|e| self.fails(e))?,
            named,
            moved: None,
            untold: 0,
        };
        if offset == 0 {
            // A file that took the place of another one is the one to go on with.
            reading.position(rows)?;
        }
        reading.run(rows, stop)
    }

    /// Hands a row of the file of its name over.
    fn send<R: BufRead>(
        &self,
        row: TextRow,
        reader: &mut StreamRows<R>,
        rows: &mut dyn RowSink,
    ) -> Result<(), ConnectorError> {
        self.send_of(&self.path, row, reader, rows)
    }

    /// Hands a row of a file over.
    fn send_of<R: BufRead>(
        &self,
        path: &Path,
        row: TextRow,
        reader: &mut StreamRows<R>,
        rows: &mut dyn RowSink,
    ) -> Result<(), ConnectorError> {
        let further = reader.take_further();
        if further > 0 {
            rows.further(further);
        }
        match row.row {
            Ok(at) => rows.row(at, reader.values()),
            Err(fault) => rows.bad_row(&format_args!("{}:{}", path.display(), row.line), fault),
        }
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.path.display())
    }

    fn fails(&self, e: io::Error) -> ConnectorError {
        ConnectorError::io(self.path.display(), e)
    }

    fn unreadable(&self, e: CsvError) -> ConnectorError {
        self.unreadable_of(&self.path, e)
    }

    fn unreadable_of(&self, path: &Path, e: CsvError) -> ConnectorError {
        match e {
            CsvError::Io(e) => ConnectorError::io(path.display(), e),
            e => ConnectorError::Other(format!("{}: {e}", path.display())),
        }
    }
}

/// How a file is said to be compressed, and the name that says what its text is.
///
/// Errors: this build cannot take it apart.
pub(super) fn packing(
    options: &Options,
    path: &Path,
) -> Result<(Option<Packing>, PathBuf), OptionError> {
    let said = options.get("compression").map(|name| {
        let known = Packing::named(name);
        known.ok_or_else(|| options.wrong("compression", "gzip, zstd or none"))
    });
    let said = said.transpose()?;
    let packing = said.unwrap_or_else(|| Packing::of(path));
    packing.check().map_err(|why| OptionError::Unsuited {
        key: options.written(if said.is_some() {
            "compression"
        } else {
            "path"
        }),
        why: why.to_string(),
    })?;
    let text = match packing {
        Packing::None => path.to_path_buf(),
        Packing::Gzip | Packing::Zstd => text_name(path),
    };
    Ok((said, text))
}

impl Source for FileSource {
    fn run(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        from: Option<&str>,
    ) -> Result<(), ConnectorError> {
        let from: Option<Place> = from.map(str::parse).transpose().map_err(|()| {
            ConnectorError::Other(format!(
                "{}: the revision holds no place in a file",
                self.path.display()
            ))
        })?;
        if is_pattern(&self.path) {
            return self.read_whole(from, rows, stop);
        }
        let about = std::fs::metadata(&self.path);
        if about.as_ref().is_ok_and(|about| !about.is_file()) {
            return self.read_pipe(rows, stop, from.map_or(0, |place| place.line));
        }
        if self.packed() != Packing::None {
            return self.read_whole(from, rows, stop);
        }
        let mut opened = self.open(from, rows)?;
        while let End::Next = self.read(opened, rows, stop)? {
            match self.open_next(rows, stop)? {
                Some(file) => opened = self.at(file, (0, 0), true, rows)?,
                None => break,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole_tests;
