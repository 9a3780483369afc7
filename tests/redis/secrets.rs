//! A password is nowhere but in what is sent to log in.

use crate::contract::owner;
use crate::lives::{World, keys};
use eventflux::checkpoint::verify_all;
use eventflux::redis::{RedisBackend, RedisConfig, RedisPersistenceStore, Secret};
use eventflux::store::{PersistenceStore, Revision};
use eventflux_testbed::{Redis, need_server};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CANARY: &str = "canary-77aa";

#[track_caller]
fn clean(what: &str, text: impl std::fmt::Display) {
    let text = text.to_string();
    assert!(!text.contains("canary"), "{what}: {text}");
}

/// At a URL where nobody will answer, however often that is tried.
fn dead(url: &str) -> World {
    let ms = Duration::from_millis;
    let mut world = World::new(url);
    world.options = world.options.retry(ms(5), ms(50), ms(200));
    world
}

/// All that a store and an app over it say.
fn hear(what: &str, world: &World) {
    clean(what, format!("{:?} {:?}", world.config, world.options));
    let store = world.store();
    clean(what, store.describe());
    let backend = RedisBackend::with_options(world.config.clone(), world.options.clone());
    clean(what, format!("{backend:?}"));
    for error in [
        store.test_connection().err(),
        store.acquire("sums", &owner("one")).err(),
        store.last_revision("sums").err(),
        store.save("x", Revision::default(), b"x").err(),
        store.apps().err(),
    ] {
        clean(what, format!("{error:?}"));
        error.iter().for_each(|e| clean(what, e));
    }
    let health = store.health();
    clean(what, format!("{health:?}"));
    let app = world.app(Some(store.clone()));
    let events = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&events);
    app.snapshot_service()
        .expect("it has a store")
        .observe(move |event| {
            told.lock()
                .expect("nobody panics")
                .push_str(&format!("{event:?}"))
        });
    for error in [
        app.start().err().map(|e| format!("{e} {e:?}")),
        app.persist().err().map(|e| format!("{e} {e:?}")),
        app.restore_last_revision()
            .err()
            .map(|e| format!("{e} {e:?}")),
    ] {
        clean(what, format!("{error:?}"));
    }
    let metrics = app.checkpoint_metrics().expect("it has a store");
    clean(what, format!("{metrics:?}"));
    clean(what, metrics.prometheus("sums"));
    drop(app);
    clean(what, events.lock().expect("nobody panics"));
}

#[test]
fn redis_persistence_shows_its_password_nowhere() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass(CANARY).start();
    let port = redis.port();
    let plain = format!("redis://127.0.0.1:{port}");
    let in_url = format!("redis://:{CANARY}@127.0.0.1:{port}");
    hear("in the URL", &World::new(&in_url));
    let mut world = World::new(&plain);
    world.options = world.options.password(Secret::from(CANARY));
    hear("in the options", &world);
    // Failures of every kind.
    hear(
        "wrong",
        &World::new(&format!("redis://:{CANARY}9@127.0.0.1:{port}")),
    );
    hear(
        "user",
        &World::new(&format!("redis://{CANARY}:{CANARY}@127.0.0.1:{port}")),
    );
    hear("database", &World::new(&format!("{in_url}/9999")));
    redis.cmd(&["DEL", "eventflux:{sums}:ctl"]);
    redis.cmd(&["RPUSH", "eventflux:{sums}:ctl", "x"]);
    hear("wrong type", &World::new(&in_url));
    redis.kill();
    hear("dead", &dead(&in_url));
    let mut silent = vec![
        format!("redis://:{CANARY}@nohost.invalid:1"),
        format!("redis+sentinel://:{CANARY}@127.0.0.1:{port}/main"),
        format!("redis+cluster://:{CANARY}@127.0.0.1:{port}"),
    ];
    if cfg!(feature = "redis-tls") {
        silent.push(format!("rediss://:{CANARY}@127.0.0.1:{port}"));
    }
    for url in silent {
        hear(&url.replace(CANARY, "***"), &dead(&url));
    }
    for url in [
        format!("http://:{CANARY}@h"),
        format!("redis://:{CANARY}@h:port"),
        format!("redis://:{CANARY}@h:1/db"),
        format!("redis://:{CANARY}@"),
        CANARY.to_string(),
    ] {
        let config = RedisConfig {
            url,
            ..RedisConfig::default()
        };
        clean("Debug", format!("{config:?}"));
        let made = RedisPersistenceStore::new_with_config(config);
        let error = made.expect_err("no such URL");
        clean("refused", format!("{error} {error:?}"));
    }
}

#[test]
fn redis_persistence_stores_no_password() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass(CANARY).start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    for _ in 0..3 {
        life.commit();
    }
    let mut backend = RedisBackend::with_config(world.config.clone());
    backend.initialize().expect("it is there");
    backend.set("k", b"v".to_vec()).expect("it is set");
    backend.checkpoint("one").expect("it is copied");
    let all = keys(&redis);
    assert!(all.len() > 5, "{all:?}");
    let mut wire = redis.wire();
    let holds = |bytes: &[u8]| bytes.windows(6).any(|some| some == b"canary");
    for key in &all {
        clean("a key", key);
        let read: [&[&[u8]]; 5] = [
            &[b"DUMP", key.as_bytes()],
            &[b"GET", key.as_bytes()],
            &[b"HGETALL", key.as_bytes()],
            &[b"SMEMBERS", key.as_bytes()],
            &[b"OBJECT", b"ENCODING", key.as_bytes()],
        ];
        for command in read {
            let answer = wire.cmd(command).expect("an answer");
            let mut texts = vec![answer.clone()];
            texts.extend(answer.items().iter().cloned());
            for text in texts {
                if let eventflux_testbed::Reply::Bulk(Some(bytes)) = text {
                    assert!(!holds(&bytes), "{key}");
                }
            }
        }
    }
    for (_, report) in verify_all(&*world.store(), "sums").expect("it is there") {
        clean("a report", report);
    }
    clean(
        "the owner",
        redis.cmd(&["HGET", "eventflux:{sums}:ctl", "owner"]).text(),
    );
    clean("the log", redis.log_tail());
}
