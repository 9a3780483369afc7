//! What is often meant, and worth knowing before an app runs for long.

use super::pattern::{ElementPlan, Logic, PatternPlan};
use super::{Plan, QueryPlan, StreamKind};
use crate::error::Fault;
use crate::event::Value;
use crate::expr::{ColumnRef, Typed};
use crate::operator::pattern::PATTERN_RUNS_MAX;
use crate::sql::ast::{App, Binary, Expr, ExprKind, Query, SelectItem, Span, Statement, StreamDef};

/// What there is to say of a query. `text`: of the app.
pub(super) fn of_query(text: &str, query: &Query, plan: &QueryPlan) -> Vec<Fault> {
    let mut notes = Vec::new();
    notes.extend(beside_aggregates(plan));
    notes.extend(groups_stay(plan));
    notes.extend(runs_stay(query, plan));
    let written = text.get(query.span.range()).unwrap_or_default();
    if written.to_ascii_uppercase().contains("NULL") {
        with_null(&mut query.clone(), &mut notes);
    }
    notes
}

/// An attribute that stands beside aggregates of all rows.
fn beside_aggregates(plan: &QueryPlan) -> Option<Fault> {
    if plan.calls.is_empty() || !plan.keys.is_empty() || plan.rollup.is_some() {
        return None;
    }
    let is_attribute = |e: &&Typed| {
        let mut found = false;
        e.columns(&mut |column| found |= matches!(column, ColumnRef::Input { .. }));
        // What the action or the partition reads stands nowhere.
        found && e.span != Span::default()
    };
    let beside = plan.outputs.iter().find(is_attribute)?;
    let message = "this is of one row, that which came last, and the aggregates are of all rows";
    let remedy = "write GROUP BY with the attributes whose values should have a result each";
    Some(Fault::new(beside.span, message).help(remedy))
}

/// Groups of rows that never leave.
fn groups_stay(plan: &QueryPlan) -> Option<Fault> {
    let is_held = plan.sources.iter().any(|s| s.held_by().is_some());
    if is_held || plan.joins_sources() || plan.partition.is_some() || plan.rollup.is_some() {
        return None;
    }
    let key = plan.keys.iter().find(|key| key.constant().is_none())?;
    let message = "without a window each group is kept for ever, and there may be more and more";
    let remedy = "give the stream a window, as in FROM S WINDOW('time', 1 HOUR), where the groups have no end";
    Some(Fault::new(key.span, message).help(remedy))
}

/// Runs of a pattern that wait for ever.
fn runs_stay(query: &Query, plan: &QueryPlan) -> Option<Fault> {
    let (written, pattern) = query.pattern.as_ref().zip(plan.pattern.as_ref())?;
    // A row that does not go on with a sequence ends its runs.
    if pattern.every.is_empty() || !pattern.within.is_empty() || pattern.is_sequence {
        return None;
    }
    let mut elements = pattern.elements.iter().enumerate();
    if elements.all(|(place, e)| waits_not(pattern, place, e)) {
        return None;
    }
    let message = format!(
        "a run that is not completed waits for ever, at most {PATTERN_RUNS_MAX} of them (PATTERN_RUNS_MAX)"
    );
    let remedy = "say how long it may take, as in WITHIN 1 HOUR behind the pattern";
    Some(Fault::new(written.span, message).help(remedy))
}

/// Whether a run that has taken a row does not wait for an element, or not longer than a silence lasts.
fn waits_not(pattern: &PatternPlan, place: usize, element: &ElementPlan) -> bool {
    match &element.logic {
        Some(logic) => ends_in_silence(pattern, logic),
        None if pattern.terms[element.terms.start].silence_us.is_some() => true,
        // The first element is complete with its row.
        None => place == 0 && (element.min, element.max) == (1, 1),
    }
}

/// Whether silence completes it, whatever else comes or does not.
fn ends_in_silence(pattern: &PatternPlan, logic: &Logic) -> bool {
    let ends = |side: &Logic| ends_in_silence(pattern, side);
    match logic {
        Logic::Term(term) => pattern.terms[*term].silence_us.is_some(),
        Logic::And(sides) => sides.iter().all(ends),
        Logic::Or(sides) => sides.iter().any(ends),
    }
}

/// Comparisons with NULL, which are never true.
fn with_null(query: &mut Query, notes: &mut Vec<Fault>) {
    let mut look = |e: &mut Expr| compared(e, notes);
    let of_sources = query.sources.iter_mut().flat_map(|s| &mut s.filters);
    of_sources.for_each(&mut look);
    query.joins.iter_mut().for_each(|join| look(&mut join.on));
    for item in &mut query.select {
        if let SelectItem::Expr { expr, .. } = item {
            look(expr);
        }
    }
    query.filter.iter_mut().for_each(&mut look);
    query.group_by.iter_mut().for_each(&mut look);
    query.having.iter_mut().for_each(&mut look);
    query.order_by.iter_mut().for_each(|(e, _)| look(e));
}

fn compared(expr: &mut Expr, notes: &mut Vec<Fault>) {
    let is_null = |e: &Expr| matches!(e.kind, ExprKind::Literal(Value::Null));
    if let ExprKind::Binary(sign, a, b) = &expr.kind
        && (is_null(a) || is_null(b))
    {
        let remedy = match sign {
            Binary::Eq => "write IS NULL",
            Binary::NotEq => "write IS NOT NULL",
            _ => "compare with a value, or write IS NULL",
        };
        let is_comparison = matches!(
            sign,
            Binary::Eq | Binary::NotEq | Binary::Lt | Binary::LtEq | Binary::Gt | Binary::GtEq
        );
        if is_comparison {
            let fault = Fault::new(expr.span, "a comparison with NULL is never true");
            notes.push(fault.help(remedy));
        }
    }
    expr.children_mut(&mut |child| compared(child, notes));
}

/// What there is to say of an app as a whole.
pub(super) fn of_app(app: &App, plan: &Plan) -> Vec<Fault> {
    let mut notes = Vec::new();
    if plan.queries.is_empty() {
        let fault = Fault::new(
            Span::default(),
            "the app has no queries: nothing comes of it",
        );
        notes.push(fault.help("write INSERT INTO target SELECT … FROM stream"));
    }
    for statement in &app.statements {
        if let Statement::Stream(def) = statement {
            notes.extend(unused(def, plan));
        }
    }
    notes
}

/// A stream that nobody reads, or a sink that nobody writes.
fn unused(def: &StreamDef, plan: &Plan) -> Option<Fault> {
    let name = &def.name;
    let stream = &plan.streams[plan.stream(&name.text)?];
    if !matches!(stream.kind, StreamKind::Stream) {
        return None;
    }
    let mut options = stream.options.iter();
    let kind = options.find(|(key, ..)| key.eq_ignore_ascii_case("type"));
    let is_sink = kind.is_some_and(|(_, value, _)| value.eq_ignore_ascii_case("sink"));
    let (is_read, is_written) = (!stream.readers.is_empty(), !stream.writers.is_empty());
    let (message, remedy) = match (is_read, is_written, is_sink) {
        (_, false, true) => (
            "no query writes",
            "write INSERT INTO it SELECT …, or remove it",
        ),
        (false, false, false) => (
            "no query reads or writes",
            "read it in a query, or remove it: a wrong name in a query defines another stream",
        ),
        _ => return None,
    };
    let message = format!("{message} {}", name.text);
    Some(Fault::new(name.span, message).help(remedy))
}

/// Time where the app's clock is the machine's.
pub(super) fn machine_clock(plan: &Plan) -> Option<Fault> {
    let of_row = |q: &QueryPlan| q.evaluated().any(Typed::uses_own_time);
    let query = plan.queries.iter().find(|q| q.is_timed() || of_row(q))?;
    let message = "time is the machine's clock here: times that rows bring are not used";
    let remedy =
        "where they should be, write @app:playback at the start, or run with --clock event";
    Some(Fault::new(query.target_span, message).help(remedy))
}
