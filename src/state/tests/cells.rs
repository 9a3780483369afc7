//! Cells of all types.

use super::*;
use crate::event::{Str, Timestamp};

/// A random value.
pub(super) trait Sample: Cell + PartialEq + Debug {
    fn sample(random: &mut Random) -> Self;
}

macro_rules! sample {
    ($($ty:ty: $random:ident => $value:expr;)*) => {$(
        impl Sample for $ty {
            fn sample($random: &mut Random) -> Self {
                $value
            }
        }
    )*};
}
sample! {
    u64: r => r.bits() << 3;
    u32: r => r.bits() as u32;
    i64: r => (r.bits() << 3) as i64;
    i32: r => r.bits() as i32;
    bool: r => r.once_in(2);
    f64: r => (r.bits() as i64 as f64 - 1e18) / 7.0;
    f32: r => (r.bits() as i32 as f32) / 7.0;
    Timestamp: r => Timestamp((r.bits() << 2) as i64);
    Str: r => Str::from(text(r));
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random) -> Self {
        let is = !random.once_in(3);
        is.then(|| T::sample(random))
    }
}

#[derive(Default)]
pub(super) struct Values<T> {
    cells: Cells<T>,
    model: Vec<T>,
}

impl<T: Sample> Subject for Values<T> {
    type Contents = Vec<T>;

    fn empty(&self) -> Self {
        Values::default()
    }

    fn holder(&mut self) -> &mut dyn StateHolder {
        self
    }

    fn change(&mut self, random: &mut Random) {
        let slot = random.below(self.model.len() as u64) as usize;
        match random.below(40) {
            0 => {
                let slots = self.model.len() + random.below(50) as usize;
                self.cells.ensure(slots);
                self.model.resize(slots, T::default());
            }
            2..=4 => {
                let value = T::sample(random);
                assert_eq!(self.cells.push(value.clone()) as usize, self.model.len());
                self.model.push(value);
            }
            5..=8 if !self.model.is_empty() => {
                self.cells.reset(slot as Slot);
                self.model[slot] = T::default();
            }
            _ if !self.model.is_empty() => {
                let value = T::sample(random);
                *self.cells.get_mut(slot as Slot) = value.clone();
                self.model[slot] = value;
            }
            _ => {}
        }
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.model.clear();
    }

    fn model(&mut self) -> &mut Vec<T> {
        &mut self.model
    }

    fn contents(&self) -> Vec<T> {
        let slots = 0..self.cells.len() as Slot;
        slots.map(|slot| self.cells.get(slot).clone()).collect()
    }
}

impl<T: Cell> StateHolder for Values<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("values", &mut self.cells);
    }
}

#[test]
fn cells_are_what_they_were_at_the_cut() {
    macro_rules! each {
        ($($ty:ty),*) => {$(
            drive(Values::<$ty>::default, 1..8);
            drive(Values::<Option<$ty>>::default, 1..4);
        )*};
    }
    each!(u64, u32, i64, i32, bool, f64, f32, Timestamp, Str);
    drive(Values::<Option<Option<u32>>>::default, 1..4);
}

#[test]
fn encodings_have_names() {
    assert_eq!(<Option<Option<u32>>>::layout(), "u32??");
    assert_eq!(<Option<Str> as Cell>::layout(), "text?");
}
