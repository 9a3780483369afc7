//! One value per slot of a keyed map.

use super::Slot;
use super::cell::Cell;
use super::holder::private::Slotted;
use super::marks::Marks;
use super::reader::{Reader, put_texts, put_words, word};
use super::section::{Malformed, Slots};
use std::ops::Range;

/// Words of a value at most.
const WORDS_MAX: usize = 16;

/// Values by slot number. All writes go through here, so that a checkpoint sees them.
///
/// A value is written through [`Cells::get_mut`], [`Cells::reset`] and [`Cells::clear`] only. Cost of tracking: one
/// load and compare per write; a clone per value written while a checkpoint that needs it is being taken.
#[derive(Debug)]
pub struct Cells<T> {
    values: Vec<T>,
    marks: Marks,
    handed_over: Vec<(Slot, T)>,
}

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Cells {
            values: Vec::new(),
            marks: Marks::default(),
            handed_over: Vec::new(),
        }
    }
}

impl<T: Default + Clone> Cells<T> {
    /// Makes room for slots below `slots`; new values are defaults.
    #[inline]
    pub fn ensure(&mut self, slots: usize) {
        if self.values.len() < slots {
            self.values.resize(slots, T::default());
            self.marks.grow(slots);
        }
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no slot.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a slot. Panics when there is no such slot.
    #[inline]
    pub fn get(&self, slot: Slot) -> &T {
        &self.values[slot as usize]
    }

    /// The value of a slot, if there is such a slot.
    #[inline]
    pub fn find(&self, slot: Slot) -> Option<&T> {
        self.values.get(slot as usize)
    }

    /// The value of a slot, to be written. Panics when there is no such slot.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut T {
        if self.marks.is_untouched(slot) {
            self.touch(slot);
        }
        &mut self.values[slot as usize]
    }

    /// The values by slot, to be written at these slots only; `untouched` as [`Cells::untouched`] answers it for them,
    /// if that was asked. One pass over the marks where it was not, and none where nothing is tracked.
    #[inline]
    pub(crate) fn writing(&mut self, slots: &[Slot], untouched: Option<&[Slot]>) -> &mut [T] {
        match untouched {
            Some([]) => {}
            Some(some) => self.touch_all(some),
            None if self.marks.is_tracked() && self.marks.has_untouched(slots) => {
                self.touch_all(slots);
            }
            None => {}
        }
        debug_assert!(!self.marks.is_tracked() || !self.marks.has_untouched(slots));
        &mut self.values
    }

    /// Appends those of these slots that must be touched before they are written.
    #[inline]
    pub(crate) fn untouched(&self, slots: &[Slot], out: &mut Vec<Slot>) {
        if self.marks.is_tracked() && self.marks.has_untouched(slots) {
            out.extend(slots.iter().filter(|slot| self.marks.is_untouched(**slot)));
        }
    }

    /// Sets a slot back to its default.
    #[inline]
    pub fn reset(&mut self, slot: Slot) {
        *self.get_mut(slot) = T::default();
    }

    /// Appends a value; returns its slot.
    pub(crate) fn push(&mut self, value: T) -> Slot {
        let slot = self.values.len() as Slot;
        self.ensure(self.values.len() + 1);
        *self.get_mut(slot) = value;
        slot
    }

    /// Forgets all values; keeps the memory.
    pub fn clear(&mut self) {
        for slot in self.marks.needed() {
            self.handed_over
                .push((slot, self.values[slot as usize].clone()));
        }
        self.marks.clear();
        self.values.clear();
    }

    #[cold]
    fn touch_all(&mut self, slots: &[Slot]) {
        for slot in slots {
            if self.marks.is_untouched(*slot) {
                self.touch(*slot);
            }
        }
    }

    #[cold]
    fn touch(&mut self, slot: Slot) {
        if self.marks.touch(slot) {
            self.handed_over
                .push((slot, self.values[slot as usize].clone()));
        }
    }
}

/// Appends the payload of some values.
fn encode<'t, T: Cell>(
    values: impl ExactSizeIterator<Item = &'t T> + Clone,
    bytes: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    for k in 0..T::WORDS {
        put_words(values.clone().map(|value| value.word(k)), out);
    }
    if T::BYTES {
        let mut lengths = Vec::with_capacity(values.len());
        bytes.clear();
        for value in values {
            let before = bytes.len();
            value.bytes(bytes);
            lengths.push(before..bytes.len());
        }
        put_texts(lengths.iter().map(|l| &bytes[l.clone()]), out);
    }
}

impl<T: Cell> Slotted for Cells<T> {
    fn layout(&self) -> String {
        format!("cells {}", T::layout())
    }

    fn slots(&self) -> usize {
        self.values.len()
    }

    fn slot_bytes(&self) -> usize {
        T::WORDS * 8 + if T::BYTES { 24 } else { 0 }
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn encode_run(&self, run: Range<Slot>, out: &mut Vec<u8>) {
        let values = &self.values[run.start as usize..run.end as usize];
        encode(values.iter(), &mut Vec::new(), out);
    }

    fn encode_list(&self, slots: &[Slot], out: &mut Vec<u8>) {
        let values = slots.iter().map(|slot| &self.values[*slot as usize]);
        encode(values, &mut Vec::new(), out);
    }

    fn handed_over(&self) -> usize {
        self.handed_over.len()
    }

    fn handed_over_slots(&self, max: usize, slots: &mut Vec<Slot>) {
        let first = self.handed_over.len().saturating_sub(max);
        slots.extend(self.handed_over[first..].iter().map(|(slot, _)| *slot));
    }

    fn encode_handed_over(&mut self, count: usize, out: &mut Vec<u8>) {
        let first = self.handed_over.len() - count;
        let values = self.handed_over[first..].iter().map(|(_, value)| value);
        encode(values, &mut Vec::new(), out);
        self.handed_over.truncate(first);
    }

    fn drop_handed_over(&mut self) {
        self.handed_over = Vec::new();
    }

    fn reset_to(&mut self, slots: usize) {
        self.values.clear();
        self.values.resize(slots, T::default());
        self.marks = Marks::default();
        self.handed_over.clear();
    }

    fn decode(&mut self, slots: &Slots<'_>, mut payload: Reader<'_>) -> Result<(), Malformed> {
        let count = slots.len();
        let columns = (0..T::WORDS)
            .map(|_| payload.column(count, 8))
            .collect::<Result<Vec<_>, _>>()?;
        let mut texts = if T::BYTES {
            Some(payload.texts(count)?)
        } else {
            None
        };
        payload.end()?;
        // On the stack: a value has few words, and this runs for every value of a restore.
        const { assert!(T::WORDS <= WORDS_MAX, "a value has at most 16 words") };
        let mut words = [0; WORDS_MAX];
        let words = &mut words[..T::WORDS];
        for place in 0..count {
            for (to, column) in words.iter_mut().zip(&columns) {
                *to = word(column, place);
            }
            let bytes = texts.as_mut().and_then(Iterator::next).unwrap_or(&[]);
            let value = T::read(words, bytes)
                .ok_or_else(|| Malformed::new(format!("no value of layout {}", T::layout())))?;
            let slot = slots.get(place) as usize;
            let to = self.values.get_mut(slot);
            *to.ok_or_else(|| Malformed::new(format!("slot {slot} does not exist")))? = value;
        }
        Ok(())
    }
}
