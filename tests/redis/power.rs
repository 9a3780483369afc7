//! A server that is killed and comes back: with all it had, with less, with nothing.

use crate::contract::owner;
use crate::lives::{Life, World};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux::{CheckpointError, RestoreOptions, Workers};
use eventflux_testbed::{Aof, HANG, Redis, Scratch, need_server, until};
use std::fs;
use std::path::Path;

/// While the server is dead: rows go on, checkpoints fail, the health says so.
fn assert_dead(life: &mut Life<'_>) {
    for _ in 0..4 {
        let error = life.fail();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        life.assert_reachable(false);
    }
    let health = life.store.health();
    assert!(health.breaker_open, "{health:?}");
    assert!(health.failures_in_a_row >= 3, "{health:?}");
}

fn assert_well(life: &Life<'_>) {
    life.assert_store();
    life.assert_reachable(true);
    let health = life.store.health();
    assert!(!health.breaker_open, "{health:?}");
    assert_eq!(health.failures_in_a_row, 0);
}

#[test]
fn redis_persistence_loses_no_epoch_with_aof_always() {
    if !need_server() {
        return;
    }
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let redis = Redis::builder().aof(Aof::Always).start();
        let mut world = World::new(&redis.url());
        world.workers = workers;
        let mut life = world.start();
        for _ in 0..3 {
            life.commit();
        }
        let last = life.commit();
        redis.kill();
        assert_dead(&mut life);
        redis.restart();
        assert_eq!(world.store().last_revision("sums"), Ok(Some(last)));
        let (next, _) = life.recover();
        assert!(next > last);
        assert_eq!(next.generation, last.generation, "nobody took over");
        assert_well(&life);
        // And killed at the moment of the answer, with the app.
        redis.kill();
        let taken = life.taken.clone();
        redis.restart();
        let (mut life, report) = world.resume(life);
        assert_eq!(report.revision, taken.keys().next_back().copied());
        life.commit();
        assert_well(&life);
    }
}

/// Copies a folder's files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder takes folders");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it can be read");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("there is room");
        }
    }
}

#[test]
fn redis_persistence_notices_what_a_power_cut_took() {
    if !need_server() {
        return;
    }
    for aof in [Aof::EverySecond, Aof::Unsynced] {
        let data = Scratch::new().expect("a directory");
        let kept = Scratch::new().expect("a directory");
        let redis = Redis::builder().aof(aof).dir(data.path()).start();
        let world = World::new(&redis.url());
        let mut life = world.start();
        let early = [life.commit(), life.commit()];
        until(HANG, "all to be written", || {
            let info = redis.info("persistence");
            info["aof_buffer_length"] == "0" && info["aof_pending_bio_fsync"] == "0"
        });
        // What is on the disk; all that follows is not.
        copy(data.path(), kept.path());
        for _ in 0..3 {
            life.commit();
        }
        redis.kill();
        fs::remove_dir_all(data.path().join("appendonlydir")).expect("it is there");
        copy(kept.path(), data.path());
        redis.restart();
        let store = world.store();
        assert_eq!(store.last_revision("sums"), Ok(Some(early[1])));
        // The app has more than the server: what is lost is told, and all of it is written.
        let (next, reasons) = life.recover();
        assert!(!reasons.is_empty(), "what was lost was not noticed");
        let told = reasons.iter().any(|r| r.contains("not the parent"));
        assert!(told, "{reasons:?}");
        let lost = life
            .taken
            .keys()
            .copied()
            .filter(|r| *r > early[1] && *r < next);
        let lost: Vec<_> = lost.collect();
        assert_eq!(lost.len(), 3);
        for revision in lost {
            life.taken.remove(&revision);
        }
        assert_well(&life);
        let (mut life, report) = world.resume(life);
        assert_eq!(report.revision, Some(next));
        life.commit();
        assert_well(&life);
    }
}

#[test]
fn redis_persistence_goes_on_when_the_server_comes_back_empty() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().aof(Aof::Off).start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    for noticed in [true, false] {
        let last = [life.commit(), life.commit()][1];
        redis.kill();
        if noticed {
            assert_dead(&mut life);
        }
        redis.restart();
        assert_eq!(world.store().last_revision("sums"), Ok(None));
        let (next, reasons) = life.recover();
        assert!(next > last, "{next} after {last}: epochs only grow");
        // Who had no failure that made it look learns it by the commit, or by the renewal of its lease before.
        let told = reasons.is_empty() || reasons.iter().any(|r| r.contains("head is empty"));
        assert!(told || noticed, "{reasons:?}");
        life.taken.retain(|revision, _| *revision == next);
        assert_well(&life);
        life.commit();
        assert_well(&life);
    }
    assert_eq!(world.store().apps(), Ok(vec!["sums".to_string()]));
    let (mut life, _) = world.resume(life);
    life.commit();
    assert_well(&life);
}

#[test]
fn redis_persistence_keeps_its_claim_on_a_server_that_lost_it() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    let control = "eventflux:{sums}:ctl";
    for lose in [&["FLUSHALL"][..], &["DEL", control]] {
        let last = [life.commit(), life.commit()][1];
        redis.cmd(lose);
        // The lease is renewed before the next epoch begins.
        until(HANG, "the claim", || {
            !redis.cmd(&["HGET", control, "who"]).text().is_empty()
        });
        let locked = world.store().acquire("sums", &owner("another"));
        assert!(
            matches!(locked, Err(StoreError::Locked { .. })),
            "{locked:?}"
        );
        let (next, _) = life.recover();
        assert!(next > last && next.generation == last.generation);
        life.taken.retain(|revision, _| *revision == next);
        assert_well(&life);
    }
    // What was given up stays so.
    drop(life);
    assert_eq!(redis.cmd(&["HGET", control, "who"]).text(), "");
    let claim = world.store().acquire("sums", &owner("another"));
    claim.expect("nobody has it");
}

#[test]
fn redis_persistence_that_lost_all_says_there_is_nothing() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    life.commit();
    redis.kill();
    drop(life);
    redis.restart();
    // No memory of it is left anywhere.
    let app = world.app(Some(world.store()));
    let error = app.restore_last_revision().expect_err("nothing is there");
    assert!(matches!(error, CheckpointError::Nothing { .. }), "{error}");
    let empty = app.restore_with(&RestoreOptions::default().allow_empty(true));
    assert_eq!(empty.expect("told to").revision, None);
    // The control hash alone is lost: the marker knows better.
    let mut life = world.start();
    life.commit();
    drop(life);
    redis.cmd(&["DEL", "eventflux:{sums}:ctl"]);
    let app = world.app(Some(world.store()));
    let error = app.restore_last_revision().expect_err("it is lost");
    let expired = matches!(error, CheckpointError::Store(StoreError::Expired { .. }));
    assert!(expired, "{error}");
}
