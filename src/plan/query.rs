//! One query: its clauses bound to the columns of its input.

use super::QueryIdentity;
use super::scope::{Call, Clause, Prefer, QueryScope};
use super::streams::Planner;
use super::window::WindowPlan;
use super::window_args::bind_window;
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::expr::Typed;
use crate::operator::aggregate::Rows;
use crate::sql::ast::{Binary, Events, Expr, ExprKind, Name, Query, SelectItem, Span};

/// A bound query. Columns of its expressions are numbered as in `scope.rs`.
pub(crate) struct QueryPlan {
    /// `@info(name)`, else `query N` by its place in the text.
    pub(crate) name: String,
    /// What checkpoints call it.
    pub(crate) identity: QueryIdentity,
    /// The window clause as written.
    pub(crate) window_text: String,
    /// Stream read.
    pub(crate) input: usize,
    /// Number of attributes of the stream read.
    pub(crate) input_len: usize,
    /// Stream written.
    pub(crate) target: usize,
    pub(crate) events: Events,
    /// Filters before the window.
    pub(crate) filter: Option<Typed>,
    pub(crate) window: Option<WindowPlan>,
    /// WHERE.
    pub(crate) condition: Option<Typed>,
    pub(crate) keys: Vec<Typed>,
    pub(crate) calls: Vec<Call>,
    pub(crate) outputs: Vec<Typed>,
    pub(crate) having: Option<Typed>,
    /// `true` for descending.
    pub(crate) order: Vec<(Typed, bool)>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) distinct: bool,
}

impl QueryPlan {
    /// Whether rows are grouped or aggregated.
    pub(crate) fn aggregates(&self) -> bool {
        !self.keys.is_empty() || !self.calls.is_empty()
    }

    /// Everything evaluated behind the window.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Typed> {
        let args = self.calls.iter().flat_map(|c| &c.args);
        let order = self.order.iter().map(|(e, _)| e);
        self.condition
            .iter()
            .chain(&self.keys)
            .chain(args)
            .chain(&self.outputs)
            .chain(&self.having)
            .chain(order)
    }
}

/// Binds a query of a known input. Answers it with the schema of its rows; faults and warnings go to the planner.
pub(super) fn bind_query(
    planner: &mut Planner<'_>,
    query: &Query,
    place: usize,
    input: usize,
    target: Option<usize>,
) -> Option<(QueryPlan, Schema)> {
    let stream = planner.streams[input].clone();
    let mut scope = QueryScope {
        text: planner.text,
        catalogue: planner.catalogue,
        stream: &stream.name,
        alias: query.source.alias.as_ref().map(|a| a.text.as_str()),
        schema: &stream.schema,
        has_panes: false,
        rows: Rows::Forever,
        clause: Clause::Output,
        calls: Vec::new(),
        faults: Vec::new(),
    };
    let clause = query.source.window.as_ref();
    let window = clause.and_then(|w| bind_window(w, &mut scope));
    scope.has_panes = matches!(window, Some(WindowPlan::Panes(_)));
    scope.rows = window.as_ref().map_or(Rows::Forever, WindowPlan::rows);
    let clauses = bind_clauses(&mut scope, query);
    let calls = std::mem::take(&mut scope.calls);
    let mut faults = std::mem::take(&mut scope.faults);
    let written = clause.and_then(|w| planner.text.get(w.span.range()));
    let window_text = written.unwrap_or_default().to_string();
    let declared = target.map(|t| planner.streams[t].schema.clone());
    let outputs = check_outputs(clauses.outputs, declared.as_ref(), query, &mut faults);
    if !faults.is_empty() {
        planner.faults.append(&mut faults);
        return None;
    }
    let (schema, outputs) = outputs?;
    let plan = QueryPlan {
        name: query
            .name
            .as_ref()
            .map_or_else(|| format!("query {}", place + 1), |n| n.text.clone()),
        identity: QueryIdentity::of(planner.text, query, &clauses.keys, &calls),
        window_text,
        input,
        input_len: stream.schema.len(),
        target: 0,
        events: query.events,
        filter: clauses.filter,
        window,
        condition: clauses.condition,
        keys: clauses.keys,
        calls,
        outputs,
        having: clauses.having,
        order: clauses.order,
        limit: query.limit.map(|l| l.0),
        offset: query.offset.map(|o| o.0),
        distinct: query.distinct.is_some(),
    };
    check(planner, query, &plan)?;
    Some((plan, schema))
}

struct Clauses {
    filter: Option<Typed>,
    condition: Option<Typed>,
    keys: Vec<Typed>,
    outputs: Vec<(String, Option<Typed>, Span)>,
    having: Option<Typed>,
    order: Vec<(Typed, bool)>,
}

fn bind_clauses(scope: &mut QueryScope<'_>, query: &Query) -> Clauses {
    let both = |a: Expr, b: Expr| {
        let span = a.span.to(b.span);
        Expr {
            kind: ExprKind::Binary(Binary::And, Box::new(a), Box::new(b)),
            span,
        }
    };
    let mut filter = query.source.filters.iter().cloned().reduce(both);
    let mut condition = query.filter.clone();
    // Without a window, or where the window only assigns rows to a grid, before and after are the same.
    if query.source.window.is_none() || scope.has_panes {
        condition = filter.take().into_iter().chain(condition).reduce(both);
    }
    let filter = filter.and_then(|f| scope.condition(Clause::Filter, &f));
    let condition = condition.and_then(|f| scope.condition(Clause::Where, &f));
    let mut keys = Vec::new();
    for key in &query.group_by {
        let key = scope.expand_aliases(key, &query.select, Prefer::Attribute);
        match scope.bind(Clause::GroupBy, &key) {
            Some(typed) if typed.ty.is_none() => {
                scope
                    .faults
                    .push(Fault::new(key.span, "NULL is no grouping expression"));
            }
            typed => keys.extend(typed),
        }
    }
    let outputs = bind_select(scope, &query.select);
    let having = query
        .having
        .as_ref()
        .map(|h| scope.expand_aliases(h, &query.select, Prefer::Alias));
    let having = having.and_then(|h| scope.condition(Clause::Output, &h));
    let mut order = Vec::new();
    for (expr, descending) in &query.order_by {
        let expr = scope.expand_aliases(expr, &query.select, Prefer::Alias);
        order.extend(scope.bind(Clause::Output, &expr).map(|t| (t, *descending)));
    }
    Clauses {
        filter,
        condition,
        keys,
        outputs,
        having,
        order,
    }
}

fn bind_select(
    scope: &mut QueryScope<'_>,
    select: &[SelectItem],
) -> Vec<(String, Option<Typed>, Span)> {
    let mut outputs = Vec::new();
    for item in select {
        match item {
            SelectItem::Star(span) => {
                for (place, attribute) in scope.schema.attributes().iter().enumerate() {
                    let typed = Typed::column(place, attribute.ty, *span);
                    outputs.push((attribute.name.to_string(), Some(typed), *span));
                }
            }
            SelectItem::Expr { expr, alias } => {
                let name = output_name(expr, alias.as_ref(), scope.text);
                outputs.push((name, scope.bind(Clause::Output, expr), expr.span));
            }
        }
    }
    outputs
}

/// The alias, else the attribute, else the expression as written.
fn output_name(expr: &Expr, alias: Option<&Name>, text: &str) -> String {
    match (alias, &expr.kind) {
        (Some(alias), _) => alias.text.clone(),
        (None, ExprKind::Column { name, .. }) => name.text.clone(),
        (None, _) => text
            .get(expr.span.range())
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// Fits the outputs to the declared target, or makes the schema of an undeclared one.
fn check_outputs(
    outputs: Vec<(String, Option<Typed>, Span)>,
    declared: Option<&Schema>,
    query: &Query,
    faults: &mut Vec<Fault>,
) -> Option<(Schema, Vec<Typed>)> {
    let target = &query.target;
    if let Some(schema) = declared
        && schema.len() != outputs.len()
    {
        let message = format!(
            "stream {} has {} attributes, the query gives {}",
            target.text,
            schema.len(),
            outputs.len()
        );
        let names = schema
            .attributes()
            .iter()
            .map(|a| &*a.name)
            .collect::<Vec<_>>()
            .join(", ");
        faults.push(Fault::new(target.span, message).help(format!("{} has: {names}", target.text)));
        return None;
    }
    let mut typed = Vec::new();
    let mut attributes: Vec<(String, Type)> = Vec::new();
    for (place, (name, output, span)) in outputs.into_iter().enumerate() {
        let Some(output) = output else { continue };
        let wanted = declared.map(|s| s.attributes()[place].ty).or(output.ty);
        let Some(wanted) = wanted else {
            faults.push(
                Fault::new(span, "the type of NULL is not known here").help("CAST(NULL AS STRING)"),
            );
            continue;
        };
        if declared.is_none()
            && attributes
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(&name))
        {
            faults.push(
                Fault::new(span, format!("two columns are named '{name}'"))
                    .help("name one of them with AS"),
            );
            continue;
        }
        attributes.push((name, wanted));
        match output.coerce(wanted) {
            Ok(output) => typed.push(output),
            Err(fault) => faults.push(fault),
        }
    }
    let schema = declared.cloned().unwrap_or_else(|| Schema::new(attributes));
    Some((schema, typed))
}

/// What the parts of a query forbid each other, and what is seldom meant.
fn check(planner: &mut Planner<'_>, query: &Query, plan: &QueryPlan) -> Option<()> {
    let sliding = plan.window.as_ref().is_some_and(WindowPlan::retracts);
    if let Some(span) = query.distinct.filter(|_| sliding && plan.aggregates()) {
        let message = "DISTINCT with aggregates over a sliding window is not supported";
        planner
            .faults
            .push(Fault::new(span, message).help("leave DISTINCT out, or use a batch window"));
        return None;
    }
    let flushes = plan.window.as_ref().is_some_and(WindowPlan::flushes);
    let ordered = query.order_by.first().map(|(e, _)| e.span);
    let span = ordered
        .or(query.limit.map(|l| l.1))
        .or(query.offset.map(|o| o.1));
    if let Some(span) = span.filter(|_| !flushes) {
        let message = "ORDER BY, LIMIT and OFFSET act on every single row here";
        planner.warnings.push(
            Fault::new(span, message).help("they order and cut the flushes of a batch window"),
        );
    }
    Some(())
}
