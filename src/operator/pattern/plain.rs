//! The short way of a run through an element that takes one row and cannot be left out.
//!
//! Why: such elements are most of all that is written, and what a row does there is known from the start: which element
//! is left, which times begin or end, what opens again, and for what the run waits next. Told by [`Plain`], a row costs
//! what it writes; by the general way ([`super::offer`]) it costs three times as many instructions, most of them to
//! find that nothing else is the case.
//! Where: in patterns, not in sequences, while nobody traces; behind elements of the same kind; where no range under
//! EVERY holds another. What it does is what the general way does.

use super::Pattern;
use super::automaton::{Run, Shape};
use crate::event::RowView;
use crate::operator::Moment;
use crate::state::Slot;
use std::ops::Range;

/// What a row does that an element takes.
#[derive(Debug)]
pub(super) struct Plain {
    /// Another run begins, and the one that waits stays.
    begins: bool,
    /// Ranges under WITHIN that begin with it, by their numbers.
    within: Vec<usize>,
    /// Ranges under WITHIN that are complete with it.
    ended: Vec<usize>,
    /// Ranges under EVERY that open again.
    opens: Vec<usize>,
    /// The elements for which the run waits then; none where it is complete.
    waits: Range<usize>,
}

impl Plain {
    /// By element, what its row does where that is known.
    pub(super) fn of(shape: &Shape, has_openings: bool) -> Vec<Option<Box<Plain>>> {
        let elements = 0..shape.elements.len();
        let is_general = shape.is_sequence || has_openings;
        elements
            .map(|element| match is_general {
                true => None,
                false => Plain::at(shape, element).map(Box::new),
            })
            .collect()
    }

    fn at(shape: &Shape, element: usize) -> Option<Plain> {
        let takes_one = |e: usize| {
            let of = &shape.elements[e];
            of.logic.is_none() && (of.min, of.max) == (1, 1)
        };
        if !takes_one(element) || element.checked_sub(1).is_some_and(|e| !takes_one(e)) {
            return None;
        }
        let before = Run::before(element, None);
        let mut run = before;
        run.count = 1;
        let within = 0..shape.within.len();
        let completes = |range: &Range<usize>| shape.completes(&run, range);
        let every = 0..shape.every.len();
        Some(Plain {
            begins: element == 0 && shape.keeps_start,
            within: within
                .clone()
                .filter(|w| shape.within[*w].0.contains(&element))
                .collect(),
            ended: within.filter(|w| completes(&shape.within[*w].0)).collect(),
            opens: every
                .filter(|e| completes(&shape.every[*e]))
                .filter(|e| !shape.completes(&before, &shape.every[*e]))
                .collect(),
            waits: match shape.is_complete(&run) {
                true => element..element,
                false => shape.waits(&run),
            },
        })
    }
}

impl Pattern {
    /// A run takes a row in an element whose [`Plain`] stands at that place, by its one term.
    pub(super) fn take_one(&mut self, run: Slot, term: usize, row: RowView<'_>, moment: Moment) {
        let element = self.terms[term].element;
        let Some(plain) = self.plain[element].take() else {
            return;
        };
        let taker = match plain.begins {
            true => self.split(run),
            false => {
                self.leave_term(run, term);
                self.waits[term] -= 1;
                Some(run)
            }
        };
        if let Some(taker) = taker {
            self.go_on(taker, term, row, moment, &plain);
        }
        self.plain[element] = Some(plain);
    }

    #[inline]
    fn go_on(&mut self, run: Slot, term: usize, row: RowView<'_>, moment: Moment, plain: &Plain) {
        let element = self.terms[term].element;
        let held = self.runs.get_mut(run);
        let reached = held.reached;
        if held.element() != element {
            held.go_to(element);
        }
        held.count = 1;
        held.note_taken(element);
        let held = *held;
        self.kept.take(run, term, 1, row, &mut self.faults);
        self.touch(run, false);
        for number in &plain.within {
            self.begin_part(run, *number, moment.at);
        }
        self.keep_by_key(run);
        for place in &plain.opens {
            let range = self.shape.every[*place].clone();
            self.open(&range, run, moment.at);
        }
        for number in &plain.ended {
            self.dues[*number].remove(run);
        }
        if plain.waits.is_empty() {
            debug_assert!(self.shape.is_complete(&held), "it waits for nothing else");
            return self.complete(run, reached, moment);
        }
        self.reach(run, plain.waits.clone(), moment.at);
    }
}
