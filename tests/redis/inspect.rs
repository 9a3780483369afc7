//! What `RedisPersistenceStore::inspect` finds on each kind of server.

use eventflux::redis::{
    Inspection, RedisConfig, RedisOptions, RedisPersistenceStore, Secret, acl_line,
};
use eventflux::store::StoreError;
use eventflux_testbed::{Aof, Cluster, Redis, Sentinel, need_server};

fn inspect(url: &str, options: RedisOptions, app: Option<&str>) -> Inspection {
    let config = RedisConfig {
        url: url.to_string(),
        connection_timeout_ms: 500,
        ..RedisConfig::default()
    };
    let store = RedisPersistenceStore::new_with_options(config, options).expect("a URL");
    store.inspect(app).expect("a name")
}

#[track_caller]
fn all_allowed(found: &Inspection) {
    assert!(!found.permissions.is_empty());
    for permission in &found.permissions {
        assert_eq!(permission.refused, None, "{}", permission.operation);
    }
    assert!(found.set.is_some() && found.get.is_some());
}

#[test]
fn redis_inspection_of_one_server() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder()
        .aof(Aof::EverySecond)
        .maxmemory(1 << 28)
        .policy("allkeys-lru")
        .requirepass("canary-77")
        .start();
    let _replica = Redis::builder().replica_of(&redis).start();
    let found = inspect(&redis.url(), RedisOptions::default(), None);
    all_allowed(&found);
    let [server] = found.servers.as_slice() else {
        panic!("{found:?}");
    };
    assert!(server.version.is_some() && server.error.is_none());
    assert_eq!(server.role.as_deref(), Some("master"));
    assert_eq!(server.persistence.aof, Some(true));
    let synced = server.persistence.appendfsync.as_deref();
    assert_eq!(synced, Some("everysec"));
    assert_eq!(server.memory.max, Some(1 << 28));
    assert_eq!(server.memory.policy.as_deref(), Some("allkeys-lru"));
    assert_eq!(server.replicas.len(), 1);
    assert_eq!(server.cluster_enabled, Some(false));
    assert!(server.ping.is_some());
    assert!(server.clock_ahead_ms.is_some());
    assert_eq!(redis.cmd(&["DBSIZE"]).int(), Some(0));
    assert!(!format!("{found:?}").contains("canary"), "{found:?}");
}

#[test]
fn redis_inspection_by_a_narrow_user() {
    if !need_server() {
        return;
    }
    let line = acl_line("narrow", "eventflux:", Some("orders")).expect("names");
    let line = line.replace(">PASSWORD", ">canary-78");
    let rules = line.trim_start_matches("user ");
    let redis = Redis::builder().acl(rules).start();
    let login = || {
        let options = RedisOptions::default().username("narrow");
        options.password(Secret::from("canary-78"))
    };
    let found = inspect(&redis.url(), login(), Some("orders"));
    all_allowed(&found);
    assert_eq!(found.servers[0].persistence.aof, Some(false));
    assert_eq!(found.servers[0].persistence.appendfsync, None);
    // without a name other keys are tried, and what only the state backend needs
    let found = inspect(&redis.url(), login(), None);
    let refused = |backend| {
        let of = found.permissions.iter().filter(|p| p.backend == backend);
        of.filter(|p| p.refused.is_some()).count()
    };
    assert!(refused(true) == 3 && refused(false) > 5, "{found:?}");
    assert_eq!(redis.cmd(&["DBSIZE"]).int(), Some(0));
    // each word of the line that is missing is told, whatever the time to live
    for word in ["persist", "pexpire", "hset", "time", "srem"] {
        redis.cmd(&["ACL", "SETUSER", "narrow", &format!("-{word}")]);
        let found = inspect(&redis.url(), login(), Some("orders"));
        let mut refused = found.permissions.iter().filter(|p| p.refused.is_some());
        assert!(refused.any(|p| p.operation.contains(word)), "-{word}");
        redis.cmd(&["ACL", "SETUSER", "narrow", &format!("+{word}")]);
    }
    all_allowed(&inspect(&redis.url(), login(), Some("orders")));
}

#[test]
fn redis_inspection_of_sentinels_and_of_a_cluster() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 5_000);
    let found = inspect(&sentinel.url(), RedisOptions::default(), None);
    all_allowed(&found);
    let primary = sentinel.primary().addr();
    assert_eq!(found.sentinels.len(), 3);
    for asked in &found.sentinels {
        assert_eq!(asked.primary.as_ref(), Some(&primary), "{asked:?}");
        assert_eq!((asked.sentinels, asked.replicas), (Some(3), Some(1)));
    }
    assert_eq!(found.servers[0].replicas.len(), 1);

    let cluster = Cluster::start(3, 0, 5_000);
    let found = inspect(&cluster.url(), RedisOptions::default(), None);
    all_allowed(&found);
    let facts = found.cluster.as_ref().expect("a cluster");
    assert_eq!(facts.state.as_deref(), Some("ok"));
    assert_eq!((facts.slots, facts.replicas), (16_384, 0));
    let nodes = found.servers.iter();
    let sound = nodes.filter(|s| s.cluster_enabled == Some(true) && s.error.is_none());
    assert_eq!(sound.count(), 3, "{found:?}");
}

#[test]
fn redis_inspection_of_what_does_not_answer() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass("canary-79").start();
    let wrong = RedisOptions::default().password(Secret::from("canary-80"));
    let found = inspect(&redis.url(), wrong, None);
    let told = found.servers[0].error.as_deref().unwrap_or_default();
    assert!(told.contains("look at user and password"), "{told}");
    redis.kill();
    for url in [
        redis.url(),
        redis.url().replace("redis:", "redis+cluster:"),
        format!("redis+sentinel://127.0.0.1:{}/main", redis.port()),
    ] {
        let found = inspect(&url, RedisOptions::default(), None);
        assert!(found.servers.iter().all(|s| s.error.is_some()), "{found:?}");
        assert!(found.permissions.is_empty());
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    }
    let store = RedisPersistenceStore::new_with_config(RedisConfig::default()).expect("a URL");
    let refused = store.inspect(Some("a/b"));
    assert!(matches!(refused, Err(StoreError::Name { .. })));
}
