//! `first(x)` and `last(x)`: NULL is a value like any other; NULL too when the group is empty.
//!
//! How: the values of a group in order of arrival, one row log per group. Where no row ever leaves, only the value
//! that answers the question is kept, and rows may come out of the order of time.

use super::{Accumulator, Changes};
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

    /// A value enters, of a row of this time where rows may come out of the order of time.
    fn add(&mut self, slot: Slot, arg: &Column, row: usize, at: Option<Timestamp>) {
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
            let replaces = match (self.last, at) {
                (last, None) => last,
                (true, Some(at)) => at >= held,
                (false, Some(at)) => at < held,
            };
            if !replaces {
                return;
            }
            self.log.pop(id, 1);
        }
        self.log.push_value(id, at.unwrap_or_default(), arg, row);
    }

    /// Takes the oldest equal value away: in a window that is the row that leaves.
    fn retract(&mut self, slot: Slot, arg: &Column, row: usize) {
        let Some(id) = *self.logs.get(slot) else {
            return;
        };
        let held = |seq: &u64| self.log.columns()[0].equal(self.log.index(id, *seq), arg, row);
        if let Some(seq) = self.log.range(id).find(held) {
            self.log.remove(id, seq);
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
                Sign::Plus => self.add(*slot, args[0], row, changes.times.get(row).copied()),
                Sign::Minus => self.retract(*slot, args[0], row),
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

    fn absorb(&mut self, from: &dyn Accumulator, to: &[Slot]) {
        let from = from
            .as_any()
            .downcast_ref::<Self>()
            .expect("accumulators of one call have one type");
        for (slot, to) in to.iter().enumerate() {
            if let Some(id) = *from.logs.get(slot as Slot) {
                for seq in from.log.range(id) {
                    let (index, at) = (from.log.index(id, seq), from.log.at(id, seq));
                    self.add(*to, &from.log.columns()[0], index, Some(at));
                }
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
