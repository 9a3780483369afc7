//! A bound query → its operators.
//!
//! How: for each frame in which expressions run there is a layout: the attributes that rows have there, then start and
//! end of the window where it has them, then the aggregates. Each source has a chain of operators; those of several are
//! joined one after the other; the end of the query follows.

mod aggregation;
mod joins;
mod over;
mod partition;
mod pattern;
mod rate;
mod sessions;
mod target;
mod windows;

pub(crate) use aggregation::within;

use super::identity::attributes;
use super::source::SourcePlan;
use super::window::Apart;
use super::{Plan, QueryPlan, StreamKind, WindowPlan};
use crate::event::{Batch, Column, Type};
use crate::expr::{ColumnRef, Layout, Program, Typed};
use crate::operator::aggregate::{Grouping, PaneAggregate, Rows, RunningAggregate};
use crate::operator::distinct::{Distinct, Memory};
use crate::operator::filter::Filter;
use crate::operator::keep::Keep;
use crate::operator::projection::Projection;
use crate::operator::select::Select;
use crate::operator::{Operator, Port};
use crate::sql::ast::{Events, Span};
use crate::state::KeyIndex;

/// What a window on a grid adds to its rows.
const WINDOW_COLUMNS: [ColumnRef; 2] = [ColumnRef::WindowStart, ColumnRef::WindowEnd];

/// An operator and an empty batch with the columns that it emits.
pub(crate) struct Stage {
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) like: Batch,
    /// The operator of the query to which its rows go, by its place, and the port; the target where there is none.
    pub(crate) next: Option<(usize, Port)>,
    /// It waits for the end of an instant.
    pub(crate) waits: bool,
    /// The stream to which it writes beside, and an empty batch of that.
    pub(crate) aside: Option<(Batch, usize)>,
}

/// The operators of a query.
pub(crate) struct Stages {
    /// In the order in which rows pass them.
    pub(crate) stages: Vec<Stage>,
    /// By source, the first operator that its rows come to, and the port; none for a table.
    pub(crate) entries: Vec<Option<(usize, Port)>>,
}

/// What a graph is told of the queries that it runs.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) app: &'a str,
    pub(crate) tracks_clock: bool,
    pub(crate) tracks_cause: bool,
    /// The tables of the graph, by their numbers in the app.
    pub(crate) tables: &'a [usize],
    /// The partitions whose keys the graph keeps, by their numbers in the app.
    pub(crate) partitions: &'a [usize],
}

/// What the operators of a query are made from.
pub(crate) struct Builder<'a> {
    query: &'a QueryPlan,
    site: Site<'a>,
    /// The place of the source at hand.
    place: usize,
    source: &'a SourcePlan,
    /// The types of its columns.
    input: Vec<Type>,
    /// Makes the values of uuid() of different queries differ.
    salt: String,
    /// By source, the columns by which the component is spread over workers.
    routing: Vec<Option<Vec<usize>>>,
    stages: Vec<Stage>,
    entries: Vec<Option<(usize, Port)>>,
}

/// The operators of a query. `routing`: by source, the columns by which the component is spread over workers, if it is.
pub(crate) fn stages(
    query: &QueryPlan,
    site: Site<'_>,
    routing: Vec<Option<Vec<usize>>>,
) -> Stages {
    let mut builder = Builder::new(query, site, routing);
    builder.turn_to(0);
    match (&query.pattern, &query.rollup) {
        (Some(pattern), _) => builder.pattern(pattern),
        (None, Some(rollup)) => builder.rollup(rollup),
        (None, None) if query.joins.is_empty() => builder.build(),
        (None, None) => builder.join(),
    }
    builder.distinct();
    builder.rate();
    builder.write();
    Stages {
        stages: builder.stages,
        entries: builder.entries,
    }
}

/// The operators of a question, over rows with columns of these types.
pub(super) fn question_stages(query: &QueryPlan, site: Site<'_>, input: Vec<Type>) -> Vec<Stage> {
    let mut builder = Builder::new(query, site, vec![None]);
    builder.input = input;
    let layout = builder.whole();
    builder.tail(&layout);
    builder.distinct();
    builder.stages
}

impl<'a> Builder<'a> {
    fn new(query: &'a QueryPlan, site: Site<'a>, routing: Vec<Option<Vec<usize>>>) -> Self {
        Builder {
            query,
            site,
            place: 0,
            source: &query.sources[0],
            input: Vec::new(),
            salt: format!("{}/{}", site.app, query.name),
            routing,
            stages: Vec::new(),
            entries: vec![None; query.sources.len()],
        }
    }

    /// Whether an expression is this attribute of the source at hand and nothing else.
    fn is_attribute(&self, typed: &Typed, attribute: usize) -> bool {
        let column = typed.as_column();
        column.and_then(|c| c.attribute_of(self.place)) == Some(attribute)
    }

    /// Goes on with another source.
    fn turn_to(&mut self, place: usize) {
        self.place = place;
        self.source = &self.query.sources[place];
        let schema = &self.site.plan.streams[self.source.stream].schema;
        let members = self.query.members.iter().filter(|m| m.source == place);
        let attributes = schema.attributes().iter().map(|a| a.ty);
        let carried = self.site.plan.streams[self.source.stream].carries;
        let attributes = attributes.chain(carried);
        let key = self.source.door.as_ref().filter(|door| door.adds_column());
        let key = key.map(|door| door.ty);
        self.input = attributes
            .chain(members.map(|_| Type::Bool))
            .chain(key)
            .collect();
    }

    fn build(&mut self) {
        let query = self.query;
        self.entries[0] = Some((0, Port::default()));
        self.members();
        self.door();
        if query.aggregates_panes() {
            return self.pane_aggregate();
        }
        if self.folds_sessions() {
            return self.session_aggregate();
        }
        match &self.source.window {
            Some(window) if self.window_matters(window) => {
                let layout = self.windowed(window);
                self.tail(&layout);
                self.keep();
            }
            _ => {
                self.filter(&(0..self.input.len()).collect::<Vec<_>>());
                self.tail(&self.whole());
            }
        }
    }

    /// A window of which only the `+` rows are wanted, as they come, holds nothing.
    fn window_matters(&self, window: &WindowPlan) -> bool {
        !matches!(window, WindowPlan::Length(_)) || self.wants_expired() || self.fills_window()
    }

    /// Whether the query fills a named window.
    fn fills_window(&self) -> bool {
        let target = &self.site.plan.streams[self.query.target];
        matches!(target.kind, StreamKind::Window(_))
    }

    /// Whether rows come in any order out of the named window that the query fills.
    fn keeps_numbers(&self) -> bool {
        self.fills_window() && self.leaves_in_any_order()
    }

    fn wants_expired(&self) -> bool {
        let query = self.query;
        query.aggregates() || query.distinct || query.events != Events::Current
    }

    /// Whether rows of a window are numbered: an aggregate reads the numbers, or a join finds by them what leaves.
    fn wants_numbers(&self) -> bool {
        match !self.query.joins_sources() {
            true => {
                let calls = &self.query.calls;
                self.keeps_numbers() || calls.iter().any(|c| c.call.wants_numbers())
            }
            false => self.leaves_in_any_order(),
        }
    }

    /// Whether rows leave the window at hand in another order than they came, those of all keys taken together.
    fn leaves_in_any_order(&self) -> bool {
        let window = self.source.window.as_ref();
        window.is_some_and(|window| match window.rows() {
            Rows::AnyOrder => true,
            Rows::Forever => false,
            Rows::InOrder | Rows::Together | Rows::Displaced => {
                let one_by_one = match window.apart() {
                    Apart::PerKey => true,
                    Apart::ByFlush => window.flushes(),
                    Apart::OwnKey => false,
                };
                self.source.partition_key.is_some() && one_by_one
            }
        })
    }

    /// Rows as they come.
    fn whole(&self) -> Layout {
        Layout::default().all(self.place, self.input.len())
    }

    fn compile(&self, typed: &Typed, layout: &Layout) -> Program {
        typed.compile_salted(layout, &self.salt)
    }

    /// Puts an operator behind the last one.
    fn push(&mut self, operator: Box<dyn Operator>, types: &[Type]) {
        let place = self.stages.len();
        if let Some(before) = self.stages.last_mut().filter(|s| s.next.is_none()) {
            before.next = Some((place, Port::default()));
        }
        self.stages.push(Stage {
            operator,
            like: self.like(types),
            next: None,
            waits: false,
            aside: None,
        });
    }

    /// An empty batch with columns of these types.
    fn like(&self, types: &[Type]) -> Batch {
        Batch {
            columns: types.iter().map(|t| Column::new(*t)).collect(),
            tracks_clock: self.site.tracks_clock,
            tracks_cause: self.site.tracks_cause,
            ..Batch::default()
        }
    }

    /// Where each routing column stands among these columns or expressions over the input; none where there is no
    /// routing.
    fn positions(&self, place: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
        let routing = self.routing[self.place].iter().flatten();
        let place = |c: &usize| place(*c).expect("an operator has the columns it is routed by");
        routing.map(place).collect()
    }

    fn positions_among(&self, keys: &[Typed]) -> Vec<usize> {
        self.positions(|c| keys.iter().position(|k| self.is_attribute(k, c)))
    }

    /// The filter before a window; keeps these columns.
    fn filter(&mut self, keep: &[usize]) {
        if let Some(filter) = &self.source.filter {
            let condition = self.compile(filter, &self.whole());
            let types: Vec<Type> = keep.iter().map(|k| self.input[*k]).collect();
            self.push(Box::new(Filter::new(condition, keep.to_vec())), &types);
        }
    }

    /// The columns of the input that something behind the window reads, and the key of a partition.
    fn used(&self, expressions: &mut dyn Iterator<Item = &Typed>) -> Vec<usize> {
        let mut used = attributes(expressions, self.place);
        used.extend(self.source.partition_key);
        used.sort_unstable();
        used.dedup();
        used
    }

    /// A source with its window; returns what comes out of it.
    fn windowed(&mut self, window: &WindowPlan) -> Layout {
        let mut used = self.used(&mut self.query.expressions());
        used.extend(window.held_columns());
        used.sort_unstable();
        used.dedup();
        // A window that reads its input itself finds all columns in their places.
        // Rows that come too late go to their stream whole.
        let by_key = self.source.partition_key.is_some() && window.keeps_keys();
        let reads_all = window.reads_input() || by_key || self.query.late.is_some();
        let all = reads_all || self.source.filter.is_none();
        let passed: Vec<usize> = match all {
            true => (0..self.input.len()).collect(),
            false => used.clone(),
        };
        self.filter(&passed);
        let in_order = !self.query.joins.is_empty() && self.query.takes_rows_in_order();
        if in_order && !window.takes_rows_in_order() {
            self.on_time(&passed);
        }
        let mut keep: Vec<usize> = match all {
            true => used.clone(),
            false => (0..used.len()).collect(),
        };
        let mut types: Vec<Type> = used.iter().map(|c| self.input[*c]).collect();
        let mut layout = Layout::default().some(self.place, &used);
        if self.wants_numbers() {
            keep.push(passed.len());
            types.push(Type::Long);
            layout = layout.then(&[ColumnRef::RowNumber]);
        }
        if matches!(window, WindowPlan::Panes(_)) {
            layout = layout.then(&WINDOW_COLUMNS);
        }
        self.window(window, keep, (&passed, &used), types);
        layout
    }

    fn projection(&self, layout: &Layout) -> Projection {
        let query = self.query;
        let rate = query.rate.as_ref();
        let asked_later = rate.is_some_and(|r| r.having.is_some());
        let having = query.having.as_ref().filter(|_| !asked_later);
        let behind = rate.into_iter().flat_map(|r| &r.behind);
        let last = query.having.iter().filter(|_| asked_later);
        let outputs = query.outputs.iter().chain(behind).chain(last);
        let outputs = outputs.map(|o| self.compile(o, layout)).collect();
        let having = having.map(|h| self.compile(h, layout));
        let order = query
            .order
            .iter()
            .map(|(o, d)| (self.compile(o, layout), *d))
            .collect();
        let cut = query.limit.is_some() || query.offset.is_some();
        let distinct = (query.distinct && cut).then(|| {
            let types = self.output_types();
            (KeyIndex::new(&types), types.len())
        });
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

    /// The types of what goes to the target: the key of a partition that tells rows apart goes on only where it is
    /// carried.
    fn shown_types(&self) -> Vec<Type> {
        let mut types = self.output_types();
        if self.query.hides_key {
            types.pop();
        }
        types
    }

    fn output_types(&self) -> Vec<Type> {
        self.query.outputs.iter().filter_map(|o| o.ty).collect()
    }

    /// Condition, aggregates and projection over rows laid out by `layout`.
    fn tail(&mut self, layout: &Layout) {
        let query = self.query;
        if query.looks_back() {
            return self.over(layout);
        }
        let condition = query.condition.as_ref().map(|c| self.compile(c, layout));
        let projection = self.projection(layout);
        let types = query.emitted_types();
        let retracts = query.retracts();
        if query.aggregates() {
            let transient = query.only_flushes();
            let grouping = self.grouping(layout);
            let mut operator = RunningAggregate::new(
                condition,
                query.events,
                grouping,
                retracts,
                transient,
                projection,
            );
            if query.sources.iter().any(|s| s.partition_key.is_some()) {
                operator = operator.by_key();
            }
            operator.routed_by(self.group_positions());
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

    /// Keeps what the window at hand holds, where it is a named one: in front of the last operator.
    fn keep(&mut self) {
        if !self.fills_window() {
            return;
        }
        let numbered = self.keeps_numbers();
        let number = numbered.then_some(Type::Long);
        let types = self.input.iter().copied().chain(number).collect();
        let routing = self.positions(Some);
        if let Some(last) = self.stages.pop() {
            let operator = Keep::new(types, numbered, routing, last.operator);
            self.stages.push(Stage {
                operator: Box::new(operator),
                ..last
            });
        }
    }

    fn pane_aggregate(&mut self) {
        let query = self.query;
        let Some(WindowPlan::Panes(panes)) = self.source.window else {
            unreachable!("the window is on a grid")
        };
        self.filter(&(0..self.input.len()).collect::<Vec<_>>());
        let order = query.order.iter().map(|(o, _)| o);
        let behind = query.rate.iter().flat_map(|r| &r.behind);
        let shown = query.outputs.iter().chain(behind);
        let read = self.used(&mut shown.chain(&query.having).chain(order));
        let read_types = read.iter().map(|c| self.input[*c]).collect();
        let is_key = |c: &usize| query.keys.iter().any(|k| self.is_attribute(k, *c));
        let constant = read.iter().map(is_key).collect();
        let whole = self.whole();
        let condition = query.condition.as_ref().map(|c| self.compile(c, &whole));
        let grouping = self.grouping(&whole);
        let projection = self.projection(
            &Layout::default()
                .some(self.place, &read)
                .then(&WINDOW_COLUMNS),
        );
        let types = query.emitted_types();
        let mut operator = PaneAggregate::new(
            panes,
            condition,
            grouping,
            read.clone(),
            read_types,
            constant,
            projection,
        );
        operator.routed_by(self.group_positions());
        self.push(Box::new(operator), &types);
    }

    fn distinct(&mut self) {
        let query = self.query;
        if query.distinct {
            let memory = match query.retracts() {
                true => Memory::Window(Default::default()),
                false if query.only_flushes() => Memory::Flush,
                false if query.flushes() => Memory::SinceFlush,
                false => Memory::Recent(Default::default()),
            };
            let types = self.output_types();
            let mut operator = Distinct::new(&types, memory, query.events);
            if query.partition.is_some() {
                operator.routed_by(vec![types.len() - 1]);
            }
            let emitted = match query.rate {
                Some(_) => query.emitted_types(),
                None => self.shown_types(),
            };
            self.push(Box::new(operator), &emitted);
        }
    }
}
