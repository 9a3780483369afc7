//! Incremental aggregations: what rows add up to, by periods of several granularities.
//!
//! How: a row is added to the open pane of the finest granularity alone; a pane that closes is merged into that of the
//! next coarser one, so a row costs one update however many granularities there are. A row that comes for a pane that
//! is closed is added to it, and to the coarser ones up to the first that is open. A question merges what is open into
//! what it reads (`read.rs`). Panes go when their time is over. Aggregates go by the times of rows, and sums are exact,
//! so it makes no difference in which order rows came and panes were merged.
//! Cost: a look-up of the group, one in an array and an update per row; a merge per group, pane and granularity.
//! Differs from Siddhi: a row that is late goes into its own pane, and not into the one that is open.

mod level;
mod operator;
mod read;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use level::LevelPlan;
pub(crate) use operator::{RollupAggregate, RollupCalls};
pub(crate) use read::{Ask, RollupView};

use super::group::{Columns, entering};
use super::{AggregateCall, Changes};
use crate::event::{Period, Timestamp, Type, Zone};
use crate::expr::{Frame, Program};
use crate::state::{KeyIndex, Slot, SlotColumns};
use level::{Level, NO_SLOT};

/// Groups of all panes of an aggregation on a worker: with a count and a sum each takes some 100 bytes.
pub(crate) const AGGREGATION_PANES_MAX: usize = 50_000_000;

/// What an aggregation is made of.
#[derive(Clone)]
pub(crate) struct RollupShape {
    /// Types of the columns by which it groups.
    pub(crate) key_types: Vec<Type>,
    pub(crate) calls: Vec<AggregateCall>,
    /// From the finest to the coarsest.
    pub(crate) levels: Vec<LevelPlan>,
    pub(crate) zone: Zone,
}

/// What an aggregation holds.
pub(crate) struct Rollup {
    shape: RollupShape,
    /// The groups of all panes.
    keys: KeyIndex,
    /// Their columns.
    key_columns: SlotColumns,
    /// In how many panes each is.
    uses: Vec<u32>,
    levels: Vec<Level>,
    /// Panes that end at or before this are closed.
    clock: Timestamp,
    /// When something closes or goes next.
    due: Timestamp,
    /// Groups of all panes.
    held: usize,
    held_max: usize,
    /// Rows or groups that found no room.
    full: u64,
    /// Groups of panes that went.
    purged: u64,
    faults: u64,
    /// What a question reads and is not merged yet.
    open: Level,
    scratch: Scratch,
}

/// Memory that a call uses and the next one uses again.
#[derive(Default)]
struct Scratch {
    groups: Vec<Slot>,
    fresh: Vec<(Slot, u32)>,
    slots: Vec<Slot>,
    made: Vec<Slot>,
    rows: Vec<u32>,
    from: Vec<Slot>,
    times: Vec<Timestamp>,
}

/// Rows of one pane of the finest granularity.
struct FinestRows<'a> {
    frame: Frame<'a>,
    times: &'a [Timestamp],
}

/// What became of the rows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    /// The panes of their time have gone.
    Late,
}

impl Rollup {
    pub(crate) fn new(shape: &RollupShape) -> Self {
        let levels = shape.levels.iter();
        Rollup {
            keys: KeyIndex::new(&shape.key_types),
            key_columns: SlotColumns::new(&shape.key_types),
            uses: Vec::new(),
            levels: levels.map(|l| Level::new(*l, &shape.calls)).collect(),
            clock: Timestamp::MIN,
            due: Timestamp(i64::MAX),
            held: 0,
            held_max: AGGREGATION_PANES_MAX,
            full: 0,
            purged: 0,
            faults: 0,
            open: Level::new(shape.levels[0], &shape.calls),
            scratch: Scratch::default(),
            shape: shape.clone(),
        }
    }

    /// The clock has reached `now`: closes panes that end, and drops those whose time is over.
    fn advance(&mut self, now: Timestamp) {
        if now <= self.clock {
            return;
        }
        if self.due <= now {
            for level in 0..self.levels.len() {
                self.close_panes(level, now);
            }
            for level in 0..self.levels.len() {
                self.drop_panes(level, now);
            }
        }
        self.clock = now;
        if self.due <= now {
            self.find_due();
        }
    }

    /// Merges the panes of a granularity that close into those of the coarser ones that are made of them.
    fn close_panes(&mut self, level: usize, now: Timestamp) {
        let later = self.levels[level].after(self.clock);
        let closing: Vec<(Period, u32)> = later.take_while(|(p, _)| p.end <= now).collect();
        if closing.is_empty() {
            return;
        }
        for coarser in level + 1..self.levels.len() {
            if self.shape.levels[coarser].from == Some(level) {
                for (period, pane) in &closing {
                    self.merge(level, *pane, coarser, *period);
                }
            }
        }
    }

    /// Merges a pane into that of a coarser granularity.
    fn merge(&mut self, level: usize, pane: u32, coarser: usize, period: Period) {
        let (finer, rest) = self.levels.split_at_mut(coarser);
        let (finer, coarser) = (&finer[level], &mut rest[0]);
        let target = coarser.period(&self.shape.zone, period.start);
        let s = &mut self.scratch;
        s.groups.clear();
        s.from.clear();
        s.made.clear();
        s.from.extend_from_slice(finer.slots(pane));
        s.groups
            .extend(s.from.iter().map(|slot| finer.group(*slot)));
        let mut room = self.held_max.saturating_sub(self.held);
        let into = coarser.pane(target);
        let refused = coarser.slots_of(into, &s.groups, &mut room, &mut s.slots, &mut s.made);
        if refused > 0 {
            self.full += refused as u64;
            let mut kept = s.slots.iter().map(|slot| *slot != NO_SLOT);
            s.from.retain(|_| kept.next().unwrap_or(false));
            s.slots.retain(|slot| *slot != NO_SLOT);
        }
        coarser.absorb(finer, &s.from, &s.slots);
        self.note_made();
    }

    /// Counts what `slots_of` has made.
    fn note_made(&mut self) {
        self.held += self.scratch.made.len();
        self.uses.resize(self.keys.slots(), 0);
        for group in &self.scratch.made {
            self.uses[*group as usize] += 1;
        }
    }

    fn drop_panes(&mut self, level: usize, now: Timestamp) {
        let mut gone = std::mem::take(&mut self.scratch.from);
        loop {
            let own = &mut self.levels[level];
            let first = own.first();
            let is_over = |p: Period| own.plan.gone(p.end).is_some_and(|gone| gone <= now);
            let Some((_, pane)) = first.filter(|(period, _)| is_over(*period)) else {
                break;
            };
            gone.clear();
            own.remove(pane, &mut gone);
            self.held -= gone.len();
            self.purged += gone.len() as u64;
            for group in &gone {
                self.release(*group);
            }
        }
        self.scratch.from = gone;
    }

    /// A group is in one pane less.
    fn release(&mut self, group: Slot) {
        let uses = &mut self.uses[group as usize];
        *uses -= 1;
        if *uses == 0 {
            self.forget_key(group);
        }
    }

    fn forget_key(&mut self, group: Slot) {
        self.keys.remove(group);
        if self.shape.key_types.contains(&Type::String) {
            let columns = self.key_columns.writing(std::iter::once(group));
            columns.iter_mut().for_each(|c| c.forget(group as usize));
        }
    }

    fn find_due(&mut self) {
        let due = |level: &Level| {
            let closes = level.after(self.clock).next().map(|(p, _)| p.end);
            let goes = level.first().and_then(|(p, _)| level.plan.gone(p.end));
            [closes, goes].into_iter().flatten().min()
        };
        let due = self.levels.iter().filter_map(due).min();
        self.due = due.unwrap_or(Timestamp(i64::MAX));
    }

    /// The time in which rows go the same way as one of this time, and up to which time of the clock.
    fn reach(&mut self, at: Timestamp) -> (Period, Timestamp) {
        let mut together = Period::ALL;
        let mut until = self.due;
        for level in &mut self.levels {
            let own = level.period(&self.shape.zone, at);
            if level.plan.from.is_none() {
                together.start = together.start.max(own.start);
                together.end = together.end.min(own.end);
            }
            for turn in [Some(own.end), level.plan.gone(own.end)] {
                until = turn
                    .filter(|t| *t > self.clock)
                    .map_or(until, |t| until.min(t));
            }
        }
        (together, until)
    }

    /// Adds rows that go the same way.
    fn add(
        &mut self,
        run: &FinestRows<'_>,
        keys: &mut [Program],
        calls: &mut [(AggregateCall, Vec<Program>)],
    ) -> Fate {
        let at = run.times[0];
        let mut fate = Fate::Late;
        // Of 7 granularities at most, those whose panes are closed.
        let mut closed = [false; 8];
        for level in 0..self.levels.len() {
            let plan = self.shape.levels[level];
            if plan.from.is_some_and(|from| !closed[from]) {
                continue;
            }
            let period = self.levels[level].period(&self.shape.zone, at);
            closed[level] = period.end <= self.clock;
            if closed[level] && plan.gone(period.end).is_some_and(|gone| gone <= self.clock) {
                continue;
            }
            if fate == Fate::Late {
                self.find_groups(run, keys);
                fate = Fate::Taken;
            }
            self.add_to(level, period, run, calls);
        }
        if fate == Fate::Taken {
            for i in 0..self.scratch.fresh.len() {
                let group = self.scratch.fresh[i].0;
                if self.uses[group as usize] == 0 {
                    self.forget_key(group);
                }
            }
        }
        fate
    }

    /// Looks the groups of a run up.
    fn find_groups(&mut self, run: &FinestRows<'_>, keys: &mut [Program]) {
        let s = &mut self.scratch;
        s.groups.clear();
        s.fresh.clear();
        let mut columns = Columns::new();
        for program in keys {
            columns.push(program.eval(&run.frame, &mut self.faults));
        }
        self.keys
            .slots_of(&columns, run.frame.len, &mut s.groups, &mut s.fresh);
        if s.fresh.is_empty() {
            return;
        }
        self.key_columns.ensure(self.keys.slots());
        self.uses.resize(self.keys.slots(), 0);
        let fresh = s.fresh.iter().map(|(slot, _)| *slot);
        for (to, from) in self.key_columns.writing(fresh).iter_mut().zip(columns) {
            for (slot, row) in &s.fresh {
                to.set_from(*slot as usize, from, *row as usize);
            }
        }
    }

    /// Adds the rows of a run, whose groups are known, to a pane.
    fn add_to(
        &mut self,
        level: usize,
        period: Period,
        run: &FinestRows<'_>,
        calls: &mut [(AggregateCall, Vec<Program>)],
    ) {
        let own = &mut self.levels[level];
        let s = &mut self.scratch;
        let pane = own.pane(period);
        s.made.clear();
        let mut room = self.held_max.saturating_sub(self.held);
        let refused = own.slots_of(pane, &s.groups, &mut room, &mut s.slots, &mut s.made);
        if refused == 0 {
            let changes = Changes {
                at: run.times,
                ..entering(&s.slots)
            };
            own.groups
                .update(calls, &run.frame, &changes, None, &mut self.faults);
        } else {
            self.full += refused as u64;
            self.add_some(level, run, calls);
        }
        let own = &mut self.levels[level];
        if own.slots(pane).is_empty() {
            own.remove(pane, &mut Vec::new());
        }
        if !self.scratch.made.is_empty() {
            self.note_made();
            self.find_due();
        }
    }

    /// Adds those rows of a run that have a slot.
    #[cold]
    fn add_some(
        &mut self,
        level: usize,
        run: &FinestRows<'_>,
        calls: &mut [(AggregateCall, Vec<Program>)],
    ) {
        let s = &mut self.scratch;
        s.rows.clear();
        s.times.clear();
        for (place, slot) in s.slots.iter().enumerate() {
            if *slot != NO_SLOT {
                s.rows
                    .push(run.frame.rows.map_or(place as u32, |r| r[place]));
                s.times.push(run.times[place]);
            }
        }
        s.slots.retain(|slot| *slot != NO_SLOT);
        if s.slots.is_empty() {
            return;
        }
        let frame = Frame {
            rows: Some(&s.rows),
            len: s.rows.len(),
            ..run.frame
        };
        let changes = Changes {
            at: &s.times,
            ..entering(&s.slots)
        };
        let groups = &mut self.levels[level].groups;
        groups.update(calls, &frame, &changes, None, &mut self.faults);
    }
}
