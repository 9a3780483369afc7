//! Checkpoints of running apps: taken, lost, restored, continued.

mod basic;
mod child;
mod common;
mod fault;
mod hooked;
mod kill;
mod outage;
mod points;
mod race;
