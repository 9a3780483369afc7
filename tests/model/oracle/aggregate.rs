//! Aggregates of one group: the values that are in it, asked anew for every result.
//!
//! Only sums are carried along, since the design pages say in which order they are added; those of doubles of which any
//! may leave are exact.

use super::eval::{Env, double, eval};
use crate::app::{Aggregate, Call};
use eventflux::event::{Sign, Value};
use num_bigint::BigInt;

/// State of one call for one group.
#[derive(Clone, Default)]
pub struct Group {
    /// Values of the rows that are in, by arrival, with the identity of their row.
    values: Vec<(u64, Value)>,
    integers: i128,
    doubles: f64,
    /// Best value ever, for `minForever` and `maxForever`.
    ever: Value,
}

impl Group {
    /// The group after a reset: what is forever stays.
    pub fn reset(&mut self) {
        *self = Group {
            ever: std::mem::take(&mut self.ever),
            ..Group::default()
        };
    }

    pub fn update(&mut self, call: &Call, sign: Sign, id: u64, env: Env<'_>, ignore_minus: bool) {
        let value = call
            .arg
            .as_ref()
            .map_or(Value::Bool(true), |arg| eval(arg, env));
        let skipped =
            value.is_null() && !matches!(call.aggregate, Aggregate::First | Aggregate::Last);
        if skipped {
            return;
        }
        match sign {
            Sign::Plus => {
                self.sum(&value, 1);
                if self.beats(call.aggregate, &value) {
                    self.ever = value.clone();
                }
                self.values.push((id, value));
            }
            Sign::Minus => {
                let place = self.values.iter().position(|(other, _)| *other == id);
                self.values
                    .remove(place.expect("a row that leaves has entered"));
                if !(ignore_minus && call.aggregate == Aggregate::Sum) {
                    self.sum(&value, -1);
                }
                if self.values.is_empty() {
                    (self.integers, self.doubles) = (0, 0.0);
                }
            }
        }
    }

    fn sum(&mut self, value: &Value, sign: i128) {
        match value {
            Value::Int(v) => self.integers += sign * i128::from(*v),
            Value::Long(v) => self.integers += sign * i128::from(*v),
            Value::Float(v) => self.doubles += f64::from(*v) * sign as f64,
            Value::Double(v) => self.doubles += v * sign as f64,
            _ => {}
        }
    }

    fn beats(&self, aggregate: Aggregate, value: &Value) -> bool {
        match aggregate {
            Aggregate::MinForever => self.ever.is_null() || value.order(&self.ever).is_lt(),
            Aggregate::MaxForever => value.order(&self.ever).is_gt(),
            _ => false,
        }
    }

    /// The sum of doubles: in the order of rows, or exact where `leave` says that any may leave.
    fn doubles(&self, leave: bool) -> f64 {
        if !leave {
            return self.doubles;
        }
        let doubles = self.values.iter().map(|(_, value)| match value {
            Value::Float(v) => units((*v).into()),
            Value::Double(v) => units(*v),
            _ => BigInt::ZERO,
        });
        rounded(&doubles.sum())
    }

    /// `leave`: rows leave one by one.
    pub fn value(&self, call: &Call, leave: bool) -> Value {
        let values = || self.values.iter().map(|(_, v)| v);
        let count = self.values.len();
        let some = |v: Value| if count == 0 { Value::Null } else { v };
        match call.aggregate {
            Aggregate::Count | Aggregate::CountOf => Value::Long(count as i64),
            Aggregate::CountDistinct | Aggregate::DistinctCount => {
                let mut distinct: Vec<&Value> = Vec::new();
                for v in values() {
                    if !distinct.contains(&v) {
                        distinct.push(v);
                    }
                }
                Value::Long(distinct.len() as i64)
            }
            Aggregate::Sum => some(match values().next() {
                Some(Value::Int(_) | Value::Long(_)) => i64::try_from(self.integers).ok().into(),
                _ => double(self.doubles(leave)),
            }),
            Aggregate::Avg => some(match values().next() {
                Some(Value::Int(_) | Value::Long(_)) => double(self.integers as f64 / count as f64),
                _ => double(self.doubles(leave) / count as f64),
            }),
            Aggregate::Min => values()
                .min_by(|a, b| a.order(b))
                .cloned()
                .unwrap_or_default(),
            Aggregate::Max => values()
                .max_by(|a, b| a.order(b))
                .cloned()
                .unwrap_or_default(),
            Aggregate::MinForever | Aggregate::MaxForever => self.ever.clone(),
            Aggregate::First => values().next().cloned().unwrap_or_default(),
            Aggregate::Last => values().next_back().cloned().unwrap_or_default(),
            Aggregate::And => some(Value::Bool(values().all(|v| *v == Value::Bool(true)))),
            Aggregate::Or => some(Value::Bool(values().any(|v| *v == Value::Bool(true)))),
            Aggregate::StdDev => some(deviation(values())),
        }
    }
}

/// A double as a whole number of the least one.
fn units(x: f64) -> BigInt {
    let bits = x.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
    let magnitude = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if x < 0.0 { -magnitude } else { magnitude }
}

/// The double nearest to so many of the least one, but for what comparison tolerates; infinite beyond all.
fn rounded(units: &BigInt) -> f64 {
    let below = units.bits().saturating_sub(64);
    let top = i128::try_from(units >> below).expect("64 bits and a sign") as f64;
    // Two steps, since one power of two would be out of range.
    let steps = below as i32 - 1074;
    top * 2f64.powi(steps / 2) * 2f64.powi(steps - steps / 2)
}

/// Of the whole population, in two passes.
fn deviation<'a>(values: impl Iterator<Item = &'a Value>) -> Value {
    let values: Vec<f64> = values
        .map(|v| match v {
            Value::Int(v) => f64::from(*v),
            Value::Long(v) => *v as f64,
            Value::Float(v) => f64::from(*v),
            Value::Double(v) => *v,
            other => panic!("stdDev of {other:?}"),
        })
        .collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    double((values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt())
}
