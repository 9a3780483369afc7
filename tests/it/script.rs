//! Scripts: an app, a timeline, and the rows that must come out, derived by hand from `docs/language.md`.
//!
//! Each case runs inline and on 1, 2 and 4 workers, in batches of 1, 7 and 256 rows, and with strings as
//! codes of a dictionary. Inline and one worker give the expected rows in the expected order; more workers give the
//! same rows, in the same order per key.
//!
//! A file `tests/it/script/*.evt` holds cases:
//!
//! ```text
//! ==== what the case shows
//! @key 1                              optional: the output column that orders, 0 unless given; `none`: any order
//! CREATE STREAM S (v INT);            the app; @app:playback is written before it unless it begins with @app
//! INSERT INTO Out SELECT v FROM S;
//! ----
//! 0 S 1                               milliseconds, stream, values
//! 5 S 2 | 3                           one send of two rows
//! - S 4                               without a time: the input's clock
//! clock 10
//! ---- Out
//! 0 1                                 milliseconds, values
//! 5 - 2                               `-`: a row that leaves
//! ```
//!
//! A line that begins with `#` is a comment. `UPDATE=1 cargo test --test it script` writes what inline gives into the
//! files; read the difference before you commit it.

use crate::app::{Emitted, Outputs, Setup, Step, run};
use crate::literal::{Literal, show, values};
use crate::source::{files, relative};
use eventflux::Sign;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// One case.
pub struct Case {
    pub name: String,
    pub app: String,
    pub steps: Vec<Step>,
    pub expected: BTreeMap<String, Vec<Expected>>,
    /// Output column whose values order rows on several workers.
    key: Option<usize>,
    /// Its lines before the first expectation.
    head: String,
}

/// A row that must come out.
pub struct Expected {
    at_us: i64,
    sign: Sign,
    values: Vec<Literal>,
}

impl Expected {
    fn fits(&self, row: &Emitted) -> bool {
        self.at_us == row.at_us
            && self.sign == row.sign
            && self.values.len() == row.values.len()
            && self.values.iter().zip(&row.values).all(|(a, b)| a.fits(b))
    }
}

/// Reads the cases of a text.
pub fn cases(text: &str) -> Result<Vec<Case>, String> {
    let mut found = Vec::new();
    for part in text.split("\n==== ").skip(1) {
        let (name, body) = part.split_once('\n').ok_or("a case is empty")?;
        let case = case(name.trim(), body).map_err(|e| format!("case '{}': {e}", name.trim()))?;
        found.push(case);
    }
    Ok(found)
}

fn case(name: &str, body: &str) -> Result<Case, String> {
    let (app, rest) = body
        .split_once("\n----\n")
        .ok_or("no ---- behind the app")?;
    let (timeline, outputs) = rest.split_at(rest.find("---- ").unwrap_or(rest.len()));
    let mut app_text = app.to_string();
    let mut key = Some(0);
    if let Some(rest) = app.strip_prefix("@key ") {
        let (column, app) = rest.split_once('\n').ok_or("no app behind @key")?;
        key = column.trim().parse().ok();
        app_text = app.to_string();
    }
    if !app_text.trim_start().starts_with("@app") {
        app_text.insert_str(0, "@app:playback ");
    }
    let lines = |text: &str| -> Vec<String> {
        let useful = |l: &&str| !l.trim().is_empty() && !l.starts_with('#');
        text.lines().filter(useful).map(str::to_string).collect()
    };
    let steps: Result<Vec<Step>, String> = lines(timeline).iter().map(|l| step(l)).collect();
    let mut expected = BTreeMap::new();
    for part in outputs.split("---- ").skip(1) {
        let (stream, rows) = part.split_once('\n').unwrap_or((part, ""));
        let rows: Result<Vec<Expected>, String> = lines(rows).iter().map(|l| row(l)).collect();
        expected.insert(stream.trim().to_string(), rows?);
    }
    if expected.is_empty() {
        return Err("it expects nothing of any stream".into());
    }
    Ok(Case {
        name: name.to_string(),
        app: app_text,
        steps: steps?,
        expected,
        key,
        head: format!("==== {name}\n{app}\n----\n{timeline}"),
    })
}

/// Microseconds of a number of milliseconds.
fn micros(text: &str) -> Result<i64, String> {
    let ms: f64 = text.parse().map_err(|_| format!("'{text}' is no time"))?;
    Ok((ms * 1000.0).round() as i64)
}

fn step(line: &str) -> Result<Step, String> {
    let (time, rest) = line.split_once(' ').ok_or(format!("'{line}' is no step"))?;
    if time == "clock" {
        return Ok(Step::Clock(micros(rest.trim())?));
    }
    let at = if time == "-" {
        None
    } else {
        Some(micros(time)?)
    };
    let (stream, rows) = rest.split_once(' ').ok_or(format!("'{line}' has no row"))?;
    let rows: Result<Vec<_>, String> = rows.split(" | ").map(|r| Ok((at, values(r)?))).collect();
    Ok(Step::Send(stream.to_string(), rows?))
}

fn row(line: &str) -> Result<Expected, String> {
    let (at, rest) = line.split_once(' ').ok_or(format!("'{line}' is no row"))?;
    let (sign, rest) = match rest.strip_prefix("- ") {
        Some(rest) => (Sign::Minus, rest),
        None => (Sign::Plus, rest),
    };
    Ok(Expected {
        at_us: micros(at)?,
        sign,
        values: values(rest)?,
    })
}

/// What differs between what must and what did come out of the streams that a case names.
pub fn difference(case: &Case, got: &Outputs, setup: Setup) -> Option<String> {
    let none = Vec::new();
    case.expected.iter().find_map(|(stream, want)| {
        let got = got.get(stream).unwrap_or(&none);
        let why = if setup.workers <= 1 {
            in_order(want, got)
        } else {
            per_key(want, got, case.key)
        };
        why.map(|why| format!("{stream}: {why}; got\n{}", shown(got)))
    })
}

fn in_order(want: &[Expected], got: &[Emitted]) -> Option<String> {
    let wrong = want.iter().zip(got).position(|(w, g)| !w.fits(g));
    match wrong {
        Some(i) => Some(format!("row {} differs", i + 1)),
        None if want.len() != got.len() => {
            Some(format!("{} rows expected, {} came", want.len(), got.len()))
        }
        None => None,
    }
}

/// Every expected row takes the first row that is left of the same key; that one must fit.
fn per_key(want: &[Expected], got: &[Emitted], key: Option<usize>) -> Option<String> {
    if want.len() != got.len() {
        return Some(format!("{} rows expected, {} came", want.len(), got.len()));
    }
    let mut left: Vec<&Emitted> = got.iter().collect();
    for (i, w) in want.iter().enumerate() {
        let same_key = |g: &&Emitted| match key {
            Some(k) => w.values[k].fits(&g.values[k]),
            None => w.fits(g),
        };
        match left.iter().position(same_key) {
            Some(place) if w.fits(left[place]) => left.remove(place),
            _ => return Some(format!("row {} is not next of its key", i + 1)),
        };
    }
    None
}

/// Rows as a script writes them.
pub fn shown(rows: &[Emitted]) -> String {
    let mut text = String::new();
    for row in rows {
        let sign = if row.sign == Sign::Minus { "- " } else { "" };
        let values: Vec<String> = row.values.iter().map(show).collect();
        let ms = row.at_us as f64 / 1000.0;
        writeln!(text, "{ms} {sign}{}", values.join(", ")).expect("a string takes text");
    }
    text
}

fn setups() -> impl Iterator<Item = Setup> {
    // rows at once, how many of them go one by one, and whether strings come as codes
    let sizes = [
        (256, 0, false),
        (256, usize::MAX, false),
        (7, 2, false),
        (1, 0, false),
        (1, 2, false),
        (256, 0, true),
        (7, 2, true),
    ];
    [0, 1, 2, 4].into_iter().flat_map(move |workers| {
        sizes.map(|(batch_rows_max, rows_singly_max, coded)| Setup {
            workers,
            batch_rows_max,
            rows_singly_max,
            coded,
        })
    })
}

/// The first way in which a case fails.
pub fn failure(case: &Case) -> Option<String> {
    setups().find_map(|setup| match run(&case.app, &case.steps, setup) {
        Ok(outputs) => difference(case, &outputs, setup).map(|why| format!("{setup:?}: {why}")),
        Err(error) => Some(format!("it does not build: {error}")),
    })
}

fn rewrite(path: &Path, text: &str, cases: &[Case]) {
    let mut updated = text[..text.find("\n==== ").map_or(0, |i| i + 1)].to_string();
    for (i, case) in cases.iter().enumerate() {
        let outputs = run(&case.app, &case.steps, Setup::INLINE).expect("the app builds");
        updated.push_str(if i > 0 { "\n" } else { "" });
        updated.push_str(&case.head);
        for stream in case.expected.keys() {
            let rows = outputs.get(stream).map_or(&[][..], Vec::as_slice);
            write!(updated, "---- {stream}\n{}", shown(rows)).expect("a string takes text");
        }
    }
    fs::write(path, updated).expect("scripts can be written");
}

/// Runs the scripts whose file name begins so.
fn check(prefix: &str) {
    let mut failures = Vec::new();
    let mut count = 0;
    for path in files("tests/it/script", "evt") {
        let name = relative(&path);
        if !name
            .trim_start_matches("tests/it/script/")
            .starts_with(prefix)
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("scripts are UTF-8");
        let cases = cases(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        if env::var_os("UPDATE").is_some() {
            rewrite(&path, &text, &cases);
            continue;
        }
        count += cases.len();
        for case in &cases {
            let why = failure(case);
            failures.extend(why.map(|why| format!("{name}: {}: {why}", case.name)));
        }
    }
    let shown = failures.join("\n\n");
    assert!(
        failures.is_empty(),
        "{} of {count} cases:\n{shown}",
        failures.len()
    );
}

macro_rules! scripts {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(concat!(stringify!($name), "."));
        }
    )*};
}
scripts!(
    filter arithmetic functions sliding batches aggregates queries time more_windows coming_from joins joins_by_window
    joins_by_range more_joins tables aggregations named_windows patterns more_patterns sequences by_constant
    rate_limits triggers over partitions migrating
);

#[test]
fn every_script_file_is_run_and_there_are_many_cases() {
    let known = [
        "filter",
        "arithmetic",
        "functions",
        "sliding",
        "batches",
        "aggregates",
        "queries",
        "time",
        "more_windows",
        "coming_from",
        "joins",
        "joins_by_window",
        "joins_by_range",
        "more_joins",
        "tables",
        "aggregations",
        "named_windows",
        "patterns",
        "more_patterns",
        "sequences",
        "by_constant",
        "rate_limits",
        "triggers",
        "over",
        "partitions",
        "migrating",
    ];
    let mut count = 0;
    for path in files("tests/it/script", "evt") {
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .to_string();
        assert!(
            known.contains(&stem.as_str()),
            "{stem}.evt is run by no test"
        );
        let text = fs::read_to_string(&path).expect("scripts are UTF-8");
        count += cases(&text).expect("scripts can be read").len();
    }
    assert!(count >= 220, "{count} cases");
}

#[test]
fn a_wrong_expectation_is_found() {
    let text = "\n==== x\nCREATE STREAM S (v INT); INSERT INTO Out SELECT v FROM S;\n----\n0 S 1\n---- Out\n0 2\n";
    let case = cases(text).expect("it can be read").remove(0);
    assert!(failure(&case).is_some());
    let right = cases(&text.replace("0 2", "0 1"))
        .expect("it can be read")
        .remove(0);
    assert_eq!(failure(&right), None);
}
