//! The manifest as it is encoded, in version 1: epochs and generations count back from the revision, bases are runs.
//!
//! The order of fields is the format. Types of the store have none of their own, so that a store need not know serde.

use super::manifest::{
    ContainerRecord, InputRecord, InstanceRecord, Manifest, OutputRecord, PARTS_MAX, QueryRecord,
    too_many,
};
use super::{ChunkRecord, FaultKind};
use crate::state::Path;
use crate::store::{ChunkName, Digest, Revision};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A manifest.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire<'a> {
    app: Cow<'a, str>,
    generation: u64,
    epoch: u64,
    parent: Option<WireParent>,
    created_ms: i64,
    workers: u16,
    queries: Cow<'a, [QueryRecord]>,
    instances: Cow<'a, [InstanceRecord]>,
    next_instance: u32,
    containers: Vec<WireContainer>,
    inputs: Cow<'a, [InputRecord]>,
    outputs: Cow<'a, [OutputRecord]>,
    positions: Cow<'a, [(String, Vec<u8>)]>,
    chunks: Vec<WireChunk>,
    raw_bytes: u64,
    stored_bytes: u64,
    base_bytes: u64,
    delta_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct WireParent {
    generation: u64,
    epoch: u64,
    digest: [u8; 16],
}

#[derive(Serialize, Deserialize)]
struct WireContainer {
    path: Path,
    slots: u32,
    part_slots: u32,
    bases: Vec<WireRun>,
}

/// Parts that follow each other and have bases of one epoch.
#[derive(Serialize, Deserialize)]
struct WireRun {
    parts: u32,
    /// 0 for no base; otherwise 1 more than the epochs from it to the revision.
    age: u64,
}

#[derive(Serialize, Deserialize)]
struct WireChunk {
    /// Generations before the revision.
    generations: u64,
    /// Epochs before the revision.
    epochs: u64,
    number: u32,
    digest: [u8; 16],
    stored: u32,
    raw: u32,
}

impl<'a> From<&'a Manifest> for Wire<'a> {
    fn from(m: &'a Manifest) -> Self {
        let Revision { generation, epoch } = m.revision;
        Wire {
            app: Cow::from(&m.app),
            generation,
            epoch,
            parent: m.parent.map(|(parent, digest)| WireParent {
                generation: parent.generation,
                epoch: parent.epoch,
                digest: digest.to_le_bytes(),
            }),
            created_ms: m.created_ms,
            workers: m.workers,
            queries: Cow::from(&m.queries),
            instances: Cow::from(&m.instances),
            next_instance: m.next_instance,
            containers: m.containers.iter().map(|c| packed(c, epoch)).collect(),
            inputs: Cow::from(&m.inputs),
            outputs: Cow::from(&m.outputs),
            positions: Cow::from(&m.positions),
            chunks: m.chunks.iter().map(|c| relative(c, m.revision)).collect(),
            raw_bytes: m.raw_bytes,
            stored_bytes: m.stored_bytes,
            base_bytes: m.base_bytes,
            delta_bytes: m.delta_bytes,
        }
    }
}

fn packed(container: &ContainerRecord, epoch: u64) -> WireContainer {
    let runs = container.bases.chunk_by(|a, b| a == b);
    let bases = runs.map(|run| WireRun {
        parts: run.len() as u32,
        age: match run[0] {
            0 => 0,
            base => (epoch - base) + 1,
        },
    });
    WireContainer {
        path: container.path,
        slots: container.slots,
        part_slots: container.part_slots,
        bases: bases.collect(),
    }
}

fn relative(chunk: &ChunkRecord, revision: Revision) -> WireChunk {
    WireChunk {
        generations: revision.generation.wrapping_sub(chunk.name.generation),
        epochs: revision.epoch.wrapping_sub(chunk.name.epoch),
        number: chunk.name.number,
        digest: chunk.digest.to_le_bytes(),
        stored: chunk.stored,
        raw: chunk.raw,
    }
}

impl TryFrom<Wire<'_>> for Manifest {
    type Error = FaultKind;

    fn try_from(w: Wire<'_>) -> Result<Self, FaultKind> {
        let revision = Revision {
            generation: w.generation,
            epoch: w.epoch,
        };
        // runs are short however many parts they stand for
        let runs = w.containers.iter().flat_map(|c| &c.bases);
        let parts = runs.fold(0_u64, |sum, r| sum.saturating_add(r.parts.into()));
        too_many("parts", parts, PARTS_MAX)?;
        let containers = w.containers.into_iter().map(|c| unpacked(c, w.epoch));
        let containers = containers.collect::<Result<_, _>>()?;
        Ok(Manifest {
            app: w.app.into_owned(),
            revision,
            parent: w.parent.map(|p| {
                let parent = Revision {
                    generation: p.generation,
                    epoch: p.epoch,
                };
                (parent, Digest::from_le_bytes(p.digest))
            }),
            created_ms: w.created_ms,
            workers: w.workers,
            queries: w.queries.into_owned(),
            instances: w.instances.into_owned(),
            next_instance: w.next_instance,
            containers,
            inputs: w.inputs.into_owned(),
            outputs: w.outputs.into_owned(),
            positions: w.positions.into_owned(),
            chunks: w.chunks.iter().map(|c| absolute(c, revision)).collect(),
            raw_bytes: w.raw_bytes,
            stored_bytes: w.stored_bytes,
            base_bytes: w.base_bytes,
            delta_bytes: w.delta_bytes,
        })
    }
}

fn unpacked(container: WireContainer, epoch: u64) -> Result<ContainerRecord, FaultKind> {
    let mut bases = Vec::new();
    for run in &container.bases {
        let base = match run.age {
            0 => Some(0),
            age => epoch.checked_sub(age - 1).filter(|base| *base > 0),
        };
        let base = base.ok_or_else(|| FaultKind::Malformed("a base before epoch 1".to_string()))?;
        bases.resize(bases.len() + run.parts as usize, base);
    }
    Ok(ContainerRecord {
        path: container.path,
        slots: container.slots,
        part_slots: container.part_slots,
        bases,
    })
}

fn absolute(chunk: &WireChunk, revision: Revision) -> ChunkRecord {
    ChunkRecord {
        name: ChunkName {
            generation: revision.generation.wrapping_sub(chunk.generations),
            epoch: revision.epoch.wrapping_sub(chunk.epochs),
            number: chunk.number,
        },
        digest: Digest::from_le_bytes(chunk.digest),
        stored: chunk.stored,
        raw: chunk.raw,
    }
}
