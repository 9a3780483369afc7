//! The files of the repository that inputs are made of.

use crate::failure::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the repository that this program was built in.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The contents of all files of a folder of the repository whose names end so, in the order of their names.
pub fn contents(folder: &str, ending: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let folder = root().join(folder);
    let entries =
        fs::read_dir(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == ending) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|p| Ok(fs::read(p)?)).collect()
}

/// The text of a file of the repository.
pub fn text(path: &str) -> Result<String, Failure> {
    let path = root().join(path);
    fs::read_to_string(&path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}
