//! The rows that a window of one log holds, and how they are emitted.

use crate::event::{Batch, Mark, Sign, Timestamp, Type};
use crate::operator::{Claims, Moment};
use crate::state::{LogId, Malformed, RowLog, StateHolder, Visitor};
use std::ops::Range;

/// One row log and the columns of the input it keeps.
#[derive(Debug)]
pub(crate) struct Held {
    /// Rows held.
    pub(crate) log: RowLog,
    /// The log of the only key, or of the one at hand.
    pub(crate) id: LogId,
    /// Positions of the kept columns in the input.
    pub(crate) keep: Vec<usize>,
}

impl Held {
    /// Holds nothing yet; `types` are those of the kept columns.
    pub(crate) fn new(keep: Vec<usize>, types: &[Type]) -> Self {
        let mut log = RowLog::new(types);
        let id = log.open();
        Held { log, id, keep }
    }

    /// Goes on with a key that holds nothing yet.
    pub(super) fn open(&mut self) {
        self.id = self.log.open();
    }

    /// Forgets the key at hand, with its rows.
    pub(super) fn shut(&mut self) {
        self.log.close(self.id);
    }

    /// Checks the log of the key at hand, which was loaded.
    pub(super) fn check(&self, claims: &mut Claims) -> Result<(), Malformed> {
        claims.claim(&self.log, self.id, 0)
    }

    /// Number of rows held.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.log.len(self.id)
    }

    /// Sequence numbers of the rows held.
    #[inline]
    pub(crate) fn rows(&self) -> Range<u64> {
        self.log.range(self.id)
    }

    /// Timestamp of the oldest row.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let range = self.log.range(self.id);
        (!range.is_empty()).then(|| self.log.at(self.id, range.start))
    }

    /// The moment of the newest row, where that ends a batch before its time. Panics when no row is held.
    pub(crate) fn last_moment(&self) -> Moment {
        let at = self.log.at(self.id, self.rows().end - 1);
        Moment {
            at,
            clock: at,
            cause: 0,
            mark: Mark::Plain,
        }
    }

    /// Holds one more row, after all others.
    #[inline]
    pub(crate) fn push(&mut self, batch: &Batch, row: usize) {
        self.log
            .push(self.id, batch.at[row], batch, &self.keep, row);
    }

    /// Holds one more row, in the order of time.
    #[inline]
    pub(crate) fn insert(&mut self, batch: &Batch, row: usize) {
        self.log
            .insert(self.id, batch.at[row], batch, &self.keep, row);
    }

    /// Appends the values of a row held, with these circumstances.
    #[inline]
    pub(crate) fn emit(&self, seq: u64, moment: Moment, sign: Sign, out: &mut Batch) {
        out.push_moment(moment, sign);
        self.log.read(self.id, seq, &mut out.columns);
    }

    /// Expires the oldest row into `out`.
    #[inline]
    pub(crate) fn expire(&mut self, moment: Moment, out: &mut Batch) {
        self.emit(self.log.range(self.id).start, moment, Sign::Minus, out);
        self.log.pop(self.id, 1);
    }

    /// Appends rows held, with their own timestamps as `at`.
    pub(crate) fn show(&self, rows: Range<u64>, moment: Moment, sign: Sign, out: &mut Batch) {
        show(&self.log, self.id, rows, moment, sign, out);
    }

    /// As [`Held::show`], in the order of time, then of arrival.
    pub(crate) fn show_in_order(
        &self,
        rows: Range<u64>,
        moment: Moment,
        sign: Sign,
        out: &mut Batch,
    ) {
        show_in_order(&self.log, self.id, rows, moment, sign, out);
    }

    /// Forgets the oldest rows.
    pub(crate) fn forget(&mut self, rows: usize) {
        self.log.pop(self.id, rows);
    }

    /// Forgets rows of key groups that are not kept, by these of the kept columns.
    pub(crate) fn keep_keys(&mut self, routing: &[usize], keep: &dyn Fn(&[u8]) -> bool) {
        keep_keys(&mut self.log, self.id, routing, keep);
    }
}

impl StateHolder for Held {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        if visitor.is_loading() && !self.log.holds(self.id) {
            visitor.fail(Malformed::new("a window has no log"));
        }
    }
}

/// Appends rows of a log, with their own timestamps as `at`, to the first columns of a batch.
pub(super) fn show(
    log: &RowLog,
    id: LogId,
    rows: Range<u64>,
    moment: Moment,
    sign: Sign,
    out: &mut Batch,
) {
    for seq in rows.clone() {
        let at = log.at(id, seq);
        out.push_moment(Moment { at, ..moment }, sign);
    }
    log.read_rows(id, rows, &mut out.columns);
}

/// As [`show`], in the order of time, then of arrival. Cost: that of a sort where rows did not come in this order.
pub(crate) fn show_in_order(
    log: &RowLog,
    id: LogId,
    rows: Range<u64>,
    moment: Moment,
    sign: Sign,
    out: &mut Batch,
) {
    let [older, newer] = log
        .pieces(id, rows.clone())
        .map(|piece| &log.times()[piece]);
    let follows = newer
        .first()
        .is_none_or(|at| older.last().is_none_or(|last| last <= at));
    if older.is_sorted() && newer.is_sorted() && follows {
        return show(log, id, rows, moment, sign, out);
    }
    let mut order: Vec<u64> = rows.collect();
    order.sort_by_key(|seq| log.at(id, *seq));
    for seq in order {
        let at = log.at(id, seq);
        out.push_moment(Moment { at, ..moment }, sign);
        log.read(id, seq, &mut out.columns);
    }
}

/// Forgets rows of a log of key groups that are not kept, by these of its columns.
pub(super) fn keep_keys(
    log: &mut RowLog,
    id: LogId,
    routing: &[usize],
    keep: &dyn Fn(&[u8]) -> bool,
) {
    log.retain(id, |log, seq| keep(&log.key_of(id, seq, routing)));
}
