//! What happens to the runs of a pattern, told in the words of the app.

use super::EventFluxAppRuntime;
use crate::error::{RuntimeError, remedy};
use crate::event::{Timestamp, Value};
use crate::operator::pattern::{TraceSink, TraceStep, Traced};
use crate::plan::{PatternWords, QueryPlan};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened to a run of a pattern: one way in which rows may come to match.
///
/// Its text is one line, as `eventflux run --trace-pattern` shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunStep {
    /// The query, by its name.
    pub query: Arc<str>,
    /// When: the time of the row, or that of the timer.
    pub at: Timestamp,
    /// The run: no other run of the app has this number until it is restored. None where none was begun.
    pub run: Option<u64>,
    /// What has happened.
    pub change: RunChange,
    /// The terms for whose rows or silence it waits now.
    pub waits_for: Vec<String>,
    /// What it has of its rows by which later rows find it, with names; and the key of the partition that it is of.
    pub keys: Vec<(String, Value)>,
    /// What else it has of them that later terms or the query read.
    pub values: Vec<(String, Value)>,
}

/// How a run of a pattern has changed. A term is told as in `b = B`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunChange {
    /// It was begun: at the start, or by EVERY.
    Begun {
        /// With a row of this term, where another run goes on to wait for that.
        with: Option<String>,
    },
    /// It took a row.
    Took {
        /// Of this term.
        term: String,
        /// The so many-th there.
        count: u32,
    },
    /// Nothing came for as long as the term of a NOT … FOR asks.
    Silent {
        /// That term.
        term: String,
    },
    /// A row came that must not come, and another side of OR may still be fulfilled.
    Lost {
        /// The term behind NOT.
        term: String,
    },
    /// A row came that must not come, before all others: its silence begins anew.
    StartsOver {
        /// The term behind NOT.
        term: String,
    },
    /// It has all that stands behind an EVERY, so that another run begins there.
    Completed {
        /// What stands there.
        part: String,
    },
    /// It is a match, and over.
    Matched,
    /// It is over: a row came that must not come.
    Prevented {
        /// The term behind NOT.
        term: String,
    },
    /// It is over: WITHIN has ended it.
    OutOfTime {
        /// How long it had.
        within: String,
    },
    /// It is over: in a sequence a row came that it does not take.
    Broken,
    /// It is over: AFTER MATCH SKIP PAST LAST ROW, and another run is a match.
    Skipped,
    /// It is over: in a sequence another run waits for the same.
    GaveWay,
    /// It is over: more runs were open than may be, and it had waited longest.
    Dropped,
    /// It was not begun, as so many runs are open as may be.
    Refused,
}

impl fmt::Display for RunChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunChange::Begun { with: None } => f.write_str("begins"),
            RunChange::Begun { with: Some(term) } => write!(f, "begins with a row of {term}"),
            RunChange::Took { term, count: 1 } => write!(f, "takes a row of {term}"),
            RunChange::Took { term, count } => write!(f, "takes row {count} of {term}"),
            RunChange::Silent { term } => write!(f, "silence has lasted: {term}"),
            RunChange::Lost { term } => write!(f, "a row breaks {term}, another side is left"),
            RunChange::StartsOver { term } => write!(f, "a row breaks {term}, silence begins anew"),
            RunChange::Completed { part } => write!(f, "has completed {part}, EVERY begins anew"),
            RunChange::Matched => f.write_str("matches"),
            RunChange::Prevented { term } => write!(f, "ends: a row breaks {term}"),
            RunChange::OutOfTime { within } => write!(f, "ends: WITHIN {within} is over"),
            RunChange::Broken => f.write_str("ends: the sequence does not take this row"),
            RunChange::Skipped => f.write_str("ends: a match skips past it"),
            RunChange::GaveWay => f.write_str("ends: another run waits for the same"),
            RunChange::Dropped => {
                f.write_str("ends: more than runs.max runs are open, and it has waited longest")
            }
            RunChange::Refused => {
                f.write_str("refused: runs.max runs are open, this one is not begun")
            }
        }
    }
}

impl fmt::Display for RunStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.query)?;
        if let Some(run) = self.run {
            write!(f, " run {run}")?;
        }
        match self.at.0.rem_euclid(1000) {
            0 => write!(f, " at {} ms: {}", self.at.millis(), self.change)?,
            us => write!(f, " at {}.{us:03} ms: {}", self.at.millis(), self.change)?,
        }
        if !self.waits_for.is_empty() {
            write!(f, "; waits for {}", self.waits_for.join(", "))?;
        }
        let known: Vec<String> = self
            .keys
            .iter()
            .chain(&self.values)
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name} = '{}'", text.as_str().escape_debug()),
                value => format!("{name} = {value}"),
            })
            .collect();
        match known.is_empty() {
            true => Ok(()),
            false => write!(f, " [{}]", known.join(", ")),
        }
    }
}

/// Tells an observer of the user's.
struct Teller<F> {
    query: Arc<str>,
    words: PatternWords,
    numbers: AtomicU64,
    observer: F,
}

impl<F: Fn(&RunStep) + Send + Sync> TraceSink for Teller<F> {
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn tell(&self, traced: &Traced<'_>) {
        let terms = &self.words.terms;
        let mut step = RunStep {
            query: Arc::clone(&self.query),
            at: traced.at,
            run: traced.run,
            change: change(&self.words, traced.step),
            waits_for: traced.waits.iter().map(|t| terms[*t].clone()).collect(),
            keys: Vec::new(),
            values: Vec::new(),
        };
        let kept = self.words.kept.iter().zip(traced.kept);
        for ((name, is_key), column) in kept.filter(|_| traced.run.is_some()) {
            let to = match is_key {
                true => &mut step.keys,
                false => &mut step.values,
            };
            match column.value(traced.slot) {
                Value::Null => {}
                value => to.push((name.clone(), value)),
            }
        }
        (self.observer)(&step);
    }
}

fn change(words: &PatternWords, step: TraceStep) -> RunChange {
    let named = |term: usize| words.terms[term].clone();
    match step {
        TraceStep::Begun { with } => RunChange::Begun {
            with: with.map(named),
        },
        TraceStep::Took { term, count } => RunChange::Took {
            term: named(term),
            count,
        },
        TraceStep::Silent { term } => RunChange::Silent { term: named(term) },
        TraceStep::Lost { term } => RunChange::Lost { term: named(term) },
        TraceStep::StartsOver { term } => RunChange::StartsOver { term: named(term) },
        TraceStep::Completed { first, end } => RunChange::Completed {
            part: words.elements[first..end].join(" -> "),
        },
        TraceStep::Matched => RunChange::Matched,
        TraceStep::Prevented { term } => RunChange::Prevented { term: named(term) },
        TraceStep::OutOfTime { within } => RunChange::OutOfTime {
            within: words.within[within].clone(),
        },
        TraceStep::Broken => RunChange::Broken,
        TraceStep::Skipped => RunChange::Skipped,
        TraceStep::GaveWay => RunChange::GaveWay,
        TraceStep::Dropped => RunChange::Dropped,
        TraceStep::Refused => RunChange::Refused,
    }
}

/// Traces of patterns.
impl EventFluxAppRuntime {
    /// Tells why the pattern of a query matches or does not: whenever a run begins, takes a row, matches or ends, and
    /// for what it waits then.
    ///
    /// `query` is the name in `@info(name='…')`, otherwise `query N` by its place in the text, as
    /// [`EventFluxAppRuntime::explain`] shows it. Call it before `start` to see everything; it stays after a restore.
    /// A second observer of a query takes the place of the first.
    ///
    /// ```
    /// use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Workers};
    /// use std::sync::{Arc, Mutex};
    /// let app = "@app:playback CREATE STREAM Heat (unit INT); CREATE STREAM Cool (unit INT);
    ///     @info(name='alarm') INSERT INTO Alarms SELECT h.unit
    ///     FROM PATTERN (EVERY h = Heat -> NOT Cool[unit = h.unit] FOR 5 SECONDS);";
    /// let config = RuntimeConfig::default().workers(Workers::Inline);
    /// let runtime = EventFluxManager::new().create_with(app, config)?;
    /// let lines = Arc::new(Mutex::new(Vec::new()));
    /// let to = Arc::clone(&lines);
    /// runtime.trace_pattern("alarm", move |step| to.lock().unwrap().push(step.to_string()))?;
    /// runtime.start()?;
    /// let mut input = runtime.input()?;
    /// input.send_at("Heat", Timestamp::from_millis(1000), (7,))?;
    /// input.send_at("Cool", Timestamp::from_millis(2000), (7,))?;
    /// assert_eq!(*lines.lock().unwrap(), [
    ///     "alarm run 1 at 1000 ms: begins; waits for h = Heat",
    ///     "alarm run 2 at 1000 ms: begins with a row of h = Heat; waits for NOT Cool FOR 5 s [h.unit = 7]",
    ///     "alarm run 2 at 2000 ms: ends: a row breaks NOT Cool FOR 5 s [h.unit = 7]",
    /// ]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The observer is called on the worker where the run is, while rows are processed: it must neither block nor call
    /// this app. Errors: [`RuntimeError::NoPattern`]. Cost: a few allocations for each step of a run; an app that is
    /// not traced pays a look at a pointer where a run changes.
    pub fn trace_pattern(
        &self,
        query: &str,
        observer: impl Fn(&RunStep) + Send + Sync + 'static,
    ) -> Result<(), RuntimeError> {
        let plan = &self.shared.plan;
        let queries = plan.queries.iter().enumerate();
        let with_pattern = queries.filter(|(_, q)| q.pattern.is_some());
        let exact = with_pattern.clone().find(|(_, q)| q.name == query);
        let called = |(_, q): &(usize, &QueryPlan)| q.name.eq_ignore_ascii_case(query);
        let found = exact.or_else(|| with_pattern.clone().find(called));
        let words = found.and_then(|(number, q)| Some((number, q, PatternWords::of(plan, q)?)));
        let Some((number, plan, words)) = words else {
            let names = with_pattern.map(|(_, q)| q.name.as_str());
            let remedy = remedy(query, names);
            return Err(RuntimeError::NoPattern {
                query: query.to_string(),
                remedy: remedy.unwrap_or_else(|| "no query of the app has one".to_string()),
            });
        };
        let sink: Arc<dyn TraceSink> = Arc::new(Teller {
            query: plan.name.as_str().into(),
            words,
            numbers: AtomicU64::new(0),
            observer,
        });
        Ok(self
            .shared
            .with_all(|_, core| core.trace(number, Arc::clone(&sink)))?)
    }
}
