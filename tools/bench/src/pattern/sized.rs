//! The same pattern with more and more open runs.
//!
//! Sketch: what is done for a row does not change; the slot, the link and the key are cache misses once they do not
//! fit.

use super::case::{Batches, Case, STREAMS};
use super::hand::Pairs;
use crate::engine::{self, Engine};
use crate::growth::{Growth, sizes};
use crate::harness::{Conditions, Spread};
use crate::join::hand::KeyedRow;
use crate::record::Record;

/// Events of a pass: each open run ends once in it, at least.
const EVENTS: usize = 2_000_000;
const SIZES: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
const TOGETHER: usize = 256;

/// A batch of A begins runs, one of B ends those that were begun so many rows before; keys come again later.
fn batches(open: usize, events: usize) -> Batches {
    let keys = (2 * open).max(4 * TOGETHER) as i64;
    let mut batches = Batches::new();
    let mut begun = 0i64;
    while batches.len() * TOGETHER < events {
        let row = |key: i64| KeyedRow {
            key: key.rem_euclid(keys),
            value: key,
        };
        let open = open.max(TOGETHER) as i64;
        batches.push(("A", (begun..begun + TOGETHER as i64).map(row).collect()));
        begun += TOGETHER as i64;
        let ended = begun - open;
        batches.push(("B", (ended..ended + TOGETHER as i64).map(row).collect()));
    }
    batches
}

fn figures(c: &Conditions, open: usize) -> Result<(Spread, Spread), String> {
    let app = format!(
        "{STREAMS}INSERT INTO Out SELECT a.x AS x, b.x AS y \
         FROM PATTERN (EVERY a=A -> b=B[k = a.k]) WITHIN 24 HOURS;"
    );
    let mut pairs = Pairs::new(24 * 3_600_000);
    let case = Case {
        engine: Engine::inline(&app, engine::long_long)?,
        hand: &mut |stream, rows, tally| pairs.rows(stream, rows, tally),
        batches: batches(open, c.events(EVENTS)),
    };
    case.figures(c)
}

/// `pattern-growth`.
pub fn growth(c: &Conditions) -> Result<Record, String> {
    let growth = Growth {
        question: "pattern-growth",
        title: "EVERY a -> b by key: time of a row",
        with: "open runs",
        by_hand: "hand automaton with 1 M open runs",
        events: c.events(EVENTS),
    };
    growth.over(sizes(c, &SIZES), |open| figures(c, open))
}
