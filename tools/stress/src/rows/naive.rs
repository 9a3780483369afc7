//! What a value should be, said as plainly as possible: numbers digit by digit, times from a calendar that is counted.

use eventflux::{Type, Value};

/// The largest time of a row, in microseconds.
const TIME_US_MAX: i128 = 9_200_000_000_000_000_000;

/// What a text is as a value or a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged<T> {
    Is(T),
    /// It is none.
    None,
    /// Not known here.
    Open,
}

/// A decimal number: sign, digits without zeros at either end, and the power of ten that they are times.
struct Decimal {
    negative: bool,
    digits: String,
    power: i64,
}

/// Reads a number of JSON's grammar, a sign before it and missing digits around the point allowed.
fn decimal(text: &str) -> Decimal {
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['-', '+']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let power = exponent
        .parse::<i64>()
        .unwrap_or(match exponent.starts_with('-') {
            true => -1_000_000_000_000,
            false => 1_000_000_000_000,
        });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let kept = all.trim_end_matches('0');
    let mut power = power.clamp(-1_000_000_000_000, 1_000_000_000_000) - fraction.len() as i64;
    power += (all.len() - kept.len()) as i64;
    Decimal {
        negative,
        digits: kept.trim_start_matches('0').to_string(),
        power,
    }
}

impl Decimal {
    /// The whole number below it or equal, and whether that is all of it; `None` beyond 38 digits.
    fn floor(&self) -> Option<(i128, bool)> {
        let length = self.digits.len() as i64;
        let whole = length + self.power;
        let (digits, exact) = match self.power {
            _ if self.digits.is_empty() => ("0".to_string(), true),
            _ if whole > 38 => return None,
            0.. => (self.digits.clone() + &"0".repeat(self.power as usize), true),
            _ if whole <= 0 => ("0".to_string(), false),
            _ => (self.digits[..whole as usize].to_string(), false),
        };
        let size: i128 = digits.parse().ok()?;
        Some(match (self.negative, exact) {
            (false, _) => (size, exact),
            (true, true) => (-size, exact),
            (true, false) => (-size - 1, exact),
        })
    }
}

/// A number as a value of a numeric type.
pub fn number(text: &str, ty: Type) -> Judged<Value> {
    let whole = || decimal(text).floor().filter(|(_, exact)| *exact);
    let value = match ty {
        Type::Int => whole().and_then(|(n, _)| i32::try_from(n).ok().map(Value::Int)),
        Type::Long => whole().and_then(|(n, _)| i64::try_from(n).ok().map(Value::Long)),
        Type::Float => {
            let read = text.parse::<f32>().ok().filter(|v| v.is_finite());
            read.map(|v| Value::Float(v + 0.0))
        }
        Type::Double => {
            let read = text.parse::<f64>().ok().filter(|v| v.is_finite());
            read.map(|v| Value::Double(v + 0.0))
        }
        Type::Bool | Type::String => None,
    };
    value.map_or(Judged::None, Judged::Is)
}

/// A number of milliseconds as microseconds, rounded down.
pub fn millis(text: &str) -> Judged<i64> {
    let mut decimal = decimal(text);
    decimal.power += 3;
    match decimal.floor() {
        Some((us, _)) if (-TIME_US_MAX..=TIME_US_MAX).contains(&us) => Judged::Is(us as i64),
        _ => Judged::None,
    }
}

/// An instant as a text: of the form `2024-02-29T10:30:00Z`, or not known here.
pub fn instant(text: &str) -> Judged<i64> {
    let bytes = text.as_bytes();
    let form = "dddd-dd-ddTdd:dd:ddZ";
    let fits = bytes.len() == form.len()
        && form.bytes().zip(bytes).all(|(f, b)| match f {
            b'd' => b.is_ascii_digit(),
            _ => f == *b,
        });
    if !fits {
        return Judged::Open;
    }
    let field = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap_or(0);
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let (hour, minute, second) = (field(11, 13), field(14, 16), field(17, 19));
    if hour == 24 || second == 60 || year == 0 {
        // the page says what the first two are; the year 0 is in no calendar of ours
        return Judged::Open;
    }
    let right = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !right {
        return Judged::None;
    }
    let years: i64 = (1..year).map(|y| 365 + leap(y)).sum();
    let months: i64 = (1..month).map(|m| days_of(year, m)).sum();
    // 1970-01-01 is 719,162 days after 0001-01-01
    let days = years + months + day - 1 - 719_162;
    Judged::Is((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000)
}

fn leap(year: i64) -> i64 {
    i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + leap(year),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
