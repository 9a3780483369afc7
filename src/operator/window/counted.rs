//! Which keys a window of the most frequent keys counts, of each window where a partition has several.

use crate::state::{Cells, Malformed, Slot};

/// Lists of keys, one where there is one window.
#[derive(Debug)]
pub(super) struct OfKeys {
    /// By window, in the order in which the keys came: an index.
    lists: Vec<Vec<Slot>>,
    /// The window at hand.
    pub(super) at: Slot,
    /// The window of each key, where there are several.
    pub(super) windows: Cells<Slot>,
}

impl Default for OfKeys {
    fn default() -> Self {
        OfKeys {
            lists: vec![Vec::new()],
            at: 0,
            windows: Cells::default(),
        }
    }
}

impl OfKeys {
    /// The keys that the window at hand counts.
    #[inline]
    pub(super) fn counted(&mut self) -> &mut Vec<Slot> {
        &mut self.lists[self.at as usize]
    }

    /// Whether the window at hand counts none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.lists[self.at as usize].is_empty()
    }

    /// The window at hand counts one more key.
    pub(super) fn push(&mut self, key: Slot) {
        self.lists[self.at as usize].push(key);
        if self.lists.len() > 1 || self.at > 0 {
            self.windows.ensure(key as usize + 1);
            *self.windows.get_mut(key) = self.at;
        }
    }

    /// Goes on with a window that counts none yet.
    pub(super) fn open(&mut self, window: Slot) {
        self.at = window;
        if self.lists.len() <= window as usize {
            self.lists.resize_with(window as usize + 1, Vec::new);
        }
    }

    /// Takes all keys from the window at hand.
    pub(super) fn take(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.lists[self.at as usize])
    }

    /// The most keys that a window counts.
    pub(super) fn longest(&self) -> usize {
        self.lists.iter().map(Vec::len).max().unwrap_or_default()
    }

    /// Makes the lists of so many windows, of all keys that are counted.
    pub(super) fn list(&mut self, counted: &[Slot], windows: usize) -> Result<(), Malformed> {
        self.lists = vec![Vec::new(); windows];
        for key in counted {
            let window = self.windows.find(*key).copied().unwrap_or_default();
            let list = self.lists.get_mut(window as usize);
            let list = list.ok_or_else(|| Malformed::new("a key is counted by no window"))?;
            list.push(*key);
        }
        Ok(())
    }

    /// Checks a window that was loaded, which is at hand.
    pub(super) fn check(&self, window: Slot) -> Result<(), Malformed> {
        match window == self.at {
            true => Ok(()),
            false => Err(Malformed::new("a window is that of another key")),
        }
    }
}
