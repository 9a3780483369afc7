//! Runs what the plan says: from the rows that come in, over the workers that process them, to the state that is kept.
//!
//! Each folder is a room with one subject; arrows between rooms go one way, from the last of this list to the first:
//! `barrier` stops all workers between two steps; `lane` carries rows from one producer to one worker; `position` says
//! how far named inputs have come; `config` is what an app is told; `worker` is what one worker owns and does in a
//! step; `shared` is what all threads and handles of an app have in common; `ingress` is how rows come in;
//! `checkpointing` takes the state to a store and back; `app` is the handle, and what it starts and stops.

pub(crate) mod app;
pub(crate) mod barrier;
pub(crate) mod checkpointing;
pub(crate) mod config;
pub(crate) mod ingress;
pub(crate) mod lane;
pub(crate) mod position;
pub(crate) mod prometheus;
pub(crate) mod shared;
pub(crate) mod worker;

#[cfg(all(test, eventflux_loom))]
mod loom_models;
