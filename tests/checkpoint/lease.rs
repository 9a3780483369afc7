//! Claims that end by themselves: who waits for them, how long, and who does not.

use crate::common::{NAME, app, send_rows};
use crate::fault_store::{Call, Fault, FaultStore};
use crate::misbehaving_store::MisbehavingStore;
use eventflux::store::{MemoryStore, Owner, PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, CheckpointError, CheckpointEvent, EventFluxAppRuntime, Workers};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn config() -> CheckpointConfig {
    CheckpointConfig::default()
}

/// Who is waited for, and how long at most, as it is told.
type Waits = mpsc::Receiver<(String, Duration)>;

fn watched(
    store: Arc<dyn PersistenceStore>,
    config: CheckpointConfig,
) -> (EventFluxAppRuntime, Waits) {
    let app = app(store, Workers::Inline, config);
    let (sender, waits) = mpsc::channel();
    let service = app.snapshot_service().expect("it has a store");
    service.observe(move |event| {
        if let CheckpointEvent::Waiting { owner, at_most } = event {
            sender.send((owner.clone(), *at_most)).ok();
        }
    });
    (app, waits)
}

fn locked(store: &MisbehavingStore, leases: &[(&str, Duration)]) {
    let mut rules = store.rules();
    rules.asked = 0;
    rules.locked = leases.iter().map(|(o, d)| (o.to_string(), *d)).collect();
}

fn claim(app: &EventFluxAppRuntime) -> Result<(), CheckpointError> {
    app.snapshot_service().expect("it has a store").claim()
}

#[test]
fn a_lease_is_waited_for_and_told_once() {
    for leases in [
        &[("web-1:7", ms(40))][..],
        // about to end, and another one that was first
        &[("web-1:7", ms(40)), ("web-1:7", ms(1))],
        &[("web-1:7", ms(40)), ("web-2:8", ms(40))],
    ] {
        let store = MisbehavingStore::new();
        locked(&store, leases);
        let (app, waits) = watched(store.clone(), config());
        let begun = Instant::now();
        app.start().expect("the lease runs out");
        let least: Duration = leases.iter().map(|(_, left)| *left).sum();
        assert!(begun.elapsed() >= least);
        assert_eq!(store.rules().asked, leases.len() + 1);
        let waits: Vec<_> = waits.try_iter().collect();
        assert_eq!(waits.len(), 1, "{waits:?}");
        assert_eq!(waits[0].0, "web-1:7");
        assert!(waits[0].1 >= ms(40) && waits[0].1 < HOUR, "{waits:?}");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 20);
        app.persist().expect("it owns the app");
    }
}

#[test]
fn a_renewed_lease_is_not_waited_for_again() {
    let store = MisbehavingStore::new();
    locked(&store, &[("web-1:7", ms(20)), ("web-1:7", HOUR)]);
    let (app, waits) = watched(store.clone(), config());
    let error = claim(&app).expect_err("its owner lives");
    let CheckpointError::Store(StoreError::Locked { owner, .. }) = &error else {
        panic!("{error}");
    };
    assert_eq!(owner, "web-1:7");
    assert_eq!(store.rules().asked, 2);
    assert_eq!(waits.try_iter().count(), 1);
    // It may be asked again.
    app.start().expect("nobody owns it now");
}

#[test]
fn waiting_has_an_end() {
    let store = MisbehavingStore::new();
    let names: Vec<String> = (0..1_000).map(|n| format!("web-{n}:7")).collect();
    let leases: Vec<_> = names.iter().map(|n| (n.as_str(), ms(20))).collect();
    locked(&store, &leases);
    let (app, waits) = watched(store.clone(), config());
    let error = claim(&app).expect_err("there is always another one");
    assert_eq!(error.reason(), "locked", "{error}");
    let asked = store.rules().asked;
    assert!((2..=20).contains(&asked), "{asked} times in a second");
    assert_eq!(waits.try_iter().count(), 1);
}

#[test]
fn a_takeover_does_not_wait() {
    let store = MisbehavingStore::new();
    locked(&store, &[("web-1:7", HOUR)]);
    let (app, waits) = watched(store.clone(), config().takeover(true));
    let error = claim(&app).expect_err("the store refuses even so");
    assert_eq!(error.reason(), "locked", "{error}");
    assert_eq!((store.rules().asked, waits.try_iter().count()), (1, 0));
}

#[test]
fn a_shutdown_ends_waiting() {
    let store = MisbehavingStore::new();
    locked(&store, &[("web-1:7", HOUR)]);
    let (app, waits) = watched(store.clone(), config());
    std::thread::scope(|scope| {
        let started = scope.spawn(|| app.start());
        waits.recv().expect("it waits");
        app.shutdown().expect("it stops");
        let error = started.join().expect("no panic").expect_err("it ended");
        assert!(error.to_string().contains("shut down"), "{error}");
    });
    assert_eq!(store.rules().asked, 1);
}

#[test]
fn an_observer_of_waiting_cannot_ask_for_a_checkpoint() {
    let store = MisbehavingStore::new();
    locked(&store, &[("web-1:7", ms(1))]);
    let app = Arc::new(app(store, Workers::Inline, config()));
    let (sender, answers) = mpsc::channel();
    let asks = Arc::downgrade(&app);
    let service = app.snapshot_service().expect("it has a store");
    service.observe(move |_| {
        let app = asks.upgrade().expect("the test holds it");
        sender.send(app.persist()).ok();
    });
    app.start().expect("the lease runs out");
    let refused = answers.recv().expect("it was told");
    assert!(matches!(refused, Err(CheckpointError::InsideCallback)));
    app.persist().expect("this thread may ask again");
}

#[test]
fn a_claim_whose_reply_was_lost_is_known_to_its_runtime() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    store.at_call(Call::Acquire, 1, Fault::LoseReply);
    let first = app(store.clone(), Workers::Inline, config());
    first.start().expect_err("the reply was lost");
    // Another runtime of the same process, over the same handle.
    let second = app(store.clone(), Workers::Inline, config());
    let error = claim(&second).expect_err("the first one has it");
    assert_eq!(error.reason(), "locked", "{error}");
    assert!(
        error.to_string().contains(&Owner::process_name()),
        "{error}"
    );
    first.start().expect("it is its own claim");
    assert_eq!(claim(&second).expect_err("still").reason(), "locked");
    let mut input = first.open_input("in").expect("opens");
    send_rows(&mut input, 1, 20);
    assert_eq!(first.persist().expect("a checkpoint").generation, 2);
    first.shutdown().expect("it stops");
    second.start().expect("it was given up");
    assert_eq!(store.catalogue(NAME).expect("it works").generation, 3);
}

#[test]
fn a_state_lives_ten_intervals_at_least() {
    let store = MisbehavingStore::new();
    let second = Duration::from_secs(1);
    for (time_to_live, interval, allowed) in [
        (None, Some(HOUR), true),
        (Some(ms(1)), None, true),
        (Some(second * 10), Some(second), true),
        (Some(ms(9_999)), Some(second), false),
        (Some(HOUR), Some(Duration::MAX), false),
    ] {
        store.rules().time_to_live = time_to_live;
        let config = interval.map_or(config(), |interval| config().interval(interval));
        let app = app(store.clone(), Workers::Inline, config);
        let asked = store.rules().asked;
        match claim(&app) {
            Ok(()) => assert!(allowed),
            Err(error) => {
                assert!(!allowed, "{error}");
                assert_eq!(error.reason(), "short-lived");
                let text = error.to_string();
                assert!(text.contains("longer time to live"), "{text}");
                let refused = app.start().expect_err("start, too").to_string();
                assert!(refused.ends_with(&text), "{refused}");
                assert_eq!(store.rules().asked, asked, "nothing was claimed");
            }
        }
    }
}
