//! Sequences: no row may come between, and one run waits in a place.
//!
//! A row of a stream that the sequence reads must be taken by a run, or the run is over; but while a run waits for
//! silence alone, only what breaks the silence ends it. Of several runs that come to wait for the same elements the one
//! that is further on stays, otherwise the older one; for silence alone the newer one, as it is the one that a row
//! before it has not ended.

use super::Pattern;
use super::automaton::{Logic, Run};
use super::trace::TraceStep;
use crate::event::Timestamp;
use crate::state::Slot;
use smallvec::SmallVec;
use std::cmp::Reverse;

impl Pattern {
    /// Ends the runs that did not take the row at hand.
    pub(super) fn break_runs(&mut self, now: Timestamp) {
        let mut broken: SmallVec<[Slot; 8]> = SmallVec::new();
        match &self.partition {
            Some(partition) => {
                let of_key = partition.runs_of(self.key);
                broken.extend(of_key.filter(|run| self.is_broken(*run)));
            }
            None => {
                let all = 0..self.runs.len() as Slot;
                broken.extend(all.filter(|run| self.is_broken(*run)));
            }
        }
        if broken.len() > 1 {
            broken.sort_unstable_by_key(|run| self.runs.get(*run).reached);
        }
        for run in broken {
            self.trace(run, now, TraceStep::Broken);
            // What stands before a range does not go on across the row that came between.
            self.end_early(run, 0, now);
        }
    }

    #[inline]
    fn is_broken(&self, run: Slot) -> bool {
        let is_touched = self.touched[run as usize] / 2 == self.row;
        self.runs.get(run).is_open() && !is_touched && !self.is_kept_open(run)
    }

    /// Whether a row that a run does not take leaves it as it is.
    fn is_kept_open(&self, run: Slot) -> bool {
        let held = self.runs.get(run);
        if self.shape.is_complete(held) {
            return true;
        }
        if !held.has_rows() && self.shape.waits(held).start == 0 && self.shape.begins_again() {
            return true;
        }
        self.shape.waits(held).all(|element| {
            let known = self.shape.known(element, held);
            let logic = self.shape.elements[element].logic.as_ref();
            logic.is_some_and(|logic| logic.waits_in_silence(known))
        })
    }

    /// Whether a run that stands in front of the first element lets the next row pass, as another takes rows there.
    #[inline]
    pub(super) fn closes_start(&self) -> bool {
        self.shape.is_sequence && self.has_other_start()
    }

    fn has_other_start(&self) -> bool {
        let element = &self.shape.elements[0];
        let first = element.terms.start;
        let waits = || match self.partition {
            Some(_) => self.waiting[first].count(self.key),
            None => self.waits[first],
        };
        element.logic.is_none() && waits() > 1
    }

    /// Leaves one run in each place.
    pub(super) fn claim_places(&mut self, now: Timestamp) {
        let mut open: SmallVec<[Slot; 8]> = SmallVec::new();
        match &self.partition {
            Some(partition) => {
                let of_key = partition.runs_of(self.key);
                open.extend(of_key.filter(|run| self.is_waiting(*run)));
            }
            None => {
                let all = 0..self.runs.len() as Slot;
                open.extend(all.filter(|run| self.is_waiting(*run)));
            }
        }
        if open.len() < 2 {
            return;
        }
        open.sort_by_key(|run| {
            let held = self.runs.get(*run);
            (Reverse(held.element()), held.reached)
        });
        let mut claimed: SmallVec<[Option<Slot>; 8]> = SmallVec::new();
        claimed.resize(self.shape.elements.len(), None);
        for run in open {
            let held = *self.runs.get(run);
            if self.stays_open(&held) {
                continue;
            }
            let element = self.shape.waits(&held).start;
            match claimed[element] {
                Some(other) if !self.gives_way(other, &held, element) => {
                    self.trace(run, now, TraceStep::GaveWay);
                    self.end_early(run, 0, now);
                }
                other => {
                    if let Some(other) = other {
                        self.trace(other, now, TraceStep::GaveWay);
                        self.end_early(other, 0, now);
                    }
                    claimed[element] = Some(run);
                }
            }
        }
    }

    fn is_waiting(&self, run: Slot) -> bool {
        let held = self.runs.get(run);
        held.is_open() && !self.shape.is_complete(held)
    }

    /// Whether a run that waits for silence leaves its place to one that came there later.
    fn gives_way(&self, run: Slot, to: &Run, element: usize) -> bool {
        let is_silence = matches!(self.shape.elements[element].logic, Some(Logic::Silent(_)));
        is_silence && self.runs.get(run).element() == to.element()
    }
}
