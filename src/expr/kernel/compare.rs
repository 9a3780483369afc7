//! Comparisons of two operands of one type, or of LONG with DOUBLE, giving BOOL.
//!
//! Why LONG with DOUBLE by itself: neither type holds all values of the other, and a comparison that rounds one of them
//! calls different numbers equal.

use super::{Lane, Native, Operand, all_null, both_valid, clear_nulls};
use crate::event::{Column, Str, Type};
use std::cmp::Ordering;

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

impl Comparison {
    /// Whether it holds for operands in this order.
    #[inline]
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Eq => order.is_eq(),
            Comparison::NotEq => order.is_ne(),
            Comparison::Lt => order.is_lt(),
            Comparison::LtEq => order.is_le(),
            Comparison::Gt => order.is_gt(),
            Comparison::GtEq => order.is_ge(),
        }
    }

    /// Whether it holds for operands of one type, which are always ordered: no column has a number that is not.
    #[inline(always)]
    pub(crate) fn holds_for<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Comparison::Eq => a == b,
            Comparison::NotEq => a != b,
            Comparison::Lt => a < b,
            Comparison::LtEq => a <= b,
            Comparison::Gt => a > b,
            Comparison::GtEq => a >= b,
        }
    }

    /// The operator with its operands exchanged.
    pub(crate) fn flip(self) -> Self {
        match self {
            Comparison::Lt => Comparison::Gt,
            Comparison::LtEq => Comparison::GtEq,
            Comparison::Gt => Comparison::Lt,
            Comparison::GtEq => Comparison::LtEq,
            same => same,
        }
    }
}

/// The order of an integer and a finite floating-point number, by their exact values.
#[inline]
pub(crate) fn exact_order(a: i64, b: f64) -> Ordering {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if b >= TWO_63 {
        return Ordering::Less;
    }
    if b < -TWO_63 {
        return Ordering::Greater;
    }
    let whole = b.trunc();
    a.cmp(&(whole as i64)).then_with(|| whole.total_cmp(&b))
}

/// Computes `a op b` for `len` rows into the BOOL column `out`.
pub(crate) fn apply(op: Comparison, a: Operand<'_>, b: Operand<'_>, len: usize, out: &mut Column) {
    if a.is_null_constant() || b.is_null_constant() {
        return all_null(out, len);
    }
    let (data, valid) = out.parts_mut();
    both_valid(valid, a.valid(len), b.valid(len));
    let out = bool::vec(data);
    out.resize(len, false);
    match (a.type_of(), b.type_of()) {
        (Some(Type::Long), Some(Type::Double)) => mixed(op, a, b, out),
        (Some(Type::Double), Some(Type::Long)) => mixed(op.flip(), b, a, out),
        (Some(Type::Bool), _) => dispatch::<bool>(op, a, b, out),
        (Some(Type::Int), _) => dispatch::<i32>(op, a, b, out),
        (Some(Type::Long), _) => dispatch::<i64>(op, a, b, out),
        (Some(Type::Float), _) => dispatch::<f32>(op, a, b, out),
        (Some(Type::Double), _) => dispatch::<f64>(op, a, b, out),
        (Some(Type::String) | None, _) => dispatch::<Str>(op, a, b, out),
    }
    clear_nulls(out, valid);
}

/// LONG with DOUBLE.
fn mixed(op: Comparison, a: Operand<'_>, b: Operand<'_>, out: &mut [bool]) {
    let (a, b) = (a.lane::<i64>(out.len()), b.lane::<f64>(out.len()));
    for (i, o) in out.iter_mut().enumerate() {
        *o = op.holds(exact_order(*a.at(i), *b.at(i)));
    }
}

fn dispatch<T: Native + PartialOrd>(
    op: Comparison,
    a: Operand<'_>,
    b: Operand<'_>,
    out: &mut [bool],
) {
    let (a, b) = (a.lane::<T>(out.len()), b.lane::<T>(out.len()));
    let (op, a, b) = match (a, b) {
        (Lane::One(_), Lane::Slice(_)) => (op.flip(), b, a),
        _ => (op, a, b),
    };
    match op {
        Comparison::Eq => zip(a, b, out, |x, y| x == y),
        Comparison::NotEq => zip(a, b, out, |x, y| x != y),
        Comparison::Lt => zip(a, b, out, |x, y| x < y),
        Comparison::LtEq => zip(a, b, out, |x, y| x <= y),
        Comparison::Gt => zip(a, b, out, |x, y| x > y),
        Comparison::GtEq => zip(a, b, out, |x, y| x >= y),
    }
}

#[inline(always)]
fn zip<T>(a: Lane<'_, T>, b: Lane<'_, T>, out: &mut [bool], f: impl Fn(&T, &T) -> bool) {
    match (a, b) {
        (Lane::Slice(x), Lane::Slice(y)) => {
            for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
                *o = f(x, y);
            }
        }
        (Lane::Slice(x), Lane::One(y)) => {
            for (o, x) in out.iter_mut().zip(x) {
                *o = f(x, y);
            }
        }
        // `dispatch` has put the slice first
        (Lane::One(x), b) => {
            for (i, o) in out.iter_mut().enumerate() {
                *o = f(x, b.at(i));
            }
        }
    }
}
