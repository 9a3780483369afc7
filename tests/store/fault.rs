//! Each fault does what it says, and the log tells what was asked.

use crate::contract::{chunk, commit, owner, revision};
use crate::fault_store::{Call, Fault, FaultStore, Gate};
use eventflux::store::{Committed, MemoryStore, PersistenceStore, StoreError};
use std::sync::Arc;
use std::thread;

const APP: &str = "app";

fn claimed() -> (FaultStore, MemoryStore) {
    let contents = MemoryStore::new();
    let store = FaultStore::new(Arc::new(contents.clone()));
    store.acquire(APP, &owner("a")).unwrap();
    (store, contents)
}

fn is_io<R: std::fmt::Debug>(answer: Result<R, StoreError>) {
    let error = answer.expect_err("it was to fail");
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("failed by a test"), "{error}");
}

#[test]
fn fail_does_nothing() {
    let (store, contents) = claimed();
    store.at(2, Fault::Fail);
    is_io(store.put_chunk(APP, chunk(1, 1, 0), b"bytes"));
    assert_eq!(contents.chunks(APP), Ok(vec![]));
    assert_eq!(store.put_chunk(APP, chunk(1, 1, 0), b"bytes"), Ok(()));
    let log = store.log();
    assert_eq!(log.len(), store.operations());
    let calls: Vec<Call> = log.iter().map(|o| o.call).collect();
    assert_eq!(calls, [Call::Acquire, Call::PutChunk, Call::PutChunk]);
    assert_eq!((log[1].app.as_str(), log[1].about.as_str()), (APP, "1.1.0"));
    assert!(log[1].error.is_some() && log[2].error.is_none());
}

#[test]
fn tear_leaves_half_under_the_name() {
    let (store, contents) = claimed();
    store.at_call(Call::PutChunk, 1, Fault::Tear);
    store.at_call(Call::Save, 1, Fault::Tear);
    store.at_call(Call::Commit, 1, Fault::Tear);
    is_io(store.put_chunk(APP, chunk(1, 1, 0), b"12345678"));
    let torn = contents.get_chunk(APP, chunk(1, 1, 0));
    assert_eq!(torn, Ok(Some(b"1234".to_vec())));
    let again = store.put_chunk(APP, chunk(1, 1, 0), b"12345678");
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
    is_io(store.commit(APP, &commit(revision(1, 1), None, b"m")));
    assert_eq!(contents.last_revision(APP), Ok(None));
    is_io(store.save(APP, revision(1, 2), b"abcd"));
    let torn = contents.load(APP, revision(1, 2));
    assert_eq!(torn, Ok(Some(b"ab".to_vec())));
}

#[test]
fn a_lost_reply_is_found_done_when_sent_again() {
    let (store, contents) = claimed();
    store.at_call(Call::Commit, 1, Fault::LoseReply);
    let head = commit(revision(1, 1), None, b"m");
    is_io(store.commit(APP, &head));
    assert_eq!(contents.last_revision(APP), Ok(Some(revision(1, 1))));
    assert_eq!(store.commit(APP, &head), Ok(Committed::Already));
}

#[test]
fn twice_answers_the_second_time() {
    let (store, _contents) = claimed();
    store.at_call(Call::Commit, 1, Fault::Twice);
    let head = commit(revision(1, 1), None, b"m");
    assert_eq!(store.commit(APP, &head), Ok(Committed::Already));
    assert_eq!(store.operations(), 2);
}

#[test]
fn a_gate_holds_an_operation_back() {
    let (store, contents) = claimed();
    let gate = Gate::new();
    store.at_call(Call::Commit, 1, Fault::Wait(gate.clone()));
    let head = commit(revision(1, 1), None, b"m");
    thread::scope(|scope| {
        let commit = scope.spawn(|| store.commit(APP, &head));
        gate.wait_until_reached();
        assert_eq!(contents.last_revision(APP), Ok(None));
        // others pass it
        assert_eq!(store.last_revision(APP), Ok(None));
        gate.open();
        assert_eq!(commit.join().unwrap(), Ok(Committed::Done));
    });
    assert_eq!(contents.last_revision(APP), Ok(Some(revision(1, 1))));
}

#[test]
fn all_fails_until_healed() {
    let (store, _contents) = claimed();
    store.fail_from(3);
    assert_eq!(store.last_revision(APP), Ok(None));
    assert!(!store.health().reachable);
    is_io(store.last_revision(APP));
    is_io(store.apps());
    store.heal();
    assert!(store.health().reachable);
    assert_eq!(store.apps(), Ok(vec![APP.to_string()]));
    store.fail_all();
    is_io(store.catalogue(APP));
    assert_eq!(store.describe(), "memory");
}
