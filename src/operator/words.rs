//! Values of a slot that are a few words, and counts.

use crate::state::{Malformed, Visitor};

/// Implements [`Cell`](crate::state::Cell): `words_cell!(type, "layout", number of words, |value| [words],
/// |words| value or None)`.
macro_rules! words_cell {
    ($ty:ty, $layout:literal, $count:literal, |$cell:ident| $to:expr, |$words:ident| $from:expr) => {
        impl $crate::state::Cell for $ty {
            const WORDS: usize = $count;
            fn layout() -> String {
                $layout.to_string()
            }
            #[inline]
            fn word(&self, k: usize) -> u64 {
                let $cell = self;
                let words: [u64; $count] = $to;
                words[k]
            }
            #[inline]
            fn read($words: &[u64], _bytes: &[u8]) -> Option<Self> {
                $from
            }
        }
    };
}
pub(crate) use words_cell;

/// Counts above this are nonsense: no run of rows is that long, and sums of counts stay in range.
pub(crate) const COUNT_MAX: u64 = 1 << 56;

/// A register that counts.
pub(crate) fn counter(visitor: &mut dyn Visitor, count: &mut u64) {
    visitor.register(count);
    check(visitor, count);
}

/// A register that counts and that older revisions lack.
pub(crate) fn newer_counter(visitor: &mut dyn Visitor, count: &mut u64) {
    visitor.newer_register(count);
    check(visitor, count);
}

fn check(visitor: &mut dyn Visitor, count: &u64) {
    if visitor.is_loading() && *count > COUNT_MAX {
        visitor.fail(Malformed::new(
            "something was counted more often than it can be",
        ));
    }
}
