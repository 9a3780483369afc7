//! Checkpoints as the handle of an app offers them.

use super::config::CheckpointConfig;
use super::error::CheckpointError;
use super::metrics::CheckpointMetrics;
use super::read::from_blob;
use super::restore::{RestoreOptions, RestoreReport, swap_in};
use super::schema::Schema;
use super::service::{PersistHandle, SnapshotService};
use crate::runtime::app::EventFluxAppRuntime;
use crate::store::{MemoryStore, Revision};
use std::sync::Arc;

/// Checkpoints.
impl EventFluxAppRuntime {
    /// Takes the checkpoints of the app. Errors: [`CheckpointError::NoStore`].
    pub fn snapshot_service(&self) -> Result<&SnapshotService, CheckpointError> {
        self.snapshots.as_ref().ok_or(CheckpointError::NoStore)
    }

    /// Takes a checkpoint and waits until it is durable; see [`SnapshotService::persist`].
    pub fn persist(&self) -> Result<Revision, CheckpointError> {
        self.snapshot_service()?.persist()
    }

    /// Asks for a checkpoint; the handle tells how it went.
    pub fn persist_async(&self) -> Result<PersistHandle, CheckpointError> {
        self.snapshot_service()?.persist_async()
    }

    /// What checkpoints and restores did so far.
    pub fn checkpoint_metrics(&self) -> Result<CheckpointMetrics, CheckpointError> {
        Ok(self.snapshot_service()?.metrics())
    }

    /// Goes on from a revision of the store. May be called before `start`, or while the app runs.
    ///
    /// Everything is read and verified first; the state is then swapped in at once, or not at all. Rows that named
    /// inputs sent before are dropped where they wait, and the next send of each answers
    /// [`SendError::Rewound`](crate::SendError::Rewound); rows of other inputs stay queued.
    /// Sources of the app that run go back by themselves; one that has come to its end is not run again before the
    /// next `start`. Where outputs go back the app's state is claimed first, as `start` does it.
    /// Cost: workers pause for the swap only. Errors: [`CheckpointError`]; the app is as it was.
    pub fn restore_revision(&self, revision: &Revision) -> Result<RestoreReport, CheckpointError> {
        self.snapshot_service()?.restore_revision(revision)
    }

    /// Goes on from the last revision; see [`EventFluxAppRuntime::restore_revision`].
    pub fn restore_last_revision(&self) -> Result<RestoreReport, CheckpointError> {
        self.restore_with(&RestoreOptions::default())
    }

    /// Goes on from a revision as the options say.
    pub fn restore_with(&self, options: &RestoreOptions) -> Result<RestoreReport, CheckpointError> {
        self.snapshot_service()?.inner().restore(options)
    }

    /// The revisions of the app in the store, oldest first.
    pub fn revisions(&self) -> Result<Vec<Revision>, CheckpointError> {
        self.snapshot_service()?.inner().revisions()
    }

    /// Deletes all revisions of the app. The state in memory stays; the next checkpoint writes all of it.
    pub fn clear_all_revisions(&self) -> Result<(), CheckpointError> {
        self.snapshot_service()?.inner().clear()
    }

    /// The whole state as bytes that [`EventFluxAppRuntime::restore`] takes, on any machine. Needs no store.
    ///
    /// Cost: encoding everything; workers pause for some microseconds.
    pub fn snapshot(&self) -> Result<Vec<u8>, CheckpointError> {
        if self.shared.is_inside() {
            return Err(CheckpointError::InsideCallback);
        }
        if let Some(service) = &self.snapshots {
            service.persist()?;
            return service.inner().export();
        }
        let (store, config) = (Arc::new(MemoryStore::new()), CheckpointConfig::default());
        let service = SnapshotService::new(&self.shared, store, config)?;
        let taken = service.persist().and_then(|_| service.inner().export());
        let stopped = service.stop();
        self.shared.with_all(|_, core| core.untrack())?;
        let bytes = taken?;
        stopped?;
        Ok(bytes)
    }

    /// Goes on from the bytes of [`EventFluxAppRuntime::snapshot`]; see [`EventFluxAppRuntime::restore_revision`].
    pub fn restore(&self, snapshot: &[u8]) -> Result<RestoreReport, CheckpointError> {
        if self.shared.is_inside() {
            return Err(CheckpointError::InsideCallback);
        }
        let options = RestoreOptions::default();
        let read = from_blob(snapshot, &self.shared.name);
        let read = read.map_err(|fault| CheckpointError::Damaged {
            revision: Revision::default(),
            reason: fault.to_string(),
        })?;
        if let Some(service) = &self.snapshots {
            return service.inner().restore_read(&read, &options);
        }
        let schema = Schema::of(&self.shared);
        let swapped = swap_in(
            &self.shared,
            &schema,
            &read,
            &options,
            false,
            &mut || Ok(()),
        )?;
        Ok(swapped.report(&read.manifest))
    }
}
