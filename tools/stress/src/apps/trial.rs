//! What must hold of any text: it is refused with places inside it, or it builds and takes rows without a panic.

use super::extreme;
use eventflux::connector::json::RowEncoder;
use eventflux::{
    Batch, BuildError, Data, EventFluxAppRuntime, EventFluxManager, Input, RuntimeConfig,
    SendError, StreamInfo, Timestamp, Value, Workers,
};
use eventflux_kit::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};

const MESSAGE_BYTES_MAX: usize = 64 << 10;
const ROWS: usize = 24;

/// What was said to an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Right,
    Refused,
    /// No UTF-8.
    NoText,
}

/// Tries an app. Errors: what did not hold.
pub fn trial(app: &[u8], r: &mut Random) -> Result<Answer, String> {
    let Ok(text) = std::str::from_utf8(app) else {
        return Ok(Answer::NoText);
    };
    let held = catch_unwind(AssertUnwindSafe(|| answer(text, r)));
    held.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|m| m.to_string()));
        Err(format!("panic: {}", message.unwrap_or_default()))
    })
}

fn answer(text: &str, r: &mut Random) -> Result<Answer, String> {
    let workers = match r.below(16) {
        0 => Workers::Pinned(2),
        _ => Workers::Inline,
    };
    let config = RuntimeConfig::default().workers(workers).event_time(true);
    match EventFluxManager::new().create_with(text, config) {
        Ok(runtime) => runs(&runtime, r).map(|()| Answer::Right),
        Err(error) => refusal(text, &error).map_or(Ok(Answer::Refused), Err),
    }
}

/// What is wrong with a refusal.
fn refusal(app: &str, error: &BuildError) -> Option<String> {
    let shown = error.to_string();
    if error.problems().is_empty() || shown.len() > MESSAGE_BYTES_MAX {
        let (problems, bytes) = (error.problems().len(), shown.len());
        return Some(format!("{problems} problems in {bytes} bytes"));
    }
    if let Some(c) = shown.chars().find(|c| c.is_control() && *c != '\n') {
        return Some(format!("the message holds {c:?}"));
    }
    let lines: Vec<&str> = app.split('\n').collect();
    error.problems().iter().find_map(|p| {
        let line = p.line.checked_sub(1).and_then(|i| lines.get(i));
        let inside = line.is_some_and(|l| (1..=l.chars().count() + 1).contains(&p.column));
        let marked = p.before + p.width <= p.text.chars().count().max(p.before + 1);
        let right = inside && marked && p.width >= 1 && !p.message.is_empty();
        (!right).then(|| format!("no place in the text, or no message: {p:?}"))
    })
}

/// Runs an app over extreme rows. Apps with sources and sinks are only built: they would open files.
fn runs(app: &EventFluxAppRuntime, r: &mut Random) -> Result<(), String> {
    let streams = app.streams();
    if app.explain().is_empty() && !streams.is_empty() {
        return Err("no plan".into());
    }
    if streams.iter().any(|s| !s.options.is_empty()) {
        return Ok(());
    }
    for stream in streams.iter().filter(|s| s.written) {
        let encoder = RowEncoder::new(&stream.name);
        let watch = move |batch: &Batch| sound(batch, &encoder);
        app.add_callback(&stream.name, watch).map_err(told)?;
    }
    app.start().map_err(told)?;
    let mut input = app.input().map_err(told)?;
    let sources: Vec<&StreamInfo> = streams
        .iter()
        .filter(|s| s.declared && !s.written)
        .collect();
    let mut at = Timestamp(1_700_000_000_000_000);
    for i in 0..ROWS {
        for stream in &sources {
            let next = extreme::time(r, at);
            let row = row(r, stream, i);
            sent(&mut input, stream, next, row)?;
            if Timestamp::RANGE.contains(&next) {
                at = next;
            }
        }
        // What waits for the workers has a bound in time, and joins of extreme texts take long.
        app.metrics().map_err(told)?;
    }
    if r.below(2) == 0 {
        input.advance_clock(*Timestamp::RANGE.end()).map_err(told)?;
    }
    drop(input);
    app.flush().map_err(told)?;
    app.metrics().map_err(told)?;
    app.shutdown().map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A row of one kind of values, or of any.
fn row(r: &mut Random, stream: &StreamInfo, i: usize) -> Vec<Value> {
    let attributes = stream.schema.attributes().iter();
    match i {
        0 => attributes.map(|_| Value::Null).collect(),
        _ => attributes.map(|a| extreme::value(r, a.ty)).collect(),
    }
}

/// Sends a row, and compares the answer with the one that the row and its time deserve.
fn sent(
    input: &mut Input,
    stream: &StreamInfo,
    at: Timestamp,
    row: Vec<Value>,
) -> Result<(), String> {
    let bad_row = row.iter().any(extreme::is_refused);
    let bad_time = !Timestamp::RANGE.contains(&at);
    let sent = input.send_at(&stream.name, at, row.as_slice());
    let right = match &sent {
        Ok(()) => !bad_row && !bad_time,
        Err(SendError::Row { .. }) => bad_row,
        Err(SendError::TimeOutOfRange(_)) => bad_time,
        Err(_) => false,
    };
    match right {
        true => Ok(()),
        false => Err(format!(
            "{} at {at}: {sent:?}",
            shortened(&format!("{row:?}"))
        )),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

/// Panics where a batch breaks what all columns promise: equal lengths, no NaN, no infinity, no negative zero.
fn sound(batch: &Batch, encoder: &RowEncoder) {
    let rows = batch.len();
    for column in batch.columns() {
        assert_eq!(column.len(), rows, "a column of another length");
        let finite = |v: f64| v.is_finite() && (v != 0.0 || v.is_sign_positive());
        let valid = (0..rows).filter(|row| !column.is_null(*row));
        let mut valid = valid.collect::<Vec<_>>().into_iter();
        let right = match column.data() {
            Data::Float(v) => valid.all(|row| finite(v[row].into())),
            Data::Double(v) => valid.all(|row| finite(v[row])),
            _ => true,
        };
        assert!(right, "NaN, infinity or -0.0 in a column");
    }
    let mut line = Vec::new();
    encoder.encode(batch, &mut line);
    assert_eq!(line.iter().filter(|b| **b == b'\n').count(), rows);
}
