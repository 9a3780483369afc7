//! Folders for tests: below the system's temporary folder, gone with the value.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that no other test has.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new(test: &str) -> Folder {
        let name = format!("eventflux-store-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).expect("the temporary folder takes folders");
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
