//! Rows that came out of an app, kept by a callback.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What came out, in the order in which it came. Clones hold the same.
pub struct Collected<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Collected(Arc::clone(&self.0))
    }
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Collected(Arc::default())
    }
}

impl<T> Collected<T> {
    /// Adds one.
    pub fn push(&self, row: T) {
        self.extend([row]);
    }

    /// Adds some.
    pub fn extend(&self, rows: impl IntoIterator<Item = T>) {
        self.0.lock().expect("no callback panics").extend(rows);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().expect("no callback panics").len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len`.
    pub fn truncate(&self, len: usize) {
        self.0.lock().expect("no callback panics").truncate(len);
    }

    /// What there is; nothing is left.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().expect("no callback panics"))
    }
}

impl<T: Clone> Collected<T> {
    /// What there is.
    pub fn rows(&self) -> Vec<T> {
        self.0.lock().expect("no callback panics").clone()
    }
}

/// Rows by stream, key group and number.
pub type SeenRows = BTreeMap<(String, u16, u64), String>;

/// Rows with lasting numbers, of all lives of an app: what comes twice must be the same. Clones hold the same.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<SeenRows>>);

impl Seen {
    /// Takes a row; panics where another one had its number.
    pub fn add(&self, stream: &str, group: u16, number: u64, row: String) {
        let mut rows = self.0.lock().expect("no callback panics");
        let name = (stream.to_string(), group, number);
        let before = rows.entry(name).or_insert_with(|| row.clone());
        assert_eq!(
            *before, row,
            "{stream} {group} {number} came out differently"
        );
    }

    /// All rows so far. A callback that found a difference shows here, too.
    pub fn rows(&self) -> SeenRows {
        self.0.lock().expect("no row came out differently").clone()
    }

    /// The same, without a gap in their numbers.
    pub fn dense(&self) -> SeenRows {
        let rows = self.rows();
        assert_dense(&rows);
        rows
    }

    /// Fails unless each of `rows` is here and the same.
    #[track_caller]
    pub fn assert_holds(&self, rows: &SeenRows) {
        let whole = self.0.lock().expect("no row came out differently");
        for (name, row) in rows {
            assert_eq!(whole.get(name), Some(row), "{name:?}");
        }
    }
}

/// Fails where a number is missing.
pub fn assert_dense(rows: &SeenRows) {
    let mut last: BTreeMap<(&str, u16), u64> = BTreeMap::new();
    for (stream, group, number) in rows.keys() {
        let before = last.insert((stream, *group), *number).unwrap_or(0);
        assert_eq!(*number, before + 1, "a gap in {stream}, group {group}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_is_the_same() {
        let seen = Seen::default();
        seen.add("A", 0, 1, "x".into());
        seen.add("A", 0, 1, "x".into());
        assert_eq!(seen.dense().len(), 1);
        seen.assert_holds(&seen.rows());
        let other = seen.clone();
        let differs = std::thread::spawn(move || other.add("A", 0, 1, "y".into()));
        assert!(differs.join().is_err());
    }

    #[test]
    #[should_panic(expected = "a gap in A, group 0")]
    fn a_gap_is_found() {
        let seen = Seen::default();
        seen.add("A", 0, 2, "x".into());
        seen.dense();
    }

    #[test]
    fn rows_are_in_order() {
        let collected = Collected::default();
        collected.push(2);
        collected.clone().extend([1, 3]);
        assert_eq!((collected.len(), collected.is_empty()), (3, false));
        assert_eq!(collected.rows(), [2, 1, 3]);
        assert_eq!(collected.take(), [2, 1, 3]);
        assert!(collected.is_empty());
    }
}
