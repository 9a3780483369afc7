//! SELECT list, HAVING, ORDER BY, LIMIT and OFFSET: the end of every query.

use super::distinct::keep_first;
use super::{Kind, Out, counter};
use crate::event::{Batch, Column, Data, RowSet};
use crate::expr::{Frame, Program, RowFrame};
use crate::state::{KeyIndex, StateHolder, Visitor};
use std::cmp::Ordering;

/// The tail of a query. Order and limits act on each flush; on rows that merely travel together they act on each row.
pub(crate) struct Projection {
    outputs: Vec<Program>,
    having: Option<Program>,
    order: Vec<(Program, bool)>,
    limit: usize,
    offset: usize,
    /// DISTINCT over the first columns, so many, where a limit must not count what it drops.
    distinct: Option<(KeyIndex, usize)>,
    keys: Vec<Column>,
    kept: Vec<u32>,
    faults: u64,
}

/// Rows that are projected, beside their [`Frame`].
pub(crate) struct Rows<'a> {
    /// Where times, clocks, causes and signs come from.
    pub(crate) batch: &'a Batch,
    /// Which rows of the batch; all when absent.
    pub(crate) rows: Option<&'a [u32]>,
    /// Aggregates, one row per projected row.
    pub(crate) results: &'a [Column],
}

impl Rows<'_> {
    fn frame(&self) -> Frame<'_> {
        Frame {
            input: &self.batch.columns,
            results: self.results,
            at: &self.batch.at,
            clock: &self.batch.clock,
            causes: &self.batch.causes,
            rows: self.rows,
            len: self.rows.map_or(self.batch.len(), <[u32]>::len),
        }
    }
}

impl Projection {
    /// A tail; `order` has `true` for descending.
    pub(crate) fn new(
        outputs: Vec<Program>,
        having: Option<Program>,
        order: Vec<(Program, bool)>,
        limit: Option<u64>,
        offset: Option<u64>,
        distinct: Option<(KeyIndex, usize)>,
    ) -> Self {
        Projection {
            outputs,
            having,
            order,
            limit: limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            offset: offset.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            distinct,
            keys: Vec::new(),
            kept: Vec::new(),
            faults: 0,
        }
    }

    /// Row faults so far.
    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    /// Projects rows and emits them.
    pub(crate) fn emit(&mut self, kind: Kind, rows: &Rows<'_>, out: &mut Out) {
        let frame = rows.frame();
        let mut to = out.batch();
        // A flush without rows is still the end of those before it.
        if frame.len == 0 || (kind == Kind::Rows && (self.limit == 0 || self.offset > 0)) {
            out.emit(kind, to);
            return;
        }
        for (program, column) in self.outputs.iter_mut().zip(&mut to.columns) {
            program.eval_into(&frame, &mut self.faults, column);
        }
        to.append_moments(rows.batch, &RowSet::picked(rows.rows));
        if let Kind::Flush(at) = kind {
            to.at.fill(at);
        }
        let flush = matches!(kind, Kind::Flush(_));
        let limits =
            flush && (!self.order.is_empty() || self.limit != usize::MAX || self.offset > 0);
        if self.having.is_none() && !limits {
            out.emit(kind, to);
            return;
        }
        self.choose(&frame, &to, limits);
        let mut chosen = out.batch();
        chosen.append(&to, &RowSet::Picked(&self.kept));
        out.recycle(to);
        out.emit(kind, chosen);
    }

    /// Projects a row that merely travels, and appends it to `to`.
    #[inline]
    pub(crate) fn row(&mut self, frame: &RowFrame<'_>, to: &mut Batch) {
        if self.limit == 0 || self.offset > 0 {
            return;
        }
        let before = to.len();
        for (program, column) in self.outputs.iter_mut().zip(&mut to.columns) {
            program.value_into(frame, &mut self.faults, column);
        }
        if let Some(having) = &mut self.having
            && !having.holds(frame, &mut self.faults)
        {
            to.columns.iter_mut().for_each(|c| c.truncate(before));
            return;
        }
        to.push_moment_of(frame.view);
    }

    /// Leaves in `kept` the positions that HAVING, ORDER BY, LIMIT and OFFSET let through, in their order.
    fn choose(&mut self, frame: &Frame<'_>, to: &Batch, limits: bool) {
        self.kept.clear();
        match &mut self.having {
            None => self.kept.extend(0..frame.len as u32),
            Some(having) => {
                let passes = having.eval(frame, &mut self.faults);
                let Data::Bool(values) = passes.data() else {
                    unreachable!("HAVING is a condition")
                };
                let keep = (0..frame.len).filter(|r| values[*r] && !passes.is_null(*r));
                self.kept.extend(keep.map(|r| r as u32));
            }
        }
        if !limits {
            return;
        }
        if let Some((index, width)) = &mut self.distinct {
            keep_first(index, to, &to.columns[..*width], &mut self.kept);
            index.clear();
        }
        if !self.order.is_empty() {
            self.sort(frame);
        }
        let first = self.offset.min(self.kept.len());
        self.kept.drain(..first);
        self.kept.truncate(self.limit);
    }

    fn sort(&mut self, frame: &Frame<'_>) {
        self.keys
            .resize_with(self.order.len(), || Column::new(crate::event::Type::Bool));
        for ((program, _), key) in self.order.iter_mut().zip(&mut self.keys) {
            key.clone_from(program.eval(frame, &mut self.faults));
        }
        let (keys, order) = (&self.keys, &self.order);
        self.kept.sort_by(|a, b| {
            let by = |(key, (_, descending)): (&Column, &(Program, bool))| {
                let ordering = key.order(*a as usize, *b as usize);
                if *descending {
                    ordering.reverse()
                } else {
                    ordering
                }
            };
            keys.iter()
                .zip(order)
                .map(by)
                .find(|o| *o != Ordering::Equal)
                .unwrap_or(Ordering::Equal)
        });
    }
}

/// Its index of DISTINCT holds nothing between two flushes.
impl StateHolder for Projection {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
    }
}
