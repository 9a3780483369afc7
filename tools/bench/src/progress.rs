//! What is told on standard error while a question is answered, so that whoever waits sees that it goes on.
//!
//! How: loops of questions say how far they are; a line is written where none was for a while, so that quick questions
//! write none.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From one line to the next.
const PAUSE: Duration = Duration::from_secs(5);

/// When the last line was written, or the question at hand began.
static TOLD: Mutex<Option<Instant>> = Mutex::new(None);

/// A question begins.
pub fn begin() {
    *TOLD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// The question at hand has done so many of all its passes, or of other things.
pub fn step(what: &str, done: usize, of: usize) {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(last) = *told
        && last.elapsed() >= PAUSE
    {
        // What standard error does not take is gone.
        let _ = writeln!(std::io::stderr(), "    {what} {done} of {of} done");
        *told = Some(Instant::now());
    }
}
