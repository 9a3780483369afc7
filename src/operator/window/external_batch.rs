//! `externalTimeBatch(attr, t [, start [, timeout]])`: flushed every t by the clock of an attribute.
//!
//! How: one log holds the rows of the last flush, which expire with the next one, and behind them those not flushed
//! yet. A row at or beyond the end of the open batch flushes it and opens the batch that holds the row; batches
//! without rows are skipped. A row of a batch that is over is late: dropped and counted. With a timeout, the app's
//! clock flushes an open batch early; its next flush then holds all its rows again, so that the last flush of a batch
//! is the whole batch.

use super::external_time::time_of;
use super::{Held, PeriodicTimer, Turning};
use crate::event::{Batch, Mark, Sign, Timestamp, Type};
use crate::operator::{
    Claims, Counters, Kind, Moment, Operator, Out, counter, newer_counter, words_cell,
};
use crate::state::{LogId, Malformed, Slot, StateHolder, Visitor};

/// Where the first batch starts, in milliseconds of the attribute's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExternalStart {
    /// At the first row.
    FirstRow,
    /// On a grid through this time.
    Grid(i64),
    /// Where this input column of the first row says.
    Column(usize),
}

/// When batches begin and end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExternalSpan {
    /// Input column of the clock: INT or LONG, milliseconds.
    pub(crate) attribute: usize,
    /// Length of a batch, at least 1.
    pub(crate) span_ms: i64,
    pub(crate) start: ExternalStart,
    /// App time after which an open batch is flushed, at least 1.
    pub(crate) timeout_us: Option<i64>,
}

/// Flushes every span of the clock of an attribute.
#[derive(Debug)]
pub(crate) struct ExternalTimeBatch {
    held: Held,
    /// First row that no flush has held.
    unsent: u64,
    /// The rows before `unsent` belong to the open batch.
    reopened: bool,
    span: ExternalSpan,
    origin: i64,
    end: Option<i64>,
    now: i64,
    timeout: Option<PeriodicTimer>,
    expires: bool,
    faults: u64,
    /// A batch is over, so rows before the open one are late.
    has_ended: bool,
    late: u64,
}

impl ExternalTimeBatch {
    /// With `expires` the rows of a flush leave as `−` rows with the next one.
    pub(crate) fn new(span: ExternalSpan, expires: bool, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(span.span_ms > 0, "a batch of time has a length");
        let held = Held::new(keep, types);
        ExternalTimeBatch {
            unsent: held.rows().start,
            held,
            reopened: false,
            span,
            origin: 0,
            end: None,
            now: i64::MIN,
            timeout: span.timeout_us.map(PeriodicTimer::every),
            expires,
            faults: 0,
            has_ended: false,
            late: 0,
        }
    }

    /// End of the batch on the grid that holds a time.
    fn end_after(&self, time: i64) -> i64 {
        let since = time
            .saturating_sub(self.origin)
            .rem_euclid(self.span.span_ms);
        time.saturating_sub(since).saturating_add(self.span.span_ms)
    }

    fn first_end(&mut self, batch: &Batch, row: usize, time: i64) -> i64 {
        self.origin = match self.span.start {
            ExternalStart::FirstRow => time,
            ExternalStart::Grid(origin) => origin,
            ExternalStart::Column(c) => time_of(&batch.columns[c], row).unwrap_or(time),
        };
        match self.span.start {
            ExternalStart::Grid(_) => self.end_after(time),
            _ => self.origin.saturating_add(self.span.span_ms),
        }
    }

    fn holds_unsent(&self) -> bool {
        self.unsent < self.held.rows().end
    }

    /// `ends`: the batch is over, otherwise it goes on after this flush.
    fn flush(&mut self, moment: Moment, at: Timestamp, ends: bool, out: &mut Out) {
        if self.holds_unsent() {
            let mut to = out.batch();
            let range = self.held.rows();
            if self.expires {
                let rows = range.start..self.unsent;
                self.held.show(rows, moment, Sign::Minus, &mut to);
            }
            if !self.reopened {
                self.held.forget((self.unsent - range.start) as usize);
            }
            let rows = self.held.rows();
            self.unsent = rows.end;
            self.held.show(rows, moment, Sign::Plus, &mut to);
            out.emit(Kind::Flush(at), to);
        }
        self.reopened = !ends;
        if ends && !self.expires {
            self.held.forget(self.held.len());
        }
    }

    #[inline]
    fn take_row(&mut self, batch: &Batch, row: usize, out: &mut Out) {
        let moment = Moment::of(batch, row);
        self.clock(moment.clock, moment.cause, out);
        self.enter(batch, row, moment, out);
    }

    fn check_unsent(&self) -> Result<(), Malformed> {
        let rows = self.held.rows();
        match rows.start <= self.unsent && self.unsent <= rows.end {
            true => Ok(()),
            false => Err(Malformed::new(
                "the rows of a batch do not begin in its log",
            )),
        }
    }

    fn enter(&mut self, batch: &Batch, row: usize, moment: Moment, out: &mut Out) {
        let Some(time) = time_of(&batch.columns[self.span.attribute], row) else {
            self.faults += 1;
            return;
        };
        let begin = self.end.map(|end| end.saturating_sub(self.span.span_ms));
        if self.has_ended && begin.is_some_and(|begin| time < begin) {
            self.late += 1;
            out.refuse(batch, row);
            return;
        }
        self.now = self.now.max(time);
        let opens = match self.end {
            None => {
                self.end = Some(self.first_end(batch, row, time));
                true
            }
            Some(_) => false,
        };
        let over = self.end.is_some_and(|end| time >= end);
        if over {
            // A row that is too far ahead ends a batch of rows that are not.
            let of_batch = match moment.mark {
                Mark::Ahead => Moment {
                    at: moment.clock,
                    mark: Mark::Plain,
                    ..moment
                },
                _ => moment,
            };
            self.flush(of_batch, of_batch.at, true, out);
            self.end = Some(self.end_after(self.now));
            self.has_ended = true;
        }
        if (opens || over)
            && let Some(timeout) = &mut self.timeout
        {
            timeout.start(moment.clock.max(moment.at));
        }
        self.held.push(batch, row);
    }
}

impl StateHolder for ExternalTimeBatch {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.held.state(visitor);
        visitor.register(&mut self.unsent);
        visitor.register(&mut self.reopened);
        visitor.register(&mut self.origin);
        visitor.register(&mut self.end);
        visitor.register(&mut self.now);
        counter(visitor, &mut self.faults);
        if let Some(timeout) = &mut self.timeout {
            visitor.register(&mut timeout.next);
        }
        visitor.newer_register(&mut self.has_ended);
        newer_counter(visitor, &mut self.late);
        if visitor.is_loading()
            && self.held.log.holds(self.held.id)
            && let Err(why) = self.check_unsent()
        {
            visitor.fail(why);
        }
    }
}

impl Operator for ExternalTimeBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        for row in 0..batch.len() {
            self.take_row(batch, row, out);
        }
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        while self.holds_unsent()
            && let Some(due) = self.timeout.as_mut().and_then(|t| t.fire(now))
        {
            self.flush(Moment::close(due, cause), due, false, out);
        }
        if let Some(timeout) = &mut self.timeout {
            timeout.forward(now);
        }
    }

    fn is_open(&mut self) -> bool {
        self.holds_unsent()
    }

    fn close(&mut self, out: &mut Out) {
        if self.holds_unsent() {
            let moment = self.held.last_moment();
            self.flush(moment, moment.at, true, out);
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.timeout
            .and_then(|t| t.next)
            .filter(|_| self.holds_unsent())
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults;
        into.late_rows += self.late;
    }
}

/// What a key has of its own of an [`ExternalTimeBatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ExternalBatchOwn {
    log: LogId,
    unsent: u64,
    origin: i64,
    end: Option<i64>,
    now: i64,
    timeout: Option<Timestamp>,
    reopened: bool,
    has_ended: bool,
}

words_cell!(
    ExternalBatchOwn,
    "log, first row and batch",
    7,
    |own| [
        u64::from(own.log),
        own.unsent,
        own.origin as u64,
        own.end.unwrap_or(0) as u64,
        own.now as u64,
        own.timeout.map_or(0, |due| due.0 as u64),
        u64::from(own.end.is_some())
            | u64::from(own.timeout.is_some()) << 1
            | u64::from(own.reopened) << 2
            | u64::from(own.has_ended) << 3,
    ],
    |w| (w[6] < 16).then_some(ExternalBatchOwn {
        log: LogId::try_from(w[0]).ok()?,
        unsent: w[1],
        origin: w[2] as i64,
        end: (w[6] & 1 > 0).then_some(w[3] as i64),
        now: w[4] as i64,
        timeout: (w[6] & 2 > 0).then_some(Timestamp(w[5] as i64)),
        reopened: w[6] & 4 > 0,
        has_ended: w[6] & 8 > 0,
    })
);

impl Turning for ExternalTimeBatch {
    type Own = ExternalBatchOwn;

    #[inline]
    fn own(&self) -> ExternalBatchOwn {
        ExternalBatchOwn {
            log: self.held.id,
            unsent: self.unsent,
            origin: self.origin,
            end: self.end,
            now: self.now,
            timeout: self.timeout.and_then(|timeout| timeout.next),
            reopened: self.reopened,
            has_ended: self.has_ended,
        }
    }

    #[inline]
    fn turn(&mut self, own: ExternalBatchOwn) {
        (self.held.id, self.unsent) = (own.log, own.unsent);
        (self.origin, self.end, self.now) = (own.origin, own.end, own.now);
        (self.reopened, self.has_ended) = (own.reopened, own.has_ended);
        if let Some(timeout) = &mut self.timeout {
            timeout.next = own.timeout;
        }
    }

    fn open(&mut self, _key: Slot) {
        self.held.open();
        self.turn(ExternalBatchOwn {
            log: self.held.id,
            unsent: self.held.rows().start,
            now: i64::MIN,
            ..ExternalBatchOwn::default()
        });
    }

    fn shut(&mut self) {
        self.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        self.end.is_none()
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, _to: &mut Box<Batch>, out: &mut Out) {
        self.take_row(batch, row, out);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.held.log.state(visitor);
        counter(visitor, &mut self.faults);
        counter(visitor, &mut self.late);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.held.check(claims)?;
        self.check_unsent()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::*;

    const TYPES: [Type; 2] = [Type::Long, Type::Int];

    fn run(span: ExternalSpan, expires: bool, lines: &[&str], want: &[&str]) -> Counters {
        let feed = Feed {
            types: &TYPES,
            keep: &[1],
            lines,
        };
        check(&feed, want, || {
            Box::new(ExternalTimeBatch::new(span, expires, vec![1], &[Type::Int]))
        })
    }

    fn span(span_ms: i64, start: ExternalStart, timeout_us: Option<i64>) -> ExternalSpan {
        ExternalSpan {
            attribute: 0,
            span_ms,
            start,
            timeout_us,
        }
    }

    #[test]
    fn conformance_external_batch_first_rows() {
        let times = [
            10000, 11000, 12000, 13000, 14000, 15000, 16500, 17000, 18000, 19000, 20000, 20500,
            22000, 25000,
        ];
        let lines: Vec<String> = times
            .iter()
            .enumerate()
            .map(|(i, t)| format!("{} {t} {}", 1_000_000 + i * 100, i + 1))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let want = [
            "[1000500] + 1000000 1, + 1000100 2, + 1000200 3, + 1000300 4, + 1000400 5",
            "[1001000] + 1000500 6, + 1000600 7, + 1000700 8, + 1000800 9, + 1000900 10",
            "[1001300] + 1001000 11, + 1001100 12, + 1001200 13",
        ];
        run(
            span(5000, ExternalStart::FirstRow, None),
            false,
            &lines,
            &want,
        );
    }

    #[test]
    fn rows_of_a_flush_expire_with_the_next_and_empty_batches_are_skipped() {
        let lines = [
            "1 1000 1",
            "2 1999 2",
            "3 500 3",
            "4 9000 4",
            "5 NULL 5",
            "6 9999 6",
            "7 10000 7",
            "close",
            "close",
        ];
        let want = [
            "[4] + 1 1, + 2 2, + 3 3",
            "[7] - 1 1, - 2 2, - 3 3, + 4 4, + 6 6",
            "[7] - 4 4, - 6 6, + 7 7",
        ];
        assert_eq!(
            run(
                span(1000, ExternalStart::FirstRow, None),
                true,
                &lines,
                &want
            )
            .value_faults,
            1
        );
    }

    #[test]
    fn batches_start_where_they_are_told() {
        let lines = ["1 1250 1", "2 1299 2", "3 1300 3", "4 1555 4", "5 1600 5"];
        let want = ["[3] + 1 1, + 2 2", "[4] + 3 3", "[5] + 4 4"];
        run(
            span(100, ExternalStart::Grid(0), None),
            false,
            &lines,
            &want,
        );
        // the grid also reaches back from a start that lies ahead
        run(
            span(100, ExternalStart::Grid(7000), None),
            false,
            &lines,
            &want,
        );
        let lines = ["1 1250 1200", "2 1299 5", "3 1300 3", "4 1555 4"];
        run(
            span(100, ExternalStart::Column(1), None),
            false,
            &lines,
            &["[3] + 1 1200, + 2 5", "[4] + 3 3"],
        );
        // a batch that is over before its first row is skipped
        run(
            span(100, ExternalStart::Column(1), None),
            false,
            &["1 1250 900", "2 1300 3"],
            &["[2] + 1 900"],
        );
    }

    #[test]
    fn a_timeout_flushes_what_is_there_and_the_batch_goes_on() {
        let lines = [
            "1000 10000 1",
            "1100 11000 2",
            "clock 2000",
            "2100 12000 3",
            "clock 5000",
            "5100 15000 4",
            "5200 16000 5",
            "9000 20000 6",
        ];
        let want = [
            "[2000] + 1000 1, + 1100 2",
            "[3000] - 1000 1, - 1100 2, + 1000 1, + 1100 2, + 2100 3",
            "[6100] - 1000 1, - 1100 2, - 2100 3, + 5100 4, + 5200 5",
        ];
        run(
            span(5000, ExternalStart::FirstRow, Some(1_000_000)),
            true,
            &lines,
            &want,
        );
        let want = [
            "[2000] + 1000 1, + 1100 2",
            "[3000] + 1000 1, + 1100 2, + 2100 3",
            "[6100] + 5100 4, + 5200 5",
        ];
        run(
            span(5000, ExternalStart::FirstRow, Some(1_000_000)),
            false,
            &lines,
            &want,
        );
    }

    #[test]
    fn times_at_the_ends_of_the_range_do_not_overflow() {
        let lines = [
            format!("1 {} 1", i64::MIN),
            format!("2 {} 2", i64::MAX),
            format!("3 {} 3", i64::MAX),
        ];
        let lines = lines.each_ref().map(String::as_str);
        run(
            span(7, ExternalStart::Grid(i64::MAX), None),
            false,
            &lines,
            &["[2] + 1 1", "[3] + 2 2"],
        );
    }
}
