//! When something is due for runs, all of them after the same time: the first one first.
//!
//! Why not a heap: what is due after the same time is due in the order in which it began, so a doubly linked list keeps
//! the order at O(1) for each that begins and ends, however many there are; and one that ends early leaves nothing.
//! A run that takes over the beginning of another stands beside it. The times are state, the list is made of them.

use crate::event::Timestamp;
use crate::operator::words_cell;
use crate::state::{Cells, Slot, StateHolder, Visitor};

/// No run.
const NONE: Slot = Slot::MAX;

/// When something is due for a run, in microseconds; the smallest number where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due(i64);

impl Default for Due {
    fn default() -> Self {
        Due(i64::MIN)
    }
}

words_cell!(Due, "due time", 1, |d| [d.0 as u64], |w| Some(Due(
    w[0] as i64
)));

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: Slot,
    next: Slot,
}

const UNLINKED: Link = Link {
    previous: NONE,
    next: NONE,
};

/// Runs by when they are due.
#[derive(Debug)]
pub(super) struct DueList {
    due: Cells<Due>,
    links: Vec<Link>,
    first: Slot,
    last: Slot,
    len: usize,
    /// Those that are due at this time stand in order.
    ordered: Due,
}

impl Default for DueList {
    fn default() -> Self {
        DueList {
            due: Cells::default(),
            links: Vec::new(),
            first: NONE,
            last: NONE,
            len: 0,
            ordered: Due::default(),
        }
    }
}

impl DueList {
    /// Makes room for runs below `slots`.
    pub(super) fn ensure(&mut self, slots: usize) {
        self.due.ensure(slots);
        if self.links.len() < slots {
            self.links.resize(slots, UNLINKED);
        }
    }

    /// Adds a run, behind all that are due at the same time or before. O(1) where none is due later, and where `beside`
    /// is due at the same time.
    pub(super) fn insert(&mut self, run: Slot, due: Timestamp, beside: Option<Slot>) {
        debug_assert_eq!(self.due_of(run), None, "a run is due once");
        let beside = beside.filter(|b| self.due_of(*b) == Some(due));
        let mut before = beside.unwrap_or(self.last);
        while before != NONE && self.due.get(before).0 > due.0 {
            before = self.links[before as usize].previous;
        }
        let next = match before {
            NONE => std::mem::replace(&mut self.first, run),
            before => std::mem::replace(&mut self.links[before as usize].next, run),
        };
        match next {
            NONE => self.last = run,
            next => self.links[next as usize].previous = run,
        }
        self.links[run as usize] = Link {
            previous: before,
            next,
        };
        self.due.get_mut(run).0 = due.0;
        self.len += 1;
    }

    /// Takes a run out, if it is in.
    #[inline]
    pub(super) fn remove(&mut self, run: Slot) {
        if self.due_of(run).is_some() {
            self.take_out(run);
        }
    }

    fn take_out(&mut self, run: Slot) {
        let link = std::mem::replace(&mut self.links[run as usize], UNLINKED);
        match link.previous {
            NONE => self.first = link.next,
            previous => self.links[previous as usize].next = link.next,
        }
        match link.next {
            NONE => self.last = link.previous,
            next => self.links[next as usize].previous = link.previous,
        }
        self.due.reset(run);
        self.len -= 1;
    }

    /// How many runs are in.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// When a run is due, if it is in.
    #[inline]
    pub(super) fn due_of(&self, run: Slot) -> Option<Timestamp> {
        let due = self.due.find(run)?;
        (*due != Due::default()).then_some(Timestamp(due.0))
    }

    /// The run that is due first, and when.
    #[inline]
    pub(super) fn first(&self) -> Option<(Timestamp, Slot)> {
        let due = self.due.find(self.first)?;
        Some((Timestamp(due.0), self.first))
    }

    /// Puts those that are due first, all at one time, in this order, once: the order in which they began is forgotten
    /// when they are loaded.
    #[inline]
    pub(super) fn put_first_in_order(&mut self, order: impl Fn(Slot) -> u64) {
        let Some(due) = self.due.find(self.first).copied() else {
            return;
        };
        let next = self.links[self.first as usize].next;
        let is_tied = |next: Slot| self.due.find(next) == Some(&due);
        if due != self.ordered && is_tied(next) {
            self.put_in_order(due, order);
        }
    }

    #[cold]
    fn put_in_order(&mut self, due: Due, order: impl Fn(Slot) -> u64) {
        self.ordered = due;
        let mut tied = Vec::new();
        let mut behind = self.first;
        while self.due.find(behind) == Some(&due) {
            tied.push((order(behind), behind));
            behind = self.links[behind as usize].next;
        }
        if tied.is_sorted() {
            return;
        }
        tied.sort_unstable();
        let mut previous = NONE;
        for (_, run) in tied {
            match previous {
                NONE => self.first = run,
                previous => self.links[previous as usize].next = run,
            }
            self.links[run as usize].previous = previous;
            previous = run;
        }
        self.links[previous as usize].next = behind;
        match behind {
            NONE => self.last = previous,
            behind => self.links[behind as usize].previous = previous,
        }
    }

    /// Lists what is due again, after it was loaded; `order` tells which of two comes first that are due together.
    pub(super) fn rebuild(&mut self, slots: usize, order: impl Fn(Slot) -> u64) {
        self.ensure(slots);
        (self.first, self.last) = (NONE, NONE);
        self.ordered = Due::default();
        self.links.fill(UNLINKED);
        let all = 0..self.due.len() as Slot;
        let mut in_it: Vec<(i64, u64, Slot)> = all
            .filter(|run| self.due_of(*run).is_some())
            .map(|run| (self.due.get(run).0, order(run), run))
            .collect();
        in_it.sort_unstable();
        self.len = in_it.len();
        for (_, _, run) in in_it {
            self.links[run as usize].previous = self.last;
            match self.last {
                NONE => self.first = run,
                last => self.links[last as usize].next = run,
            }
            self.last = run;
        }
    }

    /// Forgets what is due for a run that there is not, after a load.
    pub(super) fn forget(&mut self, run: Slot) {
        if self.due_of(run).is_some() {
            self.due.reset(run);
        }
    }
}

impl StateHolder for DueList {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("due times", &mut self.due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux_kit::Random;

    #[test]
    fn the_order_is_that_of_a_sorted_list() {
        let mut random = Random::new(7);
        let mut list = DueList::default();
        list.ensure(40);
        let mut model: Vec<(i64, Slot)> = Vec::new();
        for step in 0..5_000i64 {
            let run = random.below(40) as Slot;
            match model.iter().position(|(_, r)| *r == run) {
                Some(place) => {
                    assert_eq!(list.due_of(run), Some(Timestamp(model[place].0)));
                    model.remove(place);
                    list.remove(run);
                }
                None => {
                    let due = step + random.below(5) as i64;
                    let place = model.partition_point(|(d, _)| *d <= due);
                    model.insert(place, (due, run));
                    list.insert(run, Timestamp(due), None);
                }
            }
            let first = model.first().map(|(due, run)| (Timestamp(*due), *run));
            assert_eq!(list.first(), first, "step {step}");
        }
    }

    #[test]
    fn those_that_are_due_together_are_put_in_order() {
        let mut list = DueList::default();
        list.ensure(10);
        for (run, due) in [(7, 1), (3, 5), (2, 5), (9, 5), (1, 6)] {
            list.insert(run, Timestamp(due), None);
        }
        let mut order = Vec::new();
        list.put_first_in_order(u64::from);
        while let Some((_, run)) = list.first() {
            order.push(run);
            list.remove(run);
            list.put_first_in_order(u64::from);
        }
        assert_eq!(order, [7, 2, 3, 9, 1]);
    }

    #[test]
    fn one_that_takes_over_a_beginning_stands_beside_it() {
        let mut list = DueList::default();
        list.ensure(10);
        for run in 0..4 {
            list.insert(run, Timestamp(i64::from(run)), None);
        }
        list.insert(9, Timestamp(1), Some(1));
        let mut order = Vec::new();
        while let Some((_, run)) = list.first() {
            order.push(run);
            list.remove(run);
        }
        assert_eq!(order, [0, 1, 9, 2, 3]);
    }
}
