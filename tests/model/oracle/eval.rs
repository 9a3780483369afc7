//! Scalar expressions, one row at a time, as the design pages say.

use super::Fault;
use super::aggregate::Group;
use super::exact::units;
use super::window::Row;
use crate::app::{self, pattern::Nth};
use crate::expr::{Expr, Function, Kind, Op};
use eventflux::event::{Sign, Type, Value};
use std::cmp::Ordering;

/// What an expression sees.
#[derive(Clone, Copy, Default)]
pub struct Env<'a> {
    pub row: &'a [Value],
    pub outputs: &'a [Value],
    pub aggregates: &'a [Value],
    pub at: i64,
    /// Start and end of the window that closes.
    pub bounds: (i64, i64),
    /// The times of the rows of each source of a join.
    pub times: &'a [Option<i64>],
    pub tables: &'a [Vec<Row>],
    /// The row of a table for which a condition is asked.
    pub table_row: &'a [Value],
    /// The rows of each term of a pattern.
    pub terms: &'a [Vec<Row>],
}

pub fn eval(e: &Expr, env: Env<'_>) -> Value {
    let v = |x: &Expr| eval(x, env);
    match &e.kind {
        Kind::Column(i) => env.row[*i].clone(),
        Kind::TableColumn(_, i) => env.table_row[*i].clone(),
        Kind::Output(i) => env.outputs[*i].clone(),
        Kind::Aggregate(i) => env.aggregates[*i].clone(),
        Kind::Literal(value) => value.clone(),
        Kind::Minus(x) => minus(v(x)),
        Kind::Not(x) => logic(truth(&v(x)).map(|b| !b)),
        Kind::Binary(Op::And, x, y) => logic(and(truth(&v(x)), truth(&v(y)))),
        Kind::Binary(Op::Or, x, y) => logic(or(truth(&v(x)), truth(&v(y)))),
        Kind::Binary(op @ (Op::Add | Op::Sub | Op::Mul | Op::Mod | Op::Div), x, y) => {
            arithmetic(*op, &cast(v(x), e.ty), &cast(v(y), e.ty))
        }
        Kind::Binary(op, x, y) => logic(compare(&v(x), &v(y)).map(|order| holds(*op, order))),
        Kind::IsNull(x, negated) => Value::Bool(v(x).is_null() != *negated),
        Kind::In(x, list, negated) => logic(not_if(*negated, within(&v(x), list.iter().map(v)))),
        Kind::InTable(x, table, negated) => {
            let holds = |row: &Row| is_true(x, env.with_table(row));
            Value::Bool(env.tables[*table].iter().any(holds) != *negated)
        }
        Kind::TimeOf(source) => long(env.times[*source].map(|at| at.div_euclid(1000))),
        Kind::Between(x, low, high, negated) => {
            let x = v(x);
            let above = compare(&x, &v(low)).map(Ordering::is_ge);
            let below = compare(&x, &v(high)).map(Ordering::is_le);
            logic(not_if(*negated, and(above, below)))
        }
        Kind::Like(x, pattern, negated) => match v(x) {
            Value::String(text) => {
                let text: Vec<char> = text.as_str().chars().collect();
                let pattern: Vec<char> = pattern.chars().collect();
                Value::Bool(like(&text, &pattern) != *negated)
            }
            _ => Value::Null,
        },
        Kind::Case {
            operand,
            branches,
            otherwise,
        } => {
            let operand = operand.as_deref().map(v);
            for (when, then) in branches {
                let hit = match &operand {
                    Some(x) => compare(x, &v(when)) == Some(Ordering::Equal),
                    None => truth(&v(when)) == Some(true),
                };
                if hit {
                    return v(then);
                }
            }
            otherwise.as_deref().map_or(Value::Null, v)
        }
        Kind::Cast(x) => cast(v(x), e.ty),
        Kind::Call(function, args) => call(*function, args, e.ty, env),
        Kind::Nth(term, attribute, nth) => {
            let rows = &env.terms[*term];
            let row = match nth {
                Nth::First(n) => rows.get(*n),
                Nth::Last(n) => rows.iter().rev().nth(*n),
            };
            row.map_or(Value::Null, |row| row.values[*attribute].clone())
        }
        Kind::Over(term, call) => over(&env.terms[*term], call),
        Kind::NoRow(term, negated) => Value::Bool(env.terms[*term].is_empty() != *negated),
    }
}

impl<'a> Env<'a> {
    /// Asked for a row of a table.
    pub fn with_table(self, row: &'a Row) -> Self {
        Env {
            table_row: &row.values,
            ..self
        }
    }
}

/// An aggregate over the rows of a term.
fn over(rows: &[Row], call: &app::Call) -> Value {
    let mut group = Group::default();
    for row in rows {
        let env = Env {
            row: &row.values,
            ..Env::default()
        };
        group.update(call, Sign::Plus, row.id, env, Fault::None);
    }
    group.value(call, false, Fault::None)
}

pub fn is_true(e: &Expr, env: Env<'_>) -> bool {
    truth(&eval(e, env)) == Some(true)
}

pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        _ => None,
    }
}

fn logic(b: Option<bool>) -> Value {
    b.map_or(Value::Null, Value::Bool)
}

fn not_if(negated: bool, b: Option<bool>) -> Option<bool> {
    b.map(|b| b != negated)
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|x| !x), b.map(|x| !x)).map(|x| !x)
}

fn within(x: &Value, list: impl Iterator<Item = Value>) -> Option<bool> {
    list.map(|y| compare(x, &y).map(Ordering::is_eq))
        .fold(Some(false), or)
}

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::NotEq => order.is_ne(),
        Op::Less => order.is_lt(),
        Op::LessEq => order.is_le(),
        Op::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// NULL when a side is NULL; numbers by their values.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let (x, y) = (a.type_of()?, b.type_of()?);
    Some(match x == y {
        true => a.order(b),
        false => units(a).cmp(&units(b)),
    })
}

/// No NaN, no infinity; −0.0 is 0.0.
pub fn double(v: f64) -> Value {
    if v.is_finite() {
        Value::Double(v + 0.0)
    } else {
        Value::Null
    }
}

pub fn float(v: f32) -> Value {
    if v.is_finite() {
        Value::Float(v + 0.0)
    } else {
        Value::Null
    }
}

fn int(v: Option<i32>) -> Value {
    v.map_or(Value::Null, Value::Int)
}

fn long(v: Option<i64>) -> Value {
    v.map_or(Value::Null, Value::Long)
}

fn minus(x: Value) -> Value {
    match x {
        Value::Int(v) => int(v.checked_neg()),
        Value::Long(v) => long(v.checked_neg()),
        Value::Float(v) => float(-v),
        Value::Double(v) => double(-v),
        _ => Value::Null,
    }
}

fn arithmetic(op: Op, a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(match op {
            Op::Add => a.checked_add(*b),
            Op::Sub => a.checked_sub(*b),
            Op::Mul => a.checked_mul(*b),
            _ if *b == 0 => None,
            _ => Some(a.wrapping_rem(*b)),
        }),
        (Value::Long(a), Value::Long(b)) => long(match op {
            Op::Add => a.checked_add(*b),
            Op::Sub => a.checked_sub(*b),
            Op::Mul => a.checked_mul(*b),
            _ if *b == 0 => None,
            _ => Some(a.wrapping_rem(*b)),
        }),
        (Value::Float(a), Value::Float(b)) => float(match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            _ => a % b,
        }),
        (Value::Double(a), Value::Double(b)) => double(match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            Op::Div => a / b,
            _ => a % b,
        }),
        _ => Value::Null,
    }
}

/// A value in another type; NULL where it has no value there.
pub fn cast(value: Value, to: Type) -> Value {
    let from = match value.type_of() {
        None => return Value::Null,
        Some(from) => from,
    };
    if from == to {
        return value;
    }
    match (value, to) {
        (Value::String(text), Type::Int) => int(text.as_str().trim().parse().ok()),
        (Value::String(text), Type::Long) => long(text.as_str().trim().parse().ok()),
        (Value::Int(v), Type::Long) => Value::Long(v.into()),
        (Value::Int(v), Type::Float) => Value::Float(v as f32),
        (Value::Int(v), Type::Double) => Value::Double(v.into()),
        (Value::Long(v), Type::Int) => int(i32::try_from(v).ok()),
        (Value::Long(v), Type::Float) => Value::Float(v as f32),
        (Value::Long(v), Type::Double) => Value::Double(v as f64),
        (Value::Float(v), Type::Double) => Value::Double(v.into()),
        (Value::Double(v), Type::Float) => float(v as f32),
        (Value::Float(v), Type::Int | Type::Long) => cast(Value::Double(v.into()), to),
        (Value::Double(v), Type::Int) => {
            let v = v.trunc();
            int((v >= i32::MIN as f64 && v <= i32::MAX as f64).then_some(v as i32))
        }
        (Value::Double(v), Type::Long) => {
            let v = v.trunc();
            long((v >= i64::MIN as f64 && v < i64::MAX as f64).then_some(v as i64))
        }
        (other, Type::String) => Value::from(other.to_string()),
        (other, to) => panic!("the generator makes no CAST of {other:?} to {to}"),
    }
}

/// `%` any run, `_` one character, `\` takes the next as it is.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['\\', c, rest @ ..] | [c, rest @ ..] => text.first() == Some(c) && like(&text[1..], rest),
    }
}

fn call(function: Function, args: &[Expr], ty: Type, env: Env<'_>) -> Value {
    let v = |i: usize| eval(&args[i], env);
    match function {
        Function::WindowStart => Value::Long(env.bounds.0.div_euclid(1000)),
        Function::WindowEnd => Value::Long(env.bounds.1.div_euclid(1000)),
        Function::EventTimestamp => Value::Long(env.at.div_euclid(1000)),
        Function::Coalesce => args
            .iter()
            .map(|a| eval(a, env))
            .find(|x| !x.is_null())
            .unwrap_or_default(),
        Function::IfThenElse => v(if truth(&v(0)) == Some(true) { 1 } else { 2 }),
        Function::NullIf => {
            let (x, y) = (v(0), v(1));
            if compare(&x, &y) == Some(Ordering::Equal) {
                Value::Null
            } else {
                x
            }
        }
        Function::Maximum | Function::Minimum => {
            let given = args
                .iter()
                .map(|a| cast(eval(a, env), ty))
                .filter(|x| !x.is_null());
            let best = if function == Function::Maximum {
                given.max_by(|a, b| a.order(b))
            } else {
                given.min_by(|a, b| a.order(b))
            };
            best.unwrap_or_default()
        }
        Function::Concat => {
            let parts: Option<Vec<String>> = args
                .iter()
                .map(|a| match eval(a, env) {
                    Value::Null => None,
                    part => Some(part.to_string()),
                })
                .collect();
            parts.map_or(Value::Null, |p| Value::from(p.concat()))
        }
        Function::Upper | Function::Lower | Function::Reverse | Function::Length => match v(0) {
            Value::String(text) => text_of(function, text.as_str()),
            _ => Value::Null,
        },
        _ => number_of(function, v(0)),
    }
}

fn text_of(function: Function, text: &str) -> Value {
    match function {
        Function::Upper => Value::from(text.to_uppercase()),
        Function::Lower => Value::from(text.to_lowercase()),
        Function::Reverse => Value::from(text.chars().rev().collect::<String>()),
        _ => Value::Int(text.chars().count() as i32),
    }
}

fn number_of(function: Function, x: Value) -> Value {
    match (function, x) {
        (Function::Sign, Value::Int(v)) => Value::Int(v.signum()),
        (Function::Sign, Value::Long(v)) => Value::Int(v.signum() as i32),
        (Function::Sign, x @ (Value::Float(_) | Value::Double(_))) => match cast(x, Type::Double) {
            Value::Double(v) if v > 0.0 => Value::Int(1),
            Value::Double(v) if v < 0.0 => Value::Int(-1),
            _ => Value::Int(0),
        },
        (Function::Abs, Value::Int(v)) => int(v.checked_abs()),
        (Function::Abs, Value::Long(v)) => long(v.checked_abs()),
        (_, x @ (Value::Int(_) | Value::Long(_))) => x,
        (function, x) => match (function, cast(x, Type::Double)) {
            (Function::Abs, Value::Double(v)) => double(v.abs()),
            (Function::Floor, Value::Double(v)) => double(v.floor()),
            (Function::Ceil, Value::Double(v)) => double(v.ceil()),
            (Function::Round, Value::Double(v)) => double(v.round()),
            (Function::Trunc, Value::Double(v)) => double(v.trunc()),
            _ => Value::Null,
        },
    }
}
