//! `timeBatch(t [, start [, stream_current]])`: flushed every t.

use super::collected::CollectedOwn;
use super::{Collected, PeriodicTimer, Turning};
use crate::event::{Batch, Mark, Sign, Timestamp, Type};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, counter, words_cell};
use crate::state::{Malformed, Slot, StateHolder, Visitor};

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
    due: PeriodicTimer,
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
            due: PeriodicTimer::every(span_us),
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

    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        let moment = Moment::of(batch, row);
        let reached = match self.from_close {
            true => moment.reach(),
            false => moment.clock,
        };
        if self.due.next.is_some_and(|d| d <= reached) {
            out.pass(to);
            self.clock(reached, moment.cause, out);
        }
        if !self.collect(batch, row, moment) {
            self.late += 1;
            return out.refuse(batch, row);
        }
        if self.streams {
            to.push_row(batch, &self.collected.held.keep, row, moment, Sign::Plus);
        }
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
            self.enter(batch, row, &mut to, out);
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

    fn is_open(&mut self) -> bool {
        !self.streams && self.collected.len() > 0
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

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.collected.keep_keys(&self.routing, keep);
    }
}

/// What a key has of its own of a [`TimeBatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TimeBatchOwn {
    collected: CollectedOwn,
    next: Option<Timestamp>,
    from_close: bool,
}

words_cell!(
    TimeBatchOwn,
    "log, first row and due time",
    4,
    |own| [
        own.collected.word(0),
        own.collected.word(1),
        own.next.map_or(0, |next| next.0 as u64),
        u64::from(own.next.is_some()) | u64::from(own.from_close) << 1,
    ],
    |w| (w[3] <= 3).then_some(TimeBatchOwn {
        collected: CollectedOwn::read(&w[..2], &[])?,
        next: (w[3] & 1 > 0).then_some(Timestamp(w[2] as i64)),
        from_close: w[3] & 2 > 0,
    })
);

/// The batches of a key begin with its own first row, and go on from there whether or not it has rows.
impl Turning for TimeBatch {
    type Own = TimeBatchOwn;

    #[inline]
    fn own(&self) -> TimeBatchOwn {
        TimeBatchOwn {
            collected: self.collected.own(),
            next: self.due.next,
            from_close: self.from_close,
        }
    }

    #[inline]
    fn turn(&mut self, own: TimeBatchOwn) {
        self.collected.turn(own.collected);
        self.due.next = own.next;
        self.from_close = own.from_close;
    }

    fn open(&mut self, _key: Slot) {
        self.collected.open();
        self.due.next = None;
        self.from_close = false;
    }

    fn shut(&mut self) {
        self.collected.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        self.due.next.is_none()
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        self.enter(batch, row, to, out);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.collected.held.log.state(visitor);
        counter(visitor, &mut self.late);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.collected.check(claims)
    }
}
