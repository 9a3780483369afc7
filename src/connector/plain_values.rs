//! Plain values from their text straight into columns.
//!
//! Why: a file is read as fast as its bytes are looked at only where none is looked at twice and no value is a thing of
//! its own on the way. What is not plain (an exponent, twenty digits, an escape) is left to the readers of single
//! values, and so is whatever is wrong: there is one reading of every text, and one message for every fault.

use super::time::{TimeText, TimeUnit};
use crate::event::{Column, Data, Str, Timestamp};

/// Digits that a `u64` holds whatever they are, and an `i64` too.
const EXACT_DIGITS: usize = 18;
/// Whole numbers up to here are doubles, and so are the powers of ten up to the last of [`TENS`]: their quotient is
/// rounded once, as the decimal would be.
const EXACT_DOUBLE: u64 = 1 << 53;
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// The same for floats.
const EXACT_FLOAT: u64 = 1 << 24;
const FLOAT_TENS: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// A number as most are written: a sign, digits, and perhaps a point with digits behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// The digits as one whole number, if these are few enough.
    digits: u64,
    is_exact: bool,
    negative: bool,
    /// Digits in front of the point.
    whole: usize,
    /// Digits behind it.
    fraction: usize,
    /// Bytes that it takes.
    pub(super) len: usize,
}

impl Plain {
    /// The number with which a text begins; what stands behind it is for the caller to judge.
    #[inline(always)]
    pub(super) fn read(text: &[u8]) -> Option<Plain> {
        Plain::in_words(text).or_else(|| Plain::digit_by_digit(text))
    }

    /// The number without a sign that ends within the sixteen bytes with which a text begins, looked at as two words.
    #[inline(always)]
    fn in_words(text: &[u8]) -> Option<Plain> {
        let word = u64::from_le_bytes(*text.first_chunk()?);
        let whole = digits_ahead(word);
        if whole == 8 {
            let second = u64::from_le_bytes(*text.get(8..)?.first_chunk()?);
            let further = digits_ahead(second);
            let first = number_of(word, 8);
            let digits = match further {
                0 => first,
                1..8 => first * POWERS[further] + number_of(second, further),
                _ => return None,
            };
            let ends = (second >> (8 * further)) as u8 != b'.';
            return ends.then_some(Plain::of(digits, 8 + further, 0));
        }
        if whole == 0 {
            return None;
        }
        let behind = word >> (8 * whole);
        if behind as u8 != b'.' {
            return Some(Plain::of(number_of(word, whole), whole, 0));
        }
        // The digits behind the point move up to those in front of it.
        let behind = behind >> 8;
        let fraction = digits_ahead(behind | POINTS << (56 - 8 * whole));
        if fraction == 0 || whole + 1 + fraction == 8 {
            return None;
        }
        let digits = (word & !(u64::MAX << (8 * whole))) | (behind << (8 * whole));
        let digits = number_of(digits, whole + fraction);
        Some(Plain::of(digits, whole, fraction))
    }

    /// Few digits without a sign.
    #[inline(always)]
    fn of(digits: u64, whole: usize, fraction: usize) -> Plain {
        Plain {
            digits,
            is_exact: true,
            negative: false,
            whole,
            fraction,
            len: whole + fraction + usize::from(fraction > 0),
        }
    }

    /// A number of any length.
    #[inline(never)]
    fn digit_by_digit(text: &[u8]) -> Option<Plain> {
        let negative = text.first() == Some(&b'-');
        let begin = usize::from(negative);
        let (mut value, mut at) = digits(text, begin, 0);
        let whole = at - begin;
        if whole == 0 {
            return None;
        }
        let mut fraction = 0;
        if text.get(at) == Some(&b'.') {
            let point = at;
            (value, at) = digits(text, point + 1, value);
            fraction = at - point - 1;
            if fraction == 0 {
                return None;
            }
        }
        Some(Plain {
            digits: value,
            is_exact: whole + fraction <= EXACT_DIGITS,
            negative,
            whole,
            fraction,
            len: at,
        })
    }

    /// Whether it is a number in JSON, too: no zero in front of other digits.
    #[inline]
    pub(super) fn is_json(&self, text: &[u8]) -> bool {
        self.whole == 1 || text.get(usize::from(self.negative)) != Some(&b'0')
    }

    /// As a whole number.
    #[inline(always)]
    fn integer(&self) -> Option<i64> {
        if self.fraction > 0 || !self.is_exact {
            return None;
        }
        let digits = self.digits as i64;
        Some(if self.negative { -digits } else { digits })
    }

    /// Appends it to a column of numbers; `false`, and nothing appended, where the reader of single values decides.
    #[inline(always)]
    pub(super) fn push(&self, column: &mut Column) -> bool {
        let (data, valid) = column.parts_mut();
        let fits = |digits_max, fraction_max| {
            self.is_exact && self.digits <= digits_max && self.fraction < fraction_max
        };
        match data {
            Data::Long(v) => match self.integer() {
                Some(x) => v.push(x),
                None => return false,
            },
            Data::Int(v) => match self.integer().map(i32::try_from) {
                Some(Ok(x)) => v.push(x),
                _ => return false,
            },
            Data::Double(v) if fits(EXACT_DOUBLE, TENS.len()) => {
                let x = self.digits as f64 / TENS[self.fraction];
                // 0.0 for −0.0
                v.push(if self.negative { -x } else { x } + 0.0);
            }
            Data::Float(v) if fits(EXACT_FLOAT, FLOAT_TENS.len()) => {
                let x = self.digits as f32 / FLOAT_TENS[self.fraction];
                v.push(if self.negative { -x } else { x } + 0.0);
            }
            _ => return false,
        }
        if !valid.is_empty() {
            valid.push(true);
        }
        true
    }

    /// As a time; `None` where the reader of single times decides.
    #[inline(always)]
    pub(super) fn time(&self, times: &TimeText) -> Option<Timestamp> {
        if times.has_pattern() {
            return None;
        }
        let us = match times.unit {
            TimeUnit::Seconds => 1_000_000,
            TimeUnit::Millis => 1_000,
            TimeUnit::Micros => 1,
            TimeUnit::Nanos => return None,
        };
        let at = self.integer()?.checked_mul(us)?;
        (at.unsigned_abs() <= super::number::AT_US_MAX.unsigned_abs()).then_some(Timestamp(at))
    }
}

/// Reads digits on from `at`, behind those of `value`; returns also where they end.
#[inline]
fn digits(text: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(eight) = text.get(at..).and_then(|t| t.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        let count = digits_ahead(word);
        if count == 0 {
            return (value, at);
        }
        value = value
            .wrapping_mul(POWERS[count])
            .wrapping_add(number_of(word, count));
        at += count;
        if count < 8 {
            return (value, at);
        }
    }
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0'))
        && digit < 10
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// Eight points: no digits.
const POINTS: u64 = 0x2E2E_2E2E_2E2E_2E2E;

/// How many digits eight bytes begin with, the first in the lowest.
#[inline]
fn digits_ahead(text: u64) -> usize {
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    // A digit is 0x30 to 0x39: six more does not carry into its high half. What carries into a digit stands below it.
    let others = (text ^ ZEROS) | (text.wrapping_add(0x0606_0606_0606_0606) ^ ZEROS);
    (others & HIGH).trailing_zeros() as usize / 8
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The first digits of eight bytes as a number, the first in the lowest, one to eight: neighbours are added up to
/// pairs, these to fours, these to the whole.
#[inline]
fn number_of(text: u64, count: usize) -> u64 {
    // Zeros in front of the digits take the place of what stands behind them.
    let ones = (text ^ ZEROS) << (64 - 8 * count);
    let pairs = (ones * 10 + (ones >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF
}

/// Appends a text to a column of texts; `false` where it is another column.
#[inline]
pub(super) fn push_text(column: &mut Column, text: &str) -> bool {
    let (Data::String(v), valid) = column.parts_mut() else {
        return false;
    };
    v.push(Str::new(text));
    if !valid.is_empty() {
        valid.push(true);
    }
    true
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes that are zero by their high bit. The lowest mark is right; a borrow may mark others above it.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Where the first byte from `at` on stands that is meant: `marks` are the high bits of such bytes in a word, of which
/// the lowest is right, and `is` says it of a byte alone.
#[inline]
fn first_of(
    text: &[u8],
    mut at: usize,
    marks: impl Fn(u64) -> u64,
    is: impl Fn(&u8) -> bool,
) -> Option<usize> {
    while let Some(eight) = text.get(at..).and_then(|t| t.first_chunk()) {
        let found = marks(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = text.get(at..)?.iter().position(is);
    rest.map(|behind| at + behind)
}

/// Two bytes of which one is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    bytes: [u8; 2],
    /// Each eight times.
    words: [u64; 2],
}

impl Ends {
    pub(super) fn new(bytes: [u8; 2]) -> Self {
        let words = bytes.map(|end| ONES * u64::from(end));
        Ends { bytes, words }
    }

    /// Where the first byte from `at` on stands that is one of them.
    #[inline]
    pub(super) fn seek(&self, text: &[u8], at: usize) -> Option<usize> {
        let [one, other] = self.words;
        let marks = |word| zeros(word ^ one) | zeros(word ^ other);
        first_of(text, at, marks, |b| self.bytes.contains(b))
    }
}

/// Where the first of the bytes stands that end or change a text of JSON: a quote, a backslash, a control character.
#[inline]
pub(super) fn end_of_plain(text: &[u8], at: usize) -> Option<usize> {
    let marks = |word: u64| {
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quote = zeros(word ^ (ONES * u64::from(b'"')));
        quote | zeros(word ^ (ONES * u64::from(b'\\'))) | control
    };
    first_of(text, at, marks, |b| matches!(b, b'"' | b'\\' | 0..0x20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::number::{number, time};
    use crate::event::{Type, Value};

    /// What is plain is what the reader of single values makes of it, at every length and behind every text.
    #[test]
    fn plain_numbers_are_what_they_are_one_by_one() {
        let mut texts: Vec<String> = [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "7",
            "-7",
            "12345678",
            "123456789",
            "1234567.5",
            "0.1",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "999999999999999999",
            "-999999999999999999",
            "9007199254740992",
            "9007199254740993",
            "9007199254740991.5",
            "0.30000000000000004",
            "16777216",
            "16777217",
            "1677721.7",
            "0.000000000000000001",
            "1700000000000",
            "9200000000000000",
            "9200000000000001",
            "-9200000000000000",
        ]
        .map(String::from)
        .to_vec();
        for len in 1..=18 {
            let digits: String = (0..len)
                .map(|n| char::from(b'1' + (n * 7 % 9) as u8))
                .collect();
            for point in 1..len {
                texts.push(format!("{}.{}", &digits[..point], &digits[point..]));
            }
            texts.push(digits);
        }
        for text in texts {
            let read = Plain::read(text.as_bytes()).expect("plain");
            assert_eq!(read.len, text.len(), "{text}");
            // What stands behind it changes nothing, however much is read at once.
            for behind in [
                ",",
                ",.",
                ",5.5,12345678",
                "\n12345678",
                ".",
                ".,12345678",
                "e5,345678",
            ] {
                let longer = format!("{text}{behind}");
                let more = behind.starts_with('.');
                let expected = Some(read).filter(|read| !more || read.fraction > 0);
                assert_eq!(Plain::read(longer.as_bytes()), expected, "{longer}");
            }
            for ty in [Type::Int, Type::Long, Type::Float, Type::Double] {
                let mut column = Column::new(ty);
                if read.push(&mut column) {
                    assert_eq!(Ok(column.value(0)), number(&text, ty), "{text} {ty}");
                    assert_ne!(column.value(0).to_string(), "-0.0", "{text}");
                }
            }
            let units = [
                TimeUnit::Seconds,
                TimeUnit::Millis,
                TimeUnit::Micros,
                TimeUnit::Nanos,
            ];
            for unit in units {
                if let Some(at) = read.time(&TimeText::in_unit(unit)) {
                    assert_eq!(Ok(at), time(&text, unit), "{text}");
                }
            }
        }
        for (text, len) in [
            ("12,5", 2),
            ("1.5}", 3),
            ("1e5", 1),
            ("1-", 1),
            ("123456789a", 9),
        ] {
            assert_eq!(
                Plain::read(text.as_bytes()).map(|p| p.len),
                Some(len),
                "{text}"
            );
        }
        for text in ["", "-", "+1", ".5", "1.", "1.x", "x", "\u{661}"] {
            assert_eq!(Plain::read(text.as_bytes()), None, "{text}");
        }
        let json = |text: &str| Plain::read(text.as_bytes()).map(|p| p.is_json(text.as_bytes()));
        for (text, is) in [
            ("0", true),
            ("-0.5", true),
            ("10", true),
            ("01", false),
            ("-00", false),
        ] {
            assert_eq!(json(text), Some(is), "{text}");
        }
    }

    #[test]
    fn values_follow_nulls() {
        let mut column = Column::new(Type::Long);
        column.push_null();
        assert!(Plain::read(b"5").is_some_and(|p| p.push(&mut column)));
        assert_eq!(
            (column.value(0), column.value(1)),
            (Value::Null, Value::Long(5))
        );
        let mut column = Column::new(Type::String);
        column.push_null();
        assert!(
            push_text(&mut column, "é") && !Plain::read(b"5").is_some_and(|p| p.push(&mut column))
        );
        assert_eq!(column.value(1), Value::from("é"));
    }

    #[test]
    fn one_of_two_bytes_is_found_at_every_place() {
        let ends = Ends::new([b',', b'\n']);
        for len in 0..20 {
            for end in [b',', b'\n'] {
                let mut text = vec![b'\x80'; len];
                text.push(end);
                text.extend_from_slice(b"\n,more text behind it");
                assert_eq!(ends.seek(&text, 0), Some(len));
                assert_eq!(ends.seek(&text, len), Some(len));
            }
            assert_eq!(ends.seek(&vec![b'-'; len], 0), None);
        }
    }

    #[test]
    fn the_end_of_a_text_is_found_at_every_place() {
        for len in 0..20 {
            for end in [b'"', b'\\', 0, 0x1f, b'\n'] {
                let mut text = vec![b'\x80'; len];
                text.push(end);
                text.extend_from_slice(b"\"more text behind it");
                assert_eq!(end_of_plain(&text, 0), Some(len));
            }
            assert_eq!(end_of_plain(&vec![b' '; len], 0), None);
        }
    }
}
