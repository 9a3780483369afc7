//! Whether what a store holds is what was written: the chain of digests from the catalogue to the last chunk.

use super::{ChunkRecord, Fault, FaultKind, Manifest, digest, open, read_blob};
use crate::store::{Catalogue, Digest, Entry, PersistenceStore, Revision, StoreError};
use std::collections::HashSet;
use std::fmt;

/// What was found of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// What cannot be used; empty for a sound revision.
    pub faults: Vec<Fault>,
    /// How many chunks it has.
    pub chunks: u64,
    /// Bytes of its manifest and of the chunks that were there.
    pub bytes: u64,
}

impl VerifyReport {
    /// Whether the revision can be restored, as far as its bytes go.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.faults.len() {
            0 => "sound".to_string(),
            1 => "1 fault".to_string(),
            n => format!("{n} faults"),
        };
        write!(f, "{state}, {} chunks, {} bytes", self.chunks, self.bytes)?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

/// Reads a revision from a store as a restore would, without building state of it, and reports what is wrong.
pub fn verify(store: &dyn PersistenceStore, app: &str, revision: Revision) -> VerifyReport {
    let mut check = Verifier::new(store, app);
    match store.catalogue(app) {
        Ok(catalogue) => return check.verify(&catalogue, revision),
        Err(StoreError::Unsupported { .. }) => check.whole("revision", revision, None),
        Err(error) => check.fault("catalogue", FaultKind::Unread(Box::new(error))),
    }
    check.report
}

/// Verifies all revisions that a store holds of an app, oldest first; chunks they share are read once.
pub fn verify_all(
    store: &dyn PersistenceStore,
    app: &str,
) -> Result<Vec<(Revision, VerifyReport)>, StoreError> {
    let mut check = Verifier::new(store, app);
    let mut reports = Vec::new();
    match store.catalogue(app) {
        Ok(catalogue) => {
            for entry in &catalogue.revisions {
                reports.push((entry.revision, check.verify(&catalogue, entry.revision)));
            }
        }
        Err(StoreError::Unsupported { .. }) => {
            if let Some(last) = store.last_revision(app)? {
                check.whole("revision", last, None);
                reports.push((last, check.report));
            }
        }
        Err(error) => return Err(error),
    }
    Ok(reports)
}

/// Verifies revisions one after the other; chunks they share are read once.
pub struct Verifier<'a> {
    store: &'a dyn PersistenceStore,
    app: &'a str,
    /// Chunks that were read and are as recorded.
    sound: HashSet<ChunkRecord>,
    raw: Vec<u8>,
    report: VerifyReport,
    /// Is told how many bytes were read.
    on_read: Box<dyn FnMut(u64) + 'a>,
}

impl fmt::Debug for Verifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("app", &self.app)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl<'a> Verifier<'a> {
    /// Begins with nothing verified.
    pub fn new(store: &'a dyn PersistenceStore, app: &'a str) -> Self {
        Verifier {
            store,
            app,
            sound: HashSet::new(),
            raw: Vec::new(),
            report: VerifyReport::default(),
            on_read: Box::new(|_| {}),
        }
    }

    /// Calls `told` with the number of bytes after everything that was read.
    pub fn on_read(mut self, told: impl FnMut(u64) + 'a) -> Self {
        self.on_read = Box::new(told);
        self
    }

    /// Verifies a revision of the store's catalogue.
    pub fn verify(&mut self, catalogue: &Catalogue, revision: Revision) -> VerifyReport {
        self.revision(catalogue, revision);
        std::mem::take(&mut self.report)
    }

    fn read(&mut self, bytes: &[u8]) {
        self.report.bytes += bytes.len() as u64;
        (self.on_read)(bytes.len() as u64);
    }

    fn fault(&mut self, what: impl fmt::Display, why: FaultKind) {
        self.report.faults.push(Fault::new(what, why));
    }

    fn revision(&mut self, catalogue: &Catalogue, revision: Revision) {
        let entry = catalogue.revisions.iter().find(|e| e.revision == revision);
        let Some(entry) = entry else {
            return self.fault(format_args!("revision {revision}"), FaultKind::Missing);
        };
        match self.manifest(entry) {
            Ok(Some(manifest)) => {
                self.parent(catalogue, &manifest);
                for record in &manifest.chunks {
                    self.chunk(record);
                }
            }
            Ok(None) => self.whole("manifest of", revision, Some(entry.digest)),
            Err(fault) => self.report.faults.push(fault),
        }
    }

    /// The manifest of a committed revision; `None` where the store has none of that name.
    fn manifest(&mut self, entry: &Entry) -> Result<Option<Manifest>, Fault> {
        let revision = entry.revision;
        let fault = |why| Fault::new(format_args!("manifest of {revision}"), why);
        let bytes = match self.store.manifest(self.app, revision) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) => return Err(fault(FaultKind::Unread(Box::new(error)))),
        };
        self.read(&bytes);
        let manifest = Manifest::decode(&bytes, Some(entry.digest)).map_err(|f| fault(f.why))?;
        self.named(&manifest, revision).map_err(fault)?;
        Ok(Some(manifest))
    }

    /// Whether a manifest is that of the app and revision under whose name it was found.
    fn named(&self, manifest: &Manifest, revision: Revision) -> Result<(), FaultKind> {
        if manifest.app != self.app {
            let why = format!("it is of app '{}'", manifest.app.escape_debug());
            return Err(FaultKind::Malformed(why));
        }
        if manifest.revision != revision {
            return Err(FaultKind::Revision {
                expected: revision,
                found: manifest.revision,
            });
        }
        Ok(())
    }

    /// A parent that is still there must be the one that the revision was built on, and no other may be between them.
    fn parent(&mut self, catalogue: &Catalogue, manifest: &Manifest) {
        let entries = catalogue.revisions.iter().map(|e| e.revision);
        let before = entries.filter(|r| *r < manifest.revision).max();
        let Some((parent, found)) = manifest.parent else {
            if let Some(before) = before {
                let why = format!("it names none, but {before} is before it");
                let what = format_args!("parent of {}", manifest.revision);
                self.fault(what, FaultKind::Malformed(why));
            }
            return;
        };
        if let Some(between) = before.filter(|b| *b > parent) {
            let why = format!("{between} is between them");
            let what = format_args!("parent {parent} of {}", manifest.revision);
            self.fault(what, FaultKind::Malformed(why));
        }
        let entry = catalogue.revisions.iter().find(|e| e.revision == parent);
        if let Some(expected) = entry.map(|e| e.digest).filter(|d| *d != found) {
            let what = format_args!("parent {parent} of {}", manifest.revision);
            self.fault(what, FaultKind::Digest { expected, found });
        }
    }

    fn chunk(&mut self, record: &ChunkRecord) {
        self.report.chunks += 1;
        if self.sound.contains(record) {
            self.report.bytes += u64::from(record.stored);
            return;
        }
        let what = format!("chunk {}", record.name);
        match self.store.get_chunk(self.app, record.name) {
            Ok(Some(bytes)) => {
                self.read(&bytes);
                match open(&bytes, record, self.app, &mut self.raw) {
                    Ok(()) => drop(self.sound.insert(*record)),
                    Err(fault) => self.report.faults.push(fault),
                }
            }
            Ok(None) => self.fault(what, FaultKind::Missing),
            Err(error) => self.fault(what, FaultKind::Unread(Box::new(error))),
        }
    }

    /// A revision that is one blob; `kind` is what is missing where there is none.
    fn whole(&mut self, kind: &str, revision: Revision, expected: Option<Digest>) {
        let what = format!("revision {revision}");
        let bytes = match self.store.load(self.app, revision) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.fault(format!("{kind} {revision}"), FaultKind::Missing),
            Err(error) => return self.fault(what, FaultKind::Unread(Box::new(error))),
        };
        self.read(&bytes);
        let found = digest(&bytes);
        if let Some(expected) = expected.filter(|e| *e != found) {
            return self.fault(what, FaultKind::Digest { expected, found });
        }
        match read_blob(&bytes) {
            Ok((manifest, chunks)) => {
                self.report.chunks += chunks.len() as u64;
                if let Err(why) = self.named(&manifest, revision) {
                    self.fault(what, why);
                }
            }
            Err(fault) => self.report.faults.push(fault),
        }
    }
}
