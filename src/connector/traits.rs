//! What a source and a sink are to the engine.
//!
//! A source is a loop on a thread of its own that may block; it hands rows to a [`RowSink`] and waits there while
//! the engine is full, so a fast source is bounded by the engine and holds nothing itself. A sink receives the
//! batches of one stream in their order.

use super::PositionedOutput;
use super::bad_row::BadRow;
use crate::event::{Batch, Schema, Timestamp, Value};
use parking_lot::{Condvar, Mutex};
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a source or a sink ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// The engine takes no more rows. A source returns it as it is; nobody reports it.
    #[error("the engine takes no more rows")]
    Stopped,
    /// The outside failed.
    #[error("{what}: {source}")]
    Io {
        /// The file or connection.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// A row is bad and `on.error` is `stop`.
    #[error("{place}: {fault}")]
    BadRow {
        /// File and line, or the like.
        place: String,
        /// Why.
        #[source]
        fault: BadRow,
    },
    /// Anything else, in the words of the connector.
    #[error("{0}")]
    Other(String),
    /// The connector's code panicked.
    #[error("the source of stream '{0}' panicked")]
    Panicked(String),
}

impl ConnectorError {
    /// An error of the system with the name of the file or connection.
    pub fn io(what: impl Display, source: io::Error) -> Self {
        ConnectorError::Io {
            what: what.to_string(),
            source,
        }
    }
}

/// Where a source puts its rows.
pub trait RowSink {
    /// The attributes of the rows.
    fn schema(&self) -> &Schema;

    /// Takes a row: one value per attribute, NULL or of the attribute's type; without a time it takes the clock's.
    ///
    /// Blocks while the engine is full. Fails with [`ConnectorError::Stopped`] when the engine takes no more.
    fn row(&mut self, at: Option<Timestamp>, row: &[Value]) -> Result<(), ConnectorError>;

    /// Reports a row that could not be read; `on.error` decides whether that is an error.
    fn bad_row(&mut self, place: &dyn Display, fault: BadRow) -> Result<(), ConnectorError>;

    /// Says that what comes after all rows so far is read again from here: what `run` gets as `from` after a restore.
    ///
    /// Where the app has a store, rows are numbered in the order in which they are handed over, and a checkpoint keeps
    /// the newest position at or before the last row that it holds. Rows after that position come again, with their
    /// numbers; those that the checkpoint holds are dropped.
    fn position(&mut self, position: &str);

    /// Whether positions are kept: the source will go on from them in another run.
    fn keeps_positions(&self) -> bool {
        false
    }

    /// Counts keys or cells of the next row that are no attributes, and were left out.
    fn further(&mut self, _count: u64) {}

    /// Says something that is no error to who looks on.
    fn notice(&mut self, _text: &dyn Display) {}

    /// Counts and says that the outside is another one than before: what comes now is not what came after the position
    /// from which the source began, so nothing of it is dropped as seen.
    fn begun_anew(&mut self, _why: &dyn Display) {}
}

/// Produces the rows of one stream.
///
/// An app with a store counts on two things, or a restore loses or doubles rows: from a position that the source
/// reported it emits the rows that it emitted after reporting it, the same ones in the same order (rows that it found
/// bad before are found bad again); and it reports positions now and then. A source that reports none begins at its
/// beginning after a restore, and must emit all its rows again.
pub trait Source: Send {
    /// Emits rows until there are no more or `stop` is asked. Runs on a thread of its own and may block.
    ///
    /// `from` is a position that this source reported, perhaps in another process; rows up to it are not emitted
    /// again. It is called again after it ended with [`ConnectorError::Stopped`], when the app went back to an earlier
    /// state.
    fn run(
        &mut self,
        rows: &mut dyn RowSink,
        stop: &StopSignal,
        from: Option<&str>,
    ) -> Result<(), ConnectorError>;
}

/// Consumes the rows of one stream.
pub trait Sink: Send {
    /// Opens what rows go to. Called once, when the app starts; an error keeps it from starting.
    fn open(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Takes a batch. A failed batch is not offered again.
    fn rows(&mut self, stream: &str, batch: &Batch) -> Result<(), ConnectorError>;

    /// Passes on what is buffered. Called when the app shuts down, and before a checkpoint is committed unless
    /// `positioned` returns an output.
    ///
    /// What is passed on when this returns is what the outside has seen. After a restore rows that were passed on
    /// after the checkpoint come again.
    fn flush(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// The output behind this sink, if it can go back to an earlier position: then a restored app leaves the output
    /// of one that never stopped. Called once, before the first batch; its name in checkpoints is `sink/<stream>`.
    fn positioned(&self) -> Option<Arc<dyn PositionedOutput>> {
        None
    }
}

/// Asks a source to stop; clones ask the same source.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<(Mutex<bool>, Condvar)>);

impl StopSignal {
    /// A signal nobody has asked yet.
    pub fn new() -> Self {
        StopSignal::default()
    }

    /// Asks to stop.
    pub fn stop(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    /// Whether somebody asked.
    pub fn is_stopped(&self) -> bool {
        *self.0.0.lock()
    }

    /// Waits until `deadline`, or less when somebody asks to stop; returns whether somebody did.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let mut stopped = self.0.0.lock();
        while !*stopped && !self.0.1.wait_until(&mut stopped, deadline).timed_out() {}
        *stopped
    }

    /// Waits this long, or less when somebody asks to stop; returns whether somebody did.
    pub fn wait(&self, time: Duration) -> bool {
        self.wait_until(Instant::now() + time)
    }
}
