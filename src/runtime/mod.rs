//! Threads and what passes between them: lanes, wake-ups, and the barrier around worker state.
//!
//! `slot` is an atomic box; `lane` carries batches over slots from one producer to one worker; `park` and `wait` put
//! an idle worker to sleep without losing a wake-up; `barrier` stops all workers at a step border; `cell` is the
//! worker state that the barrier guards. All of them reach atomics through `crate::sync`, so loom sees every access.

pub(crate) mod app;
pub(crate) mod barrier;
pub(crate) mod capture;
pub(crate) mod cell;
pub(crate) mod clocks;
pub(crate) mod column_batch;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod context;
pub(crate) mod core;
pub(crate) mod cores;
pub(crate) mod door;
pub(crate) mod graph;
pub(crate) mod handler;
pub(crate) mod input;
pub(crate) mod input_handler;
pub(crate) mod instance;
pub(crate) mod lane;
pub(crate) mod manager;
pub(crate) mod metrics;
pub(crate) mod moments;
pub(crate) mod named;
pub(crate) mod output;
pub(crate) mod output_number;
pub(crate) mod packet;
pub(crate) mod park;
pub(crate) mod position;
pub(crate) mod published;
pub(crate) mod resume;
pub(crate) mod row;
pub(crate) mod shared;
pub(crate) mod slot;
pub(crate) mod snapshot;
pub(crate) mod target;
pub(crate) mod turns;
pub(crate) mod wait;
pub(crate) mod wall;
pub(crate) mod worker;

#[cfg(all(test, eventflux_loom))]
mod loom_models;
