//! One value says where state is kept and how often, for all apps of a manager.

use super::common::{APP, STREAMS, attach, seen_of, send_rows, uninterrupted};
use eventflux::core::distributed::{DistributedConfig, StateBackendConfig};
use eventflux::{EventFluxManager, RuntimeConfig, Workers};
use eventflux_testbed::HANG;
use std::time::{Duration, Instant};

#[test]
fn checkpoints_at_the_interval_are_restored_by_the_next_app() {
    let mut manager = EventFluxManager::new();
    let config = DistributedConfig {
        state_backend: StateBackendConfig {
            checkpoint_interval: Duration::from_millis(1),
            ..Default::default()
        },
        ..Default::default()
    };
    manager.set_distributed_config(config).expect("in memory");
    let config = || RuntimeConfig::default().workers(Workers::Pinned(2));
    let app = manager.create_with(APP, config()).expect("an app");
    let seen = seen_of(&app);
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    send_rows(&mut input, 1, 201);
    app.flush().expect("all is processed");
    let begun = Instant::now();
    let committed = || app.checkpoint_metrics().expect("a store").committed;
    let flushed = committed();
    // The one under way may have been cut before the flush; the one after it was not.
    while committed() <= flushed + 1 {
        assert!(begun.elapsed() < HANG, "no checkpoint by itself");
        // An unchanged app has no new revision.
        let next = input.position() + 1;
        send_rows(&mut input, next, next);
        std::thread::yield_now();
    }
    let sent = input.position();
    drop(input);
    app.shutdown().expect("it stops");
    drop(app);
    let app = manager.create_with(APP, config()).expect("an app");
    attach(&seen, &app, &STREAMS);
    let report = app.restore_last_revision().expect("there is one");
    let next = report.inputs[0].next;
    // Where the input is sending at the cut, an instance knows only what its own rows told, which is a few rows behind.
    assert!(next > 201 - 20, "{next}");
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    // Many rows may have been sent after the last checkpoint began: all of them come again.
    let end = sent.max(next) + 100;
    send_rows(&mut input, next, end);
    app.flush().expect("all is processed");
    assert_eq!(seen.dense(), uninterrupted(end));
}
