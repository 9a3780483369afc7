//! `eventflux doctor` and `eventflux state` on real servers, as a user runs them.

use eventflux_testbed::{Aof, Cluster, HANG, Redis, Scratch, Sentinel, Tls, need_server, until};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const PASSWORD: &str = "canary-4711";

fn run_as(password: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .args(args)
        .env("EVENTFLUX_REDIS_PASSWORD", password)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = command.expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(stdout), text(stderr));
    assert!(!err.contains("panicked"), "{args:?}: {err}");
    let both = format!("{out}{err}");
    assert!(!both.contains("canary"), "{args:?}: {both}");
    (status.code(), out, err)
}

#[track_caller]
fn expect_as(password: &str, status: i32, args: &[&str], parts: &[&str]) -> String {
    let (code, out, err) = run_as(password, args);
    assert_eq!(code, Some(status), "{args:?}\n{out}\n{err}");
    for part in parts {
        assert!(
            out.contains(part) || err.contains(part),
            "no '{part}' in\n{out}\n{err}"
        );
    }
    out
}

#[track_caller]
fn expect(status: i32, args: &[&str], parts: &[&str]) -> String {
    expect_as("", status, args, parts)
}

#[test]
fn redis_doctor_tells_what_to_change() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let url = redis.url();
    let advice = [
        "warn",
        "appendonly",
        "CONFIG SET appendonly yes",
        "0 failed",
        "permissions",
    ];
    expect(0, &["doctor", &url], &advice);
    redis.config_set("maxmemory", "100mb");
    redis.config_set("maxmemory-policy", "allkeys-lru");
    let found = expect(1, &["doctor", &url, "--json"], &[]);
    let found: serde_json::Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["status"], "fail");
    let checks = found["checks"].as_array().expect("checks");
    let policy = checks.iter().find(|c| c["name"] == "maxmemory-policy");
    let advice = &policy.expect("checked")["advice"];
    let noeviction = |a: &str| a.starts_with("CONFIG SET maxmemory-policy noeviction");
    assert!(advice.as_str().is_some_and(noeviction), "{advice}");
    let replica = Redis::builder().replica_of(&redis).start();
    expect(1, &["doctor", &replica.url()], &["FAIL", "takes no writes"]);
    until(Duration::from_secs(20), "the replica follows", || {
        let replica = redis.info("replication").remove("slave0");
        replica.is_some_and(|line| line.contains("state=online"))
    });
    let wanted = ["doctor", &url, "--redis-replicas", "2"];
    expect(1, &wanted, &["1 of 2 that a checkpoint waits for"]);
    assert_eq!(redis.cmd(&["DBSIZE"]).int(), Some(0));
}

#[test]
fn redis_doctor_of_what_is_not_there() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass(PASSWORD).start();
    let bare = format!("redis://127.0.0.1:{}", redis.port());
    expect(
        1,
        &["doctor", &bare],
        &["reachable", "look at user and password"],
    );
    expect_as(PASSWORD, 0, &["doctor", &bare], &["0 failed"]);
    expect(0, &["doctor", &redis.url()], &["0 failed"]);
    redis.kill();
    expect(
        1,
        &["doctor", &redis.url()],
        &["FAIL", "reachable", "1 failed"],
    );
    for url in [
        "memory",
        "file:x",
        "http://u:canary@h",
        "redis://u:canary@h:x",
    ] {
        expect(2, &["doctor", url], &["redis+cluster://"]);
    }
    expect(2, &["doctor", &bare, "--app", "a/b"], &["name of an app"]);
    expect(2, &["doctor", &bare, "--prefix", "a b"], &["key prefix"]);
}

#[test]
fn redis_doctor_of_a_cluster_over_tls_and_of_a_narrow_user() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 2000);
    let parts = ["3 primaries with 16384 of 16384 slots", "0 failed"];
    expect(0, &["doctor", &cluster.url()], &parts);
    let node = cluster.nodes()[0].url();
    expect(1, &["doctor", &node], &["node of a cluster"]);

    let scratch = Scratch::new().expect("a directory");
    let tls = Tls::new(scratch.path());
    let ca = scratch.path().join("trusted.pem");
    fs::write(&ca, &tls.ca.certificate_pem).expect("written");
    let ca = ca.display().to_string();
    let line = expect(
        0,
        &["state", "acl", "--user", "narrow", "--app", "orders"],
        &["ACL LOAD"],
    );
    let line = line.trim().replace(">PASSWORD", &format!(">{PASSWORD}"));
    let redis = Redis::builder()
        .aof(Aof::Always)
        .tls(&tls)
        .acl(line.trim_start_matches("user "))
        .start();
    let url = redis.url();
    let narrow = ["doctor", &url, "--redis-user", "narrow", "--redis-ca", &ca];
    expect_as(
        PASSWORD,
        1,
        &narrow,
        &["permissions", "`eventflux state acl`"],
    );
    let named = [&narrow[..], &["--app", "orders"]].concat();
    let parts = ["each write is synced", "TLS", "0 failed"];
    // when the file is synced a narrow user may not ask
    expect_as(PASSWORD, 0, &named, &parts[1..]);
    let trusting = ["doctor", &url, "--redis-ca", &ca];
    expect(0, &trusting, &parts);
    expect(1, &["doctor", &url], &["certificate"]);
}

#[test]
fn redis_doctor_behind_sentinels() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1000);
    let url = sentinel.url();
    let primary = format!("the primary is {}", sentinel.primary().addr());
    let parts = [
        primary.as_str(),
        "quorum 2 of 3, 1 replicas",
        "--redis-replicas 1",
        "0 failed",
    ];
    expect(0, &["doctor", &url], &parts);
    expect(0, &["doctor", &url, "--redis-replicas", "1"], &["0 failed"]);
    // one that is gone is told and does not matter; another name is unknown to all
    sentinel.sentinels()[0].kill();
    expect(
        0,
        &["doctor", &url],
        &["start it, or take it out", "0 failed"],
    );
    let name = url.rsplit('/').next().expect("it ends with the name");
    let wrong = url.replace(&format!("/{name}"), "/another");
    let unknown = [
        "none of them knows the primary",
        "name of the primary in the URL",
    ];
    expect(1, &["doctor", &wrong], &unknown);
}

#[test]
fn redis_state_commands_work_as_on_folders() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass(PASSWORD).start();
    let scratch = Scratch::new().expect("a directory");
    let file = |name: &str| scratch.path().join(name).display().to_string();
    let (app, events, blob) = (file("a.sql"), file("e.jsonl"), file("r.efbl"));
    let text = "@app:name('sums') @app:playback CREATE STREAM S (n LONG); INSERT INTO Out SELECT sum(n) AS s FROM S;";
    fs::write(&app, text).expect("written");
    fs::write(&events, "{\"stream\":\"S\",\"at\":1,\"row\":[1]}\n").expect("written");
    let url = redis.url();
    let out = file("o.jsonl");
    let run = [
        "run", &app, "--events", &events, "--out", &out, "--store", &url,
    ];
    for _ in 0..3 {
        expect(0, &run, &[]);
    }
    let shown = format!("redis://127.0.0.1:{}", redis.port());
    let listed = expect(
        0,
        &["state", "ls", &url],
        &["app sums: 3 revisions", "head"],
    );
    let names: Vec<&str> = listed
        .lines()
        .skip(2)
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    let [a, b, c] = names.as_slice() else {
        panic!("{listed}");
    };
    expect(0, &["state", "show", &url, "sums"], &[c]);
    expect(0, &["state", "verify", &url], &[]);
    expect(0, &["state", "diff", &url, "sums", a, b], &[]);
    expect(0, &["state", "pin", &url, "sums", "kept", a], &[]);
    let prune = ["state", "prune", &url, "sums", "--keep", "1"];
    expect(0, &prune, &[b]);
    expect(
        0,
        &["state", "ls", &url],
        &["app sums: 2 revisions", "kept"],
    );
    expect(0, &["state", "export", &url, "sums", "--to", &blob], &[]);
    let import = ["state", "import", &url, "--from", &blob, "--app", "copy"];
    expect(0, &import, &["is revision 1-", &shown]);
    expect(0, &["state", "verify", &url], &[]);
    // the password from the environment, another prefix, one that may not be, and nobody there
    expect_as(
        PASSWORD,
        0,
        &["state", "ls", &shown],
        &["app copy", "app sums"],
    );
    expect(1, &["state", "ls", &shown], &["look at user and password"]);
    let elsewhere = ["state", "ls", &url, "--redis-prefix", "other:"];
    expect(0, &elsewhere, &["holds no app"]);
    expect(2, &["state", "show", &url, "none"], &["has no app 'none'"]);
    expect(
        2,
        &["state", "ls", "file:x", "--redis-ttl", "5"],
        &["--redis-…"],
    );
    expect(2, &["run", &app, "--redis-ttl", "5"], &["--redis-…"]);
}

#[test]
fn the_line_of_the_access_list_is_all_of_standard_output() {
    let line = expect(0, &["state", "acl", "--prefix", "ef*:"], &["ACL SETUSER"]);
    assert!(
        line.starts_with("user eventflux on >PASSWORD resetkeys"),
        "{line}"
    );
    assert!(line.contains(" ~ef\\*:* "), "{line}");
    assert_eq!(line.lines().count(), 1);
    expect(2, &["state", "acl", "--user", "a b"], &["user of Redis"]);
    expect(2, &["state", "acl", "--app", "*"], &["name of an app"]);
}

/// Who waits for another owner has begun nothing: one Ctrl-C ends it.
#[test]
fn redis_run_that_waits_for_a_claim_ends_by_one_signal() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let folder = Scratch::new().expect("a folder");
    let (app, events) = (folder.path().join("a.sql"), folder.path().join("e.jsonl"));
    let text = "@app:name('waits') @app:playback CREATE STREAM S (v LONG);
        INSERT INTO Out SELECT sum(v) AS total FROM S;";
    fs::write(&app, text).expect("written");
    fs::write(&events, "{\"stream\":\"S\",\"at\":1,\"row\":[1]}\n").expect("written");
    let control = "eventflux:{waits}:ctl";
    let now = redis.cmd(&["TIME"]).items()[0].text();
    let lease = format!("{}000", now.parse::<u64>().expect("seconds") + 600);
    let claim = [
        "fmt",
        "1",
        "gen",
        "1",
        "who",
        "x",
        "owner",
        "other:7#1",
        "lease",
        &lease,
    ];
    redis.cmd(&[&["HSET", control], &claim[..]].concat());
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .arg("run")
        .args([&app, Path::new("--events"), &events])
        .args(["--store", &redis.url()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let told = lines.by_ref().map_while(Result::ok);
    assert!(
        told.take(20)
            .any(|line| line.contains("waiting up to") && line.contains("the claim of other:7#1"))
    );
    let pid = child.id().to_string();
    let status = child.try_wait().expect("it was started here");
    assert!(status.is_none(), "it waits");
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    until(HANG, "the end", || {
        child.try_wait().expect("it was started here").is_some()
    });
    assert_eq!(child.wait().expect("it ended").code(), Some(130));
}

/// A run, its continuation and the looks at its state, over every kind of connection.
#[test]
fn redis_run_goes_on_over_every_topology() {
    if !need_server() {
        return;
    }
    let scratch = Scratch::new().expect("a directory");
    let file = |name: &str| scratch.path().join(name).display().to_string();
    let (app, events, ca) = (file("a.sql"), file("e.jsonl"), file("ca.pem"));
    let text = "@app:name('sums') @app:playback CREATE STREAM S (n LONG);
        INSERT INTO Out SELECT sum(n) AS s FROM S;";
    fs::write(&app, text).expect("written");
    let tls = Tls::new(scratch.path());
    fs::write(&ca, &tls.ca.certificate_pem).expect("written");
    let local = Redis::builder().unix_socket().start();
    let secured = Redis::builder().tls(&tls).start();
    let sentinel = Sentinel::start(1, 3, 5_000);
    let cluster = Cluster::start(3, 1, 5_000);
    let unix = format!("unix://{}", local.socket().display());
    let ca = ["--redis-ca", &ca];
    let replicas = ["--redis-replicas", "1", "--redis-ttl", "3600"];
    let kinds: [(String, &[&str], &[&str]); 4] = [
        (unix, &[], &["--redis-ttl", "60"]),
        (secured.url(), &ca, &[]),
        (sentinel.url(), &[], &replicas),
        (cluster.url(), &[], &replicas),
    ];
    for (kind, (url, login, options)) in kinds.iter().enumerate() {
        let out = file(&format!("{kind}.jsonl"));
        let run = [
            "run", &app, "--events", &events, "--out", &out, "--store", url,
        ];
        let run = [&run[..], login, options].concat();
        let mut rows = String::new();
        for n in 1..=3 {
            rows += &format!("{{\"stream\":\"S\",\"at\":{n},\"row\":[{n}]}}\n");
            fs::write(&events, &rows).expect("written");
            let told = if n == 1 {
                "starting empty"
            } else {
                "restored revision"
            };
            expect(0, &run, &[told]);
        }
        let sums = fs::read_to_string(&out).expect("it was written");
        let sums: Vec<&str> = sums
            .lines()
            .map(|l| &l[l.find("\"row\"").expect("a row")..])
            .collect();
        assert_eq!(
            sums,
            ["\"row\":[1]}", "\"row\":[3]}", "\"row\":[6]}"],
            "{url}"
        );
        let state = |words: &[&str], parts: &[&str]| {
            expect(0, &[&["state"], words, login].concat(), parts);
        };
        state(&["ls", url], &["app sums: 3 revisions", "head"]);
        state(&["show", url, "sums"], &["sums"]);
        state(&["verify", url], &[]);
    }
}
