//! Patterns inside a partition: each key has runs of its own, in one operator.
//!
//! Why not a copy of the operator for each key: a key that waits in front of its first element would cost a kilobyte
//! and not one run, and what is due next would have to be asked of all keys.
//! How: a key has a number, its slot in an index, which a row is looked up in once. By that number its runs stand in
//! the chains of the terms, so that a row finds those of its key and no others; where a term has keys of its own, the
//! number is the first of them. All runs of a key stand in a chain, too: a sequence breaks them, a match skips past
//! them, and whoever forgets a key forgets them. A run keeps its key from the moment when it is opened.
//! A key begins with its first row, and is known from then on, also when none of its runs is left: a pattern without
//! EVERY has matched then, or is over.

use super::Pattern;
use crate::event::{Column, RowView, Scalar, Timestamp, Type};
use crate::state::{ChainRows, Chains, KeyIndex, Malformed, Slot, StateHolder, Visitor};

/// No key: there are too many of them.
const NO_KEY: Slot = Slot::MAX;

/// How keys are apart.
#[derive(Clone, Debug)]
pub(crate) struct PartitionBy {
    /// By port, the column of its rows that is the key.
    pub(crate) columns: Vec<usize>,
    pub(crate) ty: Type,
}

/// The keys that have begun.
pub(super) struct Partition {
    keys: KeyIndex,
    /// By port, the column of its rows that is the key.
    columns: Vec<usize>,
    /// All runs, by the number of their key.
    runs: Chains,
}

impl Partition {
    pub(super) fn new(by: PartitionBy) -> Self {
        Partition {
            keys: KeyIndex::new(&[by.ty]),
            columns: by.columns,
            runs: Chains::by_number(),
        }
    }

    /// The runs of a key.
    #[inline]
    pub(super) fn runs_of(&self, key: Slot) -> ChainRows<'_> {
        self.runs.rows(key)
    }

    /// A run is one of a key.
    #[inline]
    pub(super) fn began(&mut self, key: Slot, run: Slot) {
        self.runs.ensure_keys(key as usize + 1);
        self.runs.push(key, run);
    }

    /// A run is over.
    #[inline]
    pub(super) fn ended(&mut self, run: Slot) {
        self.runs.remove(run);
    }

    /// There are no runs, before those that were loaded come.
    pub(super) fn clear_runs(&mut self) {
        self.runs.clear();
    }

    /// The number of the key of a run that was loaded.
    fn number_of(&self, key: Option<Scalar<'_>>) -> Result<Slot, Malformed> {
        let number = self.keys.find_scalars(key.as_slice());
        number.ok_or_else(|| Malformed::new("a run of a pattern has a key that is not known"))
    }
}

impl StateHolder for Partition {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.keys.state(visitor);
    }
}

/// The number of a key as a key of a term.
#[inline]
pub(super) fn number(key: Slot) -> Scalar<'static> {
    Scalar::Long(i64::from(key))
}

impl Pattern {
    /// Turns to the key of the row at hand, unless that is done; a key that is new begins.
    #[inline]
    pub(super) fn turn_to_row(&mut self, port: usize, row: RowView<'_>, now: Timestamp) {
        if !self.is_turned {
            self.is_turned = true;
            self.look_key_up(port, row, now);
        }
    }

    fn look_key_up(&mut self, port: usize, row: RowView<'_>, now: Timestamp) {
        let Some(Partition { keys, columns, .. }) = &self.partition else {
            return;
        };
        let column = columns[port];
        let key = row.batch.columns[column].scalar(row.row);
        match keys.find_scalars(&[key]) {
            Some(key) => self.key = key,
            None => self.begin_key(row, column, now),
        }
    }

    /// A key begins with a row, in this of its columns. Where there are too many, the row finds no run.
    #[cold]
    fn begin_key(&mut self, row: RowView<'_>, column: usize, now: Timestamp) {
        let Some(Partition { keys, .. }) = &mut self.partition else {
            return;
        };
        self.key = NO_KEY;
        if keys.len() >= self.bound.max {
            self.bound.exceed("keys have runs");
            self.refused += 1;
            return self.trace_refused(now);
        }
        let key = keys.slot_of(&[row.batch.columns[column].scalar(row.row)]);
        self.key = key;
        if !self.open_first(Some((row, column)), now) {
            // It begins with a later row, when there is room.
            self.forget_key(key);
            self.key = NO_KEY;
        }
    }

    /// Turns to the key of a run.
    #[inline]
    pub(super) fn turn_to(&mut self, run: Slot) {
        if let Some(partition) = &self.partition
            && let Some(key) = partition.runs.key_of(run)
        {
            self.key = key;
        }
    }

    /// Puts a run that was loaded beside those of its key, and turns to that.
    pub(super) fn rebuild_key(&mut self, run: Slot) -> Result<(), Malformed> {
        if let Some(partition) = &mut self.partition {
            self.key = partition.number_of(self.kept.key_of(run))?;
            partition.began(self.key, run);
        }
        Ok(())
    }

    /// Forgets the keys of key groups that are not kept, with all that they have.
    pub(super) fn keep_keys_of_partition(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let Some(Partition { keys, .. }) = &self.partition else {
            return;
        };
        let gone = keys.not_kept(&[0], keep);
        gone.into_iter().for_each(|key| self.forget_key(key));
    }

    /// Forgets keys with all that they have.
    pub(super) fn forget_keys_of_partition(&mut self, keys: &Column) {
        for row in 0..keys.len() {
            let known = self.partition.as_ref();
            if let Some(key) = known.and_then(|p| p.keys.find_scalars(&[keys.scalar(row)])) {
                self.forget_key(key);
            }
        }
    }

    /// Forgets a key: its next row is its first one.
    fn forget_key(&mut self, key: Slot) {
        let first = |partition: &Partition| partition.runs.first(key);
        while let Some(run) = self.partition.as_ref().and_then(first) {
            self.end(run);
        }
        if let Some(Partition { keys, .. }) = &mut self.partition {
            keys.remove(key);
        }
    }
}
