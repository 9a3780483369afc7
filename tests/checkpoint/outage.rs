//! A store that is down for a while: what the app does meanwhile, and that nothing is lost or piles up.

use crate::common::{
    NAME, Seen, app, app_of, assert_restores, seen_of, send_row, send_rows, uninterrupted,
};
use crate::fault_store::{Call, Fault, FaultStore, Gate};
use eventflux::checkpoint::verify;
use eventflux::store::{MemoryStore, PersistenceStore, Revision};
use eventflux::{
    CheckpointConfig, CheckpointError, CheckpointEvent, EventFluxAppRuntime, FailurePolicy, Input,
    SendError, Timestamp, Value, Workers,
};
use std::sync::{Arc, mpsc};

fn fault_store() -> Arc<FaultStore> {
    Arc::new(FaultStore::new(Arc::new(MemoryStore::new())))
}

fn started(
    store: &Arc<FaultStore>,
    workers: Workers,
    config: CheckpointConfig,
) -> (EventFluxAppRuntime, Seen, Input) {
    let app = app(store.clone(), workers, config);
    let seen = seen_of(&app);
    app.start().expect("it starts");
    let input = app.open_input("in").expect("opens");
    (app, seen, input)
}

#[test]
fn rows_go_on_while_checkpoints_fail_and_nothing_piles_up() {
    let store = fault_store();
    let (app, seen, mut input) = started(&store, Workers::Inline, CheckpointConfig::default());
    let (sender, events) = mpsc::channel();
    let service = app.snapshot_service().expect("it has a store");
    service.observe(move |event| drop(sender.send(event.clone())));
    send_rows(&mut input, 1, 100);
    let first = app.persist().expect("a checkpoint");
    let whole = app.checkpoint_metrics().expect("it has a store");
    store.fail_all();
    for round in 1..=50 {
        send_rows(&mut input, 100 + round * 10 - 9, 100 + round * 10);
        let error = app.persist().expect_err("the store is down");
        assert!(matches!(error, CheckpointError::Store(_)), "{error}");
        assert_eq!(error.reason(), "io");
    }
    let metrics = app.checkpoint_metrics().expect("it has a store");
    assert_eq!((metrics.failed["io"], metrics.failures_in_a_row), (50, 50));
    assert_eq!(metrics.durable, Some(first));
    assert!(!metrics.store.expect("it was asked").reachable);
    store.heal();
    let healed = app.persist().expect("the store is back");
    assert!(healed > first);
    let metrics = app.checkpoint_metrics().expect("it has a store");
    assert_eq!((metrics.failed["io"], metrics.failures_in_a_row), (50, 0));
    // 13 keys and 20 rows, however many epochs failed.
    let bytes = metrics.raw_bytes - whole.raw_bytes;
    assert!(bytes <= 2 * whole.raw_bytes, "{bytes} bytes of 50 epochs");
    assert_eq!(seen.dense(), uninterrupted(600));
    assert_restores(&store, 600);
    let failed = |event: &CheckpointEvent| matches!(event, CheckpointEvent::Failed(..));
    let committed = |event: &CheckpointEvent| matches!(event, CheckpointEvent::Committed(_));
    let events: Vec<CheckpointEvent> = events.try_iter().collect();
    assert_eq!(events.iter().filter(|e| failed(e)).count(), 50);
    assert_eq!(events.iter().filter(|e| committed(e)).count(), 2);
    let CheckpointEvent::Failed(_, in_a_row) = &events[50] else {
        panic!("{events:?}")
    };
    assert_eq!(*in_a_row, 50);
}

#[test]
fn inputs_stop_until_a_checkpoint_succeeds() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let store = fault_store();
        let config = CheckpointConfig::default().on_failure(FailurePolicy::StopInputs, 2);
        let (app, seen, mut input) = started(&store, workers, config);
        send_rows(&mut input, 1, 20);
        store.fail_all();
        app.persist().expect_err("the store is down");
        send_rows(&mut input, 21, 40);
        app.persist().expect_err("still");
        assert_eq!(send_row(&mut input, 41), Err(SendError::Suspended));
        assert_eq!(input.position(), 40);
        app.persist().expect_err("still");
        assert_eq!(send_row(&mut input, 41), Err(SendError::Suspended));
        store.heal();
        app.persist().expect("the store is back");
        send_rows(&mut input, 41, 60);
        app.flush().expect("all is processed");
        assert_eq!(seen.dense(), uninterrupted(60));
        app.persist().expect("a checkpoint");
        assert_restores(&store, 60);
    }
}

#[test]
fn an_app_stops_after_so_many_failures() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let store = fault_store();
        let config = CheckpointConfig::default().on_failure(FailurePolicy::Stop, 2);
        let (app, seen, mut input) = started(&store, workers, config);
        send_rows(&mut input, 1, 20);
        store.fail_all();
        app.persist().expect_err("the store is down");
        send_rows(&mut input, 21, 40);
        app.persist().expect_err("still");
        assert_eq!(send_row(&mut input, 41), Err(SendError::Stopped));
        store.heal();
        drop(input);
        app.shutdown().expect("what was sent is processed");
        assert_eq!(seen.dense(), uninterrupted(40));
    }
}

#[test]
fn a_commit_whose_replies_are_lost_is_found_again() {
    let store = fault_store();
    let (app, _seen, mut input) = started(&store, Workers::Inline, CheckpointConfig::default());
    send_rows(&mut input, 1, 20);
    let first = app.persist().expect("a checkpoint");
    // The second commit and its repetition.
    store.at_call(Call::Commit, 2, Fault::LoseReply);
    store.at_call(Call::Commit, 3, Fault::LoseReply);
    send_rows(&mut input, 21, 40);
    app.persist().expect_err("nobody knows");
    let head = store
        .last_revision(NAME)
        .expect("the store works")
        .expect("one");
    assert!(head > first, "it was done");
    send_rows(&mut input, 41, 60);
    let third = app.persist().expect("it builds on what the store has");
    assert!(third > head);
    assert!(verify(&*store, NAME, third).is_sound());
    assert_restores(&store, 60);
}

#[test]
fn what_was_not_deleted_is_deleted_later() {
    let store = fault_store();
    let config = CheckpointConfig::default().retain(2);
    let (app, _seen, mut input) = started(&store, Workers::Inline, config);
    for k in 1..=3 {
        store.at_call(Call::Retire, k, Fault::Fail);
    }
    store.at_call(Call::Retire, 4, Fault::LoseReply);
    for round in 0..6 {
        send_rows(&mut input, round * 20 + 1, round * 20 + 20);
        app.persist().expect("deleting is no part of it");
        for revision in app.revisions().expect("the store works") {
            let report = verify(&*store, NAME, revision);
            assert!(report.is_sound(), "{revision}: {report}");
        }
    }
    // Of the third to the sixth checkpoint only the last one deleted with an answer.
    let metrics = app.checkpoint_metrics().expect("it has a store");
    assert!(metrics.retire_failures >= 3, "{}", metrics.retire_failures);
    send_rows(&mut input, 121, 140);
    app.persist().expect("a checkpoint");
    assert_eq!(app.revisions().expect("the store works").len(), 2);
    assert_restores(&store, 140);
}

#[test]
fn a_claim_is_made_once_when_its_catalogue_is_unreadable() {
    let store = fault_store();
    store.at_call(Call::Catalogue, 1, Fault::Fail);
    let app = app(store.clone(), Workers::Inline, CheckpointConfig::default());
    app.start().expect_err("the catalogue is not known");
    app.start().expect("it is known now");
    let mut input = app.open_input("in").expect("opens");
    send_rows(&mut input, 1, 20);
    assert_eq!(app.persist().expect("a checkpoint").generation, 1);
}

const MANY: &str = "@app:name('many') @app:playback
    CREATE STREAM S (k LONG, v STRING);
    INSERT INTO Out SELECT k, count() AS n, last(v) AS v FROM S GROUP BY k;";

#[test]
fn rows_go_on_while_the_store_is_slow_and_chunks_wait() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let store = fault_store();
        let gate = Gate::new();
        store.at_call(Call::PutChunk, 2, Fault::Wait(gate.clone()));
        let config = CheckpointConfig::default().staged_chunks_max(1);
        let app = app_of(MANY, Some(store.clone()), workers, config);
        app.start().expect("it starts");
        let mut input = app.input().expect("opens");
        let text = "x".repeat(1_000);
        let mut send = |rows: std::ops::Range<i64>| {
            for k in rows {
                let sent = input.send_at("S", Timestamp::from_millis(1), (k, text.as_str()));
                sent.expect("the row is taken");
            }
        };
        // Some 6 MB: more pieces than may wait.
        send(0..6_000);
        app.flush().expect("all is processed");
        let handle = app.persist_async().expect("asked for");
        gate.wait_until_reached();
        send(0..6_000);
        app.flush().expect("rows go on");
        assert!(handle.poll().is_none(), "the store has not answered");
        gate.open();
        let revision = handle.wait().expect("a checkpoint");
        assert!(verify(&*store, "many", revision).is_sound());
        let metrics = app.checkpoint_metrics().expect("it has a store");
        assert!(metrics.chunks >= 5, "{} chunks", metrics.chunks);
        // What changed meanwhile is in the next one.
        let next = app.persist().expect("a checkpoint");
        drop(input);
        drop(app);
        for (revision, rows) in [(revision, 1), (next, 2)] {
            assert_eq!(counts(&store, revision), vec![rows; 6_000]);
        }
    }
}

/// How many rows of each key a revision holds.
fn counts(store: &Arc<FaultStore>, revision: Revision) -> Vec<i64> {
    let app = app_of(
        MANY,
        Some(store.clone()),
        Workers::Inline,
        CheckpointConfig::default(),
    );
    let out = app.subscribe("Out").expect("a stream");
    app.restore_revision(&revision).expect("restores");
    app.start().expect("it starts");
    let mut input = app.input().expect("opens");
    let mut counts = Vec::new();
    for k in 0..6_000i64 {
        let sent = input.send_at("S", Timestamp::from_millis(2), (k, "y"));
        sent.expect("the row is taken");
        let batch = out.try_recv().expect("a row");
        match batch.value(0, 1) {
            Value::Long(count) => counts.push(count - 1),
            other => panic!("{other:?}"),
        }
    }
    counts
}

#[test]
fn a_checkpoint_has_a_deadline() {
    let store = fault_store();
    let config = CheckpointConfig::default().epoch_timeout(std::time::Duration::ZERO);
    let (app, _seen, mut input) = started(&store, Workers::Pinned(1), config);
    send_rows(&mut input, 1, 20);
    let error = app.persist().expect_err("no time at all");
    assert!(matches!(error, CheckpointError::Timeout { .. }), "{error}");
    let metrics = app.checkpoint_metrics().expect("it has a store");
    assert_eq!(metrics.failed["timeout"], 1);
}

#[test]
fn an_app_whose_state_was_taken_over_takes_no_rows() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let store = fault_store();
        let (first, _seen, mut input) = started(&store, workers, CheckpointConfig::default());
        send_rows(&mut input, 1, 20);
        first.flush().expect("all is processed");
        let taken = first.persist().expect("a checkpoint");
        let config = CheckpointConfig::default().takeover(true);
        let (second, _seen, mut other) = started(&store, Workers::Inline, config);
        send_rows(&mut input, 21, 40);
        first.flush().expect("all is processed");
        for _ in 0..2 {
            let error = first.persist().expect_err("the state has another owner");
            assert_eq!(error.reason(), "fenced", "{error}");
            assert_eq!(send_row(&mut input, 41), Err(SendError::Suspended));
        }
        assert_eq!(store.last_revision(NAME), Ok(Some(taken)));
        send_rows(&mut other, 1, 10);
        let newer = second.persist().expect("it is the owner");
        assert!(newer > taken && newer.generation == 2);
        assert!(verify(&*store, NAME, newer).is_sound());
    }
}
