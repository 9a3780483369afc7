//! Where Redis is: the five settings that everyone needs.

use super::address::{Address, shown_url};
use crate::store::StoreError;
use std::fmt;

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
/// ```
#[derive(Clone, PartialEq, Eq)]
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
