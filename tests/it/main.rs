//! The integration tests, linked once: each module is one question about the crate as its users see it.

mod app;
mod bad_input;
mod clocks;
mod coming_from;
mod conformance;
mod crash;
mod crash_kinds;
mod crash_large;
mod docs;
mod exactly_once;
mod filters;
mod fuzz;
mod layers;
mod life;
mod limits;
mod literal;
mod nab;
mod order;
mod script;
mod source;
mod tidy;
mod tree;
