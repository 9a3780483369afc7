//! What the owner of an app's folder does to it: every call that writes, in the order that survives a power loss.
//!
//! Invariants:
//! * A file that the catalogue names, and its name in the folder, are durable before the catalogue is replaced; both
//!   copies of it are durable before a call returns `Ok` and before a file that it no longer names is deleted.
//! * `saved` is what the last successful write left, without the dead chunks of segments deleted since. After a failed
//!   write a copy may be newer: the next one replaces both, and nothing is deleted before that.
//! * A commit makes all chunks durable that were put before it, those of epochs that were not committed, too. One that
//!   found a segment whose sync failed is never done: the system may have dropped the bytes and will not say so again.

use super::catalogue::Saved;
use super::copies::{self, replace};
use super::disk::{DiskFile, Mode};
use super::folder::{Folder, Named, Owned, io_error, shown, sync_dir};
use super::segment::Segment;
use super::{ChunkName, Claim, Commit, Committed, Revision, StoreError};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// A locked folder.
pub(super) struct Held {
    /// The generation of the claim; `None` while a call without a claim holds the lock.
    pub(super) generation: Option<u64>,
    saved: Arc<Saved>,
    /// Serial of the last write of the catalogue, also of one that failed.
    serial: u64,
    /// Where `saved` is shown to readers while there is a claim.
    owned: Owned,
    /// The segment of the epoch being written.
    writer: Option<Segment>,
    /// Segments with chunks that no sync was asked for.
    unsynced: BTreeSet<Revision>,
    /// Epochs whose commit found that chunks could not be made durable.
    failed: BTreeSet<u64>,
    /// Unlocks when it is dropped.
    _lock: Box<dyn DiskFile>,
}

impl Held {
    pub(super) fn new(folder: &Folder, lock: Box<dyn DiskFile>) -> Result<Held, StoreError> {
        let saved = folder.saved()?.unwrap_or_default();
        Ok(Held {
            generation: None,
            serial: saved.serial,
            saved,
            owned: folder.owned.clone(),
            writer: None,
            unsynced: BTreeSet::new(),
            failed: BTreeSet::new(),
            _lock: lock,
        })
    }

    /// Claims the app, then deletes what no revision and no living chunk needs.
    pub(super) fn claim(&mut self, folder: &Folder) -> Result<Claim, StoreError> {
        let files = folder.files()?;
        let mut next = Saved::clone(&self.saved);
        let seen = files.iter().filter_map(|(named, _)| named.revision());
        // a generation seen in a file but not in the catalogue: the catalogue is an old copy
        for revision in seen {
            next.ledger.epoch = next.ledger.epoch.max(revision.epoch);
            next.ledger.generation = next.ledger.generation.max(revision.generation);
        }
        let claim = next.ledger.claim()?;
        next.dead
            .retain(|r, _| files.iter().any(|(n, _)| *n == Named::Segment(*r)));
        self.write(folder, next)?;
        self.generation = Some(claim.generation);
        *self.owned.lock() = Some(self.saved.clone());
        self.writer = None;
        self.unsynced.clear();
        self.failed.clear();
        for (named, name) in files {
            let needed = match named {
                Named::Segment(revision) => !self.is_gone(folder, revision).is_ok_and(|gone| gone),
                Named::Blob(revision) => self.saved.ledger.find(revision).is_some(),
                Named::Temporary => false,
            };
            if !needed {
                // one that cannot be deleted takes room, which is no reason to refuse the claim
                let _ = self.remove(folder, &folder.path().join(name), named.revision());
            }
        }
        Ok(claim)
    }

    /// Refuses a writer of another generation.
    pub(super) fn check(&self, generation: u64) -> Result<(), StoreError> {
        match self.generation == Some(generation) && self.saved.ledger.generation == generation {
            true => Ok(()),
            false => Err(self.saved.ledger.fenced(generation)),
        }
    }

    pub(super) fn save(
        &mut self,
        folder: &Folder,
        revision: Revision,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        if self.generation.is_some() {
            self.check(revision.generation)?;
        }
        let mut next = Saved::clone(&self.saved);
        if !next.ledger.save(revision, xxh3_128(bytes))? {
            return Ok(());
        }
        if folder.saved()?.is_none() {
            self.write(folder, Saved::clone(&self.saved))?;
        }
        replace(folder, &folder.blob_path(revision), bytes)?;
        self.write(folder, next)
    }

    pub(super) fn put(
        &mut self,
        folder: &Folder,
        name: ChunkName,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.check(name.generation)?;
        if self.saved.is_dead(name.revision(), name.number) {
            let what = format!("chunk {name}, deleted before,");
            return Err(StoreError::Conflict { what });
        }
        let what = shown(&folder.segment_path(name.revision()));
        let segment = self.segment(folder, name.revision())?;
        segment.put(name, bytes, &what)?;
        self.unsynced.insert(name.revision());
        Ok(())
    }

    pub(super) fn commit(
        &mut self,
        folder: &Folder,
        commit: &Commit<'_>,
    ) -> Result<Committed, StoreError> {
        let revision = commit.revision;
        self.check(revision.generation)?;
        let mut next = Saved::clone(&self.saved);
        if next.ledger.commit(commit)? == Committed::Already {
            return Ok(Committed::Already);
        }
        let path = folder.segment_path(revision);
        if self.failed.contains(&revision.epoch) {
            return Err(StoreError::Io {
                what: shown(&path),
                reason: "it could not be made durable before; persist again".to_string(),
            });
        }
        let segment = self.segment(folder, revision)?;
        segment.seal(commit.manifest, &shown(&path))?;
        self.unsynced.insert(revision);
        if let Err(error) = self.sync(folder) {
            self.failed.insert(revision.epoch);
            return Err(error);
        }
        sync_dir(folder, folder.path())?;
        self.write(folder, next)?;
        self.writer = None;
        self.failed.clear();
        Ok(Committed::Done)
    }

    pub(super) fn retire(
        &mut self,
        folder: &Folder,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        let mut next = Saved::clone(&self.saved);
        next.ledger.retire(revisions)?;
        let mut touched: BTreeSet<Revision> = revisions.iter().copied().collect();
        for chunk in chunks {
            touched.insert(chunk.revision());
            let dead = next.dead.entry(chunk.revision()).or_default();
            dead.insert(chunk.number);
        }
        for revision in &touched {
            let segment = folder.segment(*revision)?;
            let exists = |n: &u32| {
                (segment.as_ref()).is_some_and(|segment| segment.index.chunks.contains_key(n))
            };
            if let Some(dead) = next.dead.get_mut(revision) {
                dead.retain(exists);
                if dead.is_empty() {
                    next.dead.remove(revision);
                }
            }
        }
        self.write(folder, next)?;
        let mut gone = Vec::new();
        for revision in touched {
            if self.is_gone(folder, revision)? {
                let path = folder.segment_path(revision);
                self.remove(folder, &path, Some(revision))?;
                gone.push(revision);
            }
            if self.saved.ledger.find(revision).is_none() {
                self.remove(folder, &folder.blob_path(revision), None)?;
            }
        }
        // on disk these lines stay until the next write
        let mut next = Saved::clone(&self.saved);
        next.dead.retain(|revision, _| !gone.contains(revision));
        self.show(next);
        Ok(())
    }

    pub(super) fn pin(
        &mut self,
        folder: &Folder,
        name: &str,
        revision: Option<Revision>,
    ) -> Result<(), StoreError> {
        let mut next = Saved::clone(&self.saved);
        next.ledger.pin(name, revision)?;
        self.write(folder, next)
    }

    pub(super) fn clear(&mut self, folder: &Folder) -> Result<(), StoreError> {
        let files = folder.files()?;
        let mut next = Saved::clone(&self.saved);
        let seen = files.iter().filter_map(|(named, _)| named.revision());
        let last = seen.map(|revision| revision.epoch).max();
        next.ledger.epoch = next.ledger.epoch.max(last.unwrap_or_default());
        next.ledger.clear();
        next.dead.clear();
        self.write(folder, next)?;
        for (named, name) in files {
            self.remove(folder, &folder.path().join(name), named.revision())?;
        }
        Ok(())
    }

    /// Makes all segments durable.
    fn sync(&mut self, folder: &Folder) -> Result<(), StoreError> {
        while let Some(revision) = self.unsynced.pop_last() {
            let segment = self.segment(folder, revision)?;
            segment
                .sync()
                .map_err(|e| io_error(&folder.segment_path(revision), &e))?;
        }
        Ok(())
    }

    /// The segment of an epoch, made if absent.
    fn segment(&mut self, folder: &Folder, revision: Revision) -> Result<&mut Segment, StoreError> {
        let segment = match self.writer.take() {
            Some(segment) if segment.revision == revision => segment,
            _ => {
                let path = folder.segment_path(revision);
                let file = folder.open(&path, Mode::Write)?;
                Segment::new(file, revision, &shown(&path))?
            }
        };
        Ok(self.writer.insert(segment))
    }

    /// Whether no revision and no chunk needs a segment.
    fn is_gone(&self, folder: &Folder, revision: Revision) -> Result<bool, StoreError> {
        if self.saved.ledger.find(revision).is_some() {
            return Ok(false);
        }
        let Some(segment) = folder.segment(revision)? else {
            return Ok(false);
        };
        // without any record: torn if it was never committed, else damaged, and not to be thrown away for that
        let head = self.saved.ledger.head().map_or(0, |e| e.revision.epoch);
        if segment.index.is_empty() && revision.epoch <= head {
            return Ok(false);
        }
        let mut numbers = segment.index.chunks.keys();
        Ok(numbers.all(|number| self.saved.is_dead(revision, *number)))
    }

    /// Deletes a file, which may be absent.
    fn remove(
        &mut self,
        folder: &Folder,
        path: &Path,
        revision: Option<Revision>,
    ) -> Result<(), StoreError> {
        if let Some(revision) = revision {
            folder.close(revision);
            self.unsynced.remove(&revision);
            self.writer.take_if(|segment| segment.revision == revision);
        }
        match folder.disk.remove(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, &e)),
            _ => Ok(()),
        }
    }

    /// Replaces the catalogue, durable when this returns.
    fn write(&mut self, folder: &Folder, mut next: Saved) -> Result<(), StoreError> {
        let serial = self.serial.checked_add(1);
        self.serial = serial.ok_or_else(|| StoreError::Corrupt {
            what: shown(folder.path()),
            reason: "the serial of its catalogue is the greatest there is".to_string(),
        })?;
        next.serial = self.serial;
        copies::write(folder, &next)?;
        self.show(next);
        Ok(())
    }

    fn show(&mut self, saved: Saved) {
        self.saved = Arc::new(saved);
        if self.generation.is_some() {
            *self.owned.lock() = Some(self.saved.clone());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.owned.lock() = None;
    }
}
