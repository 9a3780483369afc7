//! How long is an app away that comes back: reading, verifying, building, swapping in?
//!
//! Sketch: 24 MB from files in memory of the system (5 ms), digests at 10 GB/s and zstd at 1 GB/s (25 ms), a million
//! groups into an index that is sized at once (20–40 ms), a swap of pointers.

use super::rig::{APP, NAME, Proof, Rig, Store, build};
use super::sizes::CHAIN;
use crate::engine::{self, Engine};
use crate::figures::{bytes, short};
use crate::harness::{Conditions, Pass, Size, Spread, Tally, by_turns, timed};
use crate::lanes::two_cores;
use crate::record::{Record, Unit};
use eventflux::store::{FileStore, MemoryStore};
use eventflux::{CheckpointConfig, Workers};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What a recovery of 1 M groups may take, and one of 10 M by two threads.
const RECOVERY_MAX: f64 = 100e6;
const RECOVERY_10M_MAX: f64 = 600e6;

/// A folder that goes away with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, String> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("eventflux-bench-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).map_err(engine::text)?;
        Ok(Folder(folder))
    }

    fn store(&self) -> Result<Store, String> {
        let store = FileStore::open(&self.0).map_err(engine::text)?;
        Ok(Arc::new(store))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `restore-file-1m`: from files, with a full chain of increments.
pub fn file_1m(c: &Conditions) -> Result<Record, String> {
    file(c, &MILLION, "restore-file-1m", one_worker()?)
}

/// `restore-file-1m-2to1`: what two workers wrote goes to one.
pub fn file_1m_2to1(c: &Conditions) -> Result<Record, String> {
    let (a, b) = two_cores()?;
    let writers = Workers::Cores(vec![b.id, a.id]);
    file(c, &MILLION, "restore-file-1m-2to1", writers)
}

/// `restore-file-10m`: ten times the state, written by two workers and restored on two.
pub fn file_10m(c: &Conditions) -> Result<Record, String> {
    let (a, b) = two_cores()?;
    let both = Workers::Cores(vec![b.id, a.id]);
    let size = Recovery {
        groups: match c.size {
            Size::Full => 10_000_000,
            Size::Quick => 2_000_000,
            Size::Tiny => 4000,
        },
        restorers: Some(both.clone()),
        max_ns: RECOVERY_10M_MAX,
    };
    file(c, &size, "restore-file-10m", both)
}

/// How much is restored, on which workers, and how long that may take.
struct Recovery {
    groups: usize,
    /// One worker where there are none.
    restorers: Option<Workers>,
    max_ns: f64,
}

const MILLION: Recovery = Recovery {
    groups: 1_000_000,
    restorers: None,
    max_ns: RECOVERY_MAX,
};

fn file(
    c: &Conditions,
    of: &Recovery,
    question: &'static str,
    writers: Workers,
) -> Result<Record, String> {
    let folder = Folder::new()?;
    let groups = c.keys(of.groups);
    let proof = write_chain_of(groups, writers, &folder.store()?)?;
    let plain = || {
        let begun = Instant::now();
        let read = read_all(&folder.0)?;
        std::hint::black_box(read);
        Ok(Pass {
            time: begun.elapsed(),
            tally: Tally::default(),
        })
    };
    let is = "reading the same files plainly";
    recover(c, (question, is), (of, &proof), || folder.store(), plain)
}

/// `restore-memory-1m`: the same from a store in memory.
pub fn memory_1m(c: &Conditions) -> Result<Record, String> {
    let store: Store = Arc::new(MemoryStore::new());
    let proof = write_chain(c, one_worker()?, &store)?;
    let plain = || {
        timed(|| {
            for name in store.chunks(NAME).map_err(engine::text)? {
                let chunk = store.get_chunk(NAME, name).map_err(engine::text)?;
                std::hint::black_box(chunk);
            }
            Ok(Tally::default())
        })
    };
    let is = "copying all chunks once";
    recover(
        c,
        ("restore-memory-1m", is),
        (&MILLION, &proof),
        || Ok(Arc::clone(&store)),
        plain,
    )
}

/// Writes a base and a full chain, 1 of 100 groups changed in each checkpoint.
pub fn write_chain(c: &Conditions, workers: Workers, store: &Store) -> Result<Proof, String> {
    write_chain_of(c.keys(MILLION.groups), workers, store)
}

fn write_chain_of(groups: usize, workers: Workers, store: &Store) -> Result<Proof, String> {
    let mut rig = Rig::new(workers, Some(store), CheckpointConfig::default(), groups)?;
    rig.persist()?;
    rig.add_sets(groups / 100, CHAIN)?;
    for set in 0..CHAIN {
        rig.send_set(set)?;
        rig.persist()?;
    }
    rig.shut()
}

/// Times of the phases of a restore in nanoseconds: read, build, swap.
pub type Phases = [f64; 3];

/// Restores by turns with the baseline, each time in an app of its own.
fn recover(
    c: &Conditions,
    (question, baseline_is): (&'static str, &'static str),
    (of, proof): (&Recovery, &Proof),
    open: impl Fn() -> Result<Store, String>,
    baseline: impl FnMut() -> Result<Pass, String>,
) -> Result<Record, String> {
    let mut phases: Vec<Phases> = Vec::new();
    let mut checked = false;
    let figures = by_turns(
        c,
        1,
        || {
            let store = open()?;
            let workers = of.restorers.clone().map_or_else(one_worker, Ok)?;
            let (pass, times, engine) = restore_on(workers, &store, !checked)?;
            if let Some(mut engine) = engine {
                proof.check_engine(&mut engine)?;
                engine.runtime().shutdown().map_err(engine::text)?;
                checked = true;
            }
            phases.push(times);
            Ok(pass)
        },
        baseline,
    )?;
    let groups = c.keys(of.groups);
    let phase = |i: usize| {
        let times = phases.iter().skip(1).map(|p| p[i]).collect();
        short(Spread::of(times).median / 1e6)
    };
    let store = open()?;
    let mut size = 0;
    for name in store.chunks(NAME).map_err(engine::text)? {
        let chunk = store.get_chunk(NAME, name).map_err(engine::text)?;
        size += chunk.map_or(0, |chunk| chunk.len());
    }
    let record = Record::new(question, Unit::Run, groups, baseline_is, figures);
    Ok(record.within_ns(of.max_ns).with_note(format!(
        "ms: read and verify {}, build {}, swap {}; {} of chunks in the store, those of older revisions too",
        phase(0),
        phase(1),
        phase(2),
        bytes(size as f64)
    )))
}

/// Restores the last revision in a new app; answers it, running, when it is to be looked at.
pub fn restore_once(store: &Store, keep: bool) -> Result<(Pass, Phases, Option<Engine>), String> {
    restore_on(one_worker()?, store, keep)
}

fn one_worker() -> Result<Workers, String> {
    Ok(Workers::Cores(vec![two_cores()?.1.id]))
}

fn restore_on(
    workers: Workers,
    store: &Store,
    keep: bool,
) -> Result<(Pass, Phases, Option<Engine>), String> {
    let threads = engine::threads(&workers);
    let runtime = build(APP, workers, Some(store), CheckpointConfig::default())?;
    let begun = Instant::now();
    runtime.restore_last_revision().map_err(engine::text)?;
    let time = begun.elapsed();
    let metrics = runtime.checkpoint_metrics().map_err(engine::text)?;
    let times = [
        metrics.restore_read,
        metrics.restore_build,
        metrics.restore_swap,
    ];
    let phases = times.map(|phase| phase.sum().as_nanos() as f64);
    let pass = Pass {
        time,
        tally: Tally::default(),
    };
    let engine = match keep {
        true => Some(Engine::of(runtime, threads, engine::long_double_long)?),
        false => None,
    };
    Ok((pass, phases, engine))
}

/// How long a restore of the last revision takes.
pub fn once(store: &Store) -> Result<f64, String> {
    let (pass, _, _) = restore_once(store, false)?;
    Ok(pass.time.as_nanos() as f64)
}

/// The bytes of all files below a folder.
fn read_all(folder: &Path) -> Result<Vec<Vec<u8>>, String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(engine::text)? {
        let path = entry.map_err(engine::text)?.path();
        match path.is_dir() {
            true => all.append(&mut read_all(&path)?),
            false => all.push(std::fs::read(&path).map_err(engine::text)?),
        }
    }
    Ok(all)
}
