//! Goes on from a revision: newest first, verified, built aside, swapped in at once.

use super::Inner;
use crate::checkpoint::{Manifest, Parts};
use crate::event::Timestamp;
use crate::plan::StreamPlan;
use crate::runtime::barrier::LockGuard;
use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::checkpointing::build::{Builder, Built};
use crate::runtime::checkpointing::error::CheckpointError;
use crate::runtime::checkpointing::head::{Claimed, Head};
use crate::runtime::checkpointing::read::{Read, export, read, revisions};
use crate::runtime::checkpointing::schema::{Differences, StateSchema};
use crate::runtime::position::named::ResumePoint;
use crate::runtime::shared::Shared;
use crate::runtime::worker::core::Core;
use crate::runtime::worker::handler::RowHandler;
use crate::runtime::worker::instance::Instance;
use crate::runtime::worker::wall::{CLOCK_BACK_MIN, ClockBack, ahead_of, machine_clock};
use crate::store::{PersistenceStore, Revision};
use parking_lot::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Which revision is restored, and what may differ. Starts from [`Default`]: the last one, nothing may.
#[derive(Clone, Debug, Default)]
#[must_use = "each method returns the changed value"]
pub struct RestoreOptions {
    pub(super) revision: Option<Revision>,
    pub(super) fallback: bool,
    pub(super) allow_new: bool,
    pub(super) allow_dropped: bool,
    pub(super) allow_empty: bool,
}

impl RestoreOptions {
    /// This revision, and no other.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    /// When the last revision cannot be used, the one before is tried, and so on. The report names what was skipped.
    pub fn fallback(mut self, fallback: bool) -> Self {
        self.fallback = fallback;
        self
    }

    /// Queries without state in the revision start empty.
    pub fn allow_new(mut self, allow: bool) -> Self {
        self.allow_new = allow;
        self
    }

    /// State of queries that the app no longer has is forgotten.
    pub fn allow_dropped(mut self, allow: bool) -> Self {
        self.allow_dropped = allow;
        self
    }

    /// An app that never had a revision starts empty; otherwise that is an error. One whose state has expired had one.
    pub fn allow_empty(mut self, allow: bool) -> Self {
        self.allow_empty = allow;
        self
    }
}

/// What was restored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The revision; `None` when there was none and an empty start was allowed.
    pub revision: Option<Revision>,
    /// When its state was cut.
    pub taken: Option<SystemTime>,
    /// Newer revisions that could not be used, newest first, and why.
    pub skipped: Vec<(Revision, String)>,
    /// From where each named input has to send again.
    pub inputs: Vec<ResumePoint>,
    /// Queries that start empty.
    pub added: Vec<String>,
    /// Queries whose state was forgotten.
    pub dropped: Vec<String>,
    /// In processing time: the clock of the revision is ahead of the machine's, by more than 100 ms.
    pub clock_back: Option<ClockBack>,
    /// Named queries whose text changed and that keep their state, as nothing it depends on did.
    pub edited: Vec<String>,
}

/// State that was swapped in.
pub(crate) struct Swapped {
    parts: Parts,
    next_instance: u32,
    differences: Differences,
    inputs: Vec<ResumePoint>,
    clock_back: Option<ClockBack>,
    build: Duration,
    swap: Duration,
}

impl Swapped {
    pub(crate) fn report(self, manifest: &Manifest) -> RestoreReport {
        let since = Duration::from_millis(u64::try_from(manifest.created_ms).unwrap_or(0));
        RestoreReport {
            revision: Some(manifest.revision),
            taken: UNIX_EPOCH.checked_add(since),
            skipped: Vec::new(),
            inputs: self.inputs,
            clock_back: self.clock_back,
            added: self.differences.added,
            dropped: self.differences.removed,
            edited: self.differences.edited,
        }
    }
}

/// Builds the state of an app from what was read, and swaps it in.
pub(crate) fn swap_in(
    shared: &Shared,
    schema: &StateSchema,
    read: &Read,
    options: &RestoreOptions,
    tracked: bool,
    rewind: &mut dyn FnMut() -> Result<(), CheckpointError>,
) -> Result<Swapped, CheckpointError> {
    let revision = read.manifest.revision;
    let handlers = shared.handlers.lock().clone();
    let differences = schema.differences(&handlers, &read.manifest.queries);
    differences.check(revision, options.allow_new, options.allow_dropped)?;
    let begun = Instant::now();
    let mut next_instance = 0;
    shared.with_all(|_, core| {
        let ids = core.instances_mut().iter().map(|i| i.id + 1);
        next_instance = ids.max().unwrap_or(0).max(next_instance);
    })?;
    let builder = Builder {
        plan: &shared.plan,
        schema,
        app: &shared.name,
        workers: shared.cells.len(),
        handlers: &handlers,
        next_instance,
    };
    let mut built = builder.build(read)?;
    let numbers = numbers(shared, read);
    let build = begun.elapsed();
    let begun = Instant::now();
    let guard = shared.lock()?;
    if let Some(poison) = shared.poison() {
        return Err(CheckpointError::Poisoned(poison));
    }
    rewind()?;
    let inputs = built
        .inputs
        .iter()
        .cloned()
        .map(ResumePoint::from)
        .collect();
    let clock_back = clock_back(shared, &built.now);
    let old = replace(shared, &guard, &mut built, &numbers, tracked);
    drop(guard);
    let swap = begun.elapsed();
    // The state of before is freed outside the lock.
    drop(old);
    Ok(Swapped {
        parts: built.parts,
        next_instance: built.next_instance,
        differences,
        inputs,
        clock_back,
        build,
        swap,
    })
}

/// Whether the clocks of the workers are ahead of the machine's.
fn clock_back(shared: &Shared, clocks: &[Timestamp]) -> Option<ClockBack> {
    let clock = clocks.iter().max().filter(|_| !shared.event_time)?;
    let ahead = ahead_of(*clock, machine_clock());
    let waits = shared.plan.clock_waits;
    (ahead > CLOCK_BACK_MIN).then_some(ClockBack { ahead, waits })
}

/// The numbers of the last rows, by stream.
fn numbers(shared: &Shared, read: &Read) -> Vec<Vec<(u16, u64)>> {
    let of = |stream: &StreamPlan| {
        let mut all = read.manifest.outputs.iter();
        let known = all.find(|o| o.stream == *stream.name);
        known.map(|o| o.numbers.clone()).unwrap_or_default()
    };
    shared.plan.streams.iter().map(of).collect()
}

/// What a worker had before.
type Old = (Vec<Instance>, Vec<Box<dyn RowHandler>>);

/// Puts what was built in the place of what runs; returns that.
fn replace(
    shared: &Shared,
    guard: &LockGuard<'_>,
    built: &mut Built,
    numbers: &[Vec<(u16, u64)>],
    tracked: bool,
) -> Vec<Old> {
    let unchanged = &built.unchanged;
    let new = built.instances.drain(..).zip(built.handlers.drain(..));
    let replace = |(cell, (instances, handlers)): (&BarrierCell<Core>, Old)| {
        cell.with_locked(guard, |core| {
            let old = (
                core.replace_instances(instances),
                core.replace_handlers(handlers),
            );
            core.outputs.set_numbers(numbers);
            if tracked {
                core.track(&|id| unchanged.contains(&id));
            } else {
                core.untrack();
            }
            old
        })
    };
    let old = shared.cells.iter().zip(new).map(replace).collect();
    let now = &built.now;
    shared.restore_inputs(guard, std::mem::take(&mut built.inputs), |worker| {
        now[worker]
    });
    old
}

impl Inner {
    /// Restores a revision of the store.
    pub(crate) fn restore(
        &self,
        options: &RestoreOptions,
    ) -> Result<RestoreReport, CheckpointError> {
        if self.shared.is_inside() {
            return Err(CheckpointError::InsideCallback);
        }
        let mut head = self.head_for_restore();
        let store: &dyn PersistenceStore = &*self.store;
        // Outputs go back: another process may be writing them.
        if !self.outputs.lock().is_empty() {
            self.claim(&mut head)?;
        }
        let mut candidates = revisions(store, &self.app)?;
        let newest = candidates.last().map(|(revision, _)| *revision);
        head.restored = (head.claimed == Claimed::No).then_some(newest);
        // Since it was claimed the store may no longer tell.
        if let Some(expired) = head.expired.as_ref().filter(|_| candidates.is_empty()) {
            return Err(expired.clone().into());
        }
        if let Some(wanted) = options.revision {
            candidates.retain(|(revision, _)| *revision == wanted);
            if candidates.is_empty() {
                // A store of whole revisions lists only the last one.
                candidates.push((wanted, None));
            }
        }
        if candidates.is_empty() {
            if options.allow_empty {
                return Ok(self.nothing());
            }
            return Err(CheckpointError::Nothing {
                app: self.app.clone(),
                store: store.describe(),
            });
        }
        let mut skipped = Vec::new();
        for (revision, digest) in candidates.into_iter().rev() {
            let begun = Instant::now();
            let outcome = read(store, &self.app, revision, digest);
            self.metrics.lock().restore_read.add(begun.elapsed());
            match outcome.and_then(|read| self.go_on(&mut head, &read, options)) {
                Ok(report) => return Ok(RestoreReport { skipped, ..report }),
                // Older revisions are of the same text or an older one: trying them would hide the reason.
                Err(error @ CheckpointError::Damaged { .. }) if options.fallback => {
                    skipped.push((revision, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Err(CheckpointError::NoneUsable {
            app: self.app.clone(),
            skipped,
        })
    }

    /// Waits until no checkpoint is under way. Where this thread holds the barrier, which a checkpoint needs, the
    /// checkpoint is told to give up.
    fn head_for_restore(&self) -> MutexGuard<'_, Head> {
        if !self.shared.is_locked_here() {
            return self.head.lock();
        }
        self.urgent.fetch_add(1, Ordering::SeqCst);
        let head = self.head.lock();
        self.urgent.fetch_sub(1, Ordering::SeqCst);
        head
    }

    fn nothing(&self) -> RestoreReport {
        RestoreReport {
            revision: None,
            taken: None,
            skipped: Vec::new(),
            inputs: Vec::new(),
            clock_back: None,
            added: Vec::new(),
            dropped: Vec::new(),
            edited: Vec::new(),
        }
    }

    /// Restores what was read.
    pub(super) fn go_on(
        &self,
        head: &mut Head,
        read: &Read,
        options: &RestoreOptions,
    ) -> Result<RestoreReport, CheckpointError> {
        let outputs = self.outputs.lock().clone();
        let mut rewind = || {
            for (name, output) in &outputs {
                let known = read.manifest.positions.iter().find(|(n, _)| n == name);
                let position = known.map(|(_, position)| position.as_slice());
                output
                    .rewind(position)
                    .map_err(|reason| CheckpointError::Output {
                        name: name.clone(),
                        reason,
                    })?;
            }
            Ok(())
        };
        let mut swapped = swap_in(&self.shared, &self.schema, read, options, true, &mut rewind)?;
        let revision = read.manifest.revision;
        let parts = std::mem::take(&mut swapped.parts);
        head.parts = if read.incremental {
            parts
        } else {
            Parts::default()
        };
        head.whole = !read.incremental;
        head.unsettled = None;
        head.small.clear();
        head.epoch = head.epoch.max(revision.epoch);
        self.next_instance
            .store(swapped.next_instance, Ordering::Relaxed);
        let mut metrics = self.metrics.lock();
        metrics.restore_build.add(swapped.build);
        metrics.restore_swap.add(swapped.swap);
        Ok(swapped.report(&read.manifest))
    }

    /// Restores what did not come from the store; the next checkpoint is whole.
    pub(in crate::runtime::checkpointing) fn restore_read(
        &self,
        read: &Read,
        options: &RestoreOptions,
    ) -> Result<RestoreReport, CheckpointError> {
        self.go_on(&mut self.head_for_restore(), read, options)
    }

    pub(crate) fn revisions(&self) -> Result<Vec<Revision>, CheckpointError> {
        let all = revisions(&*self.store, &self.app)?;
        Ok(all.into_iter().map(|(revision, _)| revision).collect())
    }

    /// Deletes all revisions.
    pub(crate) fn clear(&self) -> Result<(), CheckpointError> {
        if self.shared.is_inside() {
            return Err(CheckpointError::InsideCallback);
        }
        let mut head = self.head.lock();
        head.doubt();
        self.store.clear_all_revisions(&self.app)?;
        head.parts = Parts::default();
        head.parent = None;
        head.kept.clear();
        head.leftovers.clear();
        head.expired = None;
        head.whole = true;
        Ok(())
    }

    /// The head as one blob.
    pub(crate) fn export(&self) -> Result<Vec<u8>, CheckpointError> {
        let _head = self.head.lock();
        let store = &*self.store;
        let last = revisions(store, &self.app)?.pop();
        let (revision, digest) = last.ok_or_else(|| CheckpointError::Nothing {
            app: self.app.clone(),
            store: store.describe(),
        })?;
        export(store, &self.app, revision, digest)
    }
}
