//! What a random query selects: items, GROUP BY, HAVING, DISTINCT, ORDER BY, LIMIT and OFFSET.

use super::super::app::{Aggregate, App, Call, Events, Item, Nature, Query, Role, Window};
use super::super::expr::{Expr, Function, Kind};
use super::expr::{Leaf, Scope};
use super::{join, pattern, scope};
use eventflux::event::Type;
use eventflux_kit::Random;

/// What is selected, and the clauses that speak of it. `types`: those of a target that exists.
pub fn select(
    r: &mut Random,
    app: &App,
    number: usize,
    query: &mut Query,
    types: Option<Vec<Type>>,
) {
    let mut leaves = super::leaves(app, query);
    let grouped = join::may_aggregate(app, query) && r.chance(55);
    let may_star = types.is_none() && query.pattern.is_none() && join::names_differ(query);
    if !grouped && may_star && r.chance(15) {
        query.star = true;
        let streams: Vec<usize> = query.sources().map(|s| s.stream).collect();
        let attributes = streams.iter().flat_map(|s| &app.streams[*s].attributes);
        for (leaf, attribute) in leaves.iter().zip(attributes) {
            let expr = Expr::new(leaf.ty, leaf.kind.clone());
            query.items.push(Item {
                expr,
                alias: attribute.name.clone(),
                nature: leaf.nature,
            });
        }
    } else {
        leaves.extend(join::times(app, query));
        leaves.extend(pattern::more(app, query, grouped));
        items(r, app, (number, query), &leaves, grouped, types);
    }
    clauses(r, app, query, &leaves, grouped);
}

fn items(
    r: &mut Random,
    app: &App,
    (number, query): (usize, &mut Query),
    leaves: &[Leaf],
    grouped: bool,
    types: Option<Vec<Type>>,
) {
    if grouped && r.chance(70) {
        for _ in 0..1 + r.below(2) {
            let key = key(r, leaves);
            query.group_by.extend((!key.is_constant()).then_some(key));
        }
    }
    let free = types.is_none();
    let types = types.unwrap_or_else(|| {
        (0..1 + r.below(4))
            .map(|_| scope(r, leaves.to_vec(), false).some_type())
            .collect()
    });
    let mut aggregates = Vec::new();
    for (place, ty) in types.into_iter().enumerate() {
        let wish = Wish {
            ty,
            free,
            grouped,
            aggregate: grouped && aggregates.is_empty(),
        };
        let (expr, nature) = item((r, app), query, leaves, &mut aggregates, wish);
        query.items.push(Item {
            expr,
            alias: format!("q{number}_{place}"),
            nature,
        });
    }
    query.aggregates = aggregates;
}

fn key(r: &mut Random, leaves: &[Leaf]) -> Expr {
    let plain: Vec<&Leaf> = leaves
        .iter()
        .filter(|l| l.nature != Nature::Approximate)
        .collect();
    if plain.is_empty() || r.chance(15) {
        let mut scope = scope(r, leaves.to_vec(), false);
        let ty = scope.some_type();
        return scope.expr(ty, 1);
    }
    let leaf = *r.pick(&plain);
    Expr::new(leaf.ty, leaf.kind.clone())
}

/// What an item should be.
struct Wish {
    ty: Type,
    /// It may have another type.
    free: bool,
    /// Aggregates may stand in it.
    grouped: bool,
    /// One must.
    aggregate: bool,
}

/// One item: a plain attribute, a group key, an aggregate, or an expression around them.
fn item(
    (r, app): (&mut Random, &App),
    query: &Query,
    leaves: &[Leaf],
    aggregates: &mut Vec<Call>,
    Wish {
        ty,
        free,
        grouped,
        aggregate,
    }: Wish,
) -> (Expr, Nature) {
    let (exact_sums, windowed, ends) = sums(app, query);
    if free && !aggregate && !grouped && !leaves.is_empty() && r.chance(40) {
        let leaf = r.pick(leaves);
        return (Expr::new(leaf.ty, leaf.kind.clone()), risen(leaf.nature));
    }
    if free && !aggregate && r.chance(30) && !query.group_by.is_empty() {
        return (r.pick(&query.group_by).clone(), Nature::Wild);
    }
    if free && grouped && r.chance(8) {
        let arg = scope(r, leaves.to_vec(), false).tame(Type::Double);
        aggregates.push(Call {
            aggregate: approximate(r, join::all_forget(app, query)),
            arg: Some(arg),
        });
        return (
            Expr::new(Type::Double, Kind::Aggregate(aggregates.len() - 1)),
            Nature::Approximate,
        );
    }
    let bounds = query.from.window.as_ref().is_some_and(Window::has_bounds)
        && query.events == Events::Current;
    let bounds = bounds && query.joins.is_empty();
    if ty == Type::Long && bounds && !aggregate && r.chance(30) {
        let function = *r.pick(&[Function::WindowStart, Function::WindowEnd]);
        return (
            Expr::new(ty, Kind::Call(function, Vec::new())),
            Nature::Wild,
        );
    }
    let depth = if aggregate { 0 } else { r.below(3) };
    let before = aggregates.len();
    let event_time = !windowed && !grouped;
    let mut scope = Scope {
        r,
        leaves: leaves.to_vec(),
        calls: None,
        exact_sums,
        windowed,
        ends,
        event_time,
    };
    if grouped {
        scope.calls = Some((aggregates, leaves.to_vec()));
    }
    let mut expr = if depth == 0 && grouped {
        scope.aggregated(ty)
    } else {
        scope.expr(ty, depth)
    };
    if aggregate && before == 0 && !expr.has_aggregate() {
        expr = scope.aggregated(ty);
    }
    let nature = match expr.kind {
        Kind::Aggregate(_) if app.forgets(query) => Nature::Rounded,
        _ => Nature::Wild,
    };
    (expr, nature)
}

/// Whether DOUBLEs must sum exactly, whether aggregates are over rows of a window, a join or a pattern, and whether
/// first and last may be asked for: not over rows that nothing numbers.
fn sums(app: &App, query: &Query) -> (bool, bool, bool) {
    let plain = matches!(app.streams[query.from.stream].role, Role::Stream);
    let joined = !plain || !query.joins.is_empty() || query.pattern.is_some();
    let windowed = query.from.window.is_some();
    (joined || app.flushes(query), joined || windowed, !joined)
}

/// An aggregate whose result is compared with a tolerance.
fn approximate(r: &mut Random, forgets: bool) -> Aggregate {
    let deviations = [
        Aggregate::StdDev,
        Aggregate::StdDevSample,
        Aggregate::Variance,
        Aggregate::VarianceSample,
    ];
    let shares = [
        Aggregate::Median,
        Aggregate::Percentile(*r.pick(&[0, 10, 50, 75, 99, 100])),
    ];
    let places = forgets && r.chance(40);
    *r.pick(if places { &shares } else { &deviations[..] })
}

/// The nature of an attribute behind a query: its rows may come in another order.
fn risen(nature: Nature) -> Nature {
    match nature {
        Nature::Rising | Nature::Rounded => Nature::Wild,
        nature => nature,
    }
}

/// DISTINCT, HAVING, ORDER BY, LIMIT and OFFSET.
fn clauses(r: &mut Random, app: &App, query: &mut Query, leaves: &[Leaf], grouped: bool) {
    let outputs: Vec<Leaf> = query
        .items
        .iter()
        .enumerate()
        .map(|(i, item)| Leaf {
            kind: Kind::Output(i),
            ty: item.expr.ty,
            nature: item.nature,
        })
        .collect();
    let exact = query.items.iter().all(|i| i.nature != Nature::Approximate);
    let current = query.events == Events::Current;
    let (exact_sums, windowed, ends) = sums(app, query);
    query.distinct = join::may_be_distinct(app, query)
        && !grouped
        && exact
        && r.chance(12)
        && (current || !app.flushes(query));
    if r.chance(if grouped { 18 } else { 10 }) && !query.star {
        let mut aggregates = std::mem::take(&mut query.aggregates);
        let mut scope = Scope {
            r,
            leaves: outputs.clone(),
            calls: None,
            exact_sums,
            windowed,
            ends,
            event_time: false,
        };
        if grouped && scope.r.chance(30) {
            scope.calls = Some((&mut aggregates, leaves.to_vec()));
        }
        let depth = scope.r.below(3);
        let having = scope.condition(depth);
        query.aggregates = aggregates;
        query.having = Some(having);
    }
    if !app.flushes(query) {
        query.limit = r.chance(2).then_some(1);
        query.offset = r.chance(1).then_some(1);
        return;
    }
    if !current || !r.chance(35) {
        return;
    }
    let sortable: Vec<&Leaf> = outputs
        .iter()
        .zip(&query.items)
        .filter(|(l, item)| l.nature != Nature::Approximate && !item.expr.is_constant())
        .map(|(l, _)| l)
        .collect();
    if !sortable.is_empty() && !query.star && r.chance(80) {
        for _ in 0..1 + r.below(2) {
            let leaf = *r.pick(&sortable);
            query
                .order_by
                .push((Expr::new(leaf.ty, leaf.kind.clone()), r.chance(50)));
        }
    }
    query.limit = r.chance(60).then(|| 1 + r.below(4));
    query.offset = r.chance(25).then(|| 1 + r.below(3));
}
