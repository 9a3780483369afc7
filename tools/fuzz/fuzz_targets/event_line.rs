//! Any bytes as a line of an events file: `cargo fuzz run --fuzz-dir fuzz event_line`, in `tools`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::event_line(data));
