//! CAST, to types with a length or with digits, too.
//!
//! How: the plain conversion, then the functions that cut and round. What does not fit the digits is NULL and counts,
//! as every value that a type cannot hold.

use super::{Args, Call, Kernel, Null, entry};
use crate::error::Fault;
use crate::event::{Type, Value};
use crate::expr::typed::{Op, Typed, TypedKind};
use crate::sql::ast::{DataType, Size, Span};

/// Binds `CAST(x AS to)`.
pub(in crate::expr) fn cast_to(x: Typed, to: &DataType, span: Span) -> Result<Typed, Fault> {
    if to.is_instant {
        return Ok(super::time::timestamp(x, span));
    }
    let x = explicit_cast(x, to.ty, span);
    match to.size {
        None => Ok(x),
        Some(Size::Length(length)) => call("left", x, length as i64, span),
        Some(Size::Digits { precision, scale }) => {
            let rounded = call("round", x, i64::from(scale), span)?;
            let bound = Value::Double(10_f64.powi((precision - scale) as i32));
            let bound = Typed::constant_of(bound, Some(Type::Double), span);
            let within = Op::Call(Kernel::Double(within));
            Ok(Typed::op(within, vec![rounded, bound], Type::Double, span))
        }
    }
}

/// The result keeps its type, also when it is a literal.
pub(super) fn explicit_cast(x: Typed, ty: Type, span: Span) -> Typed {
    match (&x.kind, x.ty) {
        (TypedKind::Literal(v), Some(from)) if from == ty => {
            Typed::constant_of(v.clone(), Some(ty), span)
        }
        _ => Typed { span, ..x.cast(ty) },
    }
}

/// A built-in function of a value and a count.
fn call(name: &str, x: Typed, count: i64, span: Span) -> Result<Typed, Fault> {
    let entry = entry(name).expect("it is built in");
    let count = Typed::constant_of(Value::Long(count), Some(Type::Long), span);
    let args = vec![x, count];
    Call { entry, args, span }.bind()
}

/// The value, if its size is less than the bound.
fn within(args: &Args<'_>) -> Result<f64, Null> {
    let x = args.double(0);
    if x.abs() < args.double(1) {
        Ok(x)
    } else {
        Err(Null::Fault)
    }
}
