//! Which connectors there are, and from the options of a stream to one of them.

use super::file_sink::FileSink;
use super::file_source::FileSource;
use super::log::LogSink;
use super::options::{Key, OptionError, Options};
use super::timer::TimerSource;
use super::traits::{ConnectorError, RowSink, Sink, Source, StopSignal};
use crate::event::Schema;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Keys that every connector takes.
const COMMON: &[Key] = &[
    Key {
        name: "type",
        about: "'source' or 'sink'",
    },
    Key {
        name: "extension",
        about: "the connector",
    },
    Key {
        name: "on.error",
        about: "'log' (when not given) skips a bad row, 'stop' ends the app",
    },
];

/// A key that every source takes; the app itself obeys it.
const LATENESS: Key = Key {
    name: "lateness",
    about: "how late rows may be, as '5 SECONDS'; the app's when not given. The app is one in event time then",
};

/// What happens when a row is bad or a batch cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// It is logged, counted and skipped.
    Log,
    /// The app stops.
    Stop,
}

/// What the options of a stream ask for.
pub enum Connection {
    /// Rows come from outside.
    Source(Box<dyn Source>, OnError),
    /// Rows go outside.
    Sink(Box<dyn Sink>, OnError),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connection::Source(_, on_error) => write!(f, "Source({on_error:?})"),
            Connection::Sink(_, on_error) => write!(f, "Sink({on_error:?})"),
        }
    }
}

type Open<T> =
    Arc<dyn Fn(&str, &Schema, &Options) -> Result<Box<T>, OptionError> + Send + Sync + 'static>;

/// A registered connector: its keys and how it is made.
struct RegisteredConnector<T: ?Sized> {
    keys: Vec<Key>,
    open: Open<T>,
}

impl<T: ?Sized> Clone for RegisteredConnector<T> {
    fn clone(&self) -> Self {
        RegisteredConnector {
            keys: self.keys.clone(),
            open: Arc::clone(&self.open),
        }
    }
}

/// The connectors by extension name. Starts from those of this crate.
#[derive(Clone)]
pub struct Connectors {
    sources: BTreeMap<String, RegisteredConnector<dyn Source>>,
    sinks: BTreeMap<String, RegisteredConnector<dyn Sink>>,
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connectors")
            .field("sources", &self.sources.keys())
            .field("sinks", &self.sinks.keys())
            .finish()
    }
}

impl Default for Connectors {
    fn default() -> Self {
        Connectors::built_in()
    }
}

impl Connectors {
    /// The connectors of this crate: sources `file` and `timer`, sinks `file` and `log`.
    pub fn built_in() -> Self {
        let mut connectors = Connectors {
            sources: BTreeMap::new(),
            sinks: BTreeMap::new(),
        };
        connectors.register_source("file", &FileSource::keys(), |stream, schema, options| {
            Ok(Box::new(FileSource::new(stream, schema, options)?))
        });
        connectors.register_source("timer", TimerSource::KEYS, |_, schema, options| {
            Ok(Box::new(TimerSource::new(schema, options)?))
        });
        connectors.register_sink("file", &FileSink::keys(), |stream, schema, options| {
            Ok(Box::new(FileSink::new(stream, schema, options)?))
        });
        connectors.register_sink("log", LogSink::KEYS, |stream, _, options| {
            Ok(Box::new(LogSink::new(stream, options)?))
        });
        connectors
    }

    /// Adds a source, or replaces the one of this name. `open` checks the options and touches nothing outside.
    pub fn register_source(
        &mut self,
        extension: &str,
        keys: &[Key],
        open: impl Fn(&str, &Schema, &Options) -> Result<Box<dyn Source>, OptionError>
        + Send
        + Sync
        + 'static,
    ) {
        let entry = RegisteredConnector {
            keys: [COMMON, &[LATENESS], keys].concat(),
            open: Arc::new(open) as Open<dyn Source>,
        };
        self.sources.insert(extension.to_ascii_lowercase(), entry);
    }

    /// Adds a sink, or replaces the one of this name. `open` checks the options and touches nothing outside.
    pub fn register_sink(
        &mut self,
        extension: &str,
        keys: &[Key],
        open: impl Fn(&str, &Schema, &Options) -> Result<Box<dyn Sink>, OptionError>
        + Send
        + Sync
        + 'static,
    ) {
        let entry = RegisteredConnector {
            keys: [COMMON, keys].concat(),
            open: Arc::new(open) as Open<dyn Sink>,
        };
        self.sinks.insert(extension.to_ascii_lowercase(), entry);
    }

    /// The keys of the connector that the options of a stream name, and what it is called; none where it is unknown.
    fn keys_of(&self, options: &[(String, String)]) -> Option<(String, &[Key])> {
        let value = |key: &str| {
            let entry = options.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
            entry.map(|(_, value)| value.to_ascii_lowercase())
        };
        let (direction, extension) = (value("type")?, value("extension")?);
        let keys = match direction.as_str() {
            "source" => &self.sources.get(&extension)?.keys,
            "sink" => &self.sinks.get(&extension)?.keys,
            _ => return None,
        };
        Some((format!("{direction} '{extension}'"), keys))
    }

    /// Whether the connector that the options of a stream name takes a key.
    pub fn takes(&self, options: &[(String, String)], key: &str) -> bool {
        let keys = self.keys_of(options);
        keys.is_some_and(|(_, keys)| keys.iter().any(|k| k.name.eq_ignore_ascii_case(key)))
    }

    /// All keys that the connector which the options of a stream name does not take, or that are given twice.
    pub fn unknown_keys(&self, options: &[(String, String)]) -> Vec<OptionError> {
        match self.keys_of(options) {
            Some((connector, keys)) => Options::key_faults(&connector, options, keys),
            None => Vec::new(),
        }
    }

    /// The connection that the options of a stream ask for; nothing outside is touched yet.
    pub fn connect(
        &self,
        stream: &str,
        schema: &Schema,
        options: &[(String, String)],
    ) -> Result<Connection, OptionError> {
        let value = |key: &'static str| {
            let entry = options.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
            entry
                .map(|(_, v)| v.as_str())
                .ok_or_else(|| OptionError::MissingKey {
                    key,
                    connector: "a connected stream".into(),
                })
        };
        let (direction, extension) = (value("type")?, value("extension")?);
        if direction.eq_ignore_ascii_case("source") {
            let (source, on_error) =
                open(&self.sources, "source", extension, stream, schema, options)?;
            Ok(Connection::Source(source, on_error))
        } else if direction.eq_ignore_ascii_case("sink") {
            let (sink, on_error) = open(&self.sinks, "sink", extension, stream, schema, options)?;
            Ok(Connection::Sink(sink, on_error))
        } else {
            Err(OptionError::Value {
                key: "type".into(),
                value: direction.into(),
                expected: "source or sink".into(),
            })
        }
    }
}

fn open<T: ?Sized>(
    entries: &BTreeMap<String, RegisteredConnector<T>>,
    direction: &'static str,
    extension: &str,
    stream: &str,
    schema: &Schema,
    options: &[(String, String)],
) -> Result<(Box<T>, OnError), OptionError> {
    let Some(entry) = entries.get(&extension.to_ascii_lowercase()) else {
        let known: Vec<&str> = entries.keys().map(String::as_str).collect();
        return Err(OptionError::UnknownExtension {
            direction,
            name: extension.into(),
            known: known.join(", "),
        });
    };
    let connector = format!("{direction} '{}'", extension.to_ascii_lowercase());
    let options = Options::new(&connector, options, &entry.keys)?;
    let on_error = match options.get("on.error") {
        Some(value) if value.eq_ignore_ascii_case("stream") => {
            return Err(OptionError::FaultStream);
        }
        _ if options.one_of("on.error", &["log", "stop"])? == "stop" => OnError::Stop,
        _ => OnError::Log,
    };
    Ok(((entry.open)(stream, schema, &options)?, on_error))
}

/// A source on its thread.
#[derive(Debug)]
pub struct Feed {
    stream: String,
    thread: JoinHandle<Result<(), ConnectorError>>,
    stop: StopSignal,
}

impl Feed {
    /// Starts a source on a thread of its own.
    pub fn start(
        stream: &str,
        mut source: Box<dyn Source>,
        mut rows: impl RowSink + Send + 'static,
        from: Option<String>,
    ) -> io::Result<Self> {
        Feed::spawn(stream, move |stop| {
            source.run(&mut rows, stop, from.as_deref())
        })
    }

    /// Runs on a thread of its own what a source does.
    pub(crate) fn spawn(
        stream: &str,
        run: impl FnOnce(&StopSignal) -> Result<(), ConnectorError> + Send + 'static,
    ) -> io::Result<Self> {
        let stop = StopSignal::new();
        let asked = stop.clone();
        let thread = Builder::new()
            .name(format!("source-{stream}"))
            .spawn(move || run(&asked))?;
        Ok(Feed {
            stream: stream.into(),
            thread,
            stop,
        })
    }

    /// Whether the source has ended by itself.
    pub fn is_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Name of the stream.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Whether the caller is the thread of the source.
    pub fn is_current(&self) -> bool {
        self.thread.thread().id() == std::thread::current().id()
    }

    /// Asks the source to stop without waiting for it.
    pub fn ask_to_stop(&self) {
        self.stop.stop();
    }

    /// Waits for the end of the source.
    pub fn join(self) -> Result<(), ConnectorError> {
        match self.thread.join() {
            Ok(Err(ConnectorError::Stopped)) => Ok(()),
            Ok(result) => result,
            Err(_) => Err(ConnectorError::Panicked(self.stream)),
        }
    }
}

#[cfg(test)]
mod tests;
