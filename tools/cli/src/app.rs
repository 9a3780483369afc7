//! Apps from files, and the counters of their runs.

use crate::args::{Clock, WorkerCount};
use crate::failure::Failure;
use crate::{say, small};
use eventflux::store::PersistenceStore;
use eventflux::{
    BuildError, CheckpointConfig, EventFluxAppRuntime, EventFluxManager, Metrics, Problem,
    RuntimeConfig, Schema, Script, Workers,
};
use std::path::Path;
use std::sync::Arc;

/// What an app is made of.
enum Text {
    /// Its text.
    App(String),
    /// A script, and the columns of the files that it names.
    Script(Box<Script>, Vec<(String, Schema)>),
}

/// The text of an app and how it is run.
pub struct App {
    name: String,
    text: Text,
    config: RuntimeConfig,
    clock: Option<Clock>,
    store: Option<Arc<dyn PersistenceStore>>,
}

impl App {
    /// Reads a file.
    pub fn read(path: &Path, workers: WorkerCount, clock: Option<Clock>) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = small::read(path).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
        let text = String::from_utf8(text).map_err(|e| {
            let byte = e.utf8_error().valid_up_to() + 1;
            Failure::usage(format!("{name}: not UTF-8, byte {byte}"))
        })?;
        let mut config = RuntimeConfig::default().workers(match workers {
            WorkerCount::Inline => Workers::Inline,
            WorkerCount::Pinned(n) => Workers::Pinned(n),
        });
        if clock == Some(Clock::Event) {
            config = config.event_time(true);
        }
        Ok(App {
            name,
            text: Text::App(text),
            config,
            clock,
            store: None,
        })
    }

    /// Of a script. `columns`: of the files that it names; `event_time`: its clock is that of its rows.
    pub fn of_script(script: Script, columns: Vec<(String, Schema)>, event_time: bool) -> Self {
        let config = RuntimeConfig::default().workers(Workers::Inline);
        App {
            name: "the text".to_string(),
            text: Text::Script(Box::new(script), columns),
            config: match event_time {
                true => config.event_time(true),
                false => config,
            },
            clock: None,
            store: None,
        }
    }

    /// Reads a file, for a look at the app only.
    pub fn peek(path: &Path) -> Result<Self, Failure> {
        App::read(path, WorkerCount::Inline, None)
    }

    /// Keeps its state in a store.
    pub fn keep(&mut self, store: Arc<dyn PersistenceStore>, checkpoints: CheckpointConfig) {
        self.config = self.config.clone().checkpoints(checkpoints);
        self.store = Some(store);
    }

    /// Fixes the order of rows across streams.
    pub fn order_outputs(&mut self) {
        self.config = self.config.clone().ordered_outputs(true);
    }

    /// Builds the app.
    pub fn build(&self) -> Result<EventFluxAppRuntime, Failure> {
        let name = &self.name;
        let runtime = self
            .try_build()
            .map_err(|e| Failure::usage(format!("{name}\n{e}")))?;
        if self.clock == Some(Clock::Processing) && runtime.is_event_time() {
            return Err(Failure::usage(format!(
                "{name} has @app:playback, which is event time; --clock processing contradicts it"
            )));
        }
        Ok(runtime)
    }

    /// Builds it; otherwise the problems of its text.
    pub fn try_build(&self) -> Result<EventFluxAppRuntime, BuildError> {
        let mut manager = EventFluxManager::new();
        if let Some(store) = &self.store {
            manager.set_persistence_store(Arc::clone(store));
        }
        match &self.text {
            Text::App(text) => manager.create_with(text, self.config.clone()),
            Text::Script(script, columns) => {
                let columns: Vec<_> = columns
                    .iter()
                    .map(|(f, s)| (f.as_str(), s.clone()))
                    .collect();
                manager.create_script(script, &columns, self.config.clone())
            }
        }
    }

    /// Shows what the app is warned about.
    pub fn warn(&self, runtime: &EventFluxAppRuntime) {
        self.tell(runtime.warnings());
    }

    /// Shows problems with which it can be run.
    pub fn tell(&self, problems: &[Problem]) {
        for problem in problems {
            let text = problem.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            say!("{}\nwarning: {text}", self.name);
        }
    }
}

/// The counters of a run that its summary shows: those that are always of interest, and others that are not zero.
/// `further`: keys that the run itself has left out.
pub fn counters(metrics: &Metrics, further: u64) -> Vec<(String, u64)> {
    let mut counters = vec![("late rows".to_string(), metrics.late_rows)];
    let of_query = |(query, rows): &(String, u64)| (format!("  of query {query}"), *rows);
    counters.extend(metrics.late_by_query.iter().map(of_query));
    counters.push(("faults".to_string(), metrics.value_faults));
    let rare = [
        ("rows too far ahead", metrics.ahead_rows),
        ("rows beyond a limit", metrics.limit_rows),
        ("rows unmatched", metrics.unmatched_rows),
        ("rows refused", metrics.refused_rows),
        ("rows dropped", metrics.dropped_rows),
        ("connector errors", metrics.connector_errors),
        ("keys left out", metrics.further_keys + further),
        ("inputs begun anew", metrics.begun_anew),
        ("clock set back", metrics.clock_back),
    ];
    let told = rare.into_iter().filter(|(_, n)| *n > 0);
    counters.extend(told.map(|(name, n)| (name.to_string(), n)));
    counters
}
