//! Sliding windows: extremes by the number of rows held, many windows of one stream, rows that come out of order.
//!
//! Sketch: the extreme of a window in order is the front of a queue that a row enters and leaves once, so its time does
//! not depend on the window; a row that is d places late goes into an order of the rows that wait, O(log d).

use super::data::{BATCH_ROWS, Random, Trade, trades};
use super::disorder::{batches, order};
use super::engine::{self, Engine, TRADES};
use super::growth::{Growth, sizes};
use super::harness::{Conditions, Pass, Spread, Tally, by_turns, same, timed, word2};
use super::record::{Curve, Line, Measure, Panel, Record, Unit, new_histogram};
use eventflux::event::{Data, Timestamp};
use eventflux::{Batch, ColumnBatch};
use std::collections::VecDeque;
use std::time::Instant;

/// Events of a pass behind a window that is full.
const EVENTS: usize = 1_000_000;
/// Single rows of which the latency is taken.
const SINGLE: usize = 200_000;
/// Rows of the window that others are compared with.
const SMALL: usize = 100;
/// Rows of windows that grow.
const SIZES: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
/// Windows over one stream.
const WINDOWS: usize = 50;
/// Microseconds from one row to the next where rows are out of order.
const GAP_US: i64 = 2000;

/// `extremum-length-100`.
pub fn length_100(c: &Conditions) -> Result<Record, String> {
    extremum(c, "extremum-length-100", SMALL, length)
}

/// `extremum-length-10k`.
pub fn length_10k(c: &Conditions) -> Result<Record, String> {
    extremum(c, "extremum-length-10k", 10_000, length)
}

/// `extremum-length-1m`.
pub fn length_1m(c: &Conditions) -> Result<Record, String> {
    extremum(c, "extremum-length-1m", 1_000_000, length)
}

/// `extremum-time-10k`.
pub fn time_10k(c: &Conditions) -> Result<Record, String> {
    extremum(c, "extremum-time-10k", 10_000, time)
}

fn length(rows: usize) -> String {
    format!("'length', {rows}")
}

/// `extremum-growth`: the highest of up to a million rows.
pub fn growth(c: &Conditions) -> Result<Record, String> {
    let growth = Growth {
        question: "extremum-growth",
        title: "the highest of a window: time of a row",
        with: "rows of the window",
        by_hand: "hand monotonic queue over 1 M rows",
        events: c.events(EVENTS),
    };
    growth.over(sizes(c, &SIZES), |rows| highest(c, rows, length))
}

/// Ten events come per millisecond.
fn time(rows: usize) -> String {
    format!("'time', {} MILLISECONDS", rows / 10)
}

/// The highest price of the last rows by hand: a row drives out those before it that are not above it.
struct Highest {
    held: VecDeque<(usize, f64)>,
    next: usize,
}

impl Highest {
    fn come(&mut self, rows: usize, price: f64) -> f64 {
        while self.held.back().is_some_and(|(_, held)| *held <= price) {
            self.held.pop_back();
        }
        self.held.push_back((self.next, price));
        self.next += 1;
        while self
            .held
            .front()
            .is_some_and(|(row, _)| row + rows < self.next)
        {
            self.held.pop_front();
        }
        self.held.front().map_or(price, |(_, price)| *price)
    }
}

/// The highest price of a window that is full, beside the same by hand, a smaller window, and its own tail.
fn extremum(
    c: &Conditions,
    id: &'static str,
    rows: usize,
    window: fn(usize) -> String,
) -> Result<Record, String> {
    let rows = c.keys(rows) / 10 * 10;
    let figures = highest(c, rows, window)?;
    let small = highest(c, SMALL, window)?.0.median;
    let times = figures.0.median / small;
    let curve = single(c, rows, window)?;
    let [p50, _, _, p999, _] = curve.percentiles;
    let by_hand = "hand monotonic queue";
    let record = Record::new(id, Unit::Event, c.events(EVENTS), by_hand, figures);
    let mut record = record
        .within("by 100 rows", Measure::Times, times, 1.2)
        .within("p99.9", Measure::Nanos, p999.median, 10.0 * p50.median);
    record.curves.push(curve);
    Ok(record)
}

fn app(rows: usize, window: fn(usize) -> String) -> String {
    format!(
        "@app:playback\n{TRADES}INSERT INTO Out SELECT max(price) AS top FROM S WINDOW({});",
        window(rows)
    )
}

/// Trades whose prices hardly ever repeat.
fn varied(n: usize) -> Vec<Trade> {
    let (mut trades, mut random) = (trades(n, 1), Random::new(7));
    for trade in &mut trades {
        trade.price = random.below(1 << 40) as f64;
    }
    trades
}

fn highest(
    c: &Conditions,
    rows: usize,
    window: fn(usize) -> String,
) -> Result<(Spread, Spread), String> {
    let (app, fill) = (app(rows, window), rows.next_multiple_of(BATCH_ROWS));
    let trades = varied(fill + c.events(EVENTS));
    let mut batches = Engine::inline(&app, engine::double)?.columns(&trades)?;
    let (before, after) = batches.split_at_mut(fill / BATCH_ROWS);
    by_turns(
        c,
        trades.len() - fill,
        || {
            let mut engine = Engine::inline(&app, engine::double)?;
            super::batches::send(&mut engine, before)?;
            timed(|| super::batches::send(&mut engine, after))
        },
        || {
            let (held, next) = (VecDeque::new(), 0);
            let mut highest = Highest { held, next };
            for t in &trades[..fill] {
                highest.come(rows, t.price);
            }
            timed(|| {
                let mut tally = Tally::default();
                for t in &trades[fill..] {
                    tally.add(highest.come(rows, t.price).to_bits());
                }
                Ok(tally)
            })
        },
    )
}

/// The latency of single rows behind a window that is full.
fn single(c: &Conditions, rows: usize, window: fn(usize) -> String) -> Result<Curve, String> {
    let (app, fill) = (app(rows, window), rows.next_multiple_of(BATCH_ROWS));
    let trades = varied(fill + c.events(SINGLE));
    let mut histograms = Vec::new();
    for _ in 0..c.repetitions.max(1) {
        let mut engine = Engine::inline(&app, engine::double)?;
        let mut batches = engine.columns(&trades)?;
        super::batches::send(&mut engine, &mut batches[..fill / BATCH_ROWS])?;
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        let mut histogram = new_histogram();
        for (number, t) in trades.iter().enumerate().skip(fill) {
            let (at, row) = (super::data::at(number), (t.ts, t.key, t.price, t.vol));
            let start = Instant::now();
            input.send_at(at, row).map_err(engine::text)?;
            let nanos = start.elapsed().as_nanos() as u64;
            histogram.record(nanos).map_err(engine::text)?;
        }
        histograms.push(histogram);
    }
    Ok(Curve::of("eventflux", &histograms))
}

/// `many-windows`: sums over windows of different lengths of one stream, beside one of them.
pub fn many(c: &Conditions) -> Result<Record, String> {
    let query = |number: usize| {
        let rows = 20 * (number + 1);
        format!("INSERT INTO Out SELECT sum(price) AS total FROM S WINDOW('length', {rows});\n")
    };
    let all: String = (0..WINDOWS).map(query).collect();
    let apps = [all, query(WINDOWS - 1)].map(|queries| format!("{TRADES}{queries}"));
    let trades = trades(c.events(EVENTS / 4), 1);
    let mut figures = [Vec::new(), Vec::new()];
    for repetition in c.passes() {
        for (app, figures) in apps.iter().zip(&mut figures) {
            let mut engine = Engine::inline(app, engine::double)?;
            let mut batches = engine.columns(&trades)?;
            let pass = timed(|| super::batches::send(&mut engine, &mut batches))?;
            if repetition > 0 {
                figures.push(pass.time.as_nanos() as f64 / trades.len() as f64);
            }
        }
    }
    let [ours, one] = figures.map(Spread::of);
    let about = ("many-windows", "one of the fifty windows");
    Ok(Record::new(about.0, Unit::Event, trades.len(), about.1, (ours, one)).within_ratio(10.0))
}

fn two_doubles(batch: &Batch, tally: &mut Tally) {
    if let [a, b] = batch.columns()
        && let (Data::Double(a), Data::Double(b)) = (a.data(), b.data())
    {
        for (a, b) in a.iter().zip(b) {
            tally.add(word2(a.to_bits(), b.to_bits()));
        }
    }
}

/// `late-rows`: sum and max of a window of time over rows that are up to so many places late, beside rows in order in
/// an app without lateness.
pub fn late(c: &Conditions) -> Result<Record, String> {
    let rows = c.events(EVENTS / 10);
    // Places, and whether the app waits for as many.
    let cases = [
        (0, 0),
        (0, 1000),
        (10, 10),
        (100, 100),
        (1000, 1000),
        (10_000, 10_000),
    ];
    let cases =
        cases.map(|(places, waits): (usize, usize)| (places.min(rows / 2), waits.min(rows / 2)));
    let mut figures = vec![Vec::new(); cases.len()];
    let want = late_run(rows, 0, 0)?.tally;
    for repetition in c.passes() {
        for ((places, waits), figures) in cases.iter().zip(&mut figures) {
            let pass = late_run(rows, *places, *waits)?;
            same(pass.tally, want)?;
            if repetition > 0 {
                figures.push(pass.time.as_nanos() as f64 / rows as f64);
            }
        }
    }
    let spreads: Vec<Spread> = figures.into_iter().map(Spread::of).collect();
    let points = cases.iter().zip(&spreads).skip(2);
    let points = points.map(|((places, _), spread)| (*places as f64, spread.median));
    let panel = Panel {
        title: "time per row, by places that it is late",
        measure: Measure::Nanos,
        with: ("places", Measure::Count),
        lines: vec![Line {
            name: "eventflux",
            points: points.collect(),
        }],
    };
    let waits = spreads[1].median / spreads[0].median;
    let about = ("late-rows", "rows in order, without lateness");
    let record = Record::new(
        about.0,
        Unit::Event,
        rows,
        about.1,
        (spreads[4], spreads[0]),
    );
    let mut record = record
        .within_ratio(3.0)
        .within("in order", Measure::Times, waits, 1.2);
    record.panels.push(panel);
    Ok(record)
}

/// One run of an app of its own, to the end of the window.
fn late_run(rows: usize, places: usize, waits: usize) -> Result<Pass, String> {
    let lateness = waits as i64 * GAP_US;
    let app = format!(
        "@app:playback(lateness='{lateness} MICROSECONDS') {TRADES}INSERT INTO Out \
         SELECT sum(price) AS total, max(price) AS top FROM S WINDOW('time', 10 SECONDS);"
    );
    let mut engine = Engine::inline(&app, two_doubles)?;
    let mut batches: Vec<ColumnBatch> = batches(&engine, &order(rows, places.max(1)))?;
    timed(|| {
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        for batch in &mut batches {
            input.send_columns(batch).map_err(engine::text)?;
        }
        let end = Timestamp((rows + waits) as i64 * GAP_US + 1_000_000);
        input.advance_clock(end).map_err(engine::text)?;
        drop(input);
        Ok(engine.news())
    })
}
