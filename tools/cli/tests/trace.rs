//! `--trace-pattern`: lines on standard error that say why a pattern matches or does not.

use eventflux_testbed::Scratch;
use std::fs;
use std::process::{Command, Output};

const APP: &str = "@app:playback CREATE STREAM Pay (card STRING, amount DOUBLE);
    INSERT INTO Plain SELECT card FROM Pay;
    @info(name='fraud') INSERT INTO Alarms SELECT small.card, large.amount
    FROM PATTERN (EVERY small = Pay[amount < 10] -> large = Pay[card = small.card AND amount > 100]) WITHIN 1 MINUTE;";
const EVENTS: &str = r#"{"stream":"Pay","at":1000,"row":["x",5]}
{"stream":"Pay","at":2000,"row":["y",6.5]}
{"stream":"Pay","at":3000,"row":["x",500]}
{"clock":99000}
"#;

fn run(arguments: &[&str]) -> Output {
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.path().join("a.sql"), folder.path().join("e.jsonl"));
    fs::write(&app, APP).expect("written");
    fs::write(&events, EVENTS).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventflux"));
    command.arg("run").arg(&app).arg("--events").arg(&events);
    let output = command
        .args(["--quiet", "--print", "Alarms"])
        .args(arguments);
    output.output().expect("the binary starts")
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::to_string).collect()
}

#[test]
fn a_pattern_tells_its_steps() {
    let x = [
        "fraud run 2 at 1000 ms: begins with a row of small = Pay; waits for large = Pay [small.card = 'x']",
        "fraud run 2 at 3000 ms: takes a row of large = Pay [small.card = 'x', large.amount = 500.0]",
        "fraud run 2 at 3000 ms: matches [small.card = 'x', large.amount = 500.0]",
    ];
    let y = [
        "fraud run 3 at 2000 ms: begins with a row of small = Pay; waits for large = Pay [small.card = 'y']",
        "fraud run 3 at 62000 ms: ends: WITHIN 1 min is over [small.card = 'y']",
    ];
    let all = [
        "fraud run 1 at 1000 ms: begins; waits for small = Pay",
        x[0],
        y[0],
        x[1],
        x[2],
        y[1],
    ];
    for (arguments, told) in [
        (&[][..], &[][..]),
        (&["--trace-pattern", "fraud"], &all),
        (&["--trace-pattern", "Fraud", "--trace-key", "x"], &x),
        (&["--trace-pattern", "fraud", "--trace-key", "y"], &y),
        (&["--trace-pattern", "fraud", "--trace-key", "500"], &[]),
    ] {
        let output = run(arguments);
        assert_eq!(lines(&output.stderr), told, "{arguments:?}");
        let rows = ["{\"stream\":\"Alarms\",\"at\":3000,\"row\":[\"x\",500.0]}"];
        assert_eq!(lines(&output.stdout), rows, "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn an_unknown_pattern_is_a_usage_error() {
    for (arguments, told) in [
        (
            &["--trace-pattern", "frau"][..],
            "no query 'frau' with a pattern; did you mean 'fraud'?",
        ),
        (
            &["--trace-pattern", "query 1"],
            "no query 'query 1' with a pattern; known: fraud",
        ),
        (&["--trace-key", "x"], "--trace-pattern <QUERY>"),
    ] {
        let output = run(arguments);
        let stderr = lines(&output.stderr).join("\n");
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
