//! Habits of a good command: help that fits a screen, completions, a manual, signals, files that are spared, colour.

#[path = "habits/checked.rs"]
mod checked;
#[path = "common/child.rs"]
mod child;

use child::{Running, expect, run};
use eventflux_testbed::Scratch;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const APP: &str = "@app:name('A') @app:playback CREATE STREAM S (v INT);
    INSERT INTO Out SELECT sum(v) AS s FROM S WINDOW('tumbling', 10 SECONDS);";
const EVENTS: &str =
    "{\"stream\":\"S\",\"at\":1000,\"row\":[1]}\n{\"stream\":\"S\",\"at\":12000,\"row\":[2]}\n";
const ROWS: &str = "{\"stream\":\"Out\",\"at\":10000,\"row\":[1]}\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn stdout(args: &[&str]) -> String {
    let output = run(args);
    expect(&output, 0, &[]);
    text(&output.stdout)
}

/// All commands, as their help names them: the words of each.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut at = 0;
    while at < all.len() {
        let mut args: Vec<&str> = all[at].iter().map(String::as_str).collect();
        args.push("-h");
        let help = stdout(&args);
        let listed = help
            .split_once("\nCommands:\n")
            .map_or("", |(_, rest)| rest);
        let names = listed.lines().take_while(|line| !line.is_empty());
        for name in names.filter_map(|line| line.split_whitespace().next()) {
            if name != "help" {
                let below = all[at].iter().cloned().chain([name.to_string()]);
                let below = below.collect();
                all.push(below);
            }
        }
        at += 1;
    }
    all
}

#[test]
fn short_help_fits_a_screen_and_long_help_has_examples() {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let short = stdout(&[&words[..], &["-h"]].concat());
        assert!(short.lines().count() <= 24, "{words:?}\n{short}");
        let widest = short.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{words:?}\n{short}");
        let long = stdout(&[&words[..], &["--help"]].concat());
        let is_group = long.contains("\nCommands:\n");
        assert!(is_group || long.contains("\nExample"), "{words:?}\n{long}");
    }
    // What one needs first stands first, and what belongs to Redis alone under its name
    let run = stdout(&["run", "--help"]);
    let places = [
        "--events",
        "--input",
        "--clock",
        "--flush",
        "--out",
        "--workers",
        "\nText of",
        "\nPatterns",
        "\nState",
        "\nRedis",
    ];
    let places = places.map(|part| (run.find(&format!("{part} ")).or(run.find(part)), part));
    assert!(places.is_sorted(), "{places:?}");
    let ls = stdout(&["state", "ls", "--help"]);
    let redis = ls
        .split_once("\nRedis:")
        .expect("it has options of Redis")
        .1;
    assert!(!redis.contains("\n      --json\n"), "{ls}");
}

#[test]
fn completions_and_pages_are_made_of_the_same_definition() {
    for (shell, part) in [
        ("bash", "complete -F _eventflux"),
        ("zsh", "#compdef eventflux"),
        ("fish", "complete -c eventflux"),
    ] {
        let script = stdout(&["completions", shell]);
        for word in [part, "checkpoint-interval", "doctor", "time-column"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let script = stdout(&["completions", "bash"]);
    let asked = format!(
        "{script}\nCOMP_WORDS=(eventflux run app.sql --redis-); COMP_CWORD=3; _eventflux eventflux --redis- app.sql; \
         printf '%s ' \"${{COMPREPLY[@]}}\""
    );
    let completed = Command::new("bash")
        .args(["-c", &asked])
        .output()
        .expect("bash is there");
    let completed = text(&completed.stdout);
    assert!(
        completed.contains("--redis-prefix") && completed.contains("--redis-ca"),
        "{completed}"
    );
    assert!(!completed.contains("--events"), "{completed}");

    let page = stdout(&["man"]);
    assert!(
        page.contains(".TH eventflux 1") && page.contains("143 SIGTERM"),
        "{page}"
    );
    let folder = Scratch::new().expect("a folder");
    let dir = folder.at("man1");
    expect(&run(&["man", "--dir", &dir]), 0, &[]);
    for command in commands() {
        let name = [&["eventflux".to_string()][..], &command]
            .concat()
            .join("-");
        let page = fs::read_to_string(format!("{dir}/{name}.1")).expect(&name);
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
}

#[test]
fn the_version_names_the_commit_of_a_checkout() {
    let version = stdout(&["--version"]);
    let expected = format!("eventflux {}", env!("CARGO_PKG_VERSION"));
    assert!(version.starts_with(&expected), "{version}");
    let git = Command::new("git")
        .args(["log", "-1", "--format=%h"])
        .output();
    let tracked = Command::new("git")
        .args(["ls-files", "--error-unmatch", "build.rs"])
        .output();
    if let (Ok(git), Ok(tracked)) = (git, tracked)
        && git.status.success()
        && tracked.status.success()
    {
        assert!(
            version.contains(&format!("({} ", text(&git.stdout).trim())),
            "{version}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_signal_is_told_by_the_exit_status() {
    let folder = Scratch::new().expect("a folder");
    let app = "CREATE STREAM Tick (n LONG) WITH ('type'='source', 'extension'='timer', 'interval'='5 MILLISECONDS');
        INSERT INTO Out SELECT n FROM Tick;";
    let (app, out) = (folder.file("a.sql", app), folder.at("out.jsonl"));
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut child = Running::start(&["run", &app, "--out", &out, "--force"]);
        let begun = Instant::now();
        // While it is fed by a source it writes what it has.
        while fs::metadata(&out).map_or(0, |about| about.len()) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no row came");
            std::thread::yield_now();
        }
        let id = child.child().id().to_string();
        let kill = Command::new("kill")
            .args([&format!("-{signal}"), &id])
            .status();
        assert!(kill.expect("kill runs").success());
        expect(&child.wait(), status, &["by a signal, after draining"]);
        fs::remove_file(&out).expect("it was made");
    }
}

#[test]
fn a_file_with_something_in_it_is_emptied_by_force_only() {
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.file("a.sql", APP), folder.file("e.jsonl", EVENTS));
    let (out, url) = (
        folder.at("out.jsonl"),
        format!("file:{}", folder.at("state")),
    );
    let other = folder.file("other.jsonl", "mine\n");
    let empty = folder.file("empty.jsonl", "");
    let read = |path: &str| fs::read_to_string(path).expect("it is there");
    let plain = ["run", &app, "--events", &events, "--out"];
    let refused = ["there is something in it", "--force"];
    expect(&run(&[&plain[..], &[&other]].concat()), 2, &refused);
    assert_eq!(read(&other), "mine\n");
    expect(&run(&[&plain[..], &[&empty]].concat()), 0, &[]);
    assert_eq!(read(&empty), ROWS);
    expect(&run(&[&plain[..], &[&empty]].concat()), 2, &refused);
    expect(&run(&[&plain[..], &[&empty, "--force"]].concat()), 0, &[]);
    expect(&run(&[&plain[..], &["/dev/null"]].concat()), 0, &[]);

    // A store that knows the app goes on; one that does not is not even claimed.
    let stored = [&plain[..], &[&other, "--store", &url]].concat();
    let unknown = [&refused[..], &["knows no app A"]].concat();
    expect(&run(&stored), 2, &unknown);
    expect(&run(&stored), 2, &unknown);
    assert_eq!(read(&other), "mine\n");
    let stored = [&plain[..], &[&out, "--store", &url]].concat();
    expect(&run(&stored), 0, &["starting empty"]);
    expect(&run(&stored), 0, &["restored revision"]);
    assert_eq!(read(&out), ROWS);

    let made = folder.at("made.jsonl");
    let generate = ["gen", "trades", "--rows", "3", "--out", &made];
    expect(&run(&generate), 0, &[]);
    expect(&run(&generate), 2, &refused);
    expect(&run(&[&generate[..], &["--force"]].concat()), 0, &[]);
}

#[test]
fn windows_that_stay_open_are_told_at_the_end() {
    let folder = Scratch::new().expect("a folder");
    let events = folder.file("e.jsonl", EVENTS);
    let stays = "left open";
    for (clause, is_open) in [
        ("WINDOW('tumbling', 10 SECONDS)", true),
        ("WINDOW('hop', 10 SECONDS, 5 SECONDS)", true),
        ("WINDOW('lengthBatch', 3)", true),
        ("WINDOW('lengthBatch', 2)", false),
        ("WINDOW('sessionBatch', 5 SECONDS)", true),
        ("WINDOW('timeBatch', 5 SECONDS)", true),
        ("WINDOW('delay', 5 SECONDS)", true),
        ("WINDOW('time', 5 SECONDS)", false),
        ("WINDOW('session', 5 SECONDS)", false),
        ("", false),
    ] {
        let app = format!(
            "@app:playback CREATE STREAM S (v INT); @info(name='q') INSERT INTO Out SELECT sum(v) AS s FROM S {clause};"
        );
        let app = folder.file("a.sql", &app);
        for workers in ["inline", "1", "2"] {
            let args = ["run", &app, "--events", &events, "--workers", workers];
            let output = run(&args);
            let told = text(&output.stderr);
            assert_eq!(told.contains(stays), is_open, "{clause} {workers}: {told}");
            let how = told.contains("windows of q; --flush closes them");
            assert_eq!(how, is_open, "{clause}: {told}");
            let flushed = run(&[&args[..], &["--flush"]].concat());
            assert!(!text(&flushed.stderr).contains(stays), "{clause}");
            let more = flushed.stdout.len() > output.stdout.len();
            assert_eq!(more, is_open, "{clause}: {}", text(&flushed.stdout));
        }
    }
    let app = folder.file("p.sql", "@app:playback CREATE STREAM S (v INT);
        PARTITION WITH (v OF S) BEGIN INSERT INTO Out SELECT count() AS n FROM S WINDOW('lengthBatch', 2); END;");
    let events = folder.file(
        "n.jsonl",
        &format!("{EVENTS}{{\"stream\":\"S\",\"at\":12000,\"row\":[null]}}\n"),
    );
    let output = run(&["run", &app, "--events", &events]);
    expect(
        &output,
        0,
        &["rows unmatched  1", "left open       windows of query 1"],
    );
}

#[test]
fn a_redis_that_is_not_there_is_told_of_with_its_address() {
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.file("a.sql", APP), folder.file("e.jsonl", EVENTS));
    let url = "redis://127.0.0.1:1";
    for args in [
        &["state", "ls", url][..],
        &["run", &app, "--events", &events, "--store", url],
    ] {
        let output = run(args);
        let told = text(&output.stderr);
        let first = told.lines().next().expect("something is told");
        assert!(
            first.starts_with("redis://127.0.0.1:1: Connection refused"),
            "{told}"
        );
        assert_eq!(output.status.code(), Some(1), "{told}");
    }
}

/// What a command writes to a terminal.
#[cfg(unix)]
fn in_terminal(args: &[&str], env: &[(&str, &str)]) -> String {
    use std::io::Read;
    let pty = nix::pty::openpty(None, None).expect("a terminal");
    let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventflux"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(env.iter().copied());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("the binary starts");
    drop(command);
    drop(pty.slave);
    let mut shown = Vec::new();
    // Reading fails when the other end is closed.
    let _ = fs::File::from(pty.master).read_to_end(&mut shown);
    child.wait().expect("it ends");
    text(&shown).replace("\r\n", "\n")
}

#[cfg(unix)]
#[test]
fn a_terminal_has_colour_unless_it_is_not_wanted() {
    let folder = Scratch::new().expect("a folder");
    let app = folder.file(
        "a.sql",
        "CREATE STREAM S (v INT);\nINSERT INTO Out SELECT w FROM S;",
    );
    let plain = text(&run(&["check", &app]).stderr);
    assert!(
        plain.contains("  | ") && !plain.contains('\u{1b}'),
        "{plain}"
    );
    let coloured = in_terminal(&["check", &app], &[]);
    for part in [
        "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m unknown",
        "\u{1b}[1m\u{1b}[31m^\u{1b}[0m",
        "\u{1b}[1m\u{1b}[32mhelp:\u{1b}[0m",
    ] {
        assert!(coloured.contains(part), "{part:?}: {coloured:?}");
    }
    let stripped = |text: &str| anstream::adapter::strip_str(text).to_string();
    assert_eq!(stripped(&coloured), plain);
    assert_eq!(in_terminal(&["check", &app], &[("NO_COLOR", "1")]), plain);
    // What is written to a pipe or a file has none, though standard error is a terminal.
    let warned = folder.file("w.sql", "CREATE STREAM S (v INT);");
    let warned = in_terminal(&["check", &warned], &[]);
    assert!(
        warned.contains("\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m"),
        "{warned:?}"
    );
}
