//! The whole state of an app as one piece of bytes, with a store or without one.

use super::error::CheckpointError;
use super::read::from_blob;
use super::schema::StateSchema;
use super::service::SnapshotService;
use super::service::restore::{RestoreOptions, RestoreReport, swap_in};
use crate::runtime::config::CheckpointConfig;
use crate::runtime::shared::Shared;
use crate::store::{MemoryStore, Revision};
use std::sync::Arc;

/// Takes a checkpoint, with the app's own service where it has one, and returns it in one piece.
pub(crate) fn snapshot(
    shared: &Arc<Shared>,
    service: Option<&SnapshotService>,
) -> Result<Vec<u8>, CheckpointError> {
    if shared.is_inside() {
        return Err(CheckpointError::InsideCallback);
    }
    if let Some(service) = service {
        service.persist()?;
        return service.inner().export();
    }
    let (store, config) = (Arc::new(MemoryStore::new()), CheckpointConfig::default());
    let service = SnapshotService::new(shared, store, config)?;
    let taken = service.persist().and_then(|_| service.inner().export());
    let stopped = service.stop();
    shared.with_all(|_, core| core.untrack())?;
    let bytes = taken?;
    stopped?;
    Ok(bytes)
}

/// Goes on from the bytes of [`snapshot`].
pub(crate) fn restore(
    shared: &Shared,
    service: Option<&SnapshotService>,
    snapshot: &[u8],
    options: &RestoreOptions,
) -> Result<RestoreReport, CheckpointError> {
    if shared.is_inside() {
        return Err(CheckpointError::InsideCallback);
    }
    let read = from_blob(snapshot, &shared.name);
    let read = read.map_err(|fault| CheckpointError::Damaged {
        revision: Revision::default(),
        reason: fault.to_string(),
    })?;
    if let Some(service) = service {
        return service.inner().restore_read(&read, options);
    }
    let schema = StateSchema::of(shared);
    let swapped = swap_in(shared, &schema, &read, options, false, &mut || Ok(()))?;
    Ok(swapped.report(&read.manifest))
}
