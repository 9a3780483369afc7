//! Ranges that ON gives to a column of one side of a join by the other side: `b.v < a.v`,
//! `b.v BETWEEN a.low AND a.high`.
//!
//! Why: where a key has many rows of which few are met, an ordered index over the column finds these few.
//! What it must not change: the conditions are asked of the pairs as before, also of those that the index leaves out if
//! an error would be counted for them. So what stands before the range cannot fail, and [`Range::counts_nulls`] says
//! that something behind it can.

use super::join::{JoinSide, On, side};
use crate::event::Type;
use crate::expr::{ColumnRef, Comparison, Layout, Typed};

/// An end of a range.
#[derive(Clone)]
pub(crate) struct End {
    /// Over the other side.
    pub(crate) value: Typed,
    pub(crate) ty: Type,
    /// The end is in the range.
    pub(crate) is_included: bool,
}

/// A range of a column of one side.
#[derive(Clone)]
pub(crate) struct Range {
    pub(crate) column: ColumnRef,
    /// In the order of this type they stand.
    pub(crate) ty: Type,
    /// The lower and the upper one; at least one of them.
    pub(crate) ends: [Option<End>; 2],
    /// Rows that have NULL in the column matter: what comes behind the range is asked of them, and may fail.
    pub(crate) counts_nulls: bool,
}

/// That a column is less or greater than something.
struct Bounded<'a> {
    column: ColumnRef,
    op: Comparison,
    value: &'a Typed,
    ty: Type,
}

impl On {
    /// The range of the first column of a side, 0 for the left one, that ON compares with the other side.
    pub(crate) fn range(&self, right: usize, own: usize) -> Option<Range> {
        let own = [JoinSide::Left, JoinSide::Right][own];
        let mut range: Option<Range> = None;
        let mut conditions = self.residual.iter();
        let mut counts_nulls = false;
        for condition in &mut conditions {
            let bounds = bounds(condition, right, own);
            let fits = |b: &Bounded<'_>| range.as_ref().is_none_or(|r| r.takes(b));
            // Of a condition that can fail all is used or nothing.
            let is_used = match condition.can_fault() {
                true => !bounds.is_empty() && bounds.iter().all(fits),
                false => true,
            };
            if !is_used {
                counts_nulls = true;
                break;
            }
            for bound in bounds {
                add(&mut range, bound);
            }
        }
        let range = range?;
        let counts_nulls = counts_nulls || conditions.any(Typed::can_fault);
        Some(Range {
            counts_nulls,
            ..range
        })
    }
}

impl Range {
    /// Whether it has no such end yet.
    fn takes(&self, bound: &Bounded<'_>) -> bool {
        let is_same = self.column == bound.column && kind(self.ty) == kind(bound.ty);
        is_same && self.ends[usize::from(is_upper(bound.op))].is_none()
    }
}

/// Adds an end, if there is none yet.
fn add(range: &mut Option<Range>, bound: Bounded<'_>) {
    let range = range.get_or_insert_with(|| Range {
        column: bound.column,
        ty: bound.ty,
        ends: [None, None],
        counts_nulls: false,
    });
    if range.takes(&bound) {
        range.ends[usize::from(is_upper(bound.op))] = Some(End {
            value: bound.value.clone(),
            ty: bound.ty,
            is_included: matches!(bound.op, Comparison::LtEq | Comparison::GtEq),
        });
    }
}

fn is_upper(op: Comparison) -> bool {
    matches!(op, Comparison::Lt | Comparison::LtEq)
}

/// What a condition says of columns of a side.
fn bounds(condition: &Typed, right: usize, own: JoinSide) -> Vec<Bounded<'_>> {
    let both_ways = |op: Comparison, a, b| {
        let turned = bounded(op.flip(), b, a, right, own);
        bounded(op, a, b, right, own).or(turned)
    };
    let mut found = Vec::new();
    if let Some((op, a, b)) = condition.comparison() {
        if !matches!(op, Comparison::Eq | Comparison::NotEq) {
            found.extend(both_ways(op, a, b));
        }
    } else if let Some((x, low, high)) = condition.between() {
        for (op, end) in [(Comparison::GtEq, low), (Comparison::LtEq, high)] {
            match both_ways(op, x, end) {
                Some(bound) => found.push(bound),
                None if end.can_fault() => return Vec::new(),
                None => {}
            }
        }
    }
    found
}

/// `column op value`, if that is what it is, and an index has the order of the comparison.
fn bounded<'a>(
    op: Comparison,
    column: &Typed,
    value: &'a Typed,
    right: usize,
    own: JoinSide,
) -> Option<Bounded<'a>> {
    let other = match own {
        JoinSide::Left => JoinSide::Right,
        JoinSide::Right => JoinSide::Left,
    };
    let compared = column.ty?;
    let column = column.widened().unwrap_or(column);
    let (at, ty) = (column.as_column()?, value.ty?);
    let mut reads_input_alone = matches!(at, ColumnRef::Input { .. });
    value.columns(&mut |c| reads_input_alone &= matches!(c, ColumnRef::Input { .. }));
    let is_of_sides = side(column, right) == Some(own) && side(value, right) == Some(other);
    if !is_of_sides || !reads_input_alone || !value.is_same_each_time() {
        return None;
    }
    // A LONG beside a DOUBLE, and an INT beside a FLOAT, are compared in an order that no index here has.
    let is_exact =
        kind(column.ty?) == kind(ty) || (column.ty?, compared) == (Type::Int, Type::Double);
    (is_exact && kind(compared) == kind(ty)).then_some(Bounded {
        column: at,
        op,
        value,
        ty,
    })
}

/// What an index tells apart; `None` for what has no order.
fn kind(ty: Type) -> Option<u8> {
    match ty {
        Type::Int | Type::Long => Some(0),
        Type::Float | Type::Double => Some(1),
        Type::String => Some(2),
        Type::Bool => None,
    }
}

impl Typed {
    /// Whether computing it may be an error for some row.
    fn can_fault(&self) -> bool {
        let mut columns = Vec::new();
        self.columns(&mut |column| {
            if !columns.contains(&column) {
                columns.push(column);
            }
        });
        self.compile(&Layout::default().then(&columns)).can_fault()
    }
}
