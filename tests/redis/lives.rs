//! An app over Redis through several lives, and what it would have written had nothing ever failed.
//!
//! Rows come from a seed, which is printed: `SEED=n` draws others. Every output row has a number, so that what comes
//! twice is seen to be the same, and what is missing is missed.

use crate::attach::attach;
use eventflux::checkpoint::{Manifest, write_blob};
use eventflux::redis::{RedisConfig, RedisOptions, RedisPersistenceStore};
use eventflux::store::{PersistenceStore, Revision, StoreError};
use eventflux::{
    CheckpointConfig, CheckpointError, EventFluxAppRuntime, EventFluxManager, Input, RestoreReport,
    RuntimeConfig, Timestamp, Workers,
};
use eventflux_kit::{Seen, SeenRows, from_env, mix};
use eventflux_testbed::{HANG, Redis, until};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The streams that the app writes.
const STREAMS: [&str; 2] = ["Sums", "Recent"];

/// Rows sent by one step of a test.
pub const STEP: u64 = 20;

/// An app in one Redis: its name, its rows, and how it reaches the server.
pub struct World {
    pub app: String,
    pub config: RedisConfig,
    pub options: RedisOptions,
    pub checkpoints: CheckpointConfig,
    pub workers: Workers,
    seed: u64,
    oracle: Mutex<Option<Oracle>>,
}

/// The app without a store, which nothing happens to.
struct Oracle {
    app: EventFluxAppRuntime,
    input: Input,
    seen: Seen,
    sent: u64,
}

impl Oracle {
    fn new(app: EventFluxAppRuntime) -> Oracle {
        let seen = Seen::default();
        attach(&seen, &app, &STREAMS);
        app.start().expect("it starts");
        let input = app.open_input("in").expect("opens");
        Oracle {
            app,
            input,
            seen,
            sent: 0,
        }
    }
}

/// For a server that answers or is gone: one that is only slow is waited for.
pub fn options() -> RedisOptions {
    let ms = Duration::from_millis;
    RedisOptions::default()
        .read_timeout(ms(10_000))
        .write_timeout(ms(10_000))
        .retry(ms(5), ms(50), ms(2_000))
        .breaker_failures(3)
}

/// For a server that is silent. One that is only slow may be taken for it: use [`Life::recover`], not
/// [`Life::commit`].
fn hasty() -> RedisOptions {
    let ms = Duration::from_millis;
    options()
        .read_timeout(ms(1_000))
        .write_timeout(ms(1_000))
        .retry(ms(5), ms(50), ms(3_000))
}

impl World {
    /// The app `sums` at a URL.
    pub fn new(url: &str) -> World {
        let seed = from_env("SEED", 1);
        eprintln!("SEED={seed}");
        let config = RedisConfig {
            url: url.to_string(),
            connection_timeout_ms: 10_000,
            ..RedisConfig::default()
        };
        World {
            app: "sums".to_string(),
            config,
            options: options(),
            checkpoints: CheckpointConfig::default().retain(4).takeover(true),
            workers: Workers::Inline,
            seed,
            oracle: Mutex::default(),
        }
    }

    /// The same where the server will be silent.
    pub fn hasty(url: &str) -> World {
        let mut world = World::new(url);
        world.config.connection_timeout_ms = 2_000;
        world.options = hasty();
        world
    }

    /// The same app and rows by another way to the server.
    pub fn at(&self, url: &str) -> World {
        let mut other = World::new(url);
        other.app.clone_from(&self.app);
        other.config = RedisConfig {
            url: url.to_string(),
            connection_timeout_ms: other.config.connection_timeout_ms,
            ..self.config.clone()
        };
        other
    }

    /// A handle that waits for answers, whatever the app does.
    pub fn reader(&self) -> Arc<RedisPersistenceStore> {
        let ms = Duration::from_millis;
        let options = self.options.clone().retry(ms(5), ms(50), ms(10_000));
        let options = options.read_timeout(ms(10_000)).write_timeout(ms(10_000));
        let config = RedisConfig {
            connection_timeout_ms: 10_000,
            ..self.config.clone()
        };
        Arc::new(RedisPersistenceStore::new_with_options(config, options).expect("a URL"))
    }

    /// A handle of the store.
    pub fn store(&self) -> Arc<RedisPersistenceStore> {
        let (config, options) = (self.config.clone(), self.options.clone());
        let made = RedisPersistenceStore::new_with_options(config, options);
        Arc::new(made.expect("a URL"))
    }

    /// The app, not started.
    pub fn app(&self, store: Option<Arc<dyn PersistenceStore>>) -> EventFluxAppRuntime {
        let text = format!(
            "@app:name('{}') @app:playback
             CREATE STREAM S (k STRING, v LONG);
             INSERT INTO Sums SELECT k, count() AS n, sum(v) AS total FROM S GROUP BY k;
             INSERT INTO Recent SELECT k, sum(v) AS total, min(v) AS least, count() AS n
             FROM S WINDOW('length', 20);",
            self.app
        );
        let mut manager = EventFluxManager::new();
        if let Some(store) = store {
            manager.set_persistence_store(store);
        }
        let config = RuntimeConfig::default()
            .workers(self.workers.clone())
            .checkpoints(self.checkpoints.clone());
        manager
            .create_with(&text, config)
            .expect("the app is right")
    }

    /// The first life.
    pub fn start(&self) -> Life<'_> {
        let seen = Seen::default();
        let store = self.store();
        let app = self.app(Some(store.clone()));
        attach(&seen, &app, &STREAMS);
        self.go_on(store, app, seen, 0)
    }

    fn go_on(
        &self,
        store: Arc<RedisPersistenceStore>,
        app: EventFluxAppRuntime,
        seen: Seen,
        sent: u64,
    ) -> Life<'_> {
        app.start().expect("it starts");
        let input = app.open_input("in").expect("opens");
        Life {
            world: self,
            store,
            app,
            seen,
            input,
            sent,
            most: 0,
            taken: BTreeMap::new(),
        }
    }

    /// The life after one that ended: from the last revision on.
    pub fn resume(&self, before: Life<'_>) -> (Life<'_>, RestoreReport) {
        let seen = before.seen.clone();
        let (taken, most) = (before.taken.clone(), before.most);
        drop(before);
        let store = self.store();
        let app = self.app(Some(store.clone()));
        attach(&seen, &app, &STREAMS);
        let report = app.restore_last_revision().expect("restores");
        let sent = report.inputs[0].next - 1;
        let mut life = self.go_on(store, app, seen, sent);
        (life.taken, life.most) = (taken, most);
        (life, report)
    }

    /// Row `n`, counted from 1.
    fn row(&self, n: u64) -> (Timestamp, String, i64) {
        let z = mix(self.seed, n);
        let at = Timestamp::from_millis(i64::try_from(n).expect("few rows"));
        (at, format!("key {}", z % 97), (z >> 32) as i64 % 1000)
    }

    fn send(&self, input: &mut Input, n: u64) {
        let (at, key, value) = self.row(n);
        let sent = input.send_numbered(n, "S", Some(at), (key.as_str(), value));
        assert_eq!(sent, Ok(true), "row {n}");
    }

    /// What came out is what comes out of the first rows when nothing fails, or a part of it.
    #[track_caller]
    fn assert_right(&self, rows: &SeenRows, sent: u64) {
        let mut oracle = self.oracle.lock().expect("nobody panics here");
        let oracle = oracle.get_or_insert_with(|| Oracle::new(self.app(None)));
        while oracle.sent < sent {
            oracle.sent += 1;
            self.send(&mut oracle.input, oracle.sent);
        }
        oracle.app.flush().expect("all is processed");
        oracle.seen.assert_holds(rows);
    }

    /// A revision holds the state behind the first `sent` rows. Claims nothing.
    #[track_caller]
    pub fn assert_holds(&self, revision: Revision, sent: u64) {
        let blob = self.blob(revision).expect("the revision is there");
        let app = self.app(None);
        let seen = Seen::default();
        attach(&seen, &app, &STREAMS);
        let report = app.restore(&blob).expect("it can be restored");
        assert_eq!(report.inputs[0].next, sent + 1, "{revision}");
        app.start().expect("it starts");
        let mut input = app.open_input("in").expect("opens");
        (sent + 1..=sent + STEP).for_each(|n| self.send(&mut input, n));
        app.flush().expect("all is processed");
        let rows = seen.rows();
        assert_eq!(rows.len() as u64, STEP * STREAMS.len() as u64, "{revision}");
        self.assert_right(&rows, sent + STEP);
    }

    /// A revision as bytes.
    fn blob(&self, revision: Revision) -> Result<Vec<u8>, String> {
        let text = |error: StoreError| error.to_string();
        let store = self.reader();
        let catalogue = store.catalogue(&self.app).map_err(text)?;
        let mut entries = catalogue.revisions.iter();
        let entry = entries.find(|e| e.revision == revision);
        let digest = entry.ok_or("it is not in the catalogue")?.digest;
        let manifest = store.manifest(&self.app, revision).map_err(text)?;
        let manifest = Manifest::decode(&manifest.ok_or("no manifest")?, Some(digest));
        let manifest = manifest.map_err(|fault| fault.to_string())?;
        let mut chunks = Vec::new();
        for record in &manifest.chunks {
            let bytes = store.get_chunk(&self.app, record.name).map_err(text)?;
            chunks.push((*record, bytes.ok_or(format!("no chunk {}", record.name))?));
        }
        let mut blob = Vec::new();
        let written = write_blob(&manifest, chunks.into_iter(), &mut blob);
        written.map(|()| blob).map_err(|error| error.to_string())
    }
}

/// A running app.
pub struct Life<'a> {
    pub world: &'a World,
    pub store: Arc<RedisPersistenceStore>,
    pub app: EventFluxAppRuntime,
    pub seen: Seen,
    pub input: Input,
    pub sent: u64,
    /// The most rows that any life has sent.
    most: u64,
    /// What `persist` answered, and how many rows were sent before.
    pub taken: BTreeMap<Revision, u64>,
}

impl Life<'_> {
    /// Sends the next rows, whatever the store does, and sees all of them come out.
    #[track_caller]
    pub fn step(&mut self) {
        for _ in 0..STEP {
            self.sent += 1;
            self.world.send(&mut self.input, self.sent);
        }
        self.app.flush().expect("all is processed");
        self.most = self.most.max(self.sent);
        let rows = self.seen.rows();
        assert_eq!(
            rows.len() as u64,
            self.most * STREAMS.len() as u64,
            "rows that came out"
        );
        self.world.assert_right(&rows, self.most);
    }

    /// Asks for a checkpoint.
    pub fn persist(&mut self) -> Result<Revision, CheckpointError> {
        let answer = self.app.persist();
        if let Ok(revision) = &answer {
            self.taken.insert(*revision, self.sent);
        }
        answer
    }

    /// Rows and a checkpoint of them.
    #[track_caller]
    pub fn commit(&mut self) -> Revision {
        self.step();
        self.persist().expect("a checkpoint")
    }

    /// Rows, and a checkpoint that fails; answers the reason.
    #[track_caller]
    pub fn fail(&mut self) -> StoreError {
        self.step();
        match self.persist() {
            Err(CheckpointError::Store(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    /// Rows and checkpoints until one succeeds; answers its revision and why others failed.
    #[track_caller]
    pub fn recover(&mut self) -> (Revision, Vec<String>) {
        let mut reasons = Vec::new();
        let mut done = None;
        until(HANG, "a checkpoint", || {
            self.step();
            match self.persist() {
                Ok(revision) => done = Some(revision),
                Err(error) => reasons.push(error.to_string()),
            }
            done.is_some()
        });
        (done.expect("it was waited for"), reasons)
    }

    /// What the store has is what `persist` answered: the head the last one, each of them right.
    #[track_caller]
    pub fn assert_store(&self) {
        let kept = self.world.reader().catalogue(&self.world.app);
        let kept = kept.expect("a catalogue").revisions;
        let last = self.taken.keys().next_back();
        assert_eq!(kept.last().map(|e| &e.revision), last, "the head");
        for entry in &kept {
            let sent = self.taken.get(&entry.revision);
            // One whose reply was lost is known to nobody, and right all the same.
            if let Some(sent) = sent {
                self.world.assert_holds(entry.revision, *sent);
            }
        }
    }

    /// The store tells that it is there, or is not.
    #[track_caller]
    pub fn assert_reachable(&self, reachable: bool) {
        let metrics = self.app.checkpoint_metrics().expect("it has a store");
        let health = metrics.store.expect("it was asked");
        assert_eq!(health.reachable, reachable, "{health:?}");
        if !reachable {
            assert!(metrics.failures_in_a_row > 0 && !health.detail.is_empty());
        }
    }
}

/// The keys of a server, in order.
pub fn keys(redis: &Redis) -> Vec<String> {
    let reply = redis.cmd(&["KEYS", "*"]);
    let mut keys: Vec<String> = reply.items().iter().map(|key| key.text()).collect();
    keys.sort();
    keys
}
