//! Checkpoints as the handle of an app offers them.

use super::EventFluxAppRuntime;
use crate::runtime::checkpointing::{
    CheckpointError, CheckpointMetrics, PersistHandle, RestoreOptions, RestoreReport,
    SnapshotService, restore, snapshot,
};
use crate::store::Revision;

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

    /// Goes on from a revision as the options say: while the app runs, or before `start` where its state is only looked
    /// at. An app that is to go on where its last run ended is started by [`EventFluxAppRuntime::recover`].
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
        snapshot(&self.shared, self.snapshots.as_ref())
    }

    /// Goes on from the bytes of [`EventFluxAppRuntime::snapshot`]; see [`EventFluxAppRuntime::restore_revision`].
    pub fn restore(&self, snapshot: &[u8]) -> Result<RestoreReport, CheckpointError> {
        self.restore_with_options(snapshot, &RestoreOptions::default())
    }

    /// As [`EventFluxAppRuntime::restore`], with what the options allow to differ; what they say of revisions is not
    /// about bytes.
    pub fn restore_with_options(
        &self,
        snapshot: &[u8],
        options: &RestoreOptions,
    ) -> Result<RestoreReport, CheckpointError> {
        restore(&self.shared, self.snapshots.as_ref(), snapshot, options)
    }
}
