//! Random rate limits.
//!
//! Left out on purpose, with the reason:
//! * Snapshots of joins and named windows, with DISTINCT, LIMIT or OFFSET, and of columns that mix attributes with
//!   aggregates: which row the attributes are of is open. So it is with attributes beside aggregates over `sort`,
//!   which a row may leave as it comes.
//! * In a partition snapshots of flushes that are ordered, of sessions by a key of their own, and of rows beside
//!   aggregates without GROUP BY: refused.

use super::super::app::rate::{Pace, Rate, Rows};
use super::super::app::{App, Events, Query, Role, Window};
use super::super::expr::{Expr, Kind};
use eventflux_kit::Random;

/// A limit for a query that has all its other clauses.
pub fn limit(r: &mut Random, app: &App, query: &Query) -> Option<Rate> {
    let rows = match r.weighted(&[30, 25, 25, 20]) {
        0 => Rows::All,
        1 => Rows::First,
        2 => Rows::Last,
        _ => Rows::Snapshot,
    };
    let by_time = r.chance(50) || rows == Rows::Snapshot;
    let pace = match by_time {
        true => Pace::Time(*r.pick(&[3, 10, 20, 50, 100]) * 1000),
        false => Pace::Events(1 + r.below(5)),
    };
    let refused = match rows {
        Rows::Snapshot => !may_be_shown(app, query),
        _ => false,
    };
    (!refused).then_some(Rate { rows, pace })
}

fn may_be_shown(app: &App, query: &Query) -> bool {
    let plain = matches!(app.streams[query.from.stream].role, Role::Stream);
    let cut = query.distinct || query.limit.is_some() || query.offset.is_some();
    let own_key = matches!(query.from.window, Some(Window::SessionBatch(_, Some(_))));
    let is_plain = query.items.iter().any(|item| !item.expr.has_aggregate());
    let mixed = !query.aggregates.is_empty() && query.group_by.is_empty() && is_plain;
    let apart = query.inside && (own_key || mixed || !query.order_by.is_empty());
    let pushes_out = matches!(query.from.window, Some(Window::Sort(..)));
    let beside = pushes_out && is_plain && !query.aggregates.is_empty();
    let reads = |k: &Kind| {
        matches!(
            k,
            Kind::Column(_) | Kind::Nth(..) | Kind::TimeOf(_) | Kind::Over(..)
        )
    };
    let mixes = |e: &Expr| e.has_aggregate() && e.any(&reads);
    let items = || query.items.iter().map(|item| &item.expr);
    let asks = |k: &Kind| matches!(k, Kind::Output(_));
    let having = query.having.as_ref();
    let mut having = having.into_iter();
    plain
        && query.joins.is_empty()
        && !cut
        && !apart
        && !beside
        && query.events != Events::Expired
        && !items().any(mixes)
        && !having.any(|h| h.has_aggregate() || (h.any(&asks) && items().any(Expr::has_aggregate)))
}
