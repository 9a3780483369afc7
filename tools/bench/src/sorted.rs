//! `first` over `sort(n)`: does a row cost more where more rows are held?
//!
//! Sketch: a row is put in its place among n, and the greatest of n leaves, which may be any row in order of arrival;
//! both are searches in trees, so that the time of a row grows with the logarithm of n, and with memory beyond caches.

use super::data::{Random, Trade};
use super::engine::{self, Engine, TRADES};
use super::harness::{Conditions, Spread, Tally, timed};
use super::record::{Line, Measure, Panel, Record, Unit};

/// Rows held.
const HELD: [usize; 3] = [1_000, 10_000, 100_000];
/// Events of a pass.
const EVENTS: usize = 200_000;

/// `first-in-sort`: time of a row among 100,000 beside that of a row among 1,000.
pub fn first(c: &Conditions) -> Result<Record, String> {
    let events = c.events(EVENTS);
    let mut figures = Vec::new();
    for held in HELD.map(|rows| c.keys(rows)) {
        figures.push((held as f64, passes(c, held, events)?));
    }
    let (few, many) = (figures[0].1, figures[figures.len() - 1].1);
    let panel = Panel {
        title: "first over sort(n): time of a row",
        measure: Measure::Nanos,
        with: ("rows held", Measure::Count),
        lines: vec![Line {
            name: "eventflux",
            points: figures
                .iter()
                .map(|(n, spread)| (*n, spread.median))
                .collect(),
        }],
    };
    let mut record = Record::new(
        "first-in-sort",
        Unit::Event,
        events,
        "the same over 1,000 rows",
        (many, few),
    );
    record.panels.push(panel);
    Ok(record.within_ratio(2.0))
}

/// Passes over a window that is full, each with rows that stay for a while.
fn passes(c: &Conditions, held: usize, events: usize) -> Result<Spread, String> {
    let app = format!(
        "{TRADES}INSERT INTO Out SELECT first(price) AS f FROM S WINDOW('sort', {held}, key);"
    );
    let mut engine = Engine::inline(&app, engine::double)?;
    let mut random = Random::new(3);
    let mut sent = 0;
    let mut figures = Vec::new();
    for pass in c.passes() {
        let rows = if pass == 0 { held + events } else { events };
        let trades = falling(&mut random, sent, rows, held);
        sent += rows as i64;
        let mut batches = engine.columns(&trades)?;
        let pass = timed(|| -> Result<Tally, String> {
            let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
            for batch in &mut batches {
                input.send_columns(batch).map_err(engine::text)?;
            }
            drop(input);
            Ok(engine.news())
        })?;
        if pass.tally.rows != rows as u64 {
            return Err(format!("{} rows came of {rows}", pass.tally.rows));
        }
        figures.push(pass.time.as_nanos() as f64 / events as f64);
    }
    // The first pass fills the window.
    figures.remove(0);
    Ok(Spread::of(figures))
}

/// Trades whose keys fall as they come, so that each is among the smallest at first and the greatest in the end.
fn falling(random: &mut Random, sent: i64, rows: usize, held: usize) -> Vec<Trade> {
    (0..rows as i64)
        .map(|i| Trade {
            ts: 0,
            key: random.below(held as u64) as i64 - sent - i,
            price: random.below(100) as f64,
            vol: 1,
        })
        .collect()
}
