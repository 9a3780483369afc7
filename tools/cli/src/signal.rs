//! Ctrl-C, SIGTERM and SIGHUP: the first asks to drain, the second ends at once. Either way the exit status is 128 and
//! the number of the signal, as a shell has it of a command that a signal ended.

use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// What the handlers write.
#[derive(Default)]
struct State {
    asked: Arc<AtomicBool>,
    /// Nothing has begun: there is nothing to drain.
    idle: Arc<AtomicBool>,
    /// Somebody types: there is nothing to drain, but a terminal to set back.
    #[cfg(all(unix, feature = "shell"))]
    typing: AtomicBool,
    /// The signal that asked.
    signal: Arc<AtomicUsize>,
}

static STATE: LazyLock<State> = LazyLock::new(State::default);

/// From now on the first signal makes [`is_asked`] true, and a second one ends the process, as the first one does
/// while the process is said to be idle.
pub fn install() -> Result<(), Failure> {
    let state = &*STATE;
    let handle = |signal: i32| -> io::Result<()> {
        // They run in this order. The last one and `set_idle` are in one order, too: one of the two sees the other.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&state.asked))?;
        flag::register_usize(signal, Arc::clone(&state.signal), signal as usize)?;
        flag::register(signal, Arc::clone(&state.asked))?;
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&state.idle))?;
        Ok(())
    };
    SIGNALS
        .into_iter()
        .try_for_each(handle)
        .map_err(|e| Failure::run(format!("cannot handle signals: {e}")))
}

/// Says whether the process waits for something before it begins. A signal that came before ends it here.
pub fn set_idle(idle: bool) {
    set(&STATE.idle, idle);
}

/// Sets what a signal ends the process by. One that came before ends it here.
fn set(ends: &AtomicBool, on: bool) {
    ends.store(on, Ordering::SeqCst);
    if on && STATE.asked.load(Ordering::SeqCst) {
        std::process::exit(status().into());
    }
}

/// From now on a signal that comes while somebody types ends the process behind this, which sets the terminal back.
#[cfg(all(unix, feature = "shell"))]
pub fn set_back_by(set_back: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new(SIGNALS)?;
    let wait = move || {
        for _ in signals.forever() {
            if STATE.typing.load(Ordering::SeqCst) {
                set_back();
                std::process::exit(status().into());
            }
        }
    };
    let thread = std::thread::Builder::new().name("eventflux-signals".into());
    thread.spawn(wait).map(drop)
}

/// Says whether somebody types. A signal that came before ends the process here.
#[cfg(all(unix, feature = "shell"))]
pub fn set_typing(typing: bool) {
    set(&STATE.typing, typing);
}

/// The same where a terminal need not be set back.
#[cfg(all(not(unix), feature = "shell"))]
pub fn set_typing(typing: bool) {
    set_idle(typing);
}

/// Whether somebody asked to stop.
#[inline]
pub fn is_asked() -> bool {
    STATE.asked.load(Ordering::Relaxed)
}

/// Takes back what Ctrl-C asked for, and answers whether it did: what it was meant for has ended.
#[cfg(feature = "shell")]
pub fn forget_interrupt() -> bool {
    let interrupt = STATE.signal.load(Ordering::SeqCst) == SIGINT as usize;
    interrupt && STATE.asked.swap(false, Ordering::SeqCst)
}

/// The exit status that tells which signal it was.
pub fn status() -> u8 {
    128 + STATE.signal.load(Ordering::SeqCst) as u8
}
