//! Filters before a window, and the columns that the rest of the query reads.

use super::by_constant::Picked;
use super::{Common, Counters, Kind, Operator, Out, Port, counter};
use crate::event::{Batch, RowSet, RowView, Timestamp};
use crate::expr::{Frame, Program, RowFrame};
use crate::state::{StateHolder, Visitor};

impl Batch {
    /// All rows as a program reads them.
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame {
            input: &self.columns,
            results: &[],
            at: &self.at,
            clock: &self.clock,
            causes: &self.causes,
            rows: None,
            len: self.len(),
        }
    }

    /// Some rows as a program reads them, or all.
    pub(crate) fn frame_among<'a>(&'a self, rows: Option<&'a [u32]>) -> Frame<'a> {
        Frame {
            rows,
            len: rows.map_or(self.len(), <[u32]>::len),
            ..self.frame()
        }
    }

    /// Rows that leave beside others, for programs that read nothing but their columns.
    pub(crate) fn leaving_frame(&self) -> Frame<'_> {
        Frame {
            input: &self.leaving,
            len: self.swaps,
            ..Frame::default()
        }
    }
}

/// Passes rows for which a condition is TRUE, with some of their columns.
pub(crate) struct Filter {
    condition: Program,
    keep: Vec<usize>,
    rows: Vec<u32>,
    faults: u64,
}

impl Filter {
    /// Keeps the columns `keep[0], keep[1], …`.
    pub(crate) fn new(condition: Program, keep: Vec<usize>) -> Self {
        Filter {
            condition,
            keep,
            rows: Vec::new(),
            faults: 0,
        }
    }

    /// Puts out the rows of a frame of the batch that pass.
    fn pass(&mut self, kind: Kind, (batch, frame): (&Batch, &Frame<'_>), out: &mut Out) {
        self.rows.clear();
        self.condition
            .filter(frame, &mut self.faults, &mut self.rows);
        if self.rows.is_empty() {
            return;
        }
        let mut to = out.batch();
        to.append_moments(batch, &RowSet::Picked(&self.rows));
        for (column, k) in to.columns.iter_mut().zip(&self.keep) {
            column.extend_rows(&batch.columns[*k], &self.rows);
        }
        out.emit(kind, to);
    }
}

impl StateHolder for Filter {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
    }
}

impl Operator for Filter {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        self.pass(kind, (batch, &batch.frame()), out);
    }

    fn rows_among(
        &mut self,
        _port: Port,
        _common: &mut Common,
        batch: &Batch,
        among: Picked<'_>,
        out: &mut Out,
    ) {
        let frame = batch.frame_among(Some(among.rows));
        self.pass(Kind::Rows, (batch, &frame), out);
    }

    fn takes_some(&self) -> bool {
        true
    }

    fn rests_until(&self) -> Option<Timestamp> {
        Some(Timestamp(i64::MAX))
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, _out: &mut Out) -> bool {
        if self.condition.holds(&RowFrame::of(row), &mut self.faults) {
            to.push_moment_of(row);
            for (column, k) in to.columns.iter_mut().zip(&self.keep) {
                column.push_from(&row.batch.columns[*k], row.row);
            }
        }
        true
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults;
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}
