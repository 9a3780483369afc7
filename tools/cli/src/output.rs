//! Rows to standard output or a file.
//!
//! Callbacks append to one buffer under one lock, so the order of rows is the order of the callbacks, across
//! streams, too. A reader that has gone away (`| head`) is no error: the run ends.
//!
//! For checkpoints a file is an output that goes back to its length; of standard output nothing can be taken back, so
//! rows after the last checkpoint come again.

use crate::failure::Failure;
use crate::shape::Encoder;
use crate::table::TableWriter;
use eventflux::PositionedOutput;
use eventflux::connector::FileOutput;
use eventflux::event::Batch;
use indicatif::ProgressBar;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// Where rows go.
pub struct Output {
    to: To,
    /// No row can be written any more, or none is wanted.
    closed: AtomicBool,
    /// Whoever read it has gone away.
    unread: AtomicBool,
    /// What stands on the terminal below the rows.
    bar: OnceLock<ProgressBar>,
    state: Mutex<State>,
}

enum To {
    File(Arc<FileOutput>),
    Stream(Mutex<Box<dyn Write + Send>>),
}

#[derive(Default)]
struct State {
    /// What a stream did not get yet.
    text: Vec<u8>,
    /// Rows of a table that no line was made of yet.
    table: TableWriter,
    rows: u64,
    error: Option<io::Error>,
}

impl Output {
    /// Rows to a file, or to standard output for `-`, behind a header. A file is not opened yet.
    pub fn new(path: &Path, header: Vec<u8>) -> Arc<Self> {
        if path == Path::new("-") {
            let output = Output::of(To::Stream(Mutex::new(Box::new(io::stdout()))));
            output.lock().text = header;
            return output;
        }
        Output::of(To::File(Arc::new(FileOutput::new(path, header, false))))
    }

    fn of(to: To) -> Arc<Self> {
        Arc::new(Output {
            to,
            closed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            bar: OnceLock::new(),
            state: Mutex::default(),
        })
    }

    /// Empties the file, unless it is open.
    pub fn open(&self) -> Result<(), Failure> {
        match &self.to {
            To::File(file) => file.open().map_err(|e| {
                let name = file.path().display();
                Failure::run(format!("{name}: {e}"))
            }),
            To::Stream(_) => Ok(()),
        }
    }

    /// What checkpoints know it by.
    pub fn positioned(self: &Arc<Self>) -> (&'static str, Arc<dyn PositionedOutput>) {
        match &self.to {
            To::File(file) => ("out", Arc::clone(file) as _),
            To::Stream(_) => ("stdout", Arc::new(Shown(Arc::clone(self)))),
        }
    }

    /// Appends the rows of a batch.
    pub fn rows(&self, encoder: &Encoder, batch: &Batch) {
        let mut state = self.lock();
        let state = &mut *state;
        state.rows += batch.len() as u64;
        if state.error.is_some() {
            return;
        }
        match &self.to {
            To::File(file) => {
                let table = &mut state.table;
                let written = file.append(|text| encoder.encode(batch, text, table));
                self.note(state, written);
            }
            To::Stream(_) => {
                encoder.encode(batch, &mut state.text, &mut state.table);
                if state.text.len() >= WRITE_BYTES {
                    self.write(state);
                }
            }
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

    /// Whether whoever read it has gone away.
    pub fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// A bar that is taken away while rows are written.
    pub fn above(&self, bar: ProgressBar) {
        // A run has one.
        let _ = self.bar.set(bar);
    }

    /// No further rows are wanted.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Writes the rest; fails if a row was lost for another reason than a reader that has gone away.
    pub fn finish(&self) -> Result<(), Failure> {
        self.flush();
        let name = match &self.to {
            To::File(file) => file.path().display().to_string(),
            To::Stream(_) => "standard output".to_string(),
        };
        match (self.lock().error.take(), &self.to) {
            (Some(e), _) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            (Some(e), _) => Err(Failure::run(format!("{name}: {e}"))),
            // A checkpoint may have found it.
            (None, To::File(file)) => file.position().map(drop).map_err(Failure::run),
            (None, To::Stream(_)) => Ok(()),
        }
    }

    fn write(&self, state: &mut State) {
        if state.error.is_none() {
            let written = match &self.to {
                To::File(file) => file.flush(),
                To::Stream(to) => {
                    state.table.write(&mut state.text);
                    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
                    let mut write = || to.write_all(&state.text).and_then(|()| to.flush());
                    match self.bar.get() {
                        Some(bar) if !state.text.is_empty() => bar.suspend(write),
                        _ => write(),
                    }
                }
            };
            self.note(state, written);
        }
        state.text.clear();
    }

    fn note(&self, state: &mut State, written: io::Result<()>) {
        if let Err(e) = written {
            let unread = e.kind() == io::ErrorKind::BrokenPipe;
            self.unread.store(unread, Ordering::Relaxed);
            state.error = Some(e);
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Standard output, for checkpoints: nothing that one holds waits here.
struct Shown(Arc<Output>);

impl PositionedOutput for Shown {
    fn position(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn sync(&self) -> Result<(), String> {
        self.0.flush();
        let state = self.0.lock();
        state.error.as_ref().map_or(Ok(()), |e| Err(e.to_string()))
    }

    fn rewind(&self, _position: Option<&[u8]>) -> Result<(), String> {
        Ok(())
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
            let output = Output::of(To::Stream(Mutex::new(Box::new(Fails(3, kind)))));
            output.lock().text.extend_from_slice(b"a row");
            assert!(!output.is_closed());
            output.flush();
            assert!(output.is_closed());
            assert_eq!(output.finish().is_ok(), fine);
        }
    }
}
