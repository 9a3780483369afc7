//! The folder of one app: names of its files, and what can be read of them without the lock.

use super::catalogue::Saved;
use super::copies;
use super::disk::{Disk, DiskFile, Mode};
use super::readers::Readers;
use super::segment::Segment;
use super::{ChunkName, Repair, Revision, StoreError};
use parking_lot::Mutex;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest owner that is shown, in bytes.
const OWNER_BYTES_MAX: usize = 200;

/// A file of an app, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The chunks of an epoch.
    Segment(Revision),
    /// A revision that is one blob.
    Blob(Revision),
    /// A file that was to be moved into its place.
    Temporary,
}

impl Named {
    pub(super) fn of(name: &str) -> Option<Named> {
        let (stem, ending) = name.rsplit_once('.')?;
        let revision = || {
            let revision: Revision = stem.replacen('.', "-", 1).parse().ok()?;
            // a name with leading zeros is none that this store gave
            (file_stem(revision) == stem).then_some(revision)
        };
        match ending {
            "seg" => revision().map(Named::Segment),
            "blob" => revision().map(Named::Blob),
            "tmp" => Some(Named::Temporary),
            _ => None,
        }
    }

    /// The revision it was written for.
    pub(super) fn revision(self) -> Option<Revision> {
        match self {
            Named::Segment(revision) | Named::Blob(revision) => Some(revision),
            Named::Temporary => None,
        }
    }
}

/// Whether a file of this name makes its folder that of an app.
pub(super) fn is_catalogue_or_data(name: &str) -> bool {
    copies::NAMES.contains(&name) || Named::of(name).is_some_and(|named| named.revision().is_some())
}

fn file_stem(revision: Revision) -> String {
    format!("{}.{}", revision.generation, revision.epoch)
}

/// The folder of one app.
pub(super) struct Folder {
    pub(super) disk: Arc<dyn Disk>,
    app: String,
    path: PathBuf,
    readers: Arc<Readers>,
    /// The catalogue of the claim made here.
    pub(super) owned: Owned,
    repairs: Mutex<Repairs>,
}

/// Damaged copies of the catalogue.
#[derive(Default)]
struct Repairs {
    /// The last damage of each file.
    found: Vec<Repair>,
    /// How often a file was written anew for it.
    count: u64,
}

/// What the owner knows to be durable. The file may be newer after a write that failed, so the owner's own readers
/// look here; empty while there is no claim.
pub(super) type Owned = Arc<Mutex<Option<Arc<Saved>>>>;

impl Folder {
    /// The folder of an app below that of the store.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        readers: Arc<Readers>,
        store: &Path,
        app: &str,
    ) -> Folder {
        Folder {
            disk,
            app: app.to_string(),
            path: store.join(app),
            readers,
            owned: Owned::default(),
            repairs: Mutex::default(),
        }
    }

    pub(super) fn app(&self) -> &str {
        &self.app
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub(super) fn segment_path(&self, revision: Revision) -> PathBuf {
        self.path.join(file_stem(revision) + ".seg")
    }

    pub(super) fn blob_path(&self, revision: Revision) -> PathBuf {
        self.path.join(file_stem(revision) + ".blob")
    }

    /// Refuses a folder that is a link: what it leads to may be where others write.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        refuse_link(&*self.disk, &self.path)
    }

    /// Opens a file of the app; neither it nor the folder may be a link.
    pub(super) fn open(&self, path: &Path, mode: Mode) -> Result<Box<dyn DiskFile>, StoreError> {
        match self.open_if_any(path, mode)? {
            Some(file) => Ok(file),
            None => Err(io_error(path, &ErrorKind::NotFound.into())),
        }
    }

    /// As `open`; `None` where there is no such file.
    pub(super) fn open_if_any(
        &self,
        path: &Path,
        mode: Mode,
    ) -> Result<Option<Box<dyn DiskFile>>, StoreError> {
        self.check()?;
        refuse_link(&*self.disk, path)?;
        found(path, self.disk.open(path, mode))
    }

    /// A copy of the catalogue is damaged, and the other one is read.
    pub(super) fn note(&self, repair: Repair) {
        let found = &mut self.repairs.lock().found;
        found.retain(|known| known.what != repair.what);
        found.push(repair);
    }

    /// Both copies of the catalogue were written anew.
    pub(super) fn repaired(&self) {
        let mut repairs = self.repairs.lock();
        let open = repairs.found.iter_mut().filter(|repair| !repair.done);
        let done = open.map(|repair| repair.done = true).count();
        repairs.count += done as u64;
    }

    /// The last damage of each copy of the catalogue, and how often one was written anew for it.
    pub(super) fn repairs(&self) -> (Vec<Repair>, u64) {
        let repairs = self.repairs.lock();
        (repairs.found.clone(), repairs.count)
    }

    /// The files that belong to a store, with their names; none where there is no folder.
    pub(super) fn files(&self) -> Result<Vec<(Named, String)>, StoreError> {
        self.check()?;
        let names = match self.disk.list(&self.path) {
            Ok(names) => names,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(io_error(&self.path, &e)),
        };
        let ours = |name: String| Named::of(&name).map(|named| (named, name));
        Ok(names.into_iter().filter_map(ours).collect())
    }

    /// The catalogue; `None` for an app that was never claimed or saved.
    pub(super) fn saved(&self) -> Result<Option<Arc<Saved>>, StoreError> {
        if let Some(owned) = &*self.owned.lock() {
            return Ok(Some(owned.clone()));
        }
        if let Some(saved) = copies::read(self)? {
            return Ok(Some(saved));
        }
        // the catalogue is written before the first file beside it
        let is_data = |(named, _): &(Named, String)| named.revision().is_some();
        if !self.files()?.iter().any(is_data) {
            return Ok(None);
        }
        match copies::read(self)? {
            Some(saved) => Ok(Some(saved)),
            None => Err(copies::missing(self)),
        }
    }

    /// The bytes of a file; `None` where it is absent.
    pub(super) fn read_file(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_if_any(path, Mode::Read)? else {
            return Ok(None);
        };
        let length = file.length().map_err(|e| io_error(path, &e))?;
        if length > most {
            return Err(StoreError::Corrupt {
                what: shown(path),
                reason: format!("it has {length} bytes, and {most} at most are read"),
            });
        }
        let read = || {
            let length = usize::try_from(length).map_err(|_| ErrorKind::OutOfMemory)?;
            let mut bytes = vec![0; length];
            file.read_at(0, &mut bytes)?;
            Ok(bytes)
        };
        found(path, read())
    }

    /// A segment with its index; `None` where there is no such file.
    pub(super) fn segment(&self, revision: Revision) -> Result<Option<Arc<Segment>>, StoreError> {
        let path = self.segment_path(revision);
        if let Some(segment) = self.readers.find(&path) {
            return Ok(Some(segment));
        }
        let Some(file) = self.open_if_any(&path, Mode::Read)? else {
            return Ok(None);
        };
        let segment = Arc::new(Segment::new(file, revision, &shown(&path))?);
        self.readers.keep(path, segment.clone());
        Ok(Some(segment))
    }

    /// Closes a segment that was, or will be, deleted.
    pub(super) fn close(&self, revision: Revision) {
        self.readers.close(&self.segment_path(revision));
    }

    pub(super) fn chunk(&self, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        let revision = name.revision();
        if (self.saved()?).is_none_or(|saved| saved.is_dead(revision, name.number)) {
            return Ok(None);
        }
        let Some(segment) = self.segment(revision)? else {
            return Ok(None);
        };
        match segment.index.chunks.get(&name.number) {
            None => Ok(None),
            Some(record) => {
                let what = format!("chunk {name} in {}", shown(&self.segment_path(revision)));
                segment.read(*record, &what).map(Some)
            }
        }
    }

    pub(super) fn manifest(&self, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        let is_committed = || {
            let kept = self.saved()?.and_then(|s| s.ledger.find(revision));
            Ok(kept.is_some_and(|kept| !kept.whole))
        };
        if !is_committed()? {
            return Ok(None);
        }
        let what = format!("manifest in {}", shown(&self.segment_path(revision)));
        if let Some(segment) = self.segment(revision)?
            && let Some(record) = segment.index.manifest
        {
            return segment.read(record, &what).map(Some);
        }
        // the owner may have retired it meanwhile
        match is_committed()? {
            false => Ok(None),
            true => Err(StoreError::Corrupt {
                what,
                reason: "it is missing, but the catalogue names it".to_string(),
            }),
        }
    }

    pub(super) fn chunks(&self) -> Result<Vec<ChunkName>, StoreError> {
        let saved = self.saved()?.unwrap_or_default();
        let mut found = Vec::new();
        for (named, _) in self.files()? {
            let Named::Segment(revision) = named else {
                continue;
            };
            let Some(segment) = self.segment(revision)? else {
                continue;
            };
            let numbers = segment.index.chunks.keys();
            let living = numbers.filter(|n| !saved.is_dead(revision, **n));
            found.extend(living.map(|number| ChunkName {
                generation: revision.generation,
                epoch: revision.epoch,
                number: *number,
            }));
        }
        found.sort();
        Ok(found)
    }

    /// Who holds the lock, as its file tells.
    pub(super) fn owner(&self) -> String {
        let text = self.read_file(&self.lock_path(), 1 << 16);
        let bytes = text.ok().flatten().unwrap_or_default();
        let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        match line.is_empty() {
            true => "an unnamed process".to_string(),
            false => plain(&String::from_utf8_lossy(line)),
        }
    }

    /// Takes the lock and leaves the owner's name in it; `None` while another one has it.
    pub(super) fn lock(&self, owner: &str) -> Result<Option<Box<dyn DiskFile>>, StoreError> {
        let path = self.lock_path();
        refuse_link(&*self.disk, &path)?;
        let lock = (self.disk.lock(&path)).map_err(|e| io_error(&path, &e))?;
        if let Some(file) = &lock {
            // the first line counts: a longer name that stood there need not be cut off
            let line = plain(owner) + "\n";
            (file.write_at(0, line.as_bytes())).map_err(|e| io_error(&path, &e))?;
        }
        Ok(lock)
    }
}

/// A name in one line.
fn plain(owner: &str) -> String {
    let mut line = owner.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(OWNER_BYTES_MAX));
    line
}

fn found<T>(path: &Path, done: io::Result<T>) -> Result<Option<T>, StoreError> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io_error(path, &e)),
    }
}

/// Refuses what is a symbolic link: it may lead to where others write, and a rename would break it off.
fn refuse_link(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    match disk.is_link(path) {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::Refused {
            what: shown(path),
            reason: "it is a symbolic link, and only the store's own folder may be one: put what it leads to in its \
                     place"
                .to_string(),
        }),
        Err(e) => Err(io_error(path, &e)),
    }
}

pub(super) fn sync_dir(folder: &Folder, path: &Path) -> Result<(), StoreError> {
    folder.disk.sync_dir(path).map_err(|e| io_error(path, &e))
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::io(shown(path), error)
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
