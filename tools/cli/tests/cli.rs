//! The command as a user runs it: exit status, standard output, standard error.

use eventflux_testbed::Scratch;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const FILTER: &str = "@app:playback CREATE STREAM S (sym STRING, price DOUBLE, qty INT);
    INSERT INTO Out SELECT sym, price, qty FROM S WHERE qty > 10;";
const COUNT: &str = "@app:playback CREATE STREAM S (sym STRING, price DOUBLE, qty INT);
    INSERT INTO Out SELECT count() AS n FROM S WINDOW('timeBatch', 1 SECOND);";
const PROCESSING: &str = "CREATE STREAM S (sym STRING, price DOUBLE, qty INT);
    INSERT INTO Mid SELECT sym, qty FROM S;
    INSERT INTO Out SELECT sym FROM Mid;";

fn eventflux(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut to = child.stdin.take().expect("piped");
    let stdin = stdin.to_string();
    let writer = std::thread::spawn(move || {
        // a command that does not read its input closes it early
        let _ = to.write_all(stdin.as_bytes());
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Status, standard output, and whether standard error has all parts.
#[track_caller]
fn expect(output: &Output, status: i32, stdout: &str, parts: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(text(&output.stdout), stdout, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert_eq!(output.status.code(), Some(status), "{stderr}");
}

const EVENTS: &str = r#"{"stream":"S","at":1000,"row":["IBM",700,100]}
{"stream":"s","at":1000.5,"row":{"qty":7,"sym":"A","price":1}}
{"stream":"S","row":["B",0.1,11.0]}
"#;
const ROWS: &str = r#"{"stream":"Out","at":1000,"row":["IBM",700.0,100]}
{"stream":"Out","at":1000.5,"row":["B",0.1,11]}
"#;

#[test]
fn rows_come_from_files_and_standard_input() {
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.file("a.sql", FILTER), folder.file("e.jsonl", EVENTS));
    let summary = ["rows in", "rows out", "late rows", "p99.9"];
    expect(
        &eventflux(&["run", &app, "--events", &events], ""),
        0,
        ROWS,
        &summary,
    );
    expect(
        &eventflux(&["run", &app, "--events", "-"], EVENTS),
        0,
        ROWS,
        &summary,
    );
    let quiet = eventflux(
        &["run", &app, "--events", "-", "--quiet", "--workers", "1"],
        EVENTS,
    );
    expect(&quiet, 0, ROWS, &[]);
    assert_eq!(text(&quiet.stderr), "");
    let out = folder.at("out.jsonl");
    let to_file = eventflux(&["run", &app, "--events", &events, "--out", &out], "");
    expect(&to_file, 0, "", &summary);
    assert_eq!(fs::read_to_string(&out).expect("written"), ROWS);
}

#[test]
fn values_that_options_do_not_take_are_refused_whatever_is_read() {
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.file("a.sql", FILTER), folder.file("e.jsonl", EVENTS));
    let csv = format!("S={}", folder.file("s.csv", "qty,sym,price\n"));
    for (option, value, expected) in [
        ("--input-format", "bogus", "json, csv or text"),
        ("--keys", "some", "lenient or strict"),
        ("--header", "yes", "true or false"),
        ("--delimiter", "ab", "one ASCII character"),
    ] {
        let told = format!("{option} {value}: expected {expected}");
        for (input, given) in [("--events", &events), ("--input", &csv)] {
            let run = eventflux(&["run", &app, input, given, option, value], "");
            expect(&run, 2, "", &[&told]);
        }
    }
}

#[test]
fn inputs_are_merged_by_time_and_written_as_csv() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", FILTER);
    let csv = folder.file("s.csv", "qty,at,sym,price\n20,1000,a,1\n30,3000,c,\n");
    let json = folder.file(
        "s.jsonl",
        "{\"at\":2000,\"sym\":\"b, c\",\"qty\":25,\"price\":0.5}\n",
    );
    let out = folder.at("out.csv");
    let (csv, json) = (format!("S={csv}"), format!("s={json}"));
    let run = eventflux(
        &[
            "run", &app, "--input", &csv, "--input", &json, "--out", &out,
        ],
        "",
    );
    expect(&run, 0, "", &["rows in"]);
    assert_eq!(
        fs::read_to_string(&out).expect("written"),
        "at,sign,sym,price,qty\n1000,,a,1.0,20\n2000,,\"b, c\",0.5,25\n3000,,c,,30\n"
    );
}

#[test]
fn bad_lines_are_counted_or_fatal() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", FILTER);
    let events = format!(
        "{{\"stream\":\"S\",\"row\":[\"early\",1,99]}}\n{EVENTS}oops\n{{\"stream\":\"T\",\"row\":[]}}\n"
    );
    let events = events + &"{\"stream\":\"S\",\"at\":2000,\"row\":[1]}\n".repeat(20);
    let bad = folder.file("e.jsonl", &events);
    let skipped = eventflux(&["run", &app, "--events", &bad], "");
    let first = format!("{bad}:1: no 'at', and no clock before this line");
    let syntax = format!("{bad}:5: expected value, column 1");
    let unknown = format!("{bad}:6: unknown stream 'T'; known: ");
    let tenth = format!("{bad}:13: ");
    expect(
        &skipped,
        0,
        ROWS,
        &[&first, &syntax, &unknown, &tenth, "counted only", "23"],
    );
    assert!(!text(&skipped.stderr).contains(&format!("{bad}:14: ")));
    let stopped = eventflux(
        &["run", &app, "--events", "-", "--on-bad", "stop"],
        &format!("{EVENTS}oops\n{EVENTS}"),
    );
    expect(
        &stopped,
        1,
        ROWS,
        &["stdin:4: expected value", "stdin:4 is bad, stopped"],
    );
}

#[test]
fn usage_and_app_errors_are_status_2() {
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.file("a.sql", FILTER), folder.file("e.jsonl", EVENTS));
    let wrong = folder.file(
        "w.sql",
        "CREATE STREAM S (a INT);\nINSERT INTO Out SELECT b FROM S;",
    );
    let between = folder.file("b.sql", PROCESSING);
    let csv = folder.at("o.csv");
    let input = format!("T={events}");
    for (args, status, part) in [
        (vec!["run", &app], 2, "no events"),
        (vec!["run", "none.sql", "--events", "-"], 2, "none.sql: "),
        (
            vec!["run", &app, "--events", "none.jsonl"],
            1,
            "none.jsonl: ",
        ),
        (
            vec!["run", &app, "--events", &events, "--out", &events],
            2,
            "is both input and output",
        ),
        (
            vec!["run", &app, "--events", "-", "--print", "X"],
            2,
            "--print X: unknown stream; known: Out",
        ),
        (
            vec!["run", &app, "--events", "-", "--print", "s"],
            2,
            "--print s: no query writes it; known: Out",
        ),
        (
            vec![
                "run", &between, "--events", "-", "--print", "Mid,Out", "--out", &csv,
            ],
            2,
            "the rows of one stream, not of 2",
        ),
        (
            vec!["run", &app, "--input", &input],
            2,
            "--input T: unknown stream",
        ),
        (
            vec!["run", &app, "--events", "-", "--clock", "processing"],
            2,
            "--clock processing contradicts",
        ),
        (vec!["run", &wrong, "--events", "-"], 2, "line 2, column 24"),
        (vec!["check", &app, &wrong], 2, "1 of 2 apps are wrong"),
        (vec!["explain", &wrong], 2, "line 2, column 24"),
        (vec!["run", &app, "--workers", "x"], 2, "--workers"),
        (vec!["check", "/dev/zero"], 2, "larger than"),
        (
            vec!["state", "import", "file:none", "--from", "/dev/zero"],
            2,
            "a device, and no file",
        ),
        (vec!["dance"], 2, "dance"),
    ] {
        let output = eventflux(&args, "");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(part), "{args:?}: {stderr}");
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
    }
    assert_eq!(fs::read_to_string(&events).expect("still there"), EVENTS);
}

#[test]
fn apps_are_checked_and_explained() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", FILTER);
    let check = eventflux(&["check", &app], "");
    assert_eq!(
        (check.status.code(), text(&check.stderr)),
        (Some(0), String::new())
    );
    assert!(text(&check.stdout).contains("a.sql: ok"));
    let explain = eventflux(&["explain", &app], "");
    assert!(explain.status.success() && text(&explain.stdout).contains("Out"));
}

#[test]
fn the_end_of_input_closes_nothing_unless_asked() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", COUNT);
    let row = |at: u64| format!("{{\"stream\":\"S\",\"at\":{at},\"row\":[\"a\",1,1]}}\n");
    let two = row(0) + &row(900);
    expect(
        &eventflux(&["run", &app, "--events", "-"], &two),
        0,
        "",
        &[],
    );
    let out = "{\"stream\":\"Out\",\"at\":1000,\"row\":[2]}\n";
    let clock = format!("{two}{{\"clock\":1000}}\n");
    expect(
        &eventflux(&["run", &app, "--events", "-"], &clock),
        0,
        out,
        &[],
    );
    let flushed = eventflux(&["run", &app, "--events", "-", "--flush"], &two);
    expect(&flushed, 0, out, &[]);
}

#[test]
fn streams_between_queries_are_printed_when_asked() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", PROCESSING);
    let event = "{\"stream\":\"S\",\"at\":5,\"row\":[\"a\",1,1]}\n";
    let streams = |args: &[&str]| {
        let output = eventflux(&[&["run", &app, "--events", "-"], args].concat(), event);
        let lines = text(&output.stdout);
        let names = lines
            .lines()
            .map(|l| l.split('"').nth(3).unwrap_or("").to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(streams(&[]), ["Out"]);
    assert_eq!(streams(&["--print", "mid", "Out"]), ["Mid", "Out"]);
}

#[test]
fn generated_events_run() {
    let folder = Scratch::new().expect("a folder");
    let trades = eventflux(
        &[
            "gen", "trades", "--rows", "5000", "--keys", "5", "--seed", "9",
        ],
        "",
    );
    let again = eventflux(
        &[
            "gen", "trades", "--rows", "5000", "--keys", "5", "--seed", "9",
        ],
        "",
    );
    assert_eq!(trades.stdout, again.stdout);
    let app = folder.file(
        "a.sql",
        "@app:playback CREATE STREAM Trades (sym STRING, price DOUBLE, qty INT);
         INSERT INTO Out SELECT sym FROM Trades;",
    );
    let run = eventflux(&["run", &app, "--events", "-"], &text(&trades.stdout));
    assert_eq!(
        text(&run.stdout).lines().count(),
        5000,
        "{}",
        text(&run.stderr)
    );
}

#[test]
fn apps_bring_their_own_sources_and_sinks() {
    let folder = Scratch::new().expect("a folder");
    let (from, to) = (
        folder.file("in.csv", "at,n\n1,1\n2,x\n3,3\n"),
        folder.at("out.csv"),
    );
    let text = |on_error: &str| {
        format!(
            "@app:playback
             CREATE STREAM S (n INT) WITH ('type'='source', 'extension'='file', 'path'='{from}',
                'on.error'='{on_error}');
             CREATE STREAM Out (n INT) WITH ('type'='sink', 'extension'='file', 'path'='{to}');
             INSERT INTO Out SELECT n FROM S;"
        )
    };
    let out = |n: u32| format!("{{\"stream\":\"Out\",\"at\":{n},\"row\":[{n}]}}\n");
    let app = folder.file("a.sql", &text("log"));
    let logged = [
        "in.csv:3: attribute 'n' INT: found text x",
        "connector errors",
    ];
    expect(
        &eventflux(&["run", &app], ""),
        0,
        &(out(1) + &out(3)),
        &logged,
    );
    assert_eq!(
        fs::read_to_string(&to).expect("written"),
        "at,sign,n\n1,,1\n3,,3\n"
    );
    let app = folder.file("b.sql", &text("stop"));
    let stopped = ["eventflux: stream 'S': ", "in.csv:3: attribute 'n' INT"];
    expect(&eventflux(&["run", &app], ""), 1, &out(1), &stopped);
    let app = folder.file("c.sql", &text("stream"));
    expect(
        &eventflux(&["run", &app], ""),
        2,
        "",
        &["fault streams are not supported", "line 3"],
    );
}

#[cfg(unix)]
#[test]
fn a_signal_drains_and_ends_with_130() {
    use std::io::{BufRead, BufReader};
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", FILTER);
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .args(["run", &app, "--events", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut to = child.stdin.take().expect("piped");
    to.write_all(EVENTS.as_bytes()).expect("it reads");
    // rows are there while the input is open and idle
    let mut from = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    from.read_line(&mut line).expect("a row");
    assert!(line.contains("IBM"));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    drop(to);
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("by a signal, after draining"));
}

#[test]
fn times_that_the_app_does_not_use_are_told_of_once() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", PROCESSING);
    let events = r#"{"stream":"S","row":["x",1,2]}
{"stream":"S","at":1000,"row":["a",1,2]}
{"clock":2000}
{"batch":[{"stream":"S","at":1,"row":["b",1,2]}]}
{"stream":"S","at":3000,"row":["c",1,2]}
"#;
    for workers in ["inline", "1", "2"] {
        let run = eventflux(
            &["run", &app, "--events", "-", "--workers", workers],
            events,
        );
        let (out, told) = (text(&run.stdout), text(&run.stderr));
        assert_eq!(run.status.code(), Some(0), "{told}");
        assert_eq!(out.lines().count(), 4, "{out}");
        assert!(!out.contains("\"at\":1000,"), "{out}");
        let lines: Vec<&str> = told
            .lines()
            .filter(|l| l.contains("--clock event"))
            .collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("stdin:2: "),
            "{told}"
        );
        assert!(lines[0].contains("@app:playback"), "{told}");
    }
    let batch = "{\"batch\":[{\"stream\":\"S\",\"at\":1,\"row\":[\"b\",1,2]}]}\n";
    for first in [batch, "{\"clock\":2000}\n"] {
        let run = eventflux(&["run", &app, "--events", "-"], &format!("{first}{events}"));
        let told = text(&run.stderr);
        let lines = told.lines().filter(|l| l.contains("--clock event"));
        let lines: Vec<&str> = lines.collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("stdin:1: "),
            "{told}"
        );
    }
    let used = eventflux(&["run", &app, "--events", "-", "--clock", "event"], events);
    let row =
        |at: u32, sym: &str| format!("{{\"stream\":\"Out\",\"at\":{at},\"row\":[\"{sym}\"]}}\n");
    // The first one has no time, and there is no clock before it.
    let rows = row(1000, "a") + &row(1, "b") + &row(3000, "c");
    expect(&used, 0, &rows, &["stdin:1: no 'at'"]);
    assert!(!text(&used.stderr).contains("--clock"));
    // The same of an app's own source.
    let rows = folder.file("s.csv", "at,v\n1000,7\n2000,8\n");
    let app = folder.file(
        "b.sql",
        &format!(
            "CREATE STREAM S (v INT) WITH ('type'='source', 'extension'='file', 'path'='{rows}');
             INSERT INTO Out SELECT v FROM S;"
        ),
    );
    let run = eventflux(&["run", &app], "");
    let (out, told) = (text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{told}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    for (line, end) in lines.iter().zip([",\"row\":[7]}", ",\"row\":[8]}"]) {
        assert!(line.ends_with(end) && !line.contains(":1000,"), "{out}");
    }
    assert!(told.contains("stream S: rows have times"), "{told}");
    assert_eq!(told.matches("--clock event").count(), 1);
    let rows_in = told.lines().find(|l| l.trim().starts_with("rows in "));
    assert!(rows_in.is_some_and(|l| l.trim().ends_with(" 2")), "{told}");
}

#[test]
fn events_and_sources_wait_for_each_other_up_to_their_ends() {
    let folder = Scratch::new().expect("a folder");
    let rows = |n: i64| {
        (0..n)
            .map(|i| format!("{},1\n", i * 10))
            .collect::<String>()
    };
    // One of them ends long before the other.
    for (of_source, of_events) in [(100, 3_000), (3_000, 100), (3_000, 0)] {
        let source = folder.file("s.csv", &format!("at,v\n{}", rows(of_source)));
        let events = folder.file("t.csv", &format!("at,v\n{}", rows(of_events)));
        let app = folder.file(
            "a.sql",
            &format!(
                "@app:playback
                 CREATE STREAM S (v INT) WITH ('type'='source', 'extension'='file', 'path'='{source}');
                 CREATE STREAM T (v INT);
                 INSERT INTO M SELECT v FROM S; INSERT INTO M SELECT v FROM T;
                 INSERT INTO Out SELECT count() AS n FROM M WINDOW('tumbling', 1 SECOND);"
            ),
        );
        let (few, many) = (of_source.min(of_events), of_source.max(of_events));
        // The last row is at 29.99 s: thirty windows have begun and one is open.
        let counts = (0..many / 100 - 1).map(|w| if w * 100 < few { 200 } else { 100 });
        let want: Vec<String> = counts.map(|n| format!("[{n}]")).collect();
        for workers in ["inline", "1", "2"] {
            let input = format!("T={events}");
            let run = eventflux(&["run", &app, "--input", &input, "--workers", workers], "");
            assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
            let out = text(&run.stdout);
            let rows = out.lines().map(|l| l.split("\"row\":").nth(1).unwrap_or(l));
            let found: Vec<&str> = rows.map(|r| r.trim_end_matches('}')).collect();
            assert_eq!(found, want, "{workers}, {of_source} and {of_events}");
        }
    }
}

#[test]
fn late_rows_are_shown_by_query() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file(
        "a.sql",
        "@app:name('x') @app:playback CREATE STREAM S (v INT);
         @info(name='seconds') INSERT INTO A SELECT count() AS n FROM S WINDOW('tumbling', 1 SECOND);
         @info(name='minutes') INSERT INTO B SELECT count() AS n FROM S WINDOW('tumbling', 1 MINUTE);",
    );
    let events = folder.file("e.csv", "at,v\n0,1\n120000,2\n5,3\n");
    let (input, metrics) = (format!("S={events}"), folder.at("m.txt"));
    let store = format!("file:{}", folder.at("state"));
    let run = eventflux(
        &[
            "run",
            &app,
            "--input",
            &input,
            "--metrics",
            &metrics,
            "--store",
            &store,
        ],
        "",
    );
    let told = text(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{told}");
    for query in ["seconds", "minutes"] {
        let line = told
            .lines()
            .find(|l| l.contains(&format!("of query {query}")));
        assert!(line.is_some_and(|l| l.trim_end().ends_with(" 1")), "{told}");
        let line = format!("eventflux_late_rows_of_query_total{{app=\"x\",query=\"{query}\"}} 1");
        let text = fs::read_to_string(&metrics).expect("written");
        assert!(text.contains(&line), "{text}");
    }
}
