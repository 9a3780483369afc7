//! `timeLength(t, n)`: each row stays t, and at most the last n rows stay.

use super::Held;
use crate::event::{Batch, Sign, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out};

/// At most `rows_max` rows of the last `span_us`.
#[derive(Debug)]
pub(crate) struct TimeLength {
    held: Held,
    span_us: i64,
    rows_max: usize,
    late: u64,
}

impl TimeLength {
    /// A window of `span_us` and `rows_max` rows, both at least 1.
    pub(crate) fn new(span_us: i64, rows_max: usize, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(
            span_us > 0 && rows_max > 0,
            "a window holds at least one row for some time"
        );
        TimeLength {
            held: Held::new(keep, types),
            span_us,
            rows_max,
            late: 0,
        }
    }

    #[inline]
    fn expire(&mut self, now: Timestamp, cause: u64, to: &mut Batch) {
        while let Some(due) = self.due().filter(|d| *d <= now) {
            self.held.expire(Moment::timer(due, cause), to);
        }
    }
}

impl Operator for TimeLength {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            self.expire(moment.clock, moment.cause, &mut to);
            if moment.at < moment.clock {
                self.late += 1;
                continue;
            }
            if self.held.len() == self.rows_max {
                self.held.expire(moment, &mut to);
            }
            self.held.insert(batch, row);
            to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
        }
        out.emit(Kind::Rows, to);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        if self.due().is_some_and(|d| d <= now) {
            let mut to = out.batch();
            self.expire(now, cause, &mut to);
            out.emit(Kind::Rows, to);
        }
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
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::*;

    #[test]
    fn whichever_limit_comes_first() {
        let lines = [
            "1000 1",
            "1100 2",
            "1200 3",
            "2150 4",
            "clock 2500",
            "3000 5",
            "2900 6",
            "close",
        ];
        let want = [
            "+ 1000 1", "+ 1100 2", "- 1200 1", "+ 1200 3", "- 2100 2", "+ 2150 4", "- 2200 3",
            "+ 3000 5", "- 3150 4", "- 4000 5",
        ];
        let feed = Feed {
            types: &[Type::Int],
            keep: &[0],
            lines: &lines,
        };
        let count = check(&feed, &want, || {
            Box::new(TimeLength::new(1_000_000, 2, vec![0], &[Type::Int]))
        });
        assert_eq!(count.late_rows, 1);
    }

    #[test]
    fn rows_within_the_lateness_stand_in_order() {
        let lines = [
            "lateness 500",
            "1000 1",
            "800 2",
            "900 3",
            "400 4",
            "clock 5000",
        ];
        let want = [
            "+ 1000 1", "+ 800 2", "+ 900 3", "- 1800 2", "- 1900 3", "- 2000 1",
        ];
        let feed = Feed {
            types: &[Type::Int],
            keep: &[0],
            lines: &lines,
        };
        let count = check(&feed, &want, || {
            Box::new(TimeLength::new(1_000_000, 9, vec![0], &[Type::Int]))
        });
        assert_eq!(count.late_rows, 1);
    }
}
