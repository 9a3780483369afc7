//! Two threads: what does the way from one core to another cost?
//!
//! Producers run on the first core, workers where the engine puts them: on the last core first. Every figure depends
//! on how far the two cores are from each other, so a ping-pong is taken beside every pass.

use super::cores::{NEAR_NS, cores, pin, ping_pong};
use super::data::{Trade, trades};
use super::engine::{self, Engine, TRADES};
use super::hand::{self, Group, Map};
use super::harness::{Conditions, Pass, Size, Spread, Tally, by_turns, timed, word3};
use super::record::{Record, Unit};
use super::ring::Ring;
use core_affinity::CoreId;
use eventflux::{ColumnBatch, Workers};
use std::time::Instant;

/// Events of a pass.
pub(super) const EVENTS: usize = 2_000_000;
/// Slots of the hand-written ring.
pub(super) const RING_SLOTS: usize = 4096;
/// Rows that the hand-written pusher publishes at once where it sends batches.
const RING_CHUNK: usize = 64;
pub(super) const GROUP: &str =
    "INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S GROUP BY key;";

/// The core of the producer and that of the worker.
pub(super) fn two_cores() -> Result<(CoreId, CoreId), String> {
    match cores().as_slice() {
        [first, .., last] => Ok((*first, *last)),
        _ => Err("needs two cores".into()),
    }
}

/// One figure of the distance between two cores.
pub(super) fn distance(c: &Conditions, (here, there): (CoreId, CoreId)) -> f64 {
    let round_trips = match c.size {
        Size::Tiny => 10,
        Size::Full | Size::Quick => 20_000,
    };
    ping_pong(here, there, round_trips, 1).median
}

/// Runs on a thread of its own that stays on a core.
pub(super) fn on<T: Send>(core: CoreId, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            pin(core);
            work()
        });
        thread
            .join()
            .unwrap_or_else(|e| std::panic::resume_unwind(e))
    })
}

/// Pops trades, groups them and emits a row per event, until `n` were popped.
fn pop_and_group(ring: &Ring, groups: &mut Map<i64, Group>, n: u64) -> Tally {
    let mut tally = Tally::default();
    let mut emit = |key: i64, total: f64, n: i64| {
        tally.add(word3(key as u64, total.to_bits(), n as u64));
    };
    let mut popper = ring.popper();
    let mut popped = 0;
    while popped < n {
        popped += popper.pop_all(|[ts, key, price, vol]| {
            let trade = Trade {
                ts: ts as i64,
                key: key as i64,
                price: f64::from_bits(price),
                vol: vol as i64,
            };
            hand::group(groups, std::slice::from_ref(&trade), &mut emit);
        });
        std::hint::spin_loop();
    }
    tally
}

/// One pass of the hand-written pipe: from the first push until the last row is out.
fn pipe(
    (here, there): (CoreId, CoreId),
    ring: &Ring,
    groups: &mut Map<i64, Group>,
    trades: &[Trade],
    chunk: usize,
) -> Pass {
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            pin(there);
            let tally = pop_and_group(ring, groups, trades.len() as u64);
            (tally, Instant::now())
        });
        let producer = scope.spawn(|| {
            pin(here);
            let start = Instant::now();
            let mut pusher = ring.pusher();
            for (i, t) in trades.iter().enumerate() {
                pusher.write([t.ts as u64, t.key as u64, t.price.to_bits(), t.vol as u64]);
                if (i + 1) % chunk == 0 {
                    pusher.publish();
                }
            }
            pusher.publish();
            start
        });
        let start = producer.join().expect("the producer does not panic");
        let (tally, end) = consumer.join().expect("the consumer does not panic");
        Pass {
            time: end.saturating_duration_since(start),
            tally,
        }
    })
}

/// `lane-groupby-batches`: columns of 1,024 rows to a worker that groups by 1,000 keys.
pub fn groupby_batches(c: &Conditions) -> Result<Record, String> {
    let send = |engine: &Engine, batches: &mut [ColumnBatch], _: &[Trade]| {
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        batches
            .iter_mut()
            .try_for_each(|b| input.send_columns(b).map_err(engine::text))
    };
    let record = lane(c, "lane-groupby-batches", RING_CHUNK, send)?;
    Ok(record.within_ns(20.0))
}

/// `lane-groupby-single`: the same, one row per `send`.
pub fn groupby_single(c: &Conditions) -> Result<Record, String> {
    let send = |engine: &Engine, _: &mut [ColumnBatch], trades: &[Trade]| {
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        trades.iter().try_for_each(|t| {
            input
                .send((t.ts, t.key, t.price, t.vol))
                .map_err(engine::text)
        })
    };
    let record = lane(c, "lane-groupby-single", 1, send)?;
    let near = record.ping_pong.is_some_and(|p| p.median < NEAR_NS);
    Ok(record.within_ns(if near { 100.0 } else { 200.0 }))
}

/// A producer, a lane and one worker beside the hand-written pipe.
fn lane(
    c: &Conditions,
    question: &'static str,
    chunk: usize,
    send: impl Fn(&Engine, &mut [ColumnBatch], &[Trade]) -> Result<(), String> + Sync,
) -> Result<Record, String> {
    let cores = two_cores()?;
    let app = format!("{TRADES}{GROUP}");
    let mut engine = Engine::start(
        &app,
        Workers::Cores(vec![cores.1.id]),
        engine::long_double_long,
    )?;
    let trades = trades(c.events(EVENTS), 1000);
    let mut batches = engine.columns(&trades)?;
    let (ring, mut groups) = (Ring::new(RING_SLOTS), Map::default());
    let mut distances = Vec::new();
    let figures = by_turns(
        c,
        trades.len(),
        || {
            distances.push(distance(c, cores));
            let rows = engine.expect_more(trades.len() as u64);
            let side = &engine;
            let mut pass = on(cores.0, || {
                timed(|| {
                    send(side, &mut batches, &trades)?;
                    side.wait_for(rows)?;
                    Ok::<_, String>(Tally::default())
                })
            })?;
            pass.tally = engine.news();
            Ok(pass)
        },
        || Ok(pipe(cores, &ring, &mut groups, &trades, chunk)),
    )?;
    let baseline_is = match chunk {
        1 => "hand ring, a push per event",
        _ => "hand ring, chunks of 64",
    };
    let mut record = Record::new(question, Unit::Event, trades.len(), baseline_is, figures);
    record.ping_pong = Some(Spread::of(distances));
    Ok(record)
}
