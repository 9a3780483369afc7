//! Names of inputs: what their ends say, and patterns that stand for several.

use crate::failure::Failure;
use eventflux::connector::{Packing, is_pattern, named_files, text_name};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Whether a later run can go on in it: it is a file.
pub fn has_places(path: &Path) -> bool {
    path != Path::new("-") && path.is_file()
}

/// The name that says what the text in the file is.
pub fn of_text(path: &Path, packing: Packing) -> PathBuf {
    match packing {
        Packing::None => path.to_path_buf(),
        Packing::Gzip | Packing::Zstd => text_name(path),
    }
}

/// Opens standard input, a pipe or a file, and takes what is compressed apart.
pub fn open(path: &Path, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    match path == Path::new("-") {
        true => packing.unpack(io::stdin()),
        false => packing.unpack(File::open(path)?),
    }
}

/// The text of a file from a byte on: what is compressed is taken apart from its beginning, and passed over.
pub fn open_at(path: &Path, packing: Packing, offset: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut text = open(path, packing)?;
    io::copy(&mut (&mut text).take(offset), &mut io::sink())?;
    Ok(text)
}

/// The files that a name means, in the order of their names.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    named_files(path).map_err(|e| {
        let told = format!("{}: {e}", path.display());
        match e.kind() {
            ErrorKind::InvalidInput if is_pattern(path) => Failure::usage(told),
            _ => Failure::run(told),
        }
    })
}
