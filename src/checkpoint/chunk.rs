//! Chunks: an immutable piece of state with a header that says whose it is.

use super::frame::{FORMAT_VERSION, Reader, app_hash, digest};
use super::{Fault, FaultKind};
use crate::store::{ChunkName, Digest};
use std::fmt;
use std::str::FromStr;
#[cfg(feature = "zstd")]
use zstd::zstd_safe;

const MAGIC: [u8; 4] = *b"EFCH";

/// Bytes of a chunk before its payload.
pub(super) const HEADER_BYTES: usize = 43;

/// How many bytes of content a chunk can hold.
pub const RAW_BYTES_MAX: u32 = 16 << 20;

/// Zstandard's fastest level with its normal format: level 3 is slower and no smaller on state.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// How chunks are compressed. One that would not get smaller is stored as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CompressionType {
    /// Not at all.
    None,
    /// LZ4 blocks: faster, larger.
    #[cfg_attr(not(feature = "zstd"), default)]
    Lz4,
    /// Zstandard at level 1, with the feature `zstd`.
    #[cfg(feature = "zstd")]
    #[default]
    Zstd,
}

impl CompressionType {
    const ALL: &[CompressionType] = &[
        Self::None,
        Self::Lz4,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    /// The number in a chunk's header.
    fn code(self) -> u8 {
        match self {
            CompressionType::None => 0,
            CompressionType::Lz4 => 1,
            #[cfg(feature = "zstd")]
            CompressionType::Zstd => 2,
        }
    }

    fn of_code(code: u8) -> Result<Self, FaultKind> {
        let all = Self::ALL.iter().copied();
        let mut fits = all.filter(|c| c.code() == code);
        fits.next().ok_or(FaultKind::Codec { found: code })
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompressionType::None => "none",
            CompressionType::Lz4 => "lz4",
            #[cfg(feature = "zstd")]
            CompressionType::Zstd => "zstd",
        })
    }
}

/// A text that is no [`CompressionType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no compression: expected none, lz4 or zstd")]
pub struct ParseCompressionError(String);

impl FromStr for CompressionType {
    type Err = ParseCompressionError;

    fn from_str(text: &str) -> Result<Self, ParseCompressionError> {
        let all = Self::ALL.iter().copied();
        let mut fits = all.filter(|c| c.to_string().eq_ignore_ascii_case(text));
        fits.next()
            .ok_or_else(|| ParseCompressionError(text.to_string()))
    }
}

/// What a manifest says of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkRecord {
    /// Its name.
    pub name: ChunkName,
    /// Digest of all its bytes.
    pub digest: Digest,
    /// How many bytes the store keeps, its header among them.
    pub stored: u32,
    /// How many bytes its content has.
    pub raw: u32,
}

/// Writes a chunk to `out`, whose earlier content is lost, and says what the manifest must know of it.
///
/// Errors: more than [`RAW_BYTES_MAX`] bytes.
pub fn seal(
    name: ChunkName,
    app: &str,
    raw: &[u8],
    compression: CompressionType,
    out: &mut Vec<u8>,
) -> Result<ChunkRecord, Fault> {
    let fault = |why| Fault::new(format_args!("chunk {name}"), why);
    let raw_bytes = u32::try_from(raw.len()).unwrap_or(u32::MAX);
    if raw_bytes > RAW_BYTES_MAX {
        return Err(fault(too_large(raw.len())));
    }
    let payload = compress(raw, compression, out).map_err(fault)?;
    let codec = match payload {
        Some(_) => compression,
        None => {
            out.truncate(HEADER_BYTES);
            out.extend_from_slice(raw);
            CompressionType::None
        }
    };
    let payload = payload.unwrap_or(raw_bytes);
    let header = header(name, app, codec, raw_bytes, payload);
    out[..HEADER_BYTES].copy_from_slice(&header);
    Ok(ChunkRecord {
        name,
        digest: digest(out),
        stored: HEADER_BYTES as u32 + payload,
        raw: raw_bytes,
    })
}

fn too_large(raw: usize) -> FaultKind {
    FaultKind::TooLarge {
        unit: "bytes",
        most: RAW_BYTES_MAX.into(),
        found: raw as u64,
    }
}

fn header(
    name: ChunkName,
    app: &str,
    codec: CompressionType,
    raw: u32,
    payload: u32,
) -> [u8; HEADER_BYTES] {
    let fields: [&[u8]; 9] = [
        &MAGIC,
        &FORMAT_VERSION.to_le_bytes(),
        &[codec.code()],
        &app_hash(app).to_le_bytes(),
        &name.generation.to_le_bytes(),
        &name.epoch.to_le_bytes(),
        &name.number.to_le_bytes(),
        &raw.to_le_bytes(),
        &payload.to_le_bytes(),
    ];
    let mut header = [0; HEADER_BYTES];
    let mut at = 0;
    for field in fields {
        header[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    debug_assert_eq!(at, HEADER_BYTES);
    header
}

/// Leaves room for the header in `out` and writes the payload behind it; `None` where that would not be smaller.
fn compress(
    raw: &[u8],
    compression: CompressionType,
    out: &mut Vec<u8>,
) -> Result<Option<u32>, FaultKind> {
    let most = match compression {
        CompressionType::None => 0,
        CompressionType::Lz4 => lz4_flex::block::get_maximum_output_size(raw.len()),
        #[cfg(feature = "zstd")]
        CompressionType::Zstd => zstd_safe::compress_bound(raw.len()),
    };
    // not cleared before: what `out` holds already need not be zeroed again
    out.resize(HEADER_BYTES + most, 0);
    let payload = &mut out[HEADER_BYTES..];
    let failed = |e: &dyn fmt::Display| FaultKind::Compression(e.to_string());
    let length = match compression {
        CompressionType::None => return Ok(None),
        CompressionType::Lz4 => {
            lz4_flex::block::compress_into(raw, payload).map_err(|e| failed(&e))?
        }
        #[cfg(feature = "zstd")]
        CompressionType::Zstd => {
            // not zstd::bulk, whose contexts panic without memory
            zstd_safe::compress(payload, raw, ZSTD_LEVEL)
                .map_err(|e| failed(&zstd_safe::get_error_name(e)))?
        }
    };
    out.truncate(HEADER_BYTES + length);
    Ok((length < raw.len()).then_some(length as u32))
}

/// Reads a chunk into `raw`, whose earlier content is lost, if it is the one that the record names, byte for byte.
pub fn open(
    bytes: &[u8],
    expected: &ChunkRecord,
    app: &str,
    raw: &mut Vec<u8>,
) -> Result<(), Fault> {
    raw.clear();
    unpack(bytes, expected, app, raw).map_err(|why| {
        raw.clear();
        Fault::new(format_args!("chunk {}", expected.name), why)
    })
}

fn unpack(
    bytes: &[u8],
    expected: &ChunkRecord,
    app: &str,
    raw: &mut Vec<u8>,
) -> Result<(), FaultKind> {
    // whose it is first: of a chunk that was swapped the name says more than the digest
    let mut reader = Reader::new(bytes, MAGIC)?;
    let codec = reader.u8()?;
    let (app, found) = (app_hash(app), reader.u64()?);
    if found != app {
        return Err(FaultKind::App {
            expected: app,
            found,
        });
    }
    let found = ChunkName {
        generation: reader.u64()?,
        epoch: reader.u64()?,
        number: reader.u32()?,
    };
    if found != expected.name {
        return Err(FaultKind::Name {
            expected: expected.name,
            found,
        });
    }
    if bytes.len() as u64 != u64::from(expected.stored) {
        return Err(FaultKind::Length {
            expected: expected.stored.into(),
            found: bytes.len() as u64,
        });
    }
    let found = digest(bytes);
    if found != expected.digest {
        return Err(FaultKind::Digest {
            expected: expected.digest,
            found,
        });
    }
    let codec = CompressionType::of_code(codec)?;
    let length = reader.u32()?;
    if length != expected.raw {
        return Err(FaultKind::Raw {
            expected: expected.raw,
            found: length,
        });
    }
    if length > RAW_BYTES_MAX {
        return Err(too_large(length as usize));
    }
    let payload = reader.u32()?;
    decompress(reader.end(payload)?, codec, length as usize, raw)
}

fn decompress(
    payload: &[u8],
    codec: CompressionType,
    length: usize,
    raw: &mut Vec<u8>,
) -> Result<(), FaultKind> {
    let failed = |e: &dyn fmt::Display| FaultKind::Decompression(e.to_string());
    match codec {
        CompressionType::None if payload.len() == length => raw.extend_from_slice(payload),
        CompressionType::None => {}
        _ => raw.resize(length, 0),
    }
    // into a slice of the promised length: more than that is an error of the decompressor, never an allocation
    let found = match codec {
        CompressionType::None => payload.len(),
        CompressionType::Lz4 => {
            lz4_flex::block::decompress_into(payload, raw).map_err(|e| failed(&e))?
        }
        #[cfg(feature = "zstd")]
        CompressionType::Zstd => zstd_safe::decompress(&mut raw[..], payload)
            .map_err(|e| failed(&zstd_safe::get_error_name(e)))?,
    };
    if found != length {
        return Err(failed(&format_args!("{found} bytes of {length}")));
    }
    Ok(())
}
