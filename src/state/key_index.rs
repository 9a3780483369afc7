//! Key columns → slot number.
//!
//! Why: accumulators live in dense arrays by slot, so that a batch is looked up once and every aggregate then runs
//! over plain indexes.
//! How: a table of words (`key_index/table.rs`). For one BOOL, INT or LONG column the word is the value itself and an
//! equal word is an equal key; otherwise it is a hash of 32 bits, and the key is compared. NULL is a key as others are.
//! Strings and encoded keys are hashed by foldhash, which is seeded at random, as is the table.
//! Cost: 8 bytes per entry of the table, 12 where integers do not fit 32 bits, and the key itself.

mod codes;
mod find;
mod load;
mod parts;
mod table;
mod texts;

use super::key_bytes::{encode_key, encode_scalar};
use super::key_slots::{Held, KeySlots, Keys};
use super::{StateHolder, Visitor};
use crate::event::{Column, Data, Scalar, Type};
use codes::Codes;
use foldhash::fast::RandomState;
use parts::Parts;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use table::{EMPTY, HashTable};

/// Number of a key or value in a container.
pub type Slot = u32;

/// Rows looked up at once where all keys are expected to be known: 256 B of slots, 4 cache lines.
const KNOWN_ROWS_MAX: usize = 64;

/// The slots of the keys seen so far.
#[derive(Debug)]
pub(crate) struct KeyIndex {
    /// By slot. Everything else is an index of it.
    keys: KeySlots,
    table: HashTable,
    null: Slot,
    /// Slots without a key.
    free: Vec<Slot>,
    hasher: RandomState,
    /// Keys by one of their columns, where they are found by it.
    parts: Option<Box<Parts>>,
    /// Keys by code, where they come as codes.
    codes: Option<Box<Codes>>,
    scratch: Vec<u8>,
}

impl KeyIndex {
    /// An empty index of keys of these types.
    pub(crate) fn new(types: &[Type]) -> Self {
        KeyIndex {
            keys: KeySlots::new(types),
            table: HashTable::new(),
            null: EMPTY,
            free: Vec::new(),
            hasher: RandomState::default(),
            parts: None,
            codes: None,
            scratch: Vec::new(),
        }
    }

    /// Number of keys held.
    pub(crate) fn len(&self) -> usize {
        self.slots() - self.free.len()
    }

    /// One more than the greatest slot ever given.
    #[inline]
    pub(crate) fn slots(&self) -> usize {
        self.keys.len()
    }

    /// Appends the slot of each of the `rows` rows; new keys get a slot, and `(slot, row)` is appended to `fresh`.
    ///
    /// Allocates only for new keys.
    pub(crate) fn slots_of(
        &mut self,
        columns: &[&Column],
        rows: usize,
        out: &mut Vec<Slot>,
        fresh: &mut Vec<(Slot, u32)>,
    ) {
        out.reserve(rows);
        match (self.keys.keys(), columns) {
            (Keys::One, _) => {
                if self.len() == 0 && rows > 0 {
                    let slot = self.take_slot();
                    self.keys.set(slot, Held::Key);
                    fresh.push((slot, 0));
                }
                out.resize(out.len() + rows, 0);
            }
            (Keys::Word(_), [column]) => match column.data() {
                Data::Bool(v) => self.words(column, &v[..rows], |x| u64::from(*x), out, fresh),
                Data::Int(v) => self.words(column, &v[..rows], |x| *x as i64 as u64, out, fresh),
                Data::Long(v) => self.words(column, &v[..rows], |x| *x as u64, out, fresh),
                _ => unreachable!("the type of a key column never changes"),
            },
            (Keys::Text(_), [column]) => self.texts(column, rows, out, fresh),
            _ => self.bytes(columns, rows, out, fresh),
        }
    }

    /// The slot of one key; a new one gets a slot, which is the last or was free. Allocates only for new keys.
    #[inline]
    pub(crate) fn slot_of(&mut self, key: &[Scalar<'_>]) -> Slot {
        match (self.keys.keys(), key) {
            (Keys::One, _) if self.len() > 0 => 0,
            (Keys::One, _) => {
                let slot = self.take_slot();
                self.keys.set(slot, Held::Key);
                slot
            }
            (Keys::Word(_) | Keys::Text(_), [Scalar::Null]) => self.null_slot().0,
            (_, [Scalar::Bool(x)]) => self.slot_of_word(u64::from(*x)).0,
            (_, [Scalar::Int(x)]) => self.slot_of_word(*x as i64 as u64).0,
            (_, [Scalar::Long(x)]) => self.slot_of_word(*x as u64).0,
            (Keys::Text(_), [Scalar::Text(text)]) => self.slot_of_text(text).0,
            _ => {
                let mut bytes = std::mem::take(&mut self.scratch);
                bytes.clear();
                key.iter().for_each(|part| encode_scalar(*part, &mut bytes));
                let slot = self.slot_of_bytes(&bytes).0;
                self.scratch = bytes;
                slot
            }
        }
    }

    /// The key of a slot, encoded.
    #[cfg(test)]
    pub(super) fn key(&self, slot: Slot) -> Vec<u8> {
        let mut key = Vec::new();
        let all: Vec<usize> = (0..self.keys.types().len()).collect();
        let _ = self.keys.encode_columns(slot, &all, &mut key);
        key
    }

    /// Room in the table.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.table.room()
    }

    #[inline]
    fn words<T>(
        &mut self,
        column: &Column,
        values: &[T],
        word: impl Fn(&T) -> u64,
        out: &mut Vec<Slot>,
        fresh: &mut Vec<(Slot, u32)>,
    ) {
        let nulls = !column.valid().is_empty();
        let known = |index: &KeyIndex, rows: Range<usize>, out: &mut Vec<Slot>| match nulls {
            true => 0,
            false => index.table.known(&values[rows], &word, out),
        };
        let one = |index: &mut KeyIndex, row: usize| match nulls && column.is_null(row) {
            true => index.null_slot(),
            false => index.slot_of_word(word(&values[row])),
        };
        self.by_turns(values.len(), known, one, out, fresh);
    }

    /// Appends the slots of rows in pieces: those at the beginning of one that are known, which `known` appends and
    /// counts, then the others one by one. To go on with `known` behind a new key would look up all that follow anew
    /// for each: where all are new, a piece of them per key.
    #[inline]
    fn by_turns(
        &mut self,
        rows: usize,
        known: impl Fn(&KeyIndex, Range<usize>, &mut Vec<Slot>) -> usize,
        one: impl Fn(&mut KeyIndex, usize) -> (Slot, bool),
        out: &mut Vec<Slot>,
        fresh: &mut Vec<(Slot, u32)>,
    ) {
        let mut row = 0;
        while row < rows {
            let end = rows.min(row + KNOWN_ROWS_MAX);
            row += known(self, row..end, out);
            while row < end {
                note(one(self, row), row, out, fresh);
                row += 1;
            }
        }
    }

    /// The slot of a word, and whether it is new.
    #[inline]
    fn slot_of_word(&mut self, word: u64) -> (Slot, bool) {
        let (place, found) = self.table.probe(word, |_| true);
        match found {
            Some(slot) => (slot, false),
            None => {
                let slot = self.insert(place, word);
                self.keys.set_word(slot, word);
                (slot, true)
            }
        }
    }

    /// The slot of an encoded key, and whether it is new.
    fn slot_of_bytes(&mut self, key: &[u8]) -> (Slot, bool) {
        let hash = self.hash(key);
        let Keys::Bytes(keys) = self.keys.keys() else {
            unreachable!("this index has encoded keys")
        };
        let is_key = |slot: Slot| *keys[slot as usize] == *key;
        let (place, found) = self.table.probe(hash, is_key);
        match found {
            Some(slot) => (slot, false),
            None => {
                let slot = self.insert(place, hash);
                self.keys.set_bytes(slot, key.into());
                self.note_parts(key, slot);
                (slot, true)
            }
        }
    }

    fn bytes(
        &mut self,
        columns: &[&Column],
        rows: usize,
        out: &mut Vec<Slot>,
        fresh: &mut Vec<(Slot, u32)>,
    ) {
        let mut key = std::mem::take(&mut self.scratch);
        for row in 0..rows {
            key.clear();
            encode_key(columns, row, &mut key);
            note(self.slot_of_bytes(&key), row, out, fresh);
        }
        self.scratch = key;
    }

    /// The word of a key that is none itself: of its hash a number of 32 bits with a sign.
    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(bytes);
        hasher.finish() as i32 as i64 as u64
    }

    /// The slot of NULL, and whether it is new.
    fn null_slot(&mut self) -> (Slot, bool) {
        let is_new = self.null == EMPTY;
        if is_new {
            self.null = self.take_slot();
            self.keys.set(self.null, Held::Null);
        }
        (self.null, is_new)
    }

    fn take_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            let slots = self.keys.len();
            assert!(
                slots < EMPTY as usize - 1,
                "an index holds less than 4 G keys"
            );
            self.keys.push()
        })
    }

    #[cold]
    fn insert(&mut self, place: usize, word: u64) -> Slot {
        let slot = self.take_slot();
        self.table.insert(place, word, slot, self.len());
        slot
    }

    /// Forgets a key; its slot may be given to another.
    pub(crate) fn remove(&mut self, slot: Slot) {
        self.free.push(slot);
        if let Some(parts) = &mut self.parts {
            parts.remove(slot);
        }
        if let Some(codes) = &mut self.codes {
            codes.forget(slot);
        }
        let place = slot as usize;
        let word = match self.keys.keys() {
            _ if slot == self.null => None,
            Keys::One => None,
            Keys::Word(keys) => Some(keys[place]),
            Keys::Text(keys) => Some(self.hash(keys[place].as_bytes())),
            Keys::Bytes(keys) => Some(self.hash(&keys[place])),
        };
        self.keys.reset(slot);
        match word {
            Some(word) => self.table.remove(word, slot),
            None => self.null = EMPTY,
        }
    }

    /// Forgets all keys; keeps the memory.
    pub(crate) fn clear(&mut self) {
        if self.slots() > 0 {
            self.table.clear();
        }
        self.keys.clear();
        self.free.clear();
        self.null = EMPTY;
        self.codes = None;
        if let Some(parts) = &mut self.parts {
            parts.clear();
        }
    }
}

/// Appends the slot of a row.
#[inline]
fn note(
    (slot, is_new): (Slot, bool),
    row: usize,
    out: &mut Vec<Slot>,
    fresh: &mut Vec<(Slot, u32)>,
) {
    if is_new {
        fresh.push((slot, row as u32));
    }
    out.push(slot);
}

impl StateHolder for KeyIndex {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("keys", &mut self.keys);
        if visitor.is_loading()
            && let Err(fault) = self.rebuild()
        {
            visitor.fail(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use std::collections::HashMap;

    /// Random inserts and removals against a map from the printed key.
    fn check(types: &[Type], mut key: impl FnMut(u64) -> Vec<Value>) {
        let mut seed = 99u64;
        let mut index = KeyIndex::new(types);
        let mut model: HashMap<String, Slot> = HashMap::new();
        for step in 0..30_000 {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let values = key((seed >> 33) % 700);
            let name = format!("{values:?}");
            if step % 3 == 0 {
                if let Some(slot) = model.remove(&name) {
                    index.remove(slot);
                }
                continue;
            }
            let columns: Vec<Column> = types
                .iter()
                .zip(&values)
                .map(|(t, v)| {
                    let mut c = Column::new(*t);
                    assert!(c.push(v));
                    c
                })
                .collect();
            let (mut slots, mut fresh) = (Vec::new(), Vec::new());
            index.slots_of(
                &columns.iter().collect::<Vec<_>>(),
                1,
                &mut slots,
                &mut fresh,
            );
            assert_eq!(fresh.is_empty(), model.contains_key(&name));
            assert_eq!(*model.entry(name).or_insert(slots[0]), slots[0]);
            assert_eq!(index.len(), model.len());
        }
        assert!(model.len() > 200);
        index.clear();
        assert_eq!((index.len(), index.slots()), (0, 0));
    }

    #[test]
    fn slots_follow_a_map() {
        let long = |n: u64| {
            if n == 0 {
                Value::Null
            } else {
                Value::Long((n as i64 - 300) << (n % 50))
            }
        };
        let text = |n: u64| {
            if n == 0 {
                Value::Null
            } else {
                Value::from("x".repeat((n % 40) as usize) + &n.to_string())
            }
        };
        check(&[Type::Long], |n| vec![long(n)]);
        check(&[Type::String], |n| vec![text(n)]);
        check(&[Type::String, Type::Long], |n| {
            vec![text(n / 20), long(n % 20)]
        });
        check(&[Type::Double], |n| {
            vec![if n == 0 {
                Value::Null
            } else {
                Value::Double(n as f64 / 3.0)
            }]
        });
    }

    #[test]
    fn rows_of_a_batch_get_the_slots_that_they_get_one_by_one() {
        // New keys at the beginning of a piece, at its end, all over it, and nowhere.
        let rows = 5 * KNOWN_ROWS_MAX + 3;
        let is_new = |row: usize| match row / KNOWN_ROWS_MAX {
            0 => row == 0,
            1 => true,
            2 => row % KNOWN_ROWS_MAX == KNOWN_ROWS_MAX - 1,
            3 => row.is_multiple_of(7),
            _ => false,
        };
        for ty in [Type::Long, Type::String] {
            for null in [None, Some(2 * KNOWN_ROWS_MAX + 1)] {
                let mut column = Column::new(ty);
                for row in 0..rows {
                    let key = if is_new(row) { row } else { row / 3 % 8 };
                    assert!(column.push(&match ty {
                        _ if Some(row) == null => Value::Null,
                        Type::Long => Value::Long(key as i64),
                        _ => Value::from(key.to_string()),
                    }));
                }
                let (mut batch, mut single) = (KeyIndex::new(&[ty]), KeyIndex::new(&[ty]));
                let (mut slots, mut fresh) = (Vec::new(), Vec::new());
                batch.slots_of(&[&column], rows, &mut slots, &mut fresh);
                let mut expected = Vec::new();
                for (row, slot) in slots.iter().enumerate() {
                    let before = single.len();
                    assert_eq!(*slot, single.slot_of(&[column.scalar(row)]), "row {row}");
                    if single.len() > before {
                        expected.push((*slot, row as u32));
                    }
                }
                assert_eq!(fresh, expected);
                fresh.clear();
                let known = std::mem::take(&mut slots);
                batch.slots_of(&[&column], rows, &mut slots, &mut fresh);
                assert_eq!((slots, fresh), (known, Vec::new()));
            }
        }
    }
}
