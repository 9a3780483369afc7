//! The format of checkpoints on disk, version 1: chunks of state, the manifest that names them, one blob of both.
//!
//! ```text
//! chunk     EFCH version:2 codec:1 app:8 generation:8 epoch:8 number:4 raw:4 length:4 │ payload
//! manifest  EFMF version:2 app:8 length:4 │ codec bytes
//! blob      EFBL version:2 app:8 length:4 │ manifest │ chunks, in its order │ digest:16
//! ```
//!
//! Numbers of headers are little-endian, of as many bytes; a length is that of what follows the first `│`; `app` is
//! xxh3-64 of the app's name; every [`digest`] is xxh3-128. The digest of a chunk stands in the manifest, that of a
//! manifest in the store's catalogue and in the manifests that name it as parent. So bytes that were lost, cut,
//! flipped, swapped or left over are told from those that were written. A digest finds damage, it is no signature. A
//! reader of a later version reads every earlier one; the files in `tests/format/fixtures` see to it.
//!
//! Nothing here trusts what it reads: whatever the bytes are, reading ends in a value or a [`Fault`], within
//! [`RAW_BYTES_MAX`] per chunk and [`MANIFEST_BYTES_MAX`] per manifest.

mod blob;
mod chunk;
mod codec;
mod contents;
mod diff;
mod fault;
mod frame;
mod manifest;
mod parts;
mod verify;
mod wire;

pub use crate::state::Path;
pub use blob::{BlobChunks, read_blob, write_blob};
pub use chunk::{ChunkRecord, CompressionType, ParseCompressionError, RAW_BYTES_MAX, open, seal};
pub use contents::{ContainerBytes, Contents};
pub use diff::{Changed, ManifestDiff};
pub use fault::{Fault, FaultKind};
pub use frame::{FORMAT_VERSION, digest};
pub use manifest::{
    AppliedRecord, ContainerKind, ContainerRecord, InputRecord, InstanceRecord, MANIFEST_BYTES_MAX,
    Manifest, OutputRecord, PARTS_MAX, QueryRecord, StageRecord,
};
pub(crate) use parts::Parts;
pub use verify::{Verifier, VerifyReport, verify, verify_all};
