//! Rows to a file, as JSON lines, CSV or plain lines.

use super::PositionedOutput;
use super::csv::CsvEncoder;
use super::file_output::FileOutput;
use super::json::RowEncoder;
use super::options::{Key, OptionError, Options};
use super::plain;
use super::text::{Format, TextOptions};
use super::traits::{ConnectorError, Sink};
use crate::event::{Batch, Schema};
use std::path::PathBuf;
use std::sync::Arc;

/// The text of rows in a format.
#[derive(Debug)]
enum Encoder {
    Json(RowEncoder),
    Csv(CsvEncoder),
    Plain,
}

/// Writes a file. Its length is part of checkpoints, so the file of a restored app ends up as if it had never stopped.
#[derive(Debug)]
pub struct FileSink {
    encoder: Encoder,
    output: Arc<FileOutput>,
}

impl FileSink {
    /// What it takes.
    pub fn keys() -> Vec<Key> {
        let own = [
            Key {
                name: "path",
                about: "the file",
            },
            Key {
                name: "append",
                about: "'true' keeps what the file holds; 'false' when not given",
            },
        ];
        [&own, TextOptions::WRITTEN].concat()
    }

    /// A sink of these options; the file is opened when the app starts, or by a restore.
    pub fn new(stream: &str, schema: &Schema, options: &Options) -> Result<Self, OptionError> {
        let path = PathBuf::from(options.require("path")?);
        let text = TextOptions::from(options, TextOptions::WRITTEN)?;
        let text = text.of_stream(&path, (stream, schema), options)?;
        if text.quote.is_none() {
            return Err(options.wrong("quote", "a character: a text may hold the delimiter"));
        }
        let mut header = Vec::new();
        let encoder = match text.format {
            Format::Json => Encoder::Json(RowEncoder::new(stream)),
            Format::Csv => {
                let csv = CsvEncoder::new(schema, &text);
                csv.header(&mut header);
                Encoder::Csv(csv)
            }
            Format::Text => Encoder::Plain,
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
    fn open(&mut self) -> Result<(), ConnectorError> {
        self.output.open().map_err(|e| self.fails(e))
    }

    fn rows(&mut self, _stream: &str, batch: &Batch) -> Result<(), ConnectorError> {
        let mut left_out = 0;
        let added = match &self.encoder {
            Encoder::Plain => self
                .output
                .append(|text| left_out = plain::encode(batch, text)),
            Encoder::Json(json) => self.output.append(|text| json.encode(batch, text)),
            Encoder::Csv(csv) => self.output.append(|text| csv.encode(batch, text)),
        };
        added.map_err(|e| self.fails(e))?;
        match left_out {
            0 => Ok(()),
            rows => Err(ConnectorError::Other(format!(
                "{}: {rows} rows are left out, as a text with a line end would be several lines; 'format'='json' \
                 takes them",
                self.output.path().display()
            ))),
        }
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        self.output.flush().map_err(|e| self.fails(e))
    }

    fn positioned(&self) -> Option<Arc<dyn PositionedOutput>> {
        Some(Arc::clone(&self.output) as _)
    }
}
