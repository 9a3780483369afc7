//! The panes of one granularity: the groups of each with their accumulators.
//!
//! How: all panes share accumulators by slot, and a slot is known by the numbers of its pane and its group, which are
//! one word. Of the pane that got the last rows the slots stand by group in an array, so that a row of it costs a look
//! there.

use super::super::group::{Grouping, Groups};
use super::super::{AggregateCall, Merged};
use crate::event::{CALENDAR, Granularity, Period, Scalar, Timestamp, Type, Zone, period};
use crate::state::{Cells, Malformed, Slot, Visitor};
use std::collections::BTreeMap;

/// A row that finds no slot.
pub(super) const NO_SLOT: Slot = Slot::MAX;

/// No pane.
const NO_PANE: u32 = u32::MAX;

/// What a granularity is to an aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelPlan {
    pub(crate) granularity: Granularity,
    /// How long a pane stays behind its end, in microseconds; none where all stay.
    pub(crate) retention_us: Option<i64>,
    /// The finer one, by its place, whose panes are merged into those of this one when they close; none where rows
    /// come to it themselves.
    pub(crate) from: Option<usize>,
}

impl LevelPlan {
    /// When a pane goes.
    pub(super) fn gone(&self, end: Timestamp) -> Option<Timestamp> {
        self.retention_us.map(|us| end.plus(us))
    }
}

/// A pane by its number.
#[derive(Debug)]
pub(super) struct LevelPane {
    pub(super) period: Period,
    /// The slots of its groups in the order of their first rows.
    pub(super) slots: Vec<Slot>,
}

/// The slots by group of the pane that got the last rows.
#[derive(Debug)]
struct Hot {
    pane: u32,
    /// What stands beside the slots that are of this pane.
    stamp: u32,
    slots: Vec<(u32, Slot)>,
}

/// The panes of one granularity.
pub(super) struct Level {
    pub(super) plan: LevelPlan,
    pub(super) groups: Groups,
    /// When a pane begins, by its number; none where there is no such pane.
    starts: Cells<Option<Timestamp>>,
    /// By number.
    panes: Vec<LevelPane>,
    /// The numbers by the end of the pane.
    by_end: BTreeMap<Timestamp, u32>,
    /// Numbers that are free.
    free: Vec<u32>,
    hot: Hot,
    /// The period that was asked for last.
    current: Period,
}

fn word(pane: u32, group: Slot) -> i64 {
    (u64::from(pane) << 32 | u64::from(group)) as i64
}

impl Level {
    pub(super) fn new(plan: LevelPlan, calls: &[AggregateCall]) -> Self {
        let grouping = Grouping {
            keys: Vec::new(),
            key_types: vec![Type::Long],
            calls: calls.iter().map(|c| (c.clone(), Vec::new())).collect(),
        };
        Level {
            plan,
            groups: Groups::new(&grouping),
            starts: Cells::default(),
            panes: Vec::new(),
            by_end: BTreeMap::new(),
            free: Vec::new(),
            hot: Hot {
                pane: NO_PANE,
                stamp: 0,
                slots: Vec::new(),
            },
            current: Period::NONE,
        }
    }

    /// The period in which an instant lies.
    #[inline]
    pub(super) fn period(&mut self, zone: &Zone, at: Timestamp) -> Period {
        if !self.current.contains(at) {
            self.current = period(self.plan.granularity, zone, at);
        }
        self.current
    }

    /// The panes that end after an instant, from the first to the last.
    pub(super) fn after(&self, at: Timestamp) -> impl Iterator<Item = (Period, u32)> {
        let later = (
            std::ops::Bound::Excluded(at),
            std::ops::Bound::Unbounded::<Timestamp>,
        );
        let all = self.by_end.range(later);
        all.map(|(_, pane)| (self.panes[*pane as usize].period, *pane))
    }

    /// The first pane.
    pub(super) fn first(&self) -> Option<(Period, u32)> {
        let pane = *self.by_end.first_key_value()?.1;
        Some((self.panes[pane as usize].period, pane))
    }

    /// The number of the pane of a period, if there is one.
    pub(super) fn find(&self, period: Period) -> Option<u32> {
        self.by_end.get(&period.end).copied()
    }

    /// The number of the pane of a period; makes it if need be.
    pub(super) fn pane(&mut self, period: Period) -> u32 {
        let is_hot = self.hot.pane != NO_PANE;
        if is_hot && self.panes[self.hot.pane as usize].period == period {
            return self.hot.pane;
        }
        self.find(period).unwrap_or_else(|| self.make(period))
    }

    #[cold]
    fn make(&mut self, period: Period) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.panes.push(LevelPane {
                period: Period::NONE,
                slots: Vec::new(),
            });
            self.panes.len() as u32 - 1
        });
        self.panes[number as usize].period = period;
        self.starts.ensure(self.panes.len());
        *self.starts.get_mut(number) = Some(period.start);
        self.by_end.insert(period.end, number);
        number
    }

    /// The slots of a pane.
    pub(super) fn slots(&self, pane: u32) -> &[Slot] {
        &self.panes[pane as usize].slots
    }

    /// When the pane of a slot begins.
    pub(super) fn start(&self, slot: Slot) -> Timestamp {
        let pane = self.groups.index.word(slot) >> 32;
        self.panes[pane as usize].period.start
    }

    /// The group of a slot.
    #[inline]
    pub(super) fn group(&self, slot: Slot) -> Slot {
        self.groups.index.word(slot) as Slot
    }

    /// The slot of a group in a pane, if it has one.
    #[inline]
    pub(super) fn slot(&self, pane: u32, group: Slot) -> Option<Slot> {
        let key = [Scalar::Long(word(pane, group))];
        self.groups.index.find_scalars(&key)
    }

    /// Leaves the slots of groups in a pane in `slots`. New ones are told to `made` with their groups, as long as there
    /// is room; returns how many found none, which have [`NO_SLOT`].
    pub(super) fn slots_of(
        &mut self,
        pane: u32,
        groups: &[Slot],
        room: &mut usize,
        slots: &mut Vec<Slot>,
        made: &mut Vec<Slot>,
    ) -> usize {
        if self.hot.pane != pane {
            self.heat(pane);
        }
        let mut refused = 0;
        slots.clear();
        slots.reserve(groups.len());
        for group in groups {
            let found = self.hot.slots.get(*group as usize);
            let slot = match found {
                Some((stamp, slot)) if *stamp == self.hot.stamp => *slot,
                _ => self.slot_or_make(pane, *group, room, made),
            };
            refused += usize::from(slot == NO_SLOT);
            slots.push(slot);
        }
        refused
    }

    fn heat(&mut self, pane: u32) {
        self.hot.pane = pane;
        self.hot.stamp = match self.hot.stamp.checked_add(1) {
            Some(stamp) => stamp,
            None => {
                self.hot.slots.clear();
                1
            }
        };
    }

    #[cold]
    fn slot_or_make(
        &mut self,
        pane: u32,
        group: Slot,
        room: &mut usize,
        made: &mut Vec<Slot>,
    ) -> Slot {
        let slot = match self.slot(pane, group) {
            Some(slot) => slot,
            None if *room == 0 => return NO_SLOT,
            None => {
                *room -= 1;
                made.push(group);
                let slot = self
                    .groups
                    .index
                    .slot_of(&[Scalar::Long(word(pane, group))]);
                self.groups.ensure();
                self.panes[pane as usize].slots.push(slot);
                slot
            }
        };
        let place = group as usize;
        if self.hot.slots.len() <= place {
            self.hot.slots.resize(place + 1, (0, NO_SLOT));
        }
        self.hot.slots[place] = (self.hot.stamp, slot);
        slot
    }

    /// Merges slots of a finer granularity into slots of this one, as many.
    pub(super) fn absorb(&mut self, finer: &Level, from: &[Slot], to: &[Slot]) {
        let merged = Merged {
            from: Some(from),
            to,
        };
        self.groups.absorb(&finer.groups, merged);
    }

    /// Forgets a pane; tells the groups that it had.
    pub(super) fn remove(&mut self, pane: u32, gone: &mut Vec<Slot>) {
        let LevelPane { period, slots } = &mut self.panes[pane as usize];
        self.by_end.remove(&period.end);
        *period = Period::NONE;
        for slot in slots.drain(..) {
            gone.push(self.groups.index.word(slot) as Slot);
            self.groups.remove(slot);
        }
        self.starts.reset(pane);
        self.free.push(pane);
        self.cool();
    }

    /// The array by group says nothing any more.
    fn cool(&mut self) {
        self.hot.pane = NO_PANE;
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.starts.clear();
        self.panes.clear();
        self.by_end.clear();
        self.free.clear();
        self.cool();
    }

    /// Forgets the groups for which `is_gone`, and panes that had no other; returns how many slots went.
    pub(super) fn forget(&mut self, is_gone: impl Fn(Slot) -> bool) -> usize {
        let mut count = 0;
        let panes: Vec<u32> = self.by_end.values().copied().collect();
        for pane in panes {
            let all = std::mem::take(&mut self.panes[pane as usize].slots);
            let (gone, kept): (Vec<Slot>, Vec<Slot>) =
                all.into_iter().partition(|slot| is_gone(self.group(*slot)));
            count += gone.len();
            gone.into_iter().for_each(|slot| self.groups.remove(slot));
            let is_empty = kept.is_empty();
            self.panes[pane as usize].slots = kept;
            if is_empty {
                self.remove(pane, &mut Vec::new());
            }
        }
        self.cool();
        count
    }

    /// Makes the panes of what was loaded. `is_group`: whether a group is known by this number.
    fn rebuild(&mut self, zone: &Zone, is_group: &dyn Fn(Slot) -> bool) -> Result<(), Malformed> {
        self.panes.clear();
        self.by_end.clear();
        self.free.clear();
        self.cool();
        for number in 0..self.starts.len() as u32 {
            let mut own = Period::NONE;
            match *self.starts.get(number) {
                None => self.free.push(number),
                Some(start) => {
                    if CALENDAR.contains(&start) {
                        own = period(self.plan.granularity, zone, start);
                    }
                    if own.start != start || self.by_end.insert(own.end, number).is_some() {
                        return Err(Malformed::new("a pane of an aggregation begins at no time"));
                    }
                }
            }
            self.panes.push(LevelPane {
                period: own,
                slots: Vec::new(),
            });
        }
        for slot in self.groups.index.held_slots() {
            let word = self.groups.index.word(slot);
            let pane = self.panes.get_mut((word >> 32) as usize);
            let pane = pane.filter(|pane| pane.period != Period::NONE);
            match pane.filter(|_| is_group(word as Slot) && !self.groups.index.is_null(slot)) {
                Some(pane) => pane.slots.push(slot),
                None => return Err(Malformed::new("a group of an aggregation has no pane")),
            }
        }
        Ok(())
    }

    /// Lists its state. `is_group`: whether a group is known by this number, once all is loaded.
    pub(super) fn visit(
        &mut self,
        visitor: &mut dyn Visitor,
        zone: &Zone,
        is_group: &dyn Fn(Slot) -> bool,
    ) {
        visitor.container("panes", &mut self.starts);
        self.groups.visit(visitor, self.plan.granularity.word());
        if visitor.is_loading()
            && let Err(why) = self.rebuild(zone, is_group)
        {
            visitor.fail(why);
            self.clear();
        }
    }
}
