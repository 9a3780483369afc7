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

/// The last revision, and what the next one builds on.
pub(super) struct Head {
    pub(super) claimed: Claimed,
    /// The greatest epoch tried so far.
    pub(super) epoch: u64,
    /// The head of the store.
    pub(super) parent: Option<(Revision, Digest)>,
    pub(super) parts: Parts,
    /// The state held in memory differs from `parts` as a whole: the next epoch captures everything.
    pub(super) whole: bool,
    /// The last epoch was committed, and the workers do not know it yet.
    pub(super) unsettled: bool,
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
            epoch: 0,
            parent: None,
            parts: Parts::default(),
            whole: true,
            unsettled: false,
            kept: Vec::new(),
            leftovers: Vec::new(),
            small: Vec::new(),
        }
    }

    /// Claims the app's state, unless it is claimed; reads what the store holds.
    pub(super) fn claim(
        &mut self,
        store: &dyn PersistenceStore,
        app: &str,
        takeover: bool,
    ) -> Result<(), CheckpointError> {
        if self.claimed != Claimed::No {
            return Ok(());
        }
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
        self.read(store, app)?;
        self.epoch = self.epoch.max(claim.last_epoch);
        self.claimed = Claimed::Chunks(claim.generation);
        Ok(())
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
