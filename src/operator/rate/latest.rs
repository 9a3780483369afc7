//! The latest row of each key, in the order in which the keys came.

use super::ByKey;
use crate::event::{Batch, Scalar, Sign, Type};
use crate::operator::Moment;
use crate::state::{Cells, Malformed, Slot, SlotColumns, StateHolder, Visitor};

/// What is known of a key beside its row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Known {
    /// How many keys came before it.
    number: u64,
    /// Rows of it that are held in front, where these leave.
    rows: i64,
    leaves: bool,
}

crate::operator::words_cell!(
    Known,
    "latest row",
    3,
    |k| [k.number, k.rows as u64, u64::from(k.leaves)],
    |w| Some(Known {
        number: w[0],
        rows: w[1] as i64,
        leaves: match w[2] {
            0 => false,
            1 => true,
            _ => return None,
        },
    })
);

/// One row per key.
pub(super) struct Latest {
    pub(super) keys: ByKey,
    rows: SlotColumns,
    known: Cells<Option<Known>>,
    /// The keys in the order in which they came, with their numbers: an index. One that went is still in it.
    order: Vec<(u64, Slot)>,
    came: u64,
    /// Keys that have a row.
    noted: usize,
    keys_max: usize,
    /// Keys that may have no row, until the batch at hand is done.
    loose: Vec<Slot>,
    /// Rows of keys for which there was no room.
    pub(super) refused: u64,
}

impl Latest {
    /// Of rows with columns of these types.
    pub(super) fn new(keys: ByKey, types: &[Type], keys_max: usize) -> Self {
        Latest {
            keys,
            rows: SlotColumns::new(types),
            known: Cells::default(),
            order: Vec::new(),
            came: 0,
            noted: 0,
            keys_max,
            loose: Vec::new(),
            refused: 0,
        }
    }

    /// Whether no row is held.
    pub(super) fn is_empty(&self) -> bool {
        self.noted == 0
    }

    /// Looks the rows of a batch up, for [`Latest::slot`]; [`Latest::forget`] follows.
    pub(super) fn look_up(&mut self, batch: &Batch) {
        let slots = self.keys.look_up(batch);
        self.rows.ensure(slots);
        self.known.ensure(slots);
    }

    /// The slot of a row of the batch that was looked up. A key of which the row is the first is noted, or refused.
    #[inline]
    pub(super) fn slot(&mut self, row: usize) -> Option<Slot> {
        let slot = self.keys.slots[row];
        if self.known.get(slot).is_some() {
            return Some(slot);
        }
        if self.noted >= self.keys_max {
            self.refused += 1;
            self.loose.push(slot);
            return None;
        }
        self.noted += 1;
        let known = Known {
            number: self.came,
            ..Known::default()
        };
        *self.known.get_mut(slot) = Some(known);
        self.order.push((self.came, slot));
        self.came += 1;
        Some(slot)
    }

    /// Makes a row the one of a key that [`Latest::slot`] has noted.
    pub(super) fn set(&mut self, slot: Slot, batch: &Batch, row: usize) {
        self.write(slot, batch, row, |_| true);
        let leaves = batch.sign(row) == Sign::Minus;
        if let Some(known) = self.known.get(slot).filter(|k| k.leaves != leaves) {
            *self.known.get_mut(slot) = Some(Known { leaves, ..known });
        }
    }

    /// A row of a key comes or leaves; of one that leaves only these columns are taken over. A key of which none is
    /// left goes.
    pub(super) fn change(&mut self, batch: &Batch, row: usize, taken: &[bool]) {
        let sign = batch.sign(row);
        let enters = sign == Sign::Plus;
        let slot = self.keys.slots[row];
        // What was refused leaves, too.
        if !enters && self.known.get(slot).is_none() {
            return self.loose.push(slot);
        }
        let Some(slot) = self.slot(row) else { return };
        self.write(slot, batch, row, |column| enters || taken[column]);
        let known = self.known.get(slot).unwrap_or_default();
        let rows = known.rows.wrapping_add(i64::from(sign as i8));
        match rows > 0 {
            true => *self.known.get_mut(slot) = Some(Known { rows, ..known }),
            false => self.let_go(slot),
        }
    }

    /// A flush has a row of a key, which takes the place of what it had; one that leaves says that it has none.
    pub(super) fn replace(&mut self, batch: &Batch, row: usize) {
        let slot = self.keys.slots[row];
        if self.known.get(slot).is_some() {
            self.let_go(slot);
        }
        if batch.sign(row) == Sign::Minus {
            return self.loose.push(slot);
        }
        if let Some(slot) = self.slot(row) {
            self.set(slot, batch, row);
        }
    }

    fn write(&mut self, slot: Slot, batch: &Batch, row: usize, takes: impl Fn(usize) -> bool) {
        let columns = self.rows.writing(std::iter::once(slot)).iter_mut();
        for (place, (to, from)) in columns.zip(&batch.columns).enumerate() {
            if takes(place) {
                to.set_from(slot as usize, from, row);
            }
        }
    }

    /// Appends the row of a key, and lets it go.
    pub(super) fn let_one_out(&mut self, slot: Slot, moment: Moment, to: &mut Batch) {
        let known = self.known.get(slot).unwrap_or_default();
        to.push_moment(moment, sign(known.leaves));
        for (to, from) in to.columns.iter_mut().zip(self.rows.columns()) {
            to.push_from(from, slot as usize);
        }
        self.let_go(slot);
    }

    /// The keys that have a row, in order.
    pub(super) fn in_order(&mut self) -> Vec<Slot> {
        self.compact();
        self.order.iter().map(|(_, slot)| *slot).collect()
    }

    /// A value of the row of a key.
    pub(super) fn value(&self, slot: Slot, column: usize) -> Scalar<'_> {
        self.rows.columns()[column].scalar(slot as usize)
    }

    /// A key has no row any more; [`Latest::forget`] follows.
    pub(super) fn let_go(&mut self, slot: Slot) {
        self.known.reset(slot);
        self.noted -= 1;
        self.loose.push(slot);
    }

    /// The rows of a batch were taken: keys that have no row go.
    pub(super) fn forget(&mut self) {
        self.loose.sort_unstable();
        self.loose.dedup();
        for slot in self.loose.drain(..) {
            if self.known.get(slot).is_none() {
                self.keys.index.remove(slot);
            }
        }
        if self.order.len() > 2 * self.noted + 64 {
            self.compact();
        }
    }

    /// Appends the row of each key, and lets it go: the one that `other` names, otherwise the one held.
    pub(super) fn let_out<'b>(
        &mut self,
        moment: Moment,
        to: &mut Batch,
        mut other: impl FnMut(Slot) -> Option<(&'b Batch, usize)>,
    ) {
        let mut order = std::mem::take(&mut self.order);
        for (number, slot) in order.drain(..) {
            let known = self.known.find(slot).copied().flatten();
            let Some(known) = known.filter(|k| k.number == number) else {
                continue;
            };
            let (columns, row, leaves) = match other(slot) {
                Some((batch, row)) => (&batch.columns[..], row, batch.sign(row) == Sign::Minus),
                None => (self.rows.columns(), slot as usize, known.leaves),
            };
            to.push_moment(moment, sign(leaves));
            for (to, from) in to.columns.iter_mut().zip(columns) {
                to.push_from(from, row);
            }
            self.let_go(slot);
        }
        self.order = order;
    }

    /// Drops what is no longer there from the order.
    fn compact(&mut self) {
        let known = &self.known;
        let is_there = |(number, slot): &(u64, Slot)| {
            let known = known.find(*slot).copied().flatten();
            known.is_some_and(|k| k.number == *number)
        };
        self.order.retain(is_there);
    }

    /// Appends the first columns of the rows held for which `shows` answers true of their slot, as many as `to` has.
    pub(super) fn show(
        &mut self,
        moment: Moment,
        to: &mut Batch,
        shows: impl Fn(&SlotColumns, Slot) -> bool,
    ) {
        self.compact();
        for (_, slot) in &self.order {
            let known = self.known.get(*slot).unwrap_or_default();
            if !shows(&self.rows, *slot) {
                continue;
            }
            to.push_moment(moment, sign(known.leaves));
            for (to, from) in to.columns.iter_mut().zip(self.rows.columns()) {
                to.push_from(from, *slot as usize);
            }
        }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.keys.index.clear();
        self.rows.clear();
        self.known.clear();
        self.order.clear();
        self.loose.clear();
        self.noted = 0;
    }

    pub(super) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        if self.keys.is_one() {
            return;
        }
        for slot in self.keys.keep_keys(keep) {
            self.known.reset(slot);
            self.noted -= 1;
        }
        self.compact();
    }
}

fn sign(leaves: bool) -> Sign {
    match leaves {
        true => Sign::Minus,
        false => Sign::Plus,
    }
}

impl StateHolder for Latest {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        visitor.container("rows", &mut self.rows);
        visitor.container("known", &mut self.known);
        for count in [&mut self.came, &mut self.refused] {
            crate::operator::counter(visitor, count);
        }
        if !visitor.is_loading() {
            return;
        }
        let slots = self.keys.index.slots();
        if self.rows.len() < slots || self.known.len() > slots {
            return visitor.fail(Malformed::new("a key has no row"));
        }
        self.known.ensure(slots);
        let held: Vec<Slot> = self.keys.index.held_slots().collect();
        let known = held.iter().filter_map(|slot| {
            let known = self.known.get(*slot).as_ref()?;
            Some((known.number, *slot))
        });
        self.order = known.collect();
        self.order.sort_unstable();
        self.noted = self.order.len();
        let stray = (0..slots as Slot).filter(|slot| self.known.get(*slot).is_some());
        if self.order.len() != held.len() || stray.count() != held.len() {
            visitor.fail(Malformed::new("a row has no key"));
        }
    }
}
