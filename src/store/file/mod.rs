//! A store in a folder of the local file system: durable without a server.
//!
//! `DIR/<app>/` holds
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked by the owner while it lives, with its name inside; the system unlocks it when the process ends |
//! | `catalogue`, `catalogue.copy` | generation, revisions and pins, twice; always replaced as a whole |
//! | `<generation>.<epoch>.seg` | the chunks of an epoch and its manifest |
//! | `<generation>.<epoch>.blob` | a revision written by `save` |
//! | `aside-<number>/` | what a catalogue named that could not be read, when a new history was begun |
//!
//! A commit makes the segment durable, then its name in the folder, then the catalogue that names it. So there is one
//! moment, the first rename of a copy of the catalogue, before which the old head stands and after which the new one
//! does. `copies.rs` says why there are two. Calls that only read take no lock: they work beside a running app.
//!
//! The folder must lie on a file system with working locks, not on one shared between hosts.

mod aside;
mod catalogue;
mod copies;
mod disk;
mod folder;
mod held;
mod readers;
mod segment;

pub use disk::{Disk, DiskFile, Mode, OsDisk, private};

use super::name::check_name;
use super::{
    Catalogue, ChunkName, Claim, Commit, Committed, Entry, Owner, PersistenceStore, Repair,
    Revision, StoreError, StoreHealth,
};
use folder::{Folder, io_error, is_catalogue_or_data, shown};
use held::Held;
use parking_lot::Mutex;
use readers::Readers;
use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Keeps checkpoints in a folder.
///
/// A takeover cannot end another process's claim, as only the system ends a lock; it ends one made through the same
/// value. Calls without a generation (`retire`, `pin`, `save`, `clear_all_revisions`) use the claim made through this
/// value; without one they take the lock for their own duration.
pub struct FileStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    readers: Arc<Readers>,
    apps: Mutex<HashMap<String, Arc<AppFolder>>>,
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

struct AppFolder {
    folder: Folder,
    claim: Mutex<Claimed>,
}

#[derive(Default)]
struct Claimed {
    held: Option<Held>,
    /// The last generation claimed through this value; 0 for none.
    last: u64,
}

impl FileStore {
    /// Opens a folder, made with its parents if absent.
    pub fn open(dir: impl AsRef<Path>) -> Result<FileStore, StoreError> {
        FileStore::open_on(Arc::new(OsDisk), dir)
    }

    /// Opens a folder of another file system: for tests of what a power loss leaves.
    pub fn open_on(disk: Arc<dyn Disk>, dir: impl AsRef<Path>) -> Result<FileStore, StoreError> {
        let dir = dir.as_ref().to_path_buf();
        create_all(&*disk, &dir)?;
        Ok(FileStore {
            disk,
            dir,
            readers: Arc::default(),
            apps: Mutex::default(),
        })
    }

    fn app(&self, name: &str) -> Result<Arc<AppFolder>, StoreError> {
        check_name("name of an app", name)?;
        let mut apps = self.apps.lock();
        if let Some(app) = apps.get(name) {
            return Ok(app.clone());
        }
        let app = Arc::new(AppFolder {
            folder: Folder::new(self.disk.clone(), self.readers.clone(), &self.dir, name),
            claim: Mutex::default(),
        });
        apps.insert(name.to_string(), app.clone());
        Ok(app)
    }

    fn locked(&self, app: &str, owner: String) -> StoreError {
        StoreError::Locked {
            app: app.to_string(),
            store: self.describe(),
            owner,
            expires_in: None,
        }
    }

    /// Locks an app's folder, made if absent.
    fn lock(
        &self,
        name: &str,
        app: &AppFolder,
        owner: &Owner,
    ) -> Result<Box<dyn DiskFile>, StoreError> {
        let path = app.folder.path();
        app.folder.check()?;
        (self.disk.create_dir(path)).map_err(|e| io_error(path, &e))?;
        // also when it was there: who made it may have died before this
        (self.disk.sync_dir(&self.dir)).map_err(|e| io_error(&self.dir, &e))?;
        match app.folder.lock(&owner.name)? {
            Some(lock) => Ok(lock),
            None => {
                let mut holder = app.folder.owner();
                if owner.takeover {
                    holder += " (a live process, whose file lock cannot be taken over)";
                }
                Err(self.locked(name, holder))
            }
        }
    }

    /// As `lock`, and reads the catalogue.
    fn hold(&self, name: &str, app: &AppFolder, owner: &Owner) -> Result<Held, StoreError> {
        Held::new(&app.folder, self.lock(name, app, owner)?)
    }

    /// Runs a call that carries a generation.
    fn claimed<R>(
        &self,
        name: &str,
        generation: u64,
        call: impl FnOnce(&Folder, &mut Held) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let app = self.app(name)?;
        match &mut app.claim.lock().held {
            Some(held) => call(&app.folder, held),
            None => {
                let saved = app.folder.saved()?.unwrap_or_default();
                Err(saved.ledger.fenced(generation))
            }
        }
    }

    /// Runs a call that carries none, under this value's claim or under the lock.
    fn owned<R>(
        &self,
        name: &str,
        call: impl FnOnce(&Folder, &mut Held) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let app = self.app(name)?;
        let mut claim = app.claim.lock();
        if let Some(held) = &mut claim.held {
            return call(&app.folder, held);
        }
        if claim.last > 0 {
            let saved = app.folder.saved()?.unwrap_or_default();
            if saved.ledger.generation > claim.last {
                return Err(saved.ledger.fenced(claim.last));
            }
        }
        let owner = Owner {
            name: Owner::process_name(),
            takeover: false,
        };
        call(&app.folder, &mut self.hold(name, &app, &owner)?)
    }

    /// As `owned`; nothing, where there is no such app.
    fn owned_if_any(
        &self,
        name: &str,
        call: impl FnOnce(&Folder, &mut Held) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self.app(name)?.folder.saved()? {
            None => Ok(()),
            Some(_) => self.owned(name, call),
        }
    }
}

/// Makes a folder and its parents durably.
fn create_all(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    if disk.list(dir).is_ok() {
        return Ok(());
    }
    let parent = match dir.parent() {
        None => return Ok(()),
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    };
    create_all(disk, parent)?;
    (disk.create_dir(dir)).map_err(|e| io_error(dir, &e))?;
    disk.sync_dir(parent).map_err(|e| io_error(parent, &e))
}

impl PersistenceStore for FileStore {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        self.owned(app, |folder, held| held.save(folder, revision, bytes))
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        let app = self.app(app)?;
        let kept = || {
            let saved = app.folder.saved()?.unwrap_or_default();
            Ok(saved.ledger.find(revision).filter(|kept| kept.whole))
        };
        let Some(found) = kept()? else {
            return Ok(None);
        };
        let path = app.folder.blob_path(revision);
        let corrupt = |reason: &str| StoreError::Corrupt {
            what: shown(&path),
            reason: reason.to_string(),
        };
        match app.folder.read_file(&path, u64::MAX)? {
            // the owner may have retired it meanwhile
            None if kept()?.is_none() => Ok(None),
            None => Err(corrupt("it is missing, but the catalogue names it")),
            Some(bytes) if xxh3_128(&bytes) == found.entry.digest => Ok(Some(bytes)),
            Some(_) => Err(corrupt("its bytes are not the ones that were written")),
        }
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        let saved = self.app(app)?.folder.saved()?;
        Ok(saved.and_then(|s| Some(s.ledger.head()?.revision)))
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        self.owned_if_any(app, |folder, held| held.clear(folder))
    }

    fn describe(&self) -> String {
        format!("file:{}", self.dir.display())
    }

    fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
        let found = self.app(app)?;
        let mut claim = found.claim.lock();
        let mut held = match claim.held.take() {
            None => self.hold(app, &found, owner)?,
            Some(held) if owner.takeover => held,
            Some(held) => {
                claim.held = Some(held);
                return Err(self.locked(app, found.folder.owner()));
            }
        };
        let done = held.claim(&found.folder);
        if let Ok(done) = &done {
            claim.last = done.generation;
            claim.held = Some(held);
        }
        done
    }

    fn release(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        let app = self.app(app)?;
        let mut claim = app.claim.lock();
        match &claim.held {
            Some(held) => held.check(generation)?,
            None => {
                let saved = app.folder.saved()?.unwrap_or_default();
                return Err(saved.ledger.fenced(generation));
            }
        }
        claim.held = None;
        Ok(())
    }

    fn put_chunk(&self, app: &str, name: ChunkName, bytes: &[u8]) -> Result<(), StoreError> {
        self.claimed(app, name.generation, |folder, held| {
            held.put(folder, name, bytes)
        })
    }

    fn get_chunk(&self, app: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        self.app(app)?.folder.chunk(name)
    }

    fn commit(&self, app: &str, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        self.claimed(app, commit.revision.generation, |folder, held| {
            held.commit(folder, commit)
        })
    }

    fn manifest(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.app(app)?.folder.manifest(revision)
    }

    fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
        let saved = self.app(app)?.folder.saved()?;
        Ok(saved.map(|s| s.ledger.catalogue()).unwrap_or_default())
    }

    fn apps(&self) -> Result<Vec<String>, StoreError> {
        let mut names = (self.disk.list(&self.dir)).map_err(|e| io_error(&self.dir, &e))?;
        // revisions without a catalogue are an app that cannot be read: not listed it would not be missed
        let is_app = |name: &String| {
            let files = self.disk.list(&self.dir.join(name));
            check_name("name of an app", name).is_ok()
                && files.is_ok_and(|files| files.iter().any(|f| is_catalogue_or_data(f)))
        };
        names.retain(is_app);
        names.sort();
        Ok(names)
    }

    fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
        self.app(app)?.folder.chunks()
    }

    fn retire(
        &self,
        app: &str,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        self.owned_if_any(app, |folder, held| held.retire(folder, revisions, chunks))
    }

    fn pin(&self, app: &str, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        match revision {
            None => self.owned_if_any(app, |folder, held| held.pin(folder, name, None)),
            Some(_) => self.owned(app, |folder, held| held.pin(folder, name, revision)),
        }
    }

    fn set_aside(&self, app: &str, owner: &Owner) -> Result<Option<String>, StoreError> {
        let found = self.app(app)?;
        let is_readable = |folder: &Folder| match folder.saved() {
            Ok(_) => Ok(true),
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        if is_readable(&found.folder)? {
            return Ok(None);
        }
        let claim = found.claim.lock();
        if claim.held.is_some() {
            return Err(self.locked(app, found.folder.owner()));
        }
        let _lock = self.lock(app, &found, owner)?;
        // another one may have done it meanwhile
        if is_readable(&found.folder)? {
            return Ok(None);
        }
        aside::set_aside(&found.folder).map(|path| Some(shown(&path)))
    }

    fn repairs(&self, app: &str) -> Vec<Repair> {
        self.app(app)
            .map_or_else(|_| Vec::new(), |app| app.folder.repairs().0)
    }

    fn health(&self) -> StoreHealth {
        let listed = self.disk.list(&self.dir);
        let detail = match &listed {
            Err(e) if e.kind() == ErrorKind::NotFound => "the folder is gone".to_string(),
            Err(e) => e.to_string(),
            Ok(_) => String::new(),
        };
        StoreHealth {
            reachable: listed.is_ok(),
            detail,
            repairs: (self.apps.lock().values())
                .map(|app| app.folder.repairs().1)
                .sum(),
            ..StoreHealth::default()
        }
    }
}
