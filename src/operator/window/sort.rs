//! `sort(n, attr [, 'asc'|'desc'], …)`: the n smallest rows in an order of attributes.
//!
//! How: each row held has a log of its own, and a list of the logs is kept in order. A row enters; when more than n
//! are held, the greatest leaves behind it, which may be the row itself. Of equal rows the later one is greater.
//! Cost: O(log n) comparisons per row.

use super::ranked::Ranked;
use crate::event::{Batch, Sign, Type};
use crate::operator::{Kind, Moment, Operator, Out, counter};
use crate::state::{Cells, LogId, Malformed, RowLog, StateHolder, Visitor};
use std::cmp::Ordering;

/// One attribute of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    /// Which of the kept columns: position in `keep`.
    pub(crate) kept: usize,
    pub(crate) descending: bool,
}

/// The `rows_max` smallest rows.
#[derive(Debug)]
pub(crate) struct Sort {
    log: RowLog,
    /// An index, by the rows and `numbers`.
    order: Ranked,
    /// How many rows came before, by log.
    numbers: Cells<u64>,
    came: u64,
    by: Vec<SortKey>,
    keep: Vec<usize>,
    rows_max: usize,
}

impl Sort {
    /// Holds `rows_max` rows, at least 1.
    pub(crate) fn new(rows_max: usize, by: Vec<SortKey>, keep: Vec<usize>, types: &[Type]) -> Self {
        assert!(rows_max > 0, "a sort window holds at least one row");
        Sort {
            log: RowLog::new(types),
            order: Ranked::default(),
            numbers: Cells::default(),
            came: 0,
            by,
            keep,
            rows_max,
        }
    }

    /// Puts the logs in order, by their rows and then by their numbers.
    fn rebuild(&mut self) -> Result<(), Malformed> {
        let ids = 0..self.numbers.len() as LogId;
        let mut order: Vec<LogId> = ids.filter(|id| self.log.holds(*id)).collect();
        if order.iter().any(|id| self.log.len(*id) != 1) || order.len() > self.rows_max {
            return Err(Malformed::new("a sort window has too many rows or too few"));
        }
        let number = |id: LogId| *self.numbers.get(id);
        let by_rows = |a: LogId, b: LogId| compare(&self.log, &self.by, a, b);
        order.sort_by(|a, b| by_rows(*a, *b).then(number(*a).cmp(&number(*b))));
        self.order = Ranked::of(&order);
        Ok(())
    }
}

/// How the rows of two logs are ordered.
fn compare(log: &RowLog, by: &[SortKey], a: LogId, b: LogId) -> Ordering {
    let row = |id: LogId| log.index(id, log.range(id).start);
    let (a, b) = (row(a), row(b));
    let order = |key: &SortKey| {
        let order = log.columns()[key.kept].order(a, b);
        if key.descending {
            order.reverse()
        } else {
            order
        }
    };
    by.iter()
        .map(order)
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl StateHolder for Sort {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        visitor.container("numbers", &mut self.numbers);
        counter(visitor, &mut self.came);
        if visitor.is_loading()
            && let Err(why) = self.rebuild()
        {
            visitor.fail(why);
        }
    }
}

impl Operator for Sort {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            let moment = Moment::of(batch, row);
            let id = self.log.open();
            self.log.push(id, batch.at[row], batch, &self.keep, row);
            self.numbers.ensure(id as usize + 1);
            *self.numbers.get_mut(id) = self.came;
            self.came += 1;
            let (log, by) = (&self.log, &self.by);
            self.order
                .insert(id, |held| compare(log, by, held, id) != Ordering::Greater);
            to.push_row(batch, &self.keep, row, moment, Sign::Plus);
            if self.order.len() > self.rows_max
                && let Some(greatest) = self.order.pop()
            {
                to.push_moment(moment, Sign::Minus);
                self.log
                    .read(greatest, self.log.range(greatest).start, &mut to.columns);
                self.log.close(greatest);
            }
        }
        out.emit(Kind::Rows, to);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check};
    use super::*;

    #[test]
    fn conformance_sort_two_keys() {
        let lines = [
            "1000000 WSO2 50 100",
            "1000100 IBM 20 100",
            "1000200 WSO2 40 50",
            "1000300 WSO2 100 20",
            "1000400 WSO2 50 50",
        ];
        let want = [
            "+ 1000000 50 100",
            "+ 1000100 20 100",
            "+ 1000200 40 50",
            "- 1000200 20 100",
            "+ 1000300 100 20",
            "- 1000300 50 100",
            "+ 1000400 50 50",
            "- 1000400 40 50",
        ];
        let feed = Feed {
            types: &[Type::String, Type::Int, Type::Long],
            keep: &[1, 2],
            lines: &lines,
        };
        let by = vec![
            SortKey {
                kept: 1,
                descending: false,
            },
            SortKey {
                kept: 0,
                descending: true,
            },
        ];
        check(&feed, &want, || {
            Box::new(Sort::new(
                2,
                by.clone(),
                vec![1, 2],
                &[Type::Int, Type::Long],
            ))
        });
    }

    #[test]
    fn ties_keep_the_earlier_row_and_null_is_smallest() {
        let lines = ["1 5 a", "2 5 b", "3 5 c", "4 NULL d", "5 9 e", "6 1 f"];
        let feed = Feed {
            types: &[Type::Int, Type::String],
            keep: &[0, 1],
            lines: &lines,
        };
        let sort = |descending| {
            let by = vec![SortKey {
                kept: 0,
                descending,
            }];
            move || -> Box<dyn Operator> {
                Box::new(Sort::new(
                    2,
                    by.clone(),
                    vec![0, 1],
                    &[Type::Int, Type::String],
                ))
            }
        };
        let want = [
            "+ 1 5 a",
            "+ 2 5 b",
            "+ 3 5 c",
            "- 3 5 c",
            "+ 4 NULL d",
            "- 4 5 b",
            "+ 5 9 e",
            "- 5 9 e",
            "+ 6 1 f",
            "- 6 5 a",
        ];
        check(&feed, &want, sort(false));
        let want = [
            "+ 1 5 a",
            "+ 2 5 b",
            "+ 3 5 c",
            "- 3 5 c",
            "+ 4 NULL d",
            "- 4 NULL d",
            "+ 5 9 e",
            "- 5 5 b",
            "+ 6 1 f",
            "- 6 1 f",
        ];
        check(&feed, &want, sort(true));
    }
}
