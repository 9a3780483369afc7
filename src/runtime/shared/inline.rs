//! The worker of an app without threads: whoever sends is the worker for as long as the step lasts.

use super::Shared;
use super::turns::{Turns, end_turn, token, turns};
use crate::error::SendError;
use crate::event::{Batch, Timestamp};
use crate::runtime::barrier::WorkerSlot;
use crate::runtime::lane::stamp::Stamp;
use crate::runtime::worker::core::Core;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Rows that callbacks of an inline app may send before they are processed: enough for one output per row of a batch.
const REENTRANT_ROWS_MAX: usize = 10_000;

/// How soon the timer of an inline app looks again at a subscription that is full.
const BLOCKED_WAIT_US: u64 = 1_000;

/// How long whoever holds the barrier's lock waits for the worker's place: one that has left the barrier and is about
/// to give the place up does so within microseconds.
const LOCKED_WAIT: Duration = Duration::from_millis(10);

/// The worker's place while a thread has it.
type Turn<'i> = MutexGuard<'i, Turns<WorkerSlot>>;

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
    /// Rows of a stream; whether they are sent again after a restore, and whether each is a send of its own.
    Rows(usize, Batch, Stamp, (bool, bool)),
    Clock(Timestamp, Stamp),
    Close,
}

impl Inline {
    /// The place of an app's one worker, for whichever thread comes.
    pub(super) fn new(slot: WorkerSlot) -> Self {
        Inline {
            slot: turns(slot),
            owner: AtomicU64::new(0),
            sent: Mutex::new(Vec::new()),
            has_sent: AtomicBool::new(false),
            timer: Condvar::new(),
            timer_due: AtomicI64::new(i64::MIN),
        }
    }

    /// Lets the timer thread look again. The place is locked, so that it is not on its way to sleep.
    pub(super) fn wake_timer_thread(&self) {
        let _slot = self.slot.lock();
        self.timer.notify_all();
    }

    /// Whether this thread is inside the app, in a callback.
    pub(crate) fn is_inside(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == token()
    }
}

impl Shared {
    /// Works on the state of an inline app as its worker. Returns false when this thread already does: then nothing
    /// was done.
    pub(crate) fn enter_inline(
        &self,
        inline: &Inline,
        f: impl FnOnce(&mut Core),
    ) -> Result<bool, SendError> {
        let me = token();
        if inline.owner.load(Ordering::Relaxed) == me {
            return Ok(false);
        }
        let slot = match inline.slot.try_lock() {
            Some(slot) => slot,
            None => self.wait_for_turn(inline)?,
        };
        inline.owner.store(me, Ordering::Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let guard = slot.value.enter();
            self.cells[0].with_entered(&guard, |core| {
                f(core);
                if inline.has_sent.load(Ordering::Relaxed) {
                    self.process_sent(inline, core);
                }
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

    /// Runs rows of an input by `work`; those that a callback sends wait for the end of the step at hand. `stamp`, and
    /// whether they are sent again after a restore and each is a send of its own, are for these.
    #[inline]
    pub(crate) fn run_inline(
        &self,
        inline: &Inline,
        input: u64,
        (stream, batch): (usize, &mut Batch),
        (stamp, how): (Stamp, (bool, bool)),
        work: impl FnOnce(&mut Core, &mut Batch),
    ) -> Result<(), SendError> {
        let mut full = false;
        let rows = &mut *batch;
        let entered = self.enter_inline(inline, |core| {
            full = core.is_blocked();
            if !full {
                work(core, rows);
            }
        })?;
        if !entered {
            let rows = Sent::Rows(stream, batch.clone(), stamp, how);
            return self.send_later(inline, input, rows);
        }
        if full { Err(SendError::Full) } else { Ok(()) }
    }

    /// Waits for the worker's place. Whoever has it may wait at the barrier, and for this thread where that holds the
    /// lock: then neither would ever go on.
    ///
    /// Errors: [`SendError::Locked`].
    #[cold]
    fn wait_for_turn<'i>(&self, inline: &'i Inline) -> Result<Turn<'i>, SendError> {
        match self.is_locked_here() {
            true => inline.slot.try_lock_for(LOCKED_WAIT),
            false => Some(inline.slot.lock()),
        }
        .ok_or(SendError::Locked)
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
    #[inline(never)]
    fn process_sent(&self, inline: &Inline, core: &mut Core) {
        while inline.has_sent.load(Ordering::Relaxed) {
            inline.has_sent.store(false, Ordering::Relaxed);
            let sent = std::mem::take(&mut *inline.sent.lock());
            for (input, sent) in sent {
                match sent {
                    Sent::Rows(stream, mut batch, stamp, how) => {
                        core.send(input, (stream, &mut batch), &stamp, how, usize::MAX);
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
                    inline.timer.wait_for(&mut slot, Duration::from_micros(us));
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
