//! Standard output and standard error of a command.
//!
//! `println!` panics when a log's disk is full, and a service that only says hello does not start then. What standard
//! error does not take is gone; what standard output does not take makes the command fail at its end.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why something is missing on standard output.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes a line to standard error, as well as that goes.
pub fn say(line: fmt::Arguments<'_>) {
    // One write: lines of several threads do not mix.
    let text = format!("{line}\n");
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a line to standard output.
pub fn show(line: fmt::Arguments<'_>) {
    let text = format!("{line}\n");
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has seen enough.
        Err(e) if e.kind() != ErrorKind::BrokenPipe => drop(LOST.set(e.to_string())),
        _ => {}
    }
}

/// Why something is missing on standard output, if so.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// As `eprintln!`, which panics where this does not.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::console::say(format_args!($($text)*)) };
}

/// As `println!`, which panics where this makes the command fail.
#[macro_export]
macro_rules! show {
    () => { $crate::console::show(format_args!("")) };
    ($($text:tt)*) => { $crate::console::show(format_args!($($text)*)) };
}
