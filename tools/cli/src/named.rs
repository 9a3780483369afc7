//! Names of inputs: what their ends say, and patterns that stand for several.

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How a file is compressed, as the end of its name says.
#[derive(Clone, Copy)]
enum Packed {
    Gzip,
    Zstd,
}

fn packed(path: &Path) -> Option<Packed> {
    let end = path.extension()?;
    let is = |known: &str| end.eq_ignore_ascii_case(known);
    match () {
        () if is("gz") => Some(Packed::Gzip),
        () if is("zst") => Some(Packed::Zstd),
        () => None,
    }
}

/// Whether a file can be read from a byte on: it is one, and not compressed.
pub fn has_places(path: &Path) -> bool {
    path.is_file() && packed(path).is_none()
}

/// The name that says what the text in the file is.
pub fn of_text(path: &Path) -> PathBuf {
    match packed(path) {
        Some(_) => path.with_extension(""),
        None => path.to_path_buf(),
    }
}

/// Opens standard input, a pipe or a file, and takes what is compressed apart.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)?;
    Ok(match packed(path) {
        Some(Packed::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some(Packed::Zstd) => unpack_zstd(file)?,
        None => Box::new(file),
    })
}

#[cfg(feature = "zstd")]
fn unpack_zstd(file: File) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(zstd::Decoder::new(file)?))
}

#[cfg(not(feature = "zstd"))]
fn unpack_zstd(_file: File) -> io::Result<Box<dyn Read + Send>> {
    let why = "this build reads no .zst: it was made without the feature zstd";
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}

/// The files that a name means, in the order of their names: itself, unless it is a pattern (`*`, `?`, `[…]`, `**`) and
/// there is no such file.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let pattern = path.to_string_lossy();
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        return Ok(vec![path.to_path_buf()]);
    }
    let wrong = |e: String| Failure::usage(format!("{pattern}: {e}"));
    let found = glob::glob(&pattern).map_err(|e| wrong(e.to_string()))?;
    let found: Result<Vec<PathBuf>, _> = found.collect();
    let found = found.map_err(|e| Failure::run(e.to_string()))?;
    let files: Vec<PathBuf> = found.into_iter().filter(|f| !f.is_dir()).collect();
    match files.is_empty() {
        true => Err(Failure::run(format!("{pattern}: no file has such a name"))),
        false => Ok(files),
    }
}
