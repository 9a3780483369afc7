//! Joins by time: rows that are near in time, and the latest row.
//!
//! Sketch: a row is looked up on the other side, and put in or over another one on its own. Time goes on from pass to
//! pass, so the rows of a pass are made before its clock starts.

use super::feed::{batches, rows, send, timed_by_turns, with_times};
use super::hand::{self, KeyedRow, Recent};
use crate::data::Random;
use crate::engine::{self, Engine};
use crate::hand::Map;
use crate::harness::{Conditions, Pass, Tally, by_turns, same, timed, word2};
use crate::record::{Record, Unit};

/// Events of a pass.
const EVENTS: usize = 500_000;
/// Rows of a batch, where both streams have as many.
const TOGETHER: usize = 256;
/// Rows that are held, and keys.
const LIVE: usize = 100_000;
/// How far back a row looks: in this time 100,000 rows of the other stream come.
const REACH_MS: i64 = 20_312;
const SYMBOLS: usize = 10_000;

const STREAMS: &str =
    "@app:playback\nCREATE STREAM A (k LONG, x LONG);\nCREATE STREAM B (k LONG, y LONG);\n";

/// Both sides of a question whose time goes on. The same rows come with later times in every pass.
struct Case<'a> {
    c: &'a Conditions,
    engine: Engine,
    rows: Vec<KeyedRow>,
    sizes: [usize; 2],
    hand: &'a mut dyn FnMut(&[Vec<hand::TimedRow>]) -> Tally,
}

impl Case<'_> {
    /// `first`: rows that come before the clock starts.
    fn record(mut self, question: &'static str, first: &[KeyedRow]) -> Result<Record, String> {
        let (mut ours_ms, mut hand_ms) = (0, 0);
        let filled = self.pass(first, &mut ours_ms)?.tally;
        same(filled, self.pass_by_hand(first, &mut hand_ms)?.tally)?;
        let rows = std::mem::take(&mut self.rows);
        let events = rows.len();
        let c = self.c;
        let this = std::cell::RefCell::new(&mut self);
        let figures = by_turns(
            c,
            events,
            || this.borrow_mut().pass(&rows, &mut ours_ms),
            || this.borrow_mut().pass_by_hand(&rows, &mut hand_ms),
        )?;
        let baseline = "hand row loop, hashbrown";
        Ok(Record::new(
            question,
            Unit::Event,
            events,
            baseline,
            figures,
        ))
    }

    fn pass(&mut self, rows: &[KeyedRow], begin_ms: &mut i64) -> Result<Pass, String> {
        let (batches, next) = with_times(batches(rows, self.sizes), *begin_ms);
        *begin_ms = next;
        let mut sent = timed_by_turns(&self.engine, ["B", "A"], &batches)?;
        timed(|| send(&mut self.engine, &mut sent))
    }

    fn pass_by_hand(&mut self, rows: &[KeyedRow], begin_ms: &mut i64) -> Result<Pass, String> {
        let (batches, next) = with_times(batches(rows, self.sizes), *begin_ms);
        *begin_ms = next;
        timed(|| Ok((self.hand)(&batches)))
    }
}

/// `interval-join-100k`: rows of A meet rows of B that came up to 20 s before.
pub fn interval(c: &Conditions) -> Result<Record, String> {
    let app = format!(
        "{STREAMS}INSERT INTO Out SELECT a.x AS x, b.y AS y FROM A AS a JOIN B AS b \
         ON a.k = b.k AND eventTimestamp(b) BETWEEN eventTimestamp(a) - {REACH_MS} AND eventTimestamp(a);"
    );
    let mut random = Random::new(5);
    let mut recent = Recent::default();
    let first = rows(&mut random, 2 * c.keys(LIVE), c.keys(LIVE));
    let mut hand = |batches: &[Vec<hand::TimedRow>]| {
        let mut tally = Tally::default();
        hand::interval(&mut recent, REACH_MS, batches, &mut |x, y| {
            tally.add(word2(x as u64, y as u64));
        });
        tally
    };
    let case = Case {
        c,
        engine: Engine::inline(&app, engine::long_long)?,
        rows: rows(&mut random, c.events(EVENTS), c.keys(LIVE)),
        sizes: [TOGETHER; 2],
        hand: &mut hand,
    };
    let record = case.record("interval-join-100k", &first)?;
    Ok(record.within_ratio(2.5).with_note(
        "no row of B comes behind one of A of its time: the loop does not hold rows of A",
    ))
}

/// `asof-10k`: trades with the latest quote of their symbol, four quotes to a trade.
pub fn asof(c: &Conditions) -> Result<Record, String> {
    let app = format!(
        "{STREAMS}INSERT INTO Out SELECT a.x AS x, b.y AS y FROM A AS a ASOF JOIN B AS b ON a.k = b.k;"
    );
    let mut random = Random::new(6);
    let mut latest = Map::default();
    let first = rows(&mut random, 4 * SYMBOLS, SYMBOLS);
    let mut hand = |batches: &[Vec<hand::TimedRow>]| {
        let mut tally = Tally::default();
        hand::asof(&mut latest, batches, &mut |x, y| {
            tally.add(word2(x as u64, y as u64));
        });
        tally
    };
    let case = Case {
        c,
        engine: Engine::inline(&app, engine::long_long)?,
        rows: rows(&mut random, c.events(EVENTS), SYMBOLS),
        sizes: [4 * TOGETHER, TOGETHER],
        hand: &mut hand,
    };
    Ok(case.record("asof-10k", &first)?.within_ratio(2.0))
}
