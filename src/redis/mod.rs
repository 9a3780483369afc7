//! Checkpoints and the state backend in Redis: blocking, over a pool of connections.
//!
//! One code path for a single server, Sentinel and Cluster. `RedisPersistenceStore` keeps the checkpoints of apps;
//! `RedisBackend` keeps keys and values of the caller. `docs/operations.md` says what
//! each guarantee needs from the server.

mod address;
mod backend;
mod breaker;
mod client;
mod config;
mod connect;
mod fault;
mod link;
mod options;
mod pool;
mod secret;

pub(crate) use address::shown_url;
pub use backend::RedisBackend;
pub use config::RedisConfig;
pub use options::RedisOptions;
pub use secret::Secret;

use crate::store::{PersistenceStore, StoreError};
use std::sync::Arc;

/// The store for the checkpoints of apps, as [`DistributedConfig`](crate::distributed::DistributedConfig) opens it.
pub(crate) fn open_store(
    config: RedisConfig,
    _options: RedisOptions,
) -> Result<Arc<dyn PersistenceStore>, StoreError> {
    // RedisPersistenceStore::new_with_options(config, options).map(|store| Arc::new(store) as _)
    Err(StoreError::Refused {
        what: format!("{config:?}"),
        reason: "there is no store in Redis yet".to_string(),
    })
}
