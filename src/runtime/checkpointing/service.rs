//! The checkpoint thread, and who may ask it for a checkpoint.

mod claim;
mod epoch;
pub(crate) mod restore;

use super::error::CheckpointError;
use super::head::Head;
use super::metrics::CheckpointMetrics;
use super::retire::retire;
use super::schema::StateSchema;
use crate::connector::PositionedOutput;
use crate::runtime::config::{CheckpointConfig, FailurePolicy};
use crate::runtime::shared::Shared;
use crate::store::{PersistenceStore, Repair, Revision, StoreError};
use claim::owner_name;
use parking_lot::{Condvar, Mutex, MutexGuard};
use restore::{RestoreOptions, RestoreReport};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Results kept for callers that have not looked yet.
const RESULTS_MAX: usize = 64;
/// A state lives at least so many intervals.
const INTERVALS_MIN: u32 = 10;

/// Something that happened to a checkpoint, for an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CheckpointEvent {
    /// Another owner has the app's state: it is waited until that claim ends, unless it is renewed.
    Waiting {
        /// Who holds it.
        owner: String,
        /// How long that is at most.
        at_most: Duration,
    },
    /// A record of the store was damaged, and is whole again since this app was claimed: nothing is lost.
    Repaired(Repair),
    /// It is durable.
    Committed(Revision),
    /// It failed; how many did in a row.
    Failed(CheckpointError, u32),
    /// Revisions or chunks could not be deleted; it is tried again.
    RetireFailed(StoreError),
}

thread_local! {
    /// Whether this is a checkpoint thread, or an observer runs: one that asked for a checkpoint would wait for itself.
    static ON_THREAD: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

type Observer = Arc<dyn Fn(&CheckpointEvent) + Send + Sync>;
type Outcome = Result<Revision, CheckpointError>;

#[derive(Default)]
struct Control {
    /// Number of the last request.
    requested: u64,
    /// All requests up to this one are answered.
    answered: u64,
    results: VecDeque<(u64, Outcome)>,
    /// The app shuts down: nobody waits for other owners.
    closing: bool,
    /// The thread is to end, once it has answered what it is at.
    stop: bool,
    /// Nobody will answer any more.
    ended: bool,
}

/// What the service's handles and its thread share.
pub(crate) struct Inner {
    pub(super) shared: Arc<Shared>,
    pub(super) app: String,
    /// Name of this runtime where it claims something.
    pub(super) owner: String,
    pub(super) store: Arc<dyn PersistenceStore>,
    pub(super) config: CheckpointConfig,
    pub(super) schema: StateSchema,
    /// Held while a checkpoint or a restore is under way.
    pub(super) head: Mutex<Head>,
    /// Restores that wait for `head` while their threads hold the barrier, which a checkpoint needs.
    pub(super) urgent: AtomicUsize,
    pub(super) outputs: Mutex<Vec<(String, Arc<dyn PositionedOutput>)>>,
    pub(super) metrics: Mutex<CheckpointMetrics>,
    /// Number that the next new instance gets.
    pub(super) next_instance: AtomicU32,
    durable_at: Mutex<Option<Instant>>,
    control: Mutex<Control>,
    /// A request came, or the end.
    asked: Condvar,
    answered: Condvar,
    closed: Condvar,
    observer: Mutex<Option<Observer>>,
}

/// Takes the checkpoints of one app.
///
/// One thread, `eventflux-checkpoint`, takes all of them: at the interval of [`CheckpointConfig`] and on request. One
/// is under way at a time; requests that come meanwhile share the next one. A worker stops only for its own cut, some
/// microseconds whatever the size of the state.
pub struct SnapshotService {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for SnapshotService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotService")
            .field("app", &self.inner.app)
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

/// A checkpoint that was asked for.
#[derive(Clone)]
pub struct PersistHandle {
    inner: Arc<Inner>,
    ticket: u64,
}

impl fmt::Debug for PersistHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersistHandle")
            .field("app", &self.inner.app)
            .field("ended", &self.poll())
            .finish_non_exhaustive()
    }
}

impl PersistHandle {
    /// Waits until the checkpoint is durable, or has failed.
    ///
    /// Errors: why; nothing of it took effect.
    pub fn wait(&self) -> Result<Revision, CheckpointError> {
        let mut control = self.inner.control.lock();
        while control.answered < self.ticket && !control.ended {
            self.inner.answered.wait(&mut control);
        }
        outcome(&control, self.ticket).unwrap_or(Err(CheckpointError::Stopped))
    }

    /// How it went, if it has ended.
    pub fn poll(&self) -> Option<Result<Revision, CheckpointError>> {
        outcome(&self.inner.control.lock(), self.ticket)
    }
}

/// Ends the service with its thread, whatever ends that: an observer or an output may panic, and nobody may wait for
/// ever.
struct Ended<'a>(&'a Inner);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// While an observer runs; holds what was known of its thread before.
struct Telling(bool);

impl Drop for Telling {
    fn drop(&mut self) {
        ON_THREAD.with(|on| on.set(self.0));
    }
}

fn outcome(control: &Control, ticket: u64) -> Option<Outcome> {
    let mut results = control.results.iter();
    results
        .find(|(answers, _)| *answers >= ticket)
        .map(|(_, outcome)| outcome.clone())
}

impl SnapshotService {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        store: Arc<dyn PersistenceStore>,
        config: CheckpointConfig,
    ) -> Result<Self, CheckpointError> {
        let mut next_instance = 0;
        shared.with_all(|_, core| {
            core.track(&|_| false);
            for instance in core.instances_mut() {
                next_instance = next_instance.max(instance.id + 1);
            }
        })?;
        let inner = Inner {
            app: shared.name.clone(),
            owner: owner_name(),
            schema: StateSchema::of(shared),
            shared: Arc::clone(shared),
            store,
            config,
            head: Mutex::new(Head::new()),
            urgent: AtomicUsize::new(0),
            outputs: Mutex::default(),
            metrics: Mutex::default(),
            next_instance: AtomicU32::new(next_instance),
            durable_at: Mutex::default(),
            control: Mutex::default(),
            asked: Condvar::new(),
            answered: Condvar::new(),
            closed: Condvar::new(),
            observer: Mutex::default(),
        };
        Ok(SnapshotService {
            inner: Arc::new(inner),
            thread: Mutex::default(),
        })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Claims the app's state and begins to take checkpoints at the interval.
    pub(crate) fn start(&self) -> Result<(), CheckpointError> {
        self.claim()?;
        self.run();
        Ok(())
    }

    /// Claims the app's state, unless that was done: `start` does it, too, and a restore by which outputs go back. Who
    /// holds the claim knows that no other process writes what belongs to the state, an output for example. It ends
    /// with the app.
    ///
    /// A claim that ends by itself is waited for, and the observer told of it; see [`CheckpointConfig::takeover`].
    ///
    /// Errors: [`StoreError::Locked`] while another process holds it; [`CheckpointError::ShortLived`].
    pub fn claim(&self) -> Result<(), CheckpointError> {
        let inner = &self.inner;
        inner.check_time_to_live()?;
        inner.claim(&mut inner.head.lock())
    }

    /// As [`claim`](SnapshotService::claim), for an app that is to start empty whatever the store holds. Where the
    /// store cannot read what it holds of the app, that is set aside, and the answer says where it is; nothing is
    /// deleted. Otherwise what is there stays, and the next checkpoint is written behind it.
    pub fn claim_anew(&self) -> Result<Option<String>, CheckpointError> {
        let inner = &self.inner;
        inner.check_time_to_live()?;
        let mut head = inner.head.lock();
        let aside = inner.set_aside(&head)?;
        inner.claim(&mut head)?;
        Ok(aside)
    }

    /// Starts the thread, unless it runs.
    fn run(&self) {
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let inner = Arc::clone(&self.inner);
            let spawned = std::thread::Builder::new()
                .name("eventflux-checkpoint".to_string())
                .spawn(move || inner.run());
            // Without a thread every request is answered with `Stopped`.
            match spawned {
                Ok(handle) => *thread = Some(handle),
                Err(_) => self.inner.end(),
            }
        }
    }

    /// Takes a checkpoint of all rows processed before, and waits until it is durable.
    ///
    /// When nothing has changed since the last one, the answer is that one. Cost: workers pause for some microseconds.
    /// Errors: [`CheckpointError`]; nothing of it took effect, and what changed is part of the next one.
    pub fn persist(&self) -> Result<Revision, CheckpointError> {
        self.persist_async()?.wait()
    }

    /// Asks for a checkpoint.
    pub fn persist_async(&self) -> Result<PersistHandle, CheckpointError> {
        if self.inner.shared.is_inside() || ON_THREAD.with(std::cell::Cell::get) {
            return Err(CheckpointError::InsideCallback);
        }
        self.run();
        Ok(self.inner.request())
    }

    /// Goes on from a revision of the store, as
    /// [`EventFluxAppRuntime::restore_revision`](crate::EventFluxAppRuntime::restore_revision) does.
    ///
    /// The caller may hold the app's barrier, and then no row is processed before it unlocks. A checkpoint that is
    /// under way is given up for it.
    pub fn restore_revision(&self, revision: &Revision) -> Result<RestoreReport, CheckpointError> {
        let options = RestoreOptions::default().revision(*revision);
        self.inner.restore(&options)
    }

    /// What checkpoints and restores did so far.
    pub fn metrics(&self) -> CheckpointMetrics {
        let mut metrics = self.inner.metrics.lock().clone();
        metrics.durable_age = self.inner.durable_at.lock().map(|at| at.elapsed());
        metrics.store = Some(self.inner.store.health());
        metrics
    }

    /// Tells of checkpoints as they end, of waiting for another owner, and of repairs. The observer runs on the
    /// checkpoint thread, or on the one that claims: it delays the next checkpoint, and cannot ask for one itself.
    pub fn observe(&self, observer: impl Fn(&CheckpointEvent) + Send + Sync + 'static) {
        *self.inner.observer.lock() = Some(Arc::new(observer));
    }

    /// Makes the position of an output part of every checkpoint from now on. An output of the same name is replaced.
    pub fn add_output(&self, name: &str, output: Arc<dyn PositionedOutput>) {
        let mut outputs = self.inner.outputs.lock();
        outputs.retain(|(known, _)| known != name);
        outputs.push((name.to_string(), output));
    }

    /// Ends the thread, after a last checkpoint where the configuration asks for one. Workers have ended.
    pub(crate) fn stop(&self) -> Result<(), CheckpointError> {
        let inner = &self.inner;
        inner.control.lock().closing = true;
        inner.closed.notify_all();
        let mut last = Ok(());
        if inner.config.on_shutdown
            && inner.shared.poison().is_none()
            && self.thread.lock().is_some()
        {
            last = inner.request().wait().map(drop);
        }
        inner.control.lock().stop = true;
        inner.asked.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // The thread catches nothing and has no reason to panic; if it did, its message was printed.
            let _ = thread.join();
        }
        inner.end();
        inner.release();
        last
    }
}

impl Inner {
    fn request(self: &Arc<Self>) -> PersistHandle {
        let mut control = self.control.lock();
        control.requested += 1;
        self.asked.notify_one();
        PersistHandle {
            inner: Arc::clone(self),
            ticket: control.requested,
        }
    }

    fn end(&self) {
        let mut control = self.control.lock();
        (control.stop, control.ended) = (true, true);
        self.asked.notify_all();
        self.answered.notify_all();
    }

    /// Lets some time pass, unless the app shuts down.
    pub(super) fn pause(&self, time: Duration) -> Result<(), CheckpointError> {
        let until = Instant::now() + time;
        let mut control = self.control.lock();
        while !control.closing {
            if self.closed.wait_until(&mut control, until).timed_out() {
                return Ok(());
            }
        }
        Err(CheckpointError::Stopped)
    }

    /// A state must outlive some checkpoints that fail, or an app that is down for a moment.
    fn check_time_to_live(&self) -> Result<(), CheckpointError> {
        match (self.store.time_to_live(), self.config.interval) {
            (Some(time_to_live), Some(interval))
                if time_to_live < interval.saturating_mul(INTERVALS_MIN) =>
            {
                Err(CheckpointError::ShortLived {
                    time_to_live,
                    interval,
                })
            }
            _ => Ok(()),
        }
    }

    fn release(&self) {
        let mut head = self.head.lock();
        if let super::head::Claimed::Chunks(generation) = head.claimed {
            // A claim that is not given up is given up by the end of the process.
            let _ = self.store.release(&self.app, generation);
        }
        head.claimed = super::head::Claimed::No;
    }

    fn run(&self) {
        ON_THREAD.with(|on| on.set(true));
        let _ended = Ended(self);
        // An interval beyond the end of time is none.
        let interval = self.config.interval;
        let mut due = interval.and_then(|interval| Instant::now().checked_add(interval));
        while let Some(ticket) = self.next(&mut due) {
            let outcome = self.checkpoint();
            let mut control = self.control.lock();
            control.answered = control.answered.max(ticket);
            control.results.push_back((ticket, outcome));
            if control.results.len() > RESULTS_MAX {
                control.results.pop_front();
            }
            self.answered.notify_all();
        }
    }

    /// Waits for a request or the interval; returns the last request that a checkpoint begun now answers.
    fn next(&self, due: &mut Option<Instant>) -> Option<u64> {
        let mut control = self.control.lock();
        loop {
            if control.stop {
                return None;
            }
            let now = Instant::now();
            if let (Some(at), Some(interval)) = (*due, self.config.interval)
                && at <= now
            {
                let late = now - at;
                let missed = (late.as_nanos() / interval.as_nanos().max(1)) as u64;
                self.metrics.lock().skipped += missed;
                let passed = interval.saturating_mul((missed as u32).saturating_add(1));
                *due = at.checked_add(passed);
                // An app that has not started, or has stopped, has nothing that time alone should save.
                if self.shared.is_running() {
                    return Some(control.requested);
                }
                continue;
            }
            if control.requested > control.answered {
                return Some(control.requested);
            }
            match *due {
                Some(at) => {
                    self.asked.wait_for(&mut control, at - now);
                }
                None => self.asked.wait(&mut control),
            }
        }
    }

    /// Takes a checkpoint, and sees to what follows from how it went.
    fn checkpoint(&self) -> Outcome {
        let mut head = self.head.lock();
        let outcome = self.epoch(&mut head);
        match &outcome {
            Ok(_) => {
                self.metrics.lock().failures_in_a_row = 0;
                self.shared.set_suspended(false);
            }
            // The store is well, and so are the workers.
            Err(CheckpointError::Interrupted { .. }) => self.count_failure("interrupted"),
            Err(error) => self.failed(error),
        }
        // One epoch may follow another at once: who waits for the head, to restore, has it first.
        MutexGuard::unlock_fair(head);
        let event = match &outcome {
            Ok(revision) => CheckpointEvent::Committed(*revision),
            Err(error) => {
                let failures = self.metrics.lock().failures_in_a_row;
                CheckpointEvent::Failed(error.clone(), failures)
            }
        };
        self.tell(&event);
        outcome
    }

    fn count_failure(&self, reason: &'static str) {
        let mut metrics = self.metrics.lock();
        *metrics.failed.entry(reason).or_default() += 1;
    }

    fn failed(&self, error: &CheckpointError) {
        self.count_failure(error.reason());
        let failures = {
            let mut metrics = self.metrics.lock();
            metrics.failures_in_a_row += 1;
            metrics.failures_in_a_row
        };
        // Another owner's state must not be mixed with ours: whatever the policy is, no more rows.
        let fenced = matches!(error, CheckpointError::Store(StoreError::Fenced { .. }));
        if fenced {
            self.shared.set_suspended(true);
        }
        if failures >= self.config.failures_max {
            match self.config.on_failure {
                FailurePolicy::Continue => {}
                FailurePolicy::StopInputs => self.shared.set_suspended(true),
                FailurePolicy::Stop => self.shared.refuse(),
            }
        }
    }

    /// Called by an epoch that was committed.
    pub(super) fn committed(&self, head: &mut Head, revision: Revision, cut_at: Instant) {
        head.expired = None;
        *self.durable_at.lock() = Some(cut_at);
        {
            let mut metrics = self.metrics.lock();
            metrics.committed += 1;
            metrics.total.add(cut_at.elapsed());
            metrics.durable = Some(revision);
        }
        if let super::head::Claimed::Whole(_) = head.claimed {
            head.kept.clear();
            return;
        }
        self.retire(head, self.config.retain);
    }

    /// Deletes what failed epochs have left in the store.
    pub(super) fn sweep(&self, head: &mut Head) {
        self.retire(head, usize::MAX);
    }

    fn retire(&self, head: &mut Head, retain: usize) {
        if let Err(error) = retire(head, &*self.store, &self.app, retain) {
            self.metrics.lock().retire_failures += 1;
            self.tell(&CheckpointEvent::RetireFailed(error));
        }
    }

    pub(super) fn tell(&self, event: &CheckpointEvent) {
        let observer = self.observer.lock().clone();
        if let Some(observer) = observer {
            let _telling = Telling(ON_THREAD.with(|on| on.replace(true)));
            observer(event);
        }
    }
}
