//! What do keys and values pay beside a bare client?
//!
//! Sketch: 25 µs for the round trip on both sides; the pool takes a lock and a clock read, below a microsecond.

use super::server;
use crate::engine;
use crate::harness::{Conditions, Size, Spread};
use crate::record::{Curve, Measure, Record, Unit, new_histogram};
use eventflux::redis::RedisBackend;
use eventflux_testbed::Redis;
use std::time::Instant;

/// Bytes of a value.
const VALUE: usize = 100;
/// Entries of one `set_multi`.
const MULTI: usize = 10_000;

fn calls(c: &Conditions) -> usize {
    match c.size {
        Size::Full => 20_000,
        Size::Quick => 5_000,
        Size::Tiny => 50,
    }
}

fn open(redis: &Redis) -> Result<(RedisBackend, ::redis::Connection), String> {
    let mut ours = RedisBackend::with_config(server::config(&redis.url()));
    ours.initialize().map_err(engine::text)?;
    let client = ::redis::Client::open(redis.url()).map_err(engine::text)?;
    Ok((ours, client.get_connection().map_err(engine::text)?))
}

/// `redis-backend-get`.
pub fn get(c: &Conditions) -> Result<Record, String> {
    let expected = vec![7u8; VALUE];
    side_by_side(
        c,
        "redis-backend-get",
        "redis-rs: HGET",
        |ours, key| match ours.get(key).map_err(engine::text)? {
            Some(value) if value == expected => Ok(()),
            other => Err(format!("get answers {other:?}")),
        },
        |bare, key| {
            let value: Vec<u8> = ::redis::cmd("HGET")
                .arg("bare")
                .arg(key)
                .query(bare)
                .map_err(engine::text)?;
            (value == expected)
                .then_some(())
                .ok_or_else(|| "HGET answers another value".to_string())
        },
    )
}

/// `redis-backend-set`.
pub fn set(c: &Conditions) -> Result<Record, String> {
    side_by_side(
        c,
        "redis-backend-set",
        "redis-rs: HSET",
        |ours, key| ours.set(key, vec![7; VALUE]).map_err(engine::text),
        |bare, key| {
            let value = vec![7u8; VALUE];
            let mut set = ::redis::cmd("HSET");
            set.arg("bare").arg(key).arg(value);
            set.query::<i64>(bare).map(drop).map_err(engine::text)
        },
    )
}

/// Both sides call by turns, each call timed.
fn side_by_side(
    c: &Conditions,
    question: &'static str,
    is: &'static str,
    mut ours: impl FnMut(&mut RedisBackend, &str) -> Result<(), String>,
    mut bare: impl FnMut(&mut ::redis::Connection, &str) -> Result<(), String>,
) -> Result<Record, String> {
    let redis = server::start()?;
    let (mut backend, mut connection) = open(&redis)?;
    let keys: Vec<String> = (0..1000).map(|i| format!("key-{i}")).collect();
    for key in &keys {
        backend.set(key, vec![7; VALUE]).map_err(engine::text)?;
        let mut set = ::redis::cmd("HSET");
        set.arg("bare").arg(key).arg(vec![7u8; VALUE]);
        set.query::<i64>(&mut connection).map_err(engine::text)?;
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for pass in c.passes() {
        let [mut of_ours, mut of_bare] = [new_histogram(), new_histogram()];
        for key in keys.iter().cycle().take(calls(c)) {
            let begun = Instant::now();
            ours(&mut backend, key)?;
            of_ours.saturating_record(begun.elapsed().as_nanos() as u64);
            let begun = Instant::now();
            bare(&mut connection, key)?;
            of_bare.saturating_record(begun.elapsed().as_nanos() as u64);
        }
        if pass > 0 {
            a.push(of_ours);
            b.push(of_bare);
        }
    }
    backend.shutdown().map_err(engine::text)?;
    let curves = vec![Curve::of("eventflux", &a), Curve::of(is, &b)];
    let (p, q) = (curves[0].percentiles, curves[1].percentiles);
    let events = calls(c) * c.repetitions as usize;
    let mut record = Record::new(question, Unit::Latency, events, is, (p[0], q[0]));
    record.curves = curves;
    Ok(record
        .within_ratio(1.3)
        .with_note(format!("values of {VALUE} bytes, 1,000 keys, one caller")))
}

/// `redis-backend-set-multi`: entries per second in sets of 10,000.
pub fn set_multi(c: &Conditions) -> Result<Record, String> {
    let redis = server::start()?;
    let (mut backend, mut connection) = open(&redis)?;
    let count = match c.size {
        Size::Tiny => 100,
        _ => MULTI,
    };
    let entries: Vec<(String, Vec<u8>)> = (0..count)
        .map(|i| (format!("key-{i}"), vec![(i % 251) as u8; VALUE]))
        .collect();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for pass in 0..=c.repetitions * 4 {
        let given = entries.clone();
        let begun = Instant::now();
        backend.set_multi(given).map_err(engine::text)?;
        let time = begun.elapsed().as_nanos() as f64 / count as f64;
        let mut set = ::redis::cmd("HSET");
        let begun = Instant::now();
        set.arg("bare");
        for (key, value) in &entries {
            set.arg(key).arg(value);
        }
        set.query::<i64>(&mut connection).map_err(engine::text)?;
        if pass > 0 {
            ours.push(time);
            bare.push(begun.elapsed().as_nanos() as f64 / count as f64);
        }
    }
    for (key, value) in entries.iter().step_by(97) {
        if backend.get(key).map_err(engine::text)?.as_ref() != Some(value) {
            return Err(format!("{key} has another value"));
        }
    }
    backend.shutdown().map_err(engine::text)?;
    let figures = (Spread::of(ours), Spread::of(bare));
    let question = "redis-backend-set-multi";
    let record = Record::new(question, Unit::Event, count, "redis-rs: one HSET", figures);
    let per_entry = record.ours.median;
    // 300,000 entries per second
    Ok(record.within("ns per entry", Measure::Nanos, per_entry, 1e9 / 300e3))
}
