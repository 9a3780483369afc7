//! `externalTime(attr, t)`: the clock is an attribute of the rows.
//!
//! How: rows are held in the order of their attribute; a row moves that clock to the largest value seen, and what is
//! t or more behind leaves before the row enters. A row that is itself that far behind is late: dropped and counted. No
//! timer: only a row moves the clock. A row whose attribute is NULL
//! has no place in time: it is dropped and counted.

use super::{Held, Turning};
use crate::event::{Batch, Column, Data, Sign, Timestamp, Type};
use crate::operator::{
    Claims, Counters, Kind, Moment, Operator, Out, counter, newer_counter, words_cell,
};
use crate::state::{LogId, Malformed, Slot, StateHolder, Visitor};

/// The time in milliseconds that an INT or LONG attribute of a row holds; none when it is NULL.
#[inline]
pub(super) fn time_of(column: &Column, row: usize) -> Option<i64> {
    if column.is_null(row) {
        return None;
    }
    match column.data() {
        Data::Long(v) => Some(v[row]),
        Data::Int(v) => Some(i64::from(v[row])),
        _ => None,
    }
}

/// Rows of the last `span_ms` by the clock of an attribute.
#[derive(Debug)]
pub(crate) struct ExternalTime {
    /// The time of a row in its log is its attribute.
    held: Held,
    attribute: usize,
    span_ms: i64,
    now: i64,
    faults: u64,
    late: u64,
}

impl ExternalTime {
    /// A window of `span_ms`, at least 1, by input column `attribute`: INT or LONG, milliseconds.
    pub(crate) fn new(attribute: usize, span_ms: i64, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(span_ms > 0, "a window of time has a length");
        ExternalTime {
            held: Held::new(keep, types),
            attribute,
            span_ms,
            now: i64::MIN,
            faults: 0,
            late: 0,
        }
    }

    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Batch, out: &mut Out) {
        let Some(time) = time_of(&batch.columns[self.attribute], row) else {
            self.faults += 1;
            return;
        };
        let moment = Moment::of(batch, row);
        if self.now.saturating_sub(time) >= self.span_ms {
            self.late += 1;
            out.refuse(batch, row);
            return;
        }
        self.now = self.now.max(time);
        while self
            .held
            .oldest()
            .is_some_and(|oldest| oldest.plus(self.span_ms).0 <= self.now)
        {
            self.held.expire(moment, to);
        }
        let Held { log, id, keep } = &mut self.held;
        log.insert(*id, Timestamp(time), batch, keep, row);
        to.push_row(batch, keep, row, moment, Sign::Plus);
    }
}

impl StateHolder for ExternalTime {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.held.state(visitor);
        visitor.register(&mut self.now);
        counter(visitor, &mut self.faults);
        newer_counter(visitor, &mut self.late);
    }
}

impl Operator for ExternalTime {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            self.enter(batch, row, &mut to, out);
        }
        out.emit(Kind::Rows, to);
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults;
        into.late_rows += self.late;
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

/// What a key has of its own of an [`ExternalTime`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ExternalOwn {
    log: LogId,
    now: i64,
}

words_cell!(
    ExternalOwn,
    "log and clock",
    2,
    |own| [u64::from(own.log), own.now as u64],
    |w| Some(ExternalOwn {
        log: LogId::try_from(w[0]).ok()?,
        now: w[1] as i64,
    })
);

impl Turning for ExternalTime {
    type Own = ExternalOwn;
    const SINGLY: bool = true;

    #[inline]
    fn own(&self) -> ExternalOwn {
        ExternalOwn {
            log: self.held.id,
            now: self.now,
        }
    }

    #[inline]
    fn turn(&mut self, own: ExternalOwn) {
        (self.held.id, self.now) = (own.log, own.now);
    }

    fn open(&mut self, _key: Slot) {
        self.held.open();
        self.now = i64::MIN;
    }

    fn shut(&mut self) {
        self.held.shut();
    }

    /// A key that has seen a row holds that row, or a later one that drove it out.
    #[inline]
    fn is_new(&self) -> bool {
        self.held.len() == 0
    }

    #[inline]
    fn take_one(&mut self, batch: &Batch, row: usize, to: &mut Batch, out: &mut Out) {
        self.enter(batch, row, to, out);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.held.log.state(visitor);
        counter(visitor, &mut self.faults);
        counter(visitor, &mut self.late);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.held.check(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::*;

    #[test]
    fn the_attribute_is_the_clock() {
        let lines = [
            "100 1000 1",
            "101 2999 2",
            "102 3000 3",
            "103 2500 4",
            "104 NULL 5",
            "105 4500 6",
            "106 100 7",
            "107 4000 8",
            "clock 99999",
            "108 9000 9",
        ];
        let want = [
            "+ 100 1", "+ 101 2", "- 102 1", "+ 102 3", "+ 103 4", "- 105 4", "+ 105 6", "+ 107 8",
            "- 108 2", "- 108 3", "- 108 8", "- 108 6", "+ 108 9",
        ];
        let feed = Feed {
            types: &[Type::Long, Type::Int],
            keep: &[1],
            lines: &lines,
        };
        let count = check(&feed, &want, || {
            Box::new(ExternalTime::new(0, 2000, vec![1], &[Type::Int]))
        });
        assert_eq!((count.value_faults, count.late_rows), (1, 1));
    }

    #[test]
    fn times_at_the_ends_of_the_range_do_not_overflow() {
        let (min, max) = (i64::MIN, i64::MAX);
        let lines = [
            format!("1 {min} 1"),
            format!("2 {max} 2"),
            format!("3 {max} 3"),
        ];
        let lines = lines.each_ref().map(String::as_str);
        let feed = Feed {
            types: &[Type::Long, Type::Int],
            keep: &[1],
            lines: &lines,
        };
        let want = ["+ 1 1", "- 2 1", "+ 2 2", "- 3 2", "+ 3 3"];
        check(&feed, &want, || {
            Box::new(ExternalTime::new(0, 2000, vec![1], &[Type::Int]))
        });
    }
}
