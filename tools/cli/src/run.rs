//! `run`: events in, rows out, a summary at the end.
//!
//! One thread reads, decodes and sends; what the app emits is collected by callbacks. The end of the input closes
//! nothing that time has not closed, unless `--flush`. A signal ends the reading, then everything sent is processed
//! and written.

use crate::app::{self, App};
use crate::args::{OnBad, RunArgs, WorkerCount};
use crate::events::{Event, Events, Placed, Streams};
use crate::failure::Failure;
use crate::output::Output;
use crate::pipe::Pipe;
use crate::report::{BadLines, Latency, Progress, Summary};
use crate::signal;
use eventflux::connector::{BadRow, Format};
use eventflux::{EventFluxAppRuntime, Input, SendError, StreamInfo};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at sources that still run.
const SOURCE_CHECK: Duration = Duration::from_millis(20);

/// Runs an app.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    signal::install()?;
    let mut app = App::read(&args.app, args.workers, args.clock)?;
    let mut runtime = app.build()?;
    app.warn(&runtime);
    let streams = runtime.streams();
    let printed = printed(&streams, &args.print)?;
    if printed.len() > 1 {
        app.order_outputs();
        runtime = app.build()?;
    }
    let schemas = streams.iter().map(|s| (s.name.clone(), s.schema.clone()));
    let mut events = Events::new(Streams::new(schemas));
    let is_source = |s: &StreamInfo| s.options.iter().any(is_source);
    if args.events.is_empty() && args.input.is_empty() && !streams.iter().any(is_source) {
        return Err(Failure::usage(
            "no events: give --events FILE, --events - for standard input, or --input STREAM=FILE",
        ));
    }
    if Format::of(&args.out) == Format::Csv && printed.len() != 1 {
        return Err(Failure::usage(format!(
            "{} takes the rows of one stream, not of {}; choose with --print",
            args.out.display(),
            printed.len()
        )));
    }
    check_files(args)?;
    let output = Output::create(&args.out)?;
    for stream in &printed {
        print(&runtime, stream, &output)?;
    }
    open(&mut events, args, &output)?;
    let progress = Progress::new(events.bytes(), args.quiet);
    runtime.observe_connectors(progress.teller());
    // opened first: a source may end the app as soon as it starts
    let input = runtime.input().map_err(Failure::from_run)?;
    runtime.start().map_err(Failure::from_run)?;
    let mut session = Session {
        input,
        bad_lines: BadLines::default(),
        on_bad: args.on_bad,
        latency: Latency::new(args.workers == WorkerCount::Inline),
        progress,
        ended: false,
    };
    let pumped = session.pump(&mut events, &output);
    if pumped.is_ok() {
        wait_for_sources(&runtime, &output);
    }
    let finished = session.finish(runtime, args.flush && pumped.is_ok(), &output, args.quiet);
    pumped.and(finished)?;
    match signal::is_asked() {
        true => Err(Failure::interrupted()),
        false => Ok(()),
    }
}

/// The streams whose rows are written: those asked for, else those that are written and not read.
fn printed<'s>(
    streams: &'s [StreamInfo],
    asked: &[String],
) -> Result<Vec<&'s StreamInfo>, Failure> {
    if asked.is_empty() {
        return Ok(streams.iter().filter(|s| s.written && !s.read).collect());
    }
    let mut printed: Vec<&StreamInfo> = Vec::new();
    for name in asked {
        let written = streams.iter().filter(|s| s.written);
        let mut written = written.map(|s| s.name.as_str());
        let stream = streams.iter().find(|s| s.name.eq_ignore_ascii_case(name));
        let Some(stream) = stream.filter(|s| s.written) else {
            let why = match stream {
                Some(_) => "no query writes it",
                None => "unknown stream",
            };
            let known = written.by_ref().collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!(
                "--print {name}: {why}; known: {known}"
            )));
        };
        if !printed.iter().any(|s| s.name == stream.name) {
            printed.push(stream);
        }
    }
    Ok(printed)
}

/// Whether an option makes its stream one that a source feeds.
fn is_source((key, value): &(String, String)) -> bool {
    key.eq_ignore_ascii_case("type") && value.eq_ignore_ascii_case("source")
}

/// Waits for the end of the app's own sources, a signal, or an output that takes no more.
fn wait_for_sources(runtime: &EventFluxAppRuntime, output: &Output) {
    while runtime.is_fed() && !signal::is_asked() && !output.is_closed() {
        std::thread::sleep(SOURCE_CHECK);
        output.flush();
    }
}

/// Finds what would fail after the output is emptied: an input that is not there, or that is the output itself.
fn check_files(args: &RunArgs) -> Result<(), Failure> {
    let out = args.out.canonicalize().ok();
    let files = args.events.iter().filter(|path| *path != Path::new("-"));
    for path in files.chain(args.input.iter().map(|input| &input.path)) {
        let found = path.canonicalize();
        let found = found.map_err(|e| Failure::run(format!("{}: {e}", path.display())))?;
        if found.is_file() && Some(found) == out {
            let name = path.display();
            return Err(Failure::usage(format!("{name} is both input and output")));
        }
    }
    Ok(())
}

/// Writes the rows of a stream to the output.
fn print(
    runtime: &EventFluxAppRuntime,
    stream: &StreamInfo,
    output: &Arc<Output>,
) -> Result<(), Failure> {
    let encoder = output.encoder(&stream.name, &stream.schema);
    let output = output.clone();
    runtime
        .add_callback(&stream.name, move |batch| output.rows(&encoder, batch))
        .map_err(Failure::from_run)
}

/// Opens all inputs.
fn open(events: &mut Events, args: &RunArgs, output: &Arc<Output>) -> Result<(), Failure> {
    for path in &args.events {
        if path == Path::new("-") {
            let output = output.clone();
            let pipe = Pipe::stdin(Box::new(move || output.flush()));
            events.add_reader("stdin", Box::new(pipe))?;
        } else {
            events.add_file(path)?;
        }
    }
    args.input
        .iter()
        .try_for_each(|input| events.add_rows(input))
}

/// A run in progress.
struct Session {
    input: Input,
    bad_lines: BadLines,
    on_bad: OnBad,
    latency: Latency,
    progress: Progress,
    /// The app takes no more rows; its end says why.
    ended: bool,
}

impl Session {
    /// Sends all events, until a signal or an output that takes no more.
    fn pump(&mut self, events: &mut Events, output: &Output) -> Result<(), Failure> {
        let names: Vec<String> = events.streams().to_names();
        while !signal::is_asked() && !output.is_closed() && !self.ended {
            let Some(placed) = events.next_event()? else {
                break;
            };
            let rows = self.send(&names, placed)?;
            self.progress
                .add(rows, || (events.bytes_read(), output.row_count()));
        }
        Ok(())
    }

    /// Sends one event; returns its rows.
    fn send(&mut self, names: &[String], placed: Placed<'_>) -> Result<u64, Failure> {
        let Placed { file, line, event } = placed;
        let input = &mut self.input;
        let (sent, rows) = match event {
            Event::Bad(fault) => return self.bad(file, line, fault),
            Event::Row { stream, at, row } => {
                let name = &names[stream];
                let sent = self.latency.of(|| match at {
                    Some(at) => input.send_at(name, at, row),
                    None => input.send(name, row),
                });
                (sent, 1)
            }
            Event::Clock(at) => (self.latency.of(|| input.advance_clock(at)), 0),
            Event::Batch(batch) => {
                let sent = batch.iter().try_for_each(|(stream, rows)| {
                    let rows = rows.iter().map(|(at, row)| (*at, row));
                    input.send_batch(&names[*stream], rows)
                });
                (sent, batch.iter().map(|(_, rows)| rows.len() as u64).sum())
            }
        };
        match sent {
            Ok(()) => Ok(rows),
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

    /// Closes what is asked to be closed, waits for all rows, and reports.
    fn finish(
        self,
        runtime: EventFluxAppRuntime,
        flush: bool,
        output: &Output,
        quiet: bool,
    ) -> Result<(), Failure> {
        drop(self.input);
        let flushed = match flush {
            true => runtime.flush().map_err(Failure::from_run),
            false => Ok(()),
        };
        let stopped = runtime.shutdown().map_err(Failure::from_run);
        let written = output.finish();
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
        flushed.and(stopped).and(written)
    }
}
