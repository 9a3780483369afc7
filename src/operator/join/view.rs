//! An aggregation as a side of a join: its rows are made for those that ask.

use crate::event::{Batch, Column, Data, Period, Timestamp};
use crate::expr::Program;
use crate::operator::aggregate::{Ask, Rollup, RollupView};
use crate::operator::table::{Lookup, Refused, Table};
use crate::state::Slot;

/// Which rows of an aggregation a join reads.
pub(crate) struct ViewSide {
    view: RollupView,
    /// The granularity, by its place.
    level: usize,
    /// The times between which panes begin, over the rows of the other side.
    within: Option<[Program; 2]>,
    /// The rows that ask tell the group.
    by_key: bool,
    read: Vec<Column>,
    shown: Batch,
    groups: Vec<Slot>,
}

impl ViewSide {
    pub(crate) fn new(
        view: RollupView,
        level: usize,
        within: Option<[Program; 2]>,
        by_key: bool,
    ) -> Self {
        ViewSide {
            read: view.columns(),
            shown: Batch {
                columns: view.shown(),
                ..Batch::default()
            },
            view,
            level,
            within,
            by_key,
            groups: Vec::new(),
        }
    }

    /// Fills a table with all rows that may meet rows of a batch, and with no others.
    pub(super) fn fill(
        &mut self,
        lookup: &mut Lookup,
        batch: &Batch,
        rollup: &mut Rollup,
        table: &mut Table,
        faults: &mut u64,
    ) {
        table.clear();
        let within = self.period(batch);
        self.groups.clear();
        if self.by_key {
            let keys = lookup.key_columns(batch);
            rollup.find(&keys, batch.len(), &mut self.groups);
            self.groups.sort_unstable();
            self.groups.dedup();
        }
        let ask = Ask {
            level: self.level,
            within,
            groups: self.by_key.then_some(self.groups.as_slice()),
            now: batch
                .at
                .first()
                .map_or(Timestamp::MIN, |_| batch.clock_of(0)),
        };
        self.read.iter_mut().for_each(Column::clear);
        let rows = rollup.read(&ask, &mut self.read);
        self.shown.clear();
        self.view
            .show(&self.read, rows, faults, &mut self.shown.columns);
        self.shown.at.resize(rows, Timestamp::default());
        table.put_all(&self.shown, false, |_: Refused| *faults += 1);
    }

    /// From the first time that a row of a batch asks for to the last.
    fn period(&mut self, batch: &Batch) -> Period {
        let Some([start, end]) = &mut self.within else {
            return Period::ALL;
        };
        // A fault here is one where the condition says so, too.
        let mut unheard = 0;
        let mut ends = |program: &mut Program| -> Vec<Timestamp> {
            let column = program.eval(&batch.frame(), &mut unheard);
            let Data::Long(values) = column.data() else {
                unreachable!("times of WITHIN are LONG")
            };
            let known = (0..values.len()).filter(|row| !column.is_null(*row));
            known
                .map(|row| Timestamp::from_millis(values[row]))
                .collect()
        };
        Period {
            start: ends(start).into_iter().min().unwrap_or(Period::NONE.start),
            end: ends(end).into_iter().max().unwrap_or(Period::NONE.end),
        }
    }
}
