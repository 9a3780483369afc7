//! Redis as the store of checkpoints and as state backend, on real servers that the tests start.
//!
//! What any Redis will do for takes that of `REDIS_URL`, where it is set. Without a redis-server tests print that they
//! are skipped; with `EVENTFLUX_REQUIRE_REDIS=1` that is a failure.

mod acl;
#[path = "../common/attach.rs"]
mod attach;
mod backend;
mod cluster;
#[path = "../store/contract.rs"]
mod contract;
mod damage;
mod disk;
mod expiry;
mod frozen;
mod given_up;
mod hang;
mod inspect;
mod lasting;
mod life;
mod listed;
mod load;
mod lost;
mod memory;
mod neighbours;
mod power;
mod redis_backend;
mod redis_eventflux_persistence;
mod refused;
mod secrets;
mod sentinel;
mod topologies;
mod watched;
mod wires;
mod world;
mod zombie;
