//! How many bytes of a revision each container has: for those who look at state without building any of it.

use super::parts::Parts;
use super::{ChunkRecord, Fault, FaultKind, Manifest};
use crate::state::{Path, SectionKind, sections};
use std::collections::BTreeMap;

/// Bytes of a container's content in the chunks of a revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerBytes {
    /// Of parts that were captured whole.
    pub base: u64,
    /// Of slots that changed since, with their numbers.
    pub delta: u64,
}

/// What the chunks of a revision hold, by container.
#[derive(Clone, Debug)]
pub struct Contents {
    /// By container of the manifest; those of which no chunk holds anything are absent.
    pub containers: BTreeMap<Path, ContainerBytes>,
    /// Bytes of the registers of all operators.
    pub registers: u64,
    /// Bytes that a restore passes over: later bases hold the same slots, or the container is gone.
    pub void: u64,
    parts: Parts,
    newest: u64,
}

impl Contents {
    /// Nothing yet: [`add`](Contents::add) every chunk that the manifest names.
    ///
    /// Errors: containers of the manifest make no sense.
    pub fn new(manifest: &Manifest) -> Result<Contents, Fault> {
        let malformed = |e: crate::state::Malformed| {
            let what = format_args!("manifest of {}", manifest.revision);
            Fault::new(what, FaultKind::Malformed(e.to_string()))
        };
        Ok(Contents {
            containers: BTreeMap::new(),
            registers: 0,
            void: 0,
            parts: Parts::of(&manifest.containers).map_err(malformed)?,
            newest: manifest.revision.epoch,
        })
    }

    /// Adds what a chunk holds; `raw` is its content as [`open`](super::open) answers it.
    ///
    /// Errors: its sections make no sense; those before the fault are counted.
    pub fn add(&mut self, chunk: &ChunkRecord, raw: &[u8]) -> Result<(), Fault> {
        let epoch = chunk.name.epoch;
        for section in sections(raw) {
            let section = section.map_err(|e| {
                let why = FaultKind::Malformed(e.to_string());
                Fault::new(format_args!("chunk {}", chunk.name), why)
            })?;
            let bytes = section.payload.len() as u64;
            match section.kind {
                SectionKind::Registers if epoch == self.newest => self.registers += bytes,
                SectionKind::Base if self.parts.counts(epoch, &section) => {
                    self.of(section.path).base += bytes;
                }
                SectionKind::Delta if self.parts.counts(epoch, &section) => {
                    self.of(section.path).delta += bytes + 4 * section.slots.len() as u64;
                }
                _ => self.void += bytes,
            }
        }
        Ok(())
    }

    fn of(&mut self, path: Path) -> &mut ContainerBytes {
        self.containers.entry(path).or_default()
    }
}
