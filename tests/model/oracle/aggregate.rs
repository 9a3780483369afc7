//! Aggregates of one group: the values that are in it, asked anew for every result.
//!
//! Where rows leave, sums are exact and rounded once. Where none do, DOUBLEs are added in the order of the rows.

use super::Fault;
use super::eval::{Env, double, eval};
use super::exact::{Sums, percentile};
use crate::app::{Aggregate, Call};
use eventflux::event::{Sign, Value};

/// State of one call for one group.
#[derive(Clone, Default)]
pub struct Group {
    /// Values of the rows that are in, in the order in which they entered, with the identity of their row.
    values: Vec<(u64, Value)>,
    /// DOUBLEs added one by one.
    running: f64,
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

    pub fn update(&mut self, call: &Call, sign: Sign, id: u64, env: Env<'_>, fault: Fault) {
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
                self.running += match value {
                    Value::Float(v) => f64::from(v),
                    Value::Double(v) => v,
                    _ => 0.0,
                };
                if self.beats(call.aggregate, &value) {
                    self.ever = value.clone();
                }
                self.values.push((id, value));
            }
            Sign::Minus => {
                let stays =
                    fault == Fault::SumIgnoresRetraction && call.aggregate == Aggregate::Sum;
                let place = self.values.iter().position(|(other, _)| *other == id);
                let place = place.expect("a row that leaves has entered");
                if !stays {
                    self.values.remove(place);
                }
            }
        }
    }

    fn beats(&self, aggregate: Aggregate, value: &Value) -> bool {
        match aggregate {
            Aggregate::MinForever => self.ever.is_null() || value.order(&self.ever).is_lt(),
            Aggregate::MaxForever => value.order(&self.ever).is_gt(),
            _ => false,
        }
    }

    /// The result. `rows_leave`: sums are those of the rows that are in.
    pub fn value(&self, call: &Call, rows_leave: bool, fault: Fault) -> Value {
        let values = || self.values.iter().map(|(_, v)| v);
        let count = self.values.len();
        if count == 0 && matches!(call.aggregate, Aggregate::Sum | Aggregate::Avg) {
            return Value::Null;
        }
        let some = |v: Value| if count == 0 { Value::Null } else { v };
        let whole = values().all(|v| matches!(v, Value::Int(_) | Value::Long(_)));
        let variance = |sample: bool, of: fn(f64) -> f64| {
            let sample = sample && fault != Fault::SampleIsPopulation;
            let variance = Sums::of(values()).variance(sample);
            variance.map_or(Value::Null, |v| double(of(v)))
        };
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
            Aggregate::Sum if whole => i64::try_from(integers(values())).ok().into(),
            Aggregate::Sum if rows_leave => double(Sums::of(values()).sum()),
            Aggregate::Sum => double(self.running),
            Aggregate::Avg if whole || rows_leave => double(Sums::of(values()).mean()),
            Aggregate::Avg => double(self.running / count as f64),
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
            Aggregate::StdDev => variance(false, f64::sqrt),
            Aggregate::StdDevSample => variance(true, f64::sqrt),
            Aggregate::Variance => variance(false, |v| v),
            Aggregate::VarianceSample => variance(true, |v| v),
            Aggregate::Median => percentile(values(), 50).map_or(Value::Null, double),
            Aggregate::Percentile(p) => percentile(values(), p).map_or(Value::Null, double),
        }
    }
}

fn integers<'a>(values: impl Iterator<Item = &'a Value>) -> i128 {
    let of = |value: &Value| match value {
        Value::Int(v) => i128::from(*v),
        Value::Long(v) => i128::from(*v),
        _ => 0,
    };
    values.map(of).sum()
}
