//! Verification of what stores hold: every link of the chain from the catalogue to the last chunk.

use crate::sample::{self, APP};
use eventflux::checkpoint::{ChunkRecord, Manifest, VerifyReport, verify, verify_all};
use eventflux::store::{
    Catalogue, ChunkName, Digest, Entry, PersistenceStore, Revision, StoreError,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store that holds what it is given and is not written to.
#[derive(Default)]
struct Shelf {
    entries: Vec<Entry>,
    manifests: BTreeMap<Revision, Vec<u8>>,
    chunks: BTreeMap<ChunkName, Vec<u8>>,
    /// Set: it keeps whole revisions only, and this is the last one.
    whole: Option<(Revision, Vec<u8>)>,
    broken: bool,
    reads: AtomicUsize,
}

fn broken() -> StoreError {
    StoreError::Io {
        what: "shelf".to_string(),
        reason: "it fell".to_string(),
    }
}

impl PersistenceStore for Shelf {
    fn save(&self, _: &str, _: Revision, _: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Unsupported { call: "save" })
    }

    fn load(&self, _: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        let whole = self.whole.iter().find(|(r, _)| *r == revision);
        Ok(whole.map(|(_, bytes)| bytes.clone()))
    }

    fn last_revision(&self, _: &str) -> Result<Option<Revision>, StoreError> {
        Ok(self.whole.as_ref().map(|(r, _)| *r))
    }

    fn clear_all_revisions(&self, _: &str) -> Result<(), StoreError> {
        Err(StoreError::Unsupported { call: "clear" })
    }

    fn describe(&self) -> String {
        "shelf".to_string()
    }

    fn get_chunk(&self, _: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match self.broken {
            true => Err(broken()),
            false => Ok(self.chunks.get(&name).cloned()),
        }
    }

    fn manifest(&self, _: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.manifests.get(&revision).cloned())
    }

    fn catalogue(&self, _: &str) -> Result<Catalogue, StoreError> {
        if self.whole.is_some() {
            return Err(StoreError::Unsupported { call: "catalogue" });
        }
        Ok(Catalogue {
            generation: 4,
            revisions: self.entries.clone(),
            pins: Vec::new(),
        })
    }
}

impl Shelf {
    fn add(&mut self, manifest: &Manifest) -> Digest {
        let (bytes, digest) = manifest.encode().unwrap();
        let revision = manifest.revision;
        self.entries.push(Entry { revision, digest });
        self.manifests.insert(revision, bytes);
        digest
    }
}

const PARENT: Revision = Revision {
    generation: 3,
    epoch: 42,
};
const HEAD: Revision = Revision {
    generation: 4,
    epoch: 43,
};

/// Two revisions that share their chunks.
fn shelf() -> (Shelf, Vec<ChunkRecord>) {
    let mut shelf = Shelf::default();
    let records = sample::chunks().iter().map(|c| c.0).collect::<Vec<_>>();
    shelf.chunks = sample::chunks()
        .into_iter()
        .map(|(r, b)| (r.name, b))
        .collect();
    let mut manifest = sample::manifest(records.clone());
    (manifest.revision, manifest.parent) = (PARENT, None);
    let digest = shelf.add(&manifest);
    (manifest.revision, manifest.parent) = (HEAD, Some((PARENT, digest)));
    shelf.add(&manifest);
    (shelf, records)
}

/// The faults of the head after a change.
fn faults(change: impl FnOnce(&mut Shelf, &[ChunkRecord])) -> Vec<String> {
    let (mut shelf, records) = shelf();
    change(&mut shelf, &records);
    let report = verify(&shelf, APP, HEAD);
    assert_eq!(report.is_sound(), report.faults.is_empty());
    report.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_store_has_no_faults_and_shared_chunks_are_read_once() {
    let (shelf, records) = shelf();
    let bytes: u64 = records.iter().map(|r| u64::from(r.stored)).sum();
    let reports = verify_all(&shelf, APP).unwrap();
    assert_eq!(shelf.reads.load(Ordering::Relaxed), 3);
    let revisions: Vec<Revision> = reports.iter().map(|r| r.0).collect();
    assert_eq!(revisions, [PARENT, HEAD]);
    for (revision, report) in reports {
        let manifest = shelf.manifests[&revision].len() as u64;
        let want = VerifyReport {
            faults: Vec::new(),
            chunks: 3,
            bytes: bytes + manifest,
        };
        assert_eq!(report, want);
        assert!(
            report.to_string().starts_with("sound, 3 chunks, "),
            "{report}"
        );
    }
}

#[test]
fn every_link_of_the_chain_is_checked() {
    assert_eq!(faults(|_, _| {}), Vec::<String>::new());
    let gone = faults(|s, r| drop(s.chunks.remove(&r[1].name)));
    assert_eq!(gone, ["chunk 3.41.1: it is missing"]);
    let both = faults(|s, r| {
        s.chunks.remove(&r[0].name);
        s.chunks.get_mut(&r[2].name).expect("it is there").pop();
    });
    assert!(
        both.len() == 2 && both[1].contains("bytes were expected"),
        "{both:?}"
    );
    let flipped = faults(|s, r| s.chunks.get_mut(&r[0].name).expect("it is there")[50] ^= 1);
    assert!(flipped[0].contains("its digest is"), "{flipped:?}");
    let swapped = faults(|s, r| {
        let other = s.chunks[&r[1].name].clone();
        s.chunks.insert(r[0].name, other);
    });
    assert_eq!(swapped, ["chunk 3.41.0: it is chunk 3.41.1, not 3.41.0"]);
    let no_manifest = faults(|s, _| drop(s.manifests.remove(&HEAD)));
    assert_eq!(no_manifest, ["manifest of 4-43: it is missing"]);
    let stale = faults(|s, _| {
        let old = s.manifests[&PARENT].clone();
        s.manifests.insert(HEAD, old);
    });
    assert!(
        stale[0].contains("manifest of 4-43: its digest is"),
        "{stale:?}"
    );
    let renamed = faults(|s, _| {
        let old = s.manifests[&PARENT].clone();
        s.entries[1].digest = s.entries[0].digest;
        s.manifests.insert(HEAD, old);
    });
    assert_eq!(renamed, ["manifest of 4-43: it is revision 3-42, not 4-43"]);
    let uncatalogued = faults(|s, _| {
        s.entries.pop();
    });
    assert_eq!(uncatalogued, ["revision 4-43: it is missing"]);
    let other_parent = faults(|s, _| s.entries[0].digest ^= 1);
    assert!(
        other_parent[0].starts_with("parent 3-42 of 4-43: its digest is"),
        "{other_parent:?}"
    );
    let retired_parent = faults(|s, _| {
        s.entries.remove(0);
    });
    assert_eq!(retired_parent, Vec::<String>::new());
    let unread = faults(|s, _| s.broken = true);
    assert!(
        unread.len() == 3 && unread[0].contains("shelf: it fell"),
        "{unread:?}"
    );
}

#[test]
fn another_app_under_the_name_is_told() {
    let (shelf, _) = shelf();
    let report = verify(&shelf, "Other", HEAD);
    assert_eq!(report.faults.len(), 1);
    assert!(
        report.to_string().contains("it is of app 'Vwap'"),
        "{report}"
    );
}

#[test]
fn stores_of_whole_revisions_are_verified_too() {
    let head = sample::manifest(Vec::new()).revision;
    let mut shelf = Shelf {
        whole: Some((head, sample::blob(sample::chunks()))),
        ..Shelf::default()
    };
    assert!(verify(&shelf, APP, head).is_sound());
    assert_eq!(verify_all(&shelf, APP).unwrap()[0].1.chunks, 3);
    assert!(!verify(&shelf, "Other", head).is_sound());
    assert!(!verify(&shelf, APP, HEAD).is_sound());
    if let Some((_, bytes)) = &mut shelf.whole {
        bytes[100] ^= 1;
    }
    let report = verify(&shelf, APP, head);
    assert!(report.to_string().contains("its digest is"), "{report}");
}

#[test]
fn revisions_that_skip_one_before_them_are_told() {
    let with_parent = |parent: Option<(Revision, Digest)>| {
        faults(move |s, _| {
            s.entries.pop();
            let mut head = Manifest::decode(&s.manifests[&HEAD], None).unwrap();
            head.parent = parent;
            s.add(&head);
        })
    };
    assert_eq!(
        with_parent(None),
        ["parent of 4-43: its content makes no sense: it names none, but 3-42 is before it"]
    );
    let older = Revision {
        generation: 3,
        epoch: 41,
    };
    assert_eq!(
        with_parent(Some((older, 5))),
        ["parent 3-41 of 4-43: its content makes no sense: 3-42 is between them"]
    );
}
