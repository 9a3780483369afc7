//! Times to live: which key has which, and what happens when one of each kind is gone.

use crate::contract::{chunk, commit, owner, revision};
use crate::lives::{Life, World, keys};
use eventflux::checkpoint::CompressionType;
use eventflux::redis::{RedisBackend, RedisConfig, RedisPersistenceStore};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, CheckpointError, RestoreOptions};
use eventflux_testbed::{HANG, Redis, need_server, until};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn lasting(redis: &Redis, ttl_seconds: Option<u64>) -> World {
    let mut world = World::new(&redis.url());
    world.config.ttl_seconds = ttl_seconds;
    world
}

/// How long a key has to live; none without an end.
fn left(redis: &Redis, key: &str) -> Option<i64> {
    let left = redis.cmd(&["PTTL", key]).int().expect("a number");
    assert_ne!(left, -2, "{key} is not there");
    (left >= 0).then_some(left)
}

/// All keys but the list of apps have the deadlines of the layout.
fn has_deadlines(redis: &Redis, ttl_ms: i64) -> bool {
    keys(redis).iter().all(|key| match left(redis, key) {
        None => key.ends_with(":was") || key.ends_with("apps"),
        Some(left) if key.ends_with(":ctl") => left <= ttl_ms,
        Some(left) => left > DAY_MS && left <= DAY_MS + ttl_ms,
    })
}

/// Makes a key expire as time would.
fn expire(redis: &Redis, key: &str) {
    // A time that is over deletes it at once: nobody can have made it again when that is looked at.
    assert_eq!(redis.cmd(&["PEXPIRE", key, "0"]).int(), Some(1), "{key}");
}

/// The chunks of the head, by key.
fn chunk_keys(redis: &Redis) -> Vec<String> {
    let mut chunks = keys(redis);
    chunks.retain(|key| key.contains("}:c:"));
    chunks
}

#[test]
fn redis_persistence_gives_every_key_its_deadline() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = lasting(&redis, Some(8));
    let mut life = world.start();
    for _ in 0..5 {
        life.commit();
        assert!(has_deadlines(&redis, 8_000), "after a commit");
    }
    // The keeper puts all of them off, whoever made them short.
    for key in keys(&redis) {
        if left(&redis, &key).is_some_and(|left| left > DAY_MS) {
            redis.cmd(&["PEXPIRE", &key, "60000"]);
        }
    }
    until(HANG, "the keeper", || has_deadlines(&redis, 8_000));
    // While something is pinned, nothing has an end.
    let head = life.commit();
    life.store.pin("sums", "keep", Some(head)).expect("a pin");
    let endless = || keys(&redis).iter().all(|key| left(&redis, key).is_none());
    assert!(endless(), "at once");
    life.commit();
    until(HANG, "the keeper", endless);
    // Also in the next life, from its first moment on.
    let (mut life, _) = world.resume(life);
    let old = chunk_keys(&redis);
    for _ in 0..40 {
        life.step();
        for key in &old {
            assert_eq!(left(&redis, key), None, "{key}");
        }
    }
    life.commit();
    life.store
        .pin("sums", "keep", None)
        .expect("it is taken away");
    until(HANG, "the keeper", || has_deadlines(&redis, 8_000));
    life.assert_store();
}

#[test]
fn redis_persistence_without_an_end_takes_ends_of_before_away() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = lasting(&redis, Some(60));
    let mut life = world.start();
    life.commit();
    assert!(has_deadlines(&redis, 60_000));
    let mut endless = lasting(&redis, None);
    endless.checkpoints = world.checkpoints.clone();
    let (mut life, _) = endless.resume(life);
    for key in keys(&redis) {
        assert_eq!(left(&redis, &key), None, "{key}");
    }
    life.commit();
    life.assert_store();
}

#[test]
fn redis_persistence_with_any_time_to_live() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    for (app, ttl_seconds) in [("a", u64::MAX), ("b", u64::MAX / 1000), ("c", 1 << 40)] {
        let store = lasting(&redis, Some(ttl_seconds)).store();
        let claim = store.acquire(app, &owner("one")).expect("nobody has it");
        let at = revision(claim.generation, 1);
        store
            .put_chunk(app, chunk(at.generation, 1, 0), b"x")
            .expect("it is stored");
        store
            .commit(app, &commit(at, None, b"m"))
            .expect("it is stored");
        assert_eq!(store.last_revision(app), Ok(Some(at)));
    }
    let config = RedisConfig {
        ttl_seconds: Some(0),
        ..RedisConfig::default()
    };
    let refused = RedisPersistenceStore::new_with_config(config).err();
    assert!(matches!(refused, Some(StoreError::Refused { .. })));
}

#[test]
fn redis_persistence_tells_expired_from_never_there() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = lasting(&redis, Some(3600));
    let mut life = world.start();
    let last = life.commit();
    // Under a running writer: told once, and all is written again.
    expire(&redis, "eventflux:{sums}:ctl");
    let (next, reasons) = life.recover();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(next > last && next.generation == last.generation);
    life.taken.retain(|revision, _| *revision == next);
    life.assert_store();
    let last = life.commit();
    life.assert_store();
    // With nobody there.
    drop(life);
    expire(&redis, "eventflux:{sums}:ctl");
    let store = world.store();
    let told = store.last_revision("sums").expect_err("it has expired");
    assert!(matches!(told, StoreError::Expired { .. }), "{told}");
    assert_eq!(store.catalogue("nobody").map(|c| c.revisions), Ok(vec![]));
    let app = world.app(Some(world.store()));
    let told = app.restore_last_revision().expect_err("it has expired");
    match told {
        CheckpointError::Store(StoreError::Expired { epoch, .. }) => assert_eq!(epoch, last.epoch),
        other => panic!("{other}"),
    }
    // Generations and epochs go on from where they were.
    let claim = store
        .acquire("sums", &owner("next"))
        .expect("nobody has it");
    assert!(claim.generation > last.generation && claim.last_epoch >= last.epoch);
    // The marker does not end; were it lost too, nothing would be known.
    expire(&redis, "eventflux:{sums}:ctl");
    expire(&redis, "eventflux:{sums}:was");
    assert_eq!(store.catalogue("sums").map(|c| c.revisions), Ok(vec![]));
}

#[test]
fn redis_persistence_lives_without_its_marker_and_indexes() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = lasting(&redis, Some(3600));
    let mut life = world.start();
    let last = life.commit();
    expire(&redis, "eventflux:{sums}:was");
    for key in keys(&redis).iter().filter(|key| key.ends_with("}:i")) {
        expire(&redis, key);
    }
    world.assert_holds(last, life.sent);
    let next = life.commit();
    assert!(next > last);
    life.assert_store();
    let (mut life, report) = world.resume(life);
    assert_eq!(report.revision, Some(next));
    life.commit();
    life.assert_store();
    let marker = redis.cmd(&["HGET", "eventflux:{sums}:was", "epoch"]);
    assert_eq!(marker.int(), Some(next.epoch as i64 + 1));
}

/// Full revisions: each has chunks of its own.
fn full_revisions(redis: &Redis) -> World {
    let mut world = lasting(redis, Some(3600));
    world.checkpoints = CheckpointConfig::default()
        .incremental(false)
        .compression(CompressionType::None)
        .retain(4)
        .takeover(true);
    world
}

/// Chunks of an epoch.
fn of_epoch(redis: &Redis, epoch: u64) -> Vec<String> {
    let of = format!(".{epoch}.");
    let mut all = chunk_keys(redis);
    all.retain(|key| key.contains(&of));
    assert!(!all.is_empty());
    all
}

#[test]
fn redis_persistence_names_a_chunk_that_expired_and_goes_back() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = full_revisions(&redis);
    let mut life = world.start();
    let older = life.commit();
    let sent = life.sent;
    let last = life.commit();
    let gone = of_epoch(&redis, last.epoch).remove(0);
    expire(&redis, &gone);
    let app = world.app(Some(world.store()));
    let error = app.restore_last_revision().expect_err("a chunk is missing");
    let text = error.to_string();
    let name = gone.split(":c:").nth(1).expect("a chunk");
    assert!(
        text.contains(&last.to_string()) && text.contains(name),
        "{text}"
    );
    let report = app.restore_with(&RestoreOptions::default().fallback(true));
    let report = report.expect("the one before is whole");
    assert_eq!(report.revision, Some(older));
    assert_eq!(report.inputs[0].next, sent + 1);
    assert_eq!(report.skipped.len(), 1);
    assert_eq!(report.skipped[0].0, last);
    world.assert_holds(older, sent);
}

/// A failure, whatever it is: the writer looks at what the store has.
fn stumble(redis: &Redis, life: &mut Life<'_>) {
    redis.config_set("maxmemory", "1");
    let error = life.fail();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    redis.config_set("maxmemory", "0");
}

#[test]
fn redis_persistence_writes_all_again_when_chunks_are_missing() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = lasting(&redis, Some(3600));
    let mut life = world.start();
    life.commit();
    life.commit();
    for key in chunk_keys(&redis) {
        expire(&redis, &key);
    }
    stumble(&redis, &mut life);
    let next = life.commit();
    world.assert_holds(next, life.sent);
    let next = life.commit();
    world.assert_holds(next, life.sent);
    // The same at a start: what it went on from is missing now.
    let (mut life, _) = world.resume(life);
    for key in chunk_keys(&redis) {
        expire(&redis, &key);
    }
    stumble(&redis, &mut life);
    let next = life.commit();
    world.assert_holds(next, life.sent);
}

#[test]
fn redis_backend_tells_what_expired() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let config = RedisConfig {
        url: redis.url(),
        ttl_seconds: Some(60),
        ..RedisConfig::default()
    };
    let mut backend = RedisBackend::with_config(config);
    backend.initialize().expect("it is there");
    backend.set("a", b"1".to_vec()).expect("it is set");
    backend.checkpoint("one").expect("it is copied");
    let data = "eventflux:{kv:default}:data";
    assert!(left(&redis, data).is_some_and(|left| left <= 60_000));
    let copied = left(&redis, "eventflux:{kv:default}:cp:one");
    assert!(copied.is_some_and(|left| left > DAY_MS), "{copied:?}");
    expire(&redis, data);
    assert_eq!(backend.get("a"), Ok(None));
    backend.restore("one").expect("the checkpoint lives longer");
    assert_eq!(backend.get("a"), Ok(Some(b"1".to_vec())));
    assert!(left(&redis, data).is_some_and(|left| left <= 60_000));
    expire(&redis, "eventflux:{kv:default}:cp:one");
    for name in ["one", "never"] {
        let error = backend.restore(name).expect_err("it is not there");
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
        assert_eq!(
            backend.get("a"),
            Ok(Some(b"1".to_vec())),
            "nothing has changed"
        );
    }
}

#[test]
fn redis_persistence_gives_a_longer_time_to_live_to_all() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let short = lasting(&redis, Some(60));
    let mut life = short.start();
    for _ in 0..5 {
        life.commit();
    }
    let (old, week_ms) = (chunk_keys(&redis), 7 * DAY_MS);
    let mut long = lasting(&redis, Some(7 * 24 * 3600));
    // The keeper would need hours.
    long.checkpoints = short.checkpoints.clone();
    let (life, _) = long.resume(life);
    for key in &old {
        assert!(left(&redis, key) > Some(week_ms), "{key}");
    }
    life.assert_store();
}
