//! The window of a source → its operator, with what stands in front of it.

use super::{Builder, WINDOW_COLUMNS};
use crate::event::Type;
use crate::expr::{ColumnRef, Program, Typed};
use crate::operator::Operator;
use crate::operator::number::Numbered;
use crate::operator::trigger::Trigger;
use crate::operator::window::{
    ByKey, Cron, Delay, Expression, ExpressionBatch, ExpressionBatchOptions, ExternalTime,
    ExternalTimeBatch, FirstUnique, Frequent, InOrder, Length, LengthBatch, LossyFrequent, OnTime,
    PaneRows, PerKey, SendBatch, SessionWindow, Sort, SortKey, Time, TimeBatch, Turning, Unique,
};
use crate::plan::WindowPlan;
use crate::plan::identity::attributes;
use crate::plan::window::Keys;
use crate::sql::ast::{Events, Span};

impl Builder<'_> {
    /// Whether a window says which rows of it expire with a flush.
    fn expires(&self) -> bool {
        self.query.events != Events::Current || !self.query.joins.is_empty() || self.fills_window()
    }

    /// The keys of a window, behind that of the partition.
    pub(super) fn keys(&self, keys: &Keys) -> (Vec<Program>, Vec<Type>) {
        let whole = self.whole();
        let own = keys.0.iter().map(|k| self.compile(k, &whole));
        let own = own.zip(keys.types());
        self.partition_key().into_iter().chain(own).unzip()
    }

    /// The key of the partition over rows as they come, and its type.
    fn partition_key(&self) -> Option<(Program, Type)> {
        let column = self.source.partition_key?;
        let (source, ty) = (self.place, self.input[column]);
        let key = Typed::column(ColumnRef::Input { source, column }, ty, Span::default());
        Some((self.compile(&key, &self.whole()), ty))
    }

    /// A window, or one per key of the partition.
    fn apart<W: Turning + 'static>(&self, window: W) -> Box<dyn Operator> {
        match self.partition_key() {
            Some((key, ty)) => Box::new(PerKey::new(key, ty, window)),
            None => Box::new(window),
        }
    }

    /// Whether rows that enter and leave may come to the aggregate beside each other: it shows none that leave, and
    /// what it reads of a row is the same whenever and in whatever order it is computed.
    fn takes_swaps(&self) -> bool {
        let query = self.query;
        let args = query.calls.iter().flat_map(|call| &call.args);
        query.aggregates()
            && query.events == Events::Current
            && query.condition.is_none()
            && query.joins.is_empty()
            && !query.looks_back()
            && !self.fills_window()
            && self.source.partition_key.is_none()
            && !query.calls.iter().any(|call| call.call.lasts())
            && query.keys.iter().chain(args).all(Typed::is_same_each_time)
    }

    /// Where each routing column stands among what tells the rows of a window apart.
    pub(super) fn window_routing(&self, window: &WindowPlan, used: &[usize]) -> Vec<usize> {
        match (self.source.partition_key, window.own_keys()) {
            (Some(key), own) if window.keeps_keys() => self.positions(|c| match own {
                _ if c == key => Some(0),
                own => own?
                    .iter()
                    .position(|k| self.is_attribute(k, c))
                    .map(|k| k + 1),
            }),
            (_, Some(keys)) => self.positions_among(keys),
            (_, None) => self.positions(|c| used.binary_search(&c).ok()),
        }
    }

    /// Behind a window of all keys of a partition: each key has a flush of its own.
    fn split_flushes(&mut self, window: &WindowPlan, used: &[usize], types: &[Type]) {
        let key = self.source.partition_key;
        if let Some(key) = key.filter(|_| window.flushes() && !window.keeps_keys()) {
            let place = used.binary_search(&key).expect("the key is kept");
            self.push(Box::new(ByKey::new(place, self.input[key])), types);
        }
    }

    /// A window of the last rows, which hands those that leave to an aggregate beside those that enter where it may.
    fn last_rows(&self, length: Length) -> Box<dyn Operator> {
        match self.takes_swaps() {
            true => Box::new(length.swapping()),
            false => self.apart(length),
        }
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
            WindowPlan::Length(rows) => self.last_rows(Length::new(*rows, keep, &types)),
            WindowPlan::LengthBatch { rows, streams } => {
                self.apart(LengthBatch::new(*rows, *streams, keep, &types))
            }
            WindowPlan::Time(span_us) => Box::new(Time::new(*span_us, usize::MAX, keep, &types)),
            WindowPlan::TimeBatch {
                span_us,
                start,
                streams,
            } => {
                let batch = TimeBatch::new(*span_us, *start, *streams, keep, &types);
                match window.keeps_keys() {
                    true => self.apart(batch),
                    false => Box::new(batch),
                }
            }
            WindowPlan::TimeLength { span_us, rows } => {
                self.apart(Time::new(*span_us, *rows, keep, &types))
            }
            WindowPlan::Panes(panes) => Box::new(PaneRows::new(*panes, expires, keep, &types)),
            WindowPlan::SendBatch => self.apart(SendBatch::new(keep, &types)),
            WindowPlan::ExternalTime { attribute, span_ms } => {
                self.apart(ExternalTime::new(*attribute, *span_ms, keep, &types))
            }
            WindowPlan::ExternalTimeBatch(span) => {
                self.apart(ExternalTimeBatch::new(*span, expires, keep, &types))
            }
            WindowPlan::Delay(span_us) => Box::new(Delay::new(*span_us, keep, &types)),
            WindowPlan::Sort { rows, by } => {
                let key = |(column, descending): &(usize, bool)| SortKey {
                    kept: used.binary_search(column).expect("held columns are kept"),
                    descending: *descending,
                };
                self.apart(Sort::new(*rows, by.iter().map(key).collect(), keep, &types))
            }
            WindowPlan::Cron(crontab) => {
                Box::new(Cron::new(crontab.clone(), expires, keep, &types))
            }
            WindowPlan::Trigger(schedule) => Box::new(Trigger::new(schedule.clone())),
            WindowPlan::Expression(condition) => {
                self.apart(Expression::new(condition.clone(), keep, &types))
            }
            WindowPlan::ExpressionBatch { condition, options } => {
                let options = ExpressionBatchOptions {
                    expires,
                    ..*options
                };
                let condition = condition.clone();
                self.apart(ExpressionBatch::new(condition, options, keep, &types))
            }
            keyed => self.keyed_window(keyed, keep, &types),
        };
        operator.routed_by(self.window_routing(window, used));
        if matches!(window, WindowPlan::Panes(_)) {
            types.extend(WINDOW_COLUMNS.map(|_| Type::Long));
        }
        let operator = self.in_front(window, operator, (passed, used));
        self.push(operator, &types);
        self.split_flushes(window, used, &types);
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
                self.apart(Frequent::new(*keys_max, keys, &key_types, keep, types))
            }
            WindowPlan::LossyFrequent {
                support,
                error,
                keys,
            } => {
                let (keys, key_types) = self.keys(keys);
                self.apart(LossyFrequent::new(
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
