//! Comparisons of two operands of one type, giving BOOL.

use super::{Lane, Native, Operand, all_null, both_valid, clear_nulls};
use crate::event::{Column, Str, Type};

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
    /// The operator with its operands exchanged.
    fn flip(self) -> Self {
        match self {
            Comparison::Lt => Comparison::Gt,
            Comparison::LtEq => Comparison::GtEq,
            Comparison::Gt => Comparison::Lt,
            Comparison::GtEq => Comparison::LtEq,
            same => same,
        }
    }
}

/// Computes `a op b`, both of type `ty`, for `len` rows into the BOOL column `out`.
pub(crate) fn apply(
    op: Comparison,
    ty: Type,
    a: Operand<'_>,
    b: Operand<'_>,
    len: usize,
    out: &mut Column,
) {
    if a.is_null_constant() || b.is_null_constant() {
        return all_null(out, len);
    }
    let (data, valid) = out.parts_mut();
    both_valid(valid, a.valid(len), b.valid(len));
    let out = bool::vec(data);
    out.resize(len, false);
    match ty {
        Type::Bool => dispatch::<bool>(op, a, b, out),
        Type::Int => dispatch::<i32>(op, a, b, out),
        Type::Long => dispatch::<i64>(op, a, b, out),
        Type::Float => dispatch::<f32>(op, a, b, out),
        Type::Double => dispatch::<f64>(op, a, b, out),
        Type::String => dispatch::<Str>(op, a, b, out),
    }
    clear_nulls(out, valid);
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
