//! How Redis is talked to: what has a sensible default.

use super::secret::Secret;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Longest of all times: what waits longer waits for ever, and sums of times stay in range.
pub(super) const TIME_MAX: Duration = Duration::from_secs(24 * 3600);

fn within(time: Duration, least: Duration) -> Duration {
    time.max(least).min(TIME_MAX)
}

/// How Redis is talked to. Starts from [`Default`]; every method changes one thing.
///
/// How long connecting may take is `connection_timeout_ms` of [`RedisConfig`](super::RedisConfig); a node of a cluster
/// has at most half a second, TLS and login included, since others may answer for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "each method returns the changed value"]
pub struct RedisOptions {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) sentinel_login: Option<(Option<String>, Secret)>,
    pub(super) read_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) retry_first: Duration,
    pub(super) retry_max: Duration,
    pub(super) retry_deadline: Duration,
    pub(super) breaker_failures: u32,
    pub(super) replicas: u32,
    pub(super) replicas_timeout: Duration,
    pub(super) lease: Duration,
    pub(super) tls_ca: Option<Vec<u8>>,
    pub(super) tls_client: Option<(Vec<u8>, Secret)>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        RedisOptions {
            username: None,
            password: None,
            sentinel_login: None,
            read_timeout: Duration::from_secs(2),
            write_timeout: Duration::from_secs(2),
            retry_first: Duration::from_millis(50),
            retry_max: Duration::from_secs(5),
            retry_deadline: Duration::from_secs(10),
            breaker_failures: 5,
            replicas: 0,
            replicas_timeout: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            tls_ca: None,
            tls_client: None,
        }
    }
}

impl RedisOptions {
    /// User of the servers' access list; goes before the one in the URL.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Password of the servers; goes before the one in the URL.
    pub fn password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// User and password of the sentinels, which have their own. Default: none.
    ///
    /// A sentinel has 500 ms to be connected to, TLS and login included, and as long for its answer, where the times
    /// for servers are not shorter; then the next one is asked.
    pub fn sentinel_login(mut self, username: Option<&str>, password: Secret) -> Self {
        self.sentinel_login = Some((username.map(str::to_string), password));
        self
    }

    /// Longest wait for the next bytes of a reply; default 2 s, from 1 ms to a day.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = within(timeout, MILLISECOND);
        self
    }

    /// Longest wait for room to send; default 2 s, from 1 ms to a day.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = within(timeout, MILLISECOND);
        self
    }

    /// Pauses between attempts, drawn between zero and a bound that doubles from `first` to `max`, and when to give
    /// up; default 50 ms, 5 s, 10 s. What trying again cannot mend is not tried again.
    pub fn retry(mut self, first: Duration, max: Duration, deadline: Duration) -> Self {
        let first = within(first, MILLISECOND);
        self.retry_first = first;
        self.retry_max = within(max, first);
        self.retry_deadline = deadline;
        self
    }

    /// After how many calls in a row without an answer the server is left alone, but for one attempt now and then;
    /// default 5, at least 1. A call that finds it so asks again within its deadline, as after any attempt.
    pub fn breaker_failures(mut self, failures: u32) -> Self {
        self.breaker_failures = failures.max(1);
        self
    }

    /// How many replicas must have a checkpoint before it counts, and how long to wait for them, at most nine tenths of
    /// [`read_timeout`](RedisOptions::read_timeout); default none. With none, a failover may lose the last checkpoints.
    pub fn replicas(mut self, replicas: u32, timeout: Duration) -> Self {
        self.replicas = replicas;
        self.replicas_timeout = within(timeout, MILLISECOND);
        self
    }

    /// How long a claim on an app's state outlives its owner's last sign of life; default 10 s, from 1 s to a day. It
    /// is renewed three times as often.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = within(lease, Duration::from_secs(1));
        self
    }

    /// Certificates (PEM) that sign the servers', instead of the system's. Beside a URL without TLS they are refused.
    pub fn tls_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls_ca = Some(pem.into());
        self
    }

    /// Certificate and key (PEM) by which servers know this client. Beside a URL without TLS they are refused.
    pub fn tls_client(mut self, certificate: impl Into<Vec<u8>>, key: Secret) -> Self {
        self.tls_client = Some((certificate.into(), key));
        self
    }
}
