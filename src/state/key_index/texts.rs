//! Keys of one string.
//!
//! Why: taken one by one, each row waits for its hash, then for its entry, then for its key.
//! How: in steps over some rows at a time: all hashes, all entries, all comparisons. A step has a loop of its own, in
//! which no row waits for the one before, so the loads of many are under way together. As long as keys are known that
//! is all; a row whose key is not known goes the long way.

use super::{KNOWN_ROWS_MAX, KeyIndex, Keys, Slot};
use crate::event::{Column, Data, Str};
use std::ops::Range;

impl KeyIndex {
    /// Appends the slots of a column of strings, as [`KeyIndex::slots_of`] does.
    pub(super) fn texts(
        &mut self,
        column: &Column,
        rows: usize,
        out: &mut Vec<Slot>,
        fresh: &mut Vec<(Slot, u32)>,
    ) {
        if let Some((dictionary, codes)) = column.codes() {
            return self.codes(dictionary, &codes[..rows], out, fresh);
        }
        let Data::String(values) = column.data() else {
            unreachable!("the type of a key column never changes")
        };
        let nulls = !column.valid().is_empty();
        let known = |index: &KeyIndex, rows: Range<usize>, out: &mut Vec<Slot>| match nulls {
            true => 0,
            false => index.known_texts(&values[rows], out),
        };
        let one = |index: &mut KeyIndex, row: usize| match nulls && column.is_null(row) {
            true => index.null_slot(),
            false => index.slot_of_text(&values[row]),
        };
        self.by_turns(rows, known, one, out, fresh);
    }

    /// Appends the slots of the first texts as long as they are known; returns how many. At most [`KNOWN_ROWS_MAX`].
    fn known_texts(&self, values: &[Str], out: &mut Vec<Slot>) -> usize {
        let start = out.len();
        let Keys::Text(keys) = self.keys.keys() else {
            unreachable!("this index has text keys")
        };
        self.candidates(values, out);
        // Where there is none, its slot is beyond all keys.
        let is_other = |(slot, text): (&Slot, &Str)| keys.get(*slot as usize) != Some(text);
        let known = out[start..].iter().zip(values).position(is_other);
        out.truncate(start + known.unwrap_or(values.len()));
        known.unwrap_or(values.len())
    }

    /// Appends, for each of at most [`KNOWN_ROWS_MAX`] texts, the slot of a key with its hash, or one beyond all.
    fn candidates(&self, values: &[Str], out: &mut Vec<Slot>) {
        let mut hashes = [0; KNOWN_ROWS_MAX];
        let hashes = &mut hashes[..values.len()];
        for (hash, text) in hashes.iter_mut().zip(values) {
            *hash = self.hash(text.as_bytes());
        }
        self.table.find_all(hashes.iter().copied(), out);
    }

    /// The slot of a text, and whether it is new.
    #[inline]
    pub(super) fn slot_of_text(&mut self, text: &Str) -> (Slot, bool) {
        let hash = self.hash(text.as_bytes());
        let Keys::Text(keys) = self.keys.keys() else {
            unreachable!("this index has text keys")
        };
        let is_key = |slot: Slot| keys[slot as usize] == *text;
        let (place, found) = self.table.probe(hash, is_key);
        match found {
            Some(slot) => (slot, false),
            None => {
                let slot = self.insert(place, hash);
                self.keys.set_text(slot, text.clone());
                (slot, true)
            }
        }
    }
}
