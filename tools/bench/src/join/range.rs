//! A join by key and by a range of values, of which few rows of a key are met.
//!
//! Sketch: a tree per key finds the rows in the range; a row enters one tree and leaves it again.

use super::feed::{Sent, batches, by_turns as columns, send};
use super::hand::{self, KeyedRow, Sorted};
use crate::data::Random;
use crate::engine::{self, Engine};
use crate::harness::{Conditions, Spread, Tally, by_turns, same, timed, word2};
use crate::record::{Record, Unit};

/// Events of a pass.
const EVENTS: usize = 200_000;
/// Rows of a batch.
const TOGETHER: usize = 256;
/// Rows held of each stream.
const HELD: usize = 10_000;
/// Keys: the fewer, the more rows each has.
const KEYS: [usize; 5] = [10_000, 1_000, 100, 10, 1];
/// Values of B are below this, and those of A below a part of it that meets half a row on average, whatever the keys.
const VALUES: u64 = 1 << 30;

fn app() -> String {
    format!(
        "CREATE STREAM A (k LONG, x LONG);\nCREATE STREAM B (k LONG, y LONG);\n\
         INSERT INTO Out SELECT a.x AS x, b.y AS y FROM A WINDOW('length', {HELD}) AS a \
         JOIN B WINDOW('length', {HELD}) AS b ON a.k = b.k AND b.y < a.x;"
    )
}

/// Batches of A and B by turns.
fn rows(random: &mut Random, n: usize, keys: usize) -> Vec<Vec<KeyedRow>> {
    let per_key = (HELD / keys) as u64;
    let row = |place: usize| {
        let values = match (place / TOGETHER).is_multiple_of(2) {
            true => VALUES / per_key,
            false => VALUES,
        };
        KeyedRow {
            key: random.below(keys as u64) as i64,
            value: random.below(values) as i64,
        }
    };
    let rows: Vec<KeyedRow> = (0..n).map(row).collect();
    batches(&rows, [TOGETHER; 2])
}

/// Both sides of the question with so many keys.
struct Case {
    engine: Engine,
    held: [Sorted; 2],
    batches: Vec<Vec<KeyedRow>>,
    sent: Vec<Sent>,
}

impl Case {
    /// Both windows are full before the clock starts.
    fn new(keys: usize, events: usize) -> Result<Case, String> {
        let mut engine = Engine::inline(&app(), engine::long_long)?;
        let mut held = [Sorted::new(HELD), Sorted::new(HELD)];
        let mut random = Random::new(9);
        let first = rows(&mut random, 2 * HELD, keys);
        let mut sent = columns(&engine, ["A", "B"], &first)?;
        let expected = tally(&mut held, &first);
        same(send(&mut engine, &mut sent)?, expected)?;
        let batches = rows(&mut random, events, keys);
        Ok(Case {
            sent: columns(&engine, ["A", "B"], &batches)?,
            engine,
            held,
            batches,
        })
    }

    fn figures(&mut self, c: &Conditions, events: usize) -> Result<(Spread, Spread), String> {
        by_turns(
            c,
            events,
            || timed(|| send(&mut self.engine, &mut self.sent)),
            || timed(|| Ok(tally(&mut self.held, &self.batches))),
        )
    }
}

fn tally(held: &mut [Sorted; 2], batches: &[Vec<KeyedRow>]) -> Tally {
    let mut tally = Tally::default();
    hand::less(held, batches, &mut |x, y| {
        tally.add(word2(x as u64, y as u64));
    });
    tally
}

/// `range-join`: 10,000 rows of each stream, from one row of a key to all of one key.
pub fn range(c: &Conditions) -> Result<Record, String> {
    let events = c.events(EVENTS);
    let mut notes = Vec::new();
    let mut last = None;
    for keys in KEYS {
        let (ours, hand) = Case::new(keys, events)?.figures(c, events)?;
        notes.push(format!(
            "{}: {:.1}/{:.1} ns = {:.2}",
            HELD / keys,
            ours.median,
            hand.median,
            ours.median / hand.median
        ));
        last = Some((ours, hand));
    }
    let figures = last.ok_or("no case")?;
    let baseline = "hand row loop, BTreeSet per key, one key";
    let record = Record::new("range-join", Unit::Event, events, baseline, figures);
    Ok(record.with_note(format!("by rows of a key, ours/hand: {}", notes.join(", "))))
}
