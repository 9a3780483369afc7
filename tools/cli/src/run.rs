//! `run`: events in, rows out, a summary at the end.
//!
//! One thread reads, decodes and sends; what the app emits is collected by callbacks. The end of the input closes
//! nothing that time has not closed, unless `--flush`. A signal ends the reading, then everything sent is processed
//! and written. With a store the run goes on where an earlier one stopped: see `checkpoints` and `session`.

use crate::app::App;
use crate::args::{RunArgs, WorkerCount};
use crate::checkpoints::{MetricsFile, watch};
use crate::events::{Events, Streams};
use crate::failure::Failure;
use crate::output::Output;
use crate::pipe::Pipe;
use crate::report::{Latency, Progress};
use crate::session::{Resume, Session};
use crate::signal;
use crate::store::open_store;
use eventflux::connector::Format;
use eventflux::{EventFluxAppRuntime, StreamInfo};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at sources that still run.
const SOURCE_CHECK: Duration = Duration::from_millis(20);

/// Runs an app.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    signal::install()?;
    let mut app = App::read(&args.app, args.workers, args.clock)?;
    let redis = &args.state.redis;
    let mut store = String::new();
    match &args.state.store {
        Some(url) => {
            let opened = open_store(url, redis)?;
            store = opened.describe();
            app.keep(opened, args.state.config());
        }
        None => redis.check_unused()?,
    }
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
    let schemas: Vec<_> = printed.iter().map(|s| &s.schema).collect();
    let output = Output::new(&args.out, &schemas);
    for stream in &printed {
        print(&runtime, stream, &output)?;
    }
    let mark = args.state.restore(&runtime, &output, &store)?;
    let resume = Resume::new(&mut events, mark.as_ref(), are_files(args))?;
    open(&mut events, args, &output)?;
    events.check_resumed()?;
    let progress = Progress::new(events.bytes(), args.quiet);
    runtime.observe_connectors(progress.teller());
    watch(&runtime, &progress);
    let latency = Latency::new(args.workers == WorkerCount::Inline);
    let metrics = MetricsFile::new(args.state.metrics.as_deref());
    // opened first: a source may end the app as soon as it starts
    let lines = (args.on_bad, latency);
    let mut session = Session::open(&runtime, &resume, lines, (progress, metrics))?;
    runtime.start().map_err(Failure::from_run)?;
    let mut pumped = session.pump(&runtime, &mut events, &output);
    if pumped.is_ok() {
        pumped = wait_for_sources(&runtime, &mut session, &output);
    }
    let complete = pumped.is_ok() && !signal::is_asked() && !output.is_closed();
    // what was read before a signal is flushed, too
    let ends = (complete, args.flush && pumped.is_ok());
    let finished = session.finish(runtime, ends, &output, args.quiet);
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
fn wait_for_sources(
    runtime: &EventFluxAppRuntime,
    session: &mut Session,
    output: &Output,
) -> Result<(), Failure> {
    while runtime.is_fed() && !signal::is_asked() && !output.is_closed() {
        std::thread::sleep(SOURCE_CHECK);
        output.flush();
        session.tick(runtime)?;
    }
    Ok(())
}

/// Whether all events of the command line are in files, so that a later run can go on inside of them.
fn are_files(args: &RunArgs) -> bool {
    let files = args.events.iter().chain(args.input.iter().map(|i| &i.path));
    files.into_iter().all(|path| path.is_file())
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
            events.add_reader("stdin", Box::new(pipe));
        } else {
            events.add_file(path)?;
        }
    }
    args.input
        .iter()
        .try_for_each(|input| events.add_rows(input))
}
