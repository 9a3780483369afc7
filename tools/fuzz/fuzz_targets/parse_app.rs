//! Any bytes as an app: `cargo fuzz run --fuzz-dir fuzz parse_app`, in `tools`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::parse_app(data));
