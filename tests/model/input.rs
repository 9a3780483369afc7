//! Random input: rows with ties in time, NULLs, extremes and late rows; sends of one row and of many; clock advances.

use crate::app::{App, Nature, Role};
use crate::generate::value::{TEXTS, tame};
use eventflux::event::{Type, Value};
use eventflux_kit::Random;
use std::fmt::Write;

/// One row sent, `at` in microseconds.
#[derive(Clone, Debug)]
pub struct Row {
    pub at: i64,
    pub values: Vec<Value>,
}

/// One call of an input.
#[derive(Clone, Debug)]
pub enum Call {
    /// Rows of one stream in one send: `send_at` for one row, `send_batch` for several.
    Send {
        input: usize,
        stream: usize,
        rows: Vec<Row>,
    },
    Advance {
        input: usize,
        to: i64,
    },
}

/// Random calls for an app.
pub fn calls(r: &mut Random, app: &App) -> Vec<Call> {
    let streams: Vec<usize> = (0..app.streams.len())
        .filter(|s| matches!(app.streams[*s].role, Role::Stream))
        .filter(|s| !app.is_written(*s) && app.streams[*s].declared)
        .collect();
    let at = *r.pick(&[0, 1_700_000_000_000_000, -40_000, 1_000_000]);
    let displaced = *r.pick(&[0, 0, 30, 80]);
    let mut sources: Vec<Source> = (0..app.inputs)
        .map(|_| Source {
            at: at + r.between(0, 30) * 1000,
            rising: 0,
            displaced,
        })
        .collect();
    let mut calls = Vec::new();
    let mut rows = 0;
    let matches = app.queries.iter().any(|q| q.pattern.is_some());
    let sizes = match app.is_relational() {
        // Few rows seldom match.
        true if matches => [20, 30, 40, 60, 80],
        true => [5, 10, 20, 40, 80],
        false => [5, 20, 60, 150, 300],
    };
    let rows_max = *r.pick(&sizes);
    while rows < rows_max {
        let input = r.below(sources.len());
        let source = &mut sources[input];
        if r.chance(6) {
            let to = source.at + r.between(-20, 80) * 1000;
            calls.push(Call::Advance { input, to });
            source.at += if r.chance(50) { 30_000 } else { 0 };
            continue;
        }
        let stream = *r.pick(&streams);
        let count = if r.chance(80) { 1 } else { 2 + r.below(9) };
        let send: Vec<Row> = (0..count).map(|_| source.row(r, app, stream)).collect();
        rows += count;
        calls.push(Call::Send {
            input,
            stream,
            rows: send,
        });
    }
    for (input, source) in sources.iter().enumerate() {
        // Under EVERY silence comes again and again.
        let to = source.at + if matches { 200_000 } else { 2_000_000 };
        calls.extend(r.chance(80).then_some(Call::Advance { input, to }));
    }
    calls
}

struct Source {
    at: i64,
    rising: i64,
    /// How many of 100 rows come out of order within the lateness.
    displaced: usize,
}

impl Source {
    fn row(&mut self, r: &mut Random, app: &App, stream: usize) -> Row {
        self.at += match r.weighted(&[40, 35, 12, 8, 5]) {
            0 => 0,
            1 => r.between(1, 5) * 1000,
            2 => r.between(1, 40) * 1000,
            3 => r.between(1, 3000),
            _ => r.between(50, 250) * 1000,
        };
        self.rising += if r.chance(50) { r.between(0, 30) } else { 0 };
        let late = match r.below(100) {
            0..7 => r.between(1, 40) * 1000,
            n if n < 7 + self.displaced && app.lateness_us > 0 => r.between(0, app.lateness_us),
            _ => 0,
        };
        let ahead = match app.ahead_us {
            Some(max) if r.chance(5) => max + r.between(-max, 2 * max),
            _ => 0,
        };
        let attributes = &app.streams[stream].attributes;
        let values = attributes.iter().map(|a| match a.nature {
            Nature::Rising => Value::Long(1_000_000 + self.rising),
            nature => value(r, a.ty, nature),
        });
        Row {
            at: self.at - late + ahead,
            values: values.collect(),
        }
    }
}

/// A value of an attribute; NULL now and then.
pub fn value(r: &mut Random, ty: Type, nature: Nature) -> Value {
    if nature == Nature::Key {
        return key(r, ty);
    }
    if r.chance(8) {
        return Value::Null;
    }
    if nature == Nature::Wild && r.chance(20) {
        return extreme(r, ty);
    }
    tame(r, ty)
}

/// One of few values, so that rows meet; a DOUBLE is mostly whole, as it then meets integers.
fn key(r: &mut Random, ty: Type) -> Value {
    let number = r.between(0, 3);
    match ty {
        _ if r.chance(15) => Value::Null,
        Type::Bool => Value::Bool(number == 0),
        Type::Int => Value::Int(number as i32),
        Type::Long => Value::Long(number),
        Type::Float => Value::Float(number as f32),
        Type::Double if r.chance(15) => Value::Double(number as f64 + 0.5),
        Type::Double => Value::Double(number as f64),
        Type::String => Value::from(TEXTS[number as usize]),
    }
}

fn extreme(r: &mut Random, ty: Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(true),
        Type::Int => Value::Int(*r.pick(&[i32::MIN, i32::MAX, i32::MIN + 1, 46_341, 1 << 24 | 1])),
        Type::Long => Value::Long(*r.pick(&[
            i64::MIN,
            i64::MAX,
            i64::MIN + 1,
            3_037_000_500,
            (1 << 53) + 1,
            1 << 31,
            -1 << 33,
        ])),
        Type::Float => {
            Value::Float(*r.pick(&[f32::MAX, f32::MIN, 1e-40, 0.1, -0.0, 16_777_216.0, 2.5e9]))
        }
        Type::Double => Value::Double(*r.pick(&[
            1e308,
            -1e308,
            5e-324,
            0.1,
            -0.0,
            1.0 / 3.0,
            9.3e18,
            -2.5,
            0.5,
            1e16,
        ])),
        Type::String => Value::from(*r.pick(&TEXTS)),
    }
}

/// One row per send.
pub fn one_by_one(calls: &[Call]) -> Vec<Call> {
    let each = |call: &Call| match call {
        Call::Send {
            input,
            stream,
            rows,
        } => rows
            .iter()
            .map(|row| Call::Send {
                input: *input,
                stream: *stream,
                rows: vec![row.clone()],
            })
            .collect(),
        advance => vec![advance.clone()],
    };
    calls.iter().flat_map(each).collect()
}

/// Neighbouring sends of one input into one stream become one send.
pub fn grouped(calls: &[Call]) -> Vec<Call> {
    let mut all: Vec<Call> = Vec::new();
    for call in calls {
        if let Call::Send {
            input,
            stream,
            rows: more,
        } = call
            && let Some(Call::Send {
                input: before,
                stream: to,
                rows,
            }) = all.last_mut()
            && (&*before, &*to) == (input, stream)
        {
            rows.extend(more.iter().cloned());
        } else {
            all.push(call.clone());
        }
    }
    all
}

/// The calls as an events file: one JSON line per row, batch or clock; before it the input, where there are several.
pub fn events_file(app: &App, calls: &[Call]) -> String {
    let mut text = String::new();
    for call in calls {
        let (Call::Send { input, .. } | Call::Advance { input, .. }) = call;
        if app.inputs > 1 {
            write!(text, "input {input}: ").expect("a string takes any text");
        }
        match call {
            Call::Advance { to, .. } => writeln!(text, "{{\"clock\": {}}}", millis(*to)),
            Call::Send { stream, rows, .. } if rows.len() == 1 => {
                writeln!(text, "{}", row(app, *stream, &rows[0]))
            }
            Call::Send { stream, rows, .. } => {
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
