//! A user with exactly the line of `acl_line` can do all that is needed, and nothing else; no word of it can go.

use crate::contract::{PARTS, chunk, commit, owner, revision};
use eventflux::redis::{
    RedisBackend, RedisConfig, RedisOptions, RedisPersistenceStore, Secret, acl_line,
};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Cluster, Redis, Wire, need_server};
use std::sync::Arc;
use std::time::Duration;

const USER: &str = "narrow";
const PASSWORD: &str = "canary-5512";
const APP: &str = "orders";

/// Gives the user what the line says, but for one command.
fn allow(redis: &Redis, line: &str, without: Option<&str>) {
    let line = line.replace(">PASSWORD", &format!(">{PASSWORD}"));
    let without = without.map(|command| format!("+{command}"));
    let mut words = vec!["ACL", "SETUSER", USER, "reset"];
    let rules = line.split(' ').skip(2);
    words.extend(rules.filter(|word| Some(*word) != without.as_deref()));
    let set = redis.cmd(&words);
    assert!(!set.is_error(), "{line}: {}", set.text());
}

fn commands(line: &str) -> Vec<String> {
    let words = line.split(' ').filter_map(|word| word.strip_prefix('+'));
    words.map(str::to_string).collect()
}

fn options() -> RedisOptions {
    let brief = Duration::from_millis(20);
    RedisOptions::default()
        .username(USER)
        .password(Secret::from(PASSWORD))
        .retry(brief, brief, brief * 5)
}

fn store(
    url: &str,
    prefix: &str,
    ttl_seconds: Option<u64>,
    options: RedisOptions,
) -> RedisPersistenceStore {
    let config = RedisConfig {
        url: url.to_string(),
        key_prefix: prefix.to_string(),
        ttl_seconds,
        ..RedisConfig::default()
    };
    RedisPersistenceStore::new_with_options(config, options).expect("a URL")
}

fn login(redis: &Redis) -> Wire {
    let mut wire = redis.wire();
    let logged = wire.text(&["AUTH", USER, PASSWORD]).expect("an answer");
    assert!(!logged.is_error(), "{}", logged.text());
    wire
}

#[test]
fn redis_acl_line_suffices_and_refuses_the_rest() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    redis.cmd(&["SET", "other:{orders}:ctl", "theirs"]);
    let line = acl_line(USER, "acl-", None).expect("a prefix");
    allow(&redis, &line, None);
    for (i, part) in PARTS.iter().enumerate() {
        let ttl = (i % 2 == 0).then_some(3600);
        part(&|| Arc::new(store(&redis.url(), &format!("acl-{i}:"), ttl, options())));
    }
    let mut wire = login(&redis);
    for refused in [
        &["KEYS", "*"][..],
        &["SCAN", "0"],
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["CONFIG", "GET", "*"],
        &["ACL", "LIST"],
        &["DEBUG", "SLEEP", "0"],
        &["SHUTDOWN"],
        &["GET", "other:{orders}:ctl"],
        &["SET", "x", "y"],
        &["EVAL", "return redis.call('FLUSHALL')", "0"],
        &["EVAL", "return redis.call('GET', KEYS[1])", "1", "x"],
    ] {
        let answer = wire.text(refused).expect("an answer");
        assert!(answer.is_error(), "{refused:?}: {}", answer.text());
    }
    assert_eq!(redis.cmd(&["GET", "other:{orders}:ctl"]).text(), "theirs");
}

/// All that a store does, on an app of its own.
fn work(store: &RedisPersistenceStore) -> Result<(), String> {
    let text = |e: StoreError| e.to_string();
    store.test_connection().map_err(text)?;
    let claim = store.acquire(APP, &owner("a")).map_err(text)?;
    let generation = claim.generation;
    let first = revision(generation, claim.last_epoch + 1);
    let second = revision(generation, claim.last_epoch + 2);
    let mut parent = None;
    for epoch in [first, second] {
        let name = chunk(generation, epoch.epoch, 0);
        store.put_chunk(APP, name, b"bytes").map_err(text)?;
        store.flush(APP).map_err(text)?;
        let made = commit(epoch, parent, b"manifest");
        store.commit(APP, &made).map_err(text)?;
        parent = Some(epoch);
    }
    store.pin(APP, "kept", Some(first)).map_err(text)?;
    store.pin(APP, "kept", None).map_err(text)?;
    let name = chunk(generation, first.epoch, 0);
    let read = store.get_chunk(APP, name).map_err(text)?;
    assert_eq!(read.as_deref(), Some(&b"bytes"[..]));
    assert_eq!(store.chunks(APP).map_err(text)?.len(), 2);
    assert_eq!(store.apps().map_err(text)?, [APP]);
    store.retire(APP, &[first], &[name]).map_err(text)?;
    store.clear_all_revisions(APP).map_err(text)?;
    store.release(APP, generation).map_err(text)?;
    let told = store.health().detail;
    // without INFO it works, and says what it could not look at
    told.is_empty().then_some(()).ok_or(told)
}

#[test]
fn redis_acl_line_has_no_word_too_much() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let _replica = Redis::builder().replica_of(&redis).start();
    let url = format!("{}/1", redis.url());
    let line = acl_line(USER, "acl:", Some(APP)).expect("names");
    let waiting = || options().replicas(1, Duration::from_secs(1));
    allow(&redis, &line, None);
    assert_eq!(work(&store(&url, "acl:", Some(3600), waiting())), Ok(()));
    // what only a cluster needs is tried there
    let single = commands(&line).into_iter();
    let single = single.filter(|c| !["ping", "cluster|slots", "asking"].contains(&c.as_str()));
    for command in single {
        redis.cmd(&["FLUSHALL"]);
        allow(&redis, &line, Some(&command));
        let done = work(&store(&url, "acl:", Some(3600), waiting()));
        assert!(done.is_err(), "+{command} is not needed");
    }
}

fn backend(url: &str) -> Result<RedisBackend, StoreError> {
    let config = RedisConfig {
        url: url.to_string(),
        key_prefix: "acl:".to_string(),
        ttl_seconds: Some(3600),
        ..RedisConfig::default()
    };
    let mut backend = RedisBackend::with_options(config, options());
    backend.initialize()?;
    Ok(backend)
}

/// All that a state backend does.
fn keep(url: &str) -> Result<(), StoreError> {
    let mut backend = backend(url)?;
    backend.set("a", b"1".to_vec())?;
    let entries = ["b", "c"].map(|key| (key.to_string(), b"2".to_vec()));
    backend.set_multi(entries.to_vec())?;
    backend.checkpoint("one")?;
    backend.delete("a")?;
    assert!(!backend.exists("a")? && backend.exists("b")?);
    assert_eq!(backend.keys()?, ["b", "c"]);
    backend.restore("one")?;
    assert_eq!(backend.get("a")?.as_deref(), Some(&b"1"[..]));
    backend.shutdown()
}

/// Not tried: `hscan`, used from Redis 7.4 on and 50,000 keys.
#[test]
fn redis_acl_line_is_what_the_state_backend_needs() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let line = acl_line(USER, "acl:", None).expect("a prefix");
    allow(&redis, &line, None);
    keep(&redis.url()).expect("all is allowed");
    for command in ["hlen", "copy"] {
        allow(&redis, &line, Some(command));
        assert!(keep(&redis.url()).is_err(), "+{command} is not needed");
    }
}

/// What a script may not do it does not do by half, and nothing is tried again.
#[test]
fn redis_backend_that_is_refused_a_command_changes_nothing() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let line = acl_line(USER, "acl:", None).expect("a prefix");
    allow(&redis, &line, None);
    let backend = backend(&redis.url()).expect("all is allowed");
    backend.set("a", b"1".to_vec()).expect("all is allowed");
    let entries = || (0..9_000).map(|n| (format!("{n}"), Vec::new())).collect();
    for command in ["eval", "hset", "pexpire", "hdel"] {
        allow(&redis, &line, Some(command));
        redis.cmd(&["CONFIG", "RESETSTAT"]);
        let error = match command {
            "hdel" => backend.delete("a"),
            _ => backend.set_multi(entries()),
        };
        let error = error.expect_err(command);
        assert_eq!(error.reason(), "refused", "{command}: {error}");
        assert!(error.to_string().contains("state acl"), "{error}");
        let calls = redis.info("commandstats").remove("cmdstat_eval");
        let calls = calls.expect("a call");
        let once = match command {
            "eval" => calls.starts_with("calls=0") && calls.contains("rejected_calls=1,"),
            _ => calls.starts_with("calls=1,"),
        };
        assert!(once, "{command}: {calls}");
        assert_eq!(backend.keys(), Ok(vec!["a".to_string()]), "{command}");
    }
    allow(&redis, &line, None);
    backend.set_multi(entries()).expect("all is allowed");
}

#[test]
fn redis_acl_line_has_what_a_cluster_needs() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 5_000);
    let line = acl_line(USER, "acl:", Some(APP)).expect("names");
    let allow_all = |without: Option<&str>| {
        let nodes = cluster.nodes().iter();
        nodes.for_each(|node| allow(node, &line, without));
    };
    let open = || store(&cluster.url(), "acl:", None, options());
    allow_all(None);
    assert_eq!(work(&open()), Ok(()));
    for command in ["ping", "cluster|slots"] {
        allow_all(Some(command));
        assert!(work(&open()).is_err(), "+{command} is not needed");
    }
    // a slot on its way: what is not there yet is asked of where it goes
    let slot = cluster.slot_of("acl:{elsewhere}:ctl");
    let from = cluster.owner_of(slot);
    let mut others = cluster.nodes().iter();
    let to = others.find(|node| node.port() != from.port());
    cluster.begin_migration(slot, to.expect("there are three"));
    let line = acl_line(USER, "acl:", Some("elsewhere")).expect("names");
    for (without, works) in [(None, true), (Some("asking"), false)] {
        let nodes = cluster.nodes().iter();
        nodes.for_each(|node| allow(node, &line, without));
        let found = open().load("elsewhere", revision(1, 1));
        assert_eq!(found.is_ok(), works, "{found:?}");
    }
}
