//! Several apps, handles and prefixes in one Redis: none touches what is another one's.

use crate::contract::{chunk, commit, owner, revision, takeover};
use crate::lives::{World, keys};
use eventflux::redis::{RedisBackend, RedisConfig};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Redis, need_server};
use std::collections::BTreeMap;

/// All keys of an app, with what they hold.
fn contents(redis: &Redis, app: &str) -> BTreeMap<String, Vec<u8>> {
    let mut wire = redis.wire();
    let mut found = BTreeMap::new();
    let tags = [format!("{{{app}}}"), format!("{{{app}/")];
    let is_of = |key: &String| tags.iter().any(|tag| key.contains(tag));
    for key in keys(redis).into_iter().filter(is_of) {
        let dump = wire.cmd(&[b"DUMP", key.as_bytes()]).expect("an answer");
        if let eventflux_testbed::Reply::Bulk(Some(bytes)) = dump {
            found.insert(key, bytes);
        }
    }
    assert!(!found.is_empty(), "{app}");
    found
}

#[test]
fn redis_persistence_of_two_apps_in_one_server() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let names = [
        "ctl",
        "apps",
        "was",
        "kv.default",
        "i",
        "c-1.1.1",
        "a",
        "a.b",
    ];
    let worlds: Vec<World> = names
        .iter()
        .map(|name| {
            let mut world = World::new(&redis.url());
            world.app = (*name).to_string();
            world
        })
        .collect();
    let mut lives: Vec<_> = worlds.iter().map(World::start).collect();
    for _ in 0..3 {
        for life in &mut lives {
            life.commit();
        }
    }
    lives.iter().for_each(|life| life.assert_store());
    let mut sorted: Vec<String> = names.iter().map(|n| n.to_string()).collect();
    sorted.sort();
    assert_eq!(worlds[0].store().apps(), Ok(sorted));
    // What one deletes is its own.
    for (place, name) in names.iter().enumerate() {
        let others = names.iter().enumerate().filter(|(other, _)| *other > place);
        let before: Vec<_> = others.map(|(_, other)| contents(&redis, other)).collect();
        lives[place]
            .app
            .clear_all_revisions()
            .expect("it is its own");
        let left = worlds[place].store().catalogue(name).expect("a catalogue");
        assert!(left.revisions.is_empty());
        let others = names.iter().skip(place + 1);
        let after: Vec<_> = others.map(|other| contents(&redis, other)).collect();
        let names_of = |all: &[BTreeMap<String, Vec<u8>>]| {
            let all = all.iter().flat_map(|one| one.keys().cloned());
            all.collect::<Vec<String>>()
        };
        assert_eq!(names_of(&before), names_of(&after), "{name}");
        lives[place].taken.clear();
        for life in &lives {
            life.assert_store();
        }
    }
    for life in &mut lives {
        life.commit();
        life.assert_store();
    }
}

#[test]
fn redis_persistence_of_prefixes_that_begin_alike() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let prefixes = [
        "", "a:", "a:b:", "a", "apps", "a:apps", "*", "a[bc]?", "ä\"'\\",
    ];
    let worlds: Vec<World> = prefixes
        .iter()
        .map(|prefix| {
            let mut world = World::new(&redis.url());
            world.config.key_prefix = (*prefix).to_string();
            world
        })
        .collect();
    let mut lives: Vec<_> = worlds.iter().map(World::start).collect();
    for life in &mut lives {
        life.commit();
        life.commit();
    }
    for place in 0..prefixes.len() {
        lives.iter().for_each(|life| life.assert_store());
        let store = worlds[place].store();
        assert_eq!(store.apps(), Ok(vec!["sums".to_string()]));
        lives[place]
            .app
            .clear_all_revisions()
            .expect("it is its own");
        lives[place].taken.clear();
    }
    lives.iter().for_each(|life| life.assert_store());
    for bad in ["a{b", "}", "a b", "a\nb", "a\u{0}"] {
        let config = RedisConfig {
            url: redis.url(),
            key_prefix: bad.to_string(),
            ..RedisConfig::default()
        };
        let made = eventflux::redis::RedisPersistenceStore::new_with_config(config);
        assert!(
            matches!(made.err(), Some(StoreError::Name { .. })),
            "{bad:?}"
        );
    }
}

#[test]
fn redis_persistence_and_backend_side_by_side() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    life.commit();
    let config = RedisConfig {
        url: redis.url(),
        ..RedisConfig::default()
    };
    let mut backend = RedisBackend::with_config(config).namespace("sums");
    backend.initialize().expect("it is there");
    for key in ["ctl", "head", "gen", "r:1-1", "eventflux:{sums}:ctl"] {
        backend.set(key, b"hostile".to_vec()).expect("it is set");
    }
    backend.checkpoint("head").expect("it is copied");
    life.commit();
    life.assert_store();
    life.app.clear_all_revisions().expect("it is its own");
    assert_eq!(backend.get("head"), Ok(Some(b"hostile".to_vec())));
    backend.restore("head").expect("it is there");
    assert_eq!(backend.keys().map(|keys| keys.len()), Ok(5));
}

#[test]
fn redis_persistence_of_several_handles_of_one_app() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let (first, second, reader) = (world.store(), world.store(), world.store());
    let claim = first.acquire("a", &owner("one")).expect("nobody has it");
    let at = |epoch| revision(claim.generation, epoch);
    let put = |epoch| first.put_chunk("a", chunk(claim.generation, epoch, 0), b"x");
    put(1).expect("it is stored");
    first
        .commit("a", &commit(at(1), None, b"m"))
        .expect("it is stored");
    // The others see it, and change nothing.
    assert_eq!(reader.last_revision("a"), Ok(Some(at(1))));
    let locked = second.acquire("a", &owner("two"));
    match locked {
        Err(StoreError::Locked {
            owner, expires_in, ..
        }) => {
            assert!(owner == "one" && expires_in.is_some());
        }
        other => panic!("{other:?}"),
    }
    for refused in [
        second.clear_all_revisions("a"),
        second.retire("a", &[at(1)], &[]),
        second.pin("a", "p", Some(at(1))),
        second.save("a", revision(9, 9), b"x"),
    ] {
        assert!(
            matches!(refused, Err(StoreError::Locked { .. })),
            "{refused:?}"
        );
    }
    // One that takes over fences the first in all it does, also in what is on its way.
    put(2).expect("it is stored");
    let taken = second
        .acquire("a", &takeover("two"))
        .expect("it takes over");
    assert!(taken.generation > claim.generation);
    for refused in [
        first
            .commit("a", &commit(at(2), Some(at(1)), b"m"))
            .map(drop),
        put(3),
        first.retire("a", &[], &[]),
        first.release("a", claim.generation),
    ] {
        assert!(
            matches!(refused, Err(StoreError::Fenced { .. })),
            "{refused:?}"
        );
    }
    let next = revision(taken.generation, 5);
    second
        .put_chunk("a", chunk(taken.generation, 5, 0), b"y")
        .expect("it is its own");
    second
        .commit("a", &commit(next, Some(at(1)), b"m"))
        .expect("it is its own");
    assert_eq!(reader.last_revision("a"), Ok(Some(next)));
}
