//! `eventflux query`: what tables and named windows hold in a stored revision, without running the app.
//!
//! The store is only read, and nothing is claimed: the revision is taken as it would be exported, and an app that is
//! not started gets its state. So it may be asked while the app runs elsewhere, and what the app writes is not
//! touched.

use crate::app::App;
use crate::args::{QueryArgs, QueryFormat, WorkerCount};
use crate::failure::Failure;
use crate::state::read::open;
use crate::state::text::{plain, table};
use crate::state::{StoreArg, revision_bytes};
use crate::{say, show};
use eventflux::{EventFluxAppRuntime, QueryError, QueryResult, RestoreOptions, Type, Value};

/// Answers a question.
pub fn run(args: &QueryArgs) -> Result<(), Failure> {
    let app = App::read(&args.app, WorkerCount::Inline, args.clock)?;
    let runtime = app.build()?;
    let asked = runtime.prepare(&args.question);
    let mut asked = asked.map_err(|error| wrong(&error))?;
    restore(args, &runtime)?;
    let answer = asked.query(()).map_err(|error| wrong(&error))?;
    match args.format {
        QueryFormat::Table => show_table(&answer),
        QueryFormat::Json => show_json(&answer)?,
        QueryFormat::Csv => show_csv(&answer),
    }
    if answer.value_faults() > 0 {
        let faults = answer.value_faults();
        say!("eventflux: {faults} values are NULL, as they could not be computed");
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
fn restore(args: &QueryArgs, runtime: &EventFluxAppRuntime) -> Result<(), Failure> {
    let opened = open(&StoreArg {
        url: args.store.clone(),
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

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_string(),
        value => value.to_string(),
    }
}

fn show_table(answer: &QueryResult) {
    let attributes = answer.schema().attributes();
    let side = |ty: Type| match ty {
        Type::Bool | Type::String => '<',
        _ => '>',
    };
    let names: Vec<String> = attributes.iter().map(|a| plain(&a.name)).collect();
    let head: Vec<(&str, char)> = names
        .iter()
        .zip(attributes)
        .map(|(name, a)| (name.as_str(), side(a.ty)))
        .collect();
    let row = |row: Vec<Value>| row.iter().map(|v| plain(&text(v))).collect();
    show!("{}", table(&head, answer.rows().map(row).collect()));
    if answer.is_empty() {
        say!("eventflux: no row");
    }
}

/// One object per line.
fn show_json(answer: &QueryResult) -> Result<(), Failure> {
    for row in answer.rows() {
        let mut line = String::from("{");
        for (attribute, value) in answer.schema().attributes().iter().zip(&row) {
            if line.len() > 1 {
                line.push(',');
            }
            line += &json(&*attribute.name)?;
            line.push(':');
            line += &match value {
                Value::Null => "null".to_string(),
                Value::Bool(v) => json(v)?,
                Value::Int(v) => json(v)?,
                Value::Long(v) => json(v)?,
                Value::Float(v) => json(v)?,
                Value::Double(v) => json(v)?,
                Value::String(v) => json(v.as_str())?,
            };
        }
        show!("{line}}}");
    }
    Ok(())
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(Failure::from_run)
}

/// A header and a line per row; NULL is a cell with nothing in it.
fn show_csv(answer: &QueryResult) {
    let names = answer.schema().attributes().iter().map(|a| cell(&a.name));
    show!("{}", names.collect::<Vec<_>>().join(","));
    for row in answer.rows() {
        let cells = row.iter().map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) if text.is_empty() => "\"\"".to_string(),
            value => cell(&value.to_string()),
        });
        show!("{}", cells.collect::<Vec<_>>().join(","));
    }
}

fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(cell("a b"), "a b");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"a\"\n"), "\"say \"\"a\"\"\n\"");
    }
}
