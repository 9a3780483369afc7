//! What is given up stays given up: epochs that failed, claims of apps that ended, heads that a server has lost.

use crate::contract::{chunk, commit, owner, revision};
use crate::lives::{World, keys};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, CheckpointError};
use eventflux_testbed::{Aof, Cluster, HANG, Redis, need_server, until};
use std::time::Duration;

fn chunks(redis: &Redis) -> usize {
    let of_chunk = |key: &&String| key.contains("}:c:");
    keys(redis).iter().filter(of_chunk).count()
}

/// Whatever fails behind the upload of the chunks, over and over: what failed epochs have stored does not add up.
#[test]
fn redis_persistence_does_not_keep_what_failed_epochs_stored() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let replica = Redis::builder().replica_of(&redis).start();
    let mut wire = redis.wire();
    until(HANG, "the replica", || {
        wire.text(&["SET", "seen", "1"]).expect("it answers");
        let reached = wire.text(&["WAIT", "1", "1000"]);
        reached.expect("it answers").int() == Some(1)
    });
    let mut world = World::new(&redis.url());
    world.options = world.options.replicas(1, Duration::from_secs(2));
    let mut life = world.start();
    until(HANG, "a checkpoint", || life.persist().is_ok());
    replica.kill();
    let mut most = 0;
    for n in 0..6 {
        let error = life.fail();
        let unconfirmed = StoreError::Durability {
            wanted: 1,
            reached: 0,
        };
        assert_eq!(error, unconfirmed);
        if n < 2 {
            most = most.max(chunks(&redis));
        }
        assert!(chunks(&redis) <= most, "epoch {n}: {}", chunks(&redis));
    }
    assert!(most > 0, "nothing was stored");
}

/// A commit that was under way when its epoch was given up finds that its chunks are gone.
#[test]
fn redis_persistence_refuses_a_commit_of_deleted_chunks() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 5_000);
    let redis = Redis::start();
    for url in [redis.url(), cluster.url()] {
        let store = World::new(&url).store();
        let generation = store.acquire("a", &owner("one")).expect("free").generation;
        let first = revision(generation, 1);
        let name = chunk(generation, 1, 0);
        store.put_chunk("a", name, b"bytes").expect("stored");
        store.flush("a").expect("there");
        store.retire("a", &[], &[name]).expect("deleted");
        let late = store.commit("a", &commit(first, None, b"manifest"));
        assert!(matches!(late, Err(StoreError::Io { .. })), "{late:?}");
        assert_eq!(store.last_revision("a"), Ok(None));
        let second = revision(generation, 2);
        let name = chunk(generation, 2, 0);
        store.put_chunk("a", name, b"bytes").expect("stored");
        let next = store.commit("a", &commit(second, None, b"manifest"));
        assert!(next.is_ok(), "{next:?}");
        assert_eq!(store.last_revision("a"), Ok(Some(second)));
    }
}

/// An app that ends while the server is away leaves a lease that runs out, although its store lives on.
#[test]
fn redis_persistence_does_not_renew_what_an_app_gave_up() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().aof(Aof::Always).start();
    let world = World::new(&redis.url());
    let store = world.store();
    let other = world.store();
    let mine = store.acquire("a", &owner("one")).expect("free").generation;
    redis.kill();
    let released = store.release("a", mine);
    assert!(
        matches!(released, Err(StoreError::Io { .. })),
        "{released:?}"
    );
    redis.restart();
    until(HANG, "the end of the lease", || {
        match other.acquire("a", &owner("two")) {
            Ok(claim) => claim.generation > mine,
            Err(StoreError::Locked { .. } | StoreError::Io { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    });
}

/// An app in which nothing changes writes its state again when the server has lost it.
#[test]
fn redis_persistence_notices_a_lost_head_while_idle() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    let lost = life.commit();
    assert_eq!(life.persist().expect("nothing has changed"), lost);
    redis.cmd(&["FLUSHALL"]);
    life.taken.clear();
    until(HANG, "another revision", || match life.persist() {
        Ok(revision) => revision != lost,
        Err(CheckpointError::Store(_)) => false,
        Err(error) => panic!("{error}"),
    });
    life.taken.remove(&lost);
    life.assert_store();
}

/// A server that answers questions and refuses every write is not said to be well.
#[test]
fn redis_persistence_says_that_only_writes_fail() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    life.commit();
    redis.config_set("min-replicas-to-write", "1");
    let error = life.fail();
    assert!(error.to_string().contains("NOREPLICAS"), "{error}");
    let before = redis.info("commandstats")["cmdstat_role"].clone();
    until(HANG, "two looks at the server", || {
        let calls = |text: &str| -> u64 {
            let calls = text
                .strip_prefix("calls=")
                .and_then(|t| t.split(',').next());
            calls.expect("a count").parse().expect("a number")
        };
        calls(&redis.info("commandstats")["cmdstat_role"]) >= calls(&before) + 2
    });
    let health = life.store.health();
    assert!(
        !health.reachable && health.detail.contains("NOREPLICAS"),
        "{health:?}"
    );
    redis.config_set("min-replicas-to-write", "0");
    life.recover();
    life.assert_reachable(true);
}

/// A node of a cluster that stops reading in the middle of a large chunk holds nobody up.
#[test]
fn redis_persistence_leaves_a_node_that_stops_reading() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 5_000);
    let mut world = World::new(&cluster.url());
    world.checkpoints = CheckpointConfig::default();
    let store = world.store();
    let generation = store.acquire("a", &owner("one")).expect("free").generation;
    // Connections to all nodes are open.
    let name = |number| chunk(generation, 1, number);
    (0..64).for_each(|n| store.put_chunk("a", name(n), b"small").expect("stored"));
    store.flush("a").expect("there");
    let bytes = vec![7; 16 << 20];
    cluster.nodes().iter().for_each(Redis::stop);
    // That they return is what is tested: the sockets take some megabytes, and then nothing.
    let sent = (64..80).try_for_each(|n| store.put_chunk("a", name(n), &bytes));
    let stored = sent.and_then(|()| store.flush("a"));
    assert!(matches!(stored, Err(StoreError::Io { .. })), "{stored:?}");
    cluster.nodes().iter().for_each(Redis::cont);
    drop(store);
}
