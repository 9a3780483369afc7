//! A script: an app that may read files by their names, and in which a SELECT may stand alone.
//!
//! A file has an end, so what a query says of its rows is said of all of them: without a window of its own they are
//! one, and aggregates, DISTINCT and ORDER BY give their rows once. The others pass rows on as they come.

use super::ast::{Action, App, Expr, ExprKind, Name, Query, SelectItem, Source, Statement};
use super::parser::Parser;
use crate::error::Fault;

/// What was read of a script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Its statements; each SELECT that stands alone has a target that nothing else writes.
    pub(crate) app: App,
    /// The files that it reads, each once.
    pub(crate) files: Vec<Name>,
    /// What its SELECTs that stand alone give, in their order.
    pub(crate) answers: Vec<Answer>,
}

/// What a SELECT gives that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The stream of its rows.
    pub(crate) stream: String,
    /// So many of its rows are passed over: OFFSET of rows that come one by one.
    pub(crate) skip: u64,
    /// More rows than these are not wanted: LIMIT of such rows.
    pub(crate) rows_max: Option<u64>,
    /// What it reads, where that is one thing.
    pub(crate) from: Option<String>,
}

/// Whether a function of this name is an aggregate.
type IsAggregate<'f> = &'f dyn Fn(&str) -> bool;

impl Parser<'_> {
    /// The whole text.
    pub(super) fn script(mut self, is_aggregate: IsAggregate<'_>) -> Result<Script, Vec<Fault>> {
        self.files = Some(Vec::new());
        let (mut app, mut faults) = self.app();
        let files = self.files.take().unwrap_or_default();
        let named = made(&app).map(|(_, name)| name.to_ascii_lowercase());
        let taken: Vec<String> = named.collect();
        let held = made(&app).filter(|(made, _)| *made == Made::Window);
        let held: Vec<String> = held.map(|(_, name)| name.to_ascii_lowercase()).collect();
        let mut answers: Vec<Answer> = Vec::new();
        for query in queries(&mut app) {
            let is_answer = query.target.text.is_empty();
            if is_answer {
                query.target.text = free_name(answers.len(), &taken);
            }
            match settle(query, (&files, &held), is_answer, is_aggregate) {
                Ok((skip, rows_max)) if is_answer => answers.push(Answer {
                    stream: query.target.text.clone(),
                    skip,
                    rows_max,
                    from: match query.sources.as_slice() {
                        [one] if query.pattern.is_none() => Some(one.stream.text.clone()),
                        _ => None,
                    },
                }),
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
        }
        match faults.is_empty() {
            true => Ok(Script {
                app,
                files,
                answers,
            }),
            false => Err(faults),
        }
    }
}

/// All queries, those of partitions, too.
fn queries(app: &mut App) -> impl Iterator<Item = &mut Query> {
    app.statements.iter_mut().flat_map(of_statement)
}

fn of_statement(statement: &mut Statement) -> &mut [Query] {
    match statement {
        Statement::Query(query) => std::slice::from_mut(query),
        Statement::Partition(partition) => &mut partition.queries,
        _ => &mut [],
    }
}

/// What a statement makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Made {
    /// A stream.
    Stream,
    /// A table.
    Table,
    /// A named window.
    Window,
    /// A trigger.
    Trigger,
    /// An aggregation.
    Aggregation,
    /// A query.
    Query,
}

/// What each statement makes, and the name of it: of a query that of what it writes.
pub(crate) fn made(app: &App) -> impl Iterator<Item = (Made, &str)> {
    app.statements.iter().flat_map(made_by)
}

fn made_by(statement: &Statement) -> Vec<(Made, &str)> {
    let (made, name) = match statement {
        Statement::Stream(def) => (Made::Stream, &def.name),
        Statement::Table(def) => (Made::Table, &def.name),
        Statement::Window(def) => (Made::Window, &def.name),
        Statement::Trigger(def) => (Made::Trigger, &def.name),
        Statement::Query(query) => (Made::Query, &query.target),
        Statement::Aggregation(def) => (Made::Aggregation, &def.target),
        Statement::Partition(partition) => {
            let targets = partition.queries.iter();
            let named = targets.map(|q| (Made::Query, q.target.text.as_str()));
            return named.collect();
        }
    };
    vec![(made, &name.text)]
}

/// The name of an answer: `answer`, `answer 2`, with a sign behind it where something of the script has that name.
fn free_name(place: usize, taken: &[String]) -> String {
    let mut name = match place {
        0 => "answer".to_string(),
        n => format!("answer {}", n + 1),
    };
    while taken.contains(&name) {
        name.push('_');
    }
    name
}

/// Makes a query over a file one over all its rows where it asks for that. Returns how many rows of an answer are
/// passed over, and how many are wanted. `held`: the named windows, in lower case.
fn settle(
    query: &mut Query,
    (files, held): (&[Name], &[String]),
    is_answer: bool,
    is_aggregate: IsAggregate<'_>,
) -> Result<(u64, Option<u64>), Fault> {
    let is_file = |stream: &Name| {
        files
            .iter()
            .any(|f| f.span == stream.span || f.text == stream.text)
    };
    let Some(file) = query.sources.iter().find(|s| is_file(&s.stream)) else {
        // Without a window each row is a flush of its own, of which there is nothing to cut.
        let flushes = |s: &Source| {
            let name = s.stream.text.to_ascii_lowercase();
            s.window.is_some() || held.contains(&name)
        };
        let ordered = !query.order_by.is_empty() || query.rate.is_some();
        let passes = is_answer && !ordered && !query.sources.iter().any(flushes);
        return Ok(if passes { cut(query) } else { (0, None) });
    };
    if query.sources.len() > 1 || query.pattern.is_some() {
        let fault = Fault::new(file.stream.span, "a file is read by a query of its own");
        let remedy = "write INSERT INTO S SELECT * FROM the file, and join S";
        return Err(fault.help(remedy));
    }
    let windowed = file.window.is_some() || query.rate.is_some();
    if windowed || !matches!(query.action, Action::Insert) {
        return Ok((0, None));
    }
    let mut folds = !query.group_by.is_empty();
    let clauses = query.having.iter_mut();
    let clauses = clauses.chain(query.order_by.iter_mut().map(|(by, _)| by));
    for expr in selected(&mut query.select).chain(clauses) {
        folds |= calls_aggregate(expr, is_aggregate);
    }
    if query.distinct.is_some() && !folds {
        folds = group_instead(query);
    }
    query.sources[0].whole = folds || query.distinct.is_some() || !query.order_by.is_empty();
    if query.sources[0].whole {
        return Ok((0, None));
    }
    if !is_answer {
        query.sources[0].whole = query.limit.is_some() || query.offset.is_some();
        return Ok((0, None));
    }
    Ok(cut(query))
}

/// How many rows are passed over, and how many are wanted, of all that a query gives.
fn cut(query: &mut Query) -> (u64, Option<u64>) {
    let skip = query.offset.take().map_or(0, |(rows, _)| rows);
    (skip, query.limit.take().map(|(rows, _)| rows))
}

fn selected(select: &mut [SelectItem]) -> impl Iterator<Item = &mut Expr> {
    select.iter_mut().filter_map(|item| match item {
        SelectItem::Star(_) => None,
        SelectItem::Expr { expr, .. } => Some(expr),
    })
}

/// Whether an expression has an aggregate in it that does not look back by OVER.
fn calls_aggregate(expr: &mut Expr, is_aggregate: IsAggregate<'_>) -> bool {
    match &expr.kind {
        ExprKind::Call { name, .. } if is_aggregate(&name.text) => return true,
        ExprKind::Over(..) => return false,
        _ => {}
    }
    let mut found = false;
    expr.children_mut(&mut |child| found = found || calls_aggregate(child, is_aggregate));
    found
}

/// DISTINCT over attributes alone is a GROUP BY, which remembers the groups and not the rows; whether it was one.
fn group_instead(query: &mut Query) -> bool {
    let mut keys = Vec::new();
    for item in &query.select {
        match item {
            SelectItem::Expr { expr, .. } if matches!(expr.kind, ExprKind::Column { .. }) => {
                keys.push(expr.clone());
            }
            _ => return false,
        }
    }
    (query.group_by, query.distinct) = (keys, None);
    true
}
