//! Keys that come as codes of a dictionary.
//!
//! Why: a text that was looked up once need not be hashed and compared again in each row and each batch.
//! How: by code stands the slot of its text, where it is known. A key that is forgotten is forgotten here, too, so
//! codes are remembered by slot. Nothing of it is state: after a restore it begins anew.
//! Cost: a load per row, and 4 bytes per text of the dictionary and per slot. Room for a dictionary is made when a
//! quarter as many rows have come with it as it has texts, so that one that is large and seldom, or new with each
//! batch, costs nothing that its rows do not pay for.

use super::{EMPTY, KNOWN_ROWS_MAX, KeyIndex, Slot, note};
use crate::event::Dictionary;
use std::sync::Arc;

/// The dictionary that keys came with last, and what is known by its codes.
#[derive(Debug)]
pub(super) struct Codes {
    dictionary: Arc<Dictionary>,
    /// Rows that came with it before there was room.
    rows: usize,
    /// By code, the slot of its text, or [`EMPTY`]; the last one is that of NULL. None until there is room.
    slots: Vec<Slot>,
    /// By slot, the place in `slots` where it stands; beyond all where it does not.
    places: Vec<u32>,
}

impl Codes {
    fn new(dictionary: &Arc<Dictionary>) -> Self {
        Codes {
            dictionary: Arc::clone(dictionary),
            rows: 0,
            slots: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Counts rows; makes room when they are enough.
    fn count(&mut self, rows: usize) {
        if self.slots.is_empty() {
            let texts = self.dictionary.texts().len();
            self.rows += rows;
            if self.rows >= texts / 4 {
                self.slots.resize(texts + 1, EMPTY);
            }
        }
    }

    /// Where a code stands.
    #[inline]
    fn place(&self, code: u32) -> usize {
        (code as usize).min(self.slots.len().wrapping_sub(1))
    }

    fn learn(&mut self, code: u32, slot: Slot) {
        let place = self.place(code);
        if let Some(known) = self.slots.get_mut(place) {
            *known = slot;
            let slots = self.places.len().max(slot as usize + 1);
            self.places.resize(slots, u32::MAX);
            self.places[slot as usize] = place as u32;
        }
    }

    /// A slot has no key any more.
    pub(super) fn forget(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            let place = std::mem::replace(place, u32::MAX);
            if let Some(known) = self.slots.get_mut(place as usize) {
                *known = EMPTY;
            }
        }
    }

    /// Appends the slots of the first codes as long as they are known; returns how many.
    #[inline]
    fn known(&self, codes: &[u32], out: &mut Vec<Slot>) -> usize {
        if self.slots.is_empty() {
            return 0;
        }
        let start = out.len();
        out.extend(codes.iter().map(|code| self.slots[self.place(*code)]));
        let known = out[start..].iter().position(|slot| *slot == EMPTY);
        out.truncate(start + known.unwrap_or(codes.len()));
        known.unwrap_or(codes.len())
    }
}

impl KeyIndex {
    /// As [`KeyIndex::texts`], of texts that come as codes.
    pub(super) fn codes(
        &mut self,
        dictionary: &Arc<Dictionary>,
        codes: &[u32],
        out: &mut Vec<Slot>,
        fresh: &mut Vec<(Slot, u32)>,
    ) {
        // It is put back below: what is done meanwhile takes no key away.
        let known = self.codes.take();
        let known = known.filter(|known| Arc::ptr_eq(&known.dictionary, dictionary));
        let mut known = known.unwrap_or_else(|| Box::new(Codes::new(dictionary)));
        known.count(codes.len());
        let mut row = 0;
        while row < codes.len() {
            let end = codes.len().min(row + KNOWN_ROWS_MAX);
            row += known.known(&codes[row..end], out);
            if row == end {
                continue;
            }
            let code = codes[row];
            let slot = match dictionary.text(code) {
                None => self.null_slot(),
                Some(text) => self.slot_of_text(text),
            };
            known.learn(code, slot.0);
            note(slot, row, out, fresh);
            row += 1;
        }
        self.codes = Some(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Column, Type, Value};
    use eventflux_kit::Random;

    /// Texts of a dictionary in an order of their own.
    fn dictionary(texts: usize, random: &mut Random) -> Arc<Dictionary> {
        let mut all: Vec<String> = (0..texts).map(|n| format!("key {n}")).collect();
        for place in 1..all.len() {
            all.swap(place, random.below(place as u64 + 1) as usize);
        }
        Dictionary::new(all).expect("no text stands twice")
    }

    fn plain(coded: &Column) -> Column {
        let mut plain = Column::new(Type::String);
        (0..coded.len()).for_each(|row| assert!(plain.push(&coded.value(row))));
        plain
    }

    /// An index that gets codes of several dictionaries gives the slots of one that gets their texts.
    #[test]
    fn codes_have_the_slots_of_their_texts() {
        for seed in 1..30 {
            let mut random = Random::new(seed);
            let dictionaries: Vec<_> = [1, 3, 40, 41, 900]
                .map(|texts| dictionary(texts, &mut random))
                .into();
            let mut both = [
                KeyIndex::new(&[Type::String]),
                KeyIndex::new(&[Type::String]),
            ];
            let mut shared = 0;
            for _ in 0..200 {
                if random.below(4) == 0 {
                    shared = random.below(5) as usize;
                }
                let dictionary = &dictionaries[shared];
                let texts = dictionary.texts().len() as u64;
                let code = |random: &mut Random| match random.below(9) {
                    0 => Dictionary::NULL,
                    _ => random.below(texts) as u32,
                };
                let rows = random.below(150) as usize;
                let codes = (0..rows).map(|_| code(&mut random)).collect();
                let column = Column::from_codes(dictionary, codes).expect("its codes");
                let columns = [plain(&column), column];
                let found = both.iter_mut().zip(&columns).map(|(index, column)| {
                    let (mut slots, mut fresh) = (Vec::new(), Vec::new());
                    index.slots_of(&[column], rows, &mut slots, &mut fresh);
                    let mut found = Vec::new();
                    index.find(&[column], rows, &mut found);
                    assert_eq!(found, slots);
                    (slots, fresh)
                });
                let found: Vec<_> = found.collect();
                assert_eq!(found[0], found[1], "seed {seed}");
                match random.below(12) {
                    0 => both.iter_mut().for_each(KeyIndex::clear),
                    1 => both
                        .iter_mut()
                        .for_each(|index| index.rebuild().expect("keys differ")),
                    _ => {}
                }
                for _ in 0..random.below(20) {
                    let slots = both[0].slots() as u64;
                    let slot = random.below(slots.max(1)) as Slot;
                    if both[0].holds(slot) {
                        both.iter_mut().for_each(|index| index.remove(slot));
                    }
                }
            }
            assert_eq!(plain_value(&both[0]), plain_value(&both[1]));
        }
    }

    fn plain_value(index: &KeyIndex) -> Vec<Value> {
        let mut keys = Column::new(Type::String);
        index
            .held_slots()
            .for_each(|slot| index.push_key(slot, &mut keys));
        (0..keys.len()).map(|row| keys.value(row)).collect()
    }
}
