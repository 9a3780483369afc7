//! Reads a revision: everything is fetched and verified before anything is built from it.

use super::error::CheckpointError;
use crate::checkpoint::{ChunkRecord, Fault, FaultKind, Manifest, open, read_blob, write_blob};
use crate::store::{Digest, PersistenceStore, Revision, StoreError};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

/// Chunks are fetched and verified, and instances made of them, by up to this many threads: more do not make one disk
/// or one server faster.
const READERS_MAX: usize = 4;

/// A revision that was read and found sound.
pub(super) struct Read {
    pub(super) manifest: Manifest,
    /// The chunks that the manifest names, decompressed, in its order.
    pub(super) chunks: Vec<Vec<u8>>,
    /// The revision is the store's, so that later ones may build on its chunks.
    pub(super) incremental: bool,
}

/// The committed revisions of an app, oldest first; with digests where the store keeps chunks.
pub(super) fn revisions(
    store: &dyn PersistenceStore,
    app: &str,
) -> Result<Vec<(Revision, Option<Digest>)>, StoreError> {
    match store.catalogue(app) {
        Ok(catalogue) => {
            let entries = catalogue.revisions.into_iter();
            Ok(entries.map(|e| (e.revision, Some(e.digest))).collect())
        }
        Err(StoreError::Unsupported { .. }) => {
            let last = store.last_revision(app)?;
            Ok(last.into_iter().map(|r| (r, None)).collect())
        }
        Err(error) => Err(error),
    }
}

fn damaged(revision: Revision, reason: impl ToString) -> CheckpointError {
    CheckpointError::Damaged {
        revision,
        reason: reason.to_string(),
    }
}

/// An answer about a revision: what a store finds damaged is damage of the revision.
fn answered<R>(revision: Revision, answer: Result<R, StoreError>) -> Result<R, CheckpointError> {
    answer.map_err(|error| match error {
        StoreError::Corrupt { .. } => damaged(revision, error),
        other => other.into(),
    })
}

/// Reads a revision of a store.
pub(super) fn read(
    store: &dyn PersistenceStore,
    app: &str,
    revision: Revision,
    digest: Option<Digest>,
) -> Result<Read, CheckpointError> {
    let Some(digest) = digest else {
        let blob = answered(revision, store.load(app, revision))?;
        let blob = blob.ok_or_else(|| damaged(revision, "the store does not have it"))?;
        let read = from_blob(&blob, app).map_err(|reason| damaged(revision, reason))?;
        let found = read.manifest.revision;
        if found != revision {
            return Err(damaged(revision, format!("it is revision {found}")));
        }
        return Ok(read);
    };
    let manifest = answered(revision, store.manifest(app, revision))?;
    let manifest = manifest.ok_or_else(|| damaged(revision, "its manifest is missing"))?;
    let manifest = Manifest::decode(&manifest, Some(digest)).map_err(|f| damaged(revision, f))?;
    if manifest.revision != revision || manifest.app != app {
        let reason = format!(
            "its manifest is that of app '{}', revision {}",
            manifest.app, manifest.revision
        );
        return Err(damaged(revision, reason));
    }
    let fetch = |record: &ChunkRecord| -> Result<Vec<u8>, CheckpointError> {
        let bytes = answered(revision, store.get_chunk(app, record.name))?;
        let missing = || damaged(revision, format!("chunk {} is missing", record.name));
        let mut raw = Vec::new();
        open(&bytes.ok_or_else(missing)?, record, app, &mut raw)
            .map_err(|f| damaged(revision, f))?;
        Ok(raw)
    };
    let chunks = in_parallel(&manifest.chunks, fetch)?;
    Ok(Read {
        manifest,
        chunks,
        incremental: true,
    })
}

/// A revision of a store as one blob.
pub(super) fn export(
    store: &dyn PersistenceStore,
    app: &str,
    revision: Revision,
    digest: Option<Digest>,
) -> Result<Vec<u8>, CheckpointError> {
    let Some(digest) = digest else {
        let blob = answered(revision, store.load(app, revision))?;
        return blob.ok_or_else(|| damaged(revision, "the store does not have it"));
    };
    let manifest = answered(revision, store.manifest(app, revision))?;
    let manifest = manifest.ok_or_else(|| damaged(revision, "its manifest is missing"))?;
    let manifest = Manifest::decode(&manifest, Some(digest)).map_err(|f| damaged(revision, f))?;
    let mut chunks = Vec::with_capacity(manifest.chunks.len());
    for record in &manifest.chunks {
        let bytes = answered(revision, store.get_chunk(app, record.name))?;
        let missing = || damaged(revision, format!("chunk {} is missing", record.name));
        chunks.push((*record, bytes.ok_or_else(missing)?));
    }
    let mut blob = Vec::new();
    write_blob(&manifest, chunks.into_iter(), &mut blob).map_err(|e| damaged(revision, e))?;
    Ok(blob)
}

/// Reads the bytes of a whole revision.
pub(super) fn from_blob(blob: &[u8], app: &str) -> Result<Read, Fault> {
    let (manifest, sealed) = read_blob(blob)?;
    if manifest.app != app {
        let what = format!("revision {} of app '{}'", manifest.revision, manifest.app);
        let why = FaultKind::Malformed(format!("the app is named '{app}'"));
        return Err(Fault::new(what, why));
    }
    let chunks = sealed.iter().map(|(record, bytes)| {
        let mut raw = Vec::new();
        open(bytes, record, app, &mut raw).map(|()| raw)
    });
    let chunks = chunks.collect::<Result<Vec<_>, Fault>>()?;
    Ok(Read {
        manifest,
        chunks,
        incremental: false,
    })
}

/// Calls `f` for every element, on several threads; returns the results in order, or the first error.
pub(super) fn in_parallel<T: Sync, R: Send, E: Send>(
    all: &[T],
    f: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let threads = cores.min(READERS_MAX).min(all.len());
    if threads <= 1 {
        return all.iter().map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<R, E>>>> = all.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some(place) = Some(next.fetch_add(1, Ordering::Relaxed))
            && let Some(element) = all.get(place)
        {
            *results[place].lock() = Some(f(element));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // where the system has no thread left those that run do it all, this one at least
            if Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let each = |result: Mutex<Option<_>>| result.into_inner().expect("every element was worked on");
    results.into_iter().map(each).collect()
}
