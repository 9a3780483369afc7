//! The edge: events as text, and the sources and sinks that an app names in `WITH (…)`.
//!
//! Text becomes typed values here and nowhere else: what passes [`json`] or [`csv`] fits the stream's schema exactly, so
//! the engine behind it checks nothing again. Sources and sinks are user code behind two small traits ([`Source`],
//! [`Sink`]); they know the engine only as a [`RowSink`] that takes rows and as batches that come out.

mod bad_row;
pub mod csv;
mod date;
mod file;
pub mod json;
mod lines;
mod log;
mod number;
mod options;
mod registry;
mod timer;
mod traits;

pub use bad_row::{BadRow, Misfit};
pub use file::{FileSink, FileSource, Format};
pub use lines::{LINE_BYTES_MAX, Line, Lines};
pub use log::LogSink;
pub use options::{Key, OptionError, Options};
pub use registry::{Connection, Connectors, Feed, OnError};
pub use timer::TimerSource;
pub use traits::{ConnectorError, RowSink, Sink, Source, StopSignal};
