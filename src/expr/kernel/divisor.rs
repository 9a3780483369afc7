//! The rest of a division by one number for all rows.
//!
//! Why: a division of 64 bits takes longer than everything else that a filter does with a row.
//! How: a quotient is the upper half of a product with a reciprocal that was made once. A magnitude has 63 bits, or is
//! 2⁶³; with `l` bits in the divisor less one, `⌈2^(63 + l) / d⌉` is off by less than `d ≤ 2^l`, which does not reach
//! the quotient, and fits 64 bits.
//! Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication", PLDI 1994.

/// A number other than 0, to divide by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    magnitude: u64,
    reciprocal: u64,
    shift: u32,
}

impl Divisor {
    /// None for 0, and for what leaves no rest.
    pub(super) fn of(divisor: i64) -> Option<Self> {
        let magnitude = divisor.unsigned_abs();
        if magnitude < 2 {
            return None;
        }
        let bits = 64 - (magnitude - 1).leading_zeros();
        let above = (1u128 << (63 + bits)).div_ceil(u128::from(magnitude));
        Some(Divisor {
            magnitude,
            reciprocal: u64::try_from(above).ok()?,
            shift: bits - 1,
        })
    }

    /// `x % d`, which has the sign of `x`.
    #[inline(always)]
    pub(super) fn rest(self, x: i64) -> i64 {
        let of = x.unsigned_abs();
        let product = u128::from(of) * u128::from(self.reciprocal);
        let quotient = (product >> 64) as u64 >> self.shift;
        let rest = (of - quotient * self.magnitude) as i64;
        if x < 0 { -rest } else { rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux_kit::Random;

    #[test]
    fn the_rest_is_that_of_a_division() {
        let mut random = Random::new(11);
        let mut any = || {
            (random.below(1u64 << 32) << 32 | random.below(1u64 << 32)) as i64
                >> random.below(64u64)
        };
        let edges = [
            2,
            3,
            5,
            7,
            10,
            123,
            641,
            i64::MAX,
            i64::MAX - 1,
            i64::MIN,
            i64::MIN + 1,
        ];
        let powers = (1..63).flat_map(|k| [1 << k, (1 << k) - 1, (1 << k) + 1]);
        let divisors: Vec<i64> = edges.into_iter().chain(powers).collect();
        let near: Vec<i64> = divisors
            .iter()
            .flat_map(|d| [*d, d.wrapping_neg()])
            .chain([0, 1, -1])
            .collect();
        let check = |x: i64, d: i64| {
            if let Some(divisor) = Divisor::of(d) {
                assert_eq!(divisor.rest(x), x.wrapping_rem(d), "{x} % {d}");
            }
        };
        for d in &near {
            near.iter().for_each(|x| check(*x, *d));
            (0..200).for_each(|_| check(any(), *d));
        }
        (0..100_000).for_each(|_| check(any(), any()));
        assert!([0, 1, -1].into_iter().all(|d| Divisor::of(d).is_none()));
    }
}
