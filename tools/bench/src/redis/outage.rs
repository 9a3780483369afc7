//! What do rows pay for checkpoints to Redis: while it answers, while it is stopped, while it is gone?
//!
//! Sketch: the worker encodes 10 k of a million groups per second (1 ms), whatever the store does. A server that does
//! not answer keeps the checkpoint thread waiting, and that thread sleeps. What is left is that the server itself and
//! the checkpoint thread need a core, and two cores have no third.

use super::server;
use crate::checkpoint::{Rig, Store, build, pass};
use crate::data::trades;
use crate::engine::{self, TRADES};
use crate::figures::short;
use crate::harness::{Conditions, Pass, Size, Spread, same};
use crate::lanes::two_cores;
use crate::open_loop::timed_rows;
use crate::record::{Curve, Measure, Record, Unit};
use eventflux::redis::{RedisOptions, RedisPersistenceStore};
use eventflux::{CheckpointConfig, Workers};
use eventflux_testbed::Redis;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How the server is.
#[derive(Clone, Copy)]
enum Server {
    Answers,
    Stopped,
    Gone,
}

const SERVERS: [(&str, Server); 3] = [
    ("answers", Server::Answers),
    ("stopped", Server::Stopped),
    ("gone", Server::Gone),
];

impl Server {
    fn begin(self, redis: &Redis) {
        match self {
            Server::Answers => {}
            Server::Stopped => redis.stop(),
            Server::Gone => redis.kill(),
        }
    }

    fn end(self, redis: &Redis) -> Result<(), String> {
        match self {
            Server::Answers => Ok(()),
            Server::Stopped => {
                redis.cont();
                Ok(())
            }
            Server::Gone => redis.try_restart().map_err(engine::text),
        }
    }
}

fn interval(c: &Conditions) -> Duration {
    match c.size {
        Size::Full => Duration::from_secs(1),
        Size::Quick => Duration::from_millis(250),
        Size::Tiny => Duration::from_millis(5),
    }
}

fn store(redis: &Redis) -> Result<Store, String> {
    // Short, so that a pass sees several checkpoints fail.
    let short = Duration::from_millis(500);
    let options = RedisOptions::default()
        .read_timeout(short)
        .write_timeout(short)
        .retry(short / 10, short, 2 * short);
    let store = RedisPersistenceStore::new_with_options(server::config(&redis.url()), options);
    Ok(Arc::new(store.map_err(engine::text)?))
}

/// Takes a checkpoint; right after an outage the first ones may fail.
fn persist_again(rig: &mut Rig) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match rig.persist() {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed() > Duration::from_secs(30) => return Err(error),
            Err(_) => {}
        }
    }
}

/// `redis-throughput`: rows through a worker that groups by 1 M keys, 10 k of which change per checkpoint.
pub fn throughput(c: &Conditions) -> Result<Record, String> {
    let rows = match c.size {
        Size::Full => 80_000_000,
        Size::Quick => 20_000_000,
        Size::Tiny => 20_000,
    };
    let groups = c.keys(1_000_000);
    let redis = server::start()?;
    let store = store(&redis)?;
    let worker = || Ok::<_, String>(Workers::Cores(vec![two_cores()?.1.id]));
    let config = CheckpointConfig::default().interval(interval(c));
    let mut ours = Rig::new(worker()?, Some(&store), config, groups)?;
    let mut plain = Rig::new(worker()?, None, CheckpointConfig::default(), groups)?;
    for rig in [&mut ours, &mut plain] {
        rig.add_sets(groups / 100, 4)?;
        rig.engine.news();
    }
    ours.persist()?;
    let here = two_cores()?.0;
    let per_row = |p: &Pass| p.time.as_nanos() as f64 / rows as f64;
    let mut with: [Vec<f64>; 3] = Default::default();
    let mut without = Vec::new();
    let mut taken = 0;
    for number in c.passes() {
        for ((_, server), times) in SERVERS.iter().zip(&mut with) {
            let bare = pass(&mut plain, here, rows, rows / 4)?;
            server.begin(&redis);
            let before = ours.metrics()?.committed;
            let one = pass(&mut ours, here, rows, rows / 4);
            taken += ours.metrics()?.committed - before;
            server.end(&redis)?;
            let one = one?;
            same(one.tally, bare.tally)?;
            persist_again(&mut ours)?;
            if number > 0 {
                times.push(per_row(&one));
                without.push(per_row(&bare));
            }
        }
    }
    plain.runtime().shutdown().map_err(engine::text)?;
    let failed: u64 = ours.metrics()?.failed.values().sum();
    ours.end()?.check(&store)?;
    let [answers, stopped, gone] = with.map(Spread::of);
    let bare = Spread::of(without);
    let is = "the same without a store";
    let figures = (answers, bare);
    let record = Record::new("redis-throughput", Unit::Event, rows as usize, is, figures);
    Ok(record
        .within_ratio(1.02)
        .within("stopped", Measure::Times, stopped.median / bare.median, 1.02)
        .within("gone", Measure::Times, gone.median / bare.median, 1.02)
        .with_note(format!(
            "a checkpoint each {:?}, {} of {groups} groups change between two; {taken} were taken in all passes and \
             {failed} failed; ns per row while the server answers {}, is stopped {}, is gone {}",
            interval(c),
            groups / 100,
            short(answers.median),
            short(stopped.median),
            short(gone.median)
        )))
}

/// `redis-latency`: rows at a fixed rate, from the scheduled send to the callback.
pub fn latency(c: &Conditions) -> Result<Record, String> {
    let cores = two_cores()?;
    let trades = trades(c.events(3_000_000), 1000);
    let redis = server::start()?;
    let app = format!(
        "@app:name('latency') {TRADES}INSERT INTO Out SELECT ts, sum(price) AS total, count() AS n FROM S GROUP BY key;"
    );
    let create = |store: Option<&Store>| {
        let worker = Workers::Cores(vec![cores.1.id]);
        let config = CheckpointConfig::default().interval(interval(c));
        let runtime = build(&app, worker, store, config)?;
        // It claims its state before the server goes away.
        runtime.start().map_err(engine::text)?;
        Ok::<_, String>(runtime)
    };
    let mut with: [Vec<Histogram<u64>>; 3] = Default::default();
    let mut without = Vec::new();
    for number in c.passes() {
        let bare = timed_rows(cores, &trades, create(None)?)?;
        if number > 0 {
            without.push(bare);
        }
        for ((_, server), histograms) in SERVERS.iter().zip(&mut with) {
            let store = store(&redis)?;
            let runtime = create(Some(&store))?;
            server.begin(&redis);
            let rows = timed_rows(cores, &trades, runtime);
            server.end(&redis)?;
            let rows = rows?;
            if number > 0 {
                histograms.push(rows);
            }
        }
    }
    let mut curves = vec![Curve::of("without a store", &without)];
    for ((name, _), histograms) in SERVERS.iter().zip(&with) {
        curves.push(Curve::of(name, histograms));
    }
    let p50 = |i: usize| curves[i].percentiles[0];
    let is = "the same without a store";
    let mut record = Record::new(
        "redis-latency",
        Unit::Latency,
        trades.len(),
        is,
        (p50(1), p50(0)),
    );
    for (i, (name, _)) in SERVERS.iter().enumerate() {
        let ratio = p50(i + 1).median / p50(0).median;
        record = record.within(name, Measure::Times, ratio, 1.1);
    }
    record.curves = curves;
    Ok(record.with_note("open loop at 1 M events/s over a lane, timed from the scheduled send"))
}
