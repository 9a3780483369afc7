//! What all blobs share: the digest, and reading of headers.

use super::FaultKind;
use crate::store::Digest;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// The version of the format that is written; it and all before it are read.
pub const FORMAT_VERSION: u16 = 1;

/// Digest of some bytes (xxh3-128): finds damage, is no signature.
pub fn digest(bytes: &[u8]) -> Digest {
    xxh3_128(bytes)
}

/// The hash that stands for an app's name in headers.
pub(super) fn app_hash(app: &str) -> u64 {
    xxh3_64(app.as_bytes())
}

/// Takes the numbers of a header off the front of some bytes.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    whole: u64,
}

impl<'a> Reader<'a> {
    /// Reads a header; refuses bytes that begin otherwise or have a version that is not known.
    pub(super) fn new(bytes: &'a [u8], magic: [u8; 4]) -> Result<Self, FaultKind> {
        let mut reader = Reader {
            rest: bytes,
            whole: bytes.len() as u64,
        };
        let found = reader.array()?;
        if found != magic {
            return Err(FaultKind::Magic {
                expected: magic,
                found,
            });
        }
        let found = reader.u16()?;
        if found != FORMAT_VERSION {
            return Err(FaultKind::Version {
                newest: FORMAT_VERSION,
                found,
            });
        }
        Ok(reader)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FaultKind> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.short(N as u64))?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], FaultKind> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| self.short(length as u64))?;
        self.rest = rest;
        Ok(head)
    }

    fn short(&self, wanted: u64) -> FaultKind {
        let read = self.whole - self.rest.len() as u64;
        FaultKind::Length {
            expected: read.saturating_add(wanted),
            found: self.whole,
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, FaultKind> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, FaultKind> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, FaultKind> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, FaultKind> {
        self.array().map(u64::from_le_bytes)
    }

    /// All bytes that are left: there must be as many.
    pub(super) fn end(self, length: u32) -> Result<&'a [u8], FaultKind> {
        let found = self.rest.len() as u64;
        if found != u64::from(length) {
            return Err(FaultKind::Length {
                expected: self.whole - found + u64::from(length),
                found: self.whole,
            });
        }
        Ok(self.rest)
    }
}
