//! Statements → a checked plan: names and types resolved, windows with their parameters, queries grouped into
//! components.
//!
//! A plan knows no thread and holds no state; `build` makes the operators of a query from it, once per worker.

mod above;
mod build;
mod component;
mod explain;
mod identity;
mod limits;
mod lineage;
mod ordinal;
mod output_key;
mod placement;
mod query;
#[cfg(test)]
mod restore_tests;
mod scope;
mod source;
mod streams;
mod window;
mod window_args;

pub(crate) use above::Above;
pub(crate) use build::stages;
pub(crate) use component::{Component, Entry, Routing};
pub(crate) use explain::explain;
pub(crate) use identity::{QueryIdentity, changes};
pub(crate) use output_key::{OutputKey, output_key};
pub(crate) use placement::{GROUPS, worker_of_component, worker_of_group};
pub(crate) use query::QueryPlan;
pub(crate) use source::ONLY_SOURCE;
pub(crate) use window::WindowPlan;

use crate::error::Fault;
use crate::event::Schema;
use crate::expr::Functions;
use crate::operator::aggregate::AggregateFunction;
use crate::sql::ast::{App, ClockBackRule, Span, Statement};
use std::sync::Arc;

/// Functions and aggregates that an app may call.
#[derive(Clone, Default)]
pub(crate) struct Catalogue {
    pub(crate) functions: Functions,
    pub(crate) aggregates: Vec<(Arc<str>, Arc<dyn AggregateFunction>)>,
}

/// A stream of an app.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlan {
    pub(crate) name: Arc<str>,
    pub(crate) schema: Schema,
    /// Declared by CREATE STREAM; otherwise defined by the query that writes it.
    pub(crate) declared: bool,
    /// `WITH` options, key and value with their places.
    pub(crate) options: Vec<(String, String, Span)>,
    /// Queries that read it.
    pub(crate) readers: Vec<usize>,
    /// Queries that write it.
    pub(crate) writers: Vec<usize>,
}

/// A checked app.
pub(crate) struct Plan {
    pub(crate) name: Option<String>,
    /// Event time; otherwise processing time.
    pub(crate) event_time: bool,
    pub(crate) lateness_us: i64,
    pub(crate) idle_timeout_us: Option<i64>,
    /// A row further ahead of its input does not move the clock.
    pub(crate) ahead_max_us: Option<i64>,
    /// In processing time a restored clock that is ahead of the machine's waits for it; otherwise it goes on.
    pub(crate) clock_waits: bool,
    pub(crate) streams: Vec<StreamPlan>,
    pub(crate) queries: Vec<QueryPlan>,
    pub(crate) components: Vec<Component>,
    /// By number of the query, its component.
    homes: Vec<usize>,
    /// What is allowed but is seldom meant.
    pub(crate) warnings: Vec<Fault>,
}

impl Plan {
    /// Position of the stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Option<usize> {
        self.streams
            .iter()
            .position(|s| s.name.eq_ignore_ascii_case(name))
    }

    /// The component whose queries write a stream, if any do.
    pub(crate) fn writer_of(&self, stream: usize) -> Option<usize> {
        let writer = self.streams[stream].writers.first()?;
        Some(self.homes[*writer])
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
    if !planner.faults.is_empty() {
        return Err(planner.faults);
    }
    let streams::Planner {
        streams,
        mut queries,
        warnings,
        ..
    } = planner;
    if let Some(place) = identity::tell_apart(&mut queries) {
        let mut names = app.statements.iter().filter_map(|s| match s {
            Statement::Query(query) => Some(query.name.as_ref()),
            _ => None,
        });
        let name = names.nth(place).flatten();
        let message = format!("two queries are named '{}'", queries[place].name);
        let fault = Fault::new(name.map(|n| n.span).unwrap_or_default(), message);
        return Err(vec![fault.help(
            "name each query differently: checkpoints tell them apart by name",
        )]);
    }
    let components = component::components(&streams, &queries);
    if let Some(query) = component::too_deep(&components, &queries) {
        let max = component::CHAIN_MAX;
        let message = format!("more than {max} queries feed each other in a row (CHAIN_MAX)");
        let fault = Fault::new(target_span(app, query), message);
        return Err(vec![fault.help("join queries of the chain into one")]);
    }
    if let Some(query) = limits::fans_out(&components, &queries) {
        let max = limits::FAN_OUT_MAX;
        let message = format!("one row makes queries run more than {max} times (FAN_OUT_MAX)");
        let fault = Fault::new(target_span(app, query), message);
        return Err(vec![
            fault.help("let fewer queries write the streams that others read"),
        ]);
    }
    above::look_up(&streams, &mut queries);
    let mut homes = vec![0; queries.len()];
    for (number, component) in components.iter().enumerate() {
        component.queries.iter().for_each(|q| homes[*q] = number);
    }
    Ok(Plan {
        name: app.name.as_ref().map(|n| n.text.clone()),
        event_time: app.playback,
        lateness_us: app.lateness_us,
        idle_timeout_us: app.idle_timeout_us,
        ahead_max_us: app.ahead_max_us,
        clock_waits: app.clock_back == ClockBackRule::Wait,
        streams,
        queries,
        components,
        homes,
        warnings,
    })
}

/// Where the target of a query stands.
fn target_span(app: &App, query: usize) -> Span {
    let mut written = app.statements.iter().filter_map(|s| match s {
        Statement::Query(query) => Some(query.target.span),
        Statement::Stream(_) => None,
    });
    written.nth(query).unwrap_or_default()
}
