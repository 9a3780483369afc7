//! Random values: what attributes hold and what literals are compared with, so that comparisons hit.

use crate::app::Nature;
use crate::random::Random;
use eventflux::event::{Type, Value};

const TEXTS: [&str; 12] = [
    "",
    "a",
    "b",
    "A",
    "é",
    "日本",
    "🦀x",
    "it's",
    "12",
    "-3",
    "%_",
    "a text longer than twenty-three bytes",
];

/// A value of an attribute; NULL now and then.
pub fn value(r: &mut Random, ty: Type, nature: Nature) -> Value {
    if r.chance(8) {
        return Value::Null;
    }
    if nature == Nature::Wild && r.chance(20) {
        return extreme(r, ty);
    }
    tame(r, ty)
}

/// A value that sums exactly. Texts are few, so that they repeat as keys.
pub fn tame(r: &mut Random, ty: Type) -> Value {
    let small = if r.chance(70) {
        r.between(-3, 3)
    } else {
        r.between(-100, 100)
    };
    match ty {
        Type::Bool => Value::Bool(r.chance(50)),
        Type::Int => Value::Int(small as i32),
        Type::Long => Value::Long(small),
        Type::Float => Value::Float(small as f32 / 4.0),
        Type::Double => Value::Double(small as f64 / 4.0),
        Type::String => Value::from(if r.chance(70) {
            *r.pick(&TEXTS[..4])
        } else {
            *r.pick(&TEXTS)
        }),
    }
}

fn extreme(r: &mut Random, ty: Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(true),
        Type::Int => Value::Int(*r.pick(&[i32::MIN, i32::MAX, i32::MIN + 1, 46_341, 1 << 24 | 1])),
        Type::Long => Value::Long(*r.pick(&[
            i64::MIN,
            i64::MAX,
            i64::MIN + 1,
            3_037_000_500,
            (1 << 53) + 1,
            1 << 31,
            -1 << 33,
        ])),
        Type::Float => {
            Value::Float(*r.pick(&[f32::MAX, f32::MIN, 1e-40, 0.1, -0.0, 16_777_216.0, 2.5e9]))
        }
        Type::Double => Value::Double(*r.pick(&[
            1e308,
            -1e308,
            5e-324,
            0.1,
            -0.0,
            1.0 / 3.0,
            9.3e18,
            -2.5,
            0.5,
            1e16,
        ])),
        Type::String => Value::from(*r.pick(&TEXTS)),
    }
}

/// A literal that its context, of this type, holds exactly and whose type no rule leaves open.
pub fn literal(r: &mut Random, ty: Type) -> Value {
    match tame(r, ty) {
        // a decimal beside a FLOAT or DOUBLE only: quarters, never whole, so that it reads as a decimal
        Value::Float(v) if v == v.trunc() => Value::Float(v + 0.25),
        Value::Double(v) if v == v.trunc() => Value::Double(v + 0.5),
        other => other,
    }
}
