//! The groups of one pane: their accumulators, their keys, and the row that came last.
//!
//! Rows may come out of the order of time. First and last are by time, then by arrival, so a pane remembers of each
//! group when its first row came and, where it shows columns of the last one, when that came. In order, which is nearly
//! always, the former costs two values per new group and nothing per row.

use super::Merged;
use super::group::{Columns, Grouping, Groups};
use crate::event::{Column, Timestamp, Type};
use crate::operator::{COUNT_MAX, words_cell};
use crate::state::{
    Cells, Malformed, Register, RegisterReader, Slot, SlotColumns, StateHolder, Visitor,
};

/// The first row of a group in a pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct FirstRow {
    at: Timestamp,
    /// Rows of the pane that came before it.
    number: u64,
}

words_cell!(
    FirstRow,
    "first row",
    2,
    |f| [f.at.0 as u64, f.number],
    |w| Some(FirstRow {
        at: Timestamp(w[0] as i64),
        number: w[1],
    })
);

/// What a pane remembers of its rows as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaneRecord {
    /// The latest time of a row.
    latest: Timestamp,
    rows: u64,
    /// A row came after one of a later time.
    pub(super) is_disordered: bool,
}

impl Default for PaneRecord {
    fn default() -> Self {
        PaneRecord {
            latest: Timestamp::MIN,
            rows: 0,
            is_disordered: false,
        }
    }
}

impl Register for PaneRecord {
    fn put(&self, out: &mut Vec<u8>) {
        self.latest.put(out);
        self.rows.put(out);
        self.is_disordered.put(out);
    }

    fn get(&mut self, from: &mut RegisterReader<'_>) -> Result<(), Malformed> {
        self.latest.get(from)?;
        self.rows.get(from)?;
        if self.rows > COUNT_MAX {
            return Err(Malformed::new("a pane has more rows than can be"));
        }
        self.is_disordered.get(from)
    }
}

/// Columns that the projection reads beside aggregates.
pub(crate) struct ReadColumns {
    /// Their places in the input, in the order of the projection.
    pub(crate) columns: Vec<usize>,
    pub(crate) types: Vec<Type>,
    /// Which of them are columns of the key.
    pub(crate) constant: Vec<bool>,
}

impl ReadColumns {
    /// Whether values of the last row of a group are read that others of its rows may not have.
    pub(super) fn needs_last(&self) -> bool {
        !self.constant.iter().all(|c| *c)
    }
}

/// Memory that a call uses and the next one uses again.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) rows: Vec<u32>,
    pub(super) slots: Vec<Slot>,
    pub(super) fresh: Vec<(Slot, u32)>,
    pub(super) last: LastRows,
}

/// Rows that are, one after the other, the last of their groups, and the slots of these.
#[derive(Default)]
pub(super) struct LastRows {
    rows: Vec<u32>,
    slots: Vec<Slot>,
}

/// Rows that were just looked up.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    /// Slot of each row.
    pub(super) slots: &'a [Slot],
    /// New slots and the rows that brought them.
    pub(super) fresh: &'a [(Slot, u32)],
    /// Time of each row.
    pub(super) times: &'a [Timestamp],
    /// Whether the times are in order.
    pub(super) is_sorted: bool,
    /// Places of the rows in the columns, where those have others too.
    pub(super) rows: Option<&'a [u32]>,
}

/// The groups of one pane.
pub(super) struct PaneGroups {
    pub(super) start: i64,
    pub(super) groups: Groups,
    /// Key columns by slot.
    pub(super) keys: SlotColumns,
    /// ReadColumns columns of the last row by slot.
    pub(super) last: SlotColumns,
    /// Time of that row by slot, where a later one may have other values.
    last_at: Cells<Timestamp>,
    first: Cells<FirstRow>,
    pub(super) record: PaneRecord,
}

impl PaneGroups {
    pub(super) fn new(grouping: &Grouping, read: &ReadColumns) -> Self {
        PaneGroups {
            start: 0,
            groups: Groups::new(grouping),
            keys: SlotColumns::new(&grouping.key_types),
            last: SlotColumns::new(&read.types),
            last_at: Cells::default(),
            first: Cells::default(),
            record: PaneRecord::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.keys.clear();
        self.last.clear();
        self.last_at.clear();
        self.first.clear();
        self.record = PaneRecord::default();
    }

    /// Holds the keys of new groups.
    pub(super) fn set_keys<'a>(
        &mut self,
        fresh: &[(Slot, u32)],
        from: impl IntoIterator<Item = &'a Column>,
    ) {
        self.keys.ensure(self.groups.index.slots());
        let keys = self.keys.writing(fresh.iter().map(|(slot, _)| *slot));
        for (to, from) in keys.iter_mut().zip(from) {
            for (slot, row) in fresh {
                to.set_from(*slot as usize, from, *row as usize);
            }
        }
    }

    /// Remembers when the first and the last row of each group came, and what the last one holds.
    pub(super) fn place(
        &mut self,
        read: &ReadColumns,
        from: &[Column],
        found: Found<'_>,
        last: &mut LastRows,
    ) {
        let Found {
            slots,
            fresh,
            times,
            is_sorted,
            rows,
        } = found;
        let groups = self.groups.index.slots();
        self.first.ensure(groups);
        let before = self.record;
        let first = |row: usize| FirstRow {
            at: times[row],
            number: before.rows + row as u64,
        };
        for (slot, row) in fresh {
            *self.first.get_mut(*slot) = first(*row as usize);
        }
        let column = |k: usize| &from[read.columns[k]];
        let in_order = is_sorted && times.first().is_none_or(|at| before.latest <= *at);
        self.record.rows += times.len() as u64;
        if in_order {
            self.record.latest = times.last().copied().unwrap_or(before.latest);
            if read.needs_last() {
                self.last_at.ensure(groups);
                let last_at = self.last_at.writing(slots, None);
                for (slot, at) in slots.iter().zip(times) {
                    last_at[*slot as usize] = *at;
                }
            }
            let fresh = (fresh, rows);
            set_last(&mut self.last, groups, read, fresh, (slots, rows), column);
            return;
        }
        self.record.is_disordered = true;
        self.record.latest = times.iter().copied().fold(before.latest, Timestamp::max);
        for (row, slot) in slots.iter().enumerate() {
            if first(row) < *self.first.get(*slot) {
                *self.first.get_mut(*slot) = first(row);
            }
        }
        last.rows.clear();
        last.slots.clear();
        if read.needs_last() {
            self.find_last(found, last);
        }
        let last = (last.slots.as_slice(), Some(last.rows.as_slice()));
        set_last(&mut self.last, groups, read, (fresh, rows), last, column);
    }

    fn find_last(&mut self, found: Found<'_>, last: &mut LastRows) {
        self.last_at.ensure(self.groups.index.slots());
        for (slot, _) in found.fresh {
            *self.last_at.get_mut(*slot) = Timestamp::MIN;
        }
        for (row, (slot, at)) in found.slots.iter().zip(found.times).enumerate() {
            if at >= self.last_at.get(*slot) {
                *self.last_at.get_mut(*slot) = *at;
                last.slots.push(*slot);
                last.rows.push(found.rows.map_or(row as u32, |r| r[row]));
            }
        }
    }

    /// Leaves in `slots` those of the groups in order of first appearance.
    pub(super) fn order(&self, slots: &mut Vec<Slot>) {
        slots.clear();
        slots.extend(0..self.groups.index.slots() as Slot);
        if self.record.is_disordered {
            slots.sort_by_key(|slot| *self.first.get(*slot));
        }
    }

    /// Moves the groups at slots other than `gone` to a pane that is empty; their order stays.
    pub(super) fn copy_to(
        &self,
        gone: &[Slot],
        to: &mut PaneGroups,
        read: &ReadColumns,
        s: &mut Scratch,
    ) {
        let kept = |slot: &Slot| gone.binary_search(slot).is_err();
        s.rows.clear();
        s.rows
            .extend((0..self.groups.index.slots() as Slot).filter(kept));
        let pick = |columns: &SlotColumns| {
            let pick = |from: &Column| {
                let mut column = Column::new(from.type_of());
                column.extend_rows(from, &s.rows);
                column
            };
            columns.columns().iter().map(pick).collect::<Vec<_>>()
        };
        let (keys, last) = (pick(&self.keys), pick(&self.last));
        let columns = keys.iter().collect::<Columns<'_>>();
        s.slots.clear();
        s.fresh.clear();
        let index = &mut to.groups.index;
        index.slots_of(&columns, s.rows.len(), &mut s.slots, &mut s.fresh);
        to.set_keys(&s.fresh, &keys);
        let (fresh, all) = ((s.fresh.as_slice(), None), (s.slots.as_slice(), None));
        set_last(&mut to.last, s.rows.len(), read, fresh, all, |k| &last[k]);
        copy_cells(&self.first, &s.rows, &mut to.first, &s.slots);
        copy_cells(&self.last_at, &s.rows, &mut to.last_at, &s.slots);
        to.record = self.record;
        // What goes is gathered in a slot of its own, which is then forgotten.
        let mut slots = vec![s.rows.len() as Slot; self.groups.index.slots()];
        for (from, to) in s.rows.iter().zip(&s.slots) {
            slots[*from as usize] = *to;
        }
        to.groups.ensure_slots(s.rows.len() + 1);
        let merged = Merged::all(&slots);
        to.groups.absorb(&self.groups, merged);
        to.groups.reset(s.rows.len() as Slot);
    }
}

impl StateHolder for PaneGroups {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.groups.state(visitor);
        visitor.container("key columns", &mut self.keys);
        visitor.container("last rows", &mut self.last);
        visitor.newer_container("first rows", &mut self.first);
        visitor.newer_container("times of last rows", &mut self.last_at);
        if visitor.is_loading() {
            let slots = self.groups.index.slots();
            if self.groups.index.len() != slots || self.keys.len() > slots {
                visitor.fail(Malformed::new("a pane has groups without a key"));
            }
            self.keys.ensure(slots);
            self.last.ensure(slots);
            self.first.ensure(slots);
        }
    }
}

fn copy_cells<T: Clone + Default>(from: &Cells<T>, slots: &[Slot], to: &mut Cells<T>, at: &[Slot]) {
    for (slot, at) in slots.iter().zip(at) {
        if let Some(value) = from.find(*slot) {
            to.ensure(*at as usize + 1);
            *to.get_mut(*at) = value.clone();
        }
    }
}

/// Overwrites the read columns of the groups with those of rows, one after the other, so that the last row stays. Those
/// that are constant within a group are written with its first row only. Slots come with the places of their rows.
pub(super) fn set_last<'a>(
    last: &mut SlotColumns,
    groups: usize,
    read: &ReadColumns,
    (fresh, fresh_rows): (&[(Slot, u32)], Option<&[u32]>),
    (slots, rows): (&[Slot], Option<&[u32]>),
    from: impl Fn(usize) -> &'a Column,
) {
    last.ensure(groups);
    let new = fresh.iter().map(|(slot, _)| *slot);
    let columns = match read.needs_last() {
        false => last.writing(new),
        true => last.writing(new.chain(slots.iter().copied())),
    };
    for (k, column) in columns.iter_mut().enumerate() {
        if read.constant[k] {
            for (slot, row) in fresh {
                let row = fresh_rows.map_or(*row as usize, |r| r[*row as usize] as usize);
                column.set_from(*slot as usize, from(k), row);
            }
        } else {
            column.scatter(slots, from(k), rows);
        }
    }
}
