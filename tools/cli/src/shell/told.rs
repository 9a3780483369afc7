//! What is wrong with what was typed, by the lines in which it was typed.

use super::feed::Piece;
use crate::failure::Failure;
use crate::say;
use eventflux::{BuildError, Problem};

/// Where a part of a text that is built comes from.
#[derive(Clone)]
pub struct Origin {
    /// Its first line in the text, and how many it has.
    first: usize,
    lines: usize,
    /// Its line and column in what was typed.
    place: (usize, usize),
}

impl Origin {
    /// Of a piece that begins at this line of the text that is built.
    pub fn new(first: usize, piece: &Piece) -> Self {
        Origin {
            first,
            lines: piece.lines(),
            place: (piece.line, piece.column),
        }
    }

    /// Whether a line of the text comes from there.
    pub fn has(&self, line: usize) -> bool {
        (self.first..self.first + self.lines).contains(&line)
    }
}

/// Why something is not done.
pub enum Wrong {
    /// A text cannot be built; where its lines come from.
    Text(BuildError, Vec<Origin>),
    /// Something else.
    Other(String),
    /// What is told, as it is told.
    Told(String),
    /// A signal: the shell ends.
    Signal,
    /// Nobody reads what it writes: the shell ends.
    Unread,
}

impl Wrong {
    /// Of a command that failed.
    pub fn failed(failure: Failure) -> Self {
        Wrong::Other(failure.to_string())
    }

    /// What is told; `line`: where it was typed, if that is worth telling.
    pub fn text(&self, file: Option<&str>, line: Option<usize>) -> String {
        let name = file.map_or(String::new(), |file| format!("{file}\n"));
        match self {
            Wrong::Text(error, origins) => {
                let problems = error.problems().iter();
                let told: Vec<String> = problems.map(|p| placed(p, origins)).collect();
                name + &told.join("\n\n")
            }
            Wrong::Other(why) => match (file, line) {
                (Some(file), Some(line)) => format!("error: {file}:{line}: {why}"),
                (None, Some(line)) => format!("error: line {line}: {why}"),
                (_, None) => format!("error: {why}"),
            },
            Wrong::Told(told) => told.clone(),
            Wrong::Signal | Wrong::Unread => String::new(),
        }
    }
}

/// A problem by the place where it was typed.
fn placed(problem: &Problem, origins: &[Origin]) -> String {
    let Some(origin) = origins.iter().find(|o| o.has(problem.line)) else {
        return format!("{problem}\n(in the app so far, as .app shows it)");
    };
    let mut typed = problem.clone();
    if problem.line == origin.first {
        typed.column += origin.place.1 - 1;
    }
    typed.line = problem.line - origin.first + origin.place.0;
    typed.to_string()
}

/// Shows what is seldom meant.
pub fn warn(problem: &Problem, origins: &[Origin]) {
    let text = placed(problem, origins);
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    say!("warning: {text}");
}
