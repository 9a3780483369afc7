//! What a slot may hold, and how it is written to a checkpoint.

use crate::event::{Str, Timestamp};

/// A value of a slot: some 64-bit words, and bytes where its size varies.
///
/// The words of all slots of a section are stored column by column, little-endian, then the lengths of the bytes and
/// the bytes. The encoding of a type is part of the on-disk format: another encoding is another name.
/// A type that may be absent is an `Option` of a cell: one more word.
pub trait Cell: Clone + Default + Send + 'static {
    /// Names the encoding.
    fn layout() -> String;
    /// Number of words, at most 16.
    const WORDS: usize;
    /// Whether bytes follow.
    const BYTES: bool = false;
    /// Word `k` of `WORDS`.
    fn word(&self, k: usize) -> u64;
    /// Appends the bytes.
    fn bytes(&self, _out: &mut Vec<u8>) {}
    /// The value of these words and bytes; `None` when there is no such value.
    ///
    /// Shape: `words` has `WORDS` elements; `bytes` is empty unless `BYTES`.
    fn read(words: &[u64], bytes: &[u8]) -> Option<Self>;
}

macro_rules! one_word {
    ($($ty:ty, $layout:literal, $to:expr, $from:expr;)*) => {$(
        impl Cell for $ty {
            const WORDS: usize = 1;
            fn layout() -> String {
                $layout.to_string()
            }
            #[inline]
            fn word(&self, _k: usize) -> u64 {
                let to: fn($ty) -> u64 = $to;
                to(*self)
            }
            #[inline]
            fn read(words: &[u64], _bytes: &[u8]) -> Option<Self> {
                let from: fn(u64) -> Option<$ty> = $from;
                from(words[0])
            }
        }
    )*};
}
one_word! {
    u64, "u64", |x| x, Some;
    u32, "u32", u64::from, |w| u32::try_from(w).ok();
    i64, "i64", |x| x as u64, |w| Some(w as i64);
    i32, "i32", |x| i64::from(x) as u64, |w| i32::try_from(w as i64).ok();
    bool, "bool", u64::from, |w| (w <= 1).then_some(w == 1);
    f64, "f64", f64::to_bits, |w| Some(f64::from_bits(w)).filter(|x| x.is_finite());
    f32, "f32", |x| u64::from(x.to_bits()),
        |w| u32::try_from(w).ok().map(f32::from_bits).filter(|x| x.is_finite());
    Timestamp, "time", |x| x.0 as u64, |w| Some(Timestamp(w as i64));
}

impl Cell for Str {
    const WORDS: usize = 0;
    const BYTES: bool = true;
    fn layout() -> String {
        "text".to_string()
    }
    fn word(&self, _k: usize) -> u64 {
        0
    }
    fn bytes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn read(_words: &[u64], bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Str::from)
    }
}

/// One word says whether there is a value; the words of an absent one are 0.
impl<T: Cell> Cell for Option<T> {
    const WORDS: usize = 1 + T::WORDS;
    const BYTES: bool = T::BYTES;
    fn layout() -> String {
        format!("{}?", T::layout())
    }
    #[inline]
    fn word(&self, k: usize) -> u64 {
        match (self, k) {
            (None, _) => 0,
            (Some(_), 0) => 1,
            (Some(value), k) => value.word(k - 1),
        }
    }
    fn bytes(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.bytes(out);
        }
    }
    fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
        match words.split_first()? {
            (0, _) => Some(None),
            (1, words) => T::read(words, bytes).map(Some),
            _ => None,
        }
    }
}
