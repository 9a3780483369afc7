//! A row is offered to the runs that wait for a term.

use super::automaton::{Known, Run};
use super::partition::number;
use super::trace::TraceStep;
use super::{Chosen, Match, Pattern};
use crate::event::{Batch, Column, RowView, Scalar, Timestamp};
use crate::expr::{BesideFrame, Frame, Program, RowFrame};
use crate::operator::Moment;
use crate::state::{Cells, Chains, Slot};
use smallvec::SmallVec;
use std::ops::Range;

/// So many rows, or runs, are asked one by one: a condition over columns costs what it does over the values of some.
const FEW_ROWS: usize = 8;

/// Which runs have not taken the row at hand, or may take it once more, by another side of the element.
struct Free<'a> {
    touched: &'a [u64],
    taken: u64,
    may_share: bool,
    /// The runs, where those that stand in front of the first element take nothing.
    at_start: Option<&'a Cells<Run>>,
}

impl Free<'_> {
    #[inline]
    fn has(&self, run: Slot) -> bool {
        let touched = self.touched[run as usize];
        let is_taken = touched == self.taken || (touched == self.taken + 1 && !self.may_share);
        let is_closed = |runs: &Cells<Run>| runs.get(run).count == 0;
        !is_taken && !self.at_start.is_some_and(is_closed)
    }
}

impl Pattern {
    /// Evaluates the own conditions of the terms of a port; leaves the rows that each lets through in `chosen`. No
    /// others are let through than some of `among`.
    pub(super) fn choose(
        &mut self,
        port: usize,
        (batch, among): (&Batch, Option<&[u32]>),
        chosen: &mut Vec<Chosen>,
    ) {
        let frame = batch.frame_among(among);
        chosen.resize_with(self.asked[port].len(), Chosen::default);
        for (Chosen { rows, taken }, asked) in chosen.iter_mut().zip(&self.asked[port]) {
            *taken = 0;
            rows.clear();
            match &mut self.terms[asked.term].own {
                Some(own) => match among {
                    Some(few) if few.len() <= FEW_ROWS => {
                        for row in few {
                            let view = RowView {
                                batch,
                                row: *row as usize,
                            };
                            if own.holds(&RowFrame::of(view), &mut self.faults) {
                                rows.push(*row);
                            }
                        }
                    }
                    _ => own.filter(&frame, &mut self.faults, rows),
                },
                None => rows.extend(0..batch.len() as u32),
            }
        }
    }

    /// Whether the own condition of a term, by its place among those of a port, lets a row through.
    pub(super) fn lets_in(&mut self, port: usize, place: usize, row: RowView<'_>) -> bool {
        let term = self.asked[port][place].term;
        match &mut self.terms[term].own {
            Some(own) => own.holds(&RowFrame::of(row), &mut self.faults),
            None => true,
        }
    }

    /// Offers a row that the own condition of a term lets through to the runs that wait for it.
    pub(super) fn offer(&mut self, term: usize, row: RowView<'_>, moment: Moment) {
        if self.waits[term] == 0 {
            return;
        }
        let Some(key) = self.key_for(term, row) else {
            return;
        };
        let is_plain = self.plain[self.terms[term].element].is_some() && self.tracer.is_none();
        if is_plain && let Some(run) = self.only_run(term, key) {
            if self.free(term).has(run) {
                self.take_one(run, term, row, moment);
            }
            return;
        }
        let mut found = std::mem::take(&mut self.scratch.found);
        found.clear();
        self.find(term, key, row, &mut found);
        if !found.is_empty() && self.terms[term].residual.is_some() {
            self.check(term, row, &mut found);
        }
        for run in &found {
            match self.terms[term].absent {
                true => self.prevent(*run, term, self.runs.get(*run).has_rows(), moment.at),
                false if is_plain => self.take_one(*run, term, row, moment),
                false => self.take(*run, term, row, moment),
            }
        }
        self.scratch.found = found;
    }

    /// Notes the runs to which a row may be offered as one side of an element.
    pub(super) fn gather(&mut self, term: usize, row: RowView<'_>) {
        if self.waits[term] == 0 {
            return;
        }
        let Some(key) = self.key_for(term, row) else {
            return;
        };
        let mut found = std::mem::take(&mut self.scratch.found);
        found.clear();
        self.find(term, key, row, &mut found);
        let runs = found.iter();
        let noted = runs.map(|run| (self.runs.get(*run).reached, *run, term));
        self.scratch.gathered.extend(noted);
        self.scratch.found = found;
    }

    /// Offers a row to the runs that were gathered: run by run in the order in which they came to the element, and side
    /// by side.
    pub(super) fn offer_in_turn(&mut self, row: RowView<'_>, moment: Moment) {
        let mut gathered = std::mem::take(&mut self.scratch.gathered);
        gathered.sort_unstable();
        let mut at_hand = None;
        for (_, run, term) in gathered.drain(..) {
            // What a side takes of the row does not count where another side ends the run with it.
            let had_rows = match at_hand {
                Some((same, had_rows)) if same == run => had_rows,
                _ => self.runs.get(run).has_rows(),
            };
            at_hand = Some((run, had_rows));
            // Another side may have ended it, or taken it on.
            if self.waiting[term].key_of(run).is_none() || !self.free(term).has(run) {
                continue;
            }
            let mut found = std::mem::take(&mut self.scratch.found);
            found.clear();
            found.push(run);
            self.check(term, row, &mut found);
            if !found.is_empty() {
                match self.terms[term].absent {
                    true => self.prevent(run, term, had_rows, moment.at),
                    false => self.take(run, term, row, moment),
                }
            }
            self.scratch.found = found;
        }
        self.scratch.gathered = gathered;
    }

    /// Which runs may take the row at hand by a term.
    #[inline]
    fn free(&self, term: usize) -> Free<'_> {
        let element = self.terms[term].element;
        Free {
            touched: &self.touched,
            taken: self.row * 2,
            may_share: self.shape.elements[element].logic.is_some(),
            at_start: (self.is_start_closed && element == 0).then_some(&self.runs),
        }
    }

    /// The slot of the key of a row among the runs that wait for a term; none where none of them has it.
    #[inline]
    fn key_for(&mut self, term: usize, row: RowView<'_>) -> Option<Slot> {
        let apart = self.partition.as_ref().map(|_| self.key);
        let keys = &mut self.terms[term].keys;
        let waiting = &self.waiting[term];
        match (apart, keys.as_mut_slice()) {
            (None, [(of_row, _)]) if let Some(column) = of_row.as_column() => {
                match row.batch.columns[column].scalar(row.row) {
                    Scalar::Null => None,
                    key => waiting.find_scalars(&[key]),
                }
            }
            (None, [(of_row, _)]) => {
                let frame = RowFrame::of(row);
                let key = of_row.value(&frame, &mut self.faults);
                match key {
                    Scalar::Null => None,
                    key => waiting.find_scalars(&[key]),
                }
            }
            (apart, []) => Some(apart.unwrap_or(0)),
            (apart, keys) => key_of_row(keys, row, apart, waiting, &mut self.faults),
        }
    }

    /// The run that waits for a term with a key, where it is the only one and nothing but the key is asked of it.
    #[inline]
    fn only_run(&self, term: usize, key: Slot) -> Option<Slot> {
        // What an order of the runs is made of is part of the residual.
        if self.terms[term].residual.is_some() {
            return None;
        }
        let mut runs = self.waiting[term].rows(key);
        let first = runs.next();
        first.filter(|_| runs.next().is_none())
    }

    /// The runs that wait for a term with the key of a row.
    fn find(&mut self, term: usize, key: Slot, row: RowView<'_>, found: &mut Vec<Slot>) {
        self.runs_of_key(term, key, row, found);
        let element = self.terms[term].element;
        // Whatever took a row of an element that may be left out has come to its key later than to this element.
        let moves = element > 0 && self.shape.elements[element - 1].min == 0;
        let is_placed = || !self.terms[term].keys.is_empty() || self.ordered[term].is_some();
        if moves && is_placed() {
            found.sort_unstable_by_key(|run| self.runs.get(*run).reached);
        }
    }

    /// The runs of a key that wait for a term, may fulfil what is asked of them, and have not taken the row yet.
    #[inline]
    fn runs_of_key(&mut self, term: usize, key: Slot, row: RowView<'_>, found: &mut Vec<Slot>) {
        if let Some(ordered) = &mut self.ordered[term] {
            ordered.ask(row.batch, &[row.row as u32]);
        }
        let (waiting, free) = (&self.waiting[term], self.free(term));
        let ordered = self.ordered[term].as_ref();
        if ordered.is_some_and(|ordered| ordered.find(key, 0, waiting, found)) {
            return found.retain(|run| free.has(*run));
        }
        for run in waiting.rows(key) {
            if free.has(run) {
                found.push(run);
            }
        }
    }

    /// Keeps the runs for which the condition of a term that reads them is TRUE.
    fn check(&mut self, term: usize, row: RowView<'_>, found: &mut Vec<Slot>) {
        let Some(residual) = &mut self.terms[term].residual else {
            return;
        };
        let (kept, faults) = (self.kept.columns(), &mut self.faults);
        if found.len() <= FEW_ROWS && self.by_value[term] {
            return found.retain(|run| {
                let frame = BesideFrame {
                    columns: kept,
                    row: *run as usize,
                    beside: row,
                };
                residual.holds_beside(&frame, faults)
            });
        }
        let width = row.batch.columns.len();
        let beside = &mut self.scratch.beside;
        let types = row.batch.columns.iter().map(Column::type_of);
        let fits = beside.len() == width + 1
            && beside
                .iter()
                .zip(types.clone())
                .all(|(b, ty)| b.type_of() == ty);
        if !fits {
            beside.clear();
            beside.extend(types.map(Column::new));
            beside.push(Column::new(crate::event::Type::Long));
        }
        beside.iter_mut().for_each(Column::clear);
        let count = found.len();
        residual.each_column(&mut |place| {
            let Some(place) = place.checked_sub(kept.len()) else {
                return;
            };
            let column = &mut beside[place];
            if column.len() == count {
                return;
            }
            match row.batch.columns.get(place) {
                Some(from) => (0..count).for_each(|_| column.push_from(from, row.row)),
                None => {
                    let ms = Scalar::Long(row.batch.at[row.row].millis());
                    (0..count).for_each(|_| column.push_scalar(ms));
                }
            }
        });
        let frame = Frame {
            input: kept,
            results: beside,
            rows: Some(found),
            len: count,
            ..Frame::default()
        };
        let passed = &mut self.scratch.kept;
        passed.clear();
        residual.filter(&frame, faults, passed);
        std::mem::swap(found, passed);
    }

    /// A row comes that must not come. `had_rows`: whether the run had taken some before it.
    fn prevent(&mut self, run: Slot, term: usize, had_rows: bool, now: Timestamp) {
        let element = self.terms[term].element;
        let Some(logic) = &self.shape.elements[element].logic else {
            return;
        };
        let first = self.shape.elements[element].terms.start;
        let mut held = *self.runs.get(run);
        if !logic.wants(term, self.shape.known(element, &held)) {
            return;
        }
        let breaks = self.shape.is_sequence && had_rows;
        held.dead |= Known::bit(first, term);
        if !breaks && !logic.is_dead(self.shape.known(element, &held)) {
            *self.runs.get_mut(run) = held;
            self.end_silence_of(run, term);
            self.touch(run, true);
            self.trace(run, now, TraceStep::Lost { term });
            return;
        }
        self.touch(run, false);
        self.kill(run, term, had_rows, now);
    }

    /// A run is ended by a row that must not come. `had_rows`: whether it had taken some before it.
    fn kill(&mut self, run: Slot, killer: usize, had_rows: bool, now: Timestamp) {
        let element = self.terms[killer].element;
        let held = *self.runs.get(run);
        let opens = self.shape.open_range(&held, usize::MAX).is_some();
        let terms = self.shape.elements[element].terms.clone();
        let has_silence = terms.clone().any(|t| self.silence[t].is_some());
        let is_lone = self.shape.is_sequence && terms.len() == 1;
        let is_first = element == 0 && !had_rows;
        if opens || !has_silence || is_lone || !is_first {
            self.trace(run, now, TraceStep::Prevented { term: killer });
            return self.end_early(run, usize::MAX, now);
        }
        if held.has_rows() {
            // By another side, the same row: another run begins with nothing of it.
            self.trace(run, now, TraceStep::Prevented { term: killer });
            let all = 0..self.shape.elements.len();
            self.open(&all, run, now);
            return self.end(run);
        }
        // It has taken nothing: its silence starts over.
        let held = self.runs.get_mut(run);
        (held.filled, held.dead) = (0, 0);
        for term in terms {
            self.end_silence_of(run, term);
            self.begin_silence_of(run, term, now);
        }
        self.trace(run, now, TraceStep::StartsOver { term: killer });
    }

    /// A run takes a row of a term.
    fn take(&mut self, run: Slot, term: usize, row: RowView<'_>, moment: Moment) {
        let element = self.terms[term].element;
        let first = self.shape.elements[element].terms.start;
        let held = *self.runs.get(run);
        if let Some(logic) = &self.shape.elements[element].logic
            && !logic.wants(term, self.shape.known(element, &held))
        {
            return;
        }
        let stays = element == 0 && self.stays_open(&held);
        let taker = match stays {
            true => match self.split(run) {
                Some(taker) => taker,
                None => return self.trace_refused(moment.at),
            },
            false => run,
        };
        let before = match stays {
            true => element..element,
            false => self.shape.waits(&held),
        };
        let is_logic = self.shape.elements[element].logic.is_some();
        let mut next = held;
        next.move_to(element);
        next.note_taken(element);
        match is_logic {
            true => next.filled |= Known::bit(first, term),
            false => next.count += 1,
        }
        let count = if is_logic { 1 } else { next.count };
        self.kept.take(taker, term, count, row, &mut self.faults);
        self.begin_parts(taker, element, moment.at);
        self.keep_by_key(taker);
        self.touch(taker, is_logic);
        self.trace_move(match stays {
            true => TraceStep::Begun { with: Some(term) },
            false => TraceStep::Took { term, count },
        });
        self.advance(taker, (held, next), before, moment);
    }

    /// Whether a run stands in front of the first element and stays there: another goes on with the row.
    pub(super) fn stays_open(&self, held: &Run) -> bool {
        self.shape.keeps_start && held.element() == 0 && held.count == 0
    }

    /// A run that goes on where another stays in front of the first element.
    pub(super) fn split(&mut self, from: Slot) -> Option<Slot> {
        let run = self.slot()?;
        self.kept.begin(run);
        self.kept.take_key(run, from);
        self.openings.open(run, None, &(0..1), &self.shape.every);
        *self.runs.get_mut(run) = *self.runs.get(from);
        Some(run)
    }

    /// Parts under WITHIN begin with their first row.
    fn begin_parts(&mut self, run: Slot, element: usize, at: Timestamp) {
        for number in 0..self.shape.within.len() {
            if self.shape.within[number].0.contains(&element) {
                self.begin_part(run, number, at);
            }
        }
    }

    /// A part under WITHIN begins, if it has not yet.
    #[inline]
    pub(super) fn begin_part(&mut self, run: Slot, number: usize, at: Timestamp) {
        let us = self.shape.within[number].1;
        if self.dues[number].due_of(run).is_none() {
            self.dues[number].insert(run, at.plus(us.saturating_add(1)), None);
        }
    }

    /// A run that waited for `waits` stands elsewhere, or has more there: it matches, opens ranges under EVERY, and
    /// waits for what follows.
    pub(super) fn advance(
        &mut self,
        run: Slot,
        (before, mut next): (Run, Run),
        waits: Range<usize>,
        moment: Moment,
    ) {
        if let Some(element) = self.shape.logical(&next)
            && let Some(logic) = &self.shape.elements[element].logic
        {
            let known = self.shape.known(element, &next);
            if next.element() == element && logic.is_fulfilled(known) {
                next.go_to(element + 1);
            }
        }
        *self.runs.get_mut(run) = next;
        self.trace_moved(run, moment.at);
        for place in 0..self.shape.every.len() {
            let range = self.shape.every[place].clone();
            let completes = |run| self.shape.opens_again(run, &range);
            if !completes(&next) || completes(&before) {
                continue;
            }
            if self.openings.complete(run, place) {
                let (first, end) = (range.start, range.end);
                self.trace(run, moment.at, TraceStep::Completed { first, end });
                if let Some(opened) = self.open(&range, run, moment.at) {
                    self.limit_silences(opened, place, moment.at);
                }
            }
        }
        for number in 0..self.shape.within.len() {
            let (range, _) = &self.shape.within[number];
            if self.shape.completes(&next, range) {
                self.dues[number].remove(run);
            }
        }
        if self.shape.is_complete(&next) {
            waits.for_each(|left| self.leave(run, left));
            return self.complete(run, before.reached, moment);
        }
        if before.element() != next.element() || before.count == 0 {
            self.wait_from_here(run, waits.clone(), moment.at);
        }
        self.wait_anew(run, waits, moment.at);
        self.note_age(run);
    }

    /// A run that waits for nothing more is a match.
    pub(super) fn complete(&mut self, run: Slot, reached: u64, moment: Moment) {
        self.runs.get_mut(run).go_to(self.shape.elements.len());
        self.matches.push(Match {
            run,
            reached,
            moment,
        });
    }

    pub(super) fn touch(&mut self, run: Slot, shares: bool) {
        self.touched[run as usize] = self.row * 2 + u64::from(shares);
    }
}

/// The slot of the key that a row asks for among the runs that wait for a term, if one has it; `apart`: the number of
/// its key in a partition.
fn key_of_row(
    keys: &mut [(Program, Program)],
    row: RowView<'_>,
    apart: Option<Slot>,
    waiting: &Chains,
    faults: &mut u64,
) -> Option<Slot> {
    let frame = RowFrame::of(row);
    let values = keys.iter_mut().map(|(k, _)| k.value(&frame, faults));
    let key: SmallVec<[Scalar<'_>; 4]> = apart.map(number).into_iter().chain(values).collect();
    let is_null = key.contains(&Scalar::Null);
    waiting.find_scalars(&key).filter(|_| !is_null)
}
