//! A server that refuses: a replica, a wrong password, a user who may not do it all; and what is none.

use crate::contract::{owner, revision};
use crate::lives::{World, keys};
use eventflux::redis::{Secret, acl_line};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{HANG, Redis, need_server, until};

#[test]
fn redis_persistence_refuses_a_read_only_replica() {
    if !need_server() {
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
    let error = store.acquire("sums", &owner("one"));
    let error = error.expect_err("it takes no writes");
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("it is a replica"), "{error}");
    // It answers, and says what it is.
    let health = store.health();
    assert!(
        health.reachable && health.role == Some("replica"),
        "{health:?}"
    );
    // A call that claims nothing may meet a failover.
    let error = store.save("sums", revision(1, 1), b"x");
    let error = error.expect_err("it takes no writes");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("read only replica"), "{error}");
    assert!(!store.health().reachable, "{:?}", store.health());
    let app = world.app(Some(world.store()));
    let error = app.start().expect_err("it takes no writes").to_string();
    assert!(error.contains("it is a replica"), "{error}");
    until(HANG, "an attempt", || store.test_connection().is_ok());
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
    if !need_server() {
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
    if !need_server() {
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
    if !need_server() {
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
        // It answers, and what it says is told.
        let health = life.store.health();
        assert!(
            health.reachable && health.detail.contains("password"),
            "{health:?}"
        );
    }
    redis.config_set("requirepass", "first");
    life.recover();
    life.assert_store();
    life.assert_reachable(true);
}

#[test]
fn redis_persistence_of_a_user_who_loses_a_permission() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let set = |rules: &str| {
        let mut words = vec!["ACL", "SETUSER", "flux"];
        words.extend(rules.split(' '));
        assert!(!redis.cmd(&words).is_error(), "{rules}");
    };
    let line = acl_line("flux", "eventflux:", None).expect("a prefix");
    let rules = line.split_once(" on ").expect("it names the user").1;
    set(&format!("on {}", rules.replace("PASSWORD", "secret")));
    let mut world = World::new(&redis.url());
    world.options = world
        .options
        .username("flux")
        .password(Secret::from("secret"));
    let mut life = world.start();
    for lost in ["eval", "hset", "set", "sadd"] {
        life.commit();
        set(&format!("-{lost}"));
        for _ in 0..3 {
            let error = life.fail();
            assert!(
                matches!(error, StoreError::Refused { .. }),
                "{lost}: {error}"
            );
            assert!(error.to_string().contains("state acl"), "{lost}: {error}");
            let health = life.store.health();
            assert!(!health.breaker_open, "it answers: {health:?}");
        }
        set(&format!("+{lost}"));
        life.recover();
        life.assert_reachable(true);
    }
    set("resetkeys ~elsewhere:*");
    let error = life.fail();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    set("~eventflux:*");
    life.recover();
    life.commit();
    drop(life);
    let direct = World::new(&redis.url());
    direct.store().last_revision("sums").expect("it is there");
}
