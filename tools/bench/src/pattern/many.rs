//! A hundred patterns over one stream.

use super::case::{Batches, Case, STREAMS};
use super::hand::Rises;
use crate::data::Random;
use crate::engine::{self, Engine};
use crate::harness::{Conditions, Spread};
use crate::join::hand::KeyedRow;
use crate::record::{Record, Unit};

const EVENTS: usize = 500_000;
const TOGETHER: usize = 256;
const PATTERNS: usize = 100;

/// Where a pattern puts its matches: each in a stream of its own, or all in one, which then shows them in the order of
/// their rows.
fn target(number: usize, is_shared: bool) -> String {
    match is_shared {
        true => "Out".to_string(),
        false => format!("Out{number}"),
    }
}

fn pattern(number: usize, target: &str) -> String {
    format!(
        "INSERT INTO {target} SELECT a.x AS x, b.x AS y \
         FROM PATTERN (EVERY a=A[k = {number}] -> b=A[k = {number} AND x > a.x]) WITHIN 1 SECOND;\n"
    )
}

/// The first so many of the patterns.
fn figures(c: &Conditions, patterns: usize, is_shared: bool) -> Result<(Spread, Spread), String> {
    let mut random = Random::new(12);
    let row = |value: usize| KeyedRow {
        key: random.below(PATTERNS as u64) as i64,
        value: (value as i64 * 7_919) % 1_000,
    };
    let rows: Vec<KeyedRow> = (0..c.events(EVENTS)).map(row).collect();
    let batches: Batches = rows.chunks(TOGETHER).map(|b| ("A", b.to_vec())).collect();
    let targets = (0..patterns).map(|number| target(number, is_shared));
    let mut targets: Vec<String> = targets.collect();
    let all = targets.iter().enumerate();
    let all: String = all.map(|(number, to)| pattern(number, to)).collect();
    targets.dedup();
    let mut rises = Rises::new(patterns, 1_000);
    let case = Case {
        engine: Engine::inline_to(&format!("{STREAMS}{all}"), &targets, engine::long_long)?,
        hand: &mut |_, rows, tally| rises.rows(rows, tally),
        batches,
    };
    case.figures(c)
}

/// `pattern-100-queries`: each takes the rows of one key, of a hundred.
pub fn hundred(c: &Conditions) -> Result<Record, String> {
    let one = figures(c, 1, false)?.0.median;
    let all = figures(c, PATTERNS, false)?;
    let shared = figures(c, PATTERNS, true)?.0.median;
    let ratio = all.0.median / one;
    let events = c.events(EVENTS);
    let baseline = "hand automata, one per key";
    let record = Record::new("pattern-100-queries", Unit::Event, events, baseline, all);
    Ok(record.with_note(format!(
        "one of them alone: {one:.1} ns per row, so that all cost {ratio:.1} times that; all into one stream, whose \
         order is that of the rows: {shared:.0} ns"
    )))
}
