//! The same work as the apps of the bench, written by hand: what a budget is a multiple of.
//!
//! One event at a time, one call through `dyn` per row that is emitted, as a program without an engine would do it.
//! `black_box` hides which closure is called, so that the call stays one. Groups are in hashbrown with the hasher of
//! rustc. Filter and projection are also written over columns.

use super::data::{BATCH_ROWS, NamedTrade, Trade};
use eventflux::event::Str;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::collections::VecDeque;
use std::hint::black_box;

/// Rows above this price pass the filter.
pub const PASSES_ABOVE: f64 = 50.0;

/// A map as the hand-written loops use it.
pub type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// Sum and count of a group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group {
    /// Sum of the prices.
    pub total: f64,
    /// Number of rows.
    pub n: i64,
}

impl Group {
    fn add(&mut self, price: f64) -> Group {
        self.total += price;
        self.n += 1;
        *self
    }
}

/// `SELECT key, price * 2 WHERE price > 50`.
pub fn filter(trades: &[Trade], emit: &mut dyn FnMut(i64, f64)) {
    let emit = black_box(emit);
    for t in trades {
        if t.price > PASSES_ABOVE {
            emit(t.key, t.price * 2.0);
        }
    }
}

/// Keys and prices in columns of [`BATCH_ROWS`].
pub struct Columns {
    /// Keys.
    pub key: Vec<i64>,
    /// Prices.
    pub price: Vec<f64>,
}

impl Columns {
    /// The trades in columns.
    pub fn of(trades: &[Trade]) -> Vec<Columns> {
        trades
            .chunks(BATCH_ROWS)
            .map(|batch| Columns {
                key: batch.iter().map(|t| t.key).collect(),
                price: batch.iter().map(|t| t.price).collect(),
            })
            .collect()
    }
}

/// The same over columns, one call per batch: positions that pass, then what they give.
pub fn filter_columns(batches: &[Columns], emit: &mut dyn FnMut(&[i64], &[f64])) {
    let emit = black_box(emit);
    let mut passing = [0u32; BATCH_ROWS];
    let (mut key, mut doubled) = ([0i64; BATCH_ROWS], [0f64; BATCH_ROWS]);
    for batch in batches {
        let mut n = 0;
        for (row, &price) in batch.price.iter().enumerate() {
            passing[n] = row as u32;
            n += usize::from(price > PASSES_ABOVE);
        }
        for (to, &row) in passing[..n].iter().enumerate() {
            key[to] = batch.key[row as usize];
            doubled[to] = batch.price[row as usize] * 2.0;
        }
        emit(&key[..n], &doubled[..n]);
    }
}

/// `SELECT key, sum(price), count() GROUP BY key`, a row per event.
pub fn group(groups: &mut Map<i64, Group>, trades: &[Trade], emit: &mut dyn FnMut(i64, f64, i64)) {
    let emit = black_box(emit);
    for t in trades {
        let g = groups.entry(t.key).or_default().add(t.price);
        emit(t.key, g.total, g.n);
    }
}

/// The same with names for keys.
pub fn group_named(
    groups: &mut Map<Str, Group>,
    trades: &[NamedTrade],
    emit: &mut dyn FnMut(&str, f64, i64),
) {
    let emit = black_box(emit);
    for t in trades {
        let g = match groups.get_mut(&t.sym) {
            Some(group) => group.add(t.price),
            None => groups.entry(t.sym.clone()).or_default().add(t.price),
        };
        emit(&t.sym, g.total, g.n);
    }
}

/// The last rows of a stream.
pub struct Length<T> {
    max: usize,
    rows: VecDeque<T>,
}

impl<T> Length<T> {
    /// Holds at most `max` rows.
    pub fn new(max: usize) -> Self {
        Length {
            max,
            rows: VecDeque::with_capacity(max),
        }
    }

    /// Takes a row in and answers the one that leaves.
    #[inline]
    fn push(&mut self, row: T) -> Option<T> {
        let leaves = match self.rows.len() == self.max {
            true => self.rows.pop_front(),
            false => None,
        };
        self.rows.push_back(row);
        leaves
    }
}

/// `SELECT sum(price) WINDOW('length', 1000)`.
pub fn length_sum(window: &mut Length<f64>, trades: &[Trade], emit: &mut dyn FnMut(f64)) {
    let emit = black_box(emit);
    let mut total: f64 = window.rows.iter().sum();
    for t in trades {
        if let Some(left) = window.push(t.price) {
            total -= left;
        }
        total += t.price;
        emit(total);
    }
}

/// `SELECT key, sum(price), count() WINDOW('length', 1000) GROUP BY key`.
pub fn length_group(
    window: &mut Length<(i64, f64)>,
    groups: &mut Map<i64, Group>,
    trades: &[Trade],
    emit: &mut dyn FnMut(i64, f64, i64),
) {
    let emit = black_box(emit);
    for t in trades {
        if let Some((key, price)) = window.push((t.key, t.price))
            && let Some(group) = groups.get_mut(&key)
        {
            group.total -= price;
            group.n -= 1;
            if group.n == 0 {
                groups.remove(&key);
            }
        }
        let g = groups.entry(t.key).or_default().add(t.price);
        emit(t.key, g.total, g.n);
    }
}

/// `SELECT key, count() WINDOW('tumbling', 1 SECOND) GROUP BY key`: rows when a window closes.
pub fn tumbling(trades: &[Trade], emit: &mut dyn FnMut(i64, i64)) {
    let emit = black_box(emit);
    let mut counts: Map<i64, i64> = Map::default();
    let mut order: Vec<i64> = Vec::new();
    let mut end = i64::MIN;
    for t in trades {
        if t.ts >= end {
            for key in order.drain(..) {
                emit(key, counts[&key]);
            }
            counts.clear();
            end = t.ts - t.ts.rem_euclid(1000) + 1000;
        }
        let n = counts.entry(t.key).or_insert(0);
        if *n == 0 {
            order.push(t.key);
        }
        *n += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::trades;

    #[test]
    fn rows_and_columns_of_the_filter_agree() {
        let trades = trades(5000, 100);
        let (mut by_row, mut by_column) = (Vec::new(), Vec::new());
        filter(&trades, &mut |key, doubled| by_row.push((key, doubled)));
        filter_columns(&Columns::of(&trades), &mut |key, doubled| {
            by_column.extend(key.iter().copied().zip(doubled.iter().copied()));
        });
        assert_eq!(by_row, by_column);
    }

    #[test]
    fn a_length_window_holds_the_last_rows() {
        let trades = trades(3000, 10);
        let mut window = Length::new(1000);
        let mut last = 0.0;
        length_sum(&mut window, &trades, &mut |total| last = total);
        assert_eq!(last, trades[2000..].iter().map(|t| t.price).sum::<f64>());
        let (mut window, mut groups) = (Length::new(1000), Map::default());
        let mut rows = 0;
        length_group(&mut window, &mut groups, &trades, &mut |_, _, n| {
            assert!(n > 0);
            rows += 1;
        });
        assert_eq!(rows, 3000);
        assert_eq!(groups.values().map(|g| g.n).sum::<i64>(), 1000);
    }

    #[test]
    fn a_window_that_is_open_emits_nothing() {
        let trades = trades(25_000, 7);
        let mut rows = Vec::new();
        tumbling(&trades, &mut |_, n| rows.push(n));
        assert_eq!((rows.len(), rows.iter().sum::<i64>()), (14, 20_000));
    }
}
