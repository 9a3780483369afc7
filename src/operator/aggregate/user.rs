//! Aggregates registered by the user.

use super::{Accumulator, Changes};
use crate::event::{Column, Sign, Type, Value};
use crate::state::{Cells, Slot};
use std::any::Any;
use std::sync::Arc;

/// An aggregate function that SQL can call once it is registered.
///
/// The state of a group is a row of values, so that the engine can store and restore it.
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
#[derive(Clone)]
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

impl Registered {
    pub(crate) fn new(function: Arc<dyn AggregateFunction>) -> Self {
        Registered {
            function,
            states: Cells::default(),
            scratch: Vec::new(),
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

    fn absorb(&mut self, from: &dyn Accumulator, to: &[Slot]) {
        let from = from
            .as_any()
            .downcast_ref::<Self>()
            .expect("accumulators of one call have one type");
        for (slot, to) in to.iter().enumerate() {
            if let Some(other) = from.states.get(slot as Slot) {
                let cell = self.states.get_mut(*to);
                let state = cell.get_or_insert_with(|| State::of(&*self.function));
                state.rows += other.rows;
                self.function.merge(&mut state.values, &other.values);
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
