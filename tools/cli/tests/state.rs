//! `eventflux state` as a user runs it, over stores in folders: sound ones and damaged ones.

#[path = "state/advice.rs"]
mod advice;
#[path = "state/build.rs"]
mod build;
#[path = "state/damage.rs"]
mod damage;
#[path = "state/look.rs"]
mod look;
#[path = "state/write.rs"]
mod write;
