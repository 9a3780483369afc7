//! The end of a query whose target is a table.

use super::table::TableWrite;
use super::{Common, Counters, Kind, Operator, Out, Port};
use crate::event::{Batch, RowView};
use crate::state::{StateHolder, Visitor};

/// Applies the rows of a query to a table; emits nothing.
pub(crate) struct Write {
    table: usize,
    write: TableWrite,
}

impl Write {
    /// `table`: its place in the graph.
    pub(crate) fn new(table: usize, write: TableWrite) -> Self {
        Write { table, write }
    }
}

impl StateHolder for Write {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.write.state(visitor);
    }
}

impl Operator for Write {
    fn rows(&mut self, _kind: Kind, _batch: &Batch, _out: &mut Out) {
        unreachable!("a table is changed with the tables at hand");
    }

    fn rows_at(
        &mut self,
        _port: Port,
        common: &mut Common,
        _kind: Kind,
        batch: &Batch,
        _out: &mut Out,
    ) {
        self.write.apply(batch, &mut common.tables.0[self.table]);
    }

    fn row_at(
        &mut self,
        _port: Port,
        common: &mut Common,
        row: RowView<'_>,
        _to: &mut Batch,
        _out: &mut Out,
    ) -> bool {
        self.write.row(row, &mut common.tables.0[self.table]);
        true
    }

    fn count(&self, into: &mut Counters) {
        self.write.count(into);
        into.refused_rows += self.write.refused();
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}
