//! Revisions that an earlier build wrote: this one restores each and goes on as that one did.
//!
//! `EVENTFLUX_WRITE_FIXTURES=1 cargo test --test checkpoint earlier::` writes a folder that is not there yet: revisions
//! of an app each, and beside them what came out of the rows behind the checkpoint. Folders of a build that is
//! no longer this one are never written again; one whose apps can no longer be restored says so in [`REFUSED`].

use crate::common::{self, Folder};
use eventflux::store::{FileStore, PersistenceStore};
use eventflux::{Batch, CheckpointError, Input, Sign, Timestamp, Value, Workers};
use eventflux_kit::Collected;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The commits whose builds wrote the folders.
const BUILDS: [&str; 1] = ["491fc54"];

/// Apps of a build whose state has another layout now, and the container that changed.
///
/// What was rounded on its way cannot become exact: these start anew, under another name of the query.
const REFUSED: [(&str, &str, &str); 2] = [
    ("491fc54", "aggregate_sum_double", "exact sum"),
    ("491fc54", "aggregate_deviation", "exact moments"),
];

/// Windows, each by a short name.
const WINDOWS: [(&str, &str); 22] = [
    ("none", ""),
    ("length", "WINDOW('length', 7)"),
    ("length_batch", "WINDOW('lengthBatch', 7)"),
    ("time", "WINDOW('time', 40 MILLISECONDS)"),
    ("time_batch", "WINDOW('timeBatch', 40 MILLISECONDS)"),
    (
        "time_batch_start",
        "WINDOW('timeBatch', 40 MILLISECONDS, 0)",
    ),
    ("time_length", "WINDOW('timeLength', 40 MILLISECONDS, 5)"),
    ("tumbling", "WINDOW('tumbling', 30 MILLISECONDS)"),
    ("hop", "WINDOW('hop', 60 MILLISECONDS, 20 MILLISECONDS)"),
    ("session", "WINDOW('session', 12 MILLISECONDS, k)"),
    (
        "session_batch",
        "WINDOW('sessionBatch', 12 MILLISECONDS, k)",
    ),
    ("external", "WINDOW('externalTime', v, 40 MILLISECONDS)"),
    (
        "external_batch",
        "WINDOW('externalTimeBatch', v, 40 MILLISECONDS)",
    ),
    ("batch", "WINDOW('batch')"),
    ("delay", "WINDOW('delay', 15 MILLISECONDS)"),
    ("sort", "WINDOW('sort', 6, n, v)"),
    ("unique", "WINDOW('unique', k)"),
    ("first_unique", "WINDOW('firstUnique', k, n)"),
    ("frequent", "WINDOW('frequent', 3, k)"),
    ("cron", "WINDOW('cron', '*/1 * * * * *')"),
    (
        "expression",
        "WINDOW('expression', 'count() <= 5 AND sum(n) < 30')",
    ),
    (
        "expression_batch",
        "WINDOW('expressionBatch', 'last.v - first.v < 90')",
    ),
];

/// Aggregates whose state is of a kind of its own.
const AGGREGATES: [(&str, &str); 8] = [
    ("sum_double", "sum(d) AS a, avg(d) AS b"),
    ("deviation", "round(stdDev(n) * 1000000) AS a"),
    ("first_last", "first(s) AS a, last(v) AS b"),
    ("extremes", "min(s) AS a, max(d) AS b"),
    ("forever", "minForever(n) AS a, maxForever(s) AS b"),
    ("logic", "and(b) AS a, or(b) AS b"),
    ("distinct", "count(DISTINCT s) AS a, distinctCount(d) AS b"),
    (
        "counts",
        "count() AS a, count(d) AS b, sum(v) AS c, avg(n) AS e",
    ),
];

const ROWS: u64 = 60;
const KEPT: u64 = 40;

/// Name and text of every app.
fn apps() -> Vec<(String, String)> {
    let app = |name: String, queries: String| {
        let stream = "CREATE STREAM S (k STRING, n INT, v LONG, d DOUBLE, b BOOL, s STRING)";
        let text = format!("@app:name('{name}') @app:playback\n{stream};\n{queries}");
        (name, text)
    };
    let mut apps = Vec::new();
    for (name, window) in WINDOWS {
        let queries = format!(
            "@info(name='groups') INSERT INTO One SELECT k, count() AS c, sum(v) AS s, min(v) AS l, max(n) AS h, \
             avg(n) AS a FROM S {window} GROUP BY k;
             INSERT ALL EVENTS INTO Two SELECT * FROM S[n > -2] {window} WHERE v < 1010;"
        );
        apps.push(app(format!("window_{name}"), queries));
    }
    for (name, calls) in AGGREGATES {
        let queries = format!(
            "INSERT INTO One SELECT k, {calls} FROM S GROUP BY k;
             @info(name='slides') INSERT INTO Two SELECT {calls} FROM S WINDOW('length', 7);
             INSERT INTO Three SELECT k, {calls} FROM S WINDOW('tumbling', 30 MILLISECONDS) GROUP BY k;"
        );
        apps.push(app(format!("aggregate_{name}"), queries));
    }
    let queries = "INSERT INTO One SELECT DISTINCT k, n FROM S;
         INSERT INTO Two SELECT DISTINCT k FROM S WINDOW('length', 4);
         INSERT INTO Three SELECT k, n + 1 AS m FROM S WINDOW('lengthBatch', 5) ORDER BY m LIMIT 2;
         INSERT INTO Four SELECT n % 3 AS r, sum(n) AS t FROM One WINDOW('lengthBatch', 3) GROUP BY r HAVING t > 1;";
    apps.push(app("query_parts".into(), queries.into()));
    apps
}

/// Row `n`, counted from 1: few keys, NULL here and there, gaps in time.
fn row(n: u64) -> (Timestamp, [Value; 6]) {
    let mix = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let at = (520 + n * 5 + n / 7 * 25) as i64;
    let text = ["x", "a text that does not fit into a word or two", "é"][mix as usize % 3];
    let mut row = [
        Value::from(format!("key {}", mix % 5)),
        Value::Int((mix / 3 % 12) as i32 - 3),
        Value::Long(at),
        Value::Double((mix % 1000) as f64 / 4.0),
        Value::Bool(mix % 12 > 5),
        Value::from(text),
    ];
    // not the attribute that tells time
    if let Some(place @ (1 | 3 | 4 | 5)) = Some(mix as usize / 7 % 9) {
        row[place] = Value::Null;
    }
    (Timestamp::from_millis(at), row)
}

fn send(input: &mut Input, from: u64, to: u64) {
    for n in from..=to {
        let (at, row) = row(n);
        let sent = input.send_numbered(n, "S", Some(at), &row[..]);
        assert_eq!(sent, Ok(true), "row {n}");
    }
}

/// The app over a store, restored if it has a revision, after rows `from..=to`; what came out, by stream in its order.
fn run(
    store: &Arc<FileStore>,
    text: &str,
    from: u64,
    to: u64,
) -> Result<Vec<String>, CheckpointError> {
    let store: Arc<dyn PersistenceStore> = store.clone();
    let app = common::app_of(text, Some(store), Workers::Inline, Default::default());
    let lines = Collected::default();
    let written = ["One", "Two", "Three", "Four"];
    for stream in written.into_iter().filter(|s| app.schema(s).is_some()) {
        let lines = lines.clone();
        let add = move |batch: &Batch| {
            for row in 0..batch.len() {
                let sign = if batch.sign(row) == Sign::Plus {
                    '+'
                } else {
                    '-'
                };
                let at = batch.at()[row];
                lines.push(format!("{stream} {at} {sign} {:?}", batch.row(row)));
            }
        };
        app.add_callback(stream, add).expect("a stream");
    }
    if from > 1 {
        let report = app.restore_last_revision()?;
        assert_eq!(report.inputs[0].next, from, "{report:?}");
    }
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    send(&mut input, from, to);
    if from == 1 {
        app.persist().expect("a checkpoint");
        lines.take();
        send(&mut input, to + 1, ROWS);
    }
    drop(input);
    app.shutdown().expect("it stops");
    let mut lines = lines.take();
    // stable: the order within a stream stays
    lines.sort_by_key(|line| line.split(' ').next().map(str::to_string));
    Ok(lines)
}

fn folder(build: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/checkpoint/fixtures").join(build)
}

#[test]
fn revisions_of_earlier_builds_go_on() {
    let writes = std::env::var("EVENTFLUX_WRITE_FIXTURES").is_ok_and(|v| v == "1");
    for build in BUILDS {
        let fixtures = folder(build);
        if writes && !fixtures.exists() {
            fs::create_dir_all(fixtures.join("rows")).expect("the folder can be made");
            let store = Arc::new(FileStore::open(fixtures.join("store")).expect("opens"));
            for (name, text) in apps() {
                let lines = run(&store, &text, 1, KEPT).expect("nothing is restored");
                let file = fixtures.join(format!("rows/{name}.txt"));
                fs::write(file, lines.join("\n")).expect("the file can be written");
                let lock = fixtures.join("store").join(&name).join("lock");
                fs::remove_file(lock).expect("the file store has one");
            }
        }
        let copy = Folder::new(&format!("earlier-{build}"));
        common::copy(&fixtures.join("store"), copy.path());
        let store = Arc::new(FileStore::open(copy.path()).expect("opens"));
        let mut wrong = Vec::new();
        for (name, text) in apps() {
            let refused = REFUSED.iter().find(|r| r.0 == build && r.1 == name);
            match (run(&store, &text, KEPT + 1, ROWS), refused) {
                (Ok(lines), None) => {
                    let file = fixtures.join(format!("rows/{name}.txt"));
                    let want = fs::read_to_string(file).expect("it was written");
                    let want: Vec<&str> = want.lines().collect();
                    assert_eq!(lines, want, "{build}: {name}");
                    assert!(!lines.is_empty(), "{build}: {name} writes nothing");
                }
                (Err(CheckpointError::Incompatible { diff, .. }), Some((_, _, container))) => {
                    assert!(diff.contains(container), "{build}: {name}: {diff}");
                    assert!(
                        diff.contains("name the new query"),
                        "{build}: {name}: {diff}"
                    );
                }
                (outcome, _) => wrong.push(format!("{build}: {name}: {outcome:?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// A revision that does not tell what is above a query has the texts, and they do.
#[test]
fn an_edited_query_above_is_refused_of_earlier_builds_too() {
    for build in BUILDS {
        let copy = Folder::new(&format!("earlier-above-{build}"));
        common::copy(&folder(build).join("store"), copy.path());
        let (_, text) = apps().pop().expect("there are apps");
        // the last query reads what the first one writes, and its own text stays
        let edited = text.replace(
            "SELECT DISTINCT k, n FROM S;",
            "SELECT DISTINCT k, n FROM S[n > 0];",
        );
        assert_ne!(text, edited);
        let store: Arc<dyn PersistenceStore> =
            Arc::new(FileStore::open(copy.path()).expect("opens"));
        let app = common::app_of(&edited, Some(store), Workers::Inline, Default::default());
        let options = eventflux::RestoreOptions::default()
            .allow_new(true)
            .allow_dropped(true);
        let Err(CheckpointError::Incompatible { diff, .. }) = app.restore_with(&options) else {
            panic!("{build}: rows of two meanings are mixed");
        };
        assert!(diff.contains("above it is new"), "{build}: {diff}");
    }
}
