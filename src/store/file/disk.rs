//! The calls on the file system that [`FileStore`](super::FileStore) makes: the system's, or those of a test.
//!
//! Why a trait: what a power loss leaves behind cannot be seen through the page cache. A test's disk records the calls
//! and builds every state that the calls made so far allow.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; made if absent, its bytes are kept.
    Write,
    /// For reading and writing; made if absent, otherwise emptied.
    New,
}

/// A file system, as far as a store needs one.
///
/// Promises of an implementation: a rename replaces its target at once for all who look; bytes written are durable
/// after [`DiskFile::sync`]; names made, moved or removed are durable after [`Disk::sync_dir`] on their folder.
pub trait Disk: Send + Sync {
    /// Makes a folder; fine if it exists. Its parent exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Names of what a folder contains, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Whether a symbolic link stands at a path; not where nothing does.
    fn is_link(&self, path: &Path) -> io::Result<bool>;

    /// Opens a file.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>>;

    /// Moves a file to another name in the same folder, or in one below it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks a file, made if absent, until the answer is dropped or the process ends; `None` while another one has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from an offset; an error where the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all bytes at an offset.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes all bytes written so far durable.
    fn sync(&self) -> io::Result<()>;
}

/// The file system of the operating system. What it makes belongs to its owner alone: state holds the values of rows.
///
/// In a folder with the set-group-id bit (`chmod 2750 DIR`) the group may read what is made there, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

/// Lets a file that is made by these options belong to its owner, and be read by the group of a folder that says so.
#[cfg(unix)]
pub fn private<'o>(path: &Path, options: &'o mut OpenOptions) -> &'o mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(if is_of_group(path) { 0o640 } else { 0o600 })
}

/// Other systems have other rights.
#[cfg(not(unix))]
pub fn private<'o>(_path: &Path, options: &'o mut OpenOptions) -> &'o mut OpenOptions {
    options
}

#[cfg(unix)]
fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mode = if is_of_group(path) { 0o750 } else { 0o700 };
    fs::DirBuilder::new().mode(mode).create(path)
}

#[cfg(not(unix))]
fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Whether the folder of a path has the set-group-id bit.
#[cfg(unix)]
fn is_of_group(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const SET_GROUP_ID: u32 = 0o2000;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let about = fs::metadata(folder.unwrap_or(Path::new(".")));
    about.is_ok_and(|about| about.mode() & SET_GROUP_ID != 0)
}

impl Disk for OsDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let made = create_private_dir(path);
        if !matches!(&made, Err(e) if e.kind() == ErrorKind::AlreadyExists) {
            return made;
        }
        let is_dir = fs::symlink_metadata(path)?.is_dir();
        if is_dir { Ok(()) } else { made }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        // a name that is no text is none of ours
        names.filter_map(io::Result::transpose).collect()
    }

    fn is_link(&self, path: &Path) -> io::Result<bool> {
        match fs::symlink_metadata(path) {
            Ok(about) => Ok(about.is_symlink()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let write = mode != Mode::Read;
        let mut options = OpenOptions::new();
        // who only reads makes no file: its folder is not asked
        if write {
            private(path, &mut options);
        }
        let file = options
            .read(true)
            .write(write)
            .create(write)
            .truncate(mode == Mode::New)
            .open(path)?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    /// Other systems have no such call: a folder cannot be opened as a file.
    #[cfg(not(unix))]
    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        let file = private(path, &mut OpenOptions::new())
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(self, buffer, offset)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            offset += read as u64;
            buffer = buffer.split_at_mut(read).1;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, offset)?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            offset += written as u64;
            bytes = bytes.split_at(written).1;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
