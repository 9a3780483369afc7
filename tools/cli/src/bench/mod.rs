//! x
#![allow(missing_docs)]
pub mod cores;
pub mod data;
pub mod hand;
pub mod harness;
pub mod ring;
