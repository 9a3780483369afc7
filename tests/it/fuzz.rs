//! The fuzz targets of `tools/fuzz` on stable: their corpus, then seeded mutations of it for a fixed time.
//!
//! `FUZZ_SECONDS=60 cargo test --test it fuzz::` runs longer, `FUZZ_SEED=7` elsewhere; a failure prints its input.

use crate::source::root;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use std::{env, fs};

#[path = "../../tools/fuzz/bodies.rs"]
mod bodies;

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |v| v.parse().expect("a number"))
}

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

/// One to four changes: a piece of another input, a byte, a piece lost, a piece twice.
fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    const SIGNS: &[u8] = b"(),;.'\"@[]{}:=<>*/-0129eE \n\\%_#!\xc3\xff\x00";
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let start = random.below(data.len() + 1);
        let end = (start + random.below(12)).min(data.len());
        match random.below(5) {
            0 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(24)).min(other.len());
                data.splice(start..end, other[from..to].iter().copied());
            }
            1 => data.insert(start, SIGNS[random.below(SIGNS.len())]),
            2 => drop(data.drain(start..end)),
            3 => {
                let piece = data[start..end].to_vec();
                data.splice(start..start, piece);
            }
            _ if start < data.len() => data[start] = random.next() as u8,
            _ => {}
        }
    }
    data
}

fn run(target: &str, body: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(corpus.len() >= 10, "{target} has a corpus");
    let mut random = Random(number("FUZZ_SEED", 0x5eed) | 1);
    let time = Duration::from_secs(number("FUZZ_SECONDS", 2));
    let begun = Instant::now();
    let mut tried = 0;
    while tried < corpus.len() || begun.elapsed() < time {
        let data = match corpus.get(tried) {
            Some(data) => data.clone(),
            None => mutated(&mut random, &corpus),
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
