//! The rows that a window of one log holds, and how they are emitted.

use crate::event::{Batch, Sign, Timestamp, Type};
use crate::operator::Moment;
use crate::state::{LogId, RowLog};

/// One row log and the columns of the input it keeps.
#[derive(Debug)]
pub(crate) struct Held {
    /// Rows held.
    pub(crate) log: RowLog,
    /// The log of the only key.
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

    /// Number of rows held.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.log.len(self.id)
    }

    /// Timestamp of the oldest row.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let range = self.log.range(self.id);
        (!range.is_empty()).then(|| self.log.at(self.id, range.start))
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

    /// Appends all rows held, with their own timestamps as `at`.
    pub(crate) fn show(&self, moment: Moment, sign: Sign, out: &mut Batch) {
        show(&self.log, self.id, moment, sign, out);
    }

    /// Appends all rows held, with their own timestamps as `at`, and forgets them.
    pub(crate) fn drain(&mut self, moment: Moment, sign: Sign, out: &mut Batch) {
        self.show(moment, sign, out);
        self.log.pop(self.id, self.len());
    }
}

/// Appends all rows of a log, with their own timestamps as `at`, to the first columns of a batch.
pub(super) fn show(log: &RowLog, id: LogId, moment: Moment, sign: Sign, out: &mut Batch) {
    let rows = log.range(id);
    for seq in rows.clone() {
        let at = log.at(id, seq);
        out.push_moment(Moment { at, ..moment }, sign);
    }
    log.read_rows(id, rows, &mut out.columns);
}

/// Writes one flush: the previous rows expire, the current ones enter and become the previous ones.
pub(super) fn turn_over(current: &mut Held, previous: &mut Held, moment: Moment, to: &mut Batch) {
    previous.drain(moment, Sign::Minus, to);
    std::mem::swap(current, previous);
    previous.show(moment, Sign::Plus, to);
}
