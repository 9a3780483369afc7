//! Power loss after every call of the file store: the catalogue is the one of the last call that answered, or of the
//! one under way, and every revision in it reads back; also when one of its two copies is damaged then.
//!
//! That the test would notice a missing sync is tested, too: [`each_sync_is_needed`] takes out each kind of them.

use crate::contract::{chunk, commit, owner, revision};
use crate::torn::{PowerLoss, Step, TornDisk, Tree};
use eventflux::store::{
    Catalogue, ChunkName, Commit, Committed, FileStore, PersistenceStore, Revision, StoreError,
};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const APP: &str = "orders";
const DIR: &str = "/data/store";
const COPIES: [&str; 2] = ["catalogue", "catalogue.copy"];

/// What the script wrote, and what it was answered.
#[derive(Default)]
struct History {
    /// Number of steps on disk when a call answered, the catalogue then, and whether the answer was `Ok`.
    answers: Vec<(usize, Catalogue, bool)>,
    /// What is to be read of each revision.
    manifests: BTreeMap<Revision, Vec<u8>>,
    blobs: BTreeMap<Revision, Vec<u8>>,
    /// Chunks that a revision names.
    needs: BTreeMap<Revision, Vec<ChunkName>>,
}

/// The bytes of a chunk; long enough to be torn.
fn bytes_of(name: ChunkName) -> Vec<u8> {
    let seed = name.generation * 31 + name.epoch * 7 + u64::from(name.number);
    (0..100 + seed % 50).map(|i| (i * seed) as u8).collect()
}

/// Does something to the store, again if it fails and `retry`, and notes what it left.
struct Script<'a> {
    disk: &'a TornDisk,
    store: FileStore,
    history: History,
    retry: bool,
    errors: Vec<StoreError>,
    /// Revisions whose commit failed twice.
    failed: Vec<Revision>,
}

impl Script<'_> {
    fn call<R>(&mut self, call: impl Fn(&FileStore) -> Result<R, StoreError>) -> Option<R> {
        let mut answer = call(&self.store);
        self.note(answer.is_ok());
        if let (Err(error), true) = (&answer, self.retry) {
            self.errors.push(error.clone());
            answer = call(&self.store);
            self.note(answer.is_ok());
        }
        match answer {
            Ok(value) => Some(value),
            Err(error) if self.retry => {
                self.errors.push(error);
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn note(&mut self, ok: bool) {
        let catalogue = self.store.catalogue(APP).expect("the disk works");
        let steps = self.disk.log().len();
        self.history.answers.push((steps, catalogue, ok));
    }

    /// The claim's generation: a claim that failed may have used one up.
    fn acquire(&mut self, name: &str) -> u64 {
        let claim = self.call(|s| s.acquire(APP, &owner(name)));
        claim.expect("at most one call fails").generation
    }

    fn retire(&mut self, revisions: &[Revision], chunks: &[ChunkName]) {
        self.call(|s| s.retire(APP, revisions, chunks));
    }

    fn put(&mut self, name: ChunkName) {
        self.call(|s| s.put_chunk(APP, name, &bytes_of(name)));
    }

    fn commit(&mut self, revision: Revision, needs: &[ChunkName]) {
        let manifest = format!("manifest of {revision}").into_bytes();
        self.history.manifests.insert(revision, manifest.clone());
        // a service names no chunk of an epoch whose commit failed
        let lost = |name: &&ChunkName| !self.failed.contains(&name.revision());
        let needs = needs.iter().filter(lost).copied().collect();
        self.history.needs.insert(revision, needs);
        let done = self.call(|s| {
            let catalogue = s.catalogue(APP)?;
            let parent = catalogue.revisions.last().map(|e| (e.revision, e.digest));
            let commit = Commit {
                parent: parent.filter(|(head, _)| *head != revision),
                ..commit(revision, None, &manifest)
            };
            s.commit(APP, &commit)
        });
        if done.is_none() {
            self.failed.push(revision);
        }
    }

    fn save(&mut self, revision: Revision) {
        let bytes = format!("blob of {revision}").repeat(9).into_bytes();
        self.history.blobs.insert(revision, bytes.clone());
        self.call(|s| s.save(APP, revision, &bytes));
    }
}

/// Every call that writes, in an order that a service could use; the catalogue has each kind of line once.
fn script(disk: &TornDisk, retry: bool) -> (History, Vec<StoreError>) {
    let store = FileStore::open_on(Arc::new(disk.clone()), DIR);
    let mut s = Script {
        disk,
        store: store.expect("the disk works"),
        history: History::default(),
        retry,
        errors: Vec::new(),
        failed: Vec::new(),
    };
    let g = s.acquire("a");
    let first = [chunk(g, 1, 0), chunk(g, 1, 1)];
    s.put(first[0]);
    s.put(first[1]);
    s.commit(revision(g, 1), &first);
    s.put(chunk(g, 2, 0));
    s.commit(revision(g, 2), &[first[1], chunk(g, 2, 0)]);
    // an epoch that is not committed; one of its chunks is named by the next, the other is swept
    s.put(chunk(g, 3, 0));
    s.put(chunk(g, 3, 1));
    s.put(chunk(g, 4, 0));
    s.commit(revision(g, 4), &[first[1], chunk(g, 3, 1), chunk(g, 4, 0)]);
    s.retire(&[revision(g, 1)], &[first[0], chunk(g, 3, 0)]);
    s.call(|s| s.pin(APP, "kept", Some(revision(g, 2))));
    s.save(revision(g, 5));
    s.save(revision(g, 6));
    s.retire(&[revision(g, 5), revision(g, 4)], &[chunk(g, 4, 0)]);
    s.call(|s| s.release(APP, g));
    let h = s.acquire("b");
    s.put(chunk(h, 7, 0));
    s.commit(revision(h, 7), &[chunk(h, 7, 0)]);
    s.call(|s| s.pin(APP, "kept", None));
    let rest = [first[1], chunk(g, 2, 0)];
    s.retire(&[revision(g, 2), revision(g, 6)], &rest);
    s.call(|s| s.clear_all_revisions(APP));
    s.commit(revision(h, 8), &[]);
    (s.history, s.errors)
}

/// Looks at every state; the first thing that is wrong.
fn check(log: &[Step], history: &History) -> Result<usize, String> {
    check_steps(log, history, 0..=log.len())
}

/// Looks at the states after some of the steps.
fn check_steps(
    log: &[Step],
    history: &History,
    steps: RangeInclusive<usize>,
) -> Result<usize, String> {
    let mut loss = PowerLoss::default();
    let mut seen = HashSet::new();
    let none = Catalogue::default();
    for done in 0..=log.len() {
        if let Some(before) = done.checked_sub(1) {
            loss.step(&log[before]);
        }
        if !steps.contains(&done) {
            continue;
        }
        let allowed = history.allowed(done, &none);
        for tree in loss.states() {
            let mut hasher = DefaultHasher::new();
            (&tree, format!("{allowed:?}")).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                let failed = |e| format!("power lost after step {done} of {}: {e}", log.len());
                for damaged in with_one_copy(&tree) {
                    check_state(damaged, &allowed, history).map_err(failed)?;
                }
                check_state(tree, &allowed, history).map_err(failed)?;
            }
        }
    }
    Ok(seen.len())
}

/// A state, where it has both copies of the catalogue, with half of the one, and of the other.
fn with_one_copy(tree: &Tree) -> Vec<Tree> {
    let paths = COPIES.map(|name| Path::new(DIR).join(APP).join(name));
    if !paths.iter().all(|path| tree.contains_key(path)) {
        return Vec::new();
    }
    let damaged = |path: PathBuf| {
        let mut tree = tree.clone();
        if let Some(Some(bytes)) = tree.get_mut(&path) {
            bytes.truncate(bytes.len() / 2);
        }
        tree
    };
    paths.map(damaged).into()
}

impl History {
    /// The catalogue of the last call that answered `Ok`, and those of the calls that failed since or are under way.
    fn allowed<'a>(&'a self, done: usize, none: &'a Catalogue) -> Vec<&'a Catalogue> {
        let mut allowed = vec![none];
        for (steps, catalogue, ok) in &self.answers {
            let is_over = *steps <= done;
            if is_over && *ok {
                allowed.clear();
            }
            allowed.push(catalogue);
            if !is_over && *ok {
                break;
            }
        }
        allowed
    }
}

/// Opens a state, reads all of it, goes on with it.
fn check_state(tree: Tree, allowed: &[&Catalogue], history: &History) -> Result<(), String> {
    let disk = TornDisk::boot(tree);
    let text = |e: StoreError| e.to_string();
    let store = FileStore::open_on(Arc::new(disk), DIR).map_err(text)?;
    let found = store.catalogue(APP).map_err(text)?;
    if !allowed.contains(&&found) {
        return Err(format!("{found:?} is none of {allowed:?}"));
    }
    readable(&store, &found, history)?;
    let claim = store.acquire(APP, &owner("next")).map_err(text)?;
    if claim.generation <= allowed[0].generation {
        return Err(format!("generation {} again", claim.generation));
    }
    let after = store.catalogue(APP).map_err(text)?;
    if (&after.revisions, &after.pins) != (&found.revisions, &found.pins) {
        return Err(format!("the claim made {after:?} of {found:?}"));
    }
    readable(&store, &after, history)?;
    let head = after.revisions.last().map(|e| (e.revision, e.digest));
    let next = revision(claim.generation, claim.last_epoch + 1);
    let name = chunk(next.generation, next.epoch, 0);
    store.put_chunk(APP, name, b"next").map_err(text)?;
    let commit = Commit {
        parent: head,
        ..commit(next, None, b"next")
    };
    let committed = store.commit(APP, &commit).map_err(text)?;
    let read = store.get_chunk(APP, name).map_err(text)?;
    match (committed, read.as_deref()) {
        (Committed::Done, Some(b"next")) => Ok(()),
        other => Err(format!("the next commit: {other:?}")),
    }
}

/// Reads every revision of a catalogue, and whatever chunks there are.
fn readable(store: &FileStore, catalogue: &Catalogue, history: &History) -> Result<(), String> {
    for entry in &catalogue.revisions {
        let name = entry.revision;
        let manifest = store.manifest(APP, name).map_err(|e| e.to_string())?;
        let blob = store.load(APP, name).map_err(|e| e.to_string())?;
        if blob.as_ref() != history.blobs.get(&name)
            || manifest.as_ref() != history.manifests.get(&name)
        {
            return Err(format!("{name} is another one"));
        }
        for chunk in history.needs.get(&name).into_iter().flatten() {
            let bytes = store.get_chunk(APP, *chunk).map_err(|e| e.to_string())?;
            if bytes != Some(bytes_of(*chunk)) {
                return Err(format!("{chunk} of {name} is another one"));
            }
        }
    }
    for name in store.chunks(APP).map_err(|e| e.to_string())? {
        match store.get_chunk(APP, name) {
            Ok(bytes) if bytes != Some(bytes_of(name)) => {
                return Err(format!("{name} has other bytes"));
            }
            // a chunk that was never committed may be damaged, which must be told
            Ok(_) | Err(StoreError::Corrupt { .. }) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
    Ok(())
}

#[test]
fn every_state_after_a_power_loss_is_one_of_two() {
    let disk = TornDisk::default();
    let (history, _) = script(&disk, false);
    let states = check(&disk.log(), &history).unwrap_or_else(|e| panic!("{e}"));
    assert!(states > 300, "{states} states");
}

/// What a step syncs: the kind of file, or the change in the folder before it.
fn kind_of_sync(log: &[Step], at: usize) -> Option<String> {
    let ending = |path: &std::path::Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .to_string()
    };
    match &log[at] {
        Step::Sync(_, path) if path.ends_with("1.3.seg") => Some("seg, not committed".to_string()),
        Step::Sync(_, path) => Some(ending(path)),
        Step::SyncDir(_) => Some(match at.checked_sub(1).map(|i| &log[i]) {
            Some(Step::CreateDir(path)) => format!("folder, {} made", path.display()),
            Some(Step::Sync(_, path)) => format!("folder, {} synced", ending(path)),
            Some(Step::Rename(_, to, _)) => format!("folder, {} replaced", ending(to)),
            _ => "folder, nothing made by this process".to_string(),
        }),
        _ => None,
    }
}

/// Takes out all syncs of a kind: a power loss must then be able to break something.
#[test]
fn each_sync_is_needed() {
    let disk = TornDisk::default();
    let (history, _) = script(&disk, false);
    let log = disk.log();
    let kinds: BTreeSet<String> = (0..log.len())
        .filter_map(|i| kind_of_sync(&log, i))
        .collect();
    let mut not_caught = Vec::new();
    for kind in &kinds {
        let mut without = log.clone();
        for (i, step) in without.iter_mut().enumerate() {
            if kind_of_sync(&log, i).as_ref() == Some(kind) {
                *step = Step::Nothing;
            }
        }
        if check(&without, &history).is_ok() {
            not_caught.push(kind.as_str());
        }
    }
    let caught: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let want = [
        "blob.tmp",
        "catalogue.copy.tmp",
        "catalogue.tmp",
        "folder, /data made",
        "folder, /data/store made",
        "folder, /data/store/orders made",
        "folder, blob replaced",
        "folder, catalogue replaced",
        "folder, nothing made by this process",
        "folder, seg synced",
        "seg",
        "seg, not committed",
    ];
    assert_eq!(caught, want);
    // made by a process that died before its own sync: this log has none
    assert_eq!(not_caught, ["folder, nothing made by this process"]);
}

#[test]
fn a_call_that_failed_can_be_sent_again_even() {
    fail_calls(0);
}

#[test]
fn a_call_that_failed_can_be_sent_again_odd() {
    fail_calls(1);
}

/// Every call on the disk whose number leaves this remainder fails once; the same call sent again ends as if it had
/// not. Two tests, for two cores.
fn fail_calls(remainder: usize) {
    let disk = TornDisk::default();
    let (want, _) = script(&disk, true);
    let opening = {
        let disk = TornDisk::default();
        FileStore::open_on(Arc::new(disk.clone()), DIR).expect("the disk works");
        disk.calls()
    };
    let epochs = |history: &History| -> Vec<u64> {
        let (_, last, _) = history.answers.last().expect("the script calls");
        last.revisions.iter().map(|e| e.revision.epoch).collect()
    };
    for k in (opening + 1..=disk.calls()).filter(|k| k % 2 == remainder) {
        let torn = TornDisk::default();
        torn.fail(k, ErrorKind::StorageFull);
        let (found, errors) = script(&torn, true);
        match errors.as_slice() {
            [StoreError::Full { .. }] => {
                assert_eq!(epochs(&found), epochs(&want), "call {k}");
            }
            // the system may have dropped the bytes of a segment whose sync failed
            [StoreError::Full { what, .. }, second, ..] => {
                assert!(what.ends_with(".seg"), "call {k}: {errors:?}");
                assert!(
                    second.to_string().contains("could not be made durable"),
                    "call {k}: {errors:?}"
                );
            }
            _ => panic!("call {k}: {errors:?}"),
        }
        // until there, it is as if nothing had failed; a retire after it makes some fifteen steps
        let steps = torn.failed_after()..=torn.failed_after() + 18;
        check_steps(&torn.log(), &found, steps).unwrap_or_else(|e| panic!("call {k}: {e}"));
    }
}
