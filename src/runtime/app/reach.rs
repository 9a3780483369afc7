//! What a question reads of an aggregation: copied from all workers under the barrier, shown afterwards.

use crate::event::{Batch, Column, Data, Period, Timestamp};
use crate::expr::Program;
use crate::operator::aggregate::{Ask, Rollup, RollupView};
use crate::plan::{Held, Plan, QuestionPlan};
use crate::state::Slot;

/// Which rows of an aggregation are read.
pub(super) struct Reach {
    /// The number of its table.
    pub(super) table: usize,
    view: RollupView,
    level: usize,
    within: Option<[Program; 2]>,
    /// The columns by which it groups, where the question names a group.
    keys: Option<Vec<Program>>,
    read: Vec<Column>,
    rows: usize,
    groups: Vec<Slot>,
}

impl Reach {
    /// `None` where the question reads no aggregation.
    pub(super) fn new(plan: &Plan, question: &QuestionPlan) -> Option<Reach> {
        let Held::Rollup(table) = question.held else {
            return None;
        };
        let view = plan.view(table)?;
        let (level, within) = question.reach()?;
        Some(Reach {
            table,
            read: view.columns(),
            view,
            level,
            within,
            keys: question.keys(),
            rows: 0,
            groups: Vec::new(),
        })
    }

    pub(super) fn clear(&mut self) {
        self.read.iter_mut().for_each(Column::clear);
        self.rows = 0;
    }

    /// Copies what may count, behind what was copied of other workers. `parameters`: one row.
    pub(super) fn copy(
        &mut self,
        rollup: &mut Rollup,
        parameters: &Batch,
        now: Timestamp,
        faults: &mut u64,
    ) {
        let within = self.period(parameters, faults);
        self.groups.clear();
        if let Some(keys) = &mut self.keys {
            let frame = parameters.frame();
            let columns: Vec<&Column> = keys.iter_mut().map(|k| k.eval(&frame, faults)).collect();
            rollup.find(&columns, 1, &mut self.groups);
        }
        let ask = Ask {
            level: self.level,
            within,
            groups: self.keys.is_some().then_some(self.groups.as_slice()),
            now,
        };
        self.rows += rollup.read(&ask, &mut self.read);
    }

    fn period(&mut self, parameters: &Batch, faults: &mut u64) -> Period {
        let Some([start, end]) = &mut self.within else {
            return Period::ALL;
        };
        let mut time = |program: &mut Program| {
            let column = program.eval(&parameters.frame(), faults);
            match column.data() {
                Data::Long(values) if !column.is_null(0) => Some(Timestamp::from_millis(values[0])),
                _ => None,
            }
        };
        match (time(start), time(end)) {
            (Some(start), Some(end)) => Period { start, end },
            _ => Period::NONE,
        }
    }

    /// Shows what was copied, from the first pane to the last: to columns that are empty. Returns how many rows it is.
    pub(super) fn show(&mut self, to: &mut [Column], faults: &mut u64) -> usize {
        let Data::Long(starts) = self.read[0].data() else {
            unreachable!("the start of a pane is LONG")
        };
        if !starts.is_sorted() {
            let mut order: Vec<u32> = (0..self.rows as u32).collect();
            order.sort_by_key(|row| starts[*row as usize]);
            for column in &mut self.read {
                let mut sorted = Column::new(column.type_of());
                sorted.extend_rows(column, &order);
                *column = sorted;
            }
        }
        self.view.show(&self.read, self.rows, faults, to);
        self.rows
    }
}
