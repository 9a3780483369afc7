//! `+ − * / %` and negation over columns.
//!
//! Why: a row fault (integer overflow, division by zero, a result that is not finite) is rare, so the loops compute
//! every row and only OR a fault flag together; when the flag is set, a second pass finds the rows, makes them NULL
//! and counts.

use super::{Lane, Native, Operand, all_null, both_valid, clear_nulls};
use crate::event::{Column, Data};

/// An arithmetic operator. Both operands and the result have one type; `Div` is only used on DOUBLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

/// Computes `a op b` for `len` rows into `out`.
#[inline(never)] // keeps the caller's frame small, see `Step::combine`
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
    match data {
        Data::Int(v) => match op {
            Arithmetic::Add => sink.zip(a, b, v, i32::overflowing_add),
            Arithmetic::Sub => sink.zip(a, b, v, i32::overflowing_sub),
            Arithmetic::Mul => sink.zip(a, b, v, |x: i32, y: i32| {
                let wide = i64::from(x) * i64::from(y);
                (wide as i32, i64::from(wide as i32) != wide)
            }),
            Arithmetic::Div | Arithmetic::Mod => sink.zip(a, b, v, |x: i32, y: i32| match y {
                0 => (0, true),
                _ => (x.wrapping_rem(y), false),
            }),
        },
        Data::Long(v) => match op {
            Arithmetic::Add => sink.zip(a, b, v, i64::overflowing_add),
            Arithmetic::Sub => sink.zip(a, b, v, i64::overflowing_sub),
            Arithmetic::Mul => sink.zip(a, b, v, i64::overflowing_mul),
            Arithmetic::Div | Arithmetic::Mod => sink.zip(a, b, v, |x: i64, y: i64| match y {
                0 => (0, true),
                _ => (x.wrapping_rem(y), false),
            }),
        },
        Data::Float(v) => {
            // Adding 0.0 turns −0.0 into 0.0 and leaves every other value as it is.
            let real = |r: f32| (r + 0.0, !r.is_finite());
            match op {
                Arithmetic::Add => sink.zip(a, b, v, |x: f32, y: f32| real(x + y)),
                Arithmetic::Sub => sink.zip(a, b, v, |x: f32, y: f32| real(x - y)),
                Arithmetic::Mul => sink.zip(a, b, v, |x: f32, y: f32| real(x * y)),
                Arithmetic::Div => sink.zip(a, b, v, |x: f32, y: f32| real(x / y)),
                Arithmetic::Mod => sink.zip(a, b, v, |x: f32, y: f32| real(x % y)),
            }
        }
        Data::Double(v) => {
            let real = |r: f64| (r + 0.0, !r.is_finite());
            match op {
                Arithmetic::Add => sink.zip(a, b, v, |x: f64, y: f64| real(x + y)),
                Arithmetic::Sub => sink.zip(a, b, v, |x: f64, y: f64| real(x - y)),
                Arithmetic::Mul => sink.zip(a, b, v, |x: f64, y: f64| real(x * y)),
                Arithmetic::Div => sink.zip(a, b, v, |x: f64, y: f64| real(x / y)),
                Arithmetic::Mod => sink.zip(a, b, v, |x: f64, y: f64| real(x % y)),
            }
        }
        Data::Bool(_) | Data::String(_) => panic!("arithmetic on {}", data.type_of()),
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
        Data::Int(v) => sink.map(a, v, i32::overflowing_neg),
        Data::Long(v) => sink.map(a, v, i64::overflowing_neg),
        Data::Float(v) => sink.map(a, v, |x: f32| (0.0 - x, false)),
        Data::Double(v) => sink.map(a, v, |x: f64| (0.0 - x, false)),
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
