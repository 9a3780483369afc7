//! What Redis costs: beside a bare client that does the same work on the same server.
//!
//! The questions start a `redis-server` of their own on a free port of this machine, without persistence, and end it.
//! On two cores it shares them with the engine, as it does in use. `wire` is the bare client of chunks: a socket and
//! nothing else.

mod backend;
mod bandwidth;
mod commit;
mod failover;
mod outage;
mod server;
mod wire;

pub use backend::{get, set, set_multi};
pub use bandwidth::{full, recovery};
pub use commit::commit_10k;
pub use failover::{cluster, cluster_frozen, sentinel, sentinel_frozen};
pub use outage::{latency, throughput};
