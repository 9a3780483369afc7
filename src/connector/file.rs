//! Rows from and to a file, as JSON lines or CSV.

use super::bad_row::BadRow;
use super::csv::{CsvEncoder, CsvError, CsvRow, CsvRows};
use super::file_output::FileOutput;
use super::json::{RowDecoder, RowEncoder};
use super::lines::Lines;
use super::options::{Key, OptionError, Options};
use super::traits::{ConnectorError, RowSink, Sink, Source, StopSignal};
use crate::PositionedOutput;
use crate::event::{Batch, Schema};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows after which a source says where it is.
const POSITION_ROWS: u64 = 256;

/// How rows stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON array, object or event per line.
    Json,
    /// CSV with a header.
    Csv,
}

impl Format {
    /// By the end of the file's name: CSV for `.csv`, else JSON lines.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Format::Csv,
            _ => Format::Json,
        }
    }

    fn from(options: &Options, path: &Path) -> Result<Self, OptionError> {
        if options.get("format").is_none() {
            return Ok(Format::of(path));
        }
        Ok(match options.one_of("format", &["json", "csv"])? {
            "csv" => Format::Csv,
            _ => Format::Json,
        })
    }
}

/// Reads a file once, from its beginning or after the line where it stopped.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    format: Format,
    time: Option<String>,
    stream: String,
}

impl FileSource {
    /// What it takes.
    pub const KEYS: &'static [Key] = &[
        Key {
            name: "path",
            about: "the file",
        },
        Key {
            name: "format",
            about: "'json' (lines) or 'csv'; by the name of the file when not given",
        },
        Key {
            name: "timestamp",
            about: "the CSV column that holds the time; 'at' or 'timestamp' when not given",
        },
    ];

    /// A source of these options; the file is opened when it runs.
    pub fn new(stream: &str, options: &Options) -> Result<Self, OptionError> {
        let path = PathBuf::from(options.require("path")?);
        Ok(FileSource {
            format: Format::from(options, &path)?,
            time: options.get("timestamp").map(str::to_string),
            stream: stream.into(),
            path,
        })
    }

    fn json(
        &self,
        reader: BufReader<File>,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        after: u64,
    ) -> Result<(), ConnectorError> {
        let schema = rows.schema().clone();
        let mut lines = Lines::new(reader);
        let mut decoder = RowDecoder::default();
        while let Some(line) = lines.next_line().map_err(|e| self.fails(e))? {
            let number = line.number;
            if number <= after {
                continue;
            }
            let row = match line.bytes {
                Ok(bytes) => decoder.decode_of(bytes, &self.stream, &schema),
                Err(bytes_max) => Err(BadRow::TooLong { bytes_max }),
            };
            match row {
                Ok((at, row)) => rows.row(at, row)?,
                Err(fault) => rows.bad_row(&self.place(number), fault)?,
            }
            if number.is_multiple_of(POSITION_ROWS) {
                rows.position(&number.to_string());
            }
            if stop.is_stopped() {
                break;
            }
        }
        let last = lines.number();
        self.reached(last, after)?;
        rows.position(&last.to_string());
        Ok(())
    }

    fn csv(
        &self,
        reader: BufReader<File>,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        after: u64,
    ) -> Result<(), ConnectorError> {
        let schema = rows.schema().clone();
        let mut read =
            CsvRows::new(reader, &schema, self.time.as_deref()).map_err(|e| match e {
                CsvError::Io(e) => self.fails(e),
                e => ConnectorError::Other(format!("{}: {e}", self.path.display())),
            })?;
        let mut last = 0;
        while let Some(CsvRow { line, row }) = read.next_row().map_err(|e| self.fails(e))? {
            last = line;
            if line <= after {
                continue;
            }
            match row {
                Ok((at, row)) => rows.row(at, row)?,
                Err(fault) => rows.bad_row(&self.place(line), fault)?,
            }
            if line.is_multiple_of(POSITION_ROWS) {
                rows.position(&line.to_string());
            }
            if stop.is_stopped() {
                break;
            }
        }
        self.reached(last, after)?;
        rows.position(&last.to_string());
        Ok(())
    }

    /// Whether the file has the lines that were read before.
    fn reached(&self, last: u64, after: u64) -> Result<(), ConnectorError> {
        if last >= after {
            return Ok(());
        }
        Err(ConnectorError::Other(format!(
            "{} ends at line {last}, and was read up to line {after} before: it is not the file of that run",
            self.path.display()
        )))
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.path.display())
    }

    fn fails(&self, e: std::io::Error) -> ConnectorError {
        ConnectorError::io(self.path.display(), e)
    }
}

impl Source for FileSource {
    fn run(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        from: Option<&str>,
    ) -> Result<(), ConnectorError> {
        let after = match from.map(str::parse) {
            None => 0,
            Some(Ok(line)) => line,
            Some(Err(_)) => {
                return Err(ConnectorError::Other(format!(
                    "{}: a position is a line number",
                    self.path.display()
                )));
            }
        };
        let reader = BufReader::new(File::open(&self.path).map_err(|e| self.fails(e))?);
        match self.format {
            Format::Json => self.json(reader, rows, stop, after),
            Format::Csv => self.csv(reader, rows, stop, after),
        }
    }
}

/// The text of rows in a format.
#[derive(Debug)]
enum Encoder {
    Json(RowEncoder),
    Csv(CsvEncoder),
}

/// Writes a file. Its length is part of checkpoints, so a restored app leaves the file of one that never stopped.
#[derive(Debug)]
pub struct FileSink {
    encoder: Encoder,
    output: Arc<FileOutput>,
}

impl FileSink {
    /// What it takes.
    pub const KEYS: &'static [Key] = &[
        Key {
            name: "path",
            about: "the file",
        },
        Key {
            name: "format",
            about: "'json' (lines) or 'csv'; by the name of the file when not given",
        },
        Key {
            name: "append",
            about: "'true' keeps what the file holds; 'false' when not given",
        },
    ];

    /// A sink of these options; the file is opened with the first rows, by a checkpoint, or at the end.
    pub fn new(stream: &str, schema: &Schema, options: &Options) -> Result<Self, OptionError> {
        let path = PathBuf::from(options.require("path")?);
        let mut header = Vec::new();
        let encoder = match Format::from(options, &path)? {
            Format::Json => Encoder::Json(RowEncoder::new(stream)),
            Format::Csv => {
                let csv = CsvEncoder::new(schema);
                csv.header(&mut header);
                Encoder::Csv(csv)
            }
        };
        let keep = options.one_of("append", &["false", "true"])? == "true";
        let output = Arc::new(FileOutput::new(path, header, keep));
        Ok(FileSink { encoder, output })
    }

    fn fails(&self, e: std::io::Error) -> ConnectorError {
        ConnectorError::io(self.output.path().display(), e)
    }
}

impl Sink for FileSink {
    fn rows(&mut self, _stream: &str, batch: &Batch) -> Result<(), ConnectorError> {
        let added = match &self.encoder {
            Encoder::Json(json) => self.output.append(|text| json.encode(batch, text)),
            Encoder::Csv(csv) => self.output.append(|text| csv.encode(batch, text)),
        };
        added.map_err(|e| self.fails(e))
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        self.output.flush().map_err(|e| self.fails(e))
    }

    fn positioned(&self) -> Option<Arc<dyn PositionedOutput>> {
        Some(Arc::clone(&self.output) as _)
    }
}
