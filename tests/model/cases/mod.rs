//! The oracle alone on acceptance cases of joins, patterns, tables and named windows, and on small apps written here.
//!
//! The folder of the cases is not part of this project: where it is absent the test says so and passes.

mod expr;
mod pattern;
mod reader;
mod small;
mod token;

use crate::app::{App, Role};
use crate::input::{Call, Row};
use crate::oracle::{self, Fault};
use eventflux::event::{Type, Value};
use serde_json::Value as Json;
use std::path::Path;

const AREAS: [&str; 14] = [
    "joins",
    "joins-reports",
    "named-windows",
    "patterns-absent",
    "patterns-absent-logical",
    "patterns-count",
    "patterns-every-absent",
    "patterns-followed-by",
    "patterns-logical",
    "patterns-reports",
    "patterns-within",
    "sequences",
    "sequences-absent",
    "tables",
];

/// Cases that speak of what the oracle does not know, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    (
        "external-time-batch-both-sides",
        "no random app has externalTimeBatch",
    ),
    ("partition-runs-do-not-meet", "no random app has partitions"),
];

/// As the acceptance runner: a millionth.
const TOLERANCE: f64 = 1e-6;

fn value(json: &Json, ty: Type) -> Value {
    match (json, ty) {
        (Json::Null, _) => Value::Null,
        (Json::String(text), Type::String) => Value::from(text.as_str()),
        (Json::Bool(v), Type::Bool) => Value::Bool(*v),
        (json, Type::Int) => Value::Int(json.as_i64().expect("an INT") as i32),
        (json, Type::Long) => Value::Long(json.as_i64().expect("a LONG")),
        (json, Type::Float) => Value::Float(json.as_f64().expect("a FLOAT") as f32),
        (json, Type::Double) => Value::Double(json.as_f64().expect("a DOUBLE")),
        (json, ty) => panic!("{json} is no {ty}"),
    }
}

fn micros(ms: &Json) -> i64 {
    (ms.as_f64().expect("a time") * 1000.0).round() as i64
}

/// The events of a case: one for each line.
fn calls(app: &App, events: &Json) -> Vec<Call> {
    let number = |name: &str| app.streams.iter().position(|s| s.name == name);
    let stream =
        |e: &Json| number(e["stream"].as_str().expect("a stream")).expect("it is declared");
    let row = |e: &Json| {
        let attributes = &app.streams[stream(e)].attributes;
        let values = e["row"].as_array().expect("a row is a list").iter();
        Row {
            at: micros(&e["at"]),
            values: values
                .zip(attributes)
                .map(|(v, a)| value(v, a.ty))
                .collect(),
        }
    };
    let call = |event: &Json| match (&event["clock"], event["batch"].as_array()) {
        (Json::Null, None) => Call::Send {
            input: 0,
            stream: stream(event),
            rows: vec![row(event)],
        },
        (Json::Null, Some(batch)) => Call::Send {
            input: 0,
            stream: stream(&batch[0]),
            rows: batch.iter().map(row).collect(),
        },
        (clock, _) => Call::Advance {
            input: 0,
            to: micros(clock),
        },
    };
    events
        .as_array()
        .expect("events")
        .iter()
        .map(call)
        .collect()
}

fn fits(want: &Json, got: &Value) -> bool {
    match (want, got) {
        (Json::Number(n), Value::Float(_) | Value::Double(_)) => {
            let (want, got) = (n.as_f64(), got.to_string().parse::<f64>());
            let (want, got) = (want.expect("a number"), got.expect("a number"));
            (want - got).abs() <= TOLERANCE * want.abs().max(got.abs())
        }
        (Json::Number(n), Value::Int(v)) => n.as_i64() == Some(i64::from(*v)),
        (Json::Number(n), Value::Long(v)) => n.as_i64() == Some(*v),
        (Json::String(text), Value::String(v)) => text == v.as_str(),
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Null, Value::Null) => true,
        _ => false,
    }
}

/// What differs from what a case expects.
fn difference(case: &Json) -> Option<String> {
    let app = reader::read(case["app"].as_str().expect("an app"));
    let outputs = oracle::run(&app, &calls(&app, &case["events"]), Fault::None);
    let ordered = case["ordered"].as_bool().expect("ordered is true or false");
    let expect = case["expect"].as_object().expect("streams").iter();
    expect.into_iter().find_map(|(name, want)| {
        let place = app.streams.iter().position(|s| s.name == *name);
        let got = &outputs[place.expect("a stream that is written")];
        let want = want.as_array().expect("rows");
        let fits = |want: &Json, got: &[Value]| {
            let want = want.as_array().expect("a row is a list");
            want.len() == got.len() && want.iter().zip(got).all(|(w, g)| fits(w, g))
        };
        let mut left: Vec<&[Value]> = got.iter().map(|o| &o.values[..]).collect();
        let all = want.len() == got.len()
            && want.iter().all(|row| {
                let place = match ordered {
                    true => fits(row, left[0]).then_some(0),
                    false => left.iter().position(|g| fits(row, g)),
                };
                place.map(|p| left.remove(p)).is_some()
            });
        let shown: Vec<_> = got.iter().map(|o| &o.values).collect();
        (!all).then(|| format!("{name}: expected {want:?}\n  got {shown:?}"))
    })
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|(left, _)| *left == name)
}

#[test]
fn the_oracle_answers_what_the_cases_expect() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    if !folder.is_dir() {
        eprintln!("{} is absent: its cases are not run", folder.display());
        return;
    }
    let mut failures = Vec::new();
    let mut passed = 0;
    for area in AREAS {
        let text = std::fs::read_to_string(folder.join(format!("{area}.json")));
        let cases: Vec<Json> = serde_json::from_str(&text.expect("an area")).expect("cases");
        for case in &cases {
            let name = case["name"].as_str().expect("a name");
            if is_left_out(name) {
                continue;
            }
            let why = difference(case);
            passed += usize::from(why.is_none());
            failures.extend(why.map(|why| format!("{area}/{name}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed >= 142, "only {passed} cases were found");
}

/// What an app prints as is read as the same app.
#[test]
fn apps_read_what_they_print() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    for area in AREAS {
        let text = std::fs::read_to_string(folder.join(format!("{area}.json")));
        let Ok(text) = text else { return };
        let cases: Vec<Json> = serde_json::from_str(&text).expect("cases");
        let name = |c: &Json| c["name"].as_str().map(str::to_string);
        let read = |c: &&Json| !is_left_out(&name(c).expect("a name"));
        for case in cases.iter().filter(read) {
            let app = reader::read(case["app"].as_str().expect("an app"));
            let written = app.to_string();
            assert_eq!(reader::read(&written).to_string(), written);
            assert!(
                app.streams
                    .iter()
                    .all(|s| s.declared || matches!(s.role, Role::Stream))
            );
        }
    }
}
