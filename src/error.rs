//! Errors by moment: building an app, sending to it, running it.

use crate::event::{Timestamp, Type};
use crate::sql::ast::Span;
use std::fmt;

/// One thing that is wrong in an app's text, before it is shown: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Fault {
            span,
            message: message.into(),
            remedy: None,
        }
    }

    /// Adds what the reader can do about it.
    pub(crate) fn help(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the known name nearest to the wrong one, or all of them when none is near.
    pub(crate) fn nearest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(wrong, &known) {
            Some(name) => self.help(format!("did you mean '{name}'?")),
            None if known.is_empty() => self,
            None => self.help(format!("known: {}", known.join(", "))),
        }
    }

    /// Adds the names that may be meant of so many that nobody wants to read them all, or where they are listed.
    pub(crate) fn likely<'a>(self, wrong: &str, known: impl Iterator<Item = &'a str>) -> Self {
        match likely(wrong, known).as_slice() {
            [] => self.help("docs/language.md lists the functions and aggregates there are"),
            [name] => self.help(format!("did you mean '{name}'?")),
            [names @ .., last] => self.help(format!(
                "did you mean '{}' or '{last}'?",
                names.join("', '")
            )),
        }
    }
}

/// Up to three names of many that may be meant: those that differ in few edits, or of which one contains the other.
fn likely<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    let rank = |name: &'a str| {
        let lower = name.to_ascii_lowercase();
        let part = |a: &str, b: &str| b.len() > 2 && a.contains(b);
        let is_part = part(&lower, &wrong) || part(&wrong, &lower);
        let edits = edits(&wrong, &lower);
        (is_part || edits <= 1 + wrong.chars().count() / 4).then_some((edits, name))
    };
    let mut near: Vec<(usize, &str)> = known.filter_map(rank).collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(3);
    near.into_iter().map(|(_, name)| name).collect()
}

/// The name of `known` that differs from `wrong` in the fewest edits, if that is near enough to be meant.
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    let best = known
        .iter()
        .map(|k| (edits(&wrong, &k.to_ascii_lowercase()), *k))
        .min_by_key(|(n, _)| *n)?;
    (best.0 <= 1 + wrong.chars().count() / 4).then_some(best.1)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// One problem of an app's text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub remedy: Option<String>,
    /// The line of the text.
    pub text: String,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
}

impl Problem {
    fn new(app: &str, fault: Fault) -> Self {
        let mut start = (fault.span.start as usize).min(app.len());
        while !app.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = app[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = app[start..].find('\n').map_or(app.len(), |i| start + i);
        let mut end = (fault.span.end as usize).clamp(start, line_end);
        while !app.is_char_boundary(end) {
            end -= 1;
        }
        Problem {
            line: app[..start].matches('\n').count() + 1,
            column: app[line_start..start].chars().count() + 1,
            message: fault.message,
            remedy: fault.remedy,
            text: app[line_start..line_end].trim_end().to_string(),
            width: app[start..end].chars().count().max(1),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len();
        writeln!(f, "error: {}", self.message)?;
        writeln!(
            f,
            "{:gutter$}--> line {}, column {}",
            "", self.line, self.column
        )?;
        writeln!(f, "{} | {}", self.line, self.text.replace('\t', " "))?;
        // A width in a format string is at most 65,535.
        let (before, mark) = (" ".repeat(self.column - 1), "^".repeat(self.width));
        write!(f, "{:gutter$} | {before}{mark}", "")?;
        if let Some(remedy) = &self.remedy {
            write!(f, "\n{:gutter$} = help: {remedy}", "")?;
        }
        Ok(())
    }
}

/// An app cannot be built: all problems found, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildError {
    problems: Vec<Problem>,
}

impl BuildError {
    /// The faults of a text. Panics when there is none.
    pub(crate) fn new(app: &str, mut faults: Vec<Fault>) -> Self {
        assert!(!faults.is_empty(), "a build error names at least one fault");
        faults.sort_by_key(|f| f.span.start);
        faults.dedup();
        BuildError {
            problems: faults.into_iter().map(|f| Problem::new(app, f)).collect(),
        }
    }

    /// What is wrong, in the order of the text; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{p}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}

/// Why a row was not accepted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RowError {
    /// The row has another number of values than the stream has attributes.
    Width {
        /// Attributes of the stream.
        expected: usize,
        /// Values of the row.
        found: usize,
    },
    /// A value has a type that does not widen to that of its attribute.
    Mismatch {
        /// Position of the attribute, from 0.
        attribute: usize,
        /// Its type.
        expected: Type,
        /// Type of the value.
        found: Type,
    },
    /// A FLOAT or DOUBLE is NaN or infinite.
    NotFinite {
        /// Position of the attribute, from 0.
        attribute: usize,
    },
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowError::Width { expected, found } => {
                write!(f, "{found} values for {expected} attributes")
            }
            RowError::Mismatch {
                attribute,
                expected,
                found,
            } => {
                write!(
                    f,
                    "value {} is {found}, the attribute is {expected}",
                    attribute + 1
                )
            }
            RowError::NotFinite { attribute } => {
                write!(f, "value {} is not a finite number", attribute + 1)
            }
        }
    }
}

impl std::error::Error for RowError {}

/// A function of this name exists already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a function named '{0}' exists already; register it under another name")]
pub struct NameTaken(pub String);

/// A worker panicked: in an operator, a registered function or a callback. The app processes nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poison {
    /// Number of the worker; 0 for an inline app.
    pub worker: usize,
    /// The query at work.
    pub query: String,
    /// The message of the panic.
    pub message: String,
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Poison {
            worker,
            query,
            message,
        } = self;
        write!(
            f,
            "worker {worker} panicked in {query}: {message}; shut the app down and start it again"
        )
    }
}

/// Why rows were not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The app has no stream of this name that takes rows.
    #[error("no stream '{0}' takes rows; streams are named as in CREATE STREAM")]
    UnknownStream(String),
    /// The row does not fit the stream. Nothing was sent.
    #[error("the row does not fit stream {stream}: {error}")]
    Row {
        /// The stream.
        stream: String,
        /// What does not fit.
        error: RowError,
    },
    /// The app runs in event time and nothing has told the time yet.
    #[error(
        "the app runs in event time and the row has none; use send_at, or advance_clock before"
    )]
    NoTime,
    /// The time lies outside [`Timestamp::RANGE`]. Nothing was sent.
    #[error("the time {0} is out of range; times are at most 9.2e15 ms from 1970")]
    TimeOutOfRange(Timestamp),
    /// A lane or a subscription is full. Nothing was sent; try again later.
    #[error("no room: a lane or a subscription is full; send again later or read the subscription")]
    Full,
    /// The row has not the next number of the input. Nothing was sent.
    #[error("row {expected} of the input comes next, not row {found}; send the rows between first")]
    Gap {
        /// The next number.
        expected: u64,
        /// The number that was sent.
        found: u64,
    },
    /// The app was restored to an earlier state since the last send of this named input. Nothing was sent; rows sent
    /// before and not yet processed are dropped. Answered once: the input counts from the new place now.
    #[error("the app was restored; send again from row {resume_at} on")]
    Rewound {
        /// The next row to send.
        resume_at: u64,
    },
    /// Called from a callback, where it would wait for itself.
    #[error("called from a callback; open an input outside and use it there")]
    InsideCallback,
    /// The app has not been started.
    #[error("the app is not running yet; call start first")]
    NotStarted,
    /// Checkpoints keep failing, or another process has taken the app's state over. Nothing was sent.
    #[error(
        "the app takes no rows: its checkpoints fail; see the metrics of its checkpoints for the reason"
    )]
    Suspended,
    /// The app has shut down.
    #[error("the app has shut down")]
    Stopped,
    /// The app is poisoned by a panic.
    #[error("{0}")]
    Poisoned(Poison),
}

/// A row that was not taken, with the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct TrySendError<R> {
    /// The row.
    pub row: R,
    /// Why it was not taken.
    pub reason: SendError,
}

impl<R> fmt::Display for TrySendError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<R: fmt::Debug> std::error::Error for TrySendError<R> {}

/// Why an app could not be started, changed or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The app has no stream of this name.
    #[error("no stream '{0}'; the app's streams are those it creates and those its queries write")]
    UnknownStream(String),
    /// The app has a handler of this name.
    #[error(
        "the app has a handler '{0}'; give each a name of its own: checkpoints tell them apart by it"
    )]
    HandlerTaken(String),
    /// The app was started before.
    #[error("the app was started before; create a new runtime")]
    AlreadyStarted,
    /// The app has shut down.
    #[error("the app has shut down")]
    Stopped,
    /// Called from a callback, which runs inside a worker's step.
    #[error("called from a callback; call it from another thread")]
    InsideCallback,
    /// A worker did not leave its step in time.
    #[error(
        "workers {workers:?} did not finish a step within {waited_ms} ms; a callback may be blocked"
    )]
    Stuck {
        /// Numbers of the workers.
        workers: Vec<usize>,
        /// How long they were waited for.
        waited_ms: u64,
    },
    /// An input of this name is open.
    #[error("input '{0}' is open; drop that one before, or use another name")]
    InputOpen(String),
    /// A named input loses no row, but the app is configured to drop rows.
    #[error(
        "named input '{0}' must not lose rows, and the app drops them when a lane is full; \
         use Backpressure::Block or Backpressure::Error"
    )]
    InputDrops(String),
    /// The rows of this stream cannot be numbered.
    #[error("rows of stream '{stream}' have no numbers: {why}")]
    NotNumbered {
        /// The stream.
        stream: String,
        /// Why, and what to do.
        why: String,
    },
    /// A thread could not be started.
    #[error("a worker thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A source or sink with `'on.error'='stop'` failed.
    #[error("stream '{stream}': {message}")]
    Connector {
        /// The stream.
        stream: String,
        /// What went wrong.
        message: String,
    },
    /// The app is poisoned by a panic.
    #[error("{0}")]
    Poisoned(Poison),
    /// The app's state could not be claimed, or its last checkpoint failed.
    #[error("checkpoints: {0}")]
    Checkpoint(String),
}
