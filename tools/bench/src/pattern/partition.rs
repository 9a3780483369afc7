//! A pattern in a partition beside the same with the key in its conditions.

use super::case::{STREAMS, pass};
use super::pairs::{by_chance, events};
use crate::engine::{self, Engine};
use crate::harness::{Conditions, by_turns};
use crate::record::{Record, Unit};

/// Events of a pass.
const EVENTS: usize = 1_000_000;
const KEYS: usize = 100_000;

/// `pattern-partition-100k`.
pub fn in_partition(c: &Conditions) -> Result<Record, String> {
    let pair = |condition: &str| {
        format!(
            "INSERT INTO Out SELECT a.x AS x, b.x AS y \
             FROM PATTERN (EVERY a=A -> b=B{condition}) WITHIN 100 SECONDS;"
        )
    };
    let (free, keyed) = (pair(""), pair("[k = a.k]"));
    let inside = format!("{STREAMS}PARTITION WITH (k OF A, k OF B) BEGIN {free} END;");
    let batches = by_chance(&["A", "B"], c.events(EVENTS), c.keys(KEYS));
    let mut ours = Engine::inline(&inside, engine::long_long)?;
    let mut outside = Engine::inline(&format!("{STREAMS}{keyed}"), engine::long_long)?;
    let (mut ours_ms, mut outside_ms) = (0, 0);
    let events = events(&batches);
    let figures = by_turns(
        c,
        events,
        || pass(&mut ours, &batches, &mut ours_ms),
        || pass(&mut outside, &batches, &mut outside_ms),
    )?;
    let about = "the same, keyed by its condition";
    let record = Record::new(
        "pattern-partition-100k",
        Unit::Event,
        events,
        about,
        figures,
    );
    Ok(record.within_ratio(1.5))
}
