//! Standard output and standard error of a command.
//!
//! `println!` panics when a log's disk is full, and a service that only says hello does not start then. What standard
//! error does not take is gone; what standard output does not take makes the command fail at its end.

use clap::builder::styling::{AnsiColor, Style};
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why something is missing on standard output.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes a line to standard error, as well as that goes.
pub fn say(line: fmt::Arguments<'_>) {
    // One write: lines of several threads do not mix.
    let text = painted(&format!("{line}\n"));
    // Takes the colours out again unless standard error is a terminal that may have them.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// What begins a line and has a colour.
const PAINTED: [(&str, Style); 3] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("eventflux:", AnsiColor::Red.on_default().bold()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
];
/// The place in an excerpt of an app.
const PLACE: Style = AnsiColor::Red.on_default().bold();
/// What to do.
const REMEDY: Style = AnsiColor::Green.on_default().bold();

/// The same with colours.
fn painted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for line in text.split_inclusive('\n') {
        let begins = PAINTED.iter().find(|(word, _)| line.starts_with(word));
        let (before, word, style) = match begins {
            Some((word, style)) => (0, word.len(), *style),
            None => match excerpted(line) {
                Some(found) => found,
                None => {
                    out.push_str(line);
                    continue;
                }
            },
        };
        let (head, rest) = line.split_at(before);
        let (word, rest) = rest.split_at(word);
        out.push_str(&format!("{head}{style}{word}{style:#}{rest}"));
    }
    out
}

/// What has a colour below an excerpt of an app: how many bytes stand before it, and how many it has.
fn excerpted(line: &str) -> Option<(usize, usize, Style)> {
    let rest = line.trim_start_matches(' ');
    let before = line.len() - rest.len();
    if let Some(help) = rest.strip_prefix("= ").filter(|r| r.starts_with("help:")) {
        return Some((line.len() - help.len(), "help:".len(), REMEDY));
    }
    let marks = rest.strip_prefix('|')?.trim_end();
    let place = marks.trim_start_matches(' ');
    let is_place = !place.is_empty() && place.bytes().all(|b| b == b'^') && before > 0;
    let at = before + 1 + (marks.len() - place.len());
    is_place.then_some((at, place.len(), PLACE))
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
