//! Any bytes as a part of a checkpoint: `cargo fuzz run --fuzz-dir fuzz checkpoint_bytes`, in `tools`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::checkpoint_bytes(data));
