//! `eventflux query` as a user runs it: what a stored revision holds.

#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "common/child.rs"]
mod child;

use child::{expect, run};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

const APP: &str = "@app:name('stock') @app:playback
CREATE STREAM Moves (item STRING, n INT);
CREATE TABLE Stock (item STRING PRIMARY KEY, n LONG) WITH ('file'='FOLDER/stock.csv');
CREATE WINDOW Recent (item STRING, n INT) WINDOW('length', 2);
UPDATE Stock SET n = Stock.n + Moves.n FROM Moves WHERE Stock.item = Moves.item;
INSERT INTO Recent SELECT item, n FROM Moves;
CREATE AGGREGATION Moved AS SELECT item, sum(n) AS n FROM Moves GROUP BY item AGGREGATE EVERY SECONDS, DAYS;
INSERT INTO Out SELECT item, n FROM Recent;
";

const EVENTS: &str = "{\"stream\":\"Moves\",\"at\":1,\"row\":[\"nut\",5]}
{\"stream\":\"Moves\",\"at\":2,\"row\":[\"bolt, long\",-2]}
{\"stream\":\"Moves\",\"at\":3,\"row\":[\"nut\",1]}
";

/// A folder with an app that has run, and kept its state.
struct Kept(PathBuf);

impl Kept {
    fn new(name: &str) -> Self {
        let folder = format!("eventflux-query-{name}-{}", std::process::id());
        let kept = Kept(std::env::temp_dir().join(folder));
        let _ = fs::remove_dir_all(&kept.0);
        fs::create_dir_all(&kept.0).expect("a folder");
        let app = APP.replace("FOLDER", &kept.0.display().to_string());
        let files = [
            ("app.sql", app.as_str()),
            ("events.jsonl", EVENTS),
            ("stock.csv", "item,n\nnut,10\n\"bolt, long\",7\nwasher,\n"),
        ];
        for (name, text) in files {
            fs::write(kept.0.join(name), text).expect("a file");
        }
        let [app, events, out] = ["app.sql", "events.jsonl", "out.jsonl"].map(|f| kept.file(f));
        let ran = run(&[
            "run",
            &app,
            "--events",
            &events,
            "--out",
            &out,
            "--store",
            &kept.url(),
        ]);
        expect(&ran, 0, &[]);
        kept
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn url(&self) -> String {
        format!("file:{}", self.file("state"))
    }

    fn ask(&self, question: &str, more: &[&str]) -> Output {
        let (app, url) = (self.file("app.sql"), self.url());
        let args = ["query", app.as_str(), "--store", &url];
        run(&[args.as_slice(), more, &[question]].concat())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn out(output: &Output) -> String {
    expect(output, 0, &[]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_revision_is_asked_in_each_format() {
    let kept = Kept::new("formats");
    let before = fs::read_to_string(kept.file("out.jsonl")).expect("the run wrote it");
    let all = "SELECT item, n FROM Stock ORDER BY n DESC";
    let json = out(&kept.ask(all, &["--format", "json"]));
    let lines = "{\"item\":\"nut\",\"n\":16}\n{\"item\":\"bolt, long\",\"n\":5}\n{\"item\":\"washer\",\"n\":null}\n";
    assert_eq!(json, lines);
    let csv = out(&kept.ask(all, &["--format", "csv"]));
    assert_eq!(csv, "item,n\nnut,16\n\"bolt, long\",5\nwasher,\n");
    assert_eq!(
        out(&kept.ask(all, &[])),
        json,
        "what is no terminal gets objects"
    );
    let table = out(&kept.ask(all, &["--format", "table"]));
    let words: Vec<&str> = table.split_whitespace().collect();
    const RULE: &str = "───────────────────";
    assert_eq!(
        words,
        [
            "item", "n", RULE, "nut", "16", "bolt,", "long", "5", "washer", "NULL"
        ]
    );
    let sum = out(&kept.ask(
        "SELECT count(*) AS c, sum(n) AS s FROM Stock",
        &["--format", "csv"],
    ));
    assert_eq!(sum, "c,s\n3,21\n");
    let recent = out(&kept.ask("SELECT item, n FROM Recent", &["--format", "csv"]));
    assert_eq!(recent, "item,n\n\"bolt, long\",-2\nnut,1\n");
    let days =
        "SELECT * FROM Moved WITHIN '1970-01-01', '1970-01-02' PER 'DAYS' ORDER BY item DESC";
    let days = out(&kept.ask(days, &["--format", "csv"]));
    let rows = "AGG_TIMESTAMP,item,n\n0,nut,6\n0,\"bolt, long\",-2\n";
    assert_eq!(days, rows);
    let none = kept.ask(
        "SELECT n FROM Stock WHERE item = 'x'",
        &["--format", "table"],
    );
    expect(&none, 0, &["no row"]);
    let after = fs::read_to_string(kept.file("out.jsonl")).expect("it is there");
    assert_eq!(before, after, "nothing of the app's outputs is touched");
}

#[test]
fn a_revision_may_be_named_and_the_app_goes_on_behind_it() {
    let kept = Kept::new("revision");
    let ls = run(&["state", "ls", &kept.url(), "--json"]);
    let text = out(&ls);
    let listed: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let first = &listed[0]["revisions"][0]["revision"];
    let first = first.as_str().expect("a revision").to_string();
    fs::write(
        kept.file("events.jsonl"),
        format!("{EVENTS}{{\"stream\":\"Moves\",\"at\":4,\"row\":[\"nut\",100]}}\n"),
    )
    .expect("a file");
    let [app, events, file] = ["app.sql", "events.jsonl", "out.jsonl"].map(|f| kept.file(f));
    let ran = run(&[
        "run",
        &app,
        "--events",
        &events,
        "--out",
        &file,
        "--store",
        &kept.url(),
    ]);
    expect(&ran, 0, &[]);
    let question = "SELECT n FROM Stock WHERE item = 'nut'";
    let now = out(&kept.ask(question, &["--format", "csv"]));
    assert_eq!(now, "n\n116\n", "rows of the file came once");
    let then = out(&kept.ask(question, &["--format", "csv", "--revision", &first]));
    assert_eq!(then, "n\n16\n");
    expect(
        &kept.ask(question, &["--revision", "99-99"]),
        2,
        &["has no revision 99-99"],
    );
}

#[test]
fn what_is_wrong_is_said() {
    let kept = Kept::new("wrong");
    expect(
        &kept.ask("SELECT m FROM Stock", &[]),
        2,
        &["unknown attribute 'm' of table Stock", "line 1, column 8"],
    );
    expect(
        &kept.ask("SELECT n FROM Moves", &[]),
        2,
        &["stream Moves holds no rows"],
    );
    expect(
        &kept.ask("SELECT n FROM Stock WHERE n = ?", &[]),
        2,
        &["write the values"],
    );
    expect(
        &kept.ask("SELECT n FROM Stock", &["--format", "xml"]),
        2,
        &["possible values"],
    );
    let app = kept.file("app.sql");
    let nowhere = run(&[
        "query",
        &app,
        "--store",
        "file:/nowhere",
        "SELECT n FROM Stock",
    ]);
    expect(&nowhere, 2, &["there is no such folder"]);
    let none = run(&["query", &app, "SELECT n FROM Stock"]);
    expect(&none, 2, &["--store"]);
    for (more, told) in [
        (["--format", "rows"], "what a store holds are no events"),
        (["--delimiter", ";"], "--delimiter is about files"),
        (["--input", "S=a.csv"], "--input is about files"),
        (["--on-bad", "stop"], "cannot be used with"),
        (["-c", "SELECT 1"], "cannot be used with"),
    ] {
        expect(&kept.ask("SELECT n FROM Stock", &more), 2, &[told]);
    }
    let help = run(&["query", "--help"]);
    assert!(out(&help).contains("Asks files, with -c"));
    let other = kept.file("other.sql");
    fs::write(&other, APP.replace("stock')", "other')")).expect("a file");
    let other = run(&[
        "query",
        &other,
        "--store",
        &kept.url(),
        "SELECT n FROM Stock",
    ]);
    expect(&other, 2, &["has no app 'other'; it has: stock"]);
}
