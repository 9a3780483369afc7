//! A bound query → its operators.
//!
//! How: for each frame in which expressions run there is a layout: the attributes that rows have there, then start and
//! end of the window where it has them, then the aggregates.

use super::identity::attributes;
use super::source::{ONLY_SOURCE, SourcePlan};
use super::window::Keys;
use super::{QueryPlan, WindowPlan};
use crate::event::{Batch, Column, Schema, Type};
use crate::expr::{ColumnRef, Layout, Program, Typed};
use crate::operator::Operator;
use crate::operator::aggregate::{Grouping, PaneAggregate, RunningAggregate};
use crate::operator::distinct::{Distinct, Memory};
use crate::operator::filter::Filter;
use crate::operator::number::Numbered;
use crate::operator::projection::Projection;
use crate::operator::select::Select;
use crate::operator::window::{
    Cron, Delay, Expression, ExpressionBatch, ExpressionBatchOptions, ExternalTime,
    ExternalTimeBatch, FirstUnique, Frequent, InOrder, Length, LengthBatch, LossyFrequent,
    PaneRows, SendBatch, SessionWindow, Sort, SortKey, Time, TimeBatch, Unique,
};
use crate::sql::ast::{Events, Span};
use crate::state::KeyIndex;

/// What a window on a grid adds to its rows.
const WINDOW_COLUMNS: [ColumnRef; 2] = [ColumnRef::WindowStart, ColumnRef::WindowEnd];

/// An operator and an empty batch with the columns that it emits.
pub(crate) struct Stage {
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) like: Batch,
}

/// What the operators of a query are made from.
pub(crate) struct Builder<'a> {
    query: &'a QueryPlan,
    source: &'a SourcePlan,
    input: Vec<Type>,
    /// Makes the values of uuid() of different queries differ.
    salt: String,
    tracks_clock: bool,
    tracks_cause: bool,
    /// Columns of the input by which the component is spread over workers.
    routing: Option<Vec<usize>>,
    stages: Vec<Stage>,
}

/// The operators of a query, in the order in which rows pass them. `routing`: the columns of its input by which the
/// component is spread over workers, if it is.
pub(crate) fn stages(
    query: &QueryPlan,
    input: &Schema,
    app: &str,
    tracks_clock: bool,
    tracks_cause: bool,
    routing: Option<Vec<usize>>,
) -> Vec<Stage> {
    let mut builder = Builder {
        query,
        source: query.only_source(),
        input: input.attributes().iter().map(|a| a.ty).collect(),
        salt: format!("{app}/{}", query.name),
        tracks_clock,
        tracks_cause,
        routing,
        stages: Vec::new(),
    };
    builder.build();
    builder.stages
}

/// Whether an expression is this attribute of the input and nothing else.
fn is_attribute(typed: &Typed, attribute: usize) -> bool {
    let column = typed.as_column();
    column.and_then(|c| c.attribute_of(ONLY_SOURCE)) == Some(attribute)
}

impl Builder<'_> {
    fn build(&mut self) {
        let query = self.query;
        let panes = matches!(self.source.window, Some(WindowPlan::Panes(_)));
        if panes
            && query.aggregates()
            && query.events == Events::Current
            && !self.uses_window_columns_early()
        {
            self.pane_aggregate();
        } else {
            match &self.source.window {
                None => self.tail(&self.whole()),
                Some(window) if !self.window_matters(window) => {
                    self.filter(&(0..self.input.len()).collect::<Vec<_>>());
                    self.tail(&self.whole());
                }
                Some(window) => self.windowed(window),
            }
        }
        self.distinct();
    }

    /// A window of which only the `+` rows are wanted, as they come, holds nothing.
    fn window_matters(&self, window: &WindowPlan) -> bool {
        !matches!(window, WindowPlan::Length(_)) || self.wants_expired()
    }

    fn wants_expired(&self) -> bool {
        let query = self.query;
        query.aggregates() || query.distinct || query.events != Events::Current
    }

    /// Whether an aggregate reads the numbers of rows.
    fn wants_numbers(&self) -> bool {
        self.query.calls.iter().any(|c| c.call.wants_numbers())
    }

    /// Whether start or end of the window are read before the rows of the window are complete.
    fn uses_window_columns_early(&self) -> bool {
        let query = self.query;
        let mut uses = false;
        let early = query
            .condition
            .iter()
            .chain(&query.keys)
            .chain(query.calls.iter().flat_map(|c| &c.args));
        for typed in early {
            typed.columns(&mut |c| uses |= c.is_of_window());
        }
        uses
    }

    /// Rows as they come.
    fn whole(&self) -> Layout {
        Layout::default().all(self.input.len())
    }

    fn compile(&self, typed: &Typed, layout: &Layout) -> Program {
        typed.compile_salted(layout, &self.salt)
    }

    fn push(&mut self, operator: Box<dyn Operator>, types: &[Type]) {
        let like = self.like(types);
        self.stages.push(Stage { operator, like });
    }

    /// An empty batch with columns of these types.
    fn like(&self, types: &[Type]) -> Batch {
        Batch {
            columns: types.iter().map(|t| Column::new(*t)).collect(),
            tracks_clock: self.tracks_clock,
            tracks_cause: self.tracks_cause,
            ..Batch::default()
        }
    }

    /// Where each routing column stands among these columns or expressions over the input; none where there is no
    /// routing.
    fn positions(&self, place: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
        let routing = self.routing.iter().flatten();
        let place = |c: &usize| place(*c).expect("an operator has the columns it is routed by");
        routing.map(place).collect()
    }

    fn positions_among(&self, keys: &[Typed]) -> Vec<usize> {
        self.positions(|c| keys.iter().position(|k| is_attribute(k, c)))
    }

    /// The filter before a window; keeps these columns.
    fn filter(&mut self, keep: &[usize]) {
        if let Some(filter) = &self.source.filter {
            let condition = self.compile(filter, &self.whole());
            let types: Vec<Type> = keep.iter().map(|k| self.input[*k]).collect();
            self.push(Box::new(Filter::new(condition, keep.to_vec())), &types);
        }
    }

    /// The columns of the input that something behind the window reads.
    fn used(&self, expressions: &mut dyn Iterator<Item = &Typed>) -> Vec<usize> {
        let mut used = attributes(expressions, ONLY_SOURCE);
        used.sort_unstable();
        used.dedup();
        used
    }

    fn windowed(&mut self, window: &WindowPlan) {
        let mut used = self.used(&mut self.query.expressions());
        used.extend(window.held_columns());
        used.sort_unstable();
        used.dedup();
        // A window that reads its input itself finds all columns in their places.
        // Rows that come too late go to their stream whole.
        let reads_all = window.reads_input() || self.query.late.is_some();
        let all = reads_all || self.source.filter.is_none();
        let passed: Vec<usize> = match all {
            true => (0..self.input.len()).collect(),
            false => used.clone(),
        };
        self.filter(&passed);
        let mut keep: Vec<usize> = match all {
            true => used.clone(),
            false => (0..used.len()).collect(),
        };
        let mut types: Vec<Type> = used.iter().map(|c| self.input[*c]).collect();
        let mut layout = Layout::default().some(&used);
        if self.wants_numbers() {
            keep.push(passed.len());
            types.push(Type::Long);
            layout = layout.then(&[ColumnRef::RowNumber]);
        }
        if matches!(window, WindowPlan::Panes(_)) {
            layout = layout.then(&WINDOW_COLUMNS);
        }
        self.window(window, keep, (&passed, &used), types);
        self.tail(&layout);
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
    fn window(
        &mut self,
        window: &WindowPlan,
        keep: Vec<usize>,
        (passed, used): (&[usize], &[usize]),
        mut types: Vec<Type>,
    ) {
        let expires = self.query.events != Events::Current;
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
    fn in_front(
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
        carried.extend(attributes(window.keys().iter(), ONLY_SOURCE));
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
        let expires = self.query.events != Events::Current;
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

    fn projection(&self, layout: &Layout) -> Projection {
        let query = self.query;
        let outputs = query
            .outputs
            .iter()
            .map(|o| self.compile(o, layout))
            .collect();
        let having = query.having.as_ref().map(|h| self.compile(h, layout));
        let order = query
            .order
            .iter()
            .map(|(o, d)| (self.compile(o, layout), *d))
            .collect();
        let cut = query.limit.is_some() || query.offset.is_some();
        let distinct = (query.distinct && cut).then(|| KeyIndex::new(&self.output_types()));
        Projection::new(outputs, having, order, query.limit, query.offset, distinct)
    }

    fn grouping(&self, layout: &Layout) -> Grouping {
        let query = self.query;
        let number = Typed::column(ColumnRef::RowNumber, Type::Long, Span::default());
        let mut calls = Vec::new();
        for call in &query.calls {
            let args = call.args.iter().map(|a| self.compile(a, layout));
            let mut args: Vec<Program> = args.collect();
            if call.call.wants_numbers() {
                args.push(number.compile(layout));
            }
            calls.push((call.call.clone(), args));
        }
        Grouping {
            keys: query.keys.iter().map(|k| self.compile(k, layout)).collect(),
            key_types: query.keys.iter().filter_map(|k| k.ty).collect(),
            calls,
        }
    }

    fn output_types(&self) -> Vec<Type> {
        self.query.outputs.iter().filter_map(|o| o.ty).collect()
    }

    /// Condition, aggregates and projection over rows laid out by `layout`.
    fn tail(&mut self, layout: &Layout) {
        let query = self.query;
        let condition = query.condition.as_ref().map(|c| self.compile(c, layout));
        let projection = self.projection(layout);
        let types = self.output_types();
        let window = self.source.window.as_ref();
        let retracts = window.is_some_and(WindowPlan::retracts);
        if query.aggregates() {
            let transient = window.is_some_and(WindowPlan::only_flushes);
            let grouping = self.grouping(layout);
            let mut operator = RunningAggregate::new(
                condition,
                query.events,
                grouping,
                retracts,
                transient,
                projection,
            );
            operator.routed_by(self.positions_among(&query.keys));
            self.push(Box::new(operator), &types);
        } else {
            // DISTINCT over the rows of a sliding window sees rows leave.
            let events = if query.distinct && retracts {
                Events::All
            } else {
                query.events
            };
            self.push(Box::new(Select::new(condition, events, projection)), &types);
        }
    }

    fn pane_aggregate(&mut self) {
        let query = self.query;
        let Some(WindowPlan::Panes(panes)) = self.source.window else {
            unreachable!("the window is on a grid")
        };
        self.filter(&(0..self.input.len()).collect::<Vec<_>>());
        let order = query.order.iter().map(|(o, _)| o);
        let read = self.used(&mut query.outputs.iter().chain(&query.having).chain(order));
        let read_types = read.iter().map(|c| self.input[*c]).collect();
        let is_key = |c: &usize| query.keys.iter().any(|k| is_attribute(k, *c));
        let constant = read.iter().map(is_key).collect();
        let whole = self.whole();
        let condition = query.condition.as_ref().map(|c| self.compile(c, &whole));
        let grouping = self.grouping(&whole);
        let projection = self.projection(&Layout::default().some(&read).then(&WINDOW_COLUMNS));
        let types = self.output_types();
        let mut operator = PaneAggregate::new(
            panes,
            condition,
            grouping,
            read.clone(),
            read_types,
            constant,
            projection,
        );
        operator.routed_by(self.positions_among(&query.keys));
        self.push(Box::new(operator), &types);
    }

    fn distinct(&mut self) {
        let query = self.query;
        if query.distinct {
            let memory = match &self.source.window {
                Some(window) if window.retracts() => Memory::Window(Default::default()),
                Some(window) if window.only_flushes() => Memory::Flush,
                Some(window) if window.flushes() => Memory::SinceFlush,
                _ => Memory::Recent(Default::default()),
            };
            let types = self.output_types();
            self.push(
                Box::new(Distinct::new(&types, memory, query.events)),
                &types,
            );
        }
    }
}
