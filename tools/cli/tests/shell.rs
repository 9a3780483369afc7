//! `eventflux shell`: text in, text out; what stands in `shell/terminal.rs` types it.

#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "common/child.rs"]
mod child;
#[cfg(unix)]
#[path = "shell/terminal.rs"]
mod terminal;

use child::expect;
use eventflux_testbed::Scratch;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const TRADES: &str = "sym,qty,price\nA,1,2.5\nB,2,3\nA,3,4.5\n";
const APP: &str = "-- sums\n@app:playback\nCREATE STREAM S (k STRING, v INT);\n\
    INSERT INTO Sums SELECT k, sum(v) AS s FROM S WINDOW('tumbling', 1 SECONDS) GROUP BY k;\n";
const EVENTS: &str = "{\"stream\":\"S\",\"at\":1000,\"row\":[\"a\",1]}\n{\"stream\":\"S\",\"at\":1500,\"row\":[\"a\",2]}\n";

/// A folder with files, in which a shell is started.
struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        let folder = Scratch::new().expect("a folder");
        for (name, text) in [
            ("trades.csv", TRADES),
            ("semi.csv", "sym;day\nA;2\n"),
            (
                "ticks.jsonl",
                "{\"at\":1000,\"v\":1}\n{\"at\":2500,\"v\":4}\n",
            ),
            ("app.sql", APP),
            ("events.jsonl", EVENTS),
            ("itself.sql", ".load itself.sql\n"),
            (
                "wrong.sql",
                "CREATE STREAM A (v INT);\n\nINSERT INTO B SELECT w\nFROM A;\n",
            ),
        ] {
            folder.file(name, text);
        }
        Folder(folder)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eventflux"));
        command.arg("shell").args(args).current_dir(self.0.at(""));
        command
    }

    fn run(&self, args: &[&str], stdin: &[u8]) -> Output {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // A shell that has ended reads no more.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        child.wait_with_output().expect("it ends")
    }

    /// What is written to standard output, and nothing to standard error.
    #[track_caller]
    fn says(&self, args: &[&str], text: &str) -> String {
        let output = self.run(args, text.as_bytes());
        expect(&output, 0, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn what_a_file_is_taken_for_is_told_once() {
    let folder = Folder::new();
    for name in ["list.txt", "other.txt"] {
        folder.0.file(name, "sym,qty\nA,1\nB,2\n");
    }
    let text = "SELECT qty FROM 'list.txt';\nSELECT sum(qty) AS q FROM 'list.txt';\n.load list.txt\n\
        SELECT count(*) AS n FROM list;\nSELECT qty FROM 'other.txt' LIMIT 1;\nSELECT count(*) AS n FROM list;\n";
    let output = folder.run(&["--format", "csv"], text.as_bytes());
    expect(
        &output,
        0,
        &["list.txt is read as CSV", "other.txt is read as CSV"],
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn a_script_is_answered_and_nothing_else_is_written() {
    let folder = Folder::new();
    for (text, lines) in [
        ("", ""),
        ("-- nothing;\n;", ""),
        (
            "SELECT sym, sum(qty) AS n\nFROM 'trades.csv' -- ;\nGROUP BY sym",
            "{\"sym\":\"A\",\"n\":4}\n{\"sym\":\"B\",\"n\":2}\n",
        ),
        (
            ".load trades.csv\nSELECT sym FROM trades WHERE qty > 1; SELECT max(qty) AS m FROM 'trades.csv';",
            "{\"sym\":\"B\"}\n{\"sym\":\"A\"}\n{\"m\":3}\n",
        ),
        (
            "CREATE STREAM T (sym STRING, qty INT, price DOUBLE);\n.load trades.csv AS t\n\
             INSERT INTO Big SELECT sym FROM T WHERE qty > 2;\n.format csv\nSELECT * FROM Big;\nSELECT * FROM Big;",
            "sym\nA\nsym\nA\n",
        ),
        // what is kept is read anew by each answer, whenever it was said
        (
            "CREATE STREAM T (sym STRING, qty INT, price DOUBLE);\nSELECT sym FROM T;\n.load trades.csv AS T\n\
             .limit 3\nSELECT sym FROM T;\n",
            "{\"sym\":\"A\"}\n{\"sym\":\"B\"}\n{\"sym\":\"A\"}\n",
        ),
        (
            ".load trades.csv\nCREATE TABLE Last (sym STRING PRIMARY KEY, qty LONG);\n\
             UPSERT INTO Last SELECT sym, qty FROM trades ON Last.sym = trades.sym;\n\
             SELECT sym, qty FROM last ORDER BY qty DESC;\nSELECT count(*) AS n FROM Last;",
            "{\"sym\":\"A\",\"qty\":3}\n{\"sym\":\"B\",\"qty\":2}\n{\"n\":2}\n",
        ),
        (
            ".load trades.csv\nCREATE WINDOW W (sym STRING, qty LONG) WINDOW('length', 2);\n\
             INSERT INTO W SELECT sym, qty FROM trades;\nSELECT qty FROM W;",
            "{\"qty\":2}\n{\"qty\":3}\n",
        ),
        (
            ".load ticks.jsonl\nCREATE AGGREGATION A AS SELECT sum(v) AS v FROM ticks AGGREGATE EVERY SECONDS;\n\
             SELECT * FROM A WITHIN '1970-01-01', '1970-01-02' PER 'SECONDS';",
            "{\"AGG_TIMESTAMP\":1000,\"v\":1}\n{\"AGG_TIMESTAMP\":2000,\"v\":4}\n",
        ),
        (
            ".load semi.csv AS S delimiter=;\nSELECT day * 2 AS d FROM S;\n",
            "{\"d\":4}\n",
        ),
        // windows that time has not closed are closed at the end
        (
            ".load app.sql\n.load events.jsonl\nSELECT * FROM Sums;\n.run\n",
            "{\"k\":\"a\",\"s\":3}\n{\"at\":2000,\"k\":\"a\",\"s\":3}\n",
        ),
        (
            ".load trades.csv\nPARTITION WITH (sym OF trades) BEGIN\nINSERT INTO P SELECT sym, sum(qty) AS s\nFROM trades;\n\
             END;\nSELECT s FROM P",
            "{\"s\":1}\n{\"s\":2}\n{\"s\":4}\n",
        ),
        (
            "CREATE STREAM A (v INT);\n@app:playback;\nCREATE STREAM B (v INT);\n.app",
            "@app:playback\nCREATE STREAM A (v INT);\nCREATE STREAM B (v INT);\n",
        ),
        (
            ".load trades.csv\nSELECT sym, qty FROM trades LIMIT 1 OFFSET 1;",
            "{\"sym\":\"B\",\"qty\":2}\n",
        ),
        // rows that are typed
        (
            "CREATE STREAM S (k STRING, v INT, x DOUBLE);\nINSERT INTO S VALUES ('a', 1 + 1, 0.1), ('it''s', -3, NULL);\n\
             insert into s (v, k) values (9, upper('z'));\nSELECT k, v, x FROM S;",
            "{\"k\":\"a\",\"v\":2,\"x\":0.1}\n{\"k\":\"it's\",\"v\":-3,\"x\":null}\n{\"k\":\"Z\",\"v\":9,\"x\":null}\n",
        ),
        (
            "@app:playback\nCREATE STREAM S (v INT);\nINSERT INTO S (at, v) VALUES (0, 1), (1500, 2);\n\
             SELECT sum(v) AS s, window_end() AS e FROM S WINDOW('tumbling', 1 SECONDS);",
            "{\"s\":1,\"e\":1000}\n{\"s\":2,\"e\":2000}\n",
        ),
        (
            "CREATE TABLE T (k STRING PRIMARY KEY, v INT);\nINSERT INTO T VALUES ('a', 1), ('b', 2);\n.load trades.csv\n\
             SELECT trades.sym, T.v FROM trades JOIN T ON lower(trades.sym) = T.k WHERE qty > 1;\nSELECT sum(v) AS s FROM T;",
            "{\"sym\":\"B\",\"v\":2}\n{\"sym\":\"A\",\"v\":1}\n{\"s\":3}\n",
        ),
        (".quit\nSELECT nonsense", ""),
    ] {
        assert_eq!(folder.says(&[], text), lines, "{text}");
    }
    assert_eq!(
        folder.says(
            &["app.sql", "--load", "events.jsonl", "--format", "rows"],
            ".run"
        ),
        "{\"stream\":\"Sums\",\"at\":2000,\"row\":[\"a\",3]}\n"
    );
}

#[test]
fn what_is_kept_is_listed_explained_dropped_and_saved() {
    let folder = Folder::new();
    let app = "CREATE STREAM S (k STRING, v INT);\nCREATE TABLE T (k STRING PRIMARY KEY);\n\
        INSERT INTO Out SELECT k, v * 2 AS w FROM S;\nINSERT INTO T SELECT k FROM Out;\n";
    let said = |more: &str| folder.says(&[], &format!("{app}{more}"));
    let listed = "stream S (k STRING, v INT)\ntable T (k STRING)\nstream Out (k STRING, w INT)\n";
    assert_eq!(said(".tables"), listed);
    assert_eq!(said(".streams;"), listed);
    assert_eq!(said(".app"), app);
    let schema = "-- stream Out (k STRING, w INT)\nINSERT INTO Out SELECT k, v * 2 AS w FROM S;\n";
    assert_eq!(said(".schema out"), schema);
    let plan = said(".explain SELECT w FROM Out WHERE w > 1");
    assert!(plan.contains("where w > 1"), "{plan}");
    assert!(said(".explain T").starts_with("component 1:"));
    assert!(said(".explain").starts_with("app without a name"));
    let dropped = said(".drop T\n.tables\n.drop out\n.tables\n.reset\n.tables");
    assert_eq!(
        dropped,
        "stream S (k STRING, v INT)\nstream Out (k STRING, w INT)\nstream S (k STRING, v INT)\n"
    );
    assert_eq!(said(".load trades.csv\n.save saved.sql\n"), "");
    let saved = std::fs::read_to_string(folder.0.at("saved.sql")).expect("saved");
    assert!(
        saved.starts_with(&format!("-- .load trades.csv AS trades\n{app}")),
        "{saved}"
    );
    assert_eq!(
        folder.says(&["saved.sql"], ".reset\n.load saved.sql\n.schema T"),
        "CREATE TABLE T (k STRING PRIMARY KEY);\nINSERT INTO T SELECT k FROM Out;\n"
    );
    let functions = folder.says(&[], ".functions stddev");
    assert!(functions.contains("stddev_samp(number)\n"), "{functions}");
    let help = folder.says(&[], ".help");
    let widest = help.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80) && help.lines().count() <= 24, "{help}");
    assert!(folder.says(&[], ".help load").contains("timestamp.unit"));
}

/// Scripts that end with an error, and what is told.
const WRONG: &[(&str, &[&str])] = &[
    ("SELECT 1 AS a\n", &["error: "]),
    (
        "\nCREATE STREAM S (v INT);\n SELECT v,\n  w FROM S;\n.app",
        &[
            "unknown attribute 'w'",
            "--> line 4, column 3",
            "4 |   w FROM S;",
        ],
    ),
    (
        "CREATE STREAM S (v INT); INSERT INTO O SELECT w FROM S;",
        &["--> line 1, column 47"],
    ),
    (
        "CREATE STREAM S (v INT);\nCREATE STREAM S (v INT);",
        &["line 2, column 15"],
    ),
    ("SELECT 'x", &["the string is not closed"]),
    ("SELECT a FROM 'none.csv'", &["error: line 1: none.csv: "]),
    (
        "\n.lod x",
        &["error: line 2: .lod is no command; did you mean .load?"],
    ),
    (".load", &["write .load FILE [AS STREAM] …"]),
    (
        ".load trades.csv delimiter=ab",
        &["delimiter=ab: expected one ASCII character"],
    ),
    (
        ".load itself.sql",
        &["itself.sql: it is loaded by what it loads"],
    ),
    (
        ".load wrong.sql",
        &[
            "wrong.sql\nerror: unknown attribute 'w'",
            "--> line 3, column 22",
        ],
    ),
    (
        ".load events.jsonl",
        &["events of stream S, which is not there: CREATE STREAM S"],
    ),
    (
        "SELECT * FROM '-'",
        &["'-' cannot be read, too; give the rows by a file"],
    ),
    ("INSERT INTO O SELECT * FROM '-';", &["'-' cannot be read"]),
    (
        "CREATE TABLE T (v INT); SELECT w FROM T;",
        &["unknown attribute 'w' of table T", "line 1, column 32"],
    ),
    (
        ".load trades.csv\nINSERT INTO O SELECT sym FROM trades; .drop trades",
        &["error: "],
    ),
    (
        "CREATE STREAM S (v INT);\nINSERT INTO O SELECT v FROM S;\n.drop S",
        &["unknown stream 'S'", "in the app so far"],
    ),
    (".drop X", &["there is no X"]),
    (".save x.sql", &["nothing to save"]),
    (
        "CREATE STREAM S (v INT);\n.save trades.csv",
        &["there is something in it; .save trades.csv --force"],
    ),
    (".format xml", &["write .format table|rows|json|csv"]),
    (".limit x", &["write .limit N"]),
    (
        "CREATE WINDOW W (qty LONG) WINDOW('length', 2); INSERT INTO W VALUES (1);",
        &["W is a window: rows are typed into streams and tables"],
    ),
    (
        "CREATE WINDOW W (qty LONG) WINDOW('length', 2);\n.load trades.csv AS W",
        &["error: line 2: W is a window: load a stream, and write it by a query"],
    ),
    (
        "DROP TABLE T;",
        &["error: line 1: DROP is no statement here: write .drop NAME"],
    ),
    (
        "INSERT INTO S VALUES (1);",
        &["there is no S: CREATE STREAM S (…); first"],
    ),
    (
        "CREATE STREAM S (v INT);\nINSERT INTO S VALUES (1, 2);",
        &["error: line 2: a row has 2 values for 1 columns: S (v INT)"],
    ),
    (
        "CREATE STREAM S (v INT); INSERT INTO S VALUES ('x');",
        &["v: 'x' is no INT"],
    ),
    (
        "CREATE STREAM S (v INT); INSERT INTO S VALUES (1.5);",
        &["v: 1.5 is no INT"],
    ),
    (
        "CREATE STREAM S (v INT); INSERT INTO S VALUES (w);",
        &["v: w: unknown attribute 'w'"],
    ),
    (
        "CREATE STREAM S (v INT); INSERT INTO S (w) VALUES (1);",
        &["S has no column w: (v INT)"],
    ),
    (
        "@app:playback CREATE STREAM S (v INT); INSERT INTO S VALUES (1);",
        &["INSERT INTO S (at, …) VALUES (1000, …)"],
    ),
    (
        "CREATE TABLE T (k INT PRIMARY KEY); INSERT INTO T VALUES (1), (1);",
        &["another row of T has this key"],
    ),
    (".run", &["no query of the app writes rows"]),
    (".history", &["not remembered"]),
];

#[test]
fn the_first_error_ends_a_script_and_says_its_line() {
    let folder = Folder::new();
    for (text, parts) in WRONG {
        let output = folder.run(&[], text.as_bytes());
        expect(&output, 1, parts);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{text}");
    }
    expect(&folder.run(&["none.sql"], b""), 1, &["error: none.sql: "]);
    expect(
        &folder.run(&["--format", "xml"], b""),
        2,
        &["possible values"],
    );
    let before = folder.run(
        &[],
        b".load trades.csv\nSELECT sym FROM trades LIMIT 1;\nSELECT",
    );
    expect(&before, 1, &["line 3"]);
    assert!(
        !before.stdout.is_empty(),
        "what came before the error is answered"
    );
    let many = folder.run(&[], b".load trades.csv\n.limit 2\nSELECT sym FROM trades;");
    expect(&many, 0, &["… and 1 more; .limit 0 shows all"]);
}

#[test]
fn hostile_bytes_are_refused_and_never_panic() {
    let folder = Folder::new();
    let mut long = b"SELECT '".to_vec();
    long.resize(3 << 20, b'x');
    let semicolons = vec![b';'; 1 << 20];
    let quotes = [&b"'"[..], &b";;;\n".repeat(1 << 19)].concat();
    for (bytes, status, told) in [
        (
            &b"SELECT \xff;\n"[..],
            1,
            "line 1: not UTF-8, byte 8 of the line",
        ),
        (b"\x00\x01;\n", 1, "error: "),
        (&long, 1, "more than 1048576 bytes"),
        (&semicolons, 0, ""),
        (&quotes, 1, "more than 1048576 bytes"),
        (b"\xef\xbb\xbf.tables\r\n", 0, ""),
    ] {
        let output = folder.run(&[], bytes);
        expect(&output, status, &[told]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("panicked"), "{told}");
    }
    let mut seed = 17_u32;
    let parts = [
        "SELECT ",
        "FROM ",
        "'trades.csv'",
        "S ",
        "(",
        ")",
        ";",
        "\n.",
        "load ",
        "drop ",
        "CREATE STREAM ",
        "v INT",
        "@app:",
        "'",
        "\"",
        "--",
        "/*",
        "é",
        "\0",
        "AS ",
        "explain ",
        "*",
    ];
    for _ in 0..40 {
        let mut text = String::new();
        for _ in 0..30 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text += parts[(seed >> 16) as usize % parts.len()];
        }
        let output = folder.run(&[], text.as_bytes());
        let told = String::from_utf8_lossy(&output.stderr);
        let ended = output.status.code();
        assert!(
            matches!(ended, Some(0 | 1)) && !told.contains("panicked"),
            "{text:?}: {told}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let folder = Folder::new();
    let script = "yes \"SELECT * FROM 'trades.csv';\" | \"$0\" shell | head -1";
    let ran = Command::new("bash")
        .args([
            "-o",
            "pipefail",
            "-c",
            script,
            env!("CARGO_BIN_EXE_eventflux"),
        ])
        .current_dir(folder.0.at(""))
        .output()
        .expect("bash starts");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout),
        "{\"sym\":\"A\",\"qty\":1,\"price\":2.5}\n"
    );
    assert!(
        !told.contains("eventflux") && !told.contains("error"),
        "{told}"
    );
}
