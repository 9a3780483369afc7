//! Numbers as the unrounded sum of two doubles: some 106 bits, enough to round once, at the end.
//!
//! Source: Dekker, "A Floating-Point Technique for Extending the Available Precision", Numerische Mathematik 1971.
//! Differs: nothing asks for a fused multiply-add, which is a call of a library where the processor may lack it.

/// A high part and what it lacks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twofold(pub(crate) f64, pub(crate) f64);

/// The sum of two numbers, rounded, and what the rounding took away; NaN where the sum overflows.
#[inline]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// The product of two numbers, rounded, and what the rounding took away; both far from the ends of the range.
#[inline]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    fn halves(x: f64) -> (f64, f64) {
        let shifted = x * 134_217_729.0;
        let high = shifted - (shifted - x);
        (high, x - high)
    }
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    let product = a * b;
    let rest = al * bl - (((product - ah * bh) - al * bh) - ah * bl);
    (product, rest)
}

impl Twofold {
    /// The leading 106 bits of a whole number.
    #[inline]
    pub(super) fn whole(x: u128) -> Twofold {
        const PART: i64 = (1 << 53) - 1;
        if x <= PART as u128 {
            return Twofold(x as i64 as f64, 0.0);
        }
        let zeros = x.leading_zeros();
        let x = x << zeros;
        let unit = f64::from_bits(u64::from(1023 + 75 - zeros) << 52);
        let high = (x >> 75) as i64 as f64;
        let low = ((x >> 22) as i64 & PART) as f64 / (1u64 << 53) as f64;
        Twofold(high * unit, low * unit)
    }

    /// The sum of its parts.
    #[inline]
    pub(super) fn rounded(self) -> f64 {
        self.0 + self.1
    }

    /// The quotient.
    #[inline]
    pub(super) fn over(self, by: Twofold) -> Twofold {
        let quotient = self.0 / by.0;
        let (product, rest) = two_product(quotient, by.0);
        let left = ((self.0 - product) - rest) + self.1 - quotient * by.1;
        let (high, low) = two_sum(quotient, left / by.0);
        Twofold(high, low)
    }

    /// The square root.
    #[inline]
    pub(super) fn root(self) -> Twofold {
        if self.0 <= 0.0 {
            return Twofold::default();
        }
        let root = self.0.sqrt();
        let (square, rest) = two_product(root, root);
        let left = ((self.0 - square) - rest) + self.1;
        Twofold(root, left / (2.0 * root))
    }

    /// The sum of its parts times a power of two; `None` beyond the range of numbers.
    #[inline]
    pub(super) fn scaled(self, exponent: i32) -> Option<f64> {
        let value = scale(self.rounded(), exponent);
        value.is_finite().then_some(value)
    }
}

/// Where between two numbers, `share` of the way from `low` to `high`, which is not smaller.
pub(crate) fn between(low: f64, high: f64, share: f64) -> f64 {
    // Numbers near the ends of the range are looked at from where they are not.
    let zoom = match low.abs().max(high.abs()) {
        size if size > 1e290 => scale(1.0, -64),
        size if size < 1e-200 => scale(1.0, 300),
        _ => 1.0,
    };
    let (low, high) = (low * zoom, high * zoom);
    let (span, rest) = two_sum(high, -low);
    let (step, lost) = two_product(span, share);
    let (near, off) = two_sum(low, step);
    let value = near + (off + (lost + rest * share));
    (value.clamp(low, high) + 0.0) / zoom
}

/// A number times a power of two.
#[inline]
pub(super) fn scale(mut x: f64, mut exponent: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((1023 + e) as u64) << 52);
    while exponent > 1023 && x != 0.0 && x.is_finite() {
        x *= power(1023);
        exponent -= 1023;
    }
    while exponent < -1022 && x != 0.0 {
        x *= power(-1022);
        exponent += 1022;
    }
    x * power(exponent.clamp(-1022, 1023))
}
