//! `sum(x)` and `avg(x)`: running totals. Those of floating-point numbers that may leave again are in `exact`.

use super::Merging;
use super::exact;
use super::fold::{Beside, Fold};
use crate::event::{ColumnValue, Sign};
use crate::operator::{COUNT_MAX, words_cell};
use crate::state::{Cell, Cells, Malformed};

/// Exact sum of integers: 128 bits in two halves, so that a group takes 24 bytes and not 32, and a count.
#[derive(Clone, Copy, Default)]
pub(crate) struct IntegerSum {
    low: u64,
    high: i64,
    rows: u64,
}

impl IntegerSum {
    #[inline]
    fn total(&self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }

    #[inline]
    fn average(&self) -> f64 {
        exact::average(self.total(), self.rows)
    }

    #[inline]
    fn set(&mut self, total: i128) {
        self.low = total as u64;
        self.high = (total >> 64) as i64;
    }
}

/// Sum of floating-point numbers in row order, where none leaves.
#[derive(Clone, Copy, Default)]
pub(crate) struct FloatSum {
    sum: f64,
    rows: u64,
}

// The total of `rows` values of 64 bits fits 126 bits.
words_cell!(
    IntegerSum,
    "integer sum",
    3,
    |c| [c.low, c.high as u64, c.rows],
    |w| {
        let fits = w[2] <= COUNT_MAX && (w[1] as i64).unsigned_abs() <= COUNT_MAX;
        fits.then(|| IntegerSum {
            low: w[0],
            high: w[1] as i64,
            rows: w[2],
        })
    }
);

// A sum that left the range of numbers is state like any other.
words_cell!(
    FloatSum,
    "float sum",
    2,
    |c| [c.sum.to_bits(), c.rows],
    |w| (w[1] <= COUNT_MAX).then(|| FloatSum {
        sum: f64::from_bits(w[0]),
        rows: w[1]
    })
);

impl FloatSum {
    #[inline]
    fn total(&self) -> f64 {
        self.sum
    }

    #[inline]
    fn average(&self) -> f64 {
        self.sum / self.rows as f64
    }

    #[inline]
    fn set(&mut self, total: f64) {
        self.sum = total;
    }
}

/// What sums share: a running total of some numbers.
pub(crate) trait Total: Cell {
    /// Type of the values of the argument.
    type In: ColumnValue;
    /// Type of the values of `sum`.
    type Sum: ColumnValue;
    /// What some totals keep elsewhere.
    type Beside: Beside;
    fn add(&mut self, beside: &mut Self::Beside, value: &Self::In);
    fn retract(&mut self, beside: &mut Self::Beside, value: &Self::In);
    /// See [`Fold::quick`].
    #[inline]
    fn quick(&mut self, _: &[Sign], _: &[Self::In], _show: impl FnMut(&Self)) -> bool {
        false
    }
    /// See [`Fold::quick_swap`].
    #[inline]
    fn quick_swap(&mut self, _: &[Self::In], _: &[Self::In], _show: impl FnMut(&Self)) -> bool {
        false
    }
    fn merge(&mut self, beside: &mut Self::Beside, other: &Self, theirs: &Self::Beside);
    /// See [`Fold::MERGING`].
    const MERGING: Merging;
    /// See [`Fold::unmerge`].
    fn unmerge(&mut self, beside: &mut Self::Beside, other: &Self, theirs: &Self::Beside);
    fn sum(&self, beside: &Self::Beside) -> Option<Self::Sum>;
    fn average(&self, beside: &Self::Beside) -> Option<f64>;
    fn forget(&self, _beside: &mut Self::Beside) {}
    fn check(_cells: &Cells<Self>, _beside: &Self::Beside) -> Result<(), Malformed> {
        Ok(())
    }
}

/// The totals of one element type.
macro_rules! totals {
    ($($name:ident: $in:ty => $cell:ident, $wide:ty, $out:ty, $merging:ident);*) => {$(
        #[doc = concat!("Running total of ", stringify!($in), " values.")]
        #[derive(Clone, Copy, Default)]
        pub(crate) struct $name($cell);

        impl Cell for $name {
            const WORDS: usize = $cell::WORDS;
            fn layout() -> String {
                $cell::layout()
            }
            #[inline]
            fn word(&self, k: usize) -> u64 {
                self.0.word(k)
            }
            fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
                $cell::read(words, bytes).map($name)
            }
        }

        impl Total for $name {
            type In = $in;
            type Sum = $out;
            type Beside = ();
            #[inline]
            fn add(&mut self, _beside: &mut (), value: &$in) {
                self.0.set(self.0.total() + <$wide>::from(*value));
                self.0.rows += 1;
            }
            #[inline]
            fn retract(&mut self, _beside: &mut (), value: &$in) {
                self.0.set(self.0.total() - <$wide>::from(*value));
                self.0.rows = self.0.rows.saturating_sub(1);
            }
            fn merge(&mut self, _beside: &mut (), other: &Self, _theirs: &()) {
                self.0.set(self.0.total() + other.0.total());
                self.0.rows += other.0.rows;
            }
            const MERGING: Merging = Merging::$merging;
            fn unmerge(&mut self, _beside: &mut (), other: &Self, _theirs: &()) {
                self.0.set(self.0.total() - other.0.total());
                self.0.rows = self.0.rows.saturating_sub(other.0.rows);
            }
            #[inline]
            fn sum(&self, _beside: &()) -> Option<$out> {
                if self.0.rows == 0 { None } else { narrow(self.0.total()) }
            }
            fn average(&self, _beside: &()) -> Option<f64> {
                if self.0.rows == 0 { None } else { narrow(self.0.average()) }
            }
        }
    )*};
}
totals!(IntTotal: i32 => IntegerSum, i128, i64, Inverse; LongTotal: i64 => IntegerSum, i128, i64, Inverse;
    FloatTotal: f32 => FloatSum, f64, f64, InOrder; DoubleTotal: f64 => FloatSum, f64, f64, InOrder);

/// A total as a result; `None` when it does not fit.
trait Narrow<T> {
    fn narrow(self) -> Option<T>;
}
impl Narrow<i64> for i128 {
    #[inline]
    fn narrow(self) -> Option<i64> {
        i64::try_from(self).ok()
    }
}
impl Narrow<f64> for f64 {
    #[inline]
    fn narrow(self) -> Option<f64> {
        self.is_finite().then_some(self + 0.0)
    }
}
#[inline]
fn narrow<T, W: Narrow<T>>(wide: W) -> Option<T> {
    wide.narrow()
}

/// `sum(x)`: NULL when empty or out of range.
pub(crate) struct Sum<T>(std::marker::PhantomData<T>);
impl<T: Total> Fold for Sum<T> {
    type In = T::In;
    type Cell = T;
    type Beside = T::Beside;
    type Out = T::Sum;
    #[inline]
    fn add(cell: &mut T, beside: &mut T::Beside, value: &T::In) {
        cell.add(beside, value);
    }
    #[inline]
    fn retract(cell: &mut T, beside: &mut T::Beside, value: &T::In) {
        cell.retract(beside, value);
    }
    #[inline]
    fn quick(cell: &mut T, signs: &[Sign], values: &[T::In], show: impl FnMut(&T)) -> bool {
        cell.quick(signs, values, show)
    }
    #[inline]
    fn quick_swap(cell: &mut T, values: &[T::In], left: &[T::In], show: impl FnMut(&T)) -> bool {
        cell.quick_swap(values, left, show)
    }
    fn merge(cell: &mut T, beside: &mut T::Beside, other: &T, theirs: &T::Beside) {
        cell.merge(beside, other, theirs);
    }
    const MERGING: Merging = T::MERGING;
    fn unmerge(cell: &mut T, beside: &mut T::Beside, other: &T, theirs: &T::Beside) {
        cell.unmerge(beside, other, theirs);
    }
    #[inline]
    fn value(cell: &T, beside: &T::Beside) -> Option<T::Sum> {
        cell.sum(beside)
    }
    fn forget(cell: &T, beside: &mut T::Beside) {
        cell.forget(beside);
    }
    fn check(cells: &Cells<T>, beside: &T::Beside) -> Result<(), Malformed> {
        T::check(cells, beside)
    }
}

/// `avg(x)`: NULL when empty.
pub(crate) struct Average<T>(std::marker::PhantomData<T>);
impl<T: Total> Fold for Average<T> {
    type In = T::In;
    type Cell = T;
    type Beside = T::Beside;
    type Out = f64;
    #[inline]
    fn add(cell: &mut T, beside: &mut T::Beside, value: &T::In) {
        cell.add(beside, value);
    }
    #[inline]
    fn retract(cell: &mut T, beside: &mut T::Beside, value: &T::In) {
        cell.retract(beside, value);
    }
    #[inline]
    fn quick(cell: &mut T, signs: &[Sign], values: &[T::In], show: impl FnMut(&T)) -> bool {
        cell.quick(signs, values, show)
    }
    #[inline]
    fn quick_swap(cell: &mut T, values: &[T::In], left: &[T::In], show: impl FnMut(&T)) -> bool {
        cell.quick_swap(values, left, show)
    }
    fn merge(cell: &mut T, beside: &mut T::Beside, other: &T, theirs: &T::Beside) {
        cell.merge(beside, other, theirs);
    }
    const MERGING: Merging = T::MERGING;
    fn unmerge(cell: &mut T, beside: &mut T::Beside, other: &T, theirs: &T::Beside) {
        cell.unmerge(beside, other, theirs);
    }
    #[inline]
    fn value(cell: &T, beside: &T::Beside) -> Option<f64> {
        cell.average(beside)
    }
    fn forget(cell: &T, beside: &mut T::Beside) {
        cell.forget(beside);
    }
    fn check(cells: &Cells<T>, beside: &T::Beside) -> Result<(), Malformed> {
        T::check(cells, beside)
    }
}
