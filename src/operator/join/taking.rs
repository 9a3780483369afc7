//! Rows of one side that come and go: held, found again, and their keys looked up on the other side.

use super::{Join, NONE, Turn};
use crate::event::{Batch, Column, Sign};
use crate::expr::Frame;
use crate::state::Slot;
use smallvec::SmallVec;

/// Rows of a batch that are to be matched, in their order.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) rows: Vec<u32>,
    /// The slot of each; [`NONE`] where its side holds no rows.
    pub(super) own: Vec<Slot>,
    /// Where its key stands on the other side; [`NONE`] where no row has it.
    pub(super) keys: Vec<Slot>,
    /// Slots of the rows that leave.
    leaving: Vec<Slot>,
    /// Those that leave, as long as they are apart from those that enter.
    minus: Minus,
}

/// Rows that leave.
#[derive(Default)]
struct Minus {
    rows: Vec<u32>,
    own: Vec<Slot>,
    keys: Vec<Slot>,
}

impl Join {
    /// Holds the rows that enter, finds those that leave, and looks up the keys of those that are to be matched.
    pub(super) fn take_in(&mut self, turn: Turn, batch: &Batch) {
        let mut taken = std::mem::take(&mut self.taken);
        taken.part(batch);
        self.count_on(turn.side);
        let enter = (&taken.rows, &mut taken.own, &mut taken.keys);
        self.look_keys_up(turn, batch, enter, true);
        if !taken.minus.rows.is_empty() {
            self.find_leaving(turn, batch, &mut taken);
        }
        self.taken = taken;
    }

    /// Rows of both sides are numbered together, in the order in which they come.
    pub(super) fn count_on(&mut self, side: usize) {
        let came = self.sides.iter().map(|s| s.came).max();
        self.sides[side].came = came.unwrap_or_default();
    }

    /// Finds the rows that leave; where they are to be matched, they are put among those that enter.
    fn find_leaving(&mut self, turn: Turn, batch: &Batch, taken: &mut Taken) {
        let matters = self.options.retracts || self.counts_meetings(turn.other());
        let Taken { minus, leaving, .. } = &mut *taken;
        let own = &mut self.sides[turn.side];
        if own.plan.holds {
            let slots = &mut minus.own;
            // What is not held made nothing.
            minus.rows.retain(|row| {
                let found = own.leaving(batch, *row as usize);
                slots.extend(found);
                found.is_some()
            });
            leaving.extend(slots.iter());
        } else {
            minus.own.resize(minus.rows.len(), NONE);
        }
        if matters {
            let leave = (&minus.rows, &mut minus.own, &mut minus.keys);
            self.look_keys_up(turn, batch, leave, false);
            taken.merge();
        }
    }

    /// Evaluates the keys of rows, holds them where they enter, and finds their keys on the other side.
    fn look_keys_up(
        &mut self,
        turn: Turn,
        batch: &Batch,
        (rows, slots, found): (&Vec<u32>, &mut Vec<Slot>, &mut Vec<Slot>),
        enter: bool,
    ) {
        let [left, right] = &mut self.sides;
        let (own, other) = match turn.side {
            0 => (left, right),
            _ => (right, left),
        };
        let frame = Frame {
            rows: (rows.len() < batch.len()).then_some(rows),
            len: rows.len(),
            ..batch.frame()
        };
        let mut programs = std::mem::take(&mut own.plan.keys);
        let mut keys = SmallVec::<[&Column; 4]>::new();
        for program in &mut programs {
            keys.push(program.eval(&frame, &mut self.faults));
        }
        let asks = enter || self.made.is_none();
        if asks && self.options.triggers[turn.side] && self.options.table.is_none() {
            other.find(&keys, rows.len(), found);
        } else {
            found.resize(rows.len(), NONE);
        }
        if enter {
            match own.plan.holds {
                true => own.push((batch, rows), &keys, slots),
                false => slots.resize(rows.len(), NONE),
            }
        }
        drop(keys);
        own.plan.keys = programs;
    }

    /// Forgets the rows that leave, once they were matched.
    pub(super) fn let_go(&mut self, turn: Turn) {
        let side = &mut self.sides[turn.side];
        for slot in &self.taken.leaving {
            side.remove(*slot);
        }
        side.drop_ages();
        side.forget_oldest();
    }
}

impl Taken {
    /// Slots of the rows that leave.
    pub(super) fn leaving(&self) -> &[Slot] {
        &self.leaving
    }

    /// Parts the rows of a batch by their signs.
    fn part(&mut self, batch: &Batch) {
        self.rows.clear();
        self.own.clear();
        self.keys.clear();
        self.leaving.clear();
        self.minus.rows.clear();
        self.minus.own.clear();
        self.minus.keys.clear();
        if batch.signs().is_empty() {
            return self.rows.extend(0..batch.len() as u32);
        }
        for (row, sign) in (0u32..).zip(batch.signs()) {
            match sign {
                Sign::Plus => self.rows.push(row),
                Sign::Minus => self.minus.rows.push(row),
            }
        }
    }

    /// Puts the rows that leave among those that enter, in the order of the batch.
    fn merge(&mut self) {
        let Taken {
            rows,
            own,
            keys,
            minus,
            ..
        } = self;
        let (mut p, mut m) = (rows.len(), minus.rows.len());
        let all = p + m;
        rows.resize(all, 0);
        own.resize(all, NONE);
        keys.resize(all, NONE);
        // From the end, so that nothing is overwritten that is still to be moved.
        for to in (0..all).rev() {
            let is_plus = m == 0 || (p > 0 && rows[p - 1] > minus.rows[m - 1]);
            if is_plus {
                p -= 1;
                (rows[to], own[to], keys[to]) = (rows[p], own[p], keys[p]);
            } else {
                m -= 1;
                (rows[to], own[to], keys[to]) = (minus.rows[m], minus.own[m], minus.keys[m]);
            }
        }
    }
}
