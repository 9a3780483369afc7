//! A pattern as data: elements in a row, the terms for which they take rows, and the ranges of EVERY and WITHIN.
//!
//! A run stands at one element, where it has taken some rows; so it is a few words, and all that it may do next follows
//! from them and from this. It is satisfied where it has taken enough. Then it waits for rows of the elements behind
//! it, too, up to the first one that cannot be left out: whichever a row fits goes on from there.
//! Source of the idea: automata whose states are data and whose conditions are asked by index, as in SASE (Wu, Diao,
//! Rizvi, SIGMOD 2006) and CORE (Bucchi et al., PVLDB 2022).

use crate::expr::Program;
use crate::operator::{RangePlan, words_cell};
use std::ops::Range;

/// What must come at a place of a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// How many rows it takes; one of a logical element.
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// AND, OR and NOT of it.
    pub(crate) logic: Option<Logic>,
    /// Its terms, by their numbers.
    pub(crate) terms: Range<usize>,
}

/// Terms joined by AND and OR.
#[derive(Clone, Debug)]
pub(crate) enum Logic {
    /// A row of it must come.
    Present(usize),
    /// No row of it may come before the element is complete.
    Absent(usize),
    /// No row of it may come for some time.
    Silent(usize),
    And(Vec<Logic>),
    Or(Vec<Logic>),
}

/// For which rows a term waits.
pub(crate) struct Term {
    pub(crate) element: usize,
    /// It must not come.
    pub(crate) absent: bool,
    /// For how long it must not come, in microseconds.
    pub(crate) silence_us: Option<i64>,
    /// Over the row alone.
    pub(crate) own: Option<Program>,
    /// What is equal: over the row, and over what a run keeps.
    pub(crate) keys: Vec<(Program, Program)>,
    /// Over what a run keeps, beside it the row and its time.
    pub(crate) residual: Option<Program>,
    /// What the residual says of a value that a run keeps.
    pub(crate) range: Option<RangePlan>,
}

impl Term {
    /// Whether what its residual says of a run is known without columns.
    pub(crate) fn goes_by_value(&self) -> bool {
        self.residual.as_ref().is_some_and(Program::goes_by_value)
    }
}

/// What does not change while a pattern runs.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) elements: Vec<Element>,
    /// The ranges under EVERY, inner ones before those around them; but for the first element alone, where a run stays.
    pub(crate) every: Vec<Range<usize>>,
    /// A run always stands in front of the first element: EVERY stands there, and one row completes it.
    pub(crate) keeps_start: bool,
    /// The ranges under WITHIN, and its microseconds.
    pub(crate) within: Vec<(Range<usize>, i64)>,
    /// No row may come between.
    pub(crate) is_sequence: bool,
    /// A match ends all other runs of its key.
    pub(crate) skips_past: bool,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// One more than its element; 0 where there is no run.
    place: u8,
    /// The elements that have taken rows, a bit for each.
    taken: u32,
    /// Rows taken there.
    pub(crate) count: u32,
    /// Of the terms of the logical element for which it waits, a bit for each that is fulfilled.
    pub(crate) filled: u32,
    /// And for each that cannot be fulfilled any more.
    pub(crate) dead: u32,
    /// How many runs had begun to wait before it began to wait where it does.
    pub(crate) reached: u64,
}

words_cell!(
    Run,
    "run of a pattern",
    3,
    |r| [
        u64::from(r.taken) << 32 | u64::from(r.count),
        u64::from(r.filled) << 32 | u64::from(r.dead),
        u64::from(r.place) << 56 | r.reached,
    ],
    |w| Some(Run {
        place: (w[2] >> 56) as u8,
        taken: (w[0] >> 32) as u32,
        count: w[0] as u32,
        filled: (w[1] >> 32) as u32,
        dead: w[1] as u32,
        reached: w[2] & ((1 << 56) - 1),
    })
);

/// The bits of the elements before one.
fn before(element: usize) -> u32 {
    1u32.checked_shl(element as u32)
        .map_or(u32::MAX, |bit| bit - 1)
}

impl Run {
    /// A run that stands in front of an element, with what another has of those before.
    pub(crate) fn before(element: usize, from: Option<&Run>) -> Self {
        Run {
            place: element as u8 + 1,
            taken: from.map_or(0, |run| run.taken & before(element)),
            ..Run::default()
        }
    }

    /// It takes a row in an element.
    pub(crate) fn note_taken(&mut self, element: usize) {
        self.taken |= 1 << element;
    }

    /// Whether it has taken rows in some of these elements.
    pub(crate) fn has_taken(&self, elements: Range<usize>) -> bool {
        self.taken & before(elements.end) & !before(elements.start) != 0
    }

    /// Whether it has taken a row. It may have come through silence to where it stands.
    #[inline]
    pub(crate) fn has_rows(&self) -> bool {
        self.taken != 0
    }

    /// The first element from this one on that took a row; behind all of them where none has.
    pub(crate) fn first_taken(&self, from: usize) -> usize {
        (self.taken & !before(from)).trailing_zeros() as usize
    }

    /// Whether there is a run.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.place > 0
    }

    /// The element where it stands; behind the last one where that was logical and is complete.
    #[inline]
    pub(crate) fn element(&self) -> usize {
        (self.place as usize).wrapping_sub(1)
    }

    /// Moves it in front of an element, with nothing that it had of a logical one.
    pub(crate) fn go_to(&mut self, element: usize) {
        self.place = element as u8 + 1;
        (self.count, self.filled, self.dead) = (0, 0, 0);
    }

    /// It goes to an element, if it is not there yet, on its way to the logical one for which it waits.
    pub(crate) fn move_to(&mut self, element: usize) {
        if self.element() != element {
            self.place = element as u8 + 1;
            self.count = 0;
        }
    }
}

impl Shape {
    /// Whether a run has taken enough where it stands.
    #[inline]
    fn is_satisfied(&self, run: &Run) -> bool {
        match self.elements.get(run.element()) {
            // A logical element is left when it is complete.
            Some(element) => element.logic.is_none() && run.count >= element.min,
            None => true,
        }
    }

    fn is_optional(&self, elements: Range<usize>) -> bool {
        self.elements[elements].iter().all(|e| e.min == 0)
    }

    /// Whether a run has all that a range asks for.
    #[inline]
    pub(crate) fn completes(&self, run: &Run, range: &Range<usize>) -> bool {
        let at = run.element();
        if at >= range.end {
            return true;
        }
        at >= range.start && self.is_satisfied(run) && self.is_optional(at + 1..range.end)
    }

    /// Whether a run has completed a range under EVERY, so that it opens again. In a sequence it does not while the run
    /// still takes rows at its beginning: two would wait in one place.
    pub(crate) fn opens_again(&self, run: &Run, range: &Range<usize>) -> bool {
        let at_start = self.is_sequence && run.element() == range.start;
        let collects = at_start && run.count < self.elements[range.start].max;
        self.completes(run, range) && (!collects || self.is_complete(run))
    }

    /// Whether EVERY stands on what the pattern begins with.
    pub(crate) fn begins_again(&self) -> bool {
        self.keeps_start || self.every.iter().any(|range| range.start == 0)
    }

    /// Whether a run is a match.
    #[inline]
    pub(crate) fn is_complete(&self, run: &Run) -> bool {
        self.completes(run, &(0..self.elements.len()))
    }

    /// What a run knows of the terms of the logical element for which it waits.
    pub(crate) fn known(&self, element: usize, run: &Run) -> Known {
        Known {
            first: self.elements[element].terms.start,
            filled: run.filled,
            dead: run.dead,
        }
    }

    /// The elements for whose rows a run waits.
    pub(crate) fn waits(&self, run: &Run) -> Range<usize> {
        let at = run.element();
        let Some(element) = self.elements.get(at) else {
            return at..at;
        };
        if !self.is_satisfied(run) {
            return at..at + 1;
        }
        let first = at + usize::from(run.count >= element.max);
        let behind = self.elements[at + 1..].iter();
        let skipped = behind.take_while(|e| e.min == 0).count();
        first..(at + 2 + skipped).min(self.elements.len())
    }

    /// The innermost range under EVERY in which a run is, that it has not completed and that begins at `latest` or
    /// before: its place among them.
    pub(crate) fn open_range(&self, run: &Run, latest: usize) -> Option<usize> {
        let reaches = self.waits(run).end;
        self.every.iter().position(|range| {
            range.start <= latest && range.start < reaches && !self.opens_again(run, range)
        })
    }

    /// The logical element for which a run waits.
    pub(crate) fn logical(&self, run: &Run) -> Option<usize> {
        let mut waits = self.waits(run);
        waits.find(|e| self.elements[*e].logic.is_some())
    }
}

/// What is known of the terms of a logical element.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// The number of its first term.
    pub(crate) first: usize,
    pub(crate) filled: u32,
    pub(crate) dead: u32,
}

impl Known {
    /// The bit of a term.
    #[inline]
    pub(crate) fn bit(first: usize, term: usize) -> u32 {
        1 << (term - first)
    }

    fn has(self, bits: u32, term: usize) -> bool {
        bits & Known::bit(self.first, term) != 0
    }
}

impl Logic {
    /// Whether the element is complete.
    pub(crate) fn is_fulfilled(&self, known: Known) -> bool {
        match self {
            Logic::Present(term) | Logic::Silent(term) => known.has(known.filled, *term),
            Logic::Absent(term) => !known.has(known.dead, *term),
            Logic::And(sides) => sides.iter().all(|s| s.is_fulfilled(known)),
            Logic::Or(sides) => sides.iter().any(|s| s.is_fulfilled(known)),
        }
    }

    /// Whether it cannot become complete any more.
    pub(crate) fn is_dead(&self, known: Known) -> bool {
        match self {
            Logic::Present(term) | Logic::Silent(term) | Logic::Absent(term) => {
                known.has(known.dead, *term)
            }
            Logic::And(sides) => sides.iter().any(|s| s.is_dead(known)),
            Logic::Or(sides) => sides.iter().all(|s| s.is_dead(known)),
        }
    }

    /// Whether a row of a term, or its silence, still matters.
    pub(crate) fn wants(&self, term: usize, known: Known) -> bool {
        match self {
            Logic::Present(own) | Logic::Silent(own) => {
                *own == term && !known.has(known.filled | known.dead, term)
            }
            Logic::Absent(own) => *own == term && !known.has(known.dead, term),
            Logic::And(sides) => !self.is_dead(known) && sides.iter().any(|s| s.wants(term, known)),
            Logic::Or(sides) => {
                !self.is_fulfilled(known) && sides.iter().any(|s| s.wants(term, known))
            }
        }
    }

    /// Whether nothing but silence is waited for.
    pub(crate) fn waits_in_silence(&self, known: Known) -> bool {
        match self {
            Logic::Present(term) => known.has(known.filled | known.dead, *term),
            Logic::Silent(_) => true,
            Logic::Absent(_) => true,
            // An OR of which a side is fulfilled waits for nothing.
            Logic::Or(_) if self.is_fulfilled(known) => true,
            Logic::And(sides) | Logic::Or(sides) => sides.iter().all(|s| s.waits_in_silence(known)),
        }
    }
}
