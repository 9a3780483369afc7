//! What a row takes that a join holds.

use super::feed::{columns, send};
use super::hand::KeyedRow;
use crate::data::{BATCH_ROWS, at, each_key};
use crate::engine::{self, Engine};
use crate::harness::{Conditions, Spread, Tally, same, word2};
use crate::record::{Record, Unit};
use crate::standing::resident;

/// Rows held.
const ROWS: usize = 1_000_000;
const STREAMS: &str = "CREATE STREAM A (k LONG, x LONG);\nCREATE STREAM B (k LONG, y LONG);\n";

/// `memory-per-joined-row`: growth of resident memory by a side that keeps all of its rows, beside its columns in a
/// vector.
pub fn memory(c: &Conditions) -> Result<Record, String> {
    let rows = c.keys(ROWS);
    let all = "INSERT INTO Out SELECT a.x AS x, b.y AS y FROM A AS a JOIN B AS b ON a.k = b.k;";
    let windows = format!(
        "INSERT INTO Out SELECT a.x AS x, b.y AS y FROM A WINDOW('length', {rows}) AS a \
         JOIN B WINDOW('length', {rows}) AS b ON a.k = b.k;"
    );
    let ours = held(rows, all)?;
    let with_window = held(rows, &windows)?;
    let before = resident()?;
    let plain: Vec<(i64, i64)> = each_row(rows).map(|r| (r.key, r.value)).collect();
    let baseline = resident()?.saturating_sub(before) as f64 / rows as f64;
    std::hint::black_box(&plain);
    // below a page per kilobyte the system's own noise is larger than the figure
    let baseline = baseline.max(std::mem::size_of::<(i64, i64)>() as f64);
    let figures = (Spread::one(ours), Spread::one(baseline));
    let name = "memory-per-joined-row";
    let record = Record::new(name, Unit::Held, rows, "vector of key and value", figures);
    Ok(record
        .with_note("growth of resident memory, taken once, before any other question; key, value and time are 24 B")
        .with_note(format!("with WINDOW('length', n), which holds its rows too: {with_window:.1} B")))
}

/// Bytes per row of A that is held. Rows of B find some of them.
fn held(rows: usize, query: &str) -> Result<f64, String> {
    let mut engine = Engine::inline(&format!("{STREAMS}{query}"), engine::long_long)?;
    let mut input = engine.runtime().input_handler("A").map_err(engine::text)?;
    let all: Vec<KeyedRow> = each_row(rows).collect();
    let times = |rows: &[KeyedRow]| (0..rows.len()).map(at).collect();
    let before = resident()?;
    for rows in all.chunks(BATCH_ROWS) {
        let (_, mut batch) = columns(&engine, "A", times(rows), rows.iter().copied())?;
        input.send_columns(&mut batch).map_err(engine::text)?;
    }
    let grown = resident()?.saturating_sub(before);
    drop(input);
    let asked = &all[..BATCH_ROWS.min(rows)];
    let mut sent = vec![columns(&engine, "B", times(asked), asked.iter().copied())?];
    let mut expected = Tally::default();
    for row in asked {
        expected.add(word2(row.value as u64, row.value as u64));
    }
    same(send(&mut engine, &mut sent)?, expected)?;
    Ok(grown as f64 / rows as f64)
}

fn each_row(rows: usize) -> impl Iterator<Item = KeyedRow> {
    let each = each_key(rows).into_iter().enumerate();
    each.map(|(value, t)| KeyedRow {
        key: t.key,
        value: value as i64,
    })
}
