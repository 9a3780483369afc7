//! A question to a table or a named window, bound like a query of the app.
//!
//! How: what holds the rows is bound as if it were a batch window whose one flush is all of them, so that names,
//! types, aggregates, DISTINCT, ORDER BY and LIMIT mean what they mean in queries, and the same operators answer.
//! Equalities of WHERE with what is no attribute are the key by which a table is asked; all of WHERE is evaluated
//! over the rows that were found.

use super::aggregation::{self, ReachPlan};
use super::build::{question_stages, within};
use super::identity::attributes;
use super::parameters::give_types;
use super::query::bind_query;
use super::streams::Planner;
use super::{Catalogue, Plan, QueryPlan, Site, Stage, StreamKind, StreamPlan, WindowPlan};
use crate::error::Fault;
use crate::event::{Schema, Type};
use crate::expr::{ColumnRef, Comparison, Layout, Program, Typed};
use crate::operator::table::{Access, Lookup, Shape};
use crate::sql::Question;
use crate::sql::ast::{Events, Expr, ExprKind, Name, Query, SelectItem};

/// What holds the rows that a question reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// A table, by its number.
    Table(usize),
    /// A named window, by the number of the query that fills it.
    Window(usize),
    /// An aggregation, by the number of its table.
    Rollup(usize),
}

/// A bound question.
pub(crate) struct QuestionPlan {
    /// What it reads.
    pub(crate) held: Held,
    /// The columns of the answer.
    pub(crate) schema: Schema,
    /// The types of the values that the text leaves open.
    pub(crate) parameters: Vec<Type>,
    /// The types of the columns that are held.
    pub(crate) types: Vec<Type>,
    /// Those of them that are read.
    pub(crate) read: Vec<usize>,
    /// The values left open that are read beside the rows.
    pub(crate) read_parameters: Vec<usize>,
    /// It has one row as answer, whether or not rows are found.
    pub(crate) is_lone: bool,
    /// Of a question with one row as answer, which rows count.
    filter: Option<Typed>,
    access: Access,
    /// The values of the columns of `access`.
    keys: Vec<Typed>,
    query: QueryPlan,
    /// Which rows are read of an aggregation.
    reach: Option<ReachPlan>,
}

/// Binds a question; returns all faults that were found.
pub(crate) fn question(
    plan: &Plan,
    catalogue: &Catalogue,
    text: &str,
    mut asked: Question,
) -> Result<QuestionPlan, Vec<Fault>> {
    let one = |fault| vec![fault];
    let (held, stream) = read_by(plan, &asked.query).map_err(one)?;
    let what = match held {
        Held::Table(_) => "table",
        Held::Window(_) => "window",
        Held::Rollup(_) => "aggregation",
    };
    if let Held::Rollup(_) = held {
        asked.query = settled(plan, stream, &asked.query)?;
    }
    no_foreign_parts(&mut asked.query)?;
    let own = &plan.streams[stream].schema;
    let types: Vec<Type> = own.attributes().iter().map(|a| a.ty).collect();
    name_all(&mut asked.query, own);
    let mut source = StreamPlan {
        kind: StreamKind::Asked(what, WindowPlan::SendBatch),
        readers: Vec::new(),
        writers: Vec::new(),
        ..plan.streams[stream].clone()
    };
    let parameters = give_types(&mut asked, &mut source, text, catalogue)?;
    let mut planner = Planner::new(text, catalogue, Vec::new());
    planner.streams.push(source);
    let bound = bind_query(&mut planner, &asked.query, 0, &[0], None, None);
    let Some((mut query, schema)) = bound.filter(|_| planner.faults.is_empty()) else {
        return Err(planner.faults);
    };
    no_circumstances(&query)?;
    let is_lone = query.keys.is_empty() && !query.calls.is_empty();
    if is_lone {
        // A row that leaves stands for none at all.
        query.events = Events::All;
    }
    let shape = match held {
        Held::Table(table) | Held::Rollup(table) => plan.tables[table].shape.clone(),
        Held::Window(_) => Shape::default(),
    };
    let (access, keys) = access(&shape, types.len(), query.condition.as_ref());
    let mut all = attributes(query.expressions(), 0);
    all.sort_unstable();
    all.dedup();
    let (read, open): (Vec<usize>, Vec<usize>) = all.into_iter().partition(|c| *c < types.len());
    Ok(QuestionPlan {
        held,
        schema,
        parameters,
        read_parameters: open.iter().map(|c| c - types.len()).collect(),
        types,
        read,
        filter: if is_lone {
            query.condition.take()
        } else {
            None
        },
        is_lone,
        access,
        keys,
        reach: query.sources[0].reach.take(),
        query,
    })
}

impl QuestionPlan {
    /// The types of the rows over which it is answered: the columns held, and the values that were left open.
    pub(crate) fn row_types(&self) -> Vec<Type> {
        [self.types.as_slice(), &self.parameters].concat()
    }

    /// How rows are found by a row of the values that were left open; none where all are looked at.
    pub(crate) fn lookup(&self) -> Option<Lookup> {
        let keys = self.keys()?;
        let width = self.parameters.len();
        Some(Lookup::new(self.access, keys, None, width, &self.types))
    }

    /// The values of the columns of a key, over a row of the values that were left open; none where all rows are looked
    /// at.
    pub(crate) fn keys(&self) -> Option<Vec<Program>> {
        if self.access == Access::Scan {
            return None;
        }
        let layout = self.open_values();
        let keys = self.keys.iter().map(|key| key.compile(&layout));
        Some(keys.collect())
    }

    /// The granularity that is read of an aggregation, by its place, and between which times panes begin: over a row of
    /// the values that were left open.
    pub(crate) fn reach(&self) -> Option<(usize, Option<[Program; 2]>)> {
        let reach = self.reach.as_ref()?;
        Some((reach.level, within(reach, &self.open_values())))
    }

    /// A row of the values that were left open.
    fn open_values(&self) -> Layout {
        let places = 0..self.parameters.len();
        let places: Vec<usize> = places.map(|p| self.types.len() + p).collect();
        Layout::default().some(0, &places)
    }

    /// Which rows count, where its operators do not say.
    pub(crate) fn filter(&self) -> Option<Program> {
        let layout = Layout::default().all(0, self.row_types().len());
        self.filter.as_ref().map(|f| f.compile(&layout))
    }

    /// Its operators, in the order in which rows pass them.
    pub(crate) fn stages(&self, plan: &Plan, app: &str) -> Vec<Stage> {
        let site = Site {
            plan,
            app,
            tracks_clock: true,
            tracks_cause: false,
            tables: &[],
            partitions: &[],
        };
        question_stages(&self.query, site, self.row_types())
    }
}

/// A question to an aggregation, with its times in milliseconds.
fn settled(plan: &Plan, stream: usize, query: &Query) -> Result<Query, Vec<Fault>> {
    let mut faults = Vec::new();
    let query = aggregation::reading(query, &[&plan.streams[stream]], &mut faults);
    match faults.is_empty() {
        true => Ok(query),
        false => Err(faults),
    }
}

/// What a question reads, and its place in the list of streams.
fn read_by(plan: &Plan, query: &Query) -> Result<(Held, usize), Fault> {
    if let Some(join) = query.joins.first() {
        let message = "a question reads one table, named window or aggregation, and joins none";
        let remedy = "let a query of the app join them into a table, and read that";
        return Err(Fault::new(join.span, message).help(remedy));
    }
    let source = &query.sources[0];
    let name = &source.stream;
    let is_held = |s: &&StreamPlan| matches!(s.kind, StreamKind::Table(_) | StreamKind::Window(_));
    let known = plan.streams.iter().filter(is_held).map(|s| &*s.name);
    let found = plan.stream(&name.text);
    let held = found.and_then(|stream| match &plan.streams[stream].kind {
        StreamKind::Table(table) if plan.tables[*table].is_view => Some(Held::Rollup(*table)),
        StreamKind::Table(table) => Some(Held::Table(*table)),
        StreamKind::Window(_) => {
            let fills = |q: &QueryPlan| q.target == stream;
            plan.queries.iter().position(fills).map(Held::Window)
        }
        _ => None,
    });
    let Some((held, stream)) = held.zip(found) else {
        let is_stream = |s: usize| matches!(plan.streams[s].kind, StreamKind::Stream);
        let fault = match found.filter(|s| is_stream(*s)) {
            Some(_) => Fault::new(name.span, format!("stream {} holds no rows", name.text)),
            None => Fault::new(
                name.span,
                format!("unknown table, window or aggregation '{}'", name.text),
            ),
        };
        return Err(match plan.streams.iter().any(|s| is_held(&s)) {
            true => fault.nearest(&name.text, known),
            false => fault
                .help("the app has neither CREATE TABLE nor CREATE WINDOW nor CREATE AGGREGATION"),
        });
    };
    if let Some(window) = &source.window {
        let fault = Fault::new(
            window.span,
            "a question reads what is there: it has no window",
        );
        return Err(fault.help("remove it, or create a named window and read that"));
    }
    if let Some(WindowPlan::Delay(_)) = plan.streams[stream].kind.named() {
        let message = format!(
            "window {} lets rows go later, and holds none to read",
            name.text
        );
        return Err(Fault::new(name.span, message).help("insert what it lets out into a table"));
    }
    Ok((held, stream))
}

/// Refuses what a question cannot have.
fn no_foreign_parts(query: &mut Query) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    each_expression(query, &mut |expr| refuse(expr, &mut faults));
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults),
    }
}

fn refuse(expr: &mut Expr, faults: &mut Vec<Fault>) {
    if let ExprKind::InTable(..) = &expr.kind {
        let fault = Fault::new(expr.span, "IN with a table cannot stand in a question");
        faults.push(fault.help("ask both tables, and compare the answers"));
        return;
    }
    if let ExprKind::Over(..) = &expr.kind {
        let fault = Fault::new(expr.span, "OVER cannot stand in a question");
        faults.push(
            fault.help("let a query of the app write the result into a table, and read that"),
        );
        return;
    }
    expr.children_mut(&mut |child| refuse(child, faults));
}

/// Refuses what depends on the row that caused a row, or on its time: rows that are held tell neither.
fn no_circumstances(query: &QueryPlan) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    for typed in query.expressions() {
        if typed.uses_cause() {
            let fault = Fault::new(typed.span, "uuid() cannot stand in a question");
            faults.push(fault.help("it names a row that comes; make one in the program"));
        } else if typed.uses_own_time() {
            let fault = Fault::new(typed.span, "rows that are held have no time of their own");
            faults.push(fault.help("insert eventTimestamp() as an attribute, and read that"));
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults),
    }
}

/// Calls `f` with every expression of a question.
pub(super) fn each_expression(query: &mut Query, f: &mut dyn FnMut(&mut Expr)) {
    for reach in query.sources.iter_mut().filter_map(|s| s.reach.as_mut()) {
        if let Some((start, end)) = &mut reach.within {
            f(start);
            end.iter_mut().for_each(&mut *f);
        }
    }
    let filters = query.sources.iter_mut().flat_map(|s| &mut s.filters);
    let select = query.select.iter_mut().filter_map(|item| match item {
        SelectItem::Star(_) => None,
        SelectItem::Expr { expr, .. } => Some(expr),
    });
    let order = query.order_by.iter_mut().map(|(expr, _)| expr);
    filters
        .chain(select)
        .chain(&mut query.filter)
        .chain(&mut query.group_by)
        .chain(&mut query.having)
        .chain(order)
        .for_each(f);
}

/// Writes the attributes out for which `*` stands.
fn name_all(query: &mut Query, schema: &Schema) {
    let items = std::mem::take(&mut query.select);
    for item in items {
        let SelectItem::Star(span) = item else {
            query.select.push(item);
            continue;
        };
        let attribute = |name: &str| SelectItem::Expr {
            expr: Expr {
                kind: ExprKind::Column {
                    qualifier: None,
                    name: Name {
                        text: name.to_string(),
                        span,
                    },
                    quoted: false,
                },
                span,
            },
            alias: None,
        };
        let names = schema.attributes().iter().map(|a| &*a.name);
        query.select.extend(names.map(attribute));
    }
}

/// How the rows are reached for which a condition holds, and the values of the columns by which they are. `width`:
/// the columns of the table; all others are values that the text leaves open.
fn access(shape: &Shape, width: usize, condition: Option<&Typed>) -> (Access, Vec<Typed>) {
    let mut equal: Vec<(usize, Typed)> = Vec::new();
    let mut note = |typed: &Typed| {
        let Some((Comparison::Eq, a, b)) = typed.comparison() else {
            return;
        };
        for (column, value) in [(a, b), (b, a)] {
            let own = column.as_column().and_then(|c| c.attribute_of(0));
            let is_open = |c: ColumnRef| c.attribute_of(0).is_some_and(|c| c >= width);
            let mut reads_rows = !value.is_same_each_time();
            value.columns(&mut |c| reads_rows |= !is_open(c));
            if let Some(own) = own.filter(|c| *c < width)
                && !reads_rows
                && column.ty == value.ty
            {
                equal.push((own, value.clone()));
            }
        }
    };
    if let Some(condition) = condition {
        condition.conjuncts(&mut note);
    }
    let columns: Vec<usize> = equal.iter().map(|(column, _)| *column).collect();
    let access = shape.access(&columns);
    let keys = shape.columns_of(access).iter().map(|column| {
        let found = equal.iter().find(|(own, _)| own == column);
        found.map(|(_, value)| value.clone())
    });
    let keys: Option<Vec<Typed>> = keys.collect();
    keys.map_or((Access::Scan, Vec::new()), |keys| (access, keys))
}
