//! `state export`: a revision as one file.

use super::args::ExportArgs;
use super::read::{Held, Opened, open};
use super::text::bytes;
use crate::checkpoints::is_replaced;
use crate::failure::Failure;
use crate::paths::{Paths, Use};
use crate::show;
use eventflux::checkpoint::{ChunkRecord, Manifest, write_blob};
use eventflux::store::{StoreError, private};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file beside its final place; goes away unless it is moved there.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    fn new(target: &Path) -> Result<(Self, File), Failure> {
        let name = target.file_name().ok_or_else(|| {
            Failure::usage(format!("{}: this is no name of a file", target.display()))
        })?;
        let mut temporary = name.to_os_string();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let path = target.with_file_name(temporary);
        let mut options = OpenOptions::new();
        let file = private(&path, &mut options)
            .write(true)
            .create_new(true)
            .open(&path);
        let file = file.map_err(|e| Failure::run(format!("{}: {e}", path.display())))?;
        Ok((Temporary { path, kept: false }, file))
    }

    fn keep_as(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.kept = true;
        // the name, too, is to survive a power loss; not every system can do that
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty());
        match File::open(folder.unwrap_or(Path::new("."))) {
            Ok(folder) => folder.sync_all().or(Ok(())),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    check_target(args)?;
    let opened = open(&args.store)?;
    let app = &args.app;
    let catalogue = opened.catalogue(app)?;
    let entry = opened.entry(app, &catalogue, args.revision)?;
    let held = opened.readable(app, &entry)?;
    let (temporary, file) = Temporary::new(&args.to)?;
    let shown = args.to.display();
    let failed = |e: io::Error| Failure::run(format!("{shown}: {e}"));
    let mut out = BufWriter::new(file);
    match &held.blob {
        Some(blob) => out.write_all(blob).map_err(failed)?,
        None => stream(&opened, app, &held.manifest, &mut out)?,
    }
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    temporary.keep_as(&args.to).map_err(failed)?;
    let revision = entry.revision;
    show!(
        "revision {revision} of app {app}: {} to {shown}",
        bytes(length)
    );
    Ok(())
}

/// A revision in one piece.
pub fn revision_bytes(opened: &Opened, app: &str, held: &Held) -> Result<Vec<u8>, Failure> {
    if let Some(blob) = &held.blob {
        return Ok(blob.clone());
    }
    let mut bytes = Vec::new();
    stream(opened, app, &held.manifest, &mut bytes)?;
    Ok(bytes)
}

/// Refuses to put the export in the place of the state itself, of a link or of a device.
fn check_target(args: &ExportArgs) -> Result<(), Failure> {
    let mut paths = Paths::default();
    if let Some(folder) = args.store.url.strip_prefix("file:") {
        paths.add("the store", Path::new(folder), Use::Folder)?;
    }
    paths.add("--to", &args.to, Use::Write)?;
    match is_replaced(&args.to) {
        true => Ok(()),
        false => {
            let to = args.to.display();
            Err(Failure::usage(format!(
                "--to {to}: this is no regular file"
            )))
        }
    }
}

/// Writes chunk after chunk; each is verified before it is written.
fn stream(
    opened: &Opened,
    app: &str,
    manifest: &Manifest,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut unread: Option<StoreError> = None;
    let chunks = manifest.chunks.iter().map_while(|record: &ChunkRecord| {
        match opened.store.get_chunk(app, record.name) {
            Ok(bytes) => bytes.map(|bytes| (*record, bytes)),
            Err(error) => {
                unread = Some(error);
                None
            }
        }
    });
    let written = write_blob(manifest, chunks, out);
    if let Some(error) = unread {
        return Err(Failure::from_run(error));
    }
    let revision = manifest.revision;
    written.map_err(|e| Failure::run(format!("revision {revision} of app {app}: {e}")))
}
