//! Keys and values on a cluster and behind sentinels: all or nothing for who looks, across failovers, and the calls of
//! the specification.

use crate::life::seed;
use crate::lost::wait_equal;
use crate::redis_backend::{DATA, backend, config, initialized};
use eventflux::core::distributed::state_backend::{InMemoryBackend, RedisBackend};
use eventflux::store::StoreError;
use eventflux_kit::mix;
use eventflux_testbed::{Cluster, HANG, Redis, Reply, Sentinel, need_server, slot_of, until};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const KEYS: usize = 40;

/// Where the keys are.
enum Servers<'a> {
    Cluster(&'a Cluster),
    Sentinel(&'a Sentinel),
}

impl Servers<'_> {
    fn primary(&self) -> io::Result<&Redis> {
        match self {
            Servers::Cluster(cluster) => cluster.try_owner_of(slot_of(DATA)),
            Servers::Sentinel(sentinel) => sentinel.try_primary(),
        }
    }

    fn wait_equal(&self) {
        let primary = self.primary().expect("there is one");
        match self {
            Servers::Cluster(cluster) => wait_equal(primary, cluster.replicas_of(primary)[0]),
            Servers::Sentinel(sentinel) => wait_equal(primary, sentinel.replica()),
        }
    }
}

/// All keys with the same value.
fn entries(value: u64) -> Vec<(String, Vec<u8>)> {
    let value = value.to_be_bytes().to_vec();
    let entry = |key| (format!("key {key}"), value.clone());
    (0..KEYS).map(entry).collect()
}

fn value(backend: &RedisBackend, key: usize) -> Result<u64, StoreError> {
    let found = backend
        .get(&format!("key {key}"))?
        .expect("it is never away");
    Ok(u64::from_be_bytes(found.try_into().expect("eight bytes")))
}

#[test]
fn redis_backend_runs_the_calls_of_the_specification() -> Result<(), StoreError> {
    if !need_server() {
        return Ok(());
    }
    let redis = Redis::start();
    let cluster = Cluster::start(3, 0, 2000);
    let sentinel = Sentinel::start(1, 3, 1000);
    for url in [redis.url(), cluster.url(), sentinel.url()] {
        let mut backend = backend(config(&url, None));
        backend.initialize()?;
        backend.set("key1", b"value1".to_vec())?;
        assert_eq!(backend.get("key1")?, Some(b"value1".to_vec()));
        backend.checkpoint("checkpoint_1")?;
        backend.set_multi(vec![
            ("key1".to_string(), b"later".to_vec()),
            ("key2".to_string(), b"more".to_vec()),
        ])?;
        backend.delete("key1")?;
        assert_eq!(backend.get("key1")?, None);
        assert_eq!(backend.keys()?, ["key2"]);
        backend.restore("checkpoint_1")?;
        assert_eq!(backend.get("key1")?, Some(b"value1".to_vec()));
        assert_eq!(backend.keys()?, ["key1"]);
        let unknown = backend.restore("checkpoint_2");
        assert!(
            matches!(unknown, Err(StoreError::NotFound { .. })),
            "{unknown:?}"
        );
        backend.shutdown()?;
        // A checkpoint is not the process's.
        let mut other = initialized(config(&url, None));
        other.delete("key1")?;
        other.restore("checkpoint_1")?;
        assert_eq!(other.get("key1")?, Some(b"value1".to_vec()));
        other.shutdown()?;
    }
    let mut memory = InMemoryBackend::new();
    memory.initialize()?;
    memory.set("key1", b"value1".to_vec())?;
    assert_eq!(memory.get("key1")?, Some(b"value1".to_vec()));
    memory.shutdown()
}

/// Sets and restores all keys while others look, and breaks something meanwhile.
///
/// Nobody sees old and new values beside each other. `keeps`: what was acknowledged stays.
fn all_or_nothing(url: &str, what: &str, keeps: bool, servers: &Servers<'_>, fault: impl FnOnce()) {
    let seed = seed(what);
    let writer = initialized(config(url, None));
    writer.set_multi(entries(1)).expect("it is there");
    writer.checkpoint("first").expect("it is there");
    // A failover may lose what was written last; this it has.
    servers.wait_equal();
    let (ended, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    // What was acknowledged last, and what was tried since and may have been done.
    let possible = Mutex::new(vec![1]);
    let answered = |value: u64, answer: Result<(), StoreError>| {
        let mut possible = possible.lock().expect("nobody panics here");
        match answer {
            Ok(()) => *possible = vec![value],
            Err(error) => {
                assert_eq!(error.reason(), "io", "{what}: {error}");
                possible.push(value);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                // A server that is away, or has not got the slot, shows nothing.
                let primary = servers.primary();
                let shown = primary.and_then(|primary| primary.try_cmd(&["HVALS", DATA])?.ok());
                let shown = shown.map_or(Vec::new(), |shown| shown.items().to_vec());
                let mut values = shown.into_iter().filter(|value| value.text() != "1");
                if let Some(first) = values.next() {
                    let rest: Vec<Reply> = values.collect();
                    assert_eq!(rest, vec![first; KEYS - 1], "{what}: old and new values");
                    looks.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        scope.spawn(|| {
            let mut next = 2;
            while !ended.load(Ordering::SeqCst) {
                if mix(seed, next).is_multiple_of(4) {
                    answered(1, writer.restore("first"));
                } else {
                    answered(next, writer.set_multi(entries(next)));
                }
                next += 1;
            }
        });
        let more = |counter: &AtomicU64, name: &str| {
            let from = counter.load(Ordering::SeqCst);
            until(HANG, name, || counter.load(Ordering::SeqCst) > from + 10);
        };
        more(&looks, "looks");
        fault();
        more(&looks, "looks after the fault");
        ended.store(true, Ordering::SeqCst);
    });
    let reader = initialized(config(url, None));
    let now = value(&reader, 0).expect("it is there");
    let all: Result<Vec<u64>, _> = (0..KEYS).map(|key| value(&reader, key)).collect();
    assert_eq!(all.expect("it is there"), vec![now; KEYS], "{what}");
    if keeps {
        let possible = possible.into_inner().expect("nobody panicked");
        assert!(possible.contains(&now), "{what}: {now} of {possible:?}");
    }
    reader.restore("first").expect("a checkpoint");
    assert_eq!(value(&reader, KEYS - 1), Ok(1), "{what}");
}

#[test]
fn redis_backend_is_all_or_nothing_on_a_cluster() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 1, 2000);
    let slot = slot_of(DATA);
    let servers = Servers::Cluster(&cluster);
    all_or_nothing(
        &cluster.url(),
        "backend, planned failover",
        false,
        &servers,
        || {
            cluster.failover(cluster.replicas_of(cluster.owner_of(slot))[0]);
        },
    );
    cluster.wait_ok();
    let to = cluster.primaries().into_iter();
    let to = to
        .filter(|n| n.port() != cluster.owner_of(slot).port())
        .last();
    let to = to.expect("three primaries");
    all_or_nothing(
        &cluster.url(),
        "backend, the slot moves",
        true,
        &servers,
        || {
            cluster.migrate(slot, to);
        },
    );
    cluster.wait_ok();
    all_or_nothing(&cluster.url(), "backend, kill -9", false, &servers, || {
        let owner = cluster.owner_of(slot);
        owner.kill();
        until(HANG, "another owner", || {
            let now = cluster.try_owner_of(slot);
            now.is_ok_and(|now| now.port() != owner.port())
        });
    });
}

#[test]
fn redis_backend_is_all_or_nothing_behind_sentinels() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1000);
    let servers = Servers::Sentinel(&sentinel);
    all_or_nothing(
        &sentinel.url(),
        "backend, sentinels, kill -9",
        false,
        &servers,
        || {
            let primary = sentinel.primary();
            primary.kill();
            sentinel.wait_for_other_primary(primary);
        },
    );
}
