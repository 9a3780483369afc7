//! Calling functions row by row.

use super::function::{Args, Kernel, Null, ScalarFunction, TimeKernel};
use super::kernel::{Native, all_null, arithmetic};
use super::node::Node;
use super::program::View;
use super::settled::Settled;
use crate::event::{Column, FormatPattern, ParsePattern, Str, Timestamp, Value, Zone};

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
        *faults += u64::from(matches!(result, Some(Err(Null::Fault))));
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
    work: Work,
    zone: ZoneOf,
}

/// A kernel of time with what it uses beside the zone.
enum Work {
    Long(fn(&Args<'_>, &Zone) -> Result<i64, Null>),
    Int(fn(&Args<'_>, &Zone) -> Result<i32, Null>),
    /// And the text that is being written.
    Format(Settled<FormatPattern>, String),
    Parse(Settled<ParsePattern>),
}

/// The zone of a row.
struct ZoneOf {
    /// Which argument it is, unless it is settled.
    place: usize,
    settled: Settled<Zone>,
}

impl ZoneOf {
    fn row(&mut self, a: &Args<'_>) -> Result<&Zone, Null> {
        self.settled.get(|| a.text(self.place))
    }
}

impl Clockwork {
    /// `pattern`: the text of the second argument where that is constant; `zone`: what is known of the argument at
    /// `place`.
    pub(super) fn new(
        kernel: TimeKernel,
        pattern: Option<String>,
        place: usize,
        zone: Settled<Zone>,
    ) -> Self {
        let work = match kernel {
            TimeKernel::Long(f) => Work::Long(f),
            TimeKernel::Int(f) => Work::Int(f),
            TimeKernel::Format => {
                let pattern = Settled::new(pattern, |p| Some(FormatPattern::new(p)));
                Work::Format(pattern, String::new())
            }
            TimeKernel::Parse => Work::Parse(Settled::new(pattern, |p| Some(ParsePattern::new(p)))),
        };
        let zone = ZoneOf {
            place,
            settled: zone,
        };
        Clockwork { work, zone }
    }

    pub(super) fn run(
        &mut self,
        args: &[Node],
        view: &View<'_>,
        out: &mut Column,
        faults: &mut u64,
    ) {
        let Clockwork { work, zone } = self;
        match work {
            Work::Long(f) => strict(args, view, out, faults, |a| f(a, zone.row(a)?)),
            Work::Int(f) => strict(args, view, out, faults, |a| f(a, zone.row(a)?)),
            Work::Format(pattern, text) => strict(args, view, out, faults, |a| {
                text.clear();
                let pattern = pattern.get(|| a.text(1))?;
                let written = pattern.write(a.long(0), zone.row(a)?, text);
                written.ok_or(Null::Fault)?;
                Ok(Str::new(text))
            }),
            Work::Parse(pattern) => strict(args, view, out, faults, |a| {
                let pattern = pattern.get(|| a.text(1))?;
                let read = pattern.read(a.text(0), zone.row(a)?);
                read.map(Timestamp::millis).ok_or(Null::Fault)
            }),
        }
    }
}
