//! `unique(key, …)`: the latest row of each key. `firstUnique(key, …)`: the first one.
//!
//! Cost: one row per key for `unique`, the keys alone for `firstUnique`; both grow with the number of different keys.

use super::keys::Keys;
use super::latest::Latest;
use crate::event::{Batch, Column, RowSet, Sign, Type};
use crate::expr::Program;
use crate::operator::{Counters, Kind, Moment, Operator, Out};
use crate::state::{StateHolder, Visitor};

/// The latest row per key; the one that it replaces leaves first.
pub(crate) struct Unique {
    keys: Keys,
    latest: Latest,
}

impl Unique {
    pub(crate) fn new(
        keys: Vec<Program>,
        key_types: &[Type],
        keep: Vec<usize>,
        types: &[Type],
    ) -> Self {
        Unique {
            keys: Keys::new(keys, key_types),
            latest: Latest::new(keep, types),
        }
    }
}

impl StateHolder for Unique {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
        self.latest.state(visitor);
    }
}

impl Operator for Unique {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        let slots = self.keys.look_up(batch);
        self.latest.ensure(slots);
        let mut to = out.batch();
        for (row, key) in self.keys.slots.iter().enumerate() {
            let moment = Moment::of(batch, row);
            self.latest.expire(*key, moment, &mut to);
            self.latest.set(*key, batch, row);
            to.push_row(batch, &self.latest.keep, row, moment, Sign::Plus);
        }
        out.emit(Kind::Rows, to);
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.keys.faults;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        for key in self.keys.keep_keys(keep) {
            self.latest.remove(key);
        }
    }

    fn quiet_after(&self) -> Option<i64> {
        self.keys.finds_by_partition().then_some(0)
    }

    fn find_by_partition(&mut self) {
        self.keys.find_by_partition();
    }

    fn forget_keys(&mut self, keys: &Column) {
        let mut gone = Vec::new();
        self.keys.remove_known(keys, &mut gone);
        gone.into_iter().for_each(|key| self.latest.remove(key));
    }
}

/// The first row per key; the others are dropped and nothing leaves.
pub(crate) struct FirstUnique {
    keys: Keys,
    keep: Vec<usize>,
    rows: Vec<u32>,
}

impl FirstUnique {
    pub(crate) fn new(keys: Vec<Program>, key_types: &[Type], keep: Vec<usize>) -> Self {
        FirstUnique {
            keys: Keys::new(keys, key_types),
            keep,
            rows: Vec::new(),
        }
    }
}

impl StateHolder for FirstUnique {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
    }
}

impl Operator for FirstUnique {
    fn rows(&mut self, _kind: Kind, batch: &Batch, out: &mut Out) {
        self.keys.look_up(batch);
        self.rows.clear();
        self.rows
            .extend(self.keys.fresh.iter().map(|(_, row)| *row));
        let mut to = out.batch();
        to.append_moments(batch, &RowSet::Picked(&self.rows));
        for (column, k) in to.columns.iter_mut().zip(&self.keep) {
            column.extend_rows(&batch.columns[*k], &self.rows);
        }
        out.emit(Kind::Rows, to);
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.keys.faults;
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.keys.routing = positions;
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.keys.keep_keys(keep);
    }

    fn quiet_after(&self) -> Option<i64> {
        self.keys.finds_by_partition().then_some(0)
    }

    fn find_by_partition(&mut self) {
        self.keys.find_by_partition();
    }

    fn forget_keys(&mut self, keys: &Column) {
        self.keys.remove_known(keys, &mut Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Feed, check, column};
    use super::*;

    const TYPES: [Type; 3] = [Type::String, Type::Int, Type::Double];
    const LINES: [&str; 7] = [
        "1 a 1 0.5",
        "2 b 1 1.5",
        "2 a 2 2.5",
        "1 a 1 3.5",
        "4 NULL 1 4.5",
        "5 NULL 1 5.5",
        "6 b NULL 6.5",
    ];

    #[test]
    fn the_latest_replaces_the_one_before() {
        let feed = Feed {
            types: &TYPES,
            keep: &[2, 0],
            lines: &LINES,
        };
        let want = [
            "+ 1 0.5 a",
            "+ 2 1.5 b",
            "- 2 0.5 a",
            "+ 2 2.5 a",
            "- 1 2.5 a",
            "+ 1 3.5 a",
            "+ 4 4.5 NULL",
            "- 5 4.5 NULL",
            "+ 5 5.5 NULL",
            "- 6 1.5 b",
            "+ 6 6.5 b",
        ];
        let types = [Type::Double, Type::String];
        let keys = || vec![column(0, Type::String)];
        check(&feed, &want, || {
            Box::new(Unique::new(keys(), &[Type::String], vec![2, 0], &types))
        });
    }

    #[test]
    fn several_columns_make_a_key() {
        let feed = Feed {
            types: &TYPES,
            keep: &[2],
            lines: &LINES,
        };
        let keys = || vec![column(0, Type::String), column(1, Type::Int)];
        let want = [
            "+ 1 0.5", "+ 2 1.5", "+ 2 2.5", "- 1 0.5", "+ 1 3.5", "+ 4 4.5", "- 5 4.5", "+ 5 5.5",
            "+ 6 6.5",
        ];
        check(&feed, &want, || {
            Box::new(Unique::new(keys(), &TYPES[..2], vec![2], &[Type::Double]))
        });
        let want = ["+ 1 0.5", "+ 2 1.5", "+ 2 2.5", "+ 4 4.5", "+ 6 6.5"];
        check(&feed, &want, || {
            Box::new(FirstUnique::new(keys(), &TYPES[..2], vec![2]))
        });
    }
}
