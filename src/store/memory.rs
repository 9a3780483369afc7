//! A store in memory: for tests, and for apps whose state need not outlive the process.
//!
//! A clone shares the contents and is another owner, as another process would be: what a handle claimed is free again
//! when the handle is dropped. So a test restarts an app by dropping it and building it anew over another clone.

use super::ledger::Ledger;
use super::name::check_name;
use super::{
    Catalogue, ChunkName, Claim, Commit, Committed, Owner, PersistenceStore, Revision, StoreError,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Keeps checkpoints in memory.
///
/// ```
/// use eventflux::store::{MemoryStore, PersistenceStore, Revision};
///
/// let store = MemoryStore::new();
/// let revision: Revision = "1-1".parse()?;
/// store.save("app", revision, b"state")?;
/// assert_eq!(store.clone().load("app", revision)?.as_deref(), Some(&b"state"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Mutex<Contents>>,
    /// Tells this handle's claims from those of others.
    handle: u64,
}

#[derive(Debug, Default)]
struct Contents {
    handles: u64,
    apps: BTreeMap<String, StoredApp>,
}

#[derive(Debug, Default)]
struct StoredApp {
    ledger: Ledger,
    /// Who holds the claim, and through which handle.
    owner: Option<(u64, String)>,
    /// The last generation that each handle claimed.
    claims: HashMap<u64, u64>,
    chunks: BTreeMap<ChunkName, Vec<u8>>,
    /// Manifests and whole revisions.
    revisions: BTreeMap<Revision, Vec<u8>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        let mut contents = self.shared.lock();
        contents.handles += 1;
        MemoryStore {
            shared: self.shared.clone(),
            handle: contents.handles,
        }
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        for app in self.shared.lock().apps.values_mut() {
            app.claims.remove(&self.handle);
            if app.is_held_by(self.handle) {
                app.owner = None;
            }
        }
    }
}

impl StoredApp {
    fn is_held_by(&self, handle: u64) -> bool {
        self.owner.as_ref().is_some_and(|(by, _)| *by == handle)
    }

    /// For calls that carry no generation: another owner's app is not touched.
    fn check_handle(&self, handle: u64, name: &str) -> Result<(), StoreError> {
        if self.is_held_by(handle) {
            return Ok(());
        }
        if let Some(last) = self.claims.get(&handle)
            && *last < self.ledger.generation
        {
            return Err(self.ledger.fenced(*last));
        }
        match &self.owner {
            Some((_, owner)) => Err(locked(name, owner)),
            None => Ok(()),
        }
    }

    /// For calls that carry one.
    fn check_generation(&self, handle: u64, generation: u64) -> Result<(), StoreError> {
        match self.is_held_by(handle) && self.ledger.generation == generation {
            true => Ok(()),
            false => Err(self.ledger.fenced(generation)),
        }
    }
}

fn locked(app: &str, owner: &str) -> StoreError {
    StoreError::Locked {
        app: app.to_string(),
        store: "memory".to_string(),
        owner: owner.to_string(),
        expires_in: None,
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore {
            shared: Arc::default(),
            handle: 0,
        }
    }

    /// Passes the app, or a new one.
    fn change<R>(
        &self,
        app: &str,
        f: impl FnOnce(&mut StoredApp) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        check_name("name of an app", app)?;
        let mut contents = self.shared.lock();
        match contents.apps.get_mut(app) {
            Some(found) => f(found),
            None => {
                let mut new = StoredApp::default();
                let done = f(&mut new)?;
                if new.ledger != Ledger::default() {
                    contents.apps.insert(app.to_string(), new);
                }
                Ok(done)
            }
        }
    }

    /// Passes the app; the default where there is none.
    fn look<R: Default>(
        &self,
        app: &str,
        f: impl FnOnce(&StoredApp) -> Option<R>,
    ) -> Result<R, StoreError> {
        check_name("name of an app", app)?;
        Ok(self
            .shared
            .lock()
            .apps
            .get(app)
            .and_then(f)
            .unwrap_or_default())
    }

    /// The bytes of a revision that is, or is not, one blob.
    fn revision(
        &self,
        app: &str,
        revision: Revision,
        whole: bool,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(app, |a| {
            let kept = a.ledger.find(revision)?;
            Some(
                (kept.whole == whole)
                    .then(|| a.revisions.get(&revision).cloned())
                    .flatten(),
            )
        })
    }
}

impl PersistenceStore for MemoryStore {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        self.change(app, |a| {
            a.check_handle(self.handle, app)?;
            if a.is_held_by(self.handle) {
                a.check_generation(self.handle, revision.generation)?;
            }
            if a.ledger.save(revision, xxh3_128(bytes))? {
                a.revisions.insert(revision, bytes.to_vec());
            }
            Ok(())
        })
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.revision(app, revision, true)
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        self.look(app, |a| Some(a.ledger.head().map(|head| head.revision)))
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        check_name("name of an app", app)?;
        match self.shared.lock().apps.get_mut(app) {
            None => Ok(()),
            Some(a) => {
                a.check_handle(self.handle, app)?;
                a.ledger.clear();
                a.chunks.clear();
                a.revisions.clear();
                Ok(())
            }
        }
    }

    fn describe(&self) -> String {
        "memory".to_string()
    }

    fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
        self.change(app, |a| {
            if let (Some((_, name)), false) = (&a.owner, owner.takeover) {
                return Err(locked(app, name));
            }
            let claim = a.ledger.claim()?;
            a.owner = Some((self.handle, owner.name.clone()));
            a.claims.insert(self.handle, claim.generation);
            Ok(claim)
        })
    }

    fn release(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        self.change(app, |a| {
            a.check_generation(self.handle, generation)?;
            a.owner = None;
            Ok(())
        })
    }

    fn put_chunk(&self, app: &str, name: ChunkName, bytes: &[u8]) -> Result<(), StoreError> {
        self.change(app, |a| {
            a.check_generation(self.handle, name.generation)?;
            let committed = a.ledger.find(name.revision()).is_some();
            match a.chunks.get(&name) {
                Some(there) if there == bytes => return Ok(()),
                None if !committed => {}
                _ => {
                    let what = format!("chunk {name}");
                    return Err(StoreError::Conflict { what });
                }
            }
            a.ledger.epoch = a.ledger.epoch.max(name.epoch);
            a.chunks.insert(name, bytes.to_vec());
            Ok(())
        })
    }

    fn get_chunk(&self, app: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(app, |a| Some(a.chunks.get(&name).cloned()))
    }

    fn commit(&self, app: &str, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        self.change(app, |a| {
            a.check_generation(self.handle, commit.revision.generation)?;
            let done = a.ledger.commit(commit)?;
            if done == Committed::Done {
                let manifest = commit.manifest.to_vec();
                a.revisions.insert(commit.revision, manifest);
            }
            Ok(done)
        })
    }

    fn manifest(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.revision(app, revision, false)
    }

    fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
        self.look(app, |a| Some(a.ledger.catalogue()))
    }

    fn apps(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.shared.lock().apps.keys().cloned().collect())
    }

    fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
        self.look(app, |a| Some(a.chunks.keys().copied().collect()))
    }

    fn retire(
        &self,
        app: &str,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        self.change(app, |a| {
            a.check_handle(self.handle, app)?;
            a.ledger.retire(revisions)?;
            a.revisions.retain(|name, _| !revisions.contains(name));
            for name in chunks {
                a.chunks.remove(name);
            }
            Ok(())
        })
    }

    fn pin(&self, app: &str, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        self.change(app, |a| {
            a.check_handle(self.handle, app)?;
            a.ledger.pin(name, revision)
        })
    }
}
