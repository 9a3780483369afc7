//! Errors by moment: building an app, sending to it, running it.

mod excerpt;
mod suggest;

use crate::event::{Schema, Timestamp, Type};
use crate::sql::ast::Span;
use excerpt::{excerpt, shortened};
use std::fmt;
use std::sync::Arc;
pub(crate) use suggest::{LISTED_NAMES_MAX, remedy};

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

    /// Adds the known name nearest to the wrong one, or some of them when none is near.
    pub(crate) fn nearest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match suggest::remedy(wrong, known) {
            Some(remedy) => self.help(remedy),
            None => self,
        }
    }

    /// Adds the names that may be meant of so many that nobody wants to read them all, or where they are listed.
    pub(crate) fn likely<'a>(self, wrong: &str, known: impl Iterator<Item = &'a str>) -> Self {
        match suggest::likely(wrong, known).as_slice() {
            [] => self.help("docs/language.md lists the functions and aggregates there are"),
            [name] => self.help(format!("did you mean '{name}'?")),
            [names @ .., last] => self.help(format!(
                "did you mean '{}' or '{last}'?",
                names.join("', '")
            )),
        }
    }
}

/// Faults that are told, of the parser and the planner together.
pub(crate) const FAULTS_MAX: usize = 50;

/// One problem of an app's text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, shortened if a name in it is long.
    pub message: String,
    /// What to do about it, where that is known.
    pub remedy: Option<String>,
    /// The line of the text, or the part of a long one around the place. Control characters are shown as signs.
    pub text: String,
    /// How many characters of `text` stand before what is meant.
    pub before: usize,
    /// How many characters of `text` are meant, at least 1.
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
        let column = app[line_start..start].chars().count() + 1;
        let (text, before) = excerpt(&app[line_start..line_end], start - line_start);
        let shown = text.chars().count().saturating_sub(before);
        Problem {
            line: app[..start].matches('\n').count() + 1,
            column,
            message: shortened(&fault.message),
            remedy: fault.remedy.as_deref().map(shortened),
            width: app[start..end].chars().take(shown).count().max(1),
            text,
            before,
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
        writeln!(f, "{} | {}", self.line, self.text)?;
        // A width in a format string is at most 65,535.
        let (before, mark) = (" ".repeat(self.before), "^".repeat(self.width));
        write!(f, "{:gutter$} | {before}{mark}", "")?;
        if let Some(remedy) = &self.remedy {
            write!(f, "\n{:gutter$} = help: {remedy}", "")?;
        }
        Ok(())
    }
}

/// An app cannot be built: the problems found, in the order of the text. Of very many the first are told, and that
/// there are more.
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
        if faults.len() > FAULTS_MAX {
            let message = format!("more than {FAULTS_MAX} errors: the rest is not told");
            faults[FAULTS_MAX] = Fault::new(faults[FAULTS_MAX].span, message);
            faults.truncate(FAULTS_MAX + 1);
        }
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
    /// A whole number is beyond the range of a LONG.
    TooLarge {
        /// Position of the attribute, from 0.
        attribute: usize,
        /// The number.
        found: u64,
    },
}

impl RowError {
    /// Position of the attribute that is meant, from 0; `None` where it is the row as a whole.
    pub fn attribute(&self) -> Option<usize> {
        match self {
            RowError::Width { .. } => None,
            RowError::Mismatch { attribute, .. }
            | RowError::NotFinite { attribute }
            | RowError::TooLarge { attribute, .. } => Some(*attribute),
        }
    }

    /// With the name of the attribute, where one is meant.
    pub(crate) fn in_stream(self, stream: &str, schema: &Schema) -> SendError {
        let attribute = self.attribute().and_then(|i| schema.attributes().get(i));
        SendError::Row {
            stream: stream.to_string(),
            attribute: attribute.map(|a| a.name.to_string()),
            error: self,
        }
    }
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
            RowError::TooLarge { attribute, found } => write!(
                f,
                "value {} is {found}, and a LONG ends at {}",
                attribute + 1,
                i64::MAX
            ),
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
    /// The stream whose callback or handler it was; `None` for the engine and for registered functions.
    pub callback: Option<String>,
    /// The app has no workers: it was the thread of the caller, or of the timer.
    pub inline: bool,
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Poison {
            worker,
            query,
            message,
            callback,
            inline,
        } = self;
        match callback {
            Some(stream) => write!(f, "a callback of stream {stream} panicked")?,
            None => write!(f, "{query} panicked")?,
        }
        if !inline {
            write!(f, " on worker {worker}")?;
        }
        write!(f, ": {message}; shut the app down and create it anew")
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
    #[error("the row does not fit stream {stream}{}: {error}", named(.attribute))]
    Row {
        /// The stream.
        stream: String,
        /// The attribute, where one does not fit.
        attribute: Option<String>,
        /// What does not fit.
        #[source]
        error: RowError,
    },
    /// The app runs in event time and nothing has told the time yet.
    #[error(
        "the app runs in event time and the row has none; use send_at, or advance_clock before"
    )]
    NoTime,
    /// A time was given, but the app's clock is the machine's: its rows carry the time at which they are processed.
    /// Nothing was sent.
    #[error(
        "a time was given, but the app's clock is the machine's; write @app:playback in the app or set event_time(true), \
         or send without a time"
    )]
    MachineClock,
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
    /// This thread holds the lock of the app's barrier, and another one that sends, or the timer, waits for it at the
    /// place of an inline app's worker. Nothing was sent.
    #[error(
        "this thread holds the barrier's lock, and another one waits for it in the app; unlock it, then send"
    )]
    Locked,
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

fn named(attribute: &Option<String>) -> String {
    let name = attribute.as_ref();
    name.map_or_else(String::new, |name| format!(", attribute '{name}'"))
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

impl<R: fmt::Debug> std::error::Error for TrySendError<R> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}

/// Why a question to tables and named windows has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is wrong: all that was found, with line, column and remedy.
    #[error("{0}")]
    Text(#[from] BuildError),
    /// The values for the `?` of the text do not fit.
    #[error("the values for the ? of the question do not fit: {0}")]
    Parameters(#[source] RowError),
    /// The app cannot be asked now, or not from here.
    #[error("{0}")]
    Runtime(#[from] RuntimeError),
}

/// An error behind another one, which each call that fails for it answers with.
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Cause(Arc::new(error))
    }
}

impl std::ops::Deref for Cause {
    type Target = dyn std::error::Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    /// No query of this name has a pattern.
    #[error("no query '{query}' with a pattern; {remedy}")]
    NoPattern {
        /// The name.
        query: String,
        /// The queries that have one.
        remedy: String,
    },
    /// A thread could not be started.
    #[error("a worker thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A source or sink with `'on.error'='stop'` failed. The source is a
    /// [`ConnectorError`](crate::connector::ConnectorError).
    #[error("stream '{stream}': {error}")]
    Connector {
        /// The stream.
        stream: String,
        /// What went wrong.
        #[source]
        error: Cause,
    },
    /// A table could not be loaded.
    #[error("table '{table}': {message}")]
    Table {
        /// The table.
        table: String,
        /// What went wrong: with the file and the line where it is a file.
        message: String,
        /// What does not fit, where it is a row of the program.
        #[source]
        error: Option<RowError>,
    },
    /// The app is poisoned by a panic.
    #[error("{0}")]
    Poisoned(Poison),
    /// The app's state could not be claimed or restored, or its last checkpoint failed. The source is a
    /// [`CheckpointError`](crate::CheckpointError).
    #[error("checkpoints: {0}")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
}
