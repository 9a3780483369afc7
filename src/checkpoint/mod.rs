//! The format of checkpoints on disk, version 1: chunks of state, the manifest that names them, one blob of both.
//!
//! ```text
//! chunk     EFCH  version u16  codec u8  app u64  generation u64  epoch u64  number u32  raw u32  payload u32 │ payload
//! manifest  EFMF  version u16  app u64  length u32 │ codec bytes
//! blob      EFBL  version u16  app u64  manifest length u32 │ manifest │ chunks, as the manifest lists them │ digest u128
//! ```
//!
//! Numbers of headers are little-endian; `app` is xxh3-64 of the app's name; every [`digest`] is xxh3-128. The
//! digest of a chunk stands in the manifest, that of a manifest in the store's catalogue and in the manifests that
//! name it as parent. So bytes that were lost, cut, flipped, swapped or left over are told from those that were
//! written. A reader of a later version reads every earlier one; the files in `tests/format/fixtures` see to it.
//!
//! Nothing here trusts what it reads: whatever the bytes are, reading ends in a value or a [`Fault`], within
//! [`RAW_BYTES_MAX`] per chunk and [`MANIFEST_BYTES_MAX`] per manifest.

mod blob;
mod chunk;
mod codec;
mod diff;
mod fault;
mod frame;
mod manifest;
mod verify;
mod wire;

pub use blob::{BlobChunks, read_blob, write_blob};
pub use chunk::{ChunkRecord, CompressionType, ParseCompressionError, RAW_BYTES_MAX, open, seal};
pub use diff::{Changed, ManifestDiff};
pub use fault::{Fault, FaultKind};
pub use frame::{FORMAT_VERSION, digest};
pub use manifest::{
    AppliedRecord, ContainerKind, ContainerRecord, InputRecord, InstanceRecord, MANIFEST_BYTES_MAX,
    Manifest, OutputRecord, PARTS_MAX, Path, QueryRecord, StageRecord,
};
pub use verify::{VerifyReport, verify, verify_all};
