//! Decimal text to numbers, exactly.
//!
//! Times and integers are read from their digits and never pass through `f64`, which holds only 53 bits of them.

use super::bad_row::{Misfit, excerpt};
use super::time::TimeUnit;
use crate::event::{Timestamp, Type, Value};

/// The largest time a line may carry, in microseconds: 9.2e15 ms.
pub(super) const AT_US_MAX: i64 = 9_200_000_000_000_000_000;

/// A decimal times a power of ten, rounded down.
struct Scaled {
    floor: i64,
    exact: bool,
}

/// `text × 10^power`; `None` when it is out of the range of `i64`. The text is a number in JSON's grammar, `+`
/// allowed.
fn scaled(text: &str, power: i32) -> Option<Scaled> {
    if let (Ok(whole), Ok(power)) = (text.parse::<i64>(), u32::try_from(power)) {
        let floor = whole.checked_mul(10_i64.checked_pow(power)?)?;
        return Some(Scaled { floor, exact: true });
    }
    let (negative, text) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift = exponent
        .saturating_add(i64::from(power))
        .saturating_sub(fraction.len() as i64);
    let digits = (whole.len() + fraction.len()) as i64;
    let kept = digits.saturating_add(shift.min(0));
    let mut value: i128 = 0;
    let mut exact = true;
    for (i, digit) in (0..).zip(whole.bytes().chain(fraction.bytes())) {
        let digit = i128::from(digit.wrapping_sub(b'0'));
        if i < kept {
            value = value * 10 + digit;
            if value > i128::from(u64::MAX) {
                return None;
            }
        } else {
            exact &= digit == 0;
        }
    }
    if shift > 0 && value != 0 {
        let factor = u32::try_from(shift).ok().filter(|s| *s < 20)?;
        value *= 10_i128.pow(factor);
    }
    let floor = match (negative, exact) {
        (false, _) => value,
        (true, true) => -value,
        (true, false) => -value - 1,
    };
    let floor = i64::try_from(floor).ok()?;
    Some(Scaled { floor, exact })
}

/// The exponent after `e`; saturates, as its digits are unbounded.
fn exponent_of(text: &str) -> i64 {
    text.parse::<i32>().map_or_else(
        |_| {
            if text.starts_with('-') {
                i64::MIN / 2
            } else {
                i64::MAX / 2
            }
        },
        i64::from,
    )
}

/// A time in a unit, decimals allowed; what is finer than a microsecond is rounded down.
pub(crate) fn time(text: &str, unit: TimeUnit) -> Result<Timestamp, Misfit> {
    let power = match unit {
        TimeUnit::Seconds => 6,
        TimeUnit::Millis => 3,
        TimeUnit::Micros => 0,
        TimeUnit::Nanos => -3,
    };
    match scaled(text, power) {
        Some(s) if (-AT_US_MAX..=AT_US_MAX).contains(&s.floor) => Ok(Timestamp(s.floor)),
        _ => Err(Misfit::Range(excerpt(text))),
    }
}

/// A number as a value of a numeric type, without loss for integers and correctly rounded for floating point.
pub(crate) fn number(text: &str, ty: Type) -> Result<Value, Misfit> {
    match ty {
        Type::Int => i32::try_from(integer(text)?)
            .map(Value::Int)
            .map_err(|_| Misfit::Range(excerpt(text))),
        Type::Long => integer(text).map(Value::Long),
        Type::Float => match text.parse::<f32>() {
            Ok(v) if v.is_finite() => Ok(Value::Float(v + 0.0)),
            _ => Err(Misfit::Range(excerpt(text))),
        },
        Type::Double => match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(Value::Double(v + 0.0)),
            _ => Err(Misfit::Range(excerpt(text))),
        },
        Type::Bool | Type::String => Err(Misfit::Kind {
            found: "a number",
            text: excerpt(text),
            expected: expected(ty),
        }),
    }
}

fn integer(text: &str) -> Result<i64, Misfit> {
    match scaled(text, 0) {
        Some(s) if s.exact => Ok(s.floor),
        Some(_) => Err(Misfit::Fraction(excerpt(text))),
        None => Err(Misfit::Range(excerpt(text))),
    }
}

/// What a value of this type looks like, for messages.
pub(crate) fn expected(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "true or false",
        Type::Int | Type::Long => "an integer",
        Type::Float | Type::Double => "a number",
        Type::String => "a string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_every_microsecond() {
        for (text, us) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("1000", 1_000_000),
            ("1000.001", 1_000_001),
            ("1000.0019", 1_000_001),
            ("-1000.0011", -1_000_002),
            ("-0.0001", -1),
            ("1e3", 1_000_000),
            ("1.5E-3", 1),
            ("0e99999999999", 0),
            ("0.000e-99999999999", 0),
            ("9007199254740993.001", 9_007_199_254_740_993_001),
            ("9200000000000000", AT_US_MAX),
            ("-9.2e15", -AT_US_MAX),
            ("1e-99999999999", 0),
        ] {
            assert_eq!(time(text, TimeUnit::Millis), Ok(Timestamp(us)), "{text}");
        }
        for text in [
            "9200000000000000.001",
            "9.3e15",
            "1e16",
            "1e400",
            "-1e99999999999",
            "99999999999999999999999999999999999999999999999999",
        ] {
            let read = time(text, TimeUnit::Millis);
            assert!(matches!(read, Err(Misfit::Range(_))), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        for (text, unit, us) in [
            ("1396310700", TimeUnit::Seconds, 1_396_310_700_000_000),
            ("1.5", TimeUnit::Seconds, 1_500_000),
            ("7", TimeUnit::Micros, 7),
            ("-7.5", TimeUnit::Micros, -8),
            (
                "1396310700123456789",
                TimeUnit::Nanos,
                1_396_310_700_123_456,
            ),
            ("-1", TimeUnit::Nanos, -1),
            ("-1000", TimeUnit::Nanos, -1),
            ("999", TimeUnit::Nanos, 0),
            ("1.5e3", TimeUnit::Nanos, 1),
        ] {
            assert_eq!(time(text, unit), Ok(Timestamp(us)), "{text} {unit:?}");
        }
        assert!(time("9200000000001", TimeUnit::Seconds).is_err());
    }

    #[test]
    fn integers_are_exact() {
        let many = format!("7{}e-60", "0".repeat(60));
        for (text, value) in [
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("-9.223372036854775808e18", i64::MIN),
            ("700.0", 700),
            ("7e2", 700),
            ("0.07E4", 700),
            (&many, 7),
        ] {
            assert_eq!(number(text, Type::Long), Ok(Value::Long(value)), "{text}");
        }
        assert!(matches!(
            number("9223372036854775808", Type::Long),
            Err(Misfit::Range(_))
        ));
        assert!(matches!(
            number("2147483648", Type::Int),
            Err(Misfit::Range(_))
        ));
        assert!(matches!(
            number("700.5", Type::Int),
            Err(Misfit::Fraction(_))
        ));
        assert!(matches!(
            number("1e-5", Type::Long),
            Err(Misfit::Fraction(_))
        ));
    }

    #[test]
    fn no_negative_zero_and_no_infinity() {
        assert_eq!(
            number("-0.0", Type::Double).map(|v| v.to_string()),
            Ok("0.0".into())
        );
        assert_eq!(
            number("-0", Type::Float).map(|v| v.to_string()),
            Ok("0.0".into())
        );
        assert!(matches!(
            number("1e999", Type::Double),
            Err(Misfit::Range(_))
        ));
        assert!(matches!(number("1e39", Type::Float), Err(Misfit::Range(_))));
    }
}
