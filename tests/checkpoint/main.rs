//! Checkpoints of running apps: taken, lost, restored, continued.

mod basic;
