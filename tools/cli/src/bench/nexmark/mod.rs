//! Nexmark: an auction site as people, auctions and bids, and what is asked of it.
//!
//! Events come from the crate `nexmark` with its defaults: 1 person, 3 auctions and 46 bids of 50 events, 10,000 events
//! per second of event time. Texts (names, URLs) are left out on both sides. Figures are per event, not per bid.
//! Apps are `examples/nexmark/*.sql`; the loops beside them are in `hand`.
//! Source: Tucker et al., "NEXMark – A Benchmark for Queries over Data Streams", 2008.

pub mod events;
pub mod hand;

use super::engine::{self, Engine, Read};
use super::harness::{Conditions, Tally, by_turns, timed, word2, word3};
use super::record::{Record, Unit};
use eventflux::{Batch, ColumnBatch, Data};
use events::{Event, events};

/// Events of a pass: 400 s of event time.
const EVENTS: usize = 4_000_000;

macro_rules! app {
    ($name:literal) => {
        include_str!(concat!("../../../../../examples/nexmark/", $name, ".sql"))
    };
}

/// One query beside a hand-written loop. Event time starts again with every pass, so every pass has an app of its own.
fn query(
    c: &Conditions,
    question: &'static str,
    app: &str,
    read: Read,
    hand: fn(&[Event]) -> Tally,
) -> Result<Record, String> {
    // windows of ten seconds: not less than thirty seconds
    let events = events(c.events(EVENTS).max(300_000));
    let mut blocks = blocks(&Engine::inline(app, read)?, &events)?;
    let figures = by_turns(
        c,
        events.len(),
        || {
            let mut engine = Engine::inline(app, read)?;
            timed(|| {
                let mut input = engine.runtime().input().map_err(engine::text)?;
                for block in &mut blocks {
                    for (stream, batch) in block {
                        input.send_columns(stream, batch).map_err(engine::text)?;
                    }
                }
                drop(input);
                Ok::<_, String>(engine.news())
            })
        },
        || timed(|| Ok(hand(&events))),
    )?;
    Ok(Record::new(
        question,
        Unit::Event,
        events.len(),
        "hand row loop",
        figures,
    ))
}

/// Blocks of events, each as one batch per stream.
fn blocks(
    engine: &Engine,
    events: &[Event],
) -> Result<Vec<Vec<(&'static str, ColumnBatch)>>, String> {
    let streams = ["Person", "Auction", "Bid"];
    let schemas = streams.map(|s| engine.runtime().schema(s));
    let mut blocks = Vec::new();
    for rows in events.chunks(super::data::BATCH_ROWS) {
        let mut block = Vec::new();
        for (stream, schema) in streams.into_iter().zip(&schemas) {
            let schema = schema.as_ref().ok_or("the app lacks a stream of Nexmark")?;
            block.push((stream, ColumnBatch::new(schema)));
        }
        for event in rows {
            let pushed = match *event {
                Event::Person { id, at } => block[0].1.push(events::timestamp(at), (id, at)),
                Event::Auction {
                    id,
                    seller,
                    category,
                    at,
                } => block[1]
                    .1
                    .push(events::timestamp(at), (id, seller, category, at)),
                Event::Bid {
                    auction,
                    bidder,
                    price,
                    at,
                } => block[2]
                    .1
                    .push(events::timestamp(at), (auction, bidder, price, at)),
            };
            pushed.map_err(engine::text)?;
        }
        block.retain(|(_, batch)| !batch.is_empty());
        blocks.push(block);
    }
    Ok(blocks)
}

/// Reads bids as they are.
fn bids(batch: &Batch, tally: &mut Tally) {
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

// Budgets: the time of timely's compiled operators in the same hand-loop units, see PERFORMANCE.md.

/// Pass through.
pub fn q0(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q0(events, &mut |auction, bidder, price, at| {
            tally.add(word3(auction as u64, bidder as u64, price as u64) ^ at as u64);
        });
        tally
    };
    query(c, "nexmark-q0", app!("q0"), bids, hand)
}

/// Currency conversion.
pub fn q1(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q1(events, &mut |auction, bidder, price, at| {
            tally.add(word3(auction as u64, bidder as u64, price.to_bits()) ^ at as u64);
        });
        tally
    };
    query(c, "nexmark-q1", app!("q1"), euros, hand).map(|r| r.within_ratio(4.3))
}

/// Selection.
pub fn q2(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q2(events, &mut |auction, price| {
            tally.add(word2(auction as u64, price as u64));
        });
        tally
    };
    query(c, "nexmark-q2", app!("q2"), engine::long_long, hand).map(|r| r.within_ratio(2.9))
}

/// Hot items.
pub fn q5(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q5(events, &mut |auction, n, until| {
            tally.add(word3(auction as u64, n as u64, until as u64));
        });
        tally
    };
    query(c, "nexmark-q5", app!("q5"), three_longs, hand).map(|r| r.within_ratio(2.4))
}

/// Highest bid.
pub fn q7(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q7(events, &mut |price, until| {
            tally.add(word2(price as u64, until as u64));
        });
        tally
    };
    query(c, "nexmark-q7", app!("q7"), engine::long_long, hand).map(|r| r.within_ratio(6.8))
}

/// Sessions.
pub fn q11(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q11(events, &mut |bidder, n| {
            tally.add(word2(bidder as u64, n as u64));
        });
        tally
    };
    query(c, "nexmark-q11", app!("q11"), engine::long_long, hand)
}

/// Windows per bidder.
pub fn q12(c: &Conditions) -> Result<Record, String> {
    let hand = |events: &[Event]| {
        let mut tally = Tally::default();
        hand::q12(events, &mut |bidder, n, until| {
            tally.add(word3(bidder as u64, n as u64, until as u64));
        });
        tally
    };
    query(c, "nexmark-q12", app!("q12"), three_longs, hand)
}
