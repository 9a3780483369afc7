//! A server whose disk is full.

use crate::lives::World;
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Aof, HANG, Redis, need_disk, need_server, until};

const BYTES: u64 = 32 << 20;

#[test]
fn redis_persistence_waits_for_a_disk_that_is_full() {
    if !need_server() {
        return;
    }
    let Some(disk) = need_disk(BYTES) else {
        return;
    };
    let redis = Redis::builder()
        .aof(Aof::EverySecond)
        .dir(disk.path())
        .start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    life.commit();
    let last = life.commit();
    disk.fill().expect("it can be filled");
    // The server notices when it writes next.
    let mut taken = None;
    until(HANG, "a refusal", || {
        life.step();
        match life.persist() {
            Ok(revision) => taken = Some(revision),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("MISCONF"), "{text}");
                return true;
            }
        }
        false
    });
    for _ in 0..3 {
        let error = life.fail();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(error.to_string().contains("MISCONF"), "{error}");
        life.assert_reachable(false);
    }
    let head = world.store().last_revision("sums").expect("it reads");
    assert_eq!(head, Some(taken.unwrap_or(last)), "the head stays");
    disk.free().expect("it can be freed");
    life.recover();
    life.assert_store();
    life.assert_reachable(true);
    redis.restart();
    life.recover();
    life.assert_store();
}

#[test]
fn redis_persistence_outlives_a_server_without_space() {
    if !need_server() {
        return;
    }
    let Some(disk) = need_disk(BYTES) else {
        return;
    };
    let redis = Redis::builder().aof(Aof::Always).dir(disk.path()).start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    life.commit();
    let last = life.commit();
    disk.fill().expect("it can be filled");
    // What is left of the last page takes a little.
    let mut taken = last;
    until(HANG, "a failure", || {
        life.step();
        match life.persist() {
            Ok(revision) => taken = revision,
            Err(error) => assert_eq!(error.reason(), "io", "{error}"),
        }
        let metrics = life.app.checkpoint_metrics().expect("it has a store");
        metrics.failures_in_a_row > 0
    });
    until(HANG, "the end of the server", || redis.pid().is_none());
    life.fail();
    life.assert_reachable(false);
    disk.free().expect("it can be freed");
    redis.restart();
    assert_eq!(world.store().last_revision("sums"), Ok(Some(taken)));
    life.recover();
    life.assert_store();
    life.assert_reachable(true);
}
