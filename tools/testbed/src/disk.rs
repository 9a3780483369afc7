//! A disk that can be full.

use crate::scratch::Scratch;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory.
#[derive(Debug)]
pub struct Disk {
    mounted: Scratch,
}

impl Disk {
    /// Mounts one of `bytes`, rounded up to whole pages. None where that is not allowed.
    pub fn mount(bytes: u64) -> Option<Disk> {
        let mounted = Scratch::new().ok()?;
        let size = format!("size={bytes},mode=0777");
        let mut mount = vec!["mount", "-t", "tmpfs", "-o", &size, "eventflux-testbed"];
        let path = mounted.path().display().to_string();
        mount.push(&path);
        as_root(&mount).then_some(Disk { mounted })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }

    /// Takes all the space that is left.
    pub fn fill(&self) -> io::Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())?;
        for size in [1 << 20, 4096, 1] {
            let piece = vec![0; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::StorageFull => break,
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// Gives back what [`fill`](Disk::fill) took.
    pub fn free(&self) -> io::Result<()> {
        match fs::remove_file(self.filler()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

/// Runs a command that only root may, by sudo where this is not root; whether it succeeded.
fn as_root(command: &[&str]) -> bool {
    let run = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        let output = command.args(&words[1..]).output();
        output.is_ok_and(|output| output.status.success())
    };
    run(command) || run(&[&["sudo", "-n"], command].concat())
}

impl Drop for Disk {
    fn drop(&mut self) {
        // lazily: a server that is still ending may have files open
        as_root(&["umount", "-l", &self.path().display().to_string()]);
    }
}
