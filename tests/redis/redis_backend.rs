//! Keys and values in Redis: as a map with copies, apart by namespace, bounded in time.

use crate::life::options;
use eventflux::core::distributed::state_backend::{
    InMemoryBackend, RedisBackend, RedisConfig, StateBackend,
};
use eventflux::store::StoreError;
use eventflux_kit::mix;
use eventflux_testbed::{HANG, Redis, Wire, any_redis, need_server, until};

/// Where the keys of the namespace are that a backend has by itself.
pub const DATA: &str = "eventflux:{kv:default}:data";

pub fn config(url: &str, ttl_seconds: Option<u64>) -> RedisConfig {
    RedisConfig {
        url: url.to_string(),
        connection_timeout_ms: 1000,
        ttl_seconds,
        ..RedisConfig::default()
    }
}

/// A backend with short waits, which is to be initialized.
pub fn backend(config: RedisConfig) -> RedisBackend {
    RedisBackend::with_options(config, options())
}

pub fn initialized(config: RedisConfig) -> RedisBackend {
    ready(backend(config))
}

fn ready(mut backend: RedisBackend) -> RedisBackend {
    backend.initialize().expect("the server answers");
    backend
}

/// One random call on both, which answer the same.
fn step(seed: u64, both: [&dyn StateBackend; 2]) {
    let below = |place: u64, bound: u64| mix(seed, place) % bound;
    let kind = below(0, 9);
    let entry = |place: u64| {
        let value = vec![below(place, 256) as u8; below(place + 1, 9) as usize];
        (format!("key {}\n\0{{ключ}}", below(place + 2, 20)), value)
    };
    let name = format!("checkpoint_{}", below(1, 4));
    let (key, value) = entry(2);
    let entries: Vec<_> = (0..5).map(|n| entry(5 + 3 * n)).collect();
    let act = |backend: &dyn StateBackend| -> Result<Option<Vec<u8>>, StoreError> {
        match kind {
            0 | 1 => backend.set(&key, value.clone()).map(|()| None),
            2 => backend.set_multi(entries.clone()).map(|()| None),
            3 | 4 => backend.delete(&key).map(|()| None),
            5 => backend.checkpoint(&name).map(|()| None),
            6 => backend.restore(&name).map(|()| None),
            7 => backend.exists(&key).map(|is| is.then(Vec::new)),
            _ => backend.get(&key),
        }
    };
    assert_eq!(act(both[0]), act(both[1]), "seed {seed}");
    assert_eq!(both[0].keys(), both[1].keys(), "seed {seed}");
}

#[test]
fn redis_backend_is_a_map_with_copies() {
    let Some(redis) = any_redis("map") else {
        return;
    };
    for (run, ttl) in [(1, None), (2, Some(600))] {
        let mut model = InMemoryBackend::new();
        model.initialize().expect("it is ready");
        let config = RedisConfig {
            key_prefix: redis.prefix().to_string(),
            ..config(&redis.url(), ttl)
        };
        let mut backend = ready(backend(config).namespace(&format!("map-{run}")));
        for n in 0..400 {
            step(run * 1000 + n, [&backend, &model]);
        }
        let kept = backend.keys();
        backend.shutdown().expect("it ends");
        assert_eq!(backend.keys().expect_err("it ended").reason(), "refused");
        backend.initialize().expect("it is there again");
        assert_eq!(backend.keys(), kept);
    }
}

#[test]
fn redis_backend_keeps_an_empty_namespace_and_its_checkpoint() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let namespace = |name| ready(backend(config(&redis.url(), Some(600))).namespace(name));
    let backend = namespace("a");
    backend.checkpoint("nothing").expect("it is empty");
    backend.set("key1", b"value1".to_vec()).expect("set");
    backend.set("key2", Vec::new()).expect("set");
    backend.checkpoint("two").expect("kept");
    let other = namespace("b");
    assert_eq!(other.keys(), Ok(Vec::new()), "namespaces are apart");
    let missing = other.restore("two").expect_err("not of this namespace");
    assert_eq!(missing.to_string(), "there is no checkpoint 'two'");
    backend.restore("nothing").expect("there is one");
    assert_eq!(backend.keys(), Ok(Vec::new()));
    namespace("a").restore("two").expect("there is one");
    assert_eq!(backend.keys(), Ok(vec!["key1".into(), "key2".into()]));
    assert_eq!(backend.get("key2"), Ok(Some(Vec::new())));
}

#[test]
fn redis_backend_puts_the_end_off_with_every_write() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let backend = initialized(config(&redis.url(), Some(600)));
    let checkpoint = "eventflux:{kv:default}:cp:c";
    let left = |key: &str| redis.cmd(&["PTTL", key]).int().expect("a number");
    let is_whole = |key: &str, whole_s: i64| {
        let left = left(key);
        assert!(
            (whole_s - 60) * 1000 < left && left <= whole_s * 1000,
            "{left}"
        );
    };
    is_whole(DATA, 600);
    let writes: [&dyn Fn() -> Result<(), StoreError>; 5] = [
        &|| backend.set("k", vec![1]),
        &|| backend.set_multi(vec![("l".to_string(), vec![2])]),
        &|| backend.checkpoint("c"),
        &|| backend.delete("l"),
        &|| backend.restore("c"),
    ];
    for write in writes {
        assert_eq!(redis.cmd(&["PEXPIRE", DATA, "30000"]).int(), Some(1));
        write().expect("written");
        is_whole(DATA, 600);
    }
    is_whole(checkpoint, 600 + 86_400);
    // The namespace has expired: its checkpoint has not, and what is written makes it anew.
    redis.cmd(&["DEL", DATA]);
    assert_eq!(backend.get("k"), Ok(None));
    backend.delete("k").expect("written");
    is_whole(DATA, 600);
    backend.restore("c").expect("it is there");
    assert_eq!(backend.get("k"), Ok(Some(vec![1])));
    let for_ever = initialized(config(&redis.url(), None));
    for_ever.checkpoint("c").expect("kept");
    assert_eq!(left(checkpoint), -1);
    redis.cmd(&["PEXPIRE", DATA, "30000"]);
    for_ever.restore("c").expect("it is there");
    assert_eq!(left(DATA), -1);
}

#[test]
fn redis_backend_without_an_end_takes_the_one_of_before_away() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    initialized(config(&redis.url(), Some(600)))
        .set("k", vec![1])
        .expect("set");
    let left = || redis.cmd(&["PTTL", DATA]).int().expect("a number");
    assert!(left() > 0);
    let for_ever = initialized(config(&redis.url(), None));
    assert_eq!(left(), -1);
    for_ever.set("l", vec![2]).expect("set");
    for_ever.delete("k").expect("deleted");
    assert_eq!((left(), for_ever.keys()), (-1, Ok(vec!["l".to_string()])));
}

#[test]
fn redis_backend_takes_large_values_and_many_keys() {
    // From Redis 7.4 on they are listed in several steps.
    let Some(redis) = any_redis("large") else {
        return;
    };
    for ttl in [None, Some(600)] {
        let config = RedisConfig {
            key_prefix: redis.prefix().to_string(),
            ..config(&redis.url(), ttl)
        };
        let backend = initialized(config);
        let value: Vec<u8> = (0..8 << 20).map(|i: u32| (i * 7) as u8).collect();
        backend.set("large", value.clone()).expect("set");
        assert!(backend.get("large") == Ok(Some(value)));
        backend.delete("large").expect("deleted");
        let entry = |n: u32| (format!("{n:05}"), n.to_be_bytes().to_vec());
        let names: Vec<String> = (0..60_000).map(|n| entry(n).0).collect();
        backend
            .set_multi((0..60_000).map(entry).collect())
            .expect("set");
        assert!(backend.keys() == Ok(names), "all keys, in order");
        for n in (0..60_000).step_by(997).chain(1990..2010) {
            let (key, value) = entry(n);
            assert_eq!(backend.get(&key), Ok(Some(value)), "{key}");
        }
        let many = vec![("k".to_string(), vec![0; 64 << 20])];
        let refused = backend.set_multi(many).expect_err("too many");
        assert_eq!(refused.reason(), "too-large");
        backend.set_multi(Vec::new()).expect("nothing");
    }
}

#[test]
fn redis_backend_says_what_is_wrong() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    for ttl in [None, Some(600)] {
        redis.cmd(&["SET", DATA, "not ours"]);
        let mut backend = backend(config(&redis.url(), ttl));
        let error = backend.initialize().expect_err("the key is another's");
        assert_eq!(error.reason(), "refused", "{error}");
        redis.cmd(&["DEL", DATA]);
        let backend = ready(backend);
        redis.cmd(&["SET", DATA, "not ours"]);
        let error = backend.set("k", Vec::new()).expect_err("another type");
        assert_eq!(error.reason(), "refused", "{error}");
        let error = backend.get("k").expect_err("another type");
        assert_eq!(error.reason(), "refused", "{error}");
        redis.cmd(&["DEL", DATA]);
        backend.set("k", vec![1]).expect("the connection is well");
        assert_eq!(backend.get("k"), Ok(Some(vec![1])));
        redis.cmd(&["DEL", DATA]);
    }
}

#[test]
fn redis_backend_waits_for_a_place_among_the_clients() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let mut wire = redis.wire();
    wire.text(&["CONFIG", "SET", "maxclients", "1"])
        .expect("set");
    for ttl in [None, Some(600)] {
        let error = backend(config(&redis.url(), ttl)).initialize();
        let error = error.expect_err("one too many");
        assert!(error.is_transient(), "{error}");
        assert!(error.to_string().contains("max number"), "{error}");
    }
    let rejected = |wire: &mut Wire| {
        let stats = wire.text(&["INFO", "stats"]).expect("an answer").text();
        let count = |line: &str| {
            line.strip_prefix("rejected_connections:")?
                .parse::<u64>()
                .ok()
        };
        stats.lines().find_map(count).expect("a count")
    };
    let before = rejected(&mut wire);
    // With the times of the options that are there by themselves.
    let mut waiting = RedisBackend::with_config(config(&redis.url(), None));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| waiting.initialize());
        until(HANG, "a refused client", || rejected(&mut wire) > before);
        let raised = wire.text(&["CONFIG", "SET", "maxclients", "100"]);
        assert_eq!(raised.expect("an answer").text(), "OK");
        assert_eq!(waits.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn redis_backend_gives_up_on_a_server_that_is_not_there() {
    // A port that no server of tests gets.
    let mut backend = backend(config("redis://u:hunter2@127.0.0.1:1", None));
    let error = backend.initialize().expect_err("nobody is there");
    assert!(
        error.is_transient() && !error.to_string().contains("hunter2"),
        "{error}"
    );
    assert!(!format!("{backend:?}").contains("hunter2"));
}
