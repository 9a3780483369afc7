//! One query: its clauses bound to the columns of its sources.

use super::aggregation::{RollupPlan, bind_reaches, bind_rollup};
use super::identity::normal;
use super::join::{JoinPlan, bind_joins};
use super::limits;
use super::ordinal;
use super::over::{OverPlan, check_over};
use super::partition;
use super::pattern::{self, PatternPlan};
use super::rate::{self, RatePlan};
use super::scope::{Call, Clause, Prefer, QueryScope};
use super::source::{
    NamedSource, ONLY_SOURCE, SourcePlan, bind_windows, check_names, check_source,
};
use super::streams::Planner;
use super::table::{ActionPlan, MemberPlan, bind_action};
use super::window::WindowPlan;
use super::{QueryIdentity, StreamKind, StreamPlan, notes, warn};
use crate::error::{FAULTS_MAX, Fault, LISTED_NAMES_MAX};
use crate::event::{Schema, Type};
use crate::expr::Typed;
use crate::operator::aggregate::Rows;
use crate::sql::ast::{Action, Binary, Events, Expr, ExprKind, Name, Query, SelectItem, Span};
use std::collections::HashSet;
use std::sync::Arc;

/// A bound query.
pub(crate) struct QueryPlan {
    /// `@info(name)`, otherwise `query N` by its place in the text.
    pub(crate) name: String,
    /// Where that stands.
    pub(super) name_span: Span,
    /// Where its target stands.
    pub(super) target_span: Span,
    /// What checkpoints call it.
    pub(crate) identity: QueryIdentity,
    /// How the rows come and go that it selects from.
    pub(crate) rows: Rows,
    /// In the order of the text, at least one.
    pub(crate) sources: Vec<SourcePlan>,
    /// How each source but the first meets those before it.
    pub(crate) joins: Vec<JoinPlan>,
    /// The pattern whose terms the sources are.
    pub(crate) pattern: Option<PatternPlan>,
    /// What is asked of tables, row by row.
    pub(crate) members: Vec<MemberPlan>,
    /// What happens at the target.
    pub(crate) action: ActionPlan,
    /// Stream written, or the table.
    pub(crate) target: usize,
    /// Stream that gets the rows which come too late.
    pub(crate) late: Option<usize>,
    pub(crate) events: Events,
    /// WHERE.
    pub(crate) condition: Option<Typed>,
    pub(crate) keys: Vec<Typed>,
    pub(crate) calls: Vec<Call>,
    /// The columns of the target; behind them what the action reads of the sources, or the key of a partition where it
    /// is needed there.
    pub(crate) outputs: Vec<Typed>,
    pub(crate) having: Option<Typed>,
    /// `true` for descending.
    pub(crate) order: Vec<(Typed, bool)>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) distinct: bool,
    /// The partition in which it stands, if it does.
    pub(crate) partition: Option<usize>,
    /// The key of its rows there.
    pub(crate) partition_key: Option<Typed>,
    /// The last of its columns is that key, and does not go on.
    pub(crate) hides_key: bool,
    /// OUTPUT.
    pub(crate) rate: Option<RatePlan>,
    /// The calls with OVER.
    pub(crate) over: OverPlan,
    /// The aggregation that it fills.
    pub(crate) rollup: Option<RollupPlan>,
    /// What it asks, as it is written.
    pub(super) written: Written,
}

/// Expressions of a query as they are written, each in one line.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// By source, its filters before the window; of one that is joined also what ON asks of its rows alone.
    pub(super) filters: Vec<Vec<String>>,
    /// WHERE, and the filters of a lone source without a window, part by part.
    pub(super) condition: Vec<String>,
    /// GROUP BY.
    pub(super) keys: Vec<String>,
    /// HAVING, if there is one.
    pub(super) having: Option<String>,
}

impl Written {
    fn of(text: &str, query: &Query, plan: &QueryPlan) -> Self {
        let at = |span: Span| normal(text.get(span.range()).unwrap_or_default());
        let one = |e: &Expr| at(e.span);
        let parts = |filter: &Option<Typed>| {
            let mut all = Vec::new();
            if let Some(filter) = filter {
                filter.conjuncts(&mut |part| all.push(at(part.span)));
            }
            all
        };
        Written {
            filters: plan.sources.iter().map(|s| parts(&s.filter)).collect(),
            condition: parts(&plan.condition),
            keys: query.group_by.iter().map(one).collect(),
            having: query.having.as_ref().map(one),
        }
    }
}

impl QueryPlan {
    /// Whether rows are grouped or aggregated.
    pub(crate) fn aggregates(&self) -> bool {
        !self.keys.is_empty() || !self.calls.is_empty()
    }

    /// Whether the rows of a window on a grid are aggregated pane by pane, and not kept.
    pub(crate) fn aggregates_panes(&self) -> bool {
        let [source] = &self.sources[..] else {
            return false;
        };
        let early = self.condition.iter().chain(&self.keys);
        let early = early.chain(self.calls.iter().flat_map(|c| &c.args));
        let mut reads_bounds = false;
        for typed in early {
            typed.columns(&mut |c| reads_bounds |= c.is_of_window());
        }
        let cut = self.limit.is_some() || self.offset.is_some() || !self.order.is_empty();
        let cuts_keys = source.partition_key.is_some() && (cut || self.distinct);
        matches!(source.window, Some(WindowPlan::Panes(_)))
            && self.aggregates()
            && self.events == Events::Current
            && !reads_bounds
            && !cuts_keys
    }

    /// Whether calls with OVER look at rows that came before.
    pub(crate) fn looks_back(&self) -> bool {
        !self.over.calls.is_empty()
    }

    /// The expressions by which it keeps rows apart behind its sources, where it keeps any.
    pub(crate) fn apart_by(&self) -> Option<Vec<&Typed>> {
        match (self.looks_back(), self.aggregates()) {
            (true, _) => Some(self.over.shared_keys()),
            (false, true) => Some(self.keys.iter().collect()),
            (false, false) => None,
        }
    }

    /// Whether rows of several sources meet in it.
    pub(crate) fn joins_sources(&self) -> bool {
        !self.joins.is_empty() || self.pattern.is_some()
    }

    /// Whether it has timers, or takes rows in the order of their times.
    pub(crate) fn is_timed(&self) -> bool {
        self.pattern.is_some()
            || self.looks_back()
            || self.rollup.is_some()
            || self.joins.iter().any(JoinPlan::is_timed)
            || self.windows().any(WindowPlan::timed)
            || self.rate.as_ref().is_some_and(RatePlan::is_timed)
    }

    /// Whether its sources get their rows in the order of their times, as one of them must.
    pub(crate) fn takes_rows_in_order(&self) -> bool {
        self.pattern.is_some()
            || self.joins.iter().any(JoinPlan::is_timed)
            || self.windows().any(WindowPlan::takes_rows_in_order)
    }

    /// Whether rows may come too late for it.
    pub(crate) fn has_late_rows(&self) -> bool {
        let joined = self.joins_sources() && self.takes_rows_in_order();
        joined
            || self.looks_back()
            || self.rollup.is_some()
            || self.windows().any(WindowPlan::has_late_rows)
    }

    /// The one source, for whatever cannot handle several.
    pub(crate) fn only_source(&self) -> &SourcePlan {
        debug_assert_eq!(self.sources.len(), 1);
        &self.sources[ONLY_SOURCE]
    }

    /// The streams from which rows come to it, one for each source that is no table; those of a pattern once.
    pub(crate) fn read(&self) -> impl Iterator<Item = usize> {
        self.fed().map(|(_, stream)| stream)
    }

    /// The sources that are no tables: place and stream. Terms of a pattern that read one stream get its rows together:
    /// the first of them is told.
    pub(crate) fn fed(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = self.sources.iter().enumerate();
        let streams = all.filter(|(place, s)| {
            let mut before = self.sources[..*place].iter();
            let again = self.pattern.is_some() && before.any(|b| b.stream == s.stream);
            s.table.is_none() && !again
        });
        streams.map(|(place, s)| (place, s.stream))
    }

    /// The tables that it looks up.
    pub(crate) fn looked_up(&self) -> impl Iterator<Item = usize> {
        let joined = self.sources.iter().filter_map(|s| s.table);
        joined.chain(self.members.iter().map(|m| m.table))
    }

    /// Whether rows leave one by one of what it selects from, and aggregates retract them.
    pub(crate) fn retracts(&self) -> bool {
        self.rows.leave() && !self.looks_back()
    }

    /// Whether everything that it selects from comes in flushes.
    pub(crate) fn only_flushes(&self) -> bool {
        let mut streams = self.sources.iter().filter(|s| s.table.is_none());
        streams.all(|s| s.held_by().is_some_and(WindowPlan::only_flushes))
    }

    /// Whether something that it selects from comes in flushes.
    pub(crate) fn flushes(&self) -> bool {
        match !self.joins_sources() {
            true => self
                .sources
                .iter()
                .filter_map(SourcePlan::held_by)
                .any(WindowPlan::flushes),
            false => self.only_flushes(),
        }
    }

    /// The windows of its sources.
    pub(crate) fn windows(&self) -> impl Iterator<Item = &WindowPlan> {
        self.sources.iter().filter_map(|s| s.window.as_ref())
    }

    /// The filters before the windows of its sources.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &Typed> {
        self.sources.iter().filter_map(|s| s.filter.as_ref())
    }

    /// The streams to which it writes: its target, that of its late rows, and that of runs that WITHIN has ended.
    pub(crate) fn written(&self) -> impl Iterator<Item = usize> {
        let timeout = self.pattern.as_ref().and_then(|p| p.timeout.as_ref());
        let others = self.late.into_iter().chain(timeout.map(|t| t.target));
        let mut doors = self.sources.iter().filter_map(|s| s.door.as_ref());
        let others = others.chain(doors.find_map(|door| door.aside));
        std::iter::once(self.target).chain(others)
    }

    /// Everything that it evaluates.
    pub(crate) fn evaluated(&self) -> impl Iterator<Item = &Typed> {
        let terms = self.pattern.iter().flat_map(PatternPlan::expressions);
        self.filters().chain(terms).chain(self.expressions())
    }

    /// Everything evaluated behind the window, or the pattern.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Typed> {
        let args = self.calls.iter().flat_map(|c| &c.args);
        let order = self.order.iter().map(|(e, _)| e);
        let joins = self.joins.iter().flat_map(JoinPlan::expressions);
        let by = self.rollup.iter().filter_map(|r| r.by.as_ref());
        let reaches = self.sources.iter().filter_map(|s| s.reach.as_ref());
        let within = reaches.flat_map(|r| r.within.iter().flatten());
        self.condition
            .iter()
            .chain(joins)
            .chain(&self.keys)
            .chain(args)
            .chain(&self.outputs)
            .chain(&self.having)
            .chain(order)
            .chain(self.over.expressions())
            .chain(by)
            .chain(within)
    }
}

/// Binds a query. `inputs`: the streams of its sources. Returns it with the schema of its rows; faults and warnings go
/// to the planner.
pub(super) fn bind_query(
    planner: &mut Planner<'_>,
    query: &Query,
    place: usize,
    inputs: &[usize],
    target: Option<usize>,
    partition: Option<usize>,
) -> Option<(QueryPlan, Schema)> {
    let streams: Vec<StreamPlan> = inputs.iter().map(|i| planner.streams[*i].clone()).collect();
    let named = named(query, &streams);
    let kinds: Vec<StreamKind> = streams.iter().map(|s| s.kind.clone()).collect();
    let tables = Arc::clone(&planner.table_streams);
    let changed = target.map(|t| planner.streams[t].clone());
    check_sources(planner, query, &streams, changed.as_ref())?;
    let named: Vec<NamedSource<'_>> = terms(query, named);
    count_columns(planner, query, &named)?;
    let mut scope = QueryScope::new(planner.text, planner.catalogue, &named, &tables);
    if !has_shape(&mut scope, query) {
        planner.faults.append(&mut scope.faults);
        return None;
    }
    let mut sources = bind_windows(&mut scope, query, inputs, &kinds);
    bind_reaches(&mut scope, query, &streams, &mut sources);
    let mut joins = bind_joins(&mut scope, query, &sources);
    let clauses = bind_clauses(&mut scope, query, &mut sources);
    filter_before_choosing(&mut joins, &mut sources);
    let rollup = bind_rollup(&mut scope, query);
    let action = bind_action(&mut scope, query, changed.as_ref());
    let mut faults = std::mem::take(&mut scope.faults);
    let outputs = check_outputs(clauses.outputs, changed.as_ref(), query, &mut faults);
    if !faults.is_empty() {
        planner.faults.append(&mut faults);
        return None;
    }
    let ((schema, mut outputs), action) = outputs.zip(action)?;
    outputs.extend(read_by_action(&action, query.sources.len(), &outputs));
    let mut plan = QueryPlan {
        name: name_of(query, place),
        name_span: query.name.as_ref().map(|n| n.span).unwrap_or_default(),
        target_span: query.target.span,
        identity: QueryIdentity::default(),
        rows: scope.rows,
        sources,
        joins,
        pattern: scope.pattern.take(),
        members: std::mem::take(&mut scope.members),
        action,
        target: 0,
        late: None,
        events: events(planner, query, scope.rows.leave())?,
        condition: clauses.condition,
        keys: clauses.keys,
        calls: std::mem::take(&mut scope.calls),
        outputs,
        having: clauses.having,
        order: clauses.order,
        limit: query.limit.map(|l| l.0),
        offset: query.offset.map(|o| o.0),
        distinct: query.distinct.is_some(),
        partition: None,
        partition_key: None,
        hides_key: false,
        rate: None,
        over: std::mem::take(&mut scope.over),
        rollup,
        written: Written::default(),
    };
    finish(planner, query, &scope, &mut plan, (target, partition))?;
    Some((plan, schema))
}

/// What the sources of a query are called.
fn named<'a>(query: &'a Query, streams: &'a [StreamPlan]) -> Vec<NamedSource<'a>> {
    let several = query.sources.len() > 1 || query.pattern.is_some();
    let written = query.sources.iter().zip(streams);
    written
        .map(|(written, stream)| NamedSource::new(written, stream, several))
        .collect()
}

/// Which rows a query gives. `leave`: rows leave one by one of what it selects from.
fn events(planner: &mut Planner<'_>, query: &Query, leave: bool) -> Option<Events> {
    let events = rate::events(query, leave);
    events.map_err(|fault| planner.faults.push(fault)).ok()
}

/// The partition, the rate limit, the identity and the checks of a query that is bound otherwise.
fn finish(
    planner: &mut Planner<'_>,
    query: &Query,
    scope: &QueryScope<'_>,
    plan: &mut QueryPlan,
    (target, partition): (Option<usize>, Option<usize>),
) -> Option<()> {
    if let Some(number) = partition {
        partition::apply(planner, number, query, plan)?;
    }
    let limited = rate::bind_rate(query, plan);
    limited.map_err(|fault| planner.faults.push(fault)).ok()?;
    plan.identity = QueryIdentity::of(scope, query, plan);
    plan.written = Written::of(planner.text, query, plan);
    check(planner, query, plan, target)
}

/// Binds the pattern of a query, if it has one; whether that can be read.
fn has_shape(scope: &mut QueryScope<'_>, query: &Query) -> bool {
    let Some(written) = &query.pattern else {
        return true;
    };
    scope.pattern = pattern::shape(scope, written);
    if scope.pattern.is_some() {
        pattern::bind_terms(scope, query);
    }
    scope.pattern.is_some()
}

/// Gives sources the conditions that their joins ask of their rows alone.
fn filter_before_choosing(joins: &mut [JoinPlan], sources: &mut [SourcePlan]) {
    for (join, source) in joins.iter_mut().zip(sources.iter_mut().skip(1)) {
        let filters = source.filter.take().into_iter();
        source.filter = Typed::all(filters.chain(join.before_choosing.drain(..)).collect());
    }
}

/// The sources of a query; terms of a pattern that must not come have no rows to be named.
fn terms<'a>(query: &Query, mut named: Vec<NamedSource<'a>>) -> Vec<NamedSource<'a>> {
    let steps = query.pattern.iter().flat_map(|p| &p.chain);
    steps.for_each(|step| {
        step.each_term(&mut |term| named[term.source].is_absent = term.absent.is_some());
    });
    named
}

/// What a query is called that stands at this place.
fn name_of(query: &Query, place: usize) -> String {
    let name = query.name.as_ref();
    name.map_or_else(|| format!("query {}", place + 1), |n| n.text.clone())
}

/// Whether the sources may stand where they do. `changed`: the target, if it is known.
fn check_sources(
    planner: &mut Planner<'_>,
    query: &Query,
    streams: &[StreamPlan],
    changed: Option<&StreamPlan>,
) -> Option<()> {
    let written = query.sources.iter().zip(streams);
    let mut faults: Vec<Fault> = written
        .filter_map(|(w, s)| check_source(w, s, query))
        .collect();
    // Where it inserts, nobody names the target.
    let changed = changed.filter(|_| !matches!(query.action, Action::Insert));
    faults.extend(check_names(query, streams, changed));
    let is_right = faults.is_empty();
    planner.faults.extend(faults);
    is_right.then_some(())
}

/// What an action reads of the sources, each column once and none that is selected: it is handed on beside the columns
/// of the target.
fn read_by_action(action: &ActionPlan, sources: usize, selected: &[Typed]) -> Vec<Typed> {
    let mut read: Vec<Typed> = Vec::new();
    for expression in action.expressions() {
        expression.typed_columns(&mut |column, ty| {
            let of_source = column.source().is_some_and(|source| source < sources);
            let mut known = selected.iter().chain(&read);
            if of_source && !known.any(|r| r.as_column() == Some(column)) {
                read.push(Typed::column(column, ty, Span::default()));
            }
        });
    }
    read
}

/// Counts the columns of the output.
fn count_columns(
    planner: &mut Planner<'_>,
    query: &Query,
    sources: &[NamedSource<'_>],
) -> Option<()> {
    let widths = query.select.iter().map(|i| ordinal::width(i, sources));
    let counted = planner.columns.add(widths.sum(), query.span);
    counted.map_err(|fault| planner.faults.push(fault)).ok()
}

struct Clauses {
    condition: Option<Typed>,
    keys: Vec<Typed>,
    outputs: Vec<(String, Option<Typed>, Span)>,
    having: Option<Typed>,
    order: Vec<(Typed, bool)>,
}

fn both(a: Expr, b: Expr) -> Expr {
    let span = a.span.to(b.span);
    Expr {
        kind: ExprKind::Binary(Binary::And, Box::new(a), Box::new(b)),
        span,
    }
}

/// All conditions as one. They are joined by halves: a text may have thousands of them, and a tree as high as that
/// would overflow the stack of whoever walks it.
fn all_of(conditions: &[Expr]) -> Option<Expr> {
    match conditions {
        [] => None,
        [one] => Some(one.clone()),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            Some(both(all_of(left)?, all_of(right)?))
        }
    }
}

/// Binds the clauses of a query; filters before windows go to their sources.
fn bind_clauses(scope: &mut QueryScope<'_>, query: &Query, sources: &mut [SourcePlan]) -> Clauses {
    let written = query.sources.iter();
    // Those of a pattern belong to its terms.
    let written = written.filter(|_| query.pattern.is_none());
    let mut filters: Vec<Option<Expr>> = written.map(|s| all_of(&s.filters)).collect();
    let mut condition = query.filter.clone();
    // Without a window, or where the window only assigns rows to a grid, before and after are the same; but for rows
    // that come too late for a grid, which somebody may want. Where sources meet, WHERE comes after that.
    let is_grid = scope.has_panes == Some(true) && query.late_stream.is_none();
    if let ([filter], [source]) = (filters.as_mut_slice(), query.sources.as_slice())
        && (source.window.is_none() || is_grid)
    {
        condition = filter.take().into_iter().chain(condition).reduce(both);
    }
    for (place, (filter, source)) in filters.into_iter().zip(sources).enumerate() {
        source.filter = filter.and_then(|f| bind_filter(scope, place, source, &f));
    }
    let condition = condition.and_then(|f| scope.condition(Clause::Where, &f));
    let mut keys = Vec::new();
    for key in &query.group_by {
        match bind_listed(scope, Clause::GroupBy, key, &query.select) {
            Some(typed) if typed.ty.is_none() => {
                scope
                    .faults
                    .push(Fault::new(key.span, "NULL is no grouping expression"));
            }
            typed => keys.extend(typed),
        }
    }
    let outputs = bind_select(scope, &query.select);
    let having = query.having.as_ref().and_then(|written| {
        let meant = scope.expand_aliases(written, &query.select, Prefer::Alias);
        let too_far = scope.is_expanded_too_far(written);
        (!too_far).then_some(meant)
    });
    let having = having.and_then(|h| scope.condition(Clause::Output, &h));
    let mut order = Vec::new();
    for (expr, descending) in &query.order_by {
        let bound = bind_listed(scope, Clause::Output, expr, &query.select);
        order.extend(bound.map(|t| (t, *descending)));
    }
    Clauses {
        condition,
        keys,
        outputs,
        having,
        order,
    }
}

/// The filter of a source. What a named window lets out must be let in again when it leaves.
fn bind_filter(
    scope: &mut QueryScope<'_>,
    place: usize,
    source: &SourcePlan,
    filter: &Expr,
) -> Option<Typed> {
    let asked = scope.members.len();
    let typed = scope.condition(Clause::Source(place), filter)?;
    let stays = typed.is_same_each_time() && scope.members.len() == asked;
    if source.named.is_some() && !stays {
        let message =
            "a filter on a named window says the same when a row comes and when it leaves";
        let remedy = "filter what is inserted into the window, or write WHERE";
        scope
            .faults
            .push(Fault::new(filter.span, message).help(remedy));
        return None;
    }
    Some(typed)
}

/// An expression of GROUP BY or ORDER BY: the number of an output column, or what it says.
fn bind_listed(
    scope: &mut QueryScope<'_>,
    clause: Clause,
    expr: &Expr,
    select: &[SelectItem],
) -> Option<Typed> {
    let (name, prefer) = match clause {
        Clause::GroupBy => ("GROUP BY", Prefer::Attribute),
        _ => ("ORDER BY", Prefer::Alias),
    };
    let meant = match ordinal::output(expr, name, select, scope.sources) {
        Ok(Some(mut column)) => {
            if clause == Clause::GroupBy {
                scope.stands_for("a number", &column);
            }
            scope.expanded += limits::size(&mut column).0;
            column
        }
        Ok(None) => scope.expand_aliases(expr, select, prefer),
        Err(fault) => {
            scope.faults.push(fault);
            return None;
        }
    };
    if scope.is_expanded_too_far(expr) {
        return None;
    }
    let bound = scope.bind(clause, &meant)?;
    match ordinal::same_in_all_rows(expr, &bound, name) {
        Some(fault) => {
            scope.faults.push(fault);
            None
        }
        None => Some(bound),
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
                scope.faults.extend(scope.all_of_counted(*span));
                for (place, source) in ordinal::shown(scope.sources) {
                    outputs.extend(source.columns(place).map(|(column, name, ty)| {
                        let typed = Typed::column(column, ty, *span);
                        (name.to_string(), Some(typed), *span)
                    }));
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

/// The alias, otherwise the attribute, otherwise the expression as written.
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

/// Fits the outputs to the target that is known, or makes the schema of one that is not.
fn check_outputs(
    outputs: Vec<(String, Option<Typed>, Span)>,
    known: Option<&StreamPlan>,
    query: &Query,
    faults: &mut Vec<Fault>,
) -> Option<(Schema, Vec<Typed>)> {
    let target = &query.target;
    let declared = known.map(|s| &s.schema);
    if matches!(query.action, Action::Update { .. } | Action::Delete { .. }) {
        return Some((declared?.clone(), Vec::new()));
    }
    if let Some(schema) = declared
        && schema.len() != outputs.len()
    {
        let message = format!(
            "{} {} has {} attributes, the query gives {}",
            known.map_or("stream", |s| s.kind.name()),
            target.text,
            schema.len(),
            outputs.len()
        );
        let attributes = schema.attributes().iter();
        let names = attributes.map(|a| &*a.name).take(LISTED_NAMES_MAX);
        let names = names.collect::<Vec<_>>().join(", ");
        faults.push(Fault::new(target.span, message).help(format!("{} has: {names}", target.text)));
        return None;
    }
    let mut typed = Vec::new();
    let mut attributes: Vec<(String, Type)> = Vec::new();
    let mut names = HashSet::new();
    for (place, (name, output, span)) in outputs.into_iter().enumerate() {
        let Some(output) = output else { continue };
        let wanted = declared.map(|s| s.attributes()[place].ty).or(output.ty);
        let Some(wanted) = wanted else {
            faults.push(
                Fault::new(span, "the type of NULL is not known here").help("CAST(NULL AS STRING)"),
            );
            continue;
        };
        if declared.is_none() && !names.insert(name.to_ascii_lowercase()) {
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
fn check(
    planner: &mut Planner<'_>,
    query: &Query,
    plan: &QueryPlan,
    target: Option<usize>,
) -> Option<()> {
    let sliding = plan.retracts();
    if let Some(span) = query.distinct.filter(|_| sliding && plan.aggregates()) {
        let message = "DISTINCT with aggregates over a sliding window is not supported";
        planner
            .faults
            .push(Fault::new(span, message).help("leave DISTINCT out, or use a batch window"));
        return None;
    }
    check_leaving(planner, query, plan)?;
    if let Some(fault) = check_over(query, plan) {
        planner.faults.push(fault);
        return None;
    }
    let flushes = plan.flushes();
    let ordered = query.order_by.first().map(|(e, _)| e.span);
    let span = ordered
        .or(query.limit.map(|l| l.1))
        .or(query.offset.map(|o| o.1));
    let told = planner.warnings.len() >= FAULTS_MAX;
    if let Some(span) = span.filter(|_| !flushes && !told) {
        let message = "ORDER BY, LIMIT and OFFSET act on every single row here";
        planner.warnings.push(
            Fault::new(span, message).help("they order and cut the flushes of a batch window"),
        );
    }
    let once = plan.pattern.as_ref();
    let once = once.and_then(|p| pattern::matches_once(query, p));
    let warnings = warn::keeps_all(query, plan)
        .chain(warn::upsert(query, plan, &planner.tables, target))
        .chain(once);
    let room = FAULTS_MAX.saturating_sub(planner.warnings.len());
    let warnings: Vec<Fault> = warnings.take(room).collect();
    planner.warnings.extend(warnings);
    if planner.notes.len() < FAULTS_MAX {
        planner
            .notes
            .extend(notes::of_query(planner.text, query, plan));
    }
    Some(())
}

/// Refuses to count what leaves a named window where nobody sees it enter.
fn check_leaving(planner: &mut Planner<'_>, query: &Query, plan: &QueryPlan) -> Option<()> {
    let source = &plan.sources[ONLY_SOURCE];
    let only_leaves = match &planner.streams[source.stream].kind {
        StreamKind::Window(window) => window.events == Events::Expired,
        _ => false,
    };
    if !only_leaves || !(plan.aggregates() || plan.distinct) {
        return Some(());
    }
    let name = &query.sources[ONLY_SOURCE].stream;
    let message = format!("{} lets out what leaves it, and not what enters", name.text);
    let remedy = "let the window have OUTPUT ALL EVENTS, or insert its rows into a stream first";
    planner
        .faults
        .push(Fault::new(name.span, message).help(remedy));
    None
}
