//! One operand that is compared with several others, each in a type of its own: IN, BETWEEN, CASE x WHEN, NULLIF.
//!
//! Why: `x IN (a, b)` is `x = a OR x = b`. One type for all would round a LONG where a decimal stands in the list.

use super::kernel::{Operand, cast, gather};
use super::unify::first_type;
use crate::event::{Column, Type};

/// The operand in each of the types in which it is compared.
pub(super) struct Probe {
    /// For each of the others: which of the columns.
    places: Vec<usize>,
    /// All rows; the first stays empty, it stands for the operand as it is.
    casts: Vec<Column>,
    /// Some rows.
    some: Vec<Column>,
    text: String,
}

impl Probe {
    pub(super) fn new(own: Type, others: impl Iterator<Item = Type>) -> Self {
        let mut types = vec![own];
        let places = others.map(|other| {
            let to = first_type(own, other);
            types.iter().position(|t| *t == to).unwrap_or_else(|| {
                types.push(to);
                types.len() - 1
            })
        });
        let places = places.collect();
        let columns = || types.iter().map(|t| Column::new(*t)).collect();
        Probe {
            places,
            casts: columns(),
            some: columns(),
            text: String::new(),
        }
    }

    /// Converts the rows of the operand. Comparisons widen, so none is at fault.
    pub(super) fn read(&mut self, x: Operand<'_>, len: usize) {
        for column in &mut self.casts[1..] {
            cast::apply(x, len, column, &mut self.text, &mut 0);
        }
    }

    /// The rows as they are compared with one of the others, by its number.
    pub(super) fn of<'a>(&'a self, x: Operand<'a>, other: usize) -> Operand<'a> {
        match self.places[other] {
            0 => x,
            place => Operand::Column(&self.casts[place]),
        }
    }

    /// As [`of`](Self::of), some of the rows.
    pub(super) fn some_of<'a>(
        &'a mut self,
        x: Operand<'a>,
        other: usize,
        rows: &[u32],
    ) -> Operand<'a> {
        let place = self.places[other];
        let from = match (place, x) {
            (0, Operand::Constant(_)) => return x,
            (0, Operand::Column(c)) => c,
            _ => &self.casts[place],
        };
        let some = &mut self.some[place];
        gather(some, from, rows);
        Operand::Column(some)
    }
}
