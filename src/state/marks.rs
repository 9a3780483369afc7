//! Which slots of a container changed since the last cut, and which are still to be captured for it.
//!
//! Why: a checkpoint stops the workers only to swap two sets per container; what was written before is encoded
//! afterwards, slot by slot, while rows go on. A slot that is about to change before it was encoded hands its value
//! over first.
//! How: two sets of slots: written since the cut, and pending (written before the cut and not encoded yet); a slot is
//! in one of them at most. When a capture is complete nothing is pending, so at the next cut the two sets change places
//! and everything written becomes pending at once. Ranges that are captured whole (parts to be rebased) are scanned; a
//! slot of what is left of them that was not written since must be handed over like a pending one.
//! Cost: two bits per slot and the test of one of them per write; 4 bytes per slot written since the cut. A container
//! that is not tracked has no bits, and the test is the bounds check.
//! Source: the version shift of CPR (Prasaad et al., SIGMOD 2019) and of copy-on-write state tables, with two versions
//! because one epoch at a time is in flight.

use super::Slot;
use super::bits::Bits;
use std::ops::Range;

/// Containers up to this many slots are captured whole: a list of slots would save little.
const WHOLE_SLOTS_MAX: usize = 64;

/// What became of a container at a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CutMarks {
    /// All earlier content is void.
    pub(crate) cleared: bool,
    /// All slots are captured, as a base.
    pub(crate) whole: bool,
    /// Nothing was written; ranges to be rebased may be captured all the same.
    pub(crate) unchanged: bool,
}

/// Marks of one container.
#[derive(Debug, Default)]
pub struct Marks {
    /// The slots of `written`, as a set.
    now: Bits,
    /// The slots of `listed` that are pending, as a set.
    pending: Bits,
    tracked: bool,
    /// Written since the cut.
    written: Vec<Slot>,
    /// Written before the cut; kept until the epoch is settled.
    listed: Vec<Slot>,
    /// How many of `listed` have been taken.
    taken: usize,
    /// Ranges to be captured whole: what is left of them.
    scan: Vec<Range<Slot>>,
    /// No capture holds what was here before tracking began.
    whole: bool,
    /// All slots were forgotten since the cut.
    cleared: bool,
    capturing: bool,
    /// What the cut at hand found, to be given back if it fails.
    cut: CutMarks,
}

impl Marks {
    /// Begins to track a container of `slots` slots. Its next capture is whole, unless the last committed revision
    /// holds what it holds.
    pub(crate) fn track(&mut self, slots: usize, committed: bool) {
        *self = Marks {
            tracked: true,
            whole: !committed,
            cleared: !committed,
            ..Marks::default()
        };
        self.grow(slots);
    }

    /// Whether a slot must be touched before it is written.
    #[inline]
    pub(crate) fn is_untouched(&self, slot: Slot) -> bool {
        self.now.lacks(slot)
    }

    /// Whether any of these slots of a tracked container must be touched before it is written. Where all were since the
    /// cut, as those of a busy app with few groups soon are, none is looked at.
    #[inline]
    pub(crate) fn has_untouched(&self, slots: &[Slot]) -> bool {
        self.written.len() < self.now.len() && self.now.lacks_any(slots)
    }

    /// Whether any of these slots must be touched before it is written.
    #[inline]
    pub(crate) fn any_untouched(&self, slots: Range<usize>) -> bool {
        self.tracked && self.now.run(slots.clone(), true) < slots.len()
    }

    /// Notes that a slot is about to be written; true when its value must be handed over first.
    #[must_use]
    pub(crate) fn touch(&mut self, slot: Slot) -> bool {
        if self.now.has(slot) {
            return false;
        }
        let needed = self.capturing && (self.pending.has(slot) || self.is_to_scan(slot));
        self.pending.unset(slot);
        self.now.set(slot);
        self.written.push(slot);
        needed
    }

    /// [`Marks::touch`] of a range while no capture is under way: nothing is to be handed over.
    pub(crate) fn touch_all(&mut self, slots: Range<usize>) {
        debug_assert!(!self.capturing, "a capture may need what is written over");
        for slot in slots.start as Slot..slots.end as Slot {
            if self.now.lacks(slot) {
                self.now.set(slot);
                self.written.push(slot);
            }
        }
    }

    fn is_to_scan(&self, slot: Slot) -> bool {
        self.scan.iter().any(|range| range.contains(&slot))
    }

    /// Whether a capture under way still needs what a slot holds.
    pub(crate) fn is_needed(&self, slot: Slot) -> bool {
        self.capturing
            && self.is_untouched(slot)
            && (self.pending.has(slot) || self.is_to_scan(slot))
    }

    /// The container has `slots` slots now; new ones are clean.
    #[inline]
    pub(crate) fn grow(&mut self, slots: usize) {
        if self.tracked {
            self.now.grow(slots);
            self.pending.grow(slots);
        }
    }

    /// Whether a capture of this container is under way.
    pub(crate) fn is_capturing(&self) -> bool {
        self.capturing
    }

    /// Whether changes are tracked.
    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked
    }

    /// All slots that a capture under way still needs, to be handed over before they are forgotten.
    pub(crate) fn needed(&self) -> Vec<Slot> {
        if !self.capturing {
            return Vec::new();
        }
        let in_list = |slot: &Slot| self.pending.has(*slot) && !self.is_to_scan(*slot);
        let listed = self.listed[self.taken..].iter().copied().filter(in_list);
        let scanned = self.scan.iter().flat_map(Range::clone);
        let scanned = scanned.filter(|slot| self.now.lacks(*slot));
        listed.chain(scanned).collect()
    }

    /// All slots are forgotten. What [`Marks::needed`] answers must have been handed over.
    pub(crate) fn clear(&mut self) {
        self.now.clear();
        self.pending.clear();
        self.written.clear();
        self.taken = self.listed.len();
        self.scan.clear();
        self.cleared = true;
    }

    /// The next capture is whole.
    pub(crate) fn require_whole(&mut self) {
        self.whole = true;
    }

    /// Captures the container as it is now: what was written becomes pending. `rebase`: ranges to be captured whole,
    /// within `slots`.
    ///
    /// Panics in debug builds when the capture before is not complete.
    pub(crate) fn cut(&mut self, slots: usize, rebase: &[Range<Slot>]) -> CutMarks {
        debug_assert!(!self.capturing, "one capture at a time");
        std::mem::swap(&mut self.written, &mut self.listed);
        std::mem::swap(&mut self.now, &mut self.pending);
        self.written.clear();
        self.taken = 0;
        let many = self.listed.len() * 2 > slots;
        let small = slots <= WHOLE_SLOTS_MAX && !self.listed.is_empty();
        let whole = self.whole || (!self.listed.is_empty() && many) || small || self.cleared;
        self.scan.clear();
        if whole {
            self.taken = self.listed.len();
            self.scan.push(0..slots as Slot);
        } else {
            self.scan.extend(rebase.iter().cloned());
        }
        self.scan.retain(|range| !range.is_empty());
        self.capturing = self.taken < self.listed.len() || !self.scan.is_empty();
        self.cut = CutMarks {
            cleared: self.cleared,
            whole,
            unchanged: self.listed.is_empty() && !self.cleared && !whole,
        };
        self.whole = false;
        self.cleared = false;
        self.cut.clone()
    }

    /// Appends up to `max` pending slots and takes them as captured.
    pub(crate) fn take_pending(&mut self, max: usize, out: &mut Vec<Slot>) {
        let end = out.len() + max;
        while self.taken < self.listed.len() && out.len() < end {
            let slot = self.listed[self.taken];
            self.taken += 1;
            if self.pending.has(slot) && !self.is_to_scan(slot) {
                self.pending.unset(slot);
                out.push(slot);
            }
        }
    }

    /// The next run of at most `max` slots that are captured whole, and takes them as captured.
    pub(crate) fn take_run(&mut self, max: usize) -> Option<Range<Slot>> {
        loop {
            let range = self.scan.last_mut()?;
            let start = range.start as usize;
            let end = (range.end as usize).min(start + max);
            let run = self.now.run(start..end, false);
            self.pending.unset_range(start..start + run);
            // What was handed over is passed over.
            let over = self.now.run(start + run..end, true);
            range.start += (run + over) as Slot;
            if range.start >= range.end {
                self.scan.pop();
            }
            if run > 0 {
                return Some(start as Slot..(start + run) as Slot);
            }
        }
    }

    /// Ends the capture when nothing is left to take; returns whether it has ended.
    pub(crate) fn end_if_taken(&mut self) -> bool {
        if self.taken == self.listed.len() && self.scan.is_empty() {
            self.capturing = false;
        }
        !self.capturing
    }

    /// The epoch of the last cut is durable, or it failed and everything it held counts as written again.
    ///
    /// A failed capture may be incomplete.
    pub(crate) fn settle(&mut self, committed: bool) {
        if !committed {
            self.scan.clear();
            self.whole |= self.cut.whole;
            self.cleared |= self.cut.cleared;
            self.capturing = false;
            // A slot that is gone was forgotten with all others.
            let slots = self.now.len();
            for slot in self.listed.iter().filter(|s| (**s as usize) < slots) {
                self.pending.unset(*slot);
                if self.now.lacks(*slot) {
                    self.now.set(*slot);
                    self.written.push(*slot);
                }
            }
        }
        self.listed.clear();
        self.taken = 0;
        self.cut = CutMarks::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflux_kit::Random;

    /// Values by slot with marks, as a container has them.
    #[derive(Default)]
    struct Plain {
        marks: Marks,
        values: Vec<u32>,
        handed_over: Vec<(Slot, u32)>,
    }

    impl Plain {
        fn write(&mut self, slot: Slot, value: u32) {
            if self.values.len() <= slot as usize {
                self.values.resize(slot as usize + 1, 0);
                self.marks.grow(self.values.len());
            }
            if self.marks.is_untouched(slot) && self.marks.touch(slot) {
                self.handed_over.push((slot, self.values[slot as usize]));
            }
            self.values[slot as usize] = value;
        }

        fn clear(&mut self) {
            for slot in self.marks.needed() {
                self.handed_over.push((slot, self.values[slot as usize]));
            }
            self.marks.clear();
            self.values.clear();
        }

        /// One slice of a capture into `out`; whether that was all.
        fn capture(&mut self, out: &mut Vec<(Slot, u32)>) -> bool {
            out.append(&mut self.handed_over);
            let mut slots = Vec::new();
            self.marks.take_pending(3, &mut slots);
            slots.extend(self.marks.take_run(5).into_iter().flatten());
            out.extend(slots.iter().map(|s| (*s, self.values[*s as usize])));
            self.marks.end_if_taken()
        }
    }

    #[test]
    fn captures_hold_what_was_there_at_the_cut() {
        for seed in 1..60u64 {
            let mut source = Random::new(seed);
            let mut random = |n: u64| source.below(n);
            let mut plain = Plain::default();
            (0..random(90)).for_each(|slot| plain.write(slot as Slot, 7));
            plain.marks.track(plain.values.len(), false);
            let mut stored: Vec<u32> = Vec::new();
            for epoch in 0..40 {
                for _ in 0..random(60) {
                    plain.write(random(120) as Slot, random(1000) as u32);
                }
                if random(15) == 0 {
                    plain.clear();
                }
                let want = plain.values.clone();
                let from = random(want.len() as u64 + 1) as Slot;
                let to = (from + random(30) as Slot).min(want.len() as Slot);
                let rebase = from..to;
                let cut = plain.marks.cut(want.len(), std::slice::from_ref(&rebase));
                let mut captured = Vec::new();
                let mut complete = plain.marks.end_if_taken();
                while !complete {
                    for _ in 0..random(4) {
                        plain.write(random(130) as Slot, random(1000) as u32);
                    }
                    if random(60) == 0 {
                        plain.clear();
                    }
                    complete = plain.capture(&mut captured);
                }
                captured.append(&mut plain.handed_over);
                let fails = random(3) == 0;
                plain.marks.settle(!fails);
                if fails {
                    continue;
                }
                if cut.cleared {
                    stored.clear();
                }
                stored.resize(want.len(), 0);
                captured.iter().for_each(|(s, v)| stored[*s as usize] = *v);
                assert_eq!(stored, want, "seed {seed}, epoch {epoch}");
            }
        }
    }
}
