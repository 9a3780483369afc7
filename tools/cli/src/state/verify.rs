//! `state verify`: whether everything that a store holds is what was written.

use super::args::VerifyArgs;
use super::read::{Opened, open};
use super::text::{bytes, many, plain};
use crate::failure::Failure;
use crate::show;
use eventflux::checkpoint::{Verifier, VerifyReport};
use eventflux::store::{Catalogue, ChunkName, Revision};
use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, IsTerminal};

/// Orphans that are named; more are only counted.
const ORPHANS_NAMED: usize = 5;

/// What was found so far.
#[derive(Default)]
struct Tally {
    revisions: usize,
    faults: usize,
}

impl Tally {
    fn fault(&mut self, app: &str, fault: impl std::fmt::Display) {
        self.faults += 1;
        show!("{app}: {}", plain(&fault.to_string()));
    }

    /// Tells which copies of an app's records are damaged.
    fn repairs(&mut self, opened: &Opened, app: &str) {
        for repair in opened.store.repairs(app) {
            self.fault(app, repair);
        }
    }

    fn report(&mut self, app: &str, revision: Revision, report: &VerifyReport) {
        self.revisions += 1;
        self.faults += report.faults.len();
        let state = match report.faults.len() {
            0 => "sound".to_string(),
            n => many(n, "fault"),
        };
        let chunks = many(report.chunks as usize, "chunk");
        show!(
            "{app} {revision}: {state}, {chunks}, {}",
            bytes(report.bytes)
        );
        for fault in &report.faults {
            show!("  {}", plain(&fault.to_string()));
        }
    }
}

pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let opened = open(&args.store)?;
    let apps = match &args.app {
        Some(app) => {
            opened.check_app(app)?;
            vec![app.clone()]
        }
        None => opened.apps()?,
    };
    let mut tally = Tally::default();
    for app in &apps {
        match opened.store.catalogue(app) {
            Ok(catalogue) => verify_app(&opened, app, &catalogue, args.revision, &mut tally)?,
            // it says what to do
            Err(error) => tally.fault(app, error),
        }
    }
    let revisions = many(tally.revisions, "revision");
    let of = many(apps.len(), "app");
    match tally.faults {
        0 => {
            show!("{revisions} of {of}: sound");
            Ok(())
        }
        n => Err(Failure::run(format!(
            "{} in {revisions} of {of}",
            many(n, "fault")
        ))),
    }
}

fn verify_app(
    opened: &Opened,
    app: &str,
    catalogue: &Catalogue,
    only: Option<Revision>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut revisions: Vec<Revision> = catalogue.revisions.iter().map(|e| e.revision).collect();
    if let Some(only) = only {
        revisions = vec![opened.entry(app, catalogue, Some(only))?.revision];
    }
    tally.repairs(opened, app);
    let (mut sound, mut damaged) = (None, false);
    let bar = progress(revisions.len());
    let read = Cell::new(0);
    let mut verifier = Verifier::new(&*opened.store, app).on_read(|n| {
        read.set(read.get() + n);
        bar.set_message(bytes(read.get()));
    });
    for revision in revisions {
        let report = verifier.verify(catalogue, revision);
        bar.inc(1);
        // one that its owner retired while it was read is none of the store's revisions any more
        if !report.is_sound() && is_retired(opened, app, revision) {
            continue;
        }
        match report.is_sound() {
            true => sound = Some(revision),
            false => damaged = true,
        }
        bar.suspend(|| tally.report(app, revision, &report));
    }
    bar.finish_and_clear();
    if damaged {
        advise(opened, app, catalogue, sound, only.is_some());
    }
    for (name, revision) in &catalogue.pins {
        if !catalogue.revisions.iter().any(|e| e.revision == *revision) {
            let fault = format!("pin {name}: there is no revision {revision}");
            tally.fault(app, fault);
        }
    }
    if only.is_none() {
        orphans(opened, app, catalogue, tally);
    }
    Ok(())
}

/// Says what can be restored although a revision is damaged; `sound` is the newest one that is not.
fn advise(
    opened: &Opened,
    app: &str,
    catalogue: &Catalogue,
    sound: Option<Revision>,
    only_one: bool,
) {
    let head = catalogue.revisions.last().map(|entry| entry.revision);
    match sound {
        Some(revision) if sound == head => {
            show!("{app}: the last revision, {revision}, is sound: runs go on from it");
        }
        Some(revision) => show!(
            "{app}: revision {revision} is the newest sound one: run --restore {revision} goes on from it"
        ),
        None if only_one => show!(
            "{app}: whether another revision is sound tells: eventflux state verify {} {app}",
            opened.store.describe()
        ),
        None => show!(
            "{app}: no revision is sound: put a backup back, add an export (state import), or start empty \
             (run --restore none)"
        ),
    }
}

fn is_retired(opened: &Opened, app: &str, revision: Revision) -> bool {
    let now = opened.store.catalogue(app);
    now.is_ok_and(|c| c.revisions.iter().all(|e| e.revision != revision))
}

/// Tells chunks that no revision names.
fn orphans(opened: &Opened, app: &str, catalogue: &Catalogue, tally: &mut Tally) {
    let chunks = match opened.store.chunks(app) {
        Ok(chunks) => chunks,
        Err(error) => return tally.fault(app, format!("chunks: {error}")),
    };
    let mut named = HashSet::new();
    for entry in &catalogue.revisions {
        match opened.manifest(app, entry) {
            Ok(held) => named.extend(held.manifest.chunks.iter().map(|c| c.name)),
            // that is a fault already; what it needs is not known
            Err(_) => return,
        }
    }
    let orphans: Vec<ChunkName> = chunks.into_iter().filter(|c| !named.contains(c)).collect();
    if orphans.is_empty() {
        return;
    }
    let mut names: Vec<String> = orphans.iter().map(ChunkName::to_string).collect();
    names.truncate(ORPHANS_NAMED);
    if orphans.len() > ORPHANS_NAMED {
        names.push("…".to_string());
    }
    show!(
        "{app}: {} that no revision names ({}): no fault; a checkpoint under way or a crash leaves them, state prune deletes them",
        many(orphans.len(), "chunk"),
        names.join(", ")
    );
}

/// A bar over so many revisions; nothing when standard error is not a terminal.
fn progress(revisions: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} revisions  {msg}  {elapsed}");
    // drawn with each message: a thread that draws it might find no room, and that would be a panic
    ProgressBar::new(revisions as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
