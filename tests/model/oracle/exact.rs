//! Numbers without rounding: a DOUBLE is a whole multiple of 2^−1074.

use eventflux::event::Value;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

/// The exponent of the smallest DOUBLE above 0.
const UNIT: i32 = 1074;

/// A number as a multiple of the unit. No number: 0.
pub fn units(value: &Value) -> BigInt {
    match value {
        Value::Int(v) => BigInt::from(*v) << UNIT,
        Value::Long(v) => BigInt::from(*v) << UNIT,
        Value::Float(v) => units_of(f64::from(*v)),
        Value::Double(v) => units_of(*v),
        _ => BigInt::zero(),
    }
}

fn units_of(v: f64) -> BigInt {
    let bits = v.to_bits();
    let (exponent, fraction) = (bits >> 52 & 0x7FF, bits & ((1 << 52) - 1));
    let (mantissa, shift) = match exponent {
        0 => (fraction, 0),
        _ => (fraction | 1 << 52, exponent - 1),
    };
    let size = BigInt::from(mantissa) << shift;
    if v.is_sign_negative() { -size } else { size }
}

/// Count, sum and sum of squares of numbers.
pub struct Sums {
    count: BigInt,
    sum: BigInt,
    squares: BigInt,
}

impl Sums {
    pub fn of<'a>(values: impl Iterator<Item = &'a Value>) -> Self {
        let mut sums = Sums {
            count: BigInt::zero(),
            sum: BigInt::zero(),
            squares: BigInt::zero(),
        };
        for value in values {
            let units = units(value);
            sums.count += 1;
            sums.squares += &units * &units;
            sums.sum += units;
        }
        sums
    }

    /// The sum, rounded once; infinite beyond the greatest DOUBLE.
    pub fn sum(self) -> f64 {
        rounded(self.sum, BigInt::from(1) << UNIT)
    }

    pub fn mean(self) -> f64 {
        rounded(self.sum, self.count << UNIT)
    }

    /// The variance, rounded once: of all values, or as a sample of more. None of fewer than two as a sample.
    pub fn variance(self, sample: bool) -> Option<f64> {
        let over = &self.count * (&self.count - i32::from(sample));
        if !over.is_positive() {
            return None;
        }
        let deviations = &self.count * self.squares - &self.sum * &self.sum;
        Some(rounded(deviations, over << (2 * UNIT)))
    }
}

fn rounded(numerator: BigInt, denominator: BigInt) -> f64 {
    let ratio = BigRational::new_raw(numerator, denominator);
    ratio.to_f64().expect("a ratio of integers is a number")
}

/// The value below which a share of the values lies, on the line between the two nearest. `share` in percent.
pub fn percentile<'a>(values: impl Iterator<Item = &'a Value>, share: u8) -> Option<f64> {
    let mut sorted: Vec<&Value> = values.collect();
    sorted.sort_by(|a, b| a.order(b));
    let steps = sorted.len().checked_sub(1)? * usize::from(share);
    let (place, part) = (steps / 100, steps % 100);
    let low = units(sorted[place]);
    let high = sorted
        .get(place + 1)
        .map_or_else(|| low.clone(), |v| units(v));
    let between = &low * 100 + (high - low) * part;
    Some(rounded(between, BigInt::from(100) << UNIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(of: &[f64]) -> Vec<Value> {
        of.iter().map(|v| Value::Double(*v)).collect()
    }

    #[test]
    fn sums_are_rounded_once() {
        let sum = |of: &[f64]| Sums::of(doubles(of).iter()).sum();
        assert_eq!(sum(&[1e16, 1.0, -1e16]), 1.0);
        assert_eq!(sum(&[1e308, 1e308, -1e308]), 1e308);
        assert_eq!(sum(&[5e-324, 5e-324]), 1e-323);
        assert_eq!(sum(&[1e308, 1e308]), f64::INFINITY);
        assert_eq!(sum(&[-0.1, -0.2]), -0.30000000000000004);
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    fn variances_of_all_and_of_a_sample() {
        let variance = |of: &[f64], sample| Sums::of(doubles(of).iter()).variance(sample);
        assert_eq!(variance(&[1.0, 2.0], false), Some(0.25));
        assert_eq!(variance(&[1.0, 2.0], true), Some(0.5));
        assert_eq!(variance(&[1.0], true), None);
        assert_eq!(variance(&[1e9, 1e9], false), Some(0.0));
    }

    #[test]
    fn percentiles_lie_between_values() {
        let values = doubles(&[4.0, 1.0, 3.0, 2.0]);
        let of = |share| percentile(values.iter(), share);
        assert_eq!(
            [0, 25, 50, 90, 100].map(of),
            [1.0, 1.75, 2.5, 3.7, 4.0].map(Some)
        );
        assert_eq!(percentile([].iter(), 50), None);
    }
}
