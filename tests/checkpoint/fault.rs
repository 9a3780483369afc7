//! A store that fails at every operation in turn: what was promised is there, what failed was not promised, and
//! nothing is lost once it works again.

use crate::common::{Folder, NAME, Rows, Seen, app, seen_of, send_rows, uninterrupted};
use crate::fault_store::{Fault, FaultStore, Gate};
use eventflux::checkpoint::verify;
use eventflux::store::{FileStore, MemoryStore, PersistenceStore, Revision};
use eventflux::{CheckpointConfig, EventFluxAppRuntime, Workers};
use std::sync::Arc;

const CHECKPOINTS: u64 = 6;
const ROWS: u64 = 20;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Fail,
    Tear,
    LoseReply,
    Twice,
    Wait,
    FailFrom,
}

const KINDS: [Kind; 6] = [
    Kind::Fail,
    Kind::Tear,
    Kind::LoseReply,
    Kind::Twice,
    Kind::Wait,
    Kind::FailFrom,
];

fn config() -> CheckpointConfig {
    CheckpointConfig::default().retain(2)
}

fn head(store: &dyn PersistenceStore) -> Option<Revision> {
    let catalogue = store.catalogue(NAME).expect("the store itself works");
    catalogue.revisions.last().map(|e| e.revision)
}

fn assert_sound(store: &dyn PersistenceStore) {
    let catalogue = store.catalogue(NAME).expect("the store itself works");
    for entry in &catalogue.revisions {
        let report = verify(store, NAME, entry.revision);
        assert!(report.is_sound(), "{}: {report}", entry.revision);
    }
}

/// A scripted run over a store with a fault.
struct Run {
    inner: Arc<dyn PersistenceStore>,
    store: Arc<FaultStore>,
    errors: u64,
}

impl Run {
    fn new(inner: Arc<dyn PersistenceStore>) -> Run {
        let store = Arc::new(FaultStore::new(Arc::clone(&inner)));
        Run {
            inner,
            store,
            errors: 0,
        }
    }

    fn app(&self, workers: Workers, takeover: bool) -> EventFluxAppRuntime {
        app(self.store.clone(), workers, config().takeover(takeover))
    }

    /// Starts the app, if need be once more: a claim that was made and not answered does not stand in its own way.
    fn start(&self, workers: Workers, takeover: bool) -> (EventFluxAppRuntime, Seen) {
        let app = self.app(workers, takeover);
        let seen = seen_of(&app);
        if app.start().is_err() {
            self.store.heal();
            app.start().expect("the fault is over");
        }
        (app, seen)
    }

    /// A checkpoint, and what must hold whatever its outcome.
    fn persist(&mut self, app: &EventFluxAppRuntime) -> Option<Revision> {
        let before = head(&*self.inner);
        let outcome = app.persist();
        match &outcome {
            Ok(revision) => assert_eq!(Some(*revision), head(&*self.inner)),
            Err(_) => {
                self.errors += 1;
                let now = head(&*self.inner);
                assert!(now >= before, "the head went from {before:?} to {now:?}");
            }
        }
        assert_sound(&*self.inner);
        let metrics = app.checkpoint_metrics().expect("it has a store");
        assert_eq!(metrics.failed.values().sum::<u64>(), self.errors);
        outcome.ok()
    }

    /// The whole script; answers the numbers and rows of both apps.
    fn script(&mut self, workers: Workers) {
        let (first, seen) = self.start(workers.clone(), false);
        let mut input = first.open_input("in").expect("opens");
        for step in 0..CHECKPOINTS {
            send_rows(&mut input, step * ROWS + 1, (step + 1) * ROWS);
            first.flush().expect("all is processed");
            self.persist(&first);
        }
        self.store.heal();
        let revision = match self.persist(&first) {
            Some(revision) => revision,
            None => self.persist(&first).expect("the fault is over"),
        };
        let kept = first.revisions().or_else(|_| first.revisions());
        let kept = kept.expect("the fault is over");
        assert!(kept.len() <= 3, "a retirement failed once: {kept:?}");
        let sent = CHECKPOINTS * ROWS;

        let (second, again) = self.start(workers, true);
        let report = second.restore_revision(&revision);
        let report = match report {
            Ok(report) => report,
            Err(_) => second.restore_revision(&revision).expect("it is over"),
        };
        assert_eq!(report.inputs[0].next, sent + 1);
        let mut other = second.open_input("in").expect("opens");
        for (app, input) in [(&first, &mut input), (&second, &mut other)] {
            send_rows(input, sent + 1, sent + 30);
            app.flush().expect("all is processed");
        }
        self.check(&seen.dense(), &again, sent + 30);
    }

    /// The first app saw everything; the second what came after its checkpoint, with the same numbers.
    fn check(&self, first: &Rows, second: &Seen, rows: u64) {
        assert_eq!(*first, uninterrupted(rows));
        let second = second.rows();
        assert_eq!(second.len(), 60, "two queries, 30 rows");
        for (name, row) in &second {
            assert_eq!(first.get(name), Some(row), "{name:?}");
        }
    }
}

/// How many operations the script takes when nothing fails.
fn operations(inner: Arc<dyn PersistenceStore>, workers: Workers) -> usize {
    let mut run = Run::new(inner);
    run.script(workers);
    assert_eq!(run.errors, 0);
    run.store.operations()
}

fn with_fault(inner: Arc<dyn PersistenceStore>, k: usize, kind: Kind, workers: Workers) {
    let mut run = Run::new(inner);
    let gate = Gate::new();
    match kind {
        Kind::Fail => run.store.at(k, Fault::Fail),
        Kind::Tear => run.store.at(k, Fault::Tear),
        Kind::LoseReply => run.store.at(k, Fault::LoseReply),
        Kind::Twice => run.store.at(k, Fault::Twice),
        Kind::Wait => run.store.at(k, Fault::Wait(gate.clone())),
        Kind::FailFrom => run.store.fail_from(k),
    }
    std::thread::scope(|scope| {
        if let Kind::Wait = kind {
            scope.spawn(|| {
                gate.wait_until_reached();
                gate.open();
            });
        }
        run.script(workers);
    });
}

#[test]
fn every_operation_of_a_memory_store_may_fail() {
    let count = operations(Arc::new(MemoryStore::new()), Workers::Inline);
    for k in 1..=count {
        for kind in KINDS {
            eprintln!("operation {k} of {count}: {kind:?}");
            with_fault(Arc::new(MemoryStore::new()), k, kind, Workers::Inline);
        }
    }
}

#[test]
fn every_operation_of_a_file_store_may_fail() {
    let new = |name: &str| {
        let folder = Folder::new(name);
        let store = FileStore::open(folder.path()).expect("the folder takes files");
        (folder, Arc::new(store))
    };
    let (_folder, store) = new("fault-count");
    let count = operations(store, Workers::Inline);
    for k in 1..=count {
        // With the memory store every kind meets every operation; here kinds take turns, each with all calls.
        for kind in [KINDS[k % 6], KINDS[(k + 2) % 6]] {
            eprintln!("operation {k} of {count}: {kind:?}");
            let (_folder, store) = new("fault");
            with_fault(store, k, kind, Workers::Inline);
        }
    }
}

#[test]
fn operations_fail_under_two_workers() {
    let count = operations(Arc::new(MemoryStore::new()), Workers::Pinned(2));
    for k in (1..=count).step_by(3) {
        for kind in [Kind::Fail, Kind::LoseReply, Kind::FailFrom] {
            eprintln!("operation {k} of {count}: {kind:?}");
            with_fault(Arc::new(MemoryStore::new()), k, kind, Workers::Pinned(2));
        }
    }
}
