//! Bytes that were lost, cut, flipped, swapped or left over, in every kind of blob: a restore says which, goes back to
//! an older revision where it may, and never brings a state that was not there.

use crate::common::{
    Folder, NAME, Rows, STREAMS, Seen, app, seen_of, send_wide, uninterrupted_wide,
};
use crate::fault_store::Call;
use crate::hook_store::{Hook, HookStore};
use eventflux::checkpoint::Manifest;
use eventflux::store::{Catalogue, ChunkName, FileStore, MemoryStore, PersistenceStore, Revision};
use eventflux::{
    CheckpointConfig, CheckpointError, EventFluxAppRuntime, RestoreOptions, RestoreReport,
    SendError, Timestamp, Workers,
};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

/// Rows up to which the revisions of [`write`] go.
const UP_TO: [u64; 5] = [300, 320, 340, 340, 360];

/// Rows sent after a restore go up to this one.
const ROWS: u64 = 400;

static WHOLE: LazyLock<Rows> = LazyLock::new(|| uninterrupted_wide(ROWS));

fn config() -> CheckpointConfig {
    CheckpointConfig::default().retain(8).takeover(true)
}

/// Five revisions: a base, two deltas, a base of everything again, a delta. Answers them and a portable blob of the
/// last one.
fn write(store: Arc<dyn PersistenceStore>) -> (Vec<Revision>, Vec<u8>) {
    let app = app(store, Workers::Inline, config());
    // Numbers of a stream with a key are counted from the first reader on.
    let _seen = seen_of(&app);
    app.start().expect("it starts");
    let mut input = app.open_input("in").expect("opens");
    let mut revisions = Vec::new();
    let mut sent = 0;
    for (place, to) in UP_TO.into_iter().enumerate() {
        if place == 3 {
            let blob = app.snapshot().expect("encodes");
            app.restore(&blob).expect("restores");
            let at = Timestamp::from_millis(0);
            let rewound = input.send_at("S", at, ("", 0));
            let resume_at = sent + 1;
            assert_eq!(rewound, Err(SendError::Rewound { resume_at }));
        }
        send_wide(&mut input, sent + 1, to);
        sent = to;
        revisions.push(app.persist().expect("a checkpoint"));
    }
    (revisions, app.snapshot().expect("encodes"))
}

/// The app over a store with damage; the state after a restore must be that of its revision.
struct Restored {
    app: EventFluxAppRuntime,
    seen: Seen,
}

impl Restored {
    fn new(store: Arc<dyn PersistenceStore>) -> Restored {
        let app = app(store, Workers::Inline, config());
        let seen = seen_of(&app);
        Restored { app, seen }
    }

    fn restore(&self, fallback: bool) -> Result<RestoreReport, CheckpointError> {
        let options = RestoreOptions::default().fallback(fallback);
        self.app.restore_with(&options)
    }

    /// The app goes on from a revision: what comes out is what came out then, and it can be checkpointed again.
    fn check(&self, report: &RestoreReport, revisions: &[Revision]) {
        let revision = report.revision.expect("there are some");
        let next = report.inputs[0].next;
        let place = revisions.iter().position(|r| *r == revision);
        assert_eq!(next, UP_TO[place.expect("it was written")] + 1);
        self.app.start().expect("the app's state is claimed");
        let mut input = self.app.open_input("in").expect("opens");
        send_wide(&mut input, next, ROWS);
        let rows = self.seen.rows();
        let outputs = (ROWS - next + 1) as usize * STREAMS.len();
        assert_eq!(rows.len(), outputs, "{revision}");
        for (name, row) in &rows {
            assert_eq!(WHOLE.get(name), Some(row), "{revision}: {name:?}");
        }
    }
}

/// Bytes, shown by their length.
#[derive(Clone)]
struct Blob(Vec<u8>);

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What happens to bytes.
#[derive(Clone, Debug)]
enum Damage {
    /// One bit at this share of the length.
    Bit(f64),
    /// The last byte is lost.
    Short,
    /// The second half is lost.
    Half,
    Empty,
    Gone,
    /// They are those of another blob of the kind.
    Other(Blob),
}

impl Damage {
    /// All kinds of damage to a blob, but for those that change nothing.
    fn all(bytes: &[u8], others: &[Vec<u8>]) -> Vec<Damage> {
        let mut all: Vec<Damage> = [0.0, 0.1, 0.3, 0.5, 0.8, 1.0].map(Damage::Bit).into();
        all.extend([Damage::Short, Damage::Half, Damage::Empty, Damage::Gone]);
        let others = others.iter().filter(|other| *other != bytes);
        all.extend(others.cloned().map(|o| Damage::Other(Blob(o))));
        all
    }

    fn apply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = bytes.to_vec();
        match self {
            Damage::Bit(share) => {
                let place = (bytes.len() - 1) as f64 * share;
                bytes[place as usize] ^= 1 << (place as usize % 8);
            }
            Damage::Short => bytes.truncate(bytes.len() - 1),
            Damage::Half => bytes.truncate(bytes.len() / 2),
            Damage::Empty => bytes.clear(),
            Damage::Gone => return None,
            Damage::Other(other) => bytes.clone_from(&other.0),
        }
        Some(bytes)
    }
}

/// What is answered instead, by call and name.
type Altered = HashMap<(Call, String), Option<Vec<u8>>>;

/// Answers other bytes than the store has, by call and name, or another catalogue.
#[derive(Default)]
struct Alter {
    bytes: Mutex<Altered>,
    catalogue: Mutex<Option<Catalogue>>,
}

impl Hook for Alter {
    fn bytes(&self, call: Call, name: &str, bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let altered = self.bytes.lock().expect("no test panics here");
        let other = altered.get(&(call, name.to_string()));
        other.cloned().unwrap_or(bytes)
    }

    fn catalogue(&self, catalogue: Catalogue) -> Catalogue {
        let altered = self.catalogue.lock().expect("no test panics here");
        altered.clone().unwrap_or(catalogue)
    }
}

/// A store with five revisions that lies as it is told.
struct Lying {
    store: Arc<HookStore<Alter>>,
    revisions: Vec<Revision>,
    manifests: Vec<(Vec<u8>, Manifest)>,
}

impl Lying {
    fn new() -> Lying {
        let inner: Arc<dyn PersistenceStore> = Arc::new(MemoryStore::new());
        let (revisions, _) = write(Arc::clone(&inner));
        let manifest = |revision: &Revision| {
            let bytes = inner.manifest(NAME, *revision).expect("it works");
            let bytes = bytes.expect("it was committed");
            let manifest = Manifest::decode(&bytes, None).expect("it is sound");
            (bytes, manifest)
        };
        let manifests = revisions.iter().map(manifest).collect();
        let hook = Alter::default();
        Lying {
            store: Arc::new(HookStore { inner, hook }),
            revisions,
            manifests,
        }
    }

    fn chunk(&self, name: ChunkName) -> Vec<u8> {
        let chunk = self.store.inner.get_chunk(NAME, name).expect("it works");
        chunk.expect("a manifest names it")
    }

    /// Restores with one blob altered. Those revisions that need it must be skipped with a reason that names it.
    fn restore(&self, key: (Call, String), bytes: Option<Vec<u8>>, needs: &dyn Fn(usize) -> bool) {
        let altered = || self.store.hook.bytes.lock().expect("no test panics here");
        altered().insert(key.clone(), bytes);
        let restored = Restored::new(self.store.clone());
        let error = restored.restore(false).expect_err("the head needs it");
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&key.1), "{key:?}: {error}");
        let usable = (0..5).rev().find(|place| !needs(*place));
        match (restored.restore(true), usable) {
            (Ok(report), Some(usable)) => {
                assert_eq!(report.revision, Some(self.revisions[usable]));
                self.assert_skipped(&report.skipped, usable + 1, &key.1);
                restored.check(&report, &self.revisions);
            }
            (Err(CheckpointError::NoneUsable { skipped, .. }), None) => {
                self.assert_skipped(&skipped, 0, &key.1);
            }
            (outcome, usable) => panic!("{key:?}, usable {usable:?}: {outcome:?}"),
        }
        altered().clear();
    }

    fn assert_skipped(&self, skipped: &[(Revision, String)], from: usize, name: &str) {
        let newest_first = self.revisions[from..].iter().rev();
        assert!(newest_first.eq(skipped.iter().map(|(revision, _)| revision)));
        for (revision, why) in skipped {
            assert!(why.contains(name), "{revision}: {why}");
        }
    }
}

#[test]
fn a_damaged_chunk_is_named_and_not_used() {
    let lying = Lying::new();
    let head = &lying.manifests[4].1;
    let (whole, last) = (lying.revisions[3].epoch, lying.revisions[4].epoch);
    assert!(head.delta_bytes > 0, "the last one has deltas");
    assert!(head.chunks.iter().any(|c| c.name.epoch == whole));
    let names: Vec<ChunkName> = head.chunks.iter().map(|c| c.name).collect();
    let of = |epoch: u64, registers: bool| {
        let mut all = names.iter();
        let name = all.find(|n| n.epoch == epoch && (n.number == 0) == registers);
        *name.expect("registers come first, then what was drained")
    };
    // Registers, deltas, bases.
    for name in [of(last, true), of(last, false), of(whole, false)] {
        let mut others: Vec<Vec<u8>> = Vec::new();
        for (_, manifest) in &lying.manifests {
            let same_kind = |n: &ChunkName| (n.number == 0) == (name.number == 0);
            let kind = manifest.chunks.iter().map(|c| c.name).filter(same_kind);
            others.extend(kind.take(2).map(|n| lying.chunk(n)));
        }
        others.dedup();
        let bytes = lying.chunk(name);
        for damage in Damage::all(&bytes, &others) {
            eprintln!("chunk {name}: {damage:?}");
            let key = (Call::GetChunk, name.to_string());
            let needs = |place: usize| {
                let chunks = &lying.manifests[place].1.chunks;
                chunks.iter().any(|c| c.name == name)
            };
            lying.restore(key, damage.apply(&bytes), &needs);
        }
    }
}

#[test]
fn a_damaged_manifest_is_named_and_not_used() {
    let lying = Lying::new();
    let others: Vec<Vec<u8>> = lying.manifests.iter().map(|(b, _)| b.clone()).collect();
    let bytes = &lying.manifests[4].0;
    for damage in Damage::all(bytes, &others) {
        let key = (Call::Manifest, lying.revisions[4].to_string());
        lying.restore(key, damage.apply(bytes), &|place| place == 4);
    }
}

#[test]
fn a_wrong_catalogue_never_brings_a_wrong_state() {
    let lying = Lying::new();
    let sound = lying.store.inner.catalogue(NAME).expect("it works");
    let restore = |catalogue: &Catalogue, fallback| {
        let mut altered = lying.store.hook.catalogue.lock().expect("no panic");
        *altered = Some(catalogue.clone());
        drop(altered);
        let restored = Restored::new(lying.store.clone());
        let outcome = restored.restore(fallback);
        (restored, outcome)
    };
    let mut flipped = sound.clone();
    flipped.revisions[4].digest ^= 1 << 77;
    let (_, outcome) = restore(&flipped, false);
    let error = outcome.expect_err("the digest is not that of the manifest");
    assert!(error.to_string().contains(&lying.revisions[4].to_string()));
    let (restored, outcome) = restore(&flipped, true);
    let report = outcome.expect("an older one");
    lying.assert_skipped(&report.skipped, 4, &lying.revisions[4].to_string());
    restored.check(&report, &lying.revisions);

    let mut swapped = sound.clone();
    swapped.revisions[4].digest = sound.revisions[3].digest;
    swapped.revisions[3].digest = sound.revisions[4].digest;
    let (restored, outcome) = restore(&swapped, true);
    let report = outcome.expect("an older one");
    assert_eq!(report.skipped.len(), 2);
    restored.check(&report, &lying.revisions);

    // An older catalogue cannot be told from one that is up to date; what it names is restored as it was.
    for left in 1..5 {
        let mut stale = sound.clone();
        stale.revisions.truncate(left);
        let (restored, outcome) = restore(&stale, false);
        restored.check(&outcome.expect("it is sound"), &lying.revisions);
    }
    let (_, outcome) = restore(&Catalogue::default(), false);
    let error = outcome.expect_err("there is none");
    assert!(matches!(error, CheckpointError::Nothing { .. }), "{error}");
}

#[test]
fn a_damaged_portable_blob_is_refused() {
    let (revisions, blob) = write(Arc::new(MemoryStore::new()));
    let (_, other) = write(Arc::new(MemoryStore::new()));
    let restored = Restored::new(Arc::new(MemoryStore::new()));
    for place in (0..blob.len()).step_by(97).chain([blob.len() - 1]) {
        let mut flipped = blob.clone();
        flipped[place] ^= 1 << (place % 8);
        let error = restored.app.restore(&flipped).expect_err("one bit");
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
        if let Ok(report) = restored.app.restore(&blob[..place]) {
            panic!("{place} bytes of it: {report:?}");
        }
    }
    let mut joined = blob[..blob.len() / 2].to_vec();
    joined.extend_from_slice(&other[other.len().min(blob.len() / 2)..]);
    if joined != blob {
        restored.app.restore(&joined).expect_err("halves of two");
    }
    let report = restored.app.restore(&blob).expect("the blob is sound");
    restored.check(&report, &revisions);
}

#[test]
fn damaged_files_never_bring_a_wrong_state() {
    let template = Folder::new("corrupt-template");
    let open = |path: &Path| Arc::new(FileStore::open(path).expect("the folder takes files"));
    let (revisions, _) = write(open(template.path()));
    let app_folder = template.path().join(NAME);
    let files: Vec<String> = fs::read_dir(&app_folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name())
        .map(|name| name.into_string().expect("names are text"))
        .filter(|name| name != "lock")
        .collect();
    assert_eq!(
        files.len(),
        7,
        "two copies of a catalogue and five segments: {files:?}"
    );
    let bytes = |name: &String| fs::read(app_folder.join(name)).expect("it can be read");
    let segments: Vec<Vec<u8>> = files
        .iter()
        .filter(|name| name.ends_with(".seg"))
        .map(bytes)
        .collect();
    let mut outcomes = HashSet::new();
    for name in &files {
        let others = if name.ends_with(".seg") {
            segments.clone()
        } else {
            Vec::new()
        };
        for damage in Damage::all(&bytes(name), &others) {
            let folder = Folder::new("corrupt");
            folder.copy(&template);
            let path = folder.path().join(NAME).join(name);
            match damage.apply(&bytes(name)) {
                Some(damaged) => fs::write(&path, damaged).expect("there is room"),
                None => fs::remove_file(&path).expect("it is there"),
            }
            eprintln!("{name}: {damage:?}");
            let strict = Restored::new(open(folder.path()));
            match strict.restore(false) {
                Ok(report) => assert_eq!(report.revision, Some(revisions[4]), "{name}"),
                Err(error) => {
                    let text = error.to_string();
                    let head = revisions[4].to_string();
                    assert!(text.contains(&head), "{name}, {damage:?}: {text}");
                    assert!(name.ends_with(".seg"), "there is another copy: {text}");
                }
            }
            // Its claim ends with it.
            drop(strict);
            let loose = Restored::new(open(folder.path()));
            match loose.restore(true) {
                Ok(report) => {
                    outcomes.insert(report.revision);
                    loose.check(&report, &revisions);
                }
                Err(error) => panic!("{name}, {damage:?}: {error}"),
            }
        }
    }
    // The head, what stands before a damaged head, and what stands before a damaged base.
    for place in [4, 3, 2] {
        assert!(outcomes.contains(&Some(revisions[place])), "{outcomes:?}");
    }
}
