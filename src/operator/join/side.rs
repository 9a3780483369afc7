//! What one side of a join holds, found by key.
//!
//! Why: a row that comes on one side meets the rows that the other side holds, so these stand by their keys; and a row
//! that leaves must be found again, whatever window let it go.
//! How: rows stand in slots, with their time, their number and, in outer joins, how many rows of the other side they
//! meet. Everything else is an index of that: chains of slots by key, and, where rows leave in any order, by the
//! columns that tell them apart; otherwise the oldest leaves first. A side without a window holds all its rows, up to a
//! bound.
//! Cost: O(1) for a row that comes or leaves.

mod latest;

use crate::event::{Batch, Column, RowView, Scalar, Timestamp, Type};
use crate::expr::{Frame, Program};
use crate::operator::{COUNT_MAX, counter, words_cell};
use crate::operator::{RangeIndex, RangePlan};
use crate::state::{Cells, Chains, Malformed, Slot, SlotColumns, StateHolder, Visitor, encode_key};
use latest::Latest;
use smallvec::SmallVec;
use std::collections::{HashSet, VecDeque};

/// A row without a key.
const NONE: Slot = Slot::MAX;

/// Rows that a side holds without a window: 10 M rows of 50 bytes are half a gigabyte. Beyond it the oldest is
/// forgotten, and counted.
pub(crate) const JOIN_ROWS_MAX: usize = 10_000_000;

/// Which row leaves when one leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// None does.
    Never,
    /// None does, but the one before of the same key when another comes.
    Replaced,
    /// The oldest.
    Oldest,
    /// That with the same values in these of the kept columns: numbers that tell rows apart, or all columns, as it does
    /// not matter which of two equal rows leaves.
    Told(Vec<usize>),
}

/// What a side is made from.
pub(crate) struct SidePlan {
    /// Positions of the kept columns in the rows that come.
    pub(crate) keep: Vec<usize>,
    /// Their types.
    pub(crate) types: Vec<Type>,
    /// The key, over the rows that come.
    pub(crate) keys: Vec<Program>,
    /// The same over the kept columns.
    pub(crate) kept_keys: Vec<Program>,
    pub(crate) key_types: Vec<Type>,
    /// What ON says of one of the kept columns.
    pub(crate) range: Option<RangePlan>,
    pub(crate) leaving: Leaving,
    /// Time bounds how long its rows are held.
    pub(crate) is_bounded: bool,
    /// Its rows are met by the other side, or leave again; otherwise it holds none.
    pub(crate) holds: bool,
    /// Which of the kept columns say where a row stands, where rows are spread over workers.
    pub(crate) routing: Vec<usize>,
}

/// A row that is held, beside its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeldRow {
    pub(super) at: Timestamp,
    /// Which row of those that came it is, from 1 on; 0 where there is none.
    pub(super) number: u64,
}

words_cell!(HeldRow, "held row", 2, |r| [r.at.0 as u64, r.number], |w| {
    Some(HeldRow {
        at: Timestamp(w[0] as i64),
        number: w[1],
    })
});

/// Rows of one side.
pub(super) struct Side {
    pub(super) plan: SidePlan,
    pub(super) columns: SlotColumns,
    held: Cells<HeldRow>,
    /// By slot, rows of the other side that the row meets, where that matters.
    pub(super) meets: Option<Cells<u64>>,
    /// The number of the last row that came.
    pub(super) came: u64,
    /// Rows forgotten because the side was full.
    pub(super) forgotten: u64,
    pub(super) by_key: Chains,
    pub(super) range: Option<RangeIndex>,
    by_number: Option<Chains>,
    /// Slots in the order in which rows came, where that decides which leaves.
    order: VecDeque<Slot>,
    /// Where rows are replaced and time bounds how long they stay, also those that are gone: slots with numbers.
    ages: VecDeque<(Slot, u64)>,
    free: Vec<Slot>,
    rows_max: usize,
    slots: Vec<Slot>,
    latest: Latest,
}

impl Side {
    /// `counts`: it matters how many rows of the other side a row meets.
    pub(super) fn new(mut plan: SidePlan, counts: bool) -> Self {
        let by_number = match &plan.leaving {
            Leaving::Told(columns) => {
                let types: Vec<Type> = columns.iter().map(|c| plan.types[*c]).collect();
                Some(Chains::taking_nulls(&types))
            }
            _ => None,
        };
        Side {
            columns: SlotColumns::new(&plan.types),
            held: Cells::default(),
            meets: counts.then(Cells::default),
            came: 0,
            forgotten: 0,
            by_key: Chains::new(&plan.key_types),
            range: plan.range.take().and_then(RangeIndex::new),
            by_number,
            order: VecDeque::new(),
            ages: VecDeque::new(),
            free: Vec::new(),
            rows_max: JOIN_ROWS_MAX,
            slots: Vec::new(),
            latest: Latest::new(plan.keep.len(), &plan.kept_keys),
            plan,
        }
    }

    fn keeps_order(&self) -> bool {
        matches!(self.plan.leaving, Leaving::Never | Leaving::Oldest)
    }

    /// The row in a slot. Panics where there is no such slot.
    #[inline]
    pub(super) fn row(&self, slot: Slot) -> HeldRow {
        *self.held.get(slot)
    }

    #[inline]
    fn is_held(&self, slot: Slot) -> bool {
        self.row(slot).number > 0
    }

    /// A slot for a new row, with its time and number.
    #[inline]
    fn take_slot(&mut self, at: Timestamp) -> Slot {
        self.came += 1;
        let row = HeldRow {
            at,
            number: self.came,
        };
        match self.free.pop() {
            Some(slot) => {
                *self.held.get_mut(slot) = row;
                slot
            }
            None => self.held.push(row),
        }
    }

    /// Makes room for the values of all slots.
    fn grow(&mut self) {
        self.columns.ensure(self.held.len());
        if let Some(meets) = &mut self.meets {
            meets.ensure(self.held.len());
        }
    }

    /// Appends the slot of the key of each row; `Slot::MAX` where no row held has it.
    pub(super) fn find(&self, keys: &[&Column], rows: usize, out: &mut Vec<Slot>) {
        self.by_key.find(keys, rows, out);
    }

    /// The oldest row held.
    pub(super) fn oldest(&self) -> Option<HeldRow> {
        let slot = match self.plan.leaving {
            Leaving::Replaced => self.ages.front().map(|(slot, _)| *slot),
            _ => self.order.front().copied(),
        };
        slot.map(|slot| self.row(slot))
    }

    /// Takes the oldest row out of the order in which rows are held; [`Side::remove`] follows.
    pub(super) fn take_oldest(&mut self) -> Option<Slot> {
        match self.plan.leaving {
            Leaving::Replaced => self.ages.pop_front().map(|(slot, _)| slot),
            _ => self.order.pop_front(),
        }
    }

    /// Forgets the oldest row.
    pub(super) fn forget_oldest_row(&mut self) {
        if let Some(slot) = self.take_oldest() {
            self.remove(slot);
        }
        self.drop_ages();
    }

    /// Drops the rows that are gone from the head of the ages.
    pub(super) fn drop_ages(&mut self) {
        while let Some((slot, number)) = self.ages.front() {
            if self.row(*slot).number == *number {
                return;
            }
            self.ages.pop_front();
        }
    }

    /// Calls `f` with the rows of a key, in the order in which they came.
    #[inline]
    pub(super) fn each(&self, key: Slot, f: impl FnMut(Slot)) {
        self.by_key.rows(key).for_each(f);
    }

    /// As [`Side::each`], by the values of a key.
    #[inline]
    pub(super) fn each_of(&self, key: &[Scalar<'_>], f: impl FnMut(Slot)) {
        if let Some(key) = self.by_key.find_scalars(key) {
            self.each(key, f);
        }
    }

    /// Holds rows of a batch, with keys that are evaluated for them. Appends the slot of each, and [`NONE`] where it is
    /// not held.
    pub(super) fn push(
        &mut self,
        (batch, rows): (&Batch, &[u32]),
        keys: &[&Column],
        to: &mut Vec<Slot>,
    ) {
        if self.plan.leaving == Leaving::Replaced {
            return self.put_latest((batch, rows), keys, to);
        }
        let first = to.len();
        for row in rows {
            to.push(self.take_slot(batch.at[*row as usize]));
        }
        let slots = &to[first..];
        self.grow();
        let columns = self.columns.writing(slots.iter().copied());
        for (column, k) in columns.iter_mut().zip(&self.plan.keep) {
            column.scatter(slots, &batch.columns[*k], Some(rows));
        }
        self.slots.clear();
        self.by_key.slots_of(keys, rows.len(), &mut self.slots);
        self.push_in_order(slots);
        self.remember(first, to);
    }

    /// Puts rows behind those of their keys, whose slots are at hand.
    #[inline]
    fn push_in_order(&mut self, rows: &[Slot]) {
        for (key, row) in self.slots.iter().zip(rows) {
            self.by_key.push(*key, *row);
            if let Some(range) = &mut self.range {
                range.pushed(*key, *row, &self.by_key, self.columns.columns());
            }
        }
    }

    /// Holds one row, with its key.
    pub(super) fn push_one(&mut self, view: RowView<'_>, key: &[Scalar<'_>]) {
        if self.plan.leaving == Leaving::Replaced {
            self.put_latest_one(view, key);
            return self.drop_ages();
        }
        let RowView { batch, row } = view;
        let slot = self.take_slot(batch.at[row]);
        self.grow();
        let columns = self.columns.writing(std::iter::once(slot));
        for (column, k) in columns.iter_mut().zip(&self.plan.keep) {
            column.set_from(slot as usize, &batch.columns[*k], row);
        }
        let key = self.by_key.slot_of_scalars(key);
        self.slots.clear();
        self.slots.push(key);
        self.push_in_order(&[slot]);
        self.remember(0, &[slot]);
        self.forget_oldest();
    }

    /// Remembers rows in the order in which they came, where that matters, and makes them findable by their numbers.
    fn remember(&mut self, first: usize, slots: &[Slot]) {
        if self.keeps_order() {
            self.order.extend(&slots[first..]);
        } else if self.plan.leaving == Leaving::Replaced && self.plan.is_bounded {
            let held = &self.held;
            let age = |slot: &Slot| (*slot, held.get(*slot).number);
            self.ages.extend(slots[first..].iter().map(age));
        }
        self.number(first, slots);
    }

    /// Makes rows findable by their numbers.
    fn number(&mut self, first: usize, slots: &[Slot]) {
        let (Some(by_number), Leaving::Told(numbers)) = (&mut self.by_number, &self.plan.leaving)
        else {
            return;
        };
        for slot in &slots[first..] {
            let key = numbers_of(self.columns.columns(), numbers, *slot as usize);
            let key = by_number.slot_of_scalars(&key);
            by_number.push(key, *slot);
        }
    }

    /// The row that leaves, as a batch tells it.
    #[inline]
    pub(super) fn leaving(&mut self, batch: &Batch, row: usize) -> Option<Slot> {
        match (&mut self.by_number, &self.plan.leaving) {
            (Some(by_number), Leaving::Told(numbers)) => {
                let column = |n: &usize| batch.columns[self.plan.keep[*n]].scalar(row);
                let key: SmallVec<[Scalar<'_>; 4]> = numbers.iter().map(column).collect();
                let slot = by_number.first(by_number.find_scalars(&key)?)?;
                // Another one of this batch may have the same numbers.
                by_number.remove(slot);
                Some(slot)
            }
            _ => self.order.pop_front(),
        }
    }

    /// Forgets a row that was found to leave.
    pub(super) fn remove(&mut self, slot: Slot) {
        if let (Some(range), Some(key)) = (&mut self.range, self.by_key.key_of(slot)) {
            range.removed(key, slot, self.by_key.count(key) - 1);
        }
        self.by_key.remove(slot);
        if let Some(by_number) = &mut self.by_number {
            by_number.remove(slot);
        }
        self.held.reset(slot);
        if let Some(meets) = &mut self.meets {
            meets.reset(slot);
        }
        self.free.push(slot);
    }

    /// Forgets the oldest rows of a side that holds too many.
    pub(super) fn forget_oldest(&mut self) {
        if self.plan.leaving != Leaving::Never {
            return;
        }
        while self.order.len() > self.rows_max {
            if let Some(slot) = self.order.pop_front() {
                self.remove(slot);
                self.forgotten += 1;
            }
        }
    }

    /// The numbers of the rows held.
    pub(super) fn numbers(&self) -> HashSet<u64> {
        let rows = (0..self.held.len() as Slot).map(|slot| self.row(slot).number);
        rows.filter(|number| *number > 0).collect()
    }

    /// Forgets rows of key groups that are not kept.
    pub(super) fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let routing = self.plan.routing.iter();
        let columns: Vec<&Column> = routing.map(|c| &self.columns.columns()[*c]).collect();
        let mut key = Vec::new();
        for slot in 0..self.held.len() as Slot {
            if !self.is_held(slot) {
                continue;
            }
            key.clear();
            encode_key(&columns, slot as usize, &mut key);
            if !keep(&key) {
                self.held.reset(slot);
            }
        }
        self.rebuild().expect("rows that were held are held");
    }

    /// Checks what was loaded, and makes the indexes of it.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        self.by_key.clear();
        if let Some(range) = &mut self.range {
            range.clear();
        }
        if let Some(by_number) = &mut self.by_number {
            by_number.clear();
        }
        self.free.clear();
        self.order.clear();
        self.ages.clear();
        if self.columns.len() < self.held.len() {
            return Err(Malformed::new("a side of a join has rows without values"));
        }
        let mut rows: Vec<(u64, Slot)> = Vec::new();
        for slot in 0..self.held.len() as Slot {
            match self.row(slot).number {
                0 => self.free.push(slot),
                number if number > self.came => {
                    return Err(Malformed::new(
                        "a side of a join holds a row that never came",
                    ));
                }
                number => rows.push((number, slot)),
            }
        }
        if let Some(meets) = &mut self.meets {
            meets.ensure(self.held.len());
            for slot in &self.free {
                if *meets.get(*slot) > 0 {
                    meets.reset(*slot);
                }
            }
            let counts = (0..meets.len() as Slot).map(|slot| *meets.get(slot));
            if counts.into_iter().any(|count| count > COUNT_MAX) {
                return Err(Malformed::new(
                    "a row of a join meets more rows than there are",
                ));
            }
        }
        rows.sort_unstable();
        if rows.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(Malformed::new("a side of a join holds a row twice"));
        }
        let slots: Vec<Slot> = rows.iter().map(|(_, slot)| *slot).collect();
        let mut in_place = slots.clone();
        if self.plan.leaving == Leaving::Replaced {
            // The only one of its key may have the key's slot, as it had.
            in_place.sort_unstable();
        }
        self.index(&in_place);
        self.remember(0, &slots);
        self.check_latest()
    }

    /// Pushes rows that are held to those of their keys, in this order.
    fn index(&mut self, slots: &[Slot]) {
        let frame = Frame {
            input: self.columns.columns(),
            rows: Some(slots),
            len: slots.len(),
            ..Frame::default()
        };
        let mut keys: Vec<Column> = Vec::new();
        for (program, ty) in self.plan.kept_keys.iter_mut().zip(&self.plan.key_types) {
            let mut key = Column::new(*ty);
            program.eval_into(&frame, &mut 0, &mut key);
            keys.push(key);
        }
        self.slots.clear();
        let keys: Vec<&Column> = keys.iter().collect();
        self.by_key.slots_of(&keys, slots.len(), &mut self.slots);
        self.push_in_order(slots);
    }
}

/// The numbers of a row.
fn numbers_of<'a>(
    columns: &'a [Column],
    numbers: &[usize],
    row: usize,
) -> SmallVec<[Scalar<'a>; 4]> {
    numbers.iter().map(|n| columns[*n].scalar(row)).collect()
}

impl StateHolder for Side {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("values of a side", &mut self.columns);
        visitor.container("rows of a side", &mut self.held);
        if let Some(meets) = &mut self.meets {
            visitor.container("partners of rows", meets);
        }
        for count in [&mut self.came, &mut self.forgotten] {
            counter(visitor, count);
        }
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl Side {
    /// Appends the rows of a key that the row at a place of those asked for may meet, in the order in which they came.
    #[inline]
    pub(super) fn partners(&self, key: Slot, place: usize, out: &mut Vec<Slot>) {
        let range = self.range.as_ref();
        if !range.is_some_and(|range| range.find(key, place, &self.by_key, out)) {
            self.each(key, |slot| out.push(slot));
        }
    }
}
