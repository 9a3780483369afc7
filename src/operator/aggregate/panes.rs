//! Aggregates over `tumbling` and `hop` windows: rows are folded into panes, not kept.
//!
//! How: a row updates the groups of one pane; a window that closes gives one row per group of its panes, in order of
//! first appearance. A tumbling window has one pane; what windows that overlap make of theirs is in `overlap`. Columns
//! that the SELECT list reads beside aggregates are those of the group's last row. A row is late when all windows of
//! its time have ended.
//! Cost: O(1) per row, O(groups) per window; memory groups × panes.
//! Source: Li et al., "No Pane, No Gain", SIGMOD Record 2005.

use super::Changes;
use super::group::{Columns, Grouping, entering, look_up, result_columns};
use super::overlap::Overlap;
use super::pane::{Found, PaneGroups, PaneRecord, ReadColumns, Scratch};
use crate::event::{Batch, Column, Mark, Sign, Timestamp, Type, Value};
use crate::expr::{Frame, Program};
use crate::operator::projection::{Projection, Rows};
use crate::operator::window::{Admission, Panes};
use crate::operator::{Counters, Kind, Moment, Operator, Out, Retired, counter};
use crate::state::{Path, Slot, StateHolder, Visitor};
use std::collections::VecDeque;
use std::ops::Range;

/// GROUP BY and aggregates over windows on a grid.
pub(crate) struct PaneAggregate {
    panes: Panes,
    condition: Option<Program>,
    grouping: Grouping,
    read: ReadColumns,
    open: VecDeque<PaneGroups>,
    /// Panes that are closed and that a checkpoint still needs.
    retired: Retired<PaneGroups>,
    spare: Vec<PaneGroups>,
    /// Which of the keys say where a group stands.
    routing: Vec<usize>,
    /// The groups of a window, where windows overlap.
    overlap: Option<Box<Overlap>>,
    closed: i64,
    projection: Projection,
    window: Batch,
    results: Vec<Column>,
    late: u64,
    faults: u64,
    scratch: Scratch,
    /// The instants to which the rows of a batch belong, where these are not their times.
    instants: Vec<Timestamp>,
    /// Times of the rows that a condition lets through.
    times: Vec<Timestamp>,
    order: Vec<Slot>,
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
        let read = ReadColumns {
            columns: read,
            types: read_types,
            constant,
        };
        PaneAggregate {
            panes,
            condition,
            overlap: (panes.size_us > panes.slide_us)
                .then(|| Box::new(Overlap::new(&grouping, &read))),
            results: result_columns(&grouping),
            grouping,
            read,
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
            instants: Vec::new(),
            times: Vec::new(),
            order: Vec::new(),
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

    fn fresh_pane(&mut self, start: i64) -> PaneGroups {
        let mut pane = self
            .spare
            .pop()
            .unwrap_or_else(|| PaneGroups::new(&self.grouping, &self.read));
        pane.start = start;
        self.retired.begin(&mut pane);
        pane
    }

    fn recycle(&mut self, pane: PaneGroups) {
        if let Some(mut pane) = self.retired.retire(pane.start, pane) {
            pane.clear();
            self.spare.push(pane);
        }
    }

    /// Folds rows of the batch that lie in the pane that starts at a time. `is_sorted`: they are known to be in order.
    fn fold(&mut self, start: i64, batch: &Batch, rows: Range<usize>, is_sorted: bool) {
        let Range { start: first, end } = rows;
        let place = self.pane(start);
        if let Some(overlap) = &mut self.overlap {
            overlap.touch(start);
        }
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
            let mut from = Columns::new();
            for program in keys.iter_mut() {
                from.push(program.eval(&frame, &mut self.faults));
            }
            pane.set_keys(&s.fresh, from);
        }
        let times = if self.condition.is_none() {
            &batch.at[first..end]
        } else {
            self.times.clear();
            self.times
                .extend(s.rows.iter().map(|r| batch.at[*r as usize]));
            &self.times
        };
        let found = Found {
            slots: &s.slots,
            fresh: &s.fresh,
            times,
            is_sorted: is_sorted || times.is_sorted(),
            rows,
        };
        pane.place(&self.read, &batch.columns, found, &mut s.last);
        let changes = Changes {
            at: times,
            ..entering(&s.slots)
        };
        pane.groups.update(
            &mut self.grouping.calls,
            &frame,
            &changes,
            None,
            &mut self.faults,
        );
    }

    /// Whether a row is one that the query counts.
    #[cold]
    fn wants(&mut self, batch: &Batch, row: usize) -> bool {
        let Some(condition) = &mut self.condition else {
            return true;
        };
        let frame = Frame {
            rows: Some(&[row as u32]),
            len: 1,
            ..batch.frame()
        };
        self.scratch.rows.clear();
        condition.filter(&frame, &mut self.faults, &mut self.scratch.rows);
        !self.scratch.rows.is_empty()
    }

    /// The instants to which the rows belong, those of refused rows after all others; empty where they are the times.
    fn take_instants(&mut self, batch: &Batch) -> Vec<Timestamp> {
        let mut instants = std::mem::take(&mut self.instants);
        instants.clear();
        if !batch.marks.is_empty() {
            instants.extend((0..batch.len()).map(|row| match batch.mark(row) {
                Mark::Ahead => Timestamp(i64::MAX),
                _ => batch.instant(row),
            }));
        }
        instants
    }

    /// Opens the only pane with the only group, as of no row at all: an aggregate of nothing has a value, too.
    #[cold]
    fn open_without_rows(&mut self) {
        let place = self.pane(self.panes.start(Timestamp(0)));
        let (pane, s) = (&mut self.open[place], &mut self.scratch);
        s.slots.clear();
        s.fresh.clear();
        pane.groups
            .index
            .slots_of(&[], 1, &mut s.slots, &mut s.fresh);
        pane.groups.ensure();
        pane.last.ensure(1);
    }

    fn next_end(&self) -> Option<i64> {
        let first = self.open.front()?;
        Some(self.panes.next_end(first.start, self.closed))
    }

    fn close_window(&mut self, end: i64, cause: u64, out: &mut Out) {
        let start = end.saturating_sub(self.panes.size_us);
        self.closed = end;
        for column in &mut self.results {
            column.clear();
        }
        self.window.clear();
        let (order, columns) = (&mut self.order, &mut self.window.columns);
        let last = match &mut self.overlap {
            Some(overlap) => {
                let (grouping, read) = (&self.grouping, &self.read);
                overlap.show(end, &self.open, grouping, read, &mut self.scratch, order);
                overlap.values(order, &mut self.results);
                overlap.last()
            }
            None => {
                let pane = self.open.front().expect("a window that closes has rows");
                pane.order(order);
                pane.groups.values_of(order, &mut self.results);
                pane.last.columns()
            }
        };
        for (to, from) in columns.iter_mut().zip(last) {
            to.extend_rows(from, order);
        }
        let (rows, kept) = (order.len(), self.read.columns.len());
        self.window.tracks_clock = true;
        self.window.tracks_cause = true;
        self.window.columns[kept].extend_value(&Value::Long(Timestamp(start).millis()), rows);
        self.window.columns[kept + 1].extend_value(&Value::Long(Timestamp(end).millis()), rows);
        let moment = Moment::close(Timestamp(end), cause);
        self.window.push_moments(moment, Sign::Plus, rows);
        let rows = Rows {
            batch: &self.window,
            rows: None,
            results: &self.results,
        };
        self.projection
            .emit(Kind::Flush(Timestamp(end)), &rows, out);
        let panes = self.panes;
        self.let_go(|start| panes.last_end(start) <= end);
    }

    /// The panes are others than those that were taken in.
    fn forget_overlap(&mut self) {
        if let Some(overlap) = &mut self.overlap {
            overlap.clear();
        }
    }

    /// Takes the first panes away, as long as they are over.
    fn let_go(&mut self, is_over: impl Fn(i64) -> bool) {
        while self.open.front().is_some_and(|p| is_over(p.start)) {
            if let Some(overlap) = &mut self.overlap {
                overlap.let_go(&self.open);
            }
            let pane = self.open.pop_front().expect("the front was just seen");
            self.recycle(pane);
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
                    self.forget_overlap();
                    for start in starts {
                        let pane = self.fresh_pane(start);
                        self.open.push_back(pane);
                    }
                }
                Err(why) => visitor.fail(why),
            }
        }
        if visitor.describes() {
            PaneGroups::new(&self.grouping, &self.read).state(visitor);
            return;
        }
        for pane in &mut self.open {
            visitor.pane(pane.start);
            pane.state(visitor);
        }
        visitor.pane(Path::NO_PANE);
        let mut records: Vec<PaneRecord> = self.open.iter().map(|pane| pane.record).collect();
        visitor.newer_register(&mut records);
        if visitor.is_loading() {
            for (pane, record) in self.open.iter_mut().zip(records) {
                pane.record = record;
            }
        }
    }
}

impl Operator for PaneAggregate {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let instants = self.take_instants(batch);
        let times = match instants.is_empty() {
            true => &batch.at,
            false => &instants,
        };
        let clocks = match batch.clock.is_empty() {
            true => &batch.at,
            false => &batch.clock,
        };
        // Rows that come at the clock are in order, as the clock is: a look at all times at once.
        let is_sorted = match batch.clock.is_empty() {
            true => times.is_sorted(),
            false => clocks == times,
        };
        let mut first = 0;
        while first < batch.len() {
            let clock = batch.clock_of(first);
            if self.next_end().is_some_and(|e| e <= clock.0) {
                self.clock(clock, batch.cause_of(first), out);
            }
            let start = self.panes.start(times[first]);
            let mark = batch.mark(first);
            let entry = self.panes.enter(start, mark, clock, &mut self.closed);
            if entry == Admission::Late {
                if self.wants(batch, first) {
                    self.late += 1;
                    out.refuse(batch, first);
                }
                first += 1;
                continue;
            }
            // A run: rows of one pane, none late, none whose clock closes a window.
            let until = self.panes.end(start);
            let next = self.panes.next_end(start, self.closed);
            let close = self.next_end().unwrap_or(i64::MAX).min(next);
            let end = if is_sorted {
                let until = until.min(close);
                first + 1 + times[first + 1..].partition_point(|at| at.0 < until)
            } else {
                let rest = times[first + 1..].iter().zip(&clocks[first + 1..]);
                let ends = |(at, clock): (&Timestamp, &Timestamp)| {
                    (at.0 < start) | (at.0 >= until) | (clock.0 >= close)
                };
                let end = rest.map(ends).position(|ends| ends);
                end.map_or(batch.len(), |rows| first + 1 + rows)
            };
            if entry == Admission::Open {
                self.fold(start, batch, first..end, is_sorted);
            }
            first = end;
        }
        self.instants = instants;
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while let Some(end) = self.next_end().filter(|e| *e <= now.0) {
            self.close_window(end, cause, out);
        }
    }

    fn is_open(&mut self) -> bool {
        !self.open.is_empty()
    }

    fn close(&mut self, out: &mut Out) {
        let lone = self.panes.is_whole() && self.grouping.keys.is_empty();
        let has_rows = self.open.iter().any(|pane| pane.groups.index.len() > 0);
        if lone && !has_rows && self.closed == i64::MIN {
            self.open_without_rows();
        }
        let last = self.open.back().map(|p| self.panes.last_end(p.start));
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

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.forget_overlap();
        for pane in std::mem::take(&mut self.open) {
            let gone = pane.groups.not_kept(&self.routing, keep);
            if gone.is_empty() {
                self.open.push_back(pane);
                continue;
            }
            let mut kept = self.fresh_pane(pane.start);
            pane.copy_to(&gone, &mut kept, &self.read, &mut self.scratch);
            self.recycle(pane);
            if kept.groups.index.len() > 0 {
                self.open.push_back(kept);
            } else {
                self.recycle(kept);
            }
        }
    }

    fn quiet_after(&self) -> Option<i64> {
        (!self.panes.is_whole()).then_some(self.panes.size_us)
    }
}
