//! Inputs as users have them: files that grow, are renamed, cut, replaced; texts of other dialects; paths that would
//! destroy each other; pipes that nobody writes. And what the exit status says of each.

#[path = "common/child.rs"]
mod child;

use child::{Running, expect, run};
use eventflux_testbed::{HANG, Scratch, until};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

const APP: &str = "@app:name('a') @app:playback CREATE STREAM S (n INT, t STRING);
    INSERT INTO Out SELECT n, t FROM S;";

fn append(folder: &Scratch, name: &str, text: &str) {
    let file = fs::OpenOptions::new().append(true).open(folder.at(name));
    let mut file = file.expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

fn read(folder: &Scratch, name: &str) -> String {
    fs::read_to_string(folder.at(name)).unwrap_or_default()
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([name, &process.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// An event, and the row that comes of it.
fn event(n: u32) -> String {
    format!("{{\"stream\":\"S\",\"at\":{n},\"row\":[{n},\"t{n}\"]}}\n")
}

fn row(n: u32) -> String {
    event(n).replace("\"S\"", "\"Out\"")
}

fn rows(of: impl IntoIterator<Item = u32>) -> String {
    of.into_iter().map(row).collect()
}

#[test]
fn a_file_that_grows_is_read_once_wherever_a_run_finds_its_end() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let text: String = (1..=4).map(event).collect();
    let csv_text = "at,n,t\n1,1,t1\n2,2,t2\n3,3,t3\n4,4,t4\n";
    for (name, text, input) in [("e.jsonl", text.as_str(), ""), ("e.csv", csv_text, "S=")] {
        // a step of 7 bytes ends in the middle of most lines
        let cuts = (0..text.len()).step_by(7).chain([text.len()]);
        let (out, url) = (
            folder.at(&format!("{name}.out")),
            format!("file:{}", folder.at(&format!("{name}.state"))),
        );
        let file = folder.file(name, "");
        let given = format!("{input}{file}");
        let option = if input.is_empty() {
            "--events"
        } else {
            "--input"
        };
        let args = ["run", &app, option, &given, "--store", &url, "--out", &out];
        let mut written = 0;
        for cut in cuts {
            append(&folder, name, &text[written..cut]);
            written = cut;
            let output = run(&args);
            // a file without a header is no CSV
            if name == "e.csv" && cut < 7 {
                expect(&output, 1, &["header: "]);
                continue;
            }
            expect(&output, 0, &[]);
            let whole = text[..cut].matches('\n').count();
            let known = read(&folder, &format!("{name}.out"));
            let lines = known.lines().count() + usize::from(name == "e.csv");
            // a line of JSON is whole without its end
            assert!(
                lines == whole || (name == "e.jsonl" && lines == whole + 1),
                "{cut}: {known}"
            );
        }
        assert_eq!(read(&folder, &format!("{name}.out")), rows(1..=4));
    }
}

#[test]
fn a_last_line_counts_where_no_run_comes_after() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    for (name, text, stdout, bad) in [
        ("a.jsonl", event(1) + event(2).trim_end(), rows(1..=2), None),
        (
            "b.jsonl",
            event(1) + "{\"stream\":",
            rows([1]),
            Some(":2: EOF"),
        ),
        ("c.csv", "at,n,t\n1,1,t1\n2,2,t2".into(), rows(1..=2), None),
        (
            "d.csv",
            "at,n,t\n1,1,t1\n2,2".into(),
            rows([1]),
            Some(":3: 2 cells"),
        ),
        (
            "e.csv",
            "at,n,t\n1,1,t1\n2,2,\"t".into(),
            rows([1]),
            Some(":3: a quote"),
        ),
    ] {
        let file = folder.file(name, &text);
        let csv = format!("S={file}");
        let args = match name.ends_with("csv") {
            true => ["run", &app, "--input", &csv],
            false => ["run", &app, "--events", &file],
        };
        let output = run(&args);
        expect(&output, 0, bad.as_slice());
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{name}");
    }
}

#[test]
fn files_of_other_days_and_under_other_names_are_told_apart() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let url = format!("file:{}", folder.at("state"));
    let out = folder.at("out");
    let with = |files: &[&str], more: &[&str]| {
        let mut args = vec!["run", &app, "--store", &url, "--out", &out];
        for file in files {
            args.extend(["--events", file]);
        }
        run(&[&args[..], more].concat())
    };
    let (monday, tuesday) = (folder.file("mon", &event(1)), folder.file("tue", &event(2)));
    expect(&with(&[&monday], &[]), 0, &[]);
    expect(&with(&[&tuesday], &[]), 0, &[]);
    assert_eq!(read(&folder, "out"), rows([1, 2]));
    // one of an earlier run is known, also by a run that did not have it
    let again = "mon was read up to line 1 by an earlier run";
    expect(&with(&[&monday], &[]), 0, &[again]);
    expect(&with(&[&tuesday], &[]), 0, &["tue was read up to line 1"]);
    assert_eq!(read(&folder, "out"), rows([1, 2]));
    // the order on the command line is none of names
    append(&folder, "tue", &event(3));
    let wednesday = folder.file("wed", &event(4));
    expect(&with(&[&wednesday, &tuesday], &[]), 0, &[]);
    assert_eq!(read(&folder, "out"), rows([1, 2, 3, 4]));
    // renamed, with a new one in its place
    append(&folder, "wed", &event(5));
    let old = folder.at("wed.1");
    fs::rename(&wednesday, &old).expect("renamed");
    folder.file("wed", &event(6));
    expect(
        &with(&[&old, &wednesday, &tuesday], &[]),
        0,
        &["is what was"],
    );
    assert_eq!(read(&folder, "out"), rows(1..=6));
    // replaced: not in the middle of a line, not silently
    folder.file("wed", &(event(70) + &event(71)));
    let told = "is not the file that was read up to line 1 under this name; --replaced begin";
    expect(&with(&[&old, &wednesday, &tuesday], &[]), 1, &[told]);
    assert_eq!(read(&folder, "out"), rows(1..=6));
    let begun = with(&[&old, &wednesday, &tuesday], &["--replaced", "begin"]);
    expect(&begun, 0, &["begun anew"]);
    assert_eq!(read(&folder, "out"), rows((1..=6).chain([70, 71])));
    // cut
    folder.file("wed", "");
    expect(&with(&[&wednesday], &[]), 1, &["--replaced begin"]);
    // one that has more, and is left out
    append(&folder, "tue", &event(80));
    folder.file("wed", &(event(70) + &event(71)));
    let grown = "has grown since it was read to its end";
    expect(&with(&[&wednesday], &[]), 1, &[grown]);
    expect(&with(&[&tuesday], &[]), 0, &[]);
    assert_eq!(read(&folder, "out"), rows((1..=6).chain([70, 71, 80])));
}

#[test]
fn a_header_and_blank_lines_at_the_end_are_read_as_all_else() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let next = folder.file("t.csv", "at,n,t\n2,2,t2\n");
    let (header, blank) = ("at,n,t\n", "at,n,t\n1,1,t1\n\n\n\n");
    for (case, text) in [header, blank, header, blank].into_iter().enumerate() {
        let (store, out, grows) = (format!("state-{case}"), format!("out-{case}"), case > 1);
        let (url, to) = (format!("file:{}", folder.at(&store)), folder.at(&out));
        let args = ["run", &app, "--store", &url, "--out", &to, "--input"];
        let with = |file: &str| run(&[&args[..], &[&format!("S={file}")]].concat());
        let name = format!("{case}.csv");
        let first = folder.file(&name, text);
        expect(&with(&first), 0, &[]);
        if grows {
            append(&folder, &name, "3,3,t3\n");
            expect(&with(&next), 1, &["has grown since"]);
            expect(&with(&first), 0, &[]);
        }
        expect(&with(&next), 0, &[]);
        let n = [(text == blank).then_some(1), grows.then_some(3), Some(2)];
        let n: Vec<u32> = n.into_iter().flatten().collect();
        assert_eq!(read(&folder, &out), rows(n));
    }
}

#[test]
fn texts_of_other_dialects_are_read_as_they_are_said_to_be() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let iso = "when;n;t\n1970-01-01T00:00:01Z;1;'a;b'\n1970-01-01 00:00:02;2;''\n1970-01-01 00:00:03;3;\n";
    let seconds = "1\t1\tx\n2.5\t2\t\"y\"\n";
    let line = |at: &str, n: u32, t: &str| {
        format!("{{\"stream\":\"Out\",\"at\":{at},\"row\":[{n},{t}]}}\n")
    };
    for (name, text, options, expected) in [
        (
            "a.csv",
            iso,
            vec!["--delimiter", ";", "--quote", "'", "--time-column", "when"],
            line("1000", 1, "\"a;b\"") + &line("2000", 2, "\"\"") + &line("3000", 3, "null"),
        ),
        (
            "b.txt",
            seconds,
            vec![
                "--input-format",
                "csv",
                "--delimiter",
                "tab",
                "--quote",
                "none",
                "--header",
                "false",
                "--time-column",
                "1",
                "--time-unit",
                "s",
            ],
            line("1000", 1, "\"x\"") + &line("2500", 2, "\"\\\"y\\\"\""),
        ),
        (
            "c.csv",
            "n,at,more\n1,1000,7\n",
            vec!["--keys", "lenient"],
            line("1000", 1, "null"),
        ),
        (
            "d.jsonl",
            "{\"n\":1,\"ts\":5,\"more\":[1]}\n",
            vec!["--time-column", "ts", "--time-unit", "s"],
            line("5000", 1, "null"),
        ),
    ] {
        let input = format!("S={}", folder.file(name, text));
        let output = run(&[&["run", &app, "--input", &input], &options[..]].concat());
        expect(&output, 0, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{name}");
    }
    // the same in WITH (…), and a sink that writes what it reads
    let (from, to) = (folder.at("a.csv"), folder.at("o.csv"));
    let text = |extra: &str| {
        format!(
            "@app:playback CREATE STREAM S (n INT, t STRING) WITH ('type'='source', 'extension'='file',
             'path'='{from}', 'delimiter'=';', 'quote'='''', 'timestamp'='when'{extra});
             CREATE STREAM Out (n INT, t STRING) WITH ('type'='sink', 'extension'='file', 'path'='{to}',
             'delimiter'='tab', 'quote'='|', 'header'='false'); INSERT INTO Out SELECT n, t FROM S;"
        )
    };
    let app = folder.file("w.sql", &text(""));
    expect(&run(&["run", &app]), 0, &[]);
    assert_eq!(
        read(&folder, "o.csv"),
        "1000\t\t1\ta;b\n2000\t\t2\t||\n3000\t\t3\t\n"
    );
    let app = folder.file("x.sql", &text(", 'header'='perhaps'"));
    expect(
        &run(&["run", &app]),
        2,
        &["'header' is 'perhaps', expected true or false", "line 2"],
    );
}

#[test]
fn an_option_of_no_text_is_refused_and_keys_are_counted() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let events = folder.file(
        "e.jsonl",
        "{\"stream\":\"S\",\"at\":1,\"row\":{\"n\":1,\"x\":2,\"y\":3}}\n\
         {\"batch\":[{\"stream\":\"S\",\"at\":2,\"row\":[2]},{\"stream\":\"S\",\"at\":2,\"row\":[3,\"c\"]}]}\n",
    );
    let run = |more: &[&str]| run(&[&["run", &app, "--events", &events], more].concat());
    let lenient = run(&[]);
    let bad = "e.jsonl:2: row 1 of the batch: 1 values for 2 attributes";
    expect(&lenient, 0, &["keys left out", bad]);
    let out = String::from_utf8_lossy(&lenient.stdout).into_owned();
    assert!(
        out.contains("[1,null]") && out.contains("[3,\"c\"]"),
        "{out}"
    );
    let strict = run(&["--keys", "strict"]);
    expect(&strict, 0, &["e.jsonl:1: unknown attribute 'x'"]);
    for (more, part) in [
        (
            ["--delimiter", ";"],
            "--delimiter is about CSV, and there is none",
        ),
        (
            ["--keys", "some"],
            "--keys some: expected lenient or strict",
        ),
        (
            ["--time-unit", "d"],
            "--time-unit d: expected ms, s, us or ns",
        ),
        (["--replaced", "begin"], "--store"),
        (["--input", "S=-"], "standard input is given more than once"),
    ] {
        let more = match more[0] {
            "--input" => [&more[..], &["--events", "-"]].concat(),
            _ => more.to_vec(),
        };
        expect(&run(&more), 2, &[part]);
    }
}

#[test]
fn a_run_that_reads_nothing_good_or_loses_rows_fails() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let bad = folder.file(
        "bad.jsonl",
        "no event\n{\"stream\":\"S\",\"row\":[1,\"x\"]}\n",
    );
    expect(
        &run(&["run", &app, "--events", &bad]),
        1,
        &["no line was good: all 2 were bad"],
    );
    let empty = folder.file("empty.jsonl", "");
    expect(&run(&["run", &app, "--events", &empty]), 0, &[]);
    let good = folder.file("good.jsonl", &event(1));
    let app = |name: &str, from: &str, to: &str| {
        let text = format!(
            "@app:playback CREATE STREAM S (n INT, t STRING) WITH ('type'='source', 'extension'='file', 'path'='{from}');
             CREATE STREAM Out (n INT, t STRING) WITH ('type'='sink', 'extension'='file', 'path'='{to}');
             INSERT INTO Out SELECT n, t FROM S;"
        );
        folder.file(name, &text)
    };
    let out = folder.at("out");
    let nowhere = folder.at("nowhere/at/all");
    for (from, to, status, part) in [
        (&bad, &out, 1, "no line was good"),
        (&nowhere, &out, 1, "nowhere/at/all: "),
        (&good, &nowhere, 1, "nowhere/at/all: "),
    ] {
        let app = app("s.sql", from, to);
        expect(&run(&["run", &app]), status, &[part]);
    }
    #[cfg(target_os = "linux")]
    {
        let full = "/dev/full".to_string();
        let told = "sinks could not write";
        expect(&run(&["run", &app("full.sql", &good, &full)]), 1, &[told]);
        let app = folder.file("a.sql", APP);
        let lost = "No space left on device";
        expect(
            &run(&["run", &app, "--events", &good, "--out", &full]),
            1,
            &[lost],
        );
        for (command, status) in [("check", 1), ("explain", 1), ("run", 1)] {
            let to = fs::OpenOptions::new().write(true).open(&full);
            let to = to.expect("a device");
            let both = to.try_clone().expect("a device");
            let mut args = vec![command, &app];
            if command == "run" {
                args.extend(["--events", &good]);
            }
            let ended = Command::new(env!("CARGO_BIN_EXE_eventflux"))
                .args(args)
                .stdout(to)
                .stderr(both)
                .status();
            assert_eq!(ended.expect("it ends").code(), Some(status), "{command}");
        }
        let to = fs::OpenOptions::new().write(true).open(&full);
        let ended = Command::new(env!("CARGO_BIN_EXE_eventflux"))
            .args(["run", &app, "--events", &good])
            .stdout(Stdio::null())
            .stderr(to.expect("a device"))
            .status();
        assert_eq!(
            ended.expect("it ends").code(),
            Some(0),
            "errors are for people"
        );
    }
}

#[cfg(unix)]
#[test]
fn paths_that_would_destroy_each_other_are_refused() {
    use std::os::unix::fs::symlink;
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let events = folder.file("e.jsonl", &event(1));
    let (hard, soft, ahead) = (folder.at("hard"), folder.at("soft"), folder.at("ahead"));
    fs::hard_link(&events, &hard).expect("linked");
    symlink(&events, &soft).expect("linked");
    symlink(folder.at("new"), &ahead).expect("linked");
    let url = format!("file:{}", folder.at("state"));
    fs::create_dir_all(folder.at("state")).expect("a folder");
    let around = format!(
        "{}/../{}/e.jsonl",
        folder.path().display(),
        folder.path().file_name().expect("named").display()
    );
    let (new, inside) = (folder.at("new"), folder.at("state/x"));
    let same = folder.at("m.new");
    let leads_inside = folder.at("leads");
    symlink("state/x", &leads_inside).expect("linked");
    // A folder that is not there yet.
    let no_url = format!("file:{}", folder.at("none/state"));
    let no_inside = folder.at("none/state/x");
    let no_around = folder.at("state/../none/state/../state/x/y");
    let metrics = same.trim_end_matches(".new");
    let (both, writers) = ("a file is both input and output", "both would write it");
    let owned = "a folder of state holds nothing else";
    for (more, why) in [
        (&["--out", &app][..], both),
        (&["--out", &events], both),
        (&["--out", &hard], both),
        (&["--out", &soft], both),
        (&["--out", &around], both),
        (&["--metrics", &app], both),
        (&["--metrics", &events], both),
        (&["--metrics", &hard], both),
        (&["--out", &new, "--metrics", &new], writers),
        (&["--out", &new, "--metrics", &ahead], writers),
        (&["--out", &same, "--metrics", metrics], writers),
        (&["--store", &url, "--out", &inside], owned),
        (&["--store", &url, "--metrics", &inside], owned),
        (&["--store", &url, "--out", &leads_inside], owned),
        (&["--store", &no_url, "--out", &no_inside], owned),
        (&["--store", &no_url, "--metrics", &no_around], owned),
    ] {
        let args = [&["run", &app, "--events", &events], more].concat();
        expect(&run(&args), 2, &[why]);
    }
    for (from, to) in [(&events, &hard), (&events, &events), (&soft, &events)] {
        let sink = |name: &str, to: &str| {
            format!(
                "CREATE STREAM {name} (n INT, t STRING) WITH ('type'='sink', 'extension'='file', 'path'='{to}');
                 INSERT INTO {name} SELECT n, t FROM S;"
            )
        };
        let source = "@app:playback CREATE STREAM S (n INT, t STRING)";
        let fed = format!(
            "{source} WITH ('type'='source', 'extension'='file', 'path'='{from}'); {}",
            sink("Out", to)
        );
        expect(
            &run(&["run", &folder.file("b.sql", &fed)]),
            2,
            &["the sink of stream Out"],
        );
        let two = format!("{source}; {} {}", sink("Out", &new), sink("Other", &ahead));
        let two = folder.file("c.sql", &two);
        expect(
            &run(&["run", &two, "--events", &events]),
            2,
            &["both would write it"],
        );
    }
    assert_eq!(
        (read(&folder, "e.jsonl"), read(&folder, "a.sql")),
        (event(1), APP.to_string())
    );
    assert!(!folder.path().join("new").exists() && !folder.path().join("none").exists());
    // a link and a device stay what they are
    expect(
        &run(&[
            "run",
            &app,
            "--events",
            &events,
            "--metrics",
            &ahead,
            "--out",
            "/dev/null",
        ]),
        0,
        &[],
    );
    assert!(fs::symlink_metadata(&ahead).expect("there").is_symlink());
    assert!(read(&folder, "new").contains("eventflux_rows_in_total"));
}

#[cfg(unix)]
#[test]
fn what_holds_values_belongs_to_its_owner() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Scratch::new().expect("a folder");
    let app = folder.file("a.sql", APP);
    let events = folder.file("e.jsonl", &event(1));
    let mode = |path: &str| {
        let about = fs::metadata(folder.at(path)).expect("made");
        about.permissions().mode() & 0o777
    };
    for (name, group, (file_mode, folder_mode)) in [
        ("own", 0o755, (0o600, 0o700)),
        ("group", 0o2750, (0o640, 0o750)),
    ] {
        let state = folder.at(name);
        fs::create_dir_all(&state).expect("a folder");
        fs::set_permissions(&state, fs::Permissions::from_mode(group)).expect("ours");
        let url = format!("file:{state}");
        let args = [
            "run",
            &app,
            "--events",
            &events,
            "--store",
            &url,
            "--out",
            "/dev/null",
        ];
        expect(&run(&args), 0, &[]);
        assert_eq!(mode(&format!("{name}/a")), folder_mode);
        for file in fs::read_dir(folder.at(&format!("{name}/a"))).expect("a folder") {
            let file = file.expect("a file").file_name();
            let file = file.to_string_lossy();
            assert_eq!(mode(&format!("{name}/a/{file}")), file_mode, "{file}");
        }
    }
    let url = format!("file:{}", folder.at("own"));
    let (export, metrics) = (folder.at("export"), folder.at("metrics"));
    expect(
        &run(&["state", "export", &url, "a", "--to", &export]),
        0,
        &[],
    );
    expect(
        &run(&["run", &app, "--events", &events, "--metrics", &metrics]),
        0,
        &[],
    );
    assert_eq!((mode("export"), mode("metrics")), (0o600, 0o600));
    // an export replaces neither the state nor what is no file
    for to in [folder.at("own/a/catalogue"), "/dev/null".to_string()] {
        let refused = run(&["state", "export", &url, "a", "--to", &to]);
        expect(&refused, 2, &["--to"]);
    }
    // a link may lead to where others write
    fs::rename(folder.at("own/a"), folder.at("elsewhere")).expect("moved");
    symlink(folder.at("elsewhere"), folder.at("own/a")).expect("linked");
    let args = [
        "run",
        &app,
        "--events",
        &events,
        "--store",
        &url,
        "--out",
        "/dev/null",
    ];
    expect(
        &run(&args),
        1,
        &["a symbolic link", "put what it leads to in its place"],
    );
    fs::remove_file(folder.at("own/a")).expect("a link");
    fs::rename(folder.at("elsewhere"), folder.at("own/a")).expect("moved");
    expect(&run(&args), 0, &["restored revision"]);
}

/// Whether a process has a handler of SIGTERM, as Linux tells; elsewhere nobody knows.
#[cfg(unix)]
fn handles_term(id: u32) -> bool {
    const SIGTERM: u32 = 15;
    let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) else {
        return true;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    caught.is_none_or(|set| set & (1 << (SIGTERM - 1)) != 0)
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_that_waits_for_a_pipe() {
    let folder = Scratch::new().expect("a folder");
    let fifo = folder.at("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    let app = folder.file("a.sql", APP);
    let sink = format!(
        "{}; CREATE STREAM To (n INT) WITH ('type'='sink', 'extension'='file', 'path'='{fifo}'); INSERT INTO To SELECT n FROM S;",
        APP.trim_end_matches(';')
    );
    let source = format!(
        "@app:playback CREATE STREAM S (n INT) WITH ('type'='source', 'extension'='file', 'path'='{fifo}');
         INSERT INTO Out SELECT n FROM S;"
    );
    let zero = source.replace(&fifo, "/dev/zero");
    let rows = format!("S={fifo}");
    let (sink, source) = (folder.file("k.sql", &sink), folder.file("s.sql", &source));
    let zero = folder.file("z.sql", &zero);
    let events = folder.file("e.jsonl", &event(1));
    for args in [
        vec!["run", &app, "--events", &fifo],
        vec!["run", &app, "--input", &rows, "--input-format", "csv"],
        // a line without end, and a header
        vec!["run", &app, "--events", "/dev/zero"],
        vec![
            "run",
            &app,
            "--input",
            "S=/dev/zero",
            "--input-format",
            "csv",
        ],
        vec!["run", &source],
        vec!["run", &zero],
        vec!["run", &sink, "--events", &events],
        vec!["run", &app, "--events", &events, "--out", &fifo],
    ] {
        let mut child = Running::start(&args);
        let id = child.child().id();
        until(HANG, "a handler of SIGTERM", || handles_term(id));
        signal(id, "-TERM");
        expect(&child.wait(), 143, &[]);
    }
}

#[test]
fn a_followed_file_is_read_on_through_rotation_and_cuts() {
    let folder = Scratch::new().expect("a folder");
    let from = folder.file("in.jsonl", "");
    let out = folder.at("out.csv");
    let app = folder.file(
        "a.sql",
        &format!(
            "@app:name('f') @app:playback
             CREATE STREAM S (n INT) WITH ('type'='source', 'extension'='file', 'path'='{from}', 'follow'='true');
             CREATE STREAM Out (n INT) WITH ('type'='sink', 'extension'='file', 'path'='{out}', 'header'='false');
             INSERT INTO Out SELECT n FROM S;"
        ),
    );
    let url = format!("file:{}", folder.at("state"));
    let log = folder.at("log");
    let args = [
        "run",
        &app,
        "--store",
        &url,
        "--out",
        &log,
        "--checkpoint-interval",
        "20ms",
    ];
    let line = |n: u32| format!("{{\"at\":{n},\"n\":{n}}}\n");
    let shown = |n: u32| {
        until(HANG, "rows", || {
            read(&folder, "out.csv").lines().count() as u32 >= n
        });
    };
    let mut child = Running::start(&args);
    let mut n = 0;
    let mut expected = String::new();
    for round in 0..7 {
        match round % 4 {
            // half a line, and the rest of it once the half was seen; then the revision with it is there
            0 => {
                n += 2;
                let text = line(n);
                let (head, tail) = text.split_at(6);
                append(&folder, "in.jsonl", &line(n - 1));
                append(&folder, "in.jsonl", head);
                shown(n - 1);
                append(&folder, "in.jsonl", tail);
                shown(n);
            }
            // rows, killed at any moment, started again
            1 => {
                for _ in 0..50 {
                    n += 1;
                    append(&folder, "in.jsonl", &line(n));
                }
                drop(child);
                child = Running::start(&args);
            }
            // renamed, with a row more, and another one in its place
            _ => {
                let old = format!("in.jsonl.{round}");
                fs::rename(&from, folder.at(&old)).expect("renamed");
                n += 2;
                append(&folder, &old, &line(n - 1));
                folder.file("in.jsonl", &line(n));
                shown(n);
            }
        }
    }
    for n in 1..=n {
        expected += &format!("{n},,{n}\n");
    }
    let last = format!("\n{n},,{n}\n");
    signal(child.child().id(), "-INT");
    expect(&child.wait(), 130, &[]);
    // to its end, once
    let text = fs::read_to_string(&app)
        .expect("written")
        .replace("'follow'='true'", "'follow'='false'");
    fs::write(&app, text).expect("written");
    expect(&run(&args), 0, &["restored revision"]);
    assert!(read(&folder, "out.csv").ends_with(&last));
    assert_eq!(read(&folder, "out.csv"), expected);
    // cut: told, and begun anew where that is allowed
    folder.file("in.jsonl", &line(n + 1));
    expect(
        &run(&args),
        1,
        &["is not the file that was read", "'replaced'='begin'"],
    );
    let text = fs::read_to_string(&app).expect("written");
    fs::write(&app, text.replace("'follow'='false'", "'replaced'='begin'")).expect("written");
    expect(&run(&args), 0, &["begun anew", "inputs begun anew"]);
    n += 1;
    assert_eq!(read(&folder, "out.csv"), expected + &format!("{n},,{n}\n"));
}
