//! `expression('…')`: as many of the last rows as keep a condition TRUE.
//!
//! A condition that is NULL is not TRUE. Rows that no longer fit leave before the row that drove them out; a row that
//! does not fit alone enters and leaves at once.

use super::condition_source::{ConditionSource, CurrentCondition, Found};
use super::{Held, Turning};
use crate::event::{Batch, Sign, Type};
use crate::operator::{Claims, Counters, Kind, Moment, Operator, Out, words_cell};
use crate::state::{LogId, Malformed, Slot, StateHolder, Visitor};

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

    fn take_row(&mut self, batch: &Batch, row: usize, to: &mut Batch) {
        let moment = Moment::of(batch, row);
        match self.condition.follow(batch, row) {
            Found::Nothing => return,
            Found::Same => {}
            Found::Changed => {
                for seq in self.held.rows() {
                    if !self.enter(seq, moment, to) {
                        self.leave(moment, to);
                    }
                }
            }
        }
        self.held.push(batch, row);
        let seq = self.held.rows().end - 1;
        let stays = self.enter(seq, moment, to);
        to.push_row(batch, &self.held.keep, row, moment, Sign::Plus);
        if !stays {
            self.leave(moment, to);
        }
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
            self.take_row(batch, row, &mut to);
        }
        out.emit(Kind::Rows, to);
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.condition.faults();
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

/// What a key has of its own of an [`Expression`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ExpressionOwn {
    key: Slot,
    log: LogId,
}

words_cell!(
    ExpressionOwn,
    "key and log",
    2,
    |own| [u64::from(own.key), u64::from(own.log)],
    |w| Some(ExpressionOwn {
        key: Slot::try_from(w[0]).ok()?,
        log: LogId::try_from(w[1]).ok()?,
    })
);

impl Turning for Expression {
    type Own = ExpressionOwn;
    const SINGLY: bool = true;

    #[inline]
    fn own(&self) -> ExpressionOwn {
        ExpressionOwn {
            key: self.condition.key(),
            log: self.held.id,
        }
    }

    #[inline]
    fn turn(&mut self, own: ExpressionOwn) {
        self.condition.turn(own.key);
        self.held.id = own.log;
    }

    fn open(&mut self, key: Slot) {
        self.condition.open(key);
        self.held.open();
    }

    fn shut(&mut self) {
        self.condition.clear();
        self.held.shut();
    }

    #[inline]
    fn is_new(&self) -> bool {
        self.held.len() == 0 && !self.condition.lasts()
    }

    #[inline]
    fn take_one(&mut self, batch: &Batch, row: usize, to: &mut Batch, _out: &mut Out) {
        self.take_row(batch, row, to);
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
        match self.condition.key() == key {
            true => Ok(()),
            false => Err(Malformed::new("a window is that of another key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition_scope::bind_expression_window;
    use super::super::testing::{Feed, check};
    use super::super::{ExpressionBatch, ExpressionBatchOptions};
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
