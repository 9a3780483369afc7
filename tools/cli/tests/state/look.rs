//! Commands that only read.

use crate::build::{APP, Folder, built, by_hand, expect, has};
use eventflux::store::PersistenceStore;
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn apps_and_revisions_are_listed() {
    let folder = Folder::new("ls");
    let url = folder.url("s");
    let revisions = built(&folder, "s", 3);
    let pinned = revisions[0];
    let store = folder.store("s");
    store
        .pin(APP, "before-2.0", Some(pinned))
        .expect("it is free");
    by_hand(&store, 1_204);
    let all = expect(0, &["ls", &url]);
    has(
        &all.out,
        &[
            "app desk: 1 revision, generation 1",
            "app sums: 3 revisions",
        ],
    );
    has(
        &all.out,
        &[
            "trades 1,205",
            "2026-09-21 14:13:20",
            "feed 4",
            "before-2.0",
            "head",
        ],
    );
    assert!(
        all.out.lines().all(|l| l.chars().count() <= 110),
        "{}",
        all.out
    );
    let one = expect(0, &["ls", &url, "--app", APP]);
    assert!(!one.out.contains("desk"), "{}", one.out);
    let apps = json(&expect(0, &["ls", &url, "--json"]).out);
    assert_eq!(apps[0]["app"], "desk");
    let of = &apps[1]["revisions"];
    assert_eq!(of[0]["revision"], pinned.to_string());
    assert_eq!(of[0]["pins"][0], "before-2.0");
    assert_eq!(
        (&of[0]["head"], &of[2]["head"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert_eq!(of[2]["inputs"][0]["next_row"], 4);
    assert_eq!(of[2]["inputs"][0]["name"], "feed");
    let sizes = &apps[0]["revisions"][0];
    assert_eq!(sizes["state_bytes"], 57_784);
    assert_eq!(
        (&sizes["chunks"], &sizes["chain"]),
        (&Value::from(1), &Value::from(1))
    );
}

#[test]
fn an_empty_store_has_nothing() {
    let folder = Folder::new("empty");
    drop(folder.store("s"));
    let url = folder.url("s");
    has(&expect(0, &["ls", &url]).out, &["holds no app"]);
    assert_eq!(expect(0, &["ls", &url, "--json"]).out, "[]\n");
    expect(0, &["verify", &url]);
}

#[test]
fn a_revision_is_shown() {
    let folder = Folder::new("show");
    let url = folder.url("s");
    let store = folder.store("s");
    let first = by_hand(&store, 7).to_string();
    by_hand(&store, 9);
    let shown = expect(0, &["show", &url, "desk"]);
    has(
        &shown.out,
        &[
            "revision 2-2 of app desk",
            "head",
            "parent      1-1",
            "vwap",
        ],
    );
    has(
        &shown.out,
        &[
            "rows log1(STRING,DOUBLE,INT)",
            "HAVING vwap > 100.0",
            "47 KiB",
            "████",
        ],
    );
    has(
        &shown.out,
        &[
            "trades.csv:77 at row 8",
            "10",
            "0..64",
            "Vwap",
            "out.jsonl: 4096",
        ],
    );
    assert!(
        shown.out.lines().all(|l| l.chars().count() <= 110),
        "{}",
        shown.out
    );
    let old = json(&expect(0, &["show", &url, "desk", &first, "--json"]).out);
    assert_eq!(old["revision"], first);
    assert_eq!(old["parent"], Value::Null);
    assert_eq!(old["containers"][0]["name"], "rows");
    assert_eq!(old["containers"][0]["base_bytes"], 48_000);
    assert_eq!(old["containers"][2]["name"], "sums");
    assert_eq!(old["register_bytes"], 24);
    assert_eq!(old["inputs"][0]["next_row"], 8);
    assert_eq!(old["queries"][0]["fingerprint"], 0x0123_4567_89ab_cdef_u64);
    built(&folder, "s", 2);
    has(
        &expect(0, &["show", &url, APP]).out,
        &["queries\n  total", "feed"],
    );
}

#[test]
fn what_differs_is_told() {
    let folder = Folder::new("diff");
    let url = folder.url("s");
    let revisions = built(&folder, "s", 2);
    let [a, b] = [revisions[0].to_string(), revisions[1].to_string()];
    let told = expect(0, &["diff", &url, APP, &a, &b]);
    has(
        &told.out,
        &["1-1 -> 1-2", "input 'feed', instance 0: row 1 -> 2"],
    );
    let diff = json(&expect(0, &["diff", &url, APP, &a, &b, "--json"]).out);
    assert_eq!(diff["same"], false);
    assert_eq!(diff["positions"][0]["to"], 2);
    has(
        &expect(0, &["diff", &url, APP, &a, &a]).out,
        &["no difference"],
    );
    expect(2, &["diff", &url, APP, &a, "9-9"]);
}

#[test]
fn what_does_not_exist_is_a_usage_error_and_nothing_is_made() {
    let folder = Folder::new("usage");
    built(&folder, "s", 1);
    let (url, none) = (folder.url("s"), folder.url("none"));
    let reading = ["ls", "show", "verify", "diff", "export", "prune", "pin"];
    for command in reading {
        let rest: &[&str] = match command {
            "ls" => &[],
            "diff" => &["x", "1-1", "1-1"],
            "export" => &["x", "--to", "/dev/null/x"],
            "prune" => &["x", "--keep", "1"],
            "pin" => &["x", "name"],
            _ => &["x"],
        };
        let ran = expect(2, &[&[command, &none], rest].concat());
        has(&ran.err, &["there is no such folder"]);
        if command != "ls" {
            let ran = expect(2, &[&[command, &url], rest].concat());
            has(&ran.err, &["has no app 'x'; it has: sums"]);
        }
    }
    assert!(!folder.path("none").exists());
    has(
        &expect(2, &["ls", &url, "--app", "x"]).err,
        &["it has: sums"],
    );
    has(
        &expect(2, &["show", &url, APP, "7-7"]).err,
        &["no revision 7-7", "state ls"],
    );
    has(
        &expect(2, &["show", &url, APP, "x"]).err,
        &["<generation>-<epoch>"],
    );
    has(&expect(2, &["ls", "s3://x"]).err, &["file:DIR"]);
    expect(2, &["verify", &url, APP, "7-7"]);
    expect(2, &["prune", &url, APP, "--keep", "0"]);
    expect(2, &["pin", &url, APP, "name", "1-1", "--remove"]);
    for command in reading.iter().chain(&["import"]) {
        has(
            &expect(0, &[command, "--help"]).out,
            &["Example", "eventflux state"],
        );
    }
}
