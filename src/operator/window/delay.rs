//! `delay(t)`: rows leave t after they came, and nothing else does.

use super::Held;
use crate::event::{Batch, Sign, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{StateHolder, Visitor};

/// Passes rows `span_us` later.
#[derive(Debug)]
pub(crate) struct Delay {
    held: Held,
    span_us: i64,
    /// Which of the kept columns say where a row stands.
    routing: Vec<usize>,
    late: u64,
}

impl Delay {
    /// A delay of `span_us`, at least 1.
    pub(crate) fn new(span_us: i64, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(span_us > 0, "a delay takes time");
        Delay {
            held: Held::new(keep, types),
            span_us,
            routing: Vec::new(),
            late: 0,
        }
    }

    fn release(&mut self, now: Timestamp, cause: u64, to: &mut Batch) {
        while let Some(due) = self.due().filter(|d| *d <= now) {
            let oldest = self.held.log.range(self.held.id).start;
            self.held
                .emit(oldest, Moment::timer(due, cause), Sign::Plus, to);
            self.held.log.pop(self.held.id, 1);
        }
    }
}

impl StateHolder for Delay {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.held.state(visitor);
        counter(visitor, &mut self.late);
    }
}

impl Operator for Delay {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            self.release(moment.clock, moment.cause, &mut to);
            if moment.is_late() {
                self.late += 1;
                out.refuse(batch, row);
            } else {
                self.held.insert(batch, row);
            }
        }
        out.emit(Kind::Rows, to);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|d| d <= now) {
            let mut to = out.batch();
            self.release(now, cause, &mut to);
            out.emit(Kind::Rows, to);
        }
    }

    fn is_open(&mut self) -> bool {
        self.due().is_some()
    }

    fn close(&mut self, out: &mut Out) {
        self.clock(Timestamp(i64::MAX), 0, out);
    }

    fn due(&self) -> Option<Timestamp> {
        self.held.oldest().map(|at| at.plus(self.span_us))
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.held.keep_keys(&self.routing, keep);
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(self.span_us)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::*;

    #[test]
    fn rows_come_out_late_and_once() {
        let lines = [
            "1000 1",
            "1100 2",
            "1050 3",
            "2100 4",
            "clock 3000",
            "clock 3100",
            "4000 5",
            "close",
        ];
        let want = ["+ 2000 1", "+ 2100 2", "+ 3100 4", "+ 5000 5"];
        let feed = Feed {
            types: &[Type::Int],
            keep: &[0],
            lines: &lines,
        };
        let count = check(&feed, &want, || {
            Box::new(Delay::new(1_000_000, vec![0], &[Type::Int]))
        });
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn conformance_delay_then_sum() {
        let lines = [
            "1000000 1000",
            "1000100 1500",
            "clock 1001050",
            "clock 1001150",
            "clock 1003000",
        ];
        let feed = Feed {
            types: &[Type::Int],
            keep: &[0],
            lines: &lines,
        };
        let want = ["+ 1001000 1000", "+ 1001100 1500"];
        check(&feed, &want, || {
            Box::new(Delay::new(1_000_000, vec![0], &[Type::Int]))
        });
    }
}
