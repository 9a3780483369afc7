//! `eventflux query`: what files hold (see `files`), or what tables and named windows hold in a stored revision,
//! without running the app.
//!
//! The store is only read, and nothing is claimed: the revision is taken as it would be exported, and an app that is
//! not started gets its state. So it may be asked while the app runs elsewhere, and what the app writes is not
//! touched.

use crate::app::App;
use crate::args::{InputArgs, QueryArgs, WorkerCount};
use crate::failure::Failure;
use crate::files::Answered;
use crate::output::Output;
use crate::shape::{Beside, Show};
use crate::state::read::open;
use crate::state::text::plain;
use crate::state::{StoreArg, revision_bytes};
use crate::{files, say};
use eventflux::{EventFluxAppRuntime, QueryError, QueryResult, RestoreOptions};
use std::path::Path;

/// Answers a question.
pub fn run(args: &QueryArgs) -> Result<(), Failure> {
    match (&args.app, &args.question, &args.store) {
        (Some(app), Some(question), Some(store)) => ask_store(args, app, question, store),
        (None, None, None) => files::run(args),
        _ => Err(Failure::usage(
            "a stored revision is asked by APP.sql, --store URL and the question; files are asked by \
             -c \"SELECT … FROM 'trades.csv'\"",
        )),
    }
}

fn ask_store(args: &QueryArgs, app: &Path, question: &str, store: &str) -> Result<(), Failure> {
    let InputArgs {
        events,
        input,
        text,
    } = &args.inputs;
    let typed = text.given().map(|(typed, ..)| typed).next();
    let typed = typed.or((!events.is_empty()).then_some("--events"));
    if let Some(typed) = typed.or((!input.is_empty()).then_some("--input")) {
        let message =
            format!("{typed} is about files, and a store is asked: nothing is read but that");
        return Err(Failure::usage(message));
    }
    let show = Show::or_by_place(args.format, Path::new("-"), Show::Json);
    if show == Show::Rows {
        let message = "what a store holds are no events: write it as json, csv or table";
        return Err(Failure::usage(message));
    }
    let app = App::read(app, WorkerCount::Inline, args.clock)?;
    let runtime = app.build()?;
    let asked = runtime.prepare(question);
    let mut asked = asked.map_err(|error| wrong(&error))?;
    restore(args, store, &runtime)?;
    let answer = asked.query(()).map_err(|error| wrong(&error))?;
    let shown = show_answer(&answer, show, u64::MAX)?;
    if shown.rows == 0 && show == Show::Table {
        say!("eventflux: no row");
    }
    Ok(())
}

fn wrong(error: &QueryError) -> Failure {
    match error {
        QueryError::Text(_) => Failure::usage(format!("the question\n{error}")),
        QueryError::Parameters(_) => {
            Failure::usage("the question has ?: write the values in their places")
        }
        _ => Failure::from_run(error),
    }
}

/// Gives the app the state of the revision.
fn restore(args: &QueryArgs, store: &str, runtime: &EventFluxAppRuntime) -> Result<(), Failure> {
    let opened = open(&StoreArg {
        url: store.to_string(),
        redis: args.redis.clone(),
    })?;
    let name = runtime.name();
    let catalogue = opened.catalogue(name)?;
    let entry = opened.entry(name, &catalogue, args.revision)?;
    let held = opened.readable(name, &entry)?;
    let bytes = revision_bytes(&opened, name, &held)?;
    let options = RestoreOptions::default()
        .allow_new(true)
        .allow_dropped(true);
    let restored = runtime.restore_with_options(&bytes, &options);
    let report = restored.map_err(Failure::from_run)?;
    for query in &report.added {
        let query = plain(query);
        say!(
            "eventflux: revision {} has no state of {query}",
            entry.revision
        );
    }
    Ok(())
}

/// The rows of the answer, at most so many, and what is to be known of them.
pub fn show_answer(answer: &QueryResult, show: Show, rows_max: u64) -> Result<Answered, Failure> {
    let output = Output::new(Path::new("-"), show.header(answer.schema(), false));
    let encoder = show.encoder("answer", answer.schema(), Beside::default());
    let rows = answer.batch().len() as u64;
    match rows <= rows_max {
        true => output.rows(&encoder, answer.batch()),
        false => output.rows(&encoder, &answer.batch().part(0..rows_max as usize)),
    }
    output.finish()?;
    let faults = answer.value_faults();
    if faults > 0 {
        say!("eventflux: {faults} values are NULL, as they could not be computed");
    }
    let more = rows.saturating_sub(rows_max);
    Ok(Answered {
        rows: rows - more,
        more: match more {
            0 => Vec::new(),
            more => vec![("answer".to_string(), more)],
        },
        unread: output.is_unread(),
    })
}
