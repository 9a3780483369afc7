//! A server that refuses: a replica, a wrong password, a user who may not do it all.

use crate::contract::{chunk, commit, owner, revision};
use crate::life::{World, keys};
use eventflux::redis::{RedisConfig, RedisPersistenceStore, Secret};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Redis, need_redis};
use std::sync::Arc;

/// All commands of the store but those of the backend.
const COMMANDS: [&str; 21] = [
    "ping", "role", "info", "eval", "time", "hget", "hset", "hdel", "hexists", "hkeys", "hincrby",
    "pexpire", "persist", "get", "set", "exists", "unlink", "sadd", "srem", "smembers", "select",
];

#[test]
fn redis_persistence_refuses_a_read_only_replica() {
    if !need_redis() {
        return;
    }
    let primary = Redis::start();
    let replica = Redis::builder().replica_of(&primary).start();
    let mut life_world = World::new(&primary.url());
    life_world.app = "other".to_string();
    life_world.start().commit();
    let before = keys(&primary);
    let world = World::new(&replica.url());
    let store = world.store();
    let told = |error: StoreError| {
        let text = error.to_string();
        let named = text.contains("READONLY") || text.contains("read only replica");
        assert!(named || text.contains("no primary"), "{text}");
    };
    let owner = owner("one");
    told(
        store
            .acquire("sums", &owner)
            .expect_err("it takes no writes"),
    );
    told(
        store
            .save("sums", revision(1, 1), b"x")
            .expect_err("it takes no writes"),
    );
    let app = world.app(Some(world.store()));
    let error = app.start().expect_err("it takes no writes").to_string();
    assert!(
        error.to_lowercase().contains("replica") || error.contains("READONLY"),
        "{error}"
    );
    assert!(!store.health().reachable, "{:?}", store.health());
    store.test_connection().expect("it answers");
    assert_eq!(store.health().role, Some("replica"));
    assert_eq!(keys(&primary), before, "nothing was claimed");
    // Once it is a primary it takes them.
    replica.cmd(&["REPLICAOF", "NO", "ONE"]);
    let mut life = world.start();
    life.commit();
    life.assert_store();
}

#[test]
fn redis_persistence_of_a_server_that_becomes_a_replica() {
    if !need_redis() {
        return;
    }
    let (first, second) = (Redis::start(), Redis::start());
    let world = World::new(&first.url());
    let mut life = world.start();
    life.commit();
    let port = second.port().to_string();
    first.cmd(&["REPLICAOF", "127.0.0.1", &port]);
    let text = life.fail().to_string();
    let told = text.contains("read only replica") || text.contains("no primary");
    assert!(told, "{text}");
    life.assert_reachable(false);
    first.cmd(&["REPLICAOF", "NO", "ONE"]);
    // It may have taken the other one's emptiness over, or not.
    let (revision, _) = life.recover();
    life.taken.retain(|r, _| *r >= revision);
    life.commit();
    let last = life.commit();
    world.assert_holds(last, life.sent);
    life.assert_reachable(true);
}

#[test]
fn redis_persistence_tells_what_login_lacks() {
    if !need_redis() {
        return;
    }
    let redis = Redis::builder().requirepass("right").start();
    let open = format!("redis://127.0.0.1:{}", redis.port());
    for (login, word) in [(None, "NOAUTH"), (Some("wrong"), "password")] {
        let mut world = World::new(&open);
        if let Some(password) = login {
            world.options = world.options.password(Secret::from(password));
        }
        let error = world.store().acquire("sums", &owner("one"));
        let error = error.expect_err("the login is not right");
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        let text = error.to_string();
        let told = text.contains(word) || text.contains("WRONGPASS");
        assert!(told && text.contains("look at user and password"), "{text}");
        let app = world.app(Some(world.store()));
        app.start().expect_err("the login is not right");
    }
    assert_eq!(keys(&redis), Vec::<String>::new());
}

#[test]
fn redis_persistence_survives_a_password_that_changes() {
    if !need_redis() {
        return;
    }
    let redis = Redis::builder().requirepass("first").start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    life.commit();
    redis.config_set("requirepass", "second");
    redis.cmd(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    for _ in 0..3 {
        let error = life.fail();
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        life.assert_reachable(false);
    }
    redis.config_set("requirepass", "first");
    life.recover();
    life.assert_store();
    life.assert_reachable(true);
}

/// Everything that a store does, until something is refused.
fn all_calls(store: &dyn PersistenceStore) -> Result<(), StoreError> {
    let claim = store.acquire("a", &owner("one"))?;
    let at = |epoch| revision(claim.generation, claim.last_epoch + epoch);
    let (one, two) = (at(1), at(2));
    let parent = store.last_revision("a")?;
    let first = chunk(claim.generation, one.epoch, 0);
    store.put_chunk("a", first, b"one")?;
    store.flush("a")?;
    store.commit("a", &commit(one, parent, b"m"))?;
    store.put_chunk("a", chunk(claim.generation, two.epoch, 1), b"two")?;
    store.commit("a", &commit(two, Some(one), b"m"))?;
    store.get_chunk("a", first)?;
    store.manifest("a", two)?;
    store.chunks("a")?;
    store.apps()?;
    store.pin("a", "p", Some(one))?;
    store.pin("a", "p", None)?;
    store.retire("a", &[one], &[first])?;
    store.release("a", claim.generation)?;
    store.save("b", revision(1, 1), b"whole")?;
    store.load("b", revision(1, 1))?;
    store.clear_all_revisions("b")
}

#[test]
fn redis_persistence_tells_what_a_user_may_not() {
    if !need_redis() {
        return;
    }
    let redis = Redis::start();
    let rules = COMMANDS.map(|c| format!("+{c}")).join(" ");
    let user = format!("on >secret resetkeys resetchannels -@all ~eventflux:* {rules}");
    let set = |rules: &str| {
        let mut words = vec!["ACL", "SETUSER", "flux"];
        words.extend(rules.split(' '));
        assert!(!redis.cmd(&words).is_error(), "{rules}");
    };
    let store = || -> Arc<RedisPersistenceStore> {
        let mut world = World::new(&redis.url());
        world.options = world
            .options
            .username("flux")
            .password(Secret::from("secret"));
        world.config = RedisConfig {
            ttl_seconds: Some(3600),
            ..world.config
        };
        world.store()
    };
    set(&user);
    all_calls(&*store()).expect("it may do all that is needed");
    for command in COMMANDS {
        redis.cmd(&["FLUSHALL"]);
        set(&format!("-{command}"));
        let tried = all_calls(&*store());
        set(&format!("+{command}"));
        // What only the pool or the doctor asks is not needed for these calls.
        if ["ping", "role", "info", "select"].contains(&command) {
            continue;
        }
        let error = match tried {
            Err(error) => error,
            Ok(()) => panic!("without {command} all went well: is it needed?"),
        };
        assert!(
            matches!(error, StoreError::Refused { .. }),
            "{command}: {error:?}"
        );
        let text = error.to_string();
        assert!(text.contains("state acl"), "{command}: {text}");
    }
    // Keys of another prefix.
    redis.cmd(&["FLUSHALL"]);
    set("resetkeys ~elsewhere:*");
    let error = all_calls(&*store()).expect_err("its keys are elsewhere");
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert_eq!(keys(&redis), Vec::<String>::new());
}
