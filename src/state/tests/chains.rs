//! Chains against a map from the printed key.

use super::*;
use crate::event::{Column, Scalar, Type, Value};
use std::collections::HashMap;

struct Model {
    types: &'static [Type],
    chains: Chains,
    rows: HashMap<String, Vec<Slot>>,
    /// By row, the key.
    keys: HashMap<Slot, String>,
    free: Vec<Slot>,
}

fn key(types: &[Type], n: u64) -> Vec<Value> {
    let value = |(place, ty): (usize, &Type)| match ty {
        _ if n % 23 == 7 + place as u64 => Value::Null,
        Type::String if types.len() > 1 => Value::from(format!("{:>30}", n / 8)),
        Type::String => Value::from("x".repeat(n as usize % 40) + &n.to_string()),
        Type::Double => Value::Double(n as f64 / 3.0),
        _ if types.len() > 1 => Value::Long(n as i64 % 8),
        _ => Value::Long((n as i64 - 60) << (n % 50)),
    };
    types.iter().enumerate().map(value).collect()
}

/// The name of a key, if no column of it is NULL.
fn name(key: &[Value]) -> Option<String> {
    (!key.contains(&Value::Null)).then(|| format!("{key:?}"))
}

impl Model {
    fn new(types: &'static [Type]) -> Self {
        Model {
            types,
            chains: Chains::new(types),
            rows: HashMap::new(),
            keys: HashMap::new(),
            free: (0..400).collect(),
        }
    }

    fn columns(&self, keys: &[Vec<Value>]) -> Vec<Column> {
        let column = |(place, ty): (usize, &Type)| {
            let mut column = Column::new(*ty);
            keys.iter()
                .for_each(|key| assert!(column.push(&key[place])));
            column
        };
        self.types.iter().enumerate().map(column).collect()
    }

    fn push_some(&mut self, random: &mut Random) {
        let nulls = random.once_in(2);
        let count = (random.below(9) as usize).min(self.free.len());
        let keys = std::iter::repeat_with(|| key(self.types, random.below(120)));
        let keys = keys.filter(|key| nulls || !key.contains(&Value::Null));
        let keys: Vec<Vec<Value>> = keys.take(count).collect();
        let columns = self.columns(&keys);
        let mut slots = vec![77];
        self.chains
            .slots_of(&columns.iter().collect::<Vec<_>>(), count, &mut slots);
        assert_eq!((slots[0], slots.len()), (77, count + 1));
        for (key, slot) in keys.iter().zip(&slots[1..]) {
            let row = self
                .free
                .swap_remove(random.below(self.free.len() as u64) as usize);
            self.chains.push(*slot, row);
            match name(key) {
                Some(name) => {
                    self.rows.entry(name.clone()).or_default().push(row);
                    self.keys.insert(row, name);
                }
                None => {
                    assert_eq!(*slot, Slot::MAX);
                    self.chains.remove(row);
                    self.free.push(row);
                }
            }
        }
    }

    fn push_one(&mut self, random: &mut Random) {
        let key = key(self.types, random.below(120));
        let scalars: Vec<Scalar<'_>> = key.iter().map(Scalar::from).collect();
        let known = self.chains.find_scalars(&scalars);
        let slot = self.chains.slot_of_scalars(&scalars);
        let Some(name) = name(&key) else {
            assert_eq!((known, slot), (None, Slot::MAX));
            return;
        };
        assert_eq!(known.is_some(), self.rows.contains_key(&name));
        assert!(known.is_none_or(|known| known == slot));
        match self.free.pop() {
            Some(row) if !random.once_in(5) => {
                self.chains.push(slot, row);
                self.rows.entry(name.clone()).or_default().push(row);
                self.keys.insert(row, name);
            }
            row => {
                self.free.extend(row);
                self.chains.release(slot);
                self.chains.release(slot);
            }
        }
    }

    fn remove(&mut self, random: &mut Random) {
        let row = random.below(400) as Slot;
        if random.once_in(2) {
            self.chains.remove(row);
        } else {
            let key = self.chains.unlink(row);
            assert_eq!(key.is_some(), self.keys.contains_key(&row));
            self.chains.release(key.unwrap_or(Slot::MAX));
        }
        if let Some(name) = self.keys.remove(&row) {
            let rows = self.rows.get_mut(&name).expect("it has rows");
            rows.retain(|other| *other != row);
            if rows.is_empty() {
                self.rows.remove(&name);
            }
            self.free.push(row);
        }
    }

    fn check(&self) {
        let keys: Vec<Vec<Value>> = (0..120).map(|n| key(self.types, n)).collect();
        let columns = self.columns(&keys);
        let mut slots = Vec::new();
        self.chains
            .find(&columns.iter().collect::<Vec<_>>(), keys.len(), &mut slots);
        assert_eq!(slots.len(), keys.len());
        for (key, slot) in keys.iter().zip(slots) {
            let scalars: Vec<Scalar<'_>> = key.iter().map(Scalar::from).collect();
            assert_eq!(
                self.chains.find_scalars(&scalars).unwrap_or(Slot::MAX),
                slot
            );
            let first = self.chains.first(slot);
            let rows: Vec<Slot> =
                std::iter::successors(first, |row| self.chains.next(*row)).collect();
            let want = name(key).and_then(|name| self.rows.get(&name));
            assert_eq!(&rows, want.unwrap_or(&Vec::new()), "{key:?}");
            assert!(self.chains.rows(slot).eq(rows.iter().copied()));
            assert_eq!(self.chains.count(slot), rows.len());
            assert_eq!(self.chains.last(slot), rows.last().copied());
            assert!(
                rows.iter()
                    .all(|row| self.chains.key_of(*row) == Some(slot))
            );
        }
        assert_eq!(self.chains.keys(), self.rows.len());
    }
}

fn drive(types: &'static [Type]) {
    let random = &mut Random::new(5);
    let mut model = Model::new(types);
    for step in 0..4_000 {
        match random.below(8) {
            0..=1 => model.push_some(random),
            2..=3 => model.push_one(random),
            _ => model.remove(random),
        }
        if step % 20 == 0 {
            model.check();
        }
        if step % 999 == 998 {
            model = Model {
                chains: model.chains,
                ..Model::new(types)
            };
            model.chains.clear();
        }
    }
}

#[test]
fn chains_hold_the_rows_of_a_key_in_order() {
    for types in [
        &[Type::Long] as &[Type],
        &[Type::String],
        &[Type::String, Type::Long],
        &[Type::Double],
        &[],
    ] {
        drive(types);
    }
}

#[test]
fn rows_in_the_slots_of_their_keys_need_no_lists_until_one_does() {
    let mut chains = Chains::new(&[Type::Long]);
    let push = |chains: &mut Chains, keys: &[Value], rows: &[Slot]| {
        let mut column = Column::new(Type::Long);
        keys.iter().for_each(|key| assert!(column.push(key)));
        let mut slots = Vec::new();
        chains.slots_of(&[&column], keys.len(), &mut slots);
        slots
            .iter()
            .zip(rows)
            .for_each(|(k, r)| chains.push(*k, *r));
    };
    let rows = |chains: &Chains| {
        [5, 9, 7, 0].map(|key| -> Vec<Slot> {
            let key = chains.find_scalars(&[Scalar::Long(key)]);
            let key = key.unwrap_or(Slot::MAX);
            let rows: Vec<Slot> = chains.rows(key).collect();
            let ends = (chains.first(key), chains.last(key), chains.count(key));
            assert_eq!(
                ends,
                (rows.first().copied(), rows.last().copied(), rows.len())
            );
            assert!(rows.iter().all(|row| chains.key_of(*row) == Some(key)));
            rows
        })
    };
    let long = Value::Long;
    push(&mut chains, &[long(5), long(0), long(7)], &[0, 1, 2]);
    chains.remove(1);
    push(&mut chains, &[Value::Null, long(9)], &[3, 1]);
    assert!(!chains.is_linked);
    assert_eq!(rows(&chains), [vec![0], vec![1], vec![2], vec![]]);
    push(&mut chains, &[long(9)], &[4]);
    assert!(chains.is_linked);
    assert_eq!(rows(&chains), [vec![0], vec![1, 4], vec![2], vec![]]);
    assert_eq!((chains.next(1), chains.next(4)), (Some(4), None));
    chains.remove(1);
    chains.remove(2);
    assert_eq!(rows(&chains), [vec![0], vec![4], vec![], vec![]]);
    chains.clear();
    push(&mut chains, &[long(7)], &[0]);
    assert!(!chains.is_linked);
    let key = chains.unlink(0);
    push(&mut chains, &[long(9)], &[1]);
    chains.release(key.unwrap_or(Slot::MAX));
    assert_eq!(rows(&chains), [vec![], vec![1], vec![], vec![]]);
    push(&mut chains, &[long(0)], &[2]);
    assert!(
        chains.is_linked,
        "the slot of a key that went is given again"
    );
    assert_eq!(rows(&chains), [vec![], vec![1], vec![], vec![2]]);
}
