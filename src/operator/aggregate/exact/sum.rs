//! `sum(x)` and `avg(x)` of floating-point numbers of which any may leave: the exact sum of those that are there.
//!
//! How: two doubles whose unrounded sum is the total. A value is added to the first, what the rounding took away to the
//! second; where that second sum was rounded too, which is checked beside the addition, the total does not fit two
//! doubles and moves to a number of many words, from which it returns when it fits again. What is shown is rounded
//! once. Order does not matter, nor what has left, nor sums beyond the range of numbers that come back.
//! Cost: some ten additions, of which four wait for those of the row before; see `grid` for rows of like size.

use super::decompose;
use super::grid::Grid;
use super::spill::Spilled;
use super::twofold::{Twofold, scale, two_sum};
use super::wide::{LEAST, SUM_WORDS, Wide, bits, leading};
use crate::event::{ColumnValue, Sign};
use crate::operator::COUNT_MAX;
use crate::operator::aggregate::Merging;
use crate::operator::aggregate::totals::Total;
use crate::state::{Cell, Cells, Malformed};
use std::marker::PhantomData;

type Sum = Wide<SUM_WORDS>;

/// A spilled sum returns, if it fits again, after so many changes, or when its group is empty.
const CHANGES: u64 = 16;

/// Fewer rows are not looked at together.
const FEW: usize = 8;

/// The total of some numbers: two doubles, or NaN and, as bits, the changes of a spilled sum and its number.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    high: f64,
    low: f64,
    rows: u64,
}

impl Pair {
    fn entry(self) -> Option<u32> {
        self.high.is_nan().then_some(self.low.to_bits() as u32)
    }

    #[inline]
    fn add(&mut self, beside: &mut Spilled<Sum>, x: f64) {
        let (high, error) = two_sum(self.high, x);
        let low = self.low + error;
        // Of both, the one that has the smaller term left tells whether the sum was rounded. NaN is neither.
        if low - self.low == error && low - error == self.low {
            (self.high, self.low) = (high, low);
        } else {
            *self = self.add_wide(beside, |wide| wide.add_double(x));
        }
    }

    /// By value, as all that is rare: a total whose place is known elsewhere does not stay in registers.
    #[cold]
    #[inline(never)]
    fn add_wide(mut self, beside: &mut Spilled<Sum>, add: impl FnOnce(&mut Sum)) -> Pair {
        let entry = self.entry();
        if let Some(entry) = entry {
            // Whether a spilled sum fits again is not asked at each change.
            let changes = (self.low.to_bits() >> 32) + 1;
            self.low = f64::from_bits(((changes % CHANGES) << 32) | u64::from(entry));
            if !changes.is_multiple_of(CHANGES) && self.rows > 0 {
                add(beside.get_mut(entry));
                return self;
            }
        }
        let mut wide = self.wide(beside);
        add(&mut wide);
        match (wide.pair(), entry) {
            (Some((high, low)), entry) => {
                (self.high, self.low) = (high, low);
                if let Some(entry) = entry {
                    beside.remove(entry);
                }
            }
            (None, Some(entry)) => beside.set(entry, wide),
            (None, None) => {
                (self.high, self.low) = (f64::NAN, f64::from_bits(beside.insert(wide).into()));
            }
        }
        self
    }

    fn wide(self, beside: &Spilled<Sum>) -> Sum {
        match self.entry() {
            Some(entry) => *beside.get(entry),
            None => {
                let mut wide = Sum::default();
                wide.add_double(self.high);
                wide.add_double(self.low);
                wide
            }
        }
    }

    /// The total, and an exponent of two, as a number in range.
    #[cold]
    fn rounded(self, beside: &Spilled<Sum>) -> (f64, i32) {
        let (negative, magnitude) = self.wide(beside).parts();
        let (top, exponent) = leading(&magnitude);
        (
            if negative { -(top as f64) } else { top as f64 },
            exponent + LEAST,
        )
    }
}

impl Sum {
    fn add_double(&mut self, x: f64) {
        let (negative, magnitude, exponent) = decompose(x);
        self.add_shifted(magnitude.into(), (exponent - LEAST) as usize, negative);
    }

    /// It as the sum of two doubles, if it is one.
    fn pair(&self) -> Option<(f64, f64)> {
        let mut rest = *self;
        let mut part = || {
            let (negative, magnitude) = rest.parts();
            let (top, exponent) = leading(&magnitude);
            let part = scale(top as f64, exponent + LEAST);
            let part = if negative { -part } else { part } + 0.0;
            part.is_finite().then(|| {
                rest.add_double(-part);
                part
            })
        };
        let (high, low) = (part()?, part()?);
        (bits(&rest.parts().1) == 0).then_some((high, low))
    }
}

/// A sum in range, or the entry of one beside.
impl Cell for Pair {
    const WORDS: usize = 3;

    fn layout() -> String {
        "exact sum".to_string()
    }

    #[inline]
    fn word(&self, k: usize) -> u64 {
        [self.high.to_bits(), self.low.to_bits(), self.rows][k]
    }

    fn read(words: &[u64], _bytes: &[u8]) -> Option<Self> {
        let [high, low] = [f64::from_bits(words[0]), f64::from_bits(words[1])];
        let is_zero_below = |x: f64| x == 0.0 && x.is_sign_negative();
        let fits = if high.is_nan() {
            words[1] >> 32 < CHANGES
        } else {
            high.is_finite() && low.is_finite() && !is_zero_below(high) && !is_zero_below(low)
        };
        let rows = words[2];
        (fits && rows <= COUNT_MAX).then_some(Pair { high, low, rows })
    }
}

/// Total of `T` values that may leave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExactTotal<T>(Pair, PhantomData<T>);

impl<T: Clone + Default + Send + 'static> Cell for ExactTotal<T> {
    const WORDS: usize = Pair::WORDS;
    fn layout() -> String {
        Pair::layout()
    }
    #[inline]
    fn word(&self, k: usize) -> u64 {
        self.0.word(k)
    }
    fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
        Pair::read(words, bytes).map(|pair| ExactTotal(pair, PhantomData))
    }
}

impl<T> Total for ExactTotal<T>
where
    T: ColumnValue + Copy + Into<f64>,
{
    type In = T;
    type Sum = f64;
    type Beside = Spilled<Sum>;

    #[inline]
    fn add(&mut self, beside: &mut Spilled<Sum>, value: &T) {
        self.0.rows += 1;
        self.0.add(beside, (*value).into());
    }

    #[inline]
    fn retract(&mut self, beside: &mut Spilled<Sum>, value: &T) {
        self.0.rows = self.0.rows.saturating_sub(1);
        self.0.add(beside, -(*value).into());
    }

    #[inline]
    fn quick(&mut self, signs: &[Sign], values: &[T], mut show: impl FnMut(&Self)) -> bool {
        // A few are added sooner than looked at.
        if values.len() < FEW {
            return false;
        }
        let mut rows = self.0.rows;
        // The cut of a total needs the nearest double as its high part.
        let (high, low) = two_sum(self.0.high, self.0.low);
        let Some(grid) = Grid::of([values], high, low) else {
            return false;
        };
        let (mut coarse, rest) = grid.cut(high);
        let mut fine = rest + low;
        for (sign, value) in signs.iter().zip(values) {
            let (more, rest) = grid.cut((*value).into());
            if *sign == Sign::Minus {
                (coarse, fine) = (coarse - more, fine - rest);
                rows = rows.saturating_sub(1);
                continue;
            }
            (coarse, fine) = (coarse + more, fine + rest);
            rows += 1;
            let (high, low) = (coarse, fine);
            show(&ExactTotal(Pair { high, low, rows }, PhantomData));
        }
        let (high, low) = two_sum(coarse, fine);
        self.0 = Pair { high, low, rows };
        true
    }

    #[inline]
    fn quick_swap(&mut self, values: &[T], leaving: &[T], mut show: impl FnMut(&Self)) -> bool {
        if values.len() < FEW {
            return false;
        }
        let mut rows = self.0.rows;
        let (high, low) = two_sum(self.0.high, self.0.low);
        let Some(grid) = Grid::of([values, leaving], high, low) else {
            return false;
        };
        let (mut coarse, rest) = grid.cut(high);
        let mut fine = rest + low;
        let (before, swapped) = values.split_at(values.len() - leaving.len());
        let mut show = |coarse, fine, rows| {
            let (high, low) = (coarse, fine);
            show(&ExactTotal(Pair { high, low, rows }, PhantomData));
        };
        for value in before {
            let (more, rest) = grid.cut((*value).into());
            (coarse, fine) = (coarse + more, fine + rest);
            rows += 1;
            show(coarse, fine, rows);
        }
        for (value, left) in swapped.iter().zip(leaving) {
            let (more, rest) = grid.cut((*value).into());
            let (less, gone) = grid.cut((*left).into());
            // Differences of parts are as exact as their sums, and do not wait for the row before.
            (coarse, fine) = (coarse + (more - less), fine + (rest - gone));
            rows = rows.saturating_sub(1) + 1;
            show(coarse, fine, rows);
        }
        let (high, low) = two_sum(coarse, fine);
        self.0 = Pair { high, low, rows };
        true
    }

    fn merge(&mut self, beside: &mut Spilled<Sum>, other: &Self, theirs: &Spilled<Sum>) {
        self.0.rows += other.0.rows;
        match other.0.entry() {
            None => {
                self.0.add(beside, other.0.high);
                self.0.add(beside, other.0.low);
            }
            Some(entry) => {
                self.0 = self.0.add_wide(beside, |wide| wide.add(theirs.get(entry)));
            }
        }
    }

    const MERGING: Merging = Merging::Inverse;

    fn unmerge(&mut self, beside: &mut Spilled<Sum>, other: &Self, theirs: &Spilled<Sum>) {
        self.0.rows = self.0.rows.saturating_sub(other.0.rows);
        match other.0.entry() {
            None => {
                self.0.add(beside, -other.0.high);
                self.0.add(beside, -other.0.low);
            }
            Some(entry) => {
                self.0 = self
                    .0
                    .add_wide(beside, |wide| wide.take_away(theirs.get(entry)));
            }
        }
    }

    #[inline]
    fn sum(&self, beside: &Spilled<Sum>) -> Option<f64> {
        let mut total = self.0.high + self.0.low;
        if !total.is_finite() {
            let (rounded, exponent) = self.0.rounded(beside);
            total = scale(rounded, exponent);
        }
        (self.0.rows > 0 && total.is_finite()).then_some(total)
    }

    #[inline]
    fn average(&self, beside: &Spilled<Sum>) -> Option<f64> {
        let (total, rest) = two_sum(self.0.high, self.0.low);
        let rows = Twofold(self.0.rows as f64, 0.0);
        let is_tame = total == 0.0 || (1e-250..1e290).contains(&total.abs());
        if self.0.rows == 0 || is_tame {
            return (self.0.rows > 0).then(|| Twofold(total, rest).over(rows).rounded());
        }
        // A sum that is out of range may have an average that is not.
        let (negative, magnitude) = self.0.wide(beside).parts();
        let (top, exponent) = leading(&magnitude);
        let average = Twofold::whole(top).over(rows).scaled(exponent + LEAST)?;
        Some(if negative { -average } else { average } + 0.0)
    }

    fn forget(&self, beside: &mut Spilled<Sum>) {
        if let Some(entry) = self.0.entry() {
            beside.remove(entry);
        }
    }

    fn check(cells: &Cells<Self>, beside: &Spilled<Sum>) -> Result<(), Malformed> {
        let slots = 0..cells.len() as u32;
        beside.check(slots.filter_map(|slot| cells.get(slot).0.entry()))
    }
}
