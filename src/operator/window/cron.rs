//! `cron('…')`: flushed at the times of a cron expression, in UTC.

use super::{Collected, Crontab};
use crate::event::{Batch, Mark, Sign, Timestamp, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{StateHolder, Visitor};

/// Flushes at cron times; the rows of a flush leave with the next, also when that brings none.
#[derive(Debug)]
pub(crate) struct Cron {
    collected: Collected,
    crontab: Crontab,
    next: Option<Timestamp>,
    expires: bool,
    /// Which of the kept columns say where a row stands.
    routing: Vec<usize>,
    late: u64,
}

impl Cron {
    /// With `expires` the rows of a flush leave as `−` rows with the next one.
    pub(crate) fn new(crontab: Crontab, expires: bool, keep: Vec<usize>, types: &[Type]) -> Self {
        Cron {
            collected: Collected::by_time(keep, types),
            crontab,
            next: None,
            expires,
            routing: Vec::new(),
            late: 0,
        }
    }

    /// Whether the flush of a row that comes behind the clock has been.
    fn has_flushed(&self, moment: Moment) -> bool {
        let flush = self.crontab.next(moment.instant());
        moment.mark == Mark::Ahead || flush.is_none_or(|flush| flush <= moment.clock)
    }

    fn flush(&mut self, due: Timestamp, cause: u64, out: &mut Out) {
        let moment = Moment::close(due, cause);
        let mut to = out.batch();
        if self.expires {
            self.collected.turn_over(moment, &mut to);
        } else {
            self.collected.drain(moment, Sign::Plus, &mut to);
        }
        out.emit(Kind::Flush(due), to);
    }

    fn holds_rows(&self) -> bool {
        self.collected.holds_rows()
    }
}

impl StateHolder for Cron {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.collected.state(visitor);
        visitor.register(&mut self.next);
        counter(visitor, &mut self.late);
    }
}

impl Operator for Cron {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            self.clock(moment.clock, moment.cause, out);
            if moment.is_late() && self.has_flushed(moment) {
                self.late += 1;
                out.refuse(batch, row);
                continue;
            }
            if self.next.is_none() {
                self.next = self.crontab.next(moment.instant());
            }
            self.collected.push(batch, row);
        }
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while let Some(due) = self.due().filter(|d| *d <= now) {
            self.flush(due, cause, out);
            // an empty window looks for its next time when a row comes
            self.next = if self.holds_rows() {
                self.crontab.next(due)
            } else {
                None
            };
        }
    }

    fn is_open(&mut self) -> bool {
        self.collected.len() > 0
    }

    fn close(&mut self, out: &mut Out) {
        if self.collected.len() > 0
            && let Some(due) = self.next
        {
            self.flush(due, 0, out);
            self.next = self.crontab.next(due);
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.next.filter(|_| self.holds_rows())
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.collected.keep_keys(&self.routing, keep);
        // The next row looks for its own time.
        self.next = self.next.filter(|_| self.holds_rows());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::*;

    #[test]
    fn flushes_stand_on_the_grid_of_the_clock() {
        let lines = [
            "1200 1",
            "4999 2",
            "5000 3",
            "9000 4",
            "8000 5",
            "4000 7",
            "clock 31000",
            "42000 6",
            "close",
            "close",
        ];
        let feed = Feed {
            types: &[Type::Int],
            keep: &[0],
            lines: &lines,
        };
        let make = |expires| {
            let crontab = Crontab::parse("*/5 * * * * *").expect("a cron expression");
            move || -> Box<dyn Operator> {
                Box::new(Cron::new(crontab.clone(), expires, vec![0], &[Type::Int]))
            }
        };
        let want = [
            "[5000] + 1200 1, + 4999 2",
            "[10000] - 1200 1, - 4999 2, + 5000 3, + 8000 5, + 9000 4",
            "[15000] - 5000 3, - 8000 5, - 9000 4",
            "[45000] + 42000 6",
        ];
        let count = check(&feed, &want, make(true));
        assert_eq!(count.late_rows, 1);
        let want = [
            "[5000] + 1200 1, + 4999 2",
            "[10000] + 5000 3, + 8000 5, + 9000 4",
            "[45000] + 42000 6",
        ];
        check(&feed, &want, make(false));
    }
}
