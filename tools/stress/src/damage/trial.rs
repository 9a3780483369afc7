//! Everything that is asked of one damaged store.

use super::Medium;
use super::app::{HALF, Life, NAME, ROWS, Truth, next};
use crate::failure::Failure;
use eventflux::checkpoint::{Manifest, Verifier, write_blob};
use eventflux::store::{Catalogue, ChunkName, PersistenceStore, Revision};
use eventflux::{CheckpointError, RestoreOptions, RestoreReport};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type Store = Arc<dyn PersistenceStore>;

/// How often it was answered what.
#[derive(Debug, Default)]
pub struct Counts {
    right: u64,
    refused: u64,
    /// Errors by their kind.
    reasons: BTreeMap<String, u64>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            right,
            refused,
            reasons,
        } = self;
        let reasons = reasons.iter().map(|(reason, n)| format!("{n} {reason}"));
        let reasons: Vec<String> = reasons.collect();
        let reasons = reasons.join(", ");
        write!(f, "{right} answers right, {refused} refused ({reasons})")
    }
}

/// One damaged store.
pub struct Trial<'a> {
    pub medium: &'a mut dyn Medium,
    pub truth: &'a Truth,
    /// Revisions of the whole store, oldest first, with the rows that each has.
    pub revisions: &'a [(Revision, u64)],
    pub whole: &'a Catalogue,
    pub seed: u64,
    pub counts: &'a mut Counts,
}

fn finding<T>(what: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure::new(what.to_string()))
}

impl Trial<'_> {
    pub fn run(&mut self) -> Result<(), Failure> {
        let store = self.medium.store()?;
        let sound = self.verified(&store)?;
        for (revision, _) in self.revisions {
            let restored = self.restored(&RestoreOptions::default().revision(*revision))?;
            let is_sound = sound.contains(revision);
            match (is_sound, restored) {
                (true, Some(found)) if found == *revision => {}
                (false, None) => {}
                (_, restored) => {
                    let verify = if is_sound { "sound" } else { "damaged" };
                    return finding(format!("{revision} is {verify}, restored is {restored:?}"));
                }
            }
            let exported = self.exported(&store, *revision)?;
            if exported != is_sound {
                return finding(format!("{revision}: sound {is_sound}, exported {exported}"));
            }
        }
        let head = self.revisions[self.revisions.len() - 1].0;
        let last = self.restored(&RestoreOptions::default())?;
        if last.is_some_and(|found| found != head) {
            return finding(format!("the last one is {last:?}, and was {head}"));
        }
        let fallback = self.restored(&RestoreOptions::default().fallback(true))?;
        if fallback.is_some() && fallback != sound.last().copied() {
            return finding(format!("the last that can be is {fallback:?} of {sound:?}"));
        }
        drop(store);
        if last.is_some() {
            self.goes_on()?;
        }
        self.medium.again()?;
        self.begins_anew()
    }

    fn refused(&mut self, error: &CheckpointError) {
        self.counts.refused += 1;
        let reason = error.reason().to_string();
        *self.counts.reasons.entry(reason).or_default() += 1;
    }

    /// The revisions that are sound, oldest first.
    fn verified(&mut self, store: &Store) -> Result<Vec<Revision>, Failure> {
        let catalogue = match store.catalogue(NAME) {
            Ok(catalogue) => catalogue,
            Err(error) => {
                self.refused(&error.into());
                return Ok(Vec::new());
            }
        };
        let same =
            (&catalogue.revisions, &catalogue.pins) == (&self.whole.revisions, &self.whole.pins);
        // a digest that is another one is found with the revision
        if !same && catalogue.revisions.len() != self.whole.revisions.len() {
            return finding(format!(
                "the catalogue is {catalogue:?}, and was {:?}",
                self.whole
            ));
        }
        self.counts.right += 1;
        let mut verifier = Verifier::new(&**store, NAME);
        let all = self.revisions.iter().map(|(revision, _)| *revision);
        // that the entry of the parent is another one is told with the child, which needs it for nothing
        let mut is_sound = |revision: &Revision| {
            let report = verifier.verify(&catalogue, *revision);
            report
                .faults
                .iter()
                .all(|fault| fault.what.starts_with("parent "))
        };
        Ok(all.filter(&mut is_sound).collect())
    }

    /// Restores in a life of its own, which goes on, and brings the store back to where it was; `None` where it is
    /// refused.
    fn restored(&mut self, options: &RestoreOptions) -> Result<Option<Revision>, Failure> {
        let life = Life::new(Some(self.medium.store()?))?;
        match life.app.restore_with(options) {
            Ok(report) => {
                let revision = self.continued(&life, &report)?;
                drop(life);
                self.medium.again()?;
                Ok(Some(revision))
            }
            Err(error) => {
                self.refused(&error);
                Ok(None)
            }
        }
    }

    /// Goes on behind a restore and compares what comes out; answers the revision.
    fn continued(&mut self, life: &Life, report: &RestoreReport) -> Result<Revision, Failure> {
        let Some(revision) = report.revision else {
            return finding("nothing was restored");
        };
        let sent = next(report) - 1;
        if !self.revisions.contains(&(revision, sent)) {
            return finding(format!("{revision} goes on behind row {sent}"));
        }
        if !self.started(life)? {
            return Ok(revision);
        }
        life.send(self.seed, sent + 1, ROWS)?;
        life.app.shutdown()?;
        if life.output() != *self.truth.behind(sent) {
            return finding(format!("behind {revision} comes out what did not"));
        }
        self.counts.right += 1;
        Ok(revision)
    }

    /// Whether a revision can be exported; what was is restored elsewhere.
    fn exported(&mut self, store: &Store, revision: Revision) -> Result<bool, Failure> {
        let Some(blob) = export(store, revision) else {
            self.counts.refused += 1;
            return Ok(false);
        };
        let life = Life::new(None)?;
        let report = life.app.restore(&blob)?;
        self.continued(&life, &report)?;
        Ok(true)
    }

    /// Goes on from the last revision, takes a checkpoint on the way, and goes on from that in another life.
    fn goes_on(&mut self) -> Result<(), Failure> {
        let life = Life::new(Some(self.medium.store()?))?;
        let report = life.app.restore_last_revision()?;
        let sent = next(&report) - 1;
        self.two_lives(life, sent)
    }

    /// Claims the state. A key that nothing can be written to is an error then, which no file may be.
    fn started(&mut self, life: &Life) -> Result<bool, Failure> {
        match life.app.start() {
            Ok(()) => Ok(true),
            Err(error) if self.medium.can_be_written() => {
                finding(format!("it cannot be claimed: {error}"))
            }
            Err(_) => {
                self.counts.refused += 1;
                *self.counts.reasons.entry("start".to_string()).or_default() += 1;
                Ok(false)
            }
        }
    }

    fn two_lives(&mut self, life: Life, sent: u64) -> Result<(), Failure> {
        if !self.started(&life)? {
            return Ok(());
        }
        life.send(self.seed, sent + 1, HALF)?;
        let taken = life.app.persist()?;
        life.app.shutdown()?;
        let mut before = life.output();
        let life = Life::new(Some(self.medium.store()?))?;
        let report = life.app.restore_last_revision()?;
        if (report.revision, next(&report)) != (Some(taken), HALF + 1) {
            return finding(format!("{taken} was taken, {:?} restored", report.revision));
        }
        life.app.start()?;
        life.send(self.seed, HALF + 1, ROWS)?;
        for (stream, rows) in life.output() {
            before.entry(stream).or_default().extend(rows);
        }
        life.app.shutdown()?;
        if before != *self.truth.behind(sent) {
            return finding(format!(
                "behind row {sent}, over two lives, comes out what did not"
            ));
        }
        self.counts.right += 1;
        Ok(())
    }

    /// Starts empty, and loses nothing of what was there.
    fn begins_anew(&mut self) -> Result<(), Failure> {
        let life = Life::new(Some(self.medium.store()?))?;
        match life.app.snapshot_service()?.claim_anew() {
            Ok(aside) => {
                let lost = aside.map(|aside| self.medium.lost(&aside)).transpose()?;
                let lost = lost.unwrap_or_default();
                if !lost.is_empty() {
                    return finding(format!("set aside, and not there: {lost:?}"));
                }
                self.two_lives(life, 0)
            }
            Err(error) if self.medium.can_be_written() => {
                finding(format!("a new history is refused: {error}"))
            }
            Err(error) => {
                self.refused(&error);
                Ok(())
            }
        }
    }
}

/// A revision in one piece, as `state export` makes it; `None` where that is refused.
fn export(store: &Store, revision: Revision) -> Option<Vec<u8>> {
    let catalogue = store.catalogue(NAME).ok()?;
    let entry = catalogue
        .revisions
        .iter()
        .find(|e| e.revision == revision)?;
    let manifest = store.manifest(NAME, revision).ok()??;
    let manifest = Manifest::decode(&manifest, Some(entry.digest)).ok()?;
    let chunk = |name: ChunkName| store.get_chunk(NAME, name).ok()?;
    let chunks = manifest.chunks.iter();
    let chunks = chunks.map_while(|record| Some((*record, chunk(record.name)?)));
    let mut blob = Vec::new();
    write_blob(&manifest, chunks, &mut blob).ok()?;
    Some(blob)
}
