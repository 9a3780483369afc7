//! Ordered rows against a list that is searched from end to end.

use super::*;
use crate::event::{Scalar, Type, Value};
use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};

const KEYS: u64 = 3;
const ROWS: u64 = 300;

struct Held {
    key: Slot,
    row: Slot,
    value: Value,
}

struct Model {
    ty: Type,
    ordered: Ordered,
    /// In the order in which they were put in.
    rows: Vec<Held>,
}

/// A value of few, so that they repeat; of a type that widens to `ty`.
fn value(ty: Type, random: &mut Random) -> Value {
    let n: i32 = random.below(40) - 20;
    match ty {
        _ if random.once_in(9) => Value::Null,
        Type::Int | Type::Long if random.once_in(2) => Value::Int(n),
        Type::Int | Type::Long => Value::Long(i64::from(n)),
        Type::Float | Type::Double => match random.below(3) {
            0 => Value::Int(n),
            1 => Value::Float(n as f32 / -2.0),
            _ => Value::Double(f64::from(n) / -4.0),
        },
        _ => Value::from("é".repeat(n as usize % 40) + &n.to_string()),
    }
}

/// A second writing of what the values mean.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    let number = |v: &Value| match v {
        Value::Int(v) => f64::from(*v),
        Value::Long(v) => *v as f64,
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        v => panic!("{v:?} is no number"),
    };
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::String(a), Value::String(b)) => Some(a.as_str().cmp(b.as_str())),
        (a, b) => number(a).partial_cmp(&number(b)),
    }
}

fn bound(ty: Type, random: &mut Random) -> Bound<Value> {
    match random.below(3) {
        0 => Bound::Included(value(ty, random)),
        1 => Bound::Excluded(value(ty, random)),
        _ => Bound::Unbounded,
    }
}

fn lies(value: &Value, low: &Bound<Value>, high: &Bound<Value>) -> bool {
    let ordered = |bound: &Bound<Value>, wanted: Ordering| match bound {
        Bound::Unbounded => true,
        Bound::Included(b) => order(value, b).is_some_and(|o| o == wanted || o.is_eq()),
        Bound::Excluded(b) => order(value, b) == Some(wanted),
    };
    *value != Value::Null && ordered(low, Ordering::Greater) && ordered(high, Ordering::Less)
}

fn scalars(bound: &Bound<Value>) -> Bound<Scalar<'_>> {
    bound.as_ref().map(Scalar::from)
}

impl Model {
    fn new(ty: Type) -> Self {
        let ordered = Ordered::new(ty).expect("the type has an order");
        let rows = Vec::new();
        Model { ty, ordered, rows }
    }

    fn insert(&mut self, random: &mut Random) {
        let row = random.below(ROWS) as Slot;
        if self.rows.iter().any(|held| held.row == row) {
            return;
        }
        let (key, value) = (random.below(KEYS) as Slot, value(self.ty, random));
        self.ordered.insert(key, row, Scalar::from(&value));
        self.rows.push(Held { key, row, value });
    }

    fn remove(&mut self, random: &mut Random) {
        let row = random.below(ROWS + 9) as Slot;
        self.ordered.remove(row);
        self.rows.retain(|held| held.row != row);
    }

    fn remove_all(&mut self, random: &mut Random) {
        let key = random.below(KEYS + 1) as Slot;
        self.ordered.remove_all(key);
        // A row with NULL stands in no tree, so that it cannot be put in twice.
        self.rows.retain(|held| held.key != key);
    }

    fn check(&self, random: &mut Random) {
        let key = random.below(KEYS + 1) as Slot;
        let (low, high) = (bound(self.ty, random), bound(self.ty, random));
        let of_key = self.rows.iter().filter(|held| held.key == key);
        let counted = of_key.clone().filter(|held| held.value != Value::Null);
        assert_eq!(self.ordered.count(key), counted.count());
        let within = of_key.filter(|held| lies(&held.value, &low, &high));
        let arrived: Vec<&Held> = within.collect();
        let mut sorted = arrived.clone();
        sorted.sort_by(|a, b| order(&a.value, &b.value).expect("no value is NULL"));

        let bounds = (scalars(&low), scalars(&high));
        let most = random.below(sorted.len() as u64 + 2) as usize;
        let mut found = Vec::new();
        let ended = self.ordered.each(key, bounds, |row| {
            if found.len() == most {
                return ControlFlow::Break(());
            }
            found.push(row);
            ControlFlow::Continue(())
        });
        let rows = |held: &[&Held]| held.iter().map(|h| h.row).collect::<Vec<Slot>>();
        assert_eq!(ended.is_break(), most < sorted.len());
        assert_eq!(found, rows(&sorted[..most.min(sorted.len())]));

        let mut found = vec![77];
        let all = self.ordered.in_arrival(key, bounds, most, &mut found);
        assert_eq!(all, sorted.len() <= most);
        assert_eq!(found[0], 77, "it appends");
        let want = if all { rows(&arrived) } else { Vec::new() };
        assert_eq!(found[1..], want);
    }
}

#[test]
fn ordered_rows_are_found_by_ranges() {
    let types = [Type::Int, Type::Long, Type::Float, Type::Double];
    for ty in types.into_iter().chain([Type::String]) {
        let random = &mut Random::new(5);
        let mut model = Model::new(ty);
        for step in 0..8_000 {
            match random.below(8) {
                _ if random.once_in(200) => model.remove_all(random),
                0..=2 => model.insert(random),
                // It fills and empties by turns.
                3..=4 if step % 2_000 < 1_300 => model.insert(random),
                3..=6 => model.remove(random),
                _ => {}
            }
            model.check(random);
            if step % 3_500 == 3_499 {
                model.ordered.clear();
                model.rows.clear();
            }
        }
    }
    assert!(Ordered::new(Type::Bool).is_none());
}

#[test]
fn trees_stay_low_whatever_the_order() {
    let mut ordered = Ordered::new(Type::Long).expect("LONG has an order");
    for row in 0..100_000 {
        ordered.insert(0, row, Scalar::Long(i64::from(row)));
    }
    // A tree as deep as it has rows would overflow the stack here.
    let bounds = (Bound::Unbounded, Bound::Excluded(Scalar::Long(50_000)));
    let mut found = Vec::new();
    assert!(ordered.in_arrival(0, bounds, usize::MAX, &mut found));
    assert!(found.iter().copied().eq(0..50_000));
    (0..100_000).rev().for_each(|row| ordered.remove(row));
    assert_eq!(ordered.count(0), 0);
}
