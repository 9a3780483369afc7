//! Do rows that come one by one over a lane feel checkpoints that follow one another ten times a second?
//!
//! Sketch: a cut is a few microseconds on the worker, then it encodes some thousand groups in slices of 20 µs; a row
//! that comes in a slice waits for its end. At a million rows per second the tail is that of the lane, which the host
//! of the machine makes.

use super::rig::{NAME, Store, build};
use crate::data::{Trade, trades};
use crate::engine::{self, Engine, TRADES};
use crate::hand::{self, Map};
use crate::harness::{Conditions, Size, Tally, same, word3};
use crate::lanes::two_cores;
use crate::open_loop::timed_rows;
use crate::record::{Curve, Measure, Record, Unit};
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, EventFluxAppRuntime, Workers};
use std::sync::Arc;
use std::time::Duration;

/// What the p99.9 may be as a multiple of that without checkpoints.
const TAIL: f64 = 2.0;
/// Rows that a restored app is asked by.
const PROOFS: usize = 1000;

/// `checkpoint-latency-sends`: from the scheduled send of a row to its callback, with a checkpoint each 100 ms, beside
/// the same app without a store.
pub fn sends(c: &Conditions) -> Result<Record, String> {
    let cores = two_cores()?;
    let keys = c.keys(100_000);
    let interval = match c.size {
        Size::Full | Size::Quick => Duration::from_millis(100),
        Size::Tiny => Duration::from_millis(1),
    };
    let trades = trades(c.events(3_000_000), keys);
    let worker = || Workers::Cores(vec![cores.1.id]);
    let (mut with, mut without, mut taken) = (Vec::new(), Vec::new(), 0);
    for pass in c.passes() {
        let store: Store = Arc::new(MemoryStore::new());
        let config = CheckpointConfig::default().interval(interval);
        let ours = timed_rows(cores, &trades, started(worker(), &store, config)?)?;
        let bare = engine::create(&app(), worker())?;
        bare.start().map_err(engine::text)?;
        let bare = timed_rows(cores, &trades, bare)?;
        check(&store, &trades)?;
        if pass > 0 {
            with.push(ours);
            without.push(bare);
            let last = store.last_revision(NAME).map_err(engine::text)?;
            taken += last.map_or(0, |revision| revision.epoch);
        }
    }
    let curves = vec![
        Curve::of("a checkpoint each 100 ms", &with),
        Curve::of("without a store", &without),
    ];
    let [a, b] = [0, 1].map(|i| curves[i].percentiles);
    let question = "checkpoint-latency-sends";
    let is = "the same without a store";
    let mut record = Record::new(question, Unit::Latency, trades.len(), is, (a[0], b[0])).within(
        "p99.9",
        Measure::Times,
        a[3].median / b[3].median,
        TAIL,
    );
    record.curves = curves;
    Ok(record.with_note(format!(
        "open loop at 1 M events/s over a lane, timed from the scheduled send; {keys} keys at random, a \
         checkpoint each {interval:?}, {} in a pass",
        taken / c.repetitions.max(1) as u64
    )))
}

fn app() -> String {
    format!(
        "@app:name('{NAME}') {TRADES}\
         INSERT INTO Out SELECT ts, sum(price) AS total, count() AS n FROM S GROUP BY key;"
    )
}

fn started(
    workers: Workers,
    store: &Store,
    config: CheckpointConfig,
) -> Result<EventFluxAppRuntime, String> {
    // The last checkpoint holds all rows.
    let runtime = build(&app(), workers, Some(store), config.on_shutdown(true))?;
    runtime.start().map_err(engine::text)?;
    Ok(runtime)
}

/// A restored app goes on with the totals that these rows have left.
fn check(store: &Store, trades: &[Trade]) -> Result<(), String> {
    let config = CheckpointConfig::default();
    let runtime = build(&app(), Workers::Inline, Some(store), config)?;
    runtime.restore_last_revision().map_err(engine::text)?;
    let mut engine = Engine::of(runtime, 1, engine::long_double_long)?;
    let mut groups = Map::default();
    hand::group(&mut groups, trades, &mut |_, _, _| {});
    let more = &trades[..PROOFS.min(trades.len())];
    let mut expected = Tally::default();
    let mut times = more.iter().map(|t| t.ts as u64);
    hand::group(&mut groups, more, &mut |_, total, n| {
        let time = times.next().unwrap_or_default();
        expected.add(word3(time, total.to_bits(), n as u64));
    });
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    for trade in more {
        let row = (trade.ts, trade.key, trade.price, trade.vol);
        input.send(row).map_err(engine::text)?;
    }
    drop(input);
    same(engine.news(), expected).map_err(|e| format!("after a restore {e}"))?;
    engine.runtime().shutdown().map_err(engine::text)
}
