//! The queries of Nexmark that look bids up or keep statistics of them.

use super::columns::words_of;
use super::events::Bid;
use super::{Query, meet, per_bid};
use crate::engine::{self, Engine};
use crate::hand::Map;
use crate::harness::{Conditions, Tally, words};
use crate::record::Record;
use eventflux::{ColumnBatch, Timestamp};

/// Rows of the table of q13.
const SIDE_ROWS: i64 = 10_000;

fn side_value(key: i64) -> i64 {
    key * 7 + 1
}

/// Fills the table of q13.
fn fill_side(engine: &Engine) -> Result<(), String> {
    let schema = engine.runtime().schema("SideInput");
    let mut batch = ColumnBatch::new(&schema.ok_or("the app has no side input")?);
    for key in 0..SIDE_ROWS {
        batch
            .push(Timestamp::from_millis(0), (key, side_value(key)))
            .map_err(engine::text)?;
    }
    let mut input = engine
        .runtime()
        .input_handler("SideInput")
        .map_err(engine::text)?;
    input.send_columns(&mut batch).map_err(engine::text)
}

/// A query that needs no window.
fn without_window(question: &'static str, app: &'static str) -> Query<'static> {
    Query {
        least: 0,
        ..Query::new(question, app, words_of)
    }
}

/// A loop over bids as a side of a question.
fn loops(mut hand: impl FnMut(&[Bid], &mut Tally)) -> impl FnMut(&[Bid]) -> Tally {
    move |bids| {
        let mut tally = Tally::default();
        hand(bids, &mut tally);
        tally
    }
}

/// Side input.
pub fn q13(c: &Conditions) -> Result<Record, String> {
    let side: Map<i64, i64> = (0..SIDE_ROWS).map(|key| (key, side_value(key))).collect();
    let query = Query {
        fill: fill_side,
        ..without_window("nexmark-q13", app!("q13"))
    };
    query.ask(
        c,
        loops(|bids, tally| {
            meet::q13(&side, bids, &mut |auction, price, value| {
                tally.add(words(&[auction as u64, price as u64, value as u64]));
            });
        }),
    )
}

/// Statistics of a day.
pub fn q15(c: &Conditions) -> Result<Record, String> {
    let query = without_window("nexmark-q15", app!("q15"));
    query.ask(
        c,
        loops(|bids, tally| {
            per_bid::q15(bids, &mut |day, counts| {
                let mut row = [day as u64; 13];
                for (to, count) in row[1..].iter_mut().zip(counts) {
                    *to = count as u64;
                }
                tally.add(words(&row));
            });
        }),
    )
}

/// Statistics of an auction.
pub fn q17(c: &Conditions) -> Result<Record, String> {
    let query = without_window("nexmark-q17", app!("q17"));
    query.ask(
        c,
        loops(|bids, tally| {
            per_bid::q17(bids, &mut |auction, day, p| {
                let [all, low, middle, high] = p.bids.map(|n| n as u64);
                let average = (p.sum as f64 / p.bids[0] as f64).to_bits();
                let [auction, day] = [auction, day].map(|x| x as u64);
                let [min, max, sum] = [p.min, p.max, p.sum].map(|x| x as u64);
                tally.add(words(&[
                    auction, day, all, low, middle, high, min, max, average, sum,
                ]));
            });
        }),
    )
}

/// Last bids.
pub fn q18(c: &Conditions) -> Result<Record, String> {
    let query = without_window("nexmark-q18", app!("q18"));
    query.ask(
        c,
        loops(|bids, tally| {
            per_bid::q18(bids, &mut |b| {
                let row = [b.auction, b.bidder, b.price, b.at].map(|x| x as u64);
                tally.add(words(&row));
            });
        }),
    )
}
