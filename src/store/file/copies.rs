//! The two copies of an app's catalogue: how they are written, which one counts, and what is told of the other.
//!
//! Why two: a segment does not say whether its manifest was committed, was retired since, or has a name; and no segment
//! says which generation came last. So a catalogue cannot be made again from the segments: revisions that were deleted
//! or never acknowledged would come back. A flipped bit in the one file would lose them all.
//!
//! How: a write makes the new bytes of both durable beside them, renames both into their places, and makes the names
//! durable. It answers after that. So at any moment each of the two names leads to a whole file, the old or the new
//! one; once the write has returned both are new, and before that nothing is deleted that the old one names.
//!
//! Which one counts: the one with the greater serial. They differ after a crash between the renames only, and then the
//! newer one is of a write that never answered. When one is damaged, the other is what the last write that answered
//! left, or newer: no deposed generation, deleted revision or lost commit comes back by it. The next write makes both
//! whole. When both are damaged the folder is refused until it is set aside (`aside.rs`).

use super::catalogue::Saved;
use super::disk::Mode;
use super::folder::{Folder, io_error, shown, sync_dir};
use super::{Repair, StoreError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names of the copies. Other tools know the second one, which builds with one file have, too.
pub(super) const NAMES: [&str; 2] = ["catalogue.copy", "catalogue"];
/// Longest catalogue that is read: some million chunks.
const BYTES_MAX: u64 = 64 << 20;

/// What is wrong with both, said to whoever wants to go on.
const REMEDY: &str = "put a backup of the folder back, or start a new history, which sets these files aside \
    (run --restore none; in a program SnapshotService::claim_anew)";

/// The copies as they were found.
struct Copies {
    /// By place in [`NAMES`]; `None` for one that is absent.
    found: [Result<Option<Saved>, StoreError>; 2],
}

impl Copies {
    fn look(folder: &Folder) -> Result<Copies, StoreError> {
        let read = |name| {
            let path = folder.path().join(name);
            let Some(bytes) = folder.read_file(&path, BYTES_MAX)? else {
                return Ok(None);
            };
            let corrupt = |reason| StoreError::Corrupt {
                what: shown(&path),
                reason,
            };
            Saved::decode(&bytes, folder.app())
                .map(Some)
                .map_err(corrupt)
        };
        let found = NAMES.map(read);
        // a link is not looked behind, whatever the other one says
        for copy in &found {
            if let Err(error @ StoreError::Refused { .. }) = copy {
                return Err(error.clone());
            }
        }
        Ok(Copies { found })
    }

    /// The copy that counts, and its place.
    fn newest(&self) -> Option<(usize, &Saved)> {
        let whole = |(place, copy): (usize, &Result<Option<Saved>, _>)| {
            Some((place, copy.as_ref().ok()?.as_ref()?)).map(|(place, saved)| (saved.serial, place))
        };
        let (_, place) = self.found.iter().enumerate().filter_map(whole).max()?;
        Some((place, self.found[place].as_ref().ok()?.as_ref()?))
    }

    /// What is wrong with the copy at a place while the other one is whole.
    fn fault(&self, folder: &Folder, place: usize, newest: &Saved) -> Option<Repair> {
        let what = shown(&folder.path().join(NAMES[place]));
        let reason = match &self.found[place] {
            Ok(Some(_)) => return None,
            // a store with one file, as builds before the second copy left it
            Ok(None) if newest.serial == 0 => return None,
            Ok(None) => "it is missing".to_string(),
            Err(StoreError::Corrupt { reason, .. }) => reason.clone(),
            Err(error) => error.to_string(),
        };
        Some(Repair {
            what,
            reason,
            done: false,
        })
    }

    /// Why nothing can be read; `None` where there is no copy at all.
    fn refusal(self, folder: &Folder) -> Option<StoreError> {
        let [second, first] = self.found;
        let (reason, other) = match (first, second) {
            (Ok(None), Ok(None)) => return None,
            // what may be read later is no damage
            (Err(error @ StoreError::Io { .. }), _) | (_, Err(error @ StoreError::Io { .. })) => {
                return Some(error);
            }
            (first, second) => (why(first), why(second)),
        };
        Some(StoreError::Corrupt {
            what: shown(&folder.path().join(NAMES[1])),
            reason: format!("{reason}; so is its copy, {}: {other}: {REMEDY}", NAMES[0]),
        })
    }
}

fn why(copy: Result<Option<Saved>, StoreError>) -> String {
    match copy {
        Ok(_) => "it is missing".to_string(),
        Err(StoreError::Corrupt { reason, .. }) => reason,
        Err(error) => error.to_string(),
    }
}

/// Reads the catalogue; `None` where there is no copy. What is wrong with the other copy is noted in the folder.
pub(super) fn read(folder: &Folder) -> Result<Option<Arc<Saved>>, StoreError> {
    let mut copies = Copies::look(folder)?;
    let is_doubtful =
        |copies: &Copies| copies.found.iter().any(|copy| !matches!(copy, Ok(Some(_))));
    if is_doubtful(&copies) {
        // its owner may have made it, between the two
        copies = Copies::look(folder)?;
    }
    let Some((place, newest)) = copies.newest() else {
        return copies.refusal(folder).map_or(Ok(None), Err);
    };
    if let Some(repair) = copies.fault(folder, 1 - place, newest) {
        folder.note(repair);
    }
    Ok(Some(Arc::new(newest.clone())))
}

/// The error for an app with revisions and without a catalogue.
pub(super) fn missing(folder: &Folder) -> StoreError {
    StoreError::Corrupt {
        what: shown(&folder.path().join(NAMES[1])),
        reason: format!(
            "it is missing, and so is its copy, {}, but there are revisions beside it: {REMEDY}",
            NAMES[0]
        ),
    }
}

/// Replaces both copies, durable when this returns.
pub(super) fn write(folder: &Folder, saved: &Saved) -> Result<(), StoreError> {
    let text = saved.encode(folder.app());
    let paths = NAMES.map(|name| folder.path().join(name));
    for path in &paths {
        prepare(folder, path, text.as_bytes())?;
    }
    for path in &paths {
        take(folder, path)?;
    }
    sync_dir(folder, folder.path())?;
    folder.repaired();
    Ok(())
}

/// Replaces a file as a whole, durable when this returns.
pub(super) fn replace(folder: &Folder, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    prepare(folder, path, bytes)?;
    take(folder, path)?;
    sync_dir(folder, folder.path())
}

/// Writes what is to take the place of a file beside it, durably.
fn prepare(folder: &Folder, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = beside(path);
    let file = folder.open(&temporary, Mode::New)?;
    file.write_at(0, bytes)
        .and_then(|()| file.sync())
        .map_err(|e| io_error(&temporary, &e))
}

/// Moves what was prepared into its place.
fn take(folder: &Folder, path: &Path) -> Result<(), StoreError> {
    let renamed = folder.disk.rename(&beside(path), path);
    renamed.map_err(|e| io_error(path, &e))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".tmp");
    name.into()
}
