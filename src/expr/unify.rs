//! One type for several operands: promotion of what has a type, adaptation of literals.
//!
//! A literal takes the narrowest type of its context that holds it exactly, otherwise LONG or DOUBLE. Only literals
//! adapt.

use super::kernel::cast::exact;
use super::typed::{Typed, TypedKind};
use crate::error::Fault;
use crate::event::{Type, Value};

/// What the operands stand in: decides how a decimal literal adapts.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Context {
    /// Comparison: `float = 0.1` compares as FLOAT, `int = 5.0` as INT.
    Comparison,
    /// Branches of CASE, COALESCE and their like: decimals adapt where they are exact.
    Branches,
    /// Arithmetic: `int * 1.0` is DOUBLE, since the writer asked for a decimal.
    Arithmetic,
}

/// The common type of the operands; `None` when all are untyped NULLs.
pub(super) fn common<'a>(
    args: impl IntoIterator<Item = &'a Typed> + Clone,
    context: Context,
    what: &str,
) -> Result<Option<Type>, Fault> {
    let is_literal = |a: &&Typed| matches!(a.kind, TypedKind::Literal(_));
    let mut common: Option<Type> = None;
    let all = args.clone().into_iter();
    for arg in all.filter(|a| !is_literal(a)) {
        common = join(common, arg, what)?;
    }
    let settled = common;
    for arg in args.into_iter().filter(is_literal) {
        let TypedKind::Literal(value) = &arg.kind else {
            continue;
        };
        match settled.and_then(|ty| adapt(value, ty, context)) {
            Some(_) => {}
            None if settled == Some(Type::Float) && arg.ty.is_some_and(Type::is_numeric) => {
                // a number that a FLOAT cannot hold
                common = Some(Type::Double);
            }
            None => common = join(common, arg, what)?,
        }
    }
    Ok(common)
}

fn join(common: Option<Type>, arg: &Typed, what: &str) -> Result<Option<Type>, Fault> {
    match (common, arg.ty) {
        (None, ty) | (ty, None) => Ok(ty),
        (Some(a), Some(b)) if a == b => Ok(Some(a)),
        (Some(a), Some(b)) => match a.promote(b) {
            Some(ty) => Ok(Some(ty)),
            None => Err(
                Fault::new(arg.span, format!("{what}: {a} and {b} have no common type"))
                    .help(format!("convert one of them: CAST(… AS {a})")),
            ),
        },
    }
}

/// The literal in a type, when it may take that type here.
fn adapt(value: &Value, ty: Type, context: Context) -> Option<Value> {
    match (value, context) {
        (Value::Double(v), Context::Comparison) if ty == Type::Float => {
            let narrow = *v as f32;
            narrow.is_finite().then_some(Value::Float(narrow + 0.0))
        }
        (Value::Double(_), Context::Arithmetic) if ty.is_integer() => None,
        _ => exact(value, ty),
    }
}

/// Gives an operand the common type.
pub(super) fn settle(arg: Typed, ty: Type, context: Context) -> Typed {
    if let TypedKind::Literal(value) = &arg.kind {
        if arg.ty == Some(ty) {
            return arg; // stays a literal: `1 + 2` adapts as 3 does
        }
        if let Some(value) = adapt(value, ty, context) {
            return Typed::constant_of(value, Some(ty), arg.span);
        }
    }
    arg.cast(ty)
}

/// Gives all operands their common type. Untyped NULLs alone become BOOL, and the type is then `None`.
pub(super) fn unify(
    args: Vec<Typed>,
    context: Context,
    what: &str,
) -> Result<(Vec<Typed>, Option<Type>), Fault> {
    let ty = common(&args, context, what)?;
    let to = ty.unwrap_or(Type::Bool);
    let args = args.into_iter().map(|a| settle(a, to, context)).collect();
    Ok((args, ty))
}

/// The two operands of a comparison in the types in which they are compared: their common type, or LONG and DOUBLE,
/// which are compared by their exact values.
pub(super) fn pair(a: Typed, b: Typed, what: &str) -> Result<(Typed, Typed), Fault> {
    let (of_a, of_b) = pair_types(&a, &b, what)?;
    let to = |x, ty| settle(x, ty, Context::Comparison);
    Ok((to(a, of_a), to(b, of_b)))
}

/// The types in which two operands are compared.
pub(super) fn pair_types(a: &Typed, b: &Typed, what: &str) -> Result<(Type, Type), Fault> {
    let context = Context::Comparison;
    let ty = common([a, b], context, what)?.unwrap_or(Type::Bool);
    let stays = |x: &Typed, ty: Type, integer: Type| {
        let adapts = matches!(&x.kind, TypedKind::Literal(v) if adapt(v, ty, context).is_some());
        x.ty == Some(integer) && !adapts
    };
    let ty = match ty {
        Type::Float if stays(a, ty, Type::Int) || stays(b, ty, Type::Int) => Type::Double,
        ty => ty,
    };
    let real = matches!(ty, Type::Float | Type::Double);
    let long = |x: &Typed| real && stays(x, ty, Type::Long);
    Ok(match (long(a), long(b)) {
        (true, true) => (Type::Long, Type::Long),
        (true, false) => (Type::Long, Type::Double),
        (false, true) => (Type::Double, Type::Long),
        (false, false) => (ty, ty),
    })
}

/// The first of [`pair_types`] where that of the second is known: a program has no literals any more that adapt.
pub(super) fn first_type(own: Type, second: Type) -> Type {
    match (own, second) {
        (Type::Long, Type::Double) | (Type::Double, Type::Long) => own,
        (Type::Float, Type::Long) => Type::Double,
        _ => second,
    }
}
