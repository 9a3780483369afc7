//! Statements → a checked plan: names and types resolved, windows with their parameters, queries grouped into
//! components.
//!
//! A plan knows no thread and holds no state; `build` makes the operators of a query from it, once per worker.

mod above;
mod aggregation;
mod build;
mod by_constant;
mod component;
mod draw_pattern;
mod drawing;
mod event_time;
mod explain;
mod explain_pattern;
mod identity;
mod join;
mod limits;
mod lineage;
mod meeting;
mod notes;
mod ordinal;
mod output_key;
mod over;
mod parameters;
mod partition;
#[cfg(test)]
mod partition_pattern_tests;
mod pattern;
mod pattern_runs;
mod pattern_text;
mod placement;
mod query;
mod question;
mod range;
mod rate;
#[cfg(test)]
mod restore_tests;
mod scope;
mod source;
mod streams;
mod table;
mod table_def;
mod term_scope;
mod time_bounds;
mod together;
mod trigger;
mod warn;
mod window;
mod window_args;

pub(crate) use above::Above;
pub(crate) use aggregation::RollupInfo;
pub(crate) use build::{Site, Stage, stages};
pub(crate) use component::{Component, Entry, Routing};
pub use drawing::Drawing;
pub(crate) use drawing::draw;
pub(crate) use explain::explain;
pub(crate) use identity::{QueryIdentity, changes};
pub(crate) use join::{JoinPlan, Trigger};
pub(crate) use output_key::{OutputKey, output_key};
pub(crate) use partition::{DoorPlan, KeyPlan, PartitionPlan};
pub(crate) use pattern_text::PatternWords;
pub(crate) use placement::{GROUPS, worker_of_component, worker_of_group};
pub(crate) use query::QueryPlan;
pub(crate) use question::{Held, QuestionPlan, question};
pub(crate) use source::ONLY_SOURCE;
pub(crate) use window::WindowPlan;

use crate::error::Fault;
use crate::event::{Column, Data, Schema, Timestamp, Type, parse_instant};
use crate::expr::Functions;
use crate::operator::aggregate::AggregateFunction;
use crate::operator::table::Shape;
use crate::sql::ast::{App, ClockBackRule, Events, Span};
use event_time::OwnTime;
use std::sync::Arc;

/// Functions and aggregates that an app may call.
#[derive(Clone, Default)]
pub(crate) struct Catalogue {
    pub(crate) functions: Functions,
    pub(crate) aggregates: Vec<(Arc<str>, Arc<dyn AggregateFunction>)>,
}

/// What stands in the list of streams.
#[derive(Clone)]
pub(crate) enum StreamKind {
    /// A stream.
    Stream,
    /// A table, by its number. Queries write it; whoever reads it looks it up.
    Table(usize),
    /// What a named window lets out, with signs.
    Window(NamedWindow),
    /// What is inserted into a named window.
    Entering,
    /// An inner stream of a partition: its rows carry the key behind their attributes.
    Inner,
    /// The rows of a trigger.
    Trigger,
    /// What a trigger reads: nothing ever comes.
    Ticking,
    /// What a question reads, by what it is called, as if all its rows came together.
    Asked(&'static str, WindowPlan),
}

/// A named window.
#[derive(Clone)]
pub(crate) struct NamedWindow {
    /// The stream of what is inserted into it.
    pub(crate) entering: usize,
    /// Which rows its readers get.
    pub(crate) events: Events,
    /// What it is, once the query is bound that fills it.
    pub(crate) plan: Option<WindowPlan>,
}

impl StreamPlan {
    /// What it is called in messages.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.rollup {
            Some(_) => "aggregation",
            None => self.kind.name(),
        }
    }
}

impl StreamKind {
    /// What it is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            StreamKind::Stream => "stream",
            StreamKind::Inner => "inner stream",
            StreamKind::Table(_) => "table",
            StreamKind::Window(_) | StreamKind::Entering => "window",
            StreamKind::Trigger | StreamKind::Ticking => "trigger",
            StreamKind::Asked(called, _) => called,
        }
    }

    /// The number of the table.
    pub(crate) fn table(&self) -> Option<usize> {
        match self {
            StreamKind::Table(table) => Some(*table),
            _ => None,
        }
    }

    /// The window of a named window.
    pub(crate) fn named(&self) -> Option<&WindowPlan> {
        match self {
            StreamKind::Window(window) => window.plan.as_ref(),
            StreamKind::Asked(_, window) => Some(window),
            _ => None,
        }
    }
}

/// A table of an app.
#[derive(Clone, Debug)]
pub(crate) struct TablePlan {
    pub(crate) name: Arc<str>,
    /// Its place in the list of streams.
    pub(crate) stream: usize,
    /// Its columns and keys.
    pub(crate) shape: Shape,
    /// What checkpoints call it.
    pub(crate) identity: QueryIdentity,
    /// Its rows are those of an aggregation, made when they are asked for.
    pub(crate) is_view: bool,
}

/// A stream of an app.
#[derive(Clone)]
pub(crate) struct StreamPlan {
    pub(crate) name: Arc<str>,
    pub(crate) schema: Schema,
    /// Declared by CREATE STREAM; otherwise defined by the query that writes it.
    pub(crate) declared: bool,
    /// `WITH` options, key and value with their places.
    pub(crate) options: Vec<(String, String, Span)>,
    pub(crate) kind: StreamKind,
    /// The type of the key that its rows carry behind their attributes, where it is an inner stream.
    pub(crate) carries: Option<Type>,
    /// What it says about the time of its rows.
    pub(crate) time: OwnTime,
    /// Queries that read it.
    pub(crate) readers: Vec<usize>,
    /// Queries that write it.
    pub(crate) writers: Vec<usize>,
    /// What it is, where it is an aggregation.
    pub(crate) rollup: Option<Arc<RollupInfo>>,
}

/// A checked app.
pub(crate) struct Plan {
    pub(crate) name: Option<String>,
    /// `@app:description('…')`.
    pub(crate) description: Option<String>,
    /// Event time; otherwise processing time.
    pub(crate) event_time: bool,
    /// Of an input that may send rows of all streams.
    pub(crate) lateness_us: i64,
    /// Of an input of one stream that does not say its own.
    app_lateness_us: i64,
    pub(crate) idle_timeout_us: Option<i64>,
    /// A row further ahead of its input does not move the clock.
    pub(crate) ahead_max_us: Option<i64>,
    /// In processing time a restored clock that is ahead of the machine's waits for it; otherwise it goes on.
    pub(crate) clock_waits: bool,
    pub(crate) streams: Vec<StreamPlan>,
    pub(crate) tables: Vec<TablePlan>,
    pub(crate) partitions: Vec<PartitionPlan>,
    pub(crate) queries: Vec<QueryPlan>,
    pub(crate) components: Vec<Component>,
    /// By number of the query, its component.
    homes: Vec<usize>,
    /// By stream, the column by which its rows are looked up instead of shown to all readers.
    by_constant: Vec<Option<usize>>,
    /// What is allowed but is seldom meant.
    pub(crate) warnings: Vec<Fault>,
    /// What is often meant, and worth knowing before the app runs for long.
    pub(crate) notes: Vec<Fault>,
    /// The same where the app's clock is the machine's.
    pub(crate) machine_clock: Option<Fault>,
}

impl Plan {
    /// Position of the stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Option<usize> {
        self.streams
            .iter()
            .position(|s| s.name.eq_ignore_ascii_case(name))
    }

    /// The lateness of an input that sends rows of one stream alone.
    pub(crate) fn lateness_of(&self, stream: usize) -> i64 {
        let own = self.streams[stream].time.lateness_us;
        own.unwrap_or(self.app_lateness_us)
    }

    /// The time of a row that brings none beside its attributes: that of the attribute which its stream declares.
    pub(crate) fn own_time(
        &self,
        stream: usize,
        columns: &[Column],
        row: usize,
    ) -> Option<Timestamp> {
        let column = &columns[self.streams[stream].time.attribute?];
        match column.data() {
            _ if column.is_null(row) => None,
            Data::Long(ms) => Some(Timestamp(ms[row].saturating_mul(1000))),
            Data::String(texts) => parse_instant(texts[row].trim()),
            _ => None,
        }
    }

    /// The component whose queries write a stream, if any do.
    pub(crate) fn writer_of(&self, stream: usize) -> Option<usize> {
        let writer = self.streams[stream].writers.first()?;
        Some(self.homes[*writer])
    }

    /// The query that fills an aggregation, by the number of its table.
    pub(crate) fn filled_by(&self, table: usize) -> Option<usize> {
        let stream = self.tables[table].stream;
        let fills = |q: &QueryPlan| q.target == stream && q.rollup.is_some();
        self.queries.iter().position(fills)
    }

    /// Position of the stream of this name if rows may come in through it: one that was declared.
    pub(crate) fn entry(&self, name: &str) -> Option<usize> {
        self.stream(name).filter(|s| self.streams[*s].declared)
    }
}

/// Checks an app; returns all faults that were found.
///
/// `unread`: what is wrong with statements that could not be read. It is answered with the rest, and a stream that
/// one of them may define is not called unknown.
pub(crate) fn plan(
    text: &str,
    app: &App,
    catalogue: &Catalogue,
    unread: Vec<Fault>,
) -> Result<Plan, Vec<Fault>> {
    if let Some(fault) = limits::too_many_regexps(text) {
        return Err([unread, vec![fault]].concat());
    }
    let mut planner = streams::Planner::new(text, catalogue, unread);
    planner.declare(app);
    planner.queries(app);
    event_time::check(&planner.streams, &mut planner.faults);
    if !planner.faults.is_empty() {
        return Err(planner.faults);
    }
    let streams::Planner {
        streams,
        tables,
        partitions,
        mut queries,
        warnings,
        notes,
        ..
    } = planner;
    if let Some(place) = identity::tell_apart(&mut queries) {
        let query = &queries[place];
        let message = format!("two queries are named '{}'", query.name);
        return Err(vec![Fault::new(query.name_span, message).help(
            "name each query differently: checkpoints tell them apart by name",
        )]);
    }
    let components = component::components(&streams, &tables, &partitions, &queries);
    if let Some(query) = component::too_deep(&components, &queries) {
        let max = component::CHAIN_MAX;
        let message = format!("more than {max} queries feed each other in a row (CHAIN_MAX)");
        let fault = Fault::new(queries[query].target_span, message);
        return Err(vec![fault.help("join queries of the chain into one")]);
    }
    if let Some(query) = limits::fans_out(&components, &queries) {
        let max = limits::FAN_OUT_MAX;
        let message = format!("one row makes queries run more than {max} times (FAN_OUT_MAX)");
        let fault = Fault::new(queries[query].target_span, message);
        return Err(vec![
            fault.help("let fewer queries write the streams that others read"),
        ]);
    }
    above::look_up(&streams, &mut queries);
    let mut homes = vec![0; queries.len()];
    for (number, component) in components.iter().enumerate() {
        component.queries.iter().for_each(|q| homes[*q] = number);
    }
    let by_constant = by_constant::columns(&streams, &queries);
    let mut plan = Plan {
        name: app.name.as_ref().map(|n| n.text.clone()),
        description: app.description.as_ref().map(|d| d.text.clone()),
        event_time: app.playback,
        lateness_us: event_time::of_all(&streams, app.lateness_us),
        app_lateness_us: app.lateness_us,
        idle_timeout_us: app.idle_timeout_us,
        ahead_max_us: app.ahead_max_us,
        clock_waits: app.clock_back == ClockBackRule::Wait,
        streams,
        tables,
        partitions,
        queries,
        components,
        homes,
        by_constant,
        warnings,
        notes,
        machine_clock: None,
    };
    plan.notes.extend(notes::of_app(app, &plan));
    plan.machine_clock = notes::machine_clock(&plan);
    Ok(plan)
}
