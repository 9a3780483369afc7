//! `time(t)`: each row stays t. `timeLength(t, n)`: at most n of them.

use super::{Held, Turning};
use crate::event::{Batch, RowView, Sign, Timestamp, Type};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{LogId, Malformed, Slot, StateHolder, Visitor};

/// At most `rows_max` rows of the last `span_us`.
#[derive(Debug)]
pub(crate) struct Time {
    held: Held,
    span_us: i64,
    rows_max: usize,
    /// Which of the kept columns say where a row stands.
    routing: Vec<usize>,
    late: u64,
}

impl Time {
    /// A window of `span_us` and `rows_max` rows, both at least 1; `usize::MAX` rows are as many as come.
    pub(crate) fn new(span_us: i64, rows_max: usize, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(
            span_us > 0 && rows_max > 0,
            "a window holds at least one row for some time"
        );
        Time {
            held: Held::new(keep, types),
            span_us,
            rows_max,
            routing: Vec::new(),
            late: 0,
        }
    }

    #[inline]
    fn expire(&mut self, now: Timestamp, cause: u64, to: &mut Batch) {
        while let Some(due) = self.due().filter(|d| *d <= now) {
            self.held.expire(Moment::timer(due, cause), to);
        }
    }

    /// What is due leaves, then the row enters, if it is not late.
    #[inline]
    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Batch, out: &mut Out) {
        let moment = Moment::of(batch, row);
        self.expire(moment.reach(), moment.cause, to);
        if moment.is_late() {
            self.late += 1;
            return out.refuse(batch, row);
        }
        if self.held.len() == self.rows_max {
            self.held.expire(moment, to);
        }
        self.held.insert(batch, row);
        to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
    }
}

impl StateHolder for Time {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.held.state(visitor);
        counter(visitor, &mut self.late);
        if visitor.is_loading() && self.held.len() > self.rows_max {
            visitor.fail(Malformed::new("a window has too many rows"));
        }
    }
}

impl Operator for Time {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            self.enter(batch, row, &mut to, out);
        }
        out.emit(Kind::Rows, to);
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        self.enter(row.batch, row.row, to, out);
        true
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

/// A window per key: where a window of time alone needs none, as rows of all keys leave at one age.
impl Turning for Time {
    type Own = LogId;
    const SINGLY: bool = true;

    #[inline]
    fn own(&self) -> LogId {
        self.held.id
    }

    #[inline]
    fn turn(&mut self, own: LogId) {
        self.held.id = own;
    }

    fn open(&mut self, _key: Slot) {
        self.held.open();
    }

    fn shut(&mut self) {
        self.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        self.held.len() == 0
    }

    #[inline]
    fn take_one(&mut self, batch: &Batch, row: usize, to: &mut Batch, out: &mut Out) {
        self.enter(batch, row, to, out);
    }

    fn fire_one(&mut self, due: Timestamp, cause: u64, to: &mut Batch) {
        self.expire(due, cause, to);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.held.log.state(visitor);
        counter(visitor, &mut self.late);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.held.check(claims)?;
        match self.held.len() > self.rows_max {
            true => Err(Malformed::new("a window has too many rows")),
            false => Ok(()),
        }
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
            Box::new(Time::new(1_000_000, 2, vec![0], &[Type::Int]))
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
            Box::new(Time::new(1_000_000, 9, vec![0], &[Type::Int]))
        });
        assert_eq!(count.late_rows, 1);
    }
}
