//! Failovers to a server that has not got all of what was acknowledged: the app writes all of its state anew, at a
//! higher epoch, and what a new process restores is what the running one has.

use crate::call_recorder::{CallRecorder, Moment};
use crate::fault_store::Call;
use crate::life::{Life, NAME, app, seed, seen_of, store};
use eventflux::checkpoint::{Manifest, verify};
use eventflux::store::{PersistenceStore, Revision};
use eventflux::{CheckpointConfig, RestoreOptions};
use eventflux_kit::mix;
use eventflux_testbed::{Cluster, HANG, Proxy, Redis, need_server, slot_of, until};
use std::sync::{Arc, Mutex};

/// How far back the other server is.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// Commits that it has not got.
    commits: u64,
    /// Nor some chunks of what it has.
    chunks: bool,
    /// Nor the claim of the owner that runs.
    claim: bool,
    /// It has nothing at all.
    all: bool,
}

/// Waits until a replica has all that its primary has.
pub fn wait_equal(primary: &Redis, replica: &Redis) {
    until(HANG, "the replica to have all", || {
        let offset = |server: &Redis, name: &str| server.info("replication").get(name).cloned();
        offset(primary, "master_repl_offset") == offset(replica, "slave_repl_offset")
    });
}

/// Epochs of the chunks that a revision names.
fn epochs(store: &dyn PersistenceStore, revision: Revision) -> Vec<u64> {
    let manifest = store.manifest(NAME, revision).expect("the store works");
    let manifest = Manifest::decode(&manifest.expect("it is there"), None).expect("sound");
    manifest.chunks.iter().map(|c| c.name.epoch).collect()
}

/// The next checkpoint finds that the store is behind; the one after it is whole.
fn goes_on(life: &mut Life, url: &str, reason: &str) {
    let (before, _) = life.acked.expect("there was a checkpoint");
    let restores = |life: &Life| {
        let metrics = life.app.checkpoint_metrics().expect("it has a store");
        metrics.restore_swap.count()
    };
    let restored = restores(life);
    let error = life.step().expect_err("the store is behind");
    assert_eq!(error.reason(), reason, "{error}");
    let revision = life.step().expect("all is written anew");
    assert_eq!(revision.generation, before.generation);
    assert!(revision.epoch > before.epoch, "{revision} after {before}");
    let store = store(url);
    if reason == "stale-parent" {
        let epochs = epochs(&*store, revision);
        let own = epochs.iter().all(|epoch| *epoch == revision.epoch);
        assert!(own, "{revision} builds on {epochs:?}");
    }
    let report = verify(&*store, NAME, revision);
    assert!(report.is_sound(), "{revision}: {report}");
    assert_eq!(restores(life), restored, "the running app was not restored");
    // what was there before is retired
    for _ in 0..4 {
        life.step().expect("it goes on");
    }
}

fn fails_over(loss: Loss, seed: u64) {
    eprintln!("{loss:?}");
    let primary = Redis::start();
    let replica = Redis::builder().replica_of(&primary).start();
    let proxy = Proxy::start(primary.port());
    let mut life = Life::start(store(&proxy.url()), seed);
    life.send(100);
    for _ in 0..1 + mix(seed, 0) % 5 {
        life.step().expect("a checkpoint");
    }
    wait_equal(&primary, &replica);
    let cut = || replica.cmd(&["REPLICAOF", "NO", "ONE"]);
    if loss.claim {
        let Life { app, seen, .. } = life;
        // its claim is given up: what the replica has is an app without an owner
        drop(app);
        wait_equal(&primary, &replica);
        cut();
        let config = CheckpointConfig::default();
        life = Life::go_on(store(&proxy.url()), seed, seen, config);
        assert_eq!(life.step().expect("a checkpoint").generation, 2);
    } else {
        cut();
    }
    for _ in 0..loss.commits {
        life.step().expect("only the first server gets it");
    }
    if loss.chunks {
        let there = store(&replica.url());
        let chunks = there.chunks(NAME).expect("it works");
        for name in chunks.iter().filter(|name| name.number == 0) {
            let bucket = name.number % 16;
            replica.cmd(&["UNLINK", &format!("eventflux:{{{NAME}/{bucket}}}:c:{name}")]);
        }
    }
    if loss.all {
        replica.cmd(&["FLUSHALL"]);
    }
    proxy.switch(replica.port());
    goes_on(&mut life, &replica.url(), "stale-parent");
    life.check(&replica.url());
}

#[test]
fn redis_persistence_after_a_failover_that_loses_the_end() {
    if !need_server() {
        return;
    }
    let seed = seed("a failover that loses the end");
    for bits in 0..8 {
        let loss = Loss {
            commits: 1 + mix(seed, bits) % 3,
            chunks: bits & 1 > 0,
            claim: bits & 2 > 0,
            all: bits & 4 > 0,
        };
        // of nothing no chunks can be missing
        if !(loss.chunks && loss.all) {
            fails_over(loss, seed);
        }
    }
}

#[test]
fn redis_persistence_refuses_a_commit_with_chunks_elsewhere() {
    if !need_server() {
        return;
    }
    let primary = Redis::start();
    let replica = Redis::builder().replica_of(&primary).start();
    let proxy = Arc::new(Proxy::start(primary.port()));
    let switch: Arc<Mutex<Option<u16>>> = Arc::default();
    let (at, through) = (Arc::clone(&switch), Arc::clone(&proxy));
    let hook = move |call, moment| {
        if (call, moment) == (Call::Commit, Moment::Before)
            && let Some(port) = at.lock().expect("no panic").take()
        {
            through.switch(port);
        }
    };
    let watched = CallRecorder::new(store(&proxy.url()), Box::new(hook));
    let mut life = Life::start(watched, seed("chunks elsewhere"));
    life.send(100);
    life.step().expect("a checkpoint");
    wait_equal(&primary, &replica);
    replica.cmd(&["REPLICAOF", "NO", "ONE"]);
    *switch.lock().expect("no panic") = Some(replica.port());
    // The parent is the head there, too.
    goes_on(&mut life, &replica.url(), "io");
    life.check(&replica.url());
}

/// A chunk of the head whose shard is not that of the control hash.
fn other_shard(cluster: &Cluster, store: &dyn PersistenceStore, head: Revision) -> u16 {
    let control = cluster.owner_of(slot_of(&format!("{{{NAME}}}"))).port();
    let chunks = store.chunks(NAME).expect("it works").into_iter();
    let own = chunks.filter(|c| c.revision() == head);
    let slots = own.map(|c| slot_of(&format!("{{{NAME}/{}}}", c.number % 16)));
    let mut other = slots.filter(|slot| cluster.owner_of(*slot).port() != control);
    other.next().expect("chunks are on several shards")
}

#[test]
fn redis_persistence_when_one_shard_of_a_cluster_loses_chunks() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 1, 2000);
    let seed = seed("a shard loses chunks");
    let mut life = Life::start(store(&cluster.url()), seed);
    life.send(200);
    let first = life.step().expect("a checkpoint");
    let look = store(&cluster.url());
    let slot = other_shard(&cluster, &*look, first);
    let primary = cluster.owner_of(slot);
    let replica = cluster.replicas_of(primary)[0];
    wait_equal(primary, replica);
    replica.config_set("masterauth", "nobody");
    replica.cmd(&["CLIENT", "KILL", "TYPE", "master"]);
    until(HANG, "the replica to be cut off", || {
        replica.info("replication")["master_link_status"] == "down"
    });
    // Base and deltas: the first one is what a restore falls back to.
    life.step().expect("the shard's primary has it");
    let head = life.step().expect("and this");
    assert!(verify(&*look, NAME, head).is_sound());
    cluster.takeover(replica);
    cluster.wait_ok();
    // Nobody was told of an error, but who reads is.
    let report = verify(&*look, NAME, head);
    assert!(!report.is_sound(), "{head}: {report}");
    let reader = app(Some(look.clone()), CheckpointConfig::default());
    drop(seen_of(&reader));
    let error = reader.restore_last_revision().expect_err("chunks are gone");
    assert_eq!(error.reason(), "damaged", "{error}");
    let back = reader.restore_with(&RestoreOptions::default().fallback(true));
    let back = back.expect("the first one is sound");
    assert_eq!(back.revision, Some(first));
    assert_eq!(back.skipped.len(), 2);
    // The writer notices by itself.
    until(HANG, "a sound head", || {
        let head = life.step().expect("a checkpoint");
        verify(&*look, NAME, head).is_sound()
    });
    for _ in 0..4 {
        life.step().expect("it goes on");
    }
    life.check(&cluster.url());
}
