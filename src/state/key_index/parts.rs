//! Keys of several columns, found by one of them: what a partition forgets of a key are all groups that have it.
//!
//! How: the bytes of that column have a number, and by it stand the slots of the keys that have them in a chain.
//! Nothing of it is state.
//! Cost: a second look-up for each key that is new, none for keys that are known; some 60 bytes for each different
//! value of the column, and 12 for each key.

use super::{KeyIndex, Slot};
use crate::event::{Column, Type};
use crate::state::Chains;
use crate::state::key_bytes::{encode_key, parts_of_key};

/// The keys of an index by one of their columns.
#[derive(Debug)]
pub(super) struct Parts {
    position: usize,
    /// Bytes of that column.
    values: KeyIndex,
    keys: Chains,
}

impl Parts {
    fn push(&mut self, types: &[Type], key: &[u8], slot: Slot) {
        let Some(part) = parts_of_key(key, types) else {
            return;
        };
        let value = &key[part[self.position].clone()];
        let (value, _) = self.values.slot_of_bytes(value);
        self.keys.ensure_keys(value as usize + 1);
        self.keys.push(value, slot);
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        if let Some(value) = self.keys.unlink(slot)
            && self.keys.count(value) == 0
        {
            self.values.remove(value);
        }
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.keys.clear();
    }
}

impl KeyIndex {
    /// From here on keys of several columns are found by this one of them, too.
    pub(crate) fn find_by(&mut self, position: usize) {
        if self.keys.types().len() > 1 {
            self.parts = Some(Box::new(Parts {
                position,
                // Encoded keys are bytes, whatever their type.
                values: KeyIndex::new(&[Type::Double]),
                keys: Chains::by_number(),
            }));
            self.rebuild_parts();
        }
    }

    /// Whether all keys that have a value are found by it: they are one column, or [`KeyIndex::find_by`] was called.
    pub(crate) fn finds_by_one(&self) -> bool {
        self.keys.types().len() == 1 || self.parts.is_some()
    }

    /// A key is new.
    #[inline]
    pub(super) fn note_parts(&mut self, key: &[u8], slot: Slot) {
        if let Some(parts) = &mut self.parts {
            parts.push(self.keys.types(), key, slot);
        }
    }

    pub(super) fn rebuild_parts(&mut self) {
        let Some(mut parts) = self.parts.take() else {
            return;
        };
        parts.clear();
        let all: Vec<usize> = (0..self.keys.types().len()).collect();
        let mut key = Vec::new();
        for slot in self.held_slots() {
            key.clear();
            if self.keys.encode_columns(slot, &all, &mut key).is_some() {
                parts.push(self.keys.types(), &key, slot);
            }
        }
        self.parts = Some(parts);
    }

    /// Forgets the keys that have one of the values of a column, each of which comes once; appends their slots.
    pub(crate) fn remove_known(&mut self, values: &Column, gone: &mut Vec<Slot>) {
        let first = gone.len();
        match &self.parts {
            None => self.find(&[values], values.len(), gone),
            Some(parts) => {
                let mut value = Vec::new();
                for row in 0..values.len() {
                    value.clear();
                    encode_key(&[values], row, &mut value);
                    gone.extend(parts.keys.rows(parts.values.find_bytes(&value)));
                }
            }
        }
        let mut known = first;
        for place in first..gone.len() {
            let slot = gone[place];
            if slot != super::EMPTY {
                self.remove(slot);
                gone[known] = slot;
                known += 1;
            }
        }
        gone.truncate(known);
    }
}
