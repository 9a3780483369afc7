//! `lengthBatch(n)`: flushed every n rows. `batch()`: flushed at the end of every send.

use super::collected::CollectedOwn;
use super::{Collected, Turning};
use crate::event::{Batch, Mark, Sign, Timestamp, Type};
use crate::operator::{Claims, Kind, Moment, Operator, Out, counter, words_cell};
use crate::state::{Malformed, Slot, StateHolder, Visitor};

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

    #[inline]
    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        let moment = Moment::of(batch, row);
        if self.streams {
            if self.collected.len() == self.rows_max {
                out.pass(to);
                let mut flush = out.batch();
                self.collected.drain(moment, Sign::Minus, &mut flush);
                out.emit(Kind::Flush(moment.at), flush);
            }
            self.collected.push(batch, row);
            to.push_row(batch, &self.collected.held.keep, row, moment, Sign::Plus);
            return;
        }
        self.collected.push(batch, row);
        if self.collected.len() == self.rows_max {
            self.flush(moment, out);
        }
    }

    fn flush(&mut self, moment: Moment, out: &mut Out) {
        let mut to = out.batch();
        self.collected.turn_over(moment, &mut to);
        out.emit(Kind::Flush(moment.at), to);
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
            self.enter(batch, row, &mut to, out);
        }
        out.emit(Kind::Rows, to);
    }

    fn is_open(&mut self) -> bool {
        !self.streams && self.collected.len() > 0
    }

    fn close(&mut self, out: &mut Out) {
        if self.is_open() {
            let moment = self.collected.held.last_moment();
            self.flush(moment, out);
        }
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

impl Turning for LengthBatch {
    type Own = CollectedOwn;

    #[inline]
    fn own(&self) -> CollectedOwn {
        self.collected.own()
    }

    #[inline]
    fn turn(&mut self, own: CollectedOwn) {
        self.collected.turn(own);
    }

    fn open(&mut self, _key: Slot) {
        self.collected.open();
    }

    fn shut(&mut self) {
        self.collected.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        !self.collected.holds_rows()
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        self.enter(batch, row, to, out);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.collected.held.log.state(visitor);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.collected.check(claims)?;
        match self.collected.len() > self.rows_max {
            true => Err(Malformed::new("a batch has too many rows")),
            false => Ok(()),
        }
    }
}

/// One flush per send: `batch()`.
#[derive(Debug)]
pub(crate) struct SendBatch {
    collected: Collected,
    last: Option<Moment>,
    /// The number of the first row of the send, where that tells keys apart.
    place: u64,
    /// Rows that were the first of their key in a send, or of all.
    came: u64,
}

impl SendBatch {
    /// Flushes at the end of every send that brought rows.
    pub(crate) fn new(keep: Vec<usize>, types: &[Type]) -> Self {
        SendBatch {
            collected: Collected::new(keep, types),
            last: None,
            place: 0,
            came: 0,
        }
    }

    #[inline]
    fn enter(&mut self, batch: &Batch, row: usize) {
        if self.last.is_none() {
            self.place = self.came;
            self.came += 1;
        }
        self.collected.push(batch, row);
        self.last = Some(Moment::of(batch, row));
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
            self.enter(batch, row);
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

/// What a key has of its own of a [`SendBatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SendOwn {
    collected: CollectedOwn,
    last: Option<Moment>,
    place: u64,
}

// A moment has no mark there, as where it is a register.
words_cell!(
    SendOwn,
    "log, first row and send",
    7,
    |own| {
        let last = own.last.unwrap_or_default();
        [
            own.collected.word(0),
            own.collected.word(1),
            u64::from(own.last.is_some()),
            last.at.0 as u64,
            last.clock.0 as u64,
            last.cause,
            own.place,
        ]
    },
    |w| Some(SendOwn {
        collected: CollectedOwn::read(&w[..2], &[])?,
        last: bool::read(&w[2..3], &[])?.then(|| Moment {
            at: Timestamp(w[3] as i64),
            clock: Timestamp(w[4] as i64),
            cause: w[5],
            mark: Mark::Plain,
        }),
        place: w[6],
    })
);

impl Turning for SendBatch {
    type Own = SendOwn;

    #[inline]
    fn own(&self) -> SendOwn {
        SendOwn {
            collected: self.collected.own(),
            last: self.last,
            place: self.place,
        }
    }

    #[inline]
    fn turn(&mut self, own: SendOwn) {
        self.collected.turn(own.collected);
        (self.last, self.place) = (own.last, own.place);
    }

    fn open(&mut self, _key: Slot) {
        self.collected.open();
        self.last = None;
    }

    fn shut(&mut self) {
        self.collected.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        !self.collected.holds_rows()
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, _to: &mut Box<Batch>, _out: &mut Out) {
        self.enter(batch, row);
    }

    #[inline]
    fn sends(&self) -> Option<u64> {
        self.last.map(|_| self.place)
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.collected.held.log.state(visitor);
        counter(visitor, &mut self.came);
    }

    fn check(&self, _key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.collected.check(claims)
    }
}
