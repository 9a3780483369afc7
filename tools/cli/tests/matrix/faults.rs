//! Servers that will not do: the wrong one, the wrong login, commands that were renamed.

use crate::app::{App, PASSWORD, bare, eventflux, says, server};
use crate::kills::KILLED_AT;
use eventflux_testbed::{Redis, need_server};
use std::time::{Duration, Instant};

/// A fault that no waiting mends is told at once: others are tried again for ten seconds.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn redis_matrix_of_what_no_waiting_mends() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let primary = server().start();
    let replica = server().replica_of(&primary).start();
    let open = Redis::start();
    let cases = [
        (
            bare(&replica),
            "it is a replica: use the address of its primary",
        ),
        (
            format!("{}/99", bare(&primary)),
            "the number behind the last /",
        ),
        (
            format!("redis://nobody:{PASSWORD}@127.0.0.1:{}", primary.port()),
            "look at user and password",
        ),
        (bare(&open), "look at user and password"),
        (
            format!("redis+cluster://127.0.0.1:{}", primary.port()),
            "use redis:// for a server",
        ),
        (
            format!("redis+sentinel://127.0.0.1:{}/main", open.port()),
            "use redis:// for a server",
        ),
    ];
    for (url, part) in &cases {
        // the password of the environment goes before the one in the URL, not the user
        let begun = Instant::now();
        let said = app.refused(url, &[]);
        assert!(begun.elapsed() < AT_ONCE, "{url}: {said}");
        assert!(said.contains(part), "{url}: {said}");
    }
    for (command, words) in [
        ("pin", &["orders", "kept"][..]),
        ("prune", &["orders", "--keep", "1"]),
    ] {
        let url = bare(&replica);
        let args = [&["state", command, &url][..], words].concat();
        let (status, _, said) = eventflux(&args);
        assert_ne!(status, Some(0), "{said}");
    }
    let doctor = says(
        1,
        &["doctor", &bare(&replica)],
        &["replica: it takes no writes", "a read only replica"],
    );
    assert!(!doctor.contains("state acl"), "{doctor}");
    assert_eq!(primary.cmd(&["DBSIZE"]).int(), Some(0));
}

#[test]
fn redis_matrix_of_renamed_commands() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let names = [
        "CONFIG", "KEYS", "FLUSHALL", "FLUSHDB", "DEBUG", "EVALSHA", "SCRIPT",
    ];
    let spare = names
        .iter()
        .fold(server(), |b, name| b.rename(name))
        .start();
    app.survives(&spare, "spare.jsonl", &spare.url(), &KILLED_AT[..2], "0");
    says(0, &["state", "verify", &spare.url()], &["sound"]);

    let eval = server().rename("EVAL").start();
    let said = app.refused(&bare(&eval), &[]);
    assert!(said.contains("look for rename-command"), "{said}");
    let doctor = says(
        1,
        &["doctor", &bare(&eval)],
        &["FAIL", "commands", "rename-command"],
    );
    assert!(!doctor.contains("state acl"), "{doctor}");
}

/// Without INFO nobody can tell whether chunks are deleted when memory is full: that is said, and the run goes on.
#[test]
fn redis_matrix_without_info() {
    if !need_server() {
        return;
    }
    let app = App::new();
    for limited in [false, true] {
        let builder = server().rename("INFO");
        let redis = match limited {
            true => builder.maxmemory(256 << 20).policy("allkeys-lru").start(),
            false => builder.start(),
        };
        let out = format!("{limited}.jsonl");
        let said = app.runs(&out, &bare(&redis), &[]);
        assert!(
            said.contains("make sure that maxmemory-policy is noeviction"),
            "{said}"
        );
        let parts = [
            "rename-command for INFO",
            "make sure that it is noeviction",
            "0 failed",
        ];
        let doctor = says(0, &["doctor", &bare(&redis)], &parts);
        assert!(!doctor.contains("state acl"), "{doctor}");
    }
}
