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
use crate::operator::{Counters, Kind, Moment, Operator, Out};
use crate::state::Slot;
use std::collections::VecDeque;

/// The groups of one pane.
struct Pane {
    start: i64,
    groups: Groups,
    /// Key columns by slot.
    keys: Vec<Column>,
    /// Read columns of the last row by slot.
    last: Vec<Column>,
}

impl Pane {
    fn new(grouping: &Grouping, read: &[Type]) -> Self {
        Pane {
            start: 0,
            groups: Groups::new(grouping),
            keys: grouping.key_types.iter().map(|t| Column::new(*t)).collect(),
            last: read.iter().map(|t| Column::new(*t)).collect(),
        }
    }

    fn clear(&mut self) {
        self.groups.clear();
        for column in self.keys.iter_mut().chain(&mut self.last) {
            column.clear();
        }
    }

    /// Merges a later pane.
    fn absorb(&mut self, other: &Pane, constant: &[bool], s: &mut Scratch) {
        s.slots.clear();
        s.fresh.clear();
        let keys = other.keys.iter().collect::<super::group::Columns<'_>>();
        self.groups.index.slots_of(
            &keys,
            other.groups.index.slots(),
            &mut s.slots,
            &mut s.fresh,
        );
        for (_, row) in &s.fresh {
            for (to, from) in self.keys.iter_mut().zip(&other.keys) {
                to.push_from(from, *row as usize);
            }
        }
        let slots = self.groups.index.slots();
        set_last(&mut self.last, slots, constant, s, |k| &other.last[k], None);
        self.groups.absorb(&other.groups, &s.slots);
    }
}

/// Overwrites the read columns of each row's group, so that the last row stays. Those that are `constant` within a
/// group are written with its first row only.
fn set_last<'a>(
    last: &mut [Column],
    slots: usize,
    constant: &[bool],
    s: &Scratch,
    from: impl Fn(usize) -> &'a Column,
    rows: Option<&[u32]>,
) {
    for (k, column) in last.iter_mut().enumerate() {
        column.grow(slots);
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
    spare: Vec<Pane>,
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
            spare: Vec::new(),
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
            let mut pane = self
                .spare
                .pop()
                .unwrap_or_else(|| Pane::new(&self.grouping, &self.read_types));
            pane.start = start;
            self.open.insert(place, pane);
        }
        place
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
            for (program, to) in keys.iter_mut().zip(&mut pane.keys) {
                let from = program.eval(&frame, &mut self.faults);
                for (_, row) in &s.fresh {
                    to.push_from(from, *row as usize);
                }
            }
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
        for (to, from) in self.window.columns.iter_mut().zip(&groups.last) {
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
            let mut pane = self.open.pop_front().expect("the front was just seen");
            pane.clear();
            self.spare.push(pane);
        }
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
}
