//! The groups of a query and their accumulators.

use super::{Accumulator, Aggregate, AggregateCall, Change, Changes, Merged, Swaps};
use crate::event::{Batch, Column, Scalar, Sign, Type, extend_pairs};
use crate::expr::{Frame, Program, RowFrame};
use crate::sql::ast::Events;
use crate::state::{KeyIndex, Slot, StateHolder, Visitor};
use smallvec::SmallVec;

/// A few columns, by reference.
pub(crate) type Columns<'a> = SmallVec<[&'a Column; 4]>;

/// GROUP BY and the aggregates of a query, as programs over its input.
pub(crate) struct Grouping {
    /// The grouping expressions.
    pub(crate) keys: Vec<Program>,
    /// Their types.
    pub(crate) key_types: Vec<Type>,
    /// The aggregate calls and their arguments.
    pub(crate) calls: Vec<(AggregateCall, Vec<Program>)>,
}

impl Grouping {
    /// Whether there is one group, whose accumulators are right without being forgotten.
    pub(super) fn is_lone(&self) -> bool {
        let registered = |a: &Aggregate| matches!(a, Aggregate::User(..));
        self.keys.is_empty()
            && !self
                .calls
                .iter()
                .any(|(call, _)| registered(&call.aggregate))
    }

    /// Whether a group means something when all its rows have left.
    pub(super) fn lasts(&self) -> bool {
        self.calls.iter().any(|(call, _)| call.lasts())
    }
}

/// Accumulators by group.
pub(crate) struct Groups {
    pub(super) index: KeyIndex,
    pub(super) accumulators: Vec<Box<dyn Accumulator>>,
    /// Which of them take single rows.
    takes_values: Vec<bool>,
    untouched: Vec<Slot>,
    swapped: Swapped,
}

/// What the arguments of rows that leave are beside those of rows that enter.
#[derive(Default)]
struct Swapped {
    /// By call and argument, where an argument is more than a column.
    left: Vec<Vec<Column>>,
    /// The same of rows that enter and leave, in their order, for calls that do not take swaps.
    merged: Vec<Vec<Column>>,
    slots: Vec<Slot>,
    signs: Vec<Sign>,
}

impl Swapped {
    fn new(grouping: &Grouping) -> Self {
        let columns = |args: &Vec<Program>| args.iter().map(|p| Column::new(p.type_of())).collect();
        let by_call = || grouping.calls.iter().map(|(_, args)| columns(args));
        Swapped {
            left: by_call().collect(),
            merged: by_call().collect(),
            ..Swapped::default()
        }
    }

    /// Leaves slots and signs of all rows in their order.
    fn merge(&mut self, swaps: &Swaps<'_>) {
        let (before, swapped) = swaps.slots.split_at(swaps.first());
        self.slots.clear();
        self.slots.extend_from_slice(before);
        extend_pairs(&mut self.slots, swaps.leaving, swapped);
        self.signs.clear();
        self.signs.resize(before.len(), Sign::Plus);
        let pair = [Sign::Minus, Sign::Plus];
        self.signs.extend(swapped.iter().flat_map(|_| pair));
    }
}

impl Groups {
    pub(crate) fn new(grouping: &Grouping) -> Self {
        let calls = grouping.calls.iter();
        let accumulators: Vec<_> = calls.map(|(call, _)| call.accumulator()).collect();
        Groups {
            index: KeyIndex::new(&grouping.key_types),
            takes_values: accumulators.iter().map(|a| a.takes_values()).collect(),
            accumulators,
            untouched: Vec::new(),
            swapped: Swapped::new(grouping),
        }
    }

    /// Makes room for all slots of the index.
    pub(super) fn ensure(&mut self) {
        self.ensure_slots(self.index.slots());
    }

    /// Makes room for slots below `slots`.
    pub(crate) fn ensure_slots(&mut self, slots: usize) {
        for a in &mut self.accumulators {
            a.ensure(slots);
        }
    }

    /// Applies rows to all aggregates; appends values to `results` if there are any.
    ///
    /// All accumulators are written at the same slots, so one of them is asked for all which slots a checkpoint must
    /// hear of: a look per row at marks that are out of cache costs as much as adding to a sum.
    pub(super) fn update(
        &mut self,
        calls: &mut [(AggregateCall, Vec<Program>)],
        frame: &Frame<'_>,
        changes: &Changes<'_>,
        mut results: Option<&mut [Column]>,
        faults: &mut u64,
    ) {
        self.untouched.clear();
        let untouched = &mut self.untouched;
        let mut accumulators = self.accumulators.iter();
        let is_known = accumulators.any(|a| a.untouched(changes.slots, untouched));
        let changes = &Changes {
            untouched: is_known.then_some(untouched.as_slice()),
            ..*changes
        };
        for (i, (accumulator, (_, args))) in self.accumulators.iter_mut().zip(calls).enumerate() {
            let mut columns = Columns::new();
            for program in args {
                columns.push(program.eval(frame, faults));
            }
            accumulator.update(changes, &columns, results.as_deref_mut().map(|r| &mut r[i]));
        }
    }

    /// As [`Groups::update`], of a batch in which rows leave beside those that enter.
    pub(super) fn swap(
        &mut self,
        calls: &mut [(AggregateCall, Vec<Program>)],
        batch: &Batch,
        swaps: &Swaps<'_>,
        results: &mut [Column],
        faults: &mut u64,
    ) {
        self.untouched.clear();
        let untouched = &mut self.untouched;
        let mut accumulators = self.accumulators.iter();
        let is_known = accumulators
            .any(|a| a.untouched(swaps.slots, untouched) && a.untouched(swaps.leaving, untouched));
        let swaps = &Swaps {
            untouched: is_known.then_some(untouched.as_slice()),
            ..*swaps
        };
        let (entering, gone) = (batch.frame(), batch.leaving_frame());
        if self.accumulators.iter().any(|a| !a.takes_swaps()) {
            self.swapped.merge(swaps);
        }
        let Swapped {
            left,
            merged,
            slots,
            signs,
        } = &mut self.swapped;
        let calls = calls.iter_mut().zip(left.iter_mut().zip(merged));
        let accumulators = self.accumulators.iter_mut().zip(results);
        for ((accumulator, out), ((_, programs), (left, merged))) in accumulators.zip(calls) {
            // A program has room for one result.
            for (program, to) in programs.iter_mut().zip(left.iter_mut()) {
                if program.as_column().is_none() {
                    to.clear();
                    program.eval_into(&gone, faults, to);
                }
            }
            let (mut args, mut leaving) = (Columns::new(), Columns::new());
            for (program, left) in programs.iter_mut().zip(left.iter()) {
                leaving.push(match program.as_column() {
                    Some(column) => &batch.leaving[column],
                    None => left,
                });
                args.push(program.eval(&entering, faults));
            }
            if accumulator.takes_swaps() {
                accumulator.swap(swaps, &args, &leaving, out);
                continue;
            }
            let both = args.iter().zip(&leaving).zip(merged.iter_mut());
            both.for_each(|((arg, left), to)| merge(arg, left, swaps.first(), to));
            let changes = Changes {
                slots,
                signs,
                at: &[],
                emit: Events::Current,
                lone: swaps.lone,
                untouched: swaps.untouched,
            };
            let args: Columns<'_> = merged.iter().collect();
            accumulator.update(&changes, &args, Some(out));
        }
    }

    /// Looks up the group of a row.
    pub(super) fn slot_of(
        &mut self,
        keys: &mut [Program],
        frame: &RowFrame<'_>,
        faults: &mut u64,
    ) -> Slot {
        let known = self.index.slots();
        let slot = match keys {
            [] => self.index.slot_of(&[]),
            [key] => self.index.slot_of(&[key.value(frame, faults)]),
            keys => {
                let values = keys.iter_mut().map(|key| key.value(frame, faults));
                let values: SmallVec<[Scalar<'_>; 4]> = values.collect();
                self.index.slot_of(&values)
            }
        };
        if self.index.slots() > known {
            self.ensure();
        }
        slot
    }

    /// Applies one row to all aggregates; leaves their values in `results` where the row wants them.
    pub(crate) fn update_one(
        &mut self,
        calls: &mut [(AggregateCall, Vec<Program>)],
        frame: &RowFrame<'_>,
        change: Change,
        results: &mut [Column],
        faults: &mut u64,
    ) {
        let accumulators = self.accumulators.iter_mut().zip(&self.takes_values);
        let accumulators = accumulators.zip(calls).zip(results);
        for (((accumulator, takes_values), (_, args)), out) in accumulators {
            out.clear();
            match args.as_mut_slice() {
                [] if *takes_values => accumulator.update_one(change, None, out),
                [arg] if *takes_values => {
                    accumulator.update_one(change, Some(arg.value(frame, faults)), out);
                }
                args => by_columns(accumulator.as_mut(), args, frame, change, out, faults),
            }
        }
    }

    /// Appends the values of some groups to `results`.
    pub(super) fn values_of(&self, slots: &[Slot], results: &mut [Column]) {
        for (accumulator, result) in self.accumulators.iter().zip(results) {
            accumulator.values(slots, result);
        }
    }

    /// Appends the values of a group to `results`.
    pub(crate) fn values(&self, slot: Slot, results: &mut [Column]) {
        for (accumulator, result) in self.accumulators.iter().zip(results) {
            accumulator.value(slot, result);
        }
    }

    /// Forgets a group.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.index.remove(slot);
        self.reset(slot);
    }

    /// Forgets all groups.
    pub(super) fn clear(&mut self) {
        self.index.clear();
        for a in &mut self.accumulators {
            a.clear();
        }
    }

    /// The slots of groups whose key, by these positions among the keys, is not kept.
    pub(super) fn not_kept(&self, positions: &[usize], keep: &dyn Fn(&[u8]) -> bool) -> Vec<Slot> {
        self.index.not_kept(positions, keep)
    }

    /// Sets the accumulators of a slot back that belongs to no group.
    pub(crate) fn reset(&mut self, slot: Slot) {
        for a in &mut self.accumulators {
            a.reset(slot);
        }
    }

    /// Merges slots of other groups into slots of these.
    pub(super) fn absorb(&mut self, other: &Groups, merged: Merged<'_>) {
        self.ensure();
        for (mine, theirs) in self.accumulators.iter_mut().zip(&other.accumulators) {
            mine.absorb(theirs.as_ref(), merged);
        }
    }
}

/// Leaves values of all rows in their order: before each of the last that enter one leaves.
fn merge(entering: &Column, leaving: &Column, first: usize, to: &mut Column) {
    to.clear();
    to.extend_range(entering, 0..first);
    let swaps = leaving.len();
    to.extend_pairs(leaving, 0..swaps, entering, first..first + swaps);
}

/// Applies one row to an accumulator that takes columns only.
fn by_columns(
    accumulator: &mut dyn Accumulator,
    args: &mut [Program],
    frame: &RowFrame<'_>,
    change: Change,
    out: &mut Column,
    faults: &mut u64,
) {
    let rows = [frame.view.row as u32];
    let columns = frame.columns(&rows);
    let mut values = Columns::new();
    for program in args {
        values.push(program.eval(&columns, faults));
    }
    let (slots, signs) = ([change.slot], [change.sign]);
    let enters = change.sign == Sign::Plus;
    let changes = Changes {
        signs: if enters { &[] } else { &signs },
        emit: Events::All,
        ..entering(&slots)
    };
    accumulator.update(&changes, &values, change.emits.then_some(out));
}

impl StateHolder for Groups {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.visit(visitor, "aggregate");
    }
}

impl Groups {
    /// Lists its state; `part`: what the accumulators are parts of.
    pub(super) fn visit(&mut self, visitor: &mut dyn Visitor, part: &'static str) {
        self.index.state(visitor);
        self.visit_accumulators(visitor, part);
        if visitor.is_loading() {
            self.ensure();
        }
    }

    /// Lists the accumulators alone, of slots that belong to no key; room is for the caller to make.
    pub(super) fn visit_accumulators(&mut self, visitor: &mut dyn Visitor, part: &'static str) {
        for (i, accumulator) in self.accumulators.iter_mut().enumerate() {
            visitor.part(part, i);
            accumulator.state(visitor);
        }
        visitor.part("", 0);
    }
}

/// Empty columns for the results of the calls.
pub(super) fn result_columns(grouping: &Grouping) -> Vec<Column> {
    grouping
        .calls
        .iter()
        .map(|(call, _)| Column::new(call.result))
        .collect()
}

/// Evaluates the grouping expressions and looks the slots up; `slots` and `fresh` are filled anew.
pub(crate) fn look_up(
    index: &mut KeyIndex,
    keys: &mut [Program],
    frame: &Frame<'_>,
    faults: &mut u64,
    slots: &mut Vec<Slot>,
    fresh: &mut Vec<(Slot, u32)>,
) {
    slots.clear();
    fresh.clear();
    let mut columns = Columns::new();
    for program in keys {
        columns.push(program.eval(frame, faults));
    }
    index.slots_of(&columns, frame.len, slots, fresh);
}

/// All rows enter and nobody wants a value yet.
pub(super) fn entering(slots: &[Slot]) -> Changes<'_> {
    Changes {
        slots,
        signs: &[],
        at: &[],
        emit: Events::Current,
        lone: false,
        untouched: None,
    }
}
