//! `state import`: the revision of a file as the last one of an app.
//!
//! Chunks carry the name of their app, generation, epoch and number, so all are sealed again under names of this claim.
//! Their epochs keep their distances: the order of epochs says which of two chunks counts, and how old a base is.

use super::args::ImportArgs;
use super::read::{Claimed, Opened, make};
use super::text::bytes;
use crate::failure::Failure;
use crate::paths::is_device;
use crate::show;
use eventflux::checkpoint::{
    BlobChunks, ChunkRecord, CompressionType, Fault, Manifest, open, read_blob, seal,
};
use eventflux::store::{ChunkName, Commit, Revision};
use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let shown = args.from.display();
    let blob = contents(&args.from).map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
    let (manifest, chunks) = read_blob(&blob).map_err(|e| Failure::run(format!("{shown}: {e}")))?;
    let app = args.app.clone().unwrap_or_else(|| manifest.app.clone());
    let opened = make(&args.store)?;
    let claim = opened.claim(&app, "import")?;
    opened.tell_repairs(&app);
    let names = Names::new(&manifest, &claim).ok_or_else(|| {
        Failure::run(format!(
            "{shown}: its epochs are beyond what can be counted"
        ))
    })?;
    let old = manifest.revision;
    let from = manifest.app.clone();
    let mut put = Vec::new();
    let added = add(&opened, &app, manifest, &chunks, &names, &mut put);
    if added.is_err() && !put.is_empty() {
        // what is left of a failed import is an orphan, which the next claim or prune finds
        let _ = opened.store.retire(&app, &[], &put);
    }
    let manifest = added?;
    let stored = manifest.chunks.iter().map(|c| u64::from(c.stored)).sum();
    let (store, revision) = (opened.store.describe(), manifest.revision);
    show!(
        "revision {old} of app {from} is revision {revision} of app {app} in {store}: {} in {} chunks",
        bytes(stored),
        manifest.chunks.len()
    );
    show!(
        "it is the last one: eventflux run APP.sql --store {store} --restore latest goes on from it"
    );
    Ok(())
}

/// The contents of a file or pipe; a device has no end.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    match is_device(fs::metadata(path)?.file_type()) {
        true => Err(io::Error::other("a device, and no file")),
        false => fs::read(path),
    }
}

/// Names in the store for the names in a file.
struct Names {
    generation: u64,
    /// The oldest epoch of the file, and the one that it becomes.
    oldest: u64,
    first: u64,
}

impl Names {
    /// `None` when the epochs of the file do not fit behind those of the store.
    fn new(manifest: &Manifest, claim: &Claimed<'_>) -> Option<Names> {
        let chunks = manifest.chunks.iter().map(|c| c.name.epoch);
        let bases = manifest.containers.iter().flat_map(|c| &c.bases).copied();
        let newest = manifest.revision.epoch;
        let oldest = chunks.chain(bases.filter(|base| *base > 0)).min();
        let oldest = oldest.unwrap_or(newest);
        let first = claim.last_epoch.checked_add(1)?;
        first.checked_add(newest.checked_sub(oldest)?)?;
        Some(Names {
            generation: claim.generation,
            oldest,
            first,
        })
    }

    /// An epoch of the file, no older than its oldest one, in the store.
    fn epoch(&self, epoch: u64) -> u64 {
        self.first + (epoch - self.oldest)
    }
}

/// Stores the chunks, then the manifest; `put` tells what was stored by then.
fn add(
    opened: &Opened,
    app: &str,
    mut manifest: Manifest,
    chunks: &BlobChunks<'_>,
    names: &Names,
    put: &mut Vec<ChunkName>,
) -> Result<Manifest, Failure> {
    let records = store_chunks(opened, app, &manifest.app, chunks, names, put)?;
    let catalogue = opened.store.catalogue(app).map_err(Failure::from_run)?;
    manifest.parent = catalogue.revisions.last().map(|e| (e.revision, e.digest));
    manifest.revision = Revision {
        generation: names.generation,
        epoch: names.epoch(manifest.revision.epoch),
    };
    manifest.app = app.to_string();
    for base in manifest.containers.iter_mut().flat_map(|c| &mut c.bases) {
        *base = match *base {
            0 => 0,
            base => names.epoch(base),
        };
    }
    manifest.raw_bytes = records.iter().map(|r| u64::from(r.raw)).sum();
    manifest.stored_bytes = records.iter().map(|r| u64::from(r.stored)).sum();
    manifest.chunks = records;
    let (bytes, digest) = manifest.encode().map_err(Failure::from_run)?;
    let commit = Commit {
        revision: manifest.revision,
        digest,
        parent: manifest.parent,
        manifest: &bytes,
    };
    let committed = opened.store.commit(app, &commit);
    committed.map_err(Failure::from_run)?;
    Ok(manifest)
}

fn store_chunks(
    opened: &Opened,
    app: &str,
    from: &str,
    chunks: &BlobChunks<'_>,
    names: &Names,
    put: &mut Vec<ChunkName>,
) -> Result<Vec<ChunkRecord>, Failure> {
    let (mut raw, mut sealed) = (Vec::new(), Vec::new());
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut records = Vec::with_capacity(chunks.len());
    for (old, bytes) in chunks {
        let fault = |e: Fault| Failure::from_run(e);
        open(bytes, old, from, &mut raw).map_err(fault)?;
        let epoch = names.epoch(old.name.epoch);
        // counted anew: two generations may have given a number each
        let number = numbers.entry(epoch).or_default();
        let name = ChunkName {
            generation: names.generation,
            epoch,
            number: *number,
        };
        *number += 1;
        let record = seal(name, app, &raw, CompressionType::default(), &mut sealed);
        let record = record.map_err(fault)?;
        put.push(name);
        let stored = opened.store.put_chunk(app, name, &sealed);
        stored.map_err(Failure::from_run)?;
        records.push(record);
    }
    Ok(records)
}
