//! Pairs → joined rows.
//!
//! How: column by column, from where the rows of each side stand; a side that is padded gives NULL.

use super::matching::ADDED;
use super::taking::Taken;
use super::{Added, Join, NONE, Turn};
use crate::event::{Batch, Column, RowSet, Scalar, Sign, Timestamp, Type};
use crate::operator::{Common, Kind, Moment, Out};
use crate::state::Slot;

/// A joined row to be emitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// The row of the batch that causes it.
    pub(super) by: u32,
    /// The row of the side at hand: its slot, where the side holds rows; [`NONE`] where the other side is padded out.
    pub(super) own: Slot,
    /// The row of the other side; [`NONE`] for a pad.
    pub(super) other: Slot,
    pub(super) sign: Sign,
    /// It follows from a row that leaves.
    pub(super) leaving: bool,
}

/// What is on its way out.
pub(super) struct Emitted {
    /// Joined rows of a flush, those that leave and those that enter: they come out together.
    flush: [Batch; 2],
    /// Pads that rows of the flush bring back, as they leave.
    brought_back: Batch,
    rows: Vec<u32>,
    own: Vec<u32>,
    other: Vec<Slot>,
    times: Vec<Timestamp>,
}

impl Emitted {
    /// `types`: those of joined rows.
    pub(super) fn new(types: &[Type]) -> Self {
        let columns: Vec<Column> = types.iter().map(|t| Column::new(*t)).collect();
        let empty = Batch {
            columns,
            ..Batch::default()
        };
        Emitted {
            flush: [empty.clone(), empty.clone()],
            brought_back: empty,
            rows: Vec::new(),
            own: Vec::new(),
            other: Vec::new(),
            times: Vec::new(),
        }
    }
}

impl Join {
    /// Appends the values of joined rows to columns of their types. `own`: slots of the side at hand, or rows of the
    /// batch where it holds none; left out where these are all rows of the batch. `other`: slots of the other side or
    /// of a table.
    pub(super) fn gather(
        &self,
        turn: Turn,
        batch: &Batch,
        common: &Common,
        (own_rows, other_rows): (Option<&[u32]>, &[Slot]),
        to: &mut [Column],
    ) {
        let mut to = to.iter_mut();
        for side in 0..2 {
            let (own, is_own) = (&self.sides[side], side == turn.side);
            let Some(rows) = (if is_own { own_rows } else { Some(other_rows) }) else {
                let kept = own.plan.keep.iter().zip(&mut to);
                kept.for_each(|(k, to)| to.extend_range(&batch.columns[*k], 0..batch.len()));
                continue;
            };
            let table = self.options.table.as_ref().filter(|_| !is_own);
            if let Some(side) = table {
                let columns = common.tables.0[side.table].columns();
                let kept = side.keep.iter().zip(&mut to);
                kept.for_each(|(k, to)| to.extend_or_null(&columns[*k], rows));
            } else if own.plan.holds {
                let kept = own.columns.columns().iter().zip(&mut to);
                kept.for_each(|(from, to)| to.extend_or_null(from, rows));
            } else {
                let kept = own.plan.keep.iter().zip(&mut to);
                kept.for_each(|(k, to)| to.extend_or_null(&batch.columns[*k], rows));
            }
            self.gather_added(side, turn, (batch, rows), &mut to);
        }
    }

    /// As [`Join::gather`], of pairs.
    fn gather_pairs(
        &mut self,
        turn: Turn,
        batch: &Batch,
        common: &Common,
        pairs: &[Pair],
        to: &mut [Column],
    ) {
        let mut own = std::mem::take(&mut self.emitted.own);
        let mut other = std::mem::take(&mut self.emitted.other);
        let holds = self.sides[turn.side].plan.holds;
        own.clear();
        own.extend(
            pairs
                .iter()
                .map(|pair| if holds { pair.own } else { pair.by }),
        );
        other.clear();
        other.extend(pairs.iter().map(|pair| pair.other));
        self.gather(turn, batch, common, (Some(&own), &other), to);
        (self.emitted.own, self.emitted.other) = (own, other);
    }

    /// Emits the candidates at hand, each of which is a pair or a pad, with the signs of their rows.
    pub(super) fn emit_candidates(
        &mut self,
        turn: Turn,
        taken: &Taken,
        batch: &Batch,
        common: &Common,
        out: &mut Out,
    ) {
        if self.candidates.other.is_empty() {
            return;
        }
        let Added { time, number } = self.options.added[turn.side];
        let adds = time || number || self.sides[turn.side].plan.holds;
        let is_each = !adds && self.is_each(taken, batch);
        let mut to = out.batch();
        if is_each {
            to.append_moments(batch, &RowSet::All);
        } else {
            self.find_own(turn, taken);
            let found = &mut self.candidates;
            found.by.clear();
            let by = found.place.iter().map(|place| taken.rows[*place as usize]);
            found.by.extend(by);
            to.append_moments(batch, &RowSet::Picked(&found.by));
        }
        if let Kind::Flush(at) = turn.kind {
            to.at.fill(at);
        }
        if self.options.table.is_none() {
            let other = &self.sides[turn.other()];
            for (at, slot) in to.at.iter_mut().zip(&self.candidates.other) {
                if *slot != NONE {
                    *at = (*at).max(other.row(*slot).at);
                }
            }
        }
        let found = &self.candidates;
        let own = (!is_each).then_some(found.own.as_slice());
        self.gather(turn, batch, common, (own, &found.other), &mut to.columns);
        out.emit(Kind::Rows, to);
    }

    /// Appends times and numbers of one side.
    fn gather_added<'a>(
        &self,
        side: usize,
        turn: Turn,
        (batch, rows): (&Batch, &[u32]),
        to: &mut impl Iterator<Item = &'a mut Column>,
    ) {
        let (own, added) = (&self.sides[side], self.options.added[side]);
        let is_own = side == turn.side;
        if added.time
            && let Some(to) = to.next()
        {
            for row in rows {
                let at = match (*row, own.plan.holds, is_own) {
                    (NONE, ..) => None,
                    (slot, true, _) => Some(own.row(slot).at),
                    (row, false, true) => Some(batch.at[row as usize]),
                    (_, false, false) => None,
                };
                push_long(to, at.map(|at| at.0.div_euclid(1000)));
            }
        }
        if added.number
            && let Some(to) = to.next()
        {
            for row in rows {
                let number = match (*row, own.plan.holds) {
                    (NONE, _) | (_, false) => 0,
                    (slot, true) => own.row(slot).number as i64,
                };
                push_long(to, Some(number));
            }
        }
    }

    /// Emits the pairs at hand.
    pub(super) fn emit_pairs(&mut self, turn: Turn, batch: &Batch, common: &Common, out: &mut Out) {
        let pairs = std::mem::take(&mut self.pairs);
        for alike in pairs.chunk_by(|a, b| a.leaving == b.leaving) {
            let kind = match alike[0].leaving {
                true => Kind::Leaving,
                false => Kind::Rows,
            };
            let mut to = out.batch();
            self.append(turn, batch, common, alike, &mut to);
            if !self.options.flushes {
                out.emit(kind, to);
                continue;
            }
            match kind {
                Kind::Leaving => hold(&mut self.emitted.brought_back, &to, &RowSet::All),
                _ => self.hold_for_flush(&to),
            }
            out.recycle(to);
        }
        self.pairs = pairs;
    }

    /// Appends joined rows, with the moments of the rows that cause them.
    fn append(
        &mut self,
        turn: Turn,
        batch: &Batch,
        common: &Common,
        pairs: &[Pair],
        to: &mut Batch,
    ) {
        if self.made.is_none() {
            for pair in pairs {
                self.push_moment(turn, batch, pair, to);
            }
            return self.gather_pairs(turn, batch, common, pairs, &mut to.columns);
        }
        for pair in pairs {
            let before = to.len();
            match pair.sign {
                Sign::Plus => {
                    self.push_moment(turn, batch, pair, to);
                    self.gather_pairs(turn, batch, common, &[*pair], &mut to.columns);
                    let by = self.sides[turn.side].row(pair.own).number;
                    if let Some(made) = &mut self.made {
                        made.push(by, to.at[before], &to.columns, before);
                    }
                }
                Sign::Minus => self.retract_made(turn, batch, pair, to),
            }
        }
    }

    /// Appends what a row made that leaves.
    fn retract_made(&mut self, turn: Turn, batch: &Batch, pair: &Pair, to: &mut Batch) {
        let by = self.sides[turn.side].row(pair.own).number;
        let mut times = std::mem::take(&mut self.emitted.times);
        times.clear();
        if let Some(made) = &mut self.made {
            made.take(by, &mut to.columns, &mut times);
        }
        let row = pair.by as usize;
        let moment = Moment {
            at: turn.at(batch, row),
            ..Moment::of(batch, row)
        };
        for at in &times {
            let at = moment.at.max(*at);
            to.push_moment(Moment { at, ..moment }, Sign::Minus);
        }
        self.emitted.times = times;
    }

    #[inline]
    fn push_moment(&self, turn: Turn, batch: &Batch, pair: &Pair, to: &mut Batch) {
        let row = pair.by as usize;
        let mut at = turn.at(batch, row);
        if pair.other != NONE && self.options.table.is_none() {
            at = at.max(self.sides[turn.other()].row(pair.other).at);
        }
        let moment = Moment {
            at,
            ..Moment::of(batch, row)
        };
        to.push_moment(moment, pair.sign);
    }

    /// Lets the oldest row of a side go, whose time is over; pads it where it has met nothing.
    pub(super) fn end_oldest(&mut self, side: usize, moment: Moment, out: &mut Out) {
        let pads_late = self.pads_late(side);
        let Some(slot) = self.sides[side].take_oldest() else {
            return;
        };
        if pads_late && self.meets_of(side, slot) == 0 {
            let turn = Turn::of(side, Kind::Rows);
            let mut to = out.batch();
            to.push_moment(moment, Sign::Plus);
            let (nothing, common) = (Batch::default(), Common::default());
            let rows = (Some(&[slot][..]), &[NONE][..]);
            self.gather(turn, &nothing, &common, rows, &mut to.columns);
            out.emit(Kind::Rows, to);
        }
        self.sides[side].remove(slot);
        self.sides[side].drop_ages();
    }

    /// Keeps joined rows until their flush is complete.
    fn hold_for_flush(&mut self, rows: &Batch) {
        for (flush, sign) in self.emitted.flush.iter_mut().zip([Sign::Minus, Sign::Plus]) {
            let of_sign = (0..rows.len() as u32).filter(|r| rows.sign(*r as usize) == sign);
            self.emitted.rows.clear();
            self.emitted.rows.extend(of_sign);
            hold(flush, rows, &RowSet::Picked(&self.emitted.rows));
        }
    }

    /// Emits a flush that is complete: what leaves, then what enters; behind it the pads that this brings back.
    pub(super) fn emit_flush(&mut self, at: Timestamp, out: &mut Out) {
        if !self.options.flushes {
            return;
        }
        let mut to = out.batch();
        for flush in &mut self.emitted.flush {
            to.append(flush, &RowSet::All);
            flush.clear();
        }
        out.emit(Kind::Flush(at), to);
        let pads = &mut self.emitted.brought_back;
        if !pads.is_empty() {
            let mut to = out.batch();
            to.append(pads, &RowSet::All);
            pads.clear();
            out.emit(Kind::Leaving, to);
        }
    }
}

/// Appends rows that wait for the end of a flush.
fn hold(held: &mut Batch, rows: &Batch, which: &RowSet<'_>) {
    (held.tracks_clock, held.tracks_cause) = (rows.tracks_clock, rows.tracks_cause);
    held.append(rows, which);
}

fn push_long(to: &mut Column, value: Option<i64>) {
    debug_assert_eq!(to.type_of(), ADDED, "what is added is LONG");
    to.push_scalar(value.map_or(Scalar::Null, Scalar::Long));
}
