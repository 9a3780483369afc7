//! The service's promises: who may ask, what is answered, and what is kept.

use crate::common::{
    APP, NAME, STREAMS, Seen, app, app_of, attach, restored, seen_of, send_row, send_rows,
    send_wide, uninterrupted, uninterrupted_wide,
};
use crate::fault_store::{Call, Fault, FaultStore, Gate};
use eventflux::store::{MemoryStore, PersistenceStore};
use eventflux::{
    CheckpointConfig, CheckpointError, EventFluxAppRuntime, EventFluxManager, Input, SendError,
    Timestamp, Workers,
};
use eventflux_testbed::HANG;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

fn config() -> CheckpointConfig {
    CheckpointConfig::default()
}

fn started(store: Arc<dyn PersistenceStore>, workers: Workers) -> (EventFluxAppRuntime, Input) {
    let app = app(store, workers, config());
    app.start().expect("it starts");
    let input = app.open_input("in").expect("opens");
    (app, input)
}

/// Waits for a condition; a test that would wait for ever fails.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < HANG, "no {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn nothing_changed_is_the_same_revision() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let (app, mut input) = started(Arc::new(MemoryStore::new()), workers);
        let mut last = None;
        for round in 0..12 {
            send_rows(&mut input, round * 20 + 1, round * 20 + 20);
            app.flush().expect("all is processed");
            let revision = app.persist().expect("a checkpoint");
            assert!(last < Some(revision));
            for _ in 0..3 {
                assert_eq!(app.persist().expect("the same"), revision, "{round}");
            }
            last = Some(revision);
            if round == 5 {
                let blob = app.snapshot().expect("encodes");
                app.restore(&blob).expect("restores");
                let rewound = send_row(&mut input, 121).map(drop);
                let resume_at = 121;
                assert_eq!(rewound, Err(SendError::Rewound { resume_at }));
            }
            if round == 8 {
                app.restore_last_revision().expect("restores");
                let rewound = send_row(&mut input, 181).map(drop);
                let resume_at = 181;
                assert_eq!(rewound, Err(SendError::Rewound { resume_at }));
            }
        }
        let metrics = app.checkpoint_metrics().expect("it has a store");
        assert_eq!(metrics.committed, 12);
        assert!(metrics.unchanged >= 36);
    }
}

/// Opens once; callbacks wait for it.
#[derive(Clone, Default)]
struct Turnstile(Arc<(Mutex<(bool, bool)>, Condvar)>);

impl Turnstile {
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no one panics");
        state.0 = true;
        changed.notify_all();
        while !state.1 {
            state = changed.wait(state).expect("no one panics");
        }
    }

    fn wait_until_reached(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no one panics");
        while !state.0 {
            state = changed.wait(state).expect("no one panics");
        }
    }

    fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().expect("no one panics").1 = true;
        changed.notify_all();
    }
}

#[test]
fn callbacks_may_not_ask() {
    for workers in [Workers::Inline, Workers::Pinned(1)] {
        let app = Arc::new(app(Arc::new(MemoryStore::new()), workers, config()));
        let weak = Arc::downgrade(&app);
        let (sender, reasons) = mpsc::channel();
        let asked = app.add_callback("Sums", move |_| {
            let app = weak.upgrade().expect("the test holds it");
            let persisted = app.persist().map(drop);
            let asked = app.persist_async().map(drop);
            let restored = app.restore_last_revision().map(drop);
            let encoded = app.snapshot().map(drop);
            let decoded = app.restore(&[]).map(drop);
            let cleared = app.clear_all_revisions();
            for outcome in [persisted, asked, restored, encoded, decoded, cleared] {
                let error = outcome.expect_err("it would wait for itself");
                sender.send(error.reason()).expect("the test reads");
            }
            // The test holds the last one: else the app would end here.
            drop(app);
        });
        asked.expect("a stream");
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 1);
        app.flush().expect("all is processed");
        let reasons: Vec<&str> = reasons.try_iter().collect();
        assert_eq!(reasons, ["inside-callback"; 6]);
        app.persist().expect("outside it is fine");
    }
}

#[test]
fn requests_share_a_checkpoint() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
        let gate = Gate::new();
        store.at_call(Call::PutChunk, 1, Fault::Wait(gate.clone()));
        let (app, mut input) = started(store.clone(), workers);
        send_rows(&mut input, 1, 20);
        app.flush().expect("all is processed");
        let first = app.persist_async().expect("asked for");
        gate.wait_until_reached();
        send_rows(&mut input, 21, 40);
        app.flush().expect("all is processed");
        let more: Vec<_> = (0..5)
            .map(|_| app.persist_async().expect("asked for"))
            .collect();
        assert!(first.poll().is_none() && more.iter().all(|h| h.poll().is_none()));
        gate.open();
        let first = first.wait().expect("a checkpoint");
        for handle in &more {
            let second = handle.clone().wait().expect("a checkpoint");
            assert!(second > first);
            assert_eq!(Some(second), handle.poll().map(|r| r.expect("the same")));
            assert_eq!(app.revisions().expect("it works"), [first, second]);
        }
        let metrics = app.checkpoint_metrics().expect("it has a store");
        assert_eq!((metrics.committed, metrics.unchanged), (2, 0));
        drop(input);
        app.shutdown().expect("it stops");
        // Answers outlive the app's end; requests after it have none.
        assert!(more[0].wait().is_ok());
    }
}

#[test]
fn an_interval_and_requests_are_one_row_of_checkpoints() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let gate = Gate::new();
    store.at_call(Call::PutChunk, 2, Fault::Wait(gate.clone()));
    let interval = Duration::from_millis(5);
    let app = app(store.clone(), Workers::Inline, config().interval(interval));
    let seen = seen_of(&app);
    let begun = Instant::now();
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    send_rows(&mut input, 1, 20);
    gate.wait_until_reached();
    let reached = Instant::now();
    let handle = app.persist_async().expect("asked for");
    wait_until("interval", || reached.elapsed() > interval * 12);
    assert!(handle.poll().is_none());
    gate.open();
    let revision = handle.wait().expect("a checkpoint");
    assert_eq!(app.revisions().expect("it works").last(), Some(&revision));
    let metrics = || app.checkpoint_metrics().expect("it has a store");
    wait_until("skipped", || metrics().skipped >= 5);
    let mut sent = 20;
    wait_until("checkpoints by time alone", || {
        send_rows(&mut input, sent + 1, sent + 1);
        sent += 1;
        metrics().committed >= 5
    });
    let taken = metrics();
    let due = begun.elapsed().as_nanos() / interval.as_nanos() + 2;
    let all = u128::from(taken.committed + taken.unchanged + taken.skipped);
    assert!(all <= due + 1, "{all} of {due} intervals");
    assert_eq!(seen.dense(), uninterrupted(sent));
}

#[test]
fn an_observer_that_panics_ends_checkpoints_and_nobody_waits() {
    let (app, mut input) = started(Arc::new(MemoryStore::new()), Workers::Inline);
    let service = app.snapshot_service().expect("it has a store");
    service.observe(|_| panic!("told by a test"));
    send_rows(&mut input, 1, 20);
    for _ in 0..3 {
        let error = app.persist().expect_err("the thread has ended");
        assert!(matches!(error, CheckpointError::Stopped), "{error}");
    }
    send_rows(&mut input, 21, 40);
}

#[test]
fn an_app_without_a_store_says_so() {
    let app = app_of(APP, None, Workers::Inline, config());
    app.start().expect("it starts");
    let refused = |error: CheckpointError| assert_eq!(error.reason(), "no-store", "{error}");
    refused(app.persist().expect_err("no store"));
    refused(app.persist_async().map(drop).expect_err("no store"));
    refused(app.restore_last_revision().expect_err("no store"));
    refused(app.revisions().expect_err("no store"));
    refused(app.clear_all_revisions().expect_err("no store"));
    refused(app.checkpoint_metrics().map(drop).expect_err("no store"));
}

#[test]
fn an_app_without_a_name_has_no_store() {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(MemoryStore::new()));
    let text = "CREATE STREAM S (k STRING); INSERT INTO Out SELECT k FROM S;";
    let error = manager.create_eventflux_app_runtime(text).map(drop);
    let error = error.expect_err("whose state would it be?").to_string();
    assert!(error.contains("needs a name"), "{error}");
    assert!(error.contains("@app:name"), "{error}");
}

#[test]
fn a_shutdown_takes_a_last_checkpoint_where_told() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        for on_shutdown in [false, true] {
            let store = MemoryStore::new();
            let config = config().on_shutdown(on_shutdown);
            let first = app(Arc::new(store.clone()), workers.clone(), config);
            let seen = seen_of(&first);
            first.start().expect("it starts");
            let mut input = first.open_input("in").expect("opens");
            send_rows(&mut input, 1, 20);
            let taken = first.persist_async().expect("asked for").wait();
            let taken = taken.expect("a checkpoint");
            send_rows(&mut input, 21, 60);
            drop(input);
            first.shutdown().expect("it stops");
            drop(first);
            let last = store.last_revision(NAME).expect("it works");
            assert_eq!(last > Some(taken), on_shutdown);
            let (second, report) = restored(&store, &seen);
            let next = report.inputs[0].next;
            assert!(next <= 21 || on_shutdown && next == 61, "{next}");
            let mut input = second.open_input("in").expect("opens");
            send_rows(&mut input, next, 80);
            assert_eq!(seen.dense(), uninterrupted(80));
        }
    }
}

#[test]
fn a_stuck_callback_fails_one_checkpoint() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let store = MemoryStore::new();
        let seen = Seen::default();
        {
            let app = app(Arc::new(store.clone()), workers, config());
            attach(&seen, &app, &STREAMS);
            let gate = Turnstile::default();
            let stuck = gate.clone();
            let added = app.add_callback("Recent", move |batch| {
                if (0..batch.len()).any(|row| batch.at()[row] == Timestamp::from_millis(41)) {
                    stuck.pass();
                }
            });
            added.expect("a stream");
            app.start().expect("it starts");
            let mut input = app.open_input("in").expect("opens");
            send_rows(&mut input, 1, 20);
            app.flush().expect("all is processed");
            // Committed, and the workers have not heard of it when the next cut fails.
            let first = app.persist().expect("a checkpoint");
            send_rows(&mut input, 21, 40);
            std::thread::scope(|scope| {
                let sender = scope.spawn(|| send_rows(&mut input, 41, 60));
                gate.wait_until_reached();
                let begun = Instant::now();
                let error = app.persist().expect_err("the callback is stuck");
                assert!(matches!(error, CheckpointError::Stuck { .. }), "{error}");
                assert!(begun.elapsed() >= eventflux::LOCK_WAIT);
                gate.open();
                sender.join().expect("the barrier is open again");
            });
            app.flush().expect("all is processed");
            let metrics = app.checkpoint_metrics().expect("it has a store");
            assert_eq!(metrics.failed["stuck"], 1);
            let second = app.persist().expect("the callback has ended");
            assert!(second > first);
            assert_eq!(seen.dense(), uninterrupted(60));
        }
        let (app, report) = restored(&store, &seen);
        assert_eq!(report.inputs[0].next, 61);
        send_rows(&mut app.open_input("in").expect("opens"), 61, 90);
        assert_eq!(seen.dense(), uninterrupted(90));
    }
}

#[test]
fn what_a_stuck_callback_held_back_comes_with_the_next() {
    let inner = MemoryStore::new();
    let seen = Seen::default();
    {
        let store = Arc::new(FaultStore::new(Arc::new(inner.clone())));
        let (app, mut input) = started(store.clone(), Workers::Inline);
        attach(&seen, &app, &STREAMS);
        let gate = Turnstile::default();
        let stuck = gate.clone();
        let added = app.add_callback("Recent", move |batch| {
            if (0..batch.len()).any(|row| batch.at()[row] == Timestamp::from_millis(321)) {
                stuck.pass();
            }
        });
        added.expect("a stream");
        send_wide(&mut input, 1, 300);
        app.persist().expect("a checkpoint");
        send_wide(&mut input, 301, 320);
        let puts = store
            .log()
            .iter()
            .filter(|o| o.call == Call::PutChunk)
            .count();
        let slow = Gate::new();
        store.at_call(Call::PutChunk, puts + 1, Fault::Wait(slow.clone()));
        std::thread::scope(|scope| {
            let handle = app.persist_async().expect("asked for");
            slow.wait_until_reached();
            let sender = scope.spawn(|| send_wide(&mut input, 321, 330));
            gate.wait_until_reached();
            // Cut, but neither encoded nor given back before the callback ends.
            slow.open();
            let error = handle.wait().expect_err("the callback is stuck");
            assert!(matches!(error, CheckpointError::Stuck { .. }), "{error}");
            gate.open();
            sender.join().expect("the barrier is open again");
        });
        app.persist().expect("the callback has ended");
    }
    let (app, report) = restored(&inner, &seen);
    assert_eq!(report.inputs[0].next, 331);
    send_wide(&mut app.open_input("in").expect("opens"), 331, 640);
    assert!(seen.dense() == uninterrupted_wide(640));
}

#[test]
fn checkpoints_end_while_rows_keep_coming() {
    for workers in [Workers::Inline, Workers::Pinned(1), Workers::Pinned(2)] {
        let store = MemoryStore::new();
        let seen = Seen::default();
        let (sender, enough) = mpsc::channel::<()>();
        let sent = {
            let app = app(Arc::new(store.clone()), workers, config());
            attach(&seen, &app, &STREAMS);
            app.start().expect("it starts");
            let mut input = app.open_input("in").expect("opens");
            std::thread::scope(|scope| {
                let rows = scope.spawn(move || {
                    let mut n = 0;
                    while enough.try_recv() == Err(mpsc::TryRecvError::Empty) {
                        n += 1;
                        send_rows(&mut input, n, n);
                    }
                    n
                });
                for _ in 0..10 {
                    app.persist().expect("a checkpoint");
                }
                drop(sender);
                rows.join().expect("all rows are taken")
            })
        };
        let (app, report) = restored(&store, &seen);
        let next = report.inputs[0].next;
        assert!(next <= sent + 1);
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, next, sent + 30);
        assert!(seen.dense() == uninterrupted(sent + 30));
    }
}
