//! The edge: events as text, and the sources and sinks that an app names in `WITH (…)`.
//!
//! Text becomes typed values here and nowhere else: what passes [`json`] or [`csv`] fits the stream's schema
//! exactly, so the engine behind it checks nothing again. Sources and sinks are user code behind two small traits
//! ([`Source`], [`Sink`]); they know the engine only as a [`RowSink`] that takes rows and as batches that come out.
//!
//! A source of one's own, here one that counts down:
//!
//! ```
//! use eventflux::connector::{ConnectorError, Connectors, Key, RowSink, Source, StopSignal};
//! use eventflux::event::Value;
//!
//! struct CountDown(u64);
//!
//! impl Source for CountDown {
//!     fn run(
//!         &mut self,
//!         rows: &mut dyn RowSink,
//!         stop: &StopSignal,
//!         _from: Option<&str>,
//!     ) -> Result<(), ConnectorError> {
//!         for n in (0..self.0).rev() {
//!             if stop.is_stopped() {
//!                 break;
//!             }
//!             rows.row(None, &[Value::Long(n as i64)])?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! const KEYS: &[Key] = &[Key { name: "from", about: "the first number" }];
//! let mut connectors = Connectors::built_in();
//! connectors.register_source("countdown", KEYS, |_stream, _schema, options| {
//!     Ok(Box::new(CountDown(options.count("from")?.unwrap_or(10))))
//! });
//! ```

mod bad_row;
pub mod csv;
mod file_output;
mod file_sink;
mod file_source;
mod identity;
mod infer;
pub mod json;
mod lines;
mod log;
mod number;
mod numbered_file;
mod numbered_sink;
mod options;
mod packing;
#[cfg(test)]
mod parts;
mod pipe;
mod plain;
mod plain_values;
mod positioned_output;
mod registry;
mod stream_rows;
mod table_file;
mod text;
mod time;
mod timer;
mod traits;

pub use bad_row::{BadRow, Misfit};
pub use file_output::FileOutput;
pub use file_sink::FileSink;
pub use file_source::{FileSource, seek_line};
pub use identity::{FileIdentity, Likeness};
pub use infer::{Inferred, SAMPLE_BYTES, SAMPLE_ROWS, Sample};
pub use lines::{LINE_BYTES_MAX, LastLine, Line, Lines};
pub use log::LogSink;
pub use numbered_file::NumberedFile;
pub use numbered_sink::NumberedSink;
pub use options::{Key, OptionError, Options};
pub use packing::{Packing, is_pattern, named_files, text_name};
pub use pipe::Pipe;
pub use positioned_output::PositionedOutput;
pub use registry::{Connection, Connectors, Feed, OnError};
pub use stream_rows::{Begin, Rest, StreamRows, TextRow, Together};
pub use table_file::TableFile;
pub use text::{Expected, Format, Text, TextOptions};
pub use time::{TimeFinder, TimeText, TimeUnit};
pub use timer::TimerSource;
pub use traits::{ConnectorError, RowSink, Sink, Source, StopSignal};
