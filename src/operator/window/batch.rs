//! `lengthBatch(n)`: flushed every n rows. `batch()`: flushed at the end of every send.

use super::Held;
use super::held::turn_over;
use crate::event::{Batch, Sign, Type};
use crate::operator::{Kind, Moment, Operator, Out};

/// Collects `rows_max` rows, then flushes.
#[derive(Debug)]
pub(crate) struct LengthBatch {
    current: Held,
    previous: Held,
    rows_max: usize,
    streams: bool,
}

impl LengthBatch {
    /// Flushes every `rows_max` rows, at least 1; with `streams` rows pass as they come and the flush only expires
    /// them.
    pub(crate) fn new(rows_max: usize, streams: bool, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(rows_max > 0, "a batch holds at least one row");
        LengthBatch {
            current: Held::new(keep.clone(), types),
            previous: Held::new(keep, types),
            rows_max,
            streams,
        }
    }
}

impl Operator for LengthBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            if self.streams {
                if self.current.len() == self.rows_max {
                    out.emit(Kind::Rows, to);
                    to = out.batch();
                    self.current.drain(moment, Sign::Minus, &mut to);
                    out.emit(Kind::Flush(moment.at), to);
                    to = out.batch();
                }
                self.current.push(batch, row);
                to.push_row(batch, &self.current.keep, row, moment, Sign::Plus);
                continue;
            }
            self.current.push(batch, row);
            if self.current.len() == self.rows_max {
                turn_over(&mut self.current, &mut self.previous, moment, &mut to);
                out.emit(Kind::Flush(moment.at), to);
                to = out.batch();
            }
        }
        out.emit(Kind::Rows, to);
    }

    fn close(&mut self, out: &mut Out) {
        let range = self.current.log.range(self.current.id);
        if !self.streams && !range.is_empty() {
            let at = self.current.log.at(self.current.id, range.end - 1);
            let mut to = out.batch();
            turn_over(
                &mut self.current,
                &mut self.previous,
                Moment {
                    at,
                    clock: at,
                    cause: 0,
                },
                &mut to,
            );
            out.emit(Kind::Flush(at), to);
        }
    }
}

/// One flush per send: `batch()`.
#[derive(Debug)]
pub(crate) struct SendBatch {
    current: Held,
    previous: Held,
    last: Option<Moment>,
}

impl SendBatch {
    /// Flushes at the end of every send that brought rows.
    pub(crate) fn new(keep: Vec<usize>, types: &[Type]) -> Self {
        SendBatch {
            current: Held::new(keep.clone(), types),
            previous: Held::new(keep, types),
            last: None,
        }
    }
}

impl Operator for SendBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, _out: &mut Out) {
        for row in 0..batch.len() {
            self.current.push(batch, row);
            self.last = Some(Moment::of(batch, row));
        }
    }

    fn send_end(&mut self, out: &mut Out) {
        if let Some(moment) = self.last.take() {
            let mut to = out.batch();
            turn_over(&mut self.current, &mut self.previous, moment, &mut to);
            out.emit(Kind::Flush(moment.at), to);
        }
    }
}
