//! `SNAPSHOT EVERY t`: what is there, again and again.

use super::latest::Latest;
use super::{ByKey, Firings, RATE_LIMIT_ROWS_MAX, Ticks, Turnover};
use crate::event::{Batch, Data, Scalar, Sign, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter, words_cell};
use crate::state::{KeyIndex, Malformed, Slab, Slot, SlotColumns, StateHolder, Visitor};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::ops::Range;

/// What a snapshot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// The last row of each key.
    Last,
    /// Of each key that the windows hold rows of, the row that came last, with the aggregates of now.
    Groups,
    /// Each row that the windows hold, with the aggregates of now.
    Rows,
}

/// What the columns are that a snapshot gets.
pub(crate) struct SnapshotColumns {
    /// All of them, in their order.
    pub(crate) types: Vec<Type>,
    /// Which of them are made of aggregates.
    pub(crate) aggregates: Vec<bool>,
    /// Which one says whether a row is shown.
    pub(crate) having: Option<usize>,
}

/// A row that a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct SnapshotRow {
    /// How many came before it.
    number: u64,
    /// The slot of its values.
    values: u64,
}

words_cell!(
    SnapshotRow,
    "row of a snapshot",
    2,
    |r| [r.number, r.values],
    |w| {
        Some(SnapshotRow {
            number: w[0],
            values: w[1],
        })
    }
);

/// Rows that come and leave, in the order in which they came. One that leaves is the oldest with its values.
struct Rows {
    /// Rows by all that is no aggregate.
    index: KeyIndex,
    values: SlotColumns,
    /// The aggregates of now, in slot 0.
    current: SlotColumns,
    held: Slab<SnapshotRow>,
    came: u64,
    refused: u64,
    /// The numbers of the rows in the order in which they came, and the slots of their values: an index. One that went
    /// is still in it, but not in front.
    order: VecDeque<(u64, Slot)>,
    /// How many rows are held.
    count: usize,
    /// By slot of the values, the rows that have them, the oldest first: an index.
    equal: Vec<VecDeque<(u64, u32)>>,
    rows_max: usize,
    /// Where the columns of the keys by which it counts stand in the index, and which of them say where a row stands.
    keys: Vec<usize>,
    routing: Vec<usize>,
}

impl Rows {
    fn new(keys: ByKey, columns: &SnapshotColumns, rows_max: usize) -> Self {
        let place = |key: &usize| {
            let before = columns.aggregates[..*key].iter();
            before.filter(|aggregate| !**aggregate).count()
        };
        let types = columns.types.iter().zip(&columns.aggregates);
        let types: Vec<Type> = types.filter(|(_, a)| !**a).map(|(t, _)| *t).collect();
        Rows {
            index: KeyIndex::new(&types),
            values: SlotColumns::new(&columns.types),
            current: SlotColumns::new(&columns.types),
            held: Slab::default(),
            came: 0,
            refused: 0,
            order: VecDeque::new(),
            count: 0,
            equal: Vec::new(),
            rows_max,
            keys: keys.columns().iter().map(place).collect(),
            routing: Vec::new(),
        }
    }

    fn routed_by(&mut self, positions: &[usize]) {
        let place = |position: &usize| self.keys.get(*position).copied();
        self.routing = positions.iter().filter_map(place).collect();
    }

    /// Forgets the rows of keys that are not kept.
    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        if self.routing.is_empty() {
            return;
        }
        for slot in self.index.remove_not_kept(&self.routing, keep) {
            for (_, held) in self.equal[slot as usize].drain(..) {
                self.held.remove(held);
                self.count -= 1;
            }
        }
        self.compact();
    }

    fn change(&mut self, batch: &Batch, row: usize, aggregates: &[bool]) {
        self.current.ensure(1);
        let current = self.current.writing(std::iter::once(0));
        for (place, to) in current
            .iter_mut()
            .enumerate()
            .filter(|(p, _)| aggregates[*p])
        {
            to.set_from(0, &batch.columns[place], row);
        }
        let columns = batch.columns.iter().zip(aggregates);
        let key: SmallVec<[Scalar<'_>; 8]> = columns
            .filter(|(_, aggregate)| !**aggregate)
            .map(|(column, _)| column.scalar(row))
            .collect();
        let slot = self.index.slot_of(&key);
        let place = slot as usize;
        if place >= self.equal.len() {
            self.equal.resize_with(place + 1, VecDeque::new);
        }
        if batch.sign(row) == Sign::Plus {
            if self.count < self.rows_max {
                self.enter(batch, row, slot);
            } else {
                self.refused += 1;
            }
        } else if let Some((_, held)) = self.equal[place].pop_front() {
            self.held.remove(held);
            self.count -= 1;
            self.forget();
        }
        if self.equal[place].is_empty() {
            self.index.remove(slot);
        }
    }

    fn enter(&mut self, batch: &Batch, row: usize, slot: Slot) {
        let place = slot as usize;
        if self.equal[place].is_empty() {
            self.values.ensure(place + 1);
            let values = self.values.writing(std::iter::once(slot)).iter_mut();
            for (to, from) in values.zip(&batch.columns) {
                to.set_from(place, from, row);
            }
        }
        let held = self.held.insert(SnapshotRow {
            number: self.came,
            values: u64::from(slot),
        });
        self.equal[place].push_back((self.came, held));
        self.order.push_back((self.came, slot));
        self.count += 1;
        self.came += 1;
    }

    /// Whether a row with this number and these values is held.
    fn is_held(equal: &[VecDeque<(u64, u32)>], (number, slot): &(u64, Slot)) -> bool {
        let rows = &equal[*slot as usize];
        rows.binary_search_by_key(number, |(n, _)| *n).is_ok()
    }

    /// Rows went: drops what is no longer there from the order.
    fn forget(&mut self) {
        let equal = &self.equal;
        while self
            .order
            .front()
            .is_some_and(|row| !Self::is_held(equal, row))
        {
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.count + 64 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let equal = &self.equal;
        self.order.retain(|row| Self::is_held(equal, row));
    }

    fn clear(&mut self) {
        self.index.clear();
        self.values.clear();
        self.current.clear();
        self.held.clear();
        self.order.clear();
        self.count = 0;
        self.equal.clear();
    }

    fn show(&self, columns: &SnapshotColumns, moment: Moment, to: &mut Batch) {
        let of = |slot: Slot, place: usize| match columns.aggregates[place] {
            true => (&self.current, 0),
            false => (&self.values, slot as usize),
        };
        for (_, slot) in self
            .order
            .iter()
            .filter(|row| Self::is_held(&self.equal, row))
        {
            let is_shown = columns.having.is_none_or(|place| {
                let (held, row) = of(*slot, place);
                is_true(held, place, row)
            });
            if !is_shown {
                continue;
            }
            to.push_moment(moment, Sign::Plus);
            for (place, to) in to.columns.iter_mut().enumerate() {
                let (held, row) = of(*slot, place);
                to.push_from(&held.columns()[place], row);
            }
        }
    }

    /// Checks what was loaded, and makes the indexes of it.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        self.order.clear();
        self.equal.clear();
        self.equal.resize_with(self.index.slots(), VecDeque::new);
        for entry in 0..self.held.entries() as u32 {
            let Some(row) = self.held.find(entry).copied() else {
                continue;
            };
            let place = usize::try_from(row.values).unwrap_or(usize::MAX);
            let known = place < self.equal.len().min(self.values.len());
            if !known {
                return Err(Malformed::new("a row of a snapshot has no values"));
            }
            self.order.push_back((row.number, place as Slot));
            self.equal[place].push_back((row.number, entry));
        }
        self.order.make_contiguous().sort_unstable();
        let mut pairs = self.order.iter().zip(self.order.iter().skip(1));
        if pairs.any(|(a, b)| a.0 == b.0) {
            return Err(Malformed::new("two rows of a snapshot have one number"));
        }
        self.count = self.order.len();
        for equal in &mut self.equal {
            equal.make_contiguous().sort_unstable();
        }
        let mut used = self.equal.iter().enumerate().filter(|(_, e)| !e.is_empty());
        let mut held = self.index.held_slots();
        let agree = loop {
            match (used.next(), held.next()) {
                (Some((place, _)), Some(slot)) if place == slot as usize => {}
                (None, None) => break true,
                _ => break false,
            }
        };
        let has_current = self.order.is_empty() || self.current.len() > 0;
        let is_past = self.order.back().is_none_or(|(n, _)| *n < self.came);
        match agree && has_current && is_past {
            true => Ok(()),
            false => Err(Malformed::new("values of a snapshot have no row")),
        }
    }
}

impl StateHolder for Rows {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.index.state(visitor);
        visitor.container("values", &mut self.values);
        visitor.container("current", &mut self.current);
        self.held.state(visitor);
        for count in [&mut self.came, &mut self.refused] {
            counter(visitor, count);
        }
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

/// Whether a condition is TRUE.
fn is_true(held: &SlotColumns, place: usize, row: usize) -> bool {
    let column = &held.columns()[place];
    match column.data() {
        Data::Bool(values) => !column.is_null(row) && values[row],
        _ => false,
    }
}

enum Holds {
    Latest(Box<Latest>),
    Rows(Box<Rows>),
}

/// Shows what is there every time that its timer fires, as long as something is.
pub(crate) struct Snapshot {
    holds: Holds,
    turnover: Turnover,
    /// When the last flush came, where that says how long it is the last.
    flushed: Option<Timestamp>,
    ticks: Ticks,
    columns: SnapshotColumns,
}

impl Snapshot {
    /// `turnover`: how rows go of what the query selects from.
    pub(crate) fn new(
        shows: Shows,
        turnover: Turnover,
        keys: ByKey,
        ticks: Ticks,
        columns: SnapshotColumns,
    ) -> Self {
        let max = RATE_LIMIT_ROWS_MAX;
        Snapshot {
            holds: match shows {
                Shows::Rows => Holds::Rows(Box::new(Rows::new(keys, &columns, max))),
                Shows::Last | Shows::Groups => {
                    Holds::Latest(Box::new(Latest::new(keys, &columns.types, max)))
                }
            },
            turnover: match shows {
                Shows::Last => Turnover::Never,
                Shows::Groups | Shows::Rows => turnover,
            },
            flushed: None,
            ticks,
            columns,
        }
    }

    fn is_empty(&self) -> bool {
        match &self.holds {
            Holds::Latest(latest) => latest.is_empty(),
            Holds::Rows(rows) => rows.count == 0,
        }
    }

    /// Takes rows of the batch at hand.
    fn take(&mut self, batch: &Batch, rows: Range<usize>) {
        let aggregates = &self.columns.aggregates;
        for row in rows {
            let enters = batch.sign(row) == Sign::Plus;
            match (&mut self.holds, &self.turnover) {
                (_, Turnover::Never | Turnover::Flushes { .. }) if !enters => {}
                (Holds::Rows(rows), _) => rows.change(batch, row, aggregates),
                (Holds::Latest(latest), Turnover::Singly) => latest.change(batch, row, aggregates),
                (Holds::Latest(latest), Turnover::FlushesOfKeys) => latest.replace(batch, row),
                (Holds::Latest(latest), _) => {
                    if let Some(slot) = latest.slot(row) {
                        latest.set(slot, batch, row);
                    }
                }
            }
        }
    }

    fn clear(&mut self) {
        match &mut self.holds {
            Holds::Latest(latest) => latest.clear(),
            Holds::Rows(rows) => rows.clear(),
        }
    }

    fn show(&mut self, moment: Moment, to: &mut Batch) {
        match &mut self.holds {
            Holds::Rows(rows) => rows.show(&self.columns, moment, to),
            Holds::Latest(latest) => {
                let having = self.columns.having;
                latest.show(moment, to, |rows, slot| {
                    having.is_none_or(|place| is_true(rows, place, slot as usize))
                });
            }
        }
    }

    /// Whether the last flush is not the last one any more.
    fn is_over(&self, now: Timestamp) -> bool {
        let Turnover::Flushes {
            lasts: Some(lasts), ..
        } = &self.turnover
        else {
            return false;
        };
        let end = self.flushed.and_then(|flushed| lasts.end(flushed));
        end.is_some_and(|end| end <= now)
    }

    fn fire(&mut self, now: Timestamp, cause: u64, to: &mut Batch) {
        self.fire_all(now, |snapshot, due| {
            if snapshot.is_over(due) {
                snapshot.clear();
            }
            snapshot.show(Moment::timer(due, cause), to);
            if snapshot.is_empty() {
                snapshot.ticks.disarm();
            }
        });
    }
}

impl Firings for Snapshot {
    fn ticks(&mut self) -> &mut Ticks {
        &mut self.ticks
    }
}

impl StateHolder for Snapshot {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        match &mut self.holds {
            Holds::Latest(latest) => latest.state(visitor),
            Holds::Rows(rows) => rows.state(visitor),
        }
        self.ticks.state(visitor);
        visitor.newer_register(&mut self.flushed);
    }
}

impl Operator for Snapshot {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        if let (Kind::Flush(at), Turnover::Flushes { by_time, lasts }) = (kind, &self.turnover) {
            let (by_time, lasts) = (*by_time, lasts.is_some());
            // What is due before the flush shows what was there.
            if !batch.is_empty() {
                self.fire(batch.clock_of(0), batch.cause_of(0), &mut to);
            } else if by_time {
                self.fire(at.plus(-1), 0, &mut to);
            }
            self.clear();
            self.flushed = lasts.then_some(at);
        }
        if let Holds::Latest(latest) = &mut self.holds {
            latest.look_up(batch);
        }
        let mut first = 0;
        while first < batch.len() {
            self.fire(batch.clock_of(first), batch.cause_of(first), &mut to);
            let rows = self.ticks.before(batch, first..batch.len());
            first = rows.end;
            self.take(batch, rows);
        }
        if let Holds::Latest(latest) = &mut self.holds {
            latest.forget();
        }
        out.emit(Kind::Rows, to);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|due| due <= now) {
            let mut to = out.batch();
            self.fire(now, cause, &mut to);
            out.emit(Kind::Rows, to);
        }
    }

    fn skip(&mut self, now: Timestamp) {
        self.ticks.skip(now);
    }

    fn begin(&mut self, now: Timestamp) {
        let holds = !self.is_empty();
        self.ticks.begin(now, holds);
    }

    fn due(&self) -> Option<Timestamp> {
        self.ticks.due()
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.ticks.skipped();
        into.limit_rows += match &self.holds {
            Holds::Latest(latest) => latest.refused,
            Holds::Rows(rows) => rows.refused,
        };
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        match &mut self.holds {
            Holds::Latest(latest) => latest.keys.routing = positions,
            Holds::Rows(rows) => rows.routed_by(&positions),
        }
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        match &mut self.holds {
            Holds::Latest(latest) => latest.keep_keys(keep),
            Holds::Rows(rows) => rows.keep_keys(keep),
        }
    }
}
