//! `first(x)` and `last(x)`: NULL is a value like any other; NULL too when the group is empty.
//!
//! How: the values of a group in order of arrival, one row log per group, of which the oldest leaves first: that of the
//! row that leaves. Where no row ever leaves, only the value that answers the question is kept: that of the first
//! or last row by time, and of rows of one time by arrival. Where rows leave in another order, `arrivals` knows them by
//! number.

use super::{Accumulator, Changes, Merged, Merging, alike};
use crate::event::{Column, Sign, Timestamp, Type};
use crate::operator::Claims;
use crate::state::{Cells, LogId, RowLog, Slot, StateHolder, Visitor};
use std::any::Any;

/// The values of each group in order of arrival.
pub(crate) struct Ends {
    log: RowLog,
    logs: Cells<Option<LogId>>,
    last: bool,
    retracts: bool,
}

impl Ends {
    /// `last(x)` or `first(x)` of values of a type.
    pub(crate) fn new(ty: Type, last: bool, retracts: bool) -> Self {
        Ends {
            log: RowLog::new(&[ty]),
            logs: Cells::default(),
            last,
            retracts,
        }
    }

    fn add(&mut self, slot: Slot, at: Timestamp, arg: &Column, row: usize) {
        let id = match *self.logs.get(slot) {
            Some(id) => id,
            None => {
                let id = self.log.open();
                *self.logs.get_mut(slot) = Some(id);
                id
            }
        };
        if !self.retracts && self.log.len(id) > 0 {
            let held = self.log.at(id, self.log.range(id).start);
            let stays = if self.last { at < held } else { at >= held };
            if stays {
                return;
            }
            self.log.pop(id, 1);
        }
        self.log.push_columns(id, at, &[arg], row);
    }

    /// Takes the oldest value away.
    fn retract(&mut self, slot: Slot) {
        if let Some(id) = *self.logs.get(slot)
            && self.log.len(id) > 0
        {
            self.log.pop(id, 1);
        }
    }
}

impl StateHolder for Ends {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.log.state(visitor);
        visitor.container("logs", &mut self.logs);
        if visitor.is_loading() {
            let mut claims = Claims::default();
            let ids = (0..self.logs.len()).filter_map(|slot| *self.logs.get(slot as Slot));
            let claimed = ids.map(|id| claims.claim(&self.log, id, 0));
            if let Err(why) = claimed.collect::<Result<(), _>>() {
                visitor.fail(why);
            }
        }
    }
}

impl Accumulator for Ends {
    fn ensure(&mut self, slots: usize) {
        self.logs.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], mut out: Option<&mut Column>) {
        for (row, slot) in changes.slots.iter().enumerate() {
            let sign = changes.sign(row);
            match sign {
                Sign::Plus => {
                    let at = changes.at.get(row).copied().unwrap_or_default();
                    self.add(*slot, at, args[0], row);
                }
                Sign::Minus => self.retract(*slot),
            }
            if let Some(out) = out.as_deref_mut()
                && changes.emit.takes(sign)
            {
                self.value(*slot, out);
            }
        }
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        let range = self
            .logs
            .get(slot)
            .map(|id| (id, self.log.range(id)))
            .filter(|(_, r)| !r.is_empty());
        match range {
            None => out.push_null(),
            Some((id, range)) => {
                let seq = if self.last {
                    range.end - 1
                } else {
                    range.start
                };
                out.push_from(&self.log.columns()[0], self.log.index(id, seq));
            }
        }
    }

    fn reset(&mut self, slot: Slot) {
        if let Some(id) = *self.logs.get(slot) {
            self.log.close(id);
            self.logs.reset(slot);
        }
    }

    fn clear(&mut self) {
        for slot in 0..self.logs.len() {
            if let Some(id) = *self.logs.get(slot as Slot) {
                self.log.close(id);
            }
        }
        self.logs.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            if let Some(id) = *from.logs.get(slot) {
                for seq in from.log.range(id) {
                    let (at, place) = (from.log.at(id, seq), from.log.index(id, seq));
                    self.add(to, at, &from.log.columns()[0], place);
                }
            }
        }
    }

    /// Panes hold the rows of different times.
    fn merging(&self) -> Merging {
        match self.retracts {
            true => Merging::InOrder,
            false => Merging::AnyOrder,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
