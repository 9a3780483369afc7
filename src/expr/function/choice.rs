//! Functions that choose among their arguments, convert them, or ask for their type.

use super::{Builtin, Call, Rule};
use crate::error::Fault;
use crate::event::{Type, Value};
use crate::expr::bind::comparable;
use crate::expr::kernel::logic::Junction;
use crate::expr::typed::{Op, Typed};
use crate::expr::unify::{Context, unify};

pub(super) const ENTRIES: &[Builtin] = &[
    Builtin {
        names: &["coalesce"],
        signature: "coalesce(x, …) → the common type",
        about: "The first argument that is not NULL.",
        rule: Rule::Special(|c| {
            c.count(1, usize::MAX)?;
            coalesce(c)
        }),
    },
    Builtin {
        names: &["ifnull", "default"],
        signature: "ifnull(x, otherwise) → the common type",
        about: "x, or otherwise where x is NULL.",
        rule: Rule::Special(|c| {
            c.count(2, 2)?;
            coalesce(c)
        }),
    },
    Builtin {
        names: &["nullif"],
        signature: "nullif(x, y) → type of x",
        about: "NULL where x = y, else x.",
        rule: Rule::Special(nullif),
    },
    Builtin {
        names: &["ifThenElse"],
        signature: "ifThenElse(condition BOOL, then, otherwise) → the common type",
        about: "then where the condition is TRUE, else otherwise.",
        rule: Rule::Special(if_then_else),
    },
    Builtin {
        names: &["cast"],
        signature: "cast(x, 'type') → the type",
        about: "x converted, as CAST(x AS type).",
        rule: Rule::Special(convert),
    },
    Builtin {
        names: &["convert"],
        signature: "convert(x, 'type') → the type",
        about: "x converted, as CAST(x AS type).",
        rule: Rule::Special(convert),
    },
    Builtin {
        names: &["instanceOfString"],
        signature: "instanceOfString(x) → BOOL",
        about: "Whether x is a STRING and not NULL.",
        rule: Rule::Special(|c| instance_of(c, Type::String)),
    },
    Builtin {
        names: &["instanceOfInteger"],
        signature: "instanceOfInteger(x) → BOOL",
        about: "Whether x is an INT and not NULL.",
        rule: Rule::Special(|c| instance_of(c, Type::Int)),
    },
    Builtin {
        names: &["instanceOfLong"],
        signature: "instanceOfLong(x) → BOOL",
        about: "Whether x is a LONG and not NULL.",
        rule: Rule::Special(|c| instance_of(c, Type::Long)),
    },
    Builtin {
        names: &["instanceOfFloat"],
        signature: "instanceOfFloat(x) → BOOL",
        about: "Whether x is a FLOAT and not NULL.",
        rule: Rule::Special(|c| instance_of(c, Type::Float)),
    },
    Builtin {
        names: &["instanceOfDouble"],
        signature: "instanceOfDouble(x) → BOOL",
        about: "Whether x is a DOUBLE and not NULL.",
        rule: Rule::Special(|c| instance_of(c, Type::Double)),
    },
    Builtin {
        names: &["instanceOfBoolean"],
        signature: "instanceOfBoolean(x) → BOOL",
        about: "Whether x is a BOOL and not NULL.",
        rule: Rule::Special(|c| instance_of(c, Type::Bool)),
    },
];

fn coalesce(call: Call) -> Result<Typed, Fault> {
    let (span, name) = (call.span, call.name());
    let (args, ty) = unify(call.args, Context::Branches, name)?;
    Ok(match ty {
        None => Typed::literal(Value::Null, span),
        Some(ty) => Typed::op(Op::Coalesce, args, ty, span),
    })
}

fn nullif(call: Call) -> Result<Typed, Fault> {
    call.count(2, 2)?;
    let (ty, span) = (call.args[0].ty, call.span);
    let args = comparable(call.args, "nullif", false)?;
    Ok(match ty {
        None => Typed::literal(Value::Null, span),
        Some(ty) => Typed::op(Op::NullIf, args, ty, span),
    })
}

fn if_then_else(mut call: Call) -> Result<Typed, Fault> {
    call.count(3, 3)?;
    if call.args[0].ty.is_some_and(|ty| ty != Type::Bool) {
        return Err(call.wrong(0, "a condition"));
    }
    let span = call.span;
    let condition = call.args.remove(0).cast(Type::Bool);
    let (branches, ty) = unify(call.args, Context::Branches, "ifThenElse")?;
    let Some(ty) = ty else {
        return Ok(Typed::literal(Value::Null, span));
    };
    let mut args = vec![condition];
    args.extend(branches);
    let case = Op::Case {
        operand: false,
        otherwise: true,
    };
    Ok(Typed::op(case, args, ty, span))
}

/// The parser makes a CAST of a call that names a type.
fn convert(call: Call) -> Result<Typed, Fault> {
    call.count(2, 2)?;
    Err(call.wrong(1, "the name of a type"))
}

fn instance_of(call: Call, ty: Type) -> Result<Typed, Fault> {
    call.count(1, 1)?;
    let span = call.span;
    if call.args[0].ty != Some(ty) {
        return Ok(Typed::constant_of(
            Value::Bool(false),
            Some(Type::Bool),
            span,
        ));
    }
    let null = Typed::op(Op::IsNull, call.args, Type::Bool, span);
    Ok(Typed::op(Op::Not, vec![null], Type::Bool, span))
}

/// Conditions joined by AND or OR, flattened.
pub(in crate::expr) fn joined(
    op: Junction,
    a: Typed,
    b: Typed,
    span: crate::sql::ast::Span,
) -> Typed {
    use crate::expr::typed::TypedKind;
    let mut args = Vec::new();
    for side in [a, b] {
        match side.kind {
            TypedKind::Op(Op::Junction(inner), list) if inner == op => args.extend(list),
            _ => args.push(side),
        }
    }
    Typed::op(Op::Junction(op), args, Type::Bool, span)
}
