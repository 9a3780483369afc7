//! The groups of windows that overlap: a pane is taken in once, when the first window that holds it closes, and let go
//! behind the last one, instead of being merged for each of them.
//!
//! How: sums and counts of a pane are taken away again when it goes. What cannot be taken away but may be merged in any
//! order (the extremes, first and last) stands in two stacks. Those at the back are merged as they come; when none is
//! left at the front, all are turned over to it: merged from the newest to the oldest, and each pane keeps what its
//! groups had before it was merged, which comes back when it goes. What must be merged in the order of time is merged
//! anew for each window. The order of the groups is that of the panes: a window looks through them until all its groups
//! have appeared, which needs no look into an index.
//! Nothing here is state, as it follows from the panes that are open: after a restore all of them are taken in anew,
//! and also when a row has come into one that was taken in.
//! Cost: O(groups) for a pane that comes, for one that goes and for a window that closes, whatever the number of panes;
//! for what stands in stacks in the mean.
//! Source: two stacks after Tangwongsan et al., "General Incremental Sliding-Window Aggregation", VLDB 2015; what is
//! taken away, and what is not, after Shein et al., "SlickDeque", EDBT 2018. Differs: the front stack is one merge per
//! group and what undoes it, not one of all groups for each pane.

use super::group::{Columns, Grouping, Groups};
use super::pane::{PaneGroups, ReadColumns, Scratch, set_last};
use super::{Accumulator, Merged, Merging};
use crate::event::Column;
use crate::state::{Slot, SlotColumns};
use std::collections::VecDeque;

/// A pane that was taken in.
#[derive(Default)]
struct Taken {
    /// The group here of each of its groups.
    slots: Vec<Slot>,
    /// Of each pair of stacks, by group of the pane: what was at the front before the pane was merged.
    before: Vec<Box<dyn Accumulator>>,
}

/// An aggregate that stands in two stacks.
struct Stacks {
    /// Its place among the calls.
    call: usize,
    front: Box<dyn Accumulator>,
    back: Box<dyn Accumulator>,
}

/// The groups of a window that slides over panes.
pub(super) struct Overlap {
    groups: Groups,
    merging: Vec<Merging>,
    stacks: Vec<Stacks>,
    /// ReadColumns columns of the last row by slot.
    last: SlotColumns,
    /// In how many of the panes a group is, by slot.
    held: Vec<u32>,
    /// The window, by number, in which a group has appeared, by slot.
    appeared: Vec<u64>,
    windows: u64,
    /// The oldest panes that are open.
    taken: VecDeque<Taken>,
    /// How many of them, the oldest, are at the front of stacks.
    turned: usize,
    /// Panes that begin before it are taken in.
    until: i64,
    spare: Vec<Taken>,
    /// 0, 1, 2 and so on.
    numbers: Vec<Slot>,
}

impl Overlap {
    pub(super) fn new(grouping: &Grouping, read: &ReadColumns) -> Self {
        let groups = Groups::new(grouping);
        let merging: Vec<Merging> = groups.accumulators.iter().map(|a| a.merging()).collect();
        let stacked = (0..merging.len()).filter(|call| merging[*call] == Merging::AnyOrder);
        let stacks = stacked.map(|call| Stacks {
            call,
            front: grouping.calls[call].0.accumulator(),
            back: grouping.calls[call].0.accumulator(),
        });
        Overlap {
            stacks: stacks.collect(),
            groups,
            merging,
            last: SlotColumns::new(&read.types),
            held: Vec::new(),
            appeared: Vec::new(),
            windows: 0,
            taken: VecDeque::new(),
            turned: 0,
            until: i64::MIN,
            spare: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Forgets all panes: they are taken in anew.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        for stacks in &mut self.stacks {
            stacks.front.clear();
            stacks.back.clear();
        }
        self.last.clear();
        self.held.clear();
        self.appeared.clear();
        self.spare.extend(self.taken.drain(..));
        self.turned = 0;
        self.until = i64::MIN;
    }

    /// A row came into the pane that begins at a time.
    #[inline]
    pub(super) fn touch(&mut self, start: i64) {
        if start < self.until {
            self.clear();
        }
    }

    /// Brings the groups to what a window holds that ends at a time, and leaves them in `order` as they first appeared;
    /// `open` are the panes from its first one on.
    pub(super) fn show(
        &mut self,
        end: i64,
        open: &VecDeque<PaneGroups>,
        calls: &Grouping,
        read: &ReadColumns,
        s: &mut Scratch,
        order: &mut Vec<Slot>,
    ) {
        while let Some(pane) = open.get(self.taken.len()).filter(|pane| pane.start < end) {
            self.take_in(pane, calls, read, s);
        }
        self.until = end;
        self.merge(open);
        self.windows += 1;
        order.clear();
        for (taken, pane) in self.taken.iter().zip(open) {
            if order.len() == self.groups.index.len() {
                break;
            }
            let mut appear = |slot: Slot| {
                let appeared = &mut self.appeared[slot as usize];
                if *appeared != self.windows {
                    *appeared = self.windows;
                    order.push(slot);
                }
            };
            if !pane.record.is_disordered {
                taken.slots.iter().for_each(|slot| appear(*slot));
                continue;
            }
            pane.order(&mut s.slots);
            for slot in &s.slots {
                appear(taken.slots[*slot as usize]);
            }
        }
    }

    /// Appends the values of groups to `results`.
    pub(super) fn values(&self, slots: &[Slot], results: &mut [Column]) {
        self.groups.values_of(slots, results);
    }

    /// ReadColumns columns of the last row by slot.
    pub(super) fn last(&self) -> &[Column] {
        self.last.columns()
    }

    fn take_in(
        &mut self,
        pane: &PaneGroups,
        calls: &Grouping,
        read: &ReadColumns,
        s: &mut Scratch,
    ) {
        let mut taken = self.spare.pop().unwrap_or_else(|| Taken {
            slots: Vec::new(),
            before: (self.stacks.iter())
                .map(|stacks| calls.calls[stacks.call].0.accumulator())
                .collect(),
        });
        taken.slots.clear();
        s.fresh.clear();
        let count = pane.groups.index.slots();
        let keys = pane.keys.columns().iter().collect::<Columns<'_>>();
        let index = &mut self.groups.index;
        index.slots_of(&keys, count, &mut taken.slots, &mut s.fresh);
        let groups = index.slots();
        let (fresh, all) = ((s.fresh.as_slice(), None), (taken.slots.as_slice(), None));
        let from = pane.last.columns();
        set_last(&mut self.last, groups, read, fresh, all, |k| &from[k]);
        self.groups.ensure();
        self.held.resize(groups, 0);
        self.appeared.resize(groups, 0);
        let next = self.numbers.len() as Slot;
        self.numbers
            .extend(next..next.max(groups.max(count) as Slot));
        for slot in &taken.slots {
            self.held[*slot as usize] += 1;
        }
        let merged = Merged::all(&taken.slots);
        self.each_inverse(pane, |own, theirs| own.absorb(theirs, merged));
        for stacks in &mut self.stacks {
            stacks.front.ensure(groups);
            stacks.back.ensure(groups);
            let theirs = pane.groups.accumulators[stacks.call].as_ref();
            stacks.back.absorb(theirs, merged);
        }
        self.taken.push_back(taken);
    }

    /// Calls `act` with each accumulator from which others may be taken away, and that of a pane.
    fn each_inverse(
        &mut self,
        pane: &PaneGroups,
        act: impl Fn(&mut dyn Accumulator, &dyn Accumulator),
    ) {
        let theirs = &pane.groups.accumulators;
        let own = self.groups.accumulators.iter_mut().zip(theirs);
        for ((own, theirs), merging) in own.zip(&self.merging) {
            if *merging == Merging::Inverse {
                act(own.as_mut(), theirs.as_ref());
            }
        }
    }

    /// Merges what is not kept merged.
    fn merge(&mut self, open: &VecDeque<PaneGroups>) {
        let slots = self.groups.index.slots();
        for stacks in &self.stacks {
            let shown = &mut self.groups.accumulators[stacks.call];
            let merged = Merged::all(&self.numbers[..slots]);
            shown.clear();
            shown.ensure(slots);
            if self.turned > 0 {
                shown.absorb(stacks.front.as_ref(), merged);
            }
            if self.turned < self.taken.len() {
                shown.absorb(stacks.back.as_ref(), merged);
            }
        }
        for (call, merging) in self.merging.iter().enumerate() {
            if *merging == Merging::InOrder {
                let shown = &mut self.groups.accumulators[call];
                shown.clear();
                shown.ensure(slots);
                for (taken, pane) in self.taken.iter().zip(open) {
                    let merged = Merged::all(&taken.slots);
                    shown.absorb(pane.groups.accumulators[call].as_ref(), merged);
                }
            }
        }
    }

    /// Lets the first of the open panes go.
    pub(super) fn let_go(&mut self, open: &VecDeque<PaneGroups>) {
        if self.turned == 0 {
            self.turn(open);
        }
        let (Some(taken), Some(pane)) = (self.taken.pop_front(), open.front()) else {
            return;
        };
        self.turned = self.turned.saturating_sub(1);
        let merged = Merged::all(&taken.slots);
        self.each_inverse(pane, |own, theirs| own.expel(theirs, merged));
        for (stacks, before) in self.stacks.iter_mut().zip(&taken.before) {
            for slot in &taken.slots {
                stacks.front.reset(*slot);
            }
            stacks.front.absorb(before.as_ref(), merged);
        }
        for slot in &taken.slots {
            let held = &mut self.held[*slot as usize];
            *held -= 1;
            if *held == 0 {
                self.groups.remove(*slot);
            }
        }
        self.spare.push(taken);
    }

    /// Turns all panes over to the front of the stacks, which is empty.
    fn turn(&mut self, open: &VecDeque<PaneGroups>) {
        for (k, stacks) in self.stacks.iter_mut().enumerate() {
            for (taken, pane) in self.taken.iter_mut().zip(open).rev() {
                let count = taken.slots.len();
                let before = &mut taken.before[k];
                before.clear();
                before.ensure(count);
                let kept = Merged {
                    from: Some(&taken.slots),
                    to: &self.numbers[..count],
                };
                before.absorb(stacks.front.as_ref(), kept);
                let merged = Merged::all(&taken.slots);
                let theirs = pane.groups.accumulators[stacks.call].as_ref();
                stacks.front.absorb(theirs, merged);
            }
            stacks.back.clear();
            stacks.back.ensure(self.groups.index.slots());
        }
        self.turned = self.taken.len();
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::entering;
    use super::super::pane::{Found, LastRows};
    use super::super::{Aggregate, AggregateCall, Changes, Rows};
    use super::*;
    use crate::event::{Data, Timestamp, Type, Value};
    use eventflux_kit::Random;

    fn grouping() -> Grouping {
        let call = |(aggregate, ty): (Aggregate, Type)| {
            let call = AggregateCall {
                result: aggregate.result(&[ty]).expect("it takes numbers"),
                aggregate,
                args: vec![ty],
                rows: Rows::Displaced,
            };
            (call, Vec::new())
        };
        let calls = [
            (Aggregate::Count, Type::Long),
            (Aggregate::Sum, Type::Long),
            (Aggregate::Avg, Type::Double),
            (Aggregate::Sum, Type::Double),
            (Aggregate::Min, Type::Long),
            (Aggregate::Max, Type::Double),
            (Aggregate::StdDev, Type::Double),
            (Aggregate::First, Type::Long),
            (Aggregate::Last, Type::Double),
            (Aggregate::Median, Type::Long),
            (Aggregate::DistinctCount, Type::Long),
        ];
        Grouping {
            keys: Vec::new(),
            key_types: vec![Type::Long],
            calls: calls.into_iter().map(call).collect(),
        }
    }

    /// Some rows of random keys come into a pane; now and then an extreme number, so that a sum does not fit two
    /// doubles.
    fn fill(pane: &mut PaneGroups, grouping: &Grouping, read: &ReadColumns, random: &mut Random) {
        let count = random.below(6usize);
        let any = |random: &mut Random| match random.below(9u64) {
            0 => 1e300,
            1 => -1e300,
            2 => 1e-300,
            n => n as f64 / 10.0,
        };
        let doubles: Vec<f64> = (0..count).map(|_| any(random)).collect();
        let column = |random: &mut Random, below: i64| {
            let values = (0..count).map(|_| random.below(below));
            Column::from_data(Data::Long(values.collect()))
        };
        let (keys, longs) = (column(random, 7), column(random, 40));
        let doubles = Column::from_data(Data::Double(doubles));
        let times = (0..count).map(|_| Timestamp(pane.start * 100 + random.below(100i64)));
        let times: Vec<Timestamp> = times.collect();
        let (mut slots, mut fresh) = (Vec::new(), Vec::new());
        let index = &mut pane.groups.index;
        index.slots_of(&[&keys], count, &mut slots, &mut fresh);
        pane.groups.ensure();
        pane.set_keys(&fresh, [&keys]);
        let found = Found {
            slots: &slots,
            fresh: &fresh,
            times: &times,
            is_sorted: times.is_sorted(),
            rows: None,
        };
        pane.place(
            read,
            &[keys, longs.clone()],
            found,
            &mut LastRows::default(),
        );
        let changes = Changes {
            at: &times,
            ..entering(&slots)
        };
        for (accumulator, (call, _)) in pane.groups.accumulators.iter_mut().zip(&grouping.calls) {
            let arg = match call.args[0] {
                Type::Double => &doubles,
                _ => &longs,
            };
            accumulator.update(&changes, &[arg], None);
        }
    }

    /// What a window shows: of each group its read columns and its values.
    fn shown(
        overlap: &mut Overlap,
        end: i64,
        open: &VecDeque<PaneGroups>,
        calls: &Grouping,
        read: &ReadColumns,
    ) -> Vec<Vec<Value>> {
        let mut order = Vec::new();
        overlap.show(end, open, calls, read, &mut Scratch::default(), &mut order);
        let results = calls.calls.iter();
        let mut results: Vec<Column> = results.map(|(call, _)| Column::new(call.result)).collect();
        overlap.values(&order, &mut results);
        let row = |(row, slot): (usize, &Slot)| {
            let read = overlap.last().iter().map(|c| c.value(*slot as usize));
            read.chain(results.iter().map(|c| c.value(row))).collect()
        };
        order.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_window_that_slides_is_one_that_is_merged_anew() {
        let (calls, read) = (
            grouping(),
            ReadColumns {
                columns: vec![0, 1],
                types: vec![Type::Long, Type::Long],
                constant: vec![true, false],
            },
        );
        for seed in 1..40u64 {
            let mut random = Random::new(seed);
            let panes = 1 + random.below(9usize);
            let mut open: VecDeque<PaneGroups> = VecDeque::new();
            let mut overlap = Overlap::new(&calls, &read);
            for start in 0..60 {
                if random.below(5u64) > 0 {
                    let mut pane = PaneGroups::new(&calls, &read);
                    pane.start = start;
                    fill(&mut pane, &calls, &read, &mut random);
                    open.push_back(pane);
                }
                if random.below(8u64) == 0 && !open.is_empty() {
                    let late = random.below(open.len());
                    overlap.touch(open[late].start);
                    fill(&mut open[late], &calls, &read, &mut random);
                }
                let mut anew = Overlap::new(&calls, &read);
                let want = shown(&mut anew, start + 1, &open, &calls, &read);
                let got = shown(&mut overlap, start + 1, &open, &calls, &read);
                assert_eq!(
                    got, want,
                    "seed {seed}, {panes} panes, the window at {start}"
                );
                while open
                    .front()
                    .is_some_and(|p| p.start + panes as i64 <= start + 1)
                {
                    overlap.let_go(&open);
                    open.pop_front();
                }
            }
        }
    }
}
