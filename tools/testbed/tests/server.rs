//! One server: starts, ends, settings.

use eventflux_testbed::{
    Aof, HANG, Proxy, Redis, Reply, Scratch, Tls, Toxic, Wire, need_disk, need_server, server_name,
    until,
};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn starts_answers_and_leaves_nothing() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    assert_eq!(redis.cmd(&["SET", "k", "v"]), Reply::Simple("OK".into()));
    assert_eq!(redis.cmd(&["GET", "k"]).text(), "v");
    assert!(redis.cmd(&["INCR", "k"]).is_error());
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
    let mut wire = Wire::connect(&redis.addr()).expect("anybody may connect");
    let bytes = [0u8, 13, 10, 255];
    wire.cmd(&[b"SET", b"b", &bytes]).expect("an answer");
    let read = wire.cmd(&[b"GET", b"b"]).expect("an answer");
    assert_eq!(read, Reply::Bulk(Some(bytes.to_vec())));
    let (addr, pid) = (redis.addr(), redis.pid().expect("it runs"));
    drop(redis);
    assert!(Wire::connect(&addr).is_err());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn says_what_it_is_by_whatever_name() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().rename("INFO").rename("CONFIG").start();
    let info = redis.info("server");
    let version = |name: &str| info.get(&format!("{name}_version")).map(String::as_str);
    let told = match version("valkey") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {}", version("redis").unwrap_or_default()),
    };
    assert_eq!(server_name(), told);
    redis.config_set("maxmemory", "1000000000");
    for name in ["INFO", "CONFIG"] {
        let told = redis.wire().text(&[name]).expect("an answer");
        assert!(told.text().contains("unknown command"), "{told:?}");
    }
}

#[test]
fn is_ended_by_a_panic() {
    if !need_server() {
        return;
    }
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let redis = Redis::start();
        tell.send(redis.addr()).expect("the test listens");
        panic!("as meant by the test");
    });
    assert!(panicked.join().is_err());
    assert!(Wire::connect(&told.recv().expect("an address")).is_err());
}

#[test]
fn a_restart_keeps_what_reached_the_disk() {
    if !need_server() {
        return;
    }
    for (aof, kept) in [(Aof::Always, "v"), (Aof::Off, "")] {
        let redis = Redis::builder().aof(aof).start();
        redis.cmd(&["SET", "k", "v"]);
        let port = redis.port();
        redis.kill();
        assert_eq!(redis.pid(), None);
        assert!(redis.try_cmd(&["PING"]).is_err());
        redis.restart();
        assert_eq!(redis.port(), port);
        assert_eq!(redis.cmd(&["GET", "k"]).text(), kept, "{aof:?}");
    }
}

#[test]
fn stops_and_goes_on() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    redis.stop();
    let limit = Duration::from_millis(100);
    let mut wire = Wire::connect_within(&redis.addr(), HANG, limit).expect("the system connects");
    assert!(
        wire.text(&["PING"]).is_err(),
        "a stopped server answers nothing"
    );
    redis.cont();
    assert_eq!(redis.cmd(&["PING"]).text(), "PONG");
    redis.client_pause(600_000, true);
    assert_eq!(redis.cmd(&["GET", "k"]).text(), "");
    let mut wire = Wire::connect_within(&redis.addr(), HANG, limit).expect("it takes connections");
    wire.text(&["SET", "k", "v"]).expect_err("writes wait");
    redis.cmd(&["CLIENT", "UNPAUSE"]);
    assert!(!redis.cmd(&["SET", "k", "v"]).is_error());
}

#[test]
fn settings_reach_the_server() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder()
        .requirepass("secret")
        .acl("app on >pass ~a:* +@all")
        .maxmemory(50 << 20)
        .policy("volatile-lru")
        .unix_socket()
        .line("maxclients 77")
        .start();
    assert!(redis.url().starts_with("redis://:secret@127.0.0.1:"));
    assert!(redis.socket().exists());
    let memory = redis.info("memory");
    assert_eq!(memory["maxmemory"], (50 << 20).to_string());
    assert_eq!(memory["maxmemory_policy"], "volatile-lru");
    redis.config_set("maxmemory", "1000000000");
    assert_eq!(redis.info("memory")["maxmemory"], "1000000000");
    assert_eq!(redis.info("clients")["maxclients"], "77");
    let mut wire = Wire::connect(&redis.addr()).expect("connects");
    assert!(wire.text(&["GET", "a:k"]).expect("an answer").is_error());
    wire.text(&["AUTH", "app", "pass"])
        .expect("an answer")
        .ok()
        .expect("logs in");
    assert!(!wire.text(&["GET", "a:k"]).expect("an answer").is_error());
    assert!(wire.text(&["GET", "b:k"]).expect("an answer").is_error());
    assert!(!redis.cmd(&["DEBUG", "SET-ACTIVE-EXPIRE", "1"]).is_error());
}

#[test]
fn what_does_not_start_tells_its_log() {
    if !need_server() {
        return;
    }
    let started = Redis::builder().line("loadmodule /nowhere.so").try_start();
    let error = started.err().expect("it does not start").to_string();
    assert!(error.contains("/nowhere.so"), "{error}");
}

#[test]
fn a_replica_follows() {
    if !need_server() {
        return;
    }
    let primary = Redis::builder().requirepass("secret").start();
    let replica = Redis::builder().replica_of(&primary).start();
    primary.cmd(&["SET", "k", "v"]);
    until(HANG, "the replica", || {
        replica.cmd(&["GET", "k"]).text() == "v"
    });
    assert!(
        replica
            .cmd(&["SET", "k", "w"])
            .text()
            .starts_with("READONLY")
    );
}

#[test]
fn tls_is_spoken_at_a_port_of_its_own() {
    if !need_server() {
        return;
    }
    let dir = Scratch::new().expect("a directory");
    let tls = Tls::new(dir.path());
    let redis = Redis::builder().tls(&tls).client_auth().start();
    assert!(redis.url().starts_with("rediss://127.0.0.1:"));
    let ping = |ca: &std::path::Path| {
        let output = Command::new("redis-cli")
            .args(["-p", &redis.tls_port().to_string(), "--tls", "--cacert"])
            .arg(ca)
            .arg("--cert")
            .arg(&tls.client.certificate)
            .arg("--key")
            .arg(&tls.client.key)
            .arg("PING")
            .output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string())
    };
    let Ok(answer) = ping(&tls.ca.certificate) else {
        return; // no redis-cli here
    };
    assert_eq!(answer, "PONG");
    assert_ne!(
        ping(&tls.other_ca.certificate).expect("it was there"),
        "PONG"
    );
    Redis::builder().tls_as(&tls, &tls.expired).start();
    Redis::builder().tls_as(&tls, &tls.elsewhere).start();
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_space() {
    if !need_server() {
        return;
    }
    let Some(disk) = need_disk(8 << 20) else {
        return;
    };
    let redis = Redis::builder()
        .aof(Aof::EverySecond)
        .dir(disk.path())
        .start();
    assert!(!redis.cmd(&["SET", "k", "v"]).is_error());
    disk.fill().expect("it can be filled");
    let value = "x".repeat(10_000);
    until(HANG, "MISCONF", || {
        redis
            .cmd(&["SET", "k", &value])
            .text()
            .starts_with("MISCONF")
    });
    disk.free().expect("it can be emptied");
    until(HANG, "writes", || !redis.cmd(&["SET", "k", "v"]).is_error());
}

#[test]
fn a_replica_behind_a_cut_link_misses_the_end() {
    if !need_server() {
        return;
    }
    let primary = Redis::start();
    let link = Proxy::start(primary.port());
    let replica = Redis::builder().replica_of_port(link.port()).start();
    primary.cmd(&["SET", "k", "1"]);
    until(HANG, "the replica", || {
        replica.cmd(&["GET", "k"]).text() == "1"
    });
    link.set(Toxic::Cut);
    primary.cmd(&["SET", "k", "2"]);
    assert!(!replica.cmd(&["REPLICAOF", "NO", "ONE"]).is_error());
    assert_eq!(replica.cmd(&["GET", "k"]).text(), "1");
    assert!(!replica.cmd(&["SET", "k", "3"]).is_error());
}

/// Where the child of the next test writes the address and the directory of its server.
const CHILD: &str = "EVENTFLUX_TESTBED_CHILD";

#[test]
fn a_killed_process_leaves_no_server() {
    if !need_server() {
        return;
    }
    if let Some(path) = std::env::var_os(CHILD) {
        let redis = Redis::builder().unix_socket().start();
        let text = format!("{}\n{}\n", redis.addr(), redis.socket().display());
        std::fs::write(path, text).expect("the address is written");
        let _ = std::io::stdin().read_line(&mut String::new());
        return;
    }
    let dir = Scratch::new().expect("a directory");
    let file = dir.path().join("child");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["a_killed_process_leaves_no_server", "--exact"])
        .env(CHILD, &file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it can be started again");
    let told = || std::fs::read_to_string(&file).unwrap_or_default();
    until(HANG, "the child", || told().lines().count() == 2);
    let told = told();
    let (addr, socket) = told.split_once('\n').expect("two lines");
    let socket = std::path::Path::new(socket.trim());
    assert!(Wire::connect(addr).is_ok() && socket.exists());
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    until(HANG, "the end of its server", || {
        Wire::connect(addr).is_err()
    });
    let own = socket.parent().expect("it is in a directory");
    until(HANG, "its directory to be removed", || !own.exists());
}
