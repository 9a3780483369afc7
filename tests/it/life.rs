//! An app that crashes and comes back, several times, over one store.
//!
//! How: what came out is a positioned output, so a restore takes back what came after the checkpoint, as it would with
//! a file that is truncated; the rows after the input's position are sent again. So the whole output at the end must
//! be that of a run that never crashed, wherever the checkpoint found the rows.

use crate::app::{Collected, Outputs, Setup, Step, take_step};
use crate::fault_store::FaultStore;
use eventflux::checkpoint::{open, read_blob};
use eventflux::store::{MemoryStore, Revision};
use eventflux::{
    CheckpointError, EventFluxAppRuntime, EventFluxManager, Input, PersistHandle, SendError,
    Timestamp,
};
use std::sync::Arc;
use std::time::Instant;

/// What happens between two steps of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A checkpoint, when all rows sent so far have been processed.
    Persist,
    /// A checkpoint while rows may still wait in lanes.
    PersistAtOnce,
    /// A checkpoint that is waited for at the next fate only: rows go on while it is encoded.
    PersistMeanwhile,
    /// A checkpoint during which the store fails, sooner or later: what it should have saved stays to be saved.
    PersistFails,
    /// The app goes down; another one goes on from the last revision.
    Crash,
    /// As `Crash`, from the oldest revision that is kept.
    CrashFar,
    /// The app itself goes back to the last revision, while it runs.
    Rewind,
    /// As `Rewind`, to the oldest revision that is kept.
    RewindFar,
}

/// The kind of section that says that a container was emptied.
const CLEARED: u8 = 2;

/// What does not change from life to life.
pub struct World<'a> {
    /// Makes a manager with the functions of the app.
    pub manager: &'a dyn Fn() -> EventFluxManager,
    pub app: &'a str,
    pub steps: &'a [Step],
    /// Of each life in turn, from the first again after the last.
    pub setups: &'a [Setup],
    /// Rows that came before are recognised by their numbers; else the output goes back with the app.
    pub numbered: bool,
}

/// An app from its start or a restore to its end.
struct Life {
    runtime: EventFluxAppRuntime,
    input: Input,
    /// The next step, and how many rows have been sent of it and before it.
    next: usize,
    sent: u64,
}

impl World<'_> {
    /// What comes out in all lives together; `fates`: before which step something happens, in that order.
    pub fn run(&self, fates: &[(usize, Fate)]) -> Result<Outputs, String> {
        let mut past = Past::new(self.numbered);
        let mut lives = 0;
        let mut life = self.begin(&mut past, lives, false)?;
        for (step, fate) in fates {
            life.go_on(self.steps, *step);
            past.wait()?;
            match fate {
                Fate::PersistMeanwhile => {
                    let asked = life.runtime.persist_async();
                    past.asked = Some(asked.map_err(|e| format!("persist: {e}"))?);
                }
                Fate::Persist => {
                    life.settle()?;
                    past.persist(&life.runtime)?;
                }
                Fate::PersistAtOnce => past.persist(&life.runtime)?,
                Fate::PersistFails => past.persist_badly(&life.runtime, step % 4)?,
                Fate::Crash | Fate::CrashFar => {
                    life.end()?;
                    lives += 1;
                    life = self.begin(&mut past, lives, *fate == Fate::CrashFar)?;
                }
                Fate::Rewind | Fate::RewindFar => {
                    let far = *fate == Fate::RewindFar;
                    if let Some(position) = past.restore(&life.runtime, far)? {
                        let told = life.input.advance_clock(Timestamp(0));
                        let resume_at = position + 1;
                        if told != Err(SendError::Rewound { resume_at }) {
                            return Err(format!("after a restore to {position}: {told:?}"));
                        }
                        life.move_to(self.steps, position);
                    }
                }
            }
        }
        life.go_on(self.steps, self.steps.len());
        past.wait()?;
        life.end()?;
        if let Some(wrong) = past.collected.wrong() {
            return Err(wrong);
        }
        Ok(past.collected.take())
    }

    /// Begins a life: from a revision, if there is one.
    fn begin(&self, past: &mut Past, number: usize, far: bool) -> Result<Life, String> {
        let mut manager = (self.manager)();
        past.faults = Arc::new(FaultStore::new(Arc::new(past.store.clone())));
        manager.set_persistence_store(Arc::clone(&past.faults) as Arc<_>);
        let setup = self.setups[number % self.setups.len()];
        let built = manager.create_with(&named(self.app), setup.config());
        let runtime = built.map_err(|e| format!("build: {e}"))?;
        past.collected.attach(&runtime);
        let service = runtime.snapshot_service().expect("there is a store");
        service.add_output("collected", Arc::clone(&past.collected) as Arc<_>);
        let restored = past.restore(&runtime, far);
        let restored = restored.map_err(|e| format!("{e} on {setup:?}"))?;
        if restored.is_none() {
            past.collected.take();
        }
        let position = restored.unwrap_or(0);
        runtime.start().map_err(|e| format!("start: {e}"))?;
        let input = runtime.open_input("timeline");
        let input = input.map_err(|e| format!("open: {e}"))?;
        if input.position() != position {
            let found = input.position();
            return Err(format!("the input is at {found}, the report at {position}"));
        }
        let mut life = Life {
            runtime,
            input,
            next: 0,
            sent: 0,
        };
        life.move_to(self.steps, position);
        Ok(life)
    }
}

/// What outlives an app.
struct Past {
    store: MemoryStore,
    /// The store of this life.
    faults: Arc<FaultStore>,
    collected: Arc<Collected>,
    /// The revisions that led to what `collected` holds. Others were left behind by a restore to an older one: rows
    /// came out in another order there, so their count says nothing of the rows that are collected now.
    line: Vec<Revision>,
    /// A checkpoint that was not waited for.
    asked: Option<PersistHandle>,
}

impl Past {
    fn new(numbered: bool) -> Self {
        let store = MemoryStore::new();
        Past {
            faults: Arc::new(FaultStore::new(Arc::new(store.clone()))),
            store,
            collected: Arc::new(match numbered {
                true => Collected::numbered(),
                false => Collected::default(),
            }),
            line: Vec::new(),
            asked: None,
        }
    }

    fn wait(&mut self) -> Result<(), String> {
        let asked = self.asked.take();
        asked.map_or(Ok(()), |asked| self.durable(asked.wait()))
    }

    fn persist(&mut self, runtime: &EventFluxAppRuntime) -> Result<(), String> {
        self.durable(runtime.persist())
    }

    /// A checkpoint during which the store fails after this many more operations.
    fn persist_badly(&mut self, runtime: &EventFluxAppRuntime, after: usize) -> Result<(), String> {
        self.faults.fail_from(self.faults.operations() + 1 + after);
        let revision = runtime.persist();
        self.faults.heal();
        match revision {
            // Nothing had changed, or only what is old could not be deleted.
            Ok(_) => self.durable(revision),
            Err(CheckpointError::Store(_)) => Ok(()),
            Err(other) => Err(format!("persist: {other}")),
        }
    }

    fn durable(&mut self, revision: Result<Revision, CheckpointError>) -> Result<(), String> {
        let revision = revision.map_err(|e| format!("persist: {e}"))?;
        if self.line.last() != Some(&revision) {
            self.line.push(revision);
        }
        Ok(())
    }

    /// Goes on from the last revision or, `far`, the oldest that is kept; answers the position of the input, or
    /// nothing when there is no revision.
    fn restore(&mut self, runtime: &EventFluxAppRuntime, far: bool) -> Result<Option<u64>, String> {
        let kept = runtime.revisions().map_err(|e| e.to_string())?;
        let oldest = self.line.iter().position(|r| kept.contains(r));
        let place = if far {
            oldest
        } else {
            self.line.len().checked_sub(1)
        };
        let Some(place) = place else {
            return Ok(None);
        };
        self.line.truncate(place + 1);
        let revision = self.line[place];
        let report = match kept.last() == Some(&revision) {
            true => runtime.restore_last_revision(),
            false => runtime.restore_revision(&revision),
        };
        let report = report.map_err(|e| format!("restore: {e}"))?;
        if report.revision != Some(revision) {
            return Err(format!("{revision} was asked for: {report:?}"));
        }
        Ok(Some(
            report.inputs.first().map_or(0, |point| point.next - 1),
        ))
    }
}

/// The step behind row number `position`, or the one that it is part of while rows of that follow.
fn step_after(steps: &[Step], position: u64) -> usize {
    let mut rows = 0;
    if position == 0 {
        return 0;
    }
    for (number, step) in steps.iter().enumerate() {
        rows += step.rows();
        if rows >= position {
            return if rows == position { number + 1 } else { number };
        }
    }
    steps.len()
}

impl Life {
    /// What follows is sent from behind this row.
    fn move_to(&mut self, steps: &[Step], position: u64) {
        (self.next, self.sent) = (step_after(steps, position), position);
    }

    /// Takes the steps before `end` that have not been taken.
    fn go_on(&mut self, steps: &[Step], end: usize) {
        while self.next < end {
            let before: u64 = steps[..self.next].iter().map(Step::rows).sum();
            let skipped = (self.sent - before) as usize;
            let step = &steps[self.next];
            take_step(&self.runtime, &mut self.input, step, skipped);
            self.sent = before + step.rows();
            self.next += 1;
        }
    }

    /// Waits until every row that was sent has been processed.
    fn settle(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let points = self.runtime.positions().map_err(|e| e.to_string())?;
            if points.iter().all(|point| point.next > self.sent) {
                return Ok(());
            }
            if begun.elapsed() > eventflux_testbed::HANG {
                return Err(format!("{} rows are not processed: {points:?}", self.sent));
            }
            std::thread::yield_now();
        }
    }

    fn end(self) -> Result<(), String> {
        drop(self.input);
        self.runtime
            .shutdown()
            .map_err(|e| format!("shutdown: {e}"))
    }
}

/// Sections of captured state: what each is, and its bytes.
pub type Sections = Vec<(String, Vec<u8>)>;

fn named(app: &str) -> String {
    match app.contains("@app:name(") {
        true => app.to_string(),
        false => format!("@app:name('lives') {app}"),
    }
}

/// The state behind some steps of an app, inline, with a checkpoint behind each: captured whole from the app itself,
/// and from another one to which the checkpoints brought it.
pub fn whole_and_restored(
    manager: &dyn Fn() -> EventFluxManager,
    app: &str,
    steps: &[Step],
) -> Result<(Sections, Sections), String> {
    let create = |manager: EventFluxManager| {
        let built = manager.create_with(&named(app), Setup::INLINE.config());
        let runtime = built.map_err(|e| e.to_string())?;
        Ok::<_, String>(runtime)
    };
    let failed = |e: CheckpointError| e.to_string();
    let mut stored = manager();
    stored.set_persistence_store(Arc::new(MemoryStore::new()));
    let runtime = create(stored)?;
    runtime.start().map_err(|e| e.to_string())?;
    let mut input = runtime.open_input("timeline").map_err(|e| e.to_string())?;
    for step in steps {
        take_step(&runtime, &mut input, step, 0);
        runtime.persist().map_err(failed)?;
    }
    let other = create(manager())?;
    other
        .restore(&runtime.snapshot().map_err(failed)?)
        .map_err(failed)?;
    runtime.clear_all_revisions().map_err(failed)?;
    Ok((captured(&runtime)?, captured(&other)?))
}

/// The sections of a full capture: their heads as text, and their bytes. The layout is that of `src/state/section.rs`.
fn captured(runtime: &EventFluxAppRuntime) -> Result<Sections, String> {
    let blob = runtime.snapshot().map_err(|e| e.to_string())?;
    let (manifest, chunks) = read_blob(&blob).map_err(|e| e.to_string())?;
    let (mut all, mut raw) = (Vec::new(), Vec::new());
    for (record, sealed) in chunks {
        open(sealed, &record, &manifest.app, &mut raw).map_err(|e| e.to_string())?;
        let mut rest = raw.as_slice();
        while !rest.is_empty() {
            let number = |from: usize, to: usize| {
                let bytes = rest[from..to].iter().rev();
                bytes.fold(0u64, |n, byte| n << 8 | u64::from(*byte))
            };
            let (node, container, pane) = (number(4, 6), number(6, 8), number(8, 16) as i64);
            let (kind, first, count) = (rest[16], number(18, 22), number(22, 26));
            let end = 30 + number(26, 30) as usize;
            let head = format!(
                "node {node} container {container} pane {pane} kind {kind}: {count} slots from {first}"
            );
            // That a container was emptied before says nothing of what it holds now.
            if kind != CLEARED {
                all.push((head, rest[30..end].to_vec()));
            }
            rest = &rest[end..];
        }
    }
    Ok(all)
}
