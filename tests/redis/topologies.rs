//! The contract of stores on every kind of server, over every kind of connection.

use crate::contract::PARTS;
use eventflux::redis::{RedisConfig, RedisOptions, RedisPersistenceStore, Secret};
use eventflux::store::PersistenceStore;
#[cfg(feature = "redis-tls")]
use eventflux::store::StoreError;
use eventflux_testbed::{Cluster, Redis, Sentinel, any_redis, need_server};
#[cfg(feature = "redis-tls")]
use eventflux_testbed::{Scratch, Tls};
use std::sync::Arc;
use std::time::Duration;

/// Runs the contract at a URL; each part has a prefix of its own.
fn contract(url: &str, options: &RedisOptions, ttl_seconds: Option<u64>) {
    contract_below(url, "", options, ttl_seconds);
}

fn contract_below(url: &str, prefix: &str, options: &RedisOptions, ttl_seconds: Option<u64>) {
    for (i, part) in PARTS.iter().enumerate() {
        let config = RedisConfig {
            url: url.to_string(),
            key_prefix: format!("{prefix}contract-{i}:"),
            ttl_seconds,
            ..RedisConfig::default()
        };
        part(&|| {
            let made = RedisPersistenceStore::new_with_options(config.clone(), options.clone());
            Arc::new(made.expect("a URL"))
        });
    }
}

/// The Redis of `REDIS_URL`, where there is one.
#[test]
fn redis_persistence_on_any_redis() {
    let Some(redis) = any_redis("contract") else {
        return;
    };
    contract_below(&redis.url(), redis.prefix(), &RedisOptions::default(), None);
}

#[test]
fn redis_persistence_on_one_server() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().unix_socket().start();
    let options = RedisOptions::default();
    contract(&redis.url(), &options, None);
    redis.cmd(&["FLUSHALL"]);
    contract(&redis.url(), &options, Some(3600));
    redis.cmd(&["FLUSHALL"]);
    let socket = format!("unix://{}", redis.socket().display());
    contract(&socket, &options, None);
}

#[test]
fn redis_persistence_behind_sentinels() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 5_000);
    let options = RedisOptions::default().replicas(1, Duration::from_secs(1));
    contract(&sentinel.url(), &options, None);
}

#[test]
fn redis_persistence_behind_sentinels_that_ask_for_a_login() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 5_000);
    for server in sentinel.sentinels() {
        let user = ["app", "on", ">canary-4471", "+@all", "~*", "&*"];
        let user = server.cmd(&[&["ACL", "SETUSER"][..], &user].concat());
        let default = server.cmd(&["ACL", "SETUSER", "default", "off"]);
        assert!(!user.is_error() && !default.is_error(), "{user:?}");
    }
    let url = sentinel.url();
    let login =
        |user, password| RedisOptions::default().sentinel_login(Some(user), Secret::from(password));
    for options in [
        RedisOptions::default(),
        login("app", "canary-4472"),
        login("nobody", "canary-4471"),
    ] {
        let ms = Duration::from_millis;
        let options = options.retry(ms(5), ms(50), ms(200));
        let config = RedisConfig {
            url: url.clone(),
            ..RedisConfig::default()
        };
        let store = RedisPersistenceStore::new_with_options(config, options).expect("a URL");
        let error = store.test_connection().expect_err("no such login");
        let told = format!("{error} {error:?} {:?}", store.health());
        assert!(!told.contains("canary"), "{told}");
        let named = ["NOAUTH", "WRONGPASS", "user and password"];
        assert!(named.iter().any(|name| told.contains(name)), "{told}");
    }
    contract(&url, &login("app", "canary-4471"), None);
}

#[test]
fn redis_persistence_on_a_cluster() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 5_000);
    contract(&cluster.url(), &RedisOptions::default(), Some(3600));
}

#[test]
fn redis_persistence_with_a_password() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass("canary-9137").start();
    let options = RedisOptions::default().password(Secret::from("canary-9137"));
    let url = format!("redis://127.0.0.1:{}", redis.port());
    contract(&url, &options, None);
}

#[cfg(feature = "redis-tls")]
#[test]
fn redis_persistence_over_tls() {
    if !need_server() {
        return;
    }
    let scratch = Scratch::new().expect("a directory");
    let tls = Tls::new(scratch.path());
    let redis = Redis::builder().tls(&tls).start();
    let trusting = |ca: &[u8]| RedisOptions::default().tls_ca(ca);
    contract(&redis.url(), &trusting(&tls.ca.certificate_pem), None);

    let refused = |url: String, options: RedisOptions| {
        let config = RedisConfig {
            url,
            ..RedisConfig::default()
        };
        let store = RedisPersistenceStore::new_with_options(config, options).expect("a URL");
        match store.test_connection() {
            Err(error @ StoreError::Refused { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let other = refused(redis.url(), trusting(&tls.other_ca.certificate_pem));
    assert!(other.contains("certificate"), "{other}");
    for wrong in [&tls.elsewhere, &tls.expired] {
        let redis = Redis::builder().tls_as(&tls, wrong).start();
        let told = refused(redis.url(), trusting(&tls.ca.certificate_pem));
        assert!(told.contains("certificate"), "{told}");
    }
    // a client that has no certificate, where one is asked for
    let strict = Redis::builder().tls(&tls).client_auth().start();
    let known = trusting(&tls.ca.certificate_pem).tls_client(
        &tls.client.certificate_pem[..],
        Secret::new(String::from_utf8_lossy(&tls.client.key_pem)),
    );
    contract(&strict.url(), &known, None);
}
