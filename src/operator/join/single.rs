//! Single rows, where a pair is all that comes of two rows that meet.
//!
//! Why: one row pays the fixed price of a batch many times over. It gives what the batch of it gives, value by value.

use super::{Added, Join, NONE};
use crate::event::{Batch, Column, RowView, Scalar, Sign};
use crate::expr::RowFrame;
use crate::operator::{Common, Moment};
use crate::state::Slot;
use smallvec::SmallVec;

impl Join {
    /// Whether a row may go alone: it is in no flush, and nothing is counted, numbered, or evaluated over pairs.
    pub(super) fn may_take_single_rows(&self) -> bool {
        let options = &self.options;
        let [left, right] = options.added;
        let adds = |added: Added| added.time || added.number;
        let meets_one = options.table.is_some() || self.meets_latest(0);
        let pads_simply = meets_one || options.preserves == [false, false];
        let is_made = options.table.as_ref().is_some_and(|t| t.view.is_some());
        let is_simple =
            pads_simply && !is_made && options.residual.is_none() && self.made.is_none();
        is_simple && !options.flushes && !adds(left) && !adds(right)
    }

    /// Joins one row with what the other side, or a table, holds.
    pub(super) fn join_row(
        &mut self,
        side: usize,
        view: RowView<'_>,
        common: &Common,
        to: &mut Batch,
    ) {
        match view.batch.sign(view.row) {
            Sign::Plus => self.enter(side, view, common, to),
            Sign::Minus => self.leave(side, view, to),
        }
    }

    fn enter(&mut self, side: usize, view: RowView<'_>, common: &Common, to: &mut Batch) {
        let mut found = std::mem::take(&mut self.candidates.other);
        found.clear();
        if let Some(of) = &mut self.options.table {
            let table = &common.tables.0[of.table];
            of.lookup.candidates_of(view, table, &mut found);
        } else {
            self.find_partners(side, view, &mut found);
        }
        if self.options.triggers[side] {
            if found.is_empty() && self.options.preserves[side] {
                found.push(NONE);
            }
            found
                .iter()
                .for_each(|slot| self.push_joined(side, view, common, *slot, to));
        }
        self.count_on(side);
        let own = &mut self.sides[side];
        if own.plan.holds {
            let key: SmallVec<[Scalar<'_>; 4]> =
                self.keys[side].iter().map(|k| k.scalar(0)).collect();
            own.push_one(view, &key);
        }
        self.candidates.other = found;
    }

    fn leave(&mut self, side: usize, view: RowView<'_>, to: &mut Batch) {
        if !self.sides[side].plan.holds {
            return;
        }
        if self.options.retracts && self.options.triggers[side] {
            let mut found = std::mem::take(&mut self.candidates.other);
            found.clear();
            self.find_partners(side, view, &mut found);
            let nothing = Common::default();
            found
                .iter()
                .for_each(|slot| self.push_joined(side, view, &nothing, *slot, to));
            self.candidates.other = found;
        }
        let own = &mut self.sides[side];
        if let Some(slot) = own.leaving(view.batch, view.row) {
            own.remove(slot);
        }
    }

    /// Evaluates the key of a row, and appends the rows of the other side that it meets, if it triggers.
    fn find_partners(&mut self, side: usize, view: RowView<'_>, found: &mut Vec<Slot>) {
        let [left, right] = &mut self.sides;
        let (own, other) = match side {
            0 => (left, right),
            _ => (right, left),
        };
        let frame = RowFrame::of(view);
        let columns = &mut self.keys[side];
        for (program, column) in own.plan.keys.iter_mut().zip(columns.iter_mut()) {
            column.clear();
            program.value_into(&frame, &mut self.faults, column);
        }
        if !self.options.triggers[side] {
            return;
        }
        let key: SmallVec<[Scalar<'_>; 4]> = columns.iter().map(|k| k.scalar(0)).collect();
        let oldest = self
            .options
            .within_us
            .map(|us| view.batch.at[view.row].plus(-us));
        other.each_of(&key, |slot| {
            if oldest.is_none_or(|oldest| other.row(slot).at >= oldest) {
                found.push(slot);
            }
        });
    }

    /// Appends a joined row; the other side is padded where there is no row of it.
    fn push_joined(
        &self,
        side: usize,
        view: RowView<'_>,
        common: &Common,
        other: Slot,
        to: &mut Batch,
    ) {
        let mut moment = Moment::of(view.batch, view.row);
        if other != NONE && self.options.table.is_none() {
            moment.at = moment.at.max(self.sides[1 - side].row(other).at);
        }
        to.push_moment(moment, view.batch.sign(view.row));
        let mut to = to.columns.iter_mut();
        for number in 0..2 {
            let own = &self.sides[number];
            if number == side {
                let kept = own.plan.keep.iter().zip(&mut to);
                kept.for_each(|(k, to)| to.push_from(&view.batch.columns[*k], view.row));
            } else if let Some(of) = &self.options.table {
                let columns = common.tables.0[of.table].columns();
                let kept = of.keep.iter().map(|k| &columns[*k]).zip(&mut to);
                kept.for_each(|(from, to)| push_slot(to, from, other));
            } else {
                let kept = own.columns.columns().iter().zip(&mut to);
                kept.for_each(|(from, to)| push_slot(to, from, other));
            }
        }
    }
}

#[inline]
fn push_slot(to: &mut Column, from: &Column, slot: Slot) {
    match slot {
        NONE => to.push_null(),
        slot => to.push_from(from, slot as usize),
    }
}
