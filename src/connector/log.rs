//! A sink for people: rows as JSON lines on a terminal's stream.

use super::json::RowEncoder;
use super::options::{Key, OptionError, Options};
use super::traits::{ConnectorError, Sink};
use crate::event::Batch;
use std::io::{self, Write};

/// Writes every batch to standard error, or to standard output.
#[derive(Debug)]
pub struct LogSink {
    encoder: RowEncoder,
    stdout: bool,
    text: Vec<u8>,
}

impl LogSink {
    /// What it takes.
    pub const KEYS: &'static [Key] = &[Key {
        name: "to",
        about: "'stderr' (when not given) or 'stdout'",
    }];

    /// A sink of these options.
    pub fn new(stream: &str, options: &Options) -> Result<Self, OptionError> {
        Ok(LogSink {
            encoder: RowEncoder::new(stream),
            stdout: options.one_of("to", &["stderr", "stdout"])? == "stdout",
            text: Vec::new(),
        })
    }
}

impl Sink for LogSink {
    fn rows(&mut self, _stream: &str, batch: &Batch) -> Result<(), ConnectorError> {
        self.text.clear();
        self.encoder.encode(batch, &mut self.text);
        let (name, written) = match self.stdout {
            true => ("stdout", io::stdout().lock().write_all(&self.text)),
            false => ("stderr", io::stderr().lock().write_all(&self.text)),
        };
        written.map_err(|e| ConnectorError::io(name, e))
    }
}
