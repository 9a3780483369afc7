//! A window with its parameters, and what the rest of the plan must know of it.

use crate::event::Type;
use crate::expr::Typed;
use crate::operator::aggregate::Rows;
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
    Expression(ConditionSource),
    ExpressionBatch {
        condition: ConditionSource,
        options: ExpressionBatchOptions,
    },
}

impl WindowPlan {
    /// How its rows come and go.
    pub(crate) fn rows(&self) -> Rows {
        match self {
            WindowPlan::Length(_)
            | WindowPlan::Time(_)
            | WindowPlan::TimeLength { .. }
            | WindowPlan::Expression(_) => Rows::InOrder,
            WindowPlan::Session { .. }
            | WindowPlan::ExternalTime { .. }
            | WindowPlan::Sort { .. }
            | WindowPlan::Unique(_)
            | WindowPlan::Frequent { .. }
            | WindowPlan::LossyFrequent { .. } => Rows::AnyOrder,
            WindowPlan::LengthBatch { .. }
            | WindowPlan::TimeBatch { .. }
            | WindowPlan::SendBatch
            | WindowPlan::SessionBatch { .. }
            | WindowPlan::ExternalTimeBatch(_)
            | WindowPlan::Cron(_)
            | WindowPlan::ExpressionBatch { .. } => Rows::Together,
            WindowPlan::Panes(_) => Rows::Displaced,
            WindowPlan::Delay(_) | WindowPlan::FirstUnique(_) => Rows::Forever,
        }
    }

    /// Rows leave one by one, and aggregates retract them.
    pub(crate) fn retracts(&self) -> bool {
        self.rows().leave()
    }

    /// Rows leave in flushes.
    pub(crate) fn flushes(&self) -> bool {
        matches!(self.rows(), Rows::Together | Rows::Displaced)
    }

    /// Its rows also pass as they come, and its flushes only expire them.
    pub(crate) fn streams(&self) -> bool {
        match self {
            WindowPlan::LengthBatch { streams, .. } | WindowPlan::TimeBatch { streams, .. } => {
                *streams
            }
            WindowPlan::ExpressionBatch { options, .. } => options.streams,
            _ => false,
        }
    }

    /// Everything that leaves it is a flush: nothing that a flush begins anew survives between two calls.
    pub(crate) fn only_flushes(&self) -> bool {
        self.flushes() && !self.streams()
    }

    /// It has timers or drops rows behind the clock.
    pub(crate) fn timed(&self) -> bool {
        match self {
            WindowPlan::Time(_)
            | WindowPlan::TimeBatch { .. }
            | WindowPlan::TimeLength { .. }
            | WindowPlan::Panes(_)
            | WindowPlan::Session { .. }
            | WindowPlan::SessionBatch { .. }
            | WindowPlan::Delay(_)
            | WindowPlan::Cron(_) => true,
            WindowPlan::ExternalTimeBatch(span) => span.timeout_us.is_some(),
            WindowPlan::Expression(condition) | WindowPlan::ExpressionBatch { condition, .. } => {
                condition.uses_clock()
            }
            _ => false,
        }
    }

    /// Its results depend on the order of rows in time, or on what the clock has reached: it gets them in that order.
    pub(crate) fn takes_rows_in_order(&self) -> bool {
        matches!(
            self,
            WindowPlan::Time(_)
                | WindowPlan::TimeLength { .. }
                | WindowPlan::TimeBatch { .. }
                | WindowPlan::Session { .. }
                | WindowPlan::Delay(_)
                | WindowPlan::Cron(_)
        )
    }

    /// Rows may come too late for it.
    pub(crate) fn has_late_rows(&self) -> bool {
        self.takes_rows_in_order()
            || matches!(
                self,
                WindowPlan::Panes(_)
                    | WindowPlan::SessionBatch { .. }
                    | WindowPlan::ExternalTime { .. }
                    | WindowPlan::ExternalTimeBatch(_)
            )
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
        match self {
            WindowPlan::Time(_) | WindowPlan::Panes(_) | WindowPlan::Delay(_) => true,
            WindowPlan::TimeBatch { start, .. } => *start != Start::FirstRow,
            _ => false,
        }
    }

    /// The expressions of its key, where rows of different keys never meet in it.
    pub(crate) fn own_keys(&self) -> Option<&[Typed]> {
        match self {
            WindowPlan::Session { keys, .. } | WindowPlan::SessionBatch { keys, .. } => {
                Some(&keys.0)
            }
            WindowPlan::Unique(keys) | WindowPlan::FirstUnique(keys) => Some(&keys.0),
            _ => None,
        }
    }

    /// The expressions of its key, whether or not rows of different keys meet in it.
    pub(super) fn keys(&self) -> &[Typed] {
        match self {
            WindowPlan::Frequent { keys, .. } | WindowPlan::LossyFrequent { keys, .. } => &keys.0,
            _ => self.own_keys().unwrap_or_default(),
        }
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
