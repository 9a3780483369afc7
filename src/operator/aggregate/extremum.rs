//! min, max, minForever, maxForever and distinctCount, over any ordered type.
//!
//! Where no row ever leaves, the extreme so far is enough. Where the oldest leaves first, the values are kept that may
//! still become the extreme; where any may leave, all are kept sorted.

use super::fold::{Fold, push};
use super::{Accumulator, Change, Changes, Merged, Merging, alike};
use crate::event::{Column, ColumnValue, Scalar, Sign, Str};
use crate::operator::words_cell;
use crate::state::{Cell, Multiset, Slot, StateHolder, Visitor};
use std::any::Any;
use std::cmp::Ordering;

/// Types of values with an order and a key that carries it.
pub(crate) trait Ordered: ColumnValue + PartialEq + Cell {
    /// Sorts as the value does.
    type Key: Ord + Cell;
    fn key(&self) -> Self::Key;
    fn of(key: &Self::Key) -> Self;
}

macro_rules! ordered_itself {
    ($($ty:ty),*) => {$(
        impl Ordered for $ty {
            type Key = $ty;
            #[inline]
            fn key(&self) -> $ty {
                self.clone()
            }
            #[inline]
            fn of(key: &$ty) -> $ty {
                key.clone()
            }
        }
    )*};
}
ordered_itself!(bool, i32, i64, Str);

/// A floating-point number that is neither NaN nor −0.0, by its order.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Finite(f64);
impl Eq for Finite {}
impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
words_cell!(Finite, "f64", 1, |c| [c.0.to_bits()], |w| {
    let x = f64::read(w, &[])?;
    (x != 0.0 || x.is_sign_positive()).then_some(Finite(x))
});
impl Ordered for f64 {
    type Key = Finite;
    fn key(&self) -> Finite {
        Finite(*self)
    }
    fn of(key: &Finite) -> f64 {
        key.0
    }
}
impl Ordered for f32 {
    type Key = Finite;
    fn key(&self) -> Finite {
        Finite(f64::from(*self))
    }
    fn of(key: &Finite) -> f32 {
        key.0 as f32
    }
}

/// The extreme of all rows that ever came; what leaves changes nothing.
pub(crate) struct Forever<T, const MAX: bool>(std::marker::PhantomData<T>);
impl<T: Ordered, const MAX: bool> Fold for Forever<T, MAX> {
    type In = T;
    type Cell = Option<T>;
    type Beside = ();
    type Out = T;
    #[inline]
    fn add(cell: &mut Option<T>, _beside: &mut (), value: &T) {
        let wanted = if MAX {
            Ordering::Greater
        } else {
            Ordering::Less
        };
        if cell
            .as_ref()
            .is_none_or(|c| value.key().cmp(&c.key()) == wanted)
        {
            *cell = Some(value.clone());
        }
    }
    fn retract(_cell: &mut Option<T>, _beside: &mut (), _value: &T) {}
    fn merge(cell: &mut Option<T>, beside: &mut (), other: &Option<T>, _theirs: &()) {
        if let Some(value) = other {
            Self::add(cell, beside, value);
        }
    }
    const MERGING: Merging = Merging::AnyOrder;
    fn value(cell: &Option<T>, _beside: &()) -> Option<T> {
        cell.clone()
    }
}

/// Applies each value that comes or leaves, and appends what its group has then where that is asked for.
#[inline]
fn each_value<A: Accumulator, T: Ordered>(
    own: &mut A,
    changes: &Changes<'_>,
    args: &[&Column],
    mut out: Option<&mut Column>,
    apply: impl Fn(&mut A, Slot, Sign, &T),
) {
    let arg = args[0];
    let values = T::slice(arg.data()).expect("the argument column has the type of the aggregate");
    for (row, slot) in changes.slots.iter().enumerate() {
        let sign = changes.sign(row);
        if !arg.is_null(row) {
            apply(own, *slot, sign, &values[row]);
        }
        if let Some(out) = out.as_deref_mut()
            && changes.emit.takes(sign)
        {
            own.value(*slot, out);
        }
    }
}

/// The least or greatest value per group, of which the oldest leaves first.
pub(crate) struct Sliding<T: Ordered> {
    values: Multiset<T::Key>,
}

impl<T: Ordered> Sliding<T> {
    /// `beats`: how an extreme compares with the others.
    pub(crate) fn new(beats: Ordering) -> Self {
        Sliding {
            values: Multiset::queue(beats),
        }
    }

    #[inline]
    fn apply(&mut self, slot: Slot, sign: Sign, value: &T) {
        match sign {
            Sign::Plus => self.values.come(slot, &value.key(), 1),
            Sign::Minus => self.values.leave(slot, &value.key()),
        }
    }
}

impl<T: Ordered> StateHolder for Sliding<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.values.state(visitor);
    }
}

impl<T: Ordered> Accumulator for Sliding<T> {
    fn ensure(&mut self, slots: usize) {
        self.values.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], out: Option<&mut Column>) {
        each_value(self, changes, args, out, Self::apply);
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn update_one(&mut self, change: Change, arg: Option<Scalar<'_>>, out: &mut Column) {
        if let Some(value) = arg.as_ref().and_then(T::of_scalar) {
            self.apply(change.slot, change.sign, value);
        }
        if change.emits {
            self.value(change.slot, out);
        }
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        push(self.values.extreme(slot).map(T::of), out);
    }

    fn reset(&mut self, slot: Slot) {
        self.values.reset_queue(slot);
    }

    fn clear(&mut self) {
        self.values.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            self.values.absorb_queue(to, &from.values, slot);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What is asked of a set of sorted values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The smallest.
    Min,
    /// The greatest.
    Max,
    /// How many different ones.
    Distinct,
}

/// Sorted values per group.
pub(crate) struct Sorted<T: Ordered> {
    values: Multiset<T::Key>,
    question: Question,
}

impl<T: Ordered> Sorted<T> {
    pub(crate) fn new(question: Question) -> Self {
        Sorted {
            values: Multiset::default(),
            question,
        }
    }

    #[inline]
    fn apply(&mut self, slot: Slot, sign: Sign, value: &T) {
        match sign {
            Sign::Plus => self.values.add(slot, &value.key()),
            Sign::Minus => {
                self.values.retract(slot, &value.key());
            }
        }
    }
}

impl<T: Ordered> StateHolder for Sorted<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.values.state(visitor);
    }
}

impl<T: Ordered> Accumulator for Sorted<T> {
    fn ensure(&mut self, slots: usize) {
        self.values.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], out: Option<&mut Column>) {
        each_value(self, changes, args, out, Self::apply);
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        match self.question {
            Question::Min => push(self.values.first(slot).map(T::of), out),
            Question::Max => push(self.values.last(slot).map(T::of), out),
            Question::Distinct => push(Some(i64::from(self.values.distinct(slot))), out),
        }
    }

    fn reset(&mut self, slot: Slot) {
        self.values.reset(slot);
    }

    fn clear(&mut self) {
        self.values.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            self.values.absorb(to, &from.values, slot);
        }
    }

    fn merging(&self) -> Merging {
        Merging::Inverse
    }

    fn expel(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            from.values.each(slot, |key, count| {
                self.values.retract_many(to, key, count);
            });
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
