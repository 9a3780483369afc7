//! An app that goes on where its last run ended: everything that has to happen, in the only order that is right.

use super::EventFluxAppRuntime;
use crate::connector::NumberedSink;
use crate::error::RuntimeError;
use crate::runtime::checkpointing::{RestoreOptions, RestoreReport};
use crate::runtime::ingress::input::Input;
use std::fmt;

/// What is known of a run before it begins; nothing has happened yet.
///
/// [`Recovery::start`] claims the app's state, so that no other process works on it; opens the sinks; goes back to the
/// last checkpoint; opens the inputs, so that none of them misses what moves the clock; and starts the app. The inputs
/// come out of it last, so no row can be sent too early, and each knows by [`Input::position`] where its source goes
/// on.
///
/// ```
/// use eventflux::store::FileStore;
/// use eventflux::{EventFluxManager, NumberedFile, RuntimeConfig, Timestamp};
/// use std::sync::Arc;
/// # let folder = std::env::temp_dir().join(format!("eventflux-recover-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let app = "@app:name('doubled') @app:playback
///     CREATE STREAM Numbers (n LONG);
///     INSERT INTO Doubled SELECT 2 * n AS n FROM Numbers;";
/// for rows in [3, 5] {
///     let mut manager = EventFluxManager::new();
///     manager.set_persistence_store(Arc::new(FileStore::open(folder.join("state"))?));
///     let runtime = manager.create_with(app, RuntimeConfig::default())?;
///     let delivered = NumberedFile::new(folder.join("doubled.jsonl"));
///     let recovered = runtime.recover().deliver("Doubled", delivered).start(["numbers"])?;
///     let [mut numbers] = recovered.inputs;
///     for n in numbers.position() + 1..=rows {
///         numbers.send_numbered(n, "Numbers", Some(Timestamp::from_millis(n as i64)), (n as i64,))?;
///     }
///     runtime.shutdown()?;
/// }
/// let text = std::fs::read_to_string(folder.join("doubled.jsonl"))?;
/// assert_eq!(text.lines().count(), 5);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the app starts by `start`"]
pub struct Recovery<'a> {
    runtime: &'a EventFluxAppRuntime,
    options: RestoreOptions,
    sinks: Vec<(String, Box<dyn NumberedSink>)>,
}

impl fmt::Debug for Recovery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sinks: Vec<&String> = self.sinks.iter().map(|(stream, _)| stream).collect();
        f.debug_struct("Recovery")
            .field("app", &self.runtime.name())
            .field("options", &self.options)
            .field("sinks", &sinks)
            .finish()
    }
}

/// A running app that was recovered.
#[must_use = "rows are sent to its inputs"]
#[non_exhaustive]
pub struct Recovered<const N: usize> {
    /// What was restored; its revision is `None` where the app began empty.
    pub report: RestoreReport,
    /// The inputs in the order of their names. Each holds the app's clock until it has sent a row, told a clock or was
    /// dropped.
    pub inputs: [Input; N],
}

impl<const N: usize> fmt::Debug for Recovered<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovered")
            .field("report", &self.report)
            .field("inputs", &self.inputs)
            .finish()
    }
}

impl EventFluxAppRuntime {
    /// Starts the app where its last run ended: to be called instead of [`EventFluxAppRuntime::start`] by an app that
    /// keeps its state in a store. Callbacks are added before.
    pub fn recover(&self) -> Recovery<'_> {
        Recovery {
            runtime: self,
            options: RestoreOptions::default().allow_empty(true),
            sinks: Vec::new(),
        }
    }
}

impl Recovery<'_> {
    /// Restores as these options say, instead of the last revision or an empty start.
    pub fn options(mut self, options: RestoreOptions) -> Self {
        self.options = options;
        self
    }

    /// Gives the rows of a stream to a sink, each once over all runs.
    ///
    /// The stream's rows must have numbers; see [`EventFluxAppRuntime::add_numbered_callback`]. A sink without any row
    /// of a key group begins where the app is.
    pub fn deliver(mut self, stream: &str, sink: impl NumberedSink + 'static) -> Self {
        self.sinks.push((stream.to_string(), Box::new(sink)));
        self
    }

    /// Does all of it, and opens an input of each name.
    ///
    /// Errors: [`RuntimeError::AlreadyStarted`]; [`RuntimeError::Checkpoint`] when the app has no store, another
    /// process has its state, or what was restored does not fit; [`RuntimeError::Connector`] when a sink does not open;
    /// and those of [`EventFluxAppRuntime::start`] and [`EventFluxAppRuntime::open_input`]. The app does not run then,
    /// and gives its state up when it is dropped. Never panics. Cost: reading the last revision, and what the sinks do
    /// to find their last numbers.
    pub fn start<const N: usize>(self, inputs: [&str; N]) -> Result<Recovered<N>, RuntimeError> {
        let runtime = self.runtime;
        let shared = &runtime.shared;
        if shared.is_stopped() {
            return Err(RuntimeError::Stopped);
        }
        if shared.is_running() {
            return Err(RuntimeError::AlreadyStarted);
        }
        let service = runtime.snapshot_service()?;
        for (stream, _) in &self.sinks {
            runtime.begin_numbers(stream)?;
        }
        service.claim()?;
        for (stream, sink) in self.sinks {
            let mut connected = runtime.connected.lock();
            connected.deliver(runtime, &stream, sink)?;
        }
        let report = runtime.restore_with(&self.options)?;
        let mut opened = Vec::with_capacity(N);
        for name in inputs {
            let mut input = runtime.open_input(name)?;
            input.hold_clock()?;
            opened.push(input);
        }
        runtime.start()?;
        match opened.try_into() {
            Ok(inputs) => Ok(Recovered { report, inputs }),
            Err(_) => unreachable!("an input for each name"),
        }
    }
}
