//! Slabs and sorted values.

use super::cells::Sample;
use super::*;
use crate::event::Str;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Entries {
    slab: Slab<Str>,
    model: BTreeMap<u32, Str>,
}

impl Subject for Entries {
    type Contents = BTreeMap<u32, Str>;

    fn empty(&self) -> Self {
        Entries::default()
    }

    fn holder(&mut self) -> &mut dyn StateHolder {
        &mut self.slab
    }

    fn change(&mut self, random: &mut Random) {
        let place = random.below(self.model.len() as u64) as usize;
        let held = self.model.keys().nth(place).copied();
        match (random.below(10), held) {
            (0..=3, Some(entry)) => {
                assert_eq!(Some(self.slab.remove(entry)), self.model.remove(&entry));
            }
            (4..=5, Some(entry)) => {
                let value = Str::sample(random);
                *self.slab.get_mut(entry) = value.clone();
                self.model.insert(entry, value);
            }
            _ => {
                let value = Str::sample(random);
                let entry = self.slab.insert(value.clone());
                assert_eq!(self.model.insert(entry, value), None);
            }
        }
    }

    fn clear(&mut self) {
        self.slab.clear();
        self.model.clear();
    }

    fn model(&mut self) -> &mut Self::Contents {
        &mut self.model
    }

    fn contents(&self) -> Self::Contents {
        let held = self.slab.held();
        held.map(|(entry, value)| (entry, value.clone())).collect()
    }

    fn check(&mut self) {
        assert_eq!(self.slab.len(), self.model.len());
    }
}

/// Keys from a small set, so that they repeat.
pub(super) trait Key: Cell + Ord + Debug {
    fn key(n: u64) -> Self;
}

impl Key for i64 {
    fn key(n: u64) -> Self {
        (n as i64 - 20) << (n % 40)
    }
}

impl Key for Str {
    fn key(n: u64) -> Self {
        Str::from("k".repeat(n as usize) + &n.to_string())
    }
}

pub(super) struct Sorted<K> {
    set: Multiset<K>,
    model: Vec<BTreeMap<K, u64>>,
}

impl<K: Key> Sorted<K> {
    pub(super) fn new() -> Self {
        Sorted {
            set: Multiset::default(),
            model: Vec::new(),
        }
    }
}

impl<K: Key> Subject for Sorted<K> {
    type Contents = Vec<BTreeMap<K, u64>>;

    fn empty(&self) -> Self {
        Sorted::new()
    }

    fn holder(&mut self) -> &mut dyn StateHolder {
        &mut self.set
    }

    fn change(&mut self, random: &mut Random) {
        let (slot, key) = (
            random.below(self.model.len() as u64) as usize,
            K::key(random.below(50)),
        );
        match random.below(60) {
            0..=4 if self.model.len() < 70 => {
                self.set.ensure(self.model.len() + 1);
                self.model.push(BTreeMap::new());
            }
            _ if self.model.is_empty() => {}
            5 => {
                self.set.reset(slot as Slot);
                self.model[slot].clear();
            }
            7..=30 => {
                let held = self.model[slot].get_mut(&key);
                assert_eq!(self.set.retract(slot as Slot, &key), held.is_some());
                if let Some(count) = held {
                    *count -= 1;
                }
                self.model[slot].retain(|_, count| *count > 0);
            }
            _ => {
                self.set.add(slot as Slot, &key);
                let count = self.model[slot].entry(key).or_insert(0);
                *count = count.saturating_add(1);
            }
        }
    }

    fn clear(&mut self) {
        self.set.clear();
        self.model.clear();
    }

    fn model(&mut self) -> &mut Self::Contents {
        &mut self.model
    }

    fn contents(&self) -> Self::Contents {
        let slots = 0..self.set.slots() as Slot;
        slots
            .map(|slot| {
                assert_eq!(
                    self.set.distinct(slot) as usize,
                    self.set.values(slot).len()
                );
                self.set.values(slot)
            })
            .collect()
    }
}

#[test]
fn slabs_are_what_they_were_at_the_cut() {
    drive(Entries::default, 1..60);
}

#[test]
fn sorted_values_are_what_they_were_at_the_cut() {
    drive(Sorted::<i64>::new, 1..60);
    drive(Sorted::<Str>::new, 1..30);
}
