//! The window of a source → its operator, with what stands in front of it.

use super::{Builder, WINDOW_COLUMNS};
use crate::event::Type;
use crate::expr::Program;
use crate::operator::Operator;
use crate::operator::number::Numbered;
use crate::operator::window::{
    Cron, Delay, Expression, ExpressionBatch, ExpressionBatchOptions, ExternalTime,
    ExternalTimeBatch, FirstUnique, Frequent, InOrder, Length, LengthBatch, LossyFrequent, OnTime,
    PaneRows, SendBatch, SessionWindow, Sort, SortKey, Time, TimeBatch, Unique,
};
use crate::plan::WindowPlan;
use crate::plan::identity::attributes;
use crate::plan::window::Keys;
use crate::sql::ast::Events;

impl Builder<'_> {
    /// Whether a window says which rows of it expire with a flush.
    fn expires(&self) -> bool {
        self.query.events != Events::Current || !self.query.joins.is_empty() || self.fills_window()
    }

    fn keys(&self, keys: &Keys) -> (Vec<Program>, Vec<Type>) {
        let whole = self.whole();
        (
            keys.0.iter().map(|k| self.compile(k, &whole)).collect(),
            keys.types(),
        )
    }

    /// Pushes the operator of a window. `passed`: the columns of the query's input that it gets; `used`: those that are
    /// kept, and `types` their types.
    pub(super) fn window(
        &mut self,
        window: &WindowPlan,
        keep: Vec<usize>,
        (passed, used): (&[usize], &[usize]),
        mut types: Vec<Type>,
    ) {
        let expires = self.expires();
        let mut operator: Box<dyn Operator> = match window {
            WindowPlan::Length(rows) => Box::new(Length::new(*rows, keep, &types)),
            WindowPlan::LengthBatch { rows, streams } => {
                Box::new(LengthBatch::new(*rows, *streams, keep, &types))
            }
            WindowPlan::Time(span_us) => Box::new(Time::new(*span_us, usize::MAX, keep, &types)),
            WindowPlan::TimeBatch {
                span_us,
                start,
                streams,
            } => Box::new(TimeBatch::new(*span_us, *start, *streams, keep, &types)),
            WindowPlan::TimeLength { span_us, rows } => {
                Box::new(Time::new(*span_us, *rows, keep, &types))
            }
            WindowPlan::Panes(panes) => Box::new(PaneRows::new(*panes, expires, keep, &types)),
            WindowPlan::SendBatch => Box::new(SendBatch::new(keep, &types)),
            WindowPlan::ExternalTime { attribute, span_ms } => {
                Box::new(ExternalTime::new(*attribute, *span_ms, keep, &types))
            }
            WindowPlan::ExternalTimeBatch(span) => {
                Box::new(ExternalTimeBatch::new(*span, expires, keep, &types))
            }
            WindowPlan::Delay(span_us) => Box::new(Delay::new(*span_us, keep, &types)),
            WindowPlan::Sort { rows, by } => {
                let key = |(column, descending): &(usize, bool)| SortKey {
                    kept: used.binary_search(column).expect("held columns are kept"),
                    descending: *descending,
                };
                Box::new(Sort::new(*rows, by.iter().map(key).collect(), keep, &types))
            }
            WindowPlan::Cron(crontab) => {
                Box::new(Cron::new(crontab.clone(), expires, keep, &types))
            }
            WindowPlan::Expression(condition) => {
                Box::new(Expression::new(condition.clone(), keep, &types))
            }
            WindowPlan::ExpressionBatch { condition, options } => {
                let options = ExpressionBatchOptions {
                    expires,
                    ..*options
                };
                Box::new(ExpressionBatch::new(
                    condition.clone(),
                    options,
                    keep,
                    &types,
                ))
            }
            keyed => self.keyed_window(keyed, keep, &types),
        };
        operator.routed_by(match window.own_keys() {
            Some(keys) => self.positions_among(keys),
            None => self.positions(|c| used.binary_search(&c).ok()),
        });
        if matches!(window, WindowPlan::Panes(_)) {
            types.extend(WINDOW_COLUMNS.map(|_| Type::Long));
        }
        let operator = self.in_front(window, operator, (passed, used));
        self.push(operator, &types);
    }

    /// A window with what stands in front of it: numbers of its rows, and before these the order of their times.
    pub(super) fn in_front(
        &self,
        window: &WindowPlan,
        mut operator: Box<dyn Operator>,
        (passed, used): (&[usize], &[usize]),
    ) -> Box<dyn Operator> {
        let types: Vec<Type> = passed.iter().map(|c| self.input[*c]).collect();
        let columns = self.carried(window, (passed, used));
        let place = |c: &usize| passed.binary_search(c).expect("a column that is read");
        let carried: Vec<usize> = columns.iter().map(place).collect();
        if self.wants_numbers() {
            let numbered = self.like(&[types.as_slice(), &[Type::Long]].concat());
            operator = Box::new(Numbered::new(operator, numbered, carried.clone()));
        }
        if window.takes_rows_in_order() {
            let routing = self.positions(|c| columns.binary_search(&c).ok());
            let ready = self.like(&types);
            operator = Box::new(InOrder::new(operator, ready, carried, routing));
        }
        operator
    }

    /// Columns of the input that rows carry into a window: those that something reads, but all where rows that come
    /// too late go to a stream.
    fn carried(&self, window: &WindowPlan, (passed, used): (&[usize], &[usize])) -> Vec<usize> {
        if self.query.late.is_some() {
            return passed.to_vec();
        }
        let mut carried = used.to_vec();
        carried.extend(attributes(window.keys().iter(), self.place));
        carried.sort_unstable();
        carried.dedup();
        carried
    }

    fn keyed_window(
        &self,
        window: &WindowPlan,
        keep: Vec<usize>,
        types: &[Type],
    ) -> Box<dyn Operator> {
        let expires = self.expires();
        match window {
            WindowPlan::Session {
                gap_us,
                latency_us,
                keys,
            } => {
                let (keys, key_types) = self.keys(keys);
                Box::new(SessionWindow::new(
                    *gap_us,
                    *latency_us,
                    keys,
                    &key_types,
                    keep,
                    types,
                ))
            }
            WindowPlan::SessionBatch { gap_us, keys } => {
                let (keys, key_types) = self.keys(keys);
                Box::new(SessionWindow::batch(
                    *gap_us, keys, &key_types, expires, keep, types,
                ))
            }
            WindowPlan::Unique(keys) => {
                let (keys, key_types) = self.keys(keys);
                Box::new(Unique::new(keys, &key_types, keep, types))
            }
            WindowPlan::FirstUnique(keys) => {
                let (keys, key_types) = self.keys(keys);
                Box::new(FirstUnique::new(keys, &key_types, keep))
            }
            WindowPlan::Frequent { keys_max, keys } => {
                let (keys, key_types) = self.keys(keys);
                Box::new(Frequent::new(*keys_max, keys, &key_types, keep, types))
            }
            WindowPlan::LossyFrequent {
                support,
                error,
                keys,
            } => {
                let (keys, key_types) = self.keys(keys);
                Box::new(LossyFrequent::new(
                    *support, *error, keys, &key_types, keep, types,
                ))
            }
            _ => unreachable!("windows without keys are built above"),
        }
    }

    /// Lets rows of a source of a join go on in the order of their times, and none that come too late: its window does
    /// not see to it, but that of another source of the join does.
    pub(super) fn on_time(&mut self, columns: &[usize]) {
        let types: Vec<Type> = columns.iter().map(|c| self.input[*c]).collect();
        let all: Vec<usize> = (0..columns.len()).collect();
        let routing = self.positions(|c| columns.iter().position(|k| *k == c));
        let ready = self.like(&types);
        let operator = InOrder::new(Box::new(OnTime::default()), ready, all, routing);
        self.push(Box::new(operator), &types);
    }
}
