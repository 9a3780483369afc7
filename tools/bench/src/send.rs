//! One row per `send`, inline: how long is a caller away?
//!
//! Sketch: a lock-free entry (some 10 ns), four values into columns, a batch of one row through filter and callback.

use super::data::{NamedTrade, Trade, name_word, named, trades};
use super::engine::{self, Engine, NAMED, TRADES};
use super::hand::{self, Map};
use super::harness::{Conditions, Tally, by_turns, same, timed, word2, word3};
use super::record::{Curve, Limit, Measure, Record, Unit, new_histogram};
use eventflux::{InputHandler, Value};
use hdrhistogram::Histogram;
use std::time::Instant;

/// Events of a pass.
const EVENTS: usize = 1_000_000;
const FILTER: &str = "INSERT INTO Out SELECT key, price * 2 AS doubled FROM S WHERE price > 50;";
const GROUP: &str =
    "INSERT INTO Out SELECT sym, sum(price) AS total, count() AS n FROM S GROUP BY sym;";
/// What a call may take, clock reads included: the middle one, and one in a thousand.
const SERVICE_MAX: (f64, f64) = (100.0, 500.0);

fn send_trade(input: &mut InputHandler, t: &Trade) -> Result<(), String> {
    input
        .send((t.ts, t.key, t.price, t.vol))
        .map_err(engine::text)
}

fn send_named(input: &mut InputHandler, t: &NamedTrade) -> Result<(), String> {
    input.send((&t.sym, t.price)).map_err(engine::text)
}

/// `send-inline-filter`: a typed row, a filter, a callback.
pub fn filter(c: &Conditions) -> Result<Record, String> {
    let trades = trades(c.events(EVENTS), 1000);
    filter_of(c, "send-inline-filter", &trades, &trades, send_trade)
}

/// `send-inline-filter-values`: the same with a slice of values.
pub fn filter_values(c: &Conditions) -> Result<Record, String> {
    let trades = trades(c.events(EVENTS), 1000);
    let values = |t: &Trade| {
        let [ts, key, vol] = [t.ts, t.key, t.vol].map(Value::Long);
        [ts, key, Value::Double(t.price), vol]
    };
    let rows: Vec<[Value; 4]> = trades.iter().map(values).collect();
    let send = |input: &mut InputHandler, row: &[Value; 4]| input.send(row).map_err(engine::text);
    filter_of(c, "send-inline-filter-values", &trades, &rows, send)
}

fn filter_of<T>(
    c: &Conditions,
    question: &'static str,
    trades: &[Trade],
    rows: &[T],
    send: impl Fn(&mut InputHandler, &T) -> Result<(), String>,
) -> Result<Record, String> {
    let mut engine = Engine::inline(&format!("{TRADES}{FILTER}"), engine::long_double)?;
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let figures = by_turns(
        c,
        trades.len(),
        || {
            timed(|| {
                rows.iter().try_for_each(|row| send(&mut input, row))?;
                Ok(engine.news())
            })
        },
        || {
            let mut tally = Tally::default();
            timed(|| {
                hand::filter(trades, &mut |key, doubled| {
                    tally.add(word2(key as u64, doubled.to_bits()));
                });
                Ok(tally)
            })
        },
    )?;
    let record = Record::new(
        question,
        Unit::Event,
        trades.len(),
        "hand row loop",
        figures,
    );
    Ok(record.within_ns(50.0))
}

/// `send-inline-groupby-string`: a typed row with a name, 1,000 groups, a row per event.
pub fn groupby_string(c: &Conditions) -> Result<Record, String> {
    let mut engine = Engine::inline(&format!("{NAMED}{GROUP}"), engine::name_double_long)?;
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let trades = named(&trades(c.events(EVENTS), 1000));
    let mut groups = Map::default();
    let figures = by_turns(
        c,
        trades.len(),
        || {
            timed(|| {
                trades.iter().try_for_each(|t| send_named(&mut input, t))?;
                Ok(engine.news())
            })
        },
        || {
            let mut tally = Tally::default();
            timed(|| {
                hand::group_named(&mut groups, &trades, &mut |sym, total, n| {
                    tally.add(word3(name_word(sym), total.to_bits(), n as u64));
                });
                Ok(tally)
            })
        },
    )?;
    let record = Record::new(
        "send-inline-groupby-string",
        Unit::Event,
        trades.len(),
        "hand row loop, hashbrown",
        figures,
    );
    Ok(record.within_ns(1000.0 / 12.0))
}

/// Times each step of a pass into a histogram.
fn each_timed<T>(
    items: &[T],
    histogram: &mut Histogram<u64>,
    mut step: impl FnMut(&T) -> Result<(), String>,
) -> Result<(), String> {
    for item in items {
        let start = Instant::now();
        step(item)?;
        let ns = start.elapsed().as_nanos() as u64;
        histogram.saturating_record(ns.max(1));
    }
    Ok(())
}

/// `service-time-inline`: clocks around each `send` of the filter.
pub fn service_filter(c: &Conditions) -> Result<Record, String> {
    let mut engine = Engine::inline(&format!("{TRADES}{FILTER}"), engine::long_double)?;
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let trades = trades(c.events(EVENTS), 1000);
    let ours = |histogram: &mut Histogram<u64>| {
        each_timed(&trades, histogram, |t| send_trade(&mut input, t))?;
        Ok(engine.news())
    };
    let baseline = |histogram: &mut Histogram<u64>| {
        let mut tally = Tally::default();
        each_timed(&trades, histogram, |t| {
            hand::filter(std::slice::from_ref(t), &mut |key, doubled| {
                tally.add(word2(key as u64, doubled.to_bits()));
            });
            Ok(())
        })?;
        Ok(tally)
    };
    service(c, "service-time-inline", &trades, ours, baseline)
}

/// `service-time-groupby-string`: clocks around each `send` of the groups by name.
pub fn service_groupby(c: &Conditions) -> Result<Record, String> {
    let mut engine = Engine::inline(&format!("{NAMED}{GROUP}"), engine::name_double_long)?;
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let trades = named(&trades(c.events(EVENTS), 1000));
    let ours = |histogram: &mut Histogram<u64>| {
        each_timed(&trades, histogram, |t| send_named(&mut input, t))?;
        Ok(engine.news())
    };
    let mut groups = Map::default();
    let baseline = |histogram: &mut Histogram<u64>| {
        let mut tally = Tally::default();
        each_timed(&trades, histogram, |t| {
            hand::group_named(
                &mut groups,
                std::slice::from_ref(t),
                &mut |sym, total, n| {
                    tally.add(word3(name_word(sym), total.to_bits(), n as u64));
                },
            );
            Ok(())
        })?;
        Ok(tally)
    };
    service(c, "service-time-groupby-string", &trades, ours, baseline)
}

/// Both sides by turns, a histogram for each pass.
fn service<T>(
    c: &Conditions,
    question: &'static str,
    items: &[T],
    mut ours: impl FnMut(&mut Histogram<u64>) -> Result<Tally, String>,
    mut baseline: impl FnMut(&mut Histogram<u64>) -> Result<Tally, String>,
) -> Result<Record, String> {
    let (mut a, mut b, mut clocks) = (Vec::new(), Vec::new(), Vec::new());
    for pass in c.passes() {
        let [mut ha, mut hb, mut hc] = std::array::from_fn(|_| new_histogram());
        same(ours(&mut ha)?, baseline(&mut hb)?)?;
        each_timed(items, &mut hc, |_| Ok(()))?;
        if pass > 0 {
            a.push(ha);
            b.push(hb);
            clocks.push(hc);
        }
    }
    let curves = vec![
        Curve::of("eventflux", &a),
        Curve::of("hand row loop", &b),
        Curve::of("clocks only", &clocks),
    ];
    let figures = (curves[0].percentiles[0], curves[1].percentiles[0]);
    let (p50, p999) = (curves[0].percentiles[0], curves[0].percentiles[3]);
    let mut record = Record::new(
        question,
        Unit::Latency,
        items.len(),
        "hand row loop",
        figures,
    );
    record.limits = [("p50", p50, SERVICE_MAX.0), ("p99.9", p999, SERVICE_MAX.1)]
        .map(|(what, figure, max)| Limit {
            what,
            measure: Measure::Nanos,
            figure: figure.median,
            max,
        })
        .into();
    record.curves = curves;
    Ok(record.with_note("two clock reads are part of every figure"))
}
