//! A server that hangs: nothing waits for it longer than was agreed, and rows do not wait at all.

use crate::world::{SOON, World};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, Workers};
use eventflux_testbed::{Redis, need_server, until};
use std::time::{Duration, Instant};

/// One call takes at most its timeouts and its deadline, an epoch a few calls; machines are slow at times.
const BOUND: Duration = Duration::from_secs(10);

#[test]
fn redis_persistence_does_not_wait_for_a_stopped_server() {
    if !need_server() {
        return;
    }
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let redis = Redis::start();
        let mut world = World::new(&redis.url());
        world.workers = workers;
        let mut life = world.start();
        life.commit();
        redis.stop();
        for _ in 0..4 {
            let begun = Instant::now();
            let error = life.fail();
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            assert!(matches!(error, StoreError::Io { .. }), "{error}");
            life.assert_reachable(false);
        }
        assert!(life.store.health().breaker_open);
        let metrics = life.app.checkpoint_metrics().expect("it has a store");
        assert_eq!((metrics.failures_in_a_row, metrics.failed["io"]), (4, 4));
        redis.cont();
        life.recover();
        life.commit();
        life.assert_store();
        life.assert_reachable(true);
    }
}

#[test]
fn redis_persistence_does_not_wait_for_a_paused_server() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    for write_only in [false, true] {
        life.commit();
        redis.client_pause(3_000, write_only);
        let begun = Instant::now();
        let error = life.fail();
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        if write_only {
            // Who only reads does not wait.
            let head = life.taken.keys().next_back().expect("one");
            let manifest = world.store().manifest("sums", *head);
            assert!(matches!(manifest, Ok(Some(_))), "{manifest:?}");
        }
        life.recover();
        life.assert_store();
    }
}

#[test]
fn redis_persistence_at_an_interval_survives_a_hang() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let mut world = World::new(&redis.url());
    world.workers = Workers::Pinned(1);
    world.checkpoints = CheckpointConfig::default()
        .interval(Duration::from_millis(20))
        .retain(3);
    let mut life = world.start();
    let committed = |life: &crate::world::Life<'_>| {
        let metrics = life.app.checkpoint_metrics();
        metrics.expect("it has a store").committed
    };
    life.step();
    until(SOON, "a checkpoint", || committed(&life) > 0);
    redis.stop();
    until(SOON, "failures", || {
        life.step();
        let metrics = life.app.checkpoint_metrics().expect("it has a store");
        metrics.failures_in_a_row >= 2
    });
    life.assert_reachable(false);
    let before = committed(&life);
    redis.cont();
    until(SOON, "checkpoints", || {
        life.step();
        committed(&life) > before + 2
    });
    life.assert_reachable(true);
    life.persist().expect("a checkpoint");
    let sent = life.sent;
    let (life, report) = world.resume(life);
    assert_eq!((report.inputs[0].next, life.sent), (sent + 1, sent));
}

#[test]
fn redis_persistence_is_not_kept_waiting_by_another_server() {
    if !need_server() {
        return;
    }
    let (slow, well) = (
        Redis::builder().requirepass("secret").start(),
        Redis::start(),
    );
    let mut waiting = World::new(&slow.url());
    waiting.options = waiting.options.read_timeout(Duration::from_secs(5));
    waiting.config.connection_timeout_ms = 5_000;
    slow.stop();
    let store = waiting.store();
    let waits = std::thread::spawn(move || store.last_revision("sums").is_err());
    // Each has a connection to make, and none is behind the one that nobody answers.
    for _ in 0..20 {
        let read = World::new(&well.url()).store().last_revision("sums");
        assert_eq!(read, Ok(None));
    }
    assert!(!waits.is_finished(), "it did not wait meanwhile");
    slow.cont();
    waits.join().expect("it does not panic");
}
