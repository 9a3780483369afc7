//! Ctrl-C and SIGTERM: the first asks to drain, the second ends at once.

use crate::failure::Failure;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Nothing has begun: there is nothing to drain.
static IDLE: AtomicBool = AtomicBool::new(false);

/// From now on the first signal makes [`is_asked`] true, and a second one ends the process with status 130, as the
/// first one does while the process is said to be idle.
pub fn install() -> Result<(), Failure> {
    let handler = || {
        // In one order with `set_idle`: one of the two sees the other.
        if ASKED.swap(true, Ordering::SeqCst) || IDLE.load(Ordering::SeqCst) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::run(format!("cannot handle signals: {e}")))
}

/// Says whether the process waits for something before it begins. A signal that came before ends it here.
pub fn set_idle(idle: bool) {
    IDLE.store(idle, Ordering::SeqCst);
    if idle && ASKED.load(Ordering::SeqCst) {
        std::process::exit(130);
    }
}

/// Whether somebody asked to stop.
#[inline]
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
