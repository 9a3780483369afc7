//! SELECT without aggregates: condition and projection in one pass.

use super::by_constant::Picked;
use super::projection::{Projection, Rows};
use super::{Common, Counters, Kind, Operator, Out, Port, counter};
use crate::event::{Batch, RowView, Timestamp};
use crate::expr::{Program, RowFrame};
use crate::sql::ast::Events;
use crate::state::{StateHolder, Visitor};

/// Projects the rows for which the condition is TRUE and whose sign is wanted.
pub(crate) struct Select {
    condition: Option<Program>,
    events: Events,
    projection: Projection,
    rows: Vec<u32>,
    faults: u64,
}

impl Select {
    pub(crate) fn new(condition: Option<Program>, events: Events, projection: Projection) -> Self {
        Select {
            condition,
            events,
            projection,
            rows: Vec::new(),
            faults: 0,
        }
    }

    /// Projects the rows of a batch, or those that it chooses among some of them.
    fn project(&mut self, kind: Kind, of: (&Batch, Option<&[u32]>), out: &mut Out) {
        let (condition, faults) = (&mut self.condition, &mut self.faults);
        let some = choose(condition, self.events, of, faults, &mut self.rows);
        let rows = Rows {
            batch: of.0,
            rows: some.then_some(self.rows.as_slice()),
            results: &[],
        };
        self.projection.emit(kind, &rows, out);
    }
}

/// Leaves in `rows` the rows, of some or of all, for which the condition is TRUE and whose sign is wanted; false when
/// all rows are.
pub(crate) fn choose(
    condition: &mut Option<Program>,
    events: Events,
    (batch, among): (&Batch, Option<&[u32]>),
    faults: &mut u64,
    rows: &mut Vec<u32>,
) -> bool {
    rows.clear();
    let signs = batch.signs();
    let by_sign = events == Events::Expired || (events == Events::Current && !signs.is_empty());
    let takes = |row: &u32| events.takes(batch.sign(*row as usize));
    match (condition, among) {
        (Some(condition), among) => condition.filter(&batch.frame_among(among), faults, rows),
        (None, Some(among)) => rows.extend_from_slice(among),
        (None, None) => {
            if by_sign {
                rows.extend((0..batch.len() as u32).filter(takes));
            }
            return by_sign;
        }
    }
    if by_sign {
        rows.retain(takes);
    }
    true
}

impl StateHolder for Select {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.faults);
        self.projection.state(visitor);
    }
}

impl Operator for Select {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        if kind == Kind::Leaving && self.events == Events::Current {
            return;
        }
        self.project(kind, (batch, None), out);
    }

    fn rows_among(
        &mut self,
        _port: Port,
        _common: &mut Common,
        batch: &Batch,
        among: Picked<'_>,
        out: &mut Out,
    ) {
        self.project(Kind::Rows, (batch, Some(among.rows)), out);
    }

    fn takes_some(&self) -> bool {
        self.condition.is_some()
    }

    fn rests_until(&self) -> Option<Timestamp> {
        Some(Timestamp(i64::MAX))
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, _out: &mut Out) -> bool {
        let frame = RowFrame::of(row);
        let holds = match &mut self.condition {
            Some(condition) => condition.holds(&frame, &mut self.faults),
            None => true,
        };
        if holds && self.events.takes(row.batch.sign(row.row)) {
            self.projection.row(&frame, to);
        }
        true
    }

    fn count(&self, into: &mut Counters) {
        into.value_faults += self.faults + self.projection.faults();
    }

    fn quiet_after(&self) -> Option<i64> {
        Some(0)
    }
}
