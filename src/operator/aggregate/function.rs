//! The aggregates that SQL knows, their types and their accumulators.

use super::extremum::{Forever, Ordered, Question, Sorted};
use super::first_last::Ends;
use super::fold::{Count, Deviation, Folded, Logic};
use super::totals::{Average, DoubleTotal, FloatTotal, IntTotal, LongTotal, Sum};
use super::user::Registered;
use super::{Accumulator, AggregateFunction};
use crate::event::{Str, Type};
use std::fmt;
use std::sync::Arc;

/// An aggregate by name.
#[derive(Clone)]
pub(crate) enum Aggregate {
    Count,
    DistinctCount,
    Sum,
    Avg,
    Min,
    Max,
    MinForever,
    MaxForever,
    StdDev,
    First,
    Last,
    And,
    Or,
    /// Registered by the user under a name.
    User(Arc<str>, Arc<dyn AggregateFunction>),
}

/// Names and signatures of the built-in aggregates.
pub(crate) const AGGREGATES: [(&str, Aggregate, &str); 13] = [
    (
        "count",
        Aggregate::Count,
        "count(), count(x), count(DISTINCT x)",
    ),
    (
        "distinctCount",
        Aggregate::DistinctCount,
        "distinctCount(x)",
    ),
    ("sum", Aggregate::Sum, "sum(number)"),
    ("avg", Aggregate::Avg, "avg(number)"),
    ("min", Aggregate::Min, "min(x)"),
    ("max", Aggregate::Max, "max(x)"),
    ("minForever", Aggregate::MinForever, "minForever(x)"),
    ("maxForever", Aggregate::MaxForever, "maxForever(x)"),
    ("stdDev", Aggregate::StdDev, "stdDev(number)"),
    ("first", Aggregate::First, "first(x)"),
    ("last", Aggregate::Last, "last(x)"),
    ("and", Aggregate::And, "and(bool)"),
    ("or", Aggregate::Or, "or(bool)"),
];

impl Aggregate {
    /// The built-in aggregate of a name, without regard to case.
    pub(crate) fn named(name: &str) -> Option<Aggregate> {
        AGGREGATES
            .iter()
            .find(|(n, ..)| n.eq_ignore_ascii_case(name))
            .map(|(_, a, _)| a.clone())
    }

    /// Type of the result; an error says what is accepted.
    pub(crate) fn result(&self, args: &[Type]) -> Result<Type, String> {
        let signature = AGGREGATES
            .iter()
            .find(|(_, a, _)| a == self)
            .map_or("", |(.., s)| s);
        let refuse = || Err(format!("accepted: {signature}"));
        match (self, args) {
            (Aggregate::User(_, function), _) => function.result(args),
            (Aggregate::Count, [] | [_]) | (Aggregate::DistinctCount, [_]) => Ok(Type::Long),
            (Aggregate::Sum, [t]) if t.is_integer() => Ok(Type::Long),
            (Aggregate::Sum | Aggregate::Avg | Aggregate::StdDev, [t]) if t.is_numeric() => {
                Ok(Type::Double)
            }
            (Aggregate::And | Aggregate::Or, [Type::Bool]) => Ok(Type::Bool),
            (
                Aggregate::Min
                | Aggregate::Max
                | Aggregate::MinForever
                | Aggregate::MaxForever
                | Aggregate::First
                | Aggregate::Last,
                [t],
            ) => Ok(*t),
            _ => refuse(),
        }
    }

    /// Type that an argument is converted to before it is aggregated.
    pub(crate) fn argument(&self, ty: Type) -> Type {
        if matches!(self, Aggregate::StdDev) {
            Type::Double
        } else {
            ty
        }
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Aggregate::User(a, _), Aggregate::User(b, _)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aggregate::User(name, _) => f.write_str(name),
            _ => f.write_str(
                AGGREGATES
                    .iter()
                    .find(|(_, a, _)| a == self)
                    .map_or("", |(n, ..)| n),
            ),
        }
    }
}

/// One call of an aggregate with the types of its arguments.
#[derive(Clone)]
pub(crate) struct AggregateCall {
    pub(crate) aggregate: Aggregate,
    pub(crate) args: Vec<Type>,
    pub(crate) result: Type,
    /// Rows may leave the group one by one.
    pub(crate) retracts: bool,
}

impl AggregateCall {
    /// An empty accumulator.
    pub(crate) fn accumulator(&self) -> Box<dyn Accumulator> {
        let arg = self.args.first().copied().unwrap_or(Type::Long);
        match (&self.aggregate, arg) {
            (Aggregate::User(_, function), _) => Box::new(Registered::new(function.clone())),
            (Aggregate::Count, _) => Box::new(Count::default()),
            (Aggregate::Sum, Type::Int) => Box::new(Folded::<Sum<IntTotal>>::default()),
            (Aggregate::Sum, Type::Long) => Box::new(Folded::<Sum<LongTotal>>::default()),
            (Aggregate::Sum, Type::Float) => Box::new(Folded::<Sum<FloatTotal>>::default()),
            (Aggregate::Sum, _) => Box::new(Folded::<Sum<DoubleTotal>>::default()),
            (Aggregate::Avg, Type::Int) => Box::new(Folded::<Average<IntTotal>>::default()),
            (Aggregate::Avg, Type::Long) => Box::new(Folded::<Average<LongTotal>>::default()),
            (Aggregate::Avg, Type::Float) => Box::new(Folded::<Average<FloatTotal>>::default()),
            (Aggregate::Avg, _) => Box::new(Folded::<Average<DoubleTotal>>::default()),
            (Aggregate::StdDev, _) => Box::new(Folded::<Deviation>::default()),
            (Aggregate::And, _) => Box::new(Folded::<Logic<true>>::default()),
            (Aggregate::Or, _) => Box::new(Folded::<Logic<false>>::default()),
            (Aggregate::First, ty) => Box::new(Ends::new(ty, false, self.retracts)),
            (Aggregate::Last, ty) => Box::new(Ends::new(ty, true, self.retracts)),
            (ordered, Type::Bool) => self.ordered::<bool>(ordered),
            (ordered, Type::Int) => self.ordered::<i32>(ordered),
            (ordered, Type::Long) => self.ordered::<i64>(ordered),
            (ordered, Type::Float) => self.ordered::<f32>(ordered),
            (ordered, Type::Double) => self.ordered::<f64>(ordered),
            (ordered, Type::String) => self.ordered::<Str>(ordered),
        }
    }

    fn ordered<T: Ordered>(&self, aggregate: &Aggregate) -> Box<dyn Accumulator> {
        match aggregate {
            Aggregate::DistinctCount => Box::new(Sorted::<T>::new(Question::Distinct)),
            Aggregate::Min if self.retracts => Box::new(Sorted::<T>::new(Question::Min)),
            Aggregate::Max if self.retracts => Box::new(Sorted::<T>::new(Question::Max)),
            Aggregate::Min | Aggregate::MinForever => {
                Box::new(Folded::<Forever<T, false>>::default())
            }
            _ => Box::new(Folded::<Forever<T, true>>::default()),
        }
    }
}
