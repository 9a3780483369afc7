//! An app over a primary that sentinels watch: it dies, freezes, and is replaced as planned, under load and with old
//! connections.

use crate::call_recorder::CallRecorder;
use crate::life::{Life, NAME, hasty_store, options, seed, store_with, timed};
use crate::load::Load;
use eventflux::CheckpointError;
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{HANG, Redis, Reply, Sentinel, need_server, try_until, until};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many connections the primary has.
fn clients(sentinel: &Sentinel) -> io::Result<u32> {
    let info = sentinel.try_primary()?.try_info("clients")?;
    let clients = info.get("connected_clients").map(|count| count.parse());
    clients
        .and_then(Result::ok)
        .ok_or(io::ErrorKind::InvalidData.into())
}

/// Opens all connections of a pool: as many threads ask until the primary has them beside `others`.
fn open_all(store: &CallRecorder, sentinel: &Sentinel, others: u32) {
    let (_, most) = store.health().connections.expect("a pool");
    let opened = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 * most {
            scope.spawn(|| {
                while !opened.load(Ordering::SeqCst) {
                    // Some find that all connections are in use.
                    let _ = store.catalogue(NAME);
                }
            });
        }
        // Sentinels connect anew at times.
        let all = || Ok(clients(sentinel)? + 2 >= others + most);
        let opened_all = try_until(HANG, "all connections", all);
        opened.store(true, Ordering::SeqCst);
        opened_all.expect("they are opened");
    });
}

/// Whether a sentinel holds no server to be down.
fn sees_all(sentinel: &Redis) -> bool {
    let Ok(replicas) = sentinel.try_cmd(&["SENTINEL", "REPLICAS", "main"]) else {
        return false;
    };
    let well = |replica: &Reply| {
        let texts: Vec<String> = replica.items().iter().map(Reply::text).collect();
        let has = |name: &str, value: &str| {
            let pair = texts.chunks_exact(2).find(|pair| pair[0] == name);
            pair.is_some_and(|pair| pair[1] == value)
        };
        has("flags", "slave") && has("master-link-status", "ok")
    };
    replicas.items().iter().all(well)
}

/// All servers linked again: another failover has a replica to choose. Sentinels that hurry in the middle of one make
/// the new primary a replica again, so they only do now.
fn wait_linked(sentinel: &Sentinel) {
    sentinel.hurry(true).expect("they are told");
    until(HANG, "the replica to be linked", || {
        let is = |role: &str, link: &str| {
            let linked = sentinel.servers().iter().filter(|server| {
                let info = server.try_info("replication").unwrap_or_default();
                let has = |name: &str, value: &str| info.get(name).is_some_and(|v| v == value);
                has("role", role) && (link.is_empty() || has("master_link_status", link))
            });
            linked.count()
        };
        let servers = is("master", "") == 1 && is("slave", "up") == sentinel.servers().len() - 1;
        servers && sentinel.sentinels().iter().all(sees_all)
    });
    sentinel.hurry(false).expect("they are told");
}

/// Whether the sentinels can make it a replica.
fn may_be_demoted(server: &Redis, may: bool) {
    let sign = if may { '+' } else { '-' };
    let rules = ["slaveof", "replicaof"].map(|command| format!("{sign}{command}"));
    let set = server.cmd(&["ACL", "SETUSER", "testbed", &rules[0], &rules[1]]);
    assert!(!set.is_error(), "{set:?}");
}

#[test]
fn redis_persistence_while_sentinels_replace_the_primary() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1000);
    let others = clients(&sentinel).expect("it answers");
    let store = hasty_store(&sentinel.url(), Duration::from_secs(1));
    let (life, watched) = timed(store, seed("sentinels"));
    let load = Load::start((life, watched.clone()));
    let full_pool = || open_all(&watched, &sentinel, others);

    let moved = |before: &Redis| {
        let now = sentinel.try_primary();
        now.is_ok_and(|now| now.port() != before.port())
    };

    // The primary of before takes writes until the sentinels may make it a replica: that long nothing is to be written
    // to it.
    full_pool();
    let before = sentinel.primary();
    may_be_demoted(before, false);
    load.through(
        "sentinel, planned",
        || sentinel.failover(),
        || moved(before),
    );
    let mut last = None;
    until(HANG, "an end of writes to it", || {
        load.wait_commits(50);
        // The sentinels may end this connection, too.
        let Ok(info) = before.try_info("commandstats") else {
            return false;
        };
        let now = info.get("cmdstat_eval").cloned();
        now.is_some() && now == std::mem::replace(&mut last, now.clone())
    });
    let role = before.cmd(&["ROLE"]);
    assert_eq!(role.items()[0].text(), "master", "it was demoted");
    may_be_demoted(before, true);
    wait_linked(&sentinel);
    full_pool();

    let first = &sentinel.sentinels()[0];
    first.stop();
    let before = sentinel.primary();
    let what = "sentinel, planned, the first one is frozen";
    load.through(what, || sentinel.failover(), || moved(before));
    first.cont();
    wait_linked(&sentinel);
    full_pool();

    let before = sentinel.primary();
    load.through("sentinel, kill -9", || before.kill(), || moved(before));
    before.restart();
    wait_linked(&sentinel);
    full_pool();

    let before = sentinel.primary();
    load.through("sentinel, SIGSTOP", || before.stop(), || moved(before));
    before.cont();
    wait_linked(&sentinel);
    load.wait_commits(5);
    load.end().check(&sentinel.url());
}

#[test]
fn redis_persistence_that_waits_for_a_replica_loses_nothing() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1000);
    let waiting = options()
        .read_timeout(Duration::from_secs(20))
        .replicas(1, Duration::from_secs(3));
    let watched = CallRecorder::timing(store_with(&sentinel.url(), waiting));
    let mut life = Life::start(watched.clone(), seed("waits for a replica"));
    until(HANG, "a checkpoint", || life.step().is_ok());
    let replica = sentinel.replica();
    replica.stop();
    let error = life.step().expect_err("the replica has not got it");
    let durability = StoreError::Durability {
        wanted: 1,
        reached: 0,
    };
    let found = match &error {
        CheckpointError::Store(found) => found,
        other => panic!("{other}"),
    };
    assert_eq!(*found, durability);
    replica.cont();
    wait_linked(&sentinel);
    until(HANG, "the replica to have it", || life.step().is_ok());

    let load = Load::start((life, watched));
    let before = sentinel.primary();
    let moved = || {
        sentinel
            .try_primary()
            .is_ok_and(|now| now.port() != before.port())
    };
    load.through("sentinel, planned, WAIT 1", || sentinel.failover(), moved);
    // No acknowledged checkpoint is lost, so none is behind another.
    for outcome in load.outcomes() {
        if let Err(error) = outcome.result {
            assert_ne!(error.reason(), "stale-parent", "{error}");
        }
    }
    load.end().check(&sentinel.url());
}
