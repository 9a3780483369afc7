//! `stdDev(x)`, `variance(x)` and those of a sample: from the exact sums of the values and of their squares.
//!
//! How: the values of a group are whole numbers times one power of two, of 95 bits at most; their sum has 128 bits and
//! that of their squares 256. What is shown is `n Σx² − (Σx)²`, a difference of whole numbers, and what is divided and
//! rooted of it is rounded once. Equal values give 0, whatever has been there before. A value that is finer makes the
//! unit smaller; where values do not fit one unit, both sums move to numbers of many words, and return when they fit.
//! Cost: some multiplications of words per value, two or three divisions per result.

use super::decompose;
use super::spill::Spilled;
use super::twofold::Twofold;
use super::wide::{
    LEAST, SQUARE_WORDS, SUM_WORDS, Wide, bits, leading, multiply, step, subtract, trailing_zeros,
    window,
};
use crate::event::ColumnValue;
use crate::operator::COUNT_MAX;
use crate::operator::aggregate::Merging;
use crate::operator::aggregate::fold::Fold;
use crate::state::{Cell, Cells, Malformed};
use std::marker::PhantomData;

/// Bits of a value in units, so that squares of 2⁵⁶ rows fit.
const VALUE_BITS: i32 = 95;

/// Bits of both sums beyond which they are not made larger by a smaller unit.
const SUM_BITS: usize = 126;
const SQUARES_BITS: usize = 252;

/// The unit becomes smaller than it must, so that it need not soon again.
const FINER: i32 = 8;

/// Stands for the unit of sums that are beside.
const SPILLED: i32 = i32::MAX;

/// Number of values, and their sum and that of their squares in units of a power of two and its square.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    rows: u64,
    unit: i32,
    sum: i128,
    squares: [u64; 4],
}

/// Both sums in units of the least double and its square.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WideMoments {
    sum: Wide<SUM_WORDS>,
    squares: Wide<SQUARE_WORDS>,
}

/// A value as a sign, a whole number and an exponent of two.
pub(crate) trait Exact: ColumnValue + Copy {
    /// Bits of the whole number at most.
    const BITS: i32;
    fn exact(self) -> (bool, u64, i32);
    /// The nearest double.
    fn double(self) -> f64;
}
impl Exact for f64 {
    const BITS: i32 = 53;
    #[inline]
    fn exact(self) -> (bool, u64, i32) {
        decompose(self)
    }
    #[inline]
    fn double(self) -> f64 {
        self
    }
}
impl Exact for f32 {
    const BITS: i32 = 53;
    #[inline]
    fn exact(self) -> (bool, u64, i32) {
        decompose(self.into())
    }
    #[inline]
    fn double(self) -> f64 {
        self.into()
    }
}
impl Exact for i64 {
    const BITS: i32 = 64;
    #[inline]
    fn exact(self) -> (bool, u64, i32) {
        (self < 0, self.unsigned_abs(), 0)
    }
    #[inline]
    fn double(self) -> f64 {
        self as f64
    }
}
impl Exact for i32 {
    const BITS: i32 = 32;
    #[inline]
    fn exact(self) -> (bool, u64, i32) {
        (self < 0, self.unsigned_abs().into(), 0)
    }
    #[inline]
    fn double(self) -> f64 {
        self.into()
    }
}

/// The words of a square.
#[inline]
fn square(x: u128) -> [u64; 4] {
    let (low, high) = (u128::from(x as u64), x >> 64);
    let (mut words, cross) = ([0; 4], low * high);
    let first = low * low;
    words[0] = first as u64;
    let second = (first >> 64) + u128::from(cross as u64) * 2;
    words[1] = second as u64;
    let third = (second >> 64) + (cross >> 64) * 2 + u128::from((high * high) as u64);
    words[2] = third as u64;
    words[3] = ((third >> 64) + ((high * high) >> 64)) as u64;
    words
}

impl Moments {
    fn entry(&self) -> Option<u32> {
        (self.unit == SPILLED).then_some(self.sum as u32)
    }

    /// Adds a value, or takes it away.
    #[inline]
    fn change<T: Exact>(&mut self, beside: &mut Spilled<WideMoments>, value: T, leaves: bool) {
        let value = value.exact();
        let (negative, magnitude, exponent) = value;
        // Far from these where the sums are beside.
        let shift = exponent.wrapping_sub(self.unit);
        if !(0..=VALUE_BITS - T::BITS).contains(&shift)
            || !self.apply(negative, u128::from(magnitude) << shift, leaves)
        {
            self.change_slowly(beside, value, leaves);
        }
    }

    /// Adds a value in units, or takes it away; false, and nothing done, where the sum has no room.
    #[inline]
    fn apply(&mut self, negative: bool, units: u128, leaves: bool) -> bool {
        let signed = if negative != leaves {
            -(units as i128)
        } else {
            units as i128
        };
        let Some(sum) = self.sum.checked_add(signed) else {
            return false;
        };
        self.sum = sum;
        let mut carry = false;
        for (to, word) in self.squares.iter_mut().zip(square(units)) {
            (*to, carry) = step(*to, word, carry, leaves);
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn change_slowly(
        &mut self,
        beside: &mut Spilled<WideMoments>,
        (negative, magnitude, exponent): (bool, u64, i32),
        leaves: bool,
    ) {
        if magnitude == 0 {
            return;
        }
        if self.entry().is_none() {
            let zeros = magnitude.trailing_zeros() as i32;
            let (odd, least) = (magnitude >> zeros, exponent + zeros);
            self.make_finer(exponent - FINER, least);
            let shift = least - self.unit;
            let fits = shift >= 0 && shift + 64 - odd.leading_zeros() as i32 <= VALUE_BITS;
            if fits && self.apply(negative, u128::from(odd) << shift, leaves) {
                return;
            }
        }
        let entry = self.entry();
        let mut wide = self.wide(beside);
        let shift = (exponent - LEAST) as usize;
        let odd = u128::from(magnitude);
        wide.sum.add_shifted(odd, shift, negative != leaves);
        wide.squares.add_shifted(odd * odd, 2 * shift, leaves);
        self.keep(beside, wide, entry);
    }

    /// Makes the unit as small as is wished, or at least as small as it must be, if there is room.
    fn make_finer(&mut self, wished: i32, least: i32) {
        let wished = wished.max(LEAST);
        let room = SUM_BITS as i32 - (128 - self.sum.unsigned_abs().leading_zeros() as i32);
        let room = room.min((SQUARES_BITS as i32 - bits(&self.squares) as i32) / 2);
        if self.holds_nothing() {
            self.unit = wished;
            return;
        }
        let finer = match (self.unit - wished, self.unit - least) {
            (wished, _) if (0..=room).contains(&wished) => wished,
            (_, least) if (0..=room).contains(&least) => least,
            _ => return,
        };
        self.unit -= finer;
        self.sum <<= finer;
        let squares = self.squares;
        let bits = 2 * finer as usize;
        let (words, bits) = (bits / 64, bits % 64);
        for k in (0..4usize).rev() {
            let word = |k: usize| k.checked_sub(words).map_or(0, |k| squares[k]);
            let below = if bits == 0 {
                0
            } else {
                k.checked_sub(1).map_or(0, word) >> (64 - bits)
            };
            self.squares[k] = word(k) << bits | below;
        }
    }

    fn wide(&self, beside: &Spilled<WideMoments>) -> WideMoments {
        if let Some(entry) = self.entry() {
            return *beside.get(entry);
        }
        let mut wide = WideMoments::default();
        if self.holds_nothing() {
            return wide;
        }
        let shift = (self.unit - LEAST) as usize;
        let (low, high) = (window(&self.squares, 0), window(&self.squares, 128));
        wide.sum
            .add_shifted(self.sum.unsigned_abs(), shift, self.sum < 0);
        wide.squares.add_shifted(low, 2 * shift, false);
        wide.squares.add_shifted(high, 2 * shift + 128, false);
        wide
    }

    fn holds_nothing(&self) -> bool {
        self.sum == 0 && self.squares == [0; 4]
    }

    /// Holds these sums, here if they fit.
    fn keep(&mut self, beside: &mut Spilled<WideMoments>, wide: WideMoments, entry: Option<u32>) {
        match (wide.narrow(), entry) {
            (Some((unit, sum, squares)), entry) => {
                (self.unit, self.sum, self.squares) = (unit, sum, squares);
                if let Some(entry) = entry {
                    beside.remove(entry);
                }
            }
            (None, Some(entry)) => beside.set(entry, wide),
            (None, None) => {
                let entry = beside.insert(wide);
                (self.unit, self.sum, self.squares) = (SPILLED, entry.into(), [0; 4]);
            }
        }
    }

    fn merge(
        &mut self,
        beside: &mut Spilled<WideMoments>,
        other: &Self,
        theirs: &Spilled<WideMoments>,
    ) {
        self.rows += other.rows;
        if self.merge_here(*other) {
            return;
        }
        let entry = self.entry();
        let (mut wide, other) = (self.wide(beside), other.wide(theirs));
        wide.sum.add(&other.sum);
        wide.squares.add(&other.squares);
        self.keep(beside, wide, entry);
    }

    /// Adds other sums where none is beside and both fit one unit.
    fn merge_here(&mut self, mut other: Self) -> bool {
        if other.entry().or(self.entry()).is_some() {
            return false;
        }
        let unit = match (self.holds_nothing(), other.holds_nothing()) {
            (_, true) => return true,
            (true, _) => other.unit,
            _ => self.unit.min(other.unit),
        };
        self.make_finer(unit, unit);
        other.make_finer(unit, unit);
        if (self.unit, other.unit) != (unit, unit) || bits(&other.squares) > SQUARES_BITS {
            return false;
        }
        let Some(sum) = self.sum.checked_add(other.sum) else {
            return false;
        };
        let mut carry = false;
        for (to, word) in self.squares.iter_mut().zip(other.squares) {
            (*to, carry) = step(*to, word, carry, false);
        }
        self.sum = sum;
        true
    }

    /// The sum of squared distances from the mean times the number of rows, and its exponent of two.
    fn spread(&self, beside: &Spilled<WideMoments>) -> (u128, i32) {
        if let Some(entry) = self.entry() {
            return beside.get(entry).spread(self.rows);
        }
        let (mut all, mut carry) = ([0; 5], 0);
        for (to, word) in all.iter_mut().zip(self.squares) {
            let product = u128::from(word) * u128::from(self.rows) + carry;
            (*to, carry) = (product as u64, product >> 64);
        }
        all[4] = carry as u64;
        let mut borrow = false;
        for (to, word) in all
            .iter_mut()
            .zip(square(self.sum.unsigned_abs()).into_iter().chain([0]))
        {
            (*to, borrow) = step(*to, word, borrow, true);
        }
        // Below 0 only where what was loaded is nonsense.
        let k = all.iter().rposition(|word| *word != 0).filter(|_| !borrow);
        let Some(k) = k.map(|k| k.max(2)) else {
            return (0, 0);
        };
        let zeros = all[k].leading_zeros();
        let top = u128::from(all[k]) << 64 | u128::from(all[k - 1]);
        let below = u128::from(all[k - 2]) << 64;
        if zeros == 64 {
            let (top, exponent) = match u128::from(all[1]) << 64 | u128::from(all[0]) {
                whole if whole >> 125 == 0 => (whole, 0),
                _ => leading(&all),
            };
            return (top, exponent + 2 * self.unit);
        }
        // 124 bits: the lowest of them may tell of all below, since no tie is so long.
        let top = (top << zeros | (below >> (127 - zeros) >> 1)) >> 3;
        (top, 64 * (k as i32 - 1) - zeros as i32 + 3 + 2 * self.unit)
    }

    /// What is asked of them.
    fn value(&self, beside: &Spilled<WideMoments>, sample: bool, root: bool) -> Option<f64> {
        let by = self
            .rows
            .checked_sub(u64::from(sample))
            .filter(|n| *n > 0)?;
        let (top, exponent) = self.spread(beside);
        if top == 0 {
            return Some(0.0);
        }
        let odd = exponent & 1;
        let by = Twofold::whole(u128::from(self.rows) * u128::from(by));
        let variance = Twofold::whole(top << odd).over(by);
        let exponent = exponent - odd;
        if root {
            variance.root().scaled(exponent / 2)
        } else {
            variance.scaled(exponent)
        }
    }
}

impl WideMoments {
    /// Unit, sum and squares, if they fit a group's own.
    fn narrow(&self) -> Option<(i32, i128, [u64; 4])> {
        let (negative, sum) = self.sum.parts();
        let (_, squares) = self.squares.parts();
        let Some(zeros) = trailing_zeros(&squares) else {
            return Some((0, 0, [0; 4]));
        };
        let unit = (zeros / 2).min(trailing_zeros(&sum).unwrap_or(usize::MAX));
        if bits(&sum) > unit + SUM_BITS || bits(&squares) > 2 * unit + SQUARES_BITS {
            return None;
        }
        let sum = window(&sum, unit) as i128;
        let (low, high) = (window(&squares, 2 * unit), window(&squares, 2 * unit + 128));
        let words = [low, high].map(|x| [x as u64, (x >> 64) as u64]);
        let squares = [words[0][0], words[0][1], words[1][0], words[1][1]];
        Some((
            unit as i32 + LEAST,
            if negative { -sum } else { sum },
            squares,
        ))
    }

    fn spread(&self, rows: u64) -> (u128, i32) {
        let (_, sum) = self.sum.parts();
        let (_, squares) = self.squares.parts();
        let (mut all, mut square) = ([0; SQUARE_WORDS + 1], [0; 2 * SUM_WORDS]);
        multiply(&squares, &[rows], &mut all);
        multiply(&sum, &sum, &mut square);
        subtract(&mut all, &square);
        let (top, exponent) = leading(&all);
        (top, exponent + 2 * LEAST)
    }
}

impl Cell for Moments {
    const WORDS: usize = 8;

    fn layout() -> String {
        "exact moments".to_string()
    }

    #[inline]
    fn word(&self, k: usize) -> u64 {
        match k {
            0 => self.rows,
            1 => self.unit as u64,
            2 => self.sum as u64,
            3 => (self.sum >> 64) as u64,
            k => self.squares[k - 4],
        }
    }

    fn read(words: &[u64], _bytes: &[u8]) -> Option<Self> {
        let unit = i32::try_from(words[1] as i64).ok()?;
        let sum = (i128::from(words[3] as i64) << 64) | i128::from(words[2]);
        let fits = if unit == SPILLED {
            (0..=i128::from(u32::MAX)).contains(&sum)
        } else {
            // The finest double less what a unit is finer than it must be, and the coarsest one.
            (LEAST..=1024).contains(&unit) && sum != i128::MIN
        };
        let squares = [words[4], words[5], words[6], words[7]];
        let rows = words[0];
        (fits && rows <= COUNT_MAX).then_some(Moments {
            rows,
            unit,
            sum,
            squares,
        })
    }
}

impl Cell for WideMoments {
    const WORDS: usize = 1;
    const BYTES: bool = true;

    fn layout() -> String {
        format!("wide moments of {SUM_WORDS} and {SQUARE_WORDS} words")
    }

    /// The number of bytes of the sum.
    fn word(&self, _k: usize) -> u64 {
        let mut bytes = Vec::new();
        self.sum.bytes(&mut bytes);
        bytes.len() as u64
    }

    fn bytes(&self, out: &mut Vec<u8>) {
        self.sum.bytes(out);
        self.squares.bytes(out);
    }

    fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
        let (sum, squares) = bytes.split_at_checked(usize::try_from(words[0]).ok()?)?;
        Some(WideMoments {
            sum: Wide::read(&[], sum)?,
            squares: Wide::read(&[], squares)?,
        })
    }
}

/// Deviation (`ROOT`) or variance, of a sample (`SAMPLE`) or of the whole population: NULL when empty, and of a sample
/// of one.
pub(crate) struct Deviation<T, const SAMPLE: bool, const ROOT: bool>(PhantomData<T>);

impl<T: Exact, const SAMPLE: bool, const ROOT: bool> Fold for Deviation<T, SAMPLE, ROOT> {
    type In = T;
    type Cell = Moments;
    type Beside = Spilled<WideMoments>;
    type Out = f64;

    #[inline]
    fn add(cell: &mut Moments, beside: &mut Self::Beside, value: &T) {
        cell.rows += 1;
        cell.change(beside, *value, false);
    }

    #[inline]
    fn retract(cell: &mut Moments, beside: &mut Self::Beside, value: &T) {
        cell.rows = cell.rows.saturating_sub(1);
        cell.change(beside, *value, true);
    }

    fn merge(
        cell: &mut Moments,
        beside: &mut Self::Beside,
        other: &Moments,
        theirs: &Self::Beside,
    ) {
        cell.merge(beside, other, theirs);
    }

    const MERGING: Merging = Merging::AnyOrder;

    fn value(cell: &Moments, beside: &Self::Beside) -> Option<f64> {
        cell.value(beside, SAMPLE, ROOT)
    }

    fn forget(cell: &Moments, beside: &mut Self::Beside) {
        if let Some(entry) = cell.entry() {
            beside.remove(entry);
        }
    }

    fn check(cells: &Cells<Moments>, beside: &Self::Beside) -> Result<(), Malformed> {
        let slots = 0..cells.len() as u32;
        beside.check(slots.filter_map(|slot| cells.get(slot).entry()))
    }
}
