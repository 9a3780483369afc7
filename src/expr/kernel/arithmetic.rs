//! `+ − * / %` and negation over columns.
//!
//! Why: a row fault (integer overflow, division by zero, a result that is not finite) is rare, so the loops compute
//! every row and only OR a fault flag together; when the flag is set, a second pass finds the rows, makes them NULL
//! and counts.

use super::divisor::Divisor;
use super::{Lane, Native, Operand, all_null, both_valid, clear_nulls};
use crate::event::{Column, Data, Value};

/// An arithmetic operator. Both operands and the result have one type; `Div` is only used on DOUBLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

/// A number that is computed with.
pub(crate) trait Number: Sized {
    /// The result of `x op y`, and whether it is a row fault.
    fn compute(op: Arithmetic, x: Self, y: Self) -> (Self, bool);
    /// `-x`, and whether that is a row fault.
    fn negate(x: Self) -> (Self, bool);
}

/// The integers.
macro_rules! integer {
    ($ty:ty, $multiply:expr) => {
        impl Number for $ty {
            #[inline(always)]
            fn compute(op: Arithmetic, x: $ty, y: $ty) -> ($ty, bool) {
                match (op, y) {
                    (Arithmetic::Add, _) => x.overflowing_add(y),
                    (Arithmetic::Sub, _) => x.overflowing_sub(y),
                    (Arithmetic::Mul, _) => $multiply(x, y),
                    (Arithmetic::Div | Arithmetic::Mod, 0) => (0, true),
                    (Arithmetic::Div | Arithmetic::Mod, _) => (x.wrapping_rem(y), false),
                }
            }
            #[inline(always)]
            fn negate(x: $ty) -> ($ty, bool) {
                x.overflowing_neg()
            }
        }
    };
}
integer!(i32, wide_product);
integer!(i64, i64::overflowing_mul);

/// In 64 bits, which the loops vectorise and an overflow flag does not.
#[inline(always)]
fn wide_product(x: i32, y: i32) -> (i32, bool) {
    let wide = i64::from(x) * i64::from(y);
    (wide as i32, i64::from(wide as i32) != wide)
}

/// The floating-point numbers. Adding 0.0 turns −0.0 into 0.0 and leaves every other value as it is.
macro_rules! real {
    ($ty:ty) => {
        impl Number for $ty {
            #[inline(always)]
            fn compute(op: Arithmetic, x: $ty, y: $ty) -> ($ty, bool) {
                let r = match op {
                    Arithmetic::Add => x + y,
                    Arithmetic::Sub => x - y,
                    Arithmetic::Mul => x * y,
                    Arithmetic::Div => x / y,
                    Arithmetic::Mod => x % y,
                };
                (r + 0.0, !r.is_finite())
            }
            #[inline(always)]
            fn negate(x: $ty) -> ($ty, bool) {
                (0.0 - x, false)
            }
        }
    };
}
real!(f32);
real!(f64);

/// Runs an expression with the operator as a constant, so that the loops in it hold no decision. A closure that
/// captures it as a variable is not vectorised.
macro_rules! each_op {
    ($op:expr, $name:ident => $body:expr) => {
        match $op {
            Arithmetic::Add => each_op!(@ Add, $name => $body),
            Arithmetic::Sub => each_op!(@ Sub, $name => $body),
            Arithmetic::Mul => each_op!(@ Mul, $name => $body),
            Arithmetic::Div => each_op!(@ Div, $name => $body),
            Arithmetic::Mod => each_op!(@ Mod, $name => $body),
        }
    };
    (@ $variant:ident, $name:ident => $body:expr) => {{
        const $name: Arithmetic = Arithmetic::$variant;
        $body
    }};
}

/// Computes `a op b` for `len` rows into `out`.
#[inline(never)] // keeps the caller's frame small, see `Operation::combine`
pub(crate) fn apply(
    op: Arithmetic,
    a: Operand<'_>,
    b: Operand<'_>,
    len: usize,
    out: &mut Column,
    faults: &mut u64,
) {
    if a.is_null_constant() || b.is_null_constant() {
        return all_null(out, len);
    }
    let (data, valid) = out.parts_mut();
    both_valid(valid, a.valid(len), b.valid(len));
    let mut sink = Sink { len, valid, faults };
    if op == Arithmetic::Mod
        && let Some(divisor) = constant(b).and_then(Divisor::of)
    {
        match data {
            Data::Int(v) => {
                return sink.map(a, v, |x: i32| (divisor.rest(x.into()) as i32, false));
            }
            Data::Long(v) => return sink.map(a, v, |x| (divisor.rest(x), false)),
            _ => {}
        }
    }
    match data {
        Data::Int(v) => each_op!(op, OP => sink.zip(a, b, v, |x, y| i32::compute(OP, x, y))),
        Data::Long(v) => each_op!(op, OP => sink.zip(a, b, v, |x, y| i64::compute(OP, x, y))),
        Data::Float(v) => each_op!(op, OP => sink.zip(a, b, v, |x, y| f32::compute(OP, x, y))),
        Data::Double(v) => each_op!(op, OP => sink.zip(a, b, v, |x, y| f64::compute(OP, x, y))),
        Data::Bool(_) | Data::String(_) => panic!("arithmetic on {}", data.type_of()),
    }
}

/// The integer that an operand is for all rows.
fn constant(operand: Operand<'_>) -> Option<i64> {
    match operand {
        Operand::Constant(Value::Int(x)) => Some(i64::from(*x)),
        Operand::Constant(Value::Long(x)) => Some(*x),
        _ => None,
    }
}

/// Computes `−a`.
pub(crate) fn negate(a: Operand<'_>, len: usize, out: &mut Column, faults: &mut u64) {
    if a.is_null_constant() {
        return all_null(out, len);
    }
    let (data, valid) = out.parts_mut();
    both_valid(valid, a.valid(len), &[]);
    let mut sink = Sink { len, valid, faults };
    match data {
        Data::Int(v) => sink.map(a, v, i32::negate),
        Data::Long(v) => sink.map(a, v, i64::negate),
        Data::Float(v) => sink.map(a, v, f32::negate),
        Data::Double(v) => sink.map(a, v, f64::negate),
        Data::Bool(_) | Data::String(_) => panic!("negation of {}", data.type_of()),
    }
}

/// Applies a function to DOUBLE values; a result that is not finite becomes NULL and counts.
pub(crate) fn real(
    f: fn(f64) -> f64,
    a: Operand<'_>,
    len: usize,
    out: &mut Column,
    faults: &mut u64,
) {
    if a.is_null_constant() {
        return all_null(out, len);
    }
    let (data, valid) = out.parts_mut();
    both_valid(valid, a.valid(len), &[]);
    let mut sink = Sink { len, valid, faults };
    sink.map(a, f64::vec(data), |x: f64| {
        let r = f(x);
        (r + 0.0, !r.is_finite())
    });
}

/// Where the rows of one call go: the mask of the operands, to which faults are added.
struct Sink<'a> {
    len: usize,
    valid: &'a mut Vec<bool>,
    faults: &'a mut u64,
}

impl Sink<'_> {
    /// `f` gives the result and whether it is a fault.
    #[inline(always)]
    fn zip<T: Native + Copy>(
        &mut self,
        a: Operand<'_>,
        b: Operand<'_>,
        out: &mut Vec<T>,
        f: impl Fn(T, T) -> (T, bool),
    ) {
        let n = self.len;
        out.resize(n, T::default());
        let (a, b) = (a.lane::<T>(n), b.lane::<T>(n));
        let wrong = match (a, b) {
            (Lane::Slice(x), Lane::Slice(y)) => {
                let mut wrong = false;
                for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
                    let (r, w) = f(x, y);
                    *o = r;
                    wrong |= w;
                }
                wrong
            }
            (Lane::Slice(x), Lane::One(&y)) => fill(out, x, |x| f(x, y)),
            (Lane::One(&x), Lane::Slice(y)) => fill(out, y, |y| f(x, y)),
            (Lane::One(&x), Lane::One(&y)) => {
                let (r, w) = f(x, y);
                out.fill(r);
                w
            }
        };
        if wrong {
            self.find(|i| f(*a.at(i), *b.at(i)).1);
        }
        clear_nulls(out, self.valid);
    }

    #[inline(always)]
    fn map<T: Native + Copy>(
        &mut self,
        a: Operand<'_>,
        out: &mut Vec<T>,
        f: impl Fn(T) -> (T, bool),
    ) {
        let n = self.len;
        out.resize(n, T::default());
        let a = a.lane::<T>(n);
        let wrong = match a {
            Lane::Slice(x) => fill(out, x, &f),
            Lane::One(&x) => {
                let (r, w) = f(x);
                out.fill(r);
                w
            }
        };
        if wrong {
            self.find(|i| f(*a.at(i)).1);
        }
        clear_nulls(out, self.valid);
    }

    /// Makes the rows at fault NULL and counts them.
    #[cold]
    fn find(&mut self, wrong: impl Fn(usize) -> bool) {
        if self.valid.is_empty() {
            self.valid.resize(self.len, true);
        }
        for (i, ok) in self.valid.iter_mut().enumerate() {
            if *ok && wrong(i) {
                *ok = false;
                *self.faults += 1;
            }
        }
    }
}

#[inline(always)]
fn fill<T: Copy>(out: &mut [T], from: &[T], f: impl Fn(T) -> (T, bool)) -> bool {
    let mut wrong = false;
    for (o, &x) in out.iter_mut().zip(from) {
        let (r, w) = f(x);
        *o = r;
        wrong |= w;
    }
    wrong
}
