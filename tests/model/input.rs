//! Random input: rows with ties in time, NULLs, extremes and late rows; sends of one row and of many; clock advances.

use crate::app::{App, Nature, Stream};
use crate::generate;
use crate::random::Random;
use eventflux::event::Value;
use std::fmt::Write;

/// One row sent, `at` in microseconds.
#[derive(Clone, Debug)]
pub struct Row {
    pub at: i64,
    pub values: Vec<Value>,
}

/// One call of the input.
#[derive(Clone, Debug)]
pub enum Call {
    /// Rows of one stream in one send: `send_at` for one row, `send_batch` for several.
    Send(usize, Vec<Row>),
    Advance(i64),
}

/// Random calls for an app.
pub fn calls(r: &mut Random, app: &App) -> Vec<Call> {
    let inputs: Vec<usize> = (0..app.streams.len())
        .filter(|s| app.queries.iter().all(|q| q.target != *s))
        .collect();
    let mut clock = Source {
        at: *r.pick(&[0, 1_700_000_000_000_000, -40_000, 1_000_000]),
        rising: 0,
    };
    let mut calls = Vec::new();
    let mut rows = 0;
    let rows_max = *r.pick(&[5, 20, 60, 150, 300]);
    while rows < rows_max {
        if r.chance(6) {
            calls.push(Call::Advance(clock.at + r.between(-20, 80) * 1000));
            clock.at += if r.chance(50) { 30_000 } else { 0 };
            continue;
        }
        let stream = *r.pick(&inputs);
        let count = if r.chance(80) { 1 } else { 2 + r.below(9) };
        let send: Vec<Row> = (0..count)
            .map(|_| clock.row(r, &app.streams[stream]))
            .collect();
        rows += count;
        calls.push(Call::Send(stream, send));
    }
    if r.chance(80) {
        calls.push(Call::Advance(clock.at + 2_000_000));
    }
    calls
}

struct Source {
    at: i64,
    rising: i64,
}

impl Source {
    fn row(&mut self, r: &mut Random, stream: &Stream) -> Row {
        self.at += match r.weighted(&[40, 35, 12, 8, 5]) {
            0 => 0,
            1 => r.between(1, 5) * 1000,
            2 => r.between(1, 40) * 1000,
            3 => r.between(1, 3000),
            _ => r.between(50, 250) * 1000,
        };
        self.rising += if r.chance(50) { r.between(0, 30) } else { 0 };
        let late = if r.chance(7) {
            r.between(1, 40) * 1000
        } else {
            0
        };
        let values = stream.attributes.iter().map(|a| match a.nature {
            Nature::Rising => Value::Long(1_000_000 + self.rising),
            nature => generate::value(r, a.ty, nature),
        });
        Row {
            at: self.at - late,
            values: values.collect(),
        }
    }
}

/// One row per send.
pub fn one_by_one(calls: &[Call]) -> Vec<Call> {
    let each = |call: &Call| match call {
        Call::Send(stream, rows) => rows
            .iter()
            .map(|row| Call::Send(*stream, vec![row.clone()]))
            .collect(),
        Call::Advance(at) => vec![Call::Advance(*at)],
    };
    calls.iter().flat_map(each).collect()
}

/// Neighbouring sends into one stream become one send.
pub fn grouped(calls: &[Call]) -> Vec<Call> {
    let mut all: Vec<Call> = Vec::new();
    for call in calls {
        match (all.last_mut(), call) {
            (Some(Call::Send(to, rows)), Call::Send(stream, more)) if to == stream => {
                rows.extend(more.iter().cloned())
            }
            _ => all.push(call.clone()),
        }
    }
    all
}

/// The calls as an events file: one JSON line per row, batch or clock.
pub fn events_file(app: &App, calls: &[Call]) -> String {
    let mut text = String::new();
    for call in calls {
        match call {
            Call::Advance(at) => writeln!(text, "{{\"clock\": {}}}", millis(*at)),
            Call::Send(stream, rows) if rows.len() == 1 => {
                writeln!(text, "{}", row(app, *stream, &rows[0]))
            }
            Call::Send(stream, rows) => {
                let rows: Vec<String> = rows.iter().map(|r| row(app, *stream, r)).collect();
                writeln!(text, "{{\"batch\": [{}]}}", rows.join(", "))
            }
        }
        .expect("a string takes any text");
    }
    text
}

fn row(app: &App, stream: usize, row: &Row) -> String {
    let values: Vec<String> = row.values.iter().map(json).collect();
    let name = &app.streams[stream].name;
    format!(
        "{{\"stream\": \"{name}\", \"at\": {}, \"row\": [{}]}}",
        millis(row.at),
        values.join(", ")
    )
}

fn millis(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let (ms, rest) = (us.unsigned_abs() / 1000, us.unsigned_abs() % 1000);
    if rest == 0 {
        format!("{sign}{ms}")
    } else {
        format!("{sign}{ms}.{rest:03}")
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::String(v) => {
            let mut text = String::from("\"");
            for c in v.as_str().chars() {
                match c {
                    '"' | '\\' => text.extend(['\\', c]),
                    _ => text.push(c),
                }
            }
            text + "\""
        }
        other => other.to_string(),
    }
}
