//! `median(x)` and `percentile(x, share)`: the value below which that share of the values lies, between two values in
//! proportion, as `percentile_cont` of SQL.
//!
//! How: the values up to the rank that is asked for in one sorted set, the others in a second one, so that the answer
//! stands where they meet; a value that comes or goes moves one value at most across.
//! Where no row ever leaves, memory is bounded: a group that has more than [`BUCKETS_MAX`] different values forgets the
//! last bit of each, and one more whenever that is not enough. Values are kept by their order, not by arrival, so the
//! answer does not depend on it.
//! Cost: O(log n) per row and result.

use super::exact::{Exact, between};
use super::extremum::Ordered;
use super::fold::push;
use super::{Accumulator, Changes, Merged, Merging, alike};
use crate::event::{Column, Sign};
use crate::operator::{COUNT_MAX, words_cell};
use crate::state::{Cells, Malformed, Multiset, Slot, StateHolder, Visitor};
use std::any::Any;
use std::marker::PhantomData;

/// Different values of a group that are kept apart where rows come without end.
const BUCKETS_MAX: usize = 2048;

/// Bits of a value that may be forgotten at most.
const COARSEST: u32 = 63;

/// How many values of a group are in each set, and how many of their last bits are forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Ranks {
    low: u64,
    high: u64,
    coarse: u32,
}
words_cell!(
    Ranks,
    "ranks",
    3,
    |c| [c.low, c.high, u64::from(c.coarse)],
    |w| {
        let coarse = u32::try_from(w[2]).ok().filter(|c| *c <= COARSEST)?;
        let fits = w[0] <= COUNT_MAX && w[1] <= COUNT_MAX;
        fits.then_some(Ranks {
            low: w[0],
            high: w[1],
            coarse,
        })
    }
);

/// The values of each group on both sides of a rank.
pub(crate) struct Percentile<T> {
    ranks: Cells<Ranks>,
    /// The low values of a group in slot 2 n, the high ones in the next.
    values: Multiset<u64>,
    share: f64,
    bounded: bool,
    of: PhantomData<T>,
}

/// Where the low values of a group are.
fn low(slot: Slot) -> Slot {
    2 * slot
}

/// Where the high values of a group are.
fn high(slot: Slot) -> Slot {
    2 * slot + 1
}

/// The bits of a number in the order of numbers.
fn order(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// The number in the middle of those that have this order but for their last bits.
fn number(order: u64, coarse: u32) -> f64 {
    const ZERO: u64 = 1 << 63;
    let low = order << coarse;
    let middle = match low {
        ZERO => ZERO,
        low => low | (1 << coarse) >> 1,
    };
    let bits = if middle >> 63 == 1 {
        middle & !ZERO
    } else {
        !middle
    };
    let number = f64::from_bits(bits);
    // What was loaded may be the order of no number.
    match number.is_nan() {
        true => 0.0,
        false => number.clamp(f64::MIN, f64::MAX) + 0.0,
    }
}

impl<T> Percentile<T> {
    /// `bounded`: values come without end and are kept apart as far as there is room.
    pub(crate) fn new(share: f64, bounded: bool) -> Self {
        Percentile {
            ranks: Cells::default(),
            values: Multiset::default(),
            share,
            bounded,
            of: PhantomData,
        }
    }

    /// Where the answer stands among `count` values: a place counted from 0, and how far on the way to the next.
    fn place(&self, count: u64) -> (u64, f64) {
        let place = self.share * count.saturating_sub(1) as f64;
        (place as u64, place - place.floor())
    }

    fn add(&mut self, slot: Slot, order: u64, count: u64) {
        let is_low = self
            .values
            .last(low(slot))
            .is_some_and(|last| order <= *last);
        let ranks = self.ranks.get_mut(slot);
        if is_low {
            self.values.add_many(low(slot), &order, count);
            ranks.low = ranks.low.saturating_add(count);
        } else {
            self.values.add_many(high(slot), &order, count);
            ranks.high = ranks.high.saturating_add(count);
        }
        self.settle(slot);
    }

    fn retract(&mut self, slot: Slot, order: u64, count: u64) {
        let is_low = self
            .values
            .last(low(slot))
            .is_some_and(|last| order <= *last);
        let below = match is_low {
            true => self.values.retract_many(low(slot), &order, count),
            false => 0,
        };
        let above = match count - below {
            0 => 0,
            rest => self.values.retract_many(high(slot), &order, rest),
        };
        let ranks = self.ranks.get_mut(slot);
        ranks.low = ranks.low.saturating_sub(below);
        ranks.high = ranks.high.saturating_sub(above);
        self.settle(slot);
    }

    /// Moves values across until the rank that is asked for is the last of the low ones.
    fn settle(&mut self, slot: Slot) {
        let held = *self.ranks.get(slot);
        let count = held.low.saturating_add(held.high);
        let wanted = (self.place(count).0 + 1).min(count);
        let falls = held.low > wanted;
        let (from, to) = if falls {
            (low(slot), high(slot))
        } else {
            (high(slot), low(slot))
        };
        let surplus = held.low.abs_diff(wanted);
        let mut left = surplus;
        while left > 0 {
            let set = &mut self.values;
            let end = if falls {
                set.last(from)
            } else {
                set.first(from)
            };
            let Some(order) = end.copied() else {
                break;
            };
            let moved = set.retract_many(from, &order, left);
            set.add_many(to, &order, moved);
            left -= moved;
        }
        if surplus > 0 {
            let ranks = self.ranks.get_mut(slot);
            (ranks.low, ranks.high) = (wanted, count.saturating_sub(wanted));
        }
    }

    /// Whether there are more buckets than may be. One may be on both sides, which is looked for only where that
    /// decides.
    fn is_full(&self, slot: Slot) -> bool {
        let values = &self.values;
        let sum = values.distinct(low(slot)) as usize + values.distinct(high(slot)) as usize;
        let meet = || values.last(low(slot)) == values.first(high(slot));
        self.bounded && sum > BUCKETS_MAX && (sum > BUCKETS_MAX + 1 || !meet())
    }

    /// Forgets last bits until there are no more buckets than may be, and at least so many.
    fn coarsen(&mut self, slot: Slot, least: u32) {
        let ranks = *self.ranks.get(slot);
        let mut coarse = ranks.coarse.max(least);
        if coarse == ranks.coarse && !self.is_full(slot) {
            return;
        }
        let mut values = Vec::new();
        for set in [low(slot), high(slot)] {
            let mut push = |order: &u64, count| values.push((*order, count));
            self.values.each(set, &mut push);
        }
        values.sort_unstable();
        let merge = |values: &mut Vec<(u64, u64)>, bits: u32| {
            values.iter_mut().for_each(|(order, _)| *order >>= bits);
            values.dedup_by(|next, kept| {
                let equal = next.0 == kept.0;
                kept.1 += if equal { next.1 } else { 0 };
                equal
            });
        };
        merge(&mut values, coarse - ranks.coarse);
        while self.bounded && values.len() > BUCKETS_MAX && coarse < COARSEST {
            merge(&mut values, 1);
            coarse += 1;
        }
        self.reset(slot);
        *self.ranks.get_mut(slot) = Ranks {
            high: values.iter().map(|(_, count)| count).sum(),
            coarse,
            ..Ranks::default()
        };
        for (order, count) in values {
            self.values.add_many(high(slot), &order, count);
        }
        self.settle(slot);
    }

    fn reset(&mut self, slot: Slot) {
        self.ranks.reset(slot);
        self.values.reset(low(slot));
        self.values.reset(high(slot));
    }

    fn answer(&self, slot: Slot) -> Option<f64> {
        let ranks = self.ranks.get(slot);
        let number = |order: &u64| number(*order, ranks.coarse);
        let below = self.values.last(low(slot)).map(number)?;
        let (_, share) = self.place(ranks.low.saturating_add(ranks.high));
        match self.values.first(high(slot)).map(number) {
            Some(above) if share > 0.0 => Some(between(below, above, share)),
            _ => Some(below),
        }
    }

    /// Whether both sets are as large as is said, and one lies below the other.
    fn check(&self, slot: Slot) -> Result<(), Malformed> {
        let ranks = self.ranks.get(slot);
        let count = |set: Slot| {
            let mut sum = 0u64;
            let add = |_: &u64, count| sum = sum.saturating_add(count);
            self.values.each(set, add);
            sum
        };
        let sizes = (count(low(slot)), count(high(slot)));
        let meet = self
            .values
            .last(low(slot))
            .zip(self.values.first(high(slot)));
        if sizes == (ranks.low, ranks.high) && meet.is_none_or(|(low, high)| low <= high) {
            Ok(())
        } else {
            Err(Malformed::new("the values of a percentile are in disorder"))
        }
    }
}

impl<T> StateHolder for Percentile<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("ranks", &mut self.ranks);
        self.values.state(visitor);
        if visitor.is_loading() {
            let slots = self.ranks.len();
            self.values.ensure(2 * slots);
            let mut slots = 0..slots as Slot;
            if let Err(why) = slots.try_for_each(|slot| self.check(slot)) {
                visitor.fail(why);
            }
        }
    }
}

impl<T: Ordered + Exact> Accumulator for Percentile<T> {
    fn ensure(&mut self, slots: usize) {
        self.ranks.ensure(slots);
        self.values.ensure(2 * slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], mut out: Option<&mut Column>) {
        let values =
            T::slice(args[0].data()).expect("the argument column has the type of the aggregate");
        for (row, slot) in changes.slots.iter().enumerate() {
            let sign = changes.sign(row);
            if !args[0].is_null(row) {
                let order = order(values[row].double()) >> self.ranks.get(*slot).coarse;
                match sign {
                    Sign::Plus => self.add(*slot, order, 1),
                    Sign::Minus => self.retract(*slot, order, 1),
                }
                self.coarsen(*slot, 0);
            }
            if let Some(out) = out.as_deref_mut()
                && changes.emit.takes(sign)
            {
                self.value(*slot, out);
            }
        }
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        push(self.answer(slot), out);
    }

    fn reset(&mut self, slot: Slot) {
        Percentile::reset(self, slot);
    }

    fn clear(&mut self) {
        self.ranks.clear();
        self.values.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            let theirs = from.ranks.get(slot).coarse;
            self.coarsen(to, theirs);
            let finer = self.ranks.get(to).coarse - theirs;
            for set in [low(slot), high(slot)] {
                let add = |order: &u64, count| self.add(to, order >> finer, count);
                from.values.each(set, add);
            }
            self.coarsen(to, 0);
        }
    }

    fn merging(&self) -> Merging {
        match self.bounded {
            true => Merging::InOrder,
            false => Merging::Inverse,
        }
    }

    /// Nothing is coarse where nothing is bounded.
    fn expel(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            for set in [low(slot), high(slot)] {
                let take = |order: &u64, count| self.retract(to, *order, count);
                from.values.each(set, take);
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
