//! Asks Redis: over pooled connections, again where that may help, and not at all while nobody answers.

mod probe;

use super::address::{Address, Topology};
use super::breaker::Breaker;
use super::config::RedisConfig;
use super::connect::Connector;
use super::fault::{Class, classify, no_redis, told_as};
use super::link::Link;
use super::options::{RedisOptions, TIME_MAX};
use super::pool::{Pool, Pooled};
use crate::store::{StoreError, StoreHealth};
use parking_lot::Mutex;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asks one Redis. A clone shares the connections.
#[derive(Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    connector: Arc<Connector>,
    options: RedisOptions,
    breaker: Mutex<Breaker>,
    seen: Mutex<Seen>,
    shown: String,
}

/// What the last answers told.
#[derive(Default)]
struct Seen {
    /// Why the last call failed, if it did.
    failed: Option<String>,
    /// It failed for want of an answer; a refusal is one.
    unanswered: bool,
    /// It had an answer: the server is there and cannot do it now.
    unavailable: bool,
    /// A call went well once: what answers there is a Redis.
    known: bool,
    /// Nodes of a cluster were asked what is wrong, and did not refuse.
    nodes_asked: bool,
    /// How many answers in a row were none of Redis.
    foreign: u32,
    role: Option<&'static str>,
    round_trip: Option<Duration>,
    note: String,
    /// Of a cluster the ids of the histories that its primaries write, in order.
    histories: Vec<String>,
    failovers: u64,
}

/// A call that failed, and whether another try may help.
pub(super) struct Failed {
    pub(super) error: StoreError,
    pub(super) again: bool,
}

/// So many answers in a row that are none of Redis, before any that is one, are not damaged ones.
const FOREIGN_MAX: u32 = 3;

/// How often something is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tries {
    One,
    /// Until it has an answer, or the deadline is over.
    Many,
}

/// All texts of an answer: one, or on a cluster one of each node.
pub(super) fn texts(value: Value) -> Vec<String> {
    match value {
        Value::BulkString(bytes) => vec![String::from_utf8_lossy(&bytes).into_owned()],
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => vec![text],
        Value::Map(pairs) => pairs.into_iter().flat_map(|(_, v)| texts(v)).collect(),
        Value::Array(values) => values.into_iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// A number that nobody can foresee.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Client {
    /// Reads the configuration; connects to nothing.
    pub(super) fn new(config: &RedisConfig, options: &RedisOptions) -> Result<Self, StoreError> {
        let address = Address::parse(&config.url)?;
        let shown = address.to_string();
        let timeout = Duration::from_millis(config.connection_timeout_ms.max(1)).min(TIME_MAX);
        let connector = Arc::new(Connector::new(address, options.clone(), timeout)?);
        let connections_max = u32::try_from(config.max_connections.max(2)).unwrap_or(u32::MAX);
        let breaker = Breaker::new(
            options.breaker_failures,
            options.retry_first,
            options.retry_max,
        );
        Ok(Client {
            shared: Arc::new(Shared {
                pool: Pool::new(Arc::clone(&connector), connections_max, timeout)?,
                connector,
                options: options.clone(),
                breaker: Mutex::new(breaker),
                seen: Mutex::default(),
                shown,
            }),
        })
    }

    /// The URL without secrets.
    pub(super) fn describe(&self) -> &str {
        &self.shared.shown
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.shared.connector
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.shared.options
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(
            self.shared.connector.address().topology,
            Topology::Cluster(_)
        )
    }

    /// Whether the URL names one server, and no way to find the primary.
    pub(super) fn is_one_server(&self) -> bool {
        let topology = &self.shared.connector.address().topology;
        matches!(topology, Topology::Single(_) | Topology::Unix(_))
    }

    /// Connections at most.
    pub(super) fn connections_max(&self) -> u32 {
        self.shared.pool.connections_max()
    }

    /// A connection for work of several steps, each of which goes through [`Client::on`].
    pub(super) fn link(&self, what: &str) -> Result<Pooled, Failed> {
        let now = Instant::now();
        // A statement of its own: the guard must be gone when the refusal is told.
        let admitted = self.shared.breaker.lock().admit(now);
        if let Err(wait) = admitted {
            return Err(self.not_tried(what, wait));
        }
        let got = self.shared.pool.get(what);
        got.map_err(|(error, class)| self.noted_failure(error, class))
    }

    /// Does something on a connection and keeps the account of how it went.
    pub(super) fn on<T>(
        &self,
        what: &str,
        link: &mut Link,
        act: impl FnOnce(&mut Link) -> RedisResult<T>,
    ) -> Result<T, Failed> {
        let done = act(link).map_err(|error| self.failure(what, &error))?;
        self.noted_success();
        Ok(done)
    }

    /// The failure that an error is; counted.
    pub(super) fn failure(&self, what: &str, error: &RedisError) -> Failed {
        let refusal = self.refusal_of_node(error);
        let error = refusal.as_ref().unwrap_or(error);
        let class = match error.kind() {
            // The server is a node: others are not followed from a URL that names one server.
            ErrorKind::Server(ServerErrorKind::Moved) if self.is_one_server() => Class::Refused,
            _ => classify(error),
        };
        if class.is_no_answer() {
            self.shared.connector.distrust();
        }
        let failed = self.noted_failure(told_as(class, what, error), class);
        self.shared.seen.lock().unavailable = class == Class::Unavailable;
        failed
    }

    /// Why the nodes will not do, where a connection to a cluster was made and leads nowhere. They are asked until one
    /// of them is found to be in order.
    fn refusal_of_node(&self, error: &RedisError) -> Option<RedisError> {
        let nowhere = error.kind() == ErrorKind::ClusterConnectionNotFound;
        if !nowhere || self.shared.seen.lock().nodes_asked {
            return None;
        }
        let refusal = self.shared.connector.refusal_of_node();
        self.shared.seen.lock().nodes_asked = refusal.is_none();
        refusal
    }

    fn noted_success(&self) {
        self.shared.breaker.lock().succeeded();
        let mut seen = self.shared.seen.lock();
        (seen.failed, seen.unanswered, seen.unavailable) = (None, false, false);
        (seen.known, seen.foreign) = (true, 0);
    }

    fn noted_failure(&self, error: StoreError, class: Class) -> Failed {
        let (mut error, mut again) = (error, class.is_worth_another_try());
        let mut seen = self.shared.seen.lock();
        seen.foreign = match class {
            Class::Foreign => seen.foreign.saturating_add(1),
            _ => 0,
        };
        if seen.foreign >= FOREIGN_MAX && !seen.known {
            (error, again) = (no_redis(&self.shared.shown, &error), false);
        }
        (seen.failed, seen.unanswered) = (Some(error.to_string()), again);
        seen.unavailable = false;
        drop(seen);
        if again {
            self.shared.breaker.lock().failed(Instant::now());
        }
        Failed { error, again }
    }

    fn not_tried(&self, what: &str, wait: Duration) -> Failed {
        let failures = self.shared.breaker.lock().failures();
        let last = self.shared.seen.lock().failed.clone().unwrap_or_default();
        let reason = format!(
            "not tried: {failures} calls in a row had no answer, the next attempt is in {} ms; the last one: {last}",
            wait.as_millis()
        );
        Failed {
            error: StoreError::Io {
                what: what.to_string(),
                reason,
            },
            again: true,
        }
    }

    /// Asks as often as is said.
    pub(super) fn ask<T>(
        &self,
        tries: Tries,
        what: &str,
        act: impl FnMut(&mut Link) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        match tries {
            Tries::One => self.once(what, act),
            Tries::Many => self.retry(what, act),
        }
    }

    /// One attempt.
    pub(super) fn once<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut Link) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        self.attempt(what, act).map_err(|failed| failed.error)
    }

    fn attempt<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut Link) -> RedisResult<T>,
    ) -> Result<T, Failed> {
        let mut link = self.link(what)?;
        self.on(what, &mut link, act)
    }

    /// Attempts until one has an answer, or the deadline is over: for what may be done twice.
    ///
    /// Between attempts it waits a random time up to a bound that doubles ("full jitter": Brooker, "Exponential
    /// Backoff and Jitter", AWS Architecture Blog, 2015).
    pub(super) fn retry<T>(
        &self,
        what: &str,
        mut act: impl FnMut(&mut Link) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        self.retry_by(|| self.attempt(what, &mut act))
    }

    /// As [`Client::retry`], for an attempt that gets its connection itself.
    pub(super) fn retry_by<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let options = &self.shared.options;
        let begun = Instant::now();
        let mut bound = options.retry_first;
        loop {
            let failed = match attempt() {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
            let pause = Duration::from_nanos(random() % nanos.max(1));
            if !failed.again || begun.elapsed() + pause > options.retry_deadline {
                return Err(failed.error);
            }
            std::thread::sleep(pause);
            bound = (bound * 2).min(options.retry_max);
        }
    }

    /// Changes something, again where that may help, and waits for the replicas of what was written.
    pub(super) fn confirmed<T>(
        &self,
        what: &str,
        mut act: impl FnMut(&mut Link) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        self.retry_by(|| {
            let mut link = self.link(what)?;
            let done = self.on(what, &mut link, &mut act)?;
            self.wait_for_replicas(&mut link)?;
            Ok(done)
        })
    }

    /// Waits until what was written on this connection is on as many replicas as are asked for.
    pub(super) fn wait_for_replicas(&self, link: &mut Pooled) -> Result<(), Failed> {
        let options = &self.shared.options;
        let wanted = options.replicas;
        if wanted == 0 {
            return Ok(());
        }
        // The answer has to come before the connection is given up.
        let timeout = options.replicas_timeout.min(options.read_timeout * 9 / 10);
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let reached: u32 = self.on("WAIT", link, |link| {
            redis::cmd("WAIT")
                .arg(wanted)
                .arg(timeout_ms.max(1))
                .query(link)
        })?;
        if reached < wanted {
            return Err(Failed {
                error: StoreError::Durability { wanted, reached },
                again: false,
            });
        }
        Ok(())
    }

    /// A server answers as one that has lost what it had acknowledged.
    pub(super) fn replaced(&self) {
        self.shared.seen.lock().failovers += 1;
    }

    /// How often a primary was seen to be another one.
    pub(super) fn failovers(&self) -> u64 {
        self.shared.seen.lock().failovers
    }

    /// Something to be said with the health from now on.
    pub(super) fn note(&self, note: String) {
        self.shared.seen.lock().note = note;
    }

    /// How the server was when it was last asked.
    pub(super) fn health(&self) -> StoreHealth {
        let seen = self.shared.seen.lock();
        let breaker = self.shared.breaker.lock();
        StoreHealth {
            reachable: !seen.unanswered,
            detail: seen.failed.clone().unwrap_or_else(|| seen.note.clone()),
            role: seen.role,
            failures_in_a_row: breaker.failures(),
            breaker_open: breaker.is_open(),
            connections: Some((
                self.shared.pool.in_use(),
                self.shared.pool.connections_max(),
            )),
            round_trip: seen.round_trip,
            repairs: 0,
        }
    }
}
