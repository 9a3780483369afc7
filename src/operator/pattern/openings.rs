//! Which opening of a range under EVERY a run is in, where such a range holds others.
//!
//! Why: there, several runs may be in one opening: `EVERY (a -> EVERY b -> c)` has one for each b. The range opens
//! again when the first of them has completed it, and not once more for the others; or when the last of them has ended.
//! How: each opening has a number, which runs take over that begin with what others had; it is 0 once the range has
//! opened again. Whoever is in an opening is found by looking at all runs, in a partition at those of the key: such
//! patterns are rare.

use crate::state::{Cells, Slot, StateHolder, Visitor};
use std::ops::Range;

/// By range under EVERY that holds others, the opening that a run is in.
pub(super) struct Openings {
    /// By place among the ranges.
    of: Vec<Option<Cells<u64>>>,
    opened: u64,
}

impl Openings {
    pub(super) fn new(every: &[Range<usize>]) -> Self {
        let holds_others = |range: &Range<usize>| {
            let inner =
                |r: &Range<usize>| r != range && r.start >= range.start && r.end <= range.end;
            every.iter().any(inner)
        };
        let of = every
            .iter()
            .map(|range| holds_others(range).then(Cells::default));
        Openings {
            of: of.collect(),
            opened: 0,
        }
    }

    /// Whether a range under EVERY holds another.
    pub(super) fn are_kept(&self) -> bool {
        self.of.iter().any(Option::is_some)
    }

    /// Makes room for runs below `slots`.
    pub(super) fn ensure(&mut self, slots: usize) {
        self.of.iter_mut().flatten().for_each(|o| o.ensure(slots));
    }

    /// A run begins in front of a range, which opens with all inside it and behind it; the others are those of `from`.
    /// Without `from` all open.
    pub(super) fn open(
        &mut self,
        run: Slot,
        from: Option<Slot>,
        range: &Range<usize>,
        every: &[Range<usize>],
    ) {
        for (own, openings) in every.iter().zip(&mut self.of) {
            let Some(openings) = openings else { continue };
            let is_inside = own.start >= range.start && own.end <= range.end;
            let is_behind = own.start >= range.end;
            *openings.get_mut(run) = match from {
                Some(from) if !is_inside && !is_behind => *openings.get(from),
                _ => {
                    self.opened += 1;
                    self.opened
                }
            };
        }
    }

    /// A run has completed a range. Returns whether this opens it again. `all`: the runs of its key.
    pub(super) fn complete(
        &mut self,
        run: Slot,
        range: &Range<usize>,
        every: &[Range<usize>],
        all: impl Iterator<Item = Slot>,
    ) -> bool {
        let Some(openings) = self.of_range(range, every) else {
            return true;
        };
        let number = *openings.get(run);
        for other in all {
            if number != 0 && *openings.get(other) == number {
                *openings.get_mut(other) = 0;
            }
        }
        number != 0
    }

    /// Whether a run that ends is the last one in an opening that has not been completed. `all`: the runs of its key.
    pub(super) fn is_last(
        &mut self,
        run: Slot,
        range: &Range<usize>,
        every: &[Range<usize>],
        all: impl Iterator<Item = Slot>,
    ) -> bool {
        let Some(openings) = self.of_range(range, every) else {
            return true;
        };
        let number = *openings.get(run);
        let mut others = all.filter(|other| *other != run);
        number != 0 && !others.any(|other| *openings.get(other) == number)
    }

    fn of_range(
        &mut self,
        range: &Range<usize>,
        every: &[Range<usize>],
    ) -> Option<&mut Cells<u64>> {
        let place = every.iter().position(|r| r == range)?;
        self.of[place].as_mut()
    }

    /// A run is over.
    pub(super) fn end(&mut self, run: Slot) {
        self.of.iter_mut().flatten().for_each(|o| o.reset(run));
    }
}

impl StateHolder for Openings {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for openings in self.of.iter_mut().flatten() {
            visitor.container("openings", openings);
        }
        visitor.register(&mut self.opened);
    }
}
