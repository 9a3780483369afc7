//! Names that are listed in Redis and are damaged: revisions in the control hash, keys and apps in sets.

use crate::contract::owner;
use crate::damage::{CONTROL, Place, Written};
use crate::lives::keys;
use eventflux::store::{PersistenceStore, Revision};
use eventflux_testbed::need_server;

/// A revision that is no longer listed is told, whichever it is: the one before it is not the last one. What the error
/// advises works.
#[test]
fn redis_persistence_takes_no_older_revision_for_the_last_one() {
    if !need_server() {
        return;
    }
    let mut written = Written::new();
    let revisions: Vec<Revision> = written.taken.keys().copied().collect();
    for revision in &revisions {
        let place = Place {
            key: CONTROL.to_string(),
            field: Some(format!("r:{revision}")),
        };
        let bytes = written.bytes(&place);
        written.write(&place, None);
        let error = written.restore("not listed").expect_err("it is missing");
        let text = error.to_string();
        let told = [&*format!("'r:{revision}' is missing"), "another key prefix"];
        assert!(told.iter().all(|part| text.contains(part)), "{text}");
        written.write(&place, Some(&bytes));
    }
    let mut other = written.world.at(&written.redis.url());
    other.config.key_prefix = "other:".to_string();
    other.start().commit();
    let last = revisions.last().copied();
    assert_eq!(written.restore("put back").ok(), last);
}

/// What is no text in the sets of names is none of ours, and no silence of the server.
#[test]
fn redis_persistence_is_not_stopped_by_bytes_in_an_index() {
    if !need_server() {
        return;
    }
    let mut written = Written::new();
    let all = keys(&written.redis);
    let sets: Vec<&String> = all
        .iter()
        .filter(|key| key.ends_with(":i") || key.ends_with(":apps"))
        .collect();
    assert!(sets.len() >= 2, "{all:?}");
    for key in sets {
        let added = written.wire.cmd(&[b"SADD", key.as_bytes(), b"c:\xff\xfe"]);
        assert!(!added.expect("an answer").is_error());
    }
    let last = written.taken.keys().next_back().copied();
    assert_eq!(written.restore("bytes").ok(), last);
    let store = written.world.store();
    assert_eq!(store.apps(), Ok(vec!["sums".to_string()]));
    store.acquire("sums", &owner("one")).expect("nobody has it");
    assert_eq!(
        store.chunks("sums").map(|chunks| chunks.len() >= 3),
        Ok(true)
    );
    store.clear_all_revisions("sums").expect("it is deleted");
    assert_eq!(store.chunks("sums"), Ok(vec![]));
}
