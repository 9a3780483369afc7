//! How many bytes does a checkpoint write?
//!
//! Sketch: a changed group costs its slot number and its values, about what it costs in a base. Beside the changes each
//! checkpoint captures an eighth of the parts whole, so that no restore reads more than eight epochs of a part. A
//! manifest names a part by path and epoch and a chunk by number, sizes and digest: some 50 bytes for each.

use super::meter::Epoch;
use super::rig::{NAME, Rig, Store};
use crate::engine;
use crate::figures::{bytes, short};
use crate::harness::{Conditions, Spread};
use crate::record::{Measure, Record, Unit};
use eventflux::checkpoint::Manifest;
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, Workers};
use std::sync::Arc;

/// Epochs of a part that a restore reads at most.
pub const CHAIN: usize = 8;

/// An app after some checkpoints with every n-th group changed in each.
struct Steady {
    /// Bytes of the first checkpoint: all of the state.
    state: f64,
    /// All after those that the rotation needs to become even.
    epochs: Vec<Epoch>,
    manifest: Manifest,
    manifest_bytes: u64,
}

fn steady(c: &Conditions, step: usize) -> Result<Steady, String> {
    let groups = c.keys(1_000_000);
    let store: Store = Arc::new(MemoryStore::new());
    let mut rig = Rig::new(
        Workers::Inline,
        Some(&store),
        CheckpointConfig::default(),
        groups,
    )?;
    let state = rig.persist()?.raw_bytes;
    rig.add_sets(groups / step, 2)?;
    let mut epochs = Vec::new();
    for number in 0..CHAIN * (2 + c.repetitions as usize) {
        rig.send_set(number % rig.sets())?;
        let epoch = rig.persist()?;
        if number >= 2 * CHAIN {
            epochs.push(epoch);
        }
    }
    let manifest_bytes = rig.metrics()?.manifest_bytes;
    let revision = store.last_revision(NAME).map_err(engine::text)?;
    let revision = revision.ok_or("the store has no revision")?;
    let manifest = store.manifest(NAME, revision).map_err(engine::text)?;
    let manifest = manifest.ok_or("the store has no manifest")?;
    let manifest = Manifest::decode(&manifest, None).map_err(engine::text)?;
    rig.end()?.check(&store)?;
    Ok(Steady {
        state,
        epochs,
        manifest,
        manifest_bytes,
    })
}

/// `checkpoint-delta-bytes`: 10 k of 1 M groups change.
pub fn delta_bytes(c: &Conditions) -> Result<Record, String> {
    let groups = c.keys(1_000_000);
    let steady = steady(c, 100)?;
    let of = |f: &dyn Fn(&Epoch) -> f64| Spread::of(steady.epochs.iter().map(f).collect());
    let whole = steady.state / groups as f64;
    let ours = of(&|e| e.delta_bytes);
    let baseline = of(&|e| e.dirty * whole);
    let record = Record::new(
        "checkpoint-delta-bytes",
        Unit::Bytes,
        groups / 100,
        "changed slots × bytes of a group in a full checkpoint",
        (ours, baseline),
    );
    let slots = of(&|e| e.dirty).median;
    Ok(record.within_ratio(1.5).with_note(format!(
        "{} B per changed slot, {} B per group in a full checkpoint; {slots} slots in deltas per checkpoint, \
         the others lie in parts captured whole; before compression",
        short(ours.median / slots),
        short(whole)
    )))
}

/// `checkpoint-base-bytes`: what is captured whole per checkpoint while every part changes.
pub fn base_bytes(c: &Conditions) -> Result<Record, String> {
    let steady = steady(c, 10)?;
    let mean =
        |epochs: &[Epoch]| epochs.iter().map(|e| e.base_bytes).sum::<f64>() / epochs.len() as f64;
    let rotations = steady.epochs.chunks(CHAIN).map(mean).collect();
    let most = steady
        .epochs
        .iter()
        .map(|e| e.base_bytes)
        .fold(0.0, f64::max);
    let figures = (
        Spread::of(rotations),
        Spread::one(steady.state / CHAIN as f64),
    );
    let record = Record::new(
        "checkpoint-base-bytes",
        Unit::Bytes,
        c.keys(1_000_000) / 10,
        "state / 8",
        figures,
    );
    Ok(record.within_ratio(1.1).with_note(format!(
        "means of a rotation of 8 checkpoints; the largest checkpoint captured {} whole; state {}",
        bytes(most),
        bytes(steady.state)
    )))
}

/// `checkpoint-manifest-bytes`: with a full chain.
pub fn manifest_bytes(c: &Conditions) -> Result<Record, String> {
    let steady = steady(c, 10)?;
    let parts: u32 = steady.manifest.containers.iter().map(|c| c.parts()).sum();
    let ours = steady.manifest_bytes as f64;
    let record = Record::new(
        "checkpoint-manifest-bytes",
        Unit::Bytes,
        parts as usize,
        "64 B per part",
        (Spread::one(ours), Spread::one(64.0 * f64::from(parts))),
    );
    let per_part = ours / f64::from(parts.max(1));
    Ok(record
        .within("per part", Measure::Bytes, per_part, 64.0)
        .with_note(format!(
            "{parts} parts, {} chunks, {} outputs with numbers",
            steady.manifest.chunks.len(),
            steady.manifest.outputs.len()
        )))
}
