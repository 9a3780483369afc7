//! What is promised of a Redis, as a user of the command line sees it, on the server whose program
//! `EVENTFLUX_REDIS_SERVER` names (`redis-server` otherwise). `.ci/run` runs this once for each server of
//! `tools/testbed/servers.sh`; docs/operations.md has the table.
//!
//! The oracle of each run is the file of one without a store, byte for byte.

#[path = "matrix/app.rs"]
mod app;
#[path = "common/child.rs"]
mod child;
#[path = "matrix/faults.rs"]
mod faults;
#[path = "common/kills.rs"]
mod kills;
#[path = "matrix/looks.rs"]
mod looks;
#[path = "matrix/memory.rs"]
mod memory;
#[path = "matrix/wires.rs"]
mod wires;
