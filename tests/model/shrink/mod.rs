//! Makes a failing case smaller: drops rows, calls, queries and clauses while it still fails. Greedy, bounded.

mod pattern;

use crate::app::{Action, App, Events, JoinKind, Partition, Query, Role};
use crate::expr::{Expr, Kind, Op};
use crate::input::Call;

/// Trials of one shrink; each runs the case as often as the check does.
const TRIALS_MAX: usize = 1500;

/// A smaller case for which `fails` still holds.
pub fn shrink(
    app: App,
    calls: Vec<Call>,
    fails: &mut dyn FnMut(&App, &[Call]) -> bool,
) -> (App, Vec<Call>) {
    let mut case = (app, calls);
    let mut trials = 0;
    loop {
        let mut smaller = false;
        let mut attempt = |case: &mut (App, Vec<Call>), app: App, calls: Vec<Call>| {
            trials += 1;
            if trials <= TRIALS_MAX && fails(&app, &calls) {
                *case = (app, calls);
                smaller = true;
                return true;
            }
            false
        };
        shorten(&mut case, &mut attempt);
        simplify(&mut case, &mut attempt);
        narrow(&mut case, &mut attempt);
        if !smaller || trials > TRIALS_MAX {
            return case;
        }
    }
}

type Case = (App, Vec<Call>);
type Attempt<'a> = dyn FnMut(&mut Case, App, Vec<Call>) -> bool + 'a;

/// Drops runs of calls: halves, quarters, … single ones.
fn shorten(case: &mut Case, attempt: &mut Attempt<'_>) {
    let mut size = case.1.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < case.1.len() {
            let mut calls = case.1.clone();
            calls.drain(from..(from + size).min(calls.len()));
            let app = case.0.clone();
            if !attempt(case, app, calls) {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}

/// Drops queries and clauses.
fn simplify(case: &mut Case, attempt: &mut Attempt<'_>) {
    for place in (0..case.0.queries.len()).rev() {
        let Query { target, late, .. } = case.0.queries[place];
        let stream = matches!(case.0.streams[target].role, Role::Stream);
        let read = case.0.is_read(target) || late.is_some_and(|late| case.0.is_read(late));
        let shared = case.0.queries.iter().filter(|q| q.target == target).count() > 1;
        if case.0.queries.len() > 1 && (shared || !read || !stream) {
            let mut app = case.0.clone();
            app.queries.remove(place);
            if !shared && !read {
                app.streams[target].declared = false;
            }
            let calls = case.1.clone();
            attempt(case, app, calls);
        }
    }
    let changes = CLAUSES.iter().chain(JOINS);
    for place in 0..case.0.queries.len() {
        for change in changes.clone() {
            let mut app = case.0.clone();
            change(&mut app.queries[place]);
            if is_whole(&app, place, &case.0) && app.to_string() != case.0.to_string() {
                let calls = case.1.clone();
                attempt(case, app, calls);
            }
        }
    }
    for place in 0..case.0.queries.len() {
        let mut number = 0;
        while let Some(query) = pattern::smaller(&case.0.queries[place]).get(number) {
            let mut app = case.0.clone();
            app.queries[place] = query.clone();
            let fits = is_whole(&app, place, &case.0) && app.to_string() != case.0.to_string();
            let calls = case.1.clone();
            if !fits || !attempt(case, app, calls) {
                number += 1;
            }
        }
    }
    if case.0.partition.is_some() {
        for change in OPTIONS {
            let mut app = case.0.clone();
            app.partition.iter_mut().for_each(change);
            if app.to_string() != case.0.to_string() {
                let calls = case.1.clone();
                attempt(case, app, calls);
            }
        }
    }
    for place in 0..case.0.streams.len() {
        let mut app = case.0.clone();
        let is_sent = |c: &Call| matches!(c, Call::Send { stream, .. } if *stream == place);
        let is_written = app.queries.iter().any(|q| q.writes(place));
        let is_free = app.streams[place].declared && !is_written && !app.is_read(place);
        if is_free && !case.1.iter().any(is_sent) {
            app.streams[place].declared = false;
            let calls = case.1.clone();
            attempt(case, app, calls);
            continue;
        }
        match &mut app.streams[place].role {
            Role::Window(_, events) => *events = Events::All,
            Role::Table(key) => _ = key.pop(),
            Role::Stream => continue,
        }
        if app.to_string() != case.0.to_string() {
            let calls = case.1.clone();
            attempt(case, app, calls);
        }
    }
}

const OPTIONS: &[fn(&mut Partition)] = &[
    |p| p.purge_us = None,
    |p| p.keys_max = None,
    |p| p.unmatched.clear(),
];

type Change = fn(&mut Query);

const CLAUSES: &[Change] = &[
    |q| q.from.filter = None,
    |q| q.condition = None,
    |q| q.having = None,
    |q| q.distinct = false,
    |q| q.order_by.clear(),
    |q| (q.limit, q.offset) = (None, None),
    |q| (q.from.alias, q.qualified) = (None, !q.joins.is_empty()),
    |q| q.from.window = None,
    |q| q.group_by.truncate(1),
    |q| q.late = None,
    |q| q.rate = None,
];

const JOINS: &[Change] = &[
    |q| q.joins.truncate(if q.star { q.joins.len() } else { 0 }),
    |q| {
        q.joins
            .truncate(q.joins.len().saturating_sub(usize::from(!q.star)))
    },
    |q| q.joins.iter_mut().for_each(|j| j.kind = simpler(j.kind)),
    |q| q.joins.iter_mut().for_each(|j| j.source.filter = None),
    |q| q.joins.iter_mut().for_each(|j| j.source.window = None),
    |q| q.joins.iter_mut().for_each(|j| j.bounds = None),
    |q| q.joins.iter_mut().for_each(|j| j.within = None),
    |q| q.from.unidirectional = false,
    |q| {
        q.joins
            .iter_mut()
            .for_each(|j| j.source.unidirectional = false)
    },
    |q| conditions(q).into_iter().for_each(|on| halve(on, false)),
    |q| conditions(q).into_iter().for_each(|on| halve(on, true)),
    |q| {
        if let Action::Update { set, .. } = &mut q.action {
            set.truncate(1);
        }
    },
];

fn simpler(kind: JoinKind) -> JoinKind {
    match kind {
        JoinKind::Full => JoinKind::Left,
        JoinKind::Asof | JoinKind::AsofLeft => JoinKind::Asof,
        _ => JoinKind::Inner,
    }
}

/// What joins and statements of tables ask.
fn conditions(query: &mut Query) -> Vec<&mut Expr> {
    let mut all: Vec<&mut Expr> = query.joins.iter_mut().map(|j| &mut j.on).collect();
    match &mut query.action {
        Action::Insert => {}
        Action::Update { on, .. } | Action::Delete { on } | Action::Upsert { on } => all.push(on),
    }
    all
}

/// One side of an AND.
fn halve(on: &mut Expr, second: bool) {
    if let Kind::Binary(Op::And, a, b) = &on.kind {
        *on = Expr::clone(if second { b } else { a });
    }
}

/// Whether a changed query still has all that it names.
fn is_whole(app: &App, place: usize, before: &App) -> bool {
    let query = &app.queries[place];
    let refuses = query.from.window.as_ref().is_some_and(|w| w.refuses());
    let lost = before.queries[place].late.filter(|_| query.late.is_none());
    let columns = app.columns(query);
    let sources = columns.len() - 1;
    let lacks = |k: &Kind| match k {
        Kind::Column(c) => *c >= columns[sources],
        Kind::TimeOf(term) | Kind::Nth(term, ..) | Kind::Over(term, _) | Kind::NoRow(term, _) => {
            *term >= sources
        }
        _ => false,
    };
    let is_late = query.late.is_some() && !refuses;
    !is_late
        && lost.is_none_or(|lost| !app.is_read(lost))
        && !query.exprs().iter().any(|e| e.any(&lacks))
}

/// Drops rows of batches, and items that nothing reads.
fn narrow(case: &mut Case, attempt: &mut Attempt<'_>) {
    for place in 0..case.1.len() {
        let mut row = 0;
        while let Some(Call::Send {
            input,
            stream,
            rows,
        }) = case.1.get(place).cloned()
            && rows.len() > 1
            && row < rows.len()
        {
            let mut calls = case.1.clone();
            let rows = rows
                .into_iter()
                .enumerate()
                .filter(|(i, _)| *i != row)
                .map(|(_, r)| r)
                .collect();
            calls[place] = Call::Send {
                input,
                stream,
                rows,
            };
            let app = case.0.clone();
            if !attempt(case, app, calls) {
                row += 1;
            }
        }
    }
    for place in 0..case.0.queries.len() {
        let query = &case.0.queries[place];
        let target = query.target;
        let fixed = query.star || query.having.is_some() || !query.order_by.is_empty();
        let stream = matches!(case.0.streams[target].role, Role::Stream);
        let read = case.0.is_read(target) || !stream;
        let shared = case.0.queries.iter().filter(|q| q.target == target).count() > 1;
        for item in (0..query.items.len())
            .rev()
            .filter(|_| !fixed && !read && !shared)
        {
            let mut app = case.0.clone();
            if app.queries[place].items.len() > 1 {
                app.queries[place].items.remove(item);
                app.streams[target].attributes.remove(item);
                let calls = case.1.clone();
                attempt(case, app, calls);
            }
        }
    }
}
