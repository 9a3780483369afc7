//! What the tests share: an app with groups and a window, its rows, and what came out of it by number.

use eventflux::store::{MemoryStore, PersistenceStore};
use eventflux::{
    CheckpointConfig, EventFluxAppRuntime, EventFluxManager, Input, RestoreReport, RuntimeConfig,
    SendError, Timestamp, Workers,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use crate::attach::attach;
pub use eventflux_kit::{Seen, SeenRows as Rows, assert_dense};

/// Every row gives one output of each query.
pub const APP: &str = "@app:name('sums') @app:playback
    CREATE STREAM S (k STRING, v LONG);
    INSERT INTO Sums SELECT k, count() AS n, sum(v) AS total FROM S GROUP BY k;
    INSERT INTO Recent SELECT k, sum(v) AS total, min(v) AS least, count() AS n
    FROM S WINDOW('length', 20);";

/// Name of the app.
pub const NAME: &str = "sums";

/// The streams that it writes.
pub const STREAMS: [&str; 2] = ["Sums", "Recent"];

/// The app over a store, not started.
pub fn app(
    store: Arc<dyn PersistenceStore>,
    workers: Workers,
    checkpoints: CheckpointConfig,
) -> EventFluxAppRuntime {
    app_of(APP, Some(store), workers, checkpoints)
}

/// Another app, with or without a store.
pub fn app_of(
    text: &str,
    store: Option<Arc<dyn PersistenceStore>>,
    workers: Workers,
    checkpoints: CheckpointConfig,
) -> EventFluxAppRuntime {
    let mut manager = EventFluxManager::new();
    if let Some(store) = store {
        manager.set_persistence_store(store);
    }
    let config = RuntimeConfig::default()
        .workers(workers)
        .checkpoints(checkpoints);
    manager.create_with(text, config).expect("the app is right")
}

/// Row `n`, counted from 1: its time, key and value.
pub fn row(n: u64) -> (Timestamp, String, i64) {
    let key = format!("key {}", n * 7 % 13);
    (Timestamp::from_millis(n as i64), key, (n * n % 101) as i64)
}

/// Sends row `n`. A row that the app has already is left out.
pub fn send_row(input: &mut Input, n: u64) -> Result<bool, SendError> {
    let (at, key, value) = row(n);
    input.send_numbered(n, "S", Some(at), (key.as_str(), value))
}

/// Sends rows `from..=to`.
pub fn send_rows(input: &mut Input, from: u64, to: u64) {
    for n in from..=to {
        send_row(input, n).expect("the row is taken");
    }
}

/// Collects what the app writes from now on.
pub fn seen_of(app: &EventFluxAppRuntime) -> Seen {
    let seen = Seen::default();
    attach(&seen, app, &STREAMS);
    seen
}

/// What the app writes of the first `rows` rows when nothing ever fails.
pub fn uninterrupted(rows: u64) -> Rows {
    static KNOWN: Mutex<BTreeMap<u64, Rows>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().expect("no test panics here");
    if let Some(known) = known().get(&rows) {
        return known.clone();
    }
    let app = app_of(APP, None, Workers::Inline, CheckpointConfig::default());
    let seen = seen_of(&app);
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    send_rows(&mut input, 1, rows);
    drop(input);
    app.shutdown().expect("it stops");
    let rows_out = seen.dense();
    known().insert(rows, rows_out.clone());
    rows_out
}

/// Sends rows `from..=to` of 300 keys: where few are sent, a checkpoint holds deltas.
pub fn send_wide(input: &mut Input, from: u64, to: u64) {
    for n in from..=to {
        let key = format!("key {}", n * 7 % 300);
        let at = Timestamp::from_millis(n as i64);
        let row = (key.as_str(), (n * n % 101) as i64);
        let sent = input.send_numbered(n, "S", Some(at), row);
        assert_eq!(sent, Ok(true));
    }
}

/// What the app writes of the first `rows` rows of 300 keys.
pub fn uninterrupted_wide(rows: u64) -> Rows {
    let app = app_of(APP, None, Workers::Inline, CheckpointConfig::default());
    let seen = seen_of(&app);
    app.start().expect("it starts");
    send_wide(&mut app.open_input("in").expect("opens"), 1, rows);
    seen.dense()
}

/// A new app that goes on from the last revision, with the sink of the one before.
pub fn restored(store: &MemoryStore, seen: &Seen) -> (EventFluxAppRuntime, RestoreReport) {
    let app = app(
        Arc::new(store.clone()),
        Workers::Inline,
        CheckpointConfig::default(),
    );
    attach(seen, &app, &STREAMS);
    let report = app.restore_last_revision().expect("restores");
    app.start().expect("it starts");
    (app, report)
}

/// A new app over the same store has exactly the state of the one that runs.
pub fn assert_restores<S: PersistenceStore + 'static>(store: &Arc<S>, sent: u64) {
    let app = app(
        store.clone(),
        Workers::Inline,
        CheckpointConfig::default().takeover(true),
    );
    let seen = seen_of(&app);
    let report = app.restore_last_revision().expect("restores");
    assert_eq!(report.inputs[0].next, sent + 1);
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    send_rows(&mut input, sent + 1, sent + 30);
    let whole = uninterrupted(sent + 30);
    let rows = seen.rows();
    assert_eq!(rows.len(), 60, "two queries, 30 rows");
    for (name, row) in &rows {
        assert_eq!(whole.get(name), Some(row), "{name:?}");
    }
}

/// A folder for one test, gone with the value.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new(test: &str) -> Folder {
        let name = format!("eventflux-checkpoint-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).expect("the temporary folder takes folders");
        Folder(path)
    }

    /// Takes what another one holds.
    pub fn copy(&self, from: &Folder) {
        copy(from.path(), self.path());
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Copies what a folder holds.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder takes folders");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it can be read");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("it has one").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("there is room");
        }
    }
}
