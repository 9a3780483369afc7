//! A table of a million rows: looked up in columns and one by one, and written.
//!
//! Sketch: a place in an index of 16 MB and a value in a column of 8 MB are two cache misses; a bare map has one.

use super::feed::{Sent, columns, rows, send};
use super::hand::{self, KeyedRow};
use crate::data::{BATCH_ROWS, Random, at, each_key};
use crate::engine::{self, Engine};
use crate::hand::Map;
use crate::harness::{Conditions, Pass, Tally, by_turns, same, timed, word2};
use crate::record::{Record, Unit};
use std::time::Instant;

/// Events of a pass.
const EVENTS: usize = 2_000_000;
/// Events of a pass where each is sent by itself.
const SINGLY: usize = 500_000;
/// Rows of the table.
const ROWS: usize = 1_000_000;

const APP: &str = "CREATE STREAM F (k LONG, v LONG);\nCREATE STREAM S (k LONG, x LONG);\n\
     CREATE TABLE T (k LONG PRIMARY KEY, v DOUBLE);\n\
     UPSERT INTO T SELECT k, v FROM F ON T.k = F.k;\n\
     INSERT INTO Out SELECT s.x AS x, T.v AS v FROM S AS s JOIN T ON s.k = T.k;";

fn sent(engine: &Engine, stream: &'static str, rows: &[KeyedRow]) -> Result<Vec<Sent>, String> {
    let batch = |rows: &[KeyedRow]| {
        let times = (0..rows.len()).map(at).collect();
        columns(engine, stream, times, rows.iter().copied())
    };
    rows.chunks(BATCH_ROWS).map(batch).collect()
}

/// A table with all of its rows, twice.
fn filled(c: &Conditions) -> Result<(Engine, Map<i64, f64>), String> {
    let mut engine = Engine::inline(APP, engine::long_double)?;
    let mut table = Map::default();
    let first = all(c);
    let mut batches = sent(&engine, "F", &first)?;
    send(&mut engine, &mut batches)?;
    hand::upsert(&mut table, &first);
    Ok((engine, table))
}

/// A row of each key.
fn all(c: &Conditions) -> Vec<KeyedRow> {
    let each = each_key(c.keys(ROWS)).into_iter().enumerate();
    let row = |(value, t): (usize, crate::data::Trade)| KeyedRow {
        key: t.key,
        value: value as i64,
    };
    each.map(row).collect()
}

fn tally(table: &Map<i64, f64>, rows: &[KeyedRow]) -> Tally {
    let mut tally = Tally::default();
    hand::lookup(table, rows, &mut |x, v| {
        tally.add(word2(x as u64, v.to_bits()));
    });
    tally
}

/// `table-lookup-1m`: one row of the table for each row, in columns.
pub fn lookup(c: &Conditions) -> Result<Record, String> {
    let (mut engine, table) = filled(c)?;
    let rows = rows(&mut Random::new(7), c.events(EVENTS), c.keys(ROWS));
    let mut batches = sent(&engine, "S", &rows)?;
    let figures = by_turns(
        c,
        rows.len(),
        || timed(|| send(&mut engine, &mut batches)),
        || timed(|| Ok(tally(&table, &rows))),
    )?;
    let baseline = "hand row loop, hashbrown";
    let record = Record::new(
        "table-lookup-1m",
        Unit::Event,
        rows.len(),
        baseline,
        figures,
    );
    Ok(record.within_ratio(2.0))
}

/// `send-table-lookup`: the same with one send per row.
pub fn send_lookup(c: &Conditions) -> Result<Record, String> {
    let (mut engine, table) = filled(c)?;
    let rows = rows(&mut Random::new(8), c.events(SINGLY), c.keys(ROWS));
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let figures = by_turns(
        c,
        rows.len(),
        || {
            timed(|| {
                for row in &rows {
                    input.send((row.key, row.value)).map_err(engine::text)?;
                }
                Ok(engine.news())
            })
        },
        || timed(|| Ok(tally(&table, &rows))),
    )?;
    let baseline = "hand row loop, hashbrown";
    let record = Record::new(
        "send-table-lookup",
        Unit::Event,
        rows.len(),
        baseline,
        figures,
    );
    Ok(record.within_ns(150.0))
}

/// `upsert-1m`: rows of keys that the table has, in columns. What it holds is looked up after each pass.
pub fn upsert(c: &Conditions) -> Result<Record, String> {
    let (mut engine, mut table) = filled(c)?;
    let rows = rows(&mut Random::new(9), c.events(EVENTS), c.keys(ROWS));
    let asked = all(c);
    let mut batches = sent(&engine, "F", &rows)?;
    let mut asking = sent(&engine, "S", &asked)?;
    let figures = by_turns(
        c,
        rows.len(),
        || {
            let start = Instant::now();
            let none = send(&mut engine, &mut batches)?;
            let time = start.elapsed();
            same(none, Tally::default())?;
            let tally = send(&mut engine, &mut asking)?;
            Ok(Pass { time, tally })
        },
        || {
            let start = Instant::now();
            hand::upsert(&mut table, &rows);
            let time = start.elapsed();
            let tally = tally(&table, &asked);
            Ok(Pass { time, tally })
        },
    )?;
    let baseline = "hand row loop, hashbrown";
    let record = Record::new("upsert-1m", Unit::Event, rows.len(), baseline, figures);
    // 10 M rows/s
    Ok(record.within_ns(100.0))
}
