//! Numbers of output columns in GROUP BY and ORDER BY, and constants there, which group and order nothing.

use crate::error::Fault;
use crate::event::{Schema, Value};
use crate::expr::Typed;
use crate::sql::ast::{Expr, ExprKind, Name, SelectItem};

/// The output column that a whole number stands for; `None` where the expression is no constant.
pub(super) fn output(
    expr: &Expr,
    clause: &str,
    select: &[SelectItem],
    input: &Schema,
) -> Result<Option<Expr>, Fault> {
    let number = match &expr.kind {
        ExprKind::Literal(Value::Long(number)) => *number,
        ExprKind::Literal(_) | ExprKind::Duration(_) => return Err(constant(expr, clause)),
        _ => return Ok(None),
    };
    let mut left = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
    let mut columns = 0;
    for item in select {
        let width = width(item, input);
        columns += width;
        match (item, left) {
            (SelectItem::Star(_), Some(place)) if place < width => {
                return Ok(Some(attribute(&input.attributes()[place].name, expr)));
            }
            (SelectItem::Expr { expr, .. }, Some(0)) => return Ok(Some(expr.clone())),
            _ => left = left.and_then(|l| l.checked_sub(width)),
        }
    }
    let message = format!("{clause} {number}: the query has {columns} output columns");
    let remedy = format!("write a number from 1 to {columns}, or an expression");
    Err(Fault::new(expr.span, message).help(remedy))
}

/// How many output columns an item stands for.
pub(super) fn width(item: &SelectItem, input: &Schema) -> usize {
    match item {
        SelectItem::Star(_) => input.len(),
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

fn attribute(name: &str, at: &Expr) -> Expr {
    let name = Name {
        text: name.to_string(),
        span: at.span,
    };
    let kind = ExprKind::Column {
        qualifier: None,
        name,
        quoted: false,
    };
    Expr {
        kind,
        span: at.span,
    }
}
