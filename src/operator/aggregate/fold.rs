//! Aggregates whose state is one small value per group: count, and, or. Sums, deviations and extremes without
//! retraction stand in their files.

use super::{Accumulator, Change, Changes, Merged, Merging, Swaps, alike};
use crate::event::{Column, ColumnValue, Scalar, Sign};
use crate::operator::{COUNT_MAX, words_cell};
use crate::state::{Cell, Cells, Malformed, Slot, StateHolder, Visitor};
use std::any::Any;

/// Rows of one group that are looked at together: 32 KB of doubles stay in the innermost cache.
pub(crate) const AT_ONCE: usize = 1 << 12;

/// What some groups need beside their values.
pub(crate) trait Beside: StateHolder + Default + Send {
    /// Forgets it all.
    fn clear(&mut self);
}
impl Beside for () {
    fn clear(&mut self) {}
}
impl StateHolder for () {
    fn state(&mut self, _visitor: &mut dyn Visitor) {}
}

/// How one value per group follows the rows. NULL arguments are skipped before.
pub(crate) trait Fold: Send + 'static {
    /// Type of the values of the argument.
    type In: ColumnValue;
    /// State of a group; the default is the empty group.
    type Cell: Cell;
    /// What some groups keep elsewhere.
    type Beside: Beside;
    /// Type of the values of the result.
    type Out: ColumnValue;
    /// A value enters.
    fn add(cell: &mut Self::Cell, beside: &mut Self::Beside, value: &Self::In);
    /// A value leaves.
    fn retract(cell: &mut Self::Cell, beside: &mut Self::Beside, value: &Self::In);
    /// Rows enter and leave in order, at most [`AT_ONCE`], in a way that is quicker than one by one; `show` is called
    /// after each that enters. Nothing happens where there is no such way for them, which is answered.
    #[inline]
    fn quick(
        _cell: &mut Self::Cell,
        _signs: &[Sign],
        _values: &[Self::In],
        _show: impl FnMut(&Self::Cell),
    ) -> bool {
        false
    }
    /// As [`Fold::quick`], where before each of the last rows one of `left` leaves.
    #[inline]
    fn quick_swap(
        _cell: &mut Self::Cell,
        _values: &[Self::In],
        _left: &[Self::In],
        _show: impl FnMut(&Self::Cell),
    ) -> bool {
        false
    }
    /// Another group joins.
    fn merge(
        cell: &mut Self::Cell,
        beside: &mut Self::Beside,
        other: &Self::Cell,
        theirs: &Self::Beside,
    );
    /// What may be done with groups that joined.
    const MERGING: Merging = Merging::InOrder;
    /// A group that joined goes again, where that is possible.
    fn unmerge(
        _cell: &mut Self::Cell,
        _beside: &mut Self::Beside,
        _other: &Self::Cell,
        _theirs: &Self::Beside,
    ) {
    }
    /// The result; `None` is NULL.
    fn value(cell: &Self::Cell, beside: &Self::Beside) -> Option<Self::Out>;
    /// A group goes: what it keeps beside does too.
    fn forget(_cell: &Self::Cell, _beside: &mut Self::Beside) {}
    /// Whether what was loaded belongs together.
    fn check(_cells: &Cells<Self::Cell>, _beside: &Self::Beside) -> Result<(), Malformed> {
        Ok(())
    }
}

/// The accumulator of a [`Fold`].
pub(crate) struct Folded<F: Fold> {
    cells: Cells<F::Cell>,
    beside: F::Beside,
    nulls: Vec<usize>,
}

impl<F: Fold> Default for Folded<F> {
    fn default() -> Self {
        Folded {
            cells: Cells::default(),
            beside: F::Beside::default(),
            nulls: Vec::new(),
        }
    }
}

impl<F: Fold> Folded<F> {
    /// All rows enter, none is NULL, all want a value: the loop of GROUP BY without a window.
    fn update_plain(&mut self, changes: &Changes<'_>, values: &[F::In], out: &mut Column) {
        let (data, valid) = out.parts_mut();
        let to = F::Out::vec(data).expect("the result column has the type of the aggregate");
        let before = to.len();
        let (nulls, beside) = (&mut self.nulls, &mut self.beside);
        let mut push = |row: usize, cell: &F::Cell, beside: &F::Beside| {
            F::value(cell, beside).unwrap_or_else(|| {
                nulls.push(before + row);
                F::Out::default()
            })
        };
        let rows = changes.slots.iter().zip(values).enumerate();
        if let (true, Some(slot)) = (changes.lone, changes.slots.first()) {
            let mut cell = self.cells.get(*slot).clone();
            to.extend(rows.map(|(row, (_, value))| {
                F::add(&mut cell, beside, value);
                push(row, &cell, beside)
            }));
            *self.cells.get_mut(*slot) = cell;
        } else {
            let cells = self.cells.writing(changes.slots, changes.untouched);
            to.extend(rows.map(|(row, (slot, value))| {
                let cell = &mut cells[*slot as usize];
                F::add(cell, beside, value);
                push(row, cell, beside)
            }));
        }
        mark_nulls(nulls, to.len(), valid);
    }

    /// Rows enter and leave, `+` rows want a value, none is NULL: the loop behind a sliding window.
    fn update_signed(&mut self, changes: &Changes<'_>, values: &[F::In], out: &mut Column) {
        let (data, valid) = out.parts_mut();
        let to = F::Out::vec(data).expect("the result column has the type of the aggregate");
        to.reserve(changes.slots.len());
        let beside = &mut self.beside;
        if let (true, Some(slot)) = (changes.lone, changes.slots.first()) {
            let mut cell = self.cells.get(*slot).clone();
            let mut show = |cell: &F::Cell, beside: &F::Beside| {
                to.push(F::value(cell, beside).unwrap_or_else(|| {
                    self.nulls.push(to.len());
                    F::Out::default()
                }));
            };
            let signs = changes.signs.chunks(AT_ONCE);
            for (signs, values) in signs.zip(values.chunks(AT_ONCE)) {
                if F::quick(&mut cell, signs, values, |cell| show(cell, beside)) {
                    continue;
                }
                for (sign, value) in signs.iter().zip(values) {
                    if *sign == Sign::Minus {
                        F::retract(&mut cell, beside, value);
                        continue;
                    }
                    F::add(&mut cell, beside, value);
                    show(&cell, beside);
                }
            }
            *self.cells.get_mut(*slot) = cell;
            return mark_nulls(&mut self.nulls, to.len(), valid);
        }
        let cells = self.cells.writing(changes.slots, changes.untouched);
        for ((slot, sign), value) in changes.slots.iter().zip(changes.signs).zip(values) {
            let cell = &mut cells[*slot as usize];
            if *sign == Sign::Minus {
                F::retract(cell, beside, value);
                continue;
            }
            F::add(cell, beside, value);
            to.push(F::value(cell, beside).unwrap_or_else(|| {
                self.nulls.push(to.len());
                F::Out::default()
            }));
        }
        mark_nulls(&mut self.nulls, to.len(), valid);
    }
}

impl<F: Fold> Folded<F> {
    /// Rows of one group, of which none is NULL; before each of the last ones one leaves.
    fn swap_lone(&mut self, slot: Slot, values: &[F::In], left: &[F::In], to: &mut Vec<F::Out>) {
        let (nulls, beside) = (&mut self.nulls, &mut self.beside);
        let mut cell = self.cells.get(slot).clone();
        let mut show = |cell: &F::Cell, beside: &F::Beside| {
            to.push(F::value(cell, beside).unwrap_or_else(|| {
                nulls.push(to.len());
                F::Out::default()
            }));
        };
        let (mut values, mut left) = (values, left);
        while !values.is_empty() {
            let rows = values.len().min(AT_ONCE / 2);
            // Those that only enter come first.
            let swaps = rows.saturating_sub(values.len() - left.len());
            let (some, rest) = values.split_at(rows);
            let (gone, stays) = left.split_at(swaps);
            (values, left) = (rest, stays);
            if F::quick_swap(&mut cell, some, gone, |cell| show(cell, beside)) {
                continue;
            }
            for (row, value) in some.iter().enumerate() {
                if let Some(at) = row.checked_sub(rows - swaps) {
                    F::retract(&mut cell, beside, &gone[at]);
                }
                F::add(&mut cell, beside, value);
                show(&cell, beside);
            }
        }
        *self.cells.get_mut(slot) = cell;
    }
}

/// A value enters or leaves.
#[inline]
fn apply<F: Fold>(cell: &mut F::Cell, beside: &mut F::Beside, sign: Sign, value: &F::In) {
    match sign {
        Sign::Plus => F::add(cell, beside, value),
        Sign::Minus => F::retract(cell, beside, value),
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
pub(super) fn push<T: ColumnValue>(value: Option<T>, out: &mut Column) {
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

impl<F: Fold> StateHolder for Folded<F> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("values", &mut self.cells);
        self.beside.state(visitor);
        if visitor.is_loading()
            && let Err(why) = F::check(&self.cells, &self.beside)
        {
            visitor.fail(why);
        }
    }
}

impl<F: Fold> Accumulator for Folded<F> {
    fn ensure(&mut self, slots: usize) {
        self.cells.ensure(slots);
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
                let cells = self.cells.writing(changes.slots, changes.untouched);
                for (row, slot) in changes.slots.iter().enumerate() {
                    let sign = changes.sign(row);
                    let cell = &mut cells[*slot as usize];
                    if !arg.is_null(row) {
                        apply::<F>(cell, &mut self.beside, sign, &values[row]);
                    }
                    if changes.emit.takes(sign) {
                        push(F::value(cell, &self.beside), out);
                    }
                }
            }
            None => {
                let cells = self.cells.writing(changes.slots, changes.untouched);
                for (row, slot) in changes.slots.iter().enumerate() {
                    if plain || !arg.is_null(row) {
                        let cell = &mut cells[*slot as usize];
                        apply::<F>(cell, &mut self.beside, changes.sign(row), &values[row]);
                    }
                }
            }
        }
    }

    fn takes_swaps(&self) -> bool {
        true
    }

    fn swap(&mut self, swaps: &Swaps<'_>, args: &[&Column], leaving: &[&Column], out: &mut Column) {
        let (arg, gone) = (args[0], leaving[0]);
        let of = |column| F::In::slice(Column::data(column));
        let values = of(arg).expect("the argument column has the type of the aggregate");
        let left = of(gone).expect("the argument column has the type of the aggregate");
        let plain = arg.valid().is_empty() && gone.valid().is_empty();
        let (data, valid) = out.parts_mut();
        let to = F::Out::vec(data).expect("the result column has the type of the aggregate");
        to.reserve(values.len());
        if let (true, true, Some(slot)) = (plain, swaps.lone, swaps.slots.first()) {
            self.swap_lone(*slot, values, left, to);
            return mark_nulls(&mut self.nulls, to.len(), valid);
        }
        self.cells.writing(swaps.leaving, swaps.untouched);
        let cells = self.cells.writing(swaps.slots, swaps.untouched);
        let (nulls, beside) = (&mut self.nulls, &mut self.beside);
        let before = swaps.first();
        let mut leave = swaps.leaving.iter().zip(left).enumerate();
        for (row, (slot, value)) in swaps.slots.iter().zip(values).enumerate() {
            if row >= before
                && let Some((row, (slot, value))) = leave.next()
                && !gone.is_null(row)
            {
                F::retract(&mut cells[*slot as usize], beside, value);
            }
            let cell = &mut cells[*slot as usize];
            if !arg.is_null(row) {
                F::add(cell, beside, value);
            }
            to.push(F::value(cell, beside).unwrap_or_else(|| {
                nulls.push(to.len());
                F::Out::default()
            }));
        }
        mark_nulls(nulls, to.len(), valid);
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn update_one(&mut self, change: Change, arg: Option<Scalar<'_>>, out: &mut Column) {
        let cell = self.cells.get_mut(change.slot);
        if let Some(value) = arg.as_ref().and_then(F::In::of_scalar) {
            apply::<F>(cell, &mut self.beside, change.sign, value);
        }
        if change.emits {
            push(F::value(cell, &self.beside), out);
        }
    }

    fn untouched(&self, slots: &[Slot], out: &mut Vec<Slot>) -> bool {
        self.cells.untouched(slots, out);
        true
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        push(F::value(self.cells.get(slot), &self.beside), out);
    }

    fn reset(&mut self, slot: Slot) {
        F::forget(self.cells.get(slot), &mut self.beside);
        self.cells.reset(slot);
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.beside.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            let (cell, other) = (self.cells.get_mut(to), from.cells.get(slot));
            F::merge(cell, &mut self.beside, other, &from.beside);
        }
    }

    fn merging(&self) -> Merging {
        F::MERGING
    }

    fn expel(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            let (cell, other) = (self.cells.get_mut(to), from.cells.get(slot));
            F::unmerge(cell, &mut self.beside, other, &from.beside);
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

impl StateHolder for Count {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("counts", &mut self.cells);
    }
}

impl Accumulator for Count {
    fn ensure(&mut self, slots: usize) {
        self.cells.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], mut out: Option<&mut Column>) {
        use crate::sql::ast::Events;
        let plain = changes.signs.is_empty() && args.iter().all(|a| a.valid().is_empty());
        // Wrapping: a count that was loaded may be any number.
        let lone = changes.slots.first().filter(|_| changes.lone);
        match &mut out {
            None if plain => {
                let cells = self.cells.writing(changes.slots, changes.untouched);
                for slot in changes.slots {
                    let cell = &mut cells[*slot as usize];
                    *cell = cell.wrapping_add(1);
                }
                return;
            }
            Some(out) if plain && changes.emit != Events::Expired => {
                let (data, valid) = out.parts_mut();
                let to = i64::vec(data).expect("a count is LONG");
                if let Some(slot) = lone {
                    let cell = self.cells.get_mut(*slot);
                    let rows = changes.slots.len() as i64;
                    to.extend((1..=rows).map(|row| cell.wrapping_add(row)));
                    *cell = cell.wrapping_add(rows);
                } else {
                    let cells = self.cells.writing(changes.slots, changes.untouched);
                    to.extend(changes.slots.iter().map(|slot| {
                        let cell = &mut cells[*slot as usize];
                        *cell = cell.wrapping_add(1);
                        *cell
                    }));
                }
                if !valid.is_empty() {
                    valid.resize(to.len(), true);
                }
                return;
            }
            _ => {}
        }
        let cells = self.cells.writing(changes.slots, changes.untouched);
        for (row, slot) in changes.slots.iter().enumerate() {
            let sign = changes.sign(row);
            let cell = &mut cells[*slot as usize];
            if args.first().is_none_or(|a| !a.is_null(row)) {
                *cell = cell.wrapping_add(i64::from(sign as i8));
            }
            if let Some(out) = out.as_deref_mut()
                && changes.emit.takes(sign)
            {
                push(Some(*cell), out);
            }
        }
    }

    fn takes_swaps(&self) -> bool {
        true
    }

    fn swap(&mut self, swaps: &Swaps<'_>, args: &[&Column], leaving: &[&Column], out: &mut Column) {
        let (data, valid) = out.parts_mut();
        let to = i64::vec(data).expect("a count is LONG");
        self.cells.writing(swaps.leaving, swaps.untouched);
        let cells = self.cells.writing(swaps.slots, swaps.untouched);
        let (arg, gone) = (args.first(), leaving.first());
        let before = swaps.first();
        let mut leave = swaps.leaving.iter().enumerate();
        to.extend(swaps.slots.iter().enumerate().map(|(row, slot)| {
            if row >= before
                && let Some((row, slot)) = leave.next()
                && gone.is_none_or(|gone| !gone.is_null(row))
            {
                let cell = &mut cells[*slot as usize];
                *cell = cell.wrapping_sub(1);
            }
            let cell = &mut cells[*slot as usize];
            if arg.is_none_or(|arg| !arg.is_null(row)) {
                *cell = cell.wrapping_add(1);
            }
            *cell
        }));
        if !valid.is_empty() {
            valid.resize(to.len(), true);
        }
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn update_one(&mut self, change: Change, arg: Option<Scalar<'_>>, out: &mut Column) {
        let cell = self.cells.get_mut(change.slot);
        if arg != Some(Scalar::Null) {
            *cell = cell.wrapping_add(i64::from(change.sign as i8));
        }
        if change.emits {
            push(Some(*cell), out);
        }
    }

    fn untouched(&self, slots: &[Slot], out: &mut Vec<Slot>) -> bool {
        self.cells.untouched(slots, out);
        true
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

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            let cell = self.cells.get_mut(to);
            *cell = cell.wrapping_add(*from.cells.get(slot));
        }
    }

    fn merging(&self) -> Merging {
        Merging::Inverse
    }

    fn expel(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            let cell = self.cells.get_mut(to);
            *cell = cell.wrapping_sub(*from.cells.get(slot));
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
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

words_cell!(Votes, "votes", 2, |c| [c.yes, c.no], |w| (w[0].max(w[1])
    <= COUNT_MAX)
    .then(|| Votes {
        yes: w[0],
        no: w[1]
    }));

/// `and(x)` (`ALL` true) and `or(x)`: NULL when empty.
pub(crate) struct Logic<const ALL: bool>;
impl<const ALL: bool> Fold for Logic<ALL> {
    type In = bool;
    type Cell = Votes;
    type Beside = ();
    type Out = bool;
    fn add(cell: &mut Votes, _beside: &mut (), value: &bool) {
        *cell.of(*value) += 1;
    }
    fn retract(cell: &mut Votes, _beside: &mut (), value: &bool) {
        let votes = cell.of(*value);
        *votes = votes.saturating_sub(1);
    }
    fn merge(cell: &mut Votes, _beside: &mut (), other: &Votes, _theirs: &()) {
        cell.yes += other.yes;
        cell.no += other.no;
    }
    const MERGING: Merging = Merging::Inverse;
    fn unmerge(cell: &mut Votes, _beside: &mut (), other: &Votes, _theirs: &()) {
        cell.yes = cell.yes.saturating_sub(other.yes);
        cell.no = cell.no.saturating_sub(other.no);
    }
    fn value(cell: &Votes, _beside: &()) -> Option<bool> {
        (cell.yes + cell.no > 0).then_some(if ALL { cell.no == 0 } else { cell.yes > 0 })
    }
}
