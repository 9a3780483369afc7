//! Aggregates over `tumbling` and `hop` windows: rows are folded into panes, not kept.
//!
//! How: a row updates the groups of one pane; a window that closes merges `size / slide` panes (a tumbling window has
//! one pane and merges nothing) and gives one row per group, in order of first appearance. Columns that the SELECT
//! list reads beside aggregates are those of the group's last row.
//! Cost: O(1) per row, O(groups × size / slide) per result; memory groups × panes.
//! Source: Li et al., "No Pane, No Gain", SIGMOD Record 2005. Differs: panes are merged when a window closes, so that
//! aggregates need no inverse.

use super::group::{Grouping, Groups, entering, look_up, result_columns};
use crate::event::{Batch, Column, Sign, Timestamp, Type, Value};
use crate::expr::{Frame, Program};
use crate::operator::projection::{Projection, Rows};
use crate::operator::window::Panes;
use crate::operator::{Counters, Kind, Moment, Operator, Out, Retired, counter};
use crate::state::{Malformed, Path, Slot, SlotColumns, StateHolder, Visitor};
use std::collections::VecDeque;

/// The groups of one pane.
struct Pane {
    start: i64,
    groups: Groups,
    /// Key columns by slot.
    keys: SlotColumns,
    /// Read columns of the last row by slot.
    last: SlotColumns,
}

impl Pane {
    fn new(grouping: &Grouping, read: &[Type]) -> Self {
        Pane {
            start: 0,
            groups: Groups::new(grouping),
            keys: SlotColumns::new(&grouping.key_types),
            last: SlotColumns::new(read),
        }
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.keys.clear();
        self.last.clear();
    }

    /// Holds the keys of new groups.
    fn set_keys<'a>(&mut self, fresh: &[(Slot, u32)], from: impl IntoIterator<Item = &'a Column>) {
        self.keys.ensure(self.groups.index.slots());
        let keys = self.keys.writing(fresh.iter().map(|(slot, _)| *slot));
        for (to, from) in keys.iter_mut().zip(from) {
            for (slot, row) in fresh {
                to.set_from(*slot as usize, from, *row as usize);
            }
        }
    }

    /// Moves the groups at slots other than `gone` to a pane that is empty; their order stays.
    fn copy_to(&self, gone: &[Slot], to: &mut Pane, constant: &[bool], s: &mut Scratch) {
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
        let columns = keys.iter().collect::<super::group::Columns<'_>>();
        s.slots.clear();
        s.fresh.clear();
        let index = &mut to.groups.index;
        index.slots_of(&columns, s.rows.len(), &mut s.slots, &mut s.fresh);
        to.set_keys(&s.fresh, &keys);
        set_last(&mut to.last, s.rows.len(), constant, s, |k| &last[k], None);
        // What goes is gathered in a slot of its own, which is then forgotten.
        let mut slots = vec![s.rows.len() as Slot; self.groups.index.slots()];
        for (from, to) in s.rows.iter().zip(&s.slots) {
            slots[*from as usize] = *to;
        }
        to.groups.ensure_slots(s.rows.len() + 1);
        to.groups.absorb(&self.groups, &slots);
        to.groups.reset(s.rows.len() as Slot);
    }

    /// Merges a later pane.
    fn absorb(&mut self, other: &Pane, constant: &[bool], s: &mut Scratch) {
        s.slots.clear();
        s.fresh.clear();
        let keys = other.keys.columns();
        self.groups.index.slots_of(
            &keys.iter().collect::<super::group::Columns<'_>>(),
            other.groups.index.slots(),
            &mut s.slots,
            &mut s.fresh,
        );
        self.set_keys(&s.fresh, keys);
        let slots = self.groups.index.slots();
        let last = other.last.columns();
        set_last(&mut self.last, slots, constant, s, |k| &last[k], None);
        self.groups.absorb(&other.groups, &s.slots);
    }
}

/// Overwrites the read columns of each row's group, so that the last row stays. Those that are `constant` within a
/// group are written with its first row only.
fn set_last<'a>(
    last: &mut SlotColumns,
    slots: usize,
    constant: &[bool],
    s: &Scratch,
    from: impl Fn(usize) -> &'a Column,
    rows: Option<&[u32]>,
) {
    last.ensure(slots);
    let columns = if constant.iter().all(|c| *c) {
        last.writing(s.fresh.iter().map(|(slot, _)| *slot))
    } else {
        last.writing(s.slots.iter().copied())
    };
    for (k, column) in columns.iter_mut().enumerate() {
        if constant[k] {
            for (slot, row) in &s.fresh {
                let row = rows.map_or(*row as usize, |r| r[*row as usize] as usize);
                column.set_from(*slot as usize, from(k), row);
            }
        } else {
            column.scatter(&s.slots, from(k), rows);
        }
    }
}

#[derive(Default)]
struct Scratch {
    rows: Vec<u32>,
    slots: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
}

/// GROUP BY and aggregates over windows on a grid.
pub(crate) struct PaneAggregate {
    panes: Panes,
    condition: Option<Program>,
    grouping: Grouping,
    /// Columns of the input that the projection reads beside aggregates, in its order.
    read: Vec<usize>,
    read_types: Vec<Type>,
    /// Which of them are columns of the key.
    constant: Vec<bool>,
    open: VecDeque<Pane>,
    /// Panes that are closed and that a checkpoint still needs.
    retired: Retired<Pane>,
    spare: Vec<Pane>,
    /// Which of the keys say where a group stands.
    routing: Vec<usize>,
    merged: Pane,
    closed: i64,
    projection: Projection,
    window: Batch,
    results: Vec<Column>,
    late: u64,
    faults: u64,
    scratch: Scratch,
}

impl PaneAggregate {
    /// The projection reads the columns `read` of the input, then start and end of the window in milliseconds, then
    /// the aggregates.
    pub(crate) fn new(
        panes: Panes,
        condition: Option<Program>,
        grouping: Grouping,
        read: Vec<usize>,
        read_types: Vec<Type>,
        constant: Vec<bool>,
        projection: Projection,
    ) -> Self {
        let mut columns: Vec<Column> = read_types.iter().map(|t| Column::new(*t)).collect();
        columns.extend([Column::new(Type::Long), Column::new(Type::Long)]);
        PaneAggregate {
            panes,
            condition,
            merged: Pane::new(&grouping, &read_types),
            results: result_columns(&grouping),
            grouping,
            read,
            read_types,
            constant,
            open: VecDeque::new(),
            retired: Retired::default(),
            spare: Vec::new(),
            routing: Vec::new(),
            closed: i64::MIN,
            projection,
            window: Batch {
                columns,
                ..Batch::default()
            },
            late: 0,
            faults: 0,
            scratch: Scratch::default(),
        }
    }

    /// Position of the pane that starts at a time; makes it if need be.
    fn pane(&mut self, start: i64) -> usize {
        if let Some(last) = self.open.back()
            && last.start == start
        {
            return self.open.len() - 1;
        }
        let place = self.open.partition_point(|p| p.start < start);
        if self.open.get(place).is_none_or(|p| p.start != start) {
            let pane = self.fresh_pane(start);
            self.open.insert(place, pane);
        }
        place
    }

    fn fresh_pane(&mut self, start: i64) -> Pane {
        let mut pane = self
            .spare
            .pop()
            .unwrap_or_else(|| Pane::new(&self.grouping, &self.read_types));
        pane.start = start;
        self.retired.begin(&mut pane);
        pane
    }

    fn recycle(&mut self, pane: Pane) {
        if let Some(mut pane) = self.retired.retire(pane.start, pane) {
            pane.clear();
            self.spare.push(pane);
        }
    }

    /// Folds rows `first..end` of the batch, which lie in one pane.
    fn fold(&mut self, batch: &Batch, first: usize, end: usize) {
        let place = self.pane(self.panes.start(batch.at[first]));
        let s = &mut self.scratch;
        s.rows.clear();
        let whole = first == 0 && end == batch.len();
        if let Some(condition) = &mut self.condition {
            if !whole {
                s.slots.clear();
                s.slots.extend(first as u32..end as u32);
            }
            let rows = (!whole).then_some(s.slots.as_slice());
            let frame = Frame {
                rows,
                len: end - first,
                ..batch.frame()
            };
            condition.filter(&frame, &mut self.faults, &mut s.rows);
        } else if !whole {
            s.rows.extend(first as u32..end as u32);
        }
        let some = !whole || self.condition.is_some();
        if some && s.rows.is_empty() {
            return;
        }
        let rows = some.then_some(s.rows.as_slice());
        let frame = Frame {
            rows,
            len: rows.map_or(batch.len(), <[u32]>::len),
            ..batch.frame()
        };
        let pane = &mut self.open[place];
        let (keys, index) = (&mut self.grouping.keys, &mut pane.groups.index);
        look_up(
            index,
            keys,
            &frame,
            &mut self.faults,
            &mut s.slots,
            &mut s.fresh,
        );
        pane.groups.ensure();
        if !s.fresh.is_empty() {
            let mut from = super::group::Columns::new();
            for program in keys.iter_mut() {
                from.push(program.eval(&frame, &mut self.faults));
            }
            pane.set_keys(&s.fresh, from);
        }
        let (read, slots) = (&self.read, pane.groups.index.slots());
        let from = |k: usize| &batch.columns[read[k]];
        set_last(&mut pane.last, slots, &self.constant, s, from, rows);
        let changes = entering(&s.slots);
        pane.groups.update(
            &mut self.grouping.calls,
            &frame,
            &changes,
            None,
            &mut self.faults,
        );
    }

    fn next_end(&self) -> Option<i64> {
        let first = self.open.front()?;
        Some(self.panes.next_end(first.start, self.closed))
    }

    fn close_window(&mut self, end: i64, cause: u64, out: &mut Out) {
        let start = end.saturating_sub(self.panes.size_us);
        self.closed = end;
        let single = self.panes.size_us == self.panes.slide_us;
        if !single {
            self.merged.clear();
            for pane in self
                .open
                .iter()
                .filter(|p| p.start >= start && p.start < end)
            {
                self.merged.absorb(pane, &self.constant, &mut self.scratch);
            }
        }
        let groups = if single {
            self.open.front().expect("a window that closes has rows")
        } else {
            &self.merged
        };
        for column in &mut self.results {
            column.clear();
        }
        let rows = groups.groups.index.slots();
        for slot in 0..rows {
            groups.groups.values(slot as Slot, &mut self.results);
        }
        self.window.clear();
        self.window.tracks_clock = true;
        self.window.tracks_cause = true;
        let kept = self.read.len();
        for (to, from) in self.window.columns.iter_mut().zip(groups.last.columns()) {
            to.extend_range(from, 0..rows);
        }
        self.window.columns[kept].extend_value(&Value::Long(Timestamp(start).millis()), rows);
        self.window.columns[kept + 1].extend_value(&Value::Long(Timestamp(end).millis()), rows);
        for _ in 0..rows {
            self.window
                .push_moment(Moment::timer(Timestamp(end), cause), Sign::Plus);
        }
        let rows = Rows {
            batch: &self.window,
            rows: None,
            results: &self.results,
        };
        self.projection
            .emit(Kind::Flush(Timestamp(end)), &rows, out);
        let kept_from = start.saturating_add(self.panes.slide_us);
        while self.open.front().is_some_and(|p| p.start < kept_from) {
            let pane = self.open.pop_front().expect("the front was just seen");
            self.recycle(pane);
        }
    }
}

impl StateHolder for Pane {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.groups.state(visitor);
        visitor.container("key columns", &mut self.keys);
        visitor.container("last rows", &mut self.last);
        if visitor.is_loading() {
            let slots = self.groups.index.slots();
            if self.groups.index.len() != slots || self.keys.len() > slots {
                visitor.fail(Malformed::new("a pane has groups without a key"));
            }
            self.keys.ensure(slots);
            self.last.ensure(slots);
        }
    }
}

impl StateHolder for PaneAggregate {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for mut pane in self.retired.state(visitor) {
            pane.clear();
            self.spare.push(pane);
        }
        visitor.register(&mut self.closed);
        counter(visitor, &mut self.late);
        counter(visitor, &mut self.faults);
        self.projection.state(visitor);
        let mut starts: Vec<i64> = self.open.iter().map(|pane| pane.start).collect();
        visitor.register(&mut starts);
        if visitor.is_loading() {
            match self.panes.check(starts.iter().copied(), self.closed) {
                Ok(()) => {
                    self.open.clear();
                    for start in starts {
                        let pane = self.fresh_pane(start);
                        self.open.push_back(pane);
                    }
                }
                Err(why) => visitor.fail(why),
            }
        }
        if visitor.describes() {
            self.merged.state(visitor);
            return;
        }
        for pane in &mut self.open {
            visitor.pane(pane.start);
            pane.state(visitor);
        }
        visitor.pane(Path::NO_PANE);
    }
}

impl Operator for PaneAggregate {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut first = 0;
        while first < batch.len() {
            let clock = batch.clock_of(first);
            if self.next_end().is_some_and(|e| e <= clock.0) {
                self.clock(clock, batch.cause_of(first), out);
            }
            if batch.at[first] < clock {
                self.late += 1;
                first += 1;
                continue;
            }
            // A run: rows of one pane, none late, none whose clock closes a window.
            let start = self.panes.start(batch.at[first]);
            let until = start.saturating_add(self.panes.slide_us);
            let close = self
                .next_end()
                .unwrap_or(i64::MAX)
                .min(self.panes.first_end(start));
            let clocks = if batch.clock.is_empty() {
                &batch.at
            } else {
                &batch.clock
            };
            let rest = batch.at[first + 1..].iter().zip(&clocks[first + 1..]);
            let ends = |(at, clock): (&Timestamp, &Timestamp)| {
                (at < clock) | (at.0 < start) | (at.0 >= until) | (clock.0 >= close)
            };
            let end = rest.map(ends).position(|ends| ends);
            let end = end.map_or(batch.len(), |rows| first + 1 + rows);
            self.fold(batch, first, end);
            first = end;
        }
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while let Some(end) = self.next_end().filter(|e| *e <= now.0) {
            self.close_window(end, cause, out);
        }
    }

    fn close(&mut self, out: &mut Out) {
        let last = self
            .open
            .back()
            .map(|p| p.start.saturating_add(self.panes.size_us));
        if let Some(last) = last {
            self.clock(Timestamp(last), 0, out);
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.next_end().map(Timestamp)
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
        into.value_faults += self.faults + self.projection.faults();
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        for pane in std::mem::take(&mut self.open) {
            let gone = pane.groups.not_kept(&self.routing, keep);
            if gone.is_empty() {
                self.open.push_back(pane);
                continue;
            }
            let mut kept = self.fresh_pane(pane.start);
            pane.copy_to(&gone, &mut kept, &self.constant, &mut self.scratch);
            self.recycle(pane);
            if kept.groups.index.len() > 0 {
                self.open.push_back(kept);
            } else {
                self.recycle(kept);
            }
        }
    }
}
