//! The handle of one app: start, feed, read, stop.

use crate::runtime::config::{RuntimeConfig, Workers};
mod checkpoints;
mod handlers;
mod questions;
mod recovery;
mod traces;

use super::connect::Connected;
use super::metrics::Metrics;
use super::worker_thread;
use crate::connector::{Connection, TableFile};
use crate::error::{BuildError, Fault, Problem, RuntimeError};
use crate::event::{Batch, OutputNumber, Schema, Timestamp};
use crate::operator::Counters;
use crate::plan::{Catalogue, Drawing, Plan, StreamKind, StreamPlan, draw, explain};
use crate::runtime::checkpointing::SnapshotService;
use crate::runtime::config::EventFluxAppContext;
use crate::runtime::config::cores::cores;
use crate::runtime::ingress::input::Input;
use crate::runtime::ingress::input_handler::InputHandler;
use crate::runtime::lane::park::{Parker, parker};
use crate::runtime::position::named::ResumePoint;
use crate::runtime::shared::Shared;
use crate::runtime::worker::output::{Numbered, Output, Subscription, subscription};
use crate::store::PersistenceStore;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

pub use recovery::{Recovered, Recovery};
pub use traces::{RunChange, RunStep};

/// A stream of an app, as [`EventFluxAppRuntime::streams`] tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Name.
    pub name: String,
    /// Attributes.
    pub schema: Schema,
    /// Created by CREATE STREAM; otherwise defined by the query that writes it.
    pub declared: bool,
    /// The attribute that is the time of a row, by WATERMARK.
    pub time: Option<usize>,
    /// Options of `WITH`, key and value.
    pub options: Vec<(String, String)>,
    /// Some query writes it.
    pub written: bool,
    /// Some query reads it.
    pub read: bool,
}

/// One running app.
///
/// Dropping it shuts it down.
pub struct EventFluxAppRuntime {
    pub(super) shared: Arc<Shared>,
    waiting: Mutex<Vec<(crate::runtime::barrier::WorkerSlot, Parker)>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The input behind [`EventFluxAppRuntime::advance_clock`].
    clock: Mutex<Option<Input>>,
    connected: Mutex<Connected>,
    /// Tables that are filled at the start, by their numbers.
    files: Mutex<Vec<(usize, TableFile)>>,
    /// What questions may call.
    catalogue: Catalogue,
    warnings: Vec<Problem>,
    notes: Vec<Problem>,
    pub(super) snapshots: Option<SnapshotService>,
}

impl fmt::Debug for EventFluxAppRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFluxAppRuntime")
            .field("name", &self.name())
            .field("running", &self.shared.is_running())
            .finish_non_exhaustive()
    }
}

impl EventFluxAppRuntime {
    pub(crate) fn new(text: &str, plan: Plan, name: String, config: RuntimeConfig) -> Self {
        let told = |faults: Vec<Fault>| match faults.is_empty() {
            true => Vec::new(),
            false => BuildError::new(text, faults).problems().to_vec(),
        };
        let mut notes = plan.notes.clone();
        if !config.event_time.unwrap_or(plan.event_time) {
            notes.extend(plan.machine_clock.clone());
        }
        let (warnings, notes) = (told(plan.warnings.clone()), told(notes));
        let inline = config.workers == Workers::Inline;
        let (mut shared, slots) = Shared::new(plan, name, config, inline);
        let mut waiting = Vec::new();
        for slot in slots {
            let (parker, waker) = parker();
            shared.wakers.push(waker);
            waiting.push((slot, parker));
        }
        EventFluxAppRuntime {
            shared: Arc::new(shared),
            waiting: Mutex::new(waiting),
            threads: Mutex::new(Vec::new()),
            clock: Mutex::new(None),
            connected: Mutex::default(),
            files: Mutex::default(),
            catalogue: Catalogue::default(),
            warnings,
            notes,
            snapshots: None,
        }
    }

    /// With its state kept in a store.
    pub(crate) fn stored(mut self, store: Arc<dyn PersistenceStore>) -> Self {
        let config = self.shared.config.checkpoints.clone().unwrap_or_default();
        let snapshots = SnapshotService::new(&self.shared, store, config);
        // Nothing runs yet, so nothing can hold the barrier.
        let snapshots = snapshots.expect("an app that has not started locks at once");
        self.connected.lock().position_sinks(&snapshots);
        self.snapshots = Some(snapshots);
        self
    }

    /// With the sources and sinks that its streams ask for.
    pub(crate) fn connected(self, connections: Vec<(Arc<str>, Connection)>) -> Self {
        *self.connected.lock() = Connected::new(&self.shared, connections);
        self
    }

    /// With what questions may call, and the files of its tables.
    pub(crate) fn asked(mut self, catalogue: Catalogue, files: Vec<(usize, TableFile)>) -> Self {
        self.catalogue = catalogue;
        *self.files.lock() = files;
        self
    }

    /// Name of the app: `@app:name`, otherwise a hash of its text.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The app's context, with the barrier that its workers enter.
    pub fn eventflux_app_context(&self) -> &Arc<EventFluxAppContext> {
        &self.shared.context
    }

    /// Fills the tables that have a file, unless they were restored; starts the threads, then the sources. Rows may be
    /// sent from now on.
    ///
    /// An app with a store begins empty by it, unless a revision was restored before, and writes its checkpoints behind
    /// those that are there; [`EventFluxAppRuntime::recover`] goes on where the last run ended.
    pub fn start(&self) -> Result<(), RuntimeError> {
        self.load_files()?;
        self.connected.lock().attach_sinks(self)?;
        if let Some(snapshots) = &self.snapshots {
            snapshots.start()?;
        }
        self.shared.set_running()?;
        self.start_threads()?;
        self.connected.lock().start_sources(self)
    }

    fn start_threads(&self) -> Result<(), RuntimeError> {
        let cores = match &self.shared.config.workers {
            Workers::Cores(cores) => cores.clone(),
            Workers::Pinned(_) => cores(),
            // no thread of its own is pinned
            Workers::Inline => Vec::new(),
        };
        let mut threads = self.threads.lock();
        for (number, (slot, parker)) in self.waiting.lock().drain(..).enumerate() {
            // The last cores first: the first one serves interrupts on many machines. More workers than cores:
            // unpinned.
            let core = match &self.shared.config.workers {
                Workers::Cores(cores) => cores.get(number).copied(),
                _ => cores.len().checked_sub(number + 1).map(|c| cores[c]),
            };
            threads.push(worker_thread::spawn(
                Arc::clone(&self.shared),
                number,
                slot,
                parker,
                core,
            )?);
        }
        let idles = self.shared.plan.idle_timeout_us.is_some();
        let passes = !self.shared.event_time || idles;
        if self.shared.inline.is_some() && passes && self.is_timed()? {
            let shared = Arc::clone(&self.shared);
            let timer = move || {
                shared
                    .inline
                    .as_ref()
                    .map_or((), |inline| shared.run_timer(inline))
            };
            threads.push(
                std::thread::Builder::new()
                    .name("eventflux-timer".to_string())
                    .spawn(timer)?,
            );
        }
        Ok(())
    }

    fn is_timed(&self) -> Result<bool, RuntimeError> {
        let mut timed = false;
        self.shared.with_all(|_, core| timed |= core.is_timed())?;
        Ok(timed)
    }

    /// Opens a producer: one order across all streams. It counts for the app's clock once it has sent a row or told a
    /// clock; [`Input::hold_clock`] makes it count from its opening.
    pub fn input(&self) -> Result<Input, RuntimeError> {
        if self.shared.is_stopped() {
            return Err(RuntimeError::Stopped);
        }
        Input::open(&self.shared)
    }

    /// Opens the producer of this name: its rows have numbers, and opened again it goes on where it stood, also after
    /// a restore. Other names, and inputs without a name, are not touched. [`Recovery::start`](crate::Recovery::start)
    /// opens those that are known before the app runs; this is for one that comes or goes while it runs.
    ///
    /// At most one input of a name is open; dropping it closes it. After a restore an input that had been open holds
    /// the app's clock back, at the clock it had then, until it is opened again and says more, or until
    /// `idle.timeout` ends the app's patience with it.
    ///
    /// Errors: [`RuntimeError::InputOpen`], [`RuntimeError::InputDrops`], [`RuntimeError::Stopped`]. Cost: stops the
    /// workers between two steps; a send costs three stores more than one without a name.
    pub fn open_input(&self, name: &str) -> Result<Input, RuntimeError> {
        if self.shared.is_stopped() {
            return Err(RuntimeError::Stopped);
        }
        Input::open_named(&self.shared, name)
    }

    /// For every named input: from where its source would have to send again if the app came back with what it has
    /// processed now. Rows that wait in lanes are not processed yet. Stops the workers between two steps.
    pub fn positions(&self) -> Result<Vec<ResumePoint>, RuntimeError> {
        self.shared.resume_points()
    }

    /// Opens a producer of one stream.
    pub fn input_handler(&self, stream: &str) -> Result<InputHandler, RuntimeError> {
        let number = self.shared.plan.entry(stream);
        let number = number.ok_or_else(|| RuntimeError::UnknownStream(stream.to_string()))?;
        Ok(InputHandler::new(self.input()?, number))
    }

    fn stream(&self, name: &str) -> Result<usize, RuntimeError> {
        self.shared
            .plan
            .stream(name)
            .ok_or_else(|| RuntimeError::UnknownStream(name.to_string()))
    }

    /// Calls a closure with every batch of a stream, on the worker that made it.
    ///
    /// The batch is borrowed: nothing is copied. A callback may send to its own app: the rows are processed after the
    /// batch at hand. It must not block; the worker waits for it.
    pub fn add_callback(
        &self,
        stream: &str,
        callback: impl Fn(&Batch) + Send + Sync + 'static,
    ) -> Result<(), RuntimeError> {
        let stream = self.stream(stream)?;
        let callback: Arc<dyn Fn(&Batch) + Send + Sync> = Arc::new(callback);
        Ok(self.shared.with_all(|_, core| {
            core.outputs
                .add(stream, Output::Shared(Arc::clone(&callback)))
        })?)
    }

    /// As [`EventFluxAppRuntime::add_callback`], with a number for every row of the batch.
    ///
    /// Rows are numbered from 1 per stream and key group: in one row of numbers where one worker writes the stream,
    /// otherwise by the group of the row's key. The numbers are part of the app's state, so a row that comes out again
    /// after a restore has the number that it had. Register it before rows flow: a stream with a key is counted from
    /// then on. Who wants each row once gives [`Recovery::deliver`](crate::Recovery::deliver) a sink instead.
    ///
    /// Errors: [`RuntimeError::NotNumbered`] where the key is not among the columns of the stream. Cost: with a key
    /// one hash per row.
    pub fn add_numbered_callback(
        &self,
        stream: &str,
        callback: impl Fn(&Batch, &[OutputNumber]) + Send + Sync + 'static,
    ) -> Result<(), RuntimeError> {
        let number = self.begin_numbers(stream)?;
        let callback: Numbered = Arc::new(callback);
        Ok(self.shared.with_all(|_, core| {
            core.outputs
                .add(number, Output::Numbered(Arc::clone(&callback)))
        })?)
    }

    /// Counts the rows of a stream from now on, if they can be numbered.
    fn begin_numbers(&self, stream: &str) -> Result<usize, RuntimeError> {
        let number = self.stream(stream)?;
        let mut begun = Ok(());
        self.shared.with_all(|_, core| {
            begun = core.outputs.begin_numbers(number);
        })?;
        begun.map_err(|why| RuntimeError::NotNumbered {
            stream: stream.to_string(),
            why,
        })?;
        Ok(number)
    }

    /// As [`EventFluxAppRuntime::add_callback`], with a closure of its own for every worker, which may keep what it
    /// likes without a lock; `factory` gets the number of the worker, 0 in an inline app.
    pub fn add_callback_per_worker<F>(
        &self,
        stream: &str,
        mut factory: impl FnMut(usize) -> F,
    ) -> Result<(), RuntimeError>
    where
        F: FnMut(&Batch) + Send + 'static,
    {
        let stream = self.stream(stream)?;
        Ok(self.shared.with_all(|worker, core| {
            core.outputs
                .add(stream, Output::Own(Box::new(factory(worker))))
        })?)
    }

    /// The rows of a stream for a thread of the caller's own.
    pub fn subscribe(&self, stream: &str) -> Result<Subscription, RuntimeError> {
        let stream = self.stream(stream)?;
        let (sender, subscription) = subscription();
        self.shared
            .with_all(|_, core| core.outputs.add(stream, Output::Channel(sender.clone())))?;
        Ok(subscription)
    }

    /// Moves the clock on in event time, as an input of its own.
    ///
    /// Errors: [`SendError::MachineClock`](crate::SendError::MachineClock) in processing time.
    pub fn advance_clock(&self, to: Timestamp) -> Result<(), crate::error::SendError> {
        if self.shared.is_inside() {
            return Err(crate::error::SendError::InsideCallback);
        }
        let mut clock = self.clock.lock();
        if clock.is_none() {
            *clock = Some(self.input().map_err(|_| crate::error::SendError::Stopped)?);
        }
        clock
            .as_mut()
            .map_or(Ok(()), |input| input.advance_clock(to))
    }

    /// Waits until all rows sent before are processed, then closes open windows once, as if their time had come.
    pub fn flush(&self) -> Result<(), RuntimeError> {
        loop {
            if let Some(poison) = self.shared.poison() {
                return Err(RuntimeError::Poisoned(poison));
            }
            let guard = self.shared.lock()?;
            let cells = &self.shared.cells;
            if !cells
                .iter()
                .any(|c| c.with_locked(&guard, |core| core.has_input() || core.is_blocked()))
            {
                cells.iter().for_each(|c| {
                    c.with_locked(&guard, crate::runtime::worker::core::Core::close_windows)
                });
                return Ok(());
            }
            drop(guard);
            std::thread::yield_now();
        }
    }

    /// Stops taking rows, processes those that were sent, and ends all threads. A second call answers the same.
    ///
    /// Errors: [`RuntimeError::Poisoned`] when a worker panicked.
    pub fn shutdown(&self) -> Result<(), RuntimeError> {
        if self.shared.is_inside() {
            return Err(RuntimeError::InsideCallback);
        }
        if self.connected.lock().is_inside() {
            return Err(RuntimeError::InsideCallback);
        }
        let sources = self.connected.lock().take_sources();
        for source in sources {
            let stream = source.stream().to_string();
            let ended = source.join();
            self.connected.lock().ended(&stream, ended);
        }
        self.shared.set_stopped();
        // Held while joining: a second caller waits for the end, too.
        let mut threads = self.threads.lock();
        for thread in threads.drain(..) {
            // Workers catch panics of what they run; one of their own is shown like any other.
            if let Err(payload) = thread.join() {
                self.shared.set_poison(0, payload.as_ref());
            }
        }
        self.clock.lock().take();
        let last = self
            .snapshots
            .as_ref()
            .map_or(Ok(()), SnapshotService::stop);
        let left = self.connected.lock().take_left();
        drop(left);
        let mut readers = Vec::new();
        self.shared
            .with_all(|_, core| readers.append(&mut core.close()))?;
        // Outside the barrier: a callback may own an input.
        drop(readers);
        let connected = self.connected.lock();
        connected.flush_sinks();
        let poisoned = self.shared.poison().map(RuntimeError::Poisoned);
        poisoned.or_else(|| connected.fatal()).map_or(Ok(()), Err)?;
        Ok(last?)
    }

    /// Whether a source of the app has not come to its end yet.
    pub fn is_fed(&self) -> bool {
        self.connected.lock().is_fed()
    }

    /// Shows errors of sources and sinks, with the name of the stream; without an observer they are only counted.
    ///
    /// It may be called on a worker or on the thread of a source, and must not block or call this app.
    pub fn observe_connectors(&self, observer: impl Fn(&str, &str) + Send + Sync + 'static) {
        self.connected.lock().observe(Arc::new(observer));
    }

    /// The streams of the app.
    pub fn streams(&self) -> Vec<StreamInfo> {
        let info = |s: &StreamPlan| StreamInfo {
            name: s.name.to_string(),
            schema: s.schema.clone(),
            declared: s.declared,
            time: s.time.attribute,
            options: s
                .options
                .iter()
                .map(|(k, v, _)| (k.clone(), v.clone()))
                .collect(),
            written: !s.writers.is_empty(),
            read: !s.readers.is_empty(),
        };
        let is_stream = |s: &&StreamPlan| match s.kind {
            StreamKind::Stream | StreamKind::Window(_) | StreamKind::Trigger => true,
            StreamKind::Table(_)
            | StreamKind::Entering
            | StreamKind::Inner
            | StreamKind::Ticking
            | StreamKind::Asked(..) => false,
        };
        let streams = self.shared.plan.streams.iter().filter(is_stream);
        streams.map(info).collect()
    }

    /// The attributes of a stream.
    pub fn schema(&self, stream: &str) -> Option<Schema> {
        self.shared
            .plan
            .stream(stream)
            .map(|s| self.shared.plan.streams[s].schema.clone())
    }

    /// Whether the app runs in event time.
    pub fn is_event_time(&self) -> bool {
        self.shared.event_time
    }

    /// What is allowed in the app's text but is seldom meant.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// What is often meant in the app's text, and worth knowing before it runs for long: state without end, streams
    /// that no query uses, comparisons with NULL. [`EventFluxAppRuntime::warnings`] are others.
    pub fn notes(&self) -> &[Problem] {
        &self.notes
    }

    /// The plan as text: components, queries, distribution and state.
    pub fn explain(&self) -> String {
        explain(&self.shared.plan, self.shared.event_time)
    }

    /// The plan as a picture: streams, tables, windows and queries.
    pub fn draw(&self, drawing: Drawing) -> String {
        draw(&self.shared.plan, drawing)
    }

    /// What the app has done so far. Stops the workers between two steps to read it.
    pub fn metrics(&self) -> Result<Metrics, RuntimeError> {
        let shared = &self.shared;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut metrics = Metrics {
            dropped_rows: load(&shared.dropped),
            ahead_rows: load(&shared.ahead_rows),
            unused_times: load(&shared.unused_times),
            ..Metrics::default()
        };
        self.connected.lock().count(&mut metrics);
        let mut late = vec![0; shared.plan.queries.len()];
        shared.with_all(|_, core| {
            let (rows_in, rows_out, counters) = core.counters(&mut late);
            let Counters {
                late_rows,
                value_faults,
                limit_rows,
                refused_rows,
                unmatched_rows,
                purged_keys,
                purged_groups,
            } = counters;
            metrics.rows_in += rows_in;
            metrics.rows_out += rows_out;
            metrics.late_rows += late_rows;
            metrics.value_faults += value_faults;
            metrics.limit_rows += limit_rows;
            metrics.refused_rows += refused_rows;
            metrics.unmatched_rows += unmatched_rows;
            metrics.purged_keys += purged_keys;
            metrics.purged_groups += purged_groups;
            // All workers see the same machine.
            let (steps, ahead) = core.clock_back();
            metrics.clock_back = metrics.clock_back.max(steps);
            metrics.clock_ahead = metrics.clock_ahead.max(ahead);
        })?;
        let queries = shared.plan.queries.iter().zip(late);
        metrics.late_by_query = queries
            .filter(|(_, rows)| *rows > 0)
            .map(|(query, rows)| (query.name.clone(), rows))
            .collect();
        Ok(metrics)
    }
}

impl EventFluxAppRuntime {
    /// The names of the queries of which rows would come if [`EventFluxAppRuntime::flush`] closed what is open. Stops
    /// the workers between two steps to look.
    pub fn open_queries(&self) -> Result<Vec<String>, RuntimeError> {
        let queries = &self.shared.plan.queries;
        let mut open = vec![false; queries.len()];
        self.shared.with_all(|_, core| core.mark_open(&mut open))?;
        let open = queries.iter().zip(open).filter(|(_, open)| *open);
        Ok(open.map(|(query, _)| query.name.clone()).collect())
    }
}

impl Drop for EventFluxAppRuntime {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _ = self.shutdown();
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests;
