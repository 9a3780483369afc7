//! What a service knows of the app's state in the store.

use super::error::CheckpointError;
use crate::checkpoint::{Manifest, Parts};
use crate::store::{ChunkName, Digest, Owner, PersistenceStore, Revision, StoreError};

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
    /// The greatest epoch tried so far.
    pub(super) epoch: u64,
    /// The head of the store.
    pub(super) parent: Option<(Revision, Digest)>,
    pub(super) parts: Parts,
    /// The state held in memory differs from `parts` as a whole: the next epoch captures everything.
    pub(super) whole: bool,
    /// How the last epoch ended, where the workers do not know it yet: whether it was committed.
    pub(super) unsettled: Option<bool>,
    /// Oldest first.
    pub(super) kept: Vec<Kept>,
    /// What a failed epoch or deletion left behind.
    pub(super) leftovers: Vec<ChunkName>,
    /// Registers and positions of the last revision, to see whether anything changed.
    pub(super) small: Vec<u8>,
}

impl Head {
    pub(super) fn new() -> Self {
        Head {
            claimed: Claimed::No,
            catalogued: Catalogued::No,
            epoch: 0,
            parent: None,
            parts: Parts::default(),
            whole: true,
            unsettled: None,
            kept: Vec::new(),
            leftovers: Vec::new(),
            small: Vec::new(),
        }
    }

    /// Claims the app's state, unless it is claimed; reads what the store holds, unless it is known.
    pub(super) fn claim(
        &mut self,
        store: &dyn PersistenceStore,
        app: &str,
        takeover: bool,
    ) -> Result<(), CheckpointError> {
        if self.claimed == Claimed::No {
            self.acquire(store, app, takeover)?;
        }
        if matches!(self.claimed, Claimed::Whole(_)) || self.catalogued == Catalogued::Yes {
            return Ok(());
        }
        let before = self.parent;
        self.read(store, app)?;
        // Between two readings only this process commits: another head is a commit that was thought to have failed, or
        // the store fell back.
        self.whole |= self.catalogued == Catalogued::Doubtful && before != self.parent;
        self.catalogued = Catalogued::Yes;
        Ok(())
    }

    fn acquire(
        &mut self,
        store: &dyn PersistenceStore,
        app: &str,
        takeover: bool,
    ) -> Result<(), CheckpointError> {
        let name = format!("process {}", std::process::id());
        let claim = match store.acquire(app, &Owner { name, takeover }) {
            Ok(claim) => claim,
            Err(StoreError::Unsupported { .. }) => {
                let last = store.last_revision(app)?;
                self.epoch = self.epoch.max(last.map_or(0, |r| r.epoch));
                self.claimed = Claimed::Whole(last.map_or(0, |r| r.generation) + 1);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.epoch = self.epoch.max(claim.last_epoch);
        self.claimed = Claimed::Chunks(claim.generation);
        Ok(())
    }

    /// Something failed: the catalogue is read again before anything builds on it.
    pub(super) fn doubt(&mut self) {
        if self.catalogued == Catalogued::Yes {
            self.catalogued = Catalogued::Doubtful;
        }
    }

    /// Reads the catalogue: the head, and the chunks of the revisions that are kept.
    fn read(&mut self, store: &dyn PersistenceStore, app: &str) -> Result<(), CheckpointError> {
        let catalogue = store.catalogue(app)?;
        self.kept.clear();
        for entry in &catalogue.revisions {
            let manifest = store.manifest(app, entry.revision)?;
            let manifest = manifest.and_then(|m| Manifest::decode(&m, Some(entry.digest)).ok());
            // Of a revision that cannot be read nothing is deleted: it is named by `verify`.
            if let Some(manifest) = manifest {
                let chunks = manifest.chunks.iter().map(|c| c.name).collect();
                let revision = entry.revision;
                self.kept.push(Kept { revision, chunks });
            }
        }
        self.parent = catalogue.revisions.last().map(|e| (e.revision, e.digest));
        let newest = catalogue.revisions.last().map_or(0, |e| e.revision.epoch);
        self.epoch = self.epoch.max(newest);
        if self.kept.len() == catalogue.revisions.len() {
            let needed = |name: &ChunkName| self.kept.iter().any(|k| k.chunks.contains(name));
            self.leftovers = store.chunks(app)?;
            self.leftovers.retain(|name| !needed(name));
        }
        Ok(())
    }
}
