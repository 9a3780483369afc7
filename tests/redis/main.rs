//! Redis as the store of checkpoints and as state backend, on real servers that the tests start.
//!
//! Without a redis-server they print that they are skipped; with `EVENTFLUX_REQUIRE_REDIS=1` that is a failure.

#[path = "../store/contract.rs"]
mod contract;
mod acl;
mod damage;
mod disk;
mod expiry;
mod hang;
mod inspect;
mod life;
mod memory;
mod power;
mod redis_backend;
mod refused;
mod topologies;
mod wires;
