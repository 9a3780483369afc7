//! Numbers of rows that leave: contiguous per stream and key group, so that a reader can leave out what it has seen.
//!
//! Why per key group: rows of one key come out in one order whatever the number of workers; between keys no order is
//! promised, so there is none to count. The counters are part of a worker's state: after a restore a row comes out
//! with the number that it had before.

use crate::event::{Batch, Column, OutputNumber};
use crate::plan::{GROUPS, OutputKey};
use crate::state::{encode_key, key_group};

/// The counters of one stream on one worker.
pub(crate) struct OutputCounter {
    key: OutputKey,
    /// The last number given, by group: one for a stream that one worker writes; otherwise none until somebody reads
    /// numbers.
    last: Vec<u64>,
    /// Numbers of the batch at hand.
    numbers: Vec<OutputNumber>,
    bytes: Vec<u8>,
}

impl OutputCounter {
    pub(crate) fn new(key: OutputKey) -> Self {
        OutputCounter {
            last: vec![0; usize::from(key == OutputKey::Whole)],
            key,
            numbers: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Counts from now on. Errors: why it cannot.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        match &self.key {
            OutputKey::Whole => {}
            OutputKey::Columns(_) => self.last.resize(usize::from(GROUPS), 0),
            OutputKey::Lost(why) => return Err(why.clone()),
        }
        Ok(())
    }

    /// Counts the rows of a batch.
    #[inline]
    pub(crate) fn count(&mut self, batch: &Batch) {
        match self.last.as_mut_slice() {
            [] => {}
            [last] => *last += batch.len() as u64,
            _ => drop(self.number(batch)),
        }
    }

    /// Counts the rows of a batch; returns the number of each.
    pub(crate) fn number(&mut self, batch: &Batch) -> &[OutputNumber] {
        self.numbers.clear();
        for row in 0..batch.len() {
            let group = match &self.key {
                OutputKey::Columns(columns) => {
                    self.bytes.clear();
                    for column in columns {
                        let column: &Column = &batch.columns[*column];
                        encode_key(&[column], row, &mut self.bytes);
                    }
                    key_group(&self.bytes) as u16
                }
                OutputKey::Whole | OutputKey::Lost(_) => 0,
            };
            // Counters that somebody reads have a place for every group.
            if let Some(last) = self.last.get_mut(usize::from(group)) {
                *last += 1;
                let number = *last;
                self.numbers.push(OutputNumber { group, number });
            }
        }
        &self.numbers
    }

    /// The last number given, for each group that has one.
    pub(crate) fn last(&self) -> Vec<(u16, u64)> {
        let groups = (0..GROUPS).zip(self.last.iter().copied());
        groups.filter(|(_, last)| *last > 0).collect()
    }

    /// Goes on from these numbers; groups that are not among them begin at 1.
    pub(crate) fn set(&mut self, last: &[(u16, u64)]) {
        self.last.fill(0);
        // Somebody read numbers before: they count on whether he is back already or not.
        if !last.is_empty() && self.begin().is_err() {
            return;
        }
        for (group, number) in last {
            if let Some(place) = self.last.get_mut(usize::from(*group)) {
                *place = *number;
            }
        }
    }
}
