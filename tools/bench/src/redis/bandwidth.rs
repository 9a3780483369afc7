//! How fast do a million groups get into Redis, and back?
//!
//! Sketch: 24 MB in chunks of a megabyte through a local socket at 2 GB/s are 12 ms for a client that does nothing
//! else; encoding (10 ms) runs beside it on another core, digests cost 2 ms. Back: the same bytes, digests, and an
//! index of a million groups (40 ms).

use super::server;
use super::wire::Bare;
use crate::checkpoint::{NAME, Rig, Store, restore_once, write_chain};
use crate::engine;
use crate::figures::{bytes, short};
use crate::harness::{Conditions, Pass, Spread, Tally, by_turns};
use crate::lanes::two_cores;
use crate::record::{Measure, Record, Unit};
use eventflux::checkpoint::CompressionType;
use eventflux::{CheckpointConfig, Workers};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// All chunks of a store, as values of keys that nobody else has.
fn copies(store: &Store) -> Result<Vec<(String, Vec<u8>)>, String> {
    let names = store.chunks(NAME).map_err(engine::text)?;
    let value = |name| {
        let chunk = store.get_chunk(NAME, name).map_err(engine::text)?;
        let chunk = chunk.ok_or_else(|| format!("chunk {name} is not there"))?;
        Ok((format!("bare:{name}"), chunk))
    };
    names.into_iter().map(value).collect()
}

/// `redis-full-none`: the first checkpoint of 1 M groups, not compressed.
pub fn full(c: &Conditions) -> Result<Record, String> {
    let groups = c.keys(1_000_000);
    let redis = server::start()?;
    let (mut all, mut puts, mut bare) = (vec![], vec![], vec![]);
    let mut stored = 0;
    for pass in c.passes() {
        let store = server::store(&redis.url())?;
        let config = CheckpointConfig::default().compression(CompressionType::None);
        let worker = Workers::Cores(vec![two_cores()?.1.id]);
        let mut rig = Rig::new(worker, Some(&store), config, groups)?;
        let begun = Instant::now();
        let epoch = rig.persist()?;
        let time = begun.elapsed().as_nanos() as f64;
        let proof = rig.shut()?;
        let values = copies(&store)?;
        stored = values.iter().map(|(_, chunk)| chunk.len()).sum();
        if pass == 0 {
            proof.check(&store)?;
        }
        redis.cmd(&["FLUSHALL"]);
        let mut client = Bare::connect(&redis.addr())?;
        let begun = Instant::now();
        client.set_all(&values)?;
        let plain = begun.elapsed().as_nanos() as f64;
        redis.cmd(&["FLUSHALL"]);
        if pass > 0 {
            all.push(time);
            puts.push(epoch.upload);
            bare.push(plain);
        }
    }
    let all = Spread::of(all);
    let figures = (Spread::of(puts), Spread::of(bare));
    let is = "a bare client: SET of the same chunks in a pipeline";
    let record = Record::new("redis-full-none", Unit::Run, groups, is, figures);
    Ok(record
        .within_ratio(1.0 / 0.7)
        .within("whole persist", Measure::Nanos, all.median, 50e6)
        .with_note(format!(
            "figures are the time in which chunks are handed over and answered; the persist from call to answer takes \
             {} ms ({} to {}); {} of chunks",
            short(all.median / 1e6),
            short(all.min / 1e6),
            short(all.max / 1e6),
            bytes(stored as f64)
        )))
}

/// Fetches all chunks from as many threads as a restore does; answers how long that takes.
fn fetch(store: &Store, size: usize) -> Result<f64, String> {
    let names = store.chunks(NAME).map_err(engine::text)?;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut bytes = 0;
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let chunk = store.get_chunk(NAME, *name).map_err(engine::text)?;
            bytes += chunk.map_or(0, |chunk| chunk.len());
        }
        Ok::<_, String>(bytes)
    };
    let begun = Instant::now();
    let bytes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let sums = threads.into_iter().map(|t| t.join().expect("no panic"));
        sums.sum::<Result<usize, String>>()
    })?;
    let time = begun.elapsed().as_nanos() as f64;
    match bytes == size {
        true => Ok(time),
        false => Err(format!("{bytes} bytes came back, not {size}")),
    }
}

/// `redis-recovery-1m`: from Redis, with a full chain of increments.
pub fn recovery(c: &Conditions) -> Result<Record, String> {
    let redis = server::start()?;
    let store = server::store(&redis.url())?;
    let worker = Workers::Cores(vec![two_cores()?.1.id]);
    let proof = write_chain(c, worker, &store)?;
    let values = copies(&store)?;
    let keys: Vec<String> = values.iter().map(|(key, _)| key.clone()).collect();
    let size: usize = values.iter().map(|(_, chunk)| chunk.len()).sum();
    let mut client = Bare::connect(&redis.addr())?;
    client.set_all(&values)?;
    drop((values, store));
    let (mut phases, mut fetched) = (Vec::new(), Vec::new());
    let mut checked = false;
    let figures = by_turns(
        c,
        1,
        || {
            let store = server::store(&redis.url())?;
            let (pass, times, engine) = restore_once(&store, !checked)?;
            if let Some(mut engine) = engine {
                proof.check_engine(&mut engine)?;
                engine.runtime().shutdown().map_err(engine::text)?;
                checked = true;
            }
            phases.push(times);
            fetched.push(fetch(&store, size)?);
            Ok(pass)
        },
        || {
            let begun = Instant::now();
            let read = client.get_all(&keys)?;
            let time = begun.elapsed();
            let tally = Tally::default();
            if read != size as u64 {
                return Err(format!("{read} bytes came back, not {size}"));
            }
            Ok(Pass { time, tally })
        },
    )?;
    let phase = |i: usize| Spread::of(phases.iter().skip(1).map(|p: &[f64; 3]| p[i]).collect());
    let (read, build) = (phase(0), phase(1));
    let fetch = Spread::of(fetched.into_iter().skip(1).collect());
    let bare = figures.1.median;
    let record = Record::new(
        "redis-recovery-1m",
        Unit::Run,
        c.keys(1_000_000),
        "a bare client: GET of the same chunks in a pipeline",
        figures,
    );
    Ok(record
        .within_ns(100e6)
        .within(
            "fetch beside GET",
            Measure::Times,
            fetch.median / bare,
            1.0 / 0.7,
        )
        .with_note(format!(
            "ms: fetching alone {} ({} to {}), the whole of fetching, decompressing and verifying {}, build {}; {} of \
             {} chunks",
            short(fetch.median / 1e6),
            short(fetch.min / 1e6),
            short(fetch.max / 1e6),
            short(read.median / 1e6),
            short(build.median / 1e6),
            bytes(size as f64),
            keys.len()
        )))
}
