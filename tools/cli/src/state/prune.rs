//! `state prune`: deletes old revisions, and chunks that no revision names.

use super::args::PruneArgs;
use super::read::{Opened, open};
use super::text::{bytes, many};
use crate::failure::Failure;
use crate::show;
use eventflux::checkpoint::Manifest;
use eventflux::store::{Catalogue, ChunkName, Entry, Revision};
use std::collections::{HashMap, HashSet};

/// What goes.
#[derive(Default)]
struct Going {
    revisions: Vec<Revision>,
    chunks: Vec<ChunkName>,
    /// How many of the chunks no revision named.
    orphans: usize,
    bytes: u64,
}

pub fn run(args: &PruneArgs) -> Result<(), Failure> {
    let opened = open(&args.store)?;
    let app = &args.app;
    opened.check_app(app)?;
    // the claim first: what is read after it changes no more
    let _claim = match args.dry_run {
        true => None,
        false => Some(opened.claim(app, "prune")?),
    };
    let catalogue = opened.catalogue(app)?;
    let going = plan(&opened, app, &catalogue, args.keep)?;
    let dry = args.dry_run;
    if !dry {
        let retired = opened.store.retire(app, &going.revisions, &going.chunks);
        retired.map_err(Failure::from_run)?;
    }
    for revision in &going.revisions {
        let word = if dry { "would go" } else { "is gone" };
        show!("revision {revision} {word}");
    }
    let kept = many(
        catalogue.revisions.len() - going.revisions.len(),
        "revision",
    );
    show!(
        "{}{}, {} ({} of them named by no revision), {}; {kept} {}",
        if dry { "would delete " } else { "deleted " },
        many(going.revisions.len(), "revision"),
        many(going.chunks.len(), "chunk"),
        going.orphans,
        bytes(going.bytes),
        if dry { "would stay" } else { "stay" },
    );
    Ok(())
}

/// The newest revisions stay, and pinned ones.
fn plan(opened: &Opened, app: &str, catalogue: &Catalogue, keep: u32) -> Result<Going, Failure> {
    let pinned: HashSet<Revision> = catalogue.pins.iter().map(|(_, r)| *r).collect();
    let surplus = catalogue.revisions.len().saturating_sub(keep as usize);
    let (old, new) = catalogue.revisions.split_at(surplus);
    let (kept, going): (Vec<Entry>, Vec<Entry>) =
        old.iter().partition(|e| pinned.contains(&e.revision));
    let mut needed = HashSet::new();
    for entry in kept.iter().chain(new) {
        let held = opened.manifest(app, entry).map_err(|reason| {
            let (revision, store) = (entry.revision, opened.store.describe());
            Failure::run(format!(
                "revision {revision} of app {app} is to stay and cannot be read, so what it needs is not known and \
                 nothing was deleted: {reason}; see: eventflux state verify {store} {app}"
            ))
        })?;
        needed.extend(held.manifest.chunks.iter().map(|c| c.name));
    }
    let mut plan = Going::default();
    let mut sizes: HashMap<ChunkName, u64> = HashMap::new();
    for entry in &going {
        plan.revisions.push(entry.revision);
        // one that cannot be read goes, too; its chunks are orphans then
        if let Ok(held) = opened.manifest(app, entry) {
            plan.bytes += held.bytes;
            if held.blob.is_none() {
                sizes.extend(lengths(&held.manifest));
            }
        }
    }
    let chunks = opened.store.chunks(app).map_err(Failure::from_run)?;
    for name in chunks.into_iter().filter(|name| !needed.contains(name)) {
        plan.bytes += match sizes.get(&name) {
            Some(bytes) => *bytes,
            None => {
                plan.orphans += 1;
                let orphan = opened.store.get_chunk(app, name);
                orphan.ok().flatten().map_or(0, |bytes| bytes.len() as u64)
            }
        };
        plan.chunks.push(name);
    }
    Ok(plan)
}

fn lengths(manifest: &Manifest) -> impl Iterator<Item = (ChunkName, u64)> {
    let chunks = manifest.chunks.iter();
    chunks.map(|c| (c.name, u64::from(c.stored)))
}
