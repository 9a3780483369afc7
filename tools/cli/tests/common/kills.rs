//! Runs that are killed and started again, and what they are to leave.
//!
//! When a run is killed is decided by what it has written, never by time: a run is waited for until its file has so
//! many bytes and its store another revision, or it has ended.

use crate::child::{Running, expect, run};
use std::fs;
use std::process::{Child, Output};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

pub const ROWS: u64 = 24_000;
/// Bytes of output at which runs are killed, one after the other.
pub const KILLED_AT: [u64; 4] = [1, 150_000, 400_000, 700_000];
/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// Rows with times that grow, and among them bad lines, clock lines and batches.
pub fn events(rows: u64) -> String {
    let mut text = String::from("{\"stream\":\"S\",\"row\":[\"early\",0,0]}\n");
    let (mut seed, mut at) = (7_u64, 1_000_u64);
    let mut n = 0;
    while n < rows {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let r = seed >> 33;
        at += r % 9;
        let row = |key: u64| {
            let price = (r % 10_000) as f64 / 8.0;
            format!(
                "{{\"stream\":\"S\",\"at\":{at},\"row\":[\"k{}\",{price},{n}]}}",
                key % 40
            )
        };
        if n % 97 == 5 {
            text += "no event\n\n";
        }
        if n % 211 == 7 {
            text += &format!("{{\"clock\":{at}}}\n");
        }
        if n % 301 == 9 {
            text += &format!("{{\"batch\":[{},{},{}]}}\n", row(r), row(r + 1), row(r + 2));
            n += 2;
        } else {
            text += &(row(r) + "\n");
        }
        n += 1;
    }
    text + &format!("{{\"clock\":{}}}\n", at + 100_000)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until something holds, or the run has ended; answers whether it holds.
pub fn reaches(child: &mut Child, holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing happens");
        park_timeout(Duration::from_millis(1));
    }
}

pub fn length(file: &str) -> u64 {
    fs::metadata(file).map_or(0, |about| about.len())
}

/// Runs a command again and again, killing it at each of the lengths, then to its end; answers how often it was
/// killed, and how often it went on with a revision. `epoch`: the greatest one in the store.
pub fn killed(
    args: &[&str],
    out: &str,
    epoch: &dyn Fn() -> u64,
    lengths: &[u64],
) -> (usize, usize) {
    let (mut kills, mut restores) = (0, 0);
    let mut note = |output: &Output| {
        let told = stderr(output);
        restores += usize::from(told.contains("restored revision"));
        // a predecessor that is seen to be dead is waited for by nobody
        assert!(!told.contains("waiting up to"), "{told}");
    };
    for (n, bytes) in lengths.iter().enumerate() {
        // The first one without a revision, the others with one more: the file of the one after it is there.
        let least = if n == 0 { 0 } else { epoch() + 2 };
        let mut child = Running::start(args);
        if reaches(child.child(), || length(out) >= *bytes && epoch() >= least) {
            child.child().kill().expect("kill -9");
            kills += 1;
        }
        note(&child.wait());
    }
    let last = run(args);
    expect(&last, 0, &[]);
    note(&last);
    (kills, restores)
}

#[track_caller]
pub fn same(left: &str, right: &str) {
    let (left, right) = (
        fs::read(left).expect("written"),
        fs::read(right).expect("written"),
    );
    if left != right {
        let at = left.iter().zip(&right).position(|(a, b)| a != b);
        let at = at.unwrap_or(left.len().min(right.len()));
        let around = |bytes: &[u8]| {
            let part = &bytes[at.saturating_sub(200)..bytes.len().min(at + 100)];
            String::from_utf8_lossy(part).into_owned()
        };
        let (a, b) = (around(&left), around(&right));
        panic!(
            "{} and {} bytes, differ at {at}:\n{a}\n-- and --\n{b}",
            left.len(),
            right.len()
        );
    }
}
