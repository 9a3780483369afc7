//! Sets the files of an app aside whose catalogue cannot be read, so that a new history can begin.
//!
//! The files go to `aside-1` in the app's folder, or the next number that is free, and nothing looks at them there. The
//! damaged copies of the catalogue are copied and replaced last: until then the folder is one whose catalogue cannot be
//! read, so that a crash on the way leaves no app that looks as if it had never been, and setting aside again goes on
//! with what is left. The new catalogue goes on with the greatest generation and epoch of all files, those of earlier
//! times in `aside-…` too: no name is given twice.

use super::catalogue::Saved;
use super::copies::{NAMES, write};
use super::disk::Mode;
use super::folder::{Folder, Named, io_error, shown, sync_dir};
use super::{Revision, StoreError};
use std::path::{Path, PathBuf};

const ASIDE: &str = "aside-";
/// How many folders there may be.
const FOLDERS_MAX: u32 = 1000;
/// How much of a file is copied at once.
const PIECE: usize = 1 << 20;

/// Moves what is there away and begins a catalogue without revisions; returns where the files are now. The caller holds
/// the lock.
pub(super) fn set_aside(folder: &Folder) -> Result<PathBuf, StoreError> {
    let (target, mut seen) = free(folder)?;
    let disk = &folder.disk;
    let create = disk.create_dir(&target).map_err(|e| io_error(&target, &e));
    create.and_then(|()| sync_dir(folder, folder.path()))?;
    for (named, name) in folder.files()? {
        if let Some(revision) = named.revision() {
            seen.push(revision);
            let from = folder.path().join(&name);
            let moved = disk.rename(&from, &target.join(&name));
            moved.map_err(|e| io_error(&from, &e))?;
            folder.close(revision);
        }
    }
    for name in NAMES {
        copy(folder, &folder.path().join(name), &target.join(name))?;
    }
    sync_dir(folder, &target)?;
    sync_dir(folder, folder.path())?;
    let mut saved = Saved {
        serial: 1,
        ..Saved::default()
    };
    let ledger = &mut saved.ledger;
    ledger.generation = seen.iter().map(|r| r.generation).max().unwrap_or(0);
    ledger.epoch = seen.iter().map(|r| r.epoch).max().unwrap_or(0);
    write(folder, &saved)?;
    Ok(target)
}

/// A name for the folder that is free, and the revisions of the files in those that are not.
fn free(folder: &Folder) -> Result<(PathBuf, Vec<Revision>), StoreError> {
    let path = folder.path();
    let names = folder.disk.list(path).map_err(|e| io_error(path, &e))?;
    let mut seen = Vec::new();
    let mut last = 0;
    for name in names {
        let Some(number) = name.strip_prefix(ASIDE).and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        last = last.max(number);
        let inside = folder.disk.list(&path.join(&name)).unwrap_or_default();
        seen.extend(inside.iter().filter_map(|name| Named::of(name)?.revision()));
    }
    if last >= FOLDERS_MAX {
        return Err(StoreError::Refused {
            what: shown(path),
            reason: format!("there are {last} folders {ASIDE}…: delete those that nobody needs"),
        });
    }
    Ok((path.join(format!("{ASIDE}{}", last + 1)), seen))
}

/// Copies a file durably, if it is there.
fn copy(folder: &Folder, from: &Path, to: &Path) -> Result<(), StoreError> {
    let Some(source) = folder.open_if_any(from, Mode::Read)? else {
        return Ok(());
    };
    let target = folder.disk.open(to, Mode::New);
    let target = target.map_err(|e| io_error(to, &e))?;
    let length = source.length().map_err(|e| io_error(from, &e))?;
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    while offset < length {
        let rest = usize::try_from(length - offset).unwrap_or(PIECE);
        let bytes = &mut piece[..rest.min(PIECE)];
        (source.read_at(offset, bytes)).map_err(|e| io_error(from, &e))?;
        (target.write_at(offset, bytes)).map_err(|e| io_error(to, &e))?;
        offset += bytes.len() as u64;
    }
    target.sync().map_err(|e| io_error(to, &e))
}
