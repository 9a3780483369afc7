//! Running an expression: what a program reads, and what it gives.

use super::kernel::{Operand, logic};
use super::node::{Node, Operation};
use crate::event::{Column, Timestamp, Type};

/// What a program reads.
///
/// Column `i < input.len()` is `input[i]`, read at `rows` if given; column `i ≥ input.len()` is
/// `results[i − input.len()]`, which is dense: aligned with the selection. `at`, `clock` and `causes` are read like
/// `input`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Frame<'a> {
    pub(crate) input: &'a [Column],
    pub(crate) results: &'a [Column],
    pub(crate) at: &'a [Timestamp],
    pub(crate) clock: &'a [Timestamp],
    pub(crate) causes: &'a [u64],
    pub(crate) rows: Option<&'a [u32]>,
    /// Rows of the result.
    pub(crate) len: usize,
}

impl<'a> Frame<'a> {
    /// Column `i`.
    #[inline]
    pub(super) fn column(&self, i: usize) -> &'a Column {
        match self.input.get(i) {
            Some(c) => c,
            None => &self.results[i - self.input.len()],
        }
    }

    /// The row of `input` at a position.
    #[inline]
    pub(super) fn row(&self, position: usize) -> usize {
        self.rows.map_or(position, |rows| rows[position] as usize)
    }
}

/// A frame, or some of its positions.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) frame: &'a Frame<'a>,
    /// Positions in the frame; all of them when absent.
    pub(super) picks: Option<&'a [u32]>,
    pub(super) len: usize,
}

impl<'a> View<'a> {
    pub(super) fn whole(frame: &'a Frame<'a>) -> Self {
        View {
            frame,
            picks: None,
            len: frame.len,
        }
    }

    #[inline]
    pub(super) fn position(&self, i: usize) -> usize {
        self.picks.map_or(i, |p| p[i] as usize)
    }
}

/// An expression ready to run.
pub(crate) struct Program {
    pub(super) root: Node,
}

impl Program {
    pub(super) fn of(root: Node) -> Self {
        Program { root }
    }

    /// Calls `f` with the number of every column that it reads.
    pub(crate) fn each_column(&self, f: &mut dyn FnMut(usize)) {
        self.root.each_column(f);
    }

    /// The type of its results.
    pub(crate) fn type_of(&self) -> Type {
        self.root.out.type_of()
    }

    /// Whether computing it may be an error for some row.
    pub(crate) fn can_fault(&self) -> bool {
        self.root.fallible
    }

    /// The number of the column that it is, where it is nothing else.
    pub(crate) fn as_column(&self) -> Option<usize> {
        match self.root.step {
            Operation::Column(i) => Some(i),
            _ => None,
        }
    }

    /// The result of every row. A plain column without selection is borrowed, not copied.
    pub(crate) fn eval<'a>(&'a mut self, frame: &Frame<'a>, faults: &mut u64) -> &'a Column {
        self.root.run(&View::whole(frame), faults);
        if let Operation::Column(i) = self.root.step {
            let dense = i >= frame.input.len();
            if dense || frame.rows.is_none() {
                return frame.column(i);
            }
        }
        if let Operation::Constant(value) = &self.root.step
            && self.root.out.len() != frame.len
        {
            self.root.out.clear();
            self.root.out.extend_value(value, frame.len);
        }
        &self.root.out
    }

    /// Appends the result of every row.
    pub(crate) fn eval_into(&mut self, frame: &Frame<'_>, faults: &mut u64, out: &mut Column) {
        if let (Operation::Column(i), Some(rows)) = (&self.root.step, frame.rows)
            && let Some(column) = frame.input.get(*i)
        {
            return out.carry_rows(column, &rows[..frame.len]);
        }
        let view = View::whole(frame);
        self.root.run(&view, faults);
        match self.root.operand(&view) {
            Operand::Column(c) => out.carry_range(c, 0..frame.len),
            Operand::Constant(v) => out.extend_value(v, frame.len),
        }
    }

    /// Appends the row numbers where the result is TRUE: `frame.rows[i]`, or `i`.
    pub(crate) fn filter(&mut self, frame: &Frame<'_>, faults: &mut u64, keep: &mut Vec<u32>) {
        let view = View::whole(frame);
        self.root.run(&view, faults);
        logic::select(self.root.operand(&view), frame.rows, frame.len, keep);
    }
}
