//! Checkpoints of running apps: taken, lost, restored, continued.

mod barrier;
mod basic;
mod child;
mod common;
mod corrupt;
mod distributed;
mod fault;
mod hooked;
mod kept;
mod kill;
mod outage;
mod points;
mod race;
mod service;
