//! The aggregates that SQL knows, their types and their accumulators.

use super::arrivals::Arrivals;
use super::exact::{Deviation, Exact, ExactTotal};
use super::extremum::{Forever, Ordered, Question, Sliding, Sorted};
use super::first_last::Ends;
use super::fold::{Count, Folded, Logic};
use super::percentile::Percentile;
use super::totals::{Average, DoubleTotal, FloatTotal, IntTotal, LongTotal, Sum, Total};
use super::user::Registered;
use super::{Accumulator, AggregateFunction};
use crate::event::{Str, Type, Value};
use crate::sql::ast::{Expr, ExprKind, Span};
use std::cmp::Ordering;
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
    StdDevSample,
    Variance,
    VarianceSample,
    Median,
    /// The share of values below it, 0 to 1.
    Percentile(f64),
    First,
    Last,
    And,
    Or,
    /// Registered by the user under a name.
    User(Arc<str>, Arc<dyn AggregateFunction>),
}

/// Names and signatures of the built-in aggregates; of several names of one the first is its own.
const AGGREGATES: [(&str, Aggregate, &str); 20] = [
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
    ("stddev_pop", Aggregate::StdDev, "stdDev(number)"),
    (
        "stddev_samp",
        Aggregate::StdDevSample,
        "stddev_samp(number)",
    ),
    ("variance", Aggregate::Variance, "variance(number)"),
    ("var_pop", Aggregate::Variance, "variance(number)"),
    ("var_samp", Aggregate::VarianceSample, "var_samp(number)"),
    ("median", Aggregate::Median, "median(number)"),
    (
        "percentile",
        Aggregate::Percentile(0.5),
        "percentile(number, share) with a constant share from 0 to 1, as in percentile(x, 0.95)",
    ),
    ("first", Aggregate::First, "first(x)"),
    ("last", Aggregate::Last, "last(x)"),
    ("and", Aggregate::And, "and(bool)"),
    ("or", Aggregate::Or, "or(bool)"),
];

/// What is wrong with a call, where, and what would be right.
pub(crate) type WrongCall = (Span, String, &'static str);

impl Aggregate {
    /// All names of the built-in aggregates.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        AGGREGATES.iter().map(|(name, ..)| *name)
    }

    /// The names of the built-in aggregates, each with how it is called.
    pub(crate) fn signatures<'a>() -> impl Iterator<Item = (&'a str, &'a str)> {
        AGGREGATES
            .iter()
            .map(|(name, _, signature)| (*name, *signature))
    }

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
            .find(|(_, a, _)| std::mem::discriminant(a) == std::mem::discriminant(self))
            .map_or("", |(.., s)| s);
        let refuse = || Err(format!("accepted: {signature}"));
        match (self, args) {
            (Aggregate::User(_, function), _) => function.result(args),
            (Aggregate::Count, [] | [_]) | (Aggregate::DistinctCount, [_]) => Ok(Type::Long),
            (Aggregate::Sum, [t]) if t.is_integer() => Ok(Type::Long),
            (
                Aggregate::Sum
                | Aggregate::Avg
                | Aggregate::StdDev
                | Aggregate::StdDevSample
                | Aggregate::Variance
                | Aggregate::VarianceSample
                | Aggregate::Median
                | Aggregate::Percentile(_),
                [t],
            ) if t.is_numeric() => Ok(Type::Double),
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

    /// The aggregate that a call means, and its arguments that are columns: those behind them are constants that belong
    /// to the aggregate.
    pub(crate) fn of_call(
        self,
        args: &[Expr],
        distinct: bool,
        span: Span,
    ) -> Result<(Aggregate, &[Expr]), WrongCall> {
        let aggregate = match (self, distinct) {
            (Aggregate::Count, true) => Aggregate::DistinctCount,
            (other, false) => other,
            (other, true) => {
                let why = format!("DISTINCT is not supported inside {other}");
                return Err((span, why, "only count(DISTINCT x) is"));
            }
        };
        match aggregate {
            Aggregate::Percentile(_) => Aggregate::percentile(args),
            other => Ok((other, args)),
        }
    }

    /// A percentile with its share, which stands behind its values. A wrong number of arguments is left to
    /// [`Aggregate::result`].
    fn percentile(args: &[Expr]) -> Result<(Aggregate, &[Expr]), WrongCall> {
        let wrong = |at: &Expr, why: &str| (at.span, why.to_string(), "percentile(x, 0.95)");
        let share = match args {
            [] => return Ok((Aggregate::Percentile(0.0), args)),
            [only] => {
                let why = "percentile takes a constant share from 0 to 1 behind its values";
                return Err(wrong(only, why));
            }
            [_, share, ..] => share,
        };
        let number = match &share.kind {
            ExprKind::Literal(Value::Double(x)) => Some(*x),
            ExprKind::Literal(Value::Int(x)) => Some(f64::from(*x)),
            ExprKind::Literal(Value::Long(x)) => Some(*x as f64),
            _ => None,
        };
        let number = number
            .filter(|x| (0.0..=1.0).contains(x))
            .ok_or_else(|| wrong(share, "the share of percentile is a constant from 0 to 1"))?;
        let columns = match args {
            [values, _] => std::slice::from_ref(values),
            more => more,
        };
        Ok((Aggregate::Percentile(number), columns))
    }

    /// Whether it asks which row leaves, not only which value.
    pub(crate) fn tells_rows_apart(&self) -> bool {
        matches!(self, Aggregate::First | Aggregate::Last)
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Aggregate::User(a, _), Aggregate::User(b, _)) => a == b,
            (Aggregate::Percentile(a), Aggregate::Percentile(b)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aggregate::User(name, _) => f.write_str(name),
            Aggregate::Percentile(_) => f.write_str("percentile"),
            _ => f.write_str(
                AGGREGATES
                    .iter()
                    .find(|(_, a, _)| a == self)
                    .map_or("", |(n, ..)| n),
            ),
        }
    }
}

/// How the rows of a group come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// They only come, without end.
    Forever,
    /// They come until all go at once.
    Together,
    /// As `Together`, and they may come in another order than that of their times.
    Displaced,
    /// They leave one by one, the oldest first.
    InOrder,
    /// They leave one by one, any of them.
    AnyOrder,
}

impl Rows {
    /// Whether they leave one by one.
    pub(crate) fn leave(self) -> bool {
        matches!(self, Rows::InOrder | Rows::AnyOrder)
    }
}

/// One call of an aggregate with the types of its arguments.
///
/// Where rows leave in any order, an aggregate that tells them apart has one argument more: the number of the row.
#[derive(Clone)]
pub(crate) struct AggregateCall {
    pub(crate) aggregate: Aggregate,
    pub(crate) args: Vec<Type>,
    pub(crate) result: Type,
    pub(crate) rows: Rows,
}

impl AggregateCall {
    /// Whether it means something when all rows have left.
    pub(crate) fn lasts(&self) -> bool {
        matches!(
            self.aggregate,
            Aggregate::MinForever | Aggregate::MaxForever
        )
    }

    /// Whether it has the number of each row as one more argument.
    pub(crate) fn wants_numbers(&self) -> bool {
        self.rows == Rows::AnyOrder && self.aggregate.tells_rows_apart()
    }

    /// An empty accumulator.
    pub(crate) fn accumulator(&self) -> Box<dyn Accumulator> {
        let arg = self.args.first().copied().unwrap_or(Type::Long);
        // Then the order of rows, and what has left, make no difference.
        let exact = self.rows.leave() || self.rows == Rows::Displaced;
        match (&self.aggregate, arg) {
            (Aggregate::User(_, function), _) => Box::new(Registered::new(function.clone())),
            (Aggregate::Count, _) => Box::new(Count::default()),
            (Aggregate::And, _) => Box::new(Folded::<Logic<true>>::default()),
            (Aggregate::Or, _) => Box::new(Folded::<Logic<false>>::default()),
            (Aggregate::First | Aggregate::Last, ty) if !self.wants_numbers() => {
                let last = self.aggregate == Aggregate::Last;
                Box::new(Ends::new(ty, last, self.rows.leave()))
            }
            (Aggregate::Sum | Aggregate::Avg, Type::Int) => self.total::<IntTotal>(),
            (Aggregate::Sum | Aggregate::Avg, Type::Long) => self.total::<LongTotal>(),
            (Aggregate::Sum | Aggregate::Avg, Type::Float) if exact => {
                self.total::<ExactTotal<f32>>()
            }
            (Aggregate::Sum | Aggregate::Avg, Type::Float) => self.total::<FloatTotal>(),
            (Aggregate::Sum | Aggregate::Avg, _) if exact => self.total::<ExactTotal<f64>>(),
            (Aggregate::Sum | Aggregate::Avg, _) => self.total::<DoubleTotal>(),
            (_, Type::Bool) => self.ordered::<bool>(),
            (_, Type::Int) => self.numeric::<i32>(),
            (_, Type::Long) => self.numeric::<i64>(),
            (_, Type::Float) => self.numeric::<f32>(),
            (_, Type::Double) => self.numeric::<f64>(),
            (_, Type::String) => self.ordered::<Str>(),
        }
    }

    fn total<T: Total>(&self) -> Box<dyn Accumulator> {
        match self.aggregate {
            Aggregate::Sum => Box::new(Folded::<Sum<T>>::default()),
            _ => Box::new(Folded::<Average<T>>::default()),
        }
    }

    fn numeric<T: Ordered + Exact>(&self) -> Box<dyn Accumulator> {
        let bounded = self.rows == Rows::Forever;
        match self.aggregate {
            Aggregate::StdDev => Box::new(Folded::<Deviation<T, false, true>>::default()),
            Aggregate::StdDevSample => Box::new(Folded::<Deviation<T, true, true>>::default()),
            Aggregate::Variance => Box::new(Folded::<Deviation<T, false, false>>::default()),
            Aggregate::VarianceSample => Box::new(Folded::<Deviation<T, true, false>>::default()),
            Aggregate::Median => Box::new(Percentile::<T>::new(0.5, bounded)),
            Aggregate::Percentile(share) => Box::new(Percentile::<T>::new(share, bounded)),
            _ => self.ordered::<T>(),
        }
    }

    fn ordered<T: Ordered>(&self) -> Box<dyn Accumulator> {
        let leave = self.rows.leave();
        match self.aggregate {
            Aggregate::First => Box::new(Arrivals::<T>::new(false)),
            Aggregate::Last => Box::new(Arrivals::<T>::new(true)),
            Aggregate::DistinctCount => Box::new(Sorted::<T>::new(Question::Distinct)),
            Aggregate::Min if self.rows == Rows::InOrder => {
                Box::new(Sliding::<T>::new(Ordering::Less))
            }
            Aggregate::Max if self.rows == Rows::InOrder => {
                Box::new(Sliding::<T>::new(Ordering::Greater))
            }
            Aggregate::Min if leave => Box::new(Sorted::<T>::new(Question::Min)),
            Aggregate::Max if leave => Box::new(Sorted::<T>::new(Question::Max)),
            Aggregate::Min | Aggregate::MinForever => {
                Box::new(Folded::<Forever<T, false>>::default())
            }
            _ => Box::new(Folded::<Forever<T, true>>::default()),
        }
    }
}
