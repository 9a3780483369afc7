//! An aggregation from seconds to years: filled in columns, and asked for a year of hours.
//!
//! Sketch: a row is a look-up of its group, one in an array, and an update of the accumulators of one period; each
//! group and second costs a look-up and a merge for every granularity that it is merged into, of which only the minute
//! comes often.

use super::data::{BATCH_ROWS, Trade, trades};
use super::engine::{self, Engine, TRADES};
use super::hand::Map;
use super::harness::{Conditions, Tally, by_turns, timed, word2, word3};
use super::record::{Record, Unit};
use eventflux::{Timestamp, Value};
use std::collections::BTreeMap;
use std::time::Instant;

/// Events of a pass.
const EVENTS: usize = 4_000_000;
/// Times that a question is asked in a pass.
const ASKED: usize = 200;
/// Hours of a year.
const HOURS: i64 = 8760;
const HOUR_MS: i64 = 3_600_000;

/// Milliseconds of seconds, minutes, hours and days; all trades are of one month and year.
const UNITS_MS: [i64; 6] = [1000, 60_000, HOUR_MS, 24 * HOUR_MS, i64::MAX, i64::MAX];

fn app(retention: &str) -> String {
    format!(
        "@app:playback\n{TRADES}CREATE AGGREGATION A {retention} AS SELECT key, sum(price) AS total, count() AS n \
         FROM S GROUP BY key AGGREGATE EVERY SECONDS ... YEARS;"
    )
}

/// The answer to a question whose rows are LONG, DOUBLE and LONG.
fn told(engine: &Engine, text: &str) -> Result<Tally, String> {
    let answer = engine.runtime().query(text).map_err(engine::text)?;
    let mut tally = Tally::default();
    for row in answer.rows() {
        match row.as_slice() {
            [Value::Long(key), Value::Double(total), Value::Long(n)] => {
                tally.add(word3(*key as u64, total.to_bits(), *n as u64));
            }
            other => return Err(format!("{other:?} is no row of the aggregation")),
        }
    }
    Ok(tally)
}

/// Periods by granularity, each with its groups.
#[derive(Default)]
struct Hand {
    levels: [Map<(i64, i64), (f64, i64)>; 6],
}

impl Hand {
    fn add(&mut self, rows: &[Trade]) {
        for row in rows {
            for (level, unit) in self.levels.iter_mut().zip(UNITS_MS) {
                let group = level.entry((row.ts / unit, row.key)).or_default();
                group.0 += row.price;
                group.1 += 1;
            }
        }
    }

    fn tally(&self, level: usize) -> Tally {
        let mut tally = Tally::default();
        for ((_, key), (total, n)) in &self.levels[level] {
            tally.add(word3(*key as u64, total.to_bits(), *n as u64));
        }
        tally
    }
}

/// `aggregation-1k`: event time starts again with every pass, so every pass has an app of its own.
pub fn fill(c: &Conditions) -> Result<Record, String> {
    let trades = trades(c.events(EVENTS), 1000);
    let text = app("WITH ('retention.seconds'='10 SECONDS')");
    let start = || Engine::inline_to(&text, &[], engine::long_double_long);
    let mut batches = start()?.columns(&trades)?;
    let figures = by_turns(
        c,
        trades.len(),
        || {
            let engine = start()?;
            let begin = Instant::now();
            let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
            for batch in &mut batches {
                input.send_columns(batch).map_err(engine::text)?;
            }
            let time = begin.elapsed();
            let mut tally = told(&engine, "SELECT key, total, n FROM A PER 'MINUTES'")?;
            tally.merge(told(&engine, "SELECT key, total, n FROM A PER 'YEARS'")?);
            Ok(super::harness::Pass { time, tally })
        },
        || {
            let begin = Instant::now();
            let mut hand = Hand::default();
            hand.add(&trades);
            let time = begin.elapsed();
            let mut tally = hand.tally(1);
            tally.merge(hand.tally(5));
            Ok(super::harness::Pass { time, tally })
        },
    )?;
    let baseline = "hand row loop, a map per granularity, hashbrown";
    let record = Record::new(
        "aggregation-1k",
        Unit::Event,
        trades.len(),
        baseline,
        figures,
    );
    Ok(record.within_ns(40.0))
}

/// `aggregation-year`: the hours of a year of one of ten groups, by a question that was prepared.
pub fn ask(c: &Conditions) -> Result<Record, String> {
    let text = app("WITH ('retention.hours'='all')");
    let engine = Engine::inline_to(&text, &[], engine::long_double_long)?;
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let mut hand: Map<i64, BTreeMap<i64, f64>> = Map::default();
    for hour in 0..HOURS {
        for key in 0..10 {
            let (ts, price) = (hour * HOUR_MS, (hour % 100 + key) as f64);
            let at = Timestamp::from_millis(ts);
            input
                .send_at(at, (ts, key, price, 1i64))
                .map_err(engine::text)?;
            hand.entry(key).or_default().insert(ts, price);
        }
    }
    let text = "SELECT AGG_TIMESTAMP, total FROM A WHERE key = ? WITHIN ?, ? PER 'HOURS'";
    let mut question = engine.runtime().prepare(text).map_err(engine::text)?;
    let asked = c.events(ASKED * BATCH_ROWS) / BATCH_ROWS;
    let keys = move || (0..asked as i64).map(|i| i % 10);
    let figures = by_turns(
        c,
        asked,
        || {
            timed(|| {
                let mut tally = Tally::default();
                for key in keys() {
                    let answer = question.query((key, 0i64, HOURS * HOUR_MS));
                    let answer = answer.map_err(engine::text)?;
                    for (at, total) in answer.typed::<(i64, f64)>().map_err(engine::text)? {
                        tally.add(word2(at as u64, total.to_bits()));
                    }
                }
                Ok(tally)
            })
        },
        || {
            timed(|| {
                let mut tally = Tally::default();
                for key in keys() {
                    for (at, total) in hand[&key].range(0..HOURS * HOUR_MS) {
                        tally.add(word2(*at as u64, total.to_bits()));
                    }
                }
                Ok::<_, String>(tally)
            })
        },
    )?;
    let baseline = "hand range of a sorted map";
    let record = Record::new("aggregation-year", Unit::Event, asked, baseline, figures);
    Ok(record.within_ns(5_000_000.0))
}
