//! The fuzz targets of `tools/fuzz` on stable: their corpus, then seeded mutations of it for a fixed time.
//!
//! `FUZZ_SECONDS=60 cargo test --test it fuzz::` runs longer, `FUZZ_SEED=7` elsewhere; a failure prints its input.

use crate::source::root;
use eventflux_kit::{Random, from_env};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

#[path = "../../tools/fuzz/bodies.rs"]
mod bodies;
#[path = "../../tools/fuzz/mutate.rs"]
mod mutate;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tools/fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).expect("the corpus exists");
    let mut paths: Vec<_> = entries
        .map(|e| e.expect("an entry can be read").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|p| fs::read(p).expect("it can be read"))
        .collect()
}

fn run(target: &str, body: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(corpus.len() >= 10, "{target} has a corpus");
    let mut random = Random::new(from_env("FUZZ_SEED", 0x5eed));
    let time = Duration::from_secs(from_env("FUZZ_SECONDS", 2));
    let begun = Instant::now();
    let mut tried = 0;
    while tried < corpus.len() || begun.elapsed() < time {
        let data = match corpus.get(tried) {
            Some(data) => data.clone(),
            None => mutate::mutated(&mut |n| random.below(n), &corpus),
        };
        let held = catch_unwind(AssertUnwindSafe(|| body(&data)));
        let shown = String::from_utf8_lossy(&data);
        assert!(held.is_ok(), "{target}: input {tried}: {shown:?}");
        tried += 1;
    }
    eprintln!("{target}: {tried} inputs");
}

#[test]
fn parse_app() {
    run("parse_app", bodies::parse_app);
}

#[test]
fn event_line() {
    run("event_line", bodies::event_line);
}

#[test]
fn checkpoint_bytes() {
    run("checkpoint_bytes", bodies::checkpoint_bytes);
}
