//! One value per slot of a keyed map.

use super::Slot;

/// Values by slot number. All writes go through here, so that a checkpoint can see them.
#[derive(Debug, Default)]
pub(crate) struct Cells<T> {
    values: Vec<T>,
}

impl<T: Default + Clone> Cells<T> {
    /// Makes room for slots below `slots`; new values are defaults.
    #[inline]
    pub(crate) fn ensure(&mut self, slots: usize) {
        if self.values.len() < slots {
            self.values.resize(slots, T::default());
        }
    }

    /// The value of a slot.
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> &T {
        &self.values[slot as usize]
    }

    /// The value of a slot, to be written.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut T {
        &mut self.values[slot as usize]
    }

    /// Sets a slot back to its default.
    #[inline]
    pub(crate) fn reset(&mut self, slot: Slot) {
        self.values[slot as usize] = T::default();
    }

    /// Forgets all values; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }
}
