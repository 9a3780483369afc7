//! One connection, and whether it may be used again.
//!
//! A blocking client that gave up on a reply may read it as the answer to the next question, and a connection to a
//! cluster whose node died has been seen to answer with another key's value. So a connection that saw an error after
//! which a reply may be unread, or that leads to the wrong server, is poisoned and never goes back to the pool.

use super::fault::classify;
use redis::cluster::ClusterConnection;
use redis::{Cmd, Connection, ConnectionLike, RedisError, RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long after its last use a connection is taken for good without asking.
const FRESH: Duration = Duration::from_millis(500);

/// A connection to one server or to a cluster.
pub(super) struct Link {
    kind: Kind,
    poisoned: bool,
    used: Instant,
    /// How often connections had been given up when this was made, and the count of now.
    moves: Option<(u64, Arc<AtomicU64>)>,
}

enum Kind {
    Single(Connection),
    Cluster(Box<ClusterConnection>),
}

impl Link {
    pub(super) fn single(connection: Connection) -> Self {
        Link::new(Kind::Single(connection))
    }

    pub(super) fn cluster(connection: ClusterConnection) -> Self {
        Link::new(Kind::Cluster(Box::new(connection)))
    }

    fn new(kind: Kind) -> Self {
        Link {
            kind,
            poisoned: false,
            used: Instant::now(),
            moves: None,
        }
    }

    /// Is of use as long as `moves` is what was `seen`.
    pub(super) fn until_moved(mut self, seen: u64, moves: &Arc<AtomicU64>) -> Self {
        self.moves = Some((seen, Arc::clone(moves)));
        self
    }

    /// Whether the sentinels have named another primary since, or a call had no answer.
    pub(super) fn has_moved(&self) -> bool {
        let moves = self.moves.as_ref();
        moves.is_some_and(|(seen, moves)| moves.load(Ordering::Relaxed) != *seen)
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    /// Never to be used again.
    pub(super) fn poison(&mut self) {
        self.poisoned = true;
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned || self.has_moved() || !self.is_open()
    }

    /// Asks a connection that has rested whether it still leads to a primary: one that was demoted answers `PING`.
    pub(super) fn check(&mut self) -> RedisResult<()> {
        if self.has_moved() {
            self.poison();
            return Err(demoted());
        }
        // A cluster is not asked: a demoted node redirects what it no longer has, and a question to all nodes would
        // make a call to any of them wait for one that is frozen.
        if self.is_cluster() || self.used.elapsed() < FRESH {
            return Ok(());
        }
        match self.is_primary()? {
            true => Ok(()),
            false => {
                self.poison();
                Err(demoted())
            }
        }
    }

    /// Whether the one server is a primary.
    pub(super) fn is_primary(&mut self) -> RedisResult<bool> {
        let role: Value = redis::cmd("ROLE").query(self)?;
        let Value::Array(parts) = role else {
            return Ok(false);
        };
        Ok(matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master"))
    }

    /// Sends bytes of a command; only to one server.
    pub(super) fn send(&mut self, bytes: &[u8]) -> RedisResult<()> {
        let sent = match &mut self.kind {
            Kind::Single(connection) => connection.send_packed_command(bytes),
            Kind::Cluster(_) => Err(not_one_server()),
        };
        self.noted(sent)
    }

    /// The next reply; only of one server.
    pub(super) fn receive(&mut self) -> RedisResult<Value> {
        let received = match &mut self.kind {
            Kind::Single(connection) => connection.recv_response().and_then(Value::extract_error),
            Kind::Cluster(_) => Err(not_one_server()),
        };
        self.noted(received)
    }

    fn noted<T>(&mut self, result: RedisResult<T>) -> RedisResult<T> {
        match &result {
            Ok(_) => self.used = Instant::now(),
            Err(error) => self.poisoned |= classify(error).poisons(),
        }
        result
    }

    fn inner(&mut self) -> &mut dyn ConnectionLike {
        match &mut self.kind {
            Kind::Single(connection) => connection,
            Kind::Cluster(connection) => &mut **connection,
        }
    }
}

fn demoted() -> RedisError {
    RedisError::from((
        redis::ErrorKind::Server(redis::ServerErrorKind::ReadOnly),
        "the server is no primary any more",
    ))
}

fn not_one_server() -> RedisError {
    RedisError::from((redis::ErrorKind::Client, "a cluster has no pipelines"))
}

impl ConnectionLike for Link {
    fn req_packed_command(&mut self, cmd: &[u8]) -> RedisResult<Value> {
        let result = self.inner().req_packed_command(cmd);
        self.noted(result)
    }

    fn req_packed_commands(
        &mut self,
        cmd: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let result = self.inner().req_packed_commands(cmd, offset, count);
        self.noted(result)
    }

    fn req_command(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        let result = self.inner().req_command(cmd);
        self.noted(result)
    }

    fn get_db(&self) -> i64 {
        match &self.kind {
            Kind::Single(connection) => connection.get_db(),
            Kind::Cluster(_) => 0,
        }
    }

    fn supports_pipelining(&self) -> bool {
        !self.is_cluster()
    }

    fn check_connection(&mut self) -> bool {
        self.check().is_ok()
    }

    fn is_open(&self) -> bool {
        match &self.kind {
            Kind::Single(connection) => connection.is_open(),
            Kind::Cluster(connection) => connection.is_open(),
        }
    }
}
