//! What is kept and for whom: owners, retention, pins, deletion, snapshots as bytes, stores of whole revisions.

use crate::common::{
    APP, Folder, NAME, STREAMS, Seen, app, app_of, attach, restored, seen_of, send_row, send_rows,
    uninterrupted,
};
use crate::fault_store::{Call, Fault, FaultStore};
use eventflux::checkpoint::{Manifest, verify};
use eventflux::store::{FileStore, MemoryStore, Owner, PersistenceStore, Revision, StoreError};
use eventflux::{
    CheckpointConfig, CheckpointError, RestoreOptions, RuntimeError, SendError, Workers,
};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::sync::{Arc, Mutex};

fn config() -> CheckpointConfig {
    CheckpointConfig::default()
}

#[test]
fn an_app_has_one_owner() {
    let folder = Folder::new("owner");
    let open = || Arc::new(FileStore::open(folder.path()).expect("the folder takes files"));
    let first = app(open(), Workers::Inline, config());
    first.start().expect("it starts");
    let second = app(open(), Workers::Inline, config());
    let refused = second.start().expect_err("the first one runs");
    assert!(matches!(refused, RuntimeError::Checkpoint(_)), "{refused}");
    let source = refused.source().and_then(|s| s.downcast_ref());
    assert!(
        matches!(source, Some(CheckpointError::Store(_))),
        "{source:?}"
    );
    let text = refused.to_string();
    let owner = format!("in use by {}", Owner::process_name());
    assert!(text.contains(&owner) && text.contains(NAME), "{text}");
    first.shutdown().expect("it stops");
    second.start().expect("the claim was given up");
    let mut input = second.open_input("in").expect("opens");
    send_rows(&mut input, 1, 20);
    assert_eq!(second.persist().expect("a checkpoint").generation, 2);
}

#[test]
fn the_newest_and_the_pinned_are_kept() {
    let folder = Folder::new("pins");
    let file: Arc<dyn PersistenceStore> =
        Arc::new(FileStore::open(folder.path()).expect("the folder takes files"));
    for store in [
        Arc::new(MemoryStore::new()) as Arc<dyn PersistenceStore>,
        file,
    ] {
        let app = app(store.clone(), Workers::Inline, config().retain(2));
        let seen = seen_of(&app);
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        let mut taken = Vec::new();
        for round in 0..6 {
            send_rows(&mut input, round * 20 + 1, round * 20 + 20);
            taken.push(app.persist().expect("a checkpoint"));
            if round == 1 {
                let pin = store.pin(NAME, "before", Some(taken[1]));
                pin.expect("it is in the catalogue");
            }
        }
        let kept = app.revisions().expect("it works");
        assert_eq!(kept, [taken[1], taken[4], taken[5]]);
        let report = app.restore_revision(&taken[1]).expect("it is kept");
        assert_eq!(report.inputs[0].next, 41);
        let rewound = send_row(&mut input, 121);
        assert_eq!(rewound, Err(SendError::Rewound { resume_at: 41 }));
        send_rows(&mut input, 41, 160);
        assert_eq!(seen.dense(), uninterrupted(160));
        store.pin(NAME, "before", None).expect("it is taken away");
        taken.push(app.persist().expect("a checkpoint"));
        let kept = app.revisions().expect("it works");
        assert_eq!(kept, [taken[5], taken[6]]);
        let gone = app.restore_revision(&taken[1]).expect_err("it is gone");
        assert!(gone.to_string().contains(&taken[1].to_string()), "{gone}");
        let mut needed = BTreeSet::new();
        for revision in kept {
            assert!(verify(&*store, NAME, revision).is_sound());
            let manifest = store.manifest(NAME, revision).expect("it works");
            let manifest = Manifest::decode(&manifest.expect("it is kept"), None);
            needed.extend(manifest.expect("it is sound").chunks.iter().map(|c| c.name));
        }
        // What no revision names is gone, too.
        let chunks = store.chunks(NAME).expect("it works");
        assert!(chunks.into_iter().eq(needed));
    }
}

#[test]
fn all_revisions_can_be_deleted() {
    let store = MemoryStore::new();
    let seen = Seen::default();
    {
        let app = app(Arc::new(store.clone()), Workers::Inline, config());
        attach(&seen, &app, &STREAMS);
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 1, 20);
        let before = app.persist().expect("a checkpoint");
        app.clear_all_revisions().expect("they are deleted");
        assert_eq!(app.revisions().expect("it works"), []);
        let nothing = app.restore_last_revision().expect_err("there is none");
        assert!(
            matches!(nothing, CheckpointError::Nothing { .. }),
            "{nothing}"
        );
        assert!(nothing.to_string().contains(NAME), "{nothing}");
        let empty = app.restore_with(&RestoreOptions::default().allow_empty(true));
        assert_eq!(empty.expect("told to").revision, None);
        // Nothing has changed since, but nothing is stored either.
        let after = app.persist().expect("a checkpoint");
        assert!(after > before, "epochs only grow");
        send_rows(&mut input, 21, 40);
        app.persist().expect("a checkpoint");
    }
    let (app, report) = restored(&store, &seen);
    assert_eq!(report.inputs[0].next, 41);
    send_rows(&mut app.open_input("in").expect("opens"), 41, 60);
    assert_eq!(seen.dense(), uninterrupted(60));
}

#[test]
fn snapshots_need_no_store() {
    let store =
        |stored: bool| stored.then(|| Arc::new(MemoryStore::new()) as Arc<dyn PersistenceStore>);
    let workers = [Workers::Inline, Workers::Pinned(2), Workers::Pinned(3)];
    for (place, from) in workers.iter().enumerate() {
        for (own, other) in [(false, false), (false, true), (true, false), (true, true)] {
            let seen = Seen::default();
            let first = app_of(APP, store(own), from.clone(), config());
            attach(&seen, &first, &STREAMS);
            first.start().expect("it starts");
            let mut input = first.open_input("in").expect("opens");
            send_rows(&mut input, 1, 50);
            first.flush().expect("all is processed");
            let earlier = first.snapshot().expect("encodes");
            send_rows(&mut input, 51, 70);
            first.flush().expect("all is processed");
            let later = first.snapshot().expect("encodes");
            // Back to the first one in place, and on again.
            first.restore(&earlier).expect("restores");
            let rewound = send_row(&mut input, 71);
            assert_eq!(rewound, Err(SendError::Rewound { resume_at: 51 }));
            send_rows(&mut input, 51, 70);
            first.flush().expect("all is processed");
            let to = workers[(place + 1) % 3].clone();
            let second = app_of(APP, store(other), to, config());
            attach(&seen, &second, &STREAMS);
            let report = second.restore(&later).expect("restores");
            assert_eq!(report.inputs[0].next, 71);
            second.start().expect("it starts");
            let mut input = second.open_input("in").expect("opens");
            send_rows(&mut input, 71, 100);
            second.flush().expect("all is processed");
            assert_eq!(seen.dense(), uninterrupted(100));
        }
    }
}

/// A store as a user would write one: whole revisions only.
#[derive(Default)]
struct Whole(Mutex<BTreeMap<(String, Revision), Vec<u8>>>);

impl PersistenceStore for Whole {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        let mut all = self.0.lock().expect("no one panics");
        all.insert((app.to_string(), revision), bytes.to_vec());
        Ok(())
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        let all = self.0.lock().expect("no one panics");
        Ok(all.get(&(app.to_string(), revision)).cloned())
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        let all = self.0.lock().expect("no one panics");
        let own = all.keys().filter(|(name, _)| name == app);
        Ok(own.map(|(_, revision)| *revision).max())
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        let mut all = self.0.lock().expect("no one panics");
        all.retain(|(name, _), _| name != app);
        Ok(())
    }

    fn describe(&self) -> String {
        "a map".to_string()
    }
}

#[test]
fn a_store_of_whole_revisions_works() {
    for workers in [Workers::Inline, Workers::Pinned(2)] {
        let whole = Arc::new(Whole::default());
        let store = Arc::new(FaultStore::new(whole.clone()));
        let seen = Seen::default();
        let mut taken = Vec::new();
        {
            let app = app(store.clone(), workers.clone(), config());
            attach(&seen, &app, &STREAMS);
            app.start().expect("it starts");
            let mut input = app.open_input("in").expect("opens");
            for round in 0..4 {
                send_rows(&mut input, round * 20 + 1, round * 20 + 20);
                app.flush().expect("all is processed");
                taken.push(app.persist().expect("a checkpoint"));
            }
            store.at_call(Call::Save, 5, Fault::LoseReply);
            send_rows(&mut input, 81, 100);
            app.flush().expect("all is processed");
            app.persist().expect_err("nobody knows");
            taken.push(app.persist().expect("a checkpoint"));
            assert!(taken.is_sorted(), "{taken:?}");
        }
        let report = verify(&*whole, NAME, taken[4]);
        assert!(report.is_sound(), "{report}");
        let app = app(store, workers, config());
        attach(&seen, &app, &STREAMS);
        let report = app.restore_last_revision().expect("restores");
        assert_eq!(report.revision, Some(taken[4]));
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        send_rows(&mut input, 101, 120);
        app.flush().expect("all is processed");
        assert_eq!(seen.dense(), uninterrupted(120));
        let next = app.persist().expect("a checkpoint");
        assert!(next > taken[4] && next.generation > taken[4].generation);
        // An older one is there as long as the store keeps it.
        let report = app.restore_revision(&taken[1]).expect("restores");
        assert_eq!(report.inputs[0].next, 41);
        let rewound = send_row(&mut input, 121);
        assert_eq!(rewound, Err(SendError::Rewound { resume_at: 41 }));
        send_rows(&mut input, 41, 130);
        app.flush().expect("all is processed");
        assert_eq!(seen.dense(), uninterrupted(130));
        app.clear_all_revisions().expect("they are deleted");
        assert_eq!(app.revisions().expect("it works"), []);
        app.persist().expect("a checkpoint");
    }
}
