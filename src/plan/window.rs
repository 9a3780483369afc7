//! A window with its parameters, and what the rest of the plan must know of it.

use crate::event::Type;
use crate::expr::Typed;
use crate::operator::aggregate::Rows;
use crate::operator::trigger::Schedule;
use crate::operator::window::Start;
use crate::operator::window::{
    ConditionSource, Crontab, ExpressionBatchOptions, ExternalSpan, ExternalStart, Panes,
};

/// Expressions over the input that tell rows apart.
#[derive(Clone, Default)]
pub(crate) struct Keys(pub(crate) Vec<Typed>);

impl Keys {
    /// The types of the expressions.
    pub(crate) fn types(&self) -> Vec<Type> {
        self.0.iter().filter_map(|k| k.ty).collect()
    }
}

/// A window with checked parameters.
#[derive(Clone)]
pub(crate) enum WindowPlan {
    Length(usize),
    LengthBatch {
        rows: usize,
        streams: bool,
    },
    Time(i64),
    TimeBatch {
        span_us: i64,
        start: Start,
        streams: bool,
    },
    TimeLength {
        span_us: i64,
        rows: usize,
    },
    Panes(Panes),
    SendBatch,
    Session {
        gap_us: i64,
        latency_us: i64,
        keys: Keys,
    },
    SessionBatch {
        gap_us: i64,
        keys: Keys,
    },
    ExternalTime {
        attribute: usize,
        span_ms: i64,
    },
    ExternalTimeBatch(ExternalSpan),
    Delay(i64),
    Sort {
        rows: usize,
        by: Vec<(usize, bool)>,
    },
    Unique(Keys),
    FirstUnique(Keys),
    Frequent {
        keys_max: usize,
        keys: Keys,
    },
    LossyFrequent {
        support: f64,
        error: f64,
        keys: Keys,
    },
    Cron(Crontab),
    /// No window of the language: what a trigger makes of its times.
    Trigger(Schedule),
    Expression(ConditionSource),
    ExpressionBatch {
        condition: ConditionSource,
        options: ExpressionBatchOptions,
    },
}

/// What a window does with rows that are behind the app's clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    /// It has none: rows count by arrival.
    Never,
    /// Those that belong to what it has closed are late.
    Dropped,
    /// It gets rows in the order of their times, as its results depend on that; what comes too late for it is late.
    Ordered,
}

/// Which rows never meet in a window.
#[derive(Clone, Copy)]
enum Spread<'a> {
    /// Any two may.
    Together,
    /// Those of different keys, whatever the key.
    AnyKey,
    /// Those that these expressions tell apart.
    Keys(&'a [Typed]),
}

/// What a window is to the rest of the plan. All of it stands in [`WindowPlan::shape`], for each window.
#[derive(Clone, Copy)]
struct Shape<'a> {
    rows: Rows,
    /// Its rows also pass as they come, and its flushes only expire them.
    streams: bool,
    /// It has timers, or drops rows behind the clock.
    timed: bool,
    late: Late,
    spread: Spread<'a>,
    /// Its state, for a reader.
    state: &'static str,
}

impl Shape<'static> {
    /// A window of rows by arrival that all meet.
    fn of(rows: Rows) -> Self {
        Shape {
            rows,
            streams: false,
            timed: false,
            late: Late::Never,
            spread: Spread::Together,
            state: "state row log",
        }
    }
}

impl<'a> Shape<'a> {
    fn streams(self, streams: bool) -> Self {
        Shape { streams, ..self }
    }

    fn timed(self, timed: bool) -> Self {
        Shape { timed, ..self }
    }

    fn late(self, late: Late) -> Self {
        Shape { late, ..self }
    }

    fn spread<'b>(self, spread: Spread<'b>) -> Shape<'b>
    where
        'a: 'b,
    {
        Shape { spread, ..self }
    }

    fn state(self, state: &'static str) -> Self {
        Shape { state, ..self }
    }

    /// One row for each key.
    fn map_by(self, keys: &'a Keys) -> Self {
        self.spread(Spread::Keys(&keys.0)).state("state keyed map")
    }

    /// By the app's clock, in the order of time.
    fn ordered(self) -> Self {
        self.timed(true).late(Late::Ordered)
    }
}

/// How a window of a partition keeps the rows of keys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    /// Each key has a window of its own, inside the operator.
    PerKey,
    /// The key is one more of its own keys.
    OwnKey,
    /// It does not: rows of all keys come and go by the same times. Only its flushes are those of one key each.
    ByFlush,
}

impl WindowPlan {
    /// How it keeps the rows of keys apart in a partition.
    pub(crate) fn apart(&self) -> Apart {
        match self {
            WindowPlan::Length(_)
            | WindowPlan::LengthBatch { .. }
            | WindowPlan::TimeLength { .. }
            | WindowPlan::SendBatch
            | WindowPlan::ExternalTime { .. }
            | WindowPlan::ExternalTimeBatch(_)
            | WindowPlan::Sort { .. }
            | WindowPlan::Frequent { .. }
            | WindowPlan::LossyFrequent { .. }
            | WindowPlan::Expression(_)
            | WindowPlan::ExpressionBatch { .. }
            | WindowPlan::TimeBatch {
                start: Start::FirstRow,
                ..
            } => Apart::PerKey,
            WindowPlan::Session { .. }
            | WindowPlan::SessionBatch { .. }
            | WindowPlan::Unique(_)
            | WindowPlan::FirstUnique(_) => Apart::OwnKey,
            WindowPlan::Time(_)
            | WindowPlan::Delay(_)
            | WindowPlan::Panes(_)
            | WindowPlan::Cron(_)
            | WindowPlan::Trigger(_)
            | WindowPlan::TimeBatch {
                start: Start::Grid(_),
                ..
            } => Apart::ByFlush,
        }
    }

    /// Whether rows of different keys of a partition never meet in it.
    pub(crate) fn keeps_keys(&self) -> bool {
        self.apart() != Apart::ByFlush
    }

    /// Why it cannot stand in a partition, where that is so.
    pub(crate) fn refused_in_partition(&self) -> Option<&'static str> {
        match self {
            WindowPlan::Expression(condition) | WindowPlan::ExpressionBatch { condition, .. } => {
                let changes = matches!(condition, ConditionSource::Column { .. });
                changes
                    .then_some("in a partition the condition of the window is a text, not a column")
            }
            _ => None,
        }
    }

    fn shape(&self) -> Shape<'_> {
        match self {
            WindowPlan::Length(_) => Shape::of(Rows::InOrder),
            WindowPlan::LengthBatch { streams, .. } => Shape::of(Rows::Together).streams(*streams),
            WindowPlan::Time(_) => Shape::of(Rows::InOrder).ordered().spread(Spread::AnyKey),
            WindowPlan::TimeLength { .. } => Shape::of(Rows::InOrder).ordered(),
            WindowPlan::TimeBatch { start, streams, .. } => {
                // Its first row decides where batches of all keys begin.
                let spread = match start {
                    Start::FirstRow => Spread::Together,
                    Start::Grid(_) => Spread::AnyKey,
                };
                let shape = Shape::of(Rows::Together).streams(*streams);
                shape.ordered().spread(spread)
            }
            WindowPlan::Panes(_) => {
                let shape = Shape::of(Rows::Displaced).timed(true).late(Late::Dropped);
                shape
                    .spread(Spread::AnyKey)
                    .state("state groups or rows per pane")
            }
            WindowPlan::SendBatch => Shape::of(Rows::Together),
            WindowPlan::Session { keys, .. } => {
                let shape = Shape::of(Rows::AnyOrder).ordered();
                shape
                    .spread(Spread::Keys(&keys.0))
                    .state("state row log per key")
            }
            WindowPlan::SessionBatch { keys, .. } => {
                let shape = Shape::of(Rows::Together).timed(true).late(Late::Dropped);
                shape
                    .spread(Spread::Keys(&keys.0))
                    .state("state groups or rows per session")
            }
            WindowPlan::ExternalTime { .. } => Shape::of(Rows::AnyOrder).late(Late::Dropped),
            WindowPlan::ExternalTimeBatch(span) => {
                let timed = span.timeout_us.is_some();
                Shape::of(Rows::Together).timed(timed).late(Late::Dropped)
            }
            WindowPlan::Delay(_) => Shape::of(Rows::Forever).ordered().spread(Spread::AnyKey),
            WindowPlan::Sort { .. } => Shape::of(Rows::AnyOrder),
            WindowPlan::Unique(keys) => Shape::of(Rows::AnyOrder).map_by(keys),
            WindowPlan::FirstUnique(keys) => Shape::of(Rows::Forever).map_by(keys),
            WindowPlan::Frequent { .. } | WindowPlan::LossyFrequent { .. } => {
                Shape::of(Rows::AnyOrder).state("state keyed map of counts")
            }
            WindowPlan::Cron(_) => Shape::of(Rows::Together).ordered(),
            WindowPlan::Trigger(_) => Shape::of(Rows::Forever)
                .timed(true)
                .state("state when it fires next"),
            WindowPlan::Expression(condition) => {
                Shape::of(Rows::InOrder).timed(condition.uses_clock())
            }
            WindowPlan::ExpressionBatch { condition, options } => {
                let shape = Shape::of(Rows::Together).timed(condition.uses_clock());
                shape.streams(options.streams)
            }
        }
    }

    /// How its rows come and go.
    pub(crate) fn rows(&self) -> Rows {
        self.shape().rows
    }

    /// Rows leave in flushes.
    pub(crate) fn flushes(&self) -> bool {
        matches!(self.rows(), Rows::Together | Rows::Displaced)
    }

    /// Its rows also pass as they come, and its flushes only expire them.
    pub(crate) fn streams(&self) -> bool {
        self.shape().streams
    }

    /// Everything that leaves it is a flush: nothing that a flush begins anew survives between two calls.
    pub(crate) fn only_flushes(&self) -> bool {
        self.flushes() && !self.streams()
    }

    /// It has timers or drops rows behind the clock.
    pub(crate) fn timed(&self) -> bool {
        self.shape().timed
    }

    /// Its results depend on the order of rows in time, or on what the clock has reached: it gets them in that order.
    pub(crate) fn takes_rows_in_order(&self) -> bool {
        self.shape().late == Late::Ordered
    }

    /// Rows may come too late for it.
    pub(crate) fn has_late_rows(&self) -> bool {
        self.shape().late != Late::Never
    }

    /// It asks which input row caused a row.
    pub(crate) fn uses_cause(&self) -> bool {
        match self {
            WindowPlan::Expression(condition) | WindowPlan::ExpressionBatch { condition, .. } => {
                condition.uses_cause()
            }
            _ => self.keys().iter().any(Typed::uses_cause),
        }
    }

    /// Rows of different keys never meet in it, whatever the key.
    pub(crate) fn spans_no_keys(&self) -> bool {
        matches!(self.shape().spread, Spread::AnyKey)
    }

    /// The expressions of its key, where rows of different keys never meet in it.
    pub(crate) fn own_keys(&self) -> Option<&[Typed]> {
        match self.shape().spread {
            Spread::Keys(keys) => Some(keys),
            Spread::Together | Spread::AnyKey => None,
        }
    }

    /// The expressions of its key, whether or not rows of different keys meet in it.
    pub(super) fn keys(&self) -> &[Typed] {
        match self {
            WindowPlan::Frequent { keys, .. } | WindowPlan::LossyFrequent { keys, .. } => &keys.0,
            _ => self.own_keys().unwrap_or_default(),
        }
    }

    /// Its state, for a reader.
    pub(super) fn state(&self) -> &'static str {
        self.shape().state
    }

    /// Columns of the input that must be held although the rest of the query may not read them.
    pub(crate) fn held_columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        match self {
            WindowPlan::Sort { by, .. } => columns.extend(by.iter().map(|(c, _)| *c)),
            WindowPlan::Expression(condition) | WindowPlan::ExpressionBatch { condition, .. } => {
                condition.columns(&mut |c| columns.push(c));
            }
            // A row expires by its own time.
            WindowPlan::ExternalTime { attribute, .. } => columns.push(*attribute),
            _ => {}
        }
        columns
    }

    /// Whether it reads columns of its input itself, by their place.
    pub(crate) fn reads_input(&self) -> bool {
        match self {
            WindowPlan::ExternalTime { .. } | WindowPlan::ExternalTimeBatch(_) => true,
            _ => !self.keys().is_empty() || !self.held_columns().is_empty(),
        }
    }
}

/// The start of an external batch from an integer or a column.
pub(super) fn external_start(constant: Option<i64>, column: Option<usize>) -> ExternalStart {
    match (constant, column) {
        (Some(ms), _) => ExternalStart::Grid(ms),
        (None, Some(column)) => ExternalStart::Column(column),
        (None, None) => ExternalStart::FirstRow,
    }
}
