//! Calling functions row by row.

use super::function::{Args, Kernel, Null, ScalarFunction, text};
use super::kernel::{Native, all_null, arithmetic};
use super::node::Node;
use super::program::View;
use crate::event::{Column, Str, Value};

/// Calls `f` on every row of which no argument is NULL.
pub(super) fn strict<T: Native>(
    args: &[Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
    mut f: impl FnMut(&Args<'_>) -> Result<T, Null>,
) {
    let len = view.len;
    if args.iter().any(|a| a.operand(view).is_null_constant()) {
        return all_null(out, len);
    }
    let masked = args.iter().any(|a| !a.operand(view).valid(len).is_empty());
    out.clear();
    let (data, valid) = out.parts_mut();
    let values = T::vec(data);
    values.reserve(len);
    for row in 0..len {
        let known = !masked || !args.iter().any(|a| a.operand(view).is_null(row));
        let result = known.then(|| f(&Args { args, view, row }));
        if let Some(Ok(value)) = result {
            values.push(value);
            continue;
        }
        *faults += u64::from(known);
        values.push(T::default());
        if valid.is_empty() {
            valid.resize(len, true);
        }
        valid[row] = false;
    }
}

/// Calls a built-in function.
#[inline(never)] // as `arithmetic::apply`
pub(super) fn call(
    kernel: Kernel,
    args: &[Node],
    view: &View<'_>,
    out: &mut Column,
    text: &mut String,
    faults: &mut u64,
) {
    match kernel {
        Kernel::Real(f) => arithmetic::real(f, args[0].operand(view), view.len, out, faults),
        Kernel::Int(f) => strict(args, view, out, faults, f),
        Kernel::Long(f) => strict(args, view, out, faults, f),
        Kernel::Double(f) => strict(args, view, out, faults, |a| {
            let x = f(a)?;
            if x.is_finite() {
                Ok(x + 0.0)
            } else {
                Err(Null::Fault)
            }
        }),
        Kernel::Text(f) => strict(args, view, out, faults, |a| {
            text.clear();
            f(a, text)?;
            Ok(Str::new(text))
        }),
    }
}

/// Calls a registered function; a result that is no value of its type is NULL and counts.
pub(super) fn user(
    function: &dyn ScalarFunction,
    values: &mut Vec<Value>,
    args: &[Node],
    view: &View<'_>,
    out: &mut Column,
    faults: &mut u64,
) {
    out.clear();
    for row in 0..view.len {
        values.clear();
        values.extend(args.iter().map(|a| a.operand(view).value(row)));
        let result = match function.call(values) {
            Value::Double(v) if v.is_finite() => Value::Double(v + 0.0),
            Value::Float(v) if v.is_finite() => Value::Float(v + 0.0),
            Value::Double(_) | Value::Float(_) => {
                *faults += 1;
                Value::Null
            }
            other => other,
        };
        if !out.push(&result) {
            *faults += 1;
            out.push_null();
        }
    }
}

/// A regular expression: fixed, or that of the last row with its text.
pub(super) enum Regexp {
    Fixed(regex::Regex),
    Last(String, Option<regex::Regex>),
}

impl Regexp {
    pub(super) fn matches(&mut self, text: &str, pattern: &str) -> Result<bool, Null> {
        match self {
            Regexp::Fixed(regex) => Ok(regex.is_match(text)),
            Regexp::Last(last, regex) => {
                if last != pattern {
                    last.clear();
                    last.push_str(pattern);
                    *regex = text::regex(pattern).ok();
                }
                match regex {
                    Some(regex) => Ok(regex.is_match(text)),
                    None => Err(Null::Fault),
                }
            }
        }
    }
}
