//! The acceptance cases of `../shared/conformance`, through the library.
//!
//! The folder is not part of this project: where it is absent each test says so and passes.

use crate::app::{Emitted, Outputs, Setup, Step, run};
use crate::crash;
use crate::literal::{self, Literal, show};
use crate::source::root;
use eventflux::connector::json::{EventLine, RowDecoder, decode_line};
use eventflux::{EventFluxManager, Problem, RuntimeConfig, Workers};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Areas whose cases must pass.
const BUILT: &[&str] = &[
    "aggregators",
    "differential",
    "filters",
    "groupby-order",
    "joins",
    "joins-reports",
    "named-windows",
    "partitions",
    "patterns-absent",
    "patterns-absent-logical",
    "patterns-count",
    "patterns-every-absent",
    "patterns-followed-by",
    "patterns-logical",
    "patterns-reports",
    "patterns-within",
    "projection",
    "rate-limit-events",
    "rate-limit-snapshot",
    "rate-limit-time",
    "reports",
    "sequences",
    "sequences-absent",
    "tables",
    "triggers",
    "windows-expression",
    "windows-external",
    "windows-length",
    "windows-session-delay",
    "windows-sort-frequent",
    "windows-time",
];

/// Cases whose expectation another rule overrules: area, name, what is expected there and what is right, each of `Out`.
///
/// A row of 20 ms is no part of a window at 17 ms: rows of sliding windows enter when the clock reaches their time, so
/// that results are those of the rows in order (decisions, section 11; ARCHITECTURE, section 7). The case counts it in.
const OVERRULED: &[(&str, &str, &str, &str)] = &[(
    "reports",
    "first-in-a-time-window-with-late-rows",
    "[[3,5,7]]",
    "[[3,5,5]]",
)];

/// As the acceptance runner: a millionth.
const TOLERANCE: f64 = 1e-6;

fn folder() -> Option<PathBuf> {
    let folder = root().join("../shared/conformance");
    if !folder.is_dir() {
        eprintln!("{} is absent: its cases are not run", folder.display());
        return None;
    }
    Some(folder)
}

/// Puts what is right in the place of expectations that are overruled.
fn overrule(area: &str, cases: &mut [Json]) {
    for (_, name, expected, right) in OVERRULED.iter().filter(|o| o.0 == area) {
        let is_named = |case: &&mut Json| text(case, "name") == *name;
        let case = cases.iter_mut().find(is_named);
        let out = &mut case.expect("the case is there")["expect"]["Out"];
        assert_eq!(
            out.to_string(),
            *expected,
            "{name} expects something else by now"
        );
        *out = serde_json::from_str(right).expect("rows are JSON");
    }
}

fn load(folder: &PathBuf) -> BTreeMap<String, Vec<Json>> {
    let mut areas = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let area = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .to_string();
        let text = fs::read_to_string(&path).expect("cases are UTF-8");
        let mut cases: Vec<Json> = serde_json::from_str(&text).expect("cases are a list");
        overrule(&area, &mut cases);
        areas.insert(area, cases);
    }
    areas
}

/// The cases of an area.
fn cases<'a>(areas: &'a BTreeMap<String, Vec<Json>>, area: &str) -> impl Iterator<Item = &'a Json> {
    areas[area].iter()
}

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn values(row: &Json) -> Vec<Literal> {
    let values = row.as_array().expect("a row is a list");
    values
        .iter()
        .map(|v| Literal::from_json(v, TOLERANCE))
        .collect()
}

fn micros(value: &Json) -> i64 {
    (value.as_f64().expect("a time") * 1000.0).round() as i64
}

/// A row that names its attributes, as the connector reads it: absent ones are NULL, further ones are left out.
fn named(app: &str, event: &Json) -> Vec<Literal> {
    let runtime = EventFluxManager::new()
        .create_with(app, RuntimeConfig::default().workers(Workers::Inline))
        .expect("the app builds");
    let schema = runtime
        .schema(text(event, "stream"))
        .expect("the stream exists");
    let line = event.to_string();
    let Ok(EventLine::Row(row)) = decode_line(line.as_bytes()) else {
        panic!("{line} is no row");
    };
    let mut decoder = RowDecoder::default();
    let row = decoder.decode(row.row, &schema);
    let row = row.unwrap_or_else(|e| panic!("{line}: {e}"));
    let shown: Vec<String> = row.iter().map(show).collect();
    literal::values(&shown.join(", ")).expect("values that were shown can be read")
}

pub fn steps(app: &str, events: &Json) -> Vec<Step> {
    let one = |e: &Json| {
        let at = (!e["at"].is_null()).then(|| micros(&e["at"]));
        let row = match e["row"].is_object() {
            true => named(app, e),
            false => values(&e["row"]),
        };
        (at, row)
    };
    let step = |event: &Json| {
        if let Some(batch) = event["batch"].as_array() {
            let stream = text(&batch[0], "stream").to_string();
            return Step::Send(stream, batch.iter().map(one).collect());
        }
        match &event["clock"] {
            Json::Null => Step::Send(text(event, "stream").to_string(), vec![one(event)]),
            clock => Step::Clock(micros(clock)),
        }
    };
    events
        .as_array()
        .expect("events are a list")
        .iter()
        .map(step)
        .collect()
}

fn fits(want: &[Literal], got: &Emitted) -> bool {
    want.len() == got.values.len() && want.iter().zip(&got.values).all(|(w, g)| w.fits(g))
}

/// What differs, if anything does; with several workers rows may come in any order.
pub fn difference(case: &Json, got: &Outputs, workers: usize) -> Option<String> {
    let ordered = case["ordered"].as_bool().expect("ordered is true or false") && workers <= 1;
    let none = Vec::new();
    let expect = case["expect"].as_object().expect("streams");
    expect.iter().find_map(|(stream, rows)| {
        let want: Vec<_> = rows.as_array().expect("rows").iter().map(values).collect();
        let got = got.get(stream).unwrap_or(&none);
        let mut left: Vec<&Emitted> = got.iter().collect();
        let all = want.len() == got.len()
            && want.iter().all(|w| {
                let place = match ordered {
                    true => left.first().is_some_and(|g| fits(w, g)).then_some(0),
                    false => left.iter().position(|g| fits(w, g)),
                };
                place.map(|p| left.remove(p)).is_some()
            });
        let shown = |row: &Emitted| row.values.iter().map(show).collect::<Vec<_>>().join(", ");
        (!all).then(|| {
            let got: Vec<String> = got.iter().map(shown).collect();
            format!("{stream}: expected {rows}\n  got {}", got.join("\n      "))
        })
    })
}

#[test]
fn built_areas_pass() {
    let Some(folder) = folder() else { return };
    let areas = load(&folder);
    let mut failures = Vec::new();
    for area in BUILT {
        for case in cases(&areas, area) {
            let app = text(case, "app");
            let steps = steps(app, &case["events"]);
            for workers in [0, 1, 2] {
                let setup = Setup {
                    workers,
                    ..Setup::INLINE
                };
                let why = match run(app, &steps, setup) {
                    Ok(got) => difference(case, &got, workers),
                    Err(error) => Some(error.to_string()),
                };
                let name = text(case, "name");
                failures.extend(why.map(|w| format!("{area}/{name} on {workers}: {w}")));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn built_areas_survive_crashes() {
    let Some(folder) = folder() else { return };
    let areas = load(&folder);
    let mut failures = Vec::new();
    for area in BUILT {
        for case in cases(&areas, area) {
            let name = format!("{area}/{}", text(case, "name"));
            let differs = |got: &Outputs, setup: Setup| difference(case, got, setup.workers);
            let app = text(case, "app");
            let steps = steps(app, &case["events"]);
            failures.extend(crash::failure(&name, app, &steps, &differs));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// What is wrong with the refusal of an app whose message must contain a word.
pub fn refusal(app: &str, word: &str) -> Option<String> {
    let Err(error) = run(app, &[], Setup::INLINE) else {
        return Some("it builds".into());
    };
    let problems = error.problems();
    let told = problems.iter().any(|p| p.message.contains(word));
    let placed = |p: &Problem| p.line >= 1 && p.column >= 1 && !p.message.is_empty();
    (!told || !problems.iter().all(placed)).then(|| error.to_string())
}

#[test]
fn every_area_is_listed_once() {
    let Some(folder) = folder() else { return };
    let listed: Vec<&str> = BUILT.to_vec();
    let found: Vec<String> = load(&folder).into_keys().collect();
    assert_eq!(listed, found);
}

#[test]
fn ci_runs_the_same_areas() {
    let script = fs::read_to_string(root().join(".ci/run")).expect(".ci/run exists");
    for area in BUILT {
        assert!(script.contains(area), "{area} is not in .ci/run");
    }
}
