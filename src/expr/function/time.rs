//! Functions of time. Instants are LONG milliseconds since 1970; calendars are UTC unless a zone is given.

use super::calendar::{self, UNITS, Unit};
use super::{Args, Builtin, Call, Null, Param, Rule};
use crate::error::Fault;
use crate::event::{FormatPattern, ParsePattern, Type, Zone};
use crate::expr::typed::{Op, Typed};
use Param::{Integer, Text};

pub(super) const ENTRIES: &[Builtin] = &[
    Builtin {
        names: &["uuid"],
        signature: "uuid() → STRING",
        about: "A version-8 UUID; replay gives the same.",
        rule: Rule::Special(|c| nothing(c, Op::Uuid, Type::String)),
    },
    Builtin {
        names: &["now"],
        signature: "now() → LONG",
        about: "The app's clock at the row, in milliseconds.",
        rule: Rule::Special(|c| nothing(c, Op::Clock, Type::Long)),
    },
    Builtin {
        names: &["currentTimeMillis"],
        signature: "currentTimeMillis() → LONG",
        about: "The app's clock at the row, in milliseconds; as now().",
        rule: Rule::Special(|c| nothing(c, Op::Clock, Type::Long)),
    },
    Builtin {
        names: &["eventTimestamp"],
        signature: "eventTimestamp() → LONG",
        about: "The row's timestamp in milliseconds.",
        rule: Rule::Special(|c| nothing(c, Op::EventTime, Type::Long)),
    },
    Builtin {
        names: &["formatDate"],
        signature: "formatDate(ms LONG, pattern STRING[, zone STRING]) → STRING",
        about: "The instant as text, by a strftime pattern such as '%Y-%m-%d %H:%M:%S'.",
        rule: Rule::Timed(|c| {
            check_pattern(&c, FormatPattern::check)?;
            timed(c, &[Integer, Text], TimeKernel::Format)
        }),
    },
    Builtin {
        names: &["parseDate"],
        signature: "parseDate(text STRING, pattern STRING[, zone STRING]) → LONG",
        about: "The instant that a text names by a strftime pattern, in the zone unless the text has an offset or a zone; midnight without a time.",
        rule: Rule::Timed(|c| {
            check_pattern(&c, ParsePattern::check)?;
            timed(c, &[Text, Text], TimeKernel::Parse)
        }),
    },
    Builtin {
        names: &["dateAdd"],
        signature: "dateAdd(ms LONG, count INT, 'unit'[, zone STRING]) → LONG",
        about: "The instant later by so many units; the day is cut to the length of the month.",
        rule: Rule::Timed(|c| {
            check_unit(&c, 2)?;
            timed(
                c,
                &[Integer, Integer, Text],
                TimeKernel::Long(calendar::add),
            )
        }),
    },
    Builtin {
        names: &["dateDiff"],
        signature: "dateDiff(ms1 LONG, ms2 LONG, 'unit'[, zone STRING]) → LONG",
        about: "Whole units from ms2 to ms1, positive when ms1 is later: as many as dateAdd can add to the earlier without passing the later.",
        rule: Rule::Timed(|c| {
            check_unit(&c, 2)?;
            timed(
                c,
                &[Integer, Integer, Text],
                TimeKernel::Long(calendar::diff),
            )
        }),
    },
    Builtin {
        names: &["dateTrunc", "date_trunc"],
        signature: "dateTrunc('unit', ms LONG[, zone STRING]) → LONG",
        about: "The beginning of the unit in which the instant is; weeks begin on Monday.",
        rule: Rule::Timed(|c| {
            check_unit(&c, 0)?;
            timed(c, &[Text, Integer], TimeKernel::Long(calendar::trunc))
        }),
    },
    Builtin {
        names: &["extract"],
        signature: "extract('unit', ms LONG[, zone STRING]) → INT",
        about: "One field of the instant; week is the ISO week, millisecond that of the second.",
        rule: Rule::Timed(|c| {
            check_unit(&c, 0)?;
            timed(c, &[Text, Integer], TimeKernel::Int(calendar::extract))
        }),
    },
];

/// What a function of time does to one row, in a zone.
#[derive(Clone, Copy)]
pub(crate) enum TimeKernel {
    Long(fn(&Args<'_>, &Zone) -> Result<i64, Null>),
    Int(fn(&Args<'_>, &Zone) -> Result<i32, Null>),
    Format,
    Parse,
}

impl TimeKernel {
    fn result(self) -> Type {
        match self {
            TimeKernel::Long(_) | TimeKernel::Parse => Type::Long,
            TimeKernel::Int(_) => Type::Int,
            TimeKernel::Format => Type::String,
        }
    }
}

/// A function without arguments.
fn nothing(call: Call, op: Op, ty: Type) -> Result<Typed, Fault> {
    call.count(0, 0)?;
    Ok(Typed::op(op, Vec::new(), ty, call.span))
}

/// A function of these parameters and perhaps a zone.
fn timed(call: Call, params: &[Param], kernel: TimeKernel) -> Result<Typed, Fault> {
    let place = params.len();
    call.count(place, place + 1)?;
    if let Some(zone) = call.literal(place)
        && Zone::of(&zone).is_none()
    {
        let fault = Fault::new(call.args[place].span, format!("unknown time zone '{zone}'"));
        return Err(
            fault.help("a name such as 'Europe/Berlin' or 'UTC', or an offset such as '+02:00'")
        );
    }
    let types = call.types(&[params, &[Text]].concat())?;
    Ok(call.node(Op::Time(kernel, place), &types, kernel.result()))
}

/// `CAST(x AS TIMESTAMP)`: LONG, and a text is read as an instant.
pub(super) fn timestamp(x: Typed, span: crate::sql::ast::Span) -> Typed {
    if x.ty != Some(Type::String) {
        return super::sized::explicit_cast(x, Type::Long, span);
    }
    let read = TimeKernel::Long(calendar::read);
    Typed::op(Op::Time(read, 1), vec![x], Type::Long, span)
}

fn check_unit(call: &Call, i: usize) -> Result<(), Fault> {
    match call.literal(i) {
        Some(name) if Unit::of(&name).is_none() => {
            let known = UNITS.iter().map(|(n, _)| *n);
            let fault = Fault::new(call.args[i].span, format!("unknown unit '{name}'"));
            Err(fault.nearest(&name, known))
        }
        _ => Ok(()),
    }
}

fn check_pattern(call: &Call, check: fn(&str) -> Result<(), String>) -> Result<(), Fault> {
    let Some(pattern) = call.literal(1) else {
        return Ok(());
    };
    check(&pattern).map_err(|why| {
        let message = format!("pattern '{pattern}' of {}: {why}", call.name());
        call.fault(call.args[1].span, message)
    })
}
