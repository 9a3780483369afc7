//! Key indexes of all kinds of keys.

use super::*;
use crate::event::{Column, Type, Value};
use std::collections::{BTreeMap, HashMap};

const KEYS: u64 = 150;

pub(super) struct Indexed {
    index: KeyIndex,
    types: &'static [Type],
    /// The encoded key of each slot.
    model: BTreeMap<Slot, Vec<u8>>,
}

impl Indexed {
    pub(super) fn new(types: &'static [Type]) -> Self {
        let mut index = KeyIndex::new(types);
        index.find_by(types.len().saturating_sub(1));
        Indexed {
            index,
            types,
            model: BTreeMap::new(),
        }
    }

    fn columns(&self, n: u64) -> Vec<Column> {
        let value = |(place, ty): (usize, &Type)| {
            let n = match (self.types.len(), place) {
                (1, _) => n,
                (_, 0) => n % 12,
                _ => n / 12,
            };
            let mut column = Column::new(*ty);
            let value = match ty {
                _ if n == 7 => Value::Null,
                Type::Bool => Value::Bool(n % 2 == 1),
                Type::Int => Value::Int(n as i32 - 9),
                Type::Long => Value::Long((n as i64 - 100) << (n % 50)),
                Type::Float => Value::Float(n as f32 / 3.0),
                Type::Double => Value::Double(n as f64 / 3.0),
                Type::String => Value::from("x".repeat(n as usize % 40) + &n.to_string()),
            };
            assert!(column.push(&value));
            column
        };
        self.types.iter().enumerate().map(value).collect()
    }

    /// Looks a key up; whether it is new.
    fn slot_of(&mut self, n: u64) -> (Slot, bool) {
        let columns = self.columns(n);
        let columns: Vec<&Column> = columns.iter().collect();
        let (mut slots, mut fresh) = (Vec::new(), Vec::new());
        self.index.slots_of(&columns, 1, &mut slots, &mut fresh);
        (slots[0], !fresh.is_empty())
    }

    fn encoded(&self, n: u64, positions: &[usize]) -> Vec<u8> {
        let columns = self.columns(n);
        let columns: Vec<&Column> = positions.iter().map(|p| &columns[*p]).collect();
        let mut key = Vec::new();
        encode_key(&columns, 0, &mut key);
        key
    }

    /// Forgets all keys that have the last column of this one.
    fn remove_known(&mut self, n: u64) {
        let Some(last) = self.types.len().checked_sub(1) else {
            return;
        };
        let value = self.encoded(n, &[last]);
        let mut want: Vec<Slot> = Vec::new();
        for n in 0..KEYS {
            if self.encoded(n, &[last]) != value {
                continue;
            }
            let key = self.encoded(n, &self.all());
            want.extend(
                self.model
                    .extract_if(.., |_, k| *k == key)
                    .map(|(slot, _)| slot),
            );
        }
        let mut gone = Vec::new();
        self.index.remove_known(&self.columns(n)[last], &mut gone);
        gone.sort_unstable();
        want.sort_unstable();
        assert_eq!(gone, want);
    }

    fn all(&self) -> Vec<usize> {
        (0..self.types.len()).collect()
    }
}

impl Subject for Indexed {
    type Contents = BTreeMap<Slot, Vec<u8>>;

    fn empty(&self) -> Self {
        Indexed::new(self.types)
    }

    fn holder(&mut self) -> &mut dyn StateHolder {
        &mut self.index
    }

    fn change(&mut self, random: &mut Random) {
        let n = random.below(KEYS);
        if random.below(40) == 0 {
            return self.remove_known(n);
        }
        let key = self.encoded(n, &self.all());
        let held = self.model.iter().find(|(_, k)| **k == key);
        let held = held.map(|(slot, _)| *slot);
        match (random.below(5), held) {
            (0..=1, Some(slot)) => {
                self.index.remove(slot);
                self.model.remove(&slot);
            }
            _ => {
                let (slot, fresh) = self.slot_of(n);
                assert_eq!(fresh, held.is_none());
                assert!(held.is_none_or(|held| held == slot));
                self.model.insert(slot, key);
            }
        }
    }

    fn clear(&mut self) {
        self.index.clear();
        self.model.clear();
    }

    fn model(&mut self) -> &mut Self::Contents {
        &mut self.model
    }

    fn contents(&self) -> Self::Contents {
        let held = self.index.held_slots();
        held.map(|slot| (slot, self.index.key(slot))).collect()
    }

    fn check(&mut self) {
        assert_eq!(self.index.len(), self.model.len());
        let slots = self.model.iter().map(|(slot, key)| (key.clone(), *slot));
        let slots: HashMap<Vec<u8>, Slot> = slots.collect();
        for n in 0..KEYS {
            let Some(held) = slots.get(&self.encoded(n, &self.all())).copied() else {
                continue;
            };
            assert_eq!(self.slot_of(n), (held, false));
            if let [ty] = self.types {
                let mut column = Column::new(*ty);
                self.index.push_key(held, &mut column);
                assert_eq!(column.value(0), self.columns(n)[0].value(0));
            }
            let mut positions = self.all();
            positions.reverse();
            while !positions.is_empty() {
                let want = key_group(&self.encoded(n, &positions));
                assert_eq!(
                    self.index.key_of(held, &positions).map(|k| key_group(&k)),
                    Some(want)
                );
                positions.pop();
            }
        }
        assert_eq!(self.index.key_of(0, &[self.types.len()]), None);
        assert_eq!(self.index.key_of(Slot::MAX, &[]), None);
    }
}

pub(super) const KINDS: &[&[Type]] = &[
    &[],
    &[Type::Bool],
    &[Type::Int],
    &[Type::Long],
    &[Type::String],
    &[Type::Double],
    &[Type::Long, Type::String],
    &[Type::Float, Type::Bool, Type::Int],
];

#[test]
fn keys_are_what_they_were_at_the_cut() {
    for types in KINDS {
        drive(|| Indexed::new(types), 1..6);
    }
}

#[test]
fn an_index_is_rebuilt_with_the_table_it_had() {
    let mut subject = Indexed::new(&[Type::Long]);
    let column = Column::from_data(crate::event::Data::Long((0..100_000).collect()));
    let (mut slots, mut fresh) = (Vec::new(), Vec::new());
    subject
        .index
        .slots_of(&[&column], column.len(), &mut slots, &mut fresh);
    let before = subject.index.entries();
    subject.holder().state(&mut Track { committed: false });
    let committed = capture(subject.holder());
    let loaded = committed.load(&subject).expect("it is sound");
    assert_eq!(loaded.index.len(), subject.index.len());
    assert!(loaded.index.entries() <= before);
}
