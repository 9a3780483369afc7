//! Random values of which attributes hold some and literals are some, so that comparisons hit.

use eventflux::event::{Type, Value};
use eventflux_kit::Random;

pub const TEXTS: [&str; 12] = [
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

/// A literal that its context, of this type, holds exactly and whose type no rule leaves open.
pub fn literal(r: &mut Random, ty: Type) -> Value {
    match tame(r, ty) {
        // a decimal beside a FLOAT or DOUBLE only: quarters, never whole, so that it reads as a decimal
        Value::Float(v) if v == v.trunc() => Value::Float(v + 0.25),
        Value::Double(v) if v == v.trunc() => Value::Double(v + 0.5),
        other => other,
    }
}
