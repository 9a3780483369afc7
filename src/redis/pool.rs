//! The pool of connections.

use super::connect::Connector;
use super::fault::{Class, classify, told};
use super::link::Link;
use crate::store::StoreError;
use parking_lot::Mutex;
use r2d2::{ManageConnection, NopErrorHandler, PooledConnection};
use redis::RedisError;
use scheduled_thread_pool::{OnPoolDropBehavior, ScheduledThreadPool};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// The pool looks this often whether it got a connection, or an error that ends the wait.
const LOOK: Duration = Duration::from_millis(10);

/// The pool's own pauses between attempts double up to half of this.
const PAUSE: Duration = Duration::from_millis(500);

/// A connection of the pool; goes back when dropped.
pub(super) type Pooled = PooledConnection<Supply>;

/// What r2d2 asks for connections.
pub(super) struct Supply {
    connector: Arc<Connector>,
    asked: Arc<Asked>,
}

/// What callers and the thread that connects for them tell each other.
#[derive(Default)]
struct Asked {
    /// How many attempts failed, and why the last one did: r2d2 passes errors on as texts only.
    failed: Mutex<(u64, Option<RedisError>)>,
    /// Callers that wait for a connection.
    waiting: AtomicUsize,
}

/// A caller that waits.
struct Waiting<'a>(&'a Asked);

impl<'a> Waiting<'a> {
    fn of(asked: &'a Asked) -> Self {
        asked.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(asked)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ManageConnection for Supply {
    type Connection = Link;
    type Error = RedisError;

    fn connect(&self) -> Result<Link, RedisError> {
        // r2d2 tries until it succeeds, and a login that is refused is not to be tried for ever.
        if self.asked.waiting.load(Ordering::SeqCst) == 0 {
            return Err(io::Error::from(io::ErrorKind::WouldBlock).into());
        }
        let connected = self.connector.connect();
        if let Err(error) = &connected {
            let mut failed = self.asked.failed.lock();
            failed.0 += 1;
            failed.1 = Some(error.clone());
        }
        connected
    }

    fn is_valid(&self, link: &mut Link) -> Result<(), RedisError> {
        let checked = link.check();
        if checked.is_err() && !link.has_moved() {
            self.connector.distrust();
        }
        checked
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.is_poisoned()
    }
}

/// Connections, made when they are needed.
pub(super) struct Pool {
    pool: r2d2::Pool<Supply>,
    asked: Arc<Asked>,
    timeout: Duration,
    connections_max: u32,
}

/// One thread makes the connections of a pool. Not of several: a name that is looked up for long, or a server that
/// takes a connection and says nothing, would keep the stores of other servers waiting.
///
/// Errors: the system starts no thread. Asked with one of our own: where it does not, the library panics.
fn maker() -> Result<Arc<ScheduledThreadPool>, StoreError> {
    let refused = |e: io::Error| StoreError::Io {
        what: "a thread that makes connections".to_string(),
        reason: e.to_string(),
    };
    drop(Builder::new().spawn(|| ()).map_err(refused)?.join());
    let pool = ScheduledThreadPool::builder()
        .num_threads(1)
        .on_drop_behavior(OnPoolDropBehavior::DiscardPendingScheduled)
        .thread_name_pattern("eventflux-connect");
    Ok(Arc::new(pool.build()))
}

impl Pool {
    /// Connects to nothing yet.
    pub(super) fn new(
        connector: Arc<Connector>,
        connections_max: u32,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let asked = Arc::default();
        let supply = Supply {
            connector,
            asked: Arc::clone(&asked),
        };
        let pool = r2d2::Pool::builder()
            .max_size(connections_max)
            .min_idle(Some(0))
            .test_on_check_out(true)
            .connection_timeout(PAUSE.min(timeout))
            .idle_timeout(Some(Duration::from_secs(300)))
            .error_handler(Box::new(NopErrorHandler))
            .thread_pool(maker()?)
            .build_unchecked(supply);
        Ok(Pool {
            pool,
            asked,
            timeout,
            connections_max,
        })
    }

    /// A connection; the error of the last attempt to make one, if that comes first.
    pub(super) fn get(&self, what: &str) -> Result<Pooled, (StoreError, Class)> {
        if let Some(idle) = self.pool.try_get() {
            return Ok(idle);
        }
        let _waiting = Waiting::of(&self.asked);
        let before = self.asked.failed.lock().0;
        let begun = Instant::now();
        loop {
            if let Ok(link) = self.pool.get_timeout(LOOK) {
                return Ok(link);
            }
            let failed = self.asked.failed.lock();
            if let (true, Some(error)) = (failed.0 > before, &failed.1) {
                return Err((told(what, error), classify(error)));
            }
            drop(failed);
            if begun.elapsed() >= self.timeout {
                let reason = format!(
                    "no connection within {} ms; {} of {} are in use",
                    self.timeout.as_millis(),
                    self.in_use(),
                    self.connections_max
                );
                let what = what.to_string();
                return Err((StoreError::Io { what, reason }, Class::Unanswered));
            }
        }
    }

    pub(super) fn in_use(&self) -> u32 {
        let state = self.pool.state();
        state.connections.saturating_sub(state.idle_connections)
    }

    pub(super) fn connections_max(&self) -> u32 {
        self.connections_max
    }
}
