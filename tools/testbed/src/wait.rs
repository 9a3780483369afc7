//! Waits for conditions: the one place of the harness that sleeps.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// A timeout's error.
pub(crate) fn late(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("waited in vain for {what}"),
    )
}

/// Asks until `ready` answers true.
///
/// # Panics
/// With `what` when it has not within `limit`.
#[track_caller]
pub fn until(limit: Duration, what: &str, mut ready: impl FnMut() -> bool) {
    let waited = try_until(limit, what, || Ok(ready()));
    assert!(waited.is_ok(), "waited {limit:?} in vain for {what}");
}

/// Asks until `ready` answers true; its errors count as not yet, and the last of them is told at the end.
pub fn try_until(
    limit: Duration,
    what: &str,
    mut ready: impl FnMut() -> io::Result<bool>,
) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        let answer = ready();
        if let Ok(true) = answer {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(match answer {
                Err(e) => late(&format!("{what} ({e})")),
                Ok(_) => late(what),
            });
        }
        thread::sleep(PAUSE);
    }
}
