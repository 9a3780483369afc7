//! An app over a store, rows from a seed with a number each, and what an uninterrupted run makes of them.

use crate::attach::attach;
use crate::call_recorder::CallRecorder;
use eventflux::checkpoint::verify_all;
use eventflux::redis::{RedisConfig, RedisOptions, RedisPersistenceStore};
use eventflux::store::{PersistenceStore, Revision};
use eventflux::{
    CheckpointConfig, CheckpointError, EventFluxAppRuntime, EventFluxManager, Input,
    RestoreOptions, RuntimeConfig, RuntimeError, SendError, Timestamp, Workers,
};
use eventflux_kit::{Seen, SeenRows, mix};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Every row gives one output of each query.
const APP: &str = "@app:name('sums') @app:playback
    CREATE STREAM S (k STRING, v LONG);
    INSERT INTO Sums SELECT k, count() AS n, sum(v) AS total FROM S GROUP BY k;
    INSERT INTO Recent SELECT k, sum(v) AS total, min(v) AS least, count() AS n
    FROM S WINDOW('length', 20);";

/// Name of the app.
pub const NAME: &str = "sums";

const STREAMS: [&str; 2] = ["Sums", "Recent"];

/// Enough keys that a few rows change a part of the state only.
const KEYS: u64 = 200;

/// The rows of a run; told, so that the run can be had again.
pub fn seed(test: &str) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = now.map_or(1, |now| now.as_nanos() as u64);
    eprintln!("{test}: seed {seed}");
    seed
}

/// For servers that answer: one that is only slow is waited for.
pub fn options() -> RedisOptions {
    let ms = Duration::from_millis;
    RedisOptions::default()
        .read_timeout(ms(10_000))
        .write_timeout(ms(10_000))
        .retry(ms(20), ms(200), ms(10_000))
}

fn open(url: &str, options: RedisOptions, connect: Duration) -> Arc<RedisPersistenceStore> {
    let config = RedisConfig {
        url: url.to_string(),
        connection_timeout_ms: connect.as_millis() as u64,
        ..RedisConfig::default()
    };
    Arc::new(RedisPersistenceStore::new_with_options(config, options).expect("a URL"))
}

/// A store at a URL, as another process would open it.
pub fn store_with(url: &str, options: RedisOptions) -> Arc<RedisPersistenceStore> {
    open(url, options, Duration::from_secs(10))
}

/// One whose servers are silent at times: each call waits so long for an answer, and then tries again for so long.
pub fn hasty_store(url: &str, answer: Duration) -> Arc<RedisPersistenceStore> {
    let options = options().read_timeout(answer).write_timeout(answer);
    let (first, most) = (Duration::from_millis(20), Duration::from_millis(200));
    open(url, options.retry(first, most, answer), answer)
}

/// The same with the options of these tests.
pub fn store(url: &str) -> Arc<RedisPersistenceStore> {
    store_with(url, options())
}

/// Collects what an app writes, which then has numbers on its rows.
pub fn seen_of(app: &EventFluxAppRuntime) -> Seen {
    let seen = Seen::default();
    attach(&seen, app, &STREAMS);
    seen
}

/// The app over a store, not started.
pub fn app(
    store: Option<Arc<dyn PersistenceStore>>,
    config: CheckpointConfig,
) -> EventFluxAppRuntime {
    let mut manager = EventFluxManager::new();
    if let Some(store) = store {
        manager.set_persistence_store(store);
    }
    let config = RuntimeConfig::default()
        .workers(Workers::Inline)
        .checkpoints(config);
    manager.create_with(APP, config).expect("the app is right")
}

fn send(input: &mut Input, seed: u64, n: u64) -> Result<bool, SendError> {
    let chance = mix(seed, n);
    let key = format!("key {}", chance % KEYS);
    let value = ((chance >> 32) % 101) as i64;
    let at = Timestamp::from_millis(n as i64);
    input.send_numbered(n, "S", Some(at), (key.as_str(), value))
}

/// What the app writes of the first rows when nothing ever fails.
fn uninterrupted(seed: u64, rows: u64) -> SeenRows {
    let app = app(None, CheckpointConfig::default());
    let seen = seen_of(&app);
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    for n in 1..=rows {
        assert_eq!(send(&mut input, seed, n), Ok(true));
    }
    seen.rows()
}

/// One run of the app, from its start or from the last revision.
pub struct Life {
    pub app: EventFluxAppRuntime,
    pub seen: Seen,
    /// The last checkpoint that was acknowledged, and how many rows were sent before it.
    pub acked: Option<(Revision, u64)>,
    /// Rows that it had when it began.
    begun: u64,
    input: Input,
    seed: u64,
}

impl Life {
    /// Goes on from the last revision, or begins.
    pub fn start(store: Arc<dyn PersistenceStore>, seed: u64) -> Life {
        Life::go_on(store, seed, Seen::default(), CheckpointConfig::default())
    }

    /// The same with the outputs of an earlier life.
    pub fn go_on(
        store: Arc<dyn PersistenceStore>,
        seed: u64,
        seen: Seen,
        config: CheckpointConfig,
    ) -> Life {
        Life::try_go_on(store, seed, seen, config).expect("it starts")
    }

    /// As [`Life::start`], where another process may have the app.
    pub fn try_start(store: Arc<dyn PersistenceStore>, seed: u64) -> Result<Life, RuntimeError> {
        Life::try_go_on(store, seed, Seen::default(), CheckpointConfig::default())
    }

    fn try_go_on(
        store: Arc<dyn PersistenceStore>,
        seed: u64,
        seen: Seen,
        config: CheckpointConfig,
    ) -> Result<Life, RuntimeError> {
        let app = app(Some(store), config.retain(3));
        attach(&seen, &app, &STREAMS);
        // First the claim: what is restored then is what nobody else writes on.
        app.snapshot_service()?.claim()?;
        let empty = RestoreOptions::default().allow_empty(true);
        app.restore_with(&empty)?;
        app.start()?;
        let input = app.open_input("in").expect("opens");
        Ok(Life {
            begun: input.position(),
            app,
            seen,
            acked: None,
            input,
            seed,
        })
    }

    /// How many rows the app has.
    pub fn sent(&self) -> u64 {
        self.input.position()
    }

    /// Sends the next rows.
    pub fn send(&mut self, rows: u64) {
        for _ in 0..rows {
            let sent = self.try_send();
            assert_eq!(sent, Ok(true));
        }
    }

    /// Sends the next row.
    pub fn try_send(&mut self) -> Result<bool, SendError> {
        let next = self.input.position() + 1;
        send(&mut self.input, self.seed, next)
    }

    /// Sends some rows and takes a checkpoint.
    pub fn step(&mut self) -> Result<Revision, CheckpointError> {
        self.send(3);
        let taken = self.app.persist();
        if let Ok(revision) = &taken {
            self.acked = Some((*revision, self.sent()));
        }
        taken
    }

    /// As [`Life::check`], for a life whose first outputs went elsewhere.
    pub fn check_from(self, url: &str) {
        let whole = uninterrupted(self.seed, self.sent());
        let seen = self.seen.rows();
        let rows = 2 * (self.sent() - self.begun);
        assert_eq!(seen.len() as u64, rows, "two queries");
        for (name, row) in &seen {
            assert_eq!(whole.get(name), Some(row), "{name:?}");
        }
        self.check_stored(url);
    }

    /// Nothing that came out is lost, doubled or different, and this is so for what is stored, too: every revision can
    /// be read, and a new process has the rows of the last acknowledged one.
    pub fn check(self, url: &str) {
        assert_eq!(self.seen.rows(), uninterrupted(self.seed, self.sent()));
        self.check_stored(url);
    }

    fn check_stored(self, url: &str) {
        let (revision, rows) = self.acked.expect("there was a checkpoint");
        let Life {
            app, seed, input, ..
        } = self;
        drop(input);
        drop(app);
        let store = store(url);
        for (revision, report) in verify_all(&*store, NAME).expect("the catalogue") {
            assert!(report.is_sound(), "{revision}: {report}");
        }
        assert_eq!(store.last_revision(NAME), Ok(Some(revision)));
        let config = CheckpointConfig::default().takeover(true);
        let mut next = Life::go_on(store, seed, Seen::default(), config);
        assert_eq!(next.sent(), rows);
        next.send(40);
        let whole = uninterrupted(seed, rows + 40);
        let seen = next.seen.rows();
        assert_eq!(seen.len(), 80, "two queries, 40 rows");
        for (name, row) in &seen {
            assert_eq!(whole.get(name), Some(row), "{name:?}");
        }
        next.step().expect("it goes on");
    }
}

/// A new life over a store whose calls are timed.
pub fn timed(store: Arc<RedisPersistenceStore>, seed: u64) -> (Life, Arc<CallRecorder>) {
    let watched = CallRecorder::timing(store);
    (Life::start(watched.clone(), seed), watched)
}
