//! Where the state of apps is kept, and how often, in one value.
//!
//! Why: who runs several apps says it once, for the manager; what an app's
//! [`RuntimeConfig`](crate::RuntimeConfig) says of its checkpoints goes before it.

use crate::checkpoint::CompressionType;
#[cfg(feature = "redis")]
use crate::redis::{RedisConfig, RedisOptions, RedisPersistenceStore};
use crate::store::{MemoryStore, PersistenceStore, StoreError};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many checkpoints must fit into the time to live: some may fail, and a restart takes its time.
const INTERVALS_PER_TTL: u32 = 10;

/// Where the state of apps is kept. Goes into
/// [`EventFluxManager::set_distributed_config`](crate::EventFluxManager::set_distributed_config).
///
/// ```
/// use eventflux::EventFluxManager;
/// use eventflux::core::distributed::{
///     CompressionType, DistributedConfig, StateBackendConfig, StateBackendImplementation,
/// };
/// use std::time::Duration;
///
/// let config = DistributedConfig {
///     state_backend: StateBackendConfig {
///         implementation: StateBackendImplementation::InMemory,
///         checkpoint_interval: Duration::from_secs(1),
///         state_ttl: None,
///         incremental_checkpoints: true,
///         compression: CompressionType::Zstd,
///     },
///     ..Default::default()
/// };
/// let mut manager = EventFluxManager::new();
/// manager.set_distributed_config(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistributedConfig {
    /// Where, and how often.
    pub state_backend: StateBackendConfig,
    /// How Redis is talked to, where it is Redis.
    #[cfg(feature = "redis")]
    pub redis: RedisOptions,
}

/// Where the state of apps is kept, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateBackendConfig {
    /// Where.
    pub implementation: StateBackendImplementation,
    /// Time from one checkpoint to the next; default 60 s.
    pub checkpoint_interval: Duration,
    /// How long the state stays after the last sign of life of its owner, in whole seconds; default for ever. At
    /// least ten intervals. In memory nothing expires.
    pub state_ttl: Option<Duration>,
    /// Whether a revision stores only what changed since the one before; default true.
    pub incremental_checkpoints: bool,
    /// How chunks are compressed.
    pub compression: CompressionType,
}

impl Default for StateBackendConfig {
    fn default() -> Self {
        StateBackendConfig {
            implementation: StateBackendImplementation::default(),
            checkpoint_interval: Duration::from_secs(60),
            state_ttl: None,
            incremental_checkpoints: true,
            compression: CompressionType::default(),
        }
    }
}

/// What keeps the state of apps.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum StateBackendImplementation {
    /// The process itself: state does not outlive it.
    #[default]
    InMemory,
    /// Redis. Needs the feature `redis`.
    Redis {
        /// URLs: one of any kind, or several nodes of a cluster. `Debug` shows them without user and password.
        endpoints: Vec<String>,
    },
}

impl fmt::Debug for StateBackendImplementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateBackendImplementation::InMemory => f.write_str("InMemory"),
            StateBackendImplementation::Redis { endpoints } => {
                let shown: Vec<String> = endpoints.iter().map(|url| shown_url(url)).collect();
                f.debug_struct("Redis").field("endpoints", &shown).finish()
            }
        }
    }
}

#[cfg(feature = "redis")]
fn shown_url(url: &str) -> String {
    crate::redis::shown_url(url)
}

#[cfg(not(feature = "redis"))]
fn shown_url(_: &str) -> String {
    "(a Redis URL)".to_string()
}

fn refused(what: &str, reason: String) -> StoreError {
    let what = what.to_string();
    StoreError::Refused { what, reason }
}

impl StateBackendConfig {
    fn check(&self) -> Result<(), StoreError> {
        let interval = self.checkpoint_interval;
        if interval.is_zero() {
            let reason = "it is zero: checkpoints would never end; the default is 60 s";
            return Err(refused("checkpoint_interval", reason.to_string()));
        }
        let ttl_min = interval.saturating_mul(INTERVALS_PER_TTL);
        match self.state_ttl {
            Some(ttl) if ttl < ttl_min => {
                let reason = format!(
                    "{ttl:?} is less than ten times the checkpoint interval of {interval:?}: state would expire \
                     while its owner restarts; give at least {ttl_min:?}, or a shorter interval"
                );
                Err(refused("state_ttl", reason))
            }
            _ => Ok(()),
        }
    }
}

impl DistributedConfig {
    /// The store that it describes.
    pub(crate) fn open(&self) -> Result<Arc<dyn PersistenceStore>, StoreError> {
        self.state_backend.check()?;
        match &self.state_backend.implementation {
            StateBackendImplementation::InMemory => Ok(Arc::new(MemoryStore::new())),
            StateBackendImplementation::Redis { endpoints } => self.open_redis(endpoints),
        }
    }

    #[cfg(feature = "redis")]
    fn open_redis(&self, endpoints: &[String]) -> Result<Arc<dyn PersistenceStore>, StoreError> {
        let ttl = self.state_backend.state_ttl;
        // Upwards: state never goes before its time.
        let ttl_seconds = ttl.map(|ttl| ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0));
        let config = RedisConfig {
            ttl_seconds,
            ..RedisConfig::from_endpoints(endpoints)?
        };
        let store = RedisPersistenceStore::new_with_options(config, self.redis.clone())?;
        Ok(Arc::new(store))
    }

    #[cfg(not(feature = "redis"))]
    fn open_redis(&self, _: &[String]) -> Result<Arc<dyn PersistenceStore>, StoreError> {
        let reason = "this build has no Redis: add the feature redis of eventflux";
        Err(refused("the Redis state backend", reason.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(interval_ms: u64, ttl_ms: Option<u64>) -> DistributedConfig {
        DistributedConfig {
            state_backend: StateBackendConfig {
                checkpoint_interval: Duration::from_millis(interval_ms),
                state_ttl: ttl_ms.map(Duration::from_millis),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_remedy() {
        assert!(DistributedConfig::default().open().is_ok());
        assert!(config(1, None).open().is_ok() && config(60_000, Some(600_000)).open().is_ok());
        for (bad, remedy) in [
            (config(0, None), "default is 60 s"),
            (config(60_000, Some(599_999)), "at least 600s"),
            (config(1, Some(0)), "at least 10ms"),
        ] {
            let error = bad.open().err().expect("refused");
            assert_eq!(error.reason(), "refused");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }

    #[test]
    fn passwords_of_endpoints_are_not_shown() {
        let endpoints = ["redis://u:hunter2@node1:6379", "redis:hunter2@node2"];
        let implementation = StateBackendImplementation::Redis {
            endpoints: endpoints.map(str::to_string).to_vec(),
        };
        let config = DistributedConfig {
            state_backend: StateBackendConfig {
                implementation,
                ..Default::default()
            },
            ..Default::default()
        };
        let shown = format!("{config:?} {config:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        #[cfg(feature = "redis")]
        assert!(shown.contains("redis://node1:6379"), "{shown}");
    }
}
