//! Comparisons and arithmetic whose operands stand at hand: columns and constants of one number type.
//!
//! Why: most conditions are one comparison of a column with a constant. On one row its value costs a fraction of
//! finding out, operand by operand, of which type that is.

use super::kernel::Native;
use super::kernel::arithmetic::Number;
use super::node::{Node, Operation};
use crate::event::{Column, Scalar, Type, Value};

/// The type of the operands, where all are columns or constants of one number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    Mixed,
    Int,
    Long,
    Float,
    Double,
}

impl Leaves {
    /// That of an operation.
    pub(super) fn of(step: &Operation, args: &[Node]) -> Self {
        let ([a, b], Operation::Compare(_) | Operation::Arithmetic(_)) = (args, step) else {
            return Leaves::Mixed;
        };
        let is_leaf = |n: &Node| matches!(n.step, Operation::Column(_) | Operation::Constant(_));
        let ty = a.out.type_of();
        match is_leaf(a) && is_leaf(b) && b.out.type_of() == ty {
            true => match ty {
                Type::Int => Leaves::Int,
                Type::Long => Leaves::Long,
                Type::Float => Leaves::Float,
                Type::Double => Leaves::Double,
                Type::Bool | Type::String => Leaves::Mixed,
            },
            false => Leaves::Mixed,
        }
    }
}

/// A number as it stands in a column.
pub(super) trait Leaf: Native + Number + PartialOrd + Copy {
    fn scalar<'a>(self) -> Scalar<'a>;

    /// The number at a row of a column of this type; none for NULL.
    #[inline(always)]
    fn at(column: &Column, row: usize) -> Option<Self> {
        match column.is_null(row) {
            true => None,
            false => Some(Self::slice(column.data())[row]),
        }
    }

    /// A constant of this type; none for NULL.
    #[inline(always)]
    fn constant(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            value => Some(*Self::of(value)),
        }
    }
}

macro_rules! leaves {
    ($($rust:ty, $scalar:ident;)*) => {$(
        impl Leaf for $rust {
            #[inline(always)]
            fn scalar<'a>(self) -> Scalar<'a> {
                Scalar::$scalar(self)
            }
        }
    )*};
}
leaves! {
    i32, Int; i64, Long; f32, Float; f64, Double;
}

/// The result of an operation on such operands; NULL and a count where it is a fault.
#[inline(always)]
pub(super) fn combine<'a, T: Leaf>(
    step: &Operation,
    a: Option<T>,
    b: Option<T>,
    faults: &mut u64,
) -> Scalar<'a> {
    let (Some(a), Some(b)) = (a, b) else {
        return Scalar::Null;
    };
    match step {
        Operation::Compare(op) => Scalar::Bool(op.holds_for(&a, &b)),
        Operation::Arithmetic(op) => good(T::compute(*op, a, b), faults),
        _ => unreachable!("only comparisons and arithmetic have a type of their operands"),
    }
}

/// A result, or NULL and a count where it is a fault.
#[inline(always)]
pub(super) fn good<'a, T: Leaf>((value, wrong): (T, bool), faults: &mut u64) -> Scalar<'a> {
    match wrong {
        false => value.scalar(),
        true => {
            *faults += 1;
            Scalar::Null
        }
    }
}
