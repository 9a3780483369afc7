//! A join of two streams over the last rows of each.
//!
//! Sketch: a row is looked up on the other side and put in and taken out of its own: three places in tables, each a
//! cache miss where a side does not fit the caches.

use super::feed::{Sent, batches, by_turns as columns, rows, send};
use super::hand::{self, Held, KeyedRow};
use crate::data::Random;
use crate::engine::{self, Engine};
use crate::growth::{Growth, sizes};
use crate::harness::{Conditions, Spread, Tally, by_turns, timed, word2};
use crate::record::{Record, Unit};

/// Events of a pass.
const EVENTS: usize = 1_000_000;
/// Rows of a batch.
const TOGETHER: usize = 256;
/// Rows of a side.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn app(held: usize) -> String {
    format!(
        "CREATE STREAM A (k LONG, x LONG);\nCREATE STREAM B (k LONG, y LONG);\n\
         INSERT INTO Out SELECT a.x AS x, b.y AS y FROM A WINDOW('length', {held}) AS a \
         JOIN B WINDOW('length', {held}) AS b ON a.k = b.k;"
    )
}

/// Both sides of the question with so many rows held, and keys such that a row meets one other.
struct Case {
    engine: Engine,
    held: [Held; 2],
    batches: Vec<Vec<KeyedRow>>,
    sent: Vec<Sent>,
}

impl Case {
    /// Both windows are full before the clock starts.
    fn new(held: usize, events: usize) -> Result<Case, String> {
        let mut engine = Engine::inline(&app(held), engine::long_long)?;
        let mut sides = [Held::new(held), Held::new(held)];
        let mut random = Random::new(4);
        let first = rows(&mut random, 2 * held, held);
        let first = batches(&first, [TOGETHER; 2]);
        let mut sent = columns(&engine, ["A", "B"], &first)?;
        let expected = tally(&mut sides, &first);
        crate::harness::same(send(&mut engine, &mut sent)?, expected)?;
        let batches = batches(&rows(&mut random, events, held), [TOGETHER; 2]);
        Ok(Case {
            sent: columns(&engine, ["A", "B"], &batches)?,
            engine,
            held: sides,
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

fn tally(held: &mut [Held; 2], batches: &[Vec<KeyedRow>]) -> Tally {
    let mut tally = Tally::default();
    hand::length(held, batches, &mut |x, y| {
        tally.add(word2(x as u64, y as u64));
    });
    tally
}

/// `join-length-1k`: the last 1,000 rows of each stream.
pub fn length_1k(c: &Conditions) -> Result<Record, String> {
    let events = c.events(EVENTS);
    let figures = Case::new(1000, events)?.figures(c, events)?;
    let baseline = "hand row loop, hashbrown";
    let record = Record::new("join-length-1k", Unit::Event, events, baseline, figures);
    Ok(record.within_ratio(2.5))
}

/// `join-growth`: the same with up to a million rows of each stream.
pub fn growth(c: &Conditions) -> Result<Record, String> {
    let growth = Growth {
        question: "join-growth",
        title: "equi-join of two windows: time of a row",
        with: "rows of each stream",
        by_hand: "hand row loop over 1 M rows",
        events: c.events(EVENTS),
    };
    growth.over(sizes(c, &SIZES), |held| {
        Case::new(held, growth.events)?.figures(c, growth.events)
    })
}
