//! Calls with OVER beside the same by hand: a queue per key, a queue of all rows, the last row per key.
//!
//! Event time starts again with every pass, so every pass of either side begins with no key.

use super::batches::{EVENTS, Emit, afresh};
use super::data::{Trade, at};
use super::hand::Map;
use super::harness::Conditions;
use super::record::Record;
use std::collections::VecDeque;

/// Rows of a key in a frame, with the current one.
const ROWS: usize = 21;
/// Reach of a frame of time.
const REACH_US: i64 = 100_000;

/// Prices of some rows and their sum.
#[derive(Default)]
struct FrameSum {
    rows: VecDeque<f64>,
    total: f64,
}

impl FrameSum {
    fn add(&mut self, price: f64) -> f64 {
        if self.rows.len() == ROWS {
            self.total -= self.rows.pop_front().unwrap_or_default();
        }
        self.rows.push_back(price);
        self.total += price;
        self.total
    }
}

/// `over-rows-1k`.
pub fn rows_1k(c: &Conditions) -> Result<Record, String> {
    rows(c, "over-rows-1k", 1_000)
}

/// `over-rows-100k`.
pub fn rows_100k(c: &Conditions) -> Result<Record, String> {
    rows(c, "over-rows-100k", 100_000)
}

fn rows(c: &Conditions, id: &'static str, keys: usize) -> Result<Record, String> {
    let call = "sum(price) OVER (PARTITION BY key ROWS 20 PRECEDING)";
    beside(c, id, (call, c.keys(keys)), |trades, emit| {
        let mut frames: Map<i64, FrameSum> = Map::default();
        for t in trades {
            emit(t.key, frames.entry(t.key).or_default().add(t.price));
        }
    })
}

/// `over-range-1k`: no two rows have one time, and the last row waits on both sides.
pub fn range_1k(c: &Conditions) -> Result<Record, String> {
    let call = "sum(price) OVER (PARTITION BY key RANGE 100 MILLISECONDS PRECEDING)";
    beside(c, "over-range-1k", (call, 1_000), |trades, emit| {
        let mut totals: Map<i64, f64> = Map::default();
        let mut held: VecDeque<(i64, &Trade)> = VecDeque::new();
        for (number, t) in trades[..trades.len() - 1].iter().enumerate() {
            let now = at(number).0;
            while let Some((_, old)) = held.pop_front_if(|(then, _)| *then < now - REACH_US) {
                *totals.entry(old.key).or_default() -= old.price;
            }
            held.push_back((now, t));
            let total = totals.entry(t.key).or_default();
            *total += t.price;
            emit(t.key, *total);
        }
    })
}

/// `over-lag-1k`.
pub fn lag_1k(c: &Conditions) -> Result<Record, String> {
    let call = "lag(price, 1, 0.0) OVER (PARTITION BY key)";
    beside(c, "over-lag-1k", (call, 1_000), |trades, emit| {
        let mut last: Map<i64, f64> = Map::default();
        for t in trades {
            emit(t.key, last.insert(t.key, t.price).unwrap_or_default());
        }
    })
}

/// A call over trades of so many keys, beside the same by hand.
fn beside(
    c: &Conditions,
    id: &'static str,
    (call, keys): (&str, usize),
    hand: impl Fn(&[Trade], Emit),
) -> Result<Record, String> {
    let rows = format!("key, {call} AS x FROM S");
    let about = (id, "hand row loop, hashbrown");
    Ok(afresh(c, about, &rows, (EVENTS / 2, keys), hand)?.within_ratio(2.5))
}
