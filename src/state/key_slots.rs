//! The keys of a [`KeyIndex`](super::KeyIndex) by slot: what of it survives.
//!
//! Form in a checkpoint: a byte per slot (0: no key, 1: NULL, 2: a key), then the keys: words of 8 bytes, or texts;
//! nothing where there is no key column.

use super::Slot;
use super::holder::private::Slotted;
use super::key_bytes::{double_of_key, encode_text, encode_word, parts_of_key};
use super::marks::Marks;
use super::reader::{Reader, put_texts, put_words, word};
use super::section::{Malformed, Slots};
use crate::event::{Column, Scalar, Str, Type};
use std::ops::Range;

/// What a slot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Held {
    #[default]
    Absent,
    Null,
    Key,
}

impl Held {
    fn read(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Held::Absent),
            1 => Some(Held::Null),
            2 => Some(Held::Key),
            _ => None,
        }
    }
}

/// What identifies a slot, by slot number; defaults where there is no key, or it is NULL.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// No key column: one slot.
    One,
    /// One column of integers or booleans.
    Word(Vec<u64>),
    /// One column of strings.
    Text(Vec<Str>),
    /// Any other columns, encoded.
    Bytes(Vec<Box<[u8]>>),
}

/// Runs an expression for whichever vector there is.
macro_rules! each_keys {
    ($keys:expr, $v:ident => $body:expr) => {
        match $keys {
            Keys::One => {}
            Keys::Word($v) => $body,
            Keys::Text($v) => $body,
            Keys::Bytes($v) => $body,
        }
    };
}

impl Keys {
    fn new(types: &[Type]) -> Self {
        match types {
            [] => Keys::One,
            [Type::Bool | Type::Int | Type::Long] => Keys::Word(Vec::new()),
            [Type::String] => Keys::Text(Vec::new()),
            _ => Keys::Bytes(Vec::new()),
        }
    }

    fn resize(&mut self, slots: usize) {
        each_keys!(self, v => v.resize(slots, Default::default()));
    }

    fn truncate(&mut self, slots: usize) {
        each_keys!(self, v => v.truncate(slots));
    }

    fn reset(&mut self, slot: usize) {
        each_keys!(self, v => v[slot] = Default::default());
    }

    /// Appends key `slot` of another of the same kind.
    fn push_from(&mut self, from: &Keys, slot: usize) {
        match (self, from) {
            (Keys::Word(to), Keys::Word(v)) => to.push(v[slot]),
            (Keys::Text(to), Keys::Text(v)) => to.push(v[slot].clone()),
            (Keys::Bytes(to), Keys::Bytes(v)) => to.push(v[slot].clone()),
            _ => {}
        }
    }
}

/// Keys that changed before a capture had them.
#[derive(Debug)]
struct HandedOver {
    slots: Vec<Slot>,
    held: Vec<Held>,
    keys: Keys,
}

impl HandedOver {
    fn new(types: &[Type]) -> Self {
        HandedOver {
            slots: Vec::new(),
            held: Vec::new(),
            keys: Keys::new(types),
        }
    }
}

/// Keys by slot number. All writes go through here, so that a checkpoint sees them.
#[derive(Debug)]
pub(super) struct KeySlots {
    types: Box<[Type]>,
    held: Vec<Held>,
    keys: Keys,
    marks: Marks,
    handed_over: HandedOver,
}

impl KeySlots {
    /// No slot yet.
    pub(super) fn new(types: &[Type]) -> Self {
        KeySlots {
            types: types.into(),
            held: Vec::new(),
            keys: Keys::new(types),
            marks: Marks::default(),
            handed_over: HandedOver::new(types),
        }
    }

    /// Number of slots.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn types(&self) -> &[Type] {
        &self.types
    }

    /// Appends the key of a slot to a column of its type, where keys have one; NULL where it has no key.
    pub(super) fn push_key(&self, slot: Slot, to: &mut Column) {
        let place = slot as usize;
        let ty = match (self.held(slot), &*self.types) {
            (Held::Key, [ty]) => *ty,
            _ => return to.push_null(),
        };
        match &self.keys {
            Keys::One => to.push_null(),
            Keys::Word(keys) => to.push_scalar(match ty {
                Type::Bool => Scalar::Bool(keys[place] != 0),
                Type::Int => Scalar::Int(keys[place] as i32),
                _ => Scalar::Long(keys[place] as i64),
            }),
            Keys::Text(keys) => to.push_scalar(Scalar::Text(&keys[place])),
            Keys::Bytes(keys) => match (double_of_key(&keys[place]), ty) {
                (Some(value), Type::Float) => to.push_scalar(Scalar::Float(value as f32)),
                (Some(value), _) => to.push_scalar(Scalar::Double(value)),
                (None, _) => to.push_null(),
            },
        }
    }

    #[inline]
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What a slot holds; nothing when there is no such slot.
    pub(super) fn held(&self, slot: Slot) -> Held {
        self.held.get(slot as usize).copied().unwrap_or_default()
    }

    /// Appends a slot without a key.
    pub(super) fn push(&mut self) -> Slot {
        let slot = self.held.len();
        self.held.push(Held::Absent);
        self.keys.resize(slot + 1);
        self.marks.grow(slot + 1);
        slot as Slot
    }

    /// Gives a slot NULL, or what has no key column.
    pub(super) fn set(&mut self, slot: Slot, held: Held) {
        self.touch(slot);
        self.held[slot as usize] = held;
    }

    /// Gives a slot a word.
    pub(super) fn set_word(&mut self, slot: Slot, key: u64) {
        self.set(slot, Held::Key);
        if let Keys::Word(keys) = &mut self.keys {
            keys[slot as usize] = key;
        }
    }

    /// Gives a slot a text.
    pub(super) fn set_text(&mut self, slot: Slot, key: Str) {
        self.set(slot, Held::Key);
        if let Keys::Text(keys) = &mut self.keys {
            keys[slot as usize] = key;
        }
    }

    /// Gives a slot encoded columns.
    pub(super) fn set_bytes(&mut self, slot: Slot, key: Box<[u8]>) {
        self.set(slot, Held::Key);
        if let Keys::Bytes(keys) = &mut self.keys {
            keys[slot as usize] = key;
        }
    }

    /// Takes the key of a slot away.
    pub(super) fn reset(&mut self, slot: Slot) {
        self.set(slot, Held::Absent);
        self.keys.reset(slot as usize);
    }

    /// Forgets all slots; keeps the memory.
    pub(super) fn clear(&mut self) {
        for slot in self.marks.needed() {
            self.hand_over(slot);
        }
        self.marks.clear();
        self.held.clear();
        self.keys.truncate(0);
    }

    /// Appends the columns at `positions` of a slot's key, as they are hashed to key groups; `None` when the slot
    /// has no key or there is no such column.
    pub(super) fn encode_columns(
        &self,
        slot: Slot,
        positions: &[usize],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (held, place) = (self.held(slot), slot as usize);
        if held == Held::Absent || positions.iter().any(|p| *p >= self.types.len()) {
            return None;
        }
        if let Keys::Bytes(keys) = &self.keys {
            let key = &keys[place];
            let parts = parts_of_key(key, &self.types)?;
            let columns = positions.iter().map(|p| &key[parts[*p].clone()]);
            columns.for_each(|column| out.extend_from_slice(column));
            return Some(());
        }
        for _ in positions {
            match &self.keys {
                _ if held == Held::Null => out.push(0),
                Keys::Word(keys) => encode_word(self.types[0], keys[place], out),
                Keys::Text(keys) => encode_text(&keys[place], out),
                Keys::One | Keys::Bytes(_) => {}
            }
        }
        Some(())
    }

    #[inline]
    fn touch(&mut self, slot: Slot) {
        if self.marks.is_untouched(slot) && self.marks.touch(slot) {
            self.hand_over(slot);
        }
    }

    fn hand_over(&mut self, slot: Slot) {
        self.handed_over.slots.push(slot);
        self.handed_over.held.push(self.held[slot as usize]);
        self.handed_over.keys.push_from(&self.keys, slot as usize);
    }
}

/// Whether a word is a value of the only type.
fn is_word(types: &[Type], word: u64) -> bool {
    match types {
        [Type::Bool] => word <= 1,
        [Type::Int] => i32::try_from(word as i64).is_ok(),
        _ => true,
    }
}

/// Appends the payload of some slots.
fn encode(
    held: &[Held],
    keys: &Keys,
    slots: impl ExactSizeIterator<Item = usize> + Clone,
    out: &mut Vec<u8>,
) {
    out.extend(slots.clone().map(|slot| held[slot] as u8));
    match keys {
        Keys::One => {}
        Keys::Word(v) => put_words(slots.map(|slot| v[slot]), out),
        Keys::Text(v) => put_texts(slots.map(|slot| v[slot].as_bytes()), out),
        Keys::Bytes(v) => put_texts(slots.map(|slot| &*v[slot]), out),
    }
}

impl Slotted for KeySlots {
    fn layout(&self) -> String {
        let types: Vec<&str> = self.types.iter().map(|t| t.name()).collect();
        format!("keys {}", types.join(" "))
    }

    fn slots(&self) -> usize {
        self.held.len()
    }

    fn slot_bytes(&self) -> usize {
        match self.keys {
            Keys::One => 1,
            Keys::Word(_) => 9,
            Keys::Text(_) | Keys::Bytes(_) => 25,
        }
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn encode_run(&self, run: Range<Slot>, out: &mut Vec<u8>) {
        let slots = run.start as usize..run.end as usize;
        encode(&self.held, &self.keys, slots, out);
    }

    fn encode_list(&self, slots: &[Slot], out: &mut Vec<u8>) {
        let slots = slots.iter().map(|slot| *slot as usize);
        encode(&self.held, &self.keys, slots, out);
    }

    fn handed_over(&self) -> usize {
        self.handed_over.slots.len()
    }

    fn handed_over_slots(&self, max: usize, slots: &mut Vec<Slot>) {
        let first = self.handed_over.slots.len().saturating_sub(max);
        slots.extend_from_slice(&self.handed_over.slots[first..]);
    }

    fn encode_handed_over(&mut self, count: usize, out: &mut Vec<u8>) {
        let over = &mut self.handed_over;
        let first = over.slots.len() - count;
        encode(&over.held, &over.keys, first..over.slots.len(), out);
        over.slots.truncate(first);
        over.held.truncate(first);
        over.keys.truncate(first);
    }

    fn drop_handed_over(&mut self) {
        self.handed_over = HandedOver::new(&self.types);
    }

    fn reset_to(&mut self, slots: usize) {
        self.held.clear();
        self.held.resize(slots, Held::Absent);
        self.keys.truncate(0);
        self.keys.resize(slots);
        self.marks = Marks::default();
        self.drop_handed_over();
    }

    fn decode(&mut self, slots: &Slots<'_>, mut payload: Reader<'_>) -> Result<(), Malformed> {
        let count = slots.len();
        let held = payload.bytes(count)?;
        let single = matches!(self.keys, Keys::Word(_) | Keys::Text(_));
        for (place, held) in held.iter().enumerate() {
            let slot = slots.get(place) as usize;
            let to = self.held.get_mut(slot);
            let to = to.ok_or_else(|| Malformed::new(format!("slot {slot} does not exist")))?;
            let held = Held::read(*held).filter(|held| single || *held != Held::Null);
            *to = held.ok_or_else(|| Malformed::new(format!("slot {slot} holds nonsense")))?;
        }
        let words = match &self.keys {
            Keys::Word(_) => payload.column(count, 8)?,
            _ => &[],
        };
        let mut texts = match &self.keys {
            Keys::Text(_) | Keys::Bytes(_) => Some(payload.texts(count)?),
            _ => None,
        };
        payload.end()?;
        for (place, held) in held.iter().enumerate() {
            let slot = slots.get(place) as usize;
            let text = texts.as_mut().and_then(Iterator::next).unwrap_or(&[]);
            let word = match words.is_empty() {
                true => 0,
                false => word(words, place),
            };
            self.decode_key(slot, *held == Held::Key as u8, word, text)
                .ok_or_else(|| Malformed::new(format!("the key of slot {slot} is malformed")))?;
        }
        Ok(())
    }
}

impl KeySlots {
    /// Writes a key that was read, or a default where there is none.
    fn decode_key(&mut self, slot: usize, is_key: bool, word: u64, text: &[u8]) -> Option<()> {
        if !is_key {
            self.keys.reset(slot);
            return (word == 0 && text.is_empty()).then_some(());
        }
        match &mut self.keys {
            Keys::One => {}
            Keys::Word(keys) => keys[slot] = is_word(&self.types, word).then_some(word)?,
            Keys::Text(keys) => keys[slot] = Str::from(std::str::from_utf8(text).ok()?),
            Keys::Bytes(keys) => {
                parts_of_key(text, &self.types)?;
                keys[slot] = text.into();
            }
        }
        Some(())
    }
}
