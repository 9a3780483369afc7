//! Redis as the store of checkpoints and as state backend, on real servers that the tests start.
//!
//! Without a redis-server they print that they are skipped; with `EVENTFLUX_REQUIRE_REDIS=1` that is a failure.

mod backend;
mod cluster;
#[path = "../store/contract.rs"]
mod contract;
mod frozen;
mod life;
mod load;
mod lost;
mod redis_eventflux_persistence;
mod sentinel;
mod topologies;
mod watched;
mod zombie;
