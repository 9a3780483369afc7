//! Nexmark: bids on an auction site, and what is asked of them.
//!
//! Events come from the crate `nexmark` with its defaults: 46 of 50 events are bids, 10,000 events come per second of
//! event time. The queries of this file and of `statistics` read bids only, so both sides get bids only, without texts
//! (channel, URL); figures are per bid. Those that read persons and auctions are in `items`. Apps are
//! `examples/nexmark/*.sql`; the loops beside them are in `hand`, `meet` and `per_bid`.
//! Source: Tucker et al., "NEXMark – A Benchmark for Queries over Data Streams", 2008.

macro_rules! app {
    ($name:literal) => {
        include_str!(concat!("../../../../examples/nexmark/", $name, ".sql"))
    };
}

mod columns;
pub mod events;
pub mod hand;
mod items;
pub mod meet;
pub mod per_bid;
mod statistics;
mod texts;

pub use items::{SECONDS_2, SECONDS_25, beside, q3, q4, q6, q8, q9, q20};
pub use statistics::{q13, q15, q17, q18};
pub use texts::{q10, q14, q16, q21, q22};

use super::engine::{self, Engine, Read};
use super::harness::{Conditions, Tally, by_turns, timed, word2, word3};
use super::record::{Record, Unit};
use eventflux::{Batch, ColumnBatch, Data, Timestamp};
use events::{Bid, bids};

/// Bids of a pass: 435 s of event time.
const EVENTS: usize = 4_000_000;

/// A query over bids.
struct Query<'a> {
    question: &'static str,
    app: &'a str,
    read: Read,
    /// Bids that it needs at least.
    least: usize,
    /// What happens before the bids come.
    fill: fn(&Engine) -> Result<(), String>,
}

impl<'a> Query<'a> {
    fn new(question: &'static str, app: &'a str, read: Read) -> Self {
        Query {
            question,
            app,
            read,
            // windows of ten seconds: not less than twenty seconds
            least: 200_000,
            fill: |_| Ok(()),
        }
    }

    /// Asks it beside a hand-written loop. Event time starts again with every pass, so every pass has an app of its
    /// own.
    fn ask(&self, c: &Conditions, mut hand: impl FnMut(&[Bid]) -> Tally) -> Result<Record, String> {
        let bids = bids(c.events(EVENTS).max(self.least));
        let mut batches = columns(&Engine::inline(self.app, self.read)?, &bids)?;
        let figures = by_turns(
            c,
            bids.len(),
            || {
                let mut engine = Engine::inline(self.app, self.read)?;
                (self.fill)(&engine)?;
                timed(|| {
                    let mut input = engine
                        .runtime()
                        .input_handler("Bid")
                        .map_err(engine::text)?;
                    for batch in &mut batches {
                        input.send_columns(batch).map_err(engine::text)?;
                    }
                    drop(input);
                    Ok::<_, String>(engine.news())
                })
            },
            || timed(|| Ok(hand(&bids))),
        )?;
        Ok(Record::new(
            self.question,
            Unit::Event,
            bids.len(),
            "hand row loop",
            figures,
        ))
    }
}

/// One query beside a hand-written loop.
fn query(
    c: &Conditions,
    question: &'static str,
    app: &str,
    read: Read,
    hand: fn(&[Bid]) -> Tally,
) -> Result<Record, String> {
    Query::new(question, app, read).ask(c, hand)
}

/// Bids in columns.
fn columns(engine: &Engine, bids: &[Bid]) -> Result<Vec<ColumnBatch>, String> {
    let schema = engine
        .runtime()
        .schema("Bid")
        .ok_or("the app has no bids")?;
    let mut batches = Vec::new();
    for rows in bids.chunks(super::data::BATCH_ROWS) {
        let mut batch = ColumnBatch::new(&schema);
        for b in rows {
            let row = (b.auction, b.bidder, b.price, b.at);
            batch
                .push(Timestamp::from_millis(b.at), row)
                .map_err(engine::text)?;
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// Reads bids as they are.
fn as_they_are(batch: &Batch, tally: &mut Tally) {
    if let [a, b, c, d] = batch.columns()
        && let (Data::Long(a), Data::Long(b), Data::Long(c), Data::Long(d)) =
            (a.data(), b.data(), c.data(), d.data())
    {
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            tally.add(word3(*a as u64, *b as u64, *c as u64) ^ *d as u64);
        }
    }
}

/// Reads bids in euros.
fn euros(batch: &Batch, tally: &mut Tally) {
    if let [a, b, c, d] = batch.columns()
        && let (Data::Long(a), Data::Long(b), Data::Double(c), Data::Long(d)) =
            (a.data(), b.data(), c.data(), d.data())
    {
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            tally.add(word3(*a as u64, *b as u64, c.to_bits()) ^ *d as u64);
        }
    }
}

/// Reads rows of three LONG.
fn three_longs(batch: &Batch, tally: &mut Tally) {
    if let [a, b, c] = batch.columns()
        && let (Data::Long(a), Data::Long(b), Data::Long(c)) = (a.data(), b.data(), c.data())
    {
        for ((a, b), c) in a.iter().zip(b).zip(c) {
            tally.add(word3(*a as u64, *b as u64, *c as u64));
        }
    }
}

// Budgets: the time of timely's hand-compiled operators by that of a hand loop, as measured before there was an
// engine. Those of q2, q5 and q11 are closer to the hand loop.

/// Pass through.
pub fn q0(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q0(bids, &mut |auction, bidder, price, at| {
            tally.add(word3(auction as u64, bidder as u64, price as u64) ^ at as u64);
        });
        tally
    };
    query(c, "nexmark-q0", app!("q0"), as_they_are, hand)
}

/// Currency conversion.
pub fn q1(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q1(bids, &mut |auction, bidder, price, at| {
            tally.add(word3(auction as u64, bidder as u64, price.to_bits()) ^ at as u64);
        });
        tally
    };
    query(c, "nexmark-q1", app!("q1"), euros, hand).map(|r| r.within_ratio(4.3))
}

/// Selection.
pub fn q2(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q2(bids, &mut |auction, price| {
            tally.add(word2(auction as u64, price as u64));
        });
        tally
    };
    query(c, "nexmark-q2", app!("q2"), engine::long_long, hand).map(|r| r.within_ratio(2.0))
}

/// Hot items.
pub fn q5(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q5(bids, &mut |auction, n, until| {
            tally.add(word3(auction as u64, n as u64, until as u64));
        });
        tally
    };
    query(c, "nexmark-q5", app!("q5"), three_longs, hand).map(|r| r.within_ratio(2.0))
}

/// Highest bid.
pub fn q7(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q7(bids, &mut |price, until| {
            tally.add(word2(price as u64, until as u64));
        });
        tally
    };
    query(c, "nexmark-q7", app!("q7"), engine::long_long, hand).map(|r| r.within_ratio(6.8))
}

/// Sessions.
pub fn q11(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q11(bids, &mut |bidder, n| {
            tally.add(word2(bidder as u64, n as u64));
        });
        tally
    };
    query(c, "nexmark-q11", app!("q11"), engine::long_long, hand).map(|r| r.within_ratio(2.5))
}

/// Windows per bidder.
pub fn q12(c: &Conditions) -> Result<Record, String> {
    let hand = |bids: &[Bid]| {
        let mut tally = Tally::default();
        hand::q12(bids, &mut |bidder, n, until| {
            tally.add(word3(bidder as u64, n as u64, until as u64));
        });
        tally
    };
    query(c, "nexmark-q12", app!("q12"), three_longs, hand)
}
