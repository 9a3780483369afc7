//! The server of a question, and stores on it.

use crate::checkpoint::Store;
use crate::engine;
use eventflux::redis::{RedisConfig, RedisPersistenceStore};
use eventflux_testbed::Redis;
use std::sync::Arc;

/// Starts a server that writes nothing to disk.
pub fn start() -> Result<Redis, String> {
    let started = Redis::builder().try_start();
    started.map_err(|e| format!("redis-server: {e}; install it (apt-get install redis-server)"))
}

/// The configuration of everything on a server.
pub fn config(url: &str) -> RedisConfig {
    RedisConfig {
        url: url.to_string(),
        ..RedisConfig::default()
    }
}

/// A store of checkpoints on a server.
pub fn store(url: &str) -> Result<Store, String> {
    let store = RedisPersistenceStore::new_with_config(config(url)).map_err(engine::text)?;
    Ok(Arc::new(store))
}
