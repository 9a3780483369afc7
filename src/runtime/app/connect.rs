//! Sources and sinks of an app: they start and end with it.
//!
//! A source has an input of its own, so its rows keep their order and its clock is one of the app's clocks until it
//! ends. All inputs are open before the first source runs, and hold the app's clock until they have told their own:
//! no source makes another's rows late because its thread was the first. Where the app has a store the input is named
//! `source/<stream>` and its rows are numbered: the source goes on from the position that it had reported before the
//! restored checkpoint, and rows that the checkpoint holds are dropped by number.
//!
//! A sink is a callback behind a lock: workers that write the same stream take turns. A bad row and a batch that cannot
//! be written are counted and shown to an observer; under `'on.error'='stop'` the app takes no more rows and `shutdown`
//! answers with the error. A sink that cannot be opened keeps the app from starting, and a source that fails (its file
//! cannot be opened, or read on) ends it, whatever `on.error` says: the rest of its rows would be missing silently.

mod delivery;

use super::foreign_options::foreign;
use super::handle::EventFluxAppRuntime;
use super::metrics::Metrics;
use crate::connector::{
    BadRow, Connection, ConnectorError, Connectors, Feed, OnError, OptionError, Options,
    PositionedOutput, RowSink, Sink, Source, StopSignal, TableFile,
};
use crate::error::{Cause, Fault, RuntimeError, SendError};
use crate::event::{Schema, Timestamp, Value};
use crate::plan::{Plan, StreamPlan};
use crate::runtime::checkpointing::SnapshotService;
use crate::runtime::ingress::input::Input;
use crate::runtime::shared::Shared;
use crate::runtime::shared::turns::{Turns, end_turn, turns};
use crate::sql::ast::Span;
use delivery::Delivery;
use parking_lot::Mutex;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// The connections that the streams of a plan ask for, by name of the stream. Nothing outside is touched yet.
pub(crate) fn connections(
    plan: &Plan,
    connectors: &Connectors,
) -> Result<Vec<(Arc<str>, Connection)>, Vec<Fault>> {
    let mut connections = Vec::new();
    let mut faults = Vec::new();
    let connected = |s: &&StreamPlan| !s.options.is_empty() && s.kind.table().is_none();
    for stream in plan.streams.iter().filter(connected) {
        let mut options = written(stream);
        if let Some(attribute) = stream.time.attribute
            && connectors.takes(&options, "timestamp")
            && !options
                .iter()
                .any(|(key, _)| key.eq_ignore_ascii_case("timestamp"))
        {
            let name = &stream.schema.attributes()[attribute].name;
            options.push(("timestamp".to_string(), name.to_string()));
        }
        match connectors.connect(&stream.name, &stream.schema, &options) {
            Ok(connection) => connections.push((Arc::clone(&stream.name), connection)),
            Err(e) => faults.extend(faults_of(stream, e, connectors.unknown_keys(&options))),
        }
    }
    match faults.is_empty() {
        true => Ok(connections),
        false => Err(faults),
    }
}

/// What is wrong with the options of a stream: all keys that it does not take, or the first of other faults.
fn faults_of(stream: &StreamPlan, first: OptionError, keys: Vec<OptionError>) -> Vec<Fault> {
    let all = if keys.is_empty() { vec![first] } else { keys };
    let foreign = foreign(stream);
    let is_foreign = |span: &Span| foreign.iter().any(|fault| fault.span == *span);
    let others = all.iter().map(|e| (place(stream, e), e));
    let others = others.filter(|(span, _)| !is_foreign(span));
    let others: Vec<Fault> = match (&all[..], foreign.is_empty()) {
        ([OptionError::UnknownKey { .. }, ..], _) | (_, true) => {
            others.map(|(span, e)| fault(span, e)).collect()
        }
        // What a key of another dialect means may be what is missing.
        _ => Vec::new(),
    };
    [foreign, others].concat()
}

/// The options of a stream, key and value.
fn written(stream: &StreamPlan) -> Vec<(String, String)> {
    let options = stream.options.iter();
    options
        .map(|(key, value, _)| (key.clone(), value.clone()))
        .collect()
}

/// Where the option stands that is wrong.
fn place(stream: &StreamPlan, e: &OptionError) -> Span {
    let named = e.key().and_then(|key| {
        let same = |o: &&(String, String, _)| o.0.eq_ignore_ascii_case(key);
        // a key that is given twice is meant where it stands the second time
        stream.options.iter().rfind(same)
    });
    let option = named.or(stream.options.first());
    option.map(|o| o.2).unwrap_or_default()
}

/// The files from which tables of a plan get their rows, by the number of the table. Nothing outside is touched yet.
pub(crate) fn table_files(plan: &Plan) -> Result<Vec<(usize, TableFile)>, Vec<Fault>> {
    let mut files = Vec::new();
    let mut faults = Vec::new();
    for (number, table) in plan.tables.iter().enumerate() {
        let stream = &plan.streams[table.stream];
        match TableFile::new((&stream.name, &stream.schema), &written(stream)) {
            Ok(None) => {}
            Ok(Some(_)) if plan.event_time && table.shape.ttl_us.is_some() => {
                let message =
                    "in event time rows of a file would end by 'ttl' with the first event";
                let span = stream.options.first().map(|o| o.2).unwrap_or_default();
                let remedy = "leave 'ttl' out, or insert the rows from a stream";
                faults.push(Fault::new(span, message).help(remedy));
            }
            Ok(Some(file)) => files.push((number, file)),
            Err(e) => {
                let unknown = Options::key_faults(TABLE, &written(stream), &TableFile::keys());
                for fault in faults_of(stream, e, unknown) {
                    faults.push(fault);
                }
            }
        }
    }
    match faults.is_empty() {
        true => Ok(files),
        false => Err(faults),
    }
}

fn fault(span: Span, e: &OptionError) -> Fault {
    if let OptionError::UnknownKey { key, connector, .. } = e
        && connector == TABLE
    {
        let keys = TableFile::keys();
        let own = ["index", "ttl"].into_iter();
        let known = own.chain(keys.iter().map(|key| key.name));
        let message = format!("unknown option '{key}' of {TABLE}");
        return Fault::new(span, message).nearest(key, known);
    }
    let text = e.to_string();
    match text.split_once("; ") {
        Some((message, remedy)) => Fault::new(span, message).help(remedy),
        None => Fault::new(span, text),
    }
}

/// What options call a table.
const TABLE: &str = "a table";

type Observer = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// What went wrong at the edge of an app.
#[derive(Default)]
pub(crate) struct Incidents {
    shared: Weak<Shared>,
    count: AtomicU64,
    sinks: AtomicU64,
    further: AtomicU64,
    begun_anew: AtomicU64,
    fatal: Mutex<Option<(String, Cause)>>,
    observer: Mutex<Option<Observer>>,
}

impl Incidents {
    /// Counts and shows an error; a fatal one ends the app. Also called inside a worker's step.
    fn add(&self, stream: &str, on_error: OnError, error: ConnectorError) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.tell(stream, &error.to_string());
        if on_error == OnError::Stop {
            self.fatal
                .lock()
                .get_or_insert_with(|| (stream.to_string(), Cause::new(error)));
            if let Some(shared) = self.shared.upgrade() {
                shared.refuse();
            }
        }
    }

    /// Rows of a batch are missing outside.
    fn add_of_sink(&self, outlet: &Outlet, error: ConnectorError) {
        self.sinks.fetch_add(1, Ordering::Relaxed);
        self.add(&outlet.stream, outlet.on_error, error);
    }

    /// Shows what is worth knowing.
    fn tell(&self, stream: &str, text: &str) {
        let observer = self.observer.lock().clone();
        if let Some(observer) = observer {
            observer(stream, text);
        }
    }
}

/// What the observer hears of a source whose rows have times that the app does not use.
const UNUSED_TIMES: &str = "rows have times, but the app's clock is the machine's and they are not used; write \
    @app:playback in the app, or run it with --clock event";

/// A sink with its place in the app.
struct Outlet {
    stream: Arc<str>,
    sink: Mutex<Turns<Box<dyn Sink>>>,
    on_error: OnError,
}

/// What a sink that cannot go back does for checkpoints: nothing that a checkpoint holds waits in it.
impl PositionedOutput for Outlet {
    fn position(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn sync(&self) -> Result<(), String> {
        self.sink.lock().value.flush().map_err(|e| e.to_string())
    }

    fn rewind(&self, _position: Option<&[u8]>) -> Result<(), String> {
        Ok(())
    }
}

/// Name of a sink in checkpoints.
fn sink_name(stream: &str) -> String {
    format!("sink/{stream}")
}

/// The connections of one app.
#[derive(Default)]
pub(crate) struct Connected {
    waiting: Vec<(Arc<str>, Connection)>,
    feeds: Vec<Feed>,
    outlets: Vec<Arc<Outlet>>,
    deliveries: Vec<Arc<Delivery>>,
    incidents: Arc<Incidents>,
    left: Left,
}

/// Inputs of sources that were asked to stop: they are not at their end, and a checkpoint says so.
type Left = Arc<Mutex<Vec<Input>>>;

impl Connected {
    pub(crate) fn new(shared: &Arc<Shared>, waiting: Vec<(Arc<str>, Connection)>) -> Self {
        Connected {
            waiting,
            incidents: Arc::new(Incidents {
                shared: Arc::downgrade(shared),
                ..Incidents::default()
            }),
            ..Connected::default()
        }
    }

    /// Makes the positions of sinks that have one part of checkpoints.
    pub(crate) fn position_sinks(&self, snapshots: &SnapshotService) {
        for (stream, connection) in &self.waiting {
            if let Connection::Sink(sink, _) = connection
                && let Some(output) = sink.positioned()
            {
                snapshots.add_output(&sink_name(stream), output);
            }
        }
    }

    /// Makes every sink a callback of its stream.
    pub(crate) fn attach_sinks(
        &mut self,
        runtime: &EventFluxAppRuntime,
    ) -> Result<(), RuntimeError> {
        let mut sources = Vec::new();
        for (stream, connection) in std::mem::take(&mut self.waiting) {
            let Connection::Sink(mut sink, on_error) = connection else {
                sources.push((stream, connection));
                continue;
            };
            sink.open().map_err(|e| RuntimeError::Connector {
                stream: stream.to_string(),
                error: Cause::new(e),
            })?;
            let positioned = sink.positioned().is_some();
            let outlet = Arc::new(Outlet {
                stream: Arc::clone(&stream),
                sink: turns(sink),
                on_error,
            });
            self.outlets.push(Arc::clone(&outlet));
            if let Some(snapshots) = runtime.snapshots.as_ref().filter(|_| !positioned) {
                snapshots.add_output(&sink_name(&stream), Arc::clone(&outlet) as _);
            }
            let incidents = Arc::clone(&self.incidents);
            runtime.add_callback(&stream, move |batch| {
                let mut sink = outlet.sink.lock();
                let written = sink.value.rows(&outlet.stream, batch);
                end_turn(sink);
                if let Err(e) = written {
                    incidents.add_of_sink(&outlet, e);
                }
            })?;
        }
        self.waiting = sources;
        Ok(())
    }

    /// Opens an input for every source, then starts each on a thread of its own.
    pub(crate) fn start_sources(
        &mut self,
        runtime: &EventFluxAppRuntime,
    ) -> Result<(), RuntimeError> {
        for supply in self.supplies(runtime)? {
            let stream = Arc::clone(&supply.inlet.stream);
            let feed = Feed::spawn(&stream, move |stop| {
                supply.run(stop);
                Ok(())
            })?;
            self.feeds.push(feed);
        }
        Ok(())
    }

    /// The sources, each with an input that holds the app's clock.
    fn supplies(&mut self, runtime: &EventFluxAppRuntime) -> Result<Vec<Supply>, RuntimeError> {
        let mut supplies = Vec::new();
        for (stream, connection) in std::mem::take(&mut self.waiting) {
            let Connection::Source(source, on_error) = connection else {
                continue;
            };
            let schema = runtime
                .schema(&stream)
                .ok_or_else(|| RuntimeError::UnknownStream(stream.to_string()))?;
            let stored = runtime.snapshots.is_some();
            let mut input = match stored {
                true => runtime.open_input(&format!("source/{stream}"))?,
                false => runtime.input()?,
            };
            let plan = &runtime.shared.plan;
            let number = plan.stream(&stream);
            let declares_time = number.is_some_and(|s| plan.streams[s].time.attribute.is_some());
            if let Some(number) = number {
                input = input.of_stream(number);
            }
            input.hold_clock()?;
            let inlet = Inlet {
                input,
                stream: Arc::clone(&stream),
                schema,
                on_error,
                incidents: Arc::clone(&self.incidents),
                declares_time,
                told_unused: false,
                numbers: stored.then(Numbers::default),
            };
            supplies.push(Supply {
                source,
                inlet,
                left: Arc::clone(&self.left),
            });
        }
        Ok(supplies)
    }

    /// The inputs of sources that were stopped before their end.
    pub(crate) fn take_left(&self) -> Vec<Input> {
        std::mem::take(&mut *self.left.lock())
    }

    /// Whether a source has not ended yet.
    pub(crate) fn is_fed(&self) -> bool {
        self.feeds.iter().any(|f| !f.is_ended())
    }

    /// Whether the caller is the thread of a source.
    pub(crate) fn is_inside(&self) -> bool {
        self.feeds.iter().any(Feed::is_current)
    }

    /// The sources, each asked to stop. They are joined without the lock: they may look at the app.
    pub(crate) fn take_sources(&mut self) -> Vec<Feed> {
        self.feeds.iter().for_each(Feed::ask_to_stop);
        std::mem::take(&mut self.feeds)
    }

    /// Takes note of how a source ended.
    pub(crate) fn ended(&self, stream: &str, end: Result<(), ConnectorError>) {
        if let Err(e) = end {
            self.incidents.add(stream, OnError::Stop, e);
        }
    }

    /// Passes on what sinks hold.
    pub(crate) fn flush_sinks(&self) {
        for outlet in &self.outlets {
            let flushed = outlet.sink.lock().value.flush();
            if let Err(e) = flushed {
                self.incidents.add_of_sink(outlet, e);
            }
        }
        self.deliveries.iter().for_each(|d| d.finish());
    }

    /// Adds what was counted here.
    pub(crate) fn count(&self, metrics: &mut Metrics) {
        let incidents = &self.incidents;
        metrics.connector_errors = incidents.count.load(Ordering::Relaxed);
        metrics.sink_errors = incidents.sinks.load(Ordering::Relaxed);
        metrics.further_keys = incidents.further.load(Ordering::Relaxed);
        metrics.begun_anew = incidents.begun_anew.load(Ordering::Relaxed);
    }

    /// The error that ended the app.
    pub(crate) fn fatal(&self) -> Option<RuntimeError> {
        let fatal = self.incidents.fatal.lock().clone();
        fatal.map(|(stream, error)| RuntimeError::Connector { stream, error })
    }

    pub(crate) fn observe(&self, observer: Observer) {
        *self.incidents.observer.lock() = Some(observer);
    }
}

/// The numbers of a source's rows.
#[derive(Default)]
struct Numbers {
    /// The last row that the source emitted.
    last: u64,
    /// A row before it had a time, so that rows without one are no bad rows.
    timed: bool,
    /// The app went back to an earlier state: the source begins again.
    rewound: bool,
}

/// Where a source's rows enter the app.
struct Inlet {
    input: Input,
    stream: Arc<str>,
    schema: Schema,
    on_error: OnError,
    incidents: Arc<Incidents>,
    /// A row has its time in an attribute.
    declares_time: bool,
    /// The observer knows that the times of rows are not used.
    told_unused: bool,
    /// Where the app has a store.
    numbers: Option<Numbers>,
}

impl Inlet {
    /// From where the source emits rows.
    fn begin(&mut self) -> Option<String> {
        let numbers = self.numbers.as_mut()?;
        let mark = self.input.last_mark();
        let last = mark.as_ref().map_or(0, |m| m.number);
        *numbers = Numbers {
            last,
            timed: last > 0,
            rewound: false,
        };
        mark.map(|m| m.token)
    }

    fn is_rewound(&self) -> bool {
        self.numbers.as_ref().is_some_and(|n| n.rewound)
    }

    /// The time of a row where the app uses it; otherwise it is counted, and the first one is told of.
    fn used(&mut self, at: Option<Timestamp>) -> Option<Timestamp> {
        let shared = self.input.shared();
        if shared.event_time || at.is_none() {
            return at;
        }
        shared.times_unused(1);
        if !std::mem::replace(&mut self.told_unused, true) {
            self.incidents.tell(&self.stream, UNUSED_TIMES);
        }
        None
    }

    fn send(&mut self, at: Option<Timestamp>, row: &[Value]) -> Result<(), SendError> {
        let at = self.used(at);
        let Some(numbers) = &mut self.numbers else {
            return match at {
                Some(at) => self.input.send_at(&self.stream, at, row),
                None => self.input.send(&self.stream, row),
            };
        };
        // The input's clock does not tell: after a restore it is ahead of the rows that come again.
        if self.input.shared().event_time && at.is_none() && !numbers.timed && !self.declares_time {
            return Err(SendError::NoTime);
        }
        if numbers.rewound {
            return Err(SendError::Stopped);
        }
        let number = numbers.last + 1;
        let sent = self.input.send_numbered(number, &self.stream, at, row);
        numbers.rewound |= matches!(sent, Err(SendError::Rewound { .. }));
        sent?;
        numbers.last = number;
        numbers.timed |= at.is_some();
        Ok(())
    }
}

impl RowSink for Inlet {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn row(&mut self, at: Option<Timestamp>, row: &[Value]) -> Result<(), ConnectorError> {
        match self.send(at, row) {
            Ok(()) => Ok(()),
            Err(SendError::Stopped | SendError::Poisoned(_) | SendError::Rewound { .. }) => {
                Err(ConnectorError::Stopped)
            }
            Err(SendError::NoTime) => self.bad_row(&"a row", BadRow::NoTime),
            Err(e) => Err(ConnectorError::Other(e.to_string())),
        }
    }

    fn bad_row(&mut self, place: &dyn Display, fault: BadRow) -> Result<(), ConnectorError> {
        let place = place.to_string();
        let error = ConnectorError::BadRow { place, fault };
        match self.on_error {
            OnError::Log => {
                self.incidents.add(&self.stream, OnError::Log, error);
                Ok(())
            }
            // the source ends with it, and that is reported
            OnError::Stop => Err(error),
        }
    }

    fn position(&mut self, position: &str) {
        // While rows come again the input is ahead of the source, and the mark would stand at the wrong row.
        let caught_up = |n: &Numbers| !n.rewound && n.last == self.input.position();
        if self.numbers.as_ref().is_some_and(caught_up) {
            self.input.mark(position);
        }
    }

    fn keeps_positions(&self) -> bool {
        self.numbers.is_some()
    }

    fn further(&mut self, count: u64) {
        self.incidents.further.fetch_add(count, Ordering::Relaxed);
    }

    fn notice(&mut self, text: &dyn Display) {
        self.incidents.tell(&self.stream, &text.to_string());
    }

    fn begun_anew(&mut self, why: &dyn Display) {
        self.incidents.begun_anew.fetch_add(1, Ordering::Relaxed);
        self.notice(why);
        if let Some(numbers) = &mut self.numbers {
            numbers.last = self.input.begin_anew();
        }
    }
}

/// A source with the place where its rows go: what its thread runs.
struct Supply {
    source: Box<dyn Source>,
    inlet: Inlet,
    left: Left,
}

impl Supply {
    /// Runs the source, again after each restore. Its error ends the app, and is reported when it happens.
    fn run(mut self, stop: &StopSignal) {
        loop {
            let from = self.inlet.begin();
            let ended = self.source.run(&mut self.inlet, stop, from.as_deref());
            if self.inlet.is_rewound() && !stop.is_stopped() {
                continue;
            }
            match ended {
                Ok(()) | Err(ConnectorError::Stopped) => {}
                Err(e) => {
                    let Inlet {
                        incidents, stream, ..
                    } = &self.inlet;
                    incidents.add(stream, OnError::Stop, e);
                }
            }
            break;
        }
        let input = self.inlet.input;
        match stop.is_stopped() {
            true => self.left.lock().push(input),
            // An app that takes no more has no clock to wait for this input.
            false => drop(input.finish()),
        }
    }
}

#[cfg(test)]
mod tests;
