//! `sort(n, attr [, 'asc'|'desc'], …)`: the n smallest rows in an order of attributes.
//!
//! How: each row held has a log of its own, and a list of the logs is kept in order. A row enters; when more than n
//! are held, the greatest leaves behind it, which may be the row itself. Of equal rows the later one is greater.
//! Cost: O(log n) comparisons per row.

use super::Turning;
use super::ranked::Ranked;
use crate::event::{Batch, Sign, Type};
use crate::operator::{Claims, Kind, Moment, Operator, Out, counter};
use crate::state::{Cells, LogId, Malformed, RowLog, Slot, StateHolder, Visitor};
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
    /// By key, one where there is none: an index, by the rows and `numbers`.
    orders: Vec<Ranked>,
    /// The key at hand.
    key: Slot,
    /// How many rows came before, by log.
    numbers: Cells<u64>,
    /// The key of each log, where there are several.
    keys: Cells<Slot>,
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
            orders: vec![Ranked::default()],
            key: 0,
            numbers: Cells::default(),
            keys: Cells::default(),
            came: 0,
            by,
            keep,
            rows_max,
        }
    }

    /// Puts the logs of each key in order, by their rows and then by their numbers.
    fn put_in_order(&mut self, slots: usize) -> Result<(), Malformed> {
        let ids = 0..self.numbers.len() as LogId;
        let mut order: Vec<LogId> = ids.filter(|id| self.log.holds(*id)).collect();
        let key = |id: LogId| self.keys.find(id).copied().unwrap_or_default();
        let number = |id: LogId| *self.numbers.get(id);
        let wrong = |id: &LogId| self.log.len(*id) != 1 || key(*id) as usize >= slots;
        let wrongs = order.iter().any(wrong);
        if !wrongs {
            order.sort_by(|a, b| {
                let by_rows = || compare(&self.log, &self.by, *a, *b);
                let by_number = || number(*a).cmp(&number(*b));
                key(*a)
                    .cmp(&key(*b))
                    .then_with(by_rows)
                    .then_with(by_number)
            });
        }
        let mut orders: Vec<Ranked> = Vec::new();
        orders.resize_with(slots, Ranked::default);
        let mut of_keys = order.chunk_by(|a, b| key(*a) == key(*b));
        if wrongs || of_keys.any(|ids| ids.len() > self.rows_max) {
            return Err(Malformed::new("a sort window has too many rows or too few"));
        }
        for ids in order.chunk_by(|a, b| key(*a) == key(*b)) {
            orders[key(ids[0]) as usize] = Ranked::of(ids);
        }
        self.orders = orders;
        Ok(())
    }

    #[inline]
    fn enter(&mut self, batch: &Batch, row: usize, to: &mut Batch) -> LogId {
        let moment = Moment::of(batch, row);
        let id = self.log.open();
        self.log.push(id, batch.at[row], batch, &self.keep, row);
        self.numbers.ensure(id as usize + 1);
        *self.numbers.get_mut(id) = self.came;
        self.came += 1;
        let (log, by) = (&self.log, &self.by);
        let order = &mut self.orders[self.key as usize];
        order.insert(id, |held| compare(log, by, held, id) != Ordering::Greater);
        to.push_row(batch, &self.keep, row, moment, Sign::Plus);
        if order.len() > self.rows_max
            && let Some(greatest) = order.pop()
        {
            to.push_moment(moment, Sign::Minus);
            self.log
                .read(greatest, self.log.range(greatest).start, &mut to.columns);
            self.log.close(greatest);
        }
        id
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
            && let Err(why) = self.put_in_order(1)
        {
            visitor.fail(why);
        }
    }
}

impl Operator for Sort {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        for row in 0..batch.len() {
            self.enter(batch, row, &mut to);
        }
        out.emit(Kind::Rows, to);
    }

    /// In a partition a key has a window of its own.
    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}

impl Turning for Sort {
    type Own = Slot;
    const SINGLY: bool = true;

    #[inline]
    fn own(&self) -> Slot {
        self.key
    }

    #[inline]
    fn turn(&mut self, own: Slot) {
        self.key = own;
    }

    fn open(&mut self, key: Slot) {
        self.key = key;
        if self.orders.len() <= key as usize {
            self.orders.resize_with(key as usize + 1, Ranked::default);
        }
    }

    fn shut(&mut self) {
        let mut order = std::mem::take(&mut self.orders[self.key as usize]);
        while let Some(id) = order.pop() {
            self.log.close(id);
        }
    }

    #[inline]
    fn is_new(&self) -> bool {
        self.orders[self.key as usize].len() == 0
    }

    #[inline]
    fn take_one(&mut self, batch: &Batch, row: usize, to: &mut Batch, _out: &mut Out) {
        let id = self.enter(batch, row, to);
        self.keys.ensure(id as usize + 1);
        *self.keys.get_mut(id) = self.key;
    }

    fn shared(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        visitor.container("numbers", &mut self.numbers);
        visitor.container("keys of rows", &mut self.keys);
        counter(visitor, &mut self.came);
    }

    fn rebuild(&mut self, slots: usize) -> Result<(), Malformed> {
        self.put_in_order(slots)
    }

    fn check(&self, key: Slot, _claims: &mut Claims) -> Result<(), Malformed> {
        match key == self.key && !self.is_new() {
            true => Ok(()),
            false => Err(Malformed::new("a sort window has no rows")),
        }
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
