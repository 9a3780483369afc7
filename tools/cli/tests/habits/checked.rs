//! What `check` warns of and how `explain` shows an app, for people and programs.

use super::child::{expect, run};
use eventflux_testbed::Scratch;
use serde_json::Value;

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("it is JSON")
}

const STREAM: &str = "CREATE STREAM S (k STRING, v INT);\n";

#[test]
fn what_is_seldom_meant_is_warned_of() {
    let folder = Scratch::new().expect("a folder");
    for (app, line, message) in [
        ("", 1, "the app has no queries"),
        ("CREATE STREAM S (v INT);", 1, "no query reads or writes S"),
        (
            "CREATE STREAM S (v INT) WITH ('type'='sink', 'extension'='log');\n
             CREATE STREAM R (v INT); INSERT INTO T SELECT v FROM R;",
            1,
            "no query writes S",
        ),
        (
            "@app:playback S INSERT INTO O SELECT\n k, sum(v) AS s FROM S;",
            3,
            "this is of one row, that which came last",
        ),
        (
            "S INSERT INTO O SELECT v FROM S\n WHERE k = NULL;",
            3,
            "a comparison with NULL is never true",
        ),
        (
            "S INSERT INTO O SELECT CASE WHEN\n v != NULL THEN 1 ELSE 2 END AS n FROM S;",
            3,
            "a comparison with NULL is never true",
        ),
        (
            "S INSERT INTO O SELECT k, sum(v) AS s FROM S\n GROUP BY k;",
            3,
            "without a window each group is kept for ever",
        ),
        (
            "@app:playback S INSERT INTO O SELECT a.v AS v FROM\n PATTERN (EVERY a = S -> b = S[b.k = a.k]);",
            3,
            "a run that is not completed waits for ever",
        ),
        (
            "S INSERT INTO\n O SELECT sum(v) AS s FROM S WINDOW('time', 1 SECOND);",
            3,
            "time is the machine's clock here",
        ),
        (
            "S INSERT INTO\n O SELECT eventTimestamp() AS t FROM S;",
            3,
            "time is the machine's clock here",
        ),
    ] {
        let text = app.replace("S INSERT", &format!("{STREAM}INSERT"));
        let path = folder.file("a.sql", &text);
        let output = run(&["check", &path]);
        let place = format!("--> line {line}, column ");
        expect(
            &output,
            0,
            &[&format!("warning: {message}"), message, &place, "help: "],
        );
        let output = run(&["check", "--json", &path]);
        let found = json(&output.stdout);
        let warnings = found["apps"][0]["warnings"].as_array().expect("a list");
        let told = |w: &&Value| {
            w["message"]
                .as_str()
                .is_some_and(|m| m.starts_with(message))
        };
        assert_eq!(warnings.iter().filter(told).count(), 1, "{text}: {found}");
        let warning = warnings.iter().find(told).expect("one was counted");
        assert_eq!(warning["line"], line, "{found}");
        assert!(warning["remedy"].is_string(), "{found}");
    }
}

#[test]
fn nothing_is_warned_of_in_an_app_as_it_should_be() {
    let folder = Scratch::new().expect("a folder");
    let app = "@app:playback CREATE STREAM S (k STRING, v INT); CREATE TABLE T (k STRING PRIMARY KEY, n LONG);
        INSERT INTO Mid SELECT k, sum(v) AS s FROM S[v > 1 AND k IS NOT NULL] WINDOW('tumbling', 1 SECOND) GROUP BY k;
        UPSERT INTO T SELECT k, s AS n FROM Mid ON T.k = Mid.k;
        INSERT INTO Total SELECT sum(v) AS s, 'all' AS what FROM S;
        INSERT INTO Pairs SELECT a.v AS v FROM PATTERN (EVERY a = S -> b = S[b.k = a.k]) WITHIN 5 SECONDS;
        INSERT INTO Silent SELECT a.v AS v FROM PATTERN (EVERY a = S -> NOT S[k = a.k] FOR 1 MINUTE);
        INSERT INTO Next SELECT a.v AS v FROM SEQUENCE (EVERY a = S, b = S[v > a.v]);";
    let path = folder.file("a.sql", app);
    let output = run(&["check", &path]);
    expect(&output, 0, &[]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_wrong_app_is_told_to_programs() {
    let folder = Scratch::new().expect("a folder");
    let right = folder.file(
        "r.sql",
        "CREATE STREAM S (v INT); INSERT INTO T SELECT v FROM S;",
    );
    let wrong = folder.file(
        "w.sql",
        "CREATE STREAM S (v INT);\nINSERT INTO T SELECT w FROM S;",
    );
    let absent = folder.at("absent.sql");
    let output = run(&["check", "--json", &right, &wrong, &absent]);
    expect(&output, 2, &["2 of 3 apps are wrong"]);
    let found = json(&output.stdout);
    let apps = found["apps"].as_array().expect("a list");
    let ok: Vec<&Value> = apps.iter().map(|app| &app["ok"]).collect();
    assert_eq!(
        ok,
        [&Value::Bool(true), &Value::Bool(false), &Value::Bool(false)]
    );
    assert_eq!(apps[0]["streams"], 2);
    let error = &apps[1]["errors"][0];
    assert_eq!(
        (&error["line"], &error["column"], &error["width"]),
        (&2.into(), &22.into(), &1.into())
    );
    assert_eq!(error["message"], "unknown attribute 'w' of stream S");
    assert!(
        apps[2]["unread"]
            .as_str()
            .is_some_and(|why| why.contains("absent.sql: ")),
        "{found}"
    );
}

#[test]
fn a_plan_has_its_expressions_and_is_told_to_programs() {
    let folder = Scratch::new().expect("a folder");
    let app = "@app:name('A') @app:playback CREATE STREAM S (k STRING, v INT);
        INSERT INTO O SELECT k, sum(v * 2) AS s FROM S[v > 3] WINDOW('time', 5 SECONDS)
        WHERE k != 'x'  AND (v < 9 OR v > 12) GROUP BY k, v % 2 HAVING sum(v*2) > 10;";
    let path = folder.file("a.sql", app);
    let lines = [
        "filter v > 3",
        "where k != 'x'",
        "where (v < 9 OR v > 12)",
        "aggregate [sum(v * 2), sum(v*2)] by k, v % 2: state keyed map of accumulators per group",
        "having sum(v*2) > 10",
    ];
    let output = run(&["explain", &path]);
    expect(&output, 0, &[]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in lines {
        assert!(shown.lines().any(|l| l.trim() == line), "{line}\n{shown}");
    }
    let output = run(&["explain", "--json", &path]);
    expect(&output, 0, &[]);
    let plan = json(&output.stdout);
    assert_eq!(
        (&plan["app"], &plan["event_time"]),
        (&"A".into(), &true.into())
    );
    let stream = &plan["streams"][0];
    assert_eq!(stream["attributes"][1]["type"], "INT");
    assert_eq!(
        (&stream["declared"], &stream["read"], &stream["written"]),
        (&true.into(), &true.into(), &false.into())
    );
    let query = &plan["components"][0]["steps"][0];
    assert_eq!(query["text"], "query 1");
    let steps = query["steps"].as_array().expect("a list");
    for line in lines {
        assert!(
            steps.iter().any(|step| step["text"] == line),
            "{line}\n{plan}"
        );
    }
}
