//! A segment: the file that holds the chunks of one epoch, and its manifest as the last record.
//!
//! A record is a header of [`HEADER`] bytes, all numbers little-endian, and then its bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `EFS1`: record of a segment, version 1 |
//! | 4..8 | 1 chunk, 2 manifest |
//! | 8..12 | number of the chunk; 0 for the manifest |
//! | 12..20, 20..28 | generation, epoch |
//! | 28..36 | length of the bytes |
//! | 36..44 | xxh3-64 of the bytes |
//! | 44..52 | xxh3-64 of the header up to here |
//!
//! Where a header is damaged, or promises more than the file has, the segment ends: what was written before a power
//! loss and never committed looks like that. A record behind the manifest is never looked at.

use super::disk::DiskFile;
use super::{ChunkName, Revision, StoreError};
use std::collections::BTreeMap;
use std::io;
use xxhash_rust::xxh3::xxh3_64;

/// Length of a record's header.
const HEADER: usize = 52;
const MAGIC: [u8; 4] = *b"EFS1";
const CHUNK: u32 = 1;
const MANIFEST: u32 = 2;

/// Where the bytes of a record stand, and what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    offset: u64,
    length: u64,
    digest: u64,
}

/// What a segment contains.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) chunks: BTreeMap<u32, Record>,
    pub(super) manifest: Option<Record>,
    /// Where the next record goes.
    end: u64,
}

/// An open segment with its index.
pub(super) struct Segment {
    pub(super) revision: Revision,
    pub(super) index: Index,
    file: Box<dyn DiskFile>,
}

impl Record {
    fn of(offset: u64, bytes: &[u8]) -> Record {
        Record {
            offset,
            length: bytes.len() as u64,
            digest: xxh3_64(bytes),
        }
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() as u64 && self.digest == xxh3_64(bytes)
    }

    fn header(&self, kind: u32, number: u32, revision: Revision) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[8..12].copy_from_slice(&number.to_le_bytes());
        header[12..20].copy_from_slice(&revision.generation.to_le_bytes());
        header[20..28].copy_from_slice(&revision.epoch.to_le_bytes());
        header[28..36].copy_from_slice(&self.length.to_le_bytes());
        header[36..44].copy_from_slice(&self.digest.to_le_bytes());
        let check = xxh3_64(&header[..44]);
        header[44..].copy_from_slice(&check.to_le_bytes());
        header
    }
}

/// Kind, number, length and digest of a header; `None` where it is none of this segment.
fn read_header(header: &[u8; HEADER], revision: Revision) -> Option<(u32, u32, u64, u64)> {
    let small = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let large = |at: usize| Some(u64::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let whole = header.starts_with(&MAGIC) && large(44)? == xxh3_64(&header[..44]);
    let ours = large(12)? == revision.generation && large(20)? == revision.epoch;
    (whole && ours).then_some((small(4)?, small(8)?, large(28)?, large(36)?))
}

impl Index {
    /// Whether it has no record at all.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.manifest.is_none()
    }

    /// Reads the headers of a file.
    fn scan(file: &dyn DiskFile, revision: Revision) -> io::Result<Index> {
        let length = file.length()?;
        let mut index = Index::default();
        while index.manifest.is_none() {
            let room = length.saturating_sub(index.end);
            let Some(room) = room.checked_sub(HEADER as u64) else {
                break;
            };
            let mut header = [0; HEADER];
            file.read_at(index.end, &mut header)?;
            let Some((kind, number, length, digest)) = read_header(&header, revision) else {
                break;
            };
            if length > room {
                break;
            }
            let offset = index.end + HEADER as u64;
            let record = Record {
                offset,
                length,
                digest,
            };
            match kind {
                CHUNK if !index.chunks.contains_key(&number) => {
                    index.chunks.insert(number, record);
                }
                MANIFEST => index.manifest = Some(record),
                _ => break,
            }
            index.end = offset + length;
        }
        Ok(index)
    }
}

impl Segment {
    /// Reads the index of an open file; `what` names it in errors.
    pub(super) fn new(
        file: Box<dyn DiskFile>,
        revision: Revision,
        what: &str,
    ) -> Result<Segment, StoreError> {
        let index = Index::scan(&*file, revision).map_err(|e| StoreError::io(what, &e))?;
        Ok(Segment {
            revision,
            index,
            file,
        })
    }

    /// Whether bytes were added since the index was read.
    pub(super) fn has_grown(&self) -> bool {
        self.index.manifest.is_none() && self.file.length().is_ok_and(|l| l > self.index.end)
    }

    /// The bytes of a record, compared with their digest.
    pub(super) fn read(&self, record: Record, what: &str) -> Result<Vec<u8>, StoreError> {
        let corrupt = |reason: &str| StoreError::Corrupt {
            what: what.to_string(),
            reason: reason.to_string(),
        };
        let room = usize::try_from(record.length);
        let mut bytes = vec![0; room.map_err(|_| corrupt("longer than the memory"))?];
        self.file
            .read_at(record.offset, &mut bytes)
            .map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => corrupt("the segment is cut off"),
                _ => StoreError::io(what, &e),
            })?;
        match xxh3_64(&bytes) == record.digest {
            true => Ok(bytes),
            false => Err(corrupt("its bytes are not the ones that were written")),
        }
    }

    /// Adds a chunk unless it is there.
    ///
    /// What a failed write left behind is overwritten by the next one.
    pub(super) fn put(
        &mut self,
        name: ChunkName,
        bytes: &[u8],
        what: &str,
    ) -> Result<(), StoreError> {
        match self.index.chunks.get(&name.number) {
            Some(there) if there.holds(bytes) => return Ok(()),
            None if self.index.manifest.is_none() => {}
            _ => {
                let what = format!("chunk {name}");
                return Err(StoreError::Conflict { what });
            }
        }
        let record = self.write(CHUNK, name.number, bytes, what)?;
        self.index.chunks.insert(name.number, record);
        Ok(())
    }

    /// Adds the manifest, after which no chunk is added, unless it is there.
    pub(super) fn seal(&mut self, manifest: &[u8], what: &str) -> Result<(), StoreError> {
        match self.index.manifest {
            Some(there) if there.holds(manifest) => Ok(()),
            Some(_) => Err(StoreError::Conflict {
                what: format!("manifest of {}", self.revision),
            }),
            None => {
                let record = self.write(MANIFEST, 0, manifest, what)?;
                self.index.manifest = Some(record);
                Ok(())
            }
        }
    }

    /// Makes it durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn write(
        &mut self,
        kind: u32,
        number: u32,
        bytes: &[u8],
        what: &str,
    ) -> Result<Record, StoreError> {
        let record = Record::of(self.index.end + HEADER as u64, bytes);
        let header = record.header(kind, number, self.revision);
        self.file
            .write_at(self.index.end, &header)
            .and_then(|()| self.file.write_at(record.offset, bytes))
            .map_err(|e| StoreError::io(what, &e))?;
        self.index.end = record.offset + record.length;
        Ok(record)
    }
}
