//! What a store loses by itself: chunks, commits, its whole memory, a state nobody refreshed. The app writes all of its
//! state anew, and a restore never takes lost state for none.

use crate::common::{NAME, app, assert_restores, seen_of, send_rows, uninterrupted};
use crate::fault_store::{Call, Fault, FaultStore, Gate};
use crate::misbehaving_store::MisbehavingStore;
use eventflux::checkpoint::{Manifest, verify};
use eventflux::store::{MemoryStore, PersistenceStore, Revision, StoreError};
use eventflux::{
    CheckpointConfig, CheckpointError, EventFluxAppRuntime, Input, PositionedOutput,
    RestoreOptions, Workers,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn config() -> CheckpointConfig {
    CheckpointConfig::default()
}

/// The app with numbers on its rows, which are part of its state.
fn numbered(store: Arc<dyn PersistenceStore>, config: CheckpointConfig) -> EventFluxAppRuntime {
    let app = app(store, Workers::Inline, config);
    drop(seen_of(&app));
    app
}

fn started(store: Arc<dyn PersistenceStore>) -> (EventFluxAppRuntime, Input) {
    let app = numbered(store, config());
    app.start().expect("it starts");
    let input = app.open_input("in").expect("opens");
    (app, input)
}

/// Epochs of the chunks that a revision names.
fn epochs(store: &dyn PersistenceStore, revision: Revision) -> Vec<u64> {
    let manifest = store.manifest(NAME, revision).expect("the store works");
    let manifest = Manifest::decode(&manifest.expect("it is there"), None).expect("sound");
    manifest.chunks.iter().map(|c| c.name.epoch).collect()
}

fn assert_whole(store: &dyn PersistenceStore, revision: Revision) {
    let epochs = epochs(store, revision);
    let own = epochs.iter().all(|epoch| *epoch == revision.epoch);
    assert!(own, "{revision} builds on {epochs:?}");
    let report = verify(store, NAME, revision);
    assert!(report.is_sound(), "{revision}: {report}");
}

/// Loses the oldest chunk of a revision that builds on older ones.
fn lose_chunk(store: &MisbehavingStore, revision: Revision) {
    let oldest = epochs(store, revision).into_iter().min();
    assert!(oldest < Some(revision.epoch), "it is a delta");
    let chunks = store.chunks(NAME).expect("the store works");
    let lost = chunks.into_iter().find(|c| Some(c.epoch) == oldest);
    store.rules().lost.extend(lost);
    assert!(!verify(store, NAME, revision).is_sound());
}

#[test]
fn a_lost_chunk_is_missed_after_a_failure() {
    let misbehaving = MisbehavingStore::new();
    let store = Arc::new(FaultStore::new(misbehaving.clone()));
    let (app, mut input) = started(store.clone());
    send_rows(&mut input, 1, 100);
    app.persist().expect("a base");
    send_rows(&mut input, 101, 101);
    let delta = app.persist().expect("a delta");
    lose_chunk(&misbehaving, delta);
    for k in [3, 4] {
        store.at_call(Call::Commit, k, Fault::Fail);
    }
    send_rows(&mut input, 102, 102);
    app.persist().expect_err("the commit fails, twice");
    // Nothing has changed since, but the head cannot be restored.
    let revision = app.persist().expect("a checkpoint");
    assert_whole(&*store, revision);
    assert_restores(&store, 102);
}

#[test]
fn a_start_misses_a_lost_chunk_of_what_was_restored() {
    let store = MisbehavingStore::new();
    let (first, mut input) = started(store.clone());
    send_rows(&mut input, 1, 100);
    first.persist().expect("a base");
    send_rows(&mut input, 101, 101);
    let delta = first.persist().expect("a delta");
    drop((input, first));
    let second = numbered(store.clone(), config());
    second.restore_last_revision().expect("restores");
    lose_chunk(&store, delta);
    second.start().expect("it starts");
    let mut input = second.open_input("in").expect("opens");
    send_rows(&mut input, 102, 102);
    let revision = second.persist().expect("a checkpoint");
    assert_whole(&*store, revision);
    assert_restores(&store, 102);
}

/// After a failover the first checkpoint finds that the store is behind, the second one commits.
fn goes_on(
    store: &Arc<MisbehavingStore>,
    app: &EventFluxAppRuntime,
    input: &mut Input,
    head: Option<Revision>,
) {
    let before = app.checkpoint_metrics().expect("it has a store").durable;
    send_rows(input, 61, 70);
    let error = app.persist().expect_err("the store is behind");
    let CheckpointError::Store(StoreError::StaleParent { head: found }) = &error else {
        panic!("{error}");
    };
    assert_eq!(*found, head);
    assert_eq!(store.last_revision(NAME), Ok(head));
    let revision = app.persist().expect("all is written anew");
    let before = before.expect("there was one");
    assert_eq!(revision.generation, before.generation);
    assert!(
        revision.epoch > before.epoch + 1,
        "{revision} after {before}"
    );
    assert_whole(&**store, revision);
    let kept = app.revisions().expect("the store works");
    let expected: Vec<Revision> = head.into_iter().chain([revision]).collect();
    assert_eq!(kept, expected);
    send_rows(input, 71, 80);
    let next = app.persist().expect("it goes on");
    assert!(verify(&**store, NAME, next).is_sound());
    assert_restores(store, 80);
}

#[test]
fn a_store_that_went_back_gets_all_of_the_state() {
    let store = MisbehavingStore::replicated();
    let (app, mut input) = started(store.clone());
    send_rows(&mut input, 1, 20);
    let first = app.persist().expect("a checkpoint");
    let replica = store.cut_off();
    for to in [40, 60] {
        send_rows(&mut input, to - 19, to);
        app.persist().expect("only the first one gets it");
    }
    store.fail_over(replica);
    goes_on(&store, &app, &mut input, Some(first));
}

#[test]
fn a_store_back_at_an_earlier_owner_gets_all_of_the_state() {
    let store = MisbehavingStore::replicated();
    let (app, mut input) = started(store.clone());
    send_rows(&mut input, 1, 20);
    let first = app.persist().expect("a checkpoint");
    drop(input);
    app.shutdown().expect("it stops");
    let replica = store.cut_off();
    let second = numbered(store.clone(), config());
    second.restore_last_revision().expect("restores");
    second.start().expect("it starts");
    let mut input = second.open_input("in").expect("opens");
    send_rows(&mut input, 21, 60);
    assert_eq!(second.persist().expect("a checkpoint").generation, 2);
    store.fail_over(replica);
    goes_on(&store, &second, &mut input, Some(first));
}

#[test]
fn a_store_that_became_empty_gets_all_of_the_state() {
    let store = MisbehavingStore::new();
    let (app, mut input) = started(store.clone());
    for to in [20, 40, 60] {
        send_rows(&mut input, to - 19, to);
        app.persist().expect("a checkpoint");
    }
    store.fail_over(MemoryStore::new());
    goes_on(&store, &app, &mut input, None);
}

#[test]
fn what_a_failed_look_at_the_store_found_is_found_again() {
    // The look after the stale parent fails at each of its calls.
    for (call, k) in [(Call::Catalogue, 3), (Call::Manifest, 1), (Call::Chunks, 2)] {
        let misbehaving = MisbehavingStore::replicated();
        let store = Arc::new(FaultStore::new(misbehaving.clone()));
        let (app, mut input) = started(store.clone());
        send_rows(&mut input, 1, 20);
        let first = app.persist().expect("a checkpoint");
        let replica = misbehaving.cut_off();
        send_rows(&mut input, 21, 40);
        app.persist().expect("only the first one gets it");
        misbehaving.fail_over(replica);
        send_rows(&mut input, 41, 60);
        assert_eq!(app.persist().expect_err("behind").reason(), "stale-parent");
        store.at_call(call, k, Fault::Fail);
        assert_eq!(app.persist().expect_err("a fault").reason(), "io");
        let revision = app.persist().expect("all is written anew");
        assert!(revision > first);
        assert_whole(&*store, revision);
        assert_restores(&store, 60);
    }
}

/// An output that can go back.
struct Rewound;

impl PositionedOutput for Rewound {
    fn position(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn sync(&self) -> Result<(), String> {
        Ok(())
    }

    fn rewind(&self, _: Option<&[u8]>) -> Result<(), String> {
        Ok(())
    }
}

fn assert_expired(app: &EventFluxAppRuntime) {
    for options in [
        RestoreOptions::default(),
        RestoreOptions::default().allow_empty(true).fallback(true),
        RestoreOptions::default().revision(Revision::default()),
    ] {
        let error = app.restore_with(&options).expect_err("it had a state");
        assert_eq!(error.reason(), "expired", "{error}");
        assert!(error.to_string().contains("last epoch was 7"), "{error}");
    }
}

#[test]
fn an_expired_state_is_told_and_is_none_for_a_writer() {
    // Whether a claim makes the store forget that there was a state, outputs go back, and the app claims first.
    let all = (0..8).map(|n| (n & 1 > 0, n & 2 > 0, n & 4 > 0));
    for (claim_forgets, output, claims) in all {
        eprintln!("{claim_forgets} {output} {claims}");
        let store = MisbehavingStore::new();
        store.rules().expired = Some(7);
        store.rules().claim_forgets = claim_forgets;
        let app = app(store.clone(), Workers::Inline, config());
        let seen = seen_of(&app);
        let service = app.snapshot_service().expect("it has a store");
        if output {
            service.add_output("out", Arc::new(Rewound));
        }
        if claims {
            service.claim().expect("an expired state has no owner");
        }
        assert_expired(&app);
        app.start().expect("it starts empty, as it was told");
        assert_expired(&app);
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 40);
        let revision = app.persist().expect("a checkpoint");
        assert!(revision.epoch > 7, "{revision}");
        assert_whole(&*store, revision);
        assert_eq!(seen.dense(), uninterrupted(40));
        assert_restores(&store, 40);
    }
}

#[test]
fn a_state_that_expires_while_the_app_runs_is_written_anew() {
    let misbehaving = MisbehavingStore::new();
    let store = Arc::new(FaultStore::new(misbehaving.clone()));
    let (app, mut input) = started(store.clone());
    send_rows(&mut input, 1, 20);
    let first = app.persist().expect("a checkpoint");
    // An outage longer than the time to live; then the store knows nothing but that there was something.
    store.fail_all();
    send_rows(&mut input, 21, 40);
    app.persist().expect_err("it is down");
    misbehaving.fail_over(MemoryStore::new());
    misbehaving.rules().expired = Some(first.epoch);
    store.heal();
    app.persist().expect_err("the store is behind");
    let revision = app.persist().expect("all is written anew");
    assert_whole(&*store, revision);
    assert_restores(&store, 40);
}

#[test]
fn all_chunks_are_stored_before_a_commit_names_them() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let (app, mut input) = started(store.clone());
    store.at_call(Call::Flush, 2, Fault::Fail);
    let mut failed = 0;
    for round in 0..4 {
        send_rows(&mut input, round * 20 + 1, round * 20 + 20);
        let from = store.operations();
        let done = app.persist();
        let calls: Vec<Call> = store.log().drain(from..).map(|o| o.call).collect();
        let at = |call| calls.iter().rposition(|c| *c == call);
        let flushed = at(Call::Flush).expect("it was flushed");
        assert!(at(Call::PutChunk).is_some_and(|put| put < flushed));
        match done {
            Ok(_) => assert!(at(Call::Commit).is_some_and(|commit| flushed < commit)),
            Err(_) => {
                failed += 1;
                assert_eq!((round, at(Call::Commit)), (1, None));
            }
        }
    }
    assert_eq!(failed, 1);
    assert_restores(&store, 80);
}

#[test]
fn a_slow_upload_has_the_deadline_of_its_epoch() {
    for call in [Call::PutChunk, Call::Flush] {
        let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
        let gate = Gate::new();
        store.at_call(call, 1, Fault::Wait(gate.clone()));
        let timeout = Duration::from_secs(1);
        let app = numbered(store.clone(), config().epoch_timeout(timeout));
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 20);
        let asked = app.persist_async().expect("asked for");
        gate.wait_until_reached();
        let reached = Instant::now();
        while reached.elapsed() <= timeout {
            std::thread::park_timeout(timeout.saturating_sub(reached.elapsed()));
        }
        gate.open();
        let error = asked.wait().expect_err("it took too long");
        assert!(matches!(error, CheckpointError::Timeout { .. }), "{error}");
        assert!(store.log().iter().all(|o| o.call != Call::Commit));
        app.persist().expect("the next one is in time");
        assert_restores(&store, 20);
    }
}
