//! Aggregates whose state is one small value per group: count, sum, avg, stdDev, and, or, and extremes without
//! retraction.

use super::{Accumulator, Changes};
use crate::event::{Column, Element, Sign};
use crate::state::{Cells, Slot};
use std::any::Any;

/// How one value per group follows the rows. NULL arguments are skipped before.
pub(crate) trait Fold: Send + 'static {
    /// Element type of the argument.
    type In: Element;
    /// State of a group; the default is the empty group.
    type Cell: Default + Clone + Send;
    /// Element type of the result.
    type Out: Element;
    /// A value enters.
    fn add(cell: &mut Self::Cell, value: &Self::In);
    /// A value leaves.
    fn retract(cell: &mut Self::Cell, value: &Self::In);
    /// Another group joins.
    fn merge(cell: &mut Self::Cell, other: &Self::Cell);
    /// The result; `None` is NULL.
    fn value(cell: &Self::Cell) -> Option<Self::Out>;
}

/// The accumulator of a [`Fold`].
pub(crate) struct Folded<F: Fold> {
    cells: Cells<F::Cell>,
    slots: usize,
    nulls: Vec<usize>,
}

impl<F: Fold> Default for Folded<F> {
    fn default() -> Self {
        Folded {
            cells: Cells::default(),
            slots: 0,
            nulls: Vec::new(),
        }
    }
}

impl<F: Fold> Folded<F> {
    #[inline]
    fn apply(&mut self, slot: Slot, sign: Sign, value: &F::In) -> &F::Cell {
        let cell = self.cells.get_mut(slot);
        match sign {
            Sign::Plus => F::add(cell, value),
            Sign::Minus => F::retract(cell, value),
        }
        cell
    }

    /// All rows enter, none is NULL, all want a value: the loop of GROUP BY without a window.
    fn update_plain(&mut self, changes: &Changes<'_>, values: &[F::In], out: &mut Column) {
        let (data, valid) = out.parts_mut();
        let to = F::Out::vec(data).expect("the result column has the type of the aggregate");
        let before = to.len();
        let (cells, nulls) = (&mut self.cells, &mut self.nulls);
        to.extend(
            changes
                .slots
                .iter()
                .zip(values)
                .enumerate()
                .map(|(row, (slot, value))| {
                    let cell = cells.get_mut(*slot);
                    F::add(cell, value);
                    F::value(cell).unwrap_or_else(|| {
                        nulls.push(before + row);
                        F::Out::default()
                    })
                }),
        );
        mark_nulls(nulls, to.len(), valid);
    }

    /// Rows enter and leave, `+` rows want a value, none is NULL: the loop behind a sliding window.
    fn update_signed(&mut self, changes: &Changes<'_>, values: &[F::In], out: &mut Column) {
        let (data, valid) = out.parts_mut();
        let to = F::Out::vec(data).expect("the result column has the type of the aggregate");
        to.reserve(changes.slots.len());
        if let (true, Some(slot)) = (changes.lone, changes.slots.first()) {
            let mut cell = self.cells.get(*slot).clone();
            for (sign, value) in changes.signs.iter().zip(values) {
                if *sign == Sign::Minus {
                    F::retract(&mut cell, value);
                    continue;
                }
                F::add(&mut cell, value);
                to.push(F::value(&cell).unwrap_or_else(|| {
                    self.nulls.push(to.len());
                    F::Out::default()
                }));
            }
            *self.cells.get_mut(*slot) = cell;
            return mark_nulls(&mut self.nulls, to.len(), valid);
        }
        for ((slot, sign), value) in changes.slots.iter().zip(changes.signs).zip(values) {
            let cell = self.cells.get_mut(*slot);
            if *sign == Sign::Minus {
                F::retract(cell, value);
                continue;
            }
            F::add(cell, value);
            to.push(F::value(cell).unwrap_or_else(|| {
                self.nulls.push(to.len());
                F::Out::default()
            }));
        }
        mark_nulls(&mut self.nulls, to.len(), valid);
    }
}

/// Gives a mask the length of its column and marks NULLs in it, if there are any.
fn mark_nulls(nulls: &mut Vec<usize>, len: usize, valid: &mut Vec<bool>) {
    if !valid.is_empty() || !nulls.is_empty() {
        valid.resize(len, true);
    }
    for row in nulls.drain(..) {
        valid[row] = false;
    }
}

/// Appends a result.
#[inline]
pub(super) fn push<T: Element>(value: Option<T>, out: &mut Column) {
    match value {
        None => out.push_null(),
        Some(value) => {
            let (data, valid) = out.parts_mut();
            T::vec(data)
                .expect("the result column has the type of the aggregate")
                .push(value);
            if !valid.is_empty() {
                valid.push(true);
            }
        }
    }
}

impl<F: Fold> Accumulator for Folded<F> {
    fn ensure(&mut self, slots: usize) {
        self.cells.ensure(slots);
        self.slots = self.slots.max(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], out: Option<&mut Column>) {
        use crate::sql::ast::Events;
        let arg = args[0];
        let values =
            F::In::slice(arg.data()).expect("the argument column has the type of the aggregate");
        let plain = arg.valid().is_empty();
        match out {
            Some(out) if plain && changes.signs.is_empty() && changes.emit != Events::Expired => {
                self.update_plain(changes, values, out);
            }
            Some(out) if plain && !changes.signs.is_empty() && changes.emit == Events::Current => {
                self.update_signed(changes, values, out);
            }
            Some(out) => {
                for (row, slot) in changes.slots.iter().enumerate() {
                    let sign = changes.sign(row);
                    let cell = if arg.is_null(row) {
                        self.cells.get(*slot)
                    } else {
                        self.apply(*slot, sign, &values[row])
                    };
                    if changes.emit.takes(sign) {
                        push(F::value(cell), out);
                    }
                }
            }
            None => {
                for (row, slot) in changes.slots.iter().enumerate() {
                    if plain || !arg.is_null(row) {
                        self.apply(*slot, changes.sign(row), &values[row]);
                    }
                }
            }
        }
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        push(F::value(self.cells.get(slot)), out);
    }

    fn reset(&mut self, slot: Slot) {
        self.cells.reset(slot);
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.slots = 0;
    }

    fn absorb(&mut self, from: &dyn Accumulator, to: &[Slot]) {
        let from = from
            .as_any()
            .downcast_ref::<Self>()
            .expect("accumulators of one call have one type");
        for (slot, to) in to.iter().enumerate() {
            F::merge(self.cells.get_mut(*to), from.cells.get(slot as Slot));
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `count()`, or `count(x)` that skips NULL.
#[derive(Default)]
pub(crate) struct Count {
    cells: Cells<i64>,
}

impl Accumulator for Count {
    fn ensure(&mut self, slots: usize) {
        self.cells.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], mut out: Option<&mut Column>) {
        use crate::sql::ast::Events;
        let plain = changes.signs.is_empty() && args.iter().all(|a| a.valid().is_empty());
        match &mut out {
            None if plain => {
                for slot in changes.slots {
                    *self.cells.get_mut(*slot) += 1;
                }
                return;
            }
            Some(out) if plain && changes.emit != Events::Expired => {
                let (data, valid) = out.parts_mut();
                let to = i64::vec(data).expect("a count is LONG");
                to.extend(changes.slots.iter().map(|slot| {
                    let cell = self.cells.get_mut(*slot);
                    *cell += 1;
                    *cell
                }));
                if !valid.is_empty() {
                    valid.resize(to.len(), true);
                }
                return;
            }
            _ => {}
        }
        for (row, slot) in changes.slots.iter().enumerate() {
            let sign = changes.sign(row);
            let cell = self.cells.get_mut(*slot);
            if args.first().is_none_or(|a| !a.is_null(row)) {
                *cell += i64::from(sign as i8);
            }
            if let Some(out) = out.as_deref_mut()
                && changes.emit.takes(sign)
            {
                push(Some(*cell), out);
            }
        }
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        push(Some(*self.cells.get(slot)), out);
    }

    fn reset(&mut self, slot: Slot) {
        self.cells.reset(slot);
    }

    fn clear(&mut self) {
        self.cells.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, to: &[Slot]) {
        let from = from
            .as_any()
            .downcast_ref::<Self>()
            .expect("accumulators of one call have one type");
        for (slot, to) in to.iter().enumerate() {
            *self.cells.get_mut(*to) += from.cells.get(slot as Slot);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Exact sum of integers: 128 bits in two halves, so that a group takes 24 bytes and not 32, and a count.
#[derive(Clone, Copy, Default)]
pub(crate) struct IntegerSum {
    low: u64,
    high: i64,
    rows: u64,
}

impl IntegerSum {
    #[inline]
    fn total(&self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }

    #[inline]
    fn set(&mut self, total: i128) {
        self.low = total as u64;
        self.high = (total >> 64) as i64;
    }
}

/// Sum of floating-point numbers in row order; exactly zero again when the last value left.
#[derive(Clone, Copy, Default)]
pub(crate) struct FloatSum {
    sum: f64,
    rows: u64,
}

impl FloatSum {
    #[inline]
    fn total(&self) -> f64 {
        self.sum
    }

    #[inline]
    fn set(&mut self, total: f64) {
        self.sum = total;
    }
}

/// What sums share: a running total of some numbers.
pub(crate) trait Total: Default + Clone + Send + 'static {
    /// Element type of the argument.
    type In: Element;
    /// Element type of `sum`.
    type Sum: Element;
    fn add(&mut self, value: &Self::In);
    fn retract(&mut self, value: &Self::In);
    fn merge(&mut self, other: &Self);
    fn sum(&self) -> Option<Self::Sum>;
    fn average(&self) -> Option<f64>;
}

/// The totals of one element type.
macro_rules! totals {
    ($($name:ident: $in:ty => $cell:ident, $wide:ty, $out:ty);*) => {$(
        #[doc = concat!("Running total of ", stringify!($in), " values.")]
        #[derive(Clone, Copy, Default)]
        pub(crate) struct $name($cell);

        impl Total for $name {
            type In = $in;
            type Sum = $out;
            #[inline]
            fn add(&mut self, value: &$in) {
                self.0.set(self.0.total() + <$wide>::from(*value));
                self.0.rows += 1;
            }
            #[inline]
            fn retract(&mut self, value: &$in) {
                self.0.rows = self.0.rows.saturating_sub(1);
                let left = self.0.total() - <$wide>::from(*value);
                self.0.set(if self.0.rows == 0 { <$wide>::default() } else { left });
            }
            fn merge(&mut self, other: &Self) {
                self.0.set(self.0.total() + other.0.total());
                self.0.rows += other.0.rows;
            }
            #[inline]
            fn sum(&self) -> Option<$out> {
                if self.0.rows == 0 { None } else { narrow(self.0.total()) }
            }
            fn average(&self) -> Option<f64> {
                let average = self.0.total() as f64 / self.0.rows as f64;
                (self.0.rows > 0 && average.is_finite()).then_some(average)
            }
        }
    )*};
}
totals!(IntTotal: i32 => IntegerSum, i128, i64; LongTotal: i64 => IntegerSum, i128, i64;
    FloatTotal: f32 => FloatSum, f64, f64; DoubleTotal: f64 => FloatSum, f64, f64);

/// A total as a result; `None` when it does not fit.
trait Narrow<T> {
    fn narrow(self) -> Option<T>;
}
impl Narrow<i64> for i128 {
    #[inline]
    fn narrow(self) -> Option<i64> {
        i64::try_from(self).ok()
    }
}
impl Narrow<f64> for f64 {
    #[inline]
    fn narrow(self) -> Option<f64> {
        self.is_finite().then_some(self + 0.0)
    }
}
#[inline]
fn narrow<T, W: Narrow<T>>(wide: W) -> Option<T> {
    wide.narrow()
}

/// `sum(x)`: NULL when empty or out of range.
pub(crate) struct Sum<T>(std::marker::PhantomData<T>);
impl<T: Total> Fold for Sum<T> {
    type In = T::In;
    type Cell = T;
    type Out = T::Sum;
    #[inline]
    fn add(cell: &mut T, value: &T::In) {
        cell.add(value);
    }
    #[inline]
    fn retract(cell: &mut T, value: &T::In) {
        cell.retract(value);
    }
    fn merge(cell: &mut T, other: &T) {
        cell.merge(other);
    }
    #[inline]
    fn value(cell: &T) -> Option<T::Sum> {
        cell.sum()
    }
}

/// `avg(x)`: NULL when empty.
pub(crate) struct Average<T>(std::marker::PhantomData<T>);
impl<T: Total> Fold for Average<T> {
    type In = T::In;
    type Cell = T;
    type Out = f64;
    #[inline]
    fn add(cell: &mut T, value: &T::In) {
        cell.add(value);
    }
    #[inline]
    fn retract(cell: &mut T, value: &T::In) {
        cell.retract(value);
    }
    fn merge(cell: &mut T, other: &T) {
        cell.merge(other);
    }
    #[inline]
    fn value(cell: &T) -> Option<f64> {
        cell.average()
    }
}

/// Mean and sum of squared distances from it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moments {
    rows: u64,
    mean: f64,
    squares: f64,
}

/// `stdDev(x)` of the whole population; NULL when empty, never below zero.
///
/// Source: Welford, "Note on a method for calculating corrected sums of squares", Technometrics 1962; Chan et al. for
/// merge.
pub(crate) struct Deviation;
impl Fold for Deviation {
    type In = f64;
    type Cell = Moments;
    type Out = f64;
    fn add(cell: &mut Moments, value: &f64) {
        cell.rows += 1;
        let delta = value - cell.mean;
        cell.mean += delta / cell.rows as f64;
        cell.squares += delta * (value - cell.mean);
    }
    fn retract(cell: &mut Moments, value: &f64) {
        if cell.rows <= 1 {
            *cell = Moments::default();
            return;
        }
        cell.rows -= 1;
        let delta = value - cell.mean;
        cell.mean -= delta / cell.rows as f64;
        cell.squares = (cell.squares - delta * (value - cell.mean)).max(0.0);
    }
    fn merge(cell: &mut Moments, other: &Moments) {
        let rows = cell.rows + other.rows;
        if other.rows == 0 {
            return;
        }
        let delta = other.mean - cell.mean;
        let (a, b) = (cell.rows as f64, other.rows as f64);
        cell.squares += other.squares + delta * delta * a * b / rows as f64;
        cell.mean += delta * b / rows as f64;
        cell.rows = rows;
    }
    fn value(cell: &Moments) -> Option<f64> {
        let deviation = (cell.squares / cell.rows as f64).sqrt();
        (cell.rows > 0 && deviation.is_finite()).then_some(deviation)
    }
}

/// How many values were TRUE and FALSE.
#[derive(Clone, Copy, Default)]
pub(crate) struct Votes {
    yes: u64,
    no: u64,
}

impl Votes {
    fn of(&mut self, value: bool) -> &mut u64 {
        if value { &mut self.yes } else { &mut self.no }
    }
}

/// `and(x)` (`ALL` true) and `or(x)`: NULL when empty.
pub(crate) struct Logic<const ALL: bool>;
impl<const ALL: bool> Fold for Logic<ALL> {
    type In = bool;
    type Cell = Votes;
    type Out = bool;
    fn add(cell: &mut Votes, value: &bool) {
        *cell.of(*value) += 1;
    }
    fn retract(cell: &mut Votes, value: &bool) {
        let votes = cell.of(*value);
        *votes = votes.saturating_sub(1);
    }
    fn merge(cell: &mut Votes, other: &Votes) {
        cell.yes += other.yes;
        cell.no += other.no;
    }
    fn value(cell: &Votes) -> Option<bool> {
        (cell.yes + cell.no > 0).then_some(if ALL { cell.no == 0 } else { cell.yes > 0 })
    }
}
