//! Exact sums of doubles, and of their squares, whatever is added and taken away.

mod grid;
mod moments;
mod spill;
mod sum;
mod twofold;
mod wide;

pub(super) use moments::{Deviation, Exact};
pub(super) use sum::ExactTotal;
pub(super) use twofold::between;

/// A whole total over a number of rows, which is not 0.
#[inline]
pub(super) fn average(total: i128, rows: u64) -> f64 {
    if total.unsigned_abs() < 1 << 53 {
        return total as i64 as f64 / rows as f64;
    }
    let total_size = twofold::Twofold::whole(total.unsigned_abs());
    let average = total_size
        .over(twofold::Twofold(rows as f64, 0.0))
        .rounded();
    if total < 0 { -average } else { average }
}

/// A finite number as a sign, a whole number of at most 53 bits and an exponent of two.
#[inline]
fn decompose(x: f64) -> (bool, u64, i32) {
    let bits = x.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let (magnitude, exponent) = match (bits >> 52) as i32 & 0x7ff {
        0 => (fraction, wide::LEAST),
        biased => (fraction | 1 << 52, biased - 1075),
    };
    (bits >> 63 == 1, magnitude, exponent)
}
