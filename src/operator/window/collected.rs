//! What batch windows hold: the rows of the last flush, and behind them those collected for the next, in one log.

use super::Held;
use crate::event::{Batch, Sign, Type};
use crate::operator::{Claims, Moment, words_cell};
use crate::state::{LogId, Malformed, StateHolder, Visitor};
use std::ops::Range;

/// What a key has of its own of [`Collected`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CollectedOwn {
    log: LogId,
    first: u64,
}

words_cell!(
    CollectedOwn,
    "log and first row",
    2,
    |own| [u64::from(own.log), own.first],
    |w| Some(CollectedOwn {
        log: LogId::try_from(w[0]).ok()?,
        first: w[1],
    })
);

/// Rows of two flushes.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) held: Held,
    /// The first row that no flush has held.
    first: u64,
    /// A flush is in the order of time, not of arrival.
    by_time: bool,
}

impl Collected {
    /// Holds nothing yet; `types` are those of the kept columns.
    pub(crate) fn new(keep: Vec<usize>, types: &[Type]) -> Self {
        let held = Held::new(keep, types);
        Collected {
            first: held.rows().start,
            held,
            by_time: false,
        }
    }

    /// As [`Collected::new`]; a flush is in the order of time, then of arrival.
    pub(crate) fn by_time(keep: Vec<usize>, types: &[Type]) -> Self {
        Collected {
            by_time: true,
            ..Collected::new(keep, types)
        }
    }

    fn show(&self, rows: Range<u64>, moment: Moment, sign: Sign, to: &mut Batch) {
        match self.by_time {
            true => self.held.show_in_order(rows, moment, sign, to),
            false => self.held.show(rows, moment, sign, to),
        }
    }

    /// Goes on with a key that holds nothing yet.
    pub(super) fn open(&mut self) {
        self.held.open();
        self.first = self.held.rows().start;
    }

    /// What the key at hand has of its own.
    #[inline]
    pub(super) fn own(&self) -> CollectedOwn {
        CollectedOwn {
            log: self.held.id,
            first: self.first,
        }
    }

    /// Goes on with a key that has this of its own.
    #[inline]
    pub(super) fn turn(&mut self, own: CollectedOwn) {
        self.held.id = own.log;
        self.first = own.first;
    }

    /// Checks the key at hand, which was loaded.
    pub(super) fn check(&self, claims: &mut Claims) -> Result<(), Malformed> {
        self.held.check(claims)?;
        self.check_first()
    }

    fn check_first(&self) -> Result<(), Malformed> {
        let rows = self.held.rows();
        match rows.start <= self.first && self.first <= rows.end {
            true => Ok(()),
            false => Err(Malformed::new(
                "the rows of a batch do not begin in its log",
            )),
        }
    }

    /// Number of rows collected for the next flush.
    pub(crate) fn len(&self) -> usize {
        (self.held.rows().end - self.first) as usize
    }

    /// Whether there is any row, collected or to expire.
    pub(crate) fn holds_rows(&self) -> bool {
        self.held.len() > 0
    }

    /// Collects a row.
    #[inline]
    pub(crate) fn push(&mut self, batch: &Batch, row: usize) {
        self.held.push(batch, row);
    }

    /// Writes one flush: the rows of the last one expire, the collected ones enter.
    pub(crate) fn turn_over(&mut self, moment: Moment, to: &mut Batch) {
        let rows = self.held.rows();
        self.show(rows.start..self.first, moment, Sign::Minus, to);
        self.show(self.first..rows.end, moment, Sign::Plus, to);
        self.held.forget((self.first - rows.start) as usize);
        self.first = rows.end;
    }

    /// Appends the collected rows and forgets them.
    pub(crate) fn drain(&mut self, moment: Moment, sign: Sign, to: &mut Batch) {
        let rows = self.held.rows();
        self.show(self.first..rows.end, moment, sign, to);
        self.held.forget(self.held.len());
        self.first = rows.end;
    }

    /// Forgets rows of key groups that are not kept, by these of the kept columns.
    pub(crate) fn keep_keys(&mut self, routing: &[usize], keep: &dyn Fn(&[u8]) -> bool) {
        let is_kept = |seq: &u64| keep(&self.held.log.key_of(self.held.id, *seq, routing));
        let rows = self.held.rows();
        let collected = (self.first..rows.end).filter(is_kept).count();
        self.held.keep_keys(routing, keep);
        self.first = rows.end - collected as u64;
    }
}

impl StateHolder for Collected {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.held.state(visitor);
        visitor.register(&mut self.first);
        if visitor.is_loading()
            && self.held.log.holds(self.held.id)
            && let Err(why) = self.check_first()
        {
            visitor.fail(why);
        }
    }
}
