//! Redis as the store of checkpoints and as state backend, on real servers that the tests start.
//!
//! What any Redis will do for takes that of `REDIS_URL`, where it is set. Without a redis-server tests print that they
//! are skipped; with `EVENTFLUX_REQUIRE_REDIS=1` that is a failure.

mod abandoned_epochs;
mod acl;
#[path = "../common/attach.rs"]
mod attach;
mod backend;
mod call_recorder;
mod cluster;
#[path = "../store/contract.rs"]
mod contract;
mod damage;
mod disk;
mod expiry;
#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "../common/fault_store.rs"]
mod fault_store;
mod frozen;
mod hang;
mod inspect;
mod isolation;
mod lasting;
mod life;
mod listed;
mod lives;
mod load;
mod lost;
mod memory;
mod network_faults;
mod power;
mod redis_backend;
mod redis_eventflux_persistence;
mod refused;
mod secrets;
mod sentinel;
mod takeover;
mod topologies;
