//! How runs begin, wait, and end.

use super::Pattern;
use super::automaton::Run;
use super::partition::number;
use super::trace::TraceStep;
use crate::event::{Column, RowView, Scalar, Timestamp};
use crate::expr::{Frame, Program};
use crate::state::{Chains, Slot};
use smallvec::SmallVec;
use std::ops::Range;

impl Pattern {
    /// A slot for a run, of the key at hand; none where there are too many.
    pub(super) fn slot(&mut self) -> Option<Slot> {
        if self.runs.len() - self.free.len() >= self.bound.slots_max() {
            self.bound.exceed("runs are open");
            self.refused += 1;
            return None;
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slots = self.runs.len();
                self.make_room(slots + 1);
                slots as Slot
            }
        };
        if let Some(partition) = &mut self.partition {
            partition.began(self.key, slot);
        }
        Some(slot)
    }

    /// Opens the run that stands in front of all; in a partition with the key of a row, in this of its columns, and it
    /// may take that row. False where there are too many.
    pub(super) fn open_first(&mut self, key: Option<(RowView<'_>, usize)>, now: Timestamp) -> bool {
        let Some(run) = self.slot() else {
            self.trace_refused(now);
            return false;
        };
        self.kept.begin(run);
        if let Some((row, column)) = key {
            self.kept.set_key(run, row, column);
        }
        *self.runs.get_mut(run) = Run::before(0, None);
        let all = 0..self.shape.elements.len();
        self.begin_to_wait(run, &all, None, now);
        true
    }

    /// Opens a run in front of a range of elements, with what another has of those before; none where there are too
    /// many.
    pub(super) fn open(
        &mut self,
        range: &Range<usize>,
        from: Slot,
        now: Timestamp,
    ) -> Option<Slot> {
        let Some(run) = self.slot() else {
            self.trace_refused(now);
            return None;
        };
        let element = range.start;
        match element {
            0 => self.kept.begin(run),
            _ => {
                self.kept.begin_as(run, from, element, &self.shape);
                self.begin_parts_as(run, from, element);
            }
        }
        self.kept.take_key(run, from);
        self.touch(run, false);
        *self.runs.get_mut(run) = Run::before(element, Some(self.runs.get(from)));
        self.begin_to_wait(run, range, Some(from), now);
        Some(run)
    }

    /// A run stands in front of a range of elements.
    #[inline]
    fn begin_to_wait(
        &mut self,
        run: Slot,
        range: &Range<usize>,
        from: Option<Slot>,
        now: Timestamp,
    ) {
        let element = range.start;
        self.openings.open(run, from, range, &self.shape.every);
        if element > 0 {
            self.keep_by_key(run);
        }
        self.wait_anew(run, element..element, now);
        self.trace(run, now, TraceStep::Begun { with: None });
    }

    /// What is bounded by time since before `element` is so for a run that takes over from another.
    pub(super) fn begin_parts_as(&mut self, run: Slot, from: Slot, element: usize) {
        let held = *self.runs.get(from);
        for (number, (range, _)) in self.shape.within.iter().enumerate() {
            let due = self.dues[number].due_of(from);
            if let Some(due) = due.filter(|_| held.has_taken(range.start..element)) {
                self.dues[number].insert(run, due, Some(from));
            }
        }
    }

    /// A run that stood for `before` comes to wait for something else.
    pub(super) fn wait_anew(&mut self, run: Slot, before: Range<usize>, now: Timestamp) {
        let waits = self.shape.waits(self.runs.get(run));
        for element in before.clone().filter(|e| !waits.contains(e)) {
            self.leave(run, element);
        }
        // A run waits for elements in a row, and never for one before those that it waited for.
        let new = before.end.max(waits.start)..waits.end;
        if !new.is_empty() {
            self.reach(run, new, now);
        }
    }

    /// A run comes to wait for elements.
    #[inline]
    pub(super) fn reach(&mut self, run: Slot, elements: Range<usize>, now: Timestamp) {
        self.reached += 1;
        self.runs.get_mut(run).reached = self.reached;
        self.note_age(run);
        let of = &self.shape.elements;
        // Terms are numbered element by element.
        let terms = of[elements.start].terms.start..of[elements.end - 1].terms.end;
        for term in terms {
            self.wait_for_term(run, term);
            self.waits[term] += 1;
            self.begin_silence_of(run, term, now);
        }
    }

    /// A run has moved and waits still for some of these elements: their keys may be those of what it took meanwhile,
    /// and their silence begins behind that.
    pub(super) fn wait_from_here(&mut self, run: Slot, before: Range<usize>, now: Timestamp) {
        let held = *self.runs.get(run);
        let waits = self.shape.waits(&held);
        for element in before.filter(|e| waits.contains(e) && *e != held.element()) {
            for term in self.shape.elements[element].terms.clone() {
                if !self.terms[term].keys.is_empty() || self.ordered[term].is_some() {
                    self.leave_term(run, term);
                    self.wait_for_term(run, term);
                }
                if let Some(list) = self.silence[term]
                    && self.dues[list].due_of(run).is_some()
                {
                    self.end_silence_of(run, term);
                    self.begin_silence_of(run, term, now);
                }
            }
        }
    }

    /// A run waits no more for an element.
    pub(super) fn leave(&mut self, run: Slot, element: usize) {
        for term in self.shape.elements[element].terms.clone() {
            self.leave_term(run, term);
            self.waits[term] -= 1;
            self.end_silence_of(run, term);
        }
    }

    /// Takes a run from those that wait for rows of a term.
    #[inline]
    pub(super) fn leave_term(&mut self, run: Slot, term: usize) {
        let waiting = &mut self.waiting[term];
        if let Some(ordered) = &mut self.ordered[term]
            && let Some(key) = waiting.key_of(run)
        {
            ordered.removed(key, run, waiting.count(key) - 1);
        }
        waiting.remove(run);
    }

    /// A run waits for the terms of elements.
    pub(super) fn wait_for(&mut self, run: Slot, elements: Range<usize>) {
        for element in elements {
            for term in self.shape.elements[element].terms.clone() {
                self.wait_for_term(run, term);
                self.waits[term] += 1;
            }
        }
    }

    /// Puts a run beside those that wait for rows of a term with the same key.
    pub(super) fn wait_for_term(&mut self, run: Slot, term: usize) {
        let apart = self.partition.as_ref().map(|_| self.key);
        let waiting = &mut self.waiting[term];
        let kept = self.kept.columns();
        let key = match (apart, self.terms[term].keys.as_mut_slice()) {
            (None, [(_, of_run)]) if let Some(column) = of_run.as_column() => {
                waiting.slot_of_scalars(&[kept[column].scalar(run as usize)])
            }
            (apart, []) => {
                let key = apart.unwrap_or(0);
                waiting.ensure_keys(key as usize + 1);
                key
            }
            (apart, keys) => key_of_run(keys, (kept, run), apart, waiting),
        };
        waiting.push(key, run);
        if let Some(ordered) = &mut self.ordered[term] {
            ordered.pushed(key, run, waiting, self.kept.columns());
        }
    }

    /// Silence of a term begins, if it is to be silent.
    #[inline]
    pub(super) fn begin_silence_of(&mut self, run: Slot, term: usize, now: Timestamp) {
        if let (Some(list), Some(us)) = (self.silence[term], self.terms[term].silence_us) {
            self.dues[list].insert(run, now.plus(us), None);
        }
    }

    /// Silence of a term is waited for no more.
    #[inline]
    pub(super) fn end_silence_of(&mut self, run: Slot, term: usize) {
        if let Some(list) = self.silence[term] {
            self.dues[list].remove(run);
        }
    }

    /// A run is over: nothing of it stays.
    pub(super) fn end(&mut self, run: Slot) {
        for element in self.shape.waits(self.runs.get(run)) {
            self.leave(run, element);
        }
        let (states, rests) = self.dues.split_at_mut(self.states);
        let within = &mut states[..self.shape.within.len()];
        within.iter_mut().for_each(|list| list.remove(run));
        rests.iter_mut().for_each(|list| list.remove(run));
        if let Some(by_key) = &mut self.by_key {
            by_key.remove(run);
        }
        if let Some(ages) = &mut self.ages {
            ages.remove(run);
        }
        if let Some(partition) = &mut self.partition {
            partition.ended(run);
        }
        self.openings.end(run);
        self.kept.end(run);
        self.runs.reset(run);
        self.free.push(run);
    }

    /// A run cannot match any more. A range under EVERY in which it was opens again, if it begins at `latest` or
    /// before: what was taken before it is still good.
    pub(super) fn end_early(&mut self, run: Slot, latest: usize, now: Timestamp) {
        let held = *self.runs.get(run);
        let again = self.shape.open_range(&held, latest);
        if let Some(place) = again
            && self.openings.is_last(run, place)
        {
            let range = self.shape.every[place].clone();
            self.open(&range, run, now);
        }
        self.end(run);
    }

    /// Puts a run that has taken a row beside those of its key, if it is not there yet.
    #[inline]
    pub(super) fn keep_by_key(&mut self, run: Slot) {
        if self.by_key.is_some() {
            self.put_by_key(run);
        }
    }

    #[inline(never)]
    fn put_by_key(&mut self, run: Slot) {
        let Some(by_key) = &mut self.by_key else {
            return;
        };
        if by_key.key_of(run).is_some() {
            return;
        }
        let columns = self.kept.columns();
        let apart = self.partition.as_ref().map(|_| number(self.key));
        let apart_by = self.apart_by.iter();
        let key = apart_by.map(|c| columns[*c].scalar(run as usize));
        let key: SmallVec<[Scalar<'_>; 4]> = apart.into_iter().chain(key).collect();
        let key = by_key.slot_of_scalars(&key);
        by_key.push(key, run);
    }
}

/// The slot of the key that a run has among those that wait for a term; `apart`: the number of its key in a partition.
fn key_of_run(
    keys: &mut [(Program, Program)],
    (kept, run): (&[Column], Slot),
    apart: Option<Slot>,
    waiting: &mut Chains,
) -> Slot {
    let frame = Frame {
        input: kept,
        rows: Some(&[run]),
        len: 1,
        ..Frame::default()
    };
    let values = keys.iter_mut().map(|(_, of_run)| match of_run.as_column() {
        Some(column) => kept[column].scalar(run as usize),
        None => of_run.eval(&frame, &mut 0).scalar(0),
    });
    let key: SmallVec<[Scalar<'_>; 4]> = apart.map(number).into_iter().chain(values).collect();
    waiting.slot_of_scalars(&key)
}
