//! A server whose memory is full, or that throws things away when it is.

use crate::contract::{chunk, commit, owner, revision, takeover};
use crate::lives::{Life, World, options};
use crate::redis_backend::{DATA, backend, config};
use eventflux::checkpoint::CompressionType;
use eventflux::redis::RedisConfig;
use eventflux::store::{PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, CheckpointError};
use eventflux_testbed::{Builder, Cluster, HANG, Redis, need_server, until};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Memory in use.
fn used(redis: &Redis) -> u64 {
    let info = redis.info("memory");
    info["used_memory"].parse().expect("a number")
}

/// Lets the server have so many bytes beyond what it uses.
fn limit(redis: &Redis, spare: u64) {
    let bytes = used(redis) + spare;
    redis.config_set("maxmemory", &bytes.to_string());
}

/// The last revision is whole, and it goes on as soon as there is memory.
fn assert_full_then_well(redis: &Redis, life: &mut Life<'_>, error: &StoreError) {
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("maxmemory"), "{error}");
    assert_eq!(error.reason(), "full");
    redis.config_set("maxmemory", "0");
    life.assert_store();
    let after = life.commit();
    assert_eq!(life.taken.keys().next_back(), Some(&after));
    life.assert_store();
    life.assert_reachable(true);
}

#[test]
fn redis_persistence_keeps_the_head_when_memory_is_full() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let mut world = World::new(&redis.url());
    world.checkpoints = CheckpointConfig::default()
        .compression(CompressionType::None)
        .retain(4);
    let mut life = world.start();
    life.commit();
    // Nothing fits: the epoch cannot even begin.
    redis.config_set("maxmemory", "1");
    for _ in 0..5 {
        let error = life.fail();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
    }
    // A server without memory answers: no call has to wait for it.
    assert!(!life.store.health().breaker_open);
    let error = life.fail();
    assert_full_then_well(&redis, &mut life, &error);
}

/// Field of an app's control hash, and how long the hash has to live.
fn control(redis: &Redis, app: &str, field: &str) -> (i64, i64) {
    let key = format!("eventflux:{{{app}}}:ctl");
    let found = redis.cmd(&["HGET", &key, field]).text();
    let left = redis.cmd(&["PTTL", &key]).int().expect("a number");
    (found.parse().unwrap_or(-1), left)
}

#[test]
fn redis_persistence_frees_memory_on_a_full_server() {
    if !need_server() {
        return;
    }
    for ttl_seconds in [None, Some(600)] {
        let redis = Redis::start();
        let mut world = World::new(&redis.url());
        world.config.ttl_seconds = ttl_seconds;
        world.options = world.options.lease(Duration::from_millis(900));
        let store = world.store();
        let claim = store.acquire("a", &owner("one")).expect("nobody has it");
        let at = |epoch| revision(claim.generation, epoch);
        let mut parent = None;
        for epoch in 1..=3 {
            let put = store.put_chunk("a", chunk(claim.generation, epoch, 0), b"bytes");
            put.and_then(|()| store.flush("a")).expect("there is room");
            let made = store.commit("a", &commit(at(epoch), parent, b"m"));
            made.expect("there is room");
            parent = Some(at(epoch));
        }
        store.pin("a", "kept", Some(at(1))).expect("there is room");
        redis.config_set("maxmemory", "1");
        // The lease is renewed, again and again, and nobody else gets the app.
        let (mut lease, _) = control(&redis, "a", "lease");
        for _ in 0..3 {
            until(HANG, "a renewed lease", || {
                control(&redis, "a", "lease").0 > lease
            });
            lease = control(&redis, "a", "lease").0;
        }
        let other = world.store().acquire("a", &owner("two"));
        assert!(matches!(other, Err(StoreError::Locked { .. })), "{other:?}");
        // What frees memory works, and what takes some says what to do.
        store.pin("a", "kept", None).expect("it frees");
        let freed = store.retire("a", &[at(1)], &[chunk(claim.generation, 1, 0)]);
        freed.expect("it frees");
        let error = store.commit("a", &commit(at(4), Some(at(3)), b"m"));
        let error = error.expect_err("it takes memory");
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(error.to_string().contains("raise it"), "{error}");
        // The next process takes over, reads what there is, and lives on.
        let (_, before) = control(&redis, "a", "gen");
        let next = world.store();
        let claim = next.acquire("a", &takeover("three")).expect("small");
        assert_eq!(next.last_revision("a"), Ok(Some(at(3))));
        let (generation, left) = control(&redis, "a", "gen");
        assert_eq!(generation, claim.generation as i64);
        assert_eq!(
            (left > 0, before > 0),
            (ttl_seconds.is_some(), ttl_seconds.is_some())
        );
        next.release("a", claim.generation).expect("it frees");
        // A server that has lost its data is given the claim back.
        let last = world.store();
        let claim = last.acquire("a", &owner("four")).expect("small");
        redis.cmd(&["FLUSHALL"]);
        until(HANG, "the claim again", || {
            control(&redis, "a", "gen").0 == claim.generation as i64
        });
        let (_, left) = control(&redis, "a", "gen");
        assert_eq!(left > 0, ttl_seconds.is_some());
    }
}

#[test]
fn redis_backend_lives_on_and_frees_memory_on_a_full_server() {
    if !need_server() {
        return;
    }
    for ttl_seconds in [None, Some(600)] {
        let redis = Redis::start();
        let mut kept = backend(config(&redis.url(), ttl_seconds));
        kept.initialize().expect("there is room");
        kept.set("a", b"1".to_vec()).expect("there is room");
        kept.set("b", b"2".to_vec()).expect("there is room");
        let left = || redis.cmd(&["PTTL", DATA]).int().expect("a number");
        let shorten = || {
            if ttl_seconds.is_some() {
                redis.cmd(&["PEXPIRE", DATA, "60000"]);
            }
        };
        let put_off = || left() > 60_000 || ttl_seconds.is_none();
        shorten();
        redis.config_set("maxmemory", "1");
        // Refused as a whole, and the namespace lives on.
        let error = kept.set("c", b"3".to_vec()).expect_err("no room");
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(error.to_string().contains("raise it"), "{error}");
        assert_eq!(kept.get("c"), Ok(None));
        assert!(put_off(), "{} ms", left());
        shorten();
        kept.delete("a").expect("it frees");
        assert!(put_off(), "{} ms", left());
        assert_eq!(
            (kept.get("a"), kept.get("b")),
            (Ok(None), Ok(Some(b"2".to_vec())))
        );
        // Also the last one, and then the namespace is there.
        kept.delete("b").expect("it frees");
        assert_eq!(redis.cmd(&["HLEN", DATA]).int(), Some(1));
        redis.config_set("maxmemory", "0");
        kept.set("c", b"3".to_vec()).expect("there is room");
        // A namespace that has expired meanwhile is made again, with its end.
        redis.cmd(&["DEL", DATA]);
        redis.config_set("maxmemory", "1");
        kept.delete("c").expect("it frees");
        if ttl_seconds.is_some() {
            assert_eq!(redis.cmd(&["HLEN", DATA]).int(), Some(1));
            assert!(put_off(), "{} ms", left());
        }
    }
}

/// Chunks of one epoch, as many as it takes.
#[test]
fn redis_persistence_keeps_the_head_when_an_upload_is_full() {
    if !need_server() {
        return;
    }
    use eventflux::store::{ChunkName, Commit, Revision};
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let store = world.store();
    let owner = owner("one");
    let claim = store.acquire("a", &owner).expect("nobody has it");
    let chunk = |epoch, number| ChunkName {
        generation: claim.generation,
        epoch,
        number,
    };
    let revision = |epoch| Revision {
        generation: claim.generation,
        epoch,
    };
    let commit = |epoch, parent| {
        let commit = Commit {
            revision: revision(epoch),
            digest: u128::from(epoch),
            parent,
            manifest: b"m",
        };
        store.commit("a", &commit)
    };
    store
        .put_chunk("a", chunk(1, 0), b"one")
        .expect("there is room");
    commit(1, None).expect("there is room");
    let head = Some((revision(1), 1));
    // In the middle of the chunks: at a later one, or at the flush, and never at a commit that names them.
    limit(&redis, 3 << 20);
    let bytes = vec![7; 1 << 20];
    let put = (0..8).try_for_each(|n| store.put_chunk("a", chunk(2, n), &bytes));
    let error = put
        .and_then(|()| store.flush("a"))
        .expect_err("8 MB in 3 MB");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    let error = commit(2, head).expect_err("chunks are missing");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    // Between the last chunk and the commit.
    redis.config_set("maxmemory", "0");
    store
        .put_chunk("a", chunk(3, 0), b"three")
        .expect("there is room");
    store.flush("a").expect("there is room");
    redis.config_set("maxmemory", "1");
    let error = commit(3, head).expect_err("no room for the commit");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(store.last_revision("a"), Ok(Some(revision(1))));
    redis.config_set("maxmemory", "0");
    commit(3, head).expect("there is room");
    assert_eq!(
        store.last_revision("a"),
        Ok(Some(Revision { ..revision(3) }))
    );
    assert_eq!(store.get_chunk("a", chunk(1, 0)), Ok(Some(b"one".to_vec())));
    assert_eq!(
        store.get_chunk("a", chunk(3, 0)),
        Ok(Some(b"three".to_vec()))
    );
}

#[test]
fn redis_persistence_keeps_the_head_when_a_node_is_full() {
    if !need_server() {
        return;
    }
    const CHUNKS: u32 = 16;
    let cluster = Cluster::start(3, 0, 5_000);
    let store = World::new(&cluster.url()).store();
    let claim = store.acquire("a", &owner("one")).expect("nobody has it");
    let at = |epoch| revision(claim.generation, epoch);
    let bytes = vec![7; 100_000];
    let upload = |epoch| {
        let put = |n| store.put_chunk("a", chunk(claim.generation, epoch, n), &bytes);
        (0..CHUNKS).try_for_each(put)?;
        store.flush("a")
    };
    upload(1).expect("there is room");
    let first = store.commit("a", &commit(at(1), None, b"m"));
    first.expect("there is room");
    // Each node that has only chunks, and the one that has the control hash.
    for (place, node) in cluster.nodes().iter().enumerate() {
        let epoch = 2 + 2 * place as u64;
        node.config_set("maxmemory", "1");
        let error = upload(epoch).expect_err("one node has no room");
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        let refused = store.commit("a", &commit(at(epoch), Some(at(epoch - 1)), b"m"));
        let error = refused.expect_err("chunks are missing");
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(store.last_revision("a"), Ok(Some(at(epoch - 1))));
        node.config_set("maxmemory", "0");
        upload(epoch + 1).expect("there is room");
        let next = store.commit("a", &commit(at(epoch + 1), Some(at(epoch - 1)), b"m"));
        next.expect("there is room");
        for n in 0..CHUNKS {
            let found = store.get_chunk("a", chunk(claim.generation, epoch + 1, n));
            assert_eq!(found, Ok(Some(bytes.clone())));
        }
    }
    let catalogue = store.catalogue("a").expect("a catalogue").revisions;
    let revisions: Vec<_> = catalogue.iter().map(|e| e.revision).collect();
    assert_eq!(revisions, [1, 3, 5, 7].map(at));
}

/// Set for the other process of the next test.
const CHILD: &str = "EVENTFLUX_TEST_REDIS_SILENT";

/// In a process of its own: of this one other tests take memory and threads.
#[test]
fn redis_persistence_stays_small_while_the_server_is_silent() {
    if !need_server() {
        return;
    }
    if std::env::var(CHILD).is_ok() {
        return stays_small();
    }
    let name = "memory::redis_persistence_stays_small_while_the_server_is_silent";
    let mut command = Command::new(std::env::current_exe().expect("this binary has a path"));
    command.args(["--exact", name]).env(CHILD, "1");
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
}

/// A number of this process's status, such as `VmRSS` in KiB.
fn own(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("a line").parse().expect("a number")
}

fn stays_small() {
    const EPOCHS: u64 = 60;
    let redis = Redis::start();
    let mut world = World::hasty(&redis.url());
    let ms = Duration::from_millis;
    let options = world.options.read_timeout(ms(200)).write_timeout(ms(200));
    world.options = options.retry(ms(1), ms(5), ms(20));
    let store = world.store();
    let mut claim = None;
    until(HANG, "a claim", || {
        claim = store.acquire("a", &takeover("one")).ok();
        claim.is_some()
    });
    let generation = claim.expect("it was waited for").generation;
    let bytes = vec![7; 1 << 20];
    let upload = |epoch| {
        let put = |n| store.put_chunk("a", chunk(generation, epoch, n), &bytes);
        let done = (0..8).try_for_each(put).and_then(|()| store.flush("a"));
        let error = done.expect_err("nobody answers");
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
    };
    redis.stop();
    (1..=5).for_each(upload);
    let (threads, resident) = (own("Threads"), own("VmRSS"));
    (6..=5 + EPOCHS).for_each(upload);
    let now = (own("Threads"), own("VmRSS"));
    eprintln!("before {:?}, after {now:?}", (threads, resident));
    assert!(now.0 <= threads + 2, "{} threads, {threads} before", now.0);
    // a fifth of what was to be written
    let bound = resident + EPOCHS * 8 * 1024 / 5;
    assert!(now.1 < bound, "{} KiB, {resident} before", now.1);
}

/// A store on a server with a limit and a policy, and what a claim answers.
fn claim(builder: Builder, policy: &str, ttl_seconds: Option<u64>) -> Result<(), StoreError> {
    let redis = builder.policy(policy).start();
    let config = RedisConfig {
        url: redis.url(),
        ttl_seconds,
        ..RedisConfig::default()
    };
    let store = eventflux::redis::RedisPersistenceStore::new_with_options(config, options());
    let store = Arc::new(store.expect("a URL"));
    let owner = owner("one");
    store.acquire("a", &owner).map(drop)
}

#[test]
fn redis_persistence_refuses_a_server_that_evicts() {
    if !need_server() {
        return;
    }
    let limited = || Redis::builder().maxmemory(100 << 20);
    let hour = Some(3600);
    for (policy, ttl_seconds) in [
        ("allkeys-lru", None),
        ("allkeys-random", None),
        ("allkeys-lfu", hour),
        ("volatile-lru", hour),
        ("volatile-ttl", hour),
    ] {
        let refused = claim(limited(), policy, ttl_seconds).expect_err(policy);
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
        let text = refused.to_string();
        assert!(
            text.contains(policy) && text.contains("noeviction"),
            "{text}"
        );
    }
    // Keys without a time to live are not volatile; without a limit nothing is evicted.
    claim(limited(), "volatile-lru", None).expect("nothing of it is volatile");
    claim(limited(), "noeviction", hour).expect("nothing is evicted");
    claim(Redis::builder(), "allkeys-lru", hour).expect("there is no limit");
}

#[test]
fn redis_persistence_that_evicts_does_not_start_an_app() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder()
        .maxmemory(100 << 20)
        .policy("allkeys-lru")
        .start();
    let world = World::new(&redis.url());
    let app = world.app(Some(world.store()));
    let error = app
        .start()
        .expect_err("its checkpoints would be thrown away");
    assert!(error.to_string().contains("noeviction"), "{error}");
    redis.config_set("maxmemory-policy", "noeviction");
    app.start().expect("they are kept");
    let error = app.restore_last_revision().expect_err("there is none");
    assert!(matches!(error, CheckpointError::Nothing { .. }), "{error}");
}
