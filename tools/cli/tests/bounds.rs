//! Texts that ask for much: `check` answers each within limits that the system sets to its process.

#[path = "bounds/shapes.rs"]
mod shapes;

use eventflux_testbed::{HANG, Scratch};
use shapes::{Shape, shapes};
use std::fmt::Write;
use std::process::{Command, Output};

/// Address space of the process in KiB: 200 MiB.
const MEMORY_KIB: u64 = 200 << 10;
/// Processor time; code that is not optimised takes longer.
const SECONDS: u64 = if cfg!(debug_assertions) { 50 } else { 5 };
const MESSAGE_BYTES: usize = 64 << 10;
/// Apps take up to 1 MiB.
const TEXT_BYTES: usize = 1 << 20;

/// Runs the program in so much address space; one that waits for ever is killed.
fn within(kib: u64, args: &[&str]) -> Output {
    let limits = format!("ulimit -c 0; ulimit -v {kib}; ulimit -t {SECONDS}; exec \"$0\" \"$@\"");
    let mut command = Command::new("timeout");
    command.args([
        "-s",
        "KILL",
        &HANG.as_secs().to_string(),
        "sh",
        "-c",
        &limits,
    ]);
    command.arg(env!("CARGO_BIN_EXE_eventflux")).args(args);
    // without memory the standard library waits for itself when it traces where that was
    command.env("RUST_BACKTRACE", "0");
    command.output().expect("there is a shell")
}

#[test]
fn check_answers_within_its_limits() {
    let folder = Scratch::new().expect("a folder");
    // each is a process of its own, and they share nothing
    let shapes: Vec<_> = shapes().into_iter().enumerate().collect();
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let failures: String = std::thread::scope(|scope| {
        let parts = shapes.chunks(shapes.len().div_ceil(cores));
        let threads = parts.map(|part| scope.spawn(|| wrong_answers(&folder, part)));
        let threads: Vec<_> = threads.collect();
        let found = threads.into_iter().map(|t| t.join().expect("no panic"));
        found.collect()
    });
    assert!(failures.is_empty(), "{failures}");
}

/// What `check` says wrongly of these.
fn wrong_answers(folder: &Scratch, shapes: &[(usize, Shape)]) -> String {
    let mut failures = String::new();
    for (number, shape) in shapes {
        let (name, part, text) = (shape.name, shape.told, (shape.text)(shape.count));
        assert!(text.len() <= TEXT_BYTES, "{name}: {} bytes", text.len());
        let app = folder.file(&format!("{number}.sql"), &text);
        let output = within(MEMORY_KIB, &["check", &app]);
        let told = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&told);
        let status = if part.is_empty() { 0 } else { 2 };
        let right = output.status.code() == Some(status)
            && text.contains(part)
            && told.len() <= MESSAGE_BYTES
            && !text.contains(|c: char| c.is_control() && c != '\n');
        if !right {
            let start: String = text.chars().take(300).collect();
            let _ = writeln!(
                failures,
                "{name}: {}, {} bytes: {start}",
                output.status,
                told.len()
            );
        }
    }
    failures
}

/// Where memory ends an allocation ends the process by an abort, and what a library answers is an error; neither is a
/// panic. The program begins somewhere among these sizes.
#[test]
fn without_memory_nothing_panics() {
    let folder = Scratch::new().expect("a folder");
    let app = "@app:name('a') @app:playback CREATE STREAM S (n INT); INSERT INTO Out SELECT n, count() AS c FROM S GROUP BY n;";
    let app = folder.file("a.sql", app);
    let events = |n: u32| format!("{{\"stream\":\"S\",\"at\":{n},\"row\":[{n}]}}\n");
    let events = folder.file("e.jsonl", &(0..100).map(events).collect::<String>());
    let url = format!("file:{}", folder.at("state"));
    let out = folder.at("out");
    let run = [
        "run", &app, "--events", &events, "--store", &url, "--out", &out,
    ];
    let kept = within(1 << 20, &run);
    assert!(kept.status.success(), "{kept:?}");
    let mut began = 0;
    for kib in (4 << 10..64 << 10).step_by(512) {
        for args in [
            &["state", "verify", &url][..],
            &["doctor", "redis://127.0.0.1:1"],
            &run[..],
        ] {
            let output = within(kib, args);
            let told = String::from_utf8_lossy(&output.stderr);
            // a thread without room for its stack is ended by the standard library with such words
            let aborted = told.contains("failed to allocate an alternative stack");
            let panicked = told.contains("panicked at") && !aborted;
            let hung = output.status.code() == Some(137);
            assert!(!panicked && !hung, "{kib} KiB, {args:?}: {told}");
            began += usize::from(output.status.code().is_some_and(|c| c < 3));
        }
    }
    assert!(began > 20, "{began}");
}
