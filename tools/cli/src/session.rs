//! A run in progress: events go to the app one by one, with numbers where its state is kept.
//!
//! Numbers: the n-th good row of the events has number n, in every run over the same events. A run that goes on with a
//! revision begins at the mark that the revision holds (files), or at the first row (a pipe), counts, and leaves the
//! rows out that the revision has seen. A mark stands before the event at hand and belongs to the row before it; there
//! is none between a clock line and the next row, as a revision may hold the row and not the clock line.

use crate::app;
use crate::args::OnBad;
use crate::checkpoints::{EVENTS, MetricsFile};
use crate::events::{BatchRows, Event, Events, Placed};
use crate::failure::Failure;
use crate::output::Output;
use crate::report::{BadLines, Latency, Progress, Summary};
use crate::signal;
use eventflux::connector::BadRow;
use eventflux::event::{Timestamp, Value};
use eventflux::{EventFluxAppRuntime, Input, Mark, SendError};

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
    /// The clock has moved since that row was read.
    clocked: bool,
    /// All events are in files, where a later run can go on.
    marks: bool,
}

/// Where rows go.
struct Sender {
    input: Input,
    /// Rows carry their own time; otherwise the machine's, and `unused` counts theirs.
    event_time: bool,
    unused: u64,
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
                numbers.clocked = false;
            }
        }
        self.timed |= at.is_some();
        Ok(rows)
    }

    fn batch(
        &mut self,
        stream: &str,
        rows: &[(Option<Timestamp>, Vec<Value>)],
    ) -> Result<u64, SendError> {
        if !self.timed && rows.first().is_some_and(|(at, _)| at.is_none()) {
            return Err(SendError::NoTime);
        }
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
        if let Some(numbers) = &mut self.numbers {
            numbers.last += rows.len() as u64;
            numbers.clocked &= rows.is_empty();
        }
        self.timed |= rows.iter().any(|(at, _)| at.is_some());
        Ok(fresh.len() as u64)
    }

    fn batches(&mut self, names: &[String], batch: &[BatchRows]) -> Result<u64, SendError> {
        let mut sent = 0;
        for (stream, rows) in batch {
            sent += self.batch(&names[*stream], rows)?;
        }
        Ok(sent)
    }

    fn clock(&mut self, to: Timestamp) -> Result<u64, SendError> {
        if !self.event_time {
            self.unused += 1;
            return Ok(0);
        }
        self.input.advance_clock(to)?;
        self.timed = true;
        if let Some(numbers) = &mut self.numbers {
            numbers.clocked = true;
        }
        Ok(0)
    }

    /// Remembers the place before the event at hand, if rows enough have gone by.
    fn mark(&mut self, events: &Events, rows_min: u64) {
        let Some(numbers) = &mut self.numbers else {
            return;
        };
        let due = numbers.last >= numbers.marked + rows_min;
        if numbers.marks && !numbers.clocked && due && numbers.last == self.input.position() {
            let timed = u8::from(self.timed);
            self.input.mark(&format!("{timed} {}", events.token()));
            numbers.marked = numbers.last;
        }
    }
}

/// The parts of a mark of an earlier run: whether rows had a time there, and the token of the events.
fn read_mark(mark: &Mark) -> Result<(bool, &str), Failure> {
    match mark.token.split_once(' ') {
        Some(("0", token)) => Ok((false, token)),
        Some(("1", token)) => Ok((true, token)),
        _ => Err(Failure::run(format!(
            "'{}' is no place in files of events: another program wrote the revision",
            mark.token
        ))),
    }
}

/// Where the events of a run go on.
pub struct Resume {
    last: u64,
    timed: bool,
    marks: bool,
}

impl Resume {
    /// Sets events to a mark. `files`: all of them are in files, else they are read from the beginning.
    pub fn new(events: &mut Events, mark: Option<&Mark>, files: bool) -> Result<Self, Failure> {
        let mut resume = Resume {
            last: 0,
            timed: false,
            marks: files,
        };
        if let Some(mark) = mark.filter(|_| files) {
            let (timed, token) = read_mark(mark)?;
            events.resume(token)?;
            (resume.last, resume.timed) = (mark.number, timed);
        }
        Ok(resume)
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
    /// The app takes no more rows; its end says why.
    ended: bool,
}

impl Session {
    /// Opens the input of an app; one with a store by its name.
    pub fn open(
        runtime: &EventFluxAppRuntime,
        resume: &Resume,
        (on_bad, latency): (OnBad, Latency),
        (progress, metrics): (Progress, MetricsFile),
    ) -> Result<Self, Failure> {
        let stored = runtime.snapshot_service().is_ok();
        let input = match stored {
            true => runtime.open_input(EVENTS),
            false => runtime.input(),
        };
        let numbers = Numbers {
            last: resume.last,
            marked: resume.last,
            clocked: false,
            marks: resume.marks,
        };
        let mut input = input.map_err(Failure::from_run)?;
        // Sources of the app run beside it: none of them makes its first rows late.
        input.hold_clock().map_err(Failure::from_run)?;
        let sender = Sender {
            input,
            event_time: runtime.is_event_time(),
            unused: 0,
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
            ended: false,
        })
    }

    /// Sends all events, until a signal or an output that takes no more.
    pub fn pump(
        &mut self,
        runtime: &EventFluxAppRuntime,
        events: &mut Events,
        output: &Output,
    ) -> Result<(), Failure> {
        let names: Vec<String> = events.streams().to_names();
        let mut read = 0;
        while !signal::is_asked() && !output.is_closed() && !self.ended {
            if !events.advance()? {
                self.mark(events, 1);
                self.end_events();
                break;
            }
            let Some(placed) = events.event() else { break };
            let rows_min = match placed.event {
                Event::Clock(_) => 1,
                _ => MARK_ROWS,
            };
            self.mark(events, rows_min);
            let rows = self.send(&names, placed)?;
            self.progress
                .add(rows, || (events.bytes_read(), output.row_count()));
            read += 1;
            if read % METRICS_ROWS == 0 {
                self.metrics.tick(runtime)?;
            }
        }
        Ok(())
    }

    fn mark(&mut self, events: &Events, rows_min: u64) {
        if let Some(sender) = &mut self.sender {
            sender.mark(events, rows_min);
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
        let unused = sender.unused;
        let sent = match event {
            Event::Bad(fault) => return self.bad(file, line, fault),
            Event::Row { stream, at, row } => {
                let name = &names[stream];
                self.latency.of(|| sender.row(name, at, row))
            }
            Event::Clock(at) => self.latency.of(|| sender.clock(at)),
            Event::Batch(batch) => sender.batches(names, batch),
        };
        if unused == 0 && sender.unused > 0 {
            self.progress.say(&format!("{file}:{line}: {UNUSED}"));
        }
        match sent {
            Ok(rows) => Ok(rows),
            Err(SendError::NoTime) => self.bad(file, line, &BadRow::NoTime),
            Err(SendError::Stopped | SendError::Poisoned(_)) => {
                self.ended = true;
                Ok(0)
            }
            Err(e) => Err(Failure::run(format!("{file}:{line}: {e}"))),
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
        quiet: bool,
    ) -> Result<(), Failure> {
        // What is to go on closes no windows.
        let flush = flush && (complete || !self.stored);
        if complete {
            self.end_events();
        }
        // An input that was stopped before its end holds the clock in the last checkpoint, as it did.
        let left = self.sender.take();
        let flushed = match flush {
            true => runtime.flush().map_err(Failure::from_run),
            false => Ok(()),
        };
        let stopped = runtime.shutdown().map_err(Failure::from_run);
        drop(left);
        let written = output.finish();
        let told = self.metrics.write(&runtime);
        self.progress.finish();
        if !quiet {
            let summary = Summary {
                rows_in: self.progress.rows(),
                rows_out: output.row_count(),
                elapsed: self.progress.elapsed(),
                bad_lines: self.bad_lines.count(),
                counters: &app::counters(&runtime),
                latency: &self.latency,
                interrupted: signal::is_asked(),
            };
            eprintln!("{}", summary.text());
        } else if self.bad_lines.count() > 0 {
            eprintln!("bad lines: {}", self.bad_lines.count());
        }
        flushed.and(stopped).and(written).and(told)
    }
}
