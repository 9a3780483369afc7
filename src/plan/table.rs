//! Tables: which rows of them a query changes, and `(condition) IN table`.

use super::StreamPlan;
use super::join::On;
use super::scope::{Clause, QueryScope};
use super::source::NamedSource;
use crate::error::Fault;
use crate::event::Type;
use crate::expr::{ColumnRef, Typed};
use crate::sql::ast::{Action, Expr, Name, Query, Span};

/// What a query does at its target.
pub(crate) enum ActionPlan {
    /// Its rows go there.
    Insert,
    /// Each row changes rows of a table.
    Update {
        on: On,
        /// Columns of the table with their new values.
        set: Vec<(usize, Typed)>,
    },
    /// Each row deletes rows of a table.
    Delete { on: On },
    /// Each row replaces rows of a table, or is inserted.
    Upsert { on: On },
}

impl ActionPlan {
    /// All expressions that are evaluated over a row and rows of the table.
    pub(crate) fn expressions(&self) -> Vec<&Typed> {
        match self {
            ActionPlan::Insert => Vec::new(),
            ActionPlan::Delete { on } | ActionPlan::Upsert { on } => on.conjuncts().collect(),
            ActionPlan::Update { on, set } => {
                let values = set.iter().map(|(_, value)| value);
                on.conjuncts().chain(values).collect()
            }
        }
    }
}

/// `(condition) IN table`. Whether it holds stands in a column behind the attributes of its source, in the order of
/// those that a source has.
pub(crate) struct MemberPlan {
    pub(crate) table: usize,
    /// The source over which it is evaluated, by its place.
    pub(crate) source: usize,
    /// Over that source, and the table as one more source behind all.
    pub(crate) on: On,
}

/// Binds what a query does at its target. `table`: the table that it changes.
pub(super) fn bind_action(
    scope: &mut QueryScope<'_>,
    query: &Query,
    table: Option<&StreamPlan>,
) -> Option<ActionPlan> {
    let what = match &query.action {
        Action::Insert => return Some(ActionPlan::Insert),
        Action::Update { .. } => "UPDATE",
        Action::Delete { .. } => "DELETE",
        Action::Upsert { .. } => "UPSERT",
    };
    let Some(table) = table.filter(|t| t.kind.table().is_some()) else {
        let message = format!("{what} changes a table, and {} is none", query.target.text);
        let remedy = format!("declare it: CREATE TABLE {} (…)", query.target.text);
        scope
            .faults
            .push(Fault::new(query.target.span, message).help(remedy));
        return None;
    };
    let right = scope.sources.len();
    let mut sources = scope.sources.to_vec();
    sources.push(NamedSource::of_table(table));
    let mut inner = scope.over(&sources);
    let bound = match &query.action {
        Action::Insert => None,
        Action::Delete { on } => {
            let on = On::bind(&mut inner, Clause::Target, right, on);
            on.map(|on| ActionPlan::Delete { on })
        }
        Action::Upsert { on } => {
            let on = On::bind(&mut inner, Clause::Target, right, on);
            on.map(|on| ActionPlan::Upsert { on })
        }
        Action::Update { set, on } => {
            let on = On::bind(&mut inner, Clause::Target, right, on);
            let set = bind_set(&mut inner, table, set);
            on.zip(set).map(|(on, set)| ActionPlan::Update { on, set })
        }
    };
    let mut faults = std::mem::take(&mut inner.faults);
    scope.faults.append(&mut faults);
    bound
}

/// The new values of an UPDATE.
fn bind_set(
    scope: &mut QueryScope<'_>,
    table: &StreamPlan,
    set: &[(Name, Expr)],
) -> Option<Vec<(usize, Typed)>> {
    let mut bound: Vec<(usize, Typed)> = Vec::new();
    for (name, value) in set {
        let Some(column) = table.schema.position(&name.text) else {
            let message = format!("unknown attribute '{}' of table {}", name.text, table.name);
            let known = table.schema.attributes().iter().map(|a| &*a.name);
            scope
                .faults
                .push(Fault::new(name.span, message).nearest(&name.text, known));
            continue;
        };
        if bound.iter().any(|(set, _)| *set == column) {
            let message = format!("{} is set twice", name.text);
            scope
                .faults
                .push(Fault::new(name.span, message).help("remove one of them"));
            continue;
        }
        let ty = table.schema.attributes()[column].ty;
        let typed = scope.bind(Clause::Target, value).map(|t| t.coerce(ty));
        match typed {
            Some(Ok(typed)) => bound.push((column, typed)),
            Some(Err(fault)) => scope.faults.push(fault),
            None => {}
        }
    }
    (bound.len() == set.len()).then_some(bound)
}

/// Binds `(condition) IN table`. Returns its place among those of the query.
pub(super) fn bind_member(
    scope: &mut QueryScope<'_>,
    condition: &Expr,
    table: &Name,
    span: Span,
) -> Result<(ColumnRef, Type), Fault> {
    if scope.pattern.is_some() {
        let fault = Fault::new(span, "IN with a table cannot stand in a query of a pattern");
        let remedy = "ask the table in a query that writes a stream, and read that";
        return Err(fault.help(remedy));
    }
    let tables = scope.tables;
    let found = tables
        .iter()
        .find(|t| t.name.eq_ignore_ascii_case(&table.text));
    let Some((plan, number)) = found.and_then(|t| Some((t, t.kind.table()?))) else {
        let known = tables.iter().map(|t| &*t.name);
        let fault = Fault::new(table.span, format!("unknown table '{}'", table.text));
        let fault = fault.nearest(&table.text, known);
        return Err(match fault.remedy {
            Some(_) => fault,
            None => fault.help("declare it with CREATE TABLE, or list the values: x IN (1, 2)"),
        });
    };
    let source = match scope.clause {
        Clause::Source(place) => place,
        Clause::On(_) | Clause::Target => {
            let fault = Fault::new(span, "IN with a table cannot stand here");
            return Err(fault.help("filter the source before, as in S[(S.k = T.k) IN T]"));
        }
        _ if scope.sources.len() > 1 => {
            let message = "IN with a table cannot stand behind a join";
            let remedy = "filter a source before, as in S[(S.k = T.k) IN T], or join the table";
            return Err(Fault::new(span, message).help(remedy));
        }
        _ => 0,
    };
    let right = scope.sources.len();
    let mut sources = scope.sources.to_vec();
    sources.push(NamedSource::of_table(plan));
    let mut inner = scope.over(&sources);
    let on = On::bind(&mut inner, Clause::Member(source), right, condition);
    let mut faults = std::mem::take(&mut inner.faults);
    if faults.is_empty()
        && let Some(on) = on
    {
        scope.members.push(MemberPlan {
            table: number,
            source,
            on,
        });
        // It stands behind the attributes of its source.
        let before = scope.members.iter().filter(|m| m.source == source).count() - 1;
        let of = &scope.sources[source];
        let column = of.schema.len() + of.hidden + before;
        return Ok((ColumnRef::Input { source, column }, Type::Bool));
    }
    let first = faults.remove(0);
    scope.faults.append(&mut faults);
    Err(first)
}
