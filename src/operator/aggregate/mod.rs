//! Aggregates: add, retract, merge, value.
//!
//! An accumulator holds the state of one aggregate call for all groups, by slot; it is called once per batch. Windows
//! tell it what enters and what leaves by the signs of rows.

mod arrivals;
mod exact;
mod extremum;
mod first_last;
mod fold;
mod function;
mod group;
mod overlap;
mod pane;
mod panes;
mod percentile;
mod rollup;
mod running;
mod sessions;
mod sizes;
#[cfg(test)]
mod tests;
mod totals;
mod user;

pub(crate) use function::{Aggregate, AggregateCall, Rows};
pub(crate) use group::{Columns, Grouping, Groups, look_up};
pub(crate) use pane::ReadColumns;
pub(crate) use panes::PaneAggregate;
pub(crate) use rollup::{
    AGGREGATION_PANES_MAX, Ask, LevelPlan, Rollup, RollupAggregate, RollupCalls, RollupShape,
    RollupView,
};
pub(crate) use running::RunningAggregate;
pub(crate) use sessions::{Closing, SessionAggregate, SessionQuery};
pub use user::AggregateFunction;

use crate::event::{Column, Scalar, Sign, Timestamp};
use crate::sql::ast::Events;
use crate::state::{Slot, StateHolder};
use std::any::Any;

/// Rows of a batch as an accumulator sees them.
#[derive(Clone, Copy)]
pub(crate) struct Changes<'a> {
    /// Group of each row.
    pub(crate) slots: &'a [Slot],
    /// Sign of each row; empty when all are `+`.
    pub(crate) signs: &'a [Sign],
    /// Time of each row, where first and last go by time and rows may come in another order; otherwise empty.
    pub(crate) at: &'a [Timestamp],
    /// Rows that want the value after them.
    pub(crate) emit: Events,
    /// There is one group, so that its state may stay in registers, and is written once.
    pub(crate) lone: bool,
    /// The slots among `slots` whose values a checkpoint must have before they change, if that is known: what
    /// [`Accumulator::untouched`] answered of one accumulator holds for all that are updated together.
    pub(crate) untouched: Option<&'a [Slot]>,
}

impl Changes<'_> {
    #[inline]
    fn sign(&self, row: usize) -> Sign {
        if self.signs.is_empty() {
            Sign::Plus
        } else {
            self.signs[row]
        }
    }
}

/// Rows of which each of the last ones pushes another out, as an accumulator sees them.
#[derive(Clone, Copy)]
pub(crate) struct Swaps<'a> {
    /// Group of each row that enters.
    pub(crate) slots: &'a [Slot],
    /// Group of each row that leaves: the last one directly before the last that enters, and so on.
    pub(crate) leaving: &'a [Slot],
    /// As [`Changes::lone`].
    pub(crate) lone: bool,
    /// As [`Changes::untouched`], of both.
    pub(crate) untouched: Option<&'a [Slot]>,
}

impl Swaps<'_> {
    /// How many rows enter before the first one leaves.
    #[inline]
    fn first(&self) -> usize {
        self.slots.len() - self.leaving.len()
    }
}

/// One row as an accumulator sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Its group.
    pub(crate) slot: Slot,
    pub(crate) sign: Sign,
    /// It wants the value after it.
    pub(crate) emits: bool,
}

/// Which slots of one accumulator are merged into which of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Merged<'a> {
    /// Those that are merged; 0, 1, 2 and so on where they are not named.
    pub(crate) from: Option<&'a [Slot]>,
    /// For each of them the one into which it goes.
    pub(crate) to: &'a [Slot],
}

impl<'a> Merged<'a> {
    /// Slots 0, 1, 2 and so on, each into one of these.
    pub(crate) fn all(to: &'a [Slot]) -> Self {
        Merged { from: None, to }
    }

    /// Each slot with the one into which it goes.
    #[inline]
    fn pairs(self) -> impl Iterator<Item = (Slot, Slot)> {
        let to = self.to.iter().enumerate();
        to.map(move |(i, to)| (self.from.map_or(i as Slot, |from| from[i]), *to))
    }
}

/// What may be done with accumulators that were merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merging {
    /// One of them may be taken away again, by [`Accumulator::expel`].
    Inverse,
    /// None can be taken away; in which order they are merged makes no difference.
    AnyOrder,
    /// None can be taken away, and the order of time must be kept.
    InOrder,
}

/// One aggregate call over all groups. When its state was loaded, [`Accumulator::ensure`] follows.
pub(crate) trait Accumulator: Send + StateHolder {
    /// Makes room for slots below `slots`.
    fn ensure(&mut self, slots: usize);

    /// Applies rows in order; appends to `out` the value after each row that `changes.emit` takes, if there is an
    /// `out`.
    ///
    /// Shape: every argument column has a row per slot of `changes`.
    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], out: Option<&mut Column>);

    /// Whether it takes rows by [`Accumulator::swap`].
    fn takes_swaps(&self) -> bool {
        false
    }

    /// Applies rows that enter and leave in their order, as [`Accumulator::update`] does; appends to `out` the value
    /// after each that enters. Called only where it takes swaps.
    ///
    /// Shape: `args` have a row per row that enters, `leaving` one per row that leaves.
    fn swap(
        &mut self,
        _swaps: &Swaps<'_>,
        _args: &[&Column],
        _leaving: &[&Column],
        _out: &mut Column,
    ) {
    }

    /// Whether it takes single rows by [`Accumulator::update_one`].
    fn takes_values(&self) -> bool {
        false
    }

    /// Applies one row, as [`Accumulator::update`] does with a batch of it; appends the value after it to `out` where
    /// it wants one. Called only where it takes values. `arg`: none for `count()`.
    fn update_one(&mut self, _change: Change, _arg: Option<Scalar<'_>>, _out: &mut Column) {}

    /// Appends those of `slots` that were not written since the last cut, if each update writes one value of every slot
    /// it is given and nothing else; returns whether that is so.
    fn untouched(&self, _slots: &[Slot], _out: &mut Vec<Slot>) -> bool {
        false
    }

    /// Appends the value of a group.
    fn value(&self, slot: Slot, out: &mut Column);

    /// Appends the values of some groups.
    fn values(&self, slots: &[Slot], out: &mut Column) {
        for slot in slots {
            self.value(*slot, out);
        }
    }

    /// Forgets a group.
    fn reset(&mut self, slot: Slot);

    /// Forgets all groups.
    fn clear(&mut self);

    /// Merges slots of another accumulator of the same call into slots of this one.
    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>);

    /// What may be done with others that were merged into it.
    fn merging(&self) -> Merging {
        Merging::InOrder
    }

    /// Takes slots of another accumulator of the same call away from the slots of this one into which they were merged.
    /// Called only where [`Accumulator::merging`] allows it.
    fn expel(&mut self, _from: &dyn Accumulator, _merged: Merged<'_>) {}

    /// For `absorb` and `expel`.
    fn as_any(&self) -> &dyn Any;
}

/// The other accumulator of an [`Accumulator::absorb`] as what it is.
///
/// # Panics
/// Where it is of another type: accumulators of one call have one.
fn alike<A: Accumulator + 'static>(from: &dyn Accumulator) -> &A {
    from.as_any()
        .downcast_ref()
        .expect("accumulators of one call have one type")
}
