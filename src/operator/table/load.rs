//! Tables in a checkpoint: what is checked when rows are read, and the indexes that are made of them.

use super::rows::Table;
use crate::state::{Malformed, Slot};

impl Table {
    /// Checks what was loaded, and makes all indexes of it.
    pub(super) fn rebuild(&mut self) -> Result<(), Malformed> {
        self.order.clear();
        self.free.clear();
        self.indexes.iter_mut().for_each(|index| index.clear());
        let slots = self.numbers.len();
        if self.rows.len() != slots || slots >= Slot::MAX as usize {
            return Err(Malformed::new("a table has other values than rows"));
        }
        let (mut held, mut free) = (Vec::new(), Vec::new());
        for slot in 0..slots as Slot {
            match self.number(slot) {
                0 => free.push(slot),
                _ => held.push(slot),
            }
        }
        let in_place = held.clone();
        held.sort_unstable_by_key(|slot| self.number(*slot));
        let twice = held
            .windows(2)
            .any(|pair| self.number(pair[0]) == self.number(pair[1]));
        let never = held
            .last()
            .is_some_and(|slot| self.number(*slot) > self.came);
        if twice || never || held.len() > self.rows_max {
            return Err(Malformed::new("a table has rows that never came"));
        }
        // The first free slot is taken first.
        free.reverse();
        self.free = free;
        // In the order of slots, so that keys have those of their rows, as they had.
        in_place.iter().try_for_each(|slot| self.enter_key(*slot))?;
        held.iter().for_each(|slot| self.enter(*slot));
        match &mut self.expiry {
            Some(expiry) => expiry.rebuild(&held, slots),
            None => Ok(()),
        }
    }

    /// Enters the primary key of a row, if there is one.
    fn enter_key(&mut self, slot: Slot) -> Result<(), Malformed> {
        if self.has_primary {
            let index = &mut self.indexes[0];
            let key = index.slot_of(self.rows.columns(), slot as usize);
            if key == Slot::MAX || index.chains.count(key) > 0 {
                return Err(Malformed::new("a row of a table has no key of its own"));
            }
            index.chains.push(key, slot);
        }
        Ok(())
    }

    /// Enters a row into the order and all other keys.
    fn enter(&mut self, slot: Slot) {
        let order = self.order.slot_of_scalars(&[]);
        self.order.push(order, slot);
        for index in &mut self.indexes[usize::from(self.has_primary)..] {
            index.place(self.rows.columns(), slot as usize, slot, &self.numbers);
        }
    }
}
