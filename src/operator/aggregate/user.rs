//! Aggregates registered by the user.

use super::{Accumulator, Changes, Merged, alike};
use crate::event::{Column, Sign, Str, Type, Value};
use crate::operator::COUNT_MAX;
use crate::state::{Cell, Cells, Malformed, Slot, StateHolder, Visitor};
use std::any::Any;
use std::sync::Arc;

/// An aggregate function that SQL can call once it is registered.
///
/// The state of a group is a row of values, always as many as [`AggregateFunction::empty`] answers. That is all that a
/// function needs to take part in checkpoints: the engine stores the row and gives it back, and a function keeps
/// nothing beside it.
pub trait AggregateFunction: Send + Sync {
    /// Type of the result for arguments of these types; the text of an error says what is accepted.
    fn result(&self, args: &[Type]) -> Result<Type, String>;
    /// State of an empty group.
    fn empty(&self) -> Vec<Value>;
    /// A row enters the group.
    fn add(&self, state: &mut [Value], args: &[Value]);
    /// A row leaves the group.
    fn retract(&self, state: &mut [Value], args: &[Value]);
    /// Another group joins this one.
    fn merge(&self, state: &mut [Value], other: &[Value]);
    /// The result; a value of another type than announced counts as NULL.
    fn value(&self, state: &[Value]) -> Value;
}

/// One group. It starts anew when its last row leaves, whether or not the batch ends there.
#[derive(Clone, Default)]
struct State {
    rows: u64,
    values: Vec<Value>,
}

/// A registered aggregate over all groups.
pub(crate) struct Registered {
    function: Arc<dyn AggregateFunction>,
    states: Cells<Option<State>>,
    scratch: Vec<Value>,
}

impl State {
    fn of(function: &dyn AggregateFunction) -> Self {
        State {
            rows: 0,
            values: function.empty(),
        }
    }
}

/// One word with the number of rows. Bytes: per value a tag, 0 for NULL, 1 BOOL, 2 INT, 3 LONG, 4 FLOAT, 5 DOUBLE,
/// 6 STRING, and the value in its own width, little-endian; a text after its length in 4 bytes.
impl Cell for State {
    const WORDS: usize = 1;
    const BYTES: bool = true;

    fn layout() -> String {
        "rows and values".to_string()
    }

    fn word(&self, _k: usize) -> u64 {
        self.rows
    }

    fn bytes(&self, out: &mut Vec<u8>) {
        self.values.iter().for_each(|value| put_value(value, out));
    }

    fn read(words: &[u64], mut bytes: &[u8]) -> Option<Self> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            values.push(get_value(&mut bytes)?);
        }
        let rows = words[0];
        (rows <= COUNT_MAX).then_some(State { rows, values })
    }
}

fn put_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(x) => out.extend_from_slice(&[1, u8::from(*x)]),
        Value::Int(x) => {
            out.push(2);
            out.extend_from_slice(&x.to_le_bytes());
        }
        Value::Long(x) => {
            out.push(3);
            out.extend_from_slice(&x.to_le_bytes());
        }
        Value::Float(x) => {
            out.push(4);
            out.extend_from_slice(&x.to_le_bytes());
        }
        Value::Double(x) => {
            out.push(5);
            out.extend_from_slice(&x.to_le_bytes());
        }
        Value::String(text) => {
            out.push(6);
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Any bits are a number: a state is the user's own.
fn get_value(from: &mut &[u8]) -> Option<Value> {
    fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
        let (head, rest) = from.split_first_chunk::<N>()?;
        *from = rest;
        Some(*head)
    }
    Some(match take::<1>(from)?[0] {
        0 => Value::Null,
        1 => match take::<1>(from)?[0] {
            byte @ 0..=1 => Value::Bool(byte == 1),
            _ => return None,
        },
        2 => Value::Int(i32::from_le_bytes(take(from)?)),
        3 => Value::Long(i64::from_le_bytes(take(from)?)),
        4 => Value::Float(f32::from_le_bytes(take(from)?)),
        5 => Value::Double(f64::from_le_bytes(take(from)?)),
        6 => {
            let len = u32::from_le_bytes(take(from)?) as usize;
            let (text, rest) = from.split_at_checked(len)?;
            *from = rest;
            Value::String(Str::from(std::str::from_utf8(text).ok()?))
        }
        _ => return None,
    })
}

impl Registered {
    pub(crate) fn new(function: Arc<dyn AggregateFunction>) -> Self {
        Registered {
            function,
            states: Cells::default(),
            scratch: Vec::new(),
        }
    }
}

impl StateHolder for Registered {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        visitor.container("states", &mut self.states);
        if visitor.is_loading() {
            let len = self.function.empty().len();
            let other = |state: &State| state.values.len() != len;
            let mut states = (0..self.states.len()).map(|slot| self.states.get(slot as Slot));
            if states.any(|state| state.as_ref().is_some_and(other)) {
                let why = "the state of a registered aggregate has another number of values";
                visitor.fail(Malformed::new(why));
            }
        }
    }
}

impl Accumulator for Registered {
    fn ensure(&mut self, slots: usize) {
        self.states.ensure(slots);
    }

    fn update(&mut self, changes: &Changes<'_>, args: &[&Column], mut out: Option<&mut Column>) {
        for (row, slot) in changes.slots.iter().enumerate() {
            let sign = changes.sign(row);
            self.scratch.clear();
            self.scratch.extend(args.iter().map(|a| a.value(row)));
            let cell = self.states.get_mut(*slot);
            let state = cell.get_or_insert_with(|| State::of(&*self.function));
            match sign {
                Sign::Plus => {
                    state.rows += 1;
                    self.function.add(&mut state.values, &self.scratch);
                }
                Sign::Minus if state.rows <= 1 => *cell = None,
                Sign::Minus => {
                    state.rows -= 1;
                    self.function.retract(&mut state.values, &self.scratch);
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
        let value = match self.states.get(slot) {
            Some(state) => self.function.value(&state.values),
            None => self.function.value(&self.function.empty()),
        };
        if !out.push(&value) {
            out.push_null();
        }
    }

    fn reset(&mut self, slot: Slot) {
        self.states.reset(slot);
    }

    fn clear(&mut self) {
        self.states.clear();
    }

    fn absorb(&mut self, from: &dyn Accumulator, merged: Merged<'_>) {
        let from: &Self = alike(from);
        for (slot, to) in merged.pairs() {
            if let Some(other) = from.states.get(slot) {
                match self.states.get_mut(to) {
                    None => *self.states.get_mut(to) = Some(other.clone()),
                    Some(state) => {
                        state.rows += other.rows;
                        self.function.merge(&mut state.values, &other.values);
                    }
                }
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
