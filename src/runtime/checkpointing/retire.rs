//! Deletes revisions beyond those to be kept, and chunks that none of the kept ones names.
//!
//! Nothing here fails a checkpoint: what could not be deleted is counted and tried again after the next one.

use super::head::Head;
use crate::store::{ChunkName, PersistenceStore, Revision, StoreError};
use std::collections::HashSet;

/// Keeps the newest `retain` revisions and those with a pin.
pub(super) fn retire(
    head: &mut Head,
    store: &dyn PersistenceStore,
    app: &str,
    retain: usize,
) -> Result<(), StoreError> {
    let surplus = head.kept.len().saturating_sub(retain);
    if surplus == 0 && head.leftovers.is_empty() {
        return Ok(());
    }
    let pinned: HashSet<Revision> = match surplus {
        0 => HashSet::new(),
        _ => store
            .catalogue(app)?
            .pins
            .into_iter()
            .map(|(_, r)| r)
            .collect(),
    };
    let newest = head.kept.len() - retain.min(head.kept.len());
    let mut going = Vec::new();
    let mut candidates: HashSet<ChunkName> = head.leftovers.iter().copied().collect();
    let mut needed = HashSet::new();
    for (place, kept) in head.kept.iter().enumerate() {
        if place < newest && !pinned.contains(&kept.revision) {
            going.push(kept.revision);
            candidates.extend(&kept.chunks);
        } else {
            needed.extend(&kept.chunks);
        }
    }
    let mut chunks: Vec<ChunkName> = candidates.difference(&needed).copied().collect();
    chunks.sort_unstable();
    if !going.is_empty() || !chunks.is_empty() {
        store.retire(app, &going, &chunks)?;
    }
    head.kept.retain(|kept| !going.contains(&kept.revision));
    head.leftovers.clear();
    Ok(())
}
