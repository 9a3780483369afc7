//! Whether an app takes rows, in one word: a send loads it once and compares.
//!
//! | bits | name | meaning | changes |
//! |---|---|---|---|
//! | 0, 1 | [`STATE`] | 0 [`CREATED`], 1 [`RUNNING`], 2 [`STOPPED`] | `start`, then `shutdown`; never back |
//! | 2 | [`POISONED`] | a worker panicked | once; never back |
//! | 3 | [`SUSPENDED`] | no rows are taken for now | by checkpoints that fail, and back by the next that succeeds |
//! | 4 to 7 | | none | |
//! | 8 to 63 | above [`REWINDS_SHIFT`] | how often the app was restored | once more with each restore, at its end |
//!
//! Every change is one atomic operation on the whole word, so none of them undoes another. A send that is under way
//! may not see a change: nothing else is guarded by the word. What must not be missed is read in the order of `SeqCst`:
//! a worker that sees the stop before a step finds in that step all that was sent before it.

use std::sync::atomic::{AtomicU64, Ordering};

const STATE: u64 = 0b11;
const CREATED: u64 = 0;
const RUNNING: u64 = 1;
const STOPPED: u64 = 2;
const POISONED: u64 = 0b100;
const SUSPENDED: u64 = 0b1000;
const REWINDS_SHIFT: u32 = 8;

/// How far an app has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Created,
    Running,
    Stopped,
}

/// The word of an app.
pub(super) struct Signal(AtomicU64);

impl Signal {
    /// Of an app that does not run yet.
    pub(super) fn new() -> Self {
        Signal(AtomicU64::new(CREATED))
    }

    /// Created → running. Returns false where it was started before.
    pub(super) fn start(&self) -> bool {
        self.set_state(Some(CREATED), RUNNING)
    }

    /// Stopped from now on, whatever it was.
    pub(super) fn stop(&self) {
        self.set_state(None, STOPPED);
    }

    /// Changes how the app runs. Returns false where it runs in another way than `from`.
    fn set_state(&self, from: Option<u64>, to: u64) -> bool {
        let change = |signal: u64| {
            let fits = from.is_none_or(|from| signal & STATE == from);
            fits.then_some(signal & !STATE | to)
        };
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, change)
            .is_ok()
    }

    pub(super) fn set_poisoned(&self) {
        self.0.fetch_or(POISONED, Ordering::SeqCst);
    }

    pub(super) fn set_suspended(&self, suspended: bool) {
        if suspended {
            self.0.fetch_or(SUSPENDED, Ordering::SeqCst);
        } else {
            self.0.fetch_and(!SUSPENDED, Ordering::SeqCst);
        }
    }

    /// The app was restored once more.
    pub(super) fn rewound(&self) {
        self.0.fetch_add(1 << REWINDS_SHIFT, Ordering::SeqCst);
    }

    /// Where rows are taken, how often the app was restored.
    #[inline]
    pub(super) fn takes_rows(&self) -> Option<u32> {
        let signal = self.0.load(Ordering::Relaxed);
        let takes = signal & (STATE | POISONED | SUSPENDED) == RUNNING;
        takes.then_some((signal >> REWINDS_SHIFT) as u32)
    }

    /// Whether rows of a send that has begun are still taken: it ends, also where the app was suspended meanwhile.
    pub(super) fn takes_rest(&self) -> bool {
        self.0.load(Ordering::Relaxed) & (STATE | POISONED) == RUNNING
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst) & STATE == STOPPED
    }

    /// Whether the app was started and has not been stopped.
    pub(super) fn is_running(&self) -> bool {
        self.0.load(Ordering::SeqCst) & STATE == RUNNING
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.0.load(Ordering::Relaxed) & POISONED != 0
    }

    pub(super) fn life(&self) -> Life {
        match self.0.load(Ordering::Relaxed) & STATE {
            CREATED => Life::Created,
            RUNNING => Life::Running,
            _ => Life::Stopped,
        }
    }

    /// How often the app was restored.
    pub(super) fn rewinds(&self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> REWINDS_SHIFT) as u32
    }
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_change_undoes_another() {
        let signal = Signal::new();
        assert_eq!((signal.life(), signal.takes_rows()), (Life::Created, None));
        assert!(signal.start() && !signal.start());
        signal.rewound();
        signal.set_suspended(true);
        assert_eq!((signal.takes_rows(), signal.takes_rest()), (None, true));
        signal.set_suspended(false);
        assert_eq!(signal.takes_rows(), Some(1));
        signal.set_poisoned();
        assert_eq!((signal.takes_rows(), signal.takes_rest()), (None, false));
        signal.stop();
        assert!(signal.is_stopped() && signal.is_poisoned() && !signal.start());
        assert_eq!((signal.life(), signal.rewinds()), (Life::Stopped, 1));
    }
}
