//! `first(x)` and `last(x)` where rows leave in another order than they came: each is known by its number.
//!
//! How: the values of a group sorted by the numbers of their rows, the argument behind them.
//! Cost: O(log n) per row.

use super::extremum::Ordered;
use super::fold::push;
use super::{Accumulator, Changes, Merged, alike};
use crate::event::{Column, ColumnValue, Sign};
use crate::state::{Cell, Multiset, Slot, StateHolder, Visitor};
use std::any::Any;
use std::cmp::Ordering;

/// A value by the number of its row, or NULL.
#[derive(Clone, Debug, Default)]
struct Arrival<K> {
    number: i64,
    value: Option<K>,
}

impl<K> PartialEq for Arrival<K> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl<K> Eq for Arrival<K> {}
impl<K> PartialOrd for Arrival<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Arrival<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

/// The number, then the value.
impl<K: Cell> Cell for Arrival<K> {
    const WORDS: usize = 1 + <Option<K> as Cell>::WORDS;
    const BYTES: bool = K::BYTES;

    fn layout() -> String {
        format!("numbered {}", Option::<K>::layout())
    }

    #[inline]
    fn word(&self, k: usize) -> u64 {
        match k {
            0 => self.number as u64,
            k => self.value.word(k - 1),
        }
    }

    fn bytes(&self, out: &mut Vec<u8>) {
        self.value.bytes(out);
    }

    fn read(words: &[u64], bytes: &[u8]) -> Option<Self> {
        Some(Arrival {
            number: words[0] as i64,
            value: Option::read(&words[1..], bytes)?,
        })
    }
}

/// The values of each group by the numbers of their rows.
pub(crate) struct Arrivals<T: Ordered> {
    values: Multiset<Arrival<T::Key>>,
    last: bool,
}

impl<T: Ordered> Arrivals<T> {
    /// `last(x)` or `first(x)`.
    pub(crate) fn new(last: bool) -> Self {
        Arrivals {
            values: Multiset::default(),
            last,
        }
    }
}

impl<T: Ordered> StateHolder for Arrivals<T> {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        self.values.state(visitor);
    }
}

impl<T: Ordered> Accumulator for Arrivals<T> {
    fn ensure(&mut self, slots: usize) {
        self.values.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], mut out: Option<&mut Column>) {
        let values =
            T::slice(args[0].data()).expect("the argument column has the type of the aggregate");
        let numbers = i64::slice(args[1].data()).expect("the number of a row is LONG");
        for (row, slot) in changes.slots.iter().enumerate() {
            let (sign, number) = (changes.sign(row), numbers[row]);
            match sign {
                Sign::Plus => {
                    let value = (!args[0].is_null(row)).then(|| values[row].key());
                    self.values.add(*slot, &Arrival { number, value });
                }
                Sign::Minus => {
                    let value = None;
                    self.values.retract(*slot, &Arrival { number, value });
                }
            }
            if let Some(out) = out.as_deref_mut()
                && changes.emit.takes(sign)
            {
                self.value(*slot, out);
            }
        }
    }

    fn value(&self, slot: Slot, out: &mut Column) {
        let arrival = match self.last {
            true => self.values.last(slot),
            false => self.values.first(slot),
        };
        push(arrival.and_then(|a| a.value.as_ref()).map(T::of), out);
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

    fn as_any(&self) -> &dyn Any {
        self
    }
}
