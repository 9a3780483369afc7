//! What an expression window asks of its rows: a condition over the first row, the last row and aggregates of all.
//!
//! How: accumulators follow the rows that enter and leave; the condition is a program over a frame of one row, whose
//! input are the kept columns of the first row, those of the last row, and the times of both in milliseconds, and
//! whose results are the aggregates. Only the columns that the program reads are filled.

use super::Held;
use super::condition_scope::BoundCondition;
use crate::event::{Column, Sign, Timestamp, Type};
use crate::expr::{Frame, Program};
use crate::operator::aggregate::{Accumulator, Changes};
use crate::operator::{Moment, counter};
use crate::sql::ast::Events;
use crate::state::{Slot, StateHolder, Visitor};

/// One aggregate over the rows of the window.
struct Call {
    accumulator: Box<dyn Accumulator>,
    /// Which kept column it reads, and that value of one row.
    argument: Option<(usize, Column)>,
    result: Column,
}

/// A condition and the aggregates that it reads.
pub(crate) struct Condition {
    program: Program,
    calls: Vec<Call>,
    input: Vec<Column>,
    /// Columns of the input that the program reads.
    reads: Vec<usize>,
    results: Vec<Column>,
    rows: Vec<u32>,
    /// The key at hand: 0 where there is one.
    key: Slot,
    /// There is room for keys below.
    room: usize,
    lasts: bool,
    faults: u64,
}

impl Condition {
    /// A condition over rows of which columns `keep` of these types are kept; `keep` holds those the condition reads.
    pub(crate) fn new(bound: &BoundCondition, keep: &[usize], types: &[Type]) -> Self {
        let (typed, layout) = (bound.typed(), BoundCondition::layout(keep));
        let times = [Type::Long, Type::Long];
        let input: Vec<Column> = [types, types, &times]
            .concat()
            .into_iter()
            .map(Column::new)
            .collect();
        let mut reads = Vec::new();
        typed.columns(&mut |c| reads.push(layout.place(c)));
        reads.retain(|i| *i < input.len());
        reads.sort_unstable();
        reads.dedup();
        let call = |(call, column): &(crate::operator::aggregate::AggregateCall, Option<usize>)| {
            let kept = column.and_then(|c| keep.iter().position(|k| *k == c));
            let argument = kept.map(|k| (k, Column::new(types[k])));
            let mut accumulator = call.accumulator();
            accumulator.ensure(1);
            Call {
                accumulator,
                argument,
                result: Column::new(call.result),
            }
        };
        let calls: Vec<Call> = bound.calls().iter().map(call).collect();
        let results = calls.iter().map(|c| c.result.clone()).collect();
        Condition {
            program: typed.compile(&layout),
            calls,
            input,
            reads,
            results,
            rows: Vec::new(),
            key: 0,
            room: 1,
            lasts: bound.calls().iter().any(|(call, _)| call.lasts()),
            faults: 0,
        }
    }

    /// The key at hand.
    #[inline]
    pub(super) fn key(&self) -> Slot {
        self.key
    }

    /// Goes on with the rows of another key.
    #[inline]
    pub(super) fn turn(&mut self, key: Slot) {
        self.key = key;
    }

    /// Goes on with a key that has no rows yet.
    pub(super) fn open(&mut self, key: Slot) {
        self.key = key;
        if self.room <= key as usize {
            self.ensure(key as usize + 1);
        }
    }

    /// Makes room for keys below `slots`.
    pub(super) fn ensure(&mut self, slots: usize) {
        self.room = slots;
        for call in &mut self.calls {
            call.accumulator.ensure(slots);
        }
    }

    /// Whether it remembers rows that have left.
    pub(super) fn lasts(&self) -> bool {
        self.lasts
    }

    /// A row that is held enters or leaves.
    pub(super) fn change(&mut self, held: &Held, seq: u64, sign: Sign) {
        let row = held.log.index(held.id, seq);
        let (slots, signs) = ([self.key], [sign]);
        let changes = Changes {
            slots: &slots,
            signs: &signs,
            at: &[],
            emit: Events::All,
            lone: true,
            untouched: None,
        };
        for call in &mut self.calls {
            match &mut call.argument {
                None => call.accumulator.update(&changes, &[], None),
                Some((kept, value)) => {
                    value.clear();
                    value.push_from(&held.log.columns()[*kept], row);
                    call.accumulator.update(&changes, &[value], None);
                }
            }
        }
    }

    /// All rows have left.
    pub(super) fn clear(&mut self) {
        for call in &mut self.calls {
            call.accumulator.reset(self.key);
        }
    }

    /// Whether the condition is TRUE for the rows from `first` to `last`.
    pub(super) fn holds(&mut self, held: &Held, first: u64, last: u64, moment: Moment) -> bool {
        let (log, kept) = (&held.log, held.keep.len());
        let (first, last) = (log.index(held.id, first), log.index(held.id, last));
        let (first_at, last_at) = (log.times()[first], log.times()[last]);
        for i in &self.reads {
            let column = &mut self.input[*i];
            column.clear();
            match *i {
                i if i < kept => column.push_from(&log.columns()[i], first),
                i if i < 2 * kept => column.push_from(&log.columns()[i - kept], last),
                i => push_millis(if i == 2 * kept { first_at } else { last_at }, column),
            }
        }
        for (call, column) in self.calls.iter().zip(&mut self.results) {
            column.clear();
            call.accumulator.value(self.key, column);
        }
        let frame = Frame {
            input: &self.input,
            results: &self.results,
            at: &[last_at],
            clock: &[moment.now()],
            causes: &[moment.cause],
            rows: None,
            len: 1,
        };
        self.rows.clear();
        self.program
            .filter(&frame, &mut self.faults, &mut self.rows);
        !self.rows.is_empty()
    }

    /// Values that became NULL.
    pub(super) fn faults(&self) -> u64 {
        self.faults
    }
}

impl StateHolder for Condition {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
        for (i, call) in self.calls.iter_mut().enumerate() {
            visitor.part("aggregate", i);
            call.accumulator.state(visitor);
            if visitor.is_loading() {
                call.accumulator.ensure(self.room);
            }
        }
        visitor.part("", 0);
    }
}

fn push_millis(at: Timestamp, column: &mut Column) {
    column.push(&at.millis().into());
}
