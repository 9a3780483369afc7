//! `lengthBatch(n)`: flushed every n rows. `batch()`: flushed at the end of every send.

use super::Collected;
use crate::event::{Batch, Sign, Type};
use crate::operator::{Kind, Moment, Operator, Out};
use crate::state::{Malformed, StateHolder, Visitor};

/// Collects `rows_max` rows, then flushes.
#[derive(Debug)]
pub(crate) struct LengthBatch {
    collected: Collected,
    rows_max: usize,
    streams: bool,
}

impl LengthBatch {
    /// Flushes every `rows_max` rows, at least 1; with `streams` rows pass as they come and the flush only expires
    /// them.
    pub(crate) fn new(rows_max: usize, streams: bool, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(rows_max > 0, "a batch holds at least one row");
        LengthBatch {
            collected: Collected::new(keep, types),
            rows_max,
            streams,
        }
    }
}

impl StateHolder for LengthBatch {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.collected.state(visitor);
        if visitor.is_loading() && self.collected.len() > self.rows_max {
            visitor.fail(Malformed::new("a batch has too many rows"));
        }
    }
}

impl Operator for LengthBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            if self.streams {
                if self.collected.len() == self.rows_max {
                    out.emit(Kind::Rows, to);
                    to = out.batch();
                    self.collected.drain(moment, Sign::Minus, &mut to);
                    out.emit(Kind::Flush(moment.at), to);
                    to = out.batch();
                }
                self.collected.push(batch, row);
                to.push_row(batch, &self.collected.held.keep, row, moment, Sign::Plus);
                continue;
            }
            self.collected.push(batch, row);
            if self.collected.len() == self.rows_max {
                self.collected.turn_over(moment, &mut to);
                out.emit(Kind::Flush(moment.at), to);
                to = out.batch();
            }
        }
        out.emit(Kind::Rows, to);
    }

    fn close(&mut self, out: &mut Out) {
        if !self.streams && self.collected.len() > 0 {
            let moment = self.collected.held.last_moment();
            let mut to = out.batch();
            self.collected.turn_over(moment, &mut to);
            out.emit(Kind::Flush(moment.at), to);
        }
    }
}

/// One flush per send: `batch()`.
#[derive(Debug)]
pub(crate) struct SendBatch {
    collected: Collected,
    last: Option<Moment>,
}

impl SendBatch {
    /// Flushes at the end of every send that brought rows.
    pub(crate) fn new(keep: Vec<usize>, types: &[Type]) -> Self {
        SendBatch {
            collected: Collected::new(keep, types),
            last: None,
        }
    }
}

impl StateHolder for SendBatch {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.collected.state(visitor);
        visitor.register(&mut self.last);
    }
}

impl Operator for SendBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, _out: &mut Out) {
        for row in 0..batch.len() {
            self.collected.push(batch, row);
            self.last = Some(Moment::of(batch, row));
        }
    }

    fn send_end(&mut self, out: &mut Out) {
        if let Some(moment) = self.last.take() {
            let mut to = out.batch();
            self.collected.turn_over(moment, &mut to);
            out.emit(Kind::Flush(moment.at), to);
        }
    }
}
