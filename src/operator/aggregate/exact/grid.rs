//! Sums of rows whose numbers lie on one grid: plain additions of which none is rounded.
//!
//! How: numbers of like size are whole multiples of one unit. Each is cut at 2⁴⁰ units into a coarse and a fine part,
//! and so is the total. Over some thousands of rows neither the coarse parts nor the fine ones outgrow 2⁵³ of their
//! steps, so both sums are exact, and the sum of both is the total, rounded once. Whether numbers are like that is
//! seen before they are added.
//! Cost: an addition waits for one of the row before, not for four; each number is looked at once more.
//! Source: the cut is that of Rump, Ogita, Oishi, "Accurate Floating-Point Summation Part I: Faithful Rounding", SIAM
//! Journal on Scientific Computing 2008. Differs: the grid has an end, so that a second part holds all of the rest.

use super::wide::LEAST;
use crate::operator::aggregate::fold::AT_ONCE;

/// Bits of a fine part; as many of its sum are free for the rows as bits of a coarse one.
const FINE: i32 = 40;
/// Bits from the unit to what bounds the sum of all rows, and twice the total before them.
const SPAN: i32 = FINE + 52;
/// Numbers are compared so many at a time, which the processor does at once.
const LANES: usize = 8;

// Fine parts are at most 2³⁹ units.
const _: () = assert!(AT_ONCE <= 1 << 12);

/// What cuts the numbers of some rows.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Next to it doubles are as far apart as coarse parts are.
    coarse: f64,
    /// Next to it they are a unit apart.
    fine: f64,
}

impl Grid {
    /// The grid of some rows, at most [`AT_ONCE`] in all, and of a total before them, if they have one.
    pub(super) fn of<T: Copy + Into<f64>, const N: usize>(
        rows: [&[T]; N],
        high: f64,
        low: f64,
    ) -> Option<Grid> {
        let (mut most, mut least) = (0.0f64, f64::INFINITY);
        for values in rows {
            let (greatest, smallest) = sizes(values);
            (most, least) = (most.max(greatest), least.min(smallest));
        }
        let mut values = rows.iter().copied().flatten();
        let rows = AT_ONCE.ilog2() as i32;
        let top = (exponent(most) + 1 + rows).max(exponent(high) + 2);
        // No number is below the least one. NaN has the exponent of infinity: a total kept elsewhere has no grid.
        let top = top.max(LEAST + SPAN);
        if top > 1020 {
            return None;
        }
        let near = |exponent: i32| 1.5 * f64::from_bits(((1023 + exponent) as u64) << 52);
        let grid = Grid {
            coarse: near(top),
            fine: near(top - FINE),
        };
        // What is large enough is on the grid; what is smaller may be.
        let fits =
            exponent(least) - 52 >= top - SPAN || values.all(|value| grid.holds((*value).into()));
        (fits && grid.holds(high) && grid.holds(low)).then_some(grid)
    }

    /// The parts of a number, of which neither is −0 unless the number is.
    #[inline]
    pub(super) fn cut(self, x: f64) -> (f64, f64) {
        let coarse = (x + self.coarse) - self.coarse;
        (coarse, x - coarse)
    }

    fn holds(self, x: f64) -> bool {
        let (_, rest) = self.cut(x);
        (rest + self.fine) - self.fine == rest
    }
}

/// The greatest of the sizes of some numbers, and the least that is not 0.
fn sizes<T: Copy + Into<f64>>(values: &[T]) -> (f64, f64) {
    let (mut most, mut least) = ([0.0f64; LANES], [f64::INFINITY; LANES]);
    let mut see = |k: usize, value: T| {
        let size = value.into().abs();
        most[k] = if size > most[k] { size } else { most[k] };
        let size = if size == 0.0 { f64::INFINITY } else { size };
        least[k] = if size < least[k] { size } else { least[k] };
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        (0..LANES).for_each(|k| see(k, chunk[k]));
    }
    rest.iter().for_each(|value| see(0, *value));
    let most = most.into_iter().fold(0.0, f64::max);
    (most, least.into_iter().fold(f64::INFINITY, f64::min))
}

/// The exponent of the leading bit; −1023 of 0 and below the normal numbers, 1024 of what is no number.
fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_like_size_have_a_grid() {
        let least = f64::from_bits(1);
        let (alike, tiny) = (f64::from(1 << 26), 1.0 + f64::EPSILON);
        let cases: [(&[f64], f64, f64, bool); 18] = [
            (&[], 0.0, 0.0, true),
            (&[0.0, 0.0], 0.0, 0.0, true),
            (
                &[0.1, -99.99, 0.0, 0.0, 1.23, 4.5, 6.7, 8.9, 0.01],
                12.3,
                0.0,
                true,
            ),
            (&[0.1], 12.3, f64::EPSILON / 256.0, true),
            // The last digit of a total counts, that of a number too.
            (&[0.1], 12.3, 1e-40, false),
            (&[tiny, alike * tiny], 0.0, 0.0, true),
            (&[tiny, alike * tiny * 4.0], 0.0, 0.0, false),
            (&[tiny], alike * f64::from(1 << 12) * tiny, 0.0, true),
            (&[tiny], alike * f64::from(1 << 12) * 2.0 * tiny, 0.0, false),
            // Whole numbers lie on one grid far beyond.
            (&[1.0, 3.0, 1e18, -1e20], 1e21, 0.0, true),
            (&[1.0, 1e21], 0.0, 1.0, true),
            (&[1.0, 1e22, 1e25], 0.0, 0.0, false),
            (&[least, -f64::MIN_POSITIVE, least * 3.0], least, 0.0, true),
            (&[least, 1e-300], 0.0, 0.0, true),
            (&[least, 1e-290], 0.0, 0.0, false),
            (&[f64::MAX / 1e5], 0.0, 0.0, true),
            (&[1.0], f64::MAX, 0.0, false),
            // A total that is kept elsewhere.
            (&[1.0], f64::NAN, f64::from_bits(3), false),
        ];
        for (values, high, low, right) in cases {
            let grid = Grid::of([values], high, low);
            assert_eq!(grid.is_some(), right, "{values:?} to {high:e} and {low:e}");
        }
    }
}
