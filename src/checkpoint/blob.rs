//! One revision as one blob: to carry it elsewhere, and for stores that keep whole revisions only.

use super::frame::{FORMAT_VERSION, Reader, app_hash, digest};
use super::{ChunkRecord, Fault, FaultKind, Manifest, open};
use std::io::{self, Write};
use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 4] = *b"EFBL";

/// Passes bytes on and digests them.
struct Digesting<'a, W> {
    out: &'a mut W,
    hash: Xxh3,
}

impl<W: Write> Digesting<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Writes a revision as one blob. The chunks must be those of the manifest, in its order.
///
/// Errors: those of `out`; of kind [`io::ErrorKind::InvalidData`], holding a [`Fault`], where the chunks are others.
/// What was written by then is no blob.
pub fn write_blob(
    manifest: &Manifest,
    chunks: impl Iterator<Item = (ChunkRecord, Vec<u8>)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let invalid = |fault: Fault| io::Error::new(io::ErrorKind::InvalidData, fault);
    let (bytes, _) = manifest.encode().map_err(invalid)?;
    let mut out = Digesting {
        out,
        hash: Xxh3::new(),
    };
    out.put(&MAGIC)?;
    out.put(&FORMAT_VERSION.to_le_bytes())?;
    out.put(&app_hash(&manifest.app).to_le_bytes())?;
    // encode() refuses manifests whose length is no u32
    out.put(&(bytes.len() as u32).to_le_bytes())?;
    out.put(&bytes)?;
    let mut chunks = chunks.fuse();
    let mut raw = Vec::new();
    for expected in &manifest.chunks {
        let missing = || Fault::new(format_args!("chunk {}", expected.name), FaultKind::Missing);
        let (_, bytes) = chunks.next().ok_or_else(|| invalid(missing()))?;
        open(&bytes, expected, &manifest.app, &mut raw).map_err(invalid)?;
        out.put(&bytes)?;
    }
    if let Some((record, _)) = chunks.next() {
        let why = FaultKind::Malformed("the manifest does not name it".to_string());
        return Err(invalid(Fault::new(
            format_args!("chunk {}", record.name),
            why,
        )));
    }
    let digest = out.hash.digest128().to_le_bytes();
    out.out.write_all(&digest)
}

/// Chunks of a blob: what the manifest says of each, and its bytes.
pub type BlobChunks<'a> = Vec<(ChunkRecord, &'a [u8])>;

/// Reads a blob: its manifest and the bytes of its chunks, all of them verified, decompression included.
pub fn read_blob(bytes: &[u8]) -> Result<(Manifest, BlobChunks<'_>), Fault> {
    let fault = |why| Fault::new("blob", why);
    let (mut reader, manifest) = head(bytes).map_err(fault)?;
    let manifest = Manifest::decode(manifest, None)?;
    let mut raw = Vec::new();
    let mut chunks = Vec::with_capacity(manifest.chunks.len());
    for record in &manifest.chunks {
        let bytes = reader.take(record.stored as usize).map_err(fault)?;
        open(bytes, record, &manifest.app, &mut raw)?;
        chunks.push((*record, bytes));
    }
    reader.end(16).map_err(fault)?;
    Ok((manifest, chunks))
}

/// Checks the digest; what is behind the manifest, and the manifest.
fn head(bytes: &[u8]) -> Result<(Reader<'_>, &[u8]), FaultKind> {
    let mut reader = Reader::new(bytes, MAGIC)?;
    let Some((content, expected)) = bytes.split_last_chunk() else {
        return Err(FaultKind::Length {
            expected: 34,
            found: bytes.len() as u64,
        });
    };
    let (expected, found) = (u128::from_le_bytes(*expected), digest(content));
    if found != expected {
        return Err(FaultKind::Digest { expected, found });
    }
    let app = reader.u64()?;
    let length = reader.u32()?;
    let manifest = reader.take(length as usize)?;
    // the manifest repeats the hash and checks it against the name
    if manifest.get(6..14) != Some(&app.to_le_bytes()) {
        let why = "its app is not that of its manifest";
        return Err(FaultKind::Malformed(why.to_string()));
    }
    Ok((reader, manifest))
}
