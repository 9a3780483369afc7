//! Numbers of output columns in GROUP BY and ORDER BY, and constants there, which group and order nothing.

use super::source::NamedSource;
use crate::error::Fault;
use crate::event::Value;
use crate::expr::Typed;
use crate::sql::ast::{Expr, ExprKind, Name, SelectItem};

/// The output column that a whole number stands for; `None` where the expression is no constant.
pub(super) fn output(
    expr: &Expr,
    clause: &str,
    select: &[SelectItem],
    sources: &[NamedSource<'_>],
) -> Result<Option<Expr>, Fault> {
    let number = match &expr.kind {
        ExprKind::Literal(Value::Long(number)) => *number,
        ExprKind::Literal(_) | ExprKind::Duration(_) => return Err(constant(expr, clause)),
        _ => return Ok(None),
    };
    let mut left = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
    let mut columns = 0;
    for item in select {
        let width = width(item, sources);
        columns += width;
        match (item, left) {
            (SelectItem::Star(_), Some(place)) if place < width => {
                return Ok(attribute(sources, place, expr));
            }
            (SelectItem::Expr { expr, .. }, Some(0)) => return Ok(Some(expr.clone())),
            _ => left = left.and_then(|l| l.checked_sub(width)),
        }
    }
    let message = format!("{clause} {number}: the query has {columns} output columns");
    let remedy = format!("write a number from 1 to {columns}, or an expression");
    Err(Fault::new(expr.span, message).help(remedy))
}

/// The sources whose attributes `*` stands for, with their places.
pub(super) fn shown<'s, 'a>(
    sources: &'s [NamedSource<'a>],
) -> impl Iterator<Item = (usize, &'s NamedSource<'a>)> {
    let all = sources.iter().enumerate();
    all.filter(|(_, source)| !source.is_absent)
}

/// How many output columns an item stands for.
pub(super) fn width(item: &SelectItem, sources: &[NamedSource<'_>]) -> usize {
    match item {
        SelectItem::Star(_) => shown(sources).map(|(_, s)| s.schema.len()).sum(),
        SelectItem::Expr { .. } => 1,
    }
}

/// An expression that is the same in every row: `1 + 1`, an alias of a constant, a word in double quotes that names
/// nothing.
pub(super) fn same_in_all_rows(expr: &Expr, bound: &Typed, clause: &str) -> Option<Fault> {
    bound.depends_on_nothing().then(|| constant(expr, clause))
}

fn constant(expr: &Expr, clause: &str) -> Fault {
    let fault = Fault::new(expr.span, format!("{clause} has a constant here"));
    fault.help("write an attribute without quotes, or the number of an output column")
}

/// The attribute at a place among those of all sources, by its full name.
fn attribute(sources: &[NamedSource<'_>], place: usize, at: &Expr) -> Option<Expr> {
    let all = shown(sources);
    let mut named = all.flat_map(|(s, source)| source.columns(s).map(|c| (source.name(), c.1)));
    let (source, attribute) = named.nth(place)?;
    let name = |text: &str| Name {
        text: text.to_string(),
        span: at.span,
    };
    let kind = ExprKind::Column {
        qualifier: Some(name(source)),
        name: name(attribute),
        quoted: false,
    };
    Some(Expr {
        kind,
        span: at.span,
    })
}
