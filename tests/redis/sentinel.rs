//! An app over a primary that sentinels watch: it dies, freezes, and is replaced as planned, under load and with old
//! connections.

use crate::life::{Life, NAME, options, seed, store_with, timed};
use crate::load::Load;
use crate::watched::Watched;
use eventflux::CheckpointError;
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Redis, Reply, Sentinel, need_server, try_until, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Opens all connections of a pool: as many threads ask until the server has them.
fn open_all(store: &Watched, sentinel: &Sentinel) {
    let (_, most) = store.health().connections.expect("a pool");
    let opened = AtomicBool::new(false);
    let clients = || {
        let info = sentinel.primary().info("clients");
        info["connected_clients"].parse::<u32>().expect("a number")
    };
    let before = clients();
    std::thread::scope(|scope| {
        for _ in 0..2 * most {
            scope.spawn(|| {
                while !opened.load(Ordering::SeqCst) {
                    store.catalogue(NAME).expect("a catalogue");
                }
            });
        }
        // one or two are there already
        let all = || Ok(clients() + 2 >= before + most);
        let opened_all = try_until(LIMIT, "all connections", all);
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
    until(LIMIT, "the replica to be linked", || {
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

#[test]
fn redis_persistence_while_sentinels_replace_the_primary() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1000);
    let (life, watched) = timed(&sentinel.url(), seed("sentinels"));
    open_all(&watched, &sentinel);
    let load = Load::start((life, watched));

    let moved = |before: &Redis| {
        let now = sentinel.try_primary();
        now.is_ok_and(|now| now.port() != before.port())
    };

    // Not hurried: the primary of before takes writes for up to 10 s.
    let before = sentinel.primary();
    load.through(
        "sentinel, planned",
        || sentinel.failover(),
        || moved(before),
    );
    // Long before it is told to be a replica nothing is written to it.
    let written = || before.info("commandstats").get("cmdstat_eval").cloned();
    let mut last = written();
    until(Duration::from_secs(4), "an end of writes to it", || {
        load.wait_commits(50);
        let now = written();
        now == std::mem::replace(&mut last, now.clone())
    });
    wait_linked(&sentinel);

    let first = &sentinel.sentinels()[0];
    first.stop();
    let before = sentinel.primary();
    let what = "sentinel, planned, the first one is frozen";
    load.through(what, || sentinel.failover(), || moved(before));
    first.cont();
    wait_linked(&sentinel);

    let before = sentinel.primary();
    load.through("sentinel, kill -9", || before.kill(), || moved(before));
    before.restart();
    wait_linked(&sentinel);

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
    // Long enough for a replica that shares its core with all other tests.
    let waiting = options()
        .read_timeout(Duration::from_secs(4))
        .replicas(1, Duration::from_secs(3));
    let watched = Watched::timing(store_with(&sentinel.url(), waiting));
    let mut life = Life::start(watched.clone(), seed("waits for a replica"));
    life.step().expect("a checkpoint");
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
    until(LIMIT, "the replica to have it", || life.step().is_ok());

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
