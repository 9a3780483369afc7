//! `eventflux query` over files, and how rows are shown: text in, text out.

#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "common/child.rs"]
mod child;

use child::{expect, run};
use eventflux_testbed::Scratch;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const TRADES: &str = "sym,qty,price\nA,1,2.5\nB,2,3\nA,3,4.5\n";

/// A folder with files, and what is asked there.
struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        let folder = Scratch::new().expect("a folder");
        folder.file("trades.csv", TRADES);
        folder.file("log.jsonl", "{\"path\":\"/\",\"status\":200}\n{\"path\":\"/x\",\"status\":500,\"at\":{\"zone\":1}}\n");
        folder.file("semi.csv", "sym;qty\nA;1,5\n");
        folder.file("ticks.csv", "at,v\n1000,1\n1500,2\n2500,4\n");
        folder.file("empty.csv", "a,b\n");
        folder.file("nothing.csv", "");
        folder.file("events.jsonl", "{\"stream\":\"S\",\"at\":1,\"row\":[1]}\n");
        Folder(folder)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eventflux"));
        command.args(args).current_dir(self.0.at(""));
        command
    }

    /// Runs it with a text on standard input.
    fn run(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // Who needs none of it may be gone.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        child.wait_with_output().expect("it ends")
    }

    fn asks(&self, args: &[&str], stdin: &str) -> String {
        let output = self.run(&[&["query"], args].concat(), stdin);
        expect(&output, 0, &[]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn a_select_reads_a_file() {
    let folder = Folder::new();
    for (text, lines) in [
        (
            "SELECT sym, sum(qty) FROM 'trades.csv' GROUP BY sym",
            "{\"sym\":\"A\",\"sum(qty)\":4}\n{\"sym\":\"B\",\"sum(qty)\":2}\n",
        ),
        (
            "SELECT sym, avg(price) AS p FROM 'trades.csv' GROUP BY sym ORDER BY p LIMIT 1;",
            "{\"sym\":\"B\",\"p\":3.0}\n",
        ),
        (
            "SELECT * FROM 'trades.csv' WHERE qty > 1 LIMIT 1 OFFSET 1",
            "{\"sym\":\"A\",\"qty\":3,\"price\":4.5}\n",
        ),
        (
            "SELECT DISTINCT sym FROM 'trades.csv'",
            "{\"sym\":\"A\"}\n{\"sym\":\"B\"}\n",
        ),
        (
            "SELECT qty FROM 'trades.csv' ORDER BY qty DESC",
            "{\"qty\":3}\n{\"qty\":2}\n{\"qty\":1}\n",
        ),
        ("SELECT sym FROM 'trades.csv' LIMIT 0", ""),
        (
            "SELECT sym, count(*) FROM 'trades.csv' WHERE qty > 9 GROUP BY sym",
            "",
        ),
        (
            "SELECT count(*) AS n, sum(qty) AS s FROM 'trades.csv' WHERE qty > 9",
            "{\"n\":0,\"s\":null}\n",
        ),
        ("SELECT count(*) AS n FROM 'empty.csv'", "{\"n\":0}\n"),
        (
            "SELECT path, at FROM 'log.jsonl' WHERE status >= 500",
            "{\"path\":\"/x\",\"at\":\"{\\\"zone\\\":1}\"}\n",
        ),
        (
            "SELECT * FROM 'semi.csv'",
            "{\"sym\":\"A\",\"qty\":\"1,5\"}\n",
        ),
        (
            "SELECT sum(v) AS s FROM 'ticks.csv' WINDOW('tumbling', 1 SECOND)",
            "{\"s\":3}\n{\"s\":4}\n",
        ),
        ("SELECT count(*) AS n FROM '-'", "{\"n\":2}\n"),
        (
            "SELECT sym FROM 'trades.csv' LIMIT 1; SELECT max(qty) AS m FROM 'trades.csv'",
            "{\"stream\":\"answer\",\"sym\":\"A\"}\n{\"stream\":\"answer 2\",\"m\":3}\n",
        ),
        (
            "CREATE STREAM Big (qty LONG); INSERT INTO Big SELECT qty FROM 'trades.csv' WHERE qty > 1; \
             SELECT qty + 1 AS q FROM Big;",
            "{\"q\":3}\n{\"q\":4}\n",
        ),
        (
            "INSERT INTO Out SELECT v FROM 'ticks.csv' WHERE v < 3",
            "{\"at\":1000,\"v\":1}\n{\"at\":1500,\"v\":2}\n",
        ),
    ] {
        assert_eq!(
            folder.asks(&["-c", text], "a,b\n1,2\n3,4\n"),
            lines,
            "{text}"
        );
        if !text.contains("'-'") {
            assert_eq!(folder.asks(&[], text), lines, "on standard input: {text}");
        }
    }
}

#[test]
fn rows_are_shown_as_it_is_asked() {
    let folder = Folder::new();
    let text = "SELECT v, at FROM 'ticks.csv' LIMIT 2";
    for (format, shown) in [
        ("json", "{\"v\":1,\"at\":1000}\n{\"v\":2,\"at\":1500}\n"),
        ("csv", "v,at\n1,1000\n2,1500\n"),
        (
            "rows",
            "{\"stream\":\"answer\",\"at\":1000,\"row\":[1,1000]}\n{\"stream\":\"answer\",\"at\":1500,\"row\":[2,1500]}\n",
        ),
        ("table", " v     at\n──────────\n 1   1000\n 2   1500\n"),
    ] {
        assert_eq!(folder.asks(&["-c", text, "--format", format], ""), shown);
    }
    let app = folder.0.file(
        "a.sql",
        "@app:playback CREATE STREAM T (v INT); INSERT INTO A SELECT v FROM T; INSERT ALL EVENTS INTO B SELECT v, v AS at FROM T WINDOW('length', 1);",
    );
    let input = format!("T={}", folder.0.at("ticks.csv"));
    let shown = |more: &[&str]| {
        let output = run(&[&["run", &app, "--input", &input, "--quiet"], more].concat());
        expect(&output, 0, &[]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let json = shown(&["--format", "json"]);
    let lines: Vec<&str> = json.lines().collect();
    assert_eq!(lines[0], "{\"stream\":\"A\",\"at\":1000,\"v\":1}");
    assert_eq!(lines[1], "{\"stream\":\"B\",\"_at\":1000,\"v\":1,\"at\":1}");
    assert!(
        lines.contains(&"{\"stream\":\"B\",\"_at\":1500,\"sign\":\"-\",\"v\":1,\"at\":1}"),
        "{json}"
    );
    let one = shown(&["--format", "json", "--print", "A"]);
    assert_eq!(one.lines().next(), Some("{\"at\":1000,\"v\":1}"));
    let table = shown(&["--format", "table", "--print", "A"]);
    let expected = " at                        v\n─────────────────────────────\n 1970-01-01 00:00:01       1\n 1970-01-01 00:00:01.500   2\n";
    assert!(table.starts_with(expected), "{table}");
    let csv = shown(&["--format", "csv", "--print", "A"]);
    assert!(csv.starts_with("at,sign,v\n1000,,1\n"), "{csv}");
    let file = folder.0.at("out.txt");
    shown(&["--format", "json", "--print", "A", "--out", &file]);
    let written = std::fs::read_to_string(&file).expect("it was written");
    assert_eq!(written, one);
    for (more, told) in [
        (
            vec!["--format", "csv"],
            "--format csv takes the rows of one stream",
        ),
        (
            vec!["--format", "table", "--out", &file],
            "a table is for standard output",
        ),
    ] {
        let output = run(&[&["run", &app, "--input", &input], more.as_slice()].concat());
        expect(&output, 2, &[told]);
    }
}

#[test]
fn what_does_not_fit_is_counted_and_what_is_wrong_is_said() {
    let folder = Folder::new();
    let mut text = String::from("v\n");
    (0..eventflux::connector::SAMPLE_ROWS).for_each(|n| text += &format!("{n}\n"));
    text += "late\n7\n";
    folder.0.file("long.csv", &text);
    let ask = |text: &str| folder.run(&["query", "-c", text], "");
    let long = ask("SELECT count(*) AS n FROM 'long.csv'");
    expect(
        &long,
        0,
        &[
            "long.csv:20482: attribute 'v' LONG: found text late",
            "bad lines: 1",
        ],
    );
    assert_eq!(String::from_utf8_lossy(&long.stdout), "{\"n\":20481}\n");
    let late = ask("SELECT sum(v) FROM 'ticks.csv' WINDOW('tumbling', 1 SECOND) WHERE v / 0 > 1");
    expect(
        &late,
        0,
        &["values that became NULL, as they could not be computed: 3"],
    );
    for (text, status, told) in [
        ("SELECT symm FROM 'trades.csv'", 2, "did you mean 'sym'?"),
        ("SELECT symm FROM 'trades.csv'", 2, "line 1, column 8"),
        ("SELECT sym FROM 'nope.csv'", 1, "nope.csv: No such file"),
        (
            "SELECT sym FROM trades.csv",
            2,
            "write a file in single quotes",
        ),
        (
            "SELECT a FROM 'nothing.csv'",
            1,
            "nothing in it says what its columns are",
        ),
        (
            "SELECT a FROM 'events.jsonl'",
            1,
            "eventflux run APP.sql --events",
        ),
        (
            "SELECT sym FROM 'trades.csv' AS t JOIN 'semi.csv' AS s ON t.sym = s.sym",
            2,
            "a file is read by a query of its own",
        ),
        ("SELCT", 2, "did you mean 'SELECT'?"),
        ("", 2, "no SELECT"),
    ] {
        expect(&ask(text), status, &[told]);
    }
    let standard = folder.run(&["query"], "SELECT a FROM '-'");
    expect(&standard, 2, &["standard input is the text"]);
    let stop = folder.run(
        &[
            "query",
            "--on-bad",
            "stop",
            "-c",
            "SELECT v FROM 'long.csv'",
        ],
        "",
    );
    expect(&stop, 1, &["is bad, stopped"]);
    let two = "SELECT sym FROM 'trades.csv'; SELECT qty FROM 'trades.csv'";
    let two = folder.run(&["query", "--format", "csv", "-c", two], "");
    expect(&two, 2, &["takes the rows of one SELECT"]);
    let half = folder.run(&["query", "a.sql", "SELECT 1"], "");
    expect(&half, 2, &["--store URL and the question"]);
}

#[cfg(unix)]
#[test]
fn a_terminal_gets_a_table() {
    use std::fs::File;
    use std::io::Read;

    let folder = Folder::new();
    let shown = |no_color: &str| {
        let terminal = nix::pty::openpty(None, None).expect("a terminal");
        let mut command =
            folder.command(&["query", "-c", "SELECT sym, qty FROM 'trades.csv' LIMIT 1"]);
        command
            .env("NO_COLOR", no_color)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let child = command.stdout(terminal.slave).spawn();
        drop(command);
        let ended = child.expect("the binary starts").wait().expect("it ends");
        assert!(ended.success());
        let mut text = Vec::new();
        // The other side is closed: that is an error, behind what was written.
        let _ = File::from(terminal.master).read_to_end(&mut text);
        String::from_utf8_lossy(&text).replace('\r', "")
    };
    assert_eq!(shown("1"), " sym   qty\n───────────\n A       1\n");
    assert_eq!(
        shown(""),
        "\u{1b}[1m sym   qty\u{1b}[0m\n───────────\n A       1\n"
    );
}

#[test]
fn what_is_compressed_and_what_a_pattern_names_is_read() {
    let folder = Folder::new();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.0.at(name), bytes).expect("written");
    };
    let gzip = |text: &str| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(text.as_bytes()).expect("memory");
        to.finish().expect("memory")
    };
    // Two members one behind the other, as logs that are appended to have.
    write(
        "t.csv.gz",
        &[gzip("sym,qty\nA,1\n"), gzip("B,2\n")].concat(),
    );
    let frame = zstd::encode_all("{\"sym\":\"C\",\"qty\":4}\n".as_bytes(), 1).expect("memory");
    write("t.jsonl.zst", &frame);
    folder.0.file("log-1.csv", "sym,qty\nA,1\n");
    folder.0.file("log-2.csv", "sym,qty\nB,2\nB,x\n");
    for (text, lines) in [
        ("SELECT sum(qty) AS s FROM 't.csv.gz'", "{\"s\":3}\n"),
        ("SELECT sym FROM 't.jsonl.zst'", "{\"sym\":\"C\"}\n"),
        ("SELECT sum(qty) AS s FROM 'log-*.csv'", "{\"s\":3}\n"),
    ] {
        assert_eq!(folder.asks(&["-c", text], ""), lines, "{text}");
    }
    let bad = folder.run(&["query", "-c", "SELECT qty FROM 'log-*.csv'"], "");
    expect(
        &bad,
        0,
        &["log-2.csv:3: attribute 'qty' LONG", "bad lines: 1"],
    );
    let app = "CREATE STREAM T (sym STRING, qty INT); INSERT INTO Out SELECT sym, qty FROM T;";
    folder.0.file("a.sql", app);
    let run = |input: &str| folder.run(&["run", "a.sql", "--format", "csv", "--input", input], "");
    for (input, rows) in [
        ("T=t.csv.gz", 2),
        ("T=t.jsonl.zst", 1),
        ("T=log-[12].csv", 2),
    ] {
        let output = run(input);
        expect(&output, 0, &["rows in"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.lines().count(), rows + 1, "{input}: {text}");
    }
    expect(
        &run("T=nope-*.csv"),
        1,
        &["nope-*.csv: no file has such a name"],
    );
    write("half.csv.gz", &gzip("sym,qty\nA,1\n")[..12]);
    write("none.csv.zst", b"sym,qty\nA,1\n");
    for name in ["T=half.csv.gz", "T=none.csv.zst"] {
        assert_eq!(run(name).status.code(), Some(1), "{name}");
    }
    // A compressed file goes on in its text where the last run stopped, and is no other one.
    let named = format!("@app:name('a') {app}");
    folder.0.file("b.sql", &named);
    let kept = [
        "run",
        "b.sql",
        "--quiet",
        "--input",
        "T=t.csv.gz",
        "--store",
        "file:state",
        "--out",
        "o.jsonl",
    ];
    let written = || std::fs::read_to_string(folder.0.at("o.jsonl")).unwrap_or_default();
    expect(&folder.run(&kept, ""), 0, &[]);
    assert_eq!(written().lines().count(), 2);
    let longer = [gzip("sym,qty\nA,1\n"), gzip("B,2\n"), gzip("C,3\n")].concat();
    write("t.csv.gz", &longer);
    expect(&folder.run(&kept, ""), 0, &[]);
    assert_eq!(written().lines().count(), 3);
    expect(&folder.run(&kept, ""), 0, &[]);
    assert_eq!(written().lines().count(), 3);
    write("t.csv.gz", &gzip("sym,qty\nD,1\nE,2\nF,3\nG,4\n"));
    let other = folder.run(&kept, "");
    let told =
        "t.csv.gz is not the file that was read up to line 4 under this name; --replaced begin";
    expect(&other, 1, &[told]);
    let anew = [&kept[..], &["--replaced", "begin"]].concat();
    expect(&folder.run(&anew, ""), 0, &[]);
    let rows = written();
    assert_eq!(rows.lines().count(), 7, "{rows}");
    assert!(rows.contains("[\"D\",1]"), "{rows}");
}
