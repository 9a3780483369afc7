//! Numbers rows, so that an aggregate behind a window knows which row leaves.
//!
//! A window from which rows leave in another order than they came carries the number as one more of its columns. It
//! stands directly in front of the window, so that numbers are in the order in which rows enter.

use super::{Counters, Kind, Operator, Out, newer_counter};
use crate::event::{Batch, Column, ColumnValue, RowSet, Timestamp};
use crate::state::{StateHolder, Visitor};

/// A window whose rows have a LONG column behind all others: how many rows came before.
pub(crate) struct Numbered {
    window: Box<dyn Operator>,
    came: u64,
    /// The columns that something reads.
    carried: Vec<usize>,
    /// The rows at hand, with their numbers.
    rows: Batch,
}

impl Numbered {
    /// `rows`: an empty batch as the window gets them, the number included. `carried` are the columns that something
    /// reads; no others are filled.
    pub(crate) fn new(window: Box<dyn Operator>, rows: Batch, carried: Vec<usize>) -> Self {
        Numbered {
            window,
            came: 0,
            carried,
            rows,
        }
    }
}

impl StateHolder for Numbered {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.window.state(visitor);
        newer_counter(visitor, &mut self.came);
    }
}

impl Operator for Numbered {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        self.rows.clear();
        self.rows.append_carried(batch, &RowSet::All, &self.carried);
        let (data, _) = self.rows.columns[batch.columns.len()].parts_mut();
        let numbers = i64::vec(data).expect("the number of a row is LONG");
        let end = self.came + batch.len() as u64;
        numbers.extend((self.came..end).map(|number| number as i64));
        self.came = end;
        self.window.rows(kind, &self.rows, out);
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.window.clock(now, cause, out);
    }

    fn send_end(&mut self, out: &mut Out) {
        self.window.send_end(out);
    }

    fn is_open(&mut self) -> bool {
        self.window.is_open()
    }

    fn close(&mut self, out: &mut Out) {
        self.window.close(out);
    }

    fn due(&self) -> Option<Timestamp> {
        self.window.due()
    }

    fn count(&self, into: &mut Counters) {
        self.window.count(into);
    }

    fn routed_by(&mut self, positions: Vec<usize>) {
        self.window.routed_by(positions);
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.window.keep_keys(keep);
    }

    fn quiet_after(&self) -> Option<i64> {
        self.window.quiet_after()
    }

    fn find_by_partition(&mut self) {
        self.window.find_by_partition();
    }

    fn forget_keys(&mut self, keys: &Column) {
        self.window.forget_keys(keys);
    }
}
