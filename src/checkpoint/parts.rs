//! Which chunks hold what of the state, and which parts of it the next epoch captures whole.
//!
//! Why: an increment holds only what changed, so a restore must read older chunks, too; without care their number
//! grows for ever.
//! How: a container is divided in parts of a fixed number of slots, at most a megabyte. A part whose first delta since
//! its base is [`CHAIN_MAX`] − 1 epochs old is captured whole again, and of the others with deltas an equal share per
//! epoch, so that no epoch pays for a whole base at once. A part without deltas is left alone: its base stays valid.
//! Only after [`BASE_AGE_MAX`] epochs it is written anew, so that no old segment lives for one part's sake. A chunk is
//! needed as long as it touches a part whose base is not younger than the chunk.

use super::chunk::ChunkRecord;
use super::manifest::ContainerRecord;
use crate::state::{ContainerCut, Malformed, Path, Rebase, Section, SectionKind, Slots, sections};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Epochs that a restore reads of a part at most: its base and the deltas of seven epochs.
pub(crate) const CHAIN_MAX: u64 = 8;

/// Epochs after which a base is written anew though nothing changed: at one per second some nine minutes.
const BASE_AGE_MAX: u64 = 512;

/// Encoded size of a part at most.
const PART_BYTES_MAX: usize = 1 << 20;

/// The parts of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ContainerParts {
    slots: u32,
    part_slots: u32,
    /// Epoch of the base of each part: what older chunks say of it is void.
    bases: Vec<u64>,
    /// Epoch of the first delta of each part since its base; 0 for none.
    first_deltas: Vec<u64>,
}

impl ContainerParts {
    fn new(slots: u32, slot_bytes: u32, epoch: u64) -> Self {
        let most = (PART_BYTES_MAX / (slot_bytes.max(1) as usize)).clamp(4_096, 1 << 20);
        let part_slots = 1 << most.ilog2();
        let mut container = ContainerParts {
            slots: 0,
            part_slots,
            bases: Vec::new(),
            first_deltas: Vec::new(),
        };
        container.resize(slots, epoch);
        container
    }

    /// New parts begin with this epoch: its chunks hold all of them.
    fn resize(&mut self, slots: u32, epoch: u64) {
        let parts = slots.div_ceil(self.part_slots) as usize;
        self.slots = slots;
        self.bases.resize(parts, epoch);
        self.first_deltas.resize(parts, 0);
    }

    fn parts(&self, slots: Range<u32>) -> Range<usize> {
        let end = slots.end.min(self.slots).div_ceil(self.part_slots);
        (slots.start / self.part_slots) as usize..end as usize
    }

    fn part(&self, part: usize) -> Range<u32> {
        let start = part as u32 * self.part_slots;
        start..self.slots.min(start + self.part_slots)
    }

    /// Calls `f` with the parts of some slots, each at least once.
    fn each_part(&mut self, slots: &Slots<'_>, f: &mut dyn FnMut(&mut Self, u32)) {
        if let Slots::Run(run) = slots {
            let last = run.end.saturating_sub(1).max(run.start) / self.part_slots;
            (run.start / self.part_slots..=last).for_each(|part| f(self, part));
            return;
        }
        let mut last = u32::MAX;
        for place in 0..slots.len() {
            let part = slots.get(place) / self.part_slots;
            if part != last {
                f(self, part);
            }
            last = part;
        }
    }

    /// The parts that an epoch captures whole.
    fn due(&self, epoch: u64) -> Vec<usize> {
        let mut changed: Vec<usize> = (0..self.bases.len())
            .filter(|part| self.first_deltas[*part] > 0)
            .collect();
        changed.sort_by_key(|part| (self.first_deltas[*part], *part));
        let share = changed.len().div_ceil(CHAIN_MAX as usize);
        let old = |part: &usize| epoch >= self.first_deltas[*part] + CHAIN_MAX - 1;
        let aged = changed.iter().take_while(|part| old(part)).count();
        changed.truncate(share.max(aged));
        let aged =
            |part: &usize| self.bases[*part] > 0 && epoch >= self.bases[*part] + BASE_AGE_MAX;
        let share = self.bases.len().div_ceil(BASE_AGE_MAX as usize / 2);
        let stale = (0..self.bases.len()).filter(|p| aged(p) && !changed.contains(p));
        let stale: Vec<usize> = stale.take(share).collect();
        changed.extend(stale);
        changed.sort_unstable();
        changed
    }
}

/// A chunk and the parts that it holds something of.
#[derive(Clone, Debug)]
struct Chunk {
    record: ChunkRecord,
    touches: HashSet<(Path, u32)>,
}

/// What a chunk holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Added {
    /// Payload of parts captured whole.
    pub(crate) base_bytes: u64,
    /// Payload and slot numbers of what changed.
    pub(crate) delta_bytes: u64,
    /// How many slots changed.
    pub(crate) delta_slots: u64,
}

/// What the last committed revision consists of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    containers: HashMap<Path, ContainerParts>,
    chunks: Vec<Chunk>,
}

impl Parts {
    /// What to capture whole in this epoch.
    pub(crate) fn rebase(&self, epoch: u64) -> Rebase {
        let mut rebase = Rebase::new();
        for (path, container) in &self.containers {
            let mut ranges: Vec<Range<u32>> = Vec::new();
            for part in container.due(epoch) {
                let slots = container.part(part);
                match ranges.last_mut().filter(|last| last.end == slots.start) {
                    Some(last) => last.end = slots.end,
                    None => ranges.push(slots),
                }
            }
            if !ranges.is_empty() {
                rebase.insert(*path, ranges);
            }
        }
        rebase
    }

    /// The parts after a cut of this epoch, with no chunk of it yet.
    ///
    /// `rebase`: what the cut was told to capture whole.
    pub(crate) fn cut(&self, epoch: u64, cuts: &[ContainerCut], rebase: &Rebase) -> Parts {
        let mut next = Parts {
            containers: HashMap::with_capacity(cuts.len()),
            chunks: self.chunks.clone(),
        };
        for cut in cuts {
            let known = self
                .containers
                .get(&cut.path)
                .filter(|_| !cut.marks.cleared);
            let mut container = known
                .cloned()
                .unwrap_or_else(|| ContainerParts::new(cut.slots, cut.slot_bytes, epoch));
            container.resize(cut.slots, epoch);
            let whole = std::slice::from_ref(&(0..cut.slots)).to_vec();
            let ranges = if cut.marks.whole {
                Some(&whole)
            } else {
                rebase.get(&cut.path)
            };
            for range in ranges.into_iter().flatten() {
                let parts = container.parts(range.clone());
                container.bases[parts.clone()].fill(epoch);
                container.first_deltas[parts].fill(0);
            }
            next.containers.insert(cut.path, container);
        }
        next
    }

    /// Whether any slot of a section of this epoch counts.
    pub(crate) fn counts(&self, epoch: u64, section: &Section<'_>) -> bool {
        self.containers.get(&section.path).is_some_and(|container| {
            let parts =
                (0..section.slots.len()).map(|i| section.slots.get(i) / container.part_slots);
            let mut bases = parts.map(|part| container.bases.get(part as usize));
            bases.any(|base| base.is_some_and(|base| epoch >= *base))
        })
    }

    /// Adds a chunk with its raw bytes.
    pub(crate) fn add(&mut self, record: ChunkRecord, raw: &[u8]) -> Result<Added, Malformed> {
        let epoch = record.name.epoch;
        let mut touches = HashSet::new();
        let mut added = Added::default();
        for section in sections(raw) {
            let section = section?;
            let bytes = section.payload.len() as u64;
            match section.kind {
                SectionKind::Base => added.base_bytes += bytes,
                SectionKind::Delta => {
                    added.delta_bytes += bytes + 4 * section.slots.len() as u64;
                    added.delta_slots += section.slots.len() as u64;
                }
                SectionKind::Cleared | SectionKind::Registers => {}
            }
            let Some(container) = self.containers.get_mut(&section.path) else {
                continue;
            };
            container.each_part(&section.slots, &mut |container, part| {
                let Some(base) = container.bases.get(part as usize).copied() else {
                    return;
                };
                if epoch >= base {
                    touches.insert((section.path, part));
                }
                let first = &mut container.first_deltas[part as usize];
                let is_delta = section.kind == SectionKind::Delta && epoch > base;
                if is_delta && (*first == 0 || epoch < *first) {
                    *first = epoch;
                }
            });
        }
        self.chunks.push(Chunk { record, touches });
        Ok(added)
    }

    /// Drops the chunks that nothing needs; those of `epoch` stay.
    pub(crate) fn prune(&mut self, epoch: u64) {
        let containers = &self.containers;
        self.chunks.retain_mut(|chunk| {
            let age = chunk.record.name.epoch;
            chunk.touches.retain(|(path, part)| {
                let container = containers.get(path);
                container
                    .and_then(|c| c.bases.get(*part as usize))
                    .is_some_and(|base| age >= *base)
            });
            age == epoch || !chunk.touches.is_empty()
        });
    }

    /// The chunks of the revision, in the order of epochs and numbers.
    pub(crate) fn chunk_records(&self) -> Vec<ChunkRecord> {
        let mut records: Vec<ChunkRecord> = self.chunks.iter().map(|c| c.record).collect();
        records.sort_by_key(|r| (r.name.epoch, r.name.number));
        records
    }

    /// The containers of the revision, in the order of their paths.
    pub(crate) fn container_records(&self) -> Vec<ContainerRecord> {
        let record = |(path, c): (&Path, &ContainerParts)| ContainerRecord {
            path: *path,
            slots: c.slots,
            part_slots: c.part_slots,
            bases: c.bases.clone(),
        };
        let mut records: Vec<ContainerRecord> = self.containers.iter().map(record).collect();
        records.sort_by_key(|r| r.path);
        records
    }

    /// The parts of a revision as its manifest tells them; its chunks are to be added.
    pub(crate) fn of(records: &[ContainerRecord]) -> Result<Parts, Malformed> {
        let mut containers = HashMap::with_capacity(records.len());
        for record in records {
            let power = record.part_slots.is_power_of_two();
            let parts = record.slots.div_ceil(record.part_slots.max(1)) as usize;
            if !power || parts != record.bases.len() {
                return Err(Malformed::new(
                    "the parts of a container do not fit its slots",
                ));
            }
            let container = ContainerParts {
                slots: record.slots,
                part_slots: record.part_slots,
                bases: record.bases.clone(),
                first_deltas: vec![0; parts],
            };
            containers.insert(record.path, container);
        }
        Ok(Parts {
            containers,
            chunks: Vec::new(),
        })
    }

    /// The longest chain of any part: epochs from its first delta to `epoch`, and its base.
    pub(crate) fn chain(&self, epoch: u64) -> u64 {
        let firsts = self.containers.values().flat_map(|c| &c.first_deltas);
        firsts
            .filter(|first| **first > 0)
            .map(|first| epoch + 2 - first)
            .max()
            .unwrap_or(1)
    }
}
