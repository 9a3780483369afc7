//! Keys and values in Redis: as a map with copies, apart by namespace, bounded in time.

use eventflux::core::distributed::state_backend::{
    InMemoryBackend, RedisBackend, RedisConfig, RedisOptions, StateBackend,
};
use eventflux::store::StoreError;
use eventflux_testbed::{Redis, any_redis, need_server};
use std::time::Duration;

/// Keys of this run of a test, which expire.
fn config(url: &str, prefix: &str, ttl_seconds: Option<u64>) -> RedisConfig {
    RedisConfig {
        url: url.to_string(),
        key_prefix: prefix.to_string(),
        ttl_seconds,
        ..RedisConfig::default()
    }
}

fn initialized(config: RedisConfig, namespace: &str) -> RedisBackend {
    let mut backend = RedisBackend::with_config(config).namespace(namespace);
    backend.initialize().expect("the server answers");
    backend
}

fn ask<T: redis::FromRedisValue>(url: &str, command: &str, args: &[&str]) -> T {
    let client = redis::Client::open(url).expect("a URL");
    let mut connection = client.get_connection().expect("the server answers");
    let mut command = redis::cmd(command);
    args.iter().for_each(|arg| _ = command.arg(arg));
    command.query(&mut connection).expect("an answer")
}

fn remove(url: &str, config: &RedisConfig, namespace: &str, checkpoints: &[&str]) {
    let base = format!("{}{{kv:{namespace}}}", config.key_prefix);
    let _: u64 = ask(url, "DEL", &[&format!("{base}:data")]);
    for name in checkpoints {
        let _: u64 = ask(url, "DEL", &[&format!("{base}:cp:{name}")]);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// One random call on both, which answer the same.
fn step(seed: u64, random: &mut Random, both: [&dyn StateBackend; 2]) {
    let kind = random.below(9);
    let key = |random: &mut Random| format!("key {}\n\0{{ключ}}", random.below(20));
    let value = |random: &mut Random| vec![random.below(256) as u8; random.below(9) as usize];
    let name = format!("checkpoint_{}", random.below(4));
    let entry = (key(random), value(random));
    let entries: Vec<_> = (0..5).map(|_| (key(random), value(random))).collect();
    let act = |backend: &dyn StateBackend| -> Result<Option<Vec<u8>>, StoreError> {
        match kind {
            0 | 1 => backend.set(&entry.0, entry.1.clone()).map(|()| None),
            2 => backend.set_multi(entries.clone()).map(|()| None),
            3 | 4 => backend.delete(&entry.0).map(|()| None),
            5 => backend.checkpoint(&name).map(|()| None),
            6 => backend.restore(&name).map(|()| None),
            7 => backend.exists(&entry.0).map(|is| is.then(Vec::new)),
            _ => backend.get(&entry.0),
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
    let url = redis.url();
    for (seed, ttl) in [(1, None), (2, Some(600))] {
        let config = config(&url, redis.prefix(), ttl);
        let mut model = InMemoryBackend::new();
        model.initialize().expect("it is ready");
        let mut backend = initialized(config.clone(), "map");
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        for _ in 0..400 {
            step(seed, &mut random, [&backend, &model]);
        }
        let kept = backend.keys();
        backend.shutdown().expect("it ends");
        assert_eq!(backend.keys().expect_err("it ended").reason(), "refused");
        backend.initialize().expect("it is there again");
        assert_eq!(backend.keys(), kept);
        let names = [0, 1, 2, 3].map(|n| format!("checkpoint_{n}"));
        remove(&url, &config, "map", &names.each_ref().map(String::as_str));
    }
}

#[test]
fn redis_backend_keeps_an_empty_namespace_and_its_checkpoint() {
    if !need_server() {
        return;
    }
    let server = Redis::start();
    let url = server.url();
    let config = config(&url, "empty:", Some(600));
    let backend = initialized(config.clone(), "a");
    backend.checkpoint("nothing").expect("it is empty");
    backend.set("key1", b"value1".to_vec()).expect("set");
    backend.set("key2", Vec::new()).expect("set");
    backend.checkpoint("two").expect("kept");
    let other = initialized(config.clone(), "b");
    assert_eq!(other.keys(), Ok(Vec::new()), "namespaces are apart");
    let missing = other.restore("two").expect_err("not of this namespace");
    assert_eq!(missing.to_string(), "there is no checkpoint 'two'");
    backend.restore("nothing").expect("there is one");
    assert_eq!(backend.keys(), Ok(Vec::new()));
    let same = initialized(config.clone(), "a");
    same.restore("two").expect("there is one");
    assert_eq!(backend.keys(), Ok(vec!["key1".into(), "key2".into()]));
    assert_eq!(backend.get("key2"), Ok(Some(Vec::new())));
    remove(&url, &config, "a", &["nothing", "two"]);
    remove(&url, &config, "b", &[]);
}

#[test]
fn redis_backend_puts_the_end_off_with_every_write() {
    if !need_server() {
        return;
    }
    let server = Redis::start();
    let url = server.url();
    let config = config(&url, "ttl:", Some(600));
    let backend = initialized(config.clone(), "t");
    let data = format!("{}{{kv:t}}:data", config.key_prefix);
    let checkpoint = format!("{}{{kv:t}}:cp:c", config.key_prefix);
    let left = |key: &str| ask::<i64>(&url, "PTTL", &[key]);
    let is_whole = |key: &str, whole_s: i64| {
        let left = left(key);
        assert!(
            (whole_s - 60) * 1000 < left && left <= whole_s * 1000,
            "{left}"
        );
    };
    let shorten = || assert_eq!(ask::<u64>(&url, "PEXPIRE", &[&data, "30000"]), 1);
    is_whole(&data, 600);
    let writes: [&dyn Fn() -> Result<(), StoreError>; 5] = [
        &|| backend.set("k", vec![1]),
        &|| backend.set_multi(vec![("l".to_string(), vec![2])]),
        &|| backend.checkpoint("c"),
        &|| backend.delete("l"),
        &|| backend.restore("c"),
    ];
    for write in writes {
        shorten();
        write().expect("written");
        is_whole(&data, 600);
    }
    is_whole(&checkpoint, 600 + 86_400);
    // The namespace has expired: its checkpoint has not.
    let _: u64 = ask(&url, "DEL", &[&data]);
    assert_eq!(backend.keys(), Ok(Vec::new()));
    backend.set("m", vec![3]).expect("set");
    backend.delete("m").expect("deleted");
    is_whole(&data, 600);
    backend.restore("c").expect("it is there");
    assert_eq!(backend.keys(), Ok(vec!["k".into(), "l".into()]));
    let for_ever = RedisConfig {
        ttl_seconds: None,
        ..config.clone()
    };
    let for_ever = initialized(for_ever, "t");
    for_ever.restore("c").expect("it is there");
    assert_eq!(left(&data), -1);
    for_ever.checkpoint("c").expect("kept");
    assert_eq!(left(&checkpoint), -1);
    remove(&url, &config, "t", &["c"]);
}

#[test]
fn redis_backend_takes_large_values_and_many_keys() {
    // From Redis 7.4 on they are listed in several steps.
    let Some(redis) = any_redis("large") else {
        return;
    };
    let url = redis.url();
    let config = config(&url, redis.prefix(), Some(600));
    let backend = initialized(config.clone(), "l");
    let value: Vec<u8> = (0..8 << 20).map(|i: u32| (i * 7) as u8).collect();
    backend.set("large", value.clone()).expect("set");
    assert!(backend.get("large") == Ok(Some(value)));
    backend.delete("large").expect("deleted");
    let entries = (0..60_000).map(|n| (format!("{n:05}"), Vec::new()));
    let entries: Vec<_> = entries.collect();
    let names: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
    backend.set_multi(entries).expect("set");
    assert!(backend.keys() == Ok(names), "all keys, in order");
    let many = vec![("k".to_string(), vec![0; 64 << 20])];
    assert_eq!(
        backend.set_multi(many).expect_err("too many").reason(),
        "too-large"
    );
    remove(&url, &config, "l", &[]);
}

#[test]
fn redis_backend_says_what_is_wrong() {
    if !need_server() {
        return;
    }
    let server = Redis::start();
    let url = server.url();
    let config = config(&url, "wrong:", Some(600));
    let data = format!("{}{{kv:w}}:data", config.key_prefix);
    let _: String = ask(&url, "SET", &[&data, "not ours"]);
    let mut backend = RedisBackend::with_config(config.clone()).namespace("w");
    let error = backend.initialize().expect_err("the key is another's");
    assert_eq!(error.reason(), "refused", "{error}");
    remove(&url, &config, "w", &[]);
    let backend = initialized(config.clone(), "w");
    let _: String = ask(&url, "SET", &[&data, "not ours"]);
    let error = backend.set("k", Vec::new()).expect_err("within EXEC");
    assert_eq!(error.reason(), "refused", "{error}");
    let error = backend.get("k").expect_err("another type");
    assert_eq!(error.reason(), "refused", "{error}");
    remove(&url, &config, "w", &[]);
    backend.set("k", vec![1]).expect("the connection is well");
    assert_eq!(backend.get("k"), Ok(Some(vec![1])));
    remove(&url, &config, "w", &[]);
}

#[test]
fn redis_backend_gives_up_on_a_server_that_is_not_there() {
    let short = Duration::from_millis(10);
    let options = RedisOptions::default().retry(short, short, Duration::from_millis(100));
    let config = RedisConfig {
        // A port that no server of tests gets.
        url: "redis://u:hunter2@127.0.0.1:1".to_string(),
        connection_timeout_ms: 200,
        ..RedisConfig::default()
    };
    let mut backend = RedisBackend::with_options(config, options);
    let error = backend.initialize().expect_err("nobody is there");
    assert!(
        error.is_transient() && !error.to_string().contains("hunter2"),
        "{error}"
    );
    assert!(!format!("{backend:?}").contains("hunter2"));
}
