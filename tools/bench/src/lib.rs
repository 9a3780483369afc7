//! `eventflux-bench`: how fast is each thing that the engine does, beside the same work written by hand?
//!
//! `questions` is the list. A question makes its input, runs the engine and the hand-written loop by turns
//! (`harness`), checks that both answer the same, and gives a record of figures and limits (`record`), which `report`
//! shows as table or JSON lines and `page` as a page of HTML; how things grow is also written as pictures.

mod aggregation;
mod batches;
mod chart;
mod checkpoint;
pub mod cores;
pub mod data;
mod disorder;
pub mod engine;
#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "../../../tests/common/fault_store.rs"]
mod fault_store;
mod figures;
mod growth;
pub mod hand;
pub mod harness;
pub mod join;
mod lanes;
mod lines;
pub mod nexmark;
mod open_loop;
mod over;
pub mod page;
mod partition;
pub mod pattern;
mod progress;
mod question;
mod questions;
mod rate;
mod read;
pub mod record;
mod redis;
pub mod report;
mod ring;
mod run;
mod send;
mod sorted;
mod standing;
mod two_workers;
mod windows;

pub use question::{GROUPS, Question};
pub use questions::QUESTIONS;
pub use run::{BenchArgs, BenchError, HELP, about, ask, run};
