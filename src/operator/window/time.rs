//! `time(t)`: each row stays t. `timeLength(t, n)`: at most n of them. `timeBatch(t [, start])`: flushed every t.

use super::{Collected, Due, Held};
use crate::event::{Batch, Mark, RowView, Sign, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{Malformed, StateHolder, Visitor};

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

    fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        self.held.keep_groups(&self.routing, keep);
    }
}

/// How a batch window of time starts counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the first row.
    FirstRow,
    /// On a grid through this time.
    Grid(i64),
}

/// Flushes every `span_us`.
#[derive(Debug)]
pub(crate) struct TimeBatch {
    collected: Collected,
    due: Due,
    start: Start,
    /// Which of the kept columns say where a row stands.
    routing: Vec<usize>,
    /// Rows pass as they come; the flush only expires them.
    streams: bool,
    late: u64,
    /// The first row was the result of a window that closed, so batches begin and end at the instants before their
    /// times.
    from_close: bool,
}

impl TimeBatch {
    /// Flushes every `span_us`, at least 1.
    pub(crate) fn new(
        span_us: i64,
        start: Start,
        streams: bool,
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        TimeBatch {
            collected: Collected::by_time(keep, types),
            due: Due::every(span_us),
            start,
            routing: Vec::new(),
            streams,
            late: 0,
            from_close: false,
        }
    }

    /// Takes a row into the open batch; false when the batch of its time is over.
    fn collect(&mut self, batch: &Batch, row: usize, moment: Moment) -> bool {
        if moment.mark == Mark::Ahead {
            return false;
        }
        let Some(next) = self.due.next else {
            return self.begin(batch, row, moment);
        };
        if self.place(moment) < self.due.before(next) {
            return false;
        }
        self.collected.push(batch, row);
        true
    }

    /// The time by which a row belongs to a batch.
    fn place(&self, moment: Moment) -> Timestamp {
        match self.from_close && moment.mark == Mark::Close {
            true => moment.at,
            false => moment.instant(),
        }
    }

    /// Opens a batch for the first row.
    fn begin(&mut self, batch: &Batch, row: usize, moment: Moment) -> bool {
        let mut due = self.due;
        match self.start {
            Start::FirstRow => due.start(moment.at),
            Start::Grid(origin) => due.start_aligned(moment.instant(), origin),
        }
        if due.next.is_some_and(|next| next <= moment.clock) {
            return false;
        }
        self.from_close = self.start == Start::FirstRow && moment.mark == Mark::Close;
        self.due = due;
        self.collected.push(batch, row);
        true
    }

    fn flush(&mut self, due: Timestamp, cause: u64, out: &mut Out) {
        let moment = Moment::close(due, cause);
        let mut to = out.batch();
        if self.streams {
            self.collected.drain(moment, Sign::Minus, &mut to);
        } else {
            self.collected.turn_over(moment, &mut to);
        }
        out.emit(Kind::Flush(due), to);
    }

    fn holds_rows(&self) -> bool {
        self.collected.holds_rows()
    }

    fn pass(&mut self, to: Box<Batch>, out: &mut Out) -> Box<Batch> {
        out.emit(Kind::Rows, to);
        out.batch()
    }
}

impl StateHolder for TimeBatch {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.collected.state(visitor);
        visitor.register(&mut self.due.next);
        counter(visitor, &mut self.late);
        visitor.newer_register(&mut self.from_close);
    }
}

impl Operator for TimeBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            let reached = match self.from_close {
                true => moment.reach(),
                false => moment.clock,
            };
            if self.due.next.is_some_and(|d| d <= reached) {
                to = self.pass(to, out);
                self.clock(reached, moment.cause, out);
            }
            if !self.collect(batch, row, moment) {
                self.late += 1;
                out.refuse(batch, row);
                continue;
            }
            if self.streams {
                to.push_row(batch, &self.collected.held.keep, row, moment, Sign::Plus);
            }
        }
        out.emit(Kind::Rows, to);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while self.holds_rows()
            && let Some(due) = self.due.fire(now)
        {
            self.flush(due, cause, out);
        }
        self.due.forward(now);
    }

    fn close(&mut self, out: &mut Out) {
        if let Some(due) = self.due.next.filter(|_| self.collected.len() > 0) {
            self.flush(due, 0, out);
            self.due.start(due);
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.due.next.filter(|_| self.holds_rows())
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_groups(&mut self, keep: &dyn Fn(u64) -> bool) {
        self.collected.keep_groups(&self.routing, keep);
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
