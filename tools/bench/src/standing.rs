//! What is paid whatever the query does: the barrier that every step passes, the memory that every group takes.
//!
//! Sketch: entering and leaving is one atomic swap and one store, some 10 ns; a group is 24 bytes, the number of rows
//! in its sum, and its place in an index, of which 8 bytes an entry are one to two thirds full.

use super::engine::{self, Engine, TRADES};
use super::harness::{Conditions, Pass, Spread, Tally, by_turns, same, word3};
use super::record::{Record, Unit};
use std::time::Instant;

/// `barrier-enter-exit`: what a thread pays to be stoppable.
pub fn barrier(c: &Conditions) -> Result<Record, String> {
    let calls = c.events(20_000_000);
    let barrier = eventflux::ThreadBarrier::new();
    let word = std::sync::atomic::AtomicU64::new(0);
    let pass = |work: &mut dyn FnMut(u64)| {
        let start = Instant::now();
        (0..calls as u64).for_each(work);
        Ok::<_, String>(Pass {
            time: start.elapsed(),
            tally: Tally::default(),
        })
    };
    let figures = by_turns(
        c,
        calls,
        || {
            pass(&mut |i| {
                let inside = barrier.enter_guard();
                std::hint::black_box(i);
                drop(inside);
            })
        },
        || {
            pass(&mut |i| {
                std::hint::black_box(word.swap(i, std::sync::atomic::Ordering::SeqCst));
            })
        },
    )?;
    let record = Record::new(
        "barrier-enter-exit",
        Unit::Call,
        calls,
        "uncontended atomic swap",
        figures,
    );
    Ok(record.within_ratio(2.0))
}

/// `memory-per-group`: growth of resident memory by GROUP BY, beside a plain vector of key and accumulators.
pub fn memory(c: &Conditions) -> Result<Record, String> {
    let groups = c.keys(1_000_000);
    let app = "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S GROUP BY key;";
    let engine = Engine::inline(&format!("{TRADES}{app}"), engine::long_double_long)?;
    let trades = super::data::each_key(groups);
    let mut batches = engine.columns(&trades)?;
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let before = resident()?;
    for batch in &mut batches {
        input.send_columns(batch).map_err(engine::text)?;
    }
    let ours = resident()?.saturating_sub(before) as f64 / groups as f64;
    let before = resident()?;
    let plain: Vec<(i64, f64, i64)> = trades.iter().map(|t| (t.key, t.price, 1)).collect();
    let baseline = resident()?.saturating_sub(before) as f64 / groups as f64;
    std::hint::black_box(&plain);
    let mut expected = Tally::default();
    for (key, total, n) in &plain {
        expected.add(word3(*key as u64, total.to_bits(), *n as u64));
    }
    same(engine.total(), expected)?;
    // below a page per kilobyte the system's own noise is larger than the figure
    let baseline = baseline.max(std::mem::size_of::<(i64, f64, i64)>() as f64);
    let figures = (Spread::one(ours), Spread::one(baseline));
    let record = Record::new(
        "memory-per-group",
        Unit::Group,
        groups,
        "vector of key and accumulators",
        figures,
    );
    Ok(record
        .within_ratio(2.0)
        .with_note("growth of resident memory, taken once, before any other question"))
}

/// Resident memory of the process in bytes.
pub(super) fn resident() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(engine::text)?;
    status
        .lines()
        .find_map(|l| {
            l.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map(|kib| kib * 1024)
        .ok_or_else(|| "/proc/self/status has no VmRSS".into())
}
