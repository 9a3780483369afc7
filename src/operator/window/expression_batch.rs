//! `expressionBatch('…' [, include_triggering [, stream_current]])`: rows are collected while a condition is TRUE.
//!
//! A condition that is NULL is not TRUE. A row that does not fit alone is a batch of its own.

use super::condition_source::{ConditionSource, CurrentCondition, Found};
use super::{Held, Turning};
use crate::event::{Batch, Sign, Type};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, words_cell};
use crate::state::{LogId, Malformed, Slot, StateHolder, Visitor};

/// How an expression batch treats its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpressionBatchOptions {
    /// The row for which the condition is no longer TRUE belongs to the batch that it ends, not to the next.
    pub(crate) include_triggering: bool,
    /// Rows pass as they come; the flush only expires them.
    pub(crate) streams: bool,
    /// The rows of a flush leave as `−` rows with the next one.
    pub(crate) expires: bool,
}

/// Collects rows while the condition is TRUE, then flushes.
pub(crate) struct ExpressionBatch {
    /// The rows of the last flush, and behind them the batch that is collected.
    held: Held,
    /// First row of the batch that is collected.
    first: u64,
    condition: CurrentCondition,
    options: ExpressionBatchOptions,
}

impl ExpressionBatch {
    /// `keep` holds the columns that the condition reads.
    pub(crate) fn new(
        source: ConditionSource,
        options: ExpressionBatchOptions,
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        let condition = CurrentCondition::new(source, &keep, types);
        let held = Held::new(keep, types);
        ExpressionBatch {
            first: held.rows().start,
            held,
            condition,
            options,
        }
    }

    /// Ends the batch before row `end`.
    fn flush(&mut self, end: u64, moment: Moment, out: &mut Out) {
        let mut to = out.batch();
        let head = self.held.rows().start;
        if self.options.streams {
            self.held.show(head..end, moment, Sign::Minus, &mut to);
        } else {
            let (last, rows) = (head..self.first, self.first..end);
            self.held.show(last, moment, Sign::Minus, &mut to);
            self.held.show(rows, moment, Sign::Plus, &mut to);
        }
        let keeps = self.options.expires && !self.options.streams;
        let gone = if keeps { self.first } else { end } - head;
        self.held.forget(gone as usize);
        self.first = end;
        out.emit(Kind::Flush(moment.at), to);
        self.condition.get().clear();
    }

    fn take_row(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        let moment = Moment::of(batch, row);
        match self.condition.follow(batch, row) {
            Found::Nothing => return,
            Found::Same => {}
            Found::Changed => {
                for seq in self.first..self.held.rows().end {
                    self.enter(seq, None, moment, to, out);
                }
            }
        }
        self.held.push(batch, row);
        let seq = self.held.rows().end - 1;
        self.enter(seq, Some((batch, row)), moment, to, out);
    }

    /// A row that is held joins the batch and may end it. `new` is the row where it just came and may have to pass.
    fn enter(
        &mut self,
        seq: u64,
        new: Option<(&Batch, usize)>,
        moment: Moment,
        to: &mut Box<Batch>,
        out: &mut Out,
    ) {
        let new = new.filter(|_| self.options.streams);
        let condition = self.condition.get();
        condition.change(&self.held, seq, Sign::Plus);
        let ends = !condition.holds(&self.held, self.first, seq, moment);
        let belongs = !ends || self.options.include_triggering || seq == self.first;
        if let Some((batch, row)) = new.filter(|_| belongs) {
            to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
        }
        if ends {
            out.pass(to);
            self.flush(if belongs { seq + 1 } else { seq }, moment, out);
        }
        if !belongs {
            self.condition.get().change(&self.held, seq, Sign::Plus);
            if let Some((batch, row)) = new {
                to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
            }
        }
    }

    fn check_first(&self) -> Result<(), Malformed> {
        let rows = self.held.rows();
        if self.first < rows.start || self.first > rows.end {
            return Err(Malformed::new(
                "the rows of a batch do not begin in its log",
            ));
        }
        Ok(())
    }
}

impl StateHolder for ExpressionBatch {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.condition.retired(visitor);
        self.held.state(visitor);
        visitor.register(&mut self.first);
        self.condition.state(visitor);
        if visitor.is_loading() && self.held.log.holds(self.held.id) {
            if let Err(why) = self.check_first() {
                visitor.fail(why);
            } else if self.held.len() > 0 && !self.condition.is_bound() {
                visitor.fail(Malformed::new("a window has rows and no condition"));
            }
        }
    }
}

impl Operator for ExpressionBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            self.take_row(batch, row, &mut to, out);
        }
        out.emit(Kind::Rows, to);
    }

    fn is_open(&mut self) -> bool {
        !self.options.streams && self.first < self.held.rows().end
    }

    fn close(&mut self, out: &mut Out) {
        let end = self.held.rows().end;
        if self.is_open() {
            self.flush(end, self.held.last_moment(), out);
        }
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.condition.faults();
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

/// What a key has of its own of an [`ExpressionBatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ExpressionBatchOwn {
    key: Slot,
    log: LogId,
    first: u64,
}

words_cell!(
    ExpressionBatchOwn,
    "key, log and first row",
    3,
    |own| [u64::from(own.key), u64::from(own.log), own.first],
    |w| Some(ExpressionBatchOwn {
        key: Slot::try_from(w[0]).ok()?,
        log: LogId::try_from(w[1]).ok()?,
        first: w[2],
    })
);

impl Turning for ExpressionBatch {
    type Own = ExpressionBatchOwn;

    #[inline]
    fn own(&self) -> ExpressionBatchOwn {
        ExpressionBatchOwn {
            key: self.condition.key(),
            log: self.held.id,
            first: self.first,
        }
    }

    #[inline]
    fn turn(&mut self, own: ExpressionBatchOwn) {
        self.condition.turn(own.key);
        (self.held.id, self.first) = (own.log, own.first);
    }

    fn open(&mut self, key: Slot) {
        self.condition.open(key);
        self.held.open();
        self.first = self.held.rows().start;
    }

    fn shut(&mut self) {
        self.condition.clear();
        self.held.shut();
    }

    /// A flush begins the condition anew.
    #[inline]
    fn is_new(&self) -> bool {
        self.held.len() == 0
    }

    #[inline]
    fn take(&mut self, batch: &Batch, row: usize, to: &mut Box<Batch>, out: &mut Out) {
        self.take_row(batch, row, to, out);
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.condition.retired(visitor);
        self.held.log.state(visitor);
        self.condition.state(visitor);
    }

    fn rebuild(&mut self, slots: usize) -> Result<(), Malformed> {
        self.condition.ensure(slots);
        Ok(())
    }

    fn check(&self, key: Slot, claims: &mut Claims) -> Result<(), Malformed> {
        self.held.check(claims)?;
        self.check_first()?;
        match self.condition.key() == key {
            true => Ok(()),
            false => Err(Malformed::new("a window is that of another key")),
        }
    }
}
