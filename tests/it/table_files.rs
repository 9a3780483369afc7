//! Tables that are filled from files and by the program.

use eventflux::store::MemoryStore;
use eventflux::{
    EventFluxAppRuntime, EventFluxManager, RowError, RuntimeConfig, RuntimeError, Value, Workers,
};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("table_files");
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{}-{name}", std::process::id()));
    fs::write(&path, text).expect("a file");
    path
}

fn inline() -> RuntimeConfig {
    RuntimeConfig::default().workers(Workers::Inline)
}

fn app(options: &str) -> EventFluxAppRuntime {
    let text = format!("CREATE TABLE T (k STRING PRIMARY KEY, v INT) WITH ({options});");
    let app = EventFluxManager::new().create_with(&text, inline());
    app.unwrap_or_else(|e| panic!("{text}\n{e}"))
}

fn rows(app: &EventFluxAppRuntime) -> Vec<(Option<String>, Option<i32>)> {
    let answer = app.query("SELECT k, v FROM T").expect("an answer");
    answer.typed().expect("a text and a number")
}

fn expected(rows: &[(&str, Option<i32>)]) -> Vec<(Option<String>, Option<i32>)> {
    let row = |(k, v): &(&str, Option<i32>)| (Some((*k).to_string()), *v);
    rows.iter().map(row).collect()
}

#[test]
fn a_table_has_the_rows_of_its_file_when_the_app_starts() {
    let two = expected(&[("a", Some(1)), ("b", None)]);
    let cases = [
        ("a.csv", "v,k\n1,a\n,b\n", ""),
        ("open-end.csv", "v,k\n1,a\n,b", ""),
        (
            "bare.csv",
            "a;1\nb;\n",
            ", 'header'='false', 'delimiter'=';'",
        ),
        ("a.jsonl", "{\"k\":\"a\",\"v\":1}\n[\"b\",null]\n", ""),
        (
            "other.txt",
            "k,v\na,1\nb,\n",
            ", 'format'='csv', 'index'='v'",
        ),
    ];
    for (name, text, more) in cases {
        let path = file(name, text);
        let app = app(&format!(
            "'type'='table', 'file'='{}'{more}",
            path.display()
        ));
        assert_eq!(rows(&app), [], "{name}: nothing is read before the start");
        app.start().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rows(&app), two, "{name}");
        app.shutdown().expect("it ends");
        fs::remove_file(path).expect("it was there");
    }
    let empty = file("empty.csv", "k,v\n");
    let app = app(&format!("'file'='{}'", empty.display()));
    app.start().expect("no rows are rows");
    assert_eq!(rows(&app), []);
}

#[test]
fn a_file_that_is_wrong_keeps_the_app_from_starting_until_it_is_right() {
    let cases = [
        ("k,v\na,1\nb,x\n", "line 3: "),
        (
            "k,v\na,1\na,2\n",
            "line 3: a row before has the same primary key",
        ),
        (
            "k,v\na,1\n,2\n",
            "line 3: a column of the primary key is NULL",
        ),
        ("k,w\na,1\n", "header: "),
    ];
    for (text, why) in cases {
        let path = file("wrong.csv", text);
        let app = app(&format!("'file'='{}'", path.display()));
        let error = app.start().expect_err("the file is wrong");
        assert!(matches!(error, RuntimeError::Table { .. }), "{error}");
        let error = error.to_string();
        let named = error.contains("table 'T'") && error.contains(&path.display().to_string());
        assert!(named && error.contains(why), "{error}");
        assert_eq!(rows(&app), []);
        fs::write(&path, "k,v\na,7\n").expect("a file");
        app.start().expect("it is right now");
        assert_eq!(rows(&app), expected(&[("a", Some(7))]));
        fs::remove_file(path).expect("it was there");
    }
    let gone = app("'file'='/nowhere/ref.csv'").start();
    let error = gone.expect_err("there is no such file").to_string();
    assert!(error.contains("/nowhere/ref.csv"), "{error}");
}

#[test]
fn options_that_are_wrong_are_told_with_their_place() {
    let cases = [
        (
            "'fil'='a.csv'",
            "unknown option 'fil' of a table",
            "did you mean 'file'?",
        ),
        (
            "'indx'='v'",
            "unknown option 'indx' of a table",
            "did you mean 'index'?",
        ),
        (
            "'type'='source', 'file'='a.csv'",
            "'type' is 'source', expected table",
            "",
        ),
        (
            "'format'='csv'",
            "'format' says how a file is read",
            "'file'",
        ),
        (
            "'file'='a.csv', 'format'='xml'",
            "'format' is 'xml', expected json, csv or text",
            "",
        ),
        (
            "'file'='a.jsonl', 'delimiter'=';'",
            "'delimiter' is about CSV",
            "format",
        ),
        (
            "'file'='a.csv', 'file'='b.csv'",
            "key 'file' is given twice",
            "",
        ),
    ];
    for (options, message, remedy) in cases {
        let text = format!("CREATE TABLE T (k STRING, v INT) WITH ({options});");
        let error = EventFluxManager::new().create_with(&text, inline());
        let error = error.map(drop).expect_err(&text);
        let problem = &error.problems()[0];
        let told = format!(
            "{}; {}",
            problem.message,
            problem.remedy.clone().unwrap_or_default()
        );
        assert!(
            told.contains(message) && told.contains(remedy),
            "{options}: {error}"
        );
        assert!(problem.column >= 40, "{options}: {error}");
    }
    let text = "@app:playback CREATE TABLE T (k INT) WITH ('file'='a.csv', 'ttl'='1 HOUR');";
    let error = EventFluxManager::new()
        .create_with(text, inline())
        .map(drop);
    assert!(
        error
            .expect_err("they would end at once")
            .to_string()
            .contains("'ttl'")
    );
}

#[test]
fn a_restored_table_is_not_loaded_again() {
    let path = file("again.csv", "k,v\na,1\nb,2\n");
    let store = Arc::new(MemoryStore::new());
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(store);
    let text = format!(
        "@app:name('again') CREATE STREAM S (k STRING);
         CREATE TABLE T (k STRING PRIMARY KEY, v INT) WITH ('file'='{}');
         DELETE FROM T USING S WHERE T.k = S.k;",
        path.display()
    );
    let first = manager.create_with(&text, inline()).expect("an app");
    first.start().expect("it starts");
    first
        .input()
        .expect("an input")
        .send("S", ("a",))
        .expect("a row");
    first.persist().expect("a checkpoint");
    first.shutdown().expect("it ends");
    let second = manager.create_with(&text, inline()).expect("an app");
    second.restore_last_revision().expect("it was kept");
    second.start().expect("it starts");
    assert_eq!(rows(&second), expected(&[("b", Some(2))]));
    fs::remove_file(path).expect("it was there");
}

#[test]
fn the_program_loads_rows_before_and_after_the_start() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let text = "CREATE STREAM S (k STRING); CREATE TABLE T (k STRING PRIMARY KEY, v INT);
            INSERT INTO Out SELECT T.k, T.v FROM S JOIN T ON T.k = S.k;";
        let config = RuntimeConfig::default().workers(workers);
        let app = EventFluxManager::new()
            .create_with(text, config)
            .expect("an app");
        let out = app.subscribe("Out").expect("a stream");
        let loaded = app
            .load_table("T", [("a", 1), ("a", 2), ("b", 3)])
            .expect("rows");
        assert_eq!((loaded.inserted, loaded.refused), (2, 1));
        app.start().expect("it starts");
        let mut input = app.input().expect("an input");
        input.send("S", ("a",)).expect("a row");
        app.flush().expect("all is processed");
        let many = (0..10_000).map(|v| (format!("n{v}"), v));
        assert_eq!(app.load_table("t", many).expect("rows").inserted, 10_000);
        let more: [Vec<Value>; 2] = [vec![Value::Null, Value::Int(1)], vec!["c".into(), 4.into()]];
        let loaded = app.load_table("T", more).expect("rows");
        assert_eq!((loaded.inserted, loaded.refused), (1, 1));
        input.send("S", ("c",)).expect("a row");
        app.flush().expect("all is processed");
        let wrong = app.load_table("T", [("x", "y")]).expect_err("it is INT");
        assert_eq!(
            wrong.to_string(),
            "table 'T': row 1: value 2 is STRING, the attribute is INT"
        );
        let source = std::error::Error::source(&wrong).expect("what does not fit");
        assert!(source.is::<RowError>(), "{source}");
        let unknown = app.load_table("U", [("x", 1)]).expect_err("no such table");
        assert!(unknown.to_string().contains("it has: T"), "{unknown}");
        app.shutdown().expect("it ends");
        let mut seen = Vec::new();
        while let Some(batch) = out.try_recv() {
            seen.extend((0..batch.len()).map(|row| batch.row(row)));
        }
        assert_eq!(
            seen,
            [vec![Value::from("a"), 1.into()], vec!["c".into(), 4.into()]]
        );
    }
}
