//! Key indexes in a checkpoint: what is checked and rebuilt when keys are read, and where keys belong.

use super::table::are_wide;
use super::{EMPTY, Held, KeyIndex, Keys, Slot};
use crate::event::Column;
use crate::state::Malformed;

/// Keys whose places are looked at before they are entered: as many loads as a core has under way at once.
const TOGETHER: usize = 32;

impl KeyIndex {
    /// Makes the table of the keys, at its size at once; no key stands twice.
    pub(super) fn rebuild(&mut self) -> Result<(), Malformed> {
        let slots = self.slots();
        self.free.clear();
        self.null = EMPTY;
        self.codes = None;
        if slots >= EMPTY as usize || (matches!(self.keys.keys(), Keys::One) && slots > 1) {
            return Err(Malformed::new(format!("{slots} keys are too many")));
        }
        for slot in (0..slots as Slot).rev() {
            match self.keys.held(slot) {
                Held::Absent => self.free.push(slot),
                Held::Null if self.null == EMPTY => self.null = slot,
                Held::Null => return Err(twice(slot)),
                Held::Key => {}
            }
        }
        let wide = matches!(self.keys.keys(), Keys::Word(words) if are_wide(words));
        self.table.reset(self.len(), wide);
        for first in (0..slots).step_by(TOGETHER) {
            let block = first as Slot..slots.min(first + TOGETHER) as Slot;
            self.look_at(block.clone());
            for slot in block {
                if self.keys.held(slot) == Held::Key {
                    self.enter(slot)?;
                }
            }
        }
        self.rebuild_parts();
        Ok(())
    }

    /// Brings the places of some slots' keys into the cache: their loads do not wait for each other, those of entering
    /// do.
    fn look_at(&self, slots: std::ops::Range<Slot>) {
        if let Keys::Word(keys) = self.keys.keys() {
            let slots = slots.start as usize..slots.end as usize;
            self.table.look_at(keys[slots].iter().copied());
        }
    }

    /// Enters a slot's key into the table.
    fn enter(&mut self, slot: Slot) -> Result<(), Malformed> {
        let key = slot as usize;
        let (word, place, found) = match self.keys.keys() {
            Keys::One => return Ok(()),
            Keys::Word(keys) => {
                let (place, found) = self.table.probe(keys[key], |_| true);
                (keys[key], place, found)
            }
            Keys::Text(keys) => {
                let hash = self.hash(keys[key].as_bytes());
                let is_key = |slot: Slot| keys[slot as usize] == keys[key];
                let (place, found) = self.table.probe(hash, is_key);
                (hash, place, found)
            }
            Keys::Bytes(keys) => {
                let hash = self.hash(&keys[key]);
                let is_key = |slot: Slot| keys[slot as usize] == keys[key];
                let (place, found) = self.table.probe(hash, is_key);
                (hash, place, found)
            }
        };
        if found.is_some() {
            return Err(twice(slot));
        }
        self.table.insert(place, word, slot, self.len());
        Ok(())
    }

    /// The slots that have a key, NULL among them.
    pub(crate) fn held_slots(&self) -> impl Iterator<Item = Slot> {
        let slots = 0..self.slots() as Slot;
        slots.filter(|slot| self.keys.held(*slot) != Held::Absent)
    }

    /// The slots of keys that are not kept, told by their columns at `positions`.
    pub(crate) fn not_kept(&self, positions: &[usize], keep: &dyn Fn(&[u8]) -> bool) -> Vec<Slot> {
        let mut key = Vec::new();
        let gone = |slot: &Slot| {
            key.clear();
            let known = self.keys.encode_columns(*slot, positions, &mut key);
            known.is_some() && !keep(&key)
        };
        self.held_slots().filter(gone).collect()
    }

    /// Forgets the keys that are not kept, as [`KeyIndex::not_kept`] tells them; returns their slots.
    pub(crate) fn remove_not_kept(
        &mut self,
        positions: &[usize],
        keep: &dyn Fn(&[u8]) -> bool,
    ) -> Vec<Slot> {
        let gone = self.not_kept(positions, keep);
        gone.iter().for_each(|slot| self.remove(*slot));
        gone
    }

    /// The columns at `positions` of the key of a slot; `None` when the slot has no key or there is no such column.
    #[cfg(test)]
    pub(crate) fn key_of(&self, slot: Slot, positions: &[usize]) -> Option<Vec<u8>> {
        let mut key = Vec::new();
        self.keys.encode_columns(slot, positions, &mut key)?;
        Some(key)
    }

    /// Appends the key of a slot to a column of its type, where keys are one column.
    pub(crate) fn push_key(&self, slot: Slot, to: &mut Column) {
        self.keys.push_key(slot, to);
    }
}

fn twice(slot: Slot) -> Malformed {
    Malformed::new(format!("the key of slot {slot} stands twice"))
}
