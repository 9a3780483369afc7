//! A server that hangs: nothing waits for it longer than was agreed, and rows do not wait at all.
//!
//! No time is measured: a call that waited for such a server would not return.

use crate::lives::{Life, World};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, CheckpointError, Workers};
use eventflux_testbed::{HANG, Redis, need_server, until};
use std::time::{Duration, Instant};

/// Longer than anybody waits for an answer.
const LONG: Duration = Duration::from_secs(600);

fn failed(life: &Life<'_>) -> u64 {
    let metrics = life.app.checkpoint_metrics().expect("it has a store");
    metrics.failed.get("io").copied().unwrap_or(0)
}

#[test]
fn redis_persistence_does_not_wait_for_a_stopped_server() {
    if !need_server() {
        return;
    }
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let redis = Redis::start();
        let mut world = World::hasty(&redis.url());
        world.workers = workers;
        let mut life = world.start();
        life.recover();
        let before = failed(&life);
        redis.stop();
        for _ in 0..4 {
            let error = life.fail();
            assert!(matches!(error, StoreError::Io { .. }), "{error}");
            life.assert_reachable(false);
        }
        assert!(life.store.health().breaker_open);
        let metrics = life.app.checkpoint_metrics().expect("it has a store");
        assert_eq!((metrics.failures_in_a_row, failed(&life)), (4, before + 4));
        redis.cont();
        life.recover();
        life.recover();
        life.assert_store();
        until(HANG, "a good health", || life.store.health().reachable);
    }
}

/// A checkpoint that fails while nothing is answered. One that took as long as the pause tells nothing and is
/// repeated.
fn fail_paused(redis: &Redis, life: &mut Life<'_>) -> StoreError {
    let pause = Duration::from_secs(10);
    let mut failed = None;
    until(HANG, "a checkpoint during the pause", || {
        life.step();
        let begun = Instant::now();
        redis.client_pause(10_000, false);
        match life.persist() {
            Ok(revision) => assert!(begun.elapsed() >= pause, "{revision} was not refused"),
            Err(CheckpointError::Store(error)) => failed = Some(error),
            Err(other) => panic!("{other:?}"),
        }
        failed.is_some()
    });
    failed.expect("it was waited for")
}

#[test]
fn redis_persistence_does_not_wait_for_a_paused_server() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::hasty(&redis.url());
    let mut life = world.start();
    life.recover();
    let error = fail_paused(&redis, &mut life);
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    life.recover();
    life.assert_store();
    let (head, _) = life.recover();
    redis.client_pause(LONG.as_millis() as u64, true);
    let error = life.fail();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    // Who only reads does not wait.
    let manifest = world.reader().manifest("sums", head);
    assert!(matches!(manifest, Ok(Some(_))), "{manifest:?}");
    assert!(!redis.cmd(&["CLIENT", "UNPAUSE"]).is_error());
    life.recover();
    life.assert_store();
}

#[test]
fn redis_persistence_at_an_interval_survives_a_hang() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let mut world = World::hasty(&redis.url());
    world.workers = Workers::Pinned(1);
    world.checkpoints = CheckpointConfig::default()
        .interval(Duration::from_millis(20))
        .retain(3);
    let mut life = world.start();
    let committed = |life: &crate::lives::Life<'_>| {
        let metrics = life.app.checkpoint_metrics();
        metrics.expect("it has a store").committed
    };
    life.step();
    until(HANG, "a checkpoint", || committed(&life) > 0);
    redis.stop();
    until(HANG, "failures", || {
        life.step();
        let metrics = life.app.checkpoint_metrics().expect("it has a store");
        metrics.failures_in_a_row >= 2
    });
    life.assert_reachable(false);
    let before = committed(&life);
    redis.cont();
    until(HANG, "checkpoints", || {
        life.step();
        committed(&life) > before + 2
    });
    until(HANG, "a good health", || life.store.health().reachable);
    life.recover();
    let sent = life.sent;
    let calm = world.at(&redis.url());
    let (life, report) = calm.resume(life);
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
    waiting.options = waiting.options.read_timeout(LONG);
    waiting.config.connection_timeout_ms = LONG.as_millis() as u64;
    slow.stop();
    let store = waiting.store();
    let waits = std::thread::spawn(move || store.last_revision("sums"));
    // Each has a connection to make, and none is behind the one that nobody answers.
    for _ in 0..20 {
        let read = World::new(&well.url()).store().last_revision("sums");
        assert_eq!(read, Ok(None));
    }
    assert!(!waits.is_finished(), "it did not wait meanwhile");
    slow.cont();
    assert_eq!(waits.join().expect("it does not panic"), Ok(None));
}
