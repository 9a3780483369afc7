//! Checkpoints of running apps: taken, lost, restored, continued.

mod basic;
mod common;
mod fault;
mod outage;
