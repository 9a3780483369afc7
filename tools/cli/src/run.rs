//! `run`: events in, rows out, a summary at the end.
//!
//! One thread reads, decodes and sends; what the app emits is collected by callbacks. The end of the input closes
//! nothing that time has not closed, unless `--flush`. A signal ends the reading, then everything sent is processed
//! and written. With a store the run goes on where an earlier one stopped: see `checkpoints` and `session`.

use crate::app::App;
use crate::args::{RunArgs, WorkerCount};
use crate::checkpoints::{MetricsFile, beside, is_replaced, watch};
use crate::events::Streams;
use crate::failure::Failure;
use crate::inputs::{Inputs, Opened};
use crate::named as names;
use crate::output::Output;
use crate::paths::{Paths, Use, holds_something, spare};
use crate::report::{Latency, Progress};
use crate::session::{Resume, Session, Telling};
use crate::shape::{Beside, Encoder, Show};
use crate::signal;
use crate::store::open_store;
use eventflux::store::PersistenceStore;
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
    if args.state.store.is_none() {
        args.state.redis.check_unused()?;
    }
    // Before the store: it is a path, too.
    let mut runtime = app.build()?;
    let streams = runtime.streams();
    let printed = printed(&streams, &args.print)?;
    let schemas = streams
        .iter()
        .map(|s| (s.name.clone(), s.schema.clone(), s.time));
    let known = Streams::new(schemas);
    let inputs = Inputs::new(&args.inputs, Vec::new(), &known)?;
    check(args, &streams, &printed)?;
    check_paths(args, &inputs, &streams)?;
    args.trace.check(&runtime)?;
    let store = keep(args, &mut app, &runtime)?;
    if printed.len() > 1 {
        app.order_outputs();
    }
    // What keeps its state or an order is built in another way than what was looked at above.
    if args.state.store.is_some() || printed.len() > 1 {
        runtime = app.build()?;
    }
    app.warn(&runtime);
    let output = print_all(args, &runtime, &printed)?;
    let point = args.state.restore(&runtime, &output, &store)?;
    let (resume, places) = Resume::new(point.as_ref(), inputs.are_files)?;
    let ways = (args.state.replaced, args.state.store.is_some());
    let mut opened = inputs.open(ways, known, places.as_ref(), &output)?;
    let progress = Progress::new(opened.bytes, args.quiet);
    progress.below(&output);
    for note in &opened.assigned.notes {
        progress.say(note);
    }
    runtime.observe_connectors(progress.teller());
    args.trace.observe(&runtime, &progress)?;
    watch(&runtime, &progress);
    let latency = Latency::new(args.workers == WorkerCount::Inline);
    let metrics = MetricsFile::new(args.state.metrics.as_deref());
    // opened first: a source may end the app as soon as it starts
    let lines = (args.on_bad, latency);
    let session = Session::open(&runtime, (&resume, &opened), lines, (progress, metrics))?;
    let telling = Telling::unless(args.quiet);
    to_the_end(
        runtime,
        session,
        &mut opened,
        &output,
        (args.flush, telling),
    )
}

/// Starts the app, and sends what is read until that ends or a signal comes. `flush`: then windows are closed.
pub fn to_the_end(
    runtime: EventFluxAppRuntime,
    mut session: Session,
    opened: &mut Opened,
    output: &Output,
    (flush, telling): (bool, Telling),
) -> Result<(), Failure> {
    // a sink may be a pipe that nobody reads yet
    signal::set_idle(true);
    let started = runtime.start().map_err(Failure::from_run);
    signal::set_idle(false);
    started?;
    let mut pumped = session.pump(&runtime, &mut opened.events, output);
    if pumped.is_ok() {
        pumped = wait_for_sources(&runtime, &mut session, output);
    }
    let complete = pumped.is_ok() && !signal::is_asked() && !output.is_closed();
    // what was read before a signal is flushed, too
    let ends = (complete, flush && pumped.is_ok());
    let finished = session.finish(runtime, ends, output, telling);
    pumped.and(finished)?;
    match signal::is_asked() {
        true => Err(Failure::interrupted()),
        false => Ok(()),
    }
}

/// Has the app keep its state, where that is asked for; answers the store as it is shown. Refuses an output that would
/// lose what is in it.
fn keep(args: &RunArgs, app: &mut App, runtime: &EventFluxAppRuntime) -> Result<String, Failure> {
    let Some(url) = &args.state.store else {
        spare(&args.out, args.force, "")?;
        return Ok(String::new());
    };
    let opened = open_store(url, &args.state.redis)?;
    let (store, name) = (opened.describe(), runtime.name());
    // Before the app is claimed: a run that is refused leaves nothing.
    if !args.force && holds_something(&args.out) && !opened_by(&*opened, name)? {
        let why = format!(", and {store} knows no app {name} that could go on there");
        spare(&args.out, false, &why)?;
    }
    app.keep(opened, args.state.config());
    Ok(store)
}

/// Whether a store knows an app: a run of it has begun, though it may have come to no checkpoint.
fn opened_by(store: &dyn PersistenceStore, app: &str) -> Result<bool, Failure> {
    let apps = store.apps().map_err(Failure::from_run)?;
    Ok(apps.iter().any(|known| known == app))
}

/// Refuses a run that reads nothing, or that cannot be written.
fn check(args: &RunArgs, streams: &[StreamInfo], printed: &[&StreamInfo]) -> Result<(), Failure> {
    let is_fed =
        |s: &StreamInfo| option(s, "type").is_some_and(|t| t.eq_ignore_ascii_case("source"));
    if args.inputs.events.is_empty() && args.inputs.input.is_empty() && !streams.iter().any(is_fed)
    {
        return Err(Failure::usage(
            "no events: give --events FILE, --events - for standard input, or --input STREAM=FILE",
        ));
    }
    let show = Show::or_by_place(args.format, &args.out, Show::Rows);
    let is_standard = args.out == Path::new("-");
    if show == Show::Csv && printed.len() != 1 {
        let what = match is_standard {
            true => "--format csv".to_string(),
            false => args.out.display().to_string(),
        };
        return Err(Failure::usage(format!(
            "{what} takes the rows of one stream, not of {}; choose with --print",
            printed.len()
        )));
    }
    if args.format == Some(Show::Table) && !is_standard {
        let message = "a table is for standard output: write rows, json or csv to a file";
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// Refuses paths that would destroy each other, before any of them is opened.
fn check_paths(args: &RunArgs, inputs: &Inputs, streams: &[StreamInfo]) -> Result<(), Failure> {
    const STANDARD: &str = "-";
    let mut paths = Paths::default();
    paths.add("the app", &args.app, Use::Read)?;
    for (role, path) in inputs.paths() {
        paths.add(role, path, Use::Read)?;
    }
    if let Some(path) = &args.state.redis.redis_ca {
        paths.add("--redis-ca", path, Use::Read)?;
    }
    let mut sinks = Vec::new();
    for stream in streams {
        let is_file = option(stream, "extension").is_some_and(|e| e.eq_ignore_ascii_case("file"));
        let Some(path) = option(stream, "path").filter(|_| is_file) else {
            continue;
        };
        match option(stream, "type").is_some_and(|t| t.eq_ignore_ascii_case("sink")) {
            true => sinks.push((stream, path)),
            false => {
                let role = format!("the source of stream {}", stream.name);
                for path in names::files(Path::new(path))? {
                    paths.add(role.as_str(), &path, Use::Read)?;
                }
            }
        }
    }
    if let Some(folder) = args
        .state
        .store
        .as_ref()
        .and_then(|s| s.strip_prefix("file:"))
    {
        paths.add("--store", Path::new(folder), Use::Folder)?;
    }
    if args.out != Path::new(STANDARD) {
        paths.add("--out", &args.out, Use::Write)?;
    }
    for (stream, path) in sinks {
        let role = format!("the sink of stream {}", stream.name);
        paths.add(role, Path::new(path), Use::Write)?;
    }
    if let Some(path) = &args.state.metrics {
        if is_pipe(path) {
            let why = "a pipe would hold the run until somebody reads it";
            return Err(Failure::usage(format!(
                "--metrics {}: {why}",
                path.display()
            )));
        }
        paths.add("--metrics", path, Use::Write)?;
        if is_replaced(path) {
            paths.add("--metrics", &beside(path), Use::Write)?;
        }
    }
    Ok(())
}

/// Whether a path is neither a file, nor a folder, nor a device.
fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = path.metadata().map(|about| about.file_type());
        kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// An option of a stream.
fn option<'s>(stream: &'s StreamInfo, name: &str) -> Option<&'s str> {
    let mut options = stream.options.iter();
    let found = options.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
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

/// Writes the rows of all these streams to where they go.
fn print_all(
    args: &RunArgs,
    runtime: &EventFluxAppRuntime,
    printed: &[&StreamInfo],
) -> Result<Arc<Output>, Failure> {
    let show = Show::or_by_place(args.format, &args.out, Show::Rows);
    let schema = printed.first().map(|s| &s.schema);
    let header = schema.map_or(Vec::new(), |schema| show.header(schema, true));
    let output = Output::new(&args.out, header);
    let beside = Beside {
        times: true,
        stream: printed.len() > 1,
    };
    for stream in printed {
        let encoder = show.encoder(&stream.name, &stream.schema, beside);
        print(runtime, stream, encoder, &output)?;
    }
    Ok(output)
}

/// Writes the rows of a stream to the output.
fn print(
    runtime: &EventFluxAppRuntime,
    stream: &StreamInfo,
    encoder: Encoder,
    output: &Arc<Output>,
) -> Result<(), Failure> {
    let output = output.clone();
    runtime
        .add_callback(&stream.name, move |batch| output.rows(&encoder, batch))
        .map_err(Failure::from_run)
}
