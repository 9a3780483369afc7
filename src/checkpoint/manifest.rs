//! The manifest: all that makes one revision of an app's state.

use super::chunk::{ChunkRecord, HEADER_BYTES, RAW_BYTES_MAX};
use super::frame::{FORMAT_VERSION, Reader, app_hash, digest};
use super::wire::Wire;
use super::{Fault, FaultKind, codec};
use crate::state::Path;
use crate::store::{Digest, Revision};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

const MAGIC: [u8; 4] = *b"EFMF";

/// How many bytes a manifest can have. Read, a hostile one takes up to 25 times as many in memory: an empty stage has
/// 2 bytes and takes 48.
pub const MANIFEST_BYTES_MAX: u32 = 16 << 20;

/// How many parts the containers of a manifest can have in all.
pub const PARTS_MAX: u32 = 1 << 20;

/// Names all chunks of one revision and holds what is not in chunks. It is complete: to restore it no other manifest
/// is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Name of the app.
    pub app: String,
    /// Name of the revision.
    pub revision: Revision,
    /// The revision it builds on, with the digest of its manifest.
    pub parent: Option<(Revision, Digest)>,
    /// When it was captured, by the clock of the host, in milliseconds since 1970.
    pub created_ms: i64,
    /// How many workers the app had.
    pub workers: u16,
    /// The app's queries with state, by number.
    pub queries: Vec<QueryRecord>,
    /// Instances of components.
    pub instances: Vec<InstanceRecord>,
    /// The number of the next instance that is made.
    pub next_instance: u32,
    /// Containers of state.
    pub containers: Vec<ContainerRecord>,
    /// Named inputs.
    pub inputs: Vec<InputRecord>,
    /// Streams with numbered rows.
    pub outputs: Vec<OutputRecord>,
    /// What sinks have to know to continue: name of the sink and bytes of its own.
    pub positions: Vec<(String, Vec<u8>)>,
    /// The chunks, in the order in which a blob holds them.
    pub chunks: Vec<ChunkRecord>,
    /// Bytes of content that this epoch wrote.
    pub raw_bytes: u64,
    /// Bytes that this epoch gave to the store.
    pub stored_bytes: u64,
    /// Of the content, how much was bases.
    pub base_bytes: u64,
    /// Of the content, how much was deltas.
    pub delta_bytes: u64,
}

/// A query with state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRecord {
    /// Its name in the app, or what stands for it.
    pub id: String,
    /// Its text, normalised.
    pub text: String,
    /// Hash of all that its state depends on.
    pub fingerprint: u64,
    /// Its operators.
    pub stages: Vec<StageRecord>,
}

/// An operator of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// What it does.
    pub name: String,
    /// The containers that each of its instances has.
    pub containers: Vec<ContainerKind>,
}

/// What a container holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerKind {
    /// Its name in the operator.
    pub name: String,
    /// Types and version of its entries.
    pub layout: String,
}

/// An instance of a component: some queries for a range of key groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Its number, never given twice in the life of the state.
    pub id: u32,
    /// Whether its rows are spread by key.
    pub keyed: bool,
    /// The first key group and the one behind the last.
    pub groups: (u16, u16),
    /// The worker that ran it.
    pub worker: u16,
    /// Its time, in microseconds.
    pub now_us: i64,
    /// Query and stage of each of its nodes, by number of the node.
    pub stages: Vec<(u32, u16)>,
}

/// A container of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRecord {
    /// Where it is.
    pub path: Path,
    /// How many slots it has.
    pub slots: u32,
    /// How many of them make a part; at least 1.
    pub part_slots: u32,
    /// For each part the epoch of its base; 0 for none. As many as [`parts`](ContainerRecord::parts).
    pub bases: Vec<u64>,
}

impl ContainerRecord {
    /// How many parts its slots make.
    pub fn parts(&self) -> u32 {
        match self.part_slots {
            0 => 0,
            part => self.slots.div_ceil(part),
        }
    }
}

/// A named input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    /// Its name.
    pub name: String,
    /// Whether it was open.
    pub open: bool,
    /// Its clock, in microseconds; `None` before any.
    pub clock_us: Option<i64>,
    /// What of it each instance has applied.
    pub applied: Vec<AppliedRecord>,
    /// A row number and its source's own token for it.
    pub mark: Option<(u64, String)>,
}

/// What an instance has applied of a named input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedRecord {
    /// The instance.
    pub instance: u32,
    /// Number of the last row; 0 for none.
    pub number: u64,
    /// The input's clock as the instance knows it, in microseconds; `None` before any.
    pub clock_us: Option<i64>,
}

/// A stream whose rows have numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Its name.
    pub stream: String,
    /// Key group and number of the last row, for each group that had one.
    pub numbers: Vec<(u16, u64)>,
}

impl Manifest {
    /// Its bytes and their digest.
    ///
    /// Errors: what [`decode`](Manifest::decode) would refuse is not written.
    pub fn encode(&self) -> Result<(Vec<u8>, Digest), Fault> {
        let fault = |why| Fault::new(self.what(), why);
        self.check().map_err(fault)?;
        let content = codec::encode(&Wire::from(self))
            .map_err(|codec::Malformed(why)| fault(FaultKind::Malformed(why)))?;
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        if length > MANIFEST_BYTES_MAX {
            return Err(fault(too_large(content.len() as u64)));
        }
        let mut bytes = Vec::with_capacity(content.len() + 18);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&app_hash(&self.app).to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&content);
        let digest = digest(&bytes);
        Ok((bytes, digest))
    }

    /// Reads a manifest. Without an expected digest its bytes must be known to be whole from elsewhere.
    pub fn decode(bytes: &[u8], expected: Option<Digest>) -> Result<Manifest, Fault> {
        unpack(bytes, expected).map_err(|why| Fault::new("manifest", why))
    }

    fn what(&self) -> String {
        format!("manifest of {}", self.revision)
    }

    /// What every manifest keeps to.
    fn check(&self) -> Result<(), FaultKind> {
        let malformed = |why: String| Err(FaultKind::Malformed(why));
        let epoch = self.revision.epoch;
        let mut parts = 0_u64;
        let mut paths = HashSet::with_capacity(self.containers.len());
        for c in &self.containers {
            let path = c.path;
            if c.part_slots == 0 || c.bases.len() as u64 != u64::from(c.parts()) {
                return malformed(format!(
                    "container {path}: parts and bases do not fit its slots"
                ));
            }
            if c.bases.iter().any(|base| *base > epoch) {
                return malformed(format!("container {path}: a base after epoch {epoch}"));
            }
            if !paths.insert(c.path) {
                return malformed(format!("container {path} stands there twice"));
            }
            parts += c.bases.len() as u64;
        }
        too_many("parts", parts, PARTS_MAX)?;
        let mut names = HashSet::with_capacity(self.chunks.len());
        for c in &self.chunks {
            if c.name.epoch > epoch {
                return malformed(format!("chunk {} after epoch {epoch}", c.name));
            }
            if !names.insert(c.name) {
                return malformed(format!("chunk {} stands there twice", c.name));
            }
            let payload = u64::from(c.stored).checked_sub(HEADER_BYTES as u64);
            if payload.is_none_or(|p| p > u64::from(c.raw)) || c.raw > RAW_BYTES_MAX {
                return malformed(format!("chunk {}: lengths that no chunk has", c.name));
            }
        }
        Ok(())
    }
}

fn unpack(bytes: &[u8], expected: Option<Digest>) -> Result<Manifest, FaultKind> {
    let mut reader = Reader::new(bytes, MAGIC)?;
    let found = digest(bytes);
    if let Some(expected) = expected.filter(|e| *e != found) {
        return Err(FaultKind::Digest { expected, found });
    }
    let app = reader.u64()?;
    let length = reader.u32()?;
    let content = reader.end(length)?;
    if length > MANIFEST_BYTES_MAX {
        return Err(too_large(length.into()));
    }
    let wire: Wire<'_> = codec::decode(content, MANIFEST_BYTES_MAX.into())
        .map_err(|codec::Malformed(why)| FaultKind::Malformed(why))?;
    let manifest = Manifest::try_from(wire)?;
    let expected = app_hash(&manifest.app);
    if app != expected {
        return Err(FaultKind::App {
            expected,
            found: app,
        });
    }
    manifest.check()?;
    Ok(manifest)
}

fn too_large(found: u64) -> FaultKind {
    FaultKind::TooLarge {
        unit: "bytes",
        most: MANIFEST_BYTES_MAX.into(),
        found,
    }
}

/// Refuses more than a limit.
pub(super) fn too_many(unit: &'static str, found: u64, most: u32) -> Result<(), FaultKind> {
    let most = u64::from(most);
    if found > most {
        return Err(FaultKind::TooLarge { unit, most, found });
    }
    Ok(())
}
