//! Runs that are killed and started again leave the file of one that was not.

#[path = "common/child.rs"]
mod child;
#[path = "common/kills.rs"]
mod kills;

use child::{Running, expect, run};
use eventflux_testbed::{Redis, Scratch, need_server};
use kills::{KILLED_AT, ROWS, events, killed, length, reaches, same, stderr};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The greatest epoch of which the folder of an app has a file.
fn epoch(folder: &str) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|f| f.file_name().to_string_lossy().into_owned());
    let epochs = names.filter_map(|n| n.split('.').nth(1)?.parse().ok());
    epochs.max().unwrap_or(0)
}

/// Runs queries over the events with and without kills.
fn restarted(name: &str, queries: &str) {
    let app = format!(
        "@app:name('{name}') @app:playback CREATE STREAM S (sym STRING, price DOUBLE, qty LONG);\n{queries}"
    );
    restarted_over(name, &app, &events(ROWS), &KILLED_AT);
}

/// Lengths for the examples, which write less.
const EARLY: [u64; 3] = [1, 40_000, 100_000];

/// Runs an app over a text with and without kills, inline and on one worker.
fn restarted_over(name: &str, app: &str, events: &str, lengths: &[u64]) {
    let folder = Scratch::new().expect("a folder");
    let (queries, app) = (app, folder.file("a.sql", app));
    let events = folder.file("e.jsonl", events);
    let whole = folder.at("whole.jsonl");
    let plain = ["run", &app, "--events", &events, "--out"];
    let stored = [&plain[..], &[&whole, "--store", "memory"]].concat();
    expect(&run(&stored), 0, &["bad lines"]);
    // an id is made of the input's name, which only a run with a store gives it
    if !queries.contains("uuid") {
        let unstored = folder.at("plain.jsonl");
        expect(&run(&[&plain[..], &[&unstored]].concat()), 0, &[]);
        same(&unstored, &whole);
    }
    for workers in ["inline", "1"] {
        let (out, store) = (folder.at(workers), folder.at(&format!("s-{workers}")));
        let (url, state) = (format!("file:{store}"), format!("{store}/{name}"));
        let args = [
            "run",
            &app,
            "--events",
            &events,
            "--out",
            &out,
            "--workers",
            workers,
            "--store",
            &url,
            "--checkpoint-interval",
            "20ms",
        ];
        let (kills, restores) = killed(&args, &out, &|| epoch(&state), lengths);
        assert!(
            kills >= 2 && restores >= 2,
            "{kills} kills, {restores} restores"
        );
        same(&out, &whole);
    }
}

/// Rows of the three streams of `examples/enriched.sql`.
fn market() -> String {
    let mut text = String::new();
    for n in 0..ROWS {
        let (at, r) = (n * 7, n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        let (sym, price) = (r % 40, (r % 9_000) as f64 / 8.0);
        let (stream, row) = match r % 97 {
            0 => ("Instruments", format!("\"sector {}\",{}", r % 5, 1 + r % 9)),
            1..40 => (
                "Quotes",
                format!("{price},{}", price + (r % 7) as f64 - 1.0),
            ),
            _ => ("Trades", format!("{price},{}", r % 500)),
        };
        text += &format!("{{\"stream\":\"{stream}\",\"at\":{at},\"row\":[\"s{sym}\",{row}]}}\n");
    }
    text
}

#[test]
fn the_example_that_enriches_trades() {
    let app = include_str!("../../../examples/enriched.sql");
    restarted_over("Enriched", app, &market(), &EARLY);
}

/// Rows of the two streams of `examples/fraud.sql`: cards that are used in turn, and some four times in a row.
fn payments() -> String {
    let random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let mut text = String::new();
    for n in 0..ROWS {
        let (at, r, turn) = (n * 37, random(n), random(n / 4));
        let in_a_row = turn.is_multiple_of(3);
        let card = if in_a_row { turn } else { r } % 400;
        let shop = if in_a_row { "web" } else { "hall" };
        let amount = match r % 50 {
            0 => 500.0 + (r % 1_000) as f64,
            1..20 => 0.25 + (r % 19) as f64 / 4.0,
            _ => (r % 4_000) as f64 / 8.0,
        };
        let (stream, row) = match r % 97 {
            0..20 => ("Confirmations", String::new()),
            _ => ("Payments", format!(",\"{shop}\",{amount}")),
        };
        text += &format!("{{\"stream\":\"{stream}\",\"at\":{at},\"row\":[\"c{card}\"{row}]}}\n");
    }
    text
}

#[test]
fn the_example_that_watches_payments() {
    let app = include_str!("../../../examples/fraud.sql");
    restarted_over("Fraud", app, &payments(), &EARLY);
}

#[test]
fn joins_tables_and_named_windows() {
    restarted(
        "met",
        "CREATE TABLE T (sym STRING PRIMARY KEY, n LONG) WITH ('index'='n', 'ttl'='900 MILLISECONDS');
         CREATE WINDOW W (sym STRING, qty LONG) WINDOW('length', 30);
         INSERT INTO A SELECT * FROM S WHERE qty % 3 = 0; INSERT INTO B SELECT * FROM S WHERE qty % 3 = 1;
         UPSERT INTO T SELECT sym, qty AS n FROM A ON T.sym = A.sym;
         DELETE FROM T USING B WHERE T.n < B.qty - 400;
         INSERT INTO W SELECT sym, qty FROM B;
         INSERT ALL EVENTS INTO Out SELECT A.sym AS sym, A.qty AS x, B.qty AS y FROM A WINDOW('time', 90 MILLISECONDS)
         FULL JOIN B WINDOW('length', 20) ON A.sym = B.sym;
         INSERT INTO Looked SELECT S.sym AS sym, n, price FROM S[qty % 2 = 0] LEFT JOIN T ON S.sym = T.sym;
         INSERT INTO Summed SELECT W.sym AS sym, sum(W.qty) AS q FROM W JOIN A WINDOW('unique', sym) ON A.sym = W.sym
         GROUP BY W.sym;",
    );
}

#[test]
fn filters_and_chains() {
    restarted(
        "chain",
        "INSERT INTO Mid SELECT sym, price * 2 AS price, qty FROM S WHERE qty % 3 != 1;
         INSERT INTO Out SELECT sym, price, qty, uuid() AS id FROM Mid WHERE price > 10;
         INSERT INTO Other SELECT sym, qty FROM S WHERE qty % 2 = 0;",
    );
}

#[test]
fn groups_without_and_over_windows() {
    restarted(
        "groups",
        "INSERT INTO Totals SELECT sym, sum(price) AS total, count() AS n, max(price) AS top FROM S GROUP BY sym;
         INSERT INTO Sliding SELECT sym, sum(qty) AS total, min(price) AS low
            FROM S WINDOW('time', 500 MILLISECONDS) GROUP BY sym;",
    );
}

#[test]
fn windows_that_count_and_windows_that_close() {
    restarted(
        "windows",
        "INSERT INTO Mid SELECT sym, avg(price) AS mean, count() AS n, max(qty) AS last
            FROM S WINDOW('tumbling', 20 MILLISECONDS) GROUP BY sym;
         INSERT INTO Out SELECT sym, sum(mean) AS total, max(last) AS last FROM Mid WINDOW('length', 50);
         INSERT INTO Batches SELECT count() AS n, sum(qty) AS total FROM S WINDOW('lengthBatch', 17);
         INSERT INTO Last SELECT sym, price, qty FROM S WINDOW('length', 3);",
    );
}

const COUNT: &str = "CREATE STREAM S (sym STRING, price DOUBLE, qty LONG);
    INSERT INTO Out SELECT count() AS n FROM S;";

fn named(text: &str) -> String {
    format!("@app:name('counts') @app:playback {text}")
}

#[test]
fn a_run_says_from_what_it_starts() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let events = folder.file("e.jsonl", &events(50));
    let (out, url) = (folder.at("o.jsonl"), format!("file:{}", folder.at("s")));
    let with = |more: &[&str]| {
        let args = [
            "run", &app, "--events", &events, "--out", &out, "--store", &url,
        ];
        run(&[&args, more].concat())
    };
    let none = format!("no revision of app 'counts' in {url}");
    expect(&with(&["--restore", "latest"]), 1, &[&none]);
    let empty = format!("starting empty: no revision of app counts in {url}");
    expect(&with(&[]), 0, &[&empty]);
    let whole = fs::read(&out).expect("written");
    let again = with(&["--metrics", &folder.at("m")]);
    expect(
        &again,
        0,
        &[
            "restored revision 2-1 of app counts",
            " s old",
            "events go on at row ",
        ],
    );
    assert_eq!(fs::read(&out).expect("written"), whole);
    let metrics = fs::read_to_string(folder.at("m")).expect("written");
    for part in [
        "eventflux_rows_in_total{app=\"counts\"}",
        "eventflux_checkpoint_durable_epoch",
    ] {
        assert!(metrics.contains(part), "{part}: {metrics}");
    }
    expect(&with(&["--restore", "2-1"]), 0, &["restored revision 2-1"]);
    expect(
        &with(&["--restore", "9-9"]),
        1,
        &["revision 9-9 cannot be restored"],
    );
    assert_eq!(fs::read(&out).expect("written"), whole);
    let nothing = with(&["--restore", "none"]);
    expect(&nothing, 0, &[]);
    assert!(!stderr(&nothing).contains("restored"));
    assert_eq!(fs::read(&out).expect("written"), whole);
    // a file that is not that of the run
    fs::write(&out, "short").expect("written");
    expect(&with(&[]), 1, &["output 'out'", "has 5 bytes"]);
    assert_eq!(fs::read_to_string(&out).expect("written"), "short");
    fs::write(&out, &whole).expect("written");
    fs::write(&events, "").expect("written");
    expect(
        &with(&[]),
        1,
        &["e.jsonl is not the file that was read up to line"],
    );
}

#[test]
fn rows_behind_a_revision_are_counted_on_standard_input_too() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let (first, all) = (folder.file("1", &events(40)), folder.file("2", &events(90)));
    let (out, url) = (folder.at("o.jsonl"), format!("file:{}", folder.at("s")));
    let pipe = |events: &str| {
        let args = ["run", &app, "--events", "-", "--out", &out, "--store", &url];
        let events = fs::File::open(events).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_eventflux"))
            .args(args)
            .stdin(events)
            .output();
        expect(&child.expect("it ends"), 0, &[]);
    };
    // the clock at the end of the first is ahead of what comes: all of it is late by then, and counts the same
    pipe(&first);
    pipe(&all);
    let whole = folder.at("w.jsonl");
    let shared: String = fs::read_to_string(&all)
        .expect("written")
        .lines()
        .take(2)
        .collect();
    assert!(shared.starts_with("{\"stream\":\"S\",\"row\":[\"early\""));
    expect(
        &run(&["run", &app, "--events", &all, "--out", &whole]),
        0,
        &[],
    );
    let lines = |path: &str| fs::read_to_string(path).expect("written").lines().count();
    assert_eq!(lines(&out), lines(&whole));
}

#[test]
fn a_file_that_grows_while_runs_are_killed_is_read_once() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let text = events(ROWS);
    let (all, growing) = (folder.file("all", &text), folder.file("growing", ""));
    let (whole, out) = (folder.at("whole"), folder.at("out"));
    let state = folder.at("s");
    let (url, state) = (format!("file:{state}"), format!("{state}/counts"));
    expect(
        &run(&["run", &app, "--events", &all, "--out", &whole]),
        0,
        &[],
    );
    let args = [
        "run", &app, "--events", &growing, "--out", &out, "--store", &url,
    ];
    let args = [&args[..], &["--checkpoint-interval", "20ms"]].concat();
    let mut seed = 20_261_129_u64;
    let (mut written, mut kills, mut left) = (0, 0, 0);
    while written < text.len() {
        let mut child = Running::start(&args);
        for _ in 0..4 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // somewhere in a line
            let end = text
                .len()
                .min(written + (seed >> 33) as usize % (text.len() / 20));
            let file = fs::OpenOptions::new().append(true).open(&growing);
            let piece = &text.as_bytes()[written..end];
            std::io::Write::write_all(&mut file.expect("a file"), piece).expect("written");
            written = end;
        }
        let (bytes, least) = (length(&out) + 1, epoch(&state) + 1);
        if seed & 1 << 40 != 0
            && reaches(child.child(), || {
                length(&out) >= bytes && epoch(&state) >= least
            })
        {
            child.child().kill().expect("kill -9");
            kills += 1;
        }
        let output = child.wait();
        left += usize::from(stderr(&output).contains("is left for the next run"));
    }
    expect(&run(&args), 0, &["restored revision"]);
    assert!(kills > 0 && left > 0, "{kills} kills, {left} lines left");
    same(&out, &whole);
}

#[test]
fn compressed_files_go_on_where_a_run_was_killed() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let text = events(ROWS);
    let plain = folder.file("e.jsonl", &text);
    let whole = folder.at("whole");
    expect(
        &run(&["run", &app, "--events", &plain, "--out", &whole]),
        0,
        &[],
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let zstd = zstd::encode_all(text.as_bytes(), 1).expect("memory");
    for (name, bytes) in [("e.jsonl.gz", gzip), ("e.jsonl.zst", zstd)] {
        let packed = folder.at(name);
        fs::write(&packed, bytes).expect("written");
        let (out, state) = (
            folder.at(&format!("out-{name}")),
            folder.at(&format!("s-{name}")),
        );
        let (url, state) = (format!("file:{state}"), format!("{state}/counts"));
        let args = [
            "run", &app, "--events", &packed, "--out", &out, "--store", &url,
        ];
        let args = [&args[..], &["--checkpoint-interval", "20ms"]].concat();
        let (kills, restores) = killed(&args, &out, &|| epoch(&state), &KILLED_AT);
        assert!(
            kills >= 2 && restores >= 2,
            "{kills} kills, {restores} restores"
        );
        same(&out, &whole);
    }
}

#[test]
fn an_app_changes_only_when_told() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let other = COUNT.replace("count() AS n", "sum(qty) AS n");
    let other = folder.file("b.sql", &named(&other));
    let events = folder.file("e.jsonl", &events(10));
    let (out, url) = (folder.at("o.jsonl"), format!("file:{}", folder.at("s")));
    let with = |app: &str, more: &[&str]| {
        let args = [
            "run", app, "--events", &events, "--out", &out, "--store", &url,
        ];
        run(&[&args, more].concat())
    };
    expect(&with(&app, &[]), 0, &[]);
    expect(&with(&other, &[]), 1, &["does not fit the app", "--evolve"]);
    expect(
        &with(&other, &["--evolve"]),
        0,
        &["starts empty: ", "forgotten: "],
    );
}

#[test]
fn one_run_at_a_time_writes_a_state() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let events = folder.file("e.jsonl", &events(200));
    let (out, url) = (folder.at("o.jsonl"), format!("file:{}", folder.at("s")));
    let lock = Path::new(&folder.at("s")).join("counts").join("lock");
    let mut first = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .args(["run", &app, "--events", "-", "--out", &out, "--store", &url])
        .args(["--checkpoint-interval", "1h"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    // it reads what nobody writes, and holds the state meanwhile
    let lock = lock.to_string_lossy().into_owned();
    assert!(reaches(&mut first, || length(&lock) > 0));
    let owner = format!(":{}#", first.id());
    let args = [
        "run", &app, "--events", &events, "--out", &out, "--store", &url,
    ];
    expect(&run(&args), 1, &["is in use by", &owner]);
    let takeover = [&args[..], &["--takeover"]].concat();
    expect(&run(&takeover), 1, &["cannot be taken over", &owner]);
    first.kill().expect("kill -9");
    first.wait().expect("it ends");
    expect(&run(&args), 0, &["starting empty"]);
}

#[test]
fn options_of_state_are_checked() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", &named(COUNT));
    let unnamed = folder.file("b.sql", &format!("@app:playback {COUNT}"));
    let events = folder.file("e.jsonl", &events(10));
    for (args, status, part) in [
        (
            vec![&app[..], "--store", "s3://x"],
            2,
            "no such store; there are: memory, file:DIR",
        ),
        (vec![&app, "--restore", "latest"], 2, "--store"),
        (
            vec![&app, "--store", "memory", "--restore", "first"],
            2,
            "a revision such as 1-42",
        ),
        (
            vec![&app, "--store", "memory", "--checkpoint-interval", "5"],
            2,
            "500ms, 1s or 5m",
        ),
        (vec![&unnamed, "--store", "memory"], 2, "@app:name"),
        (
            vec![&app, "--store", "memory", "--restore", "latest"],
            1,
            "no revision of app 'counts'",
        ),
        (
            vec![&app, "--store", "memory", "--compression", "lz4"],
            0,
            "starting empty",
        ),
    ] {
        let args = [&["run"], &args[..], &["--events", &events]].concat();
        expect(&run(&args), status, &[part]);
    }
}

#[test]
fn redis_keeps_what_a_run_that_was_killed_had() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass("canary-31").start();
    let folder = Scratch::new().expect("a folder");
    let queries =
        "INSERT INTO Totals SELECT sym, sum(price) AS total, count() AS n FROM S GROUP BY sym;";
    let app = format!(
        "@app:name('kept') @app:playback CREATE STREAM S (sym STRING, price DOUBLE, qty LONG);\n{queries}"
    );
    let (app, events) = (
        folder.file("a.sql", &app),
        folder.file("e.jsonl", &events(ROWS)),
    );
    let (whole, out) = (folder.at("whole.jsonl"), folder.at("out.jsonl"));
    let plain = ["run", &app, "--events", &events, "--out"];
    expect(&run(&[&plain[..], &[&whole]].concat()), 0, &[]);
    let url = redis.url();
    let kept = [&out, "--store", &url, "--checkpoint-interval", "20ms"];
    let args = [&plain[..], &kept, &["--redis-prefix", "restart:"]].concat();
    let epoch = || {
        let found = redis.cmd(&["HGET", "restart:{kept}:ctl", "epoch"]);
        found.text().parse().unwrap_or(0)
    };
    let (kills, restores) = killed(&args, &out, &epoch, &KILLED_AT);
    assert!(
        kills >= 2 && restores >= 2,
        "{kills} kills, {restores} restores"
    );
    same(&out, &whole);
    // it says where it went on, and not with which password
    let again = run(&args);
    let shown = format!("from redis://127.0.0.1:{}", redis.port());
    expect(&again, 0, &["restored revision", &shown]);
    assert!(!stderr(&again).contains("canary"), "{}", stderr(&again));
}

#[test]
fn sources_and_sinks_of_an_app_go_on_too() {
    let folder = Scratch::new().expect("a folder");
    // A run lasts for several checkpoints, whatever the machine: it is killed behind two more than the one before.
    let count = 4 * ROWS;
    let rows: String = (0..count)
        .map(|n| format!("{n},k{},{n}\n", n % 7))
        .collect();
    let from = folder.file("in.csv", &format!("at,sym,n\n7,bad,x\n{rows}"));
    let app = |name: &str, to: &str| {
        let text = format!(
            "@app:name('{name}') @app:playback
             CREATE STREAM S (sym STRING, n LONG) WITH ('type'='source', 'extension'='file', 'path'='{from}');
             CREATE STREAM Out (sym STRING, n LONG, total LONG)
                WITH ('type'='sink', 'extension'='file', 'path'='{to}');
             INSERT INTO Out SELECT sym, n, n * 2 AS total FROM S WHERE n % 5 != 2;"
        );
        (folder.file(&format!("{name}.sql"), &text), to.to_string())
    };
    let (plain, whole) = app("plain", &folder.at("whole.csv"));
    expect(
        &run(&["run", &plain, "--out", &folder.at("log")]),
        0,
        &["connector errors"],
    );
    for workers in ["inline", "1"] {
        let (kept, out) = app(
            &format!("kept-{workers}"),
            &folder.at(&format!("{workers}.csv")),
        );
        let (log, store) = (folder.at(&format!("log-{workers}")), folder.at("s"));
        let (url, state) = (format!("file:{store}"), format!("{store}/kept-{workers}"));
        let args = [
            "run",
            &kept,
            "--out",
            &log,
            "--workers",
            workers,
            "--store",
            &url,
            "--checkpoint-interval",
            "20ms",
        ];
        let (kills, restores) = killed(&args, &out, &|| epoch(&state), &[1, 100_000, 200_000]);
        assert!(
            kills >= 2 && restores >= 1,
            "{kills} kills, {restores} restores"
        );
        same(&out, &whole);
        let text = fs::read_to_string(&log).expect("written");
        assert_eq!(text.lines().count(), (count - count / 5) as usize);
    }
}

#[test]
fn several_files_go_on_together_and_a_signal_ends_a_run_in_between() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file(
        "a.sql",
        "@app:name('several') @app:playback
         CREATE STREAM S (sym STRING, price DOUBLE, qty LONG);
         CREATE STREAM T (n LONG);
         INSERT INTO Sums SELECT sym, sum(qty) AS total FROM S WINDOW('tumbling', 10 MILLISECONDS) GROUP BY sym;
         INSERT INTO Counts SELECT n, count() AS c FROM T WINDOW('length', 100);",
    );
    let events = folder.file("e.jsonl", &events(ROWS / 2));
    let csv: String = (0..ROWS / 2)
        .map(|n| format!("{},{n}\r\n", 1_000 + 4 * n))
        .collect();
    let csv = format!("T={}", folder.file("t.csv", &format!("at,n\r\n{csv}")));
    let json: String = (0..ROWS / 4)
        .map(|n| format!("{{\"at\":{},\"n\":{n}}}\n", 999 + 8 * n))
        .collect();
    let json = format!("T={}", folder.file("t.jsonl", &json));
    let inputs = [
        "run", &app, "--events", &events, "--input", &csv, "--input", &json, "--flush",
    ];
    // between streams that have nothing to do with each other only an inline run has an order
    for (signal, workers, print) in [("-KILL", "inline", "Sums,Counts"), ("-INT", "1", "Sums")] {
        let (out, store) = (folder.at(signal), folder.at(&format!("s{signal}")));
        let (url, state) = (format!("file:{store}"), format!("{store}/several"));
        let whole = folder.at(&format!("whole{signal}"));
        let inputs = [&inputs[..], &["--workers", workers, "--print", print]].concat();
        expect(&run(&[&inputs[..], &["--out", &whole]].concat()), 0, &[]);
        let kept = [
            "--out",
            &out,
            "--store",
            &url,
            "--checkpoint-interval",
            "20ms",
        ];
        let args = [&inputs[..], &kept].concat();
        let mut ended = 0;
        for bytes in [1, 150_000, 300_000] {
            let least = epoch(&state) + 2;
            let mut child = Running::start(&args);
            if reaches(child.child(), || {
                length(&out) >= bytes && epoch(&state) >= least
            }) {
                let sent = Command::new("kill")
                    .args([signal, &child.child().id().to_string()])
                    .status();
                assert!(sent.expect("kill runs").success());
            }
            let output = child.wait();
            ended += usize::from(!output.status.success());
            if signal == "-INT" && !output.status.success() {
                expect(&output, 130, &["by a signal, after draining"]);
            }
        }
        assert!(ended >= 2, "{ended} runs were ended");
        expect(&run(&args), 0, &["restored revision"]);
        same(&out, &whole);
    }
}
