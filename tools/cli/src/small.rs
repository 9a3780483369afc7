//! Small files, read whole. A device has no end, and a wrong path may lead to anything: what is larger than such a file
//! ever is must not become memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than an app or a list of certificates ever has.
const BYTES_MAX: u64 = 16 << 20;

/// The contents of a file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > BYTES_MAX {
        true => Err(io::Error::other(format!(
            "larger than {BYTES_MAX} bytes; is it another file?"
        ))),
        false => Ok(bytes),
    }
}
