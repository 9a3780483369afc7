//! A network that fails: replies that are lost, connections that break in the middle of a value, slow lines.

use crate::contract::{chunk, commit, digest, owner, revision};
use crate::lives::{Life, World, options};
use eventflux::checkpoint::CompressionType;
use eventflux::redis::{RedisOptions, RedisPersistenceStore};
use eventflux::store::{Committed, PersistenceStore, Revision, StoreError};
use eventflux::{CheckpointConfig, Workers};
use eventflux_testbed::{Direction, Proxy, Redis, Toxic, Which, need_server};
use std::sync::Arc;
use std::time::Duration;

/// Replies of this command are lost.
fn lose(command: &str, which: Which) -> Toxic {
    let command = command.to_string();
    Toxic::DropReplies { command, which }
}

/// Tries again at once, and for long enough.
fn patient() -> RedisOptions {
    let ms = Duration::from_millis;
    // A lease that nothing renews meanwhile: a renewal would be one of the calls whose replies are counted.
    let options = options().lease(ms(600_000));
    options.retry(ms(1), ms(2), ms(60_000))
}

/// The server, a proxy before it, and the app by way of the proxy.
fn linked() -> (Redis, Proxy, World) {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let mut world = World::new(&proxy.url());
    world.options = patient();
    (redis, proxy, world)
}

fn head(redis: &Redis, app: &str) -> Option<Revision> {
    let reply = redis.cmd(&["HGET", &format!("eventflux:{{{app}}}:ctl"), "head"]);
    reply.text().parse().ok()
}

#[test]
fn redis_persistence_commits_once_when_replies_are_lost() {
    if !need_server() {
        return;
    }
    const COMMITS: u64 = 1_000;
    let (redis, proxy, world) = linked();
    let store = world.store();
    let mut wire = redis.wire();
    let claim = store.acquire("a", &owner("one")).expect("nobody has it");
    let at = |epoch| revision(claim.generation, epoch);
    proxy.set(lose("EVAL", Which::Percent(30)));
    let (mut parent, mut again) = (None, 0);
    for epoch in 1..=COMMITS {
        let name = chunk(claim.generation, epoch, 0);
        store
            .put_chunk("a", name, b"bytes")
            .expect("it is tried again");
        let answer = store.commit("a", &commit(at(epoch), parent, b"manifest"));
        again += u64::from(answer.expect("it is tried again") == Committed::Already);
        parent = Some(at(epoch));
        let head = wire.text(&["HGET", "eventflux:{a}:ctl", "head"]);
        assert_eq!(head.expect("an answer").text(), at(epoch).to_string());
    }
    assert!(
        proxy.fired() > COMMITS / 4 && again > COMMITS / 10,
        "{again}"
    );
    proxy.set(Toxic::None);
    let catalogue = store.catalogue("a").expect("a catalogue");
    let revisions: Vec<Revision> = catalogue.revisions.iter().map(|e| e.revision).collect();
    assert_eq!(revisions, (1..=COMMITS).map(at).collect::<Vec<_>>());
    assert!(
        catalogue
            .revisions
            .iter()
            .all(|e| e.digest == digest(e.revision))
    );
    assert_eq!(catalogue.generation, claim.generation);
    assert_eq!(store.chunks("a").map(|c| c.len() as u64), Ok(COMMITS));
}

#[test]
fn redis_persistence_of_an_app_whose_replies_are_lost() {
    if !need_server() {
        return;
    }
    let (redis, proxy, world) = linked();
    let direct = world.at(&redis.url());
    let mut life = world.start();
    life.commit();
    for command in [
        "EVAL", "SET", "SADD", "UNLINK", "SREM", "SMEMBERS", "HGET", "",
    ] {
        proxy.set(lose(command, Which::Percent(20)));
        for _ in 0..8 {
            life.step();
            // What failed may have been done; what did not fail was.
            if let Ok(revision) = life.persist() {
                assert_eq!(head(&redis, "sums"), Some(revision), "{command}");
            }
        }
        proxy.set(Toxic::None);
        let (revision, _) = life.recover();
        assert_eq!(head(&redis, "sums"), Some(revision));
        direct.assert_holds(revision, life.sent);
    }
    life.assert_store();
    // Nothing is left over of what failed.
    life.commit();
    let catalogue = life.store.catalogue("sums").expect("a catalogue");
    assert_eq!(catalogue.revisions.len(), 4);
}

#[test]
fn redis_persistence_does_once_what_lost_its_reply() {
    if !need_server() {
        return;
    }
    let (redis, proxy, world) = linked();
    let store = world.store();
    let field = |name: &str| redis.cmd(&["HGET", "eventflux:{a}:ctl", name]);
    // A claim: the generation that was answered is the one there is.
    proxy.set(lose("EVAL", Which::Nth(1)));
    let claim = store
        .acquire("a", &owner("one"))
        .expect("it is tried again");
    assert_eq!(proxy.fired(), 1);
    assert_eq!(field("gen").text(), claim.generation.to_string());
    let at = |epoch| revision(claim.generation, epoch);
    for epoch in 1..=3 {
        let name = chunk(claim.generation, epoch, 0);
        // The beginning of an epoch.
        proxy.set(lose("EVAL", Which::Nth(1)));
        store
            .put_chunk("a", name, b"bytes")
            .expect("it is tried again");
        let parent = (epoch > 1).then(|| at(epoch - 1));
        let done = store.commit("a", &commit(at(epoch), parent, b"m"));
        done.expect("it is tried again");
    }
    // A pin, and taking it away: counted once each.
    for (target, pins) in [(Some(at(1)), "1"), (Some(at(2)), "1"), (None, "0")] {
        proxy.set(lose("EVAL", Which::Nth(1)));
        store.pin("a", "p", target).expect("it is tried again");
        assert_eq!((proxy.fired(), field("pins").text()), (1, pins.to_string()));
    }
    // Deletion of a revision and its chunks.
    proxy.set(lose("EVAL", Which::Nth(1)));
    let gone = [chunk(claim.generation, 1, 0)];
    store
        .retire("a", &[at(1)], &gone)
        .expect("it is tried again");
    for command in ["UNLINK", "SREM"] {
        proxy.set(lose(command, Which::Nth(1)));
        store.retire("a", &[], &gone).expect("it is tried again");
    }
    assert_eq!(store.chunks("a").map(|c| c.len()), Ok(2));
    // A chunk, and the tally behind it: sent again.
    for (epoch, which) in [(4, 1), (5, 2)] {
        proxy.set(lose("SET", Which::Nth(which)));
        let name = chunk(claim.generation, epoch, 0);
        store.put_chunk("a", name, b"bytes").expect("it is sent");
        store.flush("a").expect("it is sent again");
        assert_eq!(proxy.fired(), 1, "epoch {epoch}");
        store
            .commit("a", &commit(at(epoch), Some(at(epoch - 1)), b"m"))
            .expect("all of it is there");
        assert_eq!(store.get_chunk("a", name), Ok(Some(b"bytes".to_vec())));
    }
    // Giving up: it was done, and is no failure.
    proxy.set(lose("EVAL", Which::Nth(1)));
    store
        .release("a", claim.generation)
        .expect("it is given up");
    assert_eq!((proxy.fired(), field("who").text()), (1, String::new()));
    let twice = store.release("a", claim.generation);
    assert!(matches!(twice, Err(StoreError::Fenced { .. })), "{twice:?}");
}

#[test]
fn redis_persistence_of_whole_revisions_when_replies_are_lost() {
    if !need_server() {
        return;
    }
    let (redis, proxy, world) = linked();
    let store = world.store();
    for command in ["SET", "EVAL", "SADD"] {
        for epoch in 1..=3 {
            proxy.set(lose(command, Which::Nth(1)));
            let bytes = format!("{command} {epoch}");
            let saved = store.save(command, revision(1, epoch), bytes.as_bytes());
            saved.expect("it is tried again");
            assert_eq!(proxy.fired(), 1, "{command}");
            assert_eq!(
                store.load(command, revision(1, epoch)),
                Ok(Some(bytes.into_bytes()))
            );
        }
        // Also when nobody knows any more what was deleted.
        proxy.set(lose("EVAL", Which::Nth(1)));
        store
            .retire(command, &[revision(1, 1), revision(1, 2)], &[])
            .expect("it is tried again");
        proxy.set(Toxic::None);
        let left = crate::lives::keys(&redis);
        let left = left
            .iter()
            .filter(|k| k.contains(command) && k.contains(":w:"))
            .count();
        assert_eq!(left, 1, "{command}: what no revision names stays");
    }
}

/// One attempt of everything.
fn no_retry() -> RedisOptions {
    let pause = Duration::from_millis(1);
    options().retry(pause, pause, Duration::ZERO)
}

/// Breaks the connection behind so many bytes; the epoch fails or does not, and what is answered is so.
fn cut(
    life: &mut Life<'_>,
    redis: &Redis,
    proxy: &Proxy,
    bytes: u64,
    direction: Direction,
) -> bool {
    life.step();
    proxy.set(Toxic::CutAfterBytes { bytes, direction });
    if let Ok(revision) = life.persist() {
        assert_eq!(head(redis, "sums"), Some(revision));
    }
    let fired = proxy.fired() > 0;
    proxy.set(Toxic::None);
    life.recover();
    fired
}

#[test]
fn redis_persistence_survives_cuts_anywhere_in_an_epoch() {
    if !need_server() {
        return;
    }
    let (redis, proxy, mut world) = linked();
    // Nothing is tried again within an epoch.
    world.options = no_retry();
    world.checkpoints = CheckpointConfig::default().compression(CompressionType::None);
    let mut life = world.start();
    life.commit();
    let mut fired = 0;
    for place in 0..24 {
        fired += u32::from(cut(
            &mut life,
            &redis,
            &proxy,
            place * 613,
            Direction::Requests,
        ));
        fired += u32::from(cut(
            &mut life,
            &redis,
            &proxy,
            place * 7,
            Direction::Replies,
        ));
    }
    assert!(fired > 30, "{fired} cuts");
    life.assert_store();
    life.assert_reachable(true);
    let (mut life, _) = world.resume(life);
    life.commit();
    life.assert_store();
}

/// A store through a proxy that does so to an epoch of some megabytes.
fn upload(
    store: &Arc<RedisPersistenceStore>,
    generation: u64,
    epoch: u64,
) -> Result<(), StoreError> {
    for number in 0..6 {
        let bytes = vec![epoch as u8; 300_000];
        store.put_chunk("a", chunk(generation, epoch, number), &bytes)?;
    }
    store.flush("a")
}

#[test]
fn redis_persistence_never_commits_half_a_chunk() {
    if !need_server() {
        return;
    }
    let (redis, proxy, mut world) = linked();
    world.options = no_retry();
    let store = world.store();
    let direct = world.at(&redis.url()).store();
    let claim = store.acquire("a", &owner("one")).expect("nobody has it");
    let at = |epoch| revision(claim.generation, epoch);
    upload(&store, claim.generation, 1).expect("a line that is well");
    store
        .commit("a", &commit(at(1), None, b"m"))
        .expect("a line that is well");
    for place in 0..16 {
        let epoch = place + 2;
        proxy.set(Toxic::CutAfterBytes {
            bytes: 4_000 + place * 113_111,
            direction: Direction::Requests,
        });
        let uploaded = upload(&store, claim.generation, epoch);
        assert!(uploaded.is_err(), "cut {place}");
        let refused = store.commit("a", &commit(at(epoch), Some(at(1)), b"m"));
        assert!(refused.is_err(), "chunks are missing, and nobody said so");
        proxy.set(Toxic::None);
        assert_eq!(direct.last_revision("a"), Ok(Some(at(1))));
        // What is there is whole.
        for name in direct.chunks("a").expect("they are listed") {
            let bytes = direct.get_chunk("a", name).expect("it answers");
            let bytes = bytes.expect("it is listed");
            assert_eq!(bytes, vec![name.epoch as u8; 300_000], "{name}");
        }
    }
}

#[test]
fn redis_persistence_sends_chunks_over_another_connection() {
    if !need_server() {
        return;
    }
    let (redis, proxy, world) = linked();
    let store = world.store();
    let direct = world.at(&redis.url()).store();
    let claim = store.acquire("a", &owner("one")).expect("nobody has it");
    let at = |epoch| revision(claim.generation, epoch);
    let (mut parent, mut fired) = (None, 0);
    for place in 0..16 {
        let epoch = place + 1;
        proxy.set(Toxic::CutAfterBytes {
            bytes: 4_000 + place * 113_111,
            direction: Direction::Requests,
        });
        let uploaded = upload(&store, claim.generation, epoch);
        fired += proxy.fired();
        proxy.set(Toxic::None);
        uploaded.expect("another connection is as good");
        store
            .commit("a", &commit(at(epoch), parent, b"m"))
            .expect("all of it is there");
        parent = Some(at(epoch));
        for number in 0..6 {
            let there = direct.get_chunk("a", chunk(claim.generation, epoch, number));
            assert_eq!(
                there,
                Ok(Some(vec![epoch as u8; 300_000])),
                "{epoch}.{number}"
            );
        }
    }
    assert!(fired >= 16, "{fired} cuts");
}

/// What was stored over a connection that is lost may be gone with its server: the rest is not stored to another one as
/// if it were all.
#[test]
fn redis_persistence_gives_up_an_upload_that_lost_a_part() {
    if !need_server() {
        return;
    }
    let (redis, proxy, world) = linked();
    let store = world.store();
    let claim = store.acquire("a", &owner("one")).expect("nobody has it");
    let name = |number| chunk(claim.generation, 1, number);
    // More than may be on its way at once: the first ones are answered.
    let bytes = vec![1; 1 << 20];
    (0..8).for_each(|n| store.put_chunk("a", name(n), &bytes).expect("stored"));
    redis.cmd(&["FLUSHALL"]);
    proxy.set(Toxic::Cut);
    proxy.set(Toxic::None);
    let rest = store.put_chunk("a", name(8), &bytes);
    let stored = rest.and_then(|()| store.flush("a"));
    assert!(matches!(stored, Err(StoreError::Io { .. })), "{stored:?}");
    let first = revision(claim.generation, 1);
    let refused = store.commit("a", &commit(first, None, b"m"));
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn redis_persistence_over_bad_lines() {
    if !need_server() {
        return;
    }
    let (_redis, proxy, mut world) = linked();
    world.workers = Workers::Pinned(1);
    let mut life = world.start();
    let (ms, jitter_ms, bytes_per_sec) = (10, 20, 60_000);
    for toxic in [
        Toxic::Latency { ms, jitter_ms },
        Toxic::Bandwidth { bytes_per_sec },
        Toxic::Slice,
    ] {
        proxy.set(toxic);
        for _ in 0..2 {
            life.commit();
        }
        proxy.set(Toxic::None);
        life.assert_store();
        life.assert_reachable(true);
    }
}

#[test]
fn redis_persistence_over_a_line_that_goes_dead() {
    if !need_server() {
        return;
    }
    let (redis, proxy, calm) = linked();
    let world = World::hasty(&proxy.url());
    let mut life = world.start();
    for toxic in [Toxic::Freeze, Toxic::Cut] {
        let (before, _) = life.recover();
        proxy.set(toxic);
        for _ in 0..4 {
            let error = life.fail();
            assert!(matches!(error, StoreError::Io { .. }), "{error}");
            life.assert_reachable(false);
            assert_eq!(head(&redis, "sums"), Some(before));
        }
        assert!(life.store.health().breaker_open);
        proxy.set(Toxic::None);
        life.recover();
        life.assert_store();
    }
    let (mut life, _) = calm.resume(life);
    life.commit();
    life.assert_reachable(true);
    // Connections that are reset between two calls are replaced without a failure.
    for _ in 0..5 {
        proxy.reset_all();
        life.commit();
    }
    let (_, connections_max) = life.store.health().connections.expect("it has some");
    assert!(proxy.open() as u32 <= connections_max, "{}", proxy.open());
    life.assert_store();
}
