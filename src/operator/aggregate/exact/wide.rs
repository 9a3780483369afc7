//! Whole numbers of many words: what an exact sum is kept in where two doubles do not hold it.
//!
//! A double is a whole number of 53 bits times a power of two, so sums of doubles, and of their squares, are whole
//! numbers times the least power there is. With room for all of them nothing is ever rounded, nothing overflows, and
//! what was added can be taken away again without a trace.

use crate::state::Cell;

/// Words of a sum of doubles: bits from 2⁻¹⁰⁷⁴ to 2¹⁰²⁴, 2⁵⁶ values, a sign.
pub(crate) const SUM_WORDS: usize = 34;

/// Words of a sum of their squares.
pub(crate) const SQUARE_WORDS: usize = 67;

/// The exponent of the least double: what a one stands for in a sum of doubles.
pub(super) const LEAST: i32 = -1074;

/// A whole number in two's complement, lowest word first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wide<const N: usize>([u64; N]);

impl<const N: usize> Default for Wide<N> {
    fn default() -> Self {
        Wide([0; N])
    }
}

impl<const N: usize> Wide<N> {
    /// Adds a magnitude times 2 to the `shift`, or takes it away. Wraps beyond all words.
    pub(super) fn add_shifted(&mut self, magnitude: u128, shift: usize, negative: bool) {
        let bits = shift % 64;
        let low = magnitude << bits;
        let high = if bits == 0 {
            0
        } else {
            (magnitude >> (128 - bits)) as u64
        };
        let words = [low as u64, (low >> 64) as u64, high];
        let places = self.0.iter_mut().skip(shift / 64);
        let mut carry = false;
        for (k, to) in places.enumerate() {
            let word = words.get(k).copied().unwrap_or(0);
            if k >= words.len() && !carry {
                break;
            }
            (*to, carry) = step(*to, word, carry, negative);
        }
    }

    /// Adds another number.
    pub(super) fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (to, word) in self.0.iter_mut().zip(&other.0) {
            (*to, carry) = step(*to, *word, carry, false);
        }
    }

    /// Takes another number away.
    pub(super) fn take_away(&mut self, other: &Self) {
        let mut carry = false;
        for (to, word) in self.0.iter_mut().zip(&other.0) {
            (*to, carry) = step(*to, *word, carry, true);
        }
    }

    /// Whether it is below 0, and its distance from 0.
    pub(super) fn parts(&self) -> (bool, [u64; N]) {
        let negative = self.0[N - 1] >> 63 == 1;
        if !negative {
            return (false, self.0);
        }
        let (mut magnitude, mut carry) = ([0; N], false);
        for (to, word) in magnitude.iter_mut().zip(&self.0) {
            (*to, carry) = step(0, *word, carry, true);
        }
        (true, magnitude)
    }
}

/// One word of a sum or a difference.
#[inline]
pub(super) fn step(to: u64, word: u64, carry: bool, negative: bool) -> (u64, bool) {
    let (half, first) = if negative {
        to.overflowing_sub(word)
    } else {
        to.overflowing_add(word)
    };
    let (whole, second) = if negative {
        half.overflowing_sub(u64::from(carry))
    } else {
        half.overflowing_add(u64::from(carry))
    };
    (whole, first | second)
}

/// Number of bits of a magnitude without leading zeros.
pub(super) fn bits(words: &[u64]) -> usize {
    let top = words.iter().rposition(|word| *word != 0);
    top.map_or(0, |k| 64 * (k + 1) - words[k].leading_zeros() as usize)
}

/// Number of zeros below the lowest bit that is set; `None` of zero.
pub(super) fn trailing_zeros(words: &[u64]) -> Option<usize> {
    let low = words.iter().position(|word| *word != 0)?;
    Some(64 * low + words[low].trailing_zeros() as usize)
}

/// The 128 bits of a magnitude from bit `from` on; zeros beyond its ends.
pub(super) fn window(words: &[u64], from: usize) -> u128 {
    let word = |k: usize| u128::from(words.get(k).copied().unwrap_or(0));
    let (k, bits) = (from / 64, from % 64);
    let low = word(k) | word(k + 1) << 64;
    if bits == 0 {
        low
    } else {
        low >> bits | word(k + 2) << (128 - bits)
    }
}

/// A magnitude as at most 125 bits times a power of two; bits lost are told by the lowest bit.
pub(super) fn leading(words: &[u64]) -> (u128, i32) {
    let below = bits(words).saturating_sub(125);
    let mut top = window(words, below);
    if trailing_zeros(words).is_some_and(|zeros| zeros < below) {
        top |= 1;
    }
    (top, below as i32)
}

/// Appends `a · b` to the product of earlier words: `out` has room for all words of both.
pub(super) fn multiply(a: &[u64], b: &[u64], out: &mut [u64]) {
    out.fill(0);
    for (i, x) in a.iter().enumerate().filter(|(_, x)| **x != 0) {
        let mut carry = 0u128;
        for (to, y) in out[i..]
            .iter_mut()
            .zip(b.iter().chain(std::iter::repeat(&0)))
        {
            let sum = u128::from(*x) * u128::from(*y) + u128::from(*to) + carry;
            *to = sum as u64;
            carry = sum >> 64;
        }
    }
}

/// Takes `b`, of no more words, from `a`; 0 where `b` is greater.
pub(super) fn subtract(a: &mut [u64], b: &[u64]) {
    let mut borrow = false;
    for (to, word) in a.iter_mut().zip(b.iter().chain(std::iter::repeat(&0))) {
        (*to, borrow) = step(*to, *word, borrow, true);
    }
    if borrow {
        a.fill(0);
    }
}

/// Bytes: how many words are left out below, which are 0, and how many follow, then these; above the last one its sign
/// goes on.
impl<const N: usize> Cell for Wide<N> {
    const WORDS: usize = 0;
    const BYTES: bool = true;

    fn layout() -> String {
        format!("whole number of {N} words")
    }

    fn word(&self, _k: usize) -> u64 {
        0
    }

    fn bytes(&self, out: &mut Vec<u8>) {
        let sign = ((self.0[N - 1] as i64) >> 63) as u64;
        let below = self.0.iter().take_while(|word| **word == 0).count();
        let goes_on = |word: &u64, next: u64| *word == sign && (next ^ sign) >> 63 == 0;
        let mut end = N;
        while end > below && goes_on(&self.0[end - 1], if end > 1 { self.0[end - 2] } else { 0 }) {
            end -= 1;
        }
        out.extend_from_slice(&[below as u8, (end - below) as u8]);
        for word in &self.0[below..end] {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn read(_words: &[u64], bytes: &[u8]) -> Option<Self> {
        let ([below, count], bytes) = bytes.split_first_chunk::<2>()?;
        let (below, end) = (*below as usize, *below as usize + *count as usize);
        let (chunks, rest) = bytes.as_chunks::<8>();
        if end > N || chunks.len() != end - below || !rest.is_empty() {
            return None;
        }
        let mut wide = Wide::default();
        for (to, word) in wide.0[below..end].iter_mut().zip(chunks) {
            *to = u64::from_le_bytes(*word);
        }
        let sign = if end > below {
            (wide.0[end - 1] as i64 >> 63) as u64
        } else {
            0
        };
        wide.0[end..].fill(sign);
        Some(wide)
    }
}
