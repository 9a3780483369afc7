//! What all threads and handles of an app have in common: the plan, the barrier and the workers' state behind it, the
//! named inputs, and whether the app runs (`signal`). `inline` is the worker of an app that has no thread of its own,
//! with `turns` for those who take its place; `target` says which workers want the rows of a stream; `resume` cuts and
//! restores the positions of all inputs. The room names what workers own and never who sends, who takes checkpoints or
//! who made the app: they name it.

mod inline;
mod resume;
mod signal;
pub(crate) mod target;
pub(crate) mod turns;

use super::barrier::{EnterGuard, LOCK_WAIT, LockError, LockGuard, ThreadBarrier, WorkerSlot};
use crate::error::{Poison, RuntimeError, SendError};
use crate::event::Batch;
use crate::plan::Plan;
use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::barrier::muster::Muster;
use crate::runtime::config::{EventFluxAppContext, RuntimeConfig};
use crate::runtime::lane::park::Waker;
use crate::runtime::position::named::NamedInput;
use crate::runtime::worker::core::capture::{CoreCut, CutOrder};
use crate::runtime::worker::core::{Core, Way};
use crate::runtime::worker::handler::HandlerKind;
use crate::runtime::worker::instance::{Instance, initial_instances};
pub(crate) use inline::{Inline, Sent};
use parking_lot::Mutex;
use signal::{Life, Signal};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use target::{Target, targets, templates};

thread_local! {
    /// Address of the app whose worker this thread is; 0 for none.
    static APP: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The shared part of an app.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) name: String,
    pub(crate) config: RuntimeConfig,
    pub(crate) event_time: bool,
    pub(crate) context: Arc<EventFluxAppContext>,
    barrier: Arc<ThreadBarrier>,
    pub(crate) cells: Vec<BarrierCell<Core>>,
    /// The cut that the workers are asked for.
    pub(crate) cuts: Muster<CutOrder, CoreCut>,
    pub(crate) inline: Option<Inline>,
    pub(crate) wakers: Vec<Waker>,
    /// Everything that a send looks at, in one word.
    signal: Signal,
    poison: Mutex<Option<Poison>>,
    /// By stream.
    pub(crate) targets: Vec<Vec<Target>>,
    /// By stream: an empty batch with its columns.
    pub(crate) templates: Vec<Batch>,
    next_input: AtomicU64,
    /// Named inputs that are or were open, or that a restore has brought.
    pub(crate) named: Mutex<Vec<Arc<NamedInput>>>,
    pub(crate) dropped: AtomicU64,
    /// Rows that were further ahead of their input than the app allows.
    pub(crate) ahead_rows: AtomicU64,
    /// Rows with times that were not used.
    pub(crate) unused_times: AtomicU64,
    /// Handlers of the user, by place.
    pub(crate) handlers: Mutex<Vec<HandlerKind>>,
}

impl Shared {
    /// An app that does not run yet, and the slots of its workers.
    pub(crate) fn new(
        plan: Plan,
        name: String,
        config: RuntimeConfig,
        inline: bool,
    ) -> (Self, Vec<WorkerSlot>) {
        let workers = config.worker_count();
        let event_time = config.event_time.unwrap_or(plan.event_time);
        let context = config.context.clone().unwrap_or_default();
        let barrier = context.use_barrier();
        let mut slots: Vec<WorkerSlot> = (0..workers)
            .map(|w| barrier.worker_slot(w as u16))
            .collect();
        let mut instances: Vec<Vec<Instance>> = (0..workers).map(|_| Vec::new()).collect();
        for (worker, instance) in initial_instances(&plan, &name, workers) {
            instances[worker].push(instance);
        }
        let way = Way {
            event_time,
            is_ordered: config.ordered_outputs,
            rows_singly_max: config.rows_singly_max,
        };
        let core = |(worker, instances)| Core::new(&plan, worker, instances, way);
        let cells = slots
            .iter()
            .zip(instances.into_iter().enumerate())
            .map(|(slot, instances)| BarrierCell::new(slot, core(instances)))
            .collect();
        let inline = inline.then(|| Inline::new(slots.remove(0)));
        let shared = Shared {
            targets: targets(&plan, workers),
            templates: templates(&plan),
            cuts: barrier.muster(workers),
            plan,
            name,
            config,
            event_time,
            context,
            barrier,
            cells,
            inline,
            wakers: Vec::new(),
            signal: Signal::new(),
            poison: Mutex::new(None),
            next_input: AtomicU64::new(0),
            named: Mutex::default(),
            dropped: AtomicU64::new(0),
            ahead_rows: AtomicU64::new(0),
            unused_times: AtomicU64::new(0),
            handlers: Mutex::default(),
        };
        (shared, slots)
    }

    pub(crate) fn next_input(&self) -> u64 {
        self.next_input.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts rows whose times are not used, as the app's clock is the machine's.
    pub(crate) fn times_unused(&self, rows: usize) {
        self.unused_times.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Errors: the app was started before.
    pub(crate) fn set_running(&self) -> Result<(), RuntimeError> {
        let started = self.signal.start();
        started.then_some(()).ok_or(RuntimeError::AlreadyStarted)
    }

    pub(crate) fn set_stopped(&self) {
        self.refuse();
        if let Some(inline) = &self.inline {
            inline.wake_timer_thread();
        }
    }

    /// This thread is a worker of the app from now on.
    pub(crate) fn set_worker_thread(&self) {
        APP.with(|a| a.set(std::ptr::from_ref(self) as usize));
    }

    /// Whether this thread is a worker of the app: then it must not wait for room in a lane.
    pub(crate) fn is_worker_thread(&self) -> bool {
        APP.with(|a| a.get()) == std::ptr::from_ref(self) as usize
    }

    /// Whether this thread is at work for the app, in a callback.
    pub(crate) fn is_inside(&self) -> bool {
        self.is_worker_thread() || self.inline.as_ref().is_some_and(Inline::is_inside)
    }

    /// Takes no more rows. Locks nothing: it may be called inside a worker's step.
    pub(crate) fn refuse(&self) {
        self.signal.stop();
        self.wakers.iter().for_each(Waker::wake);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.signal.is_stopped()
    }

    /// Whether rows are taken now; returns how often the app was restored.
    #[inline]
    pub(crate) fn check(&self) -> Result<u32, SendError> {
        self.signal.takes_rows().ok_or_else(|| self.why_not())
    }

    /// Whether rows of a send that has begun are still taken.
    pub(crate) fn check_begun(&self) -> Result<(), SendError> {
        match self.signal.takes_rest() {
            true => Ok(()),
            false => Err(self.why_not()),
        }
    }

    /// Takes no rows until further notice, or takes them again.
    pub(crate) fn set_suspended(&self, suspended: bool) {
        self.signal.set_suspended(suspended);
    }

    /// Whether the app was started and has not been stopped.
    pub(crate) fn is_running(&self) -> bool {
        self.signal.is_running()
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.signal.is_poisoned()
    }

    #[cold]
    fn why_not(&self) -> SendError {
        let life = self.signal.life();
        match (self.poison(), life) {
            (Some(poison), _) => SendError::Poisoned(poison),
            (None, Life::Created) => SendError::NotStarted,
            (None, Life::Running) => SendError::Suspended,
            (None, Life::Stopped) => SendError::Stopped,
        }
    }

    /// The app was restored once more: inputs hear of it with their next send.
    fn rewound(&self) {
        self.signal.rewound();
    }

    /// How often the app was restored.
    pub(crate) fn rewinds(&self) -> u32 {
        self.signal.rewinds()
    }

    pub(crate) fn poison(&self) -> Option<Poison> {
        self.poison.lock().clone()
    }

    /// Remembers the first panic.
    pub(crate) fn set_poison(&self, worker: usize, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().map(|s| s.to_string());
        let message = text
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        // Cuts nothing: this worker's state is half changed.
        let guard = self.barrier.lock_for(LOCK_WAIT);
        let at_work = guard.ok().map(|guard| {
            self.cells[worker].with_locked(&guard, |core| {
                (core.current_query(), core.outputs.calling())
            })
        });
        let (query, stream) = at_work.unzip();
        let query = query.and_then(|q| self.plan.queries.get(q));
        let stream = stream.flatten().and_then(|s| self.plan.streams.get(s));
        self.poison.lock().get_or_insert(Poison {
            worker,
            query: query.map_or_else(String::new, |q| q.name.clone()),
            message,
            callback: stream.map(|s| s.name.to_string()),
            inline: self.inline.is_some(),
        });
        self.signal.set_poisoned();
    }

    /// Owns all workers' state while the guard lives.
    pub(crate) fn lock(&self) -> Result<LockGuard<'_>, LockError> {
        self.lock_unless(&|| false)
    }

    /// As [`Shared::lock`], giving up as soon as the closure says so. A cut that workers were asked for is done first:
    /// what the owner of the lock changes comes behind it on all of them.
    pub(crate) fn lock_unless(
        &self,
        give_up: &dyn Fn() -> bool,
    ) -> Result<LockGuard<'_>, LockError> {
        let guard = self.barrier.lock_unless(LOCK_WAIT, give_up)?;
        self.cuts.answer_for_all(&guard, |worker, order| {
            let cell = &self.cells[worker];
            let cut = |core: &mut Core| core.cut(order);
            (!cell.is_torn(&guard)).then(|| cell.with_locked(&guard, cut))
        });
        Ok(guard)
    }

    /// Cuts a worker's share of a checkpoint, where it is asked for that.
    #[inline]
    pub(crate) fn cut_if_asked(&self, worker: usize, inside: &EnterGuard<'_>, core: &mut Core) {
        if self.cuts.is_called(worker) {
            self.cuts.answer(worker, inside, |order| core.cut(order));
        }
    }

    /// Whether this thread owns all workers' state already.
    pub(crate) fn is_locked_here(&self) -> bool {
        self.barrier.is_locked_here()
    }

    /// Works on the state of every worker, with none of them at work.
    pub(crate) fn with_all(&self, mut f: impl FnMut(usize, &mut Core)) -> Result<(), LockError> {
        let guard = self.lock()?;
        for (worker, cell) in self.cells.iter().enumerate() {
            cell.with_locked(&guard, |core| f(worker, core));
        }
        Ok(())
    }
}

impl From<LockError> for RuntimeError {
    fn from(error: LockError) -> Self {
        match error.stuck() {
            Some((workers, waited_ms)) => RuntimeError::Stuck { workers, waited_ms },
            None => RuntimeError::InsideCallback,
        }
    }
}
