//! Numbers rows, so that an aggregate behind a window knows which row leaves.
//!
//! A window from which rows leave in another order than they came carries the number as one more of its columns.

use super::{Kind, Operator, Out, counter};
use crate::event::{Batch, Element};
use crate::state::{StateHolder, Visitor};

/// Appends a LONG column: how many rows came before.
#[derive(Default)]
pub(crate) struct Number {
    came: u64,
}

impl StateHolder for Number {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        counter(visitor, &mut self.came);
    }
}

impl Operator for Number {
    fn rows(&mut self, kind: Kind, batch: &Batch, out: &mut Out) {
        let mut to = out.batch();
        to.extend_moments(batch, None);
        to.signs.extend_from_slice(&batch.signs);
        let rows = batch.len();
        for (to, from) in to.columns.iter_mut().zip(&batch.columns) {
            to.extend_range(from, 0..rows);
        }
        let (data, _) = to.columns[batch.columns.len()].parts_mut();
        let numbers = i64::vec(data).expect("the number of a row is LONG");
        numbers.extend((self.came..self.came + rows as u64).map(|number| number as i64));
        self.came += rows as u64;
        out.emit(kind, to);
    }
}
