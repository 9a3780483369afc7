//! Why bytes of a checkpoint were refused: what they are, what was expected, what was found.

use crate::store::{ChunkName, Digest, Revision, StoreError};
use std::fmt;

/// Something of a checkpoint that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Fault {
    /// The chunk, manifest or revision.
    pub what: String,
    /// What is wrong with it.
    pub why: FaultKind,
}

impl Fault {
    pub(crate) fn new(what: impl fmt::Display, why: FaultKind) -> Self {
        Fault {
            what: what.to_string(),
            why,
        }
    }
}

/// What is wrong with bytes of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The store has nothing of that name.
    #[error("it is missing")]
    Missing,
    /// The store could not be read.
    #[error("it could not be read: {0}")]
    Unread(Box<StoreError>),
    /// More or fewer bytes than were written.
    #[error("{expected} bytes were expected, {found} are there")]
    Length {
        /// How many were written.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Other bytes than were written.
    #[error(
        "its digest is {found:032x}, not {expected:032x}: its bytes are not those that were written"
    )]
    Digest {
        /// Digest of what was written.
        expected: Digest,
        /// Digest of what is there.
        found: Digest,
    },
    /// The first bytes are not those of this kind of blob.
    #[error("it begins with '{}', not with '{}'", .found.escape_ascii(), .expected.escape_ascii())]
    Magic {
        /// How the kind begins.
        expected: [u8; 4],
        /// How it begins.
        found: [u8; 4],
    },
    /// A format that this build does not know.
    #[error("its format is version {found}, this build reads up to {newest}: {}", advice(*.found, *.newest))]
    Version {
        /// The newest version that this build reads.
        newest: u16,
        /// Its version.
        found: u16,
    },
    /// It belongs to another app.
    #[error("it belongs to another app: the hash of its name is {found:016x}, not {expected:016x}")]
    App {
        /// Hash of the app's name.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// It is another chunk than its name says.
    #[error("it is chunk {found}, not {expected}")]
    Name {
        /// The name under which it was found.
        expected: ChunkName,
        /// The name in it.
        found: ChunkName,
    },
    /// It is another revision than its name says.
    #[error("it is revision {found}, not {expected}")]
    Revision {
        /// The name under which it was found.
        expected: Revision,
        /// The name in it.
        found: Revision,
    },
    /// A compression that this build does not know.
    #[error("its codec is {found}; known are 0 (none), 1 (lz4) and, with the feature zstd, 2")]
    Codec {
        /// Number of the codec.
        found: u8,
    },
    /// Its header promises another length of its content than the manifest does.
    #[error("its content has {found} bytes, not {expected}")]
    Raw {
        /// What the manifest says.
        expected: u32,
        /// What its header says.
        found: u32,
    },
    /// More than the format allows.
    #[error("{found} {unit} are more than the {most} that the format allows")]
    TooLarge {
        /// What is counted.
        unit: &'static str,
        /// The limit.
        most: u64,
        /// How many there are.
        found: u64,
    },
    /// Its payload does not decompress to what its header promises.
    #[error("it cannot be decompressed: {0}")]
    Decompression(String),
    /// Its payload could not be compressed.
    #[error("it cannot be compressed: {0}")]
    Compression(String),
    /// Its digest holds, its content makes no sense.
    #[error("its content makes no sense: {0}")]
    Malformed(String),
}

fn advice(found: u16, newest: u16) -> &'static str {
    if found > newest {
        "it was written by a newer eventflux, or is damaged"
    } else {
        "it is damaged"
    }
}
