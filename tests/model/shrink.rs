//! Makes a failing case smaller: drops rows, calls, queries and clauses while it still fails. Greedy, bounded.

use crate::app::App;
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
        let target = case.0.queries[place].target;
        let late = case.0.queries[place].late;
        let read = case
            .0
            .queries
            .iter()
            .any(|q| q.source == target || Some(q.source) == late);
        let shared = case.0.queries.iter().filter(|q| q.target == target).count() > 1;
        if case.0.queries.len() > 1 && (shared || !read) {
            let mut app = case.0.clone();
            app.queries.remove(place);
            if !shared {
                app.streams[target].declared = false;
            }
            let calls = case.1.clone();
            attempt(case, app, calls);
        }
    }
    type Change = fn(&mut crate::app::Query);
    let changes: [Change; 10] = [
        |q| q.filter = None,
        |q| q.condition = None,
        |q| q.having = None,
        |q| q.distinct = false,
        |q| q.order_by.clear(),
        |q| (q.limit, q.offset) = (None, None),
        |q| (q.alias, q.qualified) = (None, false),
        |q| q.window = None,
        |q| q.group_by.truncate(1),
        |q| q.late = None,
    ];
    for place in 0..case.0.queries.len() {
        for change in changes {
            let mut app = case.0.clone();
            change(&mut app.queries[place]);
            let query = &app.queries[place];
            let (late, before) = (query.late, case.0.queries[place].late);
            let refuses = query.window.as_ref().is_some_and(|w| w.refuses());
            let lost = before.filter(|_| late.is_none());
            if (late.is_some() && !refuses) || app.queries.iter().any(|q| Some(q.source) == lost) {
                continue;
            }
            if app.to_string() != case.0.to_string() {
                let calls = case.1.clone();
                attempt(case, app, calls);
            }
        }
    }
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
        let read = case.0.queries.iter().any(|q| q.source == target);
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
