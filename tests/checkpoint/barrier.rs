//! The barrier of an app in the hands of its application.

use super::common::{APP, seen_of, send_row, send_rows, uninterrupted};
use eventflux::store::MemoryStore;
use eventflux::{
    CheckpointConfig, CheckpointError, EventFluxAppContext, EventFluxAppRuntime, EventFluxManager,
    LockOutcome, RuntimeConfig, SendError, ThreadBarrier, Timestamp, Workers,
};
use eventflux_testbed::HANG;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

const LOOKS: usize = 1_000;

fn app(workers: Workers, barrier: &Arc<ThreadBarrier>) -> EventFluxAppRuntime {
    let context = Arc::new(EventFluxAppContext::new());
    context.set_thread_barrier(Arc::clone(barrier));
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(MemoryStore::new()));
    let config = RuntimeConfig::default()
        .workers(workers)
        .context(context)
        .checkpoints(CheckpointConfig::default().retain(200));
    manager.create_with(APP, config).expect("the app is right")
}

#[test]
fn no_row_passes_while_the_caller_holds_the_barrier() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let barrier = Arc::new(ThreadBarrier::new());
        let app = app(workers, &barrier);
        let own = app.eventflux_app_context().get_thread_barrier();
        assert!(own.is_some_and(|own| Arc::ptr_eq(&own, &barrier)));
        let seen = seen_of(&app);
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        let sending = AtomicBool::new(false);
        assert_eq!(barrier.lock(), LockOutcome::Locked);
        std::thread::scope(|s| {
            s.spawn(|| {
                sending.store(true, Ordering::SeqCst);
                send_rows(&mut input, 1, 50);
            });
            while !sending.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            for _ in 0..LOOKS {
                std::thread::yield_now();
                assert!(seen.rows().is_empty(), "a row passed");
            }
            assert_eq!(app.metrics().expect("it runs").rows_in, 0);
            barrier.unlock();
        });
        app.flush().expect("all is processed");
        assert_eq!(seen.dense(), uninterrupted(50));
        assert_eq!(barrier.stray_calls(), 0);
    }
}

/// One that sends has the place of an inline app's worker and waits at the barrier: whoever holds the barrier and sends
/// is refused, and does not wait for whom it keeps waiting.
#[test]
fn the_holder_of_the_barrier_is_refused_while_another_waits_to_send() {
    let barrier = Arc::new(ThreadBarrier::new());
    let app = Arc::new(app(Workers::Inline, &barrier));
    app.start().expect("it starts");
    let mut other = app.input().expect("opens");
    let mut own = app.input().expect("opens");
    let (tell, told) = channel();
    // Not scoped: where it never ends, the test does.
    std::thread::spawn(move || {
        assert_eq!(barrier.lock(), LockOutcome::Locked);
        let waiting = std::thread::spawn(move || other.send_at("S", Timestamp(1), ("b", 1)));
        let refused = loop {
            match own.send_at("S", Timestamp(1), ("a", 1)) {
                Ok(()) => std::thread::yield_now(),
                Err(error) => break error,
            }
        };
        barrier.unlock();
        let sends = waiting.join().expect("no panic");
        sends.expect("it sends once the lock is gone");
        let sent = own.send_at("S", Timestamp(1), ("a", 1));
        tell.send((refused, sent)).expect("somebody listens");
    });
    let (refused, sent) = told.recv_timeout(HANG).expect("nobody waits for ever");
    assert_eq!((refused, sent), (SendError::Locked, Ok(())));
}

#[test]
fn the_holder_of_the_barrier_restores() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let barrier = Arc::new(ThreadBarrier::new());
        let app = app(workers, &barrier);
        let seen = seen_of(&app);
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 30);
        app.flush().expect("all is processed");
        let revision = app.persist().expect("a checkpoint");
        send_rows(&mut input, 31, 60);
        app.flush().expect("all is processed");
        let service = app.snapshot_service().expect("it has a store");
        assert_eq!(barrier.lock(), LockOutcome::Locked);
        assert_eq!(barrier.lock(), LockOutcome::Locked, "it is re-entrant");
        let report = service.restore_revision(&revision).expect("restores");
        assert_eq!(report.inputs[0].next, 31);
        assert!(barrier.is_locked(), "the restore left the lock as it was");
        barrier.unlock();
        assert!(barrier.is_locked());
        barrier.unlock();
        assert!(!barrier.is_locked() && barrier.stray_calls() == 0);
        assert!(send_row(&mut input, 61).is_err(), "it was rewound");
        drop(input);
        let mut input = app.open_input("in").expect("opens");
        assert_eq!(input.position(), 30);
        // Rows 31 to 60 come out again with the same numbers, which Seen compares.
        send_rows(&mut input, 31, 90);
        app.flush().expect("all is processed");
        assert_eq!(seen.dense(), uninterrupted(90));
    }
}

#[test]
fn a_checkpoint_gives_way_to_the_holder_of_the_barrier() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let barrier = Arc::new(ThreadBarrier::new());
        let app = app(workers, &barrier);
        app.start().expect("it starts");
        let service = app.snapshot_service().expect("it has a store");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 100);
        let revision = app.persist().expect("a checkpoint");
        drop(input);
        for round in 0..40 {
            let mut input = app.open_input("in").expect("opens");
            let next = input.position() + 1;
            send_rows(&mut input, next, next + 20);
            drop(input);
            let early = (round % 2 == 0).then(|| app.persist_async().expect("asked"));
            assert_eq!(barrier.lock(), LockOutcome::Locked);
            let late = app.persist_async().expect("asked");
            (0..round * 10).for_each(|_| std::thread::yield_now());
            service.restore_revision(&revision).expect("restores");
            barrier.unlock();
            for handle in early.into_iter().chain([late]) {
                match handle.wait() {
                    Ok(_) | Err(CheckpointError::Interrupted { .. }) => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            }
        }
        app.persist().expect("a checkpoint");
        let metrics = app.checkpoint_metrics().expect("it has a store");
        assert_eq!(metrics.failures_in_a_row, 0);
    }
}
