//! Rows at the borders of their types, and times at the borders of time.

use eventflux::{Timestamp, Type, Value};
use eventflux_kit::Random;

/// A value of a type: extremes, NULL, and now and then what no column takes.
pub fn value(r: &mut Random, ty: Type) -> Value {
    match r.below(20) {
        0..3 => Value::Null,
        _ => extreme(r, ty),
    }
}

/// One of some values.
fn one<T: Copy>(r: &mut Random, of: &[T]) -> T {
    of[r.below(of.len() as u64) as usize]
}

fn extreme(r: &mut Random, ty: Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(r.below(2) == 0),
        Type::Int => Value::Int(one(r, &[i32::MIN, i32::MAX, -1, 0, 1, 2, 46_341])),
        Type::Long => {
            let of = [
                i64::MIN,
                i64::MAX,
                -1,
                0,
                1,
                2,
                3_037_000_500,
                (1 << 53) + 1,
                -62_135_596_800_000,
                253_402_300_799_999,
                1_700_000_000_000,
            ];
            Value::Long(one(r, &of))
        }
        Type::Float => {
            let of = [
                f32::MIN,
                f32::MAX,
                1e-45,
                -0.0,
                0.1,
                1.0,
                -2.5,
                16_777_217.0,
                f32::NAN,
                f32::INFINITY,
            ];
            Value::Float(one(r, &of))
        }
        Type::Double => {
            let of = [
                f64::MIN,
                f64::MAX,
                5e-324,
                -0.0,
                0.1,
                1.0,
                -2.5,
                9.3e18,
                1e16,
                f64::NAN,
                f64::NEG_INFINITY,
            ];
            Value::Double(one(r, &of))
        }
        Type::String => Value::from(text(r)),
    }
}

fn text(r: &mut Random) -> String {
    let some = [
        "",
        "a",
        "A",
        "b",
        "12",
        "-9223372036854775809",
        "1e400",
        "nan",
        "true",
        "%_\\",
        "2024-02-29T23:59:60Z",
        "9999-12-31T24:00",
        "0001-01-01",
        "a text longer than twenty-three bytes",
        "ß🦀\u{301}é\u{0}\u{1b}",
        "ﬃİ",
        "v > 1",
        "count() <",
    ];
    match r.below(24) {
        0 => "x".repeat(100_000),
        1 => "é".repeat(1 << 19),
        _ => r.pick(&some).to_string(),
    }
}

/// Whether a row with this value is refused.
pub fn is_refused(value: &Value) -> bool {
    match value {
        Value::Float(v) => !v.is_finite(),
        Value::Double(v) => !v.is_finite(),
        _ => false,
    }
}

/// The next time: near the last one, or at a border.
pub fn time(r: &mut Random, last: Timestamp) -> Timestamp {
    let (first, end) = (*Timestamp::RANGE.start(), *Timestamp::RANGE.end());
    match r.below(40) {
        0 => first,
        1 => end,
        2 => end.plus(1),
        3 => Timestamp(i64::MIN),
        4 => Timestamp(-1),
        5 => Timestamp(0),
        6 => last.plus(r.below(1_i64 << 40)),
        7..10 => last.plus(-(r.below(20_000) as i64)),
        10..20 => last,
        _ => last.plus(r.below(20_000) as i64),
    }
}
