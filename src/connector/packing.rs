//! Names of files: patterns that stand for several, and ends that say how a file is compressed.
//!
//! A compressed file has no places: whoever goes on in one takes it apart again from its beginning.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Packing {
    /// As the end of a name says: `.gz`, `.zst`.
    pub fn of(path: &Path) -> Self {
        let is = |end: &str| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case(end))
        };
        match () {
            () if is("gz") => Packing::Gzip,
            () if is("zst") => Packing::Zstd,
            () => Packing::None,
        }
    }

    /// As an option calls it.
    pub fn named(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if is("none") => Some(Packing::None),
            () if is("gzip") => Some(Packing::Gzip),
            () if is("zstd") => Some(Packing::Zstd),
            () => None,
        }
    }

    /// That this build can take it apart.
    ///
    /// Errors: what is missing in it.
    pub fn check(self) -> Result<(), &'static str> {
        match self {
            Packing::Gzip if !cfg!(feature = "gzip") => {
                Err("this build reads no gzip; build eventflux with the feature 'gzip'")
            }
            Packing::Zstd if !cfg!(feature = "zstd") => {
                Err("this build reads no zstd; build eventflux with the feature 'zstd'")
            }
            _ => Ok(()),
        }
    }

    /// Takes apart what is read.
    pub fn unpack(self, reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        self.check()
            .map_err(|why| io::Error::new(io::ErrorKind::Unsupported, why))?;
        match self {
            Packing::None => Ok(Box::new(reader)),
            Packing::Gzip => gunzip(reader),
            Packing::Zstd => unzstd(reader),
        }
    }

    /// Opens a file and takes it apart.
    pub fn open(self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.unpack(File::open(path)?)
    }
}

#[cfg(feature = "gzip")]
fn gunzip(reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(flate2::read::MultiGzDecoder::new(reader)))
}

#[cfg(not(feature = "gzip"))]
fn gunzip(_reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "zstd")]
fn unzstd(reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(zstd::Decoder::new(reader)?))
}

#[cfg(not(feature = "zstd"))]
fn unzstd(_reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The name that says what the text in a file is: that of a compressed one without its end.
pub fn text_name(path: &Path) -> PathBuf {
    match Packing::of(path) {
        Packing::None => path.to_path_buf(),
        Packing::Gzip | Packing::Zstd => path.with_extension(""),
    }
}

/// Whether a name is a pattern (`*`, `?`, `[…]`, `**`), unless there is a file of that name.
pub fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[']) && !path.exists()
}

/// The files that a name means, in the order of their names: itself, unless it is a pattern.
///
/// Errors: the pattern is none, a folder cannot be read, or no file has such a name.
pub fn named_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !is_pattern(path) {
        return Ok(vec![path.to_path_buf()]);
    }
    let files = fitting(&path.to_string_lossy())?;
    match files.is_empty() {
        true => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no file has such a name",
        )),
        false => Ok(files),
    }
}

#[cfg(feature = "glob")]
fn fitting(pattern: &str) -> io::Result<Vec<PathBuf>> {
    let found = glob::glob(pattern);
    let found = found.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let found: Result<Vec<PathBuf>, _> = found.collect();
    let mut files = found.map_err(io::Error::from)?;
    files.retain(|file| !file.is_dir());
    files.sort();
    Ok(files)
}

#[cfg(not(feature = "glob"))]
fn fitting(_pattern: &str) -> io::Result<Vec<PathBuf>> {
    let why = "this build knows no patterns of names; build eventflux with the feature 'glob'";
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
