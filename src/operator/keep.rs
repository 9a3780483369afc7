//! What a named window holds, for those who ask.
//!
//! Why: windows keep their rows each in its own way, some of them not as rows at all; what they hold is the net of what
//! they let in and out.
//! How: it stands behind the window and puts rows into a table as they enter, and takes them out as they leave: the
//! oldest where rows leave in that order, otherwise the one with the same number. What a batch window holds is its last
//! flush.
//! Cost: an insert and a delete per row, and the rows a second time in memory, 20 bytes more for each.

use super::table::{Access, Refused, Shape, Table};
use super::{Counters, Kind, Operator, Out, counter};
use crate::event::{Batch, Column, RowView, Sign, Timestamp, Type};
use crate::state::{StateHolder, Visitor, encode_key};

/// An operator behind a window, with what that holds.
pub(crate) struct Keep {
    table: Table,
    /// The column that numbers the rows, where they leave in any order.
    number: Option<usize>,
    /// The columns that say where a row stands, where rows are spread over workers.
    routing: Vec<usize>,
    behind: Box<dyn Operator>,
    refused: u64,
}

impl Keep {
    /// Keeps rows whose columns have these types; the last one is their number if they are `numbered`.
    pub(crate) fn new(
        types: Vec<Type>,
        numbered: bool,
        routing: Vec<usize>,
        behind: Box<dyn Operator>,
    ) -> Self {
        let number = numbered.then(|| types.len() - 1);
        let shape = Shape {
            types,
            primary: None,
            indexes: number.iter().map(|n| vec![*n]).collect(),
            ttl_us: None,
        };
        Keep {
            table: Table::new(&shape),
            number,
            routing,
            behind,
            refused: 0,
        }
    }

    fn keep(&mut self, batch: &Batch) {
        if batch.signs().is_empty() {
            let refused = &mut self.refused;
            return self.table.put_all(batch, false, |_: Refused| *refused += 1);
        }
        for row in 0..batch.len() {
            self.keep_row(batch, row);
        }
    }

    #[inline]
    fn keep_row(&mut self, batch: &Batch, row: usize) {
        if batch.sign(row) == Sign::Plus {
            let inserted = self.table.put(&batch.columns, row, false, batch.at[row]);
            self.refused += u64::from(inserted.is_err());
            return;
        }
        let leaves = match self.number {
            None => self.table.oldest(),
            Some(number) => {
                let number = batch.columns[number].scalar(row);
                self.table.first_by(Access::Key(0), &[number])
            }
        };
        if let Some(slot) = leaves {
            self.table.remove(slot);
        }
    }
}

impl StateHolder for Keep {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.table.state(visitor);
        counter(visitor, &mut self.refused);
        self.behind.state(visitor);
    }
}

impl Operator for Keep {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        self.keep(batch);
        self.behind.rows(kind, batch, out);
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        self.keep_row(row.batch, row.row);
        let done = self.behind.row(row, to, out);
        debug_assert!(done, "what stands behind a named window takes single rows");
        done
    }

    fn clock(&mut self, now: Timestamp, cause: u64, out: &mut Out) {
        self.behind.clock(now, cause, out);
    }

    fn count(&self, into: &mut Counters) {
        into.limit_rows += self.refused;
        self.behind.count(into);
    }

    fn held(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn keep_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let columns = self.table.columns();
        let routing: Vec<&Column> = self.routing.iter().map(|c| &columns[*c]).collect();
        let mut key = Vec::new();
        let mut left = Vec::new();
        for slot in self.table.slots() {
            key.clear();
            encode_key(&routing, slot as usize, &mut key);
            if !keep(&key) {
                left.push(slot);
            }
        }
        left.into_iter().for_each(|slot| self.table.remove(slot));
        self.behind.keep_keys(keep);
    }
}
