//! Segments opened for reading, of all apps of a store.
//!
//! Why: a restore reads many chunks of few segments, so a segment stays open with its index. They are counted over the
//! whole store, since a process has so many descriptors, however many apps it runs.

use super::segment::Segment;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many stay open: more than five restores at a time take from.
const OPEN_MAX: usize = 64;

/// Open segments by their paths, the one used last at the end.
#[derive(Default)]
pub(super) struct Readers {
    open: Mutex<Vec<(PathBuf, Arc<Segment>)>>,
}

impl Readers {
    /// The segment of a path, if it is open and its index is that of the file.
    pub(super) fn find(&self, path: &Path) -> Option<Arc<Segment>> {
        let mut open = self.open.lock();
        let at = open.iter().position(|(p, _)| p == path)?;
        let (path, segment) = open.remove(at);
        let as_read = !segment.has_grown();
        as_read.then(|| {
            open.push((path, segment.clone()));
            segment
        })
    }

    /// Keeps a segment open, and closes the one that was not used for longest where there are too many.
    pub(super) fn keep(&self, path: PathBuf, segment: Arc<Segment>) {
        let mut open = self.open.lock();
        open.retain(|(p, _)| *p != path);
        if open.len() >= OPEN_MAX {
            open.remove(0);
        }
        open.push((path, segment));
    }

    /// Closes a segment that was, or will be, deleted.
    pub(super) fn close(&self, path: &Path) {
        self.open.lock().retain(|(p, _)| p != path);
    }
}
