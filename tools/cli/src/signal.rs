//! Ctrl-C and SIGTERM: the first asks to drain, the second ends at once.

use crate::failure::Failure;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the first signal makes [`is_asked`] true, and a second one ends the process with status 130.
pub fn install() -> Result<(), Failure> {
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::run(format!("cannot handle signals: {e}")))
}

/// Whether somebody asked to stop.
#[inline]
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
