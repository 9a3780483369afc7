//! What the tests of Siddhi 5 ask of patterns and sequences: 398 small apps with the rows that they assert.
//!
//! `siddhi_patterns.json` has the facts of those tests (siddhi-io/siddhi at e1da9b7, behind v5.1.8), in the dialect of
//! this project: `name` of the test, `query` over the streams A to D or a whole `app`, `events`, and the `rows` of
//! `Out` in their order. Where rows differ from those of Siddhi, `siddhi` has theirs, and `why` says what they do.

use crate::app::{Outputs, Setup, Step, run};
use crate::conformance::{difference, refusal, steps};
use crate::crash;
use eventflux::EventFluxManager;
use serde_json::{Value as Json, json};

const CASES: &str = include_str!("siddhi_patterns.json");

/// Cases whose right answer is another than Siddhi's: what an absence ended under EVERY opens again.
const DIFFERENT: [&str; 10] = [
    "EveryAbsentPatternAbsent4",
    "EveryAbsentPatternAbsent6",
    "EveryAbsentPatternAbsent12",
    "EveryAbsentPatternAbsent25",
    "EveryAbsentPatternAbsent42",
    "EveryAbsentPatternAbsent44",
    "EveryAbsentPatternAbsent46",
    "EveryAbsentPatternAbsent49",
    "EveryAbsentSequenceAbsent19",
    "LogicalAbsentPatternAbsent46",
];

/// Cases that are refused: EVERY over what may be empty.
const REFUSED: [&str; 4] = ["Sequence4", "Sequence5", "Sequence6", "Sequence20_1"];

/// One case that must give rows.
struct Case {
    name: String,
    app: String,
    steps: Vec<Step>,
    /// As the acceptance cases have it.
    expected: Json,
}

impl Case {
    fn new(case: &Json) -> Self {
        let app = app(case);
        Case {
            name: name(case).to_string(),
            steps: steps(&app, &case["events"]),
            app,
            expected: json!({"ordered": true, "expect": {"Out": case["rows"]}}),
        }
    }

    fn differs(&self, got: &Outputs, workers: usize) -> Option<String> {
        difference(&self.expected, got, workers)
    }
}

fn all() -> Vec<Json> {
    serde_json::from_str(CASES).expect("the file is a list")
}

/// The cases that must give rows, whose place leaves this remainder: several tests, for several cores.
fn cases(remainder: usize) -> Vec<Case> {
    let given = all().into_iter().filter(|c| c["refused"].is_null());
    let places = given.enumerate().filter(|(i, _)| i % 2 == remainder);
    places.map(|(_, case)| Case::new(&case)).collect()
}

fn name(case: &Json) -> &str {
    case["name"].as_str().expect("a case has a name")
}

fn app(case: &Json) -> String {
    if let Some(app) = case["app"].as_str() {
        return app.to_string();
    }
    let stream = |name: &str| format!("CREATE STREAM {name} (sym STRING, price FLOAT, vol INT);");
    let streams: String = ["A", "B", "C", "D"].map(stream).concat();
    let query = case["query"].as_str().expect("a case has a query");
    format!("@app:playback {streams} {query}")
}

fn check(failures: Vec<String>) {
    let number = failures.len();
    assert!(number == 0, "{number} cases:\n{}", failures.join("\n\n"));
}

fn setups() -> impl Iterator<Item = Setup> {
    // rows at once, and how many of them go one by one
    let sizes = [(256, 2), (256, 0), (7, 2), (1, 0)];
    [0, 1, 2].into_iter().flat_map(move |workers| {
        sizes.map(|(batch_rows_max, rows_singly_max)| Setup {
            workers,
            batch_rows_max,
            rows_singly_max,
            ..Setup::INLINE
        })
    })
}

/// The first way in which a case fails.
fn failure(case: &Case) -> Option<String> {
    setups().find_map(|setup| {
        let why = match run(&case.app, &case.steps, setup) {
            Ok(got) => case.differs(&got, setup.workers),
            Err(error) => Some(error.to_string()),
        };
        why.map(|why| format!("{} in {setup:?}: {why}", case.name))
    })
}

fn rows_fit(remainder: usize) {
    check(cases(remainder).iter().filter_map(failure).collect());
}

#[test]
fn rows_are_those_of_siddhi_even() {
    rows_fit(0);
}

#[test]
fn rows_are_those_of_siddhi_odd() {
    rows_fit(1);
}

fn crashes_change_nothing(remainder: usize) {
    let mut failures = Vec::new();
    for case in cases(remainder) {
        let differs = |got: &Outputs, setup: Setup| case.differs(got, setup.workers);
        let name = format!("siddhi/{}", case.name);
        let manager = EventFluxManager::new;
        let failed = crash::failure_with(&name, &case.app, &case.steps, &manager, &differs);
        failures.extend(failed);
    }
    check(failures);
}

#[test]
fn crashes_change_nothing_even() {
    crashes_change_nothing(0);
}

#[test]
fn crashes_change_nothing_odd() {
    crashes_change_nothing(1);
}

#[test]
fn what_differs_is_listed() {
    let cases = all();
    assert_eq!(cases.len(), 398);
    let with = |key: &str| -> Vec<&str> {
        let found = cases.iter().filter(|c| !c[key].is_null());
        found.map(name).collect()
    };
    assert_eq!(with("siddhi"), DIFFERENT);
    assert_eq!(with("refused"), REFUSED);
    for case in &cases {
        if !case["siddhi"].is_null() {
            assert_ne!(case["siddhi"], case["rows"], "{}", name(case));
            assert!(case["why"].is_string(), "{}", name(case));
        }
    }
}

#[test]
fn what_is_refused_says_why() {
    let refused = all().into_iter().filter(|c| !c["refused"].is_null());
    for case in refused {
        let word = case["refused"].as_str().expect("a part of the message");
        assert_eq!(refusal(&app(&case), word), None, "{}", name(&case));
    }
}
