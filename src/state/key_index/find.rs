//! Looking keys up without making any.
//!
//! Why: whoever asks whether a key is there (a join, a condition on a table) must leave no key behind that holds
//! nothing.
//! Cost: that of a probe per row; no allocation, but for encoded keys of more than [`KEY_BYTES`], once per call.

use super::{EMPTY, Held, KeyIndex, Keys, Slot};
use crate::event::{Column, Data, Scalar, Str};
use crate::state::key_bytes::encode_scalar;
use smallvec::SmallVec;

/// Encoded keys up to this size stand on the stack while they are looked up: two texts of 23 bytes and four numbers.
const KEY_BYTES: usize = 96;

impl KeyIndex {
    /// Appends the slot of the key of each of the `rows` rows, and [`Slot::MAX`] where there is no such key.
    pub(crate) fn find(&self, columns: &[&Column], rows: usize, out: &mut Vec<Slot>) {
        out.reserve(rows);
        match (self.keys.keys(), columns) {
            (Keys::One, _) => out.resize(out.len() + rows, self.only()),
            (Keys::Word(_), [column]) => match column.data() {
                Data::Bool(v) => self.find_words(column, &v[..rows], |x| u64::from(*x), out),
                Data::Int(v) => self.find_words(column, &v[..rows], |x| *x as i64 as u64, out),
                Data::Long(v) => self.find_words(column, &v[..rows], |x| *x as u64, out),
                _ => unreachable!("the type of a key column never changes"),
            },
            (Keys::Text(keys), [column]) => {
                out.extend((0..rows).map(|row| match column.scalar(row) {
                    Scalar::Null => self.null,
                    Scalar::Text(text) => self.find_text(keys, text),
                    _ => unreachable!("the type of a key column never changes"),
                }));
            }
            _ => {
                let mut key = SmallVec::<[u8; KEY_BYTES]>::new();
                out.extend((0..rows).map(|row| {
                    key.clear();
                    columns
                        .iter()
                        .for_each(|column| encode_scalar(column.scalar(row), &mut key));
                    self.find_bytes(&key)
                }));
            }
        }
    }

    /// The slot of one key, if it is known.
    #[inline]
    pub(crate) fn find_scalars(&self, key: &[Scalar<'_>]) -> Option<Slot> {
        let slot = match (self.keys.keys(), key) {
            (Keys::One, _) => self.only(),
            (Keys::Word(_) | Keys::Text(_), [Scalar::Null]) => self.null,
            (Keys::Word(_), [Scalar::Bool(x)]) => self.table.find(u64::from(*x)),
            (Keys::Word(_), [Scalar::Int(x)]) => self.table.find(*x as i64 as u64),
            (Keys::Word(_), [Scalar::Long(x)]) => self.table.find(*x as u64),
            (Keys::Text(keys), [Scalar::Text(text)]) => self.find_text(keys, text),
            _ => {
                let mut bytes = SmallVec::<[u8; KEY_BYTES]>::new();
                key.iter().for_each(|part| encode_scalar(*part, &mut bytes));
                self.find_bytes(&bytes)
            }
        };
        (slot != EMPTY).then_some(slot)
    }

    /// The key of a slot, where keys are integers; 0 where it has none, or NULL.
    #[inline]
    pub(crate) fn word(&self, slot: Slot) -> u64 {
        match self.keys.keys() {
            Keys::Word(keys) => keys.get(slot as usize).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether the key of a slot is NULL.
    pub(crate) fn is_null(&self, slot: Slot) -> bool {
        self.keys.held(slot) == Held::Null
    }

    /// Whether a slot has a key.
    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.keys.held(slot) != Held::Absent
    }

    /// The slot of the only key, where keys have no columns.
    fn only(&self) -> Slot {
        match self.keys.held(0) {
            Held::Absent => EMPTY,
            _ => 0,
        }
    }

    #[inline]
    fn find_words<T>(
        &self,
        column: &Column,
        values: &[T],
        word: impl Fn(&T) -> u64,
        out: &mut Vec<Slot>,
    ) {
        let start = out.len();
        self.table.find_all(values.iter().map(word), out);
        // A NULL stands as 0, whose slot was found for it.
        for (slot, valid) in out[start..].iter_mut().zip(column.valid()) {
            if !valid {
                *slot = self.null;
            }
        }
    }

    #[inline]
    fn find_text(&self, keys: &[Str], text: &Str) -> Slot {
        let hash = self.hash(text.as_bytes());
        let is_key = |slot: Slot| keys[slot as usize] == *text;
        let found = self.table.probe(hash, is_key).1;
        found.unwrap_or(EMPTY)
    }

    pub(super) fn find_bytes(&self, key: &[u8]) -> Slot {
        let Keys::Bytes(keys) = self.keys.keys() else {
            unreachable!("this index has encoded keys")
        };
        let hash = self.hash(key);
        let is_key = |slot: Slot| *keys[slot as usize] == *key;
        let found = self.table.probe(hash, is_key).1;
        found.unwrap_or(EMPTY)
    }
}
