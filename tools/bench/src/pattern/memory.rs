//! What an open run takes.

use super::case::STREAMS;
use crate::data::{BATCH_ROWS, each_key};
use crate::engine::{self, Engine};
use crate::harness::{Conditions, Spread, Tally, same, word2};
use crate::join::feed::{columns, send};
use crate::join::hand::KeyedRow;
use crate::record::{Record, Unit};
use crate::standing::resident;
use eventflux::event::Timestamp;

/// Open runs.
const RUNS: usize = 1_000_000;
/// What a run may take beside the values that later terms read.
const RUN_BYTES: f64 = 64.0;
/// The key and the value of its row.
const VALUES_BYTES: f64 = 16.0;

/// `memory-per-run`: growth of resident memory by open runs that keep two numbers, beside these in a vector.
pub fn memory(c: &Conditions) -> Result<Record, String> {
    let runs = c.keys(RUNS);
    let app = format!(
        "{STREAMS}INSERT INTO Out SELECT a.x AS x, b.x AS y \
         FROM PATTERN (EVERY a=A -> b=B[k = a.k]) WITHIN 24 HOURS;"
    );
    let ours = held(runs, &app)?;
    let before = resident()?;
    let plain: Vec<(i64, i64)> = each_row(runs).map(|r| (r.key, r.value)).collect();
    let baseline = resident()?.saturating_sub(before) as f64 / runs as f64;
    std::hint::black_box(&plain);
    // below a page per kilobyte the system's own noise is larger than the figure
    let figures = (Spread::one(ours), Spread::one(baseline.max(VALUES_BYTES)));
    let record = Record::new(
        "memory-per-run",
        Unit::Held,
        runs,
        "vector of key and value",
        figures,
    );
    let budget = (RUN_BYTES + VALUES_BYTES) / VALUES_BYTES;
    Ok(record
        .within_ratio(budget)
        .with_note("growth of resident memory, taken once; each run has a key of its own"))
}

/// Bytes per run that waits. Rows of B end some of them.
fn held(runs: usize, app: &str) -> Result<f64, String> {
    let mut engine = Engine::inline(app, engine::long_long)?;
    let all: Vec<KeyedRow> = each_row(runs).collect();
    let times = |rows: &[KeyedRow]| vec![Timestamp::from_millis(1); rows.len()];
    let before = resident()?;
    for rows in all.chunks(BATCH_ROWS) {
        let batch = columns(&engine, "A", times(rows), rows.iter().copied())?;
        same(send(&mut engine, &mut [batch])?, Tally::default())?;
    }
    let grown = resident()?.saturating_sub(before);
    let asked = &all[..BATCH_ROWS.min(runs)];
    let mut sent = vec![columns(&engine, "B", times(asked), asked.iter().copied())?];
    let mut expected = Tally::default();
    for row in asked {
        expected.add(word2(row.value as u64, row.value as u64));
    }
    same(send(&mut engine, &mut sent)?, expected)?;
    Ok(grown as f64 / runs as f64)
}

fn each_row(runs: usize) -> impl Iterator<Item = KeyedRow> {
    let each = each_key(runs).into_iter().enumerate();
    each.map(|(value, t)| KeyedRow {
        key: t.key,
        value: value as i64,
    })
}
