//! An app over a cluster: slots that move, primaries that die, freeze and are replaced.

use crate::life::{Life, NAME, hasty_store, options, seed, store_with, timed};
use crate::load::Load;
use eventflux::CheckpointError;
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Cluster, HANG, Redis, need_server, until};
use std::time::Duration;

/// The slot of the app's control hash.
fn control_slot() -> u16 {
    eventflux_testbed::slot_of(&format!("eventflux:{{{NAME}}}:ctl"))
}

/// The slot of the first chunk of every epoch.
fn chunk_slot() -> u16 {
    eventflux_testbed::slot_of(&format!("eventflux:{{{NAME}/0}}:i"))
}

/// Whether a slot has another owner, and the cluster serves.
fn moved(cluster: &Cluster, slot: u16, from: &Redis) -> bool {
    let owner = cluster.try_owner_of(slot);
    owner.is_ok_and(|owner| owner.port() != from.port())
}

#[test]
fn redis_persistence_while_slots_move() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 5_000);
    // Tried again for as long as a slot is in between.
    let (first, most) = (Duration::from_millis(20), Duration::from_millis(200));
    let options = options().retry(first, most, Duration::from_secs(60));
    let store = store_with(&cluster.url(), options);
    let load = Load::start(timed(store, seed("slots move")));
    load.wait_commits(5);
    for slot in [control_slot(), chunk_slot()] {
        let from = cluster.owner_of(slot);
        let others = cluster.primaries().into_iter();
        let to = others.filter(|n| n.port() != from.port()).last();
        let to = to.expect("three primaries");
        // there and back again
        for (from, to) in [(from, to), (to, from)] {
            load.wait_commits(3);
            cluster.begin_migration(slot, to);
            load.wait_commits(3);
            cluster.move_keys(slot, 1);
            if slot == chunk_slot() {
                load.wait_commits(3);
            } else {
                // A script on two keys, one here and one there, waits for the other one to follow.
                load.wait_refused();
            }
            cluster.end_migration(slot);
            load.wait_commits(3);
            assert_eq!(cluster.owner_of(slot).port(), to.port());
            let left = from.cmd(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
            assert_eq!(left.int(), Some(0));
        }
    }
    for outcome in load.outcomes() {
        outcome.result.expect("no checkpoint fails");
    }
    load.end().check(&cluster.url());
}

#[test]
fn redis_persistence_while_primaries_of_a_cluster_are_replaced() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 1, 2000);
    let store = hasty_store(&cluster.url(), Duration::from_secs(1));
    let load = Load::start(timed(store.clone(), seed("primaries are replaced")));
    // Before the planned ones: the servers do not vote twice for a shard within two node timeouts.
    for (name, slot) in [("control", control_slot()), ("chunks", chunk_slot())] {
        let primary = cluster.owner_of(slot);
        let what = format!("cluster, kill -9, {name}");
        load.through(&what, || primary.kill(), || moved(&cluster, slot, primary));
        assert_ne!(cluster.owner_of(slot).port(), primary.port());
        primary.restart();
        cluster.wait_ok();
        let again = || !cluster.replicas_of(cluster.owner_of(slot)).is_empty();
        until(HANG, "a replica", again);
    }
    let primary = cluster.owner_of(control_slot());
    let served = || moved(&cluster, control_slot(), primary);
    load.through("cluster, SIGSTOP, control", || primary.stop(), served);
    primary.cont();
    cluster.wait_ok();
    for (name, slot) in [("control", control_slot()), ("chunks", chunk_slot())] {
        for takeover in [false, true] {
            let primary = cluster.owner_of(slot);
            let replica = cluster.replicas_of(primary)[0];
            let what = format!("cluster, planned, {name}, takeover {takeover}");
            let noticed = store.failovers();
            let fault = || match takeover {
                false => cluster.failover(replica),
                true => cluster.takeover(replica),
            };
            load.through(&what, fault, || true);
            cluster.wait_ok();
            // A replica that takes over may lack what was stored last: that is written again once it is noticed, and
            // revisions of before are kept for some commits.
            until(HANG, "another primary to be noticed", || {
                store.failovers() > noticed
            });
            load.wait_commits(8);
        }
    }
    load.end().check(&cluster.url());
}

#[test]
fn redis_persistence_on_a_cluster_waits_for_replicas() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 1, 5_000);
    let waiting = options()
        .read_timeout(Duration::from_secs(20))
        .replicas(1, Duration::from_secs(2));
    let store = store_with(&cluster.url(), waiting);
    let mut life = Life::start(store, seed("replicas of a cluster"));
    until(HANG, "a checkpoint", || life.step().is_ok());
    let replica = cluster.replicas_of(cluster.owner_of(control_slot()))[0];
    replica.stop();
    let error = life.step().expect_err("the replica has not got it");
    let CheckpointError::Store(error) = error else {
        panic!("{error}");
    };
    let (wanted, reached) = (1, 0);
    assert_eq!(error, StoreError::Durability { wanted, reached });
    replica.cont();
    cluster.wait_ok();
    until(HANG, "the replica to have it", || life.step().is_ok());
    life.check(&cluster.url());
}
