//! The integration tests, linked once: each module is one question about the crate as its users see it.

mod aggregations;
mod app;
mod bad_input;
mod by_constant;
mod clocks;
#[path = "../common/coded.rs"]
mod coded;
mod coming_from;
mod conformance;
mod crash;
mod crash_kinds;
mod crash_large;
mod docs;
mod exactly_once;
mod explain;
#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "../common/fault_store.rs"]
mod fault_store;
mod filters;
mod fuzz;
mod layers;
mod life;
mod limits;
mod literal;
mod many_keys;
mod migrating;
mod nab;
mod on_demand;
mod order;
mod over;
mod pattern_bounds;
mod ranges;
mod recovery;
mod script;
mod siddhi;
mod singly;
mod source;
mod table_files;
mod tidy;
mod traces;
mod tree;
mod typed;
