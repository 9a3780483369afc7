//! Checkpoints of running apps: taken, lost, restored, continued.

#[path = "../common/attach.rs"]
mod attach;
mod barrier;
mod basic;
mod child;
mod common;
mod corrupt;
mod crash_points;
mod distributed;
mod earlier;
mod edited;
mod fault;
#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "../common/fault_store.rs"]
mod fault_store;
mod hook_store;
mod kill;
mod lease;
mod lost;
mod misbehaving_store;
mod outage;
mod overtaken;
mod race;
mod retention;
mod service;
