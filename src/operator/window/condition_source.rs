//! Where the condition of an expression window comes from: the app's text, or a column whose text may change with any
//! row.
//!
//! A text that changes is bound anew and the rows held are gone through again. A text that cannot be bound, or is
//! NULL, is counted as a fault and leaves the condition as it was; rows before the first condition are dropped.

use super::condition::Condition;
use super::condition_scope::{BoundCondition, bind_expression_window};
use crate::event::{Batch, Data, Schema, Str, Type};
use crate::expr::Functions;
use crate::operator::{Retired, counter};
use crate::sql::ast::Span;
use crate::state::{Malformed, Path, Slot, StateHolder, Visitor};
use std::fmt;

/// The condition of an expression window, by columns of its input.
#[derive(Clone)]
pub(crate) enum ConditionSource {
    /// Always the same.
    Text(BoundCondition),
    /// What a STRING column of each row says.
    Column {
        /// Its position in the input.
        column: usize,
        /// The input, all columns of which are kept.
        schema: Schema,
        functions: Functions,
    },
}

impl ConditionSource {
    /// Calls `f` with the input columns that must be kept, as often as they are read.
    pub(crate) fn columns(&self, f: &mut dyn FnMut(usize)) {
        match self {
            ConditionSource::Text(bound) => bound.columns(f),
            ConditionSource::Column { schema, .. } => (0..schema.len()).for_each(f),
        }
    }
    /// Whether it may read the app's clock.
    pub(crate) fn uses_clock(&self) -> bool {
        match self {
            ConditionSource::Text(bound) => bound.uses_clock(),
            ConditionSource::Column { .. } => true,
        }
    }

    /// Whether it may read the numbers of causing rows.
    pub(crate) fn uses_cause(&self) -> bool {
        match self {
            ConditionSource::Text(bound) => bound.uses_cause(),
            ConditionSource::Column { .. } => true,
        }
    }
}

impl fmt::Debug for ConditionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConditionSource::Text(bound) => bound.fmt(f),
            ConditionSource::Column { column, schema, .. } => {
                f.write_str(schema.attributes().get(*column).map_or("", |a| &*a.name))
            }
        }
    }
}

/// What a row finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The condition of the row before.
    Same,
    /// Another condition, which has seen no row yet.
    Changed,
    /// No condition.
    Nothing,
}

/// The condition in force.
pub(super) struct CurrentCondition {
    condition: Option<Condition>,
    /// Conditions before it that a checkpoint still needs.
    retired: Retired<Condition>,
    source: ConditionSource,
    /// The last text of the column that was bound.
    text: Option<Str>,
    /// How many were bound: the number of the condition.
    bound: i64,
    keep: Vec<usize>,
    types: Vec<Type>,
    faults: u64,
}

impl CurrentCondition {
    pub(super) fn new(source: ConditionSource, keep: &[usize], types: &[Type]) -> Self {
        let condition = match &source {
            ConditionSource::Text(bound) => Some(Condition::new(bound, keep, types)),
            ConditionSource::Column { .. } => None,
        };
        CurrentCondition {
            condition,
            retired: Retired::default(),
            source,
            text: None,
            bound: 0,
            keep: keep.to_vec(),
            types: types.to_vec(),
            faults: 0,
        }
    }

    /// The condition in force. Panics when the last row found nothing.
    pub(super) fn get(&mut self) -> &mut Condition {
        self.condition
            .as_mut()
            .expect("rows are taken only where there is a condition")
    }

    /// Takes up the text of a row.
    #[inline]
    pub(super) fn follow(&mut self, batch: &Batch, row: usize) -> Found {
        let ConditionSource::Column { column, .. } = self.source else {
            return Found::Same;
        };
        let column = &batch.columns[column];
        let text = match column.data() {
            Data::String(texts) if !column.is_null(row) => Some(&texts[row]),
            _ => None,
        };
        match (text, &self.condition) {
            (Some(text), Some(_)) if self.text.as_ref() == Some(text) => Found::Same,
            _ => self.bind(text),
        }
    }

    #[cold]
    fn bind(&mut self, text: Option<&Str>) -> Found {
        let Some(mut condition) = text.and_then(|text| self.condition_of(text)) else {
            self.faults += 1;
            return if self.condition.is_some() {
                Found::Same
            } else {
                Found::Nothing
            };
        };
        self.faults += self.condition.as_ref().map_or(0, Condition::faults);
        self.retired.begin(&mut condition);
        if let Some(before) = self.condition.replace(condition) {
            self.retired.retire(self.bound, before);
        }
        self.bound = self.bound.wrapping_add(1);
        self.text = text.cloned();
        Found::Changed
    }

    /// The condition of a text of the column.
    fn condition_of(&self, text: &Str) -> Option<Condition> {
        let ConditionSource::Column {
            schema, functions, ..
        } = &self.source
        else {
            return None;
        };
        let bound = bind_expression_window(text, Span::default(), schema, functions).ok()?;
        Some(Condition::new(&bound, &self.keep, &self.types))
    }

    /// The key at hand, where there are several.
    #[inline]
    pub(super) fn key(&self) -> Slot {
        self.condition.as_ref().map_or(0, Condition::key)
    }

    /// Goes on with the rows of another key.
    #[inline]
    pub(super) fn turn(&mut self, key: Slot) {
        if let Some(condition) = &mut self.condition {
            condition.turn(key);
        }
    }

    /// Goes on with a key that has no rows yet.
    pub(super) fn open(&mut self, key: Slot) {
        if let Some(condition) = &mut self.condition {
            condition.open(key);
        }
    }

    /// Makes room for keys below `slots`, after a load.
    pub(super) fn ensure(&mut self, slots: usize) {
        if let Some(condition) = &mut self.condition {
            condition.ensure(slots);
        }
    }

    /// All rows of the key at hand have left.
    pub(super) fn clear(&mut self) {
        if let Some(condition) = &mut self.condition {
            condition.clear();
        }
    }

    /// Whether it remembers rows that have left.
    #[inline]
    pub(super) fn lasts(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::lasts)
    }

    /// Whether there is a condition.
    pub(super) fn is_bound(&self) -> bool {
        self.condition.is_some()
    }

    /// Shows the conditions that are no longer in force to a visitor, before all else that the operator holds.
    pub(super) fn retired(&mut self, visitor: &mut dyn Visitor) {
        self.retired.state(visitor);
    }

    /// Values that became NULL, and texts that were no condition.
    pub(super) fn faults(&self) -> u64 {
        self.faults + self.condition.as_ref().map_or(0, Condition::faults)
    }
}

/// A condition that may change has its aggregates in a pane of its number. Comes last in `state`.
impl StateHolder for CurrentCondition {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
        if let ConditionSource::Text(_) = self.source {
            self.condition.iter_mut().for_each(|c| c.state(visitor));
            return;
        }
        visitor.register(&mut self.bound);
        visitor.register(&mut self.text);
        if visitor.is_loading() {
            self.condition = self.text.as_ref().and_then(|t| self.condition_of(t));
            if self.condition.is_some() != self.text.is_some() || self.bound < 0 {
                visitor.fail(Malformed::new("a condition cannot be bound"));
            }
        }
        if let Some(condition) = self.condition.as_mut().filter(|_| !visitor.describes()) {
            visitor.pane(self.bound);
            condition.state(visitor);
            visitor.pane(Path::NO_PANE);
        }
    }
}
