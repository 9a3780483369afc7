//! A restore that claims nothing, and another process that writes before the claim comes.

use crate::common::{STREAMS, app, attach, seen_of, send_rows, uninterrupted};
use eventflux::store::{MemoryStore, PersistenceStore};
use eventflux::{CheckpointConfig, CheckpointError, EventFluxAppRuntime, RestoreOptions, Workers};
use std::sync::Arc;
use std::time::Duration;

fn over(store: &Arc<dyn PersistenceStore>) -> EventFluxAppRuntime {
    // An interval that never ends is none.
    let config = CheckpointConfig::default().interval(Duration::MAX);
    app(Arc::clone(store), Workers::Inline, config)
}

#[test]
fn a_restore_that_was_overtaken_is_told_at_the_claim() {
    for before in [0, 50] {
        let store: Arc<dyn PersistenceStore> = Arc::new(MemoryStore::new());
        let first = over(&store);
        let seen = seen_of(&first);
        first.start().expect("nobody has it");
        let mut input = first.open_input("in").expect("opens");
        if before > 0 {
            send_rows(&mut input, 1, before);
            first.persist().expect("a checkpoint");
        }
        let second = over(&store);
        attach(&seen, &second, &STREAMS);
        let empty = RestoreOptions::default().allow_empty(true);
        second.restore_with(&empty).expect("it reads what there is");
        send_rows(&mut input, before + 1, 80);
        first.persist().expect("a checkpoint");
        drop(input);
        first.shutdown().expect("it stops");
        let service = second.snapshot_service().expect("it has a store");
        for _ in 0..2 {
            let error = service.claim().expect_err("what it holds is old");
            assert!(
                matches!(error, CheckpointError::Overtaken { .. }),
                "{error}"
            );
        }
        let report = second.restore_with(&empty).expect("again");
        assert_eq!(report.inputs[0].next, 81);
        second.start().expect("now it may");
        let mut input = second.open_input("in").expect("opens");
        send_rows(&mut input, 81, 120);
        second.persist().expect("a checkpoint");
        let whole = uninterrupted(120);
        for (name, row) in &seen.rows() {
            assert_eq!(whole.get(name), Some(row), "{name:?}");
        }
    }
}
