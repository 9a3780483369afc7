//! Checkpoints and the state backend in Redis: blocking, over a pool of connections.
//!
//! One code path for a single server, Sentinel and Cluster. [`RedisPersistenceStore`] keeps the checkpoints of apps;
//! [`RedisBackend`] keeps keys and values of the caller. `docs/operations.md` says what
//! each guarantee needs from the server.

mod acl;
mod address;
mod backend;
mod breaker;
mod client;
mod config;
mod connect;
mod fault;
mod fitness;
mod inspect;
mod keeper;
mod keys;
mod link;
mod options;
mod persistence;
mod pool;
mod process;
mod refusal;
mod script;
mod secret;
mod spread;
mod store;
mod tls;
mod upload;
mod uploading;

pub use acl::acl_line;
pub(crate) use address::shown_url;
pub use backend::RedisBackend;
pub use config::RedisConfig;
pub use inspect::{
    ClusterFacts, Inspection, Latency, MemoryFacts, Permission, PersistenceFacts, Replica,
    SentinelFacts, ServerFacts,
};
pub use options::RedisOptions;
pub use refusal::{Refused, Why};
pub use secret::Secret;
pub use store::RedisPersistenceStore;
