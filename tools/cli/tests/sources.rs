//! What is read as it is: plain text, compressed files, patterns of names, times that a stream declares; and the list
//! of all that is wrong.

#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "common/child.rs"]
mod child;

use child::expect;
use eventflux_testbed::Scratch;
use std::io::Write;
use std::process::{Command, Output};

/// Runs the command in a folder.
fn run(folder: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventflux"));
    command.args(args).current_dir(folder);
    command.output().expect("the binary starts")
}

/// What it writes, when it ends well; and what it tells.
fn shown(folder: &str, args: &[&str]) -> (String, String) {
    let output = run(folder, args);
    expect(&output, 0, &[]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text.as_bytes()).expect("memory");
    to.finish().expect("memory")
}

const LOG: &str = "192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 1 \"-\" \"A (B; C, D)\"\n\
                   192.0.2.2 - - [10/Oct/2026:13:55:38 +0000] \"GET /b HTTP/1.1\" 500 1 \"-\" \"A (B; C, D)\"\n";

#[test]
fn a_file_whose_name_says_nothing_is_read_as_what_it_looks_like() {
    let folder = Scratch::new().expect("a folder");
    folder.file("access.log", LOG);
    folder.file("rows.txt", "sym,qty\nA,1\n");
    folder.file("rows.dat", "{\"qty\":2}\n");
    std::fs::write(folder.at("old.log.gz"), gzip(LOG)).expect("written");
    let ask = |text: &str| shown(&folder.at(""), &["query", "-c", text]);
    let paths = "SELECT regexp_extract(line, '\"GET ([^ ]+)', 1) AS p FROM";
    let lines = "{\"p\":\"/a\"}\n{\"p\":\"/b\"}\n";
    for name in ["access.log", "old.log.gz"] {
        let (rows, told) = ask(&format!("{paths} '{name}'"));
        assert_eq!(rows, lines);
        let note = format!("{name} is read as plain text, each line a row of the column 'line'");
        assert!(told.contains(&note), "{told}");
    }
    let (rows, told) = ask("SELECT qty FROM 'rows.txt'");
    assert_eq!(rows, "{\"qty\":1}\n");
    assert!(
        told.contains("rows.txt is read as CSV with a header"),
        "{told}"
    );
    assert_eq!(
        ask("SELECT qty FROM 'rows.dat'"),
        ("{\"qty\":2}\n".into(), String::new())
    );
    let said = [
        "query",
        "--input-format",
        "text",
        "-c",
        "SELECT line FROM 'rows.txt' LIMIT 1",
    ];
    assert_eq!(
        shown(&folder.at(""), &said),
        ("{\"line\":\"sym,qty\"}\n".into(), String::new())
    );
    let timed = [
        "query",
        "--time-regexp",
        r"\[([^\]]+)\]",
        "--time-format",
        "%d/%b/%Y:%H:%M:%S %z",
        "-c",
        "SELECT formatDate(eventTimestamp(), '%H:%M:%S') AS t FROM 'access.log'",
    ];
    let times = "{\"t\":\"13:55:36\"}\n{\"t\":\"13:55:38\"}\n";
    assert_eq!(shown(&folder.at(""), &timed), (times.into(), String::new()));
}

#[test]
fn plain_text_goes_in_and_out() {
    let folder = Scratch::new().expect("a folder");
    let app = "CREATE STREAM L (line STRING);
        CREATE STREAM Out (t STRING) WITH ('type'='sink', 'extension'='file', 'path'='out.txt', 'format'='text');
        INSERT INTO Out SELECT line AS t FROM L;";
    folder.file("a.sql", app);
    let text = "a,\"b\r\n\n  {}\nlast";
    folder.file("in.txt", text);
    let args = [
        "run",
        "a.sql",
        "--input",
        "L=in.txt",
        "--input-format",
        "text",
        "-q",
    ];
    expect(&run(&folder.at(""), &args), 0, &[]);
    let out = std::fs::read_to_string(folder.at("out.txt")).expect("written");
    assert_eq!(out, "a,\"b\n\n  {}\nlast\n");
    // What would be several lines is left out, told and an error.
    folder.file("in.jsonl", "[\"a\\nb\"]\n[null]\n[\"c\"]\n");
    let args = ["run", "a.sql", "--input", "L=in.jsonl"];
    expect(
        &run(&folder.at(""), &args),
        1,
        &["1 rows are left out", "'format'='json' takes them"],
    );
    let out = std::fs::read_to_string(folder.at("out.txt")).expect("written");
    assert_eq!(out, "\nc\n");
    folder.file(
        "b.sql",
        "CREATE STREAM L (a INT, b INT); INSERT INTO Out SELECT a FROM L;",
    );
    for (args, told) in [
        (
            vec![
                "run",
                "b.sql",
                "--input",
                "L=in.txt",
                "--input-format",
                "text",
            ],
            "--input L: a line of text is one STRING, and L has 2 attributes",
        ),
        (
            vec!["run", "a.sql", "--input", "L=in.txt", "--time-regexp", "x"],
            "--time-regexp is about plain text, and there is none",
        ),
        (
            vec![
                "run",
                "a.sql",
                "--input",
                "L=in.txt",
                "--input-compression",
                "zip",
            ],
            "--input-compression zip: expected gzip, zstd or none",
        ),
    ] {
        expect(&run(&folder.at(""), &args), 2, &[told]);
    }
}

#[test]
fn sources_read_compressed_files_and_patterns_and_go_on_in_them() {
    let folder = Scratch::new().expect("a folder");
    let app = "@app:name('a') CREATE STREAM S (n INT)
        WITH ('type'='source', 'extension'='file', 'path'='log-*.csv.gz');
        INSERT INTO Out SELECT n, count() AS c FROM S;";
    folder.file("a.sql", app);
    let write = |name: &str, text: &str| {
        std::fs::write(folder.at(name), gzip(text)).expect("written");
    };
    write("log-2.csv.gz", "n\n3\n");
    write("log-1.csv.gz", "n\n1\n2\n");
    let args = [
        "run",
        "a.sql",
        "--format",
        "csv",
        "--store",
        "file:state",
        "--out",
        "out.csv",
    ];
    let rows = || {
        let text = std::fs::read_to_string(folder.at("out.csv")).expect("written");
        let rows = text.lines().skip(1);
        rows.map(|line| line.rsplit(',').take(2).collect::<Vec<_>>().join(":"))
            .collect::<Vec<_>>()
    };
    expect(&run(&folder.at(""), &args), 0, &[]);
    assert_eq!(rows(), ["1:1", "2:2", "3:3"]);
    write("log-3.csv.gz", "n\n4\nx\n");
    expect(
        &run(&folder.at(""), &args),
        0,
        &["log-3.csv.gz:3: attribute 'n' INT"],
    );
    assert_eq!(rows(), ["1:1", "2:2", "3:3", "4:4"]);
    write("log-3.csv.gz", "n\n5\n");
    let told = "log-3.csv.gz is not the file that was read up to line 3; 'replaced'='begin'";
    expect(&run(&folder.at(""), &args), 1, &[told]);
    folder.file("none.sql", &app.replace("log-", "none-"));
    let none = run(&folder.at(""), &["run", "none.sql"]);
    expect(&none, 1, &["none-*.csv.gz: no file has such a name"]);
}

#[test]
fn a_stream_declares_the_time_of_its_rows_and_how_late_they_may_be() {
    let folder = Scratch::new().expect("a folder");
    let windows = "INSERT INTO Out SELECT sum(v) AS s FROM S WINDOW('tumbling', 10 SECONDS);";
    let rows = "ts,v\n8,1\n14,2\n7,4\n15,8\n9,16\n21,0\n30,0\n";
    folder.file("s.csv", rows);
    // Whether a row is late to a source depends on when the command line's own input ends.
    folder.file("in_time.csv", &rows.replace("9,16\n", ""));
    folder.file(
        "s.jsonl",
        "{\"ts\":\"1970-01-01T00:00:08Z\",\"v\":1}\n{\"v\":2,\"ts\":26000}\n",
    );
    folder.file(
        "s.events",
        "{\"stream\":\"S\",\"row\":[8000,1]}\n{\"stream\":\"S\",\"at\":9000,\"row\":[99000,2]}\n{\"clock\":20000}\n",
    );
    folder.file("clause.sql", &format!(
        "CREATE STREAM S (ts LONG, v INT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND); {windows}"
    ));
    folder.file(
        "options.sql",
        &format!(
        "CREATE STREAM S (ts LONG, v INT) WITH ('type'='source', 'extension'='file', 'path'='in_time.csv',
         'timestamp'='ts', 'timestamp.unit'='s', 'lateness'='5 SECONDS'); {windows}"
    ),
    );
    folder.file("both.sql", &format!(
        "CREATE STREAM S (ts LONG, v INT, WATERMARK FOR ts AS ts - 5 SECONDS)
         WITH ('type'='source', 'extension'='file', 'path'='in_time.csv', 'timestamp.unit'='s'); {windows}"
    ));
    let all = "{\"at\":10000,\"s\":5}\n{\"at\":20000,\"s\":10}\n";
    for (args, expected) in [
        (
            vec!["clause.sql", "--input", "S=s.csv", "--time-unit", "s"],
            all,
        ),
        (vec!["options.sql"], all),
        (vec!["both.sql"], all),
        (
            vec!["clause.sql", "--input", "S=s.jsonl"],
            "{\"at\":10000,\"s\":1}\n",
        ),
        (
            vec!["clause.sql", "--events", "s.events"],
            "{\"at\":10000,\"s\":3}\n",
        ),
    ] {
        let args = [&["run", "--format", "json", "-q"], &args[..]].concat();
        let (rows, told) = shown(&folder.at(""), &args);
        assert_eq!((rows.as_str(), told.as_str()), (expected, ""), "{args:?}");
    }
}

#[test]
fn all_that_is_wrong_in_a_list_is_told_at_once() {
    let folder = Scratch::new().expect("a folder");
    let app = "CREATE STREAM A (a INTT, b STRING, c VARCHR, d INT NOT NULL, e DUBLE);
        CREATE STREAM B (a INT) WITH ('type'='source', 'extension'='file', 'path'='x', 'pth'='x', 'fmt'='c', 's'=';');
        CREATE TABLE C (a INT) WITH ('idx'='a', 'tl'='1');
        CREATE STREAM D (a INT) WITH ('x'=1, 'y'=2);";
    folder.file("a.sql", app);
    let types = run(&folder.at(""), &["check", "a.sql"]);
    expect(
        &types,
        2,
        &[
            "'INTT'",
            "'VARCHR'",
            "'NOT'",
            "'DUBLE'",
            "line 4, column 43",
            "line 4, column 50",
        ],
    );
    let right = app.lines().skip(1).take(2).collect::<Vec<_>>().join("\n");
    folder.file("a.sql", &right);
    let keys = run(&folder.at(""), &["check", "a.sql"]);
    expect(&keys, 2, &["'pth'", "'fmt'", "'s'"]);
    folder.file("a.sql", app.lines().nth(2).expect("a table"));
    let keys = run(&folder.at(""), &["check", "a.sql"]);
    expect(&keys, 2, &["'idx'", "'tl'"]);
}

/// The log of a web server, from its raw file: the figures are those of a count by another program.
#[test]
fn the_log_of_a_web_server_is_read_as_it_is() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let args = [
        "run",
        "examples/weblog.sql",
        "--flush",
        "--format",
        "json",
        "-q",
    ];
    let (rows, told) = shown(root, &args);
    assert_eq!(told, "");
    let of = |stream: &str| {
        let head = format!("{{\"stream\":\"{stream}\"");
        let lines = rows.lines().filter(|line| line.starts_with(&head));
        lines
            .map(|line| line.split_once("\",\"at\":").expect("a time").1)
            .map(|line| {
                line.split_once(',')
                    .expect("columns")
                    .1
                    .replace(['"', '}'], "")
            })
            .collect::<Vec<_>>()
    };
    let minutes = of("Minutes");
    let requests = minutes
        .iter()
        .map(|m| m.split(['=', ':', ',']).nth(4).expect("a number"));
    let requests: u32 = requests.map(|n| n.parse::<u32>().expect("a number")).sum();
    assert_eq!((minutes.len(), requests), (29, 128));
    let worst = minutes.iter().find(|m| m.contains("14:03"));
    assert_eq!(
        worst.map(String::as_str),
        Some("minute:14:03,requests:12,errors:7")
    );
    let visits = of("Visits");
    assert_eq!(visits.len(), 11);
    assert_eq!(
        visits[0],
        "address:192.0.2.41,requests:7,entry:/cart,seconds:171.0"
    );
    assert_eq!(
        visits[7],
        "address:198.51.100.9,requests:18,entry:/,seconds:836.0"
    );
    let pages = [
        "page:/,hits:12",
        "page:/products,hits:8",
        "page:/products/42,hits:5",
        "page:/,hits:10",
        "page:/cart,hits:8",
        "page:/products,hits:8",
        "page:/products,hits:2",
        "page:/search,hits:2",
        "page:/,hits:1",
    ];
    assert_eq!(of("Pages"), pages);
}
