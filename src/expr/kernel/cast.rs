//! Conversions between types: widening by the binder, anything by CAST.
//!
//! A value that the target cannot hold becomes NULL and counts.

use super::{Lane, Native, Operand, all_null, both_valid, clear_nulls};
use crate::event::{Column, Data, Scalar, Str, Type, Value};
use std::fmt::Write;

/// Converts `len` rows of `from` into the type of `out`; `text` is scratch.
pub(crate) fn apply(
    a: Operand<'_>,
    len: usize,
    out: &mut Column,
    text: &mut String,
    faults: &mut u64,
) {
    if a.is_null_constant() {
        return all_null(out, len);
    }
    let from = match a {
        Operand::Column(c) => c.type_of(),
        Operand::Constant(v) => v.type_of().expect("NULL was handled above"),
    };
    let (data, valid) = out.parts_mut();
    both_valid(valid, a.valid(len), &[]);
    if let Data::String(v) = data {
        return to_text(a, len, v, valid, text);
    }
    match from {
        Type::Bool => from_bool(a.lane(len), len, data),
        Type::Int => numbers::<i32>(a.lane(len), len, data, valid, faults),
        Type::Long => numbers::<i64>(a.lane(len), len, data, valid, faults),
        Type::Float => numbers::<f32>(a.lane(len), len, data, valid, faults),
        Type::Double => numbers::<f64>(a.lane(len), len, data, valid, faults),
        Type::String => parse(a.lane(len), len, data, valid, faults),
    }
}

/// Writes a value as CAST to STRING prints it.
pub(crate) fn print(a: Operand<'_>, row: usize, to: &mut String) {
    let done = match a {
        Operand::Constant(v) => write!(to, "{v}"),
        Operand::Column(c) => match c.data() {
            Data::Bool(v) => write!(to, "{}", v[row]),
            Data::Int(v) => write!(to, "{}", v[row]),
            Data::Long(v) => write!(to, "{}", v[row]),
            Data::Float(v) => write!(to, "{:?}", v[row]),
            Data::Double(v) => write!(to, "{:?}", v[row]),
            Data::String(v) => to.write_str(&v[row]),
        },
    };
    done.expect("a String takes every write");
}

fn to_text(a: Operand<'_>, len: usize, out: &mut Vec<Str>, valid: &[bool], text: &mut String) {
    out.resize(len, Str::default());
    for (i, o) in out.iter_mut().enumerate() {
        text.clear();
        if valid.is_empty() || valid[i] {
            print(a, i, text);
        }
        *o = Str::new(text);
    }
}

fn from_bool(a: Lane<'_, bool>, len: usize, out: &mut Data) {
    match out {
        Data::Bool(v) => each(a, len, v, |x| *x),
        Data::Int(v) => each(a, len, v, |x| i32::from(*x)),
        Data::Long(v) => each(a, len, v, |x| i64::from(*x)),
        Data::Float(v) => each(a, len, v, |x| f32::from(u8::from(*x))),
        Data::Double(v) => each(a, len, v, |x| f64::from(u8::from(*x))),
        Data::String(_) => panic!("text is written by to_text"),
    }
}

/// Writes `f` of every row; NULL rows hold defaults, and every conversion keeps those.
#[inline(always)]
fn each<T, U: Clone + Default>(a: Lane<'_, T>, len: usize, out: &mut Vec<U>, f: impl Fn(&T) -> U) {
    out.resize(len, U::default());
    match a {
        Lane::Slice(x) => {
            for (o, x) in out.iter_mut().zip(x) {
                *o = f(x);
            }
        }
        Lane::One(x) => out.fill(f(x)),
    }
}

/// A numeric type that converts to the others; `None` when the value does not fit.
trait Number: Native + Copy {
    fn to_int(self) -> Option<i32>;
    fn to_long(self) -> Option<i64>;
    fn to_float(self) -> Option<f32>;
    fn to_double(self) -> f64;
    fn is_zero(self) -> bool;
    /// Whether this type widens to FLOAT without going through a check.
    const FLOAT_FITS: bool;
    const LONG_FITS: bool;
    const INT_FITS: bool;
}

macro_rules! integer_number {
    ($t:ty, $int_fits:expr) => {
        impl Number for $t {
            fn to_int(self) -> Option<i32> {
                i32::try_from(self).ok()
            }
            #[inline(always)]
            fn to_long(self) -> Option<i64> {
                Some(self.into())
            }
            #[inline(always)]
            fn to_float(self) -> Option<f32> {
                Some(self as f32)
            }
            #[inline(always)]
            fn to_double(self) -> f64 {
                self as f64
            }
            fn is_zero(self) -> bool {
                self == 0
            }
            const FLOAT_FITS: bool = true;
            const LONG_FITS: bool = true;
            const INT_FITS: bool = $int_fits;
        }
    };
}
integer_number!(i32, true);
integer_number!(i64, false);

macro_rules! floating_number {
    ($t:ty, $float_fits:expr) => {
        impl Number for $t {
            fn to_int(self) -> Option<i32> {
                let x = f64::from(self).trunc();
                (f64::from(i32::MIN)..=f64::from(i32::MAX))
                    .contains(&x)
                    .then_some(x as i32)
            }
            fn to_long(self) -> Option<i64> {
                let x = f64::from(self).trunc();
                // 2^63 is a DOUBLE, 2^63 − 1 is not
                (-TWO_63..TWO_63).contains(&x).then_some(x as i64)
            }
            #[inline(always)]
            fn to_float(self) -> Option<f32> {
                let x = self as f32;
                x.is_finite().then_some(x + 0.0)
            }
            #[inline(always)]
            fn to_double(self) -> f64 {
                self.into()
            }
            fn is_zero(self) -> bool {
                self == 0.0
            }
            const FLOAT_FITS: bool = $float_fits;
            const LONG_FITS: bool = false;
            const INT_FITS: bool = false;
        }
    };
}
floating_number!(f32, true);
floating_number!(f64, false);

/// A number as one of a type to which its own widens.
#[inline]
pub(crate) fn widen(a: Scalar<'_>, to: Type) -> Scalar<'_> {
    match a {
        Scalar::Int(a) => widened(a, to),
        Scalar::Long(a) => widened(a, to),
        Scalar::Float(a) => widened(a, to),
        same => same,
    }
}

#[inline(always)]
fn widened<'a, T: Number>(a: T, to: Type) -> Scalar<'a> {
    let value = match to {
        Type::Int => a.to_int().map(Scalar::Int),
        Type::Long => a.to_long().map(Scalar::Long),
        Type::Float => a.to_float().map(Scalar::Float),
        Type::Double => Some(Scalar::Double(a.to_double())),
        Type::Bool | Type::String => None,
    };
    value.unwrap_or(Scalar::Null)
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

fn numbers<T: Number>(
    a: Lane<'_, T>,
    len: usize,
    out: &mut Data,
    valid: &mut Vec<bool>,
    faults: &mut u64,
) {
    match out {
        Data::Bool(v) => each(a, len, v, |x| !x.is_zero()),
        Data::Int(v) if T::INT_FITS => each(a, len, v, |x| x.to_int().unwrap_or_default()),
        Data::Int(v) => checked(a, len, v, valid, faults, |x| x.to_int()),
        Data::Long(v) if T::LONG_FITS => each(a, len, v, |x| x.to_long().unwrap_or_default()),
        Data::Long(v) => checked(a, len, v, valid, faults, |x| x.to_long()),
        Data::Float(v) if T::FLOAT_FITS => each(a, len, v, |x| x.to_float().unwrap_or_default()),
        Data::Float(v) => checked(a, len, v, valid, faults, |x| x.to_float()),
        Data::Double(v) => each(a, len, v, |x| x.to_double()),
        Data::String(_) => panic!("text is written by to_text"),
    }
}

/// Writes `f` of every row that is not NULL; `None` becomes NULL and counts.
fn checked<T, U: Clone + Default>(
    a: Lane<'_, T>,
    len: usize,
    out: &mut Vec<U>,
    valid: &mut Vec<bool>,
    faults: &mut u64,
    f: impl Fn(&T) -> Option<U>,
) {
    out.resize(len, U::default());
    for (i, o) in out.iter_mut().enumerate() {
        if !valid.is_empty() && !valid[i] {
            *o = U::default();
            continue;
        }
        match f(a.at(i)) {
            Some(v) => *o = v,
            None => {
                if valid.is_empty() {
                    valid.resize(len, true);
                }
                valid[i] = false;
                *faults += 1;
                *o = U::default();
            }
        }
    }
    clear_nulls(out, valid);
}

fn parse(a: Lane<'_, Str>, len: usize, out: &mut Data, valid: &mut Vec<bool>, faults: &mut u64) {
    match out {
        Data::Bool(v) => checked(a, len, v, valid, faults, |x| parse_bool(x)),
        Data::Int(v) => checked(a, len, v, valid, faults, |x| x.trim().parse().ok()),
        Data::Long(v) => checked(a, len, v, valid, faults, |x| x.trim().parse().ok()),
        Data::Float(v) => checked(a, len, v, valid, faults, |x| {
            let x: f32 = x.trim().parse().ok()?;
            x.is_finite().then_some(x + 0.0)
        }),
        Data::Double(v) => checked(a, len, v, valid, faults, |x| {
            let x: f64 = x.trim().parse().ok()?;
            x.is_finite().then_some(x + 0.0)
        }),
        Data::String(_) => panic!("text is written by to_text"),
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("1") || is("yes") {
        Some(true)
    } else if is("false") || is("0") || is("no") {
        Some(false)
    } else {
        None
    }
}

/// The value as a literal of another numeric type if that holds it exactly.
pub(crate) fn exact(value: &Value, to: Type) -> Option<Value> {
    Some(match (value, to) {
        (v, ty) if v.type_of() == Some(ty) => v.clone(),
        (Value::Int(v), ty) => return exact(&Value::Long(i64::from(*v)), ty),
        (Value::Float(v), ty) => return exact(&Value::Double(f64::from(*v)), ty),
        (Value::Long(v), Type::Int) => Value::Int(i32::try_from(*v).ok()?),
        (Value::Long(v), Type::Float) => {
            Value::Float((*v as f32 as i128 == i128::from(*v)).then_some(*v as f32)?)
        }
        (Value::Long(v), Type::Double) => {
            Value::Double((*v as f64 as i128 == i128::from(*v)).then_some(*v as f64)?)
        }
        (Value::Double(v), Type::Int) => Value::Int(v.to_int().filter(|i| f64::from(*i) == *v)?),
        (Value::Double(v), Type::Long) => Value::Long(v.to_long().filter(|i| *i as f64 == *v)?),
        (Value::Double(v), Type::Float) => {
            Value::Float(v.to_float().filter(|f| f64::from(*f) == *v)?)
        }
        _ => return None,
    })
}
