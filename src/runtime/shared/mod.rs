//! What the handles of an app share: plan, barrier, worker state, and whether it runs.

mod resume;
pub(crate) mod target;
pub(crate) mod turns;

use super::barrier::{LOCK_WAIT, LockError, LockGuard, ThreadBarrier, WorkerSlot};
use crate::error::{Poison, RuntimeError, SendError};
use crate::event::{Batch, Timestamp};
use crate::plan::Plan;
use crate::runtime::barrier::cell::BarrierCell;
use crate::runtime::config::EventFluxAppContext;
use crate::runtime::config::RuntimeConfig;
use crate::runtime::lane::park::Waker;
use crate::runtime::lane::stamp::Stamp;
use crate::runtime::position::named::NamedInput;
use crate::runtime::worker::core::Core;
use crate::runtime::worker::handler::HandlerKind;
use crate::runtime::worker::instance::{Instance, initial_instances};
use parking_lot::{Condvar, Mutex};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use target::{Target, likes, targets};
use turns::{Turns, end_turn, token, turns};

/// Rows that callbacks of an inline app may send before they are processed: enough for one output per row of a batch.
const REENTRANT_ROWS_MAX: usize = 10_000;

/// How soon the timer of an inline app looks again at a subscription that is full.
const BLOCKED_WAIT_US: u64 = 1_000;

/// Parts of [`Shared::signal`]: how the app runs, whether it is poisoned or takes no rows for a while, and the count of
/// restores above.
const STATE: u64 = 0b11;
const CREATED: u64 = 0;
const RUNNING: u64 = 1;
const STOPPED: u64 = 2;
const POISONED: u64 = 0b100;
const SUSPENDED: u64 = 0b1000;
const REWINDS_SHIFT: u32 = 8;

thread_local! {
    /// Address of the app whose worker this thread is; 0 for none.
    static APP: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The inline worker's place at the barrier, and what its callbacks have sent.
pub(crate) struct Inline {
    slot: Mutex<Turns<WorkerSlot>>,
    /// Token of the thread inside, 0 for none.
    owner: AtomicU64,
    sent: Mutex<Vec<(u64, Sent)>>,
    /// Whether `sent` may hold something: spares the lock.
    has_sent: AtomicBool,
    /// The timer thread sleeps on this.
    timer: Condvar,
    /// Time at which it wakes up, `i64::MAX` for never.
    timer_due: AtomicI64,
}

/// What a callback of an inline app does with an input, to be done after the step at hand.
pub(crate) enum Sent {
    /// Rows of a stream; whether they are sent again after a restore.
    Rows(usize, Batch, Stamp, bool),
    Clock(Timestamp, Stamp),
    Close,
}

impl Inline {
    /// Whether this thread is inside the app, in a callback.
    pub(crate) fn is_inside(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == token()
    }
}

/// The shared part of an app.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) name: String,
    pub(crate) config: RuntimeConfig,
    pub(crate) event_time: bool,
    pub(super) context: Arc<EventFluxAppContext>,
    barrier: Arc<ThreadBarrier>,
    pub(crate) cells: Vec<BarrierCell<Core>>,
    pub(crate) inline: Option<Inline>,
    pub(crate) wakers: Vec<Waker>,
    /// Everything that a send looks at, in one word.
    signal: AtomicU64,
    poison: Mutex<Option<Poison>>,
    /// By stream.
    pub(crate) targets: Vec<Vec<Target>>,
    /// By stream: an empty batch with its columns.
    pub(crate) likes: Vec<Batch>,
    next_input: AtomicU64,
    /// Named inputs that are or were open, or that a restore has brought.
    pub(super) named: Mutex<Vec<Arc<NamedInput>>>,
    pub(crate) dropped: AtomicU64,
    /// Rows that were further ahead of their input than the app allows.
    pub(crate) ahead_rows: AtomicU64,
    /// Rows with times that were not used.
    pub(crate) unused_times: AtomicU64,
    /// Handlers of the user, by place.
    pub(super) handlers: Mutex<Vec<HandlerKind>>,
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
        let ordered = config.ordered_outputs;
        let mut instances: Vec<Vec<Instance>> = (0..workers).map(|_| Vec::new()).collect();
        for (worker, instance) in initial_instances(&plan, &name, workers) {
            instances[worker].push(instance);
        }
        let core = |(worker, instances)| Core::new(&plan, worker, instances, event_time, ordered);
        let cells = slots
            .iter()
            .zip(instances.into_iter().enumerate())
            .map(|(slot, instances)| BarrierCell::new(slot, core(instances)))
            .collect();
        let inline = inline.then(|| Inline {
            slot: turns(slots.remove(0)),
            owner: AtomicU64::new(0),
            sent: Mutex::new(Vec::new()),
            has_sent: AtomicBool::new(false),
            timer: Condvar::new(),
            timer_due: AtomicI64::new(i64::MIN),
        });
        let shared = Shared {
            targets: targets(&plan, workers),
            likes: likes(&plan),
            plan,
            name,
            config,
            event_time,
            context,
            barrier,
            cells,
            inline,
            wakers: Vec::new(),
            signal: AtomicU64::new(CREATED),
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

    /// Changes how the app runs. Answers false where it runs in another way than `from`.
    fn set_state(&self, from: Option<u64>, to: u64) -> bool {
        let change = |signal: u64| {
            let fits = from.is_none_or(|from| signal & STATE == from);
            fits.then_some(signal & !STATE | to)
        };
        let changed = self
            .signal
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, change);
        changed.is_ok()
    }

    /// Counts rows whose times are not used, as the app's clock is the machine's.
    pub(crate) fn times_unused(&self, rows: usize) {
        self.unused_times.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Errors: the app was started before.
    pub(crate) fn set_running(&self) -> Result<(), RuntimeError> {
        let was_created = self.set_state(Some(CREATED), RUNNING);
        was_created
            .then_some(())
            .ok_or(RuntimeError::AlreadyStarted)
    }

    pub(crate) fn set_stopped(&self) {
        self.refuse();
        if let Some(inline) = &self.inline {
            let _slot = inline.slot.lock();
            inline.timer.notify_all();
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
        self.set_state(None, STOPPED);
        self.wakers.iter().for_each(Waker::wake);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.signal.load(Ordering::SeqCst) & STATE == STOPPED
    }

    /// Whether rows are taken now; answers how often the app was restored.
    #[inline]
    pub(crate) fn check(&self) -> Result<u32, SendError> {
        let signal = self.signal.load(Ordering::Relaxed);
        if signal & (STATE | POISONED | SUSPENDED) == RUNNING {
            return Ok((signal >> REWINDS_SHIFT) as u32);
        }
        Err(self.why_not())
    }

    /// Whether rows of a send that has begun are still taken.
    pub(crate) fn check_begun(&self) -> Result<(), SendError> {
        let signal = self.signal.load(Ordering::Relaxed);
        if signal & (STATE | POISONED) == RUNNING {
            return Ok(());
        }
        Err(self.why_not())
    }

    /// Takes no rows until further notice, or takes them again.
    pub(crate) fn set_suspended(&self, suspended: bool) {
        if suspended {
            self.signal.fetch_or(SUSPENDED, Ordering::SeqCst);
        } else {
            self.signal.fetch_and(!SUSPENDED, Ordering::SeqCst);
        }
    }

    /// Whether the app was started and has not been stopped.
    pub(crate) fn is_running(&self) -> bool {
        self.signal.load(Ordering::SeqCst) & STATE == RUNNING
    }

    fn is_poisoned(&self) -> bool {
        self.signal.load(Ordering::Relaxed) & POISONED != 0
    }

    #[cold]
    fn why_not(&self) -> SendError {
        let state = self.signal.load(Ordering::Relaxed) & STATE;
        match (self.poison(), state) {
            (Some(poison), _) => SendError::Poisoned(poison),
            (None, CREATED) => SendError::NotStarted,
            (None, RUNNING) => SendError::Suspended,
            (None, _) => SendError::Stopped,
        }
    }

    /// The app was restored once more: inputs hear of it with their next send.
    pub(super) fn rewound(&self) {
        self.signal.fetch_add(1 << REWINDS_SHIFT, Ordering::SeqCst);
    }

    /// How often the app was restored.
    pub(crate) fn rewinds(&self) -> u32 {
        (self.signal.load(Ordering::Relaxed) >> REWINDS_SHIFT) as u32
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
        let query = self
            .lock()
            .ok()
            .map(|guard| self.cells[worker].with_locked(&guard, |core| core.current_query()));
        let query = query
            .and_then(|q| self.plan.queries.get(q))
            .map_or_else(String::new, |q| q.name.clone());
        self.poison.lock().get_or_insert(Poison {
            worker,
            query,
            message,
        });
        self.signal.fetch_or(POISONED, Ordering::SeqCst);
    }

    /// Owns all workers' state while the guard lives.
    pub(crate) fn lock(&self) -> Result<LockGuard<'_>, RuntimeError> {
        self.lock_unless(&|| false)
    }

    /// As [`Shared::lock`], giving up as soon as the closure says so.
    pub(crate) fn lock_unless(
        &self,
        give_up: &dyn Fn() -> bool,
    ) -> Result<LockGuard<'_>, RuntimeError> {
        self.barrier
            .lock_unless(LOCK_WAIT, give_up)
            .map_err(|error| match error {
                LockError::Stuck {
                    workers, waited, ..
                } => RuntimeError::Stuck {
                    workers: workers.into_iter().map(usize::from).collect(),
                    waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                },
                _ => RuntimeError::InsideCallback,
            })
    }

    /// Whether this thread owns all workers' state already.
    pub(crate) fn is_locked_here(&self) -> bool {
        self.barrier.is_locked_here()
    }

    /// Works on the state of every worker, with none of them at work.
    pub(crate) fn with_all(&self, mut f: impl FnMut(usize, &mut Core)) -> Result<(), RuntimeError> {
        let guard = self.lock()?;
        for (worker, cell) in self.cells.iter().enumerate() {
            cell.with_locked(&guard, |core| f(worker, core));
        }
        Ok(())
    }

    /// Works on the state of an inline app as its worker. Answers false when this thread already does: then nothing
    /// was done.
    pub(crate) fn enter_inline(
        &self,
        inline: &Inline,
        f: impl FnOnce(&mut Core),
    ) -> Result<bool, SendError> {
        if inline.is_inside() {
            return Ok(false);
        }
        let slot = inline.slot.lock();
        inline.owner.store(token(), Ordering::Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let guard = slot.value.enter();
            self.cells[0].with_entered(&guard, |core| {
                f(core);
                self.process_sent(inline, core);
                self.wake_timer(inline, core);
            });
        }));
        inline.owner.store(0, Ordering::Relaxed);
        end_turn(slot);
        match outcome {
            Ok(()) => Ok(true),
            Err(payload) => {
                self.set_poison(0, payload.as_ref());
                Err(self.why_not())
            }
        }
    }

    /// Wakes the timer thread where a timer is due before it would wake up.
    #[inline]
    fn wake_timer(&self, inline: &Inline, core: &Core) {
        if !self.event_time
            && core.is_timed()
            && let Some(due) = core.due()
            && due.0 < inline.timer_due.load(Ordering::Relaxed)
        {
            inline.timer.notify_one();
        }
    }

    /// Processes what callbacks have sent meanwhile, row by row in the order of sending.
    fn process_sent(&self, inline: &Inline, core: &mut Core) {
        while inline.has_sent.load(Ordering::Relaxed) {
            inline.has_sent.store(false, Ordering::Relaxed);
            let sent = std::mem::take(&mut *inline.sent.lock());
            for (input, sent) in sent {
                match sent {
                    Sent::Rows(stream, mut batch, stamp, replayed) => {
                        core.send(input, (stream, &mut batch), &stamp, replayed, usize::MAX);
                    }
                    Sent::Clock(clock, stamp) => core.input_clock(input, clock, &stamp),
                    Sent::Close => core.close_input(input),
                }
            }
        }
    }

    /// Queues what a callback of an inline app does with an input.
    pub(crate) fn send_later(
        &self,
        inline: &Inline,
        input: u64,
        more: Sent,
    ) -> Result<(), SendError> {
        let rows = |sent: &Sent| match sent {
            Sent::Rows(_, batch, ..) => batch.len(),
            Sent::Clock(..) => 1,
            Sent::Close => 0,
        };
        let mut sent = inline.sent.lock();
        let queued: usize = sent.iter().map(|(_, s)| rows(s)).sum();
        if rows(&more) > 0 && queued + rows(&more) > REENTRANT_ROWS_MAX {
            return Err(SendError::Full);
        }
        sent.push((input, more));
        inline.has_sent.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Fires what time alone fires in an inline app, until it stops.
    pub(crate) fn run_timer(&self, inline: &Inline) {
        let mut slot = inline.slot.lock();
        while !self.is_stopped() && !self.is_poisoned() {
            inline.owner.store(token(), Ordering::Relaxed);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let guard = slot.value.enter();
                self.cells[0].with_entered(&guard, |core| {
                    if core.is_blocked() {
                        return Some(BLOCKED_WAIT_US);
                    }
                    core.pass_time();
                    self.process_sent(inline, core);
                    let due = core.due().map_or(i64::MAX, |d| d.0);
                    inline.timer_due.store(due, Ordering::Relaxed);
                    core.due_in_us()
                })
            }));
            inline.owner.store(0, Ordering::Relaxed);
            match outcome {
                Ok(Some(us)) => {
                    inline
                        .timer
                        .wait_for(&mut slot, std::time::Duration::from_micros(us));
                }
                Ok(None) => inline.timer.wait(&mut slot),
                Err(payload) => {
                    drop(slot);
                    self.set_poison(0, payload.as_ref());
                    return;
                }
            }
        }
    }
}
