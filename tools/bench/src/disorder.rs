//! How does the time per row grow with the number of rows that are out of order? Each question is asked over a
//! hundredth, a tenth and all of its rows.
//!
//! Sketch: a row that waits for its turn, or finds its session, costs O(log n) of the n rows that wait or sessions
//! that are open. From 10³ to 10⁵ a logarithm grows by 1.7, and what is held leaves the caches: twice the time is the
//! limit.

use super::data::Random;
use super::engine::{self, Engine, TRADES};
use super::harness::{Conditions, Pass, Spread, same, timed};
use super::record::{Line, Measure, Panel, Record, Unit};
use eventflux::ColumnBatch;
use eventflux::event::{Column, Data, Timestamp};

/// Rows of the largest run.
const ROWS: usize = 100_000;
/// How far a row is displaced, in rows.
const DISPLACED_MAX: usize = 20_000;
/// Microseconds from one row to the next in the order of time.
const GAP_US: i64 = 2000;

/// A window over rows out of order.
struct Case {
    question: &'static str,
    window: &'static str,
    /// Rows come anywhere, so that all of them are open at once; otherwise at most [`DISPLACED_MAX`] away.
    anywhere: bool,
}

/// `disorder-sessions`: open sessions of one key, a row each.
pub fn sessions(c: &Conditions) -> Result<Record, String> {
    grow(
        c,
        Case {
            question: "disorder-sessions",
            window: "'sessionBatch', 1 MILLISECONDS",
            anywhere: true,
        },
    )
}

/// `disorder-time`: rows that wait for a sliding window.
pub fn time(c: &Conditions) -> Result<Record, String> {
    grow(
        c,
        Case {
            question: "disorder-time",
            window: "'time', 100 MILLISECONDS",
            anywhere: false,
        },
    )
}

/// `disorder-tumbling`: rows that go into any of many open windows.
pub fn tumbling(c: &Conditions) -> Result<Record, String> {
    grow(
        c,
        Case {
            question: "disorder-tumbling",
            window: "'tumbling', 100 MILLISECONDS",
            anywhere: false,
        },
    )
}

/// `disorder-timebatch`: rows that wait for their batch.
pub fn time_batch(c: &Conditions) -> Result<Record, String> {
    grow(
        c,
        Case {
            question: "disorder-timebatch",
            window: "'timeBatch', 100 MILLISECONDS, 0",
            anywhere: false,
        },
    )
}

/// The time per row of each size, by turns; a smaller run is repeated as often as its rows go into the largest.
fn grow(c: &Conditions, case: Case) -> Result<Record, String> {
    let all = c.events(ROWS);
    let sizes = [all / 100, all / 10, all];
    let mut figures = vec![Vec::new(); sizes.len()];
    for repetition in c.passes() {
        for (size, figures) in sizes.iter().zip(&mut figures) {
            let mut nanos = 0;
            for _ in 0..all / size {
                nanos += run(&case, *size, true)?.time.as_nanos();
            }
            if repetition > 0 {
                figures.push(nanos as f64 / (size * (all / size)) as f64);
            }
        }
    }
    let in_order = run(&case, all, false)?;
    same(run(&case, all, true)?.tally, in_order.tally)?;
    let spreads: Vec<Spread> = figures.into_iter().map(Spread::of).collect();
    let sized = sizes.iter().zip(&spreads);
    let points = sized.map(|(size, spread)| (*size as f64, spread.median));
    let panel = Panel {
        title: "time per row, by rows out of order",
        measure: Measure::Nanos,
        with: ("rows", Measure::Count),
        lines: vec![Line {
            name: "eventflux",
            points: points.collect(),
        }],
    };
    let figures = (spreads[2], spreads[0]);
    let record = Record::new(
        case.question,
        Unit::Event,
        all,
        "the same with a hundredth of the rows",
        figures,
    );
    let mut record = record.within_ratio(2.0);
    record.panels.push(panel);
    Ok(record)
}

/// One run of an app of its own, to the end of all windows.
fn run(case: &Case, rows: usize, displaced: bool) -> Result<Pass, String> {
    let places = match case.anywhere {
        true => rows,
        false => rows.min(DISPLACED_MAX),
    };
    let lateness = places as i64 * GAP_US;
    let app = format!(
        "@app:playback(lateness='{lateness} MICROSECONDS') {TRADES}\
         INSERT INTO Out SELECT sum(price) AS total FROM S WINDOW({});",
        case.window
    );
    let mut engine = Engine::inline(&app, engine::double)?;
    let mut batches = batches(&engine, &order(rows, if displaced { places } else { 1 }))?;
    timed(|| {
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        for batch in &mut batches {
            input.send_columns(batch).map_err(engine::text)?;
        }
        let end = Timestamp((rows + places) as i64 * GAP_US + 1_000_000);
        input.advance_clock(end).map_err(engine::text)?;
        drop(input);
        Ok(engine.news())
    })
}

/// The numbers of rows in an order in which each is behind at most `places` later ones.
pub(super) fn order(rows: usize, places: usize) -> Vec<usize> {
    let mut random = Random::new(3);
    let mut turns: Vec<(usize, usize)> = (0..rows)
        .map(|row| (row + random.below(places as u64) as usize, row))
        .collect();
    turns.sort_unstable();
    turns.into_iter().map(|(_, row)| row).collect()
}

/// Rows in this order, as columns.
pub(super) fn batches(engine: &Engine, order: &[usize]) -> Result<Vec<ColumnBatch>, String> {
    let schema = engine.runtime().schema("S").ok_or("no such stream")?;
    let batch = |rows: &[usize]| {
        let columns = vec![
            Data::Long(vec![0; rows.len()]),
            Data::Long(vec![0; rows.len()]),
            Data::Double(rows.iter().map(|row| (row % 100) as f64).collect()),
            Data::Long(vec![1; rows.len()]),
        ];
        let at = rows.iter().map(|row| Timestamp(*row as i64 * GAP_US));
        let mut batch = ColumnBatch::new(&schema);
        let columns = columns.into_iter().map(Column::from_data).collect();
        batch.set(at.collect(), columns).map_err(engine::text)?;
        Ok(batch)
    };
    order.chunks(super::data::BATCH_ROWS).map(batch).collect()
}
