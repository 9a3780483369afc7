//! Tables against maps, as they grow, and how far words stand from their homes.

use super::*;
use eventflux_kit::Random;
use std::collections::BTreeMap;

/// Words with the slot of each, in a table that holds them.
struct Filled {
    table: HashTable,
    slots: BTreeMap<u64, Slot>,
}

impl Filled {
    fn new() -> Self {
        let (table, slots) = (HashTable::new(), BTreeMap::new());
        Filled { table, slots }
    }

    fn insert(&mut self, word: u64, slot: Slot) {
        let (place, found) = self.table.probe(word, |_| true);
        assert_eq!(found, self.slots.get(&word).copied());
        if found.is_none() {
            self.slots.insert(word, slot);
            self.table.insert(place, word, slot, self.slots.len());
        }
    }

    fn check(&self) {
        let words: Vec<u64> = self.slots.keys().copied().collect();
        let (mut found, mut known) = (Vec::new(), Vec::new());
        self.table.find_all(words.iter().copied(), &mut found);
        assert_eq!(
            self.table.known(&words, |word| *word, &mut known),
            words.len()
        );
        let slots: Vec<Slot> = self.slots.values().copied().collect();
        assert!(found == slots && known == slots);
        let entries =
            each_entries!(&self.table.entries, v => v.iter().filter(|e| e.slot() != EMPTY).count());
        assert_eq!(entries, words.len());
    }

    /// Places that are looked at for a word, in the middle of all.
    fn probes(&self) -> f64 {
        let home = self.table.home;
        let probes = |at: usize, word: u64| home.distance(home.of(word), at) + 1;
        let all: usize = each_entries!(&self.table.entries, v => {
            let held = v.iter().enumerate().filter(|(_, e)| e.slot() != EMPTY);
            held.map(|(at, e)| probes(at, e.word())).sum()
        });
        all as f64 / self.slots.len() as f64
    }
}

/// Words of several kinds, by number.
const KINDS: &[fn(u64) -> u64] = &[
    |n| n,
    |n| (n as i64).wrapping_neg() as u64,
    |n| n << 10,
    |n| n << 32,
    |n| n << 44,
    |n| 1_700_000_000_000 + n * 1000,
    |n| Random::new(n).below(u64::MAX),
];

#[test]
fn words_are_found_while_others_come_and_go() {
    for (seed, kind) in (1..).zip(KINDS.iter().cycle().take(3 * KINDS.len())) {
        let mut random = Random::new(seed);
        let mut filled = Filled::new();
        for step in 0..30_000u32 {
            let word = kind(random.below(4000));
            match random.below(5) {
                0 | 1 => {
                    if let Some(slot) = filled.slots.remove(&word) {
                        filled.table.remove(word, slot);
                    }
                }
                _ => filled.insert(word, step),
            }
            if step % 5000 == 0 {
                filled.check();
            }
        }
        filled.check();
        filled.table.clear();
        filled.slots.clear();
        filled.check();
    }
}

/// Wherever a table is when it grows, and wherever its entries stand.
#[test]
fn a_table_grows_where_it_stands() {
    for kind in KINDS {
        let mut filled = Filled::new();
        for n in 0..100_000 {
            let room = filled.table.room();
            filled.insert(kind(n), n as Slot);
            if filled.table.room() != room {
                filled.check();
            }
        }
        filled.check();
        assert_eq!(filled.table.room(), 3 << 16);
    }
}

/// All at one place and the last ones, which stand in front of it: most of them wait.
#[test]
fn entries_far_from_home_find_a_place_when_it_grows() {
    let old = Home {
        multiplier: 1,
        room: 16,
    };
    let home = Home { room: 24, ..old };
    for word in [0, u64::MAX, u64::MAX / 2] {
        let mut entries = vec![Wide::NONE; old.room];
        for slot in 0..15 {
            let word = if slot % 5 == 4 { u64::MAX } else { word };
            enter(&mut entries, old, Wide::new(word, slot));
        }
        grow(&mut entries, home);
        for slot in 0..15 {
            let word = if slot % 5 == 4 { u64::MAX } else { word };
            assert_eq!(
                probe(&entries, home, word, |found| found == slot).1,
                Some(slot)
            );
        }
    }
}

/// At the highest load that there is. Random words take 2.0 (Knuth, TAOCP 6.4), consecutive ones hardly more than one.
#[test]
fn few_places_are_looked_at_for_a_word() {
    let full = (3 << 15) * 2 / 3;
    for (kind, most) in [(KINDS[0], 1.5), (KINDS[1], 1.5), (KINDS[6], 2.5)] {
        for _ in 0..3 {
            let mut filled = Filled::new();
            (0..full).for_each(|n| filled.insert(kind(n), n as Slot));
            assert_eq!(filled.table.room(), 3 << 15, "one more would be too many");
            let probes = filled.probes();
            assert!(probes < most, "{probes} places for a word");
        }
    }
}

#[test]
fn one_wide_word_makes_all_entries_wide() {
    let mut filled = Filled::new();
    for n in 0..100 {
        filled.insert(n, n as Slot);
    }
    assert!(matches!(filled.table.entries, Entries::Narrow(_)));
    filled.insert(1 << 31, 100);
    assert!(matches!(filled.table.entries, Entries::Wide(_)));
    filled.check();
    // A word that is as long as no entry is in none of them.
    assert_eq!(HashTable::new().find(1 << 40), EMPTY);
}
