//! A store as the commands see it: apps, catalogues, manifests.

use super::args::StoreArg;
use super::text::plain;
use crate::failure::Failure;
use crate::say;
use crate::store::{is_redis, open_store};
use eventflux::checkpoint::{Manifest, digest, read_blob};
use eventflux::store::{Catalogue, Entry, Owner, PersistenceStore, Revision};
use std::path::Path;
use std::sync::Arc;

/// An open store.
pub struct Opened {
    pub store: Arc<dyn PersistenceStore>,
}

/// One revision of an app.
pub struct Held {
    pub manifest: Manifest,
    /// Length of the manifest, or of the whole revision.
    pub bytes: u64,
    /// All of it, where the store keeps it as one blob.
    pub blob: Option<Vec<u8>>,
}

/// Opens a store to look at it: one that does not exist is an error, not made.
pub fn open(store: &StoreArg) -> Result<Opened, Failure> {
    let url = &store.url;
    if !is_redis(url) {
        store.redis.check_unused()?;
    }
    if let Some(dir) = url.strip_prefix("file:")
        && !Path::new(dir).is_dir()
    {
        return Err(Failure::usage(format!("{url}: there is no such folder")));
    }
    make(store)
}

/// Opens a store, made if absent.
pub fn make(store: &StoreArg) -> Result<Opened, Failure> {
    let store = open_store(&store.url, &store.redis)?;
    Ok(Opened { store })
}

impl Opened {
    /// The names of all apps.
    pub fn apps(&self) -> Result<Vec<String>, Failure> {
        self.store.apps().map_err(Failure::from_run)
    }

    /// Refuses an app that the store does not have.
    pub fn check_app(&self, app: &str) -> Result<(), Failure> {
        let apps = self.apps()?;
        if apps.iter().any(|a| a == app) {
            return Ok(());
        }
        let known = match apps.is_empty() {
            true => "none".to_string(),
            false => apps.join(", "),
        };
        let store = self.store.describe();
        Err(Failure::usage(format!(
            "{store} has no app '{app}'; it has: {known}"
        )))
    }

    /// The catalogue of an app that the store has.
    pub fn catalogue(&self, app: &str) -> Result<Catalogue, Failure> {
        self.check_app(app)?;
        let catalogue = self.store.catalogue(app).map_err(Failure::from_run)?;
        self.tell_repairs(app);
        Ok(catalogue)
    }

    /// Says which records of an app are damaged although nothing is lost.
    pub fn tell_repairs(&self, app: &str) {
        for repair in self.store.repairs(app) {
            say!("eventflux: {}", plain(&repair.to_string()));
        }
    }

    /// The entry of a revision; without one that of the head.
    pub fn entry(
        &self,
        app: &str,
        catalogue: &Catalogue,
        revision: Option<Revision>,
    ) -> Result<Entry, Failure> {
        let revisions = &catalogue.revisions;
        let store = self.store.describe();
        let Some(revision) = revision else {
            let none = || Failure::run(format!("{store} has no revision of app {app}"));
            return revisions.last().copied().ok_or_else(none);
        };
        let found = revisions.iter().find(|e| e.revision == revision);
        found.copied().ok_or_else(|| {
            Failure::usage(format!(
                "{store} has no revision {revision} of app {app}; see: eventflux state ls {store} --app {app}"
            ))
        })
    }

    /// Reads a revision's manifest; why it cannot be read.
    pub fn manifest(&self, app: &str, entry: &Entry) -> Result<Held, String> {
        let revision = entry.revision;
        let bytes = self.store.manifest(app, revision);
        if let Some(bytes) = bytes.map_err(|e| e.to_string())? {
            let manifest = Manifest::decode(&bytes, Some(entry.digest));
            return Ok(Held {
                manifest: manifest.map_err(|f| f.to_string())?,
                bytes: bytes.len() as u64,
                blob: None,
            });
        }
        let blob = self.store.load(app, revision).map_err(|e| e.to_string())?;
        let blob = blob.ok_or("it is missing")?;
        if digest(&blob) != entry.digest {
            return Err("its bytes are not those that were written".to_string());
        }
        let (manifest, _) = read_blob(&blob).map_err(|f| f.to_string())?;
        Ok(Held {
            manifest,
            bytes: blob.len() as u64,
            blob: Some(blob),
        })
    }

    /// As `manifest`; one that cannot be read ends the command.
    pub fn readable(&self, app: &str, entry: &Entry) -> Result<Held, Failure> {
        self.manifest(app, entry).map_err(|reason| {
            let revision = entry.revision;
            Failure::run(format!("revision {revision} of app {app}: {reason}"))
        })
    }

    /// Claims an app for writing.
    pub fn claim<'a>(&'a self, app: &'a str, command: &str) -> Result<Claimed<'a>, Failure> {
        let owner = Owner {
            name: format!("eventflux state {command}, {}", Owner::process_name()),
            takeover: false,
        };
        let claim = self.store.acquire(app, &owner);
        let claim = claim.map_err(Failure::from_run)?;
        Ok(Claimed {
            store: &*self.store,
            app,
            generation: claim.generation,
            last_epoch: claim.last_epoch,
        })
    }
}

/// A claim that is given up when it is dropped.
pub struct Claimed<'a> {
    store: &'a dyn PersistenceStore,
    app: &'a str,
    pub generation: u64,
    /// The greatest epoch ever tried.
    pub last_epoch: u64,
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        // one that was taken over meanwhile needs no release
        let _ = self.store.release(self.app, self.generation);
    }
}
