//! The table of a key index: where the slot of a key is found.
//!
//! How: open addressing with linear probing and backward-shift deletion. An entry is a word and a slot. A place is the
//! top of the word's product with an odd number (Knuth, TAOCP 6.4), scaled to the room, which need not be a power of
//! two (Lemire, TOMACS 2019). The number is drawn at random, so that keys chosen by an adversary do not collide on
//! purpose, among those that keep consecutive integers apart in tables of any size, as dense ids are the most common
//! key. A table that does not fit the caches is looked up in two steps: the places of some words are loaded, which
//! waits for no comparison, then they are compared.
//! Words mostly are numbers of 32 bits with a sign, and then an entry takes 8 bytes. The first one that is not has the
//! table made anew, with 12 bytes per entry: packed, as 16 would be a third more to miss in.
//! A table grows where it stands: places keep their order when the room grows, so from the last entry to the first each
//! goes to where none is left that has to go.
//! Cost: that of an entry at a load of 1/8 to 1/4 in small tables and 1/2 to 2/3 in large ones.

use super::Slot;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// The slot of an entry that is empty.
pub(super) const EMPTY: Slot = Slot::MAX;

/// Smallest table.
const ENTRIES_MIN: usize = 16;

/// Tables below this have room to spare, as 512 KB stay in L2: where probes end at once, none is mispredicted.
const SMALL_ENTRIES_MAX: usize = 1 << 16;

/// Reads words and slots of entries, whatever their size.
trait IndexEntry: Copy {
    const NONE: Self;
    fn new(word: u64, slot: Slot) -> Self;
    fn word(self) -> u64;
    fn slot(self) -> Slot;
}

#[derive(Clone, Copy, Debug)]
struct Narrow {
    word: i32,
    slot: Slot,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
struct Wide {
    word: u64,
    slot: Slot,
}

impl IndexEntry for Narrow {
    const NONE: Self = Narrow {
        word: 0,
        slot: EMPTY,
    };
    #[inline]
    fn new(word: u64, slot: Slot) -> Self {
        debug_assert!(is_narrow(word), "a word of 32 bits");
        let word = word as i32;
        Narrow { word, slot }
    }
    #[inline]
    fn word(self) -> u64 {
        self.word as i64 as u64
    }
    #[inline]
    fn slot(self) -> Slot {
        self.slot
    }
}

impl IndexEntry for Wide {
    const NONE: Self = Wide {
        word: 0,
        slot: EMPTY,
    };
    #[inline]
    fn new(word: u64, slot: Slot) -> Self {
        Wide { word, slot }
    }
    #[inline]
    fn word(self) -> u64 {
        self.word
    }
    #[inline]
    fn slot(self) -> Slot {
        self.slot
    }
}

/// Whether a word is a number of 32 bits with a sign.
#[inline]
fn is_narrow(word: u64) -> bool {
    word as i32 as i64 as u64 == word
}

#[derive(Debug)]
enum Entries {
    Narrow(Vec<Narrow>),
    Wide(Vec<Wide>),
}

/// Runs an expression for whichever entries there are.
macro_rules! each_entries {
    ($entries:expr, $v:ident => $body:expr) => {
        match $entries {
            Entries::Narrow($v) => $body,
            Entries::Wide($v) => $body,
        }
    };
}

/// Where a word's place is.
#[derive(Clone, Copy, Debug)]
struct Home {
    multiplier: u64,
    room: usize,
}

impl Home {
    /// Ordered as the products are, whatever the room.
    #[inline]
    fn of(self, word: u64) -> usize {
        let product = word.wrapping_mul(self.multiplier);
        ((u128::from(product) * self.room as u128) >> 64) as usize
    }

    /// The place behind a place.
    #[inline]
    fn next(self, place: usize) -> usize {
        if place + 1 == self.room { 0 } else { place + 1 }
    }

    /// How many places behind another one a place is.
    #[inline]
    fn distance(self, from: usize, to: usize) -> usize {
        if to < from {
            to + self.room - from
        } else {
            to - from
        }
    }
}

/// Words and slots. Several slots may have one word: whoever asks tells them apart.
#[derive(Debug)]
pub(super) struct HashTable {
    entries: Entries,
    home: Home,
}

impl HashTable {
    /// An empty one.
    pub(super) fn new() -> Self {
        HashTable {
            entries: Entries::Narrow(vec![Narrow::NONE; ENTRIES_MIN]),
            home: Home {
                multiplier: multiplier(&RandomState::default()),
                room: ENTRIES_MIN,
            },
        }
    }

    /// Room for entries.
    pub(super) fn room(&self) -> usize {
        self.home.room
    }

    /// Where a word of a key is or would be inserted, and its slot.
    #[inline]
    pub(super) fn probe(&self, word: u64, is_key: impl Fn(Slot) -> bool) -> (usize, Option<Slot>) {
        each_entries!(&self.entries, v => probe(v, self.home, word, is_key))
    }

    /// The slot of a word, where no two keys have one; [`EMPTY`] where there is none.
    #[inline]
    pub(super) fn find(&self, word: u64) -> Slot {
        each_entries!(&self.entries, v => find(v, self.home, word))
    }

    /// Appends [`HashTable::find`] of some words.
    #[inline]
    pub(super) fn find_all(&self, words: impl Iterator<Item = u64>, out: &mut Vec<Slot>) {
        each_entries!(&self.entries, v => out.extend(words.map(|word| find(v, self.home, word))));
    }

    /// Appends [`HashTable::find`] of the words of the first values as long as they are found; returns how many.
    #[inline]
    pub(super) fn known<T>(
        &self,
        values: &[T],
        word: impl Fn(&T) -> u64,
        out: &mut Vec<Slot>,
    ) -> usize {
        if self.home.room >= SMALL_ENTRIES_MAX {
            self.look_at(values.iter().map(&word));
        }
        each_entries!(&self.entries, v => known(v, self.home, values, word, out))
    }

    /// Brings the places of some words into the cache: their loads do not wait for each other, those of entering do.
    #[inline]
    pub(super) fn look_at(&self, words: impl Iterator<Item = u64>) {
        let places = words.map(|word| self.home.of(word));
        let looked =
            each_entries!(&self.entries, v => places.fold(0, |any, place| any ^ v[place].slot()));
        std::hint::black_box(looked);
    }

    /// Puts an entry where [`HashTable::probe`] said; `keys`: as many as there are then.
    pub(super) fn insert(&mut self, place: usize, word: u64, slot: Slot, keys: usize) {
        if matches!(self.entries, Entries::Narrow(_)) && !is_narrow(word) {
            self.widen();
            return self.insert_anew(word, slot, keys);
        }
        each_entries!(&mut self.entries, v => v[place] = IndexEntry::new(word, slot));
        if is_full(keys, self.room()) {
            self.grow();
        }
    }

    /// As [`HashTable::insert`], where the table was made anew since.
    fn insert_anew(&mut self, word: u64, slot: Slot, keys: usize) {
        let (place, _) = self.probe(word, |_| false);
        self.insert(place, word, slot, keys);
    }

    /// Takes the entry of a slot out: what probed past it moves up.
    pub(super) fn remove(&mut self, word: u64, slot: Slot) {
        each_entries!(&mut self.entries, v => remove(v, self.home, word, slot));
    }

    /// Forgets all; keeps the memory.
    pub(super) fn clear(&mut self) {
        each_entries!(&mut self.entries, v => v.fill(IndexEntry::NONE));
    }

    /// Empties it, with room for so many keys, and for any word where `wide`.
    pub(super) fn reset(&mut self, keys: usize, wide: bool) {
        let mut room = ENTRIES_MIN;
        while is_full(keys, room) {
            room = larger(room);
        }
        self.home.room = room;
        self.entries = match wide {
            true => Entries::Wide(vec![Wide::NONE; room]),
            false => Entries::Narrow(vec![Narrow::NONE; room]),
        };
    }

    #[cold]
    fn grow(&mut self) {
        self.home.room = larger(self.home.room);
        each_entries!(&mut self.entries, v => grow(v, self.home));
    }

    #[cold]
    fn widen(&mut self) {
        if let Entries::Narrow(v) = &self.entries {
            self.entries = Entries::Wide(widened(v, self.home));
        }
    }
}

/// Whether any of these words takes a wide entry.
pub(super) fn are_wide(words: &[u64]) -> bool {
    words.iter().any(|word| !is_narrow(*word))
}

/// The same entries with room for any word.
fn widened(from: &[Narrow], home: Home) -> Vec<Wide> {
    let mut to = vec![Wide::NONE; home.room];
    for entry in from.iter().filter(|e| e.slot != EMPTY) {
        enter(&mut to, home, Wide::new(entry.word(), entry.slot));
    }
    to
}

/// Gives the table the room of its new home. An entry that was displaced so far that it would go to the left waits
/// until all others have their places: only the first ones can be.
fn grow<E: IndexEntry>(entries: &mut Vec<E>, home: Home) {
    let old = entries.len();
    entries.reserve_exact(home.room - old);
    entries.resize(home.room, E::NONE);
    let mut waiting = Vec::new();
    for place in (0..old).rev() {
        let entry = std::mem::replace(&mut entries[place], E::NONE);
        if entry.slot() == EMPTY {
            continue;
        }
        let to = home.of(entry.word());
        // What stands from its home on has its place already.
        let mut places = if to < place { 0..0 } else { to..home.room };
        match places.find(|at| entries[*at].slot() == EMPTY) {
            Some(free) => entries[free] = entry,
            None => waiting.push(entry),
        }
    }
    waiting
        .into_iter()
        .for_each(|entry| enter(entries, home, entry));
}

/// Puts an entry into the first free place.
fn enter<E: IndexEntry>(entries: &mut [E], home: Home, entry: E) {
    let mut place = home.of(entry.word());
    while entries[place].slot() != EMPTY {
        place = home.next(place);
    }
    entries[place] = entry;
}

#[inline]
fn probe<E: IndexEntry>(
    entries: &[E],
    home: Home,
    word: u64,
    is_key: impl Fn(Slot) -> bool,
) -> (usize, Option<Slot>) {
    let mut place = home.of(word);
    loop {
        let entry = entries[place];
        if entry.slot() == EMPTY {
            return (place, None);
        }
        if entry.word() == word && is_key(entry.slot()) {
            return (place, Some(entry.slot()));
        }
        place = home.next(place);
    }
}

#[inline]
fn find<E: IndexEntry>(entries: &[E], home: Home, word: u64) -> Slot {
    let mut place = home.of(word);
    loop {
        let entry = entries[place];
        if entry.word() == word || entry.slot() == EMPTY {
            // An empty entry has any word, and says EMPTY.
            return entry.slot();
        }
        place = home.next(place);
    }
}

#[inline]
fn known<E: IndexEntry, T>(
    entries: &[E],
    home: Home,
    values: &[T],
    word: impl Fn(&T) -> u64,
    out: &mut Vec<Slot>,
) -> usize {
    let start = out.len();
    out.resize(start + values.len(), EMPTY);
    for (found, (value, slot)) in values.iter().zip(&mut out[start..]).enumerate() {
        let held = find(entries, home, word(value));
        if held == EMPTY {
            out.truncate(start + found);
            return found;
        }
        *slot = held;
    }
    values.len()
}

fn remove<E: IndexEntry>(entries: &mut [E], home: Home, word: u64, slot: Slot) {
    let mut hole = home.of(word);
    while entries[hole].slot() != slot {
        hole = home.next(hole);
    }
    let mut next = home.next(hole);
    while entries[next].slot() != EMPTY {
        let from = home.of(entries[next].word());
        if home.distance(from, next) >= home.distance(hole, next) {
            entries[hole] = entries[next];
            hole = next;
        }
        next = home.next(next);
    }
    entries[hole] = E::NONE;
}

/// The next room: twice as much for small tables; for large ones half or a third more, so that what is never used is
/// less.
fn larger(room: usize) -> usize {
    match room.is_power_of_two() {
        _ if room < SMALL_ENTRIES_MAX => room * 2,
        true => room / 2 * 3,
        false => room / 3 * 4,
    }
}

/// Whether a table with so much room is too small for so many keys.
#[inline]
fn is_full(keys: usize, room: usize) -> bool {
    match room < SMALL_ENTRIES_MAX {
        true => keys * 4 > room,
        false => keys * 3 > room * 2,
    }
}

/// A random odd number whose multiples by consecutive integers stay apart, in tables of any size: as a fraction of
/// 2^64 its continued fraction is made of ones and twos, so no few steps lead back to near where they began
/// (three-gap theorem; Slater 1967). Some 35 of these are drawn, a bit each.
fn multiplier(random: &RandomState) -> u64 {
    let mut bits = random.hash_one(0);
    // Numerator and denominator of the last fraction and of the one before: at most 46 steps, Fibonacci's numbers.
    let (mut before, mut last) = ((1u64, 0u64), (0u64, 1u64));
    while last.1 < 1 << 32 {
        let quotient = 1 + (bits & 1);
        bits >>= 1;
        let next = (quotient * last.0 + before.0, quotient * last.1 + before.1);
        (before, last) = (last, next);
    }
    ((u128::from(last.0) << 64) / u128::from(last.1)) as u64 | 1
}

#[cfg(test)]
mod tests;
