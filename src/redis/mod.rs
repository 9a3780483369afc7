//! Checkpoints and the state backend in Redis: blocking, over a pool of connections.
//!
//! One code path for a single server, Sentinel and Cluster. `RedisPersistenceStore` keeps the checkpoints of apps;
//! `RedisBackend` keeps keys and values of the caller. `docs/operations.md` says what
//! each guarantee needs from the server.

mod address;
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
pub use config::RedisConfig;
pub use options::RedisOptions;
pub use secret::Secret;
