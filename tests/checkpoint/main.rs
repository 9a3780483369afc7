//! Checkpoints of running apps: taken, lost, restored, continued.

#[path = "../common/attach.rs"]
mod attach;
mod barrier;
mod basic;
mod bent;
mod child;
mod common;
mod corrupt;
mod distributed;
mod earlier;
mod edited;
mod fault;
mod hooked;
mod kept;
mod kill;
mod lease;
mod lost;
mod outage;
mod overtaken;
mod points;
mod race;
mod service;
