//! Calling functions row by row.

use super::function::date_text::{FormatPattern, ParsePattern};
use super::function::{Args, Kernel, Null, ScalarFunction, TimeKernel};
use super::kernel::{Native, all_null, arithmetic};
use super::node::Node;
use super::program::View;
use super::settled::Settled;
use crate::event::{Column, Str, Value, Zone};

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

/// A function of time with what its constant arguments settle.
pub(super) struct Clockwork {
    kernel: TimeKernel,
    /// Which argument is the zone; without it, UTC.
    place: usize,
    zone: Settled<Zone>,
    format: Settled<FormatPattern>,
    parse: Settled<ParsePattern>,
    text: String,
}

impl Clockwork {
    /// `constant` gives the text of an argument that is constant.
    pub(super) fn new(
        kernel: TimeKernel,
        place: usize,
        constant: &dyn Fn(usize) -> Option<String>,
    ) -> Self {
        let pattern = |wanted: bool| if wanted { constant(1) } else { None };
        Clockwork {
            kernel,
            place,
            zone: Settled::new(constant(place), Zone::of),
            format: Settled::new(pattern(matches!(kernel, TimeKernel::Format)), |p| {
                Some(FormatPattern::new(p))
            }),
            parse: Settled::new(pattern(matches!(kernel, TimeKernel::Parse)), |p| {
                Some(ParsePattern::new(p))
            }),
            text: String::new(),
        }
    }

    pub(super) fn run(
        &mut self,
        args: &[Node],
        view: &View<'_>,
        out: &mut Column,
        faults: &mut u64,
    ) {
        let (zone, format, parse) = (&mut self.zone, &mut self.format, &mut self.parse);
        let (place, text) = (self.place, &mut self.text);
        let mut zone = |a: &Args<'_>| match a.len() > place {
            true => zone.get(|| a.text(place), Zone::of).cloned(),
            false => Ok(Zone::UTC),
        };
        match self.kernel {
            TimeKernel::Long(f) => strict(args, view, out, faults, |a| f(a, &zone(a)?)),
            TimeKernel::Int(f) => strict(args, view, out, faults, |a| f(a, &zone(a)?)),
            TimeKernel::Format => strict(args, view, out, faults, |a| {
                text.clear();
                let pattern = format.get(|| a.text(1), |p| Some(FormatPattern::new(p)))?;
                pattern.write(a.long(0), &zone(a)?, text)?;
                Ok(Str::new(text))
            }),
            TimeKernel::Parse => strict(args, view, out, faults, |a| {
                let pattern = parse.get(|| a.text(1), |p| Some(ParsePattern::new(p)))?;
                pattern.read(a.text(0), &zone(a)?)
            }),
        }
    }
}
