//! Matches go out, and what is due is done.

use super::automaton::Known;
use super::due::DueList;
use super::trace::TraceStep;
use super::{Pattern, Timeout};
use crate::event::{Batch, Column, RowSet, Sign, Timestamp};
use crate::operator::{Moment, Out};
use crate::state::Slot;

/// A run that is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) run: Slot,
    /// When it began to wait for its last element.
    pub(super) reached: u64,
    pub(super) moment: Moment,
}

impl Pattern {
    /// What one row or timer has done is complete.
    #[inline]
    pub(super) fn settle(&mut self, now: Timestamp, to: &mut Batch) {
        if self.shape.is_sequence {
            self.claim_places(now);
        }
        if !self.matches.is_empty() {
            self.emit(to);
        }
        self.drop_oldest(now);
    }

    /// Puts out the runs that one row or timer has completed, in the order in which they reached their last element.
    fn emit(&mut self, to: &mut Batch) {
        let mut matches = std::mem::take(&mut self.matches);
        if matches.len() > 1 {
            matches.sort_by_key(|m| m.reached);
        }
        for found in &matches {
            // A match before it may have ended it.
            let held = self.runs.get(found.run);
            if !held.is_open() || !self.shape.is_complete(held) {
                continue;
            }
            to.push_moment(found.moment, Sign::Plus);
            for (to, from) in to.columns.iter_mut().zip(self.kept.columns()) {
                to.push_from(from, found.run as usize);
            }
            self.trace(found.run, found.moment.at, TraceStep::Matched);
            if self.by_key.is_some() {
                self.end_others(found.run, found.moment.at);
            }
            self.end(found.run);
        }
        matches.clear();
        self.matches = matches;
    }

    /// A match ends all other runs of its key.
    #[inline(never)]
    fn end_others(&mut self, run: Slot, now: Timestamp) {
        let Some(by_key) = &self.by_key else { return };
        let Some(key) = by_key.key_of(run) else {
            return;
        };
        let mut others = std::mem::take(&mut self.scratch.found);
        others.clear();
        // One that has taken nothing begins behind the match in any case.
        let has_taken = |other: &Slot| self.runs.get(*other).has_rows();
        others.extend(
            by_key
                .rows(key)
                .filter(|other| *other != run && has_taken(other)),
        );
        others.sort_unstable_by_key(|other| self.runs.get(*other).reached);
        for other in others.drain(..) {
            self.trace(other, now, TraceStep::Skipped);
            // What stands before a range does not go on.
            let latest = self.runs.get(other).first_taken(0);
            self.end_early(other, latest, now);
        }
        self.scratch.found = others;
    }

    /// Does what is due at or before `now`, one after the other.
    pub(super) fn fire(&mut self, now: Timestamp, cause: u64, to: &mut Batch) {
        if !self.is_due(now) {
            return;
        }
        self.begin_step(now);
        while let Some((due, number, run)) = self.next_due(now) {
            self.row += 1;
            self.turn_to(run);
            self.dues[number].remove(run);
            match number {
                _ if number < self.shape.within.len() => self.end_in_time(run, number, due, cause),
                _ if number < self.states => self.be_silent(run, number, Moment::timer(due, cause)),
                _ => self.wake(run, due),
            }
            self.settle(due, to);
        }
    }

    /// Whether something is due at or before `now`.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let mut first = self.dues.iter().filter_map(DueList::first);
        first.any(|(due, _)| due <= now)
    }

    /// What is due first, at or before `now`; of what is due together ends come first, then silences, those of the last
    /// element first, and of one element in the order in which the runs came there.
    #[inline]
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<(Timestamp, usize, Slot)> {
        let mut next: Option<((Timestamp, usize, u64), usize, Slot)> = None;
        for (number, rank) in &self.due_order {
            let (list, runs) = (&mut self.dues[*number], &self.runs);
            if list.first().is_none_or(|(due, _)| due > now) {
                continue;
            }
            list.put_first_in_order(|run| runs.get(run).reached);
            let Some((due, run)) = list.first() else {
                continue;
            };
            let turn = (due, *rank, self.runs.get(run).reached);
            if next.is_none_or(|(earliest, ..)| turn < earliest) {
                next = Some((turn, *number, run));
            }
        }
        next.map(|((due, ..), number, run)| (due, number, run))
    }

    /// WITHIN ends a run.
    fn end_in_time(&mut self, run: Slot, number: usize, due: Timestamp, cause: u64) {
        let range = &self.shape.within[number].0;
        // It began with the first row that the range took: before that there was nothing that could grow old.
        let latest = self.runs.get(run).first_taken(range.start);
        if range.len() == self.shape.elements.len() {
            self.tell_end(run, due, cause);
        }
        self.trace(run, due.plus(-1), TraceStep::OutOfTime { within: number });
        self.end_early(run, latest, due);
    }

    /// Tells of a run that the WITHIN of the whole has ended, at the last moment at which it could have matched.
    fn tell_end(&mut self, run: Slot, due: Timestamp, cause: u64) {
        let Some(Timeout { outputs, run: row }) = &mut self.timeout else {
            return;
        };
        row.clear();
        let moment = Moment {
            at: due.plus(-1),
            ..Moment::timer(due, cause)
        };
        row.push_moment(moment, Sign::Plus);
        for (to, from) in row.columns.iter_mut().zip(self.kept.columns()) {
            to.push_from(from, run as usize);
        }
        let ended = &mut self.ended;
        if ended.columns.is_empty() {
            *ended = Batch {
                tracks_clock: row.tracks_clock,
                tracks_cause: row.tracks_cause,
                columns: outputs.iter().map(|o| Column::new(o.type_of())).collect(),
                ..Batch::default()
            };
        }
        ended.push_moment(moment, Sign::Plus);
        for (program, to) in outputs.iter_mut().zip(&mut ended.columns) {
            program.eval_into(&row.frame(), &mut self.faults, to);
        }
    }

    /// Gives the rows of runs that WITHIN has ended to their stream.
    pub(super) fn put_aside(&mut self, out: &mut Out) {
        if self.ended.is_empty() {
            return;
        }
        if let Some(aside) = out.aside() {
            aside.append(&self.ended, &RowSet::All);
        }
        self.ended.clear();
    }

    /// Silence has lasted long enough.
    fn be_silent(&mut self, run: Slot, number: usize, moment: Moment) {
        let term = self.silence.iter().position(|s| *s == Some(number));
        let Some(term) = term else { return };
        let element = self.terms[term].element;
        let first = self.shape.elements[element].terms.start;
        let before = *self.runs.get(run);
        let mut next = before;
        next.filled |= Known::bit(first, term);
        let known = self.shape.known(element, &next);
        let logic = self.shape.elements[element].logic.as_ref();
        if !logic.is_some_and(|l| l.is_fulfilled(known)) {
            self.runs.get_mut(run).filled = next.filled;
            return self.trace(run, moment.at, TraceStep::Silent { term });
        }
        self.trace_move(TraceStep::Silent { term });
        let waits = self.shape.waits(&before);
        next.move_to(element);
        self.note_silence(term, moment.at);
        self.advance(run, (before, next), waits, moment);
        self.end_silence();
    }
}
