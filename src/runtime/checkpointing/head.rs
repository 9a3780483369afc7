//! What a service knows of the app's state in the store.

use super::error::CheckpointError;
use crate::checkpoint::{Manifest, Parts};
use crate::store::{Catalogue, ChunkName, Digest, PersistenceStore, Revision, StoreError};
use std::collections::HashSet;

/// A committed revision that is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) revision: Revision,
    pub(super) chunks: Vec<ChunkName>,
}

/// How an app's state is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// Not claimed yet.
    No,
    /// Chunks and commits, by this generation.
    Chunks(u64),
    /// Whole revisions, by this generation: the store can do no more.
    Whole(u64),
}

/// What is known of the app's catalogue in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Catalogued {
    /// Nothing yet.
    No,
    /// It was read, and something failed since: a call that answered an error may have been done all the same.
    Doubtful,
    /// All of it.
    Yes,
}

/// The last revision, and what the next one builds on.
pub(super) struct Head {
    pub(super) claimed: Claimed,
    pub(super) catalogued: Catalogued,
    /// Servers of the store that were replaced when the catalogue was last read.
    pub(super) failovers: u64,
    /// The greatest epoch tried so far.
    pub(super) epoch: u64,
    /// The head of the store.
    pub(super) parent: Option<(Revision, Digest)>,
    pub(super) parts: Parts,
    /// The state held in memory differs from `parts` as a whole: the next epoch captures everything.
    pub(super) whole: bool,
    /// The newest revision of the store when a restore without a claim looked: of another one that comes meanwhile
    /// memory holds nothing.
    pub(super) restored: Option<Option<Revision>>,
    /// How the last epoch ended, where the workers do not know it yet: whether it was committed.
    pub(super) unsettled: Option<bool>,
    /// Oldest first.
    pub(super) kept: Vec<Kept>,
    /// What a failed epoch or deletion left behind.
    pub(super) leftovers: Vec<ChunkName>,
    /// The answer of a store whose state of the app has expired, until a revision is committed.
    pub(super) expired: Option<StoreError>,
    /// Registers and positions of the last revision, to see whether anything changed.
    pub(super) small: Vec<u8>,
}

impl Head {
    pub(super) fn new() -> Self {
        Head {
            claimed: Claimed::No,
            catalogued: Catalogued::No,
            failovers: 0,
            epoch: 0,
            parent: None,
            parts: Parts::default(),
            whole: true,
            restored: None,
            unsettled: None,
            kept: Vec::new(),
            leftovers: Vec::new(),
            expired: None,
            small: Vec::new(),
        }
    }

    /// Reads what the store holds of a claimed app, unless it is known.
    pub(super) fn look(
        &mut self,
        store: &dyn PersistenceStore,
        app: &str,
    ) -> Result<(), CheckpointError> {
        let failovers = store.failovers();
        if failovers != self.failovers {
            self.doubt();
        }
        if matches!(self.claimed, Claimed::Whole(_)) || self.catalogued == Catalogued::Yes {
            return Ok(());
        }
        let before = self.parent;
        self.read(store, app)?;
        let newest = self.parent.map(|(revision, _)| revision);
        if let Some(restored) = self.restored.filter(|restored| newest > *restored) {
            return Err(CheckpointError::Overtaken { restored, newest });
        }
        self.restored = None;
        // Between two readings only this process commits: another head is a commit that was thought to have failed, or
        // the store fell back.
        self.whole |= self.catalogued == Catalogued::Doubtful && before != self.parent;
        self.catalogued = Catalogued::Yes;
        self.failovers = failovers;
        Ok(())
    }

    /// Something failed: the catalogue is read again before anything builds on it.
    pub(super) fn doubt(&mut self) {
        if self.catalogued == Catalogued::Yes {
            self.catalogued = Catalogued::Doubtful;
        }
    }

    /// Reads the catalogue: the head, and the chunks of the revisions that are kept. A state that has expired is none:
    /// nothing can build on it. Nothing changes unless all of it was read.
    fn read(&mut self, store: &dyn PersistenceStore, app: &str) -> Result<(), CheckpointError> {
        let catalogue = match store.catalogue(app) {
            Err(error @ StoreError::Expired { epoch, .. }) => {
                self.expired = Some(error);
                self.epoch = self.epoch.max(epoch);
                Catalogue::default()
            }
            answer => answer?,
        };
        let mut kept = Vec::with_capacity(catalogue.revisions.len());
        for entry in &catalogue.revisions {
            let manifest = match store.manifest(app, entry.revision) {
                Err(StoreError::Corrupt { .. }) => None,
                answer => answer?,
            };
            let manifest = manifest.and_then(|m| Manifest::decode(&m, Some(entry.digest)).ok());
            // Of a revision that cannot be read nothing is deleted: it is named by `verify`.
            if let Some(manifest) = manifest {
                let chunks = manifest.chunks.iter().map(|c| c.name).collect();
                let revision = entry.revision;
                kept.push(Kept { revision, chunks });
            }
        }
        let readable = kept.len() == catalogue.revisions.len();
        let chunks = match store.chunks(app) {
            Err(StoreError::Expired { .. }) => Some(Vec::new()),
            // Beside a revision that cannot be read.
            Err(StoreError::Corrupt { .. }) if !readable => None,
            answer => Some(answer?),
        };
        self.parent = catalogue.revisions.last().map(|e| (e.revision, e.digest));
        let newest = catalogue.revisions.last().map_or(0, |e| e.revision.epoch);
        self.epoch = self.epoch.max(newest);
        self.kept = kept;
        self.whole |= chunks.as_ref().is_none_or(|chunks| self.is_missing(chunks));
        if let Some(chunks) = chunks.filter(|_| readable) {
            let needed = |name: &ChunkName| self.kept.iter().any(|k| k.chunks.contains(name));
            self.leftovers = chunks;
            self.leftovers.retain(|name| !needed(name));
        }
        Ok(())
    }

    /// Whether a chunk is not in the store that the next revision would name, or that the head does: a store that
    /// fails over may lose some.
    fn is_missing(&self, chunks: &[ChunkName]) -> bool {
        let there: HashSet<&ChunkName> = chunks.iter().collect();
        let head = self.parent.and_then(|(revision, _)| {
            let mut kept = self.kept.iter();
            kept.find(|k| k.revision == revision)
        });
        let mut of_head = head.iter().flat_map(|k| &k.chunks);
        let mut of_parts = self.parts.chunk_records().into_iter().map(|c| c.name);
        of_head.any(|name| !there.contains(name)) || of_parts.any(|name| !there.contains(&name))
    }
}
