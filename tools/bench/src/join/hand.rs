//! Joins and tables as loops over rows.
//!
//! A stream that is held stands in a queue, so that rows leave it, and in a map by key. A key without rows keeps its
//! place in the map: there are as many as keys, and rows come again.

use crate::hand::Map;
use std::collections::{BTreeSet, VecDeque};
use std::hint::black_box;
use std::ops::Range;

/// A row: its key and what else it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedRow {
    /// What rows meet by.
    pub key: i64,
    /// What comes out.
    pub value: i64,
}

/// The last rows of a stream, by key.
pub struct Held {
    max: usize,
    order: VecDeque<i64>,
    by_key: Map<i64, VecDeque<i64>>,
}

impl Held {
    /// Holds at most `max` rows.
    pub fn new(max: usize) -> Held {
        Held {
            max,
            order: VecDeque::with_capacity(max),
            by_key: Map::default(),
        }
    }

    /// The rows held.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    #[inline]
    fn push(&mut self, row: KeyedRow) {
        if self.order.len() == self.max
            && let Some(oldest) = self.order.pop_front()
            && let Some(rows) = self.by_key.get_mut(&oldest)
        {
            rows.pop_front();
        }
        self.order.push_back(row.key);
        self.by_key.entry(row.key).or_default().push_back(row.value);
    }

    #[inline]
    fn of(&self, key: i64) -> impl Iterator<Item = i64> {
        self.by_key.get(&key).into_iter().flatten().copied()
    }
}

/// `A WINDOW('length', n) JOIN B WINDOW('length', n) ON a.k = b.k`, batches of A and B by turns.
pub fn length([a, b]: &mut [Held; 2], batches: &[Vec<KeyedRow>], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    for (number, batch) in batches.iter().enumerate() {
        if number % 2 == 0 {
            for row in batch {
                a.push(*row);
                b.of(row.key).for_each(|other| emit(row.value, other));
            }
        } else {
            for row in batch {
                b.push(*row);
                a.of(row.key).for_each(|other| emit(other, row.value));
            }
        }
    }
}

/// The last rows of a stream, in the order of their values by key.
pub struct Sorted {
    max: usize,
    came: u64,
    order: VecDeque<(i64, i64)>,
    by_key: Map<i64, BTreeSet<(i64, u64)>>,
}

impl Sorted {
    /// Holds at most `max` rows.
    pub fn new(max: usize) -> Sorted {
        Sorted {
            max,
            came: 0,
            order: VecDeque::with_capacity(max),
            by_key: Map::default(),
        }
    }

    #[inline]
    fn push(&mut self, row: KeyedRow) {
        let oldest = self.came - self.order.len() as u64;
        if self.order.len() == self.max
            && let Some((key, value)) = self.order.pop_front()
            && let Some(rows) = self.by_key.get_mut(&key)
        {
            rows.remove(&(value, oldest));
        }
        self.order.push_back((row.key, row.value));
        let rows = self.by_key.entry(row.key).or_default();
        rows.insert((row.value, self.came));
        self.came += 1;
    }

    #[inline]
    fn of(&self, key: i64, values: Range<i64>) -> impl Iterator<Item = i64> {
        let rows = self.by_key.get(&key);
        let range = (values.start, 0)..(values.end, 0);
        let within = rows
            .into_iter()
            .flat_map(move |rows| rows.range(range.clone()));
        within.map(|(value, _)| *value)
    }
}

/// `A WINDOW('length', n) AS a JOIN B WINDOW('length', n) AS b ON a.k = b.k AND b.y < a.x`, batches of A and B by
/// turns.
pub fn less([a, b]: &mut [Sorted; 2], batches: &[Vec<KeyedRow>], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    for (number, batch) in batches.iter().enumerate() {
        for row in batch {
            if number % 2 == 0 {
                a.push(*row);
                let less = b.of(row.key, i64::MIN..row.value);
                less.for_each(|other| emit(row.value, other));
            } else {
                b.push(*row);
                let greater = a.of(row.key, row.value + 1..i64::MAX);
                greater.for_each(|other| emit(other, row.value));
            }
        }
    }
}

/// Rows of a stream as long as time wants it, by key.
#[derive(Default)]
pub struct Recent {
    order: VecDeque<(i64, i64)>,
    by_key: Map<i64, VecDeque<i64>>,
}

impl Recent {
    /// The rows held.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    #[inline]
    fn push(&mut self, at: i64, row: KeyedRow) {
        self.order.push_back((at, row.key));
        self.by_key.entry(row.key).or_default().push_back(row.value);
    }

    #[inline]
    fn drop_before(&mut self, at: i64) {
        while let Some(&(oldest, key)) = self.order.front()
            && oldest < at
        {
            self.order.pop_front();
            if let Some(rows) = self.by_key.get_mut(&key) {
                rows.pop_front();
            }
        }
    }
}

/// A row and its time in milliseconds.
pub type TimedRow = (i64, KeyedRow);

/// `A JOIN B ON a.k = b.k AND b.time BETWEEN a.time - t AND a.time`, batches of B and A by turns: a row of B never
/// comes behind a row of A of its time, so that rows of A are not held.
pub fn interval(
    recent: &mut Recent,
    reach_ms: i64,
    batches: &[Vec<TimedRow>],
    emit: &mut dyn FnMut(i64, i64),
) {
    let emit = black_box(emit);
    for (number, batch) in batches.iter().enumerate() {
        if number % 2 == 0 {
            for (at, row) in batch {
                recent.push(*at, *row);
            }
        } else {
            for (at, row) in batch {
                recent.drop_before(at - reach_ms);
                for other in recent.by_key.get(&row.key).into_iter().flatten() {
                    emit(row.value, *other);
                }
            }
        }
    }
}

/// `A ASOF JOIN B ON a.k = b.k`: batches of B and A by turns.
pub fn asof(latest: &mut Map<i64, i64>, batches: &[Vec<TimedRow>], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    for (number, batch) in batches.iter().enumerate() {
        if number % 2 == 0 {
            for (_, row) in batch {
                latest.insert(row.key, row.value);
            }
        } else {
            for (_, row) in batch {
                if let Some(other) = latest.get(&row.key) {
                    emit(row.value, *other);
                }
            }
        }
    }
}

/// `S JOIN T ON s.k = t.k`, of a table.
pub fn lookup(table: &Map<i64, f64>, rows: &[KeyedRow], emit: &mut dyn FnMut(i64, f64)) {
    let emit = black_box(emit);
    for row in rows {
        if let Some(value) = table.get(&row.key) {
            emit(row.value, *value);
        }
    }
}

/// `UPSERT INTO T`.
pub fn upsert(table: &mut Map<i64, f64>, rows: &[KeyedRow]) {
    for row in rows {
        table.insert(row.key, row.value as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: i64, value: i64) -> KeyedRow {
        KeyedRow { key, value }
    }

    #[test]
    fn rows_meet_the_last_rows_of_the_other_stream() {
        let mut sides = [Held::new(2), Held::new(2)];
        let batches = [
            vec![row(1, 10), row(1, 11), row(2, 12)],
            vec![row(1, 20), row(2, 21), row(3, 22)],
            vec![row(2, 13), row(1, 14)],
        ];
        let mut pairs = Vec::new();
        length(&mut sides, &batches, &mut |a, b| pairs.push((a, b)));
        assert_eq!(pairs, [(11, 20), (12, 21), (13, 21)]);
        assert_eq!(sides.each_ref().map(Held::len), [2, 2]);
    }

    #[test]
    fn rows_meet_those_before_them_by_time() {
        let batches = [
            vec![(0, row(1, 20)), (5, row(1, 21))],
            vec![(6, row(1, 10)), (10, row(1, 11)), (11, row(1, 12))],
        ];
        let (mut recent, mut pairs) = (Recent::default(), Vec::new());
        interval(&mut recent, 6, &batches, &mut |a, b| pairs.push((a, b)));
        assert_eq!(pairs, [(10, 20), (10, 21), (11, 21), (12, 21)]);
        assert_eq!(recent.len(), 1);
        let (mut latest, mut pairs) = (Map::default(), Vec::new());
        asof(&mut latest, &batches, &mut |a, b| pairs.push((a, b)));
        assert_eq!(pairs, [(10, 21), (11, 21), (12, 21)]);
    }

    #[test]
    fn a_table_has_the_last_row_of_a_key() {
        let mut table = Map::default();
        upsert(&mut table, &[row(1, 5), row(2, 6), row(1, 7)]);
        let mut rows = Vec::new();
        lookup(&table, &[row(1, 10), row(3, 11)], &mut |x, v| {
            rows.push((x, v))
        });
        assert_eq!(rows, [(10, 7.0)]);
    }
}
