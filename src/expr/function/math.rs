//! Functions of numbers. Integers stay integers where that loses nothing; the rest is DOUBLE.

use super::{Args, Builtin, Call, Kernel, Null, Param, Rule};
use crate::error::Fault;
use crate::event::Type;
use crate::expr::kernel::arithmetic::Arithmetic;
use crate::expr::typed::{Op, Typed};
use crate::expr::unify::{Context, unify};
use std::fmt::Write;

const NUMBER: &[Param] = &[Param::Number];

/// A function from DOUBLE to DOUBLE.
const fn real(
    names: &'static [&'static str],
    signature: &'static str,
    about: &'static str,
    f: fn(f64) -> f64,
) -> Builtin {
    Builtin {
        names,
        signature,
        about,
        rule: Rule::Strict(NUMBER, 1, Kernel::Real(f)),
    }
}

pub(super) const ENTRIES: &[Builtin] = &[
    Builtin {
        names: &["abs"],
        signature: "abs(x) → type of x, DOUBLE for FLOAT",
        about: "Absolute value.",
        rule: Rule::Special(|c| {
            by_type(
                c,
                Kernel::Int(|a| a.int(0).checked_abs().ok_or(Null::Fault)),
                Kernel::Long(|a| a.long(0).checked_abs().ok_or(Null::Fault)),
                Kernel::Real(f64::abs),
            )
        }),
    },
    Builtin {
        names: &["ceil"],
        signature: "ceil(x) → type of x, DOUBLE for FLOAT",
        about: "Smallest whole number that is not below x.",
        rule: Rule::Special(|c| whole(c, f64::ceil)),
    },
    Builtin {
        names: &["floor"],
        signature: "floor(x) → type of x, DOUBLE for FLOAT",
        about: "Largest whole number that is not above x.",
        rule: Rule::Special(|c| whole(c, f64::floor)),
    },
    Builtin {
        names: &["round"],
        signature: "round(x[, digits INT]) → type of x, DOUBLE for FLOAT",
        about: "x to so many decimal digits, half away from zero, by the decimal number that x prints as; negative digits round before the point.",
        rule: Rule::Special(|c| {
            digits(
                c,
                f64::round,
                Kernel::Int(|a| int_digits(a, true)),
                Kernel::Long(|a| long_digits(a.long(0), a.long(1), true)),
                Kernel::Double(|a| Ok(decimal(a.double(0), a.long(1), true))),
            )
        }),
    },
    Builtin {
        names: &["trunc", "truncate"],
        signature: "trunc(x[, digits INT]) → type of x, DOUBLE for FLOAT",
        about: "x with so many decimal digits, the rest cut off.",
        rule: Rule::Special(|c| {
            digits(
                c,
                f64::trunc,
                Kernel::Int(|a| int_digits(a, false)),
                Kernel::Long(|a| long_digits(a.long(0), a.long(1), false)),
                Kernel::Double(|a| Ok(decimal(a.double(0), a.long(1), false))),
            )
        }),
    },
    Builtin {
        names: &["sign"],
        signature: "sign(x) → INT",
        about: "−1, 0 or 1.",
        rule: Rule::Special(|c| {
            by_type(
                c,
                Kernel::Int(|a| Ok(a.int(0).signum())),
                Kernel::Int(|a| Ok(a.long(0).signum() as i32)),
                Kernel::Int(|a| {
                    let x = a.double(0);
                    Ok(i32::from(x > 0.0) - i32::from(x < 0.0))
                }),
            )
        }),
    },
    real(
        &["sqrt"],
        "sqrt(x) → DOUBLE",
        "Square root; NULL below 0.",
        f64::sqrt,
    ),
    real(&["exp"], "exp(x) → DOUBLE", "e to the power x.", f64::exp),
    real(
        &["ln"],
        "ln(x) → DOUBLE",
        "Natural logarithm; NULL unless x > 0.",
        f64::ln,
    ),
    Builtin {
        names: &["log"],
        signature: "log(x) or log(base, x) → DOUBLE",
        about: "Natural logarithm, or the logarithm to a base; NULL unless x > 0 and the base is above 0 and not 1.",
        rule: Rule::Special(|c| {
            c.count(1, 2)?;
            match c.args.len() {
                1 => c.strict(NUMBER, 1, Kernel::Real(f64::ln)),
                _ => c.strict(&[Param::Number, Param::Number], 2, Kernel::Double(log)),
            }
        }),
    },
    real(
        &["log10"],
        "log10(x) → DOUBLE",
        "Logarithm to the base 10.",
        f64::log10,
    ),
    Builtin {
        names: &["power", "pow"],
        signature: "power(x, y) → DOUBLE",
        about: "x to the power y.",
        rule: Rule::Strict(
            &[Param::Number, Param::Number],
            2,
            Kernel::Double(|a| Ok(a.double(0).powf(a.double(1)))),
        ),
    },
    Builtin {
        names: &["mod"],
        signature: "mod(x, y) → the common type",
        about: "Remainder with the sign of x, as x % y; NULL when y is 0.",
        rule: Rule::Special(|c| {
            c.count(2, 2)?;
            c.numeric(0)?;
            c.numeric(1)?;
            let (args, ty) = unify(c.args, Context::Arithmetic, "mod")?;
            let ty = ty.unwrap_or(Type::Double);
            let args = args.into_iter().map(|a| a.cast(ty)).collect();
            Ok(Typed::op(Op::Arithmetic(Arithmetic::Mod), args, ty, c.span))
        }),
    },
    real(
        &["sin"],
        "sin(x) → DOUBLE",
        "Sine of x in radians.",
        f64::sin,
    ),
    real(
        &["cos"],
        "cos(x) → DOUBLE",
        "Cosine of x in radians.",
        f64::cos,
    ),
    real(
        &["tan"],
        "tan(x) → DOUBLE",
        "Tangent of x in radians.",
        f64::tan,
    ),
    real(
        &["asin"],
        "asin(x) → DOUBLE",
        "Arc sine in radians; NULL outside −1 to 1.",
        f64::asin,
    ),
    real(
        &["acos"],
        "acos(x) → DOUBLE",
        "Arc cosine in radians; NULL outside −1 to 1.",
        f64::acos,
    ),
    real(
        &["atan"],
        "atan(x) → DOUBLE",
        "Arc tangent in radians.",
        f64::atan,
    ),
    Builtin {
        names: &["maximum"],
        signature: "maximum(x, …) → the common type",
        about: "Largest argument; NULLs are passed over.",
        rule: Rule::Special(|c| extremum(c, true)),
    },
    Builtin {
        names: &["minimum"],
        signature: "minimum(x, …) → the common type",
        about: "Smallest argument; NULLs are passed over.",
        rule: Rule::Special(|c| extremum(c, false)),
    },
];

/// One kernel per kind of number.
fn by_type(call: Call, int: Kernel, long: Kernel, double: Kernel) -> Result<Typed, Fault> {
    call.count(1, 1)?;
    Ok(match call.numeric(0)? {
        Type::Int => call.finish(&[Type::Int], int),
        Type::Long => call.finish(&[Type::Long], long),
        _ => call.finish(&[Type::Double], double),
    })
}

/// Integers as they are, otherwise a function of DOUBLE.
fn whole(mut call: Call, f: fn(f64) -> f64) -> Result<Typed, Fault> {
    call.count(1, 1)?;
    match call.numeric(0)? {
        Type::Int | Type::Long => Ok(call.args.remove(0)),
        _ => Ok(call.finish(&[Type::Double], Kernel::Real(f))),
    }
}

fn digits(
    call: Call,
    f: fn(f64) -> f64,
    int: Kernel,
    long: Kernel,
    double: Kernel,
) -> Result<Typed, Fault> {
    call.count(1, 2)?;
    if call.args.len() == 1 {
        return whole(call, f);
    }
    let (ty, digits) = (call.numeric(0)?, call.fits(1, Param::Integer)?);
    Ok(match ty {
        Type::Int => call.finish(&[Type::Int, digits], int),
        Type::Long => call.finish(&[Type::Long, digits], long),
        _ => call.finish(&[Type::Double, digits], double),
    })
}

fn extremum(call: Call, largest: bool) -> Result<Typed, Fault> {
    call.count(1, usize::MAX)?;
    for (i, arg) in call.args.iter().enumerate() {
        if arg.ty == Some(Type::Bool) {
            return Err(call.wrong(i, "a number or STRING"));
        }
    }
    let name = call.name();
    let (args, ty) = unify(call.args, Context::Branches, name)?;
    Ok(match ty {
        None => Typed::literal(crate::event::Value::Null, call.span),
        Some(ty) => Typed::op(Op::Extremum(largest), args, ty, call.span),
    })
}

fn log(a: &Args<'_>) -> Result<f64, Null> {
    let (base, x) = (a.double(0), a.double(1));
    if base <= 0.0 || x <= 0.0 {
        return Err(Null::Fault); // ln(x) / ln(0) would be 0
    }
    Ok(if base == 2.0 {
        x.log2()
    } else if base == 10.0 {
        x.log10()
    } else {
        x.ln() / base.ln()
    })
}

fn int_digits(a: &Args<'_>, round: bool) -> Result<i32, Null> {
    let x = long_digits(i64::from(a.int(0)), a.long(1), round)?;
    i32::try_from(x).map_err(|_| Null::Fault)
}

/// An integer without its last `−digits` digits.
fn long_digits(x: i64, digits: i64, round: bool) -> Result<i64, Null> {
    if digits >= 0 {
        return Ok(x);
    }
    let unit = match u32::try_from(digits.unsigned_abs())
        .ok()
        .and_then(|n| 10i128.checked_pow(n))
    {
        Some(unit) if unit <= 1 << 80 => unit,
        _ => return Ok(0), // more digits than the number has
    };
    let x = i128::from(x);
    let half = if round { unit / 2 * x.signum() } else { 0 };
    i64::try_from((x + half) / unit * unit).map_err(|_| Null::Fault)
}

/// A DOUBLE with so many decimal digits, of the decimal number that it prints as: 1.005 is half way to 1.01.
///
/// Why not scale, round and scale back: 0.29 · 100 is 28.999999999999996. The candidates are compared with x instead,
/// which decides rightly as long as they have no more digits than a DOUBLE tells apart; otherwise its text is cut.
fn decimal(x: f64, digits: i64, round: bool) -> f64 {
    // numbers of at most 15 digits, and powers of ten that are exact
    const UNITS_MAX: f64 = 1e14;
    const POWER_MAX: u64 = 22;
    if digits == 0 {
        return if round { x.round() } else { x.trunc() };
    }
    let size = x.abs();
    let power = 10f64.powi(digits.unsigned_abs().min(POWER_MAX) as i32);
    let units = if digits > 0 {
        size * power
    } else {
        size / power
    };
    if units >= UNITS_MAX || digits.unsigned_abs() > POWER_MAX {
        return cut(size, digits, round).copysign(x) + 0.0;
    }
    let scale = |units: f64| {
        if digits > 0 {
            units / power
        } else {
            units * power
        }
    };
    let mut units = units.floor();
    if scale(units + 1.0) <= size {
        units += 1.0;
    } else if scale(units) > size {
        units -= 1.0;
    }
    if round && scale(units + 0.5) <= size {
        units += 1.0;
    }
    let result = if units == 0.0 { 0.0 } else { scale(units) };
    result.copysign(x) + 0.0
}

/// As [`decimal`] for a number that is not negative, by its text.
fn cut(x: f64, digits: i64, round: bool) -> f64 {
    let mut text = Digits::default();
    // the shortest digits that give the number, such as 1.2345e67; they fit
    if write!(text, "{x:e}").is_err() {
        return x;
    }
    let text = std::str::from_utf8(&text.bytes[..text.len]).unwrap_or_default();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let all = mantissa.bytes().filter(u8::is_ascii_digit);
    let kept = digits.saturating_add(exponent).saturating_add(1);
    if kept < 0 {
        return 0.0;
    }
    let (mut units, mut lost) = (0_u64, None);
    for (i, digit) in (0..).zip(all) {
        if i < kept {
            units = units * 10 + u64::from(digit - b'0');
        } else {
            lost = lost.or(Some(digit));
        }
    }
    let Some(first) = lost else {
        return x; // it has no digits behind the last one that stays
    };
    units += u64::from(round && first >= b'5');
    let mut text = Digits::default();
    match write!(text, "{units}e{}", -digits) {
        Ok(()) => std::str::from_utf8(&text.bytes[..text.len])
            .ok()
            .and_then(|t| t.parse().ok())
            .unwrap_or(x),
        Err(_) => x,
    }
}

/// A text on the stack.
#[derive(Default)]
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len());
        room.ok_or(std::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
