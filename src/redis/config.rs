//! Where Redis is: the five settings that everyone needs.

use super::address::{Address, shown_url};
use crate::store::StoreError;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A hundred years: what is longer, Redis could not add to its clock.
const TTL_MAX: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// Where Redis is and how its keys begin. All else is in [`RedisOptions`](super::RedisOptions).
///
/// URLs: `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, `unix:///path[?db=n]`,
/// `redis+sentinel://[user:password@]host[:port],…/primary[/db]`, `redis+cluster://[user:password@]host[:port],…`, and
/// `rediss+sentinel`, `rediss+cluster`. The password in the URL is never shown.
///
/// ```
/// use eventflux::redis::RedisConfig;
///
/// let config = RedisConfig::default();
/// assert_eq!(config.url, "redis://localhost:6379");
/// assert_eq!((config.max_connections, config.connection_timeout_ms), (10, 5000));
/// assert_eq!((config.key_prefix.as_str(), config.ttl_seconds), ("eventflux:", None));
///
/// let day = std::time::Duration::from_secs(24 * 3600);
/// let config = "redis://:secret@db:6380/2".parse::<RedisConfig>()?.ttl(Some(day));
/// assert_eq!(config.ttl_seconds, Some(86_400));
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), eventflux::store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a store or a backend is made of it"]
pub struct RedisConfig {
    /// Where Redis is.
    pub url: String,
    /// Connections at most; at least 2 are used.
    pub max_connections: usize,
    /// Milliseconds until an attempt to connect, or to get a connection of the pool, fails.
    pub connection_timeout_ms: u64,
    /// How all keys begin. No braces, spaces or control characters.
    pub key_prefix: String,
    /// Seconds after the last sign of life of its owner until an app's state expires; `None`: never.
    pub ttl_seconds: Option<u64>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        RedisConfig {
            url: "redis://localhost:6379".to_string(),
            max_connections: 10,
            connection_timeout_ms: 5000,
            key_prefix: "eventflux:".to_string(),
            ttl_seconds: None,
        }
    }
}

impl RedisConfig {
    /// The defaults with these endpoints: one is a URL of any kind, several are nodes of a cluster.
    ///
    /// Errors: [`StoreError::Refused`] for URLs that cannot be read or do not fit together.
    pub fn from_endpoints(endpoints: &[String]) -> Result<Self, StoreError> {
        let url = match endpoints {
            [url] => {
                Address::parse(url)?;
                url.clone()
            }
            several => Address::cluster(several)?.to_secret_url(),
        };
        Ok(RedisConfig {
            url,
            ..RedisConfig::default()
        })
    }
}

/// The defaults with this URL.
impl FromStr for RedisConfig {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        RedisConfig::from_endpoints(&[url.to_string()])
    }
}

impl RedisConfig {
    /// Sets [`connection_timeout_ms`](RedisConfig::connection_timeout_ms).
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.connection_timeout_ms = milliseconds(timeout);
        self
    }

    /// Sets [`ttl_seconds`](RedisConfig::ttl_seconds); parts of a second count as a whole one.
    pub fn ttl(mut self, ttl: Option<Duration>) -> Self {
        let seconds = |ttl: Duration| {
            let part = u64::from(ttl.subsec_nanos() > 0);
            ttl.as_secs().saturating_add(part)
        };
        self.ttl_seconds = ttl.map(seconds);
        self
    }

    /// How long what is not refreshed lives, if it ends at all.
    ///
    /// Errors: [`StoreError::Refused`] for zero.
    pub(super) fn time_to_live(&self) -> Result<Option<Duration>, StoreError> {
        match self.ttl_seconds {
            Some(0) => Err(StoreError::Refused {
                what: "ttl_seconds".to_string(),
                reason: "0 would expire at once; None keeps for ever".to_string(),
            }),
            seconds => Ok(seconds.map(|s| Duration::from_secs(s).min(TTL_MAX))),
        }
    }
}

/// How long something lives that has to outlive what names it, which lives so long: by twice the time, at least a day.
pub(super) fn outliving(ttl: Duration) -> Duration {
    ttl + (ttl * 2).max(DAY)
}

/// A duration as the server takes it.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("url", &shown_url(&self.url))
            .field("max_connections", &self.max_connections)
            .field("connection_timeout_ms", &self.connection_timeout_ms)
            .field("key_prefix", &self.key_prefix)
            .field("ttl_seconds", &self.ttl_seconds)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_something_ends_first() {
        let ttl = |ttl_seconds| {
            let config = RedisConfig {
                ttl_seconds,
                ..RedisConfig::default()
            };
            config.time_to_live()
        };
        assert_eq!(ttl(None), Ok(None));
        assert!(matches!(ttl(Some(0)), Err(StoreError::Refused { .. })));
        assert_eq!(ttl(Some(60)), Ok(Some(Duration::from_secs(60))));
        assert_eq!(ttl(Some(u64::MAX)), Ok(Some(TTL_MAX)));
        let set = |ttl| RedisConfig::default().ttl(Some(ttl)).ttl_seconds;
        assert_eq!(set(Duration::ZERO), Some(0), "refused when it is used");
        assert_eq!(set(Duration::from_millis(1_001)), Some(2));
        assert_eq!(set(Duration::MAX), Some(u64::MAX));
        assert_eq!(outliving(DAY / 24), DAY / 24 + DAY);
        assert_eq!(outliving(DAY * 3), DAY * 9);
        assert_eq!(milliseconds(outliving(TTL_MAX)), 3 * 36_525 * 86_400_000);
    }
}
