//! One guard for all paths of a run: nothing is opened before it is known that none of them would destroy another.
//!
//! Files are compared by device and inode, so other names, hard links and symbolic links are seen through; one that is
//! not there yet by its folder and name. Devices may be shared.

use crate::failure::Failure;
use std::fs::{self, FileType, Metadata};
use std::path::{Component, Path, PathBuf};

/// What is done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is read.
    Read,
    /// It is emptied or appended to.
    Write,
    /// It is a folder that belongs to its owner alone.
    Folder,
}

struct Known {
    role: String,
    path: PathBuf,
    usage: Use,
    place: Option<FilePlace>,
}

/// What tells one file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FilePlace {
    There(Key),
    /// The folder, and the name that it would have there.
    New(Key, PathBuf),
}

#[cfg(unix)]
type Key = (u64, u64);
#[cfg(not(unix))]
type Key = PathBuf;

#[cfg(unix)]
fn key(_path: &Path, about: &Metadata) -> Option<Key> {
    use std::os::unix::fs::MetadataExt;
    Some((about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn key(path: &Path, _about: &Metadata) -> Option<Key> {
    path.canonicalize().ok()
}

/// The paths of a run, as they are added.
#[derive(Default)]
pub struct Paths(Vec<Known>);

impl Paths {
    /// Adds a path. `role`: what it is, for messages.
    ///
    /// Errors: status 1 for an input that is not there, status 2 for a path that stands in another's way.
    pub fn add(&mut self, role: impl Into<String>, path: &Path, usage: Use) -> Result<(), Failure> {
        let role = role.into();
        let place = match fs::metadata(path) {
            Ok(about) if about.is_dir() && usage != Use::Folder => {
                let message = format!("{role}: {} is a folder", path.display());
                return Err(Failure::usage(message));
            }
            // Who reads and writes a terminal or /dev/null destroys nothing.
            Ok(about) if is_device(about.file_type()) => None,
            Ok(about) => key(path, &about).map(FilePlace::There),
            Err(e) if usage == Use::Read => {
                return Err(Failure::run(format!("{}: {e}", path.display())));
            }
            Err(_) => new(path),
        };
        let added = Known {
            role,
            path: path.to_path_buf(),
            usage,
            place,
        };
        if let Some(known) = self.0.iter().find(|known| known.collides(&added)) {
            return Err(Failure::usage(known.told(&added)));
        }
        self.0.push(added);
        Ok(())
    }
}

/// Whether something would be lost if a file were emptied: devices and pipes hold nothing.
pub fn holds_something(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() > 0)
}

/// Refuses to empty a file that has something in it. `why`: what is known of it.
pub fn spare(path: &Path, force: bool, why: &str) -> Result<(), Failure> {
    if force || path == Path::new("-") || !holds_something(path) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--out {}: there is something in it{why}; --force empties it",
        path.display()
    )))
}

impl Known {
    fn collides(&self, other: &Known) -> bool {
        if self.usage == Use::Read && other.usage == Use::Read {
            return false;
        }
        match (self.usage, other.usage) {
            (Use::Folder, Use::Write) => is_inside(&other.path, &self.path),
            (Use::Write, Use::Folder) => is_inside(&self.path, &other.path),
            _ => self.place.is_some() && self.place == other.place,
        }
    }

    fn told(&self, other: &Known) -> String {
        let (is, so) = match (self.usage, other.usage) {
            (Use::Folder, _) | (_, Use::Folder) => (
                "stands in the way of",
                "a folder of state holds nothing else",
            ),
            (Use::Write, Use::Write) => ("is the same file as", "both would write it"),
            _ => ("is the same file as", "a file is both input and output"),
        };
        format!(
            "{} {} {is} {} {}: {so}",
            other.role,
            other.path.display(),
            self.role,
            self.path.display()
        )
    }
}

/// Whether it is a device that reads and writes characters: one may be shared, and has no end.
#[cfg(unix)]
pub fn is_device(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_char_device()
}

/// Whether it is a device that reads and writes characters.
#[cfg(not(unix))]
pub fn is_device(_kind: FileType) -> bool {
    false
}

/// Where a link leads, whether anything is there or not.
fn followed(path: &Path) -> PathBuf {
    const LINKS_MAX: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Ok(to) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    path
}

/// Where a file would be made: links that lead nowhere are followed.
fn new(path: &Path) -> Option<FilePlace> {
    let path = followed(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let about = fs::metadata(folder).ok()?;
    Some(FilePlace::New(
        key(folder, &about)?,
        path.file_name()?.into(),
    ))
}

/// Whether a path leads into a folder, or to it.
fn is_inside(path: &Path, folder: &Path) -> bool {
    real(path).starts_with(real(folder))
}

/// A path without links; what is not there yet is named below the last folder that is.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut real = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            real.pop();
            continue;
        }
        real.push(part);
        let to = followed(&real);
        let folder = || to.parent()?.canonicalize().ok();
        real = match to.canonicalize() {
            Ok(there) => there,
            Err(_) => folder()
                .zip(to.file_name())
                .map_or(to.clone(), |(folder, name)| folder.join(name)),
        };
    }
    real
}
