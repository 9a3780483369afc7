//! Rows to standard output or a file, as JSON lines or CSV.
//!
//! Callbacks append to one buffer under one lock, so the order of rows is the order of the callbacks, across
//! streams, too. A reader that has gone away (`| head`) is no error: the run ends.

use crate::failure::Failure;
use eventflux::connector::Format;
use eventflux::connector::csv::CsvEncoder;
use eventflux::connector::json::RowEncoder;
use eventflux::event::{Batch, Schema};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// Where rows go.
pub struct Output {
    path: PathBuf,
    format: Format,
    /// No row can be written any more.
    closed: AtomicBool,
    buffer: Mutex<Buffer>,
}

struct Buffer {
    text: Vec<u8>,
    to: Box<dyn Write + Send>,
    rows: u64,
    error: Option<io::Error>,
}

/// The text of one stream's rows.
pub enum Encoder {
    /// JSON lines.
    Json(RowEncoder),
    /// CSV.
    Csv(CsvEncoder),
}

impl Output {
    /// Opens the file, or takes standard output for `-`.
    pub fn create(path: &Path) -> Result<Arc<Self>, Failure> {
        let to: Box<dyn Write + Send> = match path == Path::new("-") {
            true => Box::new(io::stdout()),
            false => {
                let file = File::create(path);
                Box::new(file.map_err(|e| Failure::run(format!("{}: {e}", path.display())))?)
            }
        };
        Ok(Arc::new(Output::new(path, to)))
    }

    fn new(path: &Path, to: Box<dyn Write + Send>) -> Self {
        Output {
            path: path.into(),
            format: Format::of(path),
            closed: AtomicBool::new(false),
            buffer: Mutex::new(Buffer {
                text: Vec::with_capacity(2 * WRITE_BYTES),
                to,
                rows: 0,
                error: None,
            }),
        }
    }

    /// An encoder of a stream's rows; CSV gets its header.
    pub fn encoder(&self, stream: &str, schema: &Schema) -> Encoder {
        match self.format {
            Format::Json => Encoder::Json(RowEncoder::new(stream)),
            Format::Csv => {
                let csv = CsvEncoder::new(schema);
                csv.header(&mut self.lock().text);
                Encoder::Csv(csv)
            }
        }
    }

    /// Appends the rows of a batch.
    pub fn rows(&self, encoder: &Encoder, batch: &Batch) {
        let mut buffer = self.lock();
        let buffer = &mut *buffer;
        match encoder {
            Encoder::Json(json) => json.encode(batch, &mut buffer.text),
            Encoder::Csv(csv) => csv.encode(batch, &mut buffer.text),
        }
        buffer.rows += batch.len() as u64;
        if buffer.text.len() >= WRITE_BYTES {
            self.write(buffer);
        }
    }

    /// Writes what is collected.
    pub fn flush(&self) {
        self.write(&mut self.lock());
    }

    /// Rows that were appended.
    pub fn row_count(&self) -> u64 {
        self.lock().rows
    }

    /// Whether writing failed; the run has no purpose then.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Writes the rest; fails if a row was lost for another reason than a reader that has gone away.
    pub fn finish(&self) -> Result<(), Failure> {
        self.flush();
        match self.lock().error.take() {
            None => Ok(()),
            Some(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(e) => Err(Failure::run(format!("{}: {e}", self.path.display()))),
        }
    }

    fn write(&self, buffer: &mut Buffer) {
        if buffer.error.is_none() {
            let written = buffer.to.write_all(&buffer.text);
            if let Err(e) = written.and_then(|()| buffer.to.flush()) {
                buffer.error = Some(e);
                self.closed.store(true, Ordering::Relaxed);
            }
        }
        buffer.text.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails in a way after some bytes.
    struct Fails(usize, io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(self.1.into());
            }
            let n = bytes.len().min(self.0);
            self.0 -= n;
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_leaves_ends_the_run_and_a_full_disk_fails_it() {
        for (kind, fine) in [
            (io::ErrorKind::BrokenPipe, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            let output = Output::new(Path::new("o.csv"), Box::new(Fails(3, kind)));
            output.encoder("S", &Schema::default());
            assert!(!output.is_closed());
            output.flush();
            assert!(output.is_closed());
            assert_eq!(output.finish().is_ok(), fine);
        }
    }
}
