//! A bit per slot.
//!
//! Why not a byte: what is asked for every row lies in an eighth of the cache lines. A million groups take 122 KiB,
//! which stay in L2 beside the values.

use super::Slot;
use std::ops::Range;

const WORD: usize = u64::BITS as usize;

/// Bits by slot number; a new bit is unset.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    slots: usize,
}

/// Word and bit of a slot.
#[inline]
fn place(slot: usize) -> (usize, u32) {
    (slot / WORD, (slot % WORD) as u32)
}

/// The bits of a word that lie in a range of slots; `word` is one that the range touches.
#[inline]
fn mask(word: usize, range: &Range<usize>) -> u64 {
    let (first, last) = (word * WORD, word * WORD + WORD);
    let from = u64::MAX << range.start.saturating_sub(first);
    let to = u64::MAX >> last.saturating_sub(range.end);
    from & to
}

impl Bits {
    /// Bits below `slots` exist; none is lost.
    #[inline]
    pub(crate) fn grow(&mut self, slots: usize) {
        if self.slots < slots {
            self.slots = slots;
            self.words.resize(slots.div_ceil(WORD), 0);
        }
    }

    /// Number of bits.
    pub(crate) fn len(&self) -> usize {
        self.slots
    }

    /// Forgets all bits; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.slots = 0;
    }

    /// Whether the bit exists and is unset.
    #[inline]
    pub(crate) fn lacks(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot as usize);
        self.words.get(word).is_some_and(|w| w >> bit & 1 == 0)
    }

    /// Whether the bit exists and is set.
    #[inline]
    pub(crate) fn has(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot as usize);
        self.words.get(word).is_some_and(|w| w >> bit & 1 == 1)
    }

    /// Whether any of these bits, which must exist, is unset. No branch per slot but that of the bounds.
    #[inline]
    pub(crate) fn lacks_any(&self, slots: &[Slot]) -> bool {
        let unset = |any: u64, slot: &Slot| {
            let (word, bit) = place(*slot as usize);
            any | !self.words[word] >> bit
        };
        slots.iter().fold(0, unset) & 1 != 0
    }

    /// Panics where there is no such bit.
    #[inline]
    pub(crate) fn set(&mut self, slot: Slot) {
        let (word, bit) = place(slot as usize);
        self.words[word] |= 1 << bit;
    }

    /// Panics where there is no such bit.
    #[inline]
    pub(crate) fn unset(&mut self, slot: Slot) {
        let (word, bit) = place(slot as usize);
        self.words[word] &= !(1 << bit);
    }

    /// Panics where there are no such bits.
    pub(crate) fn unset_range(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        for word in range.start / WORD..range.end.div_ceil(WORD) {
            self.words[word] &= !mask(word, &range);
        }
    }

    /// How many bits from the start of the range on, and within it, are set, or unset.
    #[inline]
    pub(crate) fn run(&self, range: Range<usize>, set: bool) -> usize {
        let flip = if set { u64::MAX } else { 0 };
        if range.is_empty() {
            return 0;
        }
        for word in range.start / WORD..range.end.div_ceil(WORD) {
            let other = (self.words[word] ^ flip) & mask(word, &range);
            if other != 0 {
                return word * WORD + other.trailing_zeros() as usize - range.start;
            }
        }
        range.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux_kit::Random;

    #[test]
    fn bits_are_as_a_vector_of_bools() {
        let mut source = Random::new(1);
        let mut random = |n: usize| source.below(n);
        let (mut bits, mut bools) = (Bits::default(), Vec::new());
        assert!(!bits.lacks(0) && !bits.has(0) && !bits.lacks_any(&[]));
        for round in 0..20_000 {
            let slots = random(300).max(1);
            bits.grow(slots);
            bools.resize(bools.len().max(slots), false);
            let len = bools.len();
            let (a, b) = (random(len + 1), random(len + 1));
            let range = a.min(b)..a.max(b);
            let slot = random(len);
            match random(40) {
                0 => {
                    bits.unset_range(range.clone());
                    bools[range.clone()].fill(false);
                }
                1 => {
                    for at in range.clone() {
                        bits.set(at as Slot);
                        bools[at] = true;
                    }
                }
                2 if random(50) == 0 => {
                    bits.clear();
                    bools.clear();
                    continue;
                }
                n if n % 2 == 0 => {
                    bits.set(slot as Slot);
                    bools[slot] = true;
                }
                _ => {
                    bits.unset(slot as Slot);
                    bools[slot] = false;
                }
            }
            assert_eq!(bits.len(), len, "round {round}");
            assert_eq!(bits.has(slot as Slot), bools[slot]);
            assert_eq!(bits.lacks(slot as Slot), !bools[slot]);
            let some: Vec<Slot> = (0..5).map(|_| random(len) as Slot).collect();
            let lacks = some.iter().any(|slot| !bools[*slot as usize]);
            assert_eq!(bits.lacks_any(&some), lacks);
            for set in [false, true] {
                let run = bools[range.clone()].iter().take_while(|b| **b == set);
                assert_eq!(bits.run(range.clone(), set), run.count(), "round {round}");
            }
        }
    }
}
