//! `expression('…')`: as many of the last rows as keep a condition TRUE.
//! `expressionBatch('…' [, include_triggering [, stream_current]])`: rows are collected while it is TRUE.
//!
//! A condition that is NULL is not TRUE. Rows that no longer fit leave before the row that drove them out; a row that
//! does not fit alone enters and leaves at once, or is a batch of its own.

use super::Held;
use super::condition_source::{ConditionSource, CurrentCondition, Found};
use crate::event::{Batch, Sign, Type};
use crate::operator::{Counters, Kind, Moment, Operator, Out};
use crate::state::{Malformed, StateHolder, Visitor};

/// The last rows for which the condition is TRUE.
pub(crate) struct Expression {
    held: Held,
    condition: CurrentCondition,
}

impl Expression {
    /// `keep` holds the columns that the condition reads.
    pub(crate) fn new(source: ConditionSource, keep: Vec<usize>, types: &[Type]) -> Self {
        let condition = CurrentCondition::new(source, &keep, types);
        Expression {
            held: Held::new(keep, types),
            condition,
        }
    }

    fn leave(&mut self, moment: Moment, to: &mut Batch) {
        let oldest = self.held.rows().start;
        self.condition.get().change(&self.held, oldest, Sign::Minus);
        self.held.expire(moment, to);
    }

    /// A row that is held enters, and rows before it leave until the condition is TRUE; false when it is not even
    /// TRUE for the row alone.
    fn enter(&mut self, seq: u64, moment: Moment, to: &mut Batch) -> bool {
        self.condition.get().change(&self.held, seq, Sign::Plus);
        loop {
            let first = self.held.rows().start;
            if self.condition.get().holds(&self.held, first, seq, moment) {
                return true;
            }
            if first == seq {
                return false;
            }
            self.leave(moment, to);
        }
    }
}

impl StateHolder for Expression {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.condition.retired(visitor);
        self.held.state(visitor);
        self.condition.state(visitor);
        if visitor.is_loading() && self.held.len() > 0 && !self.condition.is_bound() {
            visitor.fail(Malformed::new("a window has rows and no condition"));
        }
    }
}

impl Operator for Expression {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            match self.condition.follow(batch, row) {
                Found::Nothing => continue,
                Found::Same => {}
                Found::Changed => {
                    for seq in self.held.rows() {
                        if !self.enter(seq, moment, &mut to) {
                            self.leave(moment, &mut to);
                        }
                    }
                }
            }
            self.held.push(batch, row);
            let seq = self.held.rows().end - 1;
            let stays = self.enter(seq, moment, &mut to);
            to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
            if !stays {
                self.leave(moment, &mut to);
            }
        }
        out.emit(Kind::Rows, to);
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.condition.faults();
    }
}

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
}

impl ExpressionBatch {
    /// A row that is held joins the batch and may end it. `new` is the row where it just came and may have to pass.
    fn enter(
        &mut self,
        seq: u64,
        new: Option<(&Batch, usize)>,
        moment: Moment,
        mut to: Box<Batch>,
        out: &mut Out,
    ) -> Box<Batch> {
        let new = new.filter(|_| self.options.streams);
        let condition = self.condition.get();
        condition.change(&self.held, seq, Sign::Plus);
        let ends = !condition.holds(&self.held, self.first, seq, moment);
        let belongs = !ends || self.options.include_triggering || seq == self.first;
        if let Some((batch, row)) = new.filter(|_| belongs) {
            to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
        }
        if ends {
            out.emit(Kind::Rows, to);
            self.flush(if belongs { seq + 1 } else { seq }, moment, out);
            to = out.batch();
        }
        if !belongs {
            self.condition.get().change(&self.held, seq, Sign::Plus);
            if let Some((batch, row)) = new {
                to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
            }
        }
        to
    }
}

impl StateHolder for ExpressionBatch {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.condition.retired(visitor);
        self.held.state(visitor);
        visitor.register(&mut self.first);
        self.condition.state(visitor);
        if visitor.is_loading() {
            let rows = self.held.rows();
            if self.first < rows.start || self.first > rows.end {
                visitor.fail(Malformed::new(
                    "the rows of a batch do not begin in its log",
                ));
            } else if !rows.is_empty() && !self.condition.is_bound() {
                visitor.fail(Malformed::new("a window has rows and no condition"));
            }
        }
    }
}

impl Operator for ExpressionBatch {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            match self.condition.follow(batch, row) {
                Found::Nothing => continue,
                Found::Same => {}
                Found::Changed => {
                    for seq in self.first..self.held.rows().end {
                        to = self.enter(seq, None, moment, to, out);
                    }
                }
            }
            self.held.push(batch, row);
            let seq = self.held.rows().end - 1;
            to = self.enter(seq, Some((batch, row)), moment, to, out);
        }
        out.emit(Kind::Rows, to);
    }

    fn close(&mut self, out: &mut Out) {
        let end = self.held.rows().end;
        if !self.options.streams && self.first < end {
            self.flush(end, self.held.last_moment(), out);
        }
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.condition.faults();
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition_scope::bind_expression_window;
    use super::super::testing::{Feed, check};
    use super::*;
    use crate::event::Schema;
    use crate::expr::Functions;
    use crate::sql::ast::Span;

    const TYPES: [Type; 3] = [Type::String, Type::Float, Type::Int];
    const KEEP: [usize; 3] = [2, 0, 1];

    fn schema() -> Schema {
        Schema::new([
            ("sym", Type::String),
            ("price", Type::Float),
            ("vol", Type::Int),
        ])
    }

    fn source(text: &str) -> ConditionSource {
        let bound = bind_expression_window(text, Span::default(), &schema(), &Functions::default());
        ConditionSource::Text(bound.unwrap_or_else(|faults| panic!("{text}: {faults:?}")))
    }

    fn kept() -> (Vec<usize>, [Type; 3]) {
        (KEEP.to_vec(), [Type::Int, Type::String, Type::Float])
    }

    fn sliding(text: &str, lines: &[&str], want: &[&str]) {
        let (keep, types) = kept();
        let feed = Feed {
            types: &TYPES,
            keep: &KEEP,
            lines,
        };
        check(&feed, want, || {
            Box::new(Expression::new(source(text), keep.clone(), &types))
        });
    }

    fn batch(text: &str, options: [bool; 3], lines: &[&str], want: &[&str]) {
        let (keep, types) = kept();
        let [include_triggering, streams, expires] = options;
        let options = ExpressionBatchOptions {
            include_triggering,
            streams,
            expires,
        };
        let feed = Feed {
            types: &TYPES,
            keep: &KEEP,
            lines,
        };
        check(&feed, want, || {
            Box::new(ExpressionBatch::new(
                source(text),
                options,
                keep.clone(),
                &types,
            ))
        });
    }

    #[test]
    fn conformance_expression_event_timestamps() {
        let lines = [
            "1000000 W 60.5 0",
            "1000001 W 61.5 1",
            "1000002 W 62.5 2",
            "1000003 W 63.5 3",
            "1000004 W 64.5 4",
        ];
        let want = [
            "+ 1000000 0 W 60.5",
            "+ 1000001 1 W 61.5",
            "+ 1000002 2 W 62.5",
            "- 1000003 0 W 60.5",
            "+ 1000003 3 W 63.5",
            "- 1000004 1 W 61.5",
            "+ 1000004 4 W 64.5",
        ];
        sliding(
            "eventTimestamp(last) - eventTimestamp(first) <= 2",
            &lines,
            &want,
        );
    }

    #[test]
    fn rows_leave_until_the_condition_holds() {
        let lines = [
            "1 a 1 4",
            "2 a 1 5",
            "3 b 1 6",
            "4 b 1 20",
            "5 b 1 NULL",
            "6 b 1 3",
        ];
        let want = [
            "+ 1 4 a 1.0",
            "+ 2 5 a 1.0",
            "- 3 4 a 1.0",
            "- 3 5 a 1.0",
            "+ 3 6 b 1.0",
            "- 4 6 b 1.0",
            "+ 4 20 b 1.0",
            "- 4 20 b 1.0",
            "+ 5 NULL b 1.0",
            "- 5 NULL b 1.0",
            "+ 6 3 b 1.0",
        ];
        sliding("sum(vol) < 10", &lines, &want);
        let want = [
            "+ 1 4 a 1.0",
            "+ 2 5 a 1.0",
            "- 3 4 a 1.0",
            "- 3 5 a 1.0",
            "+ 3 6 b 1.0",
            "+ 4 20 b 1.0",
            "- 5 6 b 1.0",
            "+ 5 NULL b 1.0",
            "- 6 20 b 1.0",
            "+ 6 3 b 1.0",
        ];
        sliding("count() <= 2 AND first.sym = last.sym", &lines, &want);
        let want = [
            "+ 1 4 a 1.0",
            "+ 2 5 a 1.0",
            "+ 3 6 b 1.0",
            "- 4 4 a 1.0",
            "- 4 5 a 1.0",
            "- 4 6 b 1.0",
            "+ 4 20 b 1.0",
            "+ 5 NULL b 1.0",
            "- 6 20 b 1.0",
            "+ 6 3 b 1.0",
        ];
        sliding("max(vol) - min(vol) <= 2 OR vol IS NULL", &lines, &want);
    }

    #[test]
    fn a_batch_ends_before_the_row_that_ends_it() {
        let lines = [
            "1 a 1 1", "2 a 1 2", "3 b 1 3", "4 b 1 4", "5 b 1 5", "close", "close",
        ];
        let want = [
            "[3] + 1 1 a 1.0, + 2 2 a 1.0",
            "[5] + 3 3 b 1.0, + 4 4 b 1.0",
            "[5] + 5 5 b 1.0",
        ];
        batch("count() <= 2", [false; 3], &lines, &want);
        let want = [
            "[3] + 1 1 a 1.0, + 2 2 a 1.0",
            "[5] - 1 1 a 1.0, - 2 2 a 1.0, + 3 3 b 1.0, + 4 4 b 1.0",
            "[5] - 3 3 b 1.0, - 4 4 b 1.0, + 5 5 b 1.0",
        ];
        batch(
            "last.vol - first.vol < 2",
            [false, false, true],
            &lines,
            &want,
        );
        let want = [
            "[3] + 1 1 a 1.0, + 2 2 a 1.0, + 3 3 b 1.0",
            "[5] + 4 4 b 1.0, + 5 5 b 1.0",
        ];
        batch("last.sym = first.sym", [true, false, false], &lines, &want);
    }

    #[test]
    fn a_streaming_batch_only_expires() {
        let lines = ["1 a 1 1", "2 a 1 2", "3 b 1 3", "4 c 1 4", "close"];
        let want = [
            "+ 1 1 a 1.0",
            "+ 2 2 a 1.0",
            "[3] - 1 1 a 1.0, - 2 2 a 1.0",
            "+ 3 3 b 1.0",
            "[4] - 3 3 b 1.0",
            "+ 4 4 c 1.0",
        ];
        batch("last.sym = first.sym", [false, true, true], &lines, &want);
        let want = [
            "+ 1 1 a 1.0",
            "+ 2 2 a 1.0",
            "+ 3 3 b 1.0",
            "[3] - 1 1 a 1.0, - 2 2 a 1.0, - 3 3 b 1.0",
            "+ 4 4 c 1.0",
        ];
        batch("last.sym = first.sym", [true, true, true], &lines, &want);
    }

    #[test]
    fn a_row_that_does_not_fit_alone_is_a_batch() {
        let lines = ["1 a 1 9", "2 a 1 1", "3 a 1 9", "4 a 1 2"];
        let want = [
            "[1] + 1 9 a 1.0",
            "[3] - 1 9 a 1.0, + 2 1 a 1.0",
            "[4] - 2 1 a 1.0, + 3 9 a 1.0",
        ];
        batch("max(vol) < 5", [false, false, true], &lines, &want);
        let want = [
            "+ 1 9 a 1.0",
            "[1] - 1 9 a 1.0",
            "+ 2 1 a 1.0",
            "[3] - 2 1 a 1.0",
            "+ 3 9 a 1.0",
        ];
        batch("max(vol) < 5", [false, true, true], &lines[..3], &want);
    }
    #[test]
    fn a_column_may_hold_the_condition() {
        let column = || ConditionSource::Column {
            column: 0,
            schema: schema(),
            functions: Functions::default(),
        };
        let (keep, types) = kept();
        let lines = [
            "0 NULL 1 0",
            "1 vol< 1 0",
            "2 vol>first.vol-2 1 9",
            "3 count()<3 1 1",
            "4 count()<3 1 2",
            "5 count()<4 1 3",
            "6 NULL 1 4",
            "7 count( 1 5",
            "8 count()<2 1 6",
        ];
        let feed = Feed {
            types: &TYPES,
            keep: &KEEP,
            lines: &lines,
        };
        let want = [
            "+ 2 9 vol>first.vol-2 1.0",
            "+ 3 1 count()<3 1.0",
            "- 4 9 vol>first.vol-2 1.0",
            "+ 4 2 count()<3 1.0",
            "+ 5 3 count()<4 1.0",
            "- 6 1 count()<3 1.0",
            "+ 6 4 NULL 1.0",
            "- 7 2 count()<3 1.0",
            "+ 7 5 count( 1.0",
            "- 8 3 count()<4 1.0",
            "- 8 4 NULL 1.0",
            "- 8 5 count( 1.0",
            "+ 8 6 count()<2 1.0",
        ];
        let count = check(&feed, &want, || {
            Box::new(Expression::new(column(), keep.clone(), &types))
        });
        assert_eq!(count.value_faults, 4);
        let options = ExpressionBatchOptions {
            expires: true,
            ..ExpressionBatchOptions::default()
        };
        let lines = [
            "1 vol<5 1 1",
            "2 vol<5 1 2",
            "3 count()<2 1 3",
            "4 count()<3 1 4",
            "5 count()<3 1 5",
        ];
        let feed = Feed {
            types: &TYPES,
            keep: &KEEP,
            lines: &lines,
        };
        let want = [
            "[3] + 1 1 vol<5 1.0",
            "[3] - 1 1 vol<5 1.0, + 2 2 vol<5 1.0",
            "[5] - 2 2 vol<5 1.0, + 3 3 count()<2 1.0, + 4 4 count()<3 1.0",
        ];
        check(&feed, &want, || {
            Box::new(ExpressionBatch::new(
                column(),
                options,
                keep.clone(),
                &types,
            ))
        });
    }
}
