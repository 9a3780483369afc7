//! Checkpoints of one operator, for tests: cuts that build upon each other, and what is loaded from them.

use crate::state::{
    Cut, CutRecord, Describe, Drain, Load, Malformed, Path, Rebase, Section, SectionKind, Settle,
    StateHolder, Stored, Track, sections,
};
use std::collections::{HashMap, HashSet};

const INSTANCE: u32 = 1;
const NODE: u16 = 2;

/// All revisions of an operator, of which the last can be loaded.
#[derive(Clone, Default)]
pub(crate) struct Revisions {
    chunks: Vec<Vec<u8>>,
    slots: HashMap<Path, u32>,
}

impl Revisions {
    /// Begins to track an operator that holds what the last revision holds, or nothing where there is none.
    pub(crate) fn track(&self, holder: &mut dyn StateHolder) {
        let committed = !self.chunks.is_empty();
        holder.state(&mut Track { committed });
        let mut names = Describe::default();
        holder.state(&mut names);
        let mut seen = HashSet::new();
        for (name, _) in names.containers {
            assert!(seen.insert(name.clone()), "two containers are named {name}");
        }
    }

    /// Cuts; [`Revisions::drain`] must follow before the next cut.
    pub(crate) fn cut(&mut self, holder: &mut dyn StateHolder) {
        let mut record = CutRecord::default();
        let rebase = Rebase::default();
        let mut cut = Cut::new(INSTANCE, NODE, &rebase, false, &mut record);
        holder.state(&mut cut);
        cut.end();
        self.slots.clear();
        for container in &record.containers {
            let before = self.slots.insert(container.path, container.slots);
            assert_eq!(before, None, "two containers at {:?}", container.path);
        }
        self.chunks.push(record.sections);
    }

    /// Encodes up to so many sections of what was cut; false when that was not all.
    pub(crate) fn drain(&mut self, holder: &mut dyn StateHolder, budget: usize) -> bool {
        let mut chunk = Vec::new();
        let mut drain = Drain::new(INSTANCE, NODE, budget, &mut chunk);
        holder.state(&mut drain);
        let complete = drain.complete;
        self.chunks.push(chunk);
        if complete {
            holder.state(&mut Settle { committed: true });
        }
        complete
    }

    /// Fills a new operator with the last revision.
    pub(crate) fn load(&self, holder: &mut dyn StateHolder) -> Result<(), Malformed> {
        let mut stored = Stored::default();
        for (path, slots) in &self.slots {
            stored.containers.entry(*path).or_default().slots = *slots;
        }
        for section in self.chunks.iter().flat_map(|chunk| sections(chunk)) {
            let section: Section<'_> = section?;
            if section.kind == SectionKind::Registers {
                stored.registers.insert((INSTANCE, NODE), section.payload);
            } else if let Some(container) = stored.containers.get_mut(&section.path) {
                if section.kind == SectionKind::Cleared {
                    container.sections.clear();
                }
                container.sections.push(section);
            }
        }
        let mut load = Load::new(INSTANCE, NODE, &stored);
        holder.state(&mut load);
        load.end()
    }

    /// The same bytes with some of them changed.
    pub(crate) fn damaged(&self, seed: usize) -> Revisions {
        let mut damaged = self.clone();
        let len: usize = damaged.chunks.iter().map(Vec::len).sum();
        for k in 0..1 + seed % 3 {
            let mut at = seed.wrapping_mul(0x9e37_79b9).wrapping_add(k * 7919) % len.max(1);
            for chunk in &mut damaged.chunks {
                if let Some(byte) = chunk.get_mut(at) {
                    *byte = byte.wrapping_add([1, 255, 128, 7][(seed + k) % 4]);
                    break;
                }
                at -= chunk.len();
            }
        }
        damaged
    }
}
