//! Bytes in Redis that are not what was written, in every kind of key: a restore names them or goes back behind them,
//! and never brings a state that was not there.

use crate::contract::{chunk, commit, owner, revision};
use crate::lives::{World, keys};
use eventflux::checkpoint::{CompressionType, verify_all};
use eventflux::store::{PersistenceStore, Revision, StoreError};
use eventflux::{CheckpointConfig, CheckpointError, RestoreOptions};
use eventflux_testbed::{Redis, Wire, need_server};
use std::collections::BTreeMap;

pub const CONTROL: &str = "eventflux:{sums}:ctl";

/// What is damaged: a key, or a field of one.
#[derive(Clone, Debug)]
pub struct Place {
    pub key: String,
    pub field: Option<String>,
}

/// A server with three full revisions, and what `persist` answered.
pub struct Written {
    pub redis: Redis,
    pub wire: Wire,
    pub world: World,
    pub taken: BTreeMap<Revision, u64>,
}

impl Written {
    pub fn new() -> Written {
        let redis = Redis::start();
        let mut world = World::new(&redis.url());
        world.checkpoints = CheckpointConfig::default()
            .incremental(false)
            .compression(CompressionType::None)
            .retain(3)
            .takeover(true);
        let mut life = world.start();
        for _ in 0..3 {
            life.commit();
        }
        let taken = life.taken.clone();
        drop(life);
        let wire = redis.wire();
        Written {
            redis,
            wire,
            world,
            taken,
        }
    }

    pub fn bytes(&mut self, place: &Place) -> Vec<u8> {
        let key = place.key.as_bytes();
        let reply = match &place.field {
            None => self.wire.cmd(&[b"GET", key]),
            Some(field) => self.wire.cmd(&[b"HGET", key, field.as_bytes()]),
        };
        match reply.expect("an answer") {
            eventflux_testbed::Reply::Bulk(Some(bytes)) => bytes,
            other => panic!("{place:?}: {other:?}"),
        }
    }

    pub fn write(&mut self, place: &Place, bytes: Option<&[u8]>) {
        let key = place.key.as_bytes();
        let reply = match (&place.field, bytes) {
            (None, Some(bytes)) => self.wire.cmd(&[b"SET", key, bytes]),
            (None, None) => self.wire.cmd(&[b"DEL", key]),
            (Some(field), Some(bytes)) => self.wire.cmd(&[b"HSET", key, field.as_bytes(), bytes]),
            (Some(field), None) => self.wire.cmd(&[b"HDEL", key, field.as_bytes()]),
        };
        assert!(!reply.expect("an answer").is_error(), "{place:?}");
    }

    /// Restores: what comes is the state of a revision that was there, or an error that says what is wrong.
    pub fn restore(&self, what: &str) -> Result<Revision, CheckpointError> {
        let app = self.world.app(Some(self.world.store()));
        let strict = app.restore_last_revision();
        let report = app.restore_with(&RestoreOptions::default().fallback(true))?;
        let revision = report.revision.expect("there are some");
        let sent = self.taken.get(&revision);
        let sent = sent.unwrap_or_else(|| panic!("{what}: {revision} was never there"));
        assert_eq!(report.inputs[0].next, sent + 1, "{what}");
        self.world.assert_holds(revision, *sent);
        match strict {
            Ok(report) => assert_eq!(report.revision, Some(revision), "{what}"),
            Err(error) => {
                let last = self.taken.keys().next_back().expect("three");
                assert!(
                    error.to_string().contains(&last.to_string()),
                    "{what}: {error}"
                );
                assert_eq!(report.skipped[0].0, *last, "{what}");
            }
        }
        Ok(revision)
    }
}

/// Bytes as they may be instead.
fn damages(bytes: &[u8], other: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let flipped = |place: usize| {
        let mut bytes = bytes.to_vec();
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1;
        }
        Some(bytes)
    };
    let cut = |length: usize| Some(bytes[..length].to_vec());
    let mut all = vec![
        ("first bit", flipped(0)),
        ("bit in the middle", flipped(bytes.len() / 2)),
        ("last bit", flipped(bytes.len() - 1)),
        ("one byte less", cut(bytes.len() - 1)),
        ("half", cut(bytes.len() / 2)),
        ("empty", cut(0)),
        ("gone", None),
        ("another one's", Some(other.to_vec())),
        ("more", Some([bytes, b"x"].concat())),
        ("no text", Some(vec![0xFF, 0, b'-', 0xFE])),
    ];
    all.retain(|(_, new)| new.as_deref() != Some(bytes));
    all
}

#[test]
fn redis_persistence_restores_no_damaged_chunk_or_manifest() {
    if !need_server() {
        return;
    }
    let mut written = Written::new();
    let last = *written.taken.keys().next_back().expect("three");
    let before = *written.taken.keys().nth(1).expect("three");
    let of = |epoch: u64| format!(".{epoch}.0");
    let all = keys(&written.redis);
    let chunk = |epoch| all.iter().find(|key| key.ends_with(&of(epoch))).cloned();
    let key = |key: Option<String>| Place {
        key: key.expect("it is there"),
        field: None,
    };
    let field = |name: String| Place {
        key: CONTROL.to_string(),
        field: Some(name),
    };
    for (place, other) in [
        (key(chunk(last.epoch)), key(chunk(before.epoch))),
        (field(format!("m:{last}")), field(format!("m:{before}"))),
    ] {
        let (bytes, older) = (written.bytes(&place), written.bytes(&other));
        for (how, new) in damages(&bytes, &older) {
            let what = format!("{place:?}: {how}");
            written.write(&place, new.as_deref());
            let restored = written.restore(&what).expect("the one before is whole");
            assert_eq!(restored, before, "{what}");
            let store = written.world.store();
            let found = verify_all(&*store, "sums").expect("it is looked at");
            let sound: Vec<bool> = found.iter().map(|(_, report)| report.is_sound()).collect();
            assert_eq!(sound, [true, true, false], "{what}");
            written.write(&place, Some(&bytes));
        }
        // A key of another type.
        if place.field.is_none() {
            written.write(&place, None);
            written.redis.cmd(&["RPUSH", &place.key, "x"]);
            let restored = written.restore("a list").expect("the one before is whole");
            assert_eq!(restored, before);
            written.write(&place, Some(&bytes));
        }
        assert_eq!(written.restore("healed").expect("all is well"), last);
    }
}

#[test]
fn redis_persistence_restores_no_invented_state() {
    if !need_server() {
        return;
    }
    let mut written = Written::new();
    let revisions: Vec<Revision> = written.taken.keys().copied().collect();
    let names = [
        "gen", "who", "owner", "proc", "lease", "epoch", "head", "fmt", "pins",
    ];
    let mut places: Vec<Place> = Vec::new();
    let entries = revisions.iter().map(|r| format!("r:{r}"));
    for name in names.iter().map(|n| n.to_string()).chain(entries) {
        places.push(Place {
            key: CONTROL.to_string(),
            field: Some(name),
        });
    }
    for name in ["gen", "epoch", "cleared"] {
        places.push(Place {
            key: "eventflux:{sums}:was".to_string(),
            field: Some(name.to_string()),
        });
    }
    let older = format!("{:032x}c", 7).into_bytes();
    for place in places {
        let exists = written.wire.text(&[
            "HEXISTS",
            &place.key,
            place.field.as_deref().expect("a field"),
        ]);
        let there = exists.expect("an answer").int() == Some(1);
        let bytes = if there {
            written.bytes(&place)
        } else {
            b"1".to_vec()
        };
        let mut all = damages(&bytes, &older);
        for number in [
            "nan",
            "inf",
            "-1",
            "1e300",
            "99999999999999999999",
            "0x10",
            "1 ",
            "9-9",
        ] {
            all.push((number, Some(number.as_bytes().to_vec())));
        }
        for (how, new) in all {
            let what = format!("{place:?}: {how}");
            written.write(&place, new.as_deref());
            if let Err(error) = written.restore(&what) {
                let text = error.to_string();
                let field = place.field.as_deref().expect("a field");
                let named = text.contains(field) || text.contains("no revision");
                assert!(named && !text.contains("user_script"), "{what}: {text}");
            }
            // Nor does a writer's step end in a script's own error.
            let store = written.world.store();
            for error in calls(&*store, &revisions) {
                assert!(!error.to_string().contains("script"), "{what}: {error}");
            }
            reset(&mut written, &place, there, &bytes);
        }
    }
}

/// What a writer does, none of which changes a revision; its errors.
fn calls(store: &dyn PersistenceStore, revisions: &[Revision]) -> Vec<StoreError> {
    let last = revisions[revisions.len() - 1];
    let unknown = revision(9_999, 9_999);
    [
        store.last_revision("sums").err(),
        store.release("sums", last.generation).err(),
        store.retire("sums", &[unknown], &[]).err(),
        store.pin("sums", "none", None).err(),
        store.pin("sums", "none", Some(unknown)).err(),
        store.chunks("sums").err(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn reset(written: &mut Written, place: &Place, there: bool, bytes: &[u8]) {
    written.write(place, there.then_some(bytes));
}

#[test]
fn redis_persistence_scripts_tell_damage_to_writers() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let control = "eventflux:{a}:ctl";
    for field in ["gen", "lease", "epoch", "pins"] {
        for value in ["x", "", "-1", "1.5", "nan", "1e99", "9007199254740993000"] {
            redis.cmd(&["FLUSHALL"]);
            let store = world.store();
            let claim = store.acquire("a", &owner("one")).expect("nobody has it");
            let at = |epoch| revision(claim.generation, epoch);
            let put = |epoch| store.put_chunk("a", chunk(claim.generation, epoch, 0), b"x");
            put(1).expect("it is stored");
            redis.cmd(&["HSET", control, field, value]);
            let saved = world.store();
            for (call, answer) in [
                (
                    "commit",
                    store.commit("a", &commit(at(1), None, b"m")).map(drop),
                ),
                ("put", put(2)),
                ("pin", store.pin("a", "p", None)),
                ("retire", store.retire("a", &[at(1)], &[])),
                ("clear", store.clear_all_revisions("a")),
                ("catalogue", store.catalogue("a").map(drop)),
                ("save", saved.save("a", revision(9, 9), b"x")),
                ("acquire", saved.acquire("a", &owner("two")).map(drop)),
            ] {
                // The store may have renewed its lease meanwhile, which mends that field.
                let mended =
                    field == "lease" && redis.cmd(&["HGET", control, field]).text() != value;
                let error = match answer {
                    Err(error) => error,
                    Ok(()) if mended => continue,
                    Ok(()) => panic!("{call} with {field}={value:?}"),
                };
                let named = matches!(&error, StoreError::Corrupt { what, reason }
                    if what == control && reason.contains(field));
                assert!(named || mended, "{call} with {field}={value:?}: {error:?}");
            }
        }
    }
}

#[test]
fn redis_persistence_is_not_stopped_by_a_wrong_head_field() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    let mut life = world.start();
    for head in ["", "x", "1-1", "1-99", "7-3", "\u{fffd}"] {
        life.commit();
        let last = life.commit();
        redis.cmd(&["HSET", CONTROL, "head", head]);
        let next = life.commit();
        assert!(next > last);
        life.assert_store();
        assert_eq!(
            redis.cmd(&["HGET", CONTROL, "head"]).text(),
            next.to_string()
        );
    }
    redis.cmd(&["HDEL", CONTROL, "head"]);
    life.commit();
    life.assert_store();
}

#[test]
fn redis_persistence_names_keys_of_another_type() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let world = World::new(&redis.url());
    world.start().commit();
    let all = keys(&redis);
    for key in all {
        let kept = redis.wire().text(&["DUMP", &key]).expect("an answer");
        assert!(!kept.is_error());
        redis.cmd(&["RENAME", &key, "kept"]);
        redis.cmd(&["RPUSH", &key, "x"]);
        let app = world.app(Some(world.store()));
        let restored = app.restore_last_revision().map(drop);
        let started = app.start();
        let store = world.store();
        let listed = store.apps();
        let chunks = store.chunks("sums");
        let texts = [
            restored.err().map(|e| e.to_string()),
            started.err().map(|e| e.to_string()),
            listed.err().map(|e| e.to_string()),
            chunks.err().map(|e| e.to_string()),
        ];
        let texts: Vec<String> = texts.into_iter().flatten().collect();
        assert!(!texts.is_empty(), "{key}: nobody noticed");
        for text in &texts {
            let told = text.contains("WRONGTYPE") || text.contains("missing");
            assert!(told && text.contains("another key prefix"), "{key}: {text}");
        }
        drop((app, store));
        redis.cmd(&["DEL", &key]);
        redis.cmd(&["RENAME", "kept", &key]);
    }
    let app = world.app(Some(world.store()));
    app.restore_last_revision().expect("all is as it was");
}
