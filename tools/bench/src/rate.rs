//! Rate limits in columns, beside the same by hand.
//!
//! Sketch: which rows pass is known from their number or their time, so most rows cost a share of one comparison; the
//! last row of each group costs a look-up of the group.

use super::batches::{EVENTS, Emit, afresh};
use super::data::{Trade, at};
use super::hand::Map;
use super::harness::Conditions;
use super::record::Record;

const SECOND_US: i64 = 1_000_000;
const EVERY: usize = 100;

/// `rate-last-events`: the last of each hundred rows.
pub fn last_of_events(c: &Conditions) -> Result<Record, String> {
    let rows = "key, price FROM S OUTPUT LAST EVERY 100 EVENTS";
    plain(c, "rate-last-events", rows, |trades, emit| {
        for hundred in trades.chunks_exact(EVERY) {
            emit(hundred[EVERY - 1].key, hundred[EVERY - 1].price);
        }
    })
}

/// `rate-first-time`: the first row of each second.
pub fn first_of_time(c: &Conditions) -> Result<Record, String> {
    let rows = "key, price FROM S OUTPUT FIRST EVERY 1 SECOND";
    plain(c, "rate-first-time", rows, |trades, emit| {
        let mut next = i64::MIN;
        for (number, t) in trades.iter().enumerate() {
            let now = at(number).0;
            if now >= next {
                next = now + SECOND_US;
                emit(t.key, t.price);
            }
        }
    })
}

/// `rate-all-time`: all rows of a second at its end.
pub fn all_of_time(c: &Conditions) -> Result<Record, String> {
    let rows = "key, price FROM S OUTPUT ALL EVERY 1 SECOND";
    plain(c, "rate-all-time", rows, |trades, emit| {
        let mut held = Vec::new();
        let mut next = at(0).0 + SECOND_US;
        for (number, t) in trades.iter().enumerate() {
            if at(number).0 >= next {
                next += SECOND_US;
                held.drain(..).for_each(|(key, price)| emit(key, price));
            }
            held.push((t.key, t.price));
        }
    })
}

/// `rate-last-by-key-1k`: the last row of each group of each second.
pub fn last_by_key(c: &Conditions) -> Result<Record, String> {
    let rows = "key, sum(price) AS x FROM S GROUP BY key OUTPUT LAST EVERY 1 SECOND";
    let record = beside(c, "rate-last-by-key-1k", rows, |trades, emit| {
        let mut sums: Map<i64, (f64, bool)> = Map::default();
        let mut changed = Vec::new();
        let mut next = at(0).0 + SECOND_US;
        for (number, t) in trades.iter().enumerate() {
            if at(number).0 >= next {
                next += SECOND_US;
                for key in changed.drain(..) {
                    let (sum, is_changed) = sums.entry(key).or_default();
                    *is_changed = false;
                    emit(key, *sum);
                }
            }
            let (sum, is_changed) = sums.entry(t.key).or_default();
            *sum += t.price;
            if !std::mem::replace(is_changed, true) {
                changed.push(t.key);
            }
        }
    })?;
    Ok(record.within_ratio(2.0))
}

/// A limit on rows as they come.
fn plain(
    c: &Conditions,
    id: &'static str,
    rows: &str,
    hand: impl Fn(&[Trade], Emit),
) -> Result<Record, String> {
    Ok(beside(c, id, rows, hand)?.within_ns(5.0))
}

/// A query over trades of 1,000 keys, beside the same by hand.
fn beside(
    c: &Conditions,
    id: &'static str,
    rows: &str,
    hand: impl Fn(&[Trade], Emit),
) -> Result<Record, String> {
    afresh(c, (id, "hand row loop"), rows, (EVENTS, 1000), hand)
}
