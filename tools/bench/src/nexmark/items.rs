//! The queries of Nexmark in which streams meet, beside loops over all events.
//!
//! How: events of 100 ms go in together, in columns, stream by stream, each stream by an input of its own, as sources
//! do it. The app's clock is the smallest of theirs, and what takes rows in the order of time waits for it, so that
//! results are those of all events in one order; the loops read them in that order. Figures are per event of a stream
//! that the query reads.

use super::columns::words_of;
use super::events::{Item, items};
use super::meet;
use crate::engine::{self, Engine};
use crate::harness::{Conditions, Tally, by_turns, text_word, timed, words};
use crate::record::{Record, Unit};
use eventflux::event::{Schema, Str};
use eventflux::{ColumnBatch, Timestamp};

/// Events of a pass: 200 s of event time.
const EVENTS: usize = 2_000_000;
/// Events of 2 s: auctions open and close.
pub const SECONDS_2: usize = 20_000;
/// Events of 25 s: two windows of ten seconds close.
pub const SECONDS_25: usize = 250_000;
/// Events that go in together.
const TOGETHER: usize = 1000;
const STREAMS: [&str; 3] = ["Person", "Auction", "Bid"];

fn stream_of(item: &Item) -> usize {
    match item {
        Item::Person(_) => 0,
        Item::Auction(_) => 1,
        Item::Bid(_) => 2,
    }
}

fn push(batch: &mut ColumnBatch, item: &Item) -> Result<(), String> {
    let at = Timestamp::from_millis(item.at());
    let pushed = match item {
        Item::Person(p) => batch.push(at, (p.id, &p.name, &p.city, &p.state, p.at)),
        Item::Auction(a) => batch.push(at, (a.id, a.at, a.expires, a.seller, a.category)),
        Item::Bid(b) => batch.push(at, (b.auction, b.bidder, b.price, b.at)),
    };
    pushed.map_err(engine::text)
}

/// The batches of the streams that an app reads, with the place of their stream.
fn batches(
    schemas: &[Option<Schema>; 3],
    items: &[Item],
) -> Result<Vec<(usize, ColumnBatch)>, String> {
    let mut all = Vec::new();
    for together in items.chunks(TOGETHER) {
        for (stream, schema) in schemas.iter().enumerate() {
            let Some(schema) = schema else { continue };
            let mut batch = ColumnBatch::new(schema);
            for item in together.iter().filter(|i| stream_of(i) == stream) {
                push(&mut batch, item)?;
            }
            if !batch.is_empty() {
                all.push((stream, batch));
            }
        }
    }
    Ok(all)
}

/// Sends all batches, each by the input of its stream.
fn send(engine: &Engine, batches: &mut [(usize, ColumnBatch)]) -> Result<(), String> {
    let mut inputs = Vec::new();
    for stream in STREAMS {
        let read = engine.runtime().schema(stream).is_some();
        let mut input = engine.runtime().input().map_err(engine::text)?;
        if read {
            input.hold_clock().map_err(engine::text)?;
        }
        inputs.push(input);
    }
    for (stream, batch) in batches {
        let input = &mut inputs[*stream];
        input
            .send_columns(STREAMS[*stream], batch)
            .map_err(engine::text)?;
    }
    Ok(())
}

/// One query beside a hand-written loop, over at least so many events.
fn query(
    c: &Conditions,
    question: &'static str,
    app: &str,
    least: usize,
    hand: fn(&[Item], &mut Tally),
) -> Result<Record, String> {
    beside(c, question, app, least, "hand row loop", |items| {
        let mut tally = Tally::default();
        hand(items, &mut tally);
        tally
    })
}

/// One query beside something else that does the same with the events of the streams that it reads, over at least so
/// many events. Every pass has an app of its own.
pub fn beside(
    c: &Conditions,
    question: &'static str,
    app: &str,
    least: usize,
    baseline_is: &'static str,
    mut other: impl FnMut(&[Item]) -> Tally,
) -> Result<Record, String> {
    let items = items(c.events(EVENTS).max(least));
    let engine = Engine::inline(app, words_of)?;
    let schemas = STREAMS.map(|stream| engine.runtime().schema(stream));
    let read = |item: &&Item| schemas[stream_of(item)].is_some();
    let mut batches = batches(&schemas, &items)?;
    let items: Vec<Item> = items.iter().filter(read).cloned().collect();
    let events = items.len();
    let figures = by_turns(
        c,
        events,
        || {
            let mut engine = Engine::inline(app, words_of)?;
            timed(|| {
                send(&engine, &mut batches)?;
                Ok::<_, String>(engine.news())
            })
        },
        || timed(|| Ok::<_, String>(other(&items))),
    )?;
    Ok(Record::new(
        question,
        Unit::Event,
        events,
        baseline_is,
        figures,
    ))
}

/// Local items.
pub fn q3(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q3", app!("q3"), SECONDS_2, |items, tally| {
        meet::q3(items, &mut |name: &Str, city: &Str, state: &Str, id| {
            let texts = [name, city, state].map(|text| text_word(text));
            tally.add(words(&[texts[0], texts[1], texts[2], id as u64]));
        });
    })
}

/// Average price for a category.
pub fn q4(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q4", app!("q4"), SECONDS_2, |items, tally| {
        meet::q4(items, &mut |category, price| {
            tally.add(words(&[category as u64, price.to_bits()]));
        });
    })
}

/// Average price by seller.
pub fn q6(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q6", app!("q6"), SECONDS_2, |items, tally| {
        meet::q6(items, &mut |seller, price| {
            tally.add(words(&[seller as u64, price.to_bits()]));
        });
    })
}

/// New users who sell.
pub fn q8(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q8", app!("q8"), SECONDS_25, |items, tally| {
        meet::q8(items, &mut |id, name, n| {
            tally.add(words(&[id as u64, text_word(name), n as u64]));
        });
    })
}

/// Winning bids.
pub fn q9(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q9", app!("q9"), SECONDS_2, |items, tally| {
        meet::q9(items, &mut |auction, bidder, price| {
            tally.add(words(&[auction as u64, bidder as u64, price as u64]));
        });
    })
}

/// Bids with their auctions.
pub fn q20(c: &Conditions) -> Result<Record, String> {
    query(c, "nexmark-q20", app!("q20"), SECONDS_2, |items, tally| {
        meet::q20(items, &mut |auction, bidder, price, seller| {
            let row = [auction, bidder, price, seller].map(|x| x as u64);
            tally.add(words(&row));
        });
    })
}
