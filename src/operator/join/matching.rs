//! Which rows meet: rows of a batch, and what the other side or a table holds.

use super::emit::Pair;
use super::taking::Taken;
use super::{Join, Leaving, NONE, TableSide, Turn};
use crate::event::{Batch, Column, Sign, Type};
use crate::expr::Frame;
use crate::operator::table::Pairs;
use crate::operator::{Common, Kind, Out};
use crate::state::Slot;

/// Pairs that are looked at together: their columns stay in L1.
const CANDIDATES_MAX: usize = 1_024;

/// Rows that may meet, pair by pair: those of one row of the batch stand together.
#[derive(Default)]
pub(super) struct Candidates {
    /// The place of the row in [`Taken::rows`].
    pub(super) place: Vec<u32>,
    /// The row of the other side.
    pub(super) other: Vec<Slot>,
    /// Where the own row stands.
    pub(super) own: Vec<u32>,
    /// The row of the batch.
    pub(super) by: Vec<u32>,
    columns: Vec<Column>,
    kept: Vec<u32>,
    pairs: Pairs,
    /// The row of the batch with which a table is asked next.
    asked: usize,
}

impl TableSide {
    /// Makes the rows that may meet these, where it is an aggregation.
    fn fill(&mut self, batch: &Batch, common: &mut Common, faults: &mut u64) {
        let place = self.table;
        if let Some(view) = &mut self.view
            && let Some(Some(rollup)) = common.rollups.get_mut(place)
        {
            let table = &mut common.tables.0[place];
            view.fill(&mut self.lookup, batch, rollup, table, faults);
        }
    }
}

impl Join {
    /// Whether candidates come out as they are: a pair, or a pad in its turn, is all that comes of a row. Nothing is
    /// counted, kept to be retracted, or held until a flush is complete.
    fn is_plain(&self, turn: Turn) -> bool {
        let pads = self.options.preserves != [false, false] && !self.meets_latest(turn.side);
        let goes_on = turn.kind != Kind::Leaving && !self.options.flushes;
        !pads && self.made.is_none() && goes_on
    }

    /// Whether rows of a side meet the latest row of their key on the other one, if there is one.
    pub(super) fn meets_latest(&self, side: usize) -> bool {
        self.sides[1 - side].plan.leaving == Leaving::Replaced
    }

    /// Matches the rows taken in, and emits what follows.
    pub(super) fn meet(&mut self, turn: Turn, batch: &Batch, common: &mut Common, out: &mut Out) {
        let taken = std::mem::take(&mut self.taken);
        if let Some(side) = &mut self.options.table {
            side.fill(batch, common, &mut self.faults);
        }
        let is_plain = self.is_plain(turn);
        if let Some(range) = &mut self.sides[turn.other()].range {
            range.ask(batch, &taken.rows);
        }
        let mut first = 0;
        while first < taken.rows.len() {
            let end = self.candidates(turn, (&taken, first), batch, common);
            self.check_residual(turn, &taken, batch, common);
            if is_plain {
                self.emit_candidates(turn, &taken, batch, common, out);
            } else {
                self.pair_up(turn, &taken, first..end, batch);
                self.emit_pairs(turn, batch, common, out);
            }
            first = end;
        }
        self.taken = taken;
    }

    /// Finds the rows that may meet those from `first` on; returns up to which it did.
    fn candidates(
        &mut self,
        turn: Turn,
        (taken, first): (&Taken, usize),
        batch: &Batch,
        common: &Common,
    ) -> usize {
        self.candidates.place.clear();
        self.candidates.other.clear();
        if self.options.table.is_some() {
            return self.candidates_in_table((taken, first), batch, common);
        }
        if self.meets_latest(turn.side) {
            return self.candidates_latest(turn, (taken, first), batch);
        }
        let (found, other) = (&mut self.candidates, &self.sides[turn.other()]);
        let mut end = first;
        while end < taken.rows.len() && found.other.len() < CANDIDATES_MAX {
            let row = taken.rows[end] as usize;
            let oldest = self.options.within_us.map(|us| batch.at[row].plus(-us));
            let before = found.other.len();
            if taken.keys[end] != NONE {
                other.partners(taken.keys[end], end, &mut found.other);
            }
            if turn.newest != u64::MAX || oldest.is_some() {
                let is_met = |slot: Slot| {
                    let held = other.row(slot);
                    held.number <= turn.newest && oldest.is_none_or(|oldest| held.at >= oldest)
                };
                let mut kept = before;
                for i in before..found.other.len() {
                    let slot = found.other[i];
                    found.other[kept] = slot;
                    kept += usize::from(is_met(slot));
                }
                found.other.truncate(kept);
            }
            found.place.resize(found.other.len(), end as u32);
            end += 1;
        }
        end
    }

    /// As [`Join::candidates`], where the other side holds the latest row of each key alone; with pads where candidates
    /// come out as they are.
    fn candidates_latest(
        &mut self,
        turn: Turn,
        (taken, first): (&Taken, usize),
        batch: &Batch,
    ) -> usize {
        let pads = self.is_plain(turn) && self.options.preserves[turn.side];
        let (found, other) = (&mut self.candidates, &self.sides[turn.other()]);
        let end = taken.rows.len().min(first + CANDIDATES_MAX);
        let is_met = |slot: Slot, place: usize| {
            self.options.within_us.is_none_or(|us| {
                other.row(slot).at >= batch.at[taken.rows[place] as usize].plus(-us)
            })
        };
        for (place, key) in (first..end).zip(&taken.keys[first..end]) {
            match other.latest(*key).filter(|slot| is_met(*slot, place)) {
                None if !pads => continue,
                slot => found.other.push(slot.unwrap_or(NONE)),
            }
            found.place.push(place as u32);
        }
        end
    }

    /// As [`Join::candidates`], in a table. What leaves is told by what it made, so only rows that enter ask it.
    fn candidates_in_table(
        &mut self,
        (taken, first): (&Taken, usize),
        batch: &Batch,
        common: &Common,
    ) -> usize {
        let (found, Some(side)) = (&mut self.candidates, &mut self.options.table) else {
            return taken.rows.len();
        };
        let table = &common.tables.0[side.table];
        if first == 0 {
            found.asked = 0;
        }
        found.pairs.clear();
        found.asked = side
            .lookup
            .candidates_from(batch, found.asked, table, &mut found.pairs);
        let mut place = first;
        for (row, slot) in found.pairs.rows.iter().zip(&found.pairs.slots) {
            while taken.rows.get(place).is_some_and(|own| own < row) {
                place += 1;
            }
            let enters = batch.sign(*row as usize) == Sign::Plus;
            if enters && taken.rows.get(place) == Some(row) {
                found.place.push(place as u32);
                found.other.push(*slot);
            }
        }
        let asked = found.asked as u32;
        first + taken.rows[first..].partition_point(|row| *row < asked)
    }

    /// Drops the pairs of which the residual is not TRUE.
    fn check_residual(&mut self, turn: Turn, taken: &Taken, batch: &Batch, common: &Common) {
        if self.options.residual.is_none() || self.candidates.other.is_empty() {
            return;
        }
        self.find_own(turn, taken);
        let mut columns = std::mem::take(&mut self.candidates.columns);
        columns.resize_with(self.options.types.len(), || Column::new(Type::Bool));
        for (column, ty) in columns.iter_mut().zip(&self.options.types) {
            match column.type_of() == *ty {
                true => column.clear(),
                false => *column = Column::new(*ty),
            }
        }
        let found = &self.candidates;
        let rows = (Some(found.own.as_slice()), found.other.as_slice());
        self.gather(turn, batch, common, rows, &mut columns);
        let frame = Frame {
            input: &columns,
            len: found.other.len(),
            ..Frame::default()
        };
        let found = &mut self.candidates;
        found.kept.clear();
        if let Some(residual) = &mut self.options.residual {
            residual.filter(&frame, &mut self.faults, &mut found.kept);
        }
        for (to, from) in found.kept.iter().enumerate() {
            found.place[to] = found.place[*from as usize];
            found.other[to] = found.other[*from as usize];
        }
        found.place.truncate(found.kept.len());
        found.other.truncate(found.kept.len());
        found.columns = columns;
    }

    /// Makes pairs, and pads, of the rows that meet.
    fn pair_up(
        &mut self,
        turn: Turn,
        taken: &Taken,
        places: std::ops::Range<usize>,
        batch: &Batch,
    ) {
        self.pairs.clear();
        let counts = [turn.side, turn.other()].map(|side| self.counts_meetings(side));
        let (mut next, found) = (0, std::mem::take(&mut self.candidates.other));
        for place in places {
            let (by, own) = (taken.rows[place], taken.own[place]);
            let sign = batch.sign(by as usize);
            let from = next;
            while self
                .candidates
                .place
                .get(next)
                .is_some_and(|p| *p as usize == place)
            {
                next += 1;
            }
            let partners = &found[from..next];
            let leaving = turn.kind == Kind::Leaving;
            for other in partners {
                let pair = Pair {
                    by,
                    own,
                    other: *other,
                    sign,
                    leaving,
                };
                self.meeting(turn, pair, counts[1]);
            }
            let is_alone = partners.is_empty() && !(counts[0] && self.has_met(turn, own));
            let as_made = self.made.is_some() && sign == Sign::Minus;
            let pads = self.options.preserves[turn.side] && !self.pads_late(turn.side);
            if as_made || (is_alone && pads) {
                let pair = Pair {
                    by,
                    own,
                    other: NONE,
                    sign,
                    leaving,
                };
                self.push_pair(pair);
            }
            if counts[0] && sign == Sign::Plus {
                // What came with it in one instant was counted by it, not yet by this row.
                let meets = partners.len() as u64;
                self.count_partners(turn, own, meets);
            }
        }
        self.candidates.other = found;
    }

    /// A pair comes or goes; with it the pad of the row on the other side goes or comes.
    #[inline]
    fn meeting(&mut self, turn: Turn, pair: Pair, counts: bool) {
        if !counts {
            return self.push_pair(pair);
        }
        // A row that is padded when its time is over was not padded before.
        let pads_late = self.pads_late(turn.other());
        let other = &mut self.sides[turn.other()];
        let number = other.row(pair.other).number;
        let Some(meets) = &mut other.meets else {
            return self.push_pair(pair);
        };
        let meets = meets.get_mut(pair.other);
        let pad = Pair { own: NONE, ..pair };
        match pair.sign {
            Sign::Plus => {
                *meets += 1;
                let is_first = *meets == 1;
                if is_first && number <= turn.padded && !pads_late {
                    self.push_pair(Pair {
                        sign: Sign::Minus,
                        ..pad
                    });
                }
                self.push_pair(pair);
            }
            Sign::Minus => {
                *meets = meets.saturating_sub(1);
                let is_last = *meets == 0;
                let leaves_too = is_last && self.leaving_too.binary_search(&pair.other).is_ok();
                // It leaves in this instant, and has no pad to be retracted.
                *meets += u64::from(leaves_too);
                self.push_pair(pair);
                if is_last && !leaves_too {
                    self.push_pair(Pair {
                        sign: Sign::Plus,
                        leaving: true,
                        ..pad
                    });
                }
            }
        }
    }

    fn push_pair(&mut self, pair: Pair) {
        if pair.sign == Sign::Plus || self.options.retracts {
            self.pairs.push(pair);
        }
    }

    /// Whether a row has met others in this instant, before it is matched itself.
    fn has_met(&self, turn: Turn, own: Slot) -> bool {
        own != NONE && self.meets_of(turn.side, own) > 0
    }

    /// How many rows of the other side a row meets, where that is counted.
    pub(super) fn meets_of(&self, side: usize, slot: Slot) -> u64 {
        let meets = self.sides[side].meets.as_ref();
        meets.map_or(0, |meets| *meets.get(slot))
    }

    fn count_partners(&mut self, turn: Turn, own: Slot, meets: u64) {
        if let Some(counts) = &mut self.sides[turn.side].meets {
            *counts.get_mut(own) += meets;
        }
    }

    /// Whether the candidates are a pair for each row of the batch, in their order.
    pub(super) fn is_each(&self, taken: &Taken, batch: &Batch) -> bool {
        let places = &self.candidates.place;
        let all = places.len() == batch.len() && taken.rows.len() == batch.len();
        all && (0..).zip(places).all(|(row, place)| row == *place)
    }

    /// Fills in where the own rows of the candidates stand: their slots, or their rows in the batch where their side
    /// holds none.
    pub(super) fn find_own(&mut self, turn: Turn, taken: &Taken) {
        let found = &mut self.candidates;
        let from = match self.sides[turn.side].plan.holds {
            true => &taken.own,
            false => &taken.rows,
        };
        found.own.clear();
        found
            .own
            .extend(found.place.iter().map(|place| from[*place as usize]));
    }
}

/// The type of numbers and times that are added to the columns of a side.
pub(super) const ADDED: Type = Type::Long;
