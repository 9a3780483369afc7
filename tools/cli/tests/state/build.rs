//! Stores to look at, and the command that looks.

use eventflux::checkpoint::{
    AppliedRecord, ChunkRecord, CompressionType, ContainerKind, ContainerRecord, InputRecord,
    InstanceRecord, Manifest, OutputRecord, Path, QueryRecord, StageRecord, seal,
};
use eventflux::store::{ChunkName, Commit, FileStore, Owner, PersistenceStore, Revision};
use eventflux::{
    CheckpointConfig, EventFluxAppRuntime, EventFluxManager, RuntimeConfig, Timestamp, Workers,
};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One test at a time: a child that another test forks holds this one's file locks until it becomes the command.
static ALONE: Mutex<()> = Mutex::new(());

/// A folder that goes away with the test.
pub struct Folder(
    PathBuf,
    #[expect(unused, reason = "held")] MutexGuard<'static, ()>,
);

impl Folder {
    pub fn new(name: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let id = std::process::id();
        let path = std::env::temp_dir().join(format!("eventflux-state-{name}-{id}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path, alone)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn url(&self, name: &str) -> String {
        format!("file:{}", self.path(name).display())
    }

    pub fn store(&self, name: &str) -> FileStore {
        FileStore::open(self.path(name)).expect("a store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command did.
pub struct Ran {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn state(args: &[&str]) -> Ran {
    eventflux(&[&["state"], args].concat())
}

/// Runs the command line.
pub fn eventflux(args: &[&str]) -> Ran {
    let command = Command::new(env!("CARGO_BIN_EXE_eventflux"))
        .args(args)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = command.expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(stdout), text(stderr));
    assert!(!err.contains("panicked"), "{args:?}: {err}");
    Ran {
        status: status.code(),
        out,
        err,
    }
}

/// Runs a command that must end with a status; its standard output.
#[track_caller]
pub fn expect(status: i32, args: &[&str]) -> Ran {
    let ran = state(args);
    let (out, err) = (&ran.out, &ran.err);
    assert_eq!(ran.status, Some(status), "{args:?}\n{out}\n{err}");
    ran
}

#[track_caller]
pub fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
}

pub const APP: &str = "sums";

/// An app with state, over a store in a folder.
pub fn app(folder: &Folder, store: &str, name: &str) -> EventFluxAppRuntime {
    let text = format!(
        "@app:name('{name}') @app:playback CREATE STREAM Trades (sym STRING, price DOUBLE);
         @info(name='total') INSERT INTO Out SELECT sym, sum(price) AS s FROM Trades GROUP BY sym;"
    );
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(folder.store(store)));
    let config = RuntimeConfig::default()
        .workers(Workers::Inline)
        .checkpoints(CheckpointConfig::default().retain(10));
    let runtime = manager.create_with(&text, config).expect("it is an app");
    runtime.start().expect("it starts");
    runtime
}

/// Sends as many rows through the input `feed`, and takes a checkpoint after each.
pub fn persist(runtime: &EventFluxAppRuntime, rounds: u64) -> Vec<Revision> {
    let mut input = runtime.open_input("feed").expect("it is closed");
    let rounds = (1..=rounds).map(|round| {
        let at = Timestamp(round as i64 * 1_000_000);
        let symbol = format!("S{round}");
        let row = (symbol.as_str(), round as f64);
        input.send_at("Trades", at, row).expect("it is running");
        input.mark(&format!("line {round}"));
        runtime.persist().expect("it is stored")
    });
    rounds.collect()
}

/// A store with an app of so many revisions.
pub fn built(folder: &Folder, store: &str, rounds: u64) -> Vec<Revision> {
    let runtime = app(folder, store, APP);
    let revisions = persist(&runtime, rounds);
    runtime.shutdown().expect("it stops");
    revisions
}

/// A section of a chunk whose slots are a run.
fn section(path: Path, kind: u8, slots: u32, payload: usize) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(path.instance.to_le_bytes());
    out.extend(path.node.to_le_bytes());
    out.extend(path.container.to_le_bytes());
    out.extend(path.pane.to_le_bytes());
    out.extend([kind, 1]);
    out.extend(0_u32.to_le_bytes());
    out.extend(slots.to_le_bytes());
    out.extend((payload as u32).to_le_bytes());
    out.extend((0..payload).map(|i| (i * i % 251) as u8));
    out
}

fn path(node: u16, container: u16) -> Path {
    Path {
        instance: 1,
        node,
        container,
        pane: Path::NO_PANE,
    }
}

/// Commits a revision by hand that has something of everything; app `desk`. The rows of its window have a base in the
/// first one, and changes in all that follow.
pub fn by_hand(store: &dyn PersistenceStore, rows: u64) -> Revision {
    let owner = Owner {
        name: "a test".to_string(),
        takeover: false,
    };
    let claim = store.acquire("desk", &owner).expect("it is free");
    let epoch = claim.last_epoch + 1;
    let name = ChunkName {
        generation: claim.generation,
        epoch,
        number: 0,
    };
    let catalogue = store.catalogue("desk").expect("it is sound");
    let head = catalogue.revisions.last();
    let old = head.map(|e| store.manifest("desk", e.revision).expect("read"));
    let old = old
        .flatten()
        .map(|bytes| Manifest::decode(&bytes, None).expect("it is sound"));
    let raw = [
        match &old {
            None => section(path(0, 0), 0, 900, 48_000),
            Some(_) => section(path(0, 0), 1, 10, 500),
        },
        section(path(1, 0), 0, 40, 9_000),
        section(path(1, 1), 0, 40, 640),
        section(path(0, 0), 3, 0, 24),
    ]
    .concat();
    let mut bytes = Vec::new();
    let chunk = seal(name, "desk", &raw, CompressionType::Zstd, &mut bytes).expect("it is small");
    store.put_chunk("desk", name, &bytes).expect("it is stored");
    let parent = head.map(|e| (e.revision, e.digest));
    let mut manifest = Manifest {
        revision: name.revision(),
        parent,
        ..full(chunk, rows)
    };
    if let Some(old) = old {
        manifest.containers[0].bases = old.containers[0].bases.clone();
        manifest.chunks = [old.chunks, manifest.chunks].concat();
    }
    let (bytes, digest) = manifest.encode().expect("it is right");
    let commit = Commit {
        revision: manifest.revision,
        digest,
        parent,
        manifest: &bytes,
    };
    store.commit("desk", &commit).expect("it is the head");
    let released = store.release("desk", claim.generation);
    released.expect("it was claimed");
    manifest.revision
}

fn full(chunk: ChunkRecord, rows: u64) -> Manifest {
    let kind = |name: &str, layout: &str| ContainerKind {
        name: name.to_string(),
        layout: layout.to_string(),
    };
    let stage = |name: &str, containers| StageRecord {
        name: name.to_string(),
        containers,
    };
    let container = |path, slots| ContainerRecord {
        path,
        slots,
        part_slots: 4096,
        bases: vec![chunk.name.epoch],
    };
    Manifest {
        app: "desk".to_string(),
        revision: Revision::default(),
        parent: None,
        created_ms: 1_790_000_000_123,
        workers: 2,
        queries: vec![QueryRecord {
            id: "vwap".to_string(),
            text: "INSERT INTO Vwap SELECT sym, sum(price * qty) / sum(qty) AS vwap FROM Trades \
                   WINDOW('time', 5 MINUTES) GROUP BY sym HAVING vwap > 100.0"
                .to_string(),
            fingerprint: 0x0123_4567_89ab_cdef,
            stages: vec![
                stage("window", vec![kind("rows", "log1(STRING,DOUBLE,INT)")]),
                stage(
                    "aggregate",
                    vec![kind("keys", "keys1(STRING)"), kind("sums", "cells1(2)")],
                ),
            ],
        }],
        instances: vec![InstanceRecord {
            id: 1,
            keyed: true,
            groups: (0, 64),
            worker: 0,
            now_us: 1_790_000_000_000_000,
            stages: vec![(0, 0), (0, 1)],
        }],
        next_instance: 2,
        containers: vec![
            container(path(0, 0), 900),
            container(path(1, 0), 40),
            container(path(1, 1), 40),
        ],
        inputs: vec![InputRecord {
            name: "trades".to_string(),
            open: true,
            clock_us: Some(1_790_000_000_000_000),
            applied: vec![AppliedRecord {
                instance: 1,
                number: rows,
                clock_us: None,
            }],
            mark: Some((rows - 1, "trades.csv:77".to_string())),
        }],
        outputs: vec![OutputRecord {
            stream: "Vwap".to_string(),
            numbers: vec![(3, 17), (9, rows)],
        }],
        positions: vec![("out.jsonl".to_string(), b"4096".to_vec())],
        raw_bytes: chunk.raw.into(),
        stored_bytes: chunk.stored.into(),
        base_bytes: 57_640,
        delta_bytes: 0,
        chunks: vec![chunk],
    }
}
