//! Trades: the input of all questions but Nexmark, the same on every machine.
//!
//! Ten events per millisecond, keys and prices uniform from a seed. Prices are whole numbers, so that a sum of them
//! is exact in whatever order it is taken, and 49 of 100 are above 50.

use eventflux::event::{Dictionary, Str, Timestamp};
use std::sync::Arc;

/// Rows of a batch that is sent as columns.
pub const BATCH_ROWS: usize = 1024;
/// Microseconds from one event to the next.
const GAP_US: i64 = 100;

/// A trade as the hand-written loops read it.
#[derive(Clone, Copy, Debug)]
pub struct Trade {
    /// Event time in milliseconds.
    pub ts: i64,
    /// What it is grouped by.
    pub key: i64,
    /// A whole number below 100.
    pub price: f64,
    /// Shares.
    pub vol: i64,
}

/// A trade whose key is a string of eight bytes.
#[derive(Clone, Debug)]
pub struct NamedTrade {
    /// What it is grouped by.
    pub sym: Str,
    /// A whole number below 100.
    pub price: f64,
}

/// Numbers that look random: xorshift64*, the same from the same seed.
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
    }
}

/// `n` trades of `keys` keys.
pub fn trades(n: usize, keys: usize) -> Vec<Trade> {
    let mut random = Random::new(1);
    (0..n)
        .map(|i| Trade {
            ts: at(i).millis(),
            key: random.below(keys as u64) as i64,
            price: random.below(100) as f64,
            vol: 1 + random.below(1000) as i64,
        })
        .collect()
}

/// One trade of each of `keys` keys, in an order that is not theirs.
pub fn each_key(keys: usize) -> Vec<Trade> {
    let of_key = |key| Trade {
        ts: 0,
        key,
        price: 1.0,
        vol: 1,
    };
    // In one piece: memory that was given back would be part of what questions of memory see.
    let mut trades: Vec<Trade> = (0..keys as i64).map(of_key).collect();
    let mut random = Random::new(2);
    for i in (1..keys).rev() {
        trades.swap(i, random.below(i as u64 + 1) as usize);
    }
    trades
}

/// The same trades with names for keys.
pub fn named(trades: &[Trade]) -> Vec<NamedTrade> {
    trades
        .iter()
        .map(|t| NamedTrade {
            sym: name(t.key),
            price: t.price,
        })
        .collect()
}

/// The names of so many keys, each with its key as code.
pub fn names(keys: usize) -> Result<Arc<Dictionary>, String> {
    Dictionary::new((0..keys as i64).map(name)).map_err(|e| e.to_string())
}

/// The name of a key, of eight bytes.
pub fn name(key: i64) -> Str {
    Str::new(&format!("SYM{key:05}"))
}

/// Timestamp of the event of this number.
pub fn at(number: usize) -> Timestamp {
    Timestamp(number as i64 * GAP_US)
}

/// The first eight bytes of a name as a word.
#[inline]
pub fn name_word(name: &str) -> u64 {
    name.as_bytes()
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_half_of_the_prices_pass() {
        let trades = trades(100_000, 1000);
        let passing = trades.iter().filter(|t| t.price > 50.0).count();
        assert!((48_000..50_000).contains(&passing), "{passing}");
        assert!(trades.iter().all(|t| (0..1000).contains(&t.key)));
        assert_eq!(trades[99_999].ts, 9999);
    }

    #[test]
    fn every_key_comes_once() {
        let mut keys: Vec<i64> = each_key(1000).iter().map(|t| t.key).collect();
        assert_ne!(keys[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        keys.sort_unstable();
        assert!(keys.iter().copied().eq(0..1000));
    }

    #[test]
    fn names_have_eight_bytes() {
        assert_eq!(name(7).as_str(), "SYM00007");
        assert_ne!(name_word(&name(7)), name_word(&name(8)));
    }
}
