//! Rows in columns, inline: how many nanoseconds does an event cost when events come in batches?
//!
//! Sketch: an event is 40 bytes of columns, read once from memory that streams at some 10 GB/s: 4 ns are the floor
//! for inputs beyond the caches, the rest is the operator.

use super::data::{BATCH_ROWS, Trade, each_key, named, names, trades};
use super::engine::{self, Engine, NAMED, Read, TRADES};
use super::growth::{Growth, sizes};
use super::hand::{self, Columns, Group, Length, Map};
use super::harness::{Conditions, Tally, by_turns, timed, word2, word3};
use super::record::{Record, Unit};
use eventflux::ColumnBatch;

/// Events of a pass.
pub(super) const EVENTS: usize = 4_000_000;
/// Keys of a question that grows.
const KEYS: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// `GROUP BY` with a row per event.
const GROUP: &str =
    "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S GROUP BY key;";

/// Sends all batches and answers what came out.
pub(super) fn send(engine: &mut Engine, batches: &mut [ColumnBatch]) -> Result<Tally, String> {
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    for batch in batches {
        input.send_columns(batch).map_err(engine::text)?;
    }
    drop(input);
    Ok(engine.news())
}

/// An app that runs on over all passes beside a hand-written loop that does too.
fn running(
    c: &Conditions,
    (question, baseline_is): (&'static str, &'static str),
    events: usize,
    engine: &mut Engine,
    batches: &mut [ColumnBatch],
    mut hand: impl FnMut() -> Tally,
) -> Result<Record, String> {
    let figures = by_turns(
        c,
        events,
        || timed(|| send(engine, batches)),
        || timed(|| Ok(hand())),
    )?;
    Ok(Record::new(
        question,
        Unit::Event,
        events,
        baseline_is,
        figures,
    ))
}

/// Tells the rows that come out.
pub(super) type Emit<'a> = &'a mut dyn FnMut(i64, f64);

/// A query whose rows are LONG and DOUBLE, over so many trades of so many keys, beside the same by hand: as event time
/// starts again with every pass, every pass has an app of its own.
pub(super) fn afresh(
    c: &Conditions,
    (id, baseline_is): (&'static str, &'static str),
    rows: &str,
    (events, keys): (usize, usize),
    hand: impl Fn(&[Trade], Emit),
) -> Result<Record, String> {
    let app = format!("@app:playback\n{TRADES}INSERT INTO Out SELECT {rows};");
    let trades = trades(c.events(events), keys);
    let mut batches = Engine::inline(&app, engine::long_double)?.columns(&trades)?;
    let figures = by_turns(
        c,
        trades.len(),
        || {
            let mut engine = Engine::inline(&app, engine::long_double)?;
            timed(|| send(&mut engine, &mut batches))
        },
        || {
            let mut tally = Tally::default();
            timed(|| {
                let emit: Emit = &mut |key, x| tally.add(word2(key as u64, x.to_bits()));
                hand(&trades, std::hint::black_box(emit));
                Ok(tally)
            })
        },
    )?;
    Ok(Record::new(
        id,
        Unit::Event,
        trades.len(),
        baseline_is,
        figures,
    ))
}

/// `filter-project`: 49 % pass, two columns come out.
pub fn filter_project(c: &Conditions) -> Result<Record, String> {
    let app = "INSERT INTO Out SELECT key, price * 2 AS doubled FROM S WHERE price > 50;";
    let mut engine = Engine::inline(&format!("{TRADES}{app}"), engine::long_double)?;
    let trades = trades(c.events(EVENTS), 1000);
    let mut batches = engine.columns(&trades)?;
    let columns = Columns::of(&trades);
    let about = ("filter-project", "hand columnar loop");
    running(c, about, trades.len(), &mut engine, &mut batches, || {
        let mut tally = Tally::default();
        hand::filter_columns(&columns, &mut |key, doubled| {
            for (key, doubled) in key.iter().zip(doubled) {
                tally.add(word2(*key as u64, doubled.to_bits()));
            }
        });
        tally
    })
    .map(|r| r.within_ratio(3.0))
}

/// `filter-project-rows`: the same beside a loop over rows.
pub fn filter_project_rows(c: &Conditions) -> Result<Record, String> {
    let app = "INSERT INTO Out SELECT key, price * 2 AS doubled FROM S WHERE price > 50;";
    let mut engine = Engine::inline(&format!("{TRADES}{app}"), engine::long_double)?;
    let trades = trades(c.events(EVENTS), 1000);
    let mut batches = engine.columns(&trades)?;
    let about = ("filter-project-rows", "hand row loop");
    running(c, about, trades.len(), &mut engine, &mut batches, || {
        let mut tally = Tally::default();
        hand::filter(&trades, &mut |key, doubled| {
            tally.add(word2(key as u64, doubled.to_bits()));
        });
        tally
    })
}

/// `groupby-int-1k`.
pub fn groupby_int_1k(c: &Conditions) -> Result<Record, String> {
    groupby_int(c, "groupby-int-1k", 1000).map(|r| r.within_ratio(1.4))
}

/// `groupby-int-1m`: all groups exist before the clock starts.
pub fn groupby_int_1m(c: &Conditions) -> Result<Record, String> {
    groupby_int(c, "groupby-int-1m", c.keys(1_000_000)).map(|r| r.within_ratio(1.0))
}

/// `groupby-growth`: up to ten million keys, all of which exist.
pub fn groupby_growth(c: &Conditions) -> Result<Record, String> {
    let growth = Growth {
        question: "groupby-growth",
        title: "sum and count by an integer key: time of a row",
        with: "keys",
        by_hand: "hand row loop, hashbrown, 10 M keys",
        events: c.events(EVENTS),
    };
    growth.over(sizes(c, &KEYS), |keys| {
        let record = groupby_int(c, growth.question, keys)?;
        Ok((record.ours, record.baseline))
    })
}

fn groupby_int(c: &Conditions, question: &'static str, keys: usize) -> Result<Record, String> {
    let mut engine = Engine::inline(&format!("{TRADES}{GROUP}"), engine::long_double_long)?;
    let mut groups: Map<i64, Group> = Map::default();
    let first = each_key(keys);
    let mut first_batches = engine.columns(&first)?;
    send(&mut engine, &mut first_batches)?;
    hand::group(&mut groups, &first, &mut |_, _, _| {});
    drop((first, first_batches));
    let trades = trades(c.events(EVENTS), keys);
    let mut batches = engine.columns(&trades)?;
    let about = (question, "hand row loop, hashbrown");
    running(c, about, trades.len(), &mut engine, &mut batches, || {
        let mut tally = Tally::default();
        hand::group(&mut groups, &trades, &mut |key, total, n| {
            tally.add(word3(key as u64, total.to_bits(), n as u64));
        });
        tally
    })
}

/// `groupby-string-1k`.
pub fn groupby_string_1k(c: &Conditions) -> Result<Record, String> {
    let app = "INSERT INTO Out SELECT sym, sum(price) AS total, count() AS n FROM S GROUP BY sym;";
    let mut engine = Engine::inline(&format!("{NAMED}{app}"), engine::name_double_long)?;
    let trades = named(&trades(c.events(EVENTS), 1000));
    let mut batches = engine.named_columns(&trades)?;
    let mut groups = Map::default();
    let about = ("groupby-string-1k", "hand row loop, hashbrown");
    running(c, about, trades.len(), &mut engine, &mut batches, || {
        let mut tally = Tally::default();
        hand::group_named(&mut groups, &trades, &mut |sym, total, n| {
            tally.add(word3(
                super::data::name_word(sym),
                total.to_bits(),
                n as u64,
            ));
        });
        tally
    })
    .map(|r| r.within_ratio(1.1))
}

/// `groupby-dictionary-1k`: names that come as codes, beside the same query by integer keys.
pub fn groupby_dictionary_1k(c: &Conditions) -> Result<Record, String> {
    const KEYS: usize = 1000;
    let query = "sum(price) AS total, count() AS n FROM S GROUP BY sym;";
    let app = |ty: &str| {
        format!("CREATE STREAM S (sym {ty}, price DOUBLE);\nINSERT INTO Out SELECT sym, {query}")
    };
    let trades = trades(c.events(EVENTS), KEYS);
    let mut ours = Engine::inline(&app("STRING"), engine::coded_double_long)?;
    let mut coded = ours.coded_columns(&trades, &names(KEYS)?)?;
    let mut baseline = Engine::inline(&app("LONG"), engine::key_double_long)?;
    let mut plain = baseline.priced_columns(&trades)?;
    let figures = by_turns(
        c,
        trades.len(),
        || timed(|| send(&mut ours, &mut coded)),
        || timed(|| send(&mut baseline, &mut plain)),
    )?;
    let about = ("groupby-dictionary-1k", "the same by integers");
    Ok(Record::new(about.0, Unit::Event, trades.len(), about.1, figures).within_ratio(1.2))
}

/// `length-1000-sum`.
pub fn length_sum(c: &Conditions) -> Result<Record, String> {
    let app = "INSERT INTO Out SELECT sum(price) AS total FROM S WINDOW('length', 1000);";
    let mut engine = Engine::inline(&format!("{TRADES}{app}"), engine::double)?;
    let trades = trades(c.events(EVENTS), 1000);
    let mut batches = engine.columns(&trades)?;
    let mut window = Length::new(1000);
    let about = ("length-1000-sum", "hand row loop");
    running(c, about, trades.len(), &mut engine, &mut batches, || {
        let mut tally = Tally::default();
        hand::length_sum(&mut window, &trades, &mut |total| {
            tally.add(total.to_bits());
        });
        tally
    })
    .map(|r| r.within_ratio(2.0))
}

/// `length-1000-groupby-1k`.
pub fn length_groupby(c: &Conditions) -> Result<Record, String> {
    let app = "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n \
               FROM S WINDOW('length', 1000) GROUP BY key;";
    let mut engine = Engine::inline(&format!("{TRADES}{app}"), engine::long_double_long)?;
    let trades = trades(c.events(EVENTS / 2), 1000);
    let mut batches = engine.columns(&trades)?;
    let (mut window, mut groups) = (Length::new(1000), Map::default());
    let about = ("length-1000-groupby-1k", "hand row loop, hashbrown");
    running(c, about, trades.len(), &mut engine, &mut batches, || {
        let mut tally = Tally::default();
        hand::length_group(&mut window, &mut groups, &trades, &mut |key, total, n| {
            tally.add(word3(key as u64, total.to_bits(), n as u64));
        });
        tally
    })
    .map(|r| r.within_ratio(2.0))
}

/// `tumbling-1s-count-by-key`: event time starts again with every pass, so every pass has an app of its own.
pub fn tumbling(c: &Conditions) -> Result<Record, String> {
    let app = format!(
        "@app:playback\n{TRADES}INSERT INTO Out SELECT key, count() AS n \
         FROM S WINDOW('tumbling', 1 SECOND) GROUP BY key;"
    );
    let read: Read = engine::long_long;
    // at least two windows
    let trades = trades(c.events(EVENTS).max(20 * BATCH_ROWS), 1000);
    let mut batches = Engine::inline(&app, read)?.columns(&trades)?;
    let figures = by_turns(
        c,
        trades.len(),
        || {
            let mut engine = Engine::inline(&app, read)?;
            timed(|| send(&mut engine, &mut batches))
        },
        || {
            let mut tally = Tally::default();
            timed(|| {
                hand::tumbling(&trades, &mut |key, n| {
                    tally.add(word2(key as u64, n as u64))
                });
                Ok(tally)
            })
        },
    )?;
    let about = ("tumbling-1s-count-by-key", "hand row loop, hashbrown");
    Ok(Record::new(about.0, Unit::Event, trades.len(), about.1, figures).within_ratio(1.2))
}
