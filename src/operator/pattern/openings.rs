//! Which opening of a range under EVERY a run is in, where such a range holds others.
//!
//! Why: there, several runs may be in one opening: `EVERY (a -> EVERY b -> c)` has one for each b. The range opens
//! again when the first of them has completed it, and not once more for the others; or when the last of them has ended.
//! How: each opening has a number, which runs take over that begin with what others had; it is 0 once the range has
//! opened again. The runs of an opening stand in a ring, so that they are found without a look at any other; each is
//! taken out once. The numbers are state, the rings are made of them.

use crate::state::{Cells, Slot, StateHolder, Visitor};
use std::ops::Range;

/// By range under EVERY that holds others, the opening that a run is in.
pub(super) struct Openings {
    /// By place among the ranges.
    of: Vec<Option<OfRange>>,
    /// Some range holds others.
    are_kept: bool,
    opened: u64,
}

/// The openings of one range.
#[derive(Default)]
struct OfRange {
    /// By run, the number of its opening; 0 where it is in none, or the range has opened again.
    numbers: Cells<u64>,
    /// By run, its neighbours in the ring of its opening; itself where it is alone.
    ring: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: Slot,
    next: Slot,
}

impl OfRange {
    fn ensure(&mut self, slots: usize) {
        self.numbers.ensure(slots);
        let first = self.ring.len() as Slot;
        let alone = |run| Link {
            previous: run,
            next: run,
        };
        self.ring.extend((first..slots as Slot).map(alone));
    }

    /// A run that is in no opening joins that of another.
    fn join(&mut self, run: Slot, other: Slot) {
        let number = *self.numbers.get(other);
        *self.numbers.get_mut(run) = number;
        if number != 0 {
            let next = self.ring[other as usize].next;
            self.ring[run as usize] = Link {
                previous: other,
                next,
            };
            self.ring[other as usize].next = run;
            self.ring[next as usize].previous = run;
        }
    }

    /// Takes a run out of the ring that it is in.
    fn leave(&mut self, run: Slot) {
        let alone = Link {
            previous: run,
            next: run,
        };
        let Link { previous, next } = std::mem::replace(&mut self.ring[run as usize], alone);
        self.ring[previous as usize].next = next;
        self.ring[next as usize].previous = previous;
    }

    /// All runs of the opening of a run are in none from now on. Whether they were in one.
    fn close(&mut self, run: Slot) -> bool {
        if *self.numbers.get(run) == 0 {
            return false;
        }
        loop {
            let next = self.ring[run as usize].next;
            *self.numbers.get_mut(next) = 0;
            self.leave(next);
            if next == run {
                return true;
            }
        }
    }

    /// Makes the rings, after a load.
    fn rebuild(&mut self, slots: usize) {
        self.ring.clear();
        self.ensure(slots);
        let runs = 0..slots as Slot;
        let numbered = runs.map(|run| (*self.numbers.get(run), run));
        let mut numbered: Vec<(u64, Slot)> = numbered.filter(|(n, _)| *n != 0).collect();
        numbered.sort_unstable();
        for pair in numbered.windows(2) {
            if pair[0].0 == pair[1].0 {
                self.join(pair[1].1, pair[0].1);
            }
        }
    }
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
            .map(|range| holds_others(range).then(OfRange::default));
        Openings {
            of: of.collect(),
            are_kept: every.iter().any(holds_others),
            opened: 0,
        }
    }

    /// Whether a range under EVERY holds another.
    pub(super) fn are_kept(&self) -> bool {
        self.are_kept
    }

    /// Makes room for runs below `slots`.
    pub(super) fn ensure(&mut self, slots: usize) {
        self.of.iter_mut().flatten().for_each(|o| o.ensure(slots));
    }

    /// Makes what follows from what was loaded, for runs below `slots`.
    pub(super) fn rebuild(&mut self, slots: usize) {
        self.of.iter_mut().flatten().for_each(|o| o.rebuild(slots));
    }

    /// A run begins in front of a range, which opens with all inside it and behind it; the others are those of `from`.
    /// Without `from` all open.
    #[inline]
    pub(super) fn open(
        &mut self,
        run: Slot,
        from: Option<Slot>,
        range: &Range<usize>,
        every: &[Range<usize>],
    ) {
        if self.are_kept {
            self.open_each(run, from, range, every);
        }
    }

    fn open_each(
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
            match from {
                Some(from) if !is_inside && !is_behind => openings.join(run, from),
                _ => {
                    self.opened += 1;
                    *openings.numbers.get_mut(run) = self.opened;
                }
            }
        }
    }

    /// There is no such run, after a load.
    pub(super) fn forget(&mut self, run: Slot) {
        for of in self.of.iter_mut().flatten() {
            if of.numbers.find(run).is_some_and(|number| *number != 0) {
                of.numbers.reset(run);
            }
        }
    }

    /// A run has completed the range of this place. Returns whether this opens it again.
    pub(super) fn complete(&mut self, run: Slot, range: usize) -> bool {
        self.of[range].as_mut().is_none_or(|of| of.close(run))
    }

    /// Whether a run that ends is the last one in an opening of the range of this place that has not been completed.
    pub(super) fn is_last(&self, run: Slot, range: usize) -> bool {
        self.of[range].as_ref().is_none_or(|of| {
            let is_alone = of.ring[run as usize].next == run;
            is_alone && *of.numbers.get(run) != 0
        })
    }

    /// A run is over.
    #[inline]
    pub(super) fn end(&mut self, run: Slot) {
        if self.are_kept {
            self.leave_each(run);
        }
    }

    fn leave_each(&mut self, run: Slot) {
        for of in self.of.iter_mut().flatten() {
            of.leave(run);
            of.numbers.reset(run);
        }
    }
}

impl StateHolder for Openings {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for of in self.of.iter_mut().flatten() {
            visitor.container("openings", &mut of.numbers);
        }
        visitor.register(&mut self.opened);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux_kit::Random;

    /// Runs of `EVERY (a -> EVERY b -> c)`, beside a scan over all of them.
    #[test]
    fn the_runs_of_an_opening_are_those_of_a_scan() {
        let every = [1..2, 0..3];
        let mut random = Random::new(11);
        let mut openings = Openings::new(&every);
        openings.ensure(30);
        let mut model = [0u64; 30];
        let mut opened = 0;
        let mut open: Vec<Slot> = Vec::new();
        for step in 0..20_000 {
            let run = random.below(30) as Slot;
            let alike = |of: &[u64; 30], run: Slot| {
                let number = of[run as usize];
                (0..30).filter(|r| of[*r] == number).count()
            };
            if !open.contains(&run) {
                let from = (!open.is_empty()).then(|| *random.pick(&open));
                let inner = from.filter(|_| random.chance(70));
                let range = if inner.is_some() { 1..2 } else { 0..3 };
                openings.open(run, from, &range, &every);
                opened += u64::from(inner.is_none());
                model[run as usize] = inner.map_or(opened, |from| model[from as usize]);
                open.push(run);
            } else if random.chance(30) {
                let number = model[run as usize];
                assert_eq!(openings.complete(run, 1), number != 0, "step {step}");
                model
                    .iter_mut()
                    .filter(|n| **n == number)
                    .for_each(|n| *n = 0);
            } else {
                let is_last = model[run as usize] != 0 && alike(&model, run) == 1;
                assert_eq!(openings.is_last(run, 1), is_last, "step {step}");
                openings.end(run);
                model[run as usize] = 0;
                open.retain(|r| *r != run);
            }
            if step % 100 == 0 {
                openings.rebuild(30);
            }
            assert!(openings.complete(run, 0), "the range inside is always open");
        }
    }
}
