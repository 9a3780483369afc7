//! Aggregates over rows as they come and over flushes.
//!
//! Rows: each gives one output with the aggregates after it. A flush: the aggregates start anew, and the flush gives
//! one row, or one per group in order of first appearance.

use super::group::{Grouping, Groups, entering, look_up, result_columns};
use super::sizes::Sizes;
use super::{Change, Changes, Swaps};
use crate::event::{Batch, Column, RowSet, RowView, Sign, Timestamp};
use crate::expr::{Frame, Program, RowFrame};
use crate::operator::by_constant::Picked;
use crate::operator::projection::{Projection, Rows};
use crate::operator::select::choose;
use crate::operator::{Common, Counters, Kind, Operator, Out, Port, counter, newer_counter};
use crate::sql::ast::Events;
use crate::state::{Slot, StateHolder, Visitor};
use std::collections::HashSet;

/// Groups of a query that are never forgotten, as no row leaves them: some gigabytes. The row of another one is not
/// added, and counted.
pub(crate) const GROUPS_MAX: usize = 10_000_000;

/// GROUP BY and aggregates behind a source, a sliding window or a batch window.
pub(crate) struct RunningAggregate {
    condition: Option<Program>,
    events: Events,
    grouping: Grouping,
    groups: Groups,
    /// Rows in each group, where rows may leave and an empty group is forgotten.
    sizes: Option<Sizes>,
    /// Rows come in flushes only, each of which begins anew: nothing survives between two calls.
    transient: bool,
    /// A flush has rows of one key of a partition: the groups of other keys go on.
    by_key: bool,
    /// Which of the keys say where a group stands.
    routing: Vec<usize>,
    results: Vec<Column>,
    projection: Projection,
    faults: u64,
    bound: Bound,
    scratch: Scratch,
}

/// How many groups there may be, where none is forgotten.
struct Bound {
    groups_max: usize,
    /// Rows may leave.
    retracts: bool,
    /// Rows of groups beyond it.
    refused: u64,
}

impl Bound {
    /// Whether of so many groups a new one is too many. Where rows leave none begins once one was refused: of what
    /// leaves it is not known whether it was refused.
    #[inline]
    fn is_over(&self, groups: usize) -> bool {
        groups > self.groups_max || (self.retracts && self.refused > 0)
    }
}

#[derive(Default)]
struct Scratch {
    rows: Vec<u32>,
    slots: Vec<Slot>,
    /// Those of rows that leave beside others.
    leaving: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    signs: Vec<Sign>,
    emitted: Vec<u32>,
    last: Vec<u32>,
    empty: Vec<Slot>,
}

impl RunningAggregate {
    /// With `retracts`, rows may leave one by one; with `transient`, rows come in flushes only.
    pub(crate) fn new(
        condition: Option<Program>,
        events: Events,
        grouping: Grouping,
        retracts: bool,
        transient: bool,
        projection: Projection,
    ) -> Self {
        RunningAggregate {
            condition,
            events,
            groups: Groups::new(&grouping),
            // A lone group without keys stays, unless a registered aggregate wants to start anew.
            sizes: (retracts && !grouping.lasts() && !grouping.is_lone()).then(Sizes::default),
            transient,
            by_key: false,
            routing: Vec::new(),
            results: result_columns(&grouping),
            grouping,
            projection,
            faults: 0,
            bound: Bound {
                groups_max: GROUPS_MAX,
                retracts,
                refused: 0,
            },
            scratch: Scratch::default(),
        }
    }

    /// With another bound on the groups.
    #[cfg(test)]
    fn bounded(mut self, groups_max: usize) -> Self {
        self.bound.groups_max = groups_max;
        self
    }

    /// Flushes are those of one key of a partition each, which is one of the keys of groups.
    pub(crate) fn by_key(self) -> Self {
        RunningAggregate {
            by_key: !self.transient,
            ..self
        }
    }

    /// A flush begins: the groups of its rows begin anew, and where there is no partition all others.
    fn begin_anew(&mut self, batch: &Batch) {
        if !self.by_key {
            self.groups.clear();
            if let Some(sizes) = &mut self.sizes {
                sizes.clear();
            }
            return;
        }
        let s = &mut self.scratch;
        let frame = batch.frame();
        // The keys of the rows are looked up again below: their faults count there.
        look_up(
            &mut self.groups.index,
            &mut self.grouping.keys,
            &frame,
            &mut 0,
            &mut s.slots,
            &mut s.fresh,
        );
        self.groups.ensure();
        s.empty.clear();
        s.empty.extend(&s.slots);
        self.forget_groups();
    }

    /// Forgets the groups listed as empty.
    fn forget_groups(&mut self) {
        let empty = &mut self.scratch.empty;
        empty.sort_unstable();
        empty.dedup();
        for slot in empty.iter() {
            self.groups.remove(*slot);
            if let Some(sizes) = &mut self.sizes {
                sizes.reset(*slot, &self.groups);
            }
        }
    }

    /// Forgets what belongs to a group that is no longer known.
    fn forget_slot(&mut self, slot: Slot) {
        self.groups.reset(slot);
        if let Some(sizes) = &mut self.sizes {
            sizes.reset(slot, &self.groups);
        }
    }

    /// The rows of a batch, or some of them.
    fn each(&mut self, of: (&Batch, Option<&[u32]>), shown: bool, out: &mut Out) {
        let (s, batch) = (&mut self.scratch, of.0);
        let (condition, faults) = (&mut self.condition, &mut self.faults);
        let some = choose(condition, Events::All, of, faults, &mut s.rows);
        let rows = some.then_some(s.rows.as_slice());
        let frame = Frame {
            rows,
            len: rows.map_or(batch.len(), <[u32]>::len),
            ..batch.frame()
        };
        if frame.len == 0 {
            return;
        }
        let faults = self.faults;
        look_up(
            &mut self.groups.index,
            &mut self.grouping.keys,
            &frame,
            &mut self.faults,
            &mut s.slots,
            &mut s.fresh,
        );
        let is_full = self.bound.is_over(self.groups.index.len());
        if is_full && self.sizes.is_none() && !s.fresh.is_empty() {
            self.faults = faults;
            return self.each_of_some(batch, some, shown, out);
        }
        self.groups.ensure();
        let signs = match rows {
            Some(rows) if !batch.signs.is_empty() => {
                s.signs.clear();
                s.signs
                    .extend(rows.iter().map(|r| batch.signs[*r as usize]));
                s.signs.as_slice()
            }
            _ => &batch.signs,
        };
        let changes = Changes {
            slots: &s.slots,
            signs,
            at: &[],
            emit: self.events,
            lone: self.grouping.keys.is_empty(),
            untouched: None,
        };
        for column in &mut self.results {
            column.clear();
        }
        let results = shown.then_some(self.results.as_mut_slice());
        self.groups.update(
            &mut self.grouping.calls,
            &frame,
            &changes,
            results,
            &mut self.faults,
        );
        if shown {
            let projected = projected(self.events, &changes, rows, &mut s.emitted);
            let rows = Rows {
                batch,
                rows: projected,
                results: &self.results,
            };
            self.projection.emit(Kind::Rows, &rows, out);
        }
        if let Some(sizes) = &mut self.sizes {
            let change = |row| i64::from(changes.sign(row) as i8);
            sizes.change(&s.slots, change, &mut self.groups);
        }
    }

    /// As `each`, of a batch in which rows leave beside those that enter: no condition, and none that leaves is shown.
    fn swap(&mut self, batch: &Batch, out: &mut Out) {
        let s = &mut self.scratch;
        let (index, keys) = (&mut self.groups.index, &mut self.grouping.keys);
        let (frame, gone) = (batch.frame(), batch.leaving_frame());
        let faults = &mut self.faults;
        look_up(index, keys, &gone, faults, &mut s.leaving, &mut s.fresh);
        look_up(index, keys, &frame, faults, &mut s.slots, &mut s.fresh);
        self.groups.ensure();
        let swaps = Swaps {
            slots: &s.slots,
            leaving: &s.leaving,
            lone: keys.is_empty(),
            untouched: None,
        };
        self.results.iter_mut().for_each(Column::clear);
        let (calls, results) = (&mut self.grouping.calls, &mut self.results);
        self.groups.swap(calls, batch, &swaps, results, faults);
        let rows = Rows {
            batch,
            rows: None,
            results: &self.results,
        };
        self.projection.emit(Kind::Rows, &rows, out);
        if let Some(sizes) = &mut self.sizes {
            sizes.enter(&s.slots, &self.groups);
            sizes.change(&s.leaving, |_| -1, &mut self.groups);
        }
    }

    /// As [`RunningAggregate::each`] with the rows of a batch, or `some` of them, but those of the last of its new
    /// groups, which are too many.
    #[cold]
    fn each_of_some(&mut self, batch: &Batch, some: bool, shown: bool, out: &mut Out) {
        let s = &self.scratch;
        let excess = match self
            .groups
            .index
            .len()
            .saturating_sub(self.bound.groups_max)
        {
            0 => s.fresh.len(),
            excess => excess.min(s.fresh.len()),
        };
        let gone = s.fresh[s.fresh.len() - excess..].iter();
        let gone: HashSet<Slot> = gone.map(|(slot, _)| *slot).collect();
        let mut rows = Vec::new();
        for (place, slot) in s.slots.iter().enumerate() {
            let row = if some { s.rows[place] } else { place as u32 };
            if !gone.contains(slot) {
                rows.push(row);
            } else if batch.sign(row as usize) == Sign::Plus {
                self.bound.refused += 1;
            }
        }
        gone.into_iter()
            .for_each(|slot| self.groups.index.remove(slot));
        if rows.is_empty() {
            return;
        }
        let mut left = Batch::like(batch);
        left.append(batch, &RowSet::Picked(&rows));
        let condition = self.condition.take();
        self.each((&left, None), shown, out);
        self.condition = condition;
    }

    /// One row: as `each` does with a batch of it.
    fn one(&mut self, view: RowView<'_>, to: &mut Batch) {
        let frame = RowFrame::of(view);
        if let Some(condition) = &mut self.condition
            && !condition.holds(&frame, &mut self.faults)
        {
            return;
        }
        let sign = view.batch.sign(view.row);
        let groups = self.groups.index.len();
        let slot = self
            .groups
            .slot_of(&mut self.grouping.keys, &frame, &mut self.faults);
        let is_new = self.groups.index.len() > groups;
        if is_new && self.sizes.is_none() && self.bound.is_over(groups + 1) {
            self.groups.index.remove(slot);
            self.bound.refused += u64::from(sign == Sign::Plus);
            return;
        }
        let change = Change {
            slot,
            sign,
            emits: self.events.takes(sign),
        };
        let calls = &mut self.grouping.calls;
        self.groups
            .update_one(calls, &frame, change, &mut self.results, &mut self.faults);
        if change.emits {
            let results = &self.results;
            self.projection.row(&RowFrame { view, results }, to);
        }
        if let Some(sizes) = &mut self.sizes {
            sizes.change(&[slot], |_| i64::from(sign as i8), &mut self.groups);
        }
    }

    /// One flush. All groups of its rows are new.
    fn flush(&mut self, at: Timestamp, batch: &Batch, out: &mut Out) {
        self.begin_anew(batch);
        let s = &mut self.scratch;
        choose(
            &mut self.condition,
            self.events,
            (batch, None),
            &mut self.faults,
            &mut s.rows,
        );
        if self.condition.is_none() && self.events != Events::Expired && batch.signs.is_empty() {
            s.rows.extend(0..batch.len() as u32);
        } else if self.condition.is_none() && self.events == Events::All {
            s.rows.clear();
            s.rows.extend(0..batch.len() as u32);
        }
        if s.rows.is_empty() {
            let end = out.batch();
            out.emit(Kind::Flush(at), end);
            return;
        }
        let frame = Frame {
            rows: Some(&s.rows),
            len: s.rows.len(),
            ..batch.frame()
        };
        look_up(
            &mut self.groups.index,
            &mut self.grouping.keys,
            &frame,
            &mut self.faults,
            &mut s.slots,
            &mut s.fresh,
        );
        self.groups.ensure();
        if s.last.len() < self.groups.index.slots() {
            s.last.resize(self.groups.index.slots(), 0);
        }
        for (row, slot) in s.rows.iter().zip(&s.slots) {
            s.last[*slot as usize] = *row;
        }
        // Rows that expire come first in a flush, so those that enter are the end of the list.
        let enters = s
            .rows
            .partition_point(|r| batch.sign(*r as usize) == Sign::Minus);
        let frame = Frame {
            rows: Some(&s.rows[enters..]),
            len: s.rows.len() - enters,
            ..batch.frame()
        };
        let changes = entering(&s.slots[enters..]);
        self.groups.update(
            &mut self.grouping.calls,
            &frame,
            &changes,
            None,
            &mut self.faults,
        );
        for column in &mut self.results {
            column.clear();
        }
        s.emitted.clear();
        for (slot, _) in &s.fresh {
            self.groups.values(*slot, &mut self.results);
            s.emitted.push(s.last[*slot as usize]);
        }
        let rows = Rows {
            batch,
            rows: Some(&s.emitted),
            results: &self.results,
        };
        self.projection.emit(Kind::Flush(at), &rows, out);
        if self.by_key {
            s.empty.clear();
            s.empty.extend(&s.slots);
            self.forget_groups();
        } else if self.sizes.is_some() {
            self.groups.clear();
        }
    }
}

/// Which rows of a batch are shown. `rows`: those that were applied, all where there are none.
fn projected<'a>(
    events: Events,
    changes: &Changes<'_>,
    rows: Option<&'a [u32]>,
    emitted: &'a mut Vec<u32>,
) -> Option<&'a [u32]> {
    if changes.signs.is_empty() && events != Events::Expired {
        return rows;
    }
    let (plus, minus) = (events.takes(Sign::Plus), events.takes(Sign::Minus));
    emitted.clear();
    emitted.resize(changes.slots.len(), 0);
    let mut count = 0;
    for i in 0..changes.slots.len() {
        emitted[count] = rows.map_or(i as u32, |r| r[i]);
        let wanted = if changes.sign(i) == Sign::Plus {
            plus
        } else {
            minus
        };
        count += usize::from(wanted);
    }
    emitted.truncate(count);
    Some(emitted)
}

impl StateHolder for RunningAggregate {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
        self.projection.state(visitor);
        if self.transient {
            return;
        }
        self.groups.state(visitor);
        if let Some(sizes) = &mut self.sizes {
            sizes.visit(visitor, &self.groups);
        }
        newer_counter(visitor, &mut self.bound.refused);
    }
}

impl Operator for RunningAggregate {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        match kind {
            Kind::Rows if batch.swaps > 0 => self.swap(batch, out),
            Kind::Rows => self.each((batch, None), true, out),
            // A flush begins anew, and has nothing of what comes of rows that leave.
            Kind::Leaving if self.transient => {}
            // They change the aggregates, and CURRENT shows none of them.
            Kind::Leaving => self.each((batch, None), self.events != Events::Current, out),
            Kind::Flush(at) => self.flush(at, batch, out),
        }
    }

    fn rows_among(
        &mut self,
        _port: Port,
        _common: &mut Common,
        batch: &Batch,
        among: Picked<'_>,
        out: &mut Out,
    ) {
        self.each((batch, Some(among.rows)), true, out);
    }

    fn takes_some(&self) -> bool {
        self.condition.is_some()
    }

    fn rests_until(&self) -> Option<Timestamp> {
        Some(Timestamp(i64::MAX))
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, _out: &mut Out) -> bool {
        if row.batch.swaps > 0 {
            return false;
        }
        self.one(row, to);
        true
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults + self.projection.faults();
        into.limit_rows += self.bound.refused;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for slot in self.groups.not_kept(&self.routing, keep) {
            self.groups.index.remove(slot);
            self.forget_slot(slot);
        }
    }

    fn quiet_after(&self) -> Option<i64> {
        self.groups.index.finds_by_one().then_some(0)
    }

    fn find_by_partition(&mut self) {
        if let [position] = self.routing[..] {
            self.groups.index.find_by(position);
        }
    }

    fn forget_keys(&mut self, keys: &Column) {
        let mut gone = std::mem::take(&mut self.scratch.empty);
        gone.clear();
        self.groups.index.remove_known(keys, &mut gone);
        gone.iter().for_each(|slot| self.forget_slot(*slot));
        self.scratch.empty = gone;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Aggregate, AggregateCall, Rows as Coming};
    use super::*;
    use crate::event::{Schema, Type, Value};
    use crate::expr::{ColumnRef, Layout, Typed};
    use crate::operator::window::testing::{Feed, check, column};
    use crate::sql::ast::Span;

    const TYPES: [Type; 3] = [Type::String, Type::Int, Type::Long];

    /// `k, v, sum(v)` by k, with three groups at most. `rows`: how rows leave, if they do.
    fn sums(retracts: bool, lasts: bool) -> RunningAggregate {
        let call = |aggregate, args: Vec<Type>| AggregateCall {
            result: Type::Long,
            rows: if retracts {
                Coming::InOrder
            } else {
                Coming::Forever
            },
            args,
            aggregate,
        };
        let mut calls = vec![(
            call(Aggregate::Sum, vec![Type::Int]),
            vec![column(1, Type::Int)],
        )];
        if lasts {
            let call = AggregateCall {
                result: Type::Int,
                ..call(Aggregate::MaxForever, vec![Type::Int])
            };
            calls.push((call, vec![column(1, Type::Int)]));
        }
        let grouping = Grouping {
            keys: vec![column(0, Type::String)],
            key_types: vec![Type::String],
            calls,
        };
        let layout = Layout::default().all(0, TYPES.len());
        let input = |column| ColumnRef::Input { source: 0, column };
        let outputs = [input(0), input(1), ColumnRef::Aggregate(0)];
        let outputs = outputs.into_iter().zip(TYPES);
        let outputs = outputs.map(|(c, ty)| Typed::column(c, ty, Span::default()).compile(&layout));
        let projection = Projection::new(outputs.collect(), None, Vec::new(), None, None, None);
        RunningAggregate::new(None, Events::All, grouping, retracts, false, projection).bounded(3)
    }

    #[test]
    fn rows_of_a_group_more_are_counted_and_not_added() {
        let lines = [
            "1 a 1 0",
            "2 b 2 0",
            "3 a 3 0",
            "4 c 4 0",
            "5 d 5 0",
            "6 b 6 0",
            "7 NULL 7 0",
            "8 e 8 0",
            "9 d 9 0",
            "10 c 10 0",
        ];
        let want = [
            "+ 1 a 1 1",
            "+ 2 b 2 2",
            "+ 3 a 3 4",
            "+ 4 c 4 4",
            "+ 6 b 6 8",
            "+ 10 c 10 14",
        ];
        let feed = Feed {
            types: &TYPES,
            keep: &[0, 1, 2],
            lines: &lines,
        };
        let counters = check(&feed, &want, || Box::new(sums(false, false)));
        assert_eq!(counters.limit_rows, 4);
    }

    /// A group that was refused is not there when its rows leave, also where there is room by then.
    #[test]
    fn what_leaves_of_a_group_that_was_refused_is_ignored() {
        let columns = [("k", TYPES[0]), ("v", TYPES[1]), ("n", TYPES[2])];
        let schema = Schema::new(columns);
        let rows = [
            ('+', "a", 1),
            ('+', "b", 2),
            ('+', "c", 3),
            ('+', "d", 4),
            ('-', "a", 1),
            ('-', "d", 4),
            ('+', "d", 5),
            ('+', "a", 6),
            ('-', "c", 3),
        ];
        let want = [("a", 1), ("b", 2), ("c", 3), ("a", 0), ("a", 6), ("c", 0)];
        for together in [1, 2, 4, rows.len()] {
            for singly in [false, true] {
                let mut sums = sums(true, true);
                let mut out = Out::new(Batch::new(&schema));
                let mut got = Vec::new();
                for rows in rows.chunks(together) {
                    let mut batch = Batch::new(&schema);
                    for (sign, k, v) in rows {
                        batch.push_sign(if *sign == '-' {
                            Sign::Minus
                        } else {
                            Sign::Plus
                        });
                        batch.at.push(Timestamp(0));
                        assert!(batch.columns[0].push(&Value::from(k.to_string())));
                        assert!(batch.columns[1].push(&Value::Int(*v)));
                        assert!(batch.columns[2].push(&Value::Long(0)));
                    }
                    if singly {
                        let mut to = out.batch();
                        for row in 0..batch.len() {
                            let batch = &batch;
                            assert!(sums.row(RowView { batch, row }, &mut to, &mut out));
                        }
                        out.emit(Kind::Rows, to);
                    } else {
                        sums.rows(Kind::Rows, &batch, &mut out);
                    }
                    for (_, batch) in std::mem::take(&mut out.ready) {
                        let row = |row| (batch.columns[0].value(row), batch.columns[2].value(row));
                        got.extend((0..batch.len()).map(row));
                    }
                }
                let value = |(k, sum): (&str, i64)| (Value::from(k.to_string()), Value::Long(sum));
                let is_zero = |value: &Value| *value == Value::Null;
                assert_eq!(got.len(), want.len(), "{got:?}, {together} rows together");
                for (got, want) in got.iter().zip(want.map(value)) {
                    let same = got.1 == want.1 || (is_zero(&got.1) && want.1 == Value::Long(0));
                    assert!(got.0 == want.0 && same, "{got:?} is not {want:?}");
                }
                assert_eq!(sums.bound.refused, 2);
            }
        }
    }
}
