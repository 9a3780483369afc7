//! What an aggregation tells: a row per pane and group of one granularity, what is open in finer ones included.

use super::level::Level;
use super::{Rollup, RollupShape};
use crate::event::{Column, Period, Timestamp, Type};
use crate::expr::{Frame, Program};
use crate::state::Slot;

/// Which rows are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The granularity, by its place.
    pub(crate) level: usize,
    /// When the panes begin.
    pub(crate) within: Period,
    /// The groups; all where they are not named.
    pub(crate) groups: Option<&'a [Slot]>,
    /// Panes whose time is over then are none.
    pub(crate) now: Timestamp,
}

impl RollupShape {
    /// The types of the columns that are read: the start of the pane in milliseconds, the columns by which it groups,
    /// and the aggregates.
    pub(crate) fn types(&self) -> Vec<Type> {
        let calls = self.calls.iter().map(|c| c.result);
        let keys = self.key_types.iter().copied();
        std::iter::once(Type::Long)
            .chain(keys)
            .chain(calls)
            .collect()
    }
}

impl Rollup {
    /// Appends the groups of some keys, those that are known.
    pub(crate) fn find(&self, keys: &[&Column], rows: usize, groups: &mut Vec<Slot>) {
        self.keys.find(keys, rows, groups);
        groups.retain(|group| *group != Slot::MAX);
    }

    /// Appends what was asked, from the first pane to the last; returns how many rows that are.
    pub(crate) fn read(&mut self, ask: &Ask<'_>, to: &mut [Column]) -> usize {
        self.gather_open(ask);
        let mut rows = 0;
        let level = &self.levels[ask.level];
        let ends = |level: &Level| -> Vec<(Period, u32)> {
            let later = level.after(ask.within.start);
            let own = later.take_while(|(p, _)| p.start < ask.within.end);
            own.filter(|(p, _)| p.start >= ask.within.start).collect()
        };
        let is_over = |p: Period| level.plan.gone(p.end).is_some_and(|gone| gone <= ask.now);
        let open = ends(&self.open);
        let mut open = open.into_iter().peekable();
        for (period, pane) in ends(level) {
            while let Some((_, made)) = open.next_if(|(other, _)| other.end < period.end) {
                rows += self.tell(&self.open, made, None, to);
            }
            match open.next_if(|(other, _)| other.end == period.end) {
                Some((_, made)) => rows += self.tell(&self.open, made, None, to),
                None if is_over(period) => {}
                None => rows += self.tell(level, pane, ask.groups, to),
            }
        }
        for (_, made) in open {
            rows += self.tell(&self.open, made, None, to);
        }
        self.open.clear();
        rows
    }

    /// Merges panes that are open in finer granularities, and those into which they will go, aside.
    fn gather_open(&mut self, ask: &Ask<'_>) {
        self.open.plan = self.shape.levels[ask.level];
        let mut finer = self.shape.levels[ask.level].from;
        while let Some(place) = finer {
            let level = &self.levels[place];
            for (period, pane) in level.after(self.clock) {
                let target = crate::event::period(
                    self.open.plan.granularity,
                    &self.shape.zone,
                    period.start,
                );
                if ask.within.contains(target.start) {
                    merge(level, pane, &mut self.open, target, ask.groups);
                }
            }
            finer = level.plan.from;
        }
        let level = &self.levels[ask.level];
        let made: Vec<Period> = self.open.after(Timestamp::MIN).map(|(p, _)| p).collect();
        for period in made {
            if let Some(pane) = level.find(period) {
                merge(level, pane, &mut self.open, period, ask.groups);
            }
        }
    }

    /// Appends the groups of a pane.
    fn tell(&self, level: &Level, pane: u32, groups: Option<&[Slot]>, to: &mut [Column]) -> usize {
        let found: Vec<Slot>;
        let slots = match groups {
            None => level.slots(pane),
            Some(groups) => {
                let slots = groups.iter().filter_map(|g| level.slot(pane, *g));
                found = slots.collect();
                &found
            }
        };
        let Some(first) = slots.first() else { return 0 };
        let keys = self.shape.key_types.len();
        let start = level.start(*first).millis();
        to[0].extend_value(&crate::event::Value::Long(start), slots.len());
        let (columns, results) = to[1..].split_at_mut(keys);
        for (column, from) in columns.iter_mut().zip(self.key_columns.columns()) {
            for slot in slots {
                column.push_from(from, level.group(*slot) as usize);
            }
        }
        for slot in slots {
            level.groups.values(*slot, results);
        }
        slots.len()
    }
}

/// Merges a pane, or some of its groups, into one of another level.
fn merge(level: &Level, pane: u32, into: &mut Level, target: Period, groups: Option<&[Slot]>) {
    let from: Vec<Slot> = match groups {
        None => level.slots(pane).to_vec(),
        Some(groups) => {
            let slots = groups.iter().filter_map(|g| level.slot(pane, *g));
            slots.collect()
        }
    };
    if from.is_empty() {
        return;
    }
    let groups: Vec<Slot> = from.iter().map(|slot| level.group(*slot)).collect();
    let (mut room, mut to, mut made) = (usize::MAX, Vec::new(), Vec::new());
    let pane = into.pane(target);
    into.slots_of(pane, &groups, &mut room, &mut to, &mut made);
    into.absorb(level, &from, &to);
}

/// What an aggregation shows of what is read: the start of the pane, and its SELECT.
pub(crate) struct RollupView {
    /// Over the columns that are read.
    outputs: Vec<Program>,
    types: Vec<Type>,
}

impl RollupView {
    /// `outputs`: what is shown behind the start of the pane, over columns of these types.
    pub(crate) fn new(outputs: Vec<Program>, types: Vec<Type>) -> Self {
        RollupView { outputs, types }
    }

    /// Empty columns to read into.
    pub(crate) fn columns(&self) -> Vec<Column> {
        self.types.iter().map(|ty| Column::new(*ty)).collect()
    }

    /// Empty columns of what is shown.
    pub(crate) fn shown(&self) -> Vec<Column> {
        let outputs = self.outputs.iter().map(Program::type_of);
        let all = std::iter::once(Type::Long).chain(outputs);
        all.map(Column::new).collect()
    }

    /// Appends what is shown of these rows; `to` has a column for each that is shown.
    pub(crate) fn show(
        &mut self,
        read: &[Column],
        rows: usize,
        faults: &mut u64,
        to: &mut [Column],
    ) {
        let frame = Frame {
            input: read,
            len: rows,
            ..Frame::default()
        };
        to[0].extend_range(&read[0], 0..rows);
        for (program, column) in self.outputs.iter_mut().zip(&mut to[1..]) {
            program.eval_into(&frame, faults, column);
        }
    }
}
