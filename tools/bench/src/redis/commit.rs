//! How long does it take to make an increment the head?
//!
//! Sketch: one script on one key, a manifest of some KB as its argument, at 25 µs per round trip; before it the last
//! chunks' answers.

use super::server;
use crate::checkpoint::Rig;
use crate::engine;
use crate::figures::short;
use crate::harness::{Conditions, Size};
use crate::lanes::two_cores;
use crate::record::{Curve, Measure, Record, Unit, new_histogram};
use eventflux::{CheckpointConfig, Workers};
use std::time::Instant;

/// `redis-commit-10k`: 10 k of 1 M groups changed.
pub fn commit_10k(c: &Conditions) -> Result<Record, String> {
    let (groups, checkpoints) = match c.size {
        Size::Full => (1_000_000, 60),
        Size::Quick => (1_000_000, 20),
        Size::Tiny => (2000, 3),
    };
    let redis = server::start()?;
    let store = server::store(&redis.url())?;
    let worker = Workers::Cores(vec![two_cores()?.1.id]);
    let config = CheckpointConfig::default();
    let mut rig = Rig::new(worker, Some(&store), config, groups)?;
    rig.add_sets(groups / 100, 4)?;
    rig.persist()?;
    let client = ::redis::Client::open(redis.url()).map_err(engine::text)?;
    let mut bare = client.get_connection().map_err(engine::text)?;
    let (mut commits, mut trips, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for pass in c.passes() {
        let [mut commit, mut trip, mut all] = [new_histogram(), new_histogram(), new_histogram()];
        for number in 0..checkpoints {
            rig.send_set(number % rig.sets())?;
            let epoch = rig.persist()?;
            commit.saturating_record((epoch.commit as u64).max(1));
            all.saturating_record((epoch.total as u64).max(1));
            let begun = Instant::now();
            let answer: i64 = ::redis::cmd("EVAL")
                .arg("return redis.call('HSET', KEYS[1], 'm', ARGV[1])")
                .arg(1)
                .arg("bare")
                .arg(vec![b'x'; rig.metrics()?.manifest_bytes as usize])
                .query(&mut bare)
                .map_err(engine::text)?;
            trip.saturating_record(begun.elapsed().as_nanos() as u64);
            if !(0..=1).contains(&answer) {
                return Err(format!("HSET answers {answer}"));
            }
        }
        if pass > 0 {
            commits.push(commit);
            trips.push(trip);
            whole.push(all);
        }
    }
    rig.end()?.check(&store)?;
    let curves = vec![
        Curve::of("commit", &commits),
        Curve::of("a script that sets as many bytes", &trips),
        Curve::of("cut to durable", &whole),
    ];
    let (a, b) = (curves[0].percentiles, curves[1].percentiles);
    let total = curves[2].percentiles[0].median;
    let events = checkpoints * c.repetitions as usize;
    let is = "redis-rs: a script that sets as many bytes";
    let mut record = Record::new("redis-commit-10k", Unit::Latency, events, is, (a[0], b[0]))
        .within("p50", Measure::Nanos, a[0].median, 2e6)
        .within("p99", Measure::Nanos, a[2].median, 10e6);
    record.curves = curves;
    Ok(record.with_note(format!(
        "from the last sealed chunk to the answer; from the cut to the answer {} ms",
        short(total / 1e6)
    )))
}
