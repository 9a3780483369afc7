//! A run in progress: events go to the app one by one, with numbers where its state is kept.
//!
//! Numbers: the n-th good row of the events has number n, in every run over the same events. A run that goes on with a
//! revision begins at the mark that the revision holds (files), or at the first row (a pipe), counts, and leaves the
//! rows out that the revision has seen. A mark stands before the event at hand and belongs to the row before it. It has
//! the clock of the clock lines between the two, since a revision may hold the row and not them.

use crate::app;
use crate::args::OnBad;
use crate::checkpoints::{EVENTS, MetricsFile};
use crate::events::{BatchRows, Event, Events, Placed, PlacedRows};
use crate::failure::Failure;
use crate::inputs::Opened;
use crate::output::Output;
use crate::places::{self, Places};
use crate::report::{BadLines, Latency, Progress, Summary};
use crate::{say, signal};
use eventflux::connector::BadRow;
use eventflux::event::{Timestamp, Value};
use eventflux::{EventFluxAppRuntime, Input, Metrics, ResumePoint, SendError};

/// Rows between two marks.
const MARK_ROWS: u64 = 256;
/// Told once of events that have times, by an app that does not use them.
const UNUSED: &str = "events have times, but the app's clock is the machine's and they are not used; write \
    @app:playback in the app or give --clock event";
/// Rows between two looks at the clock for the metrics.
const METRICS_ROWS: u64 = 1024;

/// Numbers of rows, where the app's state is kept.
struct Numbers {
    /// The last row that was read.
    last: u64,
    /// The row of the last mark.
    marked: u64,
    /// Where the clock was moved to since that row was read.
    clock: Option<Timestamp>,
    /// All events are in files, where a later run can go on.
    marks: bool,
    /// Files of earlier runs, as tokens have them: marks keep them.
    earlier: String,
}

/// Where rows go.
struct Sender {
    input: Input,
    /// Rows carry their own time; otherwise the machine's, and `unused` counts theirs.
    event_time: bool,
    unused: u64,
    /// It was told that they are unused.
    told: bool,
    numbers: Option<Numbers>,
    /// A row without a time has one: that of the clock.
    timed: bool,
}

impl Sender {
    /// The time of a row where the app uses it.
    fn used(&mut self, at: Option<Timestamp>) -> Option<Timestamp> {
        if !self.event_time && at.is_some() {
            self.unused += 1;
            return None;
        }
        at
    }

    fn row(
        &mut self,
        stream: &str,
        at: Option<Timestamp>,
        row: &[Value],
    ) -> Result<u64, SendError> {
        let at = self.used(at);
        // The input's clock does not tell: after a restore it is ahead of rows that come again.
        if at.is_none() && !self.timed {
            return Err(SendError::NoTime);
        }
        let mut rows = 1;
        match &mut self.numbers {
            None => match at {
                Some(at) => self.input.send_at(stream, at, row)?,
                None => self.input.send(stream, row)?,
            },
            Some(numbers) => {
                let number = numbers.last + 1;
                rows = u64::from(self.input.send_numbered(number, stream, at, row)?);
                numbers.last = number;
                numbers.clock = None;
            }
        }
        self.timed |= at.is_some();
        Ok(rows)
    }

    /// Sends rows as one batch; answers how many were new, and how many had no time and no row before them that had
    /// one.
    fn batch(
        &mut self,
        stream: &str,
        rows: &[(Option<Timestamp>, Vec<Value>)],
    ) -> Result<(u64, usize), SendError> {
        let untimed = match self.timed {
            true => 0,
            false => rows.iter().take_while(|(at, _)| at.is_none()).count(),
        };
        let rows = &rows[untimed..];
        let mut fresh = rows;
        if let Some(numbers) = &self.numbers {
            let taken = self.input.position().saturating_sub(numbers.last);
            fresh = &rows[rows.len().min(usize::try_from(taken).unwrap_or(usize::MAX))..];
        }
        if self.numbers.is_none() || !fresh.is_empty() {
            let (event_time, unused) = (self.event_time, &mut self.unused);
            let sent = fresh.iter().map(|(at, row)| {
                *unused += u64::from(!event_time && at.is_some());
                (at.filter(|_| event_time), row.as_slice())
            });
            self.input.send_batch(stream, sent)?;
        }
        if let Some(numbers) = self.numbers.as_mut().filter(|_| !rows.is_empty()) {
            numbers.last += rows.len() as u64;
            numbers.clock = None;
        }
        self.timed |= !rows.is_empty();
        Ok((fresh.len() as u64, untimed))
    }

    fn clock(&mut self, to: Timestamp) -> Result<u64, SendError> {
        if !self.event_time {
            self.unused += 1;
            return Ok(0);
        }
        self.input.advance_clock(to)?;
        self.timed = true;
        if let Some(numbers) = &mut self.numbers {
            numbers.clock = Some(to);
        }
        Ok(0)
    }

    /// Whether places are remembered.
    fn marks(&self) -> bool {
        self.numbers.as_ref().is_some_and(|n| n.marks)
    }

    /// Remembers the place before the event at hand, if rows enough have gone by.
    fn mark(&mut self, events: &mut Events, rows_min: u64) -> Result<(), Failure> {
        let Some(numbers) = &mut self.numbers else {
            return Ok(());
        };
        let due = numbers.last >= numbers.marked + rows_min;
        if numbers.marks && due && numbers.last == self.input.position() {
            let mut token = places::head(self.timed, numbers.clock);
            events.write_places(&mut token)?;
            token.push_str(&numbers.earlier);
            self.input.mark(&token);
            numbers.marked = numbers.last;
        }
        Ok(())
    }
}

/// Where the events of a run go on.
#[derive(Default)]
pub struct Resume {
    last: u64,
    timed: bool,
    marks: bool,
    clock: Option<Timestamp>,
    /// Rows that the revision has behind the mark.
    seen: u64,
}

impl Resume {
    /// From where a revision says, and where its files stood. `files`: all events are in files, else they are read from
    /// the beginning.
    pub fn new(
        point: Option<&ResumePoint>,
        files: bool,
    ) -> Result<(Self, Option<Places>), Failure> {
        let mut resume = Resume {
            marks: files,
            ..Resume::default()
        };
        let mark = point.and_then(|p| Some((p.next, p.mark.as_ref()?)));
        let Some((next, mark)) = mark.filter(|_| files) else {
            return Ok((resume, None));
        };
        let places = Places::read(&mark.token)?;
        resume.last = mark.number;
        resume.seen = (next - 1).saturating_sub(mark.number);
        (resume.timed, resume.clock) = (places.timed, places.clock);
        Ok((resume, Some(places)))
    }
}

/// What is told at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// All of it.
    Summary,
    /// How many lines were bad, if any were.
    BadLines,
    /// That, and what else an answer lacks.
    Losses,
}

impl Telling {
    /// All of it, unless nobody wants to hear it.
    pub fn unless(quiet: bool) -> Self {
        match quiet {
            true => Telling::BadLines,
            false => Telling::Summary,
        }
    }
}

/// A run in progress.
pub struct Session {
    /// Until the events have come to their end.
    sender: Option<Sender>,
    /// The app's state is kept.
    stored: bool,
    bad_lines: BadLines,
    on_bad: OnBad,
    latency: Latency,
    progress: Progress,
    metrics: MetricsFile,
    /// Where the clock stands before the first event.
    clock: Option<Timestamp>,
    /// Events that were none of them bad, whether the app has seen them before or not.
    good: u64,
    /// Keys and cells that were no attributes.
    further: u64,
    /// The app takes no more rows; its end says why.
    ended: bool,
    /// What is asked of the app when all of its rows are through.
    asked: Option<Asked>,
}

type Asked = Box<dyn FnOnce(&EventFluxAppRuntime) -> Result<(), Failure>>;

impl Session {
    /// Asks something of the app when all of its rows are through, unless a signal came.
    pub fn ask_at_the_end(
        &mut self,
        ask: impl FnOnce(&EventFluxAppRuntime) -> Result<(), Failure> + 'static,
    ) {
        self.asked = Some(Box::new(ask));
    }

    /// Opens the input of an app; one with a store by its name.
    pub fn open(
        runtime: &EventFluxAppRuntime,
        (resume, opened): (&Resume, &Opened),
        (on_bad, latency): (OnBad, Latency),
        (progress, metrics): (Progress, MetricsFile),
    ) -> Result<Self, Failure> {
        let stored = runtime.snapshot_service().is_ok();
        let input = match stored {
            true => runtime.open_input(EVENTS),
            false => runtime.input(),
        };
        let mut input = input.map_err(Failure::from_run)?;
        let mut last = resume.last;
        if opened.assigned.changed && resume.seen > 0 {
            if opened.assigned.goes_on {
                return Err(Failure::run(
                    "the last run was cut off while it read, so its rows must come again in their order: run once more \
                     with the same files, then with others",
                ));
            }
            last = input.begin_anew();
        }
        let numbers = Numbers {
            last,
            marked: last,
            clock: None,
            marks: resume.marks,
            earlier: places::earlier(&opened.assigned.earlier),
        };
        // Sources of the app run beside it: none of them makes its first rows late.
        input.hold_clock().map_err(Failure::from_run)?;
        let sender = Sender {
            input,
            event_time: runtime.is_event_time(),
            unused: 0,
            told: false,
            numbers: stored.then_some(numbers),
            timed: resume.timed || !runtime.is_event_time(),
        };
        Ok(Session {
            sender: Some(sender),
            stored,
            bad_lines: BadLines::default(),
            on_bad,
            latency,
            progress,
            metrics,
            clock: resume.clock,
            good: 0,
            further: 0,
            ended: false,
            asked: None,
        })
    }

    /// Sends all events, until a signal or an output that takes no more.
    pub fn pump(
        &mut self,
        runtime: &EventFluxAppRuntime,
        events: &mut Events,
        output: &Output,
    ) -> Result<(), Failure> {
        if let (Some(clock), Some(sender)) = (self.clock.take(), &mut self.sender) {
            let sent = sender.clock(clock);
            self.check(sent.map(|_| ()), || "the clock".to_string())?;
        }
        let sent = self.send_all(runtime, events, output);
        // Whatever has ended it, and before the look at the event that is not sent.
        self.further = events.take_further();
        let ended = sent?;
        if !self.ended && self.sender.as_ref().is_some_and(Sender::marks) {
            // Of what was stopped the next event stands behind the one that was sent.
            if is_stopped(output) {
                events.advance()?;
            }
            self.mark(events, 0)?;
        }
        if ended {
            self.end_events();
        }
        for (file, line) in events.left() {
            let told = "has no line end: it is left for the next run";
            self.progress.say(&format!("{file}:{line} {told}"));
        }
        Ok(())
    }

    /// Sends events; answers whether that was all of them.
    fn send_all(
        &mut self,
        runtime: &EventFluxAppRuntime,
        events: &mut Events,
        output: &Output,
    ) -> Result<bool, Failure> {
        let names: Vec<String> = events.streams().to_names();
        let (mut read, mut ticks) = (0, 0);
        while !is_stopped(output) && !self.ended {
            let rows = match self.takes_columns() {
                true => events.advance_rows()?,
                false => None,
            };
            let sent = match rows {
                Some(rows) => self.send_rows(&names, rows)?,
                None => {
                    if !events.advance()? {
                        return Ok(true);
                    }
                    self.mark(events, MARK_ROWS)?;
                    let Some(placed) = events.event() else { break };
                    self.send(&names, placed)?
                }
            };
            let place = || (events.bytes_read(), output.row_count());
            if self.progress.add(sent, place) {
                // Whoever looks sees the rows as they come.
                output.flush();
            }
            // A line that is no row counts as one.
            read += sent.max(1);
            if read / METRICS_ROWS > ticks {
                ticks = read / METRICS_ROWS;
                self.metrics.tick(runtime)?;
            }
        }
        Ok(false)
    }

    /// Whether rows may be sent in columns: nobody counts them one by one, and one without a time has that of the
    /// clock.
    fn takes_columns(&self) -> bool {
        let sender = self.sender.as_ref();
        let takes = sender.is_some_and(|s| s.numbers.is_none() && s.timed);
        takes && !self.latency.wants_row()
    }

    /// Sends rows in columns; returns how many.
    fn send_rows(&mut self, names: &[String], placed: PlacedRows<'_>) -> Result<u64, Failure> {
        let PlacedRows {
            file,
            line,
            stream,
            rows,
        } = placed;
        let Some(sender) = &mut self.sender else {
            return Ok(0);
        };
        let count = rows.len() as u64;
        if !sender.event_time && rows.is_timed() {
            sender.unused += count;
            rows.forget_times();
        }
        let sent = sender.input.send_each(&names[stream], rows);
        self.latency.columns(count);
        self.tell_unused(file, line);
        match sent {
            Ok(()) => {
                self.good += count;
                Ok(count)
            }
            Err(e) => self.check(Err(e), || format!("{file}:{line}")).map(|()| 0),
        }
    }

    fn mark(&mut self, events: &mut Events, rows_min: u64) -> Result<(), Failure> {
        match &mut self.sender {
            Some(sender) => sender.mark(events, rows_min),
            None => Ok(()),
        }
    }

    /// All events were sent: sources of the app that still run wait for them no longer.
    fn end_events(&mut self) {
        if let Some(sender) = self.sender.take() {
            // An app that takes no more rows says why when it is shut down.
            let _ = sender.input.finish();
        }
    }

    /// Writes metrics if it is time.
    pub fn tick(&mut self, runtime: &EventFluxAppRuntime) -> Result<(), Failure> {
        self.metrics.tick(runtime)
    }

    /// Sends one event; returns its rows.
    fn send(&mut self, names: &[String], placed: Placed<'_>) -> Result<u64, Failure> {
        let Placed { file, line, event } = placed;
        let Some(sender) = &mut self.sender else {
            return Ok(0);
        };
        let place = || format!("{file}:{line}");
        let sent = match event {
            Event::Bad(fault) => return self.bad(file, line, fault),
            Event::Row { stream, at, row } => {
                let name = &names[stream];
                self.latency.of(|| sender.row(name, at, row))
            }
            Event::Clock(at) => self.latency.of(|| sender.clock(at)),
            Event::Batch(batch, faults) => {
                for fault in faults {
                    self.bad(file, line, fault)?;
                }
                let sent = self.batches(names, batch, (file, line));
                self.tell_unused(file, line);
                return sent;
            }
        };
        self.tell_unused(file, line);
        match sent {
            Err(SendError::NoTime) => self.bad(file, line, &BadRow::NoTime),
            Ok(rows) => {
                self.good += 1;
                Ok(rows)
            }
            Err(e) => self.check(Err(e), place).map(|()| 0),
        }
    }

    /// Says once that times are not used.
    fn tell_unused(&mut self, file: &str, line: u64) {
        if let Some(sender) = self.sender.as_mut().filter(|s| s.unused > 0 && !s.told) {
            sender.told = true;
            self.progress.say(&format!("{file}:{line}: {UNUSED}"));
        }
    }

    /// Sends the rows of a batch line.
    fn batches(
        &mut self,
        names: &[String],
        batch: &[BatchRows],
        (file, line): (&str, u64),
    ) -> Result<u64, Failure> {
        let mut rows = 0;
        for (stream, run) in batch {
            let Some(sender) = &mut self.sender else {
                break;
            };
            match sender.batch(&names[*stream], run) {
                Ok((fresh, untimed)) => {
                    rows += fresh;
                    self.good += (run.len() - untimed) as u64;
                    for _ in 0..untimed {
                        self.bad(file, line, &BadRow::NoTime)?;
                    }
                }
                Err(e) => self.check(Err(e), || format!("{file}:{line}"))?,
            }
        }
        Ok(rows)
    }

    /// What a send that failed means: an app that has ended says why at its end.
    fn check(
        &mut self,
        sent: Result<(), SendError>,
        place: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match sent {
            Ok(()) => Ok(()),
            Err(SendError::Stopped | SendError::Poisoned(_)) => {
                self.ended = true;
                Ok(())
            }
            Err(e) => Err(Failure::run(format!("{}: {e}", place()))),
        }
    }

    /// Counts a bad line, or ends the run.
    fn bad(&mut self, file: &str, line: u64, fault: &BadRow) -> Result<u64, Failure> {
        self.bad_lines.add(file, line, fault, &self.progress);
        match self.on_bad {
            OnBad::Skip => Ok(0),
            OnBad::Stop => Err(Failure::run(format!("{file}:{line} is bad, stopped"))),
        }
    }

    /// Closes what is asked to be closed, waits for all rows, and reports. `complete`: all events were sent.
    pub fn finish(
        mut self,
        runtime: EventFluxAppRuntime,
        (complete, flush): (bool, bool),
        output: &Output,
        telling: Telling,
    ) -> Result<(), Failure> {
        // What is to go on closes no windows.
        let flush = flush && (complete || !self.stored);
        if complete {
            self.end_events();
        }
        // An input that was stopped before its end holds the clock in the last checkpoint, as it did.
        let left = self.sender.take();
        let mut flushed = match flush {
            true => runtime.flush().map_err(Failure::from_run),
            false => Ok(()),
        };
        self.progress.finish();
        if let Some(ask) = self.asked.take().filter(|_| complete && flushed.is_ok()) {
            flushed = ask(&runtime);
        }
        let stopped = runtime.shutdown().map_err(Failure::from_run);
        drop(left);
        let written = output.finish();
        let told = self.metrics.write(&runtime);
        let metrics = runtime.metrics().unwrap_or_default();
        if telling == Telling::Summary {
            let summary = Summary {
                rows_in: match self.progress.rows() {
                    0 => metrics.rows_in,
                    rows => rows,
                },
                rows_out: output.row_count(),
                elapsed: self.progress.elapsed(),
                bad_lines: self.bad_lines.count(),
                counters: &app::counters(&metrics, self.further),
                open: &left_open(&runtime, flush, self.stored),
                latency: &self.latency,
                interrupted: signal::is_asked(),
            };
            say!("{}", summary.text());
        } else if self.bad_lines.count() > 0 {
            say!("bad lines: {}", self.bad_lines.count());
        }
        if telling == Telling::Losses {
            tell_losses(&metrics);
        }
        let good = self.good > 0 || metrics.rows_in > 0;
        let bad = self.bad_lines.count() + metrics.connector_errors - metrics.sink_errors;
        flushed.and(stopped).and(written).and(told)?;
        match (metrics.sink_errors, bad) {
            (1.., _) => Err(Failure::run(format!(
                "sinks could not write {} times: rows are missing there",
                metrics.sink_errors
            ))),
            (0, 1..) if !good => Err(Failure::run(format!(
                "no line was good: all {bad} were bad"
            ))),
            _ => Ok(()),
        }
    }
}

/// What an answer lacks.
fn tell_losses(metrics: &Metrics) {
    for (what, rows) in [
        ("late rows", metrics.late_rows),
        (
            "values that became NULL, as they could not be computed",
            metrics.value_faults,
        ),
        ("rows beyond a limit", metrics.limit_rows),
    ] {
        if rows > 0 {
            say!("{what}: {rows}");
        }
    }
}

/// What is said of windows that the end of the events has not closed.
fn left_open(runtime: &EventFluxAppRuntime, flush: bool, stored: bool) -> String {
    let open = match flush {
        true => Vec::new(),
        false => runtime.open_queries().unwrap_or_default(),
    };
    if open.is_empty() {
        return String::new();
    }
    let then = match stored {
        true => "the next run goes on with them",
        false => "--flush closes them",
    };
    format!("windows of {}; {then}", open.join(", "))
}

/// Whether a signal or the output ends the reading.
fn is_stopped(output: &Output) -> bool {
    signal::is_asked() || output.is_closed()
}
