//! Every removable aggregate against whole-number arithmetic over the rows that are held: random rows come and go in
//! any order, numbers are spread over all that there are, and state is captured, restored and merged on the way.
//!
//! `SEED=n cargo test -p eventflux --lib aggregate::tests` runs one seed.

use super::{Accumulator, Aggregate, AggregateCall, Changes, Merged, Merging, Rows, Swaps};
use crate::event::{Column, Sign, Type, Value};
use crate::operator::testing::Revisions;
use crate::sql::ast::Events;
use eventflux_kit::Random;
use num_bigint::BigInt;

/// What is drawn beside whole numbers.
trait Draw {
    /// Between −1 and 1, with all bits of a double.
    fn unit(&mut self) -> f64;
    /// A number of one of several families, by seed.
    fn double(&mut self, family: u64) -> f64;
    fn long(&mut self) -> i64;
    fn value(&mut self, ty: Type, family: u64) -> Value;
}

impl Draw for Random {
    fn unit(&mut self) -> f64 {
        self.below(1_u64 << 54) as f64 / (1u64 << 53) as f64 - 1.0
    }

    fn double(&mut self, family: u64) -> f64 {
        let family = if family == 6 { self.below(6) } else { family };
        let unit = self.unit();
        let value = match family {
            0 => unit * 10f64.powi(self.below(600) - 300),
            1 => (self.below(20_000) as f64 - 10_000.0) / 100.0,
            // Around the smallest numbers there are.
            2 => f64::from_bits(self.below(1_u64 << 55)) * unit.signum(),
            // Around the greatest.
            3 => f64::MAX * [1.0, -1.0, 0.5, unit][self.below(4) as usize],
            7 => self.below(100) as f64,
            // Milliseconds with an outlier now and then.
            4 if self.below(10) > 0 => 1_783_468_800_000.0 + self.below(5) as f64,
            4 => unit * 1e18,
            _ => [0.0, 1.0, 0.1, 1e16, -1e16, 5e-324][self.below(6) as usize],
        };
        value + 0.0
    }

    fn long(&mut self) -> i64 {
        let near = self.below(4) as i64;
        let wild = i64::from_ne_bytes(self.unit().to_bits().to_ne_bytes());
        [
            i64::MAX - near,
            i64::MIN + near,
            near,
            1_783_468_800_000 + near,
            wild,
        ][self.below(5) as usize]
    }

    fn value(&mut self, ty: Type, family: u64) -> Value {
        if self.below(8) == 0 {
            return Value::Null;
        }
        match ty {
            Type::Int => Value::Int(self.long() as i32),
            Type::Long => Value::Long(self.long()),
            Type::Float => {
                let value = self.double(family) as f32;
                Value::Float(if value.is_finite() {
                    value + 0.0
                } else {
                    f32::MAX
                })
            }
            _ => Value::Double(self.double(family)),
        }
    }
}

/// A double as a whole number of the least one.
fn units(x: f64) -> BigInt {
    let bits = x.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
    let magnitude = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if x < 0.0 { -magnitude } else { magnitude }
}

fn exact(value: &Value) -> Option<BigInt> {
    match value {
        Value::Int(x) => Some(BigInt::from(*x) << UNIT),
        Value::Long(x) => Some(BigInt::from(*x) << UNIT),
        Value::Float(x) => Some(units((*x).into())),
        Value::Double(x) => Some(units(*x)),
        _ => None,
    }
}

/// Bits from the least double to one.
const UNIT: usize = 1074;

/// How a result is compared with a fraction.
#[derive(Clone, Copy, PartialEq)]
enum As {
    /// The fraction is in units.
    Itself,
    /// The fraction is in squares of units.
    Square,
    /// It is the root of a fraction in squares of units.
    Root,
}

/// Whether a result is within so many halves of a last digit of a fraction.
fn is_right(got: &Value, want: Option<(BigInt, BigInt)>, halves: u32, kind: As) -> bool {
    let (got, (above, below)) = match (got, want) {
        (got, None) => return got.is_null(),
        // As large as no double is.
        (Value::Null, Some(want)) => (f64::MAX, want),
        (Value::Double(got), Some(want)) => (*got, want),
        _ => return false,
    };
    let size = got.abs().min(f64::MAX.next_down());
    let slack = (units(size.next_up()) - units(size)) * halves;
    let twice = units(got) * 2;
    let (low, high) = match kind {
        As::Itself => ((&twice - &slack) * &below, (&twice + &slack) * &below),
        As::Square => (
            ((&twice - &slack) << UNIT) * &below,
            ((&twice + &slack) << UNIT) * &below,
        ),
        As::Root => {
            let square = |x: BigInt| {
                if x < BigInt::ZERO {
                    BigInt::ZERO
                } else {
                    &x * &x * &below
                }
            };
            (square(&twice - &slack), square(&twice + &slack))
        }
    };
    let want = if kind == As::Root {
        above * 4
    } else {
        above * 2
    };
    let is_zero_below = got == 0.0 && got.is_sign_negative();
    match got {
        f64::MAX => want >= low || want <= -low,
        _ => low <= want && want <= high && !is_zero_below,
    }
}

/// What one group holds: values by the numbers of their rows.
type Held = Vec<(i64, Value)>;

/// What is exactly so of a group.
struct Facts {
    numbers: Vec<BigInt>,
    /// The same, where a LONG is rounded to DOUBLE first.
    doubles: Vec<BigInt>,
    sum: BigInt,
    squares: BigInt,
}

impl Facts {
    fn of(held: &Held) -> Facts {
        let mut numbers: Vec<BigInt> = held.iter().filter_map(|(_, v)| exact(v)).collect();
        numbers.sort();
        let double = |value: &Value| match value {
            Value::Long(x) => Some(units(*x as f64)),
            value => exact(value),
        };
        let mut doubles: Vec<BigInt> = held.iter().filter_map(|(_, v)| double(v)).collect();
        doubles.sort();
        Facts {
            doubles,
            sum: numbers.iter().sum(),
            squares: numbers.iter().map(|x| x * x).sum(),
            numbers,
        }
    }

    fn variance(&self, less: usize) -> Option<(BigInt, BigInt)> {
        let count = self.numbers.len();
        let by = count.checked_sub(less).filter(|by| *by > 0)?;
        let above = &self.squares * count - &self.sum * &self.sum;
        Some((above, BigInt::from(count) * by))
    }

    fn percentile(&self, share: f64) -> Option<(BigInt, BigInt)> {
        let place = share * self.numbers.len().saturating_sub(1) as f64;
        let low = self.doubles.get(place as usize)?;
        let high = self.doubles.get(place as usize + 1).unwrap_or(low);
        let on = units(place.fract());
        Some(((low << UNIT) + (high - low) * on, BigInt::from(1) << UNIT))
    }
}

/// Whether the result of a call is right for what a group holds.
fn holds(call: &AggregateCall, held: &Held, facts: &Facts, got: &Value) -> bool {
    let count = facts.numbers.len();
    let sum = (count > 0).then(|| facts.sum.clone());
    let fraction = |by: usize| sum.clone().map(|sum| (sum, BigInt::from(by)));
    match call.aggregate {
        Aggregate::Count => *got == Value::Long(count as i64),
        Aggregate::Sum if call.result == Type::Long => {
            let fits = sum.and_then(|sum| i64::try_from(sum >> UNIT).ok());
            *got == fits.map_or(Value::Null, Value::Long)
        }
        Aggregate::Sum => is_right(got, fraction(1), 1, As::Itself),
        Aggregate::Avg => is_right(got, fraction(count), 2, As::Itself),
        Aggregate::Variance => is_right(got, facts.variance(0), 2, As::Square),
        Aggregate::VarianceSample => is_right(got, facts.variance(1), 2, As::Square),
        Aggregate::StdDev => is_right(got, facts.variance(0), 2, As::Root),
        Aggregate::StdDevSample => is_right(got, facts.variance(1), 2, As::Root),
        Aggregate::Median => is_right(got, facts.percentile(0.5), 2, As::Itself),
        Aggregate::Percentile(share) => is_right(got, facts.percentile(share), 2, As::Itself),
        Aggregate::First => *got == held.first().map_or(Value::Null, |(_, v)| v.clone()),
        Aggregate::Last => *got == held.last().map_or(Value::Null, |(_, v)| v.clone()),
        _ => {
            let mut values: Vec<&Value> = held.iter().map(|(_, v)| v).collect();
            values.retain(|v| !v.is_null());
            values.sort_by(|a, b| a.order(b));
            values.dedup();
            let end = |end: Option<&&Value>| *got == end.map_or(Value::Null, |v| (*v).clone());
            match call.aggregate {
                Aggregate::Min => end(values.first()),
                Aggregate::Max => end(values.last()),
                _ => *got == Value::Long(values.len() as i64),
            }
        }
    }
}

/// The removable aggregates of numbers.
fn calls(ty: Type, rows: Rows) -> Vec<AggregateCall> {
    let aggregates = [
        Aggregate::Count,
        Aggregate::DistinctCount,
        Aggregate::Sum,
        Aggregate::Avg,
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::StdDev,
        Aggregate::StdDevSample,
        Aggregate::Variance,
        Aggregate::VarianceSample,
        Aggregate::Median,
        Aggregate::Percentile(0.0),
        Aggregate::Percentile(0.9),
        Aggregate::Percentile(1.0),
        Aggregate::First,
        Aggregate::Last,
    ];
    let call = |aggregate: Aggregate| AggregateCall {
        result: aggregate.result(&[ty]).expect("it takes numbers"),
        aggregate,
        args: vec![ty],
        rows,
    };
    aggregates.into_iter().map(call).collect()
}

fn value_of(accumulator: &dyn Accumulator, call: &AggregateCall, slot: u32) -> Value {
    let mut out = Column::new(call.result);
    accumulator.value(slot, &mut out);
    out.value(0)
}

const SLOTS: usize = 3;

fn empty(call: &AggregateCall) -> Box<dyn Accumulator> {
    let mut accumulator = call.accumulator();
    accumulator.ensure(SLOTS);
    accumulator
}

/// One row enters or leaves.
fn change(
    call: &AggregateCall,
    accumulator: &mut dyn Accumulator,
    slot: u32,
    sign: Sign,
    (number, value): &(i64, Value),
) {
    let mut columns = [Column::new(call.args[0]), Column::new(Type::Long)];
    columns[0].push(value);
    columns[1].push(&Value::Long(*number));
    let [values, numbers] = &columns;
    let args = if call.wants_numbers() {
        vec![values, numbers]
    } else {
        vec![values]
    };
    let changes = Changes {
        slots: &[slot],
        signs: &[sign],
        at: &[],
        emit: Events::Current,
        lone: false,
        untouched: None,
    };
    accumulator.update(&changes, &args, None);
}

/// The state of a call as a checkpoint brings it back, or merged into groups that were empty.
fn moved(call: &AggregateCall, mut old: Box<dyn Accumulator>, merge: bool) -> Box<dyn Accumulator> {
    let mut new = empty(call);
    if merge {
        let merged = Merged {
            from: None,
            to: &[0, 1, 2],
        };
        new.absorb(&*old, merged);
        if new.merging() == Merging::Inverse {
            let turned = Merged {
                from: Some(&[2, 1, 0]),
                to: &[0, 1, 2],
            };
            new.absorb(&*old, turned);
            new.expel(&*old, turned);
        }
        return new;
    }
    let mut revisions = Revisions::default();
    revisions.track(&mut *old);
    revisions.cut(&mut *old);
    assert!(revisions.drain(&mut *old, usize::MAX));
    revisions.load(&mut *new).expect("what was stored is sound");
    new.ensure(SLOTS);
    new
}

fn check(seed: u64) {
    let mut r = Random::new(seed);
    let ty = [
        Type::Int,
        Type::Long,
        Type::Float,
        Type::Double,
        Type::Double,
    ][(seed % 5) as usize];
    let rows = [Rows::AnyOrder, Rows::InOrder][(seed / 5 % 2) as usize];
    let family = r.below(7);
    let calls = calls(ty, rows);
    let mut states: Vec<Box<dyn Accumulator>> = calls.iter().map(empty).collect();
    let mut held: [Held; SLOTS] = Default::default();
    for step in 0..160 {
        let slot = r.below(SLOTS as u64) as usize;
        let comes = r.below(10) < if step % 80 < 40 { 7 } else { 3 };
        if held[slot].is_empty() || comes {
            let row = (step, r.value(ty, family));
            held[slot].push(row);
            let row = held[slot].last().expect("it was just put there");
            for (call, state) in calls.iter().zip(&mut states) {
                change(call, &mut **state, slot as u32, Sign::Plus, row);
            }
        } else {
            let any = r.below(held[slot].len() as u64) as usize;
            let row = held[slot].remove(if rows == Rows::InOrder { 0 } else { any });
            for (call, state) in calls.iter().zip(&mut states) {
                change(call, &mut **state, slot as u32, Sign::Minus, &row);
            }
        }
        let moves = r.below(12);
        if moves < 2 {
            let old = std::mem::take(&mut states).into_iter();
            states = old
                .zip(&calls)
                .map(|(old, call)| moved(call, old, moves == 0))
                .collect();
        }
        if r.below(40) == 0 {
            held[slot].clear();
            states.iter_mut().for_each(|state| state.reset(slot as u32));
        }
        let facts = Facts::of(&held[slot]);
        for (call, state) in calls.iter().zip(&states) {
            let got = value_of(&**state, call, slot as u32);
            assert!(
                holds(call, &held[slot], &facts, &got),
                "SEED={seed} step {step}: {}({ty}), {rows:?}, gives {got:?} of {:?}",
                call.aggregate,
                held[slot]
            );
        }
    }
}

#[test]
fn what_is_shown_is_what_is_held() {
    match std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => check(seed),
        None => (1..=100).for_each(check),
    }
}

/// Rows of one group that come and leave many at a time, as a sliding window sends them; `signs` has all of them.
fn change_many(
    call: &AggregateCall,
    accumulator: &mut dyn Accumulator,
    signs: &[Sign],
    values: &Column,
) -> Column {
    let changes = Changes {
        slots: &vec![0; signs.len()],
        signs,
        at: &[],
        emit: Events::Current,
        lone: true,
        untouched: None,
    };
    let mut out = Column::new(call.result);
    accumulator.update(&changes, &[values], Some(&mut out));
    out
}

/// A sliding window over rows, and what is exactly so of it.
struct Window {
    size: usize,
    held: std::collections::VecDeque<Value>,
    sum: BigInt,
    count: usize,
}

/// What came and left, and sums and counts after each row that came.
type Batch = (Vec<Sign>, Column, Vec<(BigInt, usize)>);

impl Window {
    fn batch(&mut self, ty: Type, values: impl Iterator<Item = Value>) -> Batch {
        let (mut signs, mut column, mut after) = (Vec::new(), Column::new(ty), Vec::new());
        for value in values {
            if self.held.len() == self.size {
                let left = self.held.pop_front().expect("it is full");
                column.push(&left);
                signs.push(Sign::Minus);
                if let Some(x) = exact(&left) {
                    self.sum -= x;
                    self.count -= 1;
                }
            }
            column.push(&value);
            signs.push(Sign::Plus);
            if let Some(x) = exact(&value) {
                self.sum += x;
                self.count += 1;
            }
            after.push((self.sum.clone(), self.count));
            self.held.push_back(value);
        }
        (signs, column, after)
    }
}

/// As [`change_many`], with rows that leave beside those that enter, of one group or of what might be several.
fn swap_many(
    call: &AggregateCall,
    accumulator: &mut dyn Accumulator,
    signs: &[Sign],
    values: &Column,
) -> Column {
    let of = |wanted: Sign| {
        let mut column = Column::new(values.type_of());
        let rows = (0..signs.len()).filter(|row| signs[*row] == wanted);
        rows.for_each(|row| column.push_from(values, row));
        column
    };
    let (entering, leaving) = (of(Sign::Plus), of(Sign::Minus));
    let (slots, gone) = (vec![0; entering.len()], vec![0; leaving.len()]);
    let swaps = Swaps {
        slots: &slots,
        leaving: &gone,
        lone: signs.len().is_multiple_of(2),
        untouched: None,
    };
    let mut out = Column::new(call.result);
    assert!(accumulator.takes_swaps());
    accumulator.swap(&swaps, &[&entering], &[&leaving], &mut out);
    out
}

/// Sums and averages over a sliding window: many rows at a time give, bit by bit, what row after row gives, and that is
/// what is held. Batches whose numbers are of like size alternate with those that mix all sizes.
fn check_window(seed: u64) {
    let mut r = Random::new(seed);
    let ty = [Type::Double, Type::Double, Type::Float][(seed % 3) as usize];
    let mut window = Window {
        size: [1, 2, 10, 300, 3000][(seed % 5) as usize],
        held: Default::default(),
        sum: BigInt::ZERO,
        count: 0,
    };
    let (home, rare) = (r.below(8), r.below(7));
    let mut calls = calls(ty, Rows::InOrder);
    calls.retain(|call| matches!(call.aggregate, Aggregate::Sum | Aggregate::Avg));
    let mut quick: Vec<_> = calls.iter().map(empty).collect();
    let mut slow: Vec<_> = calls.iter().map(empty).collect();
    let mut beside: Vec<_> = calls.iter().map(empty).collect();
    for batch in 0..14 {
        let family = if batch % 7 == 3 { rare } else { home };
        let nulls = r.below(6) == 0;
        let rows =
            [1 + r.below(400), 1 + r.below(20), 3000][[0, 0, 0, 1, 1, 2][r.below(6) as usize]];
        let values =
            std::iter::repeat_with(|| r.value(ty, family)).filter(|v| nulls || !v.is_null());
        let (signs, values, after) = window.batch(ty, values.take(rows as usize));
        for (k, call) in calls.iter().enumerate() {
            let got = change_many(call, &mut *quick[k], &signs, &values);
            assert_eq!(got.len(), after.len());
            let swapped = swap_many(call, &mut *beside[k], &signs, &values);
            let rows = (0..after.len()).map(|row| (got.value(row), swapped.value(row)));
            for (row, (got, swapped)) in rows.enumerate() {
                assert_eq!(got, swapped, "SEED={seed} batch {batch} row {row}");
            }
            let mut shown = 0..;
            for (row, sign) in signs.iter().enumerate() {
                change(call, &mut *slow[k], 0, *sign, &(0, values.value(row)));
                if *sign == Sign::Minus {
                    continue;
                }
                let shown = shown.next().expect("it has no end");
                let (got, want) = (got.value(shown), value_of(&*slow[k], call, 0));
                let (sum, count) = &after[shown];
                let (by, halves) = match call.aggregate {
                    Aggregate::Sum => (1, 1),
                    _ => (*count, 2),
                };
                let fraction = (*count > 0).then(|| (sum.clone(), BigInt::from(by)));
                assert!(
                    got == want && is_right(&got, fraction, halves, As::Itself),
                    "SEED={seed} batch {batch} row {row}: {}({ty}) gives {got:?}, one by one {want:?}",
                    call.aggregate,
                );
            }
            if r.below(6) == 0 {
                let old = std::mem::replace(&mut quick[k], empty(call));
                quick[k] = moved(call, old, batch % 2 == 0);
            }
        }
    }
}

#[test]
fn many_rows_at_a_time_give_what_one_by_one_gives() {
    match std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => check_window(seed),
        None => (1..=40).for_each(check_window),
    }
}

/// Without a window a percentile is near the right value, in bounded memory, whatever the order.
#[test]
fn percentiles_of_endless_rows_are_near() {
    let mut r = Random::new(7);
    let call = AggregateCall {
        aggregate: Aggregate::Percentile(0.9),
        args: vec![Type::Double],
        result: Type::Double,
        rows: Rows::Forever,
    };
    // From 1 to 65,536, evenly over its powers of two: 16 of them share 2,048 buckets.
    let mut values: Vec<f64> = (0..20_000)
        .map(|_| (r.unit().abs() * 16.0).exp2())
        .collect();
    let mut results = Vec::new();
    for _ in 0..2 {
        let mut state = empty(&call);
        for value in &values {
            change(
                &call,
                &mut *state,
                0,
                Sign::Plus,
                &(0, Value::Double(*value)),
            );
        }
        let state = moved(&call, state, false);
        results.push(value_of(&*state, &call, 0));
        values.sort_by(f64::total_cmp);
    }
    let right = values[(0.9 * (values.len() - 1) as f64) as usize];
    let Value::Double(got) = results[0] else {
        panic!("{results:?}");
    };
    assert!((got / right - 1.0).abs() < 0.004, "{got} is near {right}");
    assert_eq!(results[0], results[1], "order does not matter");
}
