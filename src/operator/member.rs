//! `(condition) IN table`: whether a table has a row for each row of a stream.
//!
//! It stands in front of everything else that a source has, so what the table says of a row is what it says when the
//! row comes, also where the row leaves a window later.

use super::table::Lookup;
use super::{Common, Counters, Kind, Operator, Out, Port};
use crate::event::{Batch, ColumnValue, RowSet, RowView, Scalar};
use crate::state::{StateHolder, Visitor};

/// Adds a BOOL column for each look-up.
pub(crate) struct Members {
    /// The place of each table, and what is asked of it.
    lookups: Vec<(usize, Lookup)>,
    found: Vec<bool>,
}

impl Members {
    pub(crate) fn new(lookups: Vec<(usize, Lookup)>) -> Self {
        Members {
            lookups,
            found: Vec::new(),
        }
    }
}

impl StateHolder for Members {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for (_, lookup) in &mut self.lookups {
            lookup.state(visitor);
        }
    }
}

impl Operator for Members {
    fn rows(&mut self, _kind: Kind, _batch: &Batch, _out: &mut Out) {
        unreachable!("tables are asked with the tables at hand");
    }

    fn rows_at(
        &mut self,
        _port: Port,
        common: &mut Common,
        kind: Kind,
        batch: &Batch,
        out: &mut Out,
    ) {
        let mut to = out.batch();
        // The columns behind those of the stream stay empty in this.
        to.append(batch, &RowSet::All);
        let columns = to.columns[batch.columns.len()..].iter_mut();
        for ((table, lookup), column) in self.lookups.iter_mut().zip(columns) {
            self.found.clear();
            lookup.exists(batch, &common.tables.0[*table], &mut self.found);
            let values = bool::vec(column.parts_mut().0).expect("what a table says is BOOL");
            values.extend_from_slice(&self.found);
        }
        out.emit(kind, to);
    }

    fn row_at(
        &mut self,
        _port: Port,
        common: &mut Common,
        row: RowView<'_>,
        to: &mut Batch,
        _out: &mut Out,
    ) -> bool {
        to.push_view(row);
        let told = &mut to.columns[row.batch.columns.len()..];
        for ((table, lookup), column) in self.lookups.iter_mut().zip(told) {
            let found = lookup.exists_for(row, &common.tables.0[*table]);
            column.push_scalar(Scalar::Bool(found));
        }
        true
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.lookups.iter().map(|(_, l)| l.faults()).sum::<u64>();
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}
