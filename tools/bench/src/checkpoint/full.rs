//! How long does the first checkpoint of 1 M groups take, from the call until all of it is in memory?
//!
//! Sketch: 24 MB of keys and sums are encoded by the worker at some GB/s (10–20 ms), cut into chunks of a megabyte,
//! compressed (zstd level 1: 500 MB/s; lz4: 1 GB/s), digested at 10 GB/s and copied. Encoding and the rest overlap
//! on two cores.

use super::meter::{Epoch, median};
use super::rig::{Rig, Store};
use crate::figures::{bytes, short};
use crate::harness::{Conditions, Spread};
use crate::lanes::two_cores;
use crate::record::{Record, Unit};
use eventflux::checkpoint::CompressionType;
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, Workers};
use std::sync::Arc;
use std::time::Instant;

/// `checkpoint-full-none`.
pub fn none(c: &Conditions) -> Result<Record, String> {
    full(c, "checkpoint-full-none", CompressionType::None, 50e6)
}

/// `checkpoint-full-lz4`.
pub fn lz4(c: &Conditions) -> Result<Record, String> {
    full(c, "checkpoint-full-lz4", CompressionType::Lz4, 80e6)
}

/// `checkpoint-full-zstd`.
pub fn zstd(c: &Conditions) -> Result<Record, String> {
    full(c, "checkpoint-full-zstd", CompressionType::Zstd, 120e6)
}

/// `persist` of an app that never took a checkpoint, a new one for each pass.
fn full(
    c: &Conditions,
    question: &'static str,
    compression: CompressionType,
    max_ns: f64,
) -> Result<Record, String> {
    let groups = c.keys(1_000_000);
    let (mut ours, mut baseline, mut epochs) = (vec![], vec![], vec![]);
    let mut stored = 0;
    for pass in c.passes() {
        let store: Store = Arc::new(MemoryStore::new());
        let config = CheckpointConfig::default().compression(compression);
        let worker = Workers::Cores(vec![two_cores()?.1.id]);
        let mut rig = Rig::new(worker, Some(&store), config, groups)?;
        let begun = Instant::now();
        let epoch = rig.persist()?;
        let time = begun.elapsed().as_nanos() as f64;
        stored = rig.metrics()?.stored_bytes;
        let proof = rig.shut()?;
        if pass == 0 {
            proof.check(&store)?;
            continue;
        }
        ours.push(time);
        epochs.push(epoch);
        let plain = vec![1u8; epoch.raw_bytes as usize];
        let begun = Instant::now();
        std::hint::black_box(plain.to_vec());
        baseline.push(begun.elapsed().as_nanos() as f64);
    }
    let figures = (Spread::of(ours), Spread::of(baseline));
    let record = Record::new(
        question,
        Unit::Run,
        groups,
        "copying the encoded bytes once",
        figures,
    );
    let ms = |of: fn(&Epoch) -> f64| short(median(&epochs, of) / 1e6);
    Ok(record.within_ns(max_ns).with_note(format!(
        "{} encoded, {} stored; ms: pause {}, drain {}, of it compression and digests {}, puts {}; commit {}",
        bytes(median(&epochs, |e| e.raw_bytes)),
        bytes(stored as f64),
        ms(|e| e.pause),
        ms(|e| e.drain),
        ms(|e| e.encode),
        ms(|e| e.upload),
        ms(|e| e.commit)
    )))
}
