//! A named query that was edited: it keeps its state where that means the same, and is refused otherwise.

use crate::common;
use eventflux::store::{MemoryStore, PersistenceStore};
use eventflux::{
    CheckpointError, EventFluxManager, RestoreOptions, RuntimeConfig, Timestamp, Value, Workers,
};
use std::sync::Arc;

const STREAM: &str = "CREATE STREAM S (k STRING, m STRING, v LONG, w LONG);";

/// The query before, after, and the word that tells why it is refused; `None`: it keeps its state.
#[rustfmt::skip]
const EDITS: &[(&str, &str, Option<&str>)] = &[
    // the same, written otherwise
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k,  sum(v)\n AS s FROM S GROUP BY k", None),
    // of what comes out
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k, m, sum(v) + 1 AS s FROM S GROUP BY k", None),
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k, sum(v) AS s FROM S GROUP BY k HAVING s > 5", None),
    ("SELECT sum(v) AS s, k FROM S WINDOW('length', 5) GROUP BY k", "SELECT sum(v) AS s, k AS c FROM S WINDOW('length', 5) GROUP BY k ORDER BY c LIMIT 1", None),
    ("SELECT v FROM S WINDOW('time', 5 SECONDS)", "SELECT v + 1 AS x FROM S WINDOW('time', 5 SECONDS) WHERE v > 1", None),
    // without state
    ("SELECT k FROM S WHERE v > 1", "SELECT k FROM T[v > 2]", None),
    // what state is made of
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT m, sum(v) AS s FROM S GROUP BY m", Some("GROUP BY")),
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k, sum(w) AS s FROM S GROUP BY k", Some("the columns")),
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k, max(v) AS s FROM S GROUP BY k", Some("the columns")),
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k, sum(v) AS s FROM S[v > 1] GROUP BY k", Some("the filter")),
    ("SELECT k, sum(v) AS s FROM S WHERE w > 1 GROUP BY k", "SELECT k, sum(v) AS s FROM S WHERE w > 2 GROUP BY k", Some("WHERE")),
    ("SELECT k, sum(v) AS s FROM S GROUP BY k", "SELECT k, sum(v) AS s FROM T GROUP BY k", Some("the stream")),
    ("SELECT upper(k) AS g, sum(v) AS s FROM S GROUP BY g", "SELECT upper(m) AS g, sum(v) AS s FROM S GROUP BY g", Some("the columns")),
    ("SELECT k, m, sum(v) AS s FROM S GROUP BY 1", "SELECT m, k, sum(v) AS s FROM S GROUP BY 1", Some("the columns")),
    ("SELECT *, sum(v) AS s FROM S GROUP BY 1", "SELECT *, sum(v) AS s FROM S GROUP BY 2", Some("GROUP BY")),
    ("SELECT v + 1 AS x FROM S HAVING sum(x) > 1", "SELECT w + 1 AS x FROM S HAVING sum(x) > 1", Some("the columns")),
    // windows
    ("SELECT v FROM S WINDOW('time', 5 SECONDS)", "SELECT v FROM S WINDOW('time', 6 SECONDS)", Some("the window")),
    ("SELECT v FROM S WINDOW('time', 5 SECONDS)", "SELECT w FROM S WINDOW('time', 5 SECONDS)", Some("the columns")),
    ("SELECT v FROM S[w > 1] WINDOW('time', 5 SECONDS)", "SELECT v FROM S[w > 2] WINDOW('time', 5 SECONDS)", Some("the filter")),
    ("SELECT v FROM S WINDOW('unique', k)", "SELECT v FROM S WINDOW('unique', m)", Some("the window")),
    ("SELECT v FROM S WINDOW('frequent', 2)", "SELECT v FROM T WINDOW('frequent', 2)", Some("the stream")),
    ("SELECT k, sum(v) AS s FROM S WINDOW('tumbling', 5 SECONDS) WHERE w > 1 GROUP BY k", "SELECT k, sum(v) AS s FROM S WINDOW('tumbling', 5 SECONDS) WHERE w > 2 GROUP BY k", Some("WHERE")),
    ("SELECT k, sum(v) AS s FROM S WINDOW('tumbling', 5 SECONDS) GROUP BY k, m", "SELECT m, sum(v) AS s FROM S WINDOW('tumbling', 5 SECONDS) GROUP BY k, m", Some("the columns")),
    // DISTINCT
    ("SELECT k FROM S", "SELECT DISTINCT k FROM S", Some("DISTINCT")),
    ("SELECT DISTINCT k FROM S", "SELECT DISTINCT m AS k FROM S", Some("the columns")),
    ("SELECT DISTINCT k FROM S WHERE v > 1", "SELECT DISTINCT k FROM S WHERE v > 2", Some("WHERE")),
    ("SELECT DISTINCT k FROM S HAVING v > 1", "SELECT DISTINCT k FROM S HAVING v > 2", Some("HAVING")),
];

fn app(store: &MemoryStore, stream: &str, query: &str) -> eventflux::EventFluxAppRuntime {
    let query = format!("@info(name='q') INSERT INTO Out {query};");
    app_of(store, "@app:playback", stream, &query)
}

fn app_of(
    store: &MemoryStore,
    time: &str,
    stream: &str,
    queries: &str,
) -> eventflux::EventFluxAppRuntime {
    let other = "CREATE STREAM T (k STRING, m STRING, v LONG, w LONG);";
    let text = format!("@app:name('edited') {time} {stream} {other} {queries}");
    let store: Arc<dyn PersistenceStore> = Arc::new(store.clone());
    common::app_of(&text, Some(store), Workers::Inline, Default::default())
}

/// Takes a checkpoint after a few rows.
fn taken(query: &str) -> MemoryStore {
    taken_of(&format!("@info(name='q') INSERT INTO Out {query};"))
}

/// The same of any queries.
fn taken_of(queries: &str) -> MemoryStore {
    let store = MemoryStore::new();
    let app = app_of(&store, "@app:playback", STREAM, queries);
    app.start().expect("it starts");
    let mut input = app.input().expect("opens");
    for n in 1..=5 {
        let row = [
            Value::from("a"),
            Value::from("b"),
            Value::Long(n),
            Value::Long(n),
        ];
        let at = Timestamp::from_millis(n);
        input.send_at("S", at, &row[..]).expect("the row is taken");
    }
    app.persist().expect("a checkpoint");
    app.shutdown().expect("it stops");
    store
}

fn refused(error: CheckpointError, context: &str) -> String {
    let CheckpointError::Incompatible { diff, .. } = error else {
        panic!("{context}: {error}");
    };
    assert!(
        diff.contains("name the new query differently"),
        "{context}: {diff}"
    );
    diff
}

#[test]
fn an_edited_query_keeps_state_that_means_the_same() {
    for (before, after, why) in EDITS {
        let context = format!("{before}\n  became {after}");
        let store = taken(before);
        let app = app(&store, STREAM, after);
        // what may be new or gone does not matter for a query that is there
        let options = RestoreOptions::default()
            .allow_new(true)
            .allow_dropped(true);
        match (app.restore_with(&options), why) {
            (Ok(report), None) => {
                let told = report.edited.iter().any(|q| q.starts_with("q: "));
                let blanks = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(
                    told,
                    blanks(before) != blanks(after),
                    "{context}: {report:?}"
                );
            }
            (Err(error), Some(why)) => {
                let diff = refused(error, &context);
                assert!(
                    diff.contains(&format!("changed: {why}")),
                    "{context}: {diff}"
                );
            }
            (outcome, _) => panic!("{context}: {outcome:?}"),
        }
    }
}

/// Attributes that change behind a query's back.
#[test]
fn other_attributes_under_the_same_text_are_refused() {
    let queries = [
        "SELECT * FROM S WINDOW('length', 5)",
        "SELECT DISTINCT * FROM S",
        "SELECT v FROM S WINDOW('frequent', 2)",
        "SELECT *, count() AS n FROM S GROUP BY 3",
    ];
    for query in queries {
        let store = taken(query);
        let swapped = "CREATE STREAM S (k STRING, m STRING, w LONG, v LONG);";
        let error = app(&store, swapped, query).restore_last_revision();
        let diff = refused(error.expect_err("the attributes are others"), query);
        assert!(
            diff.contains("the attributes that it reads"),
            "{query}: {diff}"
        );
    }
}

/// The app before, after, and the word that tells why the named query q is refused; `None`: it keeps its state.
#[rustfmt::skip]
const ABOVE: &[(&str, &str, Option<&str>)] = &[
    // the query above is the same: moved, written otherwise, beside another
    ("@info(name='p') INSERT INTO M SELECT * FROM S[v > 5]; {q}", "{q} @info(name='p') INSERT INTO M SELECT *  FROM S[v > 5];", None),
    ("{p} {q}", "{p} {q} INSERT INTO Beside SELECT v FROM S[v > 7];", None),
    ("{p} {q} @info(name='r') INSERT INTO Behind SELECT s FROM Out;", "{p} {q} @info(name='r') INSERT INTO Behind SELECT s + 1 AS s FROM Out;", None),
    // a name says nothing of rows
    ("{p} {q}", "@info(name='other') INSERT INTO M SELECT * FROM S[v > 1]; {q}", None),
    ("@info(name='p') INSERT INTO M SELECT * FROM S[v > 5]; {q}", "@info(name='p') INSERT INTO M SELECT * FROM S[v > 0]; {q}", Some("in the query p above it: the filter")),
    ("{p} {q}", "@info(name='p') INSERT INTO M SELECT k, m, w AS v, v AS w FROM S[v > 1]; {q}", Some("in the query p above it: the columns")),
    ("{p} {q}", "@info(name='p') INSERT INTO M SELECT * FROM T[v > 1]; {q}", Some("in the query p above it: the stream")),
    ("INSERT INTO M SELECT * FROM S[v > 5]; {q}", "INSERT INTO M SELECT * FROM S[v > 0]; {q}", Some("above it is new")),
    ("{p} {q}", "{p} @info(name='more') INSERT INTO M SELECT * FROM T; {q}", Some("the query more above it is new")),
    ("{p} @info(name='more') INSERT INTO M SELECT * FROM T; {q}", "{p} {q}", Some("a query above it that is gone")),
    // further up, and around
    ("@info(name='o') INSERT INTO N SELECT * FROM S[v > 1]; @info(name='p') INSERT INTO M SELECT * FROM N; {q}", "@info(name='o') INSERT INTO N SELECT * FROM S[v > 2]; @info(name='p') INSERT INTO M SELECT * FROM N; {q}", Some("in the query o above it: the filter")),
    ("{p} {q} @info(name='r') INSERT INTO M SELECT k, k AS m, s AS v, s AS w FROM Out[s < 3];", "{p} {q} @info(name='r') INSERT INTO M SELECT k, k AS m, s AS v, s AS w FROM Out[s < 2];", Some("in the query r above it: the filter")),
];

#[test]
fn an_edited_query_above_changes_what_state_means() {
    for (before, after, why) in ABOVE {
        let whole = |text: &str| {
            let text = text.replace(
                "{p}",
                "@info(name='p') INSERT INTO M SELECT * FROM S[v > 1];",
            );
            let q = "@info(name='q') INSERT INTO Out SELECT k, sum(v) AS s FROM M GROUP BY k;";
            text.replace("{q}", q)
        };
        let context = format!("{before}\n  became {after}");
        let store = taken_of(&whole(before));
        let app = app_of(&store, "@app:playback", STREAM, &whole(after));
        let options = RestoreOptions::default()
            .allow_new(true)
            .allow_dropped(true);
        match (app.restore_with(&options), why) {
            (Ok(_), None) => {}
            (Err(error), Some(why)) => {
                let diff = refused(error, &context);
                assert!(diff.contains("+ q: "), "{context}: {diff}");
                assert!(diff.contains(why), "{context}: {diff}");
            }
            (outcome, _) => panic!("{context}: {outcome:?}"),
        }
    }
}

/// State of rows in event time is none of rows in processing time.
#[test]
fn another_time_of_the_app_is_refused() {
    let query = "@info(name='q') INSERT INTO Out SELECT k, sum(v) AS s FROM S GROUP BY k;";
    let store = taken_of(query);
    let error = app_of(&store, "", STREAM, query).restore_last_revision();
    let diff = refused(error.expect_err("the time is another"), query);
    assert!(diff.contains("the app's time"), "{diff}");
}

/// Attributes that come to a stream and that the query neither reads nor holds.
#[test]
fn attributes_that_nobody_reads_do_not_matter() {
    let grown = "CREATE STREAM S (k STRING, m STRING, v LONG, w LONG, x STRING);";
    let windows = [
        "'length', 5",
        "'time', 5 SECONDS",
        "'timeBatch', 5 SECONDS",
        "'session', 5 SECONDS, k",
        "'unique', k",
    ];
    for window in windows {
        let query = format!("SELECT sum(v) AS s, first(v) AS f FROM S WINDOW({window})");
        let store = taken(&query);
        let restored = app(&store, grown, &query).restore_last_revision();
        assert!(restored.is_ok(), "{query}: {restored:?}");
    }
}

/// What decides is the time by which the app runs, not what its text says of it.
#[test]
fn the_time_of_the_configuration_counts() {
    let query = "@info(name='q') INSERT INTO Out SELECT k, sum(v) AS s FROM S GROUP BY k;";
    let store = taken_of(query);
    let app = |time: &str, event_time: bool| {
        let config = RuntimeConfig::default()
            .workers(Workers::Inline)
            .event_time(event_time);
        let mut manager = EventFluxManager::new();
        manager.set_persistence_store(Arc::new(store.clone()));
        let text = format!("@app:name('edited') {time} {STREAM} {query}");
        manager.create_with(&text, config).expect("it is right")
    };
    let error = app("@app:playback", false).restore_last_revision();
    let diff = refused(error.expect_err("the time is another"), query);
    assert!(diff.contains("the app's time"), "{diff}");
    let same = app("", true);
    same.restore_last_revision().expect("the time is the same");
    assert!(same.explain().starts_with("app edited (event time)"));
}
