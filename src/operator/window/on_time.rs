//! No window: lets rows pass that are not late.
//!
//! It stands behind the ordered buffer of a source of a join whose own window, or none, does not refuse rows that come
//! too late, while the window of another source does: sides that met by other clocks would give what no order of rows
//! gives.

use crate::event::{Batch, RowSet, RowView, Timestamp};
use crate::operator::{Counters, Kind, Moment, Operator, Out, counter};
use crate::state::{StateHolder, Visitor};

/// Passes rows that the clock has not left behind.
#[derive(Debug, Default)]
pub(crate) struct OnTime {
    late: u64,
    rows: Vec<u32>,
}

impl StateHolder for OnTime {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.late);
    }
}

impl Operator for OnTime {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        let comes_late = |(at, clock): (&Timestamp, &Timestamp)| at < clock;
        if batch.marks.is_empty() && !batch.at.iter().zip(&batch.clock).any(comes_late) {
            return out.pass_through();
        }
        self.rows.clear();
        for row in 0..batch.len() {
            match Moment::of(batch, row).is_late() {
                false => self.rows.push(row as u32),
                true => {
                    self.late += 1;
                    out.refuse(batch, row);
                }
            }
        }
        let mut to = out.batch();
        to.append(batch, &RowSet::Picked(&self.rows));
        out.emit(kind, to);
    }

    fn row(&mut self, row: RowView<'_>, to: &mut Batch, out: &mut Out) -> bool {
        match Moment::of(row.batch, row.row).is_late() {
            false if row.batch.len() == 1 => out.pass_through(),
            false => to.append(row.batch, &RowSet::Range(row.row..row.row + 1)),
            true => {
                self.late += 1;
                out.refuse(row.batch, row.row);
            }
        }
        true
    }

    fn hands_on(&self) -> Option<bool> {
        Some(true)
    }

    fn rests_until(&self) -> Option<Timestamp> {
        Some(Timestamp(i64::MAX))
    }

    fn count(&self, into: &mut Counters) {
        into.late_rows += self.late;
    }
}
